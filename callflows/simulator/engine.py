"""The discrete-event engine: one thread, one heap of timers, processes that are generators. Knows no telephony.

A process yields `Pause` (go on after so many virtual seconds, or at the next message) or `Fetch` (an HTTP request,
made at this virtual instant). Only the engine's thread ever runs processes; other threads look at the state, or add
timers, while they hold `engine.lock`. The lock is released during a fetch, so that a web application may call the
platform's REST API from inside the very request it is answering. In real time a fetch has a thread of its own, so that
one slow web application does not hold up every call; otherwise they are made one by one, in the same order each time.

A *background* timer (a limit of four hours, say) fires when time gets there, but time does not hurry there: neither
`auto` nor `run` count it as something that is still going on.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from .clock import Clock

log = logging.getLogger(__name__)

HOLD_SECONDS = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Resumes with the next message, or with None once `seconds` have passed (None: never)."""

    seconds: float | None = None
    background: bool = False


@dataclass(frozen=True)
class Fetch:
    """Resumes with what `work` returns; messages wait meanwhile. `work` runs without the lock."""

    work: Callable[[], Any]


Steps = Generator[Pause | Fetch, Any, T]


class Timer:
    __slots__ = ("action", "at", "background", "cancelled")

    def __init__(self, at: float, action: Callable[[], None], background: bool) -> None:
        self.at, self.action, self.background, self.cancelled = at, action, background, False


@dataclass(frozen=True, eq=False)
class Hold:
    since: int  # places in the order
    until: int
    deadline: float


