"""What a leg of a transfer may ask of the other one, while its caller waits: has it its document, has it hung up.

A few small look-ups by index, whatever the length of the story: a leg in a waiting loop asks every few seconds.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, and_, or_, select

from ..models import CONNECTS, REAL, EventKind, Leg, Outcome
from .codec import decode, decode_transfer, key
from .rows import EMPTY_TEXT, of_transfer
from .schema import exchanges, transfers

_FEW = 20  # of the fetches for a transfer, other than the A leg's own: nearly always the first is the B leg's


class Partner(NamedTuple):
    fetched: bool = False
    ended: bool = False


def partner(connection: Connection, transfer_id: str, leg: str) -> Partner:
    """Of `leg`. A transfer that is not known, or that moves one leg only, has none."""
    row = connection.execute(select(transfers).where(transfers.c.id == key(transfer_id))).first()
    other = Leg.A if leg == Leg.B else Leg.B
    if row is None or other not in decode_transfer(row.body)["targets"]:
        return Partner()
    uuid, fetched = _a_leg(connection, row) if other is Leg.A else _b_leg(connection, row)
    return Partner(fetched, bool(uuid) and _has_ended(connection, uuid, row.requested_at))


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
