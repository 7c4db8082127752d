"""Removing what is old, a batch of rows at a time: between two batches others write.

A call's and a transfer's facts stay together: nothing goes while something younger speaks of the same call or
transfer, nor while the call or transfer is younger than a day and not known to be over. What a fact speaks of: the call
itself, its A leg and B leg, its transfer, and that transfer's call.

A batch is read by index from where the last one ended, so rows that are kept are looked at once. On SQLite a batch
holds the write lock from its first read on; on PostgreSQL a fact that arrives in that very moment is not waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, or_, select

from ..models import EventKind, TransferStatus
from . import queues
from .engine import Database
from .rows import EMPTY_TEXT
from .schema import destinations, exchanges, journals, transfers

BATCH = 500  # rows of one transaction
DAY_S = 86400.0
JOURNAL_S = 30 * DAY_S  # the position of a journal that has not moved for so long is left from a machine that is gone

_CALLS = (exchanges.c.call_uuid, exchanges.c.a_leg_uuid, exchanges.c.b_leg_uuid)

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, and how many that are as old were kept because of younger ones."""

    exchanges: int = 0
    transfers: int = 0
    journals: int = 0
    kept_exchanges: int = 0
    kept_transfers: int = 0


def prune(database: Database, *, before: float, dry_run: bool = False) -> Iterator[Pruned]:
    """After each batch the counts so far; the last are all of them. Stopped in between, a part is pruned."""
    alive = _Alive(before, time.time())
    begin: Begin = database.read if dry_run else database.write
    counts = Pruned()
    # transfers first: stopped in between, none is left that seems to have been fetched by nobody
    for gone, kept in _rows(begin, transfers, transfers.c.requested_at, alive, dry_run):
        counts = replace(counts, transfers=counts.transfers + gone, kept_transfers=counts.kept_transfers + kept)
        yield counts
    for gone, kept in _rows(begin, exchanges, exchanges.c.at, alive, dry_run):
        counts = replace(counts, exchanges=counts.exchanges + gone, kept_exchanges=counts.kept_exchanges + kept)
        yield counts
    # should its file still be there, its lines are read once more: what they hold is there already, or goes again
    old = journals.c.at < min(before, alive.now - JOURNAL_S)
    with begin() as connection:
        if dry_run:
            count = connection.execute(select(func.count()).select_from(journals).where(old)).scalar_one()
        else:
            count = connection.execute(delete(journals).where(old)).rowcount
    yield replace(counts, journals=int(count))
    if not dry_run:
        with database.write() as connection:
            queues.forget(connection, alive.now - queues.LONGEST_S)
        yield from (replace(counts, journals=int(count)) for _ in forget_destinations(database, alive.now))


def forget_destinations(database: Database, now: float) -> Iterator[int]:
    """What the spend guard has counted: it looks back for an hour. How many rows went, for each batch."""
    c = destinations.c
    oldest = select(c.seq).where(c.at < now - DAY_S).order_by(c.at).limit(BATCH)
    while True:
        with database.write() as connection:
            gone = connection.execute(delete(destinations).where(c.seq.in_(oldest))).rowcount
        yield gone
        if gone < BATCH:
            return


def _rows(
    begin: Begin, table: Table, at: ColumnElement[float], alive: _Alive, dry_run: bool
) -> Iterator[tuple[int, int]]:
    """For each batch of a table: how many rows went, and how many were kept."""
    columns = (transfers.c.call_uuid, transfers.c.id) if table is transfers else (*_CALLS, exchanges.c.transfer_id)
    query = select(table.c.seq, at, *columns).where(at < alive.before).order_by(at, table.c.seq).limit(BATCH)
    page = query
    while True:
        with begin() as connection:
            rows = connection.execute(page).all()
            calls, ids = alive.among(
                connection, {uuid for row in rows for uuid in row[2:-1] if uuid}, {row[-1] for row in rows if row[-1]}
            )
            gone = [row.seq for row in rows if row[-1] not in ids and calls.isdisjoint(row[2:-1])]
            if gone and not dry_run:
                connection.execute(delete(table).where(table.c.seq.in_(gone)))
        yield len(gone), len(rows) - len(gone)
        if len(rows) < BATCH:
            return
        last = rows[-1]
        page = query.where(at >= last[1], or_(at > last[1], table.c.seq > last.seq))


class _Alive:
    """Which calls and transfers must stay whole."""

    def __init__(self, before: float, now: float) -> None:
        self.before, self.now = before, now

    def among(self, connection: Connection, calls: set[str], ids: set[str]) -> tuple[set[str], set[str]]:
        c = transfers.c
        owners = {row.id: row for row in connection.execute(select(c.id, c.call_uuid).where(c.id.in_(ids)))}
        calls = calls | {row.call_uuid for row in owners.values()}
        asked = and_(c.call_uuid.in_(calls), or_(c.requested_at >= self.before, c.settled_at >= self.before))
        found = set(connection.execute(select(c.call_uuid).where(asked)).scalars())
        for column in _CALLS:
            found |= self._spoken_of(connection, column, calls, self.before)
        day_ago = self.now - DAY_S
        if self.before > day_ago:
            asked = and_(c.call_uuid.in_(calls), c.requested_at >= day_ago, c.status != TransferStatus.REJECTED.value)
            unsettled = set(connection.execute(select(c.call_uuid).where(asked)).scalars())
            unsettled |= self._spoken_of(connection, exchanges.c.call_uuid, calls, day_ago)
            over = exchanges.c.kind == EventKind.HANGUP.value
            found |= unsettled - self._spoken_of(connection, exchanges.c.call_uuid, unsettled, 0.0, over)
        kept = self._spoken_of(connection, exchanges.c.transfer_id, ids, self.before)
        return found, kept | {id for id, row in owners.items() if row.call_uuid in found}

    def _spoken_of(
        self,
        connection: Connection,
        column: ColumnElement[Any],
        values: set[str],
        since: float,
        *more: ColumnElement[bool],
    ) -> set[str]:
        if not values:
            return set()
        conditions = (column != EMPTY_TEXT, column.in_(values), exchanges.c.at >= since, *more)
        return set(connection.execute(select(column).distinct().where(*conditions)).scalars())
