"""One database, one engine per process, made at its first use. All that SQLite and PostgreSQL differ in is here.

SQLite: WAL; a write takes the lock at its beginning (`BEGIN IMMEDIATE`: with a plain BEGIN and a read first, 40 % of
concurrent writes failed at once whatever the busy timeout), a read does not. PostgreSQL: psycopg 3; whoever waits
for it learns within seconds that it is away, or that it hangs (`patience`).
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..errors import StoreError
from . import migrate
from .schema import SCHEMA_VERSION

BUSY_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_S = 10
IDLE_TIMEOUT_S = 15  # of a transaction: a machine that vanishes in the middle of one leaves locks that others wait for
UPGRADE_TIMEOUT_S = 60.0  # another process may be upgrading a big store
RECHECK_S = 5.0  # how soon a process that runs for weeks sees that the store was upgraded under it

# what the databases say, in small letters, and what to do about it
_HINTS = (
    (("no space left", "disk is full"), "its disk is full: make room; what is old goes with callflows db prune"),
    (
        ("readonly", "read-only"),
        "it is read-only: a file and its folder must be writable; of PostgreSQL name the primary, not a standby",
    ),
    (
        ("permission denied for", "must be owner"),
        "the database's user lacks the right: grant it, or run callflows db upgrade as the tables' owner",
    ),
)
_URL_HINT = "set CALLFLOWS_DATABASE_URL to postgresql://user:password@host/name or sqlite:///path/to/file"


def read_url(text: str) -> URL:
    """`text` as SQLAlchemy needs it. The errors never quote it: it may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("the database URL cannot be read", hint=f"{_URL_HINT}; percent-encode the password") from None
    if "@" in (url.host or ""):  # else the rest of the password would be shown as a host name
        raise StoreError("the database URL has a second @", hint="percent-encode the password: @ is %40")
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if url.database in (None, "", ":memory:") or "uri" in url.query:
            raise StoreError("the store must be a file", hint="several processes share it: sqlite:///path/to/file")
        return url
    raise StoreError(f"the store cannot be {url.get_backend_name()}", hint=_URL_HINT)


