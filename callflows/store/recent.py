"""Reads for lists of many calls: their statements are made once, which costs several times what running them does."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, or_, select

from ..models import EventKind, Exchange, Outcome, TransferStatus
from .codec import decode, key
from .rows import EMPTY_TEXT, naming
from .schema import exchanges, transfers

_c = exchanges.c
_OF_CALL = (
    select(_c.body)
    .where(or_(*naming([bindparam("uuid")])))
    .order_by(_c.at.desc(), _c.id.desc())
    .limit(bindparam("most"))
)
_HUNG_UP = (
    select(_c.call_uuid)
    .distinct()
    .where(
        _c.call_uuid != EMPTY_TEXT,
        _c.call_uuid.in_(bindparam("uuids", expanding=True)),
        _c.kind == EventKind.HANGUP.value,
        _c.outcome != Outcome.REJECTED.value,
    )
)
_PULSE = select(
    select(func.max(_c.seq)).scalar_subquery(),
    select(func.max(transfers.c.seq)).scalar_subquery(),
    select(func.count()).where(transfers.c.status == TransferStatus.REQUESTED.value).scalar_subquery(),
)


def pulse(connection: Connection) -> tuple[object, ...]:
    """Another one when something has happened. Costs nothing; of two that happen at once it may miss one."""
    return tuple(connection.execute(_PULSE).one())


def newest_of(connection: Connection, call_uuids: Sequence[str], each: int) -> dict[str, list[Exchange]]:
    """The newest exchanges of each of the calls, in time order."""
    found = {}
    for uuid in call_uuids:
        bodies = connection.execute(_OF_CALL, {"uuid": key(uuid), "most": each}).scalars().all()
        found[uuid] = [decode(body) for body in reversed(bodies)]
    return found


def hung_up(connection: Connection, call_uuids: Sequence[str]) -> set[str]:
    """Those of the calls that the platform said have hung up."""
    by_key = {key(uuid): uuid for uuid in call_uuids}
    rows = connection.execute(_HUNG_UP, {"uuids": list(by_key)}).scalars()
    return {by_key[row] for row in rows}
