"""How many threads of a process the API may hold, so that the platforms' requests always find one (promise 1).

gunicorn gives each request a thread. What waits (a long poll), asks a platform, or is kept waiting by a slow store
holds its thread meanwhile, and callers' webhooks queue behind. So each kind has a share of the threads and a short
line, and whoever finds neither is answered at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import Busy

LINE_S = 2.0  # the longest that anybody stands in a line
BURST_S, CALM_S = 1.0, 5.0  # for so long, once in so long, all may stand


class Share:
    """So many at once, and so many standing in line behind them. More than that stand only in a burst of short
    requests, which is soon over: while all threads are taken, the platforms' requests wait too.
    """

    def __init__(self, size: int, line: int = 0, burst: float = 0.0) -> None:
        self._free = threading.Semaphore(size)
        self._line = threading.Semaphore(line)
        self._burst = burst
        self._burst_from = -CALM_S

    def enter(self) -> bool:
        if self._free.acquire(blocking=False):
            return True
        if self._line.acquire(blocking=False):
            try:
                return self._free.acquire(timeout=LINE_S)
            finally:
                self._line.release()
        now = time.monotonic()
        if now >= self._burst_from + CALM_S:
            self._burst_from = now
        left = self._burst_from + self._burst - now
        return left > 0 and self._free.acquire(timeout=left)

    def leave(self) -> None:
        self._free.release()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise Busy where there is no room."""
        if not self.enter():
            raise Busy()
        try:
            yield
        finally:
            self.leave()


class Shares:
    """Of a process with so many threads: 8 of them leave 6 to the API, 2 of those for waiting and 2 for asking. But for
    bursts, one thread neither works for the API nor stands in its line.
    """

    def __init__(self, threads: int) -> None:
        quarter = max(1, threads // 4)
        self.api = Share(max(1, threads - quarter), quarter - 1, BURST_S)
        self.asking = Share(quarter, quarter, BURST_S)
        self.waiting = Share(quarter if threads > 1 else 0)