class Database:
    """Connections of this process. A forked child makes its own."""

    def __init__(self, url: str) -> None:
        self._url = read_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self.name = (
            str(self._url.database)
            if self.is_sqlite
            else f"{self._url.host or 'localhost'}:{self._url.port or 5432}/{self._url.database or ''}"
        )
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._dispose: weakref.finalize[[], Database] | None = None
        self._checked = -math.inf  # when the schema was last found to be ours
        self._inode: tuple[int, int] | None = None  # of SQLite's file, while we have it open
        _databases.add(self)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """A transaction: all of it or nothing. `durable`: on disk when it returns, even if the power fails then.

        Otherwise SQLite may lose the last moments to a power failure (never to a crash of ours); PostgreSQL does not.
        """
        with self._begin(callflows_write=True, callflows_durable=durable) as connection:
            yield connection

    def upgrade(self) -> migrate.Upgrade:
        with self._begin(callflows_upgrade=True) as connection:
            if migrate.is_current(connection):  # as nearly always: no lock to wait for
                return migrate.Upgrade(SCHEMA_VERSION, SCHEMA_VERSION)
        with self._begin(callflows_write=True, callflows_durable=True, callflows_upgrade=True) as connection:
            return migrate.upgrade(connection)

    def schema_version(self) -> str:
        with self._begin(callflows_upgrade=True) as connection:
            return migrate.version(connection)

    def free_bytes(self) -> int | None:
        if not self.is_sqlite:
            return None
        with self.read() as connection:
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_size")
            )
        return int(pages) * int(size)

    def close(self) -> None:
        with self._lock:
            if self._dispose is not None:
                self._dispose()
            self._engine, self._dispose, self._checked, self._inode = None, None, -math.inf, None

    @contextmanager
    def _begin(self, **options: Any) -> Iterator[Connection]:
        engine = None
        try:
            engine = self._get_engine()
            with engine.connect().execution_options(**options) as connection, connection.begin():
                if "callflows_upgrade" not in options and time.monotonic() - self._checked > RECHECK_S:
                    migrate.check(connection)
                    self._checked = time.monotonic()
                yield connection
        except (SQLAlchemyError, OSError) as error:
            self._checked = -math.inf  # perhaps the tables are not ours any more: say so next time
            raise self._explain(error) from error
        finally:
            if engine is not None and engine is not self._engine:
                engine.pool.dispose()  # closed while we were at it: what was given back just now nobody else closes

    def _get_engine(self) -> Engine:
        with self._lock:
            if self._inode is not None and _inode(self.name) != self._inode:
                # what we wrote would go into a file without a name, and be lost with it
                raise StoreError(
                    f"the store {self.name} was moved or replaced while it was in use",
                    hint="stop whatever uses it, put the file in place without its -wal and -shm, and start again; "
                    "until then journals wait",
                )
            if self._engine is None:
                self._engine = self._sqlite() if self.is_sqlite else self._postgres()
                # at the latest when the process ends: SQLite then puts its WAL back into the file
                self._dispose = weakref.finalize(self, self._engine.pool.dispose)
            return self._engine

    def _sqlite(self) -> Engine:
        path = Path(self.name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # made before SQLite makes it, as only the owner's; SQLite gives -wal and -shm the same mode
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._inode = _inode(self.name)
        engine = create_engine(
            self._url, hide_parameters=True, pool_timeout=5, connect_args={"timeout": BUSY_TIMEOUT_S}
        )
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine

    def _postgres(self) -> Engine:
        defaults = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "callflows",
            # a server that vanished without a word: noticed by the kernel instead of never
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 8000,
        }
        arguments = {name: value for name, value in defaults.items() if name not in self._url.query}
        try:
            engine = create_engine(
                self._url, hide_parameters=True, pool_pre_ping=True, pool_timeout=5, connect_args=arguments
            )
        except ImportError as error:
            raise StoreError(
                "PostgreSQL needs psycopg, which is not installed", hint="pip install 'callflows[postgres]'"
            ) from error
        from .patience import PatientConnection

        event.listen(engine, "do_connect", lambda _dialect, _record, _, named: PatientConnection.connect(**named))
        event.listen(engine, "connect", _postgres_connect)
        event.listen(engine, "checkout", _postgres_checkout)
        event.listen(engine, "checkin", _postgres_checkin)
        event.listen(engine, "begin", _postgres_begin)
        return engine

    def _explain(self, error: Exception) -> StoreError:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        words = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        if self._url.password:
            words = words.replace(str(self._url.password), "[hidden]")
        if isinstance(error, PoolTimeout):
            return StoreError(f"the store {self.name} is overloaded: no connection came free", hint="try again")
        if self.is_sqlite:
            if "locked" in words or "busy" in words:
                words = f"another process has held its lock for {BUSY_TIMEOUT_S:.0f} s"
            hint = "check that the file and its folder can be written, that the disk has room, and that it is no NFS"
        else:
            hint = "check that the server runs and that CALLFLOWS_DATABASE_URL is right"
        said = words.lower()
        for signs, named in _HINTS:
            if any(sign in said for sign in signs):
                hint = named
        return StoreError(f"the store {self.name} failed: {words}", hint=hint)

    def _after_fork(self) -> None:
        # closing the parent's connections from here would end them for the parent too (PostgreSQL), or check-point
        # a file whose locks are the parent's (SQLite): they are kept unused for as long as this process lives
        if self._dispose is not None:
            self._dispose.detach()
        if self._engine is not None:
            _inherited.append(self._engine)
        self._lock, self._engine, self._dispose, self._checked = threading.Lock(), None, None, -math.inf
        self._inode = None


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, in _sqlite_begin
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            # two first users at once: this change of mode does not wait by itself
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 67108864")  # after a burst the WAL file shrinks again


def _sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    run = connection.exec_driver_sql
    if not options.get("callflows_write"):
        run("BEGIN")
        return
    waits = UPGRADE_TIMEOUT_S if options.get("callflows_upgrade") else BUSY_TIMEOUT_S
    run(f"PRAGMA busy_timeout = {int(waits * 1000)}")
    run(f"PRAGMA synchronous = {'FULL' if options.get('callflows_durable') else 'NORMAL'}")
    run("BEGIN IMMEDIATE")


def _postgres_connect(connection: Any, _record: object) -> None:
    # statements, not start-up options: connection poolers refuse the latter
    connection.autocommit = True
    connection.execute(
        f"SET statement_timeout = {STATEMENT_TIMEOUT_S * 1000};"
        f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_S * 1000};"
        # whatever the database's own default: who has waited for a lock must see what its holder wrote
        "SET default_transaction_isolation = 'read committed'"
    )
    connection.autocommit = False


def _postgres_checkout(connection: Any, _record: object, _proxy: object) -> None:
    connection.patience_s = STATEMENT_TIMEOUT_S + 2.0  # the server's own words come first


def _postgres_checkin(connection: Any, _record: object) -> None:
    if connection is not None:
        connection.patience_s = CONNECT_TIMEOUT_S  # the next thing that it is asked is whether it still works


def _postgres_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("callflows_upgrade") and options.get("callflows_write"):
        connection.connection.dbapi_connection.patience_s = math.inf  # type: ignore[union-attr]  # a big table takes its time


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_inherited: list[Engine] = []


def _in_child() -> None:
    for database in list(_databases):
        database._after_fork()


os.register_at_fork(after_in_child=_in_child)
