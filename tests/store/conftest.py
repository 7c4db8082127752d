"""Both databases. PostgreSQL: a database of its own for the session, named by chance; where there is no server,
its half is skipped and says so. `CALLFLOWS_TEST_POSTGRES` is the URL of a server's `postgres` database."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from callflows.store import Store, open_store

SERVER = os.environ.get("CALLFLOWS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
TABLES = "callflows_exchanges, callflows_transfers, callflows_journals"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[], str]]:
    """Makes databases; all are dropped at the end."""
    engine = create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        engine.connect().close()
    except SQLAlchemyError:
        pytest.skip("no PostgreSQL server (CALLFLOWS_TEST_POSTGRES)")
    made: list[str] = []

    def make() -> str:
        name = f"callflows_test_{uuid.uuid4().hex[:12]}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        made.append(name)
        return make_url(SERVER).set(database=name).render_as_string(hide_password=False)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    engine.dispose()


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


@pytest.fixture(params=["sqlite", "postgresql"])
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/blank.sqlite3"
    make: Callable[[], str] = request.getfixturevalue("postgres_server")
    return make()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()
