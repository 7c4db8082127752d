"""Everything that is asked of the database, for both kinds of it. Raises StoreError and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import StoreError
from ..models import Exchange, Outcome, Transfer, TransferStatus
from .codec import decode, key, plain
from .engine import Database
from .rows import EMPTY_TEXT, exchange_row, of_calls, of_transfer, transfer_from, transfer_row
from .schema import exchanges, journals, transfers

PRUNE_BATCH = 5000  # rows of one transaction: SQLite has one writer, and the others wait for it
_PAGE = 1000


class JournalMoved(StoreError):
    """Another drainer has moved this journal's position: nothing was written."""


def open_store(url: str) -> Store:
    """The store at a database URL. Opens nothing yet; StoreError when the URL makes no sense."""
    return Store(url)


class Store:
    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def upgrade(self) -> None:
        """Make or migrate the tables. Any number of processes may do so at once."""
        self._database.upgrade()

    def ping(self) -> None:
        with self._database.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._database.close()

    # --- exchanges and journal positions

    def add_exchanges(
        self, new: Sequence[Exchange], *, journal: str = "", position: int = 0, since: int | None = None
    ) -> int:
        """Add them, and note that `journal` is drained up to `position`, in one transaction; how many were new.

        With `since` the position must still be there, else JournalMoved and nothing is written: of two drainers
        who read the same lines one wins. Without it a position only ever grows. Exchanges are never doubled.
        """
        rows = [exchange_row(exchange) for exchange in new]
        with self._database.write(durable=bool(journal)) as connection:
            if journal:
                self._move(connection, key(journal), position, since)
            if not rows:
                return 0
            return self._add(connection, exchanges, rows)

    def _move(self, connection: Connection, name: str, position: int, since: int | None) -> None:
        """First in its transaction: on PostgreSQL the row is the lock under which a journal's lines are added."""
        row = {"name": name, "position": position, "at": time.time()}
        moved = update(journals).where(journals.c.name == name).values(row)
        moved = moved.where(journals.c.position < position if since is None else journals.c.position == since)
        if connection.execute(moved).rowcount:
            return
        if not since and self._add(connection, journals, [row]):
            return
        if since is not None:
            raise JournalMoved(f"another keeper drains journal {name}", hint="one keeper per machine is enough")

    def journal_position(self, journal: str) -> int:
        return self.journal_positions([journal]).get(journal, 0)

    def journal_positions(self, names: Sequence[str]) -> dict[str, int]:
        """Of those that have one."""
        query = select(journals.c.name, journals.c.position).where(journals.c.name.in_([key(name) for name in names]))
        with self._database.read() as connection:
            found = {row.name: int(row.position) for row in connection.execute(query)}
        return {name: found[key(name)] for name in names if key(name) in found}

    def forget_journal(self, journal: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(journals).where(journals.c.name == key(journal)))

    def exchanges(self, *, call_uuids: Sequence[str] = (), transfer_id: str = "", limit: int = 1000) -> list[Exchange]:
        """What concerns any of the calls (as itself, as A leg or B leg) or the transfer, in time order.

        Of more than `limit` the newest. No condition, nothing found.
        """
        conditions = of_calls(call_uuids) + of_transfer(transfer_id)
        if not conditions:
            return []
        query = select(exchanges.c.body).where(or_(*conditions)).order_by(exchanges.c.at.desc(), exchanges.c.id.desc())
        with self._database.read() as connection:
            bodies = connection.execute(query.limit(limit)).scalars().all()
        return [decode(body) for body in reversed(bodies)]

    def last_provider(self, call_uuid: str) -> str:
        """Who last spoke of this call; refused requests do not count, anybody can send those. "" when never seen."""
        conditions = of_calls([call_uuid])
        if not conditions:
            return ""
        query = (
            select(exchanges.c.provider)
            .where(or_(*conditions), exchanges.c.outcome != Outcome.REJECTED.value)
            .order_by(exchanges.c.at.desc(), exchanges.c.id.desc())
        )
        with self._database.read() as connection:
            return str(connection.execute(query.limit(1)).scalar() or "")

    def calls(self, *, limit: int = 50) -> list[str]:
        """UUIDs of the calls last heard of, newest first; refused requests do not count.

        Walks back in time only as far as it must: grouping would read the whole table.
        """
        found: dict[str, None] = {}
        query = (
            select(exchanges.c.call_uuid, exchanges.c.at, exchanges.c.seq)
            .where(exchanges.c.call_uuid != EMPTY_TEXT, exchanges.c.outcome != Outcome.REJECTED.value)
            .order_by(exchanges.c.at.desc(), exchanges.c.seq.desc())
            .limit(_PAGE)
        )
        page = query
        with self._database.read() as connection:
            while True:
                rows = connection.execute(page).all()
                for row in rows:
                    found.setdefault(row.call_uuid)
                if len(rows) < _PAGE or len(found) >= limit:
                    return list(found)[:limit]
                last = rows[-1]
                page = query.where(exchanges.c.at <= last.at, or_(exchanges.c.at < last.at, exchanges.c.seq < last.seq))

    # --- transfers

    def add_transfer(self, transfer: Transfer) -> Transfer:
        """Write the row; if its idempotency key (or id) is there already, nothing is written and that row returned."""
        row = transfer_row(transfer)
        with self._database.write() as connection:
            if self._add(connection, transfers, [row]):
                return transfer
            same = transfers.c.id == row["id"]
            if row["idempotency_key"] is not None:
                same = or_(same, transfers.c.idempotency_key == row["idempotency_key"])
            # the key's owner before the id's, should they be two rows
            query = select(transfers).where(same).order_by(transfers.c.idempotency_key.is_(None), transfers.c.seq)
            return transfer_from(connection.execute(query.limit(1)).one())

    def settle_transfer(
        self,
        transfer_id: str,
        status: TransferStatus,
        *,
        http_status: int | None = None,
        api_id: str = "",
        reason: str = "",
        message: str = "",
        at: float,
    ) -> bool:
        """Only from REQUESTED: of two who settle one transfer the first wins. Whether this call did it."""
        settled = (
            update(transfers)
            .where(transfers.c.id == key(transfer_id), transfers.c.status == TransferStatus.REQUESTED.value)
            .values(
                status=status.value,
                http_status=http_status,
                api_id=plain(api_id),
                reason=plain(reason),
                message=plain(message),
                settled_at=at,
            )
        )
        with self._database.write() as connection:
            return connection.execute(settled).rowcount == 1

    def transfer(self, transfer_id: str) -> Transfer | None:
        with self._database.read() as connection:
            row = connection.execute(select(transfers).where(transfers.c.id == key(transfer_id))).first()
        return transfer_from(row) if row else None

    def transfers(self, *, limit: int = 50, call_uuid: str = "") -> list[Transfer]:
        """Newest first; all, or those of one call."""
        query = select(transfers).order_by(transfers.c.requested_at.desc(), transfers.c.seq.desc()).limit(limit)
        if call_uuid:
            query = query.where(transfers.c.call_uuid == key(call_uuid))
        with self._database.read() as connection:
            return [transfer_from(row) for row in connection.execute(query)]

    # --- housekeeping

    def prune(self, *, before: float) -> int:
        """Delete what is older; how many exchanges and transfers that were.

        A journal position that has not moved since goes too. Should its file still be there, its lines are read
        once more: what they hold is there already, or is as old and goes with the next prune.
        """
        gone = 0
        for table, column in ((exchanges, exchanges.c.at), (transfers, transfers.c.requested_at)):
            old = select(table.c.seq).where(column < before).limit(PRUNE_BATCH)
            while True:
                with self._database.write() as connection:
                    count = connection.execute(delete(table).where(table.c.seq.in_(old))).rowcount
                gone += count
                if count < PRUNE_BATCH:
                    break
        with self._database.write() as connection:
            connection.execute(delete(journals).where(journals.c.at < before))
        return gone

    def _add(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Insert those that are not there yet; how many that were."""
        insert = sqlite.insert(table) if self._database.is_sqlite else postgresql.insert(table)
        # unless it is told to keep it, SQLAlchemy has -1 for the count of an INSERT on PostgreSQL
        options = {"preserve_rowcount": True}
        return connection.execute(insert.on_conflict_do_nothing(), rows, execution_options=options).rowcount
