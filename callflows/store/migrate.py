"""Bringing a database's tables to this version's shape. Alembic is imported only here: it costs 0.1 s."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ..errors import StoreError
from .schema import SCHEMA_VERSION, VERSION_TABLE

_LOCK = 0x63616C6C666C6F77  # any number, the same in every version: the advisory lock's name

LOCK_TIMEOUT_S = 60  # for another upgrade, or for whoever else uses a table that changes

UPGRADE_HINT = "run: callflows db upgrade; a server does so by itself when it starts"
NEWER_HINT = (
    "a newer callflows has upgraded it: install that version here too, or restore the backup from before; "
    "until then journals wait, and nothing is lost"
)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: from which version ("": no tables) to which, and the migrations that ran, oldest first."""

    found: str
    version: str
    ran: tuple[tuple[str, str], ...] = ()  # version, what it is about


def version(connection: Connection) -> str:
    """The revision the database is at; "" when it has none of our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 (a constant)
    return str(found or "")


def is_current(connection: Connection) -> bool:
    found = version(connection)
    _refuse_newer(found)
    return found == SCHEMA_VERSION


def _refuse_newer(found: str) -> None:
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"the store's schema is version {found}, newer than the {SCHEMA_VERSION} this callflows knows",
            hint=NEWER_HINT,
        )


def check(connection: Connection) -> None:
    """Refuse a database this code would misread."""
    found = version(connection)
    _refuse_newer(found)
    if found != SCHEMA_VERSION:
        state = f"at version {found}, this callflows needs {SCHEMA_VERSION}" if found else "not set up yet"
        raise StoreError(f"the store is {state}", hint=UPGRADE_HINT)


def upgrade(connection: Connection) -> Upgrade:
    """Within the caller's write transaction, which on SQLite is the lock; on PostgreSQL we take one."""
    if connection.dialect.name == "postgresql":
        # an index over a big table may take longer than the limit for everyday statements
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_S * 1000}"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = version(connection)
    if is_current(connection):
        return Upgrade(found, found)  # another process was faster
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # Alembic expands % in options
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    steps = list(ScriptDirectory.from_config(config).iterate_revisions("head", found or "base"))
    command.upgrade(config, "head")
    return Upgrade(found, SCHEMA_VERSION, tuple((step.revision, step.doc) for step in reversed(steps)))
