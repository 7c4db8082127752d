"""What became of a transfer: a pure function of its row, of the set of exchanges that are known, and of the time.

As in `calls`, nothing depends on the order in which exchanges are known. A leg only moves forwards as facts are added,
with one exception that is meant: FAILED is left when a later document or a connection shows that it was mended. Only
the time of asking decides how long a leg has not been fetched, and whether late events may still change an outcome;
neither is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..models import CONNECTS, REAL, SAFE, EventKind, Exchange, Leg, LegStatus, LegTarget, Transfer, TransferStatus
from .calls import facts_of, place

# After a hang-up the platform still sends a Dial's result and news of its legs, and another machine may hold a fetch
# that it has not written down yet.
OPEN_SECONDS = 60.0

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

# of a rejected transfer: nothing reached the platform, so it was not the platform that said no
UNSENT = frozenset(("provider_unreachable", "config_invalid", "request_invalid"))

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DIAL = re.compile(r"<Dial\b")
_TELLS = re.compile(r"\b(?:callbackUrl|action)=")
_DIALLED = re.compile(r"<(?:Number|User)\b[^>]*>\s*([^<]*[^<\s])")


@dataclass(frozen=True, slots=True)
class LegState:
    """One leg of one transfer. `at` is when it reached its status; `fetched_at`, when its first document was fetched,
    whichever we served then. `flow` and `step` are the last document's, or the target's while it waits. `number` is
    what was dialled; that somebody answered there is CONNECTED, or ENDED after it.

    `not_fetched_for`: seconds since the platform accepted, while it has fetched nothing. `open_until`: late events may
    change this outcome until then.
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
    not_fetched_for: float | None = None
    open_until: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A transfer with what is known of its legs. `settled`: there is nothing to wait for; `ok`: and it went well.
    `outcome` is one word (open, done, failed, rejected), `reason` why, in words, where it did not go well. `advice` is
    for a leg that is not fetched: what is known about that, and why it usually is (`story` adds it).
    """

    transfer: Transfer
    legs: Mapping[Leg, LegState]
    settled: bool
    ok: bool
    outcome: str
    reason: str
    summary: str
    advice: tuple[str, ...] = ()

    @property
    def unfetched(self) -> bool:
        """Whether a leg of it may be on its way still, and has not fetched its document."""
        return not self.settled and any(state.status is LegStatus.WAITING for state in self.legs.values())


def fold_transfer(
    transfer: Transfer, exchanges: Iterable[Exchange], *, now: float, over_at: float | None = None
) -> Progress:
    """The state of a transfer. Wanted are the exchanges that carry its id, and those of both legs' calls (hang-ups).

    `over_at`: when the platform said, asked by us, that the call is no more.
    """
    facts = facts_of(exchanges)
    legs = {leg: _leg(transfer, leg, target, facts, now, over_at) for leg, target in transfer.targets.items()}
    # a fetch proves that the platform acted, whatever it answered or we could note down of it
    happened = transfer.status is TransferStatus.ACCEPTED or any(s.fetched_at is not None for s in legs.values())
    refused = transfer.status in (TransferStatus.REJECTED, TransferStatus.UNKNOWN) and not happened
    if happened:
        waited = max(now - (transfer.settled_at or transfer.requested_at), 0.0)
        legs = {
            leg: replace(state, not_fetched_for=waited) if state.status is LegStatus.WAITING else state
            for leg, state in legs.items()
        }
    # while it is unknown a fetch may still come and prove it; that none comes proves nothing
    settled = (refused and transfer.status is TransferStatus.REJECTED) or all(
        s.status in (LegStatus.FETCHED, LegStatus.CONNECTED, LegStatus.FAILED, LegStatus.ENDED) and s.open_until is None
        for s in legs.values()
    )
    ok = settled and happened and all(s.status is not LegStatus.FAILED for s in legs.values())
    rejected = refused and transfer.status is TransferStatus.REJECTED
    return Progress(
        transfer=transfer,
        legs=MappingProxyType(legs),
        settled=settled,
        ok=ok,
        outcome="rejected" if rejected else "open" if not settled else "done" if ok else "failed",
        reason=_reason(transfer, legs, refused),
        summary=_summary(transfer, legs, happened, refused, now - transfer.requested_at < OPEN_SECONDS),
    )


def dialled(document: str) -> str | None:
    """What a document dials, in words; None when it dials nobody."""
    text = _COMMENT.sub("", document)
    return ", ".join(dict.fromkeys(_DIALLED.findall(text))) if _DIAL.search(text) else None


def _leg(
    transfer: Transfer, leg: Leg, target: LegTarget, facts: Sequence[Exchange], now: float, over_at: float | None
) -> LegState:
    mine = [e for e in facts if e.transfer_id == transfer.id and e.leg == leg]
    real = [e for e in mine if e.outcome in REAL]
    safe = [e for e in mine if e.outcome in SAFE]
    served = sorted(real + safe, key=place)
    uuid = transfer.call_uuid
    if leg is Leg.B:  # learnt from the token's first use; a later fetch may be a third leg's (confirmSound)
        uuid = next((e.event.call.uuid for e in served if e.event.call.uuid), "")
    dials = [e for e in real if dialled(e.document) is not None]

    def state(
        status: LegStatus, at: float, reason: str = "", code: str = "", number: str = "", *, late: bool = False
    ) -> LegState:
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
            open_until=at + OPEN_SECONDS if late and now < at + OPEN_SECONDS else None,
        )

    # News of a Dial without a token (an author's own callbackUrl) is this transfer's once it has served a Dial
    strays = [
        e for e in facts if not e.transfer_id and uuid and e.event.call.uuid == uuid and dials and e.at >= dials[0].at
    ]
    connect = next((e for e in sorted(mine + strays, key=place) if _connects(e)), None)
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
    if safe and (not real or place(safe[-1]) > place(real[-1])):
        why = safe[-1].reason
        return state(LegStatus.FAILED, safe[-1].at, f"the fallback document was served{why and ': '}{why}", "", number)
    if busy:
        dial = busy.event.dial
        reason = DIAL_FAILURES[dial.status.lower()]
        return state(LegStatus.FAILED, busy.at, reason, dial.hangup_code or dial.hangup_cause, number)
    if hangup:
        event = hangup.event
        if not served:
            return state(LegStatus.FAILED, hangup.at, "hung up before it fetched", event.hangup_code, late=True)
        if dials and not connect:
            if any(_TELLS.search(e.document) for e in dials):
                ends = _ends(mine + strays, dials[-1])
                causes = ", ".join(dict.fromkeys(e.event.dial.hangup_cause for e in ends if e.event.dial.hangup_cause))
                why = f"the call ended before anybody answered{causes and ': the dialled leg said '}{causes}"
                return state(LegStatus.FAILED, hangup.at, why, event.hangup_code, number, late=not ends)
            number = ""  # nobody asked the platform to tell, so nothing is known of it
        return state(LegStatus.ENDED, hangup.at, event.hangup_cause, event.hangup_code, number)
    if connect:
        return state(LegStatus.CONNECTED, connect.at, number=number)
    if dials:
        return state(LegStatus.DIALLING, dials[-1].at, number=number)
    if real:
        return state(LegStatus.FETCHED, real[0].at)
    # Who has not fetched by the time that the call is over hardly will; if it does, that mends it
    call = _hangup(transfer, transfer.call_uuid, facts)
    if call:
        return state(LegStatus.FAILED, call.at, "the call hung up before this leg fetched", late=True)
    if over_at is not None:
        # how long it had been over is not known; counted from when we asked, it would be open as often as somebody asks
        until = (transfer.settled_at or transfer.requested_at) + OPEN_SECONDS
        found = state(LegStatus.FAILED, over_at, "the call is over, the platform says, and it never fetched")
        return replace(found, open_until=until if now < until else None)
    return state(LegStatus.WAITING, transfer.requested_at)


def _connects(exchange: Exchange) -> bool:
    event = exchange.event
    # a result without a token may be that of the Dial which the transfer interrupted
    completed = event.kind is EventKind.DIAL_RESULT and event.dial.status.lower() == "completed"
    return event.kind in CONNECTS or (completed and exchange.transfer_id != "")


def _dial_failure(mine: Sequence[Exchange], dials: Sequence[Exchange]) -> Exchange | None:
    """The last Dial's result, if it is a bad one and no other Dial was served in answer to it or later."""
    bad = [e for e in mine if e.event.kind is EventKind.DIAL_RESULT and e.event.dial.status.lower() in DIAL_FAILURES]
    if bad and not (dials and place(dials[-1]) >= place(bad[-1])):
        return bad[-1]
    return None


