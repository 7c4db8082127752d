"""Work that may hang, in bounded time: whoever asks never waits longer, and what hangs is left."""

from __future__ import annotations

import os
import threading
import time

import pytest

from callflows.bounded import Reader

READERS = 4


def test_answers_and_errors_come_through() -> None:
    reader = Reader(READERS)
    assert reader.read(lambda: 42, 5) == 42
    with pytest.raises(ZeroDivisionError):
        reader.read(lambda: 1 // 0, 5)


def test_readers_that_hang_are_left_and_others_wait_for_none() -> None:
    reader, go, ran = Reader(READERS), threading.Event(), []

    def hang() -> None:
        ran.append(1)
        go.wait()

    for _ in range(READERS):
        with pytest.raises(TimeoutError):
            reader.read(hang, 0.01)
    with pytest.raises(TimeoutError):  # at once: whoever waited for one of them would wait for ever
        reader.read(hang, 10**9)
    assert len(ran) == READERS
    go.set()
    until = time.monotonic() + 10
    while reader._left and time.monotonic() < until:
        time.sleep(0.01)
    assert reader.read(lambda: "again", 5) == "again"


def test_a_reader_that_was_closed_reads_again() -> None:
    reader, go, begun = Reader(READERS), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go.wait(10)

    with pytest.raises(TimeoutError):
        reader.read(slow, 0)
    begun.wait(10)
    reader.close(0)
    go.set()
    assert reader.read(lambda: "again", 5) == "again"


def test_many_at_once_all_get_their_own_answer() -> None:
    reader, found = Reader(READERS), {}

    def one(number: int) -> None:
        found[number] = reader.read(lambda: number * 2, 30)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number * 2 for number in range(60)}


def test_a_forked_child_has_readers_of_its_own() -> None:
    reader, go = Reader(READERS), threading.Event()
    for _ in range(READERS):
        with pytest.raises(TimeoutError):
            reader.read(go.wait, 0.01)
    child = os.fork()
    if not child:
        try:
            os._exit(0 if reader.read(lambda: 42, 10) == 42 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go.set()
