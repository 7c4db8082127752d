"""An environment that knows by number every place that writes, and what became of the places of captured text."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from ..sandbox import MOST_COMPILED, Compiled, FlowEnvironment
from .marking import Branch, Layout, Marked, Plain, Spot, Spots, inband, unmarked

MOST_SPOTS = 100_000
_LOCK = threading.RLock()


@dataclass(slots=True)
class Places:
    """The numbers of places, and what was compiled with them: one for all twins of a process, until it is full."""

    spots: list[Spot] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    numbers: dict[Spot | Branch, int] = field(default_factory=dict)
    layouts: dict[tuple[str, str], Layout] = field(default_factory=dict)
    compiled: Compiled = field(default_factory=dict)


_places = Places()


def _places_for_a_new_one() -> Places:
    global _places
    if len(_places.spots) > MOST_SPOTS or len(_places.layouts) > MOST_COMPILED:
        _places = Places()
    return _places


class PlacingEnvironment(FlowEnvironment):
    def __init__(self, sources: Mapping[str, str]) -> None:
        super().__init__(sources)
        self.layouts: dict[str, Layout] = {}
        self._places = _places_for_a_new_one()
        self.spots, self.branches, self.compiled = self._places.spots, self._places.branches, self._places.compiled

    def compile(self, source: Any, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        self.layout(name)
        return super().compile(source, name, *args, **kwargs)

    def layout(self, name: str | None) -> Layout:
        name = str(name)
        if name not in self.layouts:
            known = (name, self.sources[name])
            layouts = self._places.layouts
            self.layouts[name] = layouts.get(known) or layouts.setdefault(known, Layout(self, *known))
        return self.layouts[name]

    def source(self, file: str, line: int | None) -> str:
        return self.layouts[file].line(line) if file in self.layouts else ""

    def spot(self, spot: Spot) -> int:
        return self._number(spot, self.spots)

    def branch(self, branch: Branch) -> int:
        self.layout(branch.file).branches.add(branch)
        return self._number(branch, self.branches)

    def _number(self, entry: Any, table: list[Any]) -> int:
        numbers = self._places.numbers
        with _LOCK:
            if entry not in numbers:
                table.append(entry)
                numbers[entry] = len(table) - 1
            return numbers[entry]

    def joined(self, pieces: list[Any], whole: str) -> Any:
        if not any(isinstance(piece, Marked | Plain) for piece in pieces):
            return whole
        as_markup = isinstance(whole, Markup)
        text, spots = unmarked("".join(inband(piece, None, as_markup) for piece in pieces))
        return _like(whole, spots) if text == whole else whole

    def aligned(self, value: Any, result: Any, start: int = 0) -> Any:
        """The text made of captured text, with what is known of its places."""
        if not isinstance(value, Marked | Plain) or not value.spots:
            return result
        if isinstance(result, list):
            found = []
            for part in result:
                start = max(str(value).find(part, start), 0) if isinstance(part, str) else start
                found.append(self.aligned(value, part, start))
            return found
        if not isinstance(result, str) or (isinstance(result, Marked | Plain) and result.spots):
            return result
        text, made = str(value), str(result)
        at = text.find(made, start)
        if at < 0 and text.strip().lower() == made.strip().lower():
            at = text.lower().find(made.lower())
        if at >= 0:
            return _like(result, self._cut(value.spots, at, at + len(made)))
        rows, lines = made.split("\n"), text.split("\n")
        spots, here, there = [], 0, 0
        for row, line in zip(rows, lines if len(lines) == len(rows) else lines[:1] * len(rows), strict=True):
            spots.append((here, self.still(self._cut(value.spots, there, there + 1)[0][1])))
            here += len(row) + 1
            there += len(line) + 1 if len(lines) == len(rows) else 0
        return _like(result, tuple(spots))

    def _cut(self, spots: Spots, start: int, stop: int) -> Spots:
        """Of the text between two offsets."""
        index = max(bisect_right(spots, start, key=lambda entry: entry[0]) - 1, 0)
        at, number = spots[index]
        if number is not None and start > at:
            spot = self.spots[number]
            if spot.moving and spot.column is not None:
                number = self.spot(spot._replace(column=spot.column + start - at))
        return ((0, number), *((offset - start, known) for offset, known in spots[index + 1 :] if offset < stop))

    def still(self, number: int | None) -> int | None:
        return None if number is None else self.spot(self.spots[number]._replace(column=None, moving=False))


def _like(text: str, spots: Spots) -> Any:
    return Marked(text, spots) if isinstance(text, Markup) else Plain(text, spots)
