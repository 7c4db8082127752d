"""Both databases, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from callflows.store import Store, open_store

TABLES = "callflows_exchanges, callflows_transfers, callflows_journals, callflows_destinations, callflows_waiting"


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Callable[[], str]) -> str:
    url = postgres_server()
    store = open_store(url)
    store.upgrade()
    store.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with empty tables."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/store.sqlite3"
        store = open_store(address)
        store.upgrade()
        store.close()
        return address
    address = str(request.getfixturevalue("postgres_url"))
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}"))
    engine.dispose()
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"
