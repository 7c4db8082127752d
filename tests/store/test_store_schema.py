"""The tables: made, migrated, refused when they are not what this version knows."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from store_processes import script
from store_samples import exchange

from callflows.errors import StoreError
from callflows.store import open_store
from callflows.store.schema import SCHEMA_VERSION, VERSION_TABLE, metadata


def test_a_blank_database_says_what_to_do(blank_url: str) -> None:
    store = open_store(blank_url)
    with pytest.raises(StoreError, match="callflows db upgrade"):
        store.ping()
    store.upgrade()
    store.upgrade()
    store.ping()
    store.close()


def test_the_migrations_make_the_tables_that_the_code_knows(blank_url: str) -> None:
    store = open_store(blank_url)
    store.upgrade()
    engine = create_engine(blank_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert context.get_current_revision() == SCHEMA_VERSION
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    store.close()


def test_a_newer_schema_is_refused(blank_url: str) -> None:
    store = open_store(blank_url)
    store.upgrade()
    store.close()
    engine = create_engine(blank_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9000'"))
    for use in (store.ping, store.upgrade, store.transfers, lambda: store.add_exchanges([exchange(1)])):
        with pytest.raises(StoreError, match="9000, newer than"):
            use()
    engine.dispose()
    store.close()


def test_an_older_schema_is_refused_until_it_is_upgraded(blank_url: str) -> None:
    store = open_store(blank_url)
    store.upgrade()
    store.close()
    engine = create_engine(blank_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0000'"))
    with pytest.raises(StoreError, match="callflows db upgrade"):
        store.transfers()
    engine.dispose()
    store.close()


def test_processes_that_upgrade_at_once(blank_url: str) -> None:
    code = "store = open_store(sys.argv[1])\nstore.upgrade()\nstore.ping()\nprint('ok')"
    processes = [script(code, blank_url) for _ in range(3)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert outputs == ["ok\n"] * 3


def test_a_failed_upgrade_leaves_nothing_behind(blank_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a schema would be refused by the next upgrade too."""

    def fail(*_: object) -> None:
        raise OSError("pulled the plug")

    store = open_store(blank_url)
    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_table", fail)
        with pytest.raises(StoreError, match="pulled the plug"):
            store.upgrade()
    engine = create_engine(blank_url)
    with engine.connect() as connection:
        assert not engine.dialect.has_table(connection, VERSION_TABLE)
    engine.dispose()
    store.upgrade()
    store.ping()
    store.close()


def test_a_database_shared_with_an_application_keeps_its_tables(blank_url: str) -> None:
    engine = create_engine(blank_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
        connection.execute(text("CREATE TABLE calls (id int)"))
    store = open_store(blank_url)
    store.upgrade()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "theirs"
    engine.dispose()
    store.close()
