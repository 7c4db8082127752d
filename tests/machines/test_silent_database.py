"""A PostgreSQL that keeps its connections and says nothing: whoever waits learns so, and it is used again after."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url, text

from callflows.errors import StoreError
from callflows.store import Store, engine, open_store

from .relay import Relay


@pytest.fixture
def relay(postgres_server: Callable[[], str]) -> Iterator[tuple[Relay, Store, str]]:
    url = make_url(postgres_server())
    relay = Relay((url.host or "127.0.0.1", url.port or 5432))
    between = url.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
    store = open_store(between)
    store.upgrade()
    yield relay, store, url.render_as_string(hide_password=False)
    store.close()
    relay.close()


def test_a_server_that_falls_silent_is_given_up(relay: tuple[Relay, Store, str]) -> None:
    between, store, _ = relay
    between.fail("silent")
    with pytest.raises(StoreError, match="timeout"):  # the idle connection was tried, and then a new one
        store.try_write()
    between.mend()
    store.try_write()


def test_in_the_middle_of_a_transaction_too(relay: tuple[Relay, Store, str], monkeypatch: pytest.MonkeyPatch) -> None:
    between, store, _ = relay
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_S", 0)

    def read_twice() -> None:
        with store._database.read() as connection:
            connection.execute(text("SELECT 1"))
            between.fail("silent")
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreError, match="has said nothing for 2 s"):
        read_twice()
    between.mend()
    store.ping()


def test_a_server_that_vanishes_in_a_transaction_leaves_no_lock_behind(
    relay: tuple[Relay, Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    between, store, direct = relay
    store.close()
    monkeypatch.setattr(engine, "IDLE_TIMEOUT_S", 1)
    lock = text("SELECT pg_advisory_xact_lock(1)")
    holding, done = threading.Event(), threading.Event()

    def vanish() -> None:
        with contextlib.suppress(StoreError), store._database.write() as connection:
            connection.execute(lock)
            holding.set()
            done.wait(30)

    vanishing = threading.Thread(target=vanish)
    vanishing.start()
    try:
        assert holding.wait(10)
        between.fail("silent")
        other = open_store(direct)
        with other._database.write() as connection:
            connection.execute(lock)
        other.close()
    finally:
        between.mend()
        done.set()
        vanishing.join()
