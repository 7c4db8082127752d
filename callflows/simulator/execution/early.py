"""PreAnswer: what is heard before the call is answered."""

from __future__ import annotations

from functools import partial

from ..engine import Steps
from .gather import get_digits
from .keys import dtmf
from .leave import redirect
from .noted import pass_over
from .sound import sound, wait
from .turn import Turn, Verb, count_step

EARLY_SECONDS = 30.0  # Plivo docs, PreAnswer: keep it shorter. What happens otherwise is not documented: it stops

# Speak, Play and Wait by both platforms' docs; the others by Plivo's SDKs.
VERBS: dict[str, Verb] = {
    "Speak": sound,
    "Play": sound,
    "Wait": wait,
    "GetDigits": get_digits,
    "Redirect": redirect,
    "DTMF": dtmf,
    "Message": pass_over,
}


class _TooLong(Exception):
    pass


def pre_answer(turn: Turn) -> Steps[None]:
    """Leaves a ringing call ringing. On an answered one it is just played."""
    platform, leg = turn.platform, turn.leg
    if leg.answered or leg.process is None:
        yield from _carry_out(turn)
        return
    platform.note(leg, "note", "hears what follows before the call is answered")
    limit = platform.engine.after(EARLY_SECONDS, partial(leg.process.throw, _TooLong()))
    try:
        yield from _carry_out(turn)
    except _TooLong:
        platform.note(leg, "note", f"PreAnswer ends after {EARLY_SECONDS:g} s: nothing is heard longer than that")
    finally:
        platform.engine.cancel(limit)


def _carry_out(turn: Turn) -> Steps[None]:
    for child in turn.element.children:
        count_step(turn.platform, turn.leg)
        yield from VERBS[child.name](Turn(turn.platform, turn.leg, child))
