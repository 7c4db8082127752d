"""The journal's lines and files: what was written whole is never lost, what was not is never taken."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from pathlib import Path
from unittest import mock
from zlib import crc32

import pytest
import store_samples as samples
from hypothesis import given
from hypothesis import strategies as st
from journal_files import files, ids
from store_samples import exchange

from callflows.models import Exchange
from callflows.store import Drain, Journal, Store
from callflows.store import journal as journal_module
from callflows.store.codec import decode, encode, from_line, line_time, to_line

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