class Engine:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.Condition(threading.Lock())
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._foreground = 0
        self._hurry_until = -math.inf  # `run` hurries as `auto` does, up to here,
        self._reached: Callable[[], bool] | None = None  # or until this says so
        self._one_run = threading.Lock()
        self._target = -math.inf  # `advance` goes here
        self._busy = False
        self._fetches = 0  # under way, in threads of their own
        self._holds: list[Hold] = []
        self.stopped = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._loop, name="simulator-engine", daemon=True)
        self._thread.start()

    # -- timers; the caller holds the lock or is the engine's thread

    def after(self, seconds: float, action: Callable[[], None], *, background: bool = False) -> Timer:
        timer = Timer(self.clock.now() + max(0.0, seconds), action, background)
        heapq.heappush(self._heap, (timer.at, next(self._order), timer))
        self._foreground += not background
        self.lock.notify_all()
        return timer

    def cancel(self, timer: Timer | None) -> None:
        if timer is not None and not timer.cancelled:
            timer.cancelled = True
            self._foreground -= not timer.background

    # -- from other threads

    def settle(self, patience: float = 30.0) -> bool:
        """Wait until nothing is left to do at this instant. False if `patience` (wall clock) ran out first."""
        return self._wait(self._idle, patience)

    def mark(self) -> int:
        """Now, for `hold`."""
        return next(self._order)

    def hold(self, since: int) -> Hold:
        """What was asked for since then waits for `release` (or until a second has passed). The caller holds the lock.

        Nothing else waits: requests that never cease must not stop everything.
        """
        hold = Hold(since, next(self._order), monotonic() + HOLD_SECONDS)
        self._holds.append(hold)
        return hold

    def release(self, hold: Hold) -> None:
        with self.lock:
            if hold in self._holds:
                self._holds.remove(hold)
                self.lock.notify_all()

    def advance(self, seconds: float, patience: float = 60.0) -> bool:
        with self.lock:
            self._target = max(self._target, self.clock.now()) + seconds
            target = self._target
            self.lock.notify_all()
        return self._wait(lambda: self._idle() and self.clock.now() >= target - 1e-9, patience)

    def run(self, limit: float, patience: float = 60.0, until: Callable[[], bool] | None = None) -> bool:
        """Hurry until only background timers are left, for at most `limit` virtual seconds. True if idle then.

        `until` ends the hurry too: it is asked after everything that happens, on the engine's thread.
        """
        if threading.current_thread() is self._thread:
            return False
        with self._one_run:
            with self.lock:
                if until is None or not until():
                    self._hurry_until, self._reached = self.clock.now() + limit, until
                self.lock.notify_all()
            settled = self.settle(patience)
            with self.lock:
                self._hurry_until, self._reached = -math.inf, None
                return settled and not self._foreground

    def stop(self) -> bool:
        """False if a fetch is still under way after some seconds: its process must be left alone then."""
        with self.lock:
            self.stopped = True
            self.lock.notify_all()
        self._thread.join(timeout=5)
        return not self._thread.is_alive()

    def _wait(self, ready: Callable[[], bool], patience: float) -> bool:
        if threading.current_thread() is self._thread:
            return False  # a web application in this process asks, during a request: that is what goes on
        deadline = monotonic() + patience
        with self.lock:
            while not (ready() or self.stopped):
                left = deadline - monotonic()
                if left <= 0:
                    return False
                self.lock.wait(left)
            if self.failure is not None:
                raise RuntimeError("the simulator itself failed") from self.failure
            return True

    def _idle(self) -> bool:
        return not self._busy and not self._fetches and self._due() is None

    # -- the engine's thread

    def _held(self, order: int) -> float:
        """For how many more seconds what has this place in the order must wait."""
        now = monotonic()
        self._holds = [hold for hold in self._holds if hold.deadline > now]
        return max((hold.deadline - now for hold in self._holds if hold.since < order < hold.until), default=0.0)

    def _due(self) -> Timer | None:
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        head = self._heap[0][2]
        if head.at <= max(self.clock.now(), self._target):
            return head
        hurry_until = math.inf if self.clock.mode == "auto" else self._hurry_until
        return head if self._foreground and head.at <= hurry_until else None

    def _loop(self) -> None:
        with self.lock:
            while not self.stopped:
                timer = self._due()
                if timer is None:
                    self.clock.reach(self._target)
                    self.lock.notify_all()
                    real = self.clock.mode == "real" and self._heap
                    self.lock.wait(max(0.0, self._heap[0][0] - self.clock.now()) if real else None)
                    continue
                held = self._held(self._heap[0][1])
                if held:
                    self.lock.wait(held)
                    continue
                heapq.heappop(self._heap)
                timer.cancelled = True
                self._foreground -= not timer.background
                self.clock.reach(timer.at)
                self._busy = True
                try:
                    timer.action()
                except Exception as error:  # a mistake of ours must be seen, and must not end the thread
                    log.exception("the simulator failed")
                    self.failure = self.failure or error
                self._busy = False
                if self._reached is not None and self._reached():
                    self._hurry_until, self._reached = -math.inf, None

    def fetch(self, work: Callable[[], Any]) -> Any:
        self.lock.release()
        try:
            return work()
        finally:
            self.lock.acquire()

    def fetch_beside(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """`done` is called with the result on the engine's thread; never, once the engine has been stopped."""

        def run() -> None:
            result, failure = None, None
            try:
                result = work()
            except Exception as error:
                failure = error
            with self.lock:
                self._fetches -= 1
                if not self.stopped:
                    self.failure = self.failure or failure
                    self.after(0, lambda: done(result))

        self._fetches += 1
        threading.Thread(target=run, name="simulator-fetch", daemon=True).start()


class Process:
    """One generator at work. `send` leaves it a message; `throw` and `stop` act at once."""

    def __init__(self, engine: Engine, steps: Steps[None]) -> None:
        self._engine = engine
        self._steps = steps
        self._inbox: deque[Any] = deque()
        self._timer: Timer | None = None
        self._fetch: object = None  # the one under way beside the engine
        self.done = False
        self._timer = engine.after(0, lambda: self._resume(None))

    def send(self, message: object) -> None:
        """The process sees it at its next pause; if it is pausing now, later in this same instant."""
        self._inbox.append(message)
        if not self.done:
            self._engine.after(0, self._look)

    def forget(self, *kinds: type) -> None:
        """Messages of these kinds that came while nobody looked will not be seen."""
        self._inbox = deque(message for message in self._inbox if not isinstance(message, kinds))

    def throw(self, error: Exception) -> None:
        if not self.done:
            self._inbox.clear()
            self._engine.cancel(self._timer)
            self._fetch = None  # whatever it brings, nobody waits for it any more
            self._resume(None, error)

    def stop(self) -> None:
        self._engine.cancel(self._timer)
        self.done = True
        self._steps.close()

    def _look(self) -> None:
        if self._inbox and not self.done and self._fetch is None:
            self._engine.cancel(self._timer)
            self._resume(self._inbox.popleft())

    def _fetched(self, fetch: object, result: Any) -> None:
        if self._fetch is fetch:
            self._fetch = None
            self._resume(result)

    def _resume(self, value: Any, error: Exception | None = None) -> None:
        while not self.done:
            try:
                step = self._steps.throw(error) if error else self._steps.send(value)
            except StopIteration:
                self.done = True
                return
            except Exception:
                self.done = True
                raise
            value, error = None, None
            if isinstance(step, Fetch):
                if self._engine.stopped:
                    return  # for good
                if self._engine.clock.mode == "real":
                    self._fetch = fetch = object()
                    self._engine.fetch_beside(step.work, partial(self._fetched, fetch))
                    return
                value = self._engine.fetch(step.work)
            elif self._inbox:
                value = self._inbox.popleft()
            else:
                self._timer = None
                if step.seconds is not None:
                    self._timer = self._engine.after(
                        step.seconds, lambda: self._resume(None), background=step.background
                    )
                return


def sleep(engine: Engine, seconds: float | None, *, background: bool = False) -> Steps[None]:
    """A pause that no message shortens."""
    until = None if seconds is None else engine.clock.now() + seconds
    while until is None or (left := until - engine.clock.now()) > 1e-9:
        yield Pause(None if until is None else left, background)
