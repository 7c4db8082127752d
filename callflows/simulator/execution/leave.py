"""Redirect and Hangup: the elements that end a document."""

from __future__ import annotations

from functools import partial

from ..calls import GoTo, HangUp, Target
from ..engine import Steps
from .turn import Turn


def redirect(turn: Turn) -> Steps[None]:
    raise GoTo(Target("redirect", turn.element.text, turn.element.get("method") or "POST"))
    yield  # a verb is a generator


def hangup(turn: Turn) -> Steps[None]:
    platform, leg, element = turn.platform, turn.leg, turn.element
    delay = element.number("schedule", 0)
    if delay and not turn.last:  # with nothing after it, a scheduled Hangup hangs up at once (both platforms' docs)
        platform.note(leg, "note", f"will be hung up in {delay:g} s")
        leg.timers.append(platform.engine.after(delay, partial(platform.drop, leg, HangUp(6000))))
        return
    if not leg.answered:
        # refused without ever being answered; without a reason that is "rejected" (Plivo docs, Hangup)
        raise HangUp(3010 if element.get("reason") == "busy" else 3020, "Answer XML")
    raise HangUp(4000, "Answer XML")
    yield
