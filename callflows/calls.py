"""What became of a call, or of a transfer: a pure function of the set of exchanges that are known.

Exchanges come late, twice, in any order, from several machines, and after the hang-up (a Dial's action is fetched
after it). So nothing here depends on the order of the list: exchanges are told apart by id, ordered by `at`, and
each rule asks whether a fact exists, not what came last. A status only moves forwards as facts are added, with one
exception that is meant: FAILED is left when a later document or a connection shows that it was mended.

Refused requests (403) are no facts: anybody can send those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .models import EventKind, Exchange, Leg, LegStatus, LegTarget, Outcome, Transfer, TransferStatus

# The platform's hang-up codes that say a document of ours was not reached or not understood; the same on Plivo and
# Vobiz (reference: plivo.md 3.3, vobiz.md 3.2)
_URLS = {1: "answer", 2: "action", 3: "transfer", 4: "redirect"}
FAILURE_CODES: Mapping[str, str] = MappingProxyType(
    {f"701{n}": f"the platform could not reach the {url} URL, or it did not answer 200" for n, url in _URLS.items()}
    | {f"702{n}": f"the {url} URL is not http(s)" for n, url in _URLS.items() if n > 1}
    | {f"703{n}": f"the method for the {url} URL is neither GET nor POST" for n, url in _URLS.items() if n > 1}
    | {f"801{n}": f"the platform refused the XML of the {url} URL" for n, url in _URLS.items()}
)

DIAL_FAILURES: Mapping[str, str] = MappingProxyType(
    {
        "busy": "the dialled number was busy",
        "no-answer": "nobody answered",
        "failed": "the dial failed",
        "timeout": "nobody answered in time",
        "cancel": "the dial was cancelled",
    }
)

_REAL = (Outcome.STEP, Outcome.LAST_GOOD)
_SAFE = (Outcome.FALLBACK, Outcome.SAFE)
_CONNECTS = (EventKind.DIAL_ANSWER, EventKind.DIAL_CONNECTED)

# of a rejected transfer: nothing reached the platform, so it was not the platform that said no
_NOT_SENT = frozenset(("provider_unreachable", "config_invalid", "request_invalid"))

# how far a call is; a word we do not know says at least that there is a call
_CALL_RANKS = {"": 0, "ringing": 2, "early-media": 2, "in-progress": 3}
_CALL_ENDS = frozenset(("completed", "busy", "failed", "timeout", "no-answer", "cancel", "canceled", "rejected"))

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DIAL = re.compile(r"<Dial\b")
_TELLS = re.compile(r"\b(?:callbackUrl|action)=")
_DIALLED = re.compile(r"<(?:Number|User)\b[^>]*>\s*([^<]*[^<\s])")


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


@dataclass(frozen=True, slots=True)
class LegState:
    """One leg of one transfer. `at` is when it reached its status; `fetched_at`, when its first document was fetched,
    whichever we served then. `flow` and `step` are the last document's, or the target's while it waits. `number` is
    what was dialled; that somebody answered there is CONNECTED, or ENDED after it.
    """

    status: LegStatus
    call_uuid: str
    reason: str = ""
    code: str = ""
    number: str = ""
    flow: str = ""
    step: str = ""
    at: float = 0.0
    fetched_at: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A transfer with what is known of its legs. `settled`: there is nothing to wait for; `ok`: and it went well."""

    transfer: Transfer
    legs: Mapping[Leg, LegState]
    settled: bool
    ok: bool
    summary: str


def fold(call_uuid: str, exchanges: Iterable[Exchange]) -> CallState:
    """The state of one call. Exchanges of other calls may be among them."""
    facts = [e for e in _facts(exchanges) if call_uuid in (e.event.call.uuid, e.event.dial.b_leg_uuid)]
    own = [e for e in facts if e.event.call.uuid == call_uuid]
    if not facts:
        return CallState(call_uuid)

    def first(name: str) -> str:
        return next((value for e in own if (value := getattr(e.event.call, name))), "")

    def hangup(name: str) -> str:
        found = (getattr(e.event, name) for e in own if e.event.kind is EventKind.HANGUP)
        return next((value for value in found if value), "")

    served = [e for e in own if e.outcome in _REAL + _SAFE]
    status = _call_status(own, answered=any(e.event.kind in _CONNECTS for e in facts))
    dials = [e.event for e in own]
    answered = {e.dial.b_leg_uuid for e in dials if e.kind in _CONNECTS}
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


