"""What one rendering may cost: its time, and how much text and how many elements it may make altogether.

A value's weight is its characters and elements, everything nested counted. Each value that a template makes is
weighed, so that none is ever large: neither, then, is a sort, a comparison or a copy of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from jinja2.runtime import Undefined

MAX_VALUE = 100_000  # weight of one value: more than a document may hold anyway
MAX_MADE = 4_000_000  # weight of all values of one rendering, and of what it writes
ELEMENT_WEIGHT = 10  # an element of a list takes the memory of ten characters, and longer to look at
CALL_WEIGHT = 50  # of what a call may keep that cannot be weighed (a namespace, a link)
MAX_BITS = 256

Clock = Callable[[], float]


class OverBudget(Exception):
    """The template took too long."""


class TooLarge(Exception):
    """A value or the document grew too large."""


class Budget:
    """What is left of one rendering. `deadline` is on the clock, in seconds: one that runs while a caller waits, or
    time.thread_time where only this thread's own work counts, however busy the machine is.
    """

    __slots__ = ("clock", "deadline", "left")

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.deadline = clock() + seconds
        self.left = MAX_MADE

    def spend(self, weight: int) -> None:
        self.left -= weight
        if self.left < 0:
            raise TooLarge("the template makes too much text and too many values on its way")
        if self.clock() > self.deadline:
            raise OverBudget


BUDGET: ContextVar[Budget | None] = ContextVar("callflows_render_budget", default=None)


def spend(weight: int = 0) -> None:
    """Count, and look at the clock. Outside a rendering nothing is counted."""
    budget = BUDGET.get()
    if budget is not None:
        budget.spend(weight)


def weigh(value: Any) -> int:
    """Raise TooLarge above MAX_VALUE. What nests without end ends as RecursionError."""
    if isinstance(value, str | bytes):
        total = len(value)
    elif isinstance(value, int | float):
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise TooLarge("a number of more than 77 digits")
        return 0
    elif isinstance(value, list | tuple):
        total = len(value) * ELEMENT_WEIGHT
        for item in value if total <= MAX_VALUE else ():
            total += weigh(item)
            if total > MAX_VALUE:
                break
    elif isinstance(value, dict | MappingProxyType):
        return weigh([part for row in value.items() for part in row])
    elif isinstance(value, range | Set):  # sets are what views of a dictionary give when they are subtracted
        total = len(value) * ELEMENT_WEIGHT
    else:
        return 0
    refuse_over(total)
    return total


def refuse_over(size: int) -> None:
    if size > MAX_VALUE:
        raise TooLarge(f"a value of more than {MAX_VALUE} characters, or of {MAX_VALUE // ELEMENT_WEIGHT} elements")


def bounded(value: Any) -> Any:
    """The value, weighed and counted; what would be made later, when nobody counts, is made now."""
    if isinstance(value, Iterator):
        return _listed(value)
    spend(weigh(value))
    return value


def counted(value: Any) -> Any:
    """The value of something that took its time, and is small."""
    spend(1)
    return value


def _listed(values: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    total = 0
    for value in values:
        weight = ELEMENT_WEIGHT + weigh(value)
        total += weight
        refuse_over(total)
        spend(weight)
        found.append(value)
    return found


def ticking(values: Iterable[Any]) -> Iterable[Any]:
    """Looks at the clock at each turn of a loop. Sized values stay sized, for `loop.length` and `loop.last`."""
    if isinstance(values, Undefined):
        return values
    return _TickingList(values) if isinstance(values, list | tuple | range) else _ticking_iterator(values)


def _ticking_iterator(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        spend()
        yield value


class _TickingList:
    def __init__(self, values: list[Any] | tuple[Any, ...] | range) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return _ticking_iterator(self._values)
