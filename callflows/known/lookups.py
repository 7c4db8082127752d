"""Asking the platform about a call whose leg has not fetched: once, briefly, and never in anybody's way.

A process remembers what it was told, so that polling asks nothing; that a call is over for good, that it is live for a
minute. Whoever waits longer than he may goes on without, and finds the answer when he asks again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..errors import CallflowsError, CallNotLive
from ..providers import LiveCall
from ..runtime import Runtime

PATIENCE = 2.0  # seconds
FRESH_SECONDS = 60.0
_REMEMBERED = 1000
_AT_ONCE = 4  # a slow platform must not collect our threads


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform said at `at`: the call is over, or `live`, or (neither) why it could not say, in `fault`."""

    at: float
    live: LiveCall | None = None
    over: bool = False
    fault: str = ""


class Lookups:
    """One per process and Runtime."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._under_way: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def ask(self, name: str, look: Callable[[], LiveCall], patience: float = PATIENCE) -> Answer | None:
        """What is known under `name`; if it is nothing, `look`. None: no answer within `patience` seconds."""
        with self._lock:
            known = self._answers.get(name)
            if known and (known.over or time.time() - known.at < FRESH_SECONDS):
                return known
            done = self._under_way.get(name)
            if done is None:
                if len(self._under_way) >= _AT_ONCE:
                    return known
                done = self._under_way[name] = threading.Event()
                threading.Thread(target=self._look, args=(name, look, done), name="lookup", daemon=True).start()
        done.wait(patience)
        with self._lock:
            return self._answers.get(name)

    def _look(self, name: str, look: Callable[[], LiveCall], done: threading.Event) -> None:
        answer = Answer(time.time(), fault="the lookup failed")
        try:
            answer = Answer(time.time(), live=look())
        except CallNotLive:
            answer = Answer(time.time(), over=True)
        except CallflowsError as error:
            answer = Answer(time.time(), fault=str(error))
        finally:
            with self._lock:
                self._answers[name] = answer
                self._answers.move_to_end(name)
                while len(self._answers) > _REMEMBERED:
                    self._answers.popitem(last=False)
                self._under_way.pop(name, None)
            done.set()


_lookups: WeakKeyDictionary[Runtime, Lookups] = WeakKeyDictionary()
_lock = threading.Lock()


def lookups_of(runtime: Runtime) -> Lookups:
    with _lock:
        return _lookups.setdefault(runtime, Lookups())
