"""What became of a call: a pure function of the set of exchanges that are known (of a transfer: `progress`).

Exchanges come late, twice, in any order, from several machines, and after the hang-up (a Dial's action is fetched
after it). So nothing here depends on the order of the list: exchanges are told apart by id, ordered by `at`, and
each rule asks whether a fact exists, not what came last. A status only moves forwards as facts are added.

Refused requests (403) are no facts: anybody can send those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..models import CONNECTS, REAL, SAFE, EventKind, Exchange, Outcome

# how far a call is; a word we do not know says at least that there is a call
_CALL_RANKS = {"": 0, "ringing": 2, "early-media": 2, "in-progress": 3}
_CALL_ENDS = frozenset(("completed", "busy", "failed", "timeout", "no-answer", "cancel", "canceled", "rejected"))


@dataclass(frozen=True, slots=True)
class CallState:
    """`flow` and `step` are the last served. `bridged`: an answered Dial of this call is not over yet."""

    call_uuid: str
    provider: str = ""
    status: str = ""
    from_number: str = ""
    to_number: str = ""
    direction: str = ""
    hangup_cause: str = ""
    hangup_code: str = ""
    hangup_source: str = ""
    first_at: float = 0.0
    last_at: float = 0.0
    flow: str = ""
    step: str = ""
    b_leg_uuid: str = ""
    bridged: bool = False


def fold(call_uuid: str, exchanges: Iterable[Exchange]) -> CallState:
    """The state of one call. Exchanges of other calls may be among them."""
    facts = [e for e in facts_of(exchanges) if call_uuid in (e.event.call.uuid, e.event.dial.b_leg_uuid)]
    own = [e for e in facts if e.event.call.uuid == call_uuid]
    if not facts:
        return CallState(call_uuid)

    def first(name: str) -> str:
        return next((value for e in own if (value := getattr(e.event.call, name))), "")

    def hangup(name: str) -> str:
        found = (getattr(e.event, name) for e in own if e.event.kind is EventKind.HANGUP)
        return next((value for value in found if value), "")

    served = [e for e in own if e.outcome in REAL + SAFE]
    status = _call_status(own, answered=any(e.event.kind in CONNECTS for e in facts))
    dials = [e.event for e in own]
    answered = {e.dial.b_leg_uuid for e in dials if e.kind in CONNECTS}
    over = {e.dial.b_leg_uuid for e in dials if e.kind in (EventKind.DIAL_HANGUP, EventKind.DIAL_RESULT)}
    return CallState(
        call_uuid=call_uuid,
        provider=facts[-1].provider,
        status=status,
        from_number=first("from_number"),
        to_number=first("to_number"),
        direction=first("direction"),
        hangup_cause=hangup("hangup_cause"),
        hangup_code=hangup("hangup_code"),
        hangup_source=hangup("hangup_source"),
        first_at=facts[0].at,
        last_at=facts[-1].at,
        flow=served[-1].flow if served else "",
        step=served[-1].step if served else "",
        b_leg_uuid=next((e.dial.b_leg_uuid for e in reversed(dials) if e.dial.b_leg_uuid), ""),
        bridged=bool(answered - over) and status not in _CALL_ENDS,
    )


def ended(status: str) -> bool:
    """Whether a call with this status is over."""
    return status in _CALL_ENDS


def facts_of(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Each once, the refused left out, in an order that is the same whatever order they came in."""
    known = {e.id: e for e in exchanges if e.outcome is not Outcome.REJECTED}
    return sorted(known.values(), key=place)


def place(exchange: Exchange) -> tuple[float, str]:
    return exchange.at, exchange.id


def _call_status(own: Sequence[Exchange], *, answered: bool) -> str:
    """`answered`: a Dial from it or to it was, which is all we hear of somebody's far leg."""
    hangups = [e.event.call.status.lower() for e in own if e.event.kind is EventKind.HANGUP]
    if hangups:
        return next((word for word in hangups if word in _CALL_ENDS), "completed")
    words = [e.event.call.status.lower() for e in own]
    ended = next((word for word in words if word in _CALL_ENDS), "")
    if ended:
        return ended
    return max([*words, "in-progress" if answered else ""], key=lambda word: _CALL_RANKS.get(word, 1))
