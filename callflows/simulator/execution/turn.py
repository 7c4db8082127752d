"""One element's turn, and what several elements share: how long sounds last, and where `action` leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..calls import GoTo, HangUp, Leg, Target
from ..document import Element, is_http_url
from ..engine import Steps
from ..fetching import Exchange

if TYPE_CHECKING:
    from ..platform import Platform

REAL_INSTANT = 10.0  # by the wall clock some time always passes
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
    an_instant = REAL_INSTANT if platform.clock.mode == "real" else 0.0
    leg.instants = (instant, steps + 1) if now - instant <= an_instant else (now, 1)
    if leg.instants[1] > MAX_STEPS_AT_ONCE:
        raise HangUp(2060, "Error", f"{MAX_STEPS_AT_ONCE} elements or documents without any time passing")


def speaking_seconds(platform: Platform, words: str) -> float:
    return max(1.0, len(words.split()) / platform.switches.words_per_second)


def sound_seconds(platform: Platform, element: Element) -> float | None:
    """How long a Speak, Play or Wait takes (None: until disturbed)."""
    if element.name == "Wait":
        return element.number("length", 1)
    if _is_no_file(element):
        return 0.0
    times = int(element.number("loop", 1))
    seconds = platform.switches.play_seconds
    if element.name == "Speak":
        seconds = speaking_seconds(platform, element.text) + element.pauses
    return seconds * times if times else None


def start_sound(platform: Platform, leg: Leg, element: Element) -> float | None:
    """Write down what a Speak, Play or Wait lets the leg hear; returns for how many seconds (None: until disturbed)."""
    seconds = sound_seconds(platform, element)
    if element.name == "Wait":
        platform.note(leg, "wait", f"hears nothing for {seconds or 0:g} s", seconds=seconds)
        return seconds
    if _is_no_file(element):
        # skipped, and the document goes on (Vobiz docs, Play)
        platform.note(leg, "note", f"{element.text[:80]!r} is not played: it is not a URL", element="Play")
        return seconds
    times = int(element.number("loop", 1))
    repeated = {0: " over and over", 1: ""}.get(times, f" {times} times")
    heard = _heard(element)
    platform.note(leg, "hear", f"hears {heard}{repeated}", element=element.name, heard=element.text, loop=times)
    return seconds


def _is_no_file(element: Element) -> bool:
    return element.name == "Play" and not is_http_url(element.text)


def _heard(element: Element) -> str:
    return f'"{element.text}"' if element.name == "Speak" else f"audio {element.text}"


@contextmanager
def hearing(platform: Platform, leg: Leg, element: Element, *, again: bool = False) -> Iterator[float | None]:
    """`start_sound`, for those who stay until it is over. Whoever leaves earlier (a key, a word, a transfer, a hang-up)
    has cut it short, and the transcript says after how long. What is heard `again` is not told again.
    """
    since = platform.clock.now()
    seconds = sound_seconds(platform, element) if again else start_sound(platform, leg, element)
    try:
        yield seconds
    finally:
        passed = platform.clock.now() - since
        if seconds is None or passed < seconds - 1e-9:
            text = "stops waiting" if element.name == "Wait" else f"stops hearing {_heard(element)}"
            platform.note(leg, "cut", f"{text} after {passed:.1f} s", element=element.name, seconds=round(passed, 3))


def waiting_transfer(platform: Platform, leg: Leg) -> Target | None:
    """A transfer that was accepted while the leg could not move, and that takes effect now."""
    target, leg.waiting = leg.waiting, None
    if target is not None:
        platform.note(leg, "transfer", f"is moved to {target.url}", url=target.url)
    return target


def act(
    turn: Turn, params: dict[str, str], event: str = "Redirect", *, redirect: bool = True
) -> Steps[Exchange | None]:
    """Report to the element's `action`; unless redirect="false" its answer becomes the leg's document. `redirect` is
    what holds where the element does not say. Returns what was answered.
    """
    url = turn.element.get("action").strip()
    if not url:
        return None
    method = turn.element.get("method") or "POST"
    if turn.element.flag("redirect", redirect):
        raise GoTo(Target("action", url, method, params, event))
    standard = turn.platform.callbacks.standard(turn.leg, event, turn.platform.switches)
    return (yield from turn.platform.fetch(turn.leg, "action", url, method, standard | params))
