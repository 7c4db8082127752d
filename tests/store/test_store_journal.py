"""The journal's file format and its drain: every line that was written whole is stored exactly once."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from unittest import mock
from zlib import crc32

import pytest
import store_samples as samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import exchange

from callflows.errors import StoreError
from callflows.models import Exchange
from callflows.store import Drain, Journal, JournalMoved, Store, open_store
from callflows.store import drain as drain_module
from callflows.store import journal as journal_module
from callflows.store.codec import decode, encode, from_line, line_time, to_line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


def ids(store: Store) -> list[str]:
    return [e.id for e in store.exchanges(call_uuids=["call-1"], limit=100_000)]


def files(folder: Path, suffix: str = ".journal") -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))


def orphan(folder: Path, content: bytes, name: str = "0-1-dead") -> Path:
    """A file whose writer is gone."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.journal"
    path.write_bytes(content)
    return path


# --- lines


@given(samples.exchanges)
def test_a_line_is_one_line_of_ascii_and_comes_back_equal(sent: Exchange) -> None:
    line = to_line(sent)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line[:-1]) == sent
    assert decode(encode(sent)) == sent
    assert line_time(line[:64]) == pytest.approx(sent.at)


@given(st.data())
def test_a_damaged_line_is_never_taken(data: st.DataObject) -> None:
    line = to_line(exchange(7))[:-1]
    at = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[at]))
    with pytest.raises(ValueError, match=r"checksum|content"):
        from_line(line[:at] + bytes([byte]) + line[at + 1 :])
    with pytest.raises(ValueError, match=r"checksum|content"):
        from_line(line[:at])


@pytest.mark.parametrize("payload", [b"[]", b"{}", b'{"at":"x","id":"1","provider":"p"}', b"null", b"not json", b""])
def test_an_undamaged_line_that_is_no_exchange_is_not_taken(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"content|Expecting"):
        from_line(b"%08x %s" % (crc32(payload), payload))


# --- writing


def test_nothing_is_opened_before_the_first_write(folder: Path) -> None:
    journal = Journal(folder)
    assert not folder.exists()
    assert journal.write(exchange(1))
    (file,) = files(folder)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert str(os.getpid()) in file.name
    assert files(folder, ".new") == []


def test_the_file_has_its_name_only_once_it_is_locked(folder: Path) -> None:
    seen: list[str] = []
    real = journal_module.fcntl.flock

    def flock(fd: int, how: int) -> None:
        seen.extend(path.name for path in folder.iterdir())
        real(fd, how)

    with mock.patch.object(journal_module.fcntl, "flock", flock):
        Journal(folder).write(exchange(1))
    assert [name.rpartition(".")[2] for name in seen] == ["new"]


def test_write_never_raises(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(folder)
    assert not journal.write(None)  # type: ignore[arg-type]
    assert not journal.write(exchange(1, document=b"bytes"))
    assert not journal.write(exchange(1, document="x" * journal_module.LINE_CAP))
    assert journal.dropped == 3
    assert journal.write(exchange(2))


def test_threads_do_not_mix_their_lines(folder: Path, store: Store) -> None:
    journal = Journal(folder)

    def run(thread: int) -> None:
        for number in range(100):
            journal.write(exchange(f"{thread}-{number}", document="d" * 3000))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain = Drain(folder, store)
    assert sum(iter(drain.once, 0)) == 800
    assert drain.skipped == 0
    assert len(set(ids(store))) == 800


def test_rotation_and_the_end_of_drained_files(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FILE_CAP", 4000)
    journal = Journal(folder)
    for number in range(40):
        assert journal.write(exchange(number))
    assert len(files(folder)) > 2
    assert all(file.stat().st_size <= 4000 for file in files(folder))
    drain = Drain(folder, store)
    assert sum(iter(drain.once, 0)) == 40
    assert len(files(folder)) == 1, "its writer lives"
    name = files(folder)[0].name
    assert store.journal_position(name) > 0
    journal.close()
    assert drain.once() == 0
    assert files(folder) == []
    assert store.journal_position(name) == 0
    assert sorted(ids(store)) == sorted(f"x{n}" for n in range(40))


def test_the_total_is_capped_at_rotation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FILE_CAP", 2000)
    monkeypatch.setattr(journal_module, "TOTAL_CAP", 6000)
    journal = Journal(folder)
    results = [journal.write(exchange(n)) for n in range(60)]
    stop = results.index(False)
    assert not any(results[stop:])
    assert journal.dropped == 60 - stop
    assert sum(file.stat().st_size for file in files(folder)) < 9000
    for file in files(folder):
        file.unlink()
    journal._retry_at = 0.0
    assert journal.write(exchange(99))


def test_a_removed_folder_is_made_again(folder: Path) -> None:
    journal = Journal(folder)
    journal.write(exchange(1))
    files(folder)[0].unlink()
    folder.rmdir()
    assert journal.write(exchange(2))
    assert b'"x2"' in files(folder)[0].read_bytes()


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    journal = Journal(blocked / "journals")
    opened = mock.Mock(wraps=journal._open)
    journal._open = opened  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        assert not any(journal.write(exchange(n)) for n in range(50))
    assert journal.dropped == 50
    assert opened.call_count == 1, "tried again at most once a second"
    assert len(caplog.records) == 1
    blocked.unlink()
    journal._retry_at = time.monotonic()
    assert journal.write(exchange(51))


def test_a_line_torn_by_a_full_disk_costs_only_itself(
    folder: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder)
    assert journal.write(exchange(1))
    real = os.write
    with mock.patch.object(journal_module.os, "write", lambda fd, data: real(fd, data[: len(data) // 2])):
        assert not journal.write(exchange(2))
    assert not journal.write(exchange(3)), "not tried again yet"
    journal._retry_at = 0.0
    with mock.patch.object(journal_module.os, "write", side_effect=OSError(28, "No space left on device")):
        assert not journal.write(exchange(4))
    journal._retry_at = 0.0
    assert journal.write(exchange(5))
    assert journal.write(exchange(6))
    assert journal.dropped == 3
    drain = Drain(folder, store)
    assert drain.once() == 3
    assert drain.skipped == 1
    assert ids(store) == ["x1", "x5", "x6"]
    assert any("lost so far" in record.message for record in caplog.records)


# --- draining


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
