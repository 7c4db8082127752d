"""The story of a transfer as people tell it: what happened, in the order of time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..models import CONNECTS, REAL, SAFE, EventKind, Exchange, Leg, Outcome, TransferStatus
from .progress import Progress, dialled

_EVENTS = {
    EventKind.RING: "is ringing",
    EventKind.RECORDING: "recording",
    EventKind.CONFERENCE: "conference",
    EventKind.STREAM: "stream",
    EventKind.DIAL_DIGITS: "digits pressed while connected",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story. `exchange` is where it is from; several entries may be of one. `document` is what was
    served just then, else ""; tokens in it are left out.
    """

    at: float
    text: str
    exchange: Exchange | None = None
    document: str = ""


def timeline(progress: Progress, exchanges: Sequence[Exchange]) -> list[Entry]:
    """In time order. What belongs to other transfers of the same call, or was before, is left out."""
    transfer = progress.transfer
    targets = ", ".join(f"{leg.name} leg to {target}" for leg, target in transfer.targets.items())
    by = f" (by {transfer.asked_by})" if transfer.asked_by else ""
    entries = [Entry(transfer.requested_at, f"requested: {targets}{by}")]
    if transfer.settled_at is not None:
        entries.append(Entry(transfer.settled_at, _answer(progress)))
    fetched: set[str] = set()
    facts = [e for e in exchanges if e.outcome is not Outcome.REJECTED]
    answered = {e.event.dial.b_leg_uuid for e in facts if e.event.kind in CONNECTS}
    for exchange in exchanges:
        entries += _told(progress, exchange, fetched, answered)
    return sorted(entries, key=lambda entry: entry.at)


def _answer(progress: Progress) -> str:
    transfer = progress.transfer
    http = f"HTTP {transfer.http_status}" if transfer.http_status else ""
    said = ": ".join(part for part in (http, transfer.message or transfer.reason) if part)
    words = {
        TransferStatus.ACCEPTED: "accepted by the platform",
        TransferStatus.REJECTED: "rejected",
        TransferStatus.UNKNOWN: "outcome unknown",
    }.get(transfer.status, transfer.status.value)
    return f"{words} ({said})" if said else words


def _told(progress: Progress, exchange: Exchange, fetched: set[str], answered: set[str]) -> Iterator[Entry]:
    transfer, event = progress.transfer, exchange.event
    own = exchange.transfer_id == transfer.id
    leg = _leg(progress, exchange)
    who = f"{leg.name} leg" if leg else "call"

    def entry(text: str, document: str = "") -> Entry:
        return Entry(exchange.at, text, exchange, document)

    # a call hangs up once, for all its transfers, whichever token that came with; so does it come into a room
    shared = event.kind is EventKind.HANGUP or (
        event.kind is EventKind.CONFERENCE and exchange.outcome is Outcome.NOTED
    )
    others = exchange.transfer_id != "" and not shared
    if not own and (others or exchange.at < transfer.requested_at):
        return
    if exchange.outcome is Outcome.REJECTED:
        yield entry(f"a request was refused (403){exchange.reason and ': '}{exchange.reason}")
        return
    news = _news(who, exchange, answered)
    if news:
        yield entry(news)
    if not own or exchange.outcome not in REAL + SAFE + (Outcome.SILENT,):
        return
    where = f"{exchange.flow}/{exchange.step}"
    if exchange.outcome in SAFE:
        why = f": {exchange.reason}" if exchange.reason else ""
        yield entry(f"{who} was given the fallback document ({where}){why}", exchange.document)
    elif leg and leg not in fetched:
        yield entry(f"{who} fetched its document, {where}", exchange.document)
    else:
        yield entry(f"{who} fetched {where}", exchange.document)
    if leg:
        fetched.add(leg)
    number = dialled(exchange.document) if exchange.outcome in REAL else None
    if number is not None:
        yield entry(f"{who} dialling {number}".rstrip())


def told_of(exchange: Exchange) -> str:
    """One request of a call in words: its news, and what it was given."""
    news = "" if exchange.outcome is Outcome.REJECTED else _news("the caller", exchange, ())
    where = f"{exchange.flow}/{exchange.step}" if exchange.flow else ""
    given = {
        Outcome.NOTED: "",
        Outcome.REJECTED: f"a request was refused (403): {exchange.reason}",
    }.get(exchange.outcome, f"{'instead of' if exchange.outcome in SAFE else 'given'} {where}" if where else "")
    return "; ".join(part for part in (news, given) if part) or "an event"


def _leg(progress: Progress, exchange: Exchange) -> Leg | None:
    if exchange.transfer_id == progress.transfer.id:
        return next((leg for leg in progress.legs if leg.value == exchange.leg), None)
    uuids = {state.call_uuid: leg for leg, state in progress.legs.items() if state.call_uuid}
    return uuids.get(exchange.event.call.uuid)


def _news(who: str, exchange: Exchange, answered: Collection[str]) -> str:
    """What the platform told beside asking for a document; "" where it only asked."""
    event = exchange.event
    far = event.dial.b_leg_number or "the dialled leg"
    match event.kind:
        case EventKind.HANGUP:
            code = f" ({event.hangup_code})" if event.hangup_code else ""
            return f"{who} hung up{event.hangup_cause and ': '}{event.hangup_cause}{code}"
        case EventKind.DIAL_ANSWER:
            return f"{far} answered"
        case EventKind.DIAL_CONNECTED:
            return f"{who} connected to {far}"
        case EventKind.DIAL_HANGUP:
            cause = event.dial.hangup_cause
            # an answer may be news that was lost; what ended as calls usually end is not said to have had none
            if event.dial.b_leg_uuid in answered or cause in ("", "NORMAL_CLEARING"):
                return f"{far} hung up"
            return f"{far} did not answer: {cause}"
        case EventKind.DIAL_RESULT:
            cause = f" ({event.dial.hangup_cause})" if event.dial.hangup_cause else ""
            return f"{who} dial ended: {event.dial.status}{cause}"
        case EventKind.INPUT:
            given = event.input
            if given.digits:
                return f"{who} pressed {given.digits}"
            return f'{who} said "{given.speech}"' if given.speech else f"{who} gave no input"
        case EventKind.DOCUMENT:
            return ""
        case kind:
            told = event.raw.get("Event") or event.raw.get("ConferenceAction") or ""
            return f"{who} {_EVENTS.get(kind, kind.value)}{told and ': '}{told}"
