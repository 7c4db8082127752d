"""One element's turn, and what several elements share: how long sounds last, and where `action` leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..calls import GoTo, HangUp, Leg, Target
from ..document import Element
from ..engine import Steps

if TYPE_CHECKING:
    from ..platform import Platform

MAX_STEPS_AT_ONCE = 200


@dataclass(frozen=True)
class Turn:
    platform: Platform
    leg: Leg
    element: Element
    first: bool = False
    last: bool = False


Verb = Callable[[Turn], Steps[None]]


def count_step(platform: Platform, leg: Leg) -> None:
    """Called for each element and each document. A document that redirects to itself must not run forever."""
    now = platform.clock.now()
    instant, steps = leg.instants
    leg.instants = (now, steps + 1 if now == instant else 1)
    if leg.instants[1] > MAX_STEPS_AT_ONCE:
        raise HangUp(2060, "Error", f"{MAX_STEPS_AT_ONCE} elements or documents without any time passing")


def start_sound(platform: Platform, leg: Leg, element: Element) -> float | None:
    """Write down what a Speak, Play or Wait lets the leg hear; returns for how many seconds (None: until disturbed)."""
    switches = platform.switches
    times = int(element.number("loop", 1))
    if element.name == "Wait":
        seconds = element.number("length", 1)
        platform.note(leg, "wait", f"hears nothing for {seconds:g} s", seconds=seconds)
        return seconds
    if element.name == "Speak":
        heard = f'"{element.text}"'
        seconds = max(1.0, len(element.text.split()) / switches.words_per_second) + element.pauses
    else:
        heard, seconds = f"audio {element.text}", switches.play_seconds
    repeated = {0: " over and over", 1: ""}.get(times, f" {times} times")
    platform.note(leg, "hear", f"hears {heard}{repeated}", element=element.name, heard=element.text, loop=times)
    return seconds * times if times else None


def act(turn: Turn, params: dict[str, str], event: str = "Redirect") -> Steps[None]:
    """Report to the element's `action`; unless redirect="false" its answer becomes the leg's document."""
    url = turn.element.get("action").strip()
    if not url:
        return
    method = turn.element.get("method") or "POST"
    if turn.element.flag("redirect", True):
        raise GoTo(Target("action", url, method, params, event))
    standard = turn.platform.callbacks.standard(turn.leg, event, turn.platform.switches)
    yield from turn.platform.fetch(turn.leg, "action", url, method, standard | params)