def fold_transfer(transfer: Transfer, exchanges: Iterable[Exchange]) -> Progress:
    """The state of a transfer. Wanted are the exchanges that carry its id, and those of both legs' calls (hang-ups)."""
    facts = _facts(exchanges)
    legs = {leg: _leg(transfer, leg, target, facts) for leg, target in transfer.targets.items()}
    # a fetch proves that the platform acted, whatever it answered or we could note down of it
    happened = transfer.status is TransferStatus.ACCEPTED or any(s.fetched_at is not None for s in legs.values())
    refused = transfer.status in (TransferStatus.REJECTED, TransferStatus.UNKNOWN) and not happened
    # while it is unknown a fetch may still come and prove it; that none comes proves nothing
    settled = (refused and transfer.status is TransferStatus.REJECTED) or all(
        s.status in (LegStatus.FETCHED, LegStatus.CONNECTED, LegStatus.FAILED, LegStatus.ENDED) for s in legs.values()
    )
    ok = settled and happened and all(s.status is not LegStatus.FAILED for s in legs.values())
    return Progress(
        transfer=transfer,
        legs=MappingProxyType(legs),
        settled=settled,
        ok=ok,
        summary=_summary(transfer, legs, happened, refused),
    )


def _facts(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Each once, the refused left out, in an order that is the same whatever order they came in."""
    known = {e.id: e for e in exchanges if e.outcome is not Outcome.REJECTED}
    return sorted(known.values(), key=_place)


def _place(exchange: Exchange) -> tuple[float, str]:
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


def _leg(transfer: Transfer, leg: Leg, target: LegTarget, facts: Sequence[Exchange]) -> LegState:
    mine = [e for e in facts if e.transfer_id == transfer.id and e.leg == leg]
    real = [e for e in mine if e.outcome in _REAL]
    safe = [e for e in mine if e.outcome in _SAFE]
    served = sorted(real + safe, key=_place)
    uuid = transfer.call_uuid
    if leg is Leg.B:  # learnt from the token's first use; a later fetch may be a third leg's (confirmSound)
        uuid = next((e.event.call.uuid for e in served if e.event.call.uuid), "")
    dials = [e for e in real if _DIAL.search(_COMMENT.sub("", e.document))]

    def state(status: LegStatus, at: float, reason: str = "", code: str = "", number: str = "") -> LegState:
        last = served[-1] if served else None
        return LegState(
            status=status,
            call_uuid=uuid,
            reason=reason,
            code=code,
            number=number,
            flow=last.flow if last else target.flow,
            step=last.step if last else target.step,
            at=at,
            fetched_at=served[0].at if served else None,
        )

    # News of a Dial without a token (an author's own callbackUrl) is this transfer's once it has served a Dial
    strays = [
        e for e in facts if not e.transfer_id and uuid and e.event.call.uuid == uuid and dials and e.at >= dials[0].at
    ]
    connect = next((e for e in sorted(mine + strays, key=_place) if _connects(e)), None)
    number = ""
    if connect:
        number = connect.event.dial.b_leg_number or _numbers(dials)
    elif dials:
        number = _numbers(dials[-1:])
    busy = None if connect else _dial_failure(mine, dials)
    hangup = _hangup(transfer, uuid, facts)

    if hangup and hangup.event.hangup_code in FAILURE_CODES:
        code = hangup.event.hangup_code
        return state(LegStatus.FAILED, hangup.at, FAILURE_CODES[code], code, number)
    if safe and (not real or _place(safe[-1]) > _place(real[-1])):
        why = safe[-1].reason
        return state(LegStatus.FAILED, safe[-1].at, f"the fallback document was served{why and ': '}{why}", "", number)
    if busy:
        dial = busy.event.dial
        reason = DIAL_FAILURES[dial.status.lower()]
        return state(LegStatus.FAILED, busy.at, reason, dial.hangup_code or dial.hangup_cause, number)
    if hangup:
        event = hangup.event
        if not served:
            return state(LegStatus.FAILED, hangup.at, "hung up before it fetched", event.hangup_code)
        if dials and not connect:
            if any(_TELLS.search(e.document) for e in dials):
                return state(LegStatus.FAILED, hangup.at, "hung up before anybody answered", event.hangup_code, number)
            number = ""  # nobody asked the platform to tell, so nothing is known of it
        return state(LegStatus.ENDED, hangup.at, event.hangup_cause, event.hangup_code, number)
    if connect:
        return state(LegStatus.CONNECTED, connect.at, number=number)
    if dials:
        return state(LegStatus.DIALLING, dials[-1].at, number=number)
    if real:
        return state(LegStatus.FETCHED, real[0].at)
    return state(LegStatus.WAITING, transfer.requested_at)


def _connects(exchange: Exchange) -> bool:
    event = exchange.event
    # a result without a token may be that of the Dial which the transfer interrupted
    completed = event.kind is EventKind.DIAL_RESULT and event.dial.status.lower() == "completed"
    return event.kind in _CONNECTS or (completed and exchange.transfer_id != "")


def _dial_failure(mine: Sequence[Exchange], dials: Sequence[Exchange]) -> Exchange | None:
    """The last Dial's result, if it is a bad one and no other Dial was served in answer to it or later."""
    bad = [e for e in mine if e.event.kind is EventKind.DIAL_RESULT and e.event.dial.status.lower() in DIAL_FAILURES]
    if bad and not (dials and _place(dials[-1]) >= _place(bad[-1])):
        return bad[-1]
    return None


def _hangup(transfer: Transfer, uuid: str, facts: Sequence[Exchange]) -> Exchange | None:
    """The one that explains most, if there are several: one with a failure's code, else the first.

    Whichever token it came with: the call is over for every transfer of it.
    """
    found = [
        e
        for e in facts
        if uuid and e.event.kind is EventKind.HANGUP and e.event.call.uuid == uuid and e.at >= transfer.requested_at
    ]
    telling = [e for e in found if e.event.hangup_code in FAILURE_CODES]
    return next(iter(telling or found), None)


def _numbers(dials: Sequence[Exchange]) -> str:
    """What the newest of these documents dials."""
    if not dials:
        return ""
    return ", ".join(dict.fromkeys(_DIALLED.findall(_COMMENT.sub("", dials[-1].document))))


def _summary(transfer: Transfer, legs: Mapping[Leg, LegState], happened: bool, refused: bool) -> str:
    if refused:
        said = transfer.message or transfer.reason
        http = f" (HTTP {transfer.http_status})" if transfer.http_status else ""
        if transfer.status is TransferStatus.REJECTED:
            head = "not sent" if transfer.reason in _NOT_SENT else f"rejected by the platform{http}"
            return f"{head}{said and ': '}{said}"
        return f"unknown whether the platform acted{http}{said and ': '}{said}; no leg has fetched its document"
    if transfer.status is TransferStatus.ACCEPTED:
        head = "accepted"
    elif happened:
        head = "carried out (the platform's answer was not noted)"
    else:
        head = "requested, not answered by the platform yet"
    return "; ".join([head, *(f"{leg.name} leg {_words(state)}" for leg, state in legs.items())])


def _words(state: LegState) -> str:
    where = f"{state.flow}/{state.step}"
    match state.status:
        case LegStatus.WAITING:
            return f"has not fetched {where} yet"
        case LegStatus.FETCHED:
            return f"in {where}"
        case LegStatus.DIALLING:
            return f"dialling {state.number}".rstrip()
        case LegStatus.CONNECTED:
            return f"connected to {state.number}" if state.number else "connected"
        case LegStatus.FAILED:
            return f"failed: {state.reason}"
        case LegStatus.ENDED:
            return f"ended: {state.reason}" if state.reason else "ended"
