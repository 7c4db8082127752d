"""Everything that is asked of the database, for both kinds of it. Raises StoreError and nothing else."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import OutcomeUnknown, StoreError
from ..models import Exchange, Outcome, Transfer, TransferStatus, Waiting
from . import queues
from .admission import Admission, admit, lock
from .codec import decode, key, plain
from .engine import Database
from .migrate import Upgrade
from .partner import Partner, partner
from .pruning import Pruned, prune
from .recent import hung_up, newest_of, pulse
from .rows import EMPTY_TEXT, cursor, exchange_row, of_calls, of_transfer, read_cursor, transfer_from, transfer_row
from .schema import destinations, exchanges, journals, transfers
from .stories import read_refused, read_story

_PAGE = 1000
ABANDONED = "whoever asked the platform ended before its answer was noted; the call may have been moved"


class JournalMoved(StoreError):
    """Another drainer has moved this journal's position: nothing was written."""


def open_store(url: str) -> Store:
    """The store at a database URL. Opens nothing yet; StoreError when the URL makes no sense."""
    return Store(url)


class Store:
    def __init__(self, url: str) -> None:
        self._database = Database(url)

    @property
    def name(self) -> str:
        """Which store this is, for people: a path or host:port/name, never a password."""
        return self._database.name

    def upgrade(self) -> Upgrade:
        """Make or migrate the tables. Any number of processes may do so at once."""
        return self._database.upgrade()

    def set_up(self) -> None:
        """Make the tables where there are none; older ones are left as they are."""
        if not self.schema_version():
            self.upgrade()

    def schema_version(self) -> str:
        """Which version the tables have, also where this code would refuse them; "" where there are none."""
        return self._database.schema_version()

    def ping(self) -> None:
        with self._database.read() as connection:
            connection.execute(text("SELECT 1"))

    def try_write(self) -> None:
        """Raise StoreError where nothing can be written: deleting no row takes the same right as deleting one."""
        with self._database.write() as connection:
            connection.execute(delete(journals).where(journals.c.name == EMPTY_TEXT))

    def free_bytes(self) -> int | None:
        """Room within SQLite's file that deleted rows have left to new ones; None on PostgreSQL."""
        return self._database.free_bytes()

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
            queues.hold(connection, new)
            if journal:
                self._move(connection, key(journal), position, since)
            if not rows:
                return 0
            added = self._add(connection, exchanges, rows)
            queues.follow(connection, new)
            return added

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

    def exchanges_of(self, call_uuids: Sequence[str], *, each: int) -> dict[str, list[Exchange]]:
        """The newest exchanges of each of the calls, in time order; in one read."""
        with self._database.read() as connection:
            return newest_of(connection, call_uuids, each)

    def pulse(self) -> tuple[object, ...]:
        """Another one when something has happened: for whoever asks often, beside looking anew now and then."""
        with self._database.read() as connection:
            return pulse(connection)

    def hung_up(self, call_uuids: Sequence[str]) -> set[str]:
        """Those of the calls that the platform said have hung up; another may be over all the same."""
        with self._database.read() as connection:
            return hung_up(connection, call_uuids)

    def story(self, transfer_id: str) -> tuple[Transfer, list[Exchange]] | None:
        """A transfer, and what is known of it and its legs in time order: see `stories`. None: there is no such."""
        with self._database.read() as connection:
            return read_story(connection, transfer_id)

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

    def calls(self, *, limit: int = 50, before: str = "") -> dict[str, str]:
        """UUIDs of the calls last heard of, newest first, each with its cursor: `before` that one come older calls.
        Refused requests do not count.

        Walks back in time only as far as it must: grouping would read the whole table.
        """
        found: dict[str, str] = {}
        query = (
            select(exchanges.c.call_uuid, exchanges.c.at, exchanges.c.id)
            .where(exchanges.c.call_uuid != EMPTY_TEXT, exchanges.c.outcome != Outcome.REJECTED.value)
            .order_by(exchanges.c.at.desc(), exchanges.c.id.desc())
            .limit(_PAGE)
        )
        if before:
            at, id = read_cursor(before)
            later = exchanges.alias()
            stands_before = exists().where(
                later.c.call_uuid != EMPTY_TEXT,
                later.c.call_uuid == exchanges.c.call_uuid,
                later.c.outcome != Outcome.REJECTED.value,
                later.c.at >= at,
                or_(later.c.at > at, later.c.id >= id),
            )
            query = query.where(exchanges.c.at <= at, ~stands_before)
        page = query
        with self._database.read() as connection:
            while True:
                rows = connection.execute(page).all()
                for row in rows:
                    found.setdefault(row.call_uuid, cursor(row.at, row.id))
                if len(rows) < _PAGE or len(found) >= limit:
                    return dict(itertools.islice(found.items(), limit))
                last = rows[-1]
                page = query.where(exchanges.c.at <= last.at, or_(exchanges.c.at < last.at, exchanges.c.id < last.id))

    def refused(self, *, limit: int, before: str = "") -> tuple[list[Exchange], str]:
        """Requests that were refused, newest first, and a cursor to older ones, "" when there are none."""
        with self._database.read() as connection:
            return read_refused(connection, limit, before)

    # --- transfers

    def add_transfer(self, transfer: Transfer, wanted: Admission | None = None) -> Transfer:
        """Write the row; if its idempotency key (or id) is there already, nothing is written and that row returned.

        Raise what `admission` refuses, with nothing written.
        """
        row = transfer_row(transfer)
        with self._database.write() as connection:
            if wanted is not None:
                lock(connection, transfer, wanted)
                if not self._keyed(connection, row["idempotency_key"]):
                    admit(connection, transfer, wanted)
            if self._add(connection, transfers, [row]):
                if wanted is not None and wanted.destinations:
                    at, id = row["requested_at"], row["id"]
                    rows = [{"number": key(number), "at": at, "transfer_id": id} for number in wanted.destinations]
                    connection.execute(insert(destinations), rows)
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
        """Only from REQUESTED, or after `give_up`: of two who settle one transfer the first wins. Whether this call
        did it.
        """
        c = transfers.c
        given_up = and_(c.status == TransferStatus.UNKNOWN.value, c.message == ABANDONED)
        settled = (
            update(transfers)
            .where(c.id == key(transfer_id), or_(c.status == TransferStatus.REQUESTED.value, given_up))
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

    def give_up(self, *, before: float, at: float) -> int:
        """Transfers requested before that, and never settled, are unknown: whoever asked ended meanwhile. How many."""
        c = transfers.c
        unsettled = update(transfers).where(c.status == TransferStatus.REQUESTED.value, c.requested_at < before)
        unknown = {"status": TransferStatus.UNKNOWN.value, "reason": OutcomeUnknown.code, "message": ABANDONED}
        with self._database.write() as connection:
            return connection.execute(unsettled.values(**unknown, settled_at=at)).rowcount

    def transfer(self, transfer_id: str) -> Transfer | None:
        with self._database.read() as connection:
            row = connection.execute(select(transfers).where(transfers.c.id == key(transfer_id))).first()
        return transfer_from(row) if row else None

    def transfer_of_key(self, idempotency_key: str) -> Transfer | None:
        with self._database.read() as connection:
            row = self._keyed(connection, key(idempotency_key))
        return transfer_from(row) if row else None

    def transfers(
        self,
        *,
        limit: int = 50,
        call_uuid: str = "",
        provider: str = "",
        status: str = "",
        asked_by: str = "",
        since: float | None = None,
        until: float | None = None,
        before: str = "",
    ) -> list[Transfer]:
        """Newest first, those that all conditions hold for. `since <= requested_at < until`; `before` is the
        `cursor_of` the last one of the page before (RequestInvalid when it is none).
        """
        c = transfers.c
        query = select(transfers).order_by(c.requested_at.desc(), c.id.desc()).limit(limit)
        wanted = {c.call_uuid: call_uuid, c.provider: provider, c.status: status, c.asked_by: asked_by}
        query = query.where(*(column == key(value) for column, value in wanted.items() if value))
        if since is not None:
            query = query.where(c.requested_at >= since)
        if until is not None:
            query = query.where(c.requested_at < until)
        if before:
            at, id = read_cursor(before)
            query = query.where(c.requested_at <= at, or_(c.requested_at < at, c.id < id))
        with self._database.read() as connection:
            return [transfer_from(row) for row in connection.execute(query)]

    def count_transfers(self, call_uuid: str) -> int:
        """Of one call, those that may have moved it."""
        c = transfers.c
        query = select(func.count()).where(c.call_uuid == key(call_uuid), c.status != TransferStatus.REJECTED.value)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    @staticmethod
    def cursor_of(transfer: Transfer) -> str:
        return cursor(transfer.requested_at, transfer.id)

    # --- what a step needs, and queues

    def needed(
        self, transfer_id: str, leg: str, queue: str, call_uuid: str
    ) -> tuple[Partner, queues.Place | None, queues.Others]:
        """What is known of the other leg of a transfer that `leg` is one of, and of a caller's place in a queue; for
        no transfer nothing, for no queue None.
        """
        with self._database.read() as connection:
            other = partner(connection, transfer_id, leg) if transfer_id else Partner()
            if not queue:
                return other, None, queues.Others()
            place = queues.place(connection, queue, call_uuid)
            return other, place, queues.others(connection, queue, call_uuid, place)

    def waiting(self, queue: str = "") -> list[Waiting]:
        """Who waits, of one queue or of all, queue by queue and the next one first; those who are claimed too."""
        with self._database.read() as connection:
            return queues.in_line(connection, queue)

    def claim_next(self, queue: str, providers: Collection[str], *, claim: str, at: float) -> Waiting | None:
        """Whoever has waited longest on one of these platforms is `claim`'s, and nobody else's, until `give_back`,
        `leave`, or a waiting step that they are served again. None: nobody waits.
        """
        with self._database.write() as connection:
            return queues.claim(connection, queues.next_in(queue, providers), claim, at)

    def claim_caller(self, call_uuid: str, queue: str = "", *, claim: str, at: float) -> Waiting | None:
        """The same of one caller, whoever had them. None: they wait in no queue, or not in this one."""
        with self._database.write() as connection:
            return queues.claim(connection, queues.caller(call_uuid, queue), claim, at)

    def give_back(self, claimed: Waiting) -> None:
        """They wait at their place again, unless the claim has ended by itself."""
        with self._database.write() as connection:
            queues.give_back(connection, claimed)

    def leave(self, claimed: Waiting) -> None:
        """They wait no more, unless the claim has ended by itself."""
        with self._database.write() as connection:
            queues.leave(connection, claimed)

    def forget_waiting(self, *, before: float) -> None:
        """Whoever joined a queue before that is gone: their hang-up will never be told."""
        with self._database.write() as connection:
            queues.forget(connection, before)

    # --- housekeeping

    def prune(self, *, before: float, dry_run: bool = False) -> Iterator[Pruned]:
        """Delete what is older, a batch for each step of the iterator: see `pruning`. Let others write in between."""
        return prune(self._database, before=before, dry_run=dry_run)

    @staticmethod
    def _keyed(connection: Connection, idempotency_key: str | None) -> Row[Any] | None:
        """The row that has this key; None without one."""
        if idempotency_key is None:
            return None
        return connection.execute(select(transfers).where(transfers.c.idempotency_key == idempotency_key)).first()

    def _add(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Insert those that are not there yet; how many that were."""
        insert = sqlite.insert(table) if self._database.is_sqlite else postgresql.insert(table)
        # unless it is told to keep it, SQLAlchemy has -1 for the count of an INSERT on PostgreSQL
        options = {"preserve_rowcount": True}
        return connection.execute(insert.on_conflict_do_nothing(), rows, execution_options=options).rowcount
