"""Processes that are killed, disks that are full, databases that are away, two that do the same thing at once."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from store_processes import drain_all, run, script, stored
from store_samples import exchange, transfer

from callflows.errors import StoreError
from callflows.store import Drain, Journal, Store, open_store

SECRET = "pa55-word-canary"


# --- killed

WRITER = """
journal = Journal(Path(sys.argv[1]))
number = 0
while True:
    document = "d" * (number * 7919 % 40_000)
    if journal.write(exchange(f"{sys.argv[2]}-{number}", document=document)):
        os.write(1, b"x%s-%d\\n" % (sys.argv[2].encode(), number))
    number += 1
"""

DRAINER = """
store = open_store(sys.argv[2])
drain = Drain(Path(sys.argv[1]), store)
while True:
    os.write(1, b"%d\\n" % drain.once(5))
"""


def read_and_kill(process: subprocess.Popen[str], lines: int) -> list[str]:
    """The first lines of its output, and then what it still wrote before it died."""
    assert process.stdout
    said = [process.stdout.readline().strip() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    said += process.stdout.read().splitlines()
    process.stdout.close()
    return said


def test_writers_and_drainers_are_killed_and_every_line_is_stored_once(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "journals"
    written: set[str] = set()
    for turn in range(2):
        writers = [script(WRITER, folder, f"w{turn}{n}") for n in range(2)]
        drainer = script(DRAINER, folder, url)
        for count, writer in enumerate(writers):
            written.update(read_and_kill(writer, 60 + 25 * count))
        read_and_kill(drainer, 3 + turn)
    store = open_store(url)
    drain_all(folder, store)
    found = stored(store)
    assert len(found) == len(set(found))
    assert written <= set(found)
    # a line may be whole and its writer killed before it could say so: one per writer
    assert len(set(found) - written) <= 4
    store.close()


def test_a_disk_that_fills_up_and_is_freed(tmp_path: Path) -> None:
    """The real thing: the kernel takes half a line (a limit on file sizes does what a full disk does)."""
    folder = tmp_path / "journals"
    output = run(
        """
        import resource
        journal = Journal(Path(sys.argv[1]))
        assert journal.write(exchange(0))
        size = next(Path(sys.argv[1]).iterdir()).stat().st_size
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size * 3 + size // 2, hard))
        results = [journal.write(exchange(n)) for n in range(1, 8)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        time.sleep(1.1)
        results.append(journal.write(exchange(8)))
        print(results, journal.dropped)
        """,
        folder,
    )
    assert output.split("]")[0] == "[True, True, False, False, False, False, False, True"
    assert output.split()[-1] == "5"
    store = open_store(f"sqlite:///{tmp_path}/s.sqlite3")
    store.upgrade()
    drain = drain_all(folder, store)
    assert stored(store) == ["x0", "x1", "x2", "x8"]
    assert drain.skipped == 1
    store.close()


def test_whoever_reads_while_the_store_is_closed_leaves_nothing_open(url: str) -> None:
    """A connection that is dropped instead of closed is a warning, and here a failure."""
    store, reading, closed = open_store(url), threading.Event(), threading.Event()

    def read() -> None:
        with store._database.read():
            reading.set()
            closed.wait(10)

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait(10)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        store.close()
        closed.set()
        thread.join(10)
        gc.collect()
    assert [str(warning.message) for warning in told] == []


# --- forks


def test_a_forked_child_has_a_journal_and_a_store_of_its_own(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "journals"
    output = run(
        """
        folder, store = Path(sys.argv[1]), open_store(sys.argv[2])
        journal = Journal(folder)
        journal.write(exchange("parent-1"))
        store.add_transfer(transfer(id="parent-1"))
        import threading
        held = journal._lock.acquire()  # some thread is in the middle of a write
        children = []
        for child in range(2):
            pid = os.fork()
            if not pid:
                ok = journal.write(exchange(f"child-{child}"))
                store.add_transfer(transfer(id=f"child-{child}"))
                ok = ok and len(store.transfers()) >= 2
                os._exit(0 if ok else 1)
            children.append(pid)
        codes = [os.waitpid(pid, 0)[1] for pid in children]
        journal._lock.release()
        journal.write(exchange("parent-2"))
        store.add_transfer(transfer(id="parent-2"))
        print(codes, len(list(folder.glob("*.journal"))), len(store.transfers()))
        """,
        folder,
        url,
    )
    assert output.strip() == "[0, 0] 3 4"
    store = open_store(url)
    drain_all(folder, store)
    assert sorted(stored(store)) == ["xchild-0", "xchild-1", "xparent-1", "xparent-2"]
    store.close()


def test_a_child_that_ends_does_not_end_its_parents_lock(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "journals"
    process = script(
        """
        journal = Journal(Path(sys.argv[1]))
        journal.write(exchange(1))
        if not (pid := os.fork()):
            os._exit(0)
        os.waitpid(pid, 0)
        print("ready", flush=True)
        time.sleep(60)
        """,
        folder,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    drain = Drain(folder, store)
    assert [drain.once(), drain.once()] == [1, 0]
    assert len(list(folder.glob("*.journal"))) == 1
    process.kill()
    process.wait()
    process.stdout.close()
    drain.once()
    assert not list(folder.glob("*.journal"))


# --- the store away, busy, broken


def test_postgresql_that_is_not_there() -> None:
    store = open_store(f"postgresql://someone:{SECRET}@127.0.0.1:1/nothing")
    started = time.monotonic()
    for use in (store.ping, store.upgrade, store.transfers, lambda: store.add_exchanges([exchange(1)])):
        with pytest.raises(StoreError) as caught:
            use()
        assert "127.0.0.1:1/nothing" in str(caught.value)
        assert caught.value.hint
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert time.monotonic() - started < 3


def test_connections_that_die_are_replaced(postgres_url: str) -> None:
    store = open_store(postgres_url)
    store.ping()
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()
    store.ping()
    store.close()


def test_sqlite_locked_by_another_process_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(3.0, holder.execute, ("COMMIT",))
    timer.start()
    started = time.monotonic()
    assert store.transfers() == [], "reading needs no lock"
    store.upgrade()  # nor does finding that there is nothing to upgrade
    assert time.monotonic() - started < 1
    store.add_transfer(transfer())
    assert time.monotonic() - started > 2.5
    assert len(store.transfers()) == 1
    timer.join()
    holder.close()
    store.close()


def test_sqlite_locked_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callflows.store.engine.BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "s.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process"):
        store.add_transfer(transfer())
    holder.close()
    assert store.add_transfer(transfer())
    store.close()


def test_sqlite_file_and_folder_are_the_owners(tmp_path: Path) -> None:
    path = tmp_path / "made" / "for it" / "s.sqlite3"
    store = open_store(f"sqlite:///{path}")
    assert not path.exists(), "nothing is opened before it is used"
    store.upgrade()
    store.add_transfer(transfer())
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()
    store.close()


@pytest.mark.parametrize("trouble", ["rubbish", "folder", "blocked"])
def test_sqlite_that_cannot_be_used(tmp_path: Path, trouble: str) -> None:
    path = tmp_path / "s.sqlite3"
    if trouble == "rubbish":
        path.write_bytes(b"this is no database " * 1000)
    elif trouble == "folder":
        path.mkdir()
    else:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "s.sqlite3"
    store = open_store(f"sqlite:///{path}")
    for use in (store.upgrade, store.ping, store.calls):
        with pytest.raises(StoreError) as caught:
            use()
        assert str(path) in str(caught.value)
        assert caught.value.hint
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root@localhost/x",
        "sqlite://",
        "sqlite:///:memory:",
        "no url",
        "",
        f"postgresql://someone:{SECRET}@host:port/name",
        f"postgresql://someone:x@{SECRET}@127.0.0.1:1/name",
        f"postgresql://someone:x/{SECRET}@127.0.0.1:1/name",
    ],
)
def test_urls_that_make_no_sense(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(url).ping()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert caught.value.hint


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_spellings_of_postgresql_mean_psycopg_3(postgres_url: str, scheme: str) -> None:
    store = open_store(scheme + postgres_url[postgres_url.index("://") :])
    store.ping()
    store.close()


def test_psycopg_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    store = open_store(f"postgresql://someone:{SECRET}@localhost/name")
    with pytest.raises(StoreError, match=r"callflows\[postgres\]"):
        store.ping()


def test_concurrent_writers_and_readers_in_processes(url: str) -> None:
    """Read, then write: what fails with a plain BEGIN on SQLite."""
    code = """
    store = open_store(sys.argv[1])
    for n in range(30):
        store.transfers(limit=5)
        row = store.add_transfer(transfer(idempotency_key=f"k{n}"))
        store.settle_transfer(row.id, TransferStatus.ACCEPTED, at=1.0)
        store.add_exchanges([exchange(f"{sys.argv[2]}-{n}-{m}") for m in range(5)])
    store.close()
    print("ok")
    """
    processes = [script(code, url, n) for n in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["ok\n"] * 3
    store = open_store(url)
    assert len(store.transfers(limit=1000)) == 30
    assert len(stored(store)) == 450
    store.close()


def test_journal_of_a_test_is_not_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(5):
        Journal(tmp_path).write(exchange(1))
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after == before


@pytest.mark.parametrize("trouble", ["replaced", "gone"])
def test_a_file_that_is_replaced_under_its_users(tmp_path: Path, trouble: str) -> None:
    """What is written into a file without a name is lost with it: better to wait."""
    path = tmp_path / "s.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    store.add_transfer(transfer(id="before"))
    path.rename(tmp_path / "aside")
    if trouble == "replaced":
        other = open_store(f"sqlite:///{path}")
        other.upgrade()
        other.close()
    for use in (store.ping, store.upgrade, store.transfers, lambda: store.add_transfer(transfer())):
        with pytest.raises(StoreError, match="was moved or replaced while it was in use") as caught:
            use()
        assert "start again" in (caught.value.hint or "")
    if trouble == "gone":
        (tmp_path / "aside").rename(path)
        assert [t.id for t in store.transfers()] == ["before"], "the same file again is no other"
    store.close()
