"""DTMF, and the tones a Dial sends (`sendDigits`): what is heard of them, and for how long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..calls import Leg
from ..engine import Steps, sleep
from .turn import Turn

if TYPE_CHECKING:
    from ..platform import Platform

# w and W: both platforms' docs, DTMF and Number. How long a tone takes is not documented.
SECONDS = {"w": 0.5, "W": 1.0}
TONE_SECONDS = 0.25


def dtmf(turn: Turn) -> Steps[None]:
    """With async, which is the default, the next element does not wait for the tones."""
    seconds = hear_tones(turn.platform, turn.leg, turn.element.text)
    if not turn.element.flag("async", True):
        yield from sleep(turn.platform.engine, seconds)


def hear_tones(platform: Platform, leg: Leg, tones: str) -> float:
    """Write down that the person (or the machine) at the other end of `leg` hears them; returns for how long."""
    if not re.fullmatch(r"[0-9*#wW]+", tones):
        # Vobiz docs, DTMF: any other character and the element is ignored
        platform.note(leg, "note", f"no tones are sent: {tones[:40]!r} is not made of digits, *, #, w and W")
        return 0.0
    seconds = sum(SECONDS.get(tone, TONE_SECONDS) for tone in tones)
    platform.note(leg, "hear", f"hears the tones {tones} for {seconds:g} s", element="DTMF", heard=tones)
    return seconds
