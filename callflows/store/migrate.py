"""Bringing a database's tables to this version's shape. Alembic is imported only here: it costs 0.1 s."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ..errors import StoreError
from .schema import SCHEMA_VERSION, VERSION_TABLE

_LOCK = 0x63616C6C666C6F77  # any number, the same in every version: the advisory lock's name

UPGRADE_HINT = "run: callflows db upgrade"


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
            hint="another machine runs a newer callflows on this store: install that version here too",
        )


def check(connection: Connection) -> None:
    """Refuse a database this code would misread."""
    found = version(connection)
    _refuse_newer(found)
    if found != SCHEMA_VERSION:
        state = f"at version {found}, this callflows needs {SCHEMA_VERSION}" if found else "not set up yet"
        raise StoreError(f"the store is {state}", hint=UPGRADE_HINT)


def upgrade(connection: Connection) -> None:
    """Within the caller's write transaction, which on SQLite is the lock; on PostgreSQL we take one."""
    if connection.dialect.name == "postgresql":
        # an index over a big table may take longer than the limit for everyday statements
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if is_current(connection):
        return  # another process was faster
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic expands % in options
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
