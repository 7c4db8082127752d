"""From journals into the store: every line that was written whole is stored exactly once."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import store_samples as samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_files import files, ids, orphan
from store_samples import exchange

from callflows.errors import StoreError
from callflows.models import Exchange
from callflows.store import Drain, Journal, JournalMoved, Store, open_store
from callflows.store import drain as drain_module
from callflows.store.codec import to_line


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(samples.exchanges, max_size=12, unique_by=lambda e: e.id),
    limit=st.integers(1, 5),
    noise=st.lists(st.binary(max_size=30), max_size=4),
)
def test_what_is_written_is_stored(
    tmp_path: Path, store: Store, sent: list[Exchange], limit: int, noise: list[bytes]
) -> None:
    folder = tmp_path / uuid.uuid4().hex
    mark = uuid.uuid4().hex  # ids are unique for ever, and the database outlives the example
    sent = [replace(e, id=f"{mark}-{n}", transfer_id=mark) for n, e in enumerate(sent)]
    lines = [to_line(e) for e in sent]
    for rubbish in noise:
        lines.insert(len(lines) // 2, rubbish + b"\n")
    orphan(folder, b"".join(lines) + b"half a line")
    drain = Drain(folder, store)
    while drain.once(limit):
        assert drain.depth()[0] >= 0
    assert sorted(store.exchanges(transfer_id=mark), key=lambda e: e.id) == sorted(sent, key=lambda e: e.id)
    assert files(folder) == []


def test_limit_and_order(folder: Path, store: Store) -> None:
    orphan(folder, b"".join(to_line(exchange(n)) for n in range(10)), "0-1-a")
    orphan(folder, b"".join(to_line(exchange(n)) for n in range(10, 20)), "1-1-b")
    drain = Drain(folder, store)
    assert drain.once(4) == 4
    assert ids(store) == [f"x{n}" for n in range(4)]
    assert drain.once(10) == 10
    assert ids(store) == [f"x{n}" for n in range(14)]
    assert [drain.once(10), drain.once(10)] == [6, 0]
    assert files(folder) == []


def test_blocks_end_anywhere(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "BLOCK", 7)
    orphan(folder, b"".join(to_line(exchange(n)) for n in range(5)))
    assert Drain(folder, store).once() == 5


def test_a_transaction_is_bounded_in_bytes(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "BLOCK", 500)
    monkeypatch.setattr(drain_module, "BATCH_BYTES", 1000)
    orphan(folder, b"".join(to_line(exchange(n)) for n in range(20)))
    drain = Drain(folder, store)
    counts = list(iter(drain.once, 0))
    assert sum(counts) == 20
    assert max(counts) < 10


def test_an_endless_line_is_rubbish(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "LINE_CAP", 2000)
    monkeypatch.setattr(drain_module, "BLOCK", 500)
    orphan(folder, to_line(exchange(1)) + b"\0" * 10_000 + b"\n" + to_line(exchange(2)))
    drain = Drain(folder, store)
    assert drain.once() == 2
    assert drain.skipped > 0


def test_an_unfinished_line_is_waited_for_while_its_writer_lives(folder: Path, store: Store) -> None:
    journal = Journal(folder)
    journal.write(exchange(1))
    (file,) = files(folder)
    line = to_line(exchange(2))
    with file.open("ab") as other:
        other.write(line[:50])
    drain = Drain(folder, store)
    assert drain.once() == 1
    assert drain.once() == 0
    assert drain.skipped == 0
    assert drain.depth()[0] == 50
    with file.open("ab") as other:
        other.write(line[50:])
    assert drain.once() == 1
    with file.open("ab") as other:
        other.write(line[:50])
    journal.close()
    assert drain.once() == 0
    assert drain.skipped == 1
    assert files(folder) == []
    assert ids(store) == ["x1", "x2"]


def test_rubbish_alone_moves_the_position(folder: Path, store: Store) -> None:
    journal = Journal(folder)
    journal.write(exchange(1))
    (file,) = files(folder)
    file.write_bytes(b"rubbish\n")
    drain = Drain(folder, store)
    assert drain.once() == 0
    assert store.journal_position(file.name) == 8
    assert drain.depth() == (0, 0.0)


def test_depth(folder: Path, store: Store) -> None:
    drain = Drain(folder, store)
    assert drain.depth() == (0, 0.0)
    journal = Journal(folder)
    now = time.time()
    journal.write(exchange(1, at=now - 100))
    first = files(folder)[0].stat().st_size
    journal.write(exchange(2, at=now - 40))
    size, age = drain.depth()
    assert size == files(folder)[0].stat().st_size
    assert age == pytest.approx(100, abs=5)
    drain.once(1)
    size, age = Drain(folder, store).depth()
    assert size == files(folder)[0].stat().st_size - first, "whoever asks, drainer or not"
    assert age == pytest.approx(40, abs=5)
    drain.once()
    assert drain.depth() == (0, 0.0)


def test_another_drainer_in_between(folder: Path, store: Store, url: str) -> None:
    """One has read its lines when the other commits them: nothing is doubled, nothing is left out."""
    path = orphan(folder, b"".join(to_line(exchange(n)) for n in range(10)))
    other_store = open_store(url)
    other, drain = Drain(folder, other_store), Drain(folder, store)
    real = store.add_exchanges

    def late(*args: object, **values: object) -> int:
        store.add_exchanges = real  # type: ignore[method-assign]
        assert other.once(4) == 4
        return real(*args, **values)  # type: ignore[arg-type]

    store.add_exchanges = late  # type: ignore[method-assign]
    assert drain.once() == 0, "the other one was faster"
    assert path.exists()
    assert sum(iter(drain.once, 0)) == 6
    assert ids(store) == [f"x{n}" for n in range(10)]
    assert not path.exists()
    other_store.close()


def test_killed_between_forgetting_a_position_and_deleting_its_file(folder: Path, store: Store) -> None:
    content = b"".join(to_line(exchange(n)) for n in range(10))
    path = orphan(folder, content)
    drain = Drain(folder, store)
    with mock.patch.object(Path, "unlink", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        drain.once()
    assert path.exists()
    again = Drain(folder, store)
    while again.once():
        pass
    assert ids(store) == [f"x{n}" for n in range(10)]
    assert not path.exists()


def test_the_store_away_moves_nothing(folder: Path, tmp_path: Path) -> None:
    orphan(folder, to_line(exchange(1)))
    address = f"sqlite:///{tmp_path}/late.sqlite3"
    store = open_store(address)
    drain = Drain(folder, store)
    for _ in range(3):
        with pytest.raises(StoreError):
            drain.once()
    assert drain.depth()[0] == len(to_line(exchange(1)))
    store.upgrade()
    assert drain.once() == 1
    store.close()


def test_two_drainers_at_once(folder: Path, store: Store, url: str) -> None:
    """More than there should be (the keeper is one), and still each line once."""
    for file in range(4):
        orphan(folder, b"".join(to_line(exchange(f"{file}-{n}")) for n in range(200)), f"{file}-1-x")
    stores = [open_store(url) for _ in range(3)]
    errors: list[BaseException] = []

    def run(one: Store) -> None:
        drain = Drain(folder, one)
        try:
            while files(folder):
                drain.once(7)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(ids(store)) == sorted(f"x{file}-{n}" for file in range(4) for n in range(200))
    for one in stores:
        one.close()


def test_left_over_new_files_are_cleared(folder: Path, store: Store) -> None:
    folder.mkdir()
    old, young = folder / "a.new", folder / "b.new"
    old.touch()
    young.touch()
    os.utime(old, (1, 1))
    Drain(folder, store).once()
    assert files(folder, ".new") == [young]


def test_journal_moved_is_a_store_error() -> None:
    assert issubclass(JournalMoved, StoreError)
