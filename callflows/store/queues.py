"""Who waits in which queue, and who is next: a table that follows the exchanges, in the transaction that adds them.

A caller waits in the queue of the waiting step that was served to them last, since the first such document of this
stay. A stay ends when they are served anything else, hang up, or are moved into the queue once more. Lines come late,
out of order and from several machines, so a stay is worked out from all that is stored of the call (`stay_of`, which
does not care for the order); that a line changes nothing, as most do, is seen without. Who left has no row, and who is
heard of too late gets none: the exchanges say that they left.

A *claim* takes a caller out of the line while somebody moves them. Whoever is served a waiting step again RETURN_S
after it, and still in the same stay, was not moved: the claim ends, however its owner did, and they are at their old
place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from ..models import ELSEWHERE, EventKind, Exchange, Outcome, Waiting
from .codec import decode, key, to_json
from .rows import EMPTY_TEXT
from .schema import exchanges, journals, waiting

RETURN_S = 10.0
MOST_SEEN = 20
LONGEST_S = 25 * 3600.0  # no call lasts longer, nor do the links of ours that keep it waiting

_c = waiting.c
_ORDER = (_c.joined_at, _c.call_uuid)
_FREE: ColumnElement[bool] = _c.claim == EMPTY_TEXT


class Place(NamedTuple):
    """`position` 1 is next; `waiting` callers are in the line, this one included."""

    position: int
    waiting: int


class Others(NamedTuple):
    """Who else is in the line: the steps with which they joined, in the order of the line, with spaces between."""

    ahead: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay in a queue: the first document of it, and when the last one that is known was served."""

    first: Exchange
    last_at: float


def stay_of(call_uuid: str, known: Iterable[Exchange]) -> Stay | None:
    """The stay that goes on, from all exchanges of a call; None when it waits in no queue."""
    stay: Stay | None = None
    for each in sorted(known, key=lambda exchange: (exchange.at, exchange.id)):
        event, own = each.event, each.event.call.uuid == call_uuid
        if each.outcome is Outcome.REJECTED:
            continue
        if own and event.kind is EventKind.HANGUP:
            return None  # whatever is fetched after it (a Dial's action, say)
        if _is_end_of_leg(each, call_uuid) or (own and each.queue == ELSEWHERE):
            stay = None
        elif own and each.queue:
            same = stay and (stay.first.queue, stay.first.transfer_id) == (each.queue, each.transfer_id)
            stay = Stay(stay.first if stay and same else each, each.at)
    return stay


