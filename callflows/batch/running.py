"""Rows asked for by several workers at one pace, each at most once."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import NamedTuple

from .. import transfers
from ..errors import CallflowsError, OutcomeUnknown, ProviderError, ProviderUnreachable, RateLimited
from ..models import TransferStatus
from ..providers import Receipt
from ..runtime import Runtime
from .checking import plan_of
from .reading import Row

log = logging.getLogger("callflows.batch")

RATE = 50.0  # a second; the strictest platform allows 300 in 5 s, and others use the account too
TRIES = 10  # of a row that is answered 429, before it is given up
PAUSE, MAX_PAUSE = 0.1, 5.0  # seconds, doubled from one 429 to the next, where the platform does not say how long
MAX_RETRY_AFTER = 60.0
FIRST = 20  # what a percentage of errors is not yet taken of
NOT_SENT = (RateLimited.code, ProviderUnreachable.code)

ACCEPTED, REJECTED, UNKNOWN = (str(TransferStatus[name]) for name in ("ACCEPTED", "REJECTED", "UNKNOWN"))
REFUSED, NOT_TRIED = "refused", "not_tried"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row. `repeated`: an earlier run had done it, and nothing was sent now."""

    row: Row
    status: str
    transfer_id: str = ""
    http_status: int | None = None
    reason: str = ""
    message: str = ""
    repeated: bool = False


class _Stopped(ProviderUnreachable):
    """The batch was stopped while this row waited for its turn."""


class Pacer:
    """One turn after the other, evenly, for all workers together; a 429 makes all of them wait."""

    def __init__(self, rate: float, stop: threading.Event) -> None:
        self._interval = 1 / rate
        self._stop = stop
        self._next = 0.0
        self._holds = self._refusals = 0
        self._lock = threading.Lock()

    def ask(self, send: Callable[[], Receipt]) -> Receipt:
        """`send` in its turn; again after a 429, which surely did nothing."""
        for tried in itertools.count(1):
            holds = self._turn()
            try:
                receipt = send()
            except RateLimited as error:
                self._hold(error.retry_after, holds)
                if tried == TRIES:
                    raise
            else:
                self._refusals = 0
                return receipt
        raise AssertionError("unreachable")

    def _turn(self) -> int:
        """Return when it has come: how often all were told to wait before. Raise when the batch was stopped instead."""
        while True:
            with self._lock:
                now, holds = time.monotonic(), self._holds
                at = max(self._next, now)
                self._next = at + self._interval
            if self._stop.wait(at - now):
                raise _Stopped("the batch was stopped; nothing was sent", hint="run it again to continue")
            if holds == self._holds:
                return holds

    def _hold(self, seconds: float | None, holds: int) -> None:
        with self._lock:
            if holds != self._holds:
                return  # several were under way: once is enough
            pause = min(PAUSE * 2**self._refusals, MAX_PAUSE) if seconds is None else min(seconds, MAX_RETRY_AFTER)
            self._refusals = min(self._refusals + 1, 10)
            self._holds += 1
            self._next = max(self._next, time.monotonic() + pause)


class ErrorLimit(NamedTuple):
    """More than so many errors, or so many in a hundred of what was tried, end the batch."""

    number: float
    percent: bool

    def exceeded(self, tried: int, failed: int) -> bool:
        if self.percent:
            return tried >= FIRST and failed * 100 > self.number * tried
        return failed > self.number


class Run:
    """One run of a batch. `stop` may be set from anywhere: what is under way is finished, the rest is not tried."""

    def __init__(
        self,
        runtime: Runtime,
        batch: str,
        *,
        rate: float,
        concurrency: int,
        limit: ErrorLimit,
        stop: threading.Event,
        force: bool = False,
    ) -> None:
        self._runtime, self._batch, self._concurrency, self._limit = runtime, batch, concurrency, limit
        self._stop, self._force = stop, force
        self._pacer = Pacer(rate, stop)
        self.stopped = ""  # why, if it did not come to its end

    def outcomes(self, rows: Sequence[Row]) -> Iterator[Outcome]:
        """Of every row exactly one, as they finish."""
        left = iter(rows)
        tried = failed = 0
        under_way: set[Future[Outcome]] = set()
        with ThreadPoolExecutor(self._concurrency, "batch") as workers:
            try:
                while True:
                    if not self._stop.is_set():
                        chosen = itertools.islice(left, self._concurrency - len(under_way))
                        under_way |= {workers.submit(self._one, row) for row in chosen}
                    if not under_way:
                        break
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for outcome in (future.result() for future in done):
                        if not outcome.repeated and outcome.status != NOT_TRIED:
                            tried += 1
                            failed += outcome.status != ACCEPTED
                            if not self.stopped and self._limit.exceeded(tried, failed):
                                self.stopped = f"{failed} of {tried} failed"
                                self._stop.set()
                        yield outcome
            finally:
                self._stop.set()  # whoever does not want the rest wants nothing more to be sent
        for row in left:
            yield Outcome(row, NOT_TRIED)

    def _one(self, row: Row) -> Outcome:
        try:
            return self._asked(row)
        except _Stopped as error:
            return Outcome(row, NOT_TRIED, error.transfer_id, message=error.message)
        except CallflowsError as error:
            status = REFUSED
            if isinstance(error, ProviderError):
                status = UNKNOWN if isinstance(error, OutcomeUnknown) else REJECTED
            said = error if isinstance(error, ProviderError) else ProviderError("")
            return Outcome(row, status, said.transfer_id, said.http_status, error.code, str(error))
        except Exception as error:  # a fault of ours: the others go on, and nobody knows how far this one came
            log.exception("row %s of batch %s (call %s)", row.number, self._batch, row.call_uuid)
            return Outcome(row, UNKNOWN, reason="internal_error", message=f"{type(error).__name__}: see the log")

    def _asked(self, row: Row) -> Outcome:
        """Asked for under the first key whose transfer may have done something, or that is free."""
        for attempt in itertools.count(1):
            key = f"{self._batch}:{row.call_uuid}" + (f":{attempt}" if attempt > 1 else "")
            plan = plan_of(self._runtime, row, key)
            done = transfers.request(self._runtime, plan, force=self._force, ask=self._pacer.ask)
            repeated = plan.repeated or done.id != plan.transfer.id
            if repeated and done.status is TransferStatus.REJECTED and done.reason in NOT_SENT:
                continue
            status, reason, message = str(done.status), done.reason, done.message
            if done.status is TransferStatus.REQUESTED:
                status, reason = UNKNOWN, "interrupted"
                message = "another run began to ask for this and did not note the answer; look at the call"
            return Outcome(row, status, done.id, done.http_status, reason, message, repeated)
        raise AssertionError("unreachable")
