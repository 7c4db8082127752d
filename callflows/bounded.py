"""Work that may hang in ways nobody can interrupt, done while a caller waits: in bounded time, on a thread of its own
that may be left behind. As many as that may be left are never exceeded: while they all hang, nobody waits at all.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Reader:
    """Runs functions on threads, in so many seconds as seen by who asks; `at_once` of them at a time, or hanging.
    `late` makes the error of who waited in vain. One per process; made anew in a child.
    """

    def __init__(self, at_once: int, late: Callable[[], Exception] = TimeoutError) -> None:
        self._at_once = at_once
        self._late = late
        self._begin()
        _readers.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self._at_once)
        self._left: set[Future[Any]] = set()

    def read(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` gives or raises; what `late` makes when that takes too long."""
        until = time.monotonic() + seconds
        if len(self._left) >= self._at_once or not self._free.acquire(timeout=max(seconds, 0)):
            raise self._late()
        answer: Future[T] = Future()
        try:
            threading.Thread(target=self._work, args=(work, answer), daemon=True, name="callflows-reader").start()
        except RuntimeError as error:  # no thread to be had
            self._free.release()
            raise self._late() from error
        try:
            return answer.result(max(until - time.monotonic(), 0))
        except TimeoutError:
            with self._lock:
                if not answer.done():
                    self._left.add(answer)
            raise self._late() from None

    def close(self, seconds: float = 1.0) -> None:
        """Let those who read finish; who hangs is left."""
        until = time.monotonic() + seconds
        done = [self._free.acquire(timeout=max(until - time.monotonic(), 0)) for _ in range(self._at_once)]
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


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()


def _in_child() -> None:
    for reader in list(_readers):
        reader._begin()


os.register_at_fork(after_in_child=_in_child)