def hold(connection: Connection, new: Sequence[Exchange]) -> None:
    """First in a transaction that adds exchanges. Of two, one with a document of a waiting step and one with what ended
    that stay, the second must see what the first one wrote. Every drain moves its journal's position, so whoever has
    such a document keeps the others from that; they pay nothing. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql" and any(each.queue not in ("", ELSEWHERE) for each in new):
        connection.execute(text(f"LOCK TABLE {journals.name} IN SHARE ROW EXCLUSIVE MODE"))


def follow(connection: Connection, new: Sequence[Exchange]) -> None:
    """What these exchanges, which are stored by now, change. Nearly always that is nothing."""
    served: dict[str, list[Exchange]] = {}
    left: set[str] = set()
    for each in new:
        uuid = each.event.call.uuid
        if each.outcome is Outcome.REJECTED:
            continue
        if each.queue == ELSEWHERE or each.event.kind is EventKind.HANGUP:
            left.add(uuid)
        elif each.event.kind is EventKind.DIAL_HANGUP:
            left.add(each.event.dial.b_leg_uuid)
        elif each.queue and uuid and key(uuid) == uuid:
            served.setdefault(uuid, []).append(each)
    left = {uuid for uuid in left if key(uuid) == uuid}  # nobody else can be waiting, and not all can be asked for
    if not (served or left):
        return
    if not served and connection.execute(select(_c.call_uuid).limit(1)).first() is None:
        return
    query = select(waiting).where(_c.call_uuid.in_(served.keys() | left))
    rows = {row.call_uuid: row for row in connection.execute(query)}
    changed = {uuid for uuid in left if uuid in rows}
    changed |= {uuid for uuid, found in served.items() if any(_tells_more(rows.get(uuid), each) for each in found)}
    for uuid in sorted(changed):
        _work_out(connection, uuid, known=uuid in rows)


def _tells_more(row: Row[Any] | None, served: Exchange) -> bool:
    """Whether a document of a waiting step may be news."""
    if row is None or (row.queue, row.transfer_id) != (served.queue, key(served.transfer_id)):
        return True
    return bool(served.at < row.joined_at or (row.claim and served.at >= row.claimed_at + RETURN_S))


def _is_end_of_leg(exchange: Exchange, call_uuid: str) -> bool:
    """Of a leg that was dialled: both platforms tell its end where its Dial reports to, and nowhere else."""
    return exchange.event.kind is EventKind.DIAL_HANGUP and exchange.event.dial.b_leg_uuid == call_uuid


def _work_out(connection: Connection, call_uuid: str, *, known: bool) -> None:
    c = exchanges.c
    concerns = or_(*(and_(column != EMPTY_TEXT, column == call_uuid) for column in (c.call_uuid, c.b_leg_uuid)))
    stay = stay_of(call_uuid, map(decode, connection.execute(select(c.body).where(concerns)).scalars()))
    if stay is None:
        connection.execute(delete(waiting).where(_c.call_uuid == call_uuid))
        return
    first = stay.first
    call = first.event.call
    number = call.to_number if call.direction == "outbound" else call.from_number
    found = {
        "queue": first.queue,
        "joined_at": first.at,
        "provider": key(first.provider),
        "transfer_id": key(first.transfer_id),
        "body": to_json({"flow": first.flow, "step": first.step, "leg": first.leg, "number": number}),
    }
    if known:
        was_not_moved = or_(_c.claimed_at < first.at, _c.claimed_at <= stay.last_at - RETURN_S)
        found |= {
            "claim": case((was_not_moved, ""), else_=_c.claim),
            "claimed_at": case((was_not_moved, None), else_=_c.claimed_at),
        }
        connection.execute(update(waiting).where(_c.call_uuid == call_uuid).values(found))
    else:
        connection.execute(insert(waiting).values(call_uuid=call_uuid, claim="", **found))


def in_line(connection: Connection, queue: str = "") -> list[Waiting]:
    """All who wait, of one queue or of each; those whom somebody is moving too. Queue by queue, the next one first."""
    query = select(waiting).order_by(_c.queue, *_ORDER)
    return [_caller(row) for row in connection.execute(query.where(_c.queue == key(queue)) if queue else query)]


def place(connection: Connection, queue: str, call_uuid: str) -> Place:
    """Of a caller who waits in the queue, or is about to: they are told before it is written down."""
    own = connection.execute(
        select(_c.joined_at).where(_c.call_uuid == key(call_uuid), _c.queue == queue)
    ).scalar_one_or_none()
    others = and_(_c.queue == queue, _FREE, _c.call_uuid != key(call_uuid))
    ahead: ColumnElement[Any] = func.count()  # of all, until it is written down
    if own is not None:
        before = or_(_c.joined_at < own, and_(_c.joined_at == own, _c.call_uuid < key(call_uuid)))
        ahead = func.coalesce(func.sum(case((before, 1), else_=0)), 0)
    there, first = connection.execute(select(func.count(), ahead).where(others)).one()
    return Place(int(first) + 1, int(there) + 1)


def others(connection: Connection, queue: str, call_uuid: str, found: Place) -> Others:
    """Beside the caller whose place was `found`. Of a line of more than MOST_SEEN nothing is told."""
    if not 1 < found.waiting <= MOST_SEEN:
        return Others()
    query = select(_c.body).where(_c.queue == queue, _FREE, _c.call_uuid != key(call_uuid)).order_by(*_ORDER)
    steps = [json.loads(body)["step"] for body in connection.execute(query).scalars()]
    ahead = found.position - 1
    return Others(" ".join(steps[:ahead]), " ".join(steps[ahead:]))


def claim(connection: Connection, wanted: Select[Any], name: str, at: float) -> Waiting | None:
    """The first one that `wanted` finds."""
    row = connection.execute(wanted.order_by(*_ORDER).limit(1)).first()
    if row is None:
        return None
    connection.execute(update(waiting).where(_c.call_uuid == row.call_uuid).values(claim=name, claimed_at=at))
    return _caller(row, claim=name, claimed_at=at)


def next_in(queue: str, providers: Collection[str]) -> Select[Any]:
    """Those whom nobody is moving. A process that looks at the same moment takes the one after the first: nothing but a
    claim, or news that a stay has changed, locks a row."""
    free = select(waiting).where(_c.queue == queue, _FREE, _c.provider.in_(list(providers)))
    return free.with_for_update(skip_locked=True)


def caller(call_uuid: str, queue: str) -> Select[Any]:
    """One caller, also one whom somebody is moving, or died while moving."""
    wanted = [_c.queue == key(queue)] if queue else []
    return select(waiting).where(_c.call_uuid == key(call_uuid), *wanted).with_for_update()


def give_back(connection: Connection, claimed: Waiting) -> None:
    """They wait at their place again."""
    connection.execute(update(waiting).where(*_own(claimed)).values(claim="", claimed_at=None))


def leave(connection: Connection, claimed: Waiting) -> None:
    """They are not there any more. Should a waiting step be served to them after all, they are."""
    connection.execute(delete(waiting).where(*_own(claimed)))


def forget(connection: Connection, before: float) -> None:
    """Whose hang-up nobody told us of."""
    connection.execute(delete(waiting).where(_c.joined_at < before))


def _own(claimed: Waiting) -> tuple[ColumnElement[bool], ...]:
    """Unless the claim has ended, and perhaps is another's, by now."""
    return (_c.call_uuid == claimed.call_uuid, _c.claim == claimed.claim)


def _caller(row: Row[Any], **changes: Any) -> Waiting:
    names = ("call_uuid", "queue", "joined_at", "provider", "transfer_id", "claim", "claimed_at")
    return Waiting(**{**{name: getattr(row, name) for name in names}, **json.loads(row.body), **changes})
