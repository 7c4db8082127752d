"""The twin of a flow's environment: renders as that one does, remembers where all text was written, goes on after a
mistake, and tells which branches ran. Nobody pays for it while nothing is wrong and nothing is checked.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from ...models import Place, Problem
from ..bounds import BUDGET, Budget, Clock, TooLarge
from ..rendering import MAX_RENDERED, explain
from ..sandbox import FlowEnvironment
from .marking import Branch, Layout, Spot, bare, unmarked
from .tolerant import RUN, Run, Twin


@dataclass(frozen=True, slots=True)
class Trace:
    """`text` is what render() would have given; after `aborted` it is what there was by then."""

    text: str
    problems: tuple[Problem, ...]
    reached: frozenset[Branch]
    aborted: bool
    _template: str = ""
    _spots: tuple[tuple[int, Spot], ...] = field(default=(), repr=False)
    _layouts: Mapping[str, Layout] = field(default_factory=dict, repr=False)

    def place(self, offset: int) -> Place:
        """The place in a template that wrote `text[offset]`."""
        if not self._spots:
            return Place(self._template, 1)
        start, spot = self._spots[max(bisect_right(self._spots, offset, key=lambda entry: entry[0]) - 1, 0)]
        column = spot.column
        if spot.moving and column is not None:
            column += offset - start
        layout = self._layouts.get(spot.file)
        return Place(spot.file, spot.line, column, layout.line(spot.line) if layout else "")


def trace(
    environment: FlowEnvironment,
    template: str,
    context: Mapping[str, Any],
    *,
    seconds: float,
    clock: Clock = time.monotonic,
) -> Trace:
    twin = _twin(environment)
    run = Run(template, context, seconds)
    budget = Budget(seconds, clock)
    tokens = RUN.set(run), BUDGET.set(budget)
    parts: list[str] = []
    size = 0
    aborted = False
    try:
        for part in twin.load(template).generate(context):
            size += len(bare(part))
            if size > MAX_RENDERED:
                raise TooLarge(f"the document grew over {MAX_RENDERED} characters")
            budget.spend(0)
            parts.append(part)
    except (Exception, RecursionError) as error:
        aborted = True
        problem = explain(error, template, context, seconds)
        run.add(replace(problem, source=twin.source(problem.file, problem.line)))
    finally:
        RUN.reset(tokens[0])
        BUDGET.reset(tokens[1])
    whole, spots = unmarked("".join(parts))
    text = whole.lstrip()
    left = len(whole) - len(text)
    known = tuple((at - left, twin.spots[spot]) for at, spot in spots if spot is not None and spot < len(twin.spots))
    return Trace(text, tuple(run.problems.values()), frozenset(run.reached), aborted, template, known, twin.layouts)


def branches(environment: FlowEnvironment, template: str) -> frozenset[Branch]:
    """All there are in one file; none where it does not compile."""
    twin = _twin(environment)
    try:
        twin.load(template)
    except Exception:  # reported where the flow was loaded
        return frozenset()
    return frozenset(twin.layout(template).branches)


_TWINS: WeakKeyDictionary[FlowEnvironment, Twin] = WeakKeyDictionary()
_LOCK = threading.RLock()


def _twin(environment: FlowEnvironment) -> Twin:
    with _LOCK:
        if environment not in _TWINS:
            _TWINS[environment] = Twin(environment.sources)
        return _TWINS[environment]