def _ends(news: Sequence[Exchange], dial: Exchange) -> list[Exchange]:
    """What the platform told of how this Dial ended, or its legs did; after that nothing more is to come of it."""
    ends = (EventKind.DIAL_RESULT, EventKind.DIAL_HANGUP)
    return sorted((e for e in news if e.event.kind in ends and e.at >= dial.at), key=place)


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
    return (dialled(dials[-1].document) or "") if dials else ""


def _reason(transfer: Transfer, legs: Mapping[Leg, LegState], refused: bool) -> str:
    if refused:
        return transfer.message or transfer.reason
    failed = [f"{leg.name} leg: {state.reason}" for leg, state in legs.items() if state.status is LegStatus.FAILED]
    return "; ".join(failed)


def _summary(
    transfer: Transfer, legs: Mapping[Leg, LegState], happened: bool, refused: bool, answered_in_time: bool
) -> str:
    if refused:
        said = transfer.message or transfer.reason
        http = f" (HTTP {transfer.http_status})" if transfer.http_status else ""
        if transfer.status is TransferStatus.REJECTED:
            head = "not sent" if transfer.reason in UNSENT else f"rejected by the platform{http}"
            return f"{head}{said and ': '}{said}"
        return f"unknown whether the platform acted{http}{said and ': '}{said}; no leg has fetched its document"
    if transfer.status is TransferStatus.ACCEPTED:
        head = "accepted"
    elif happened:
        known = f"although the platform answered {transfer.http_status}" if transfer.http_status else ""
        head = f"carried out ({known or 'no answer of the platform was noted'})"
    elif answered_in_time:
        head = "requested, not answered by the platform yet"
    else:
        head = "requested, and whoever asked ended before the platform's answer was noted: it may have acted"
    return "; ".join([head, *(f"{leg.name} leg {_words(state)}" for leg, state in legs.items())])


def _words(state: LegState) -> str:
    where = f"{state.flow}/{state.step}"
    match state.status:
        case LegStatus.WAITING:
            if state.not_fetched_for is None or state.not_fetched_for < 1:
                return f"has not fetched {where} yet"
            return f"{where} not fetched for {state.not_fetched_for:.0f} s"
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
