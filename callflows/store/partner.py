"""What a leg of a transfer may ask of the other one, while its caller waits: has it its document, has it hung up, is
somebody in the room.

A few small look-ups by index, whatever the length of the story: a leg in a waiting loop asks every few seconds.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, and_, or_, select

from ..models import CONNECTS, REAL, EventKind, Leg, Outcome, room_of
from .codec import decode, decode_transfer, key
from .rows import EMPTY_TEXT, of_transfer
from .schema import exchanges, transfers

_FEW = 20  # of the fetches for a transfer, other than the A leg's own: nearly always the first is the B leg's


class Partner(NamedTuple):
    fetched: bool = False
    ended: bool = False
    room_occupied: bool = False


def partner(connection: Connection, transfer_id: str, leg: str) -> Partner:
    """Of `leg`. A transfer that is not known has none; one that moves one leg only has a room."""
    row = connection.execute(select(transfers).where(transfers.c.id == key(transfer_id))).first()
    other = Leg.A if leg == Leg.B else Leg.B
    if row is None:
        return Partner()
    occupied = _room_occupied(connection, row)
    if other not in decode_transfer(row.body)["targets"]:
        return Partner(room_occupied=occupied)
    uuid, fetched = _a_leg(connection, row) if other is Leg.A else _b_leg(connection, row)
    return Partner(fetched, bool(uuid) and _has_ended(connection, uuid, row.requested_at), occupied)


def _a_leg(connection: Connection, transfer: Row[object]) -> tuple[str, bool]:
    query = _fetches(transfer.id).where(exchanges.c.call_uuid == transfer.call_uuid)
    return transfer.call_uuid, connection.execute(query.limit(1)).first() is not None


def _b_leg(connection: Connection, transfer: Row[object]) -> tuple[str, bool]:
    """Its UUID is told by its first fetch; before that, whoever answered the call's last Dial is the B leg."""
    query = _fetches(transfer.id).where(exchanges.c.call_uuid.not_in(("", transfer.call_uuid)))
    for row in connection.execute(query.order_by(exchanges.c.at).limit(_FEW)):
        if decode(row.body).leg == Leg.B:
            return row.call_uuid, True
    dialled = (
        select(exchanges.c.b_leg_uuid)
        .where(
            exchanges.c.call_uuid != EMPTY_TEXT,
            exchanges.c.call_uuid == transfer.call_uuid,
            exchanges.c.b_leg_uuid != EMPTY_TEXT,
            exchanges.c.kind.in_([kind.value for kind in CONNECTS]),
            exchanges.c.at <= transfer.requested_at,
        )
        .order_by(exchanges.c.at.desc())
    )
    return connection.execute(dialled.limit(1)).scalar() or "", False


def _room_occupied(connection: Connection, transfer: Row[object]) -> bool:
    """Whoever came in and has neither left nor hung up. News of a stay may come in any order, and twice."""
    c, room = exchanges.c, room_of(transfer.id)
    query = select(c.body).where(*of_transfer(transfer.id), c.kind == EventKind.CONFERENCE.value)
    news = query.where(c.outcome == Outcome.NOTED.value).order_by(c.at.desc()).limit(_FEW)
    entered: dict[str, str] = {}
    left: set[str] = set()
    for row in connection.execute(news):
        event = decode(row.body).event
        stay = event.conference.member_id or event.call.uuid
        if event.conference.room == room and event.conference.action == "enter":
            entered[stay] = event.call.uuid
        elif event.conference.room == room and event.conference.action == "exit":
            left.add(stay)
    since = transfer.requested_at
    return any(not _has_ended(connection, uuid, since) for stay, uuid in entered.items() if stay not in left)


def _fetches(transfer_id: str) -> Select[tuple[str, str]]:
    query = select(exchanges.c.call_uuid, exchanges.c.body)
    return query.where(*of_transfer(transfer_id), exchanges.c.outcome.in_([outcome.value for outcome in REAL]))


def _has_ended(connection: Connection, uuid: str, since: float) -> bool:
    """Of a dialled leg's end both platforms tell only where its Dial reports to; of a call's, at the hang-up URL."""
    c = exchanges.c
    own = and_(c.call_uuid != EMPTY_TEXT, c.call_uuid == uuid, c.kind == EventKind.HANGUP.value)
    dialled = and_(c.b_leg_uuid != EMPTY_TEXT, c.b_leg_uuid == uuid, c.kind == EventKind.DIAL_HANGUP.value)
    query = select(c.seq).where(or_(own, dialled), c.at >= since, c.outcome != Outcome.REJECTED.value)
    return connection.execute(query.limit(1)).first() is not None
