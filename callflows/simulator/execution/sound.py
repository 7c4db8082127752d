"""Speak, Play and Wait: what is heard, for how long."""

from __future__ import annotations

from ..engine import Steps, sleep
from .turn import Turn, start_sound


def sound(turn: Turn) -> Steps[None]:
    yield from sleep(turn.platform.engine, start_sound(turn.platform, turn.leg, turn.element))


wait = sound
