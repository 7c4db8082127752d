"""What a step needs beside its request (`needs = ["store"]` in flow.toml): read while a caller waits, in bounded time.

A database may hang in ways that nobody can interrupt, so it is read on a thread of its own, which may be left behind.
As many as that may be left are never exceeded: while they all hang, nobody waits at all.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from .errors import StoreError
from .flows import Stored
from .store import Store, open_store

log = logging.getLogger("callflows.needs")

T = TypeVar("T")
READ_SECONDS = 0.2
READERS = 4  # threads of a process that may read at a time, or hang
_TOLD_EVERY_S = 10.0


class Reader:
    """Runs functions on threads, in so many seconds as seen by who asks. One per process; made anew in a child."""

    def __init__(self) -> None:
        self._begin()
        _readers.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Semaphore(READERS)
        self._left: set[Future[Any]] = set()

    def read(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` gives or raises; StoreError when that takes too long."""
        until = time.monotonic() + seconds
        late = StoreError(f"the store did not answer within {READ_SECONDS:g} s")
        if len(self._left) >= READERS or not self._free.acquire(timeout=max(seconds, 0)):
            raise late
        answer: Future[T] = Future()
        try:
            threading.Thread(target=self._work, args=(work, answer), daemon=True, name="callflows-reader").start()
        except RuntimeError as error:  # no thread to be had
            self._free.release()
            raise late from error
        try:
            return answer.result(max(until - time.monotonic(), 0))
        except TimeoutError:
            with self._lock:
                if not answer.done():
                    self._left.add(answer)
            raise late from None

    def close(self, seconds: float = 1.0) -> None:
        """Let those who read finish; who hangs is left."""
        until = time.monotonic() + seconds
        done = [self._free.acquire(timeout=max(until - time.monotonic(), 0)) for _ in range(READERS)]
        for _ in range(sum(done)):
            self._free.release()

    def _work(self, work: Callable[[], T], answer: Future[T]) -> None:
        try:
            result = work()
        except BaseException as error:
            answer.set_exception(error)
        else:
            answer.set_result(result)
        with self._lock:
            self._left.discard(answer)
        self._free.release()


class Needs:
    """Nothing is opened before the first question. With connections of its own: who reads long lists does not keep a
    caller waiting for one."""

    def __init__(self, store_url: str) -> None:
        self._store = open_store(store_url)
        self._reader = Reader()
        self._told = -_TOLD_EVERY_S

    def stored(self, transfer_id: str, leg: str, queue: str, call_uuid: str, seconds: float) -> Stored:
        """All that a step needs, in one read. Raise StoreError when it cannot be known within the seconds, or
        READ_SECONDS.
        """
        try:
            return self._reader.read(
                lambda: stored(self._store, transfer_id, leg, queue, call_uuid), min(seconds, READ_SECONDS)
            )
        except Exception as error:  # whatever it is, the caller is answered
            if time.monotonic() - self._told >= _TOLD_EVERY_S:
                self._told = time.monotonic()
                log.warning("steps that need the store are answered with their default: %s", error)
            raise error if isinstance(error, StoreError) else StoreError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._reader.close()
        self._store.close()


def stored(store: Store, transfer_id: str, leg: str, queue: str, call_uuid: str) -> Stored:
    """As flows see it: who has hung up is not there any more, whatever was fetched."""
    other, place = store.needed(transfer_id, leg, queue, call_uuid)
    return Stored(
        other_leg_fetched="yes" if other.fetched and not other.ended else "",
        other_leg_ended="yes" if other.ended else "",
        position=place.position if place else "",
        waiting=place.waiting if place else "",
    )


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()


def _in_child() -> None:
    for reader in list(_readers):
        reader._begin()


os.register_at_fork(after_in_child=_in_child)
