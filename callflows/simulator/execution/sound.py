"""Speak, Play and Wait: what is heard, and for how long."""

from __future__ import annotations

from ..engine import Pause, Steps, sleep
from .turn import Turn, hearing


def sound(turn: Turn) -> Steps[None]:
    with hearing(turn.platform, turn.leg, turn.element) as seconds:
        yield from sleep(turn.platform.engine, seconds)


def wait(turn: Turn) -> Steps[None]:
    """With silence="true" it is over once the person has said nothing for `minSilence` (both platforms' docs, Wait)."""
    platform, leg, element = turn.platform, turn.leg, turn.element
    if element.flag("silence", False):
        yield from _until_silence(turn, element.number("minSilence", 2000) / 1000)
        return
    if element.get("beep").strip().lower() not in ("", "false"):
        platform.note(leg, "note", "waits for a beep that never comes: no answering machine is simulated")
    yield from sound(turn)


def _until_silence(turn: Turn, enough: float) -> Steps[None]:
    platform, leg, clock = turn.platform, turn.leg, turn.platform.clock
    since = clock.now()
    until = since + turn.element.number("length", 1)
    with hearing(platform, leg, turn.element):
        while True:
            silent_at = max(since, leg.speaks_until) + enough
            left = min(until, silent_at) - clock.now()
            if left < 1e-9:
                break
            yield Pause(left)
    if silent_at < until:
        platform.note(leg, "note", f"has been silent for {enough:g} s")
