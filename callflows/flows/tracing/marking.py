"""Where everything in a template's file stands, and text that remembers the places it was written at.

A place is a spot, a number in a table. On its way out text holds marks (marks.py); as a value of a template it is
bare and carries its spots beside it, so that whatever looks at it sees what it sees in a live call.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jinja2 import Environment, nodes
from markupsafe import Markup, escape

from ...marks import PLACE_CLOSE, PLACE_OPEN

_NEWLINE = re.compile("\r\n|\r|\n")  # what Jinja breaks lines at
_MARK = re.compile(f"{PLACE_OPEN}(\\d*){PLACE_CLOSE}")


@dataclass(frozen=True, slots=True)
class Branch:
    """What a run may reach or leave out. `text` is the deciding tag, for messages.

    `kind` is if, elif, else, for, empty (a loop's else), macro, value or other (of `value if x else other`). `macro` is
    the enclosing macro's name: what stands in one that is never called cannot be reached.
    """

    file: str
    line: int
    text: str
    kind: str
    macro: str = ""
    column: int = 1


class Spot(NamedTuple):
    """`moving`: the text after it stands in the file as it is written, so that the column grows with it."""

    file: str
    line: int
    column: int | None
    moving: bool = False


Spots = tuple[tuple[int, int | None], ...]  # offset, and spot; None: the place of whoever writes it


class Marked(Markup):
    """Captured text. It is Markup in every respect, and says so."""

    spots: Spots

    def __new__(cls, text: Any = "", spots: Spots = ()) -> Marked:
        self = super().__new__(cls, text)
        self.spots = spots
        return self


class Plain(str):
    """What a filter made of captured text, where it is no longer Markup."""

    spots: Spots

    def __new__(cls, text: str = "", spots: Spots = ()) -> Plain:
        self = super().__new__(cls, text)
        self.spots = spots
        return self


for _kind, _shown in ((Marked, Markup), (Plain, str)):  # messages name a value's type
    _kind.__name__, _kind.__qualname__, _kind.__module__ = _shown.__name__, _shown.__qualname__, _shown.__module__


def mark(spot: int | None) -> str:
    return f"{PLACE_OPEN}{'' if spot is None else spot}{PLACE_CLOSE}"


def bare(text: str) -> str:
    return _MARK.sub("", text) if PLACE_OPEN in text else text


def unmarked(text: str) -> tuple[str, Spots]:
    """The text without its marks, and where they stood."""
    parts, spots, at, length = [], [], 0, 0
    for found in _MARK.finditer(text):
        parts.append(text[at : found.start()])
        length += found.start() - at
        at = found.end()
        spots.append((length, int(found[1]) if found[1] else None))
    parts.append(text[at:])
    return "".join(parts), tuple(spots)


def marked(text: Any) -> Any:
    """Text that was captured on its way out, as a value."""
    if isinstance(text, Marked) or not isinstance(text, str):
        return text
    return Marked(*unmarked(str(text)))


def inband(value: Any, here: int | None, as_markup: bool) -> str:
    """The text with marks, as it goes out at `here`."""
    spots = getattr(value, "spots", ()) if isinstance(value, str) else ()
    text = str(value)
    escaping = as_markup and not hasattr(value, "__html__")
    if not spots or spots[0][0] > 0:
        spots = ((0, None), *spots)
    ends = [*(offset for offset, _ in spots[1:]), len(text)]
    parts = []
    for (start, spot), end in zip(spots, ends, strict=True):
        parts.append(mark(here if spot is None else spot))
        parts.append(str(escape(text[start:end])) if escaping else text[start:end])
    return "".join(parts)


class Placed(str):
    """A token of a template's own text, with its position; an empty one stands before each `{{`."""

    position: int

    def __new__(cls, text: str, position: int) -> Placed:
        self = super().__new__(cls, text)
        self.position = position
        return self

    def __bool__(self) -> bool:
        return True  # or the parser would drop the empty one


@dataclass(slots=True)
class Tag:
    """A `{% %}` or `{{ }}`: from where to where, and the word it begins with."""

    start: int
    end: int = 0
    word: str = ""
    names: list[tuple[int, str, int]] = field(default_factory=list)  # position, if/else/,/), depth


@dataclass(slots=True)
class Fork:
    """An if or a loop: its opening tag, the elifs, and the else."""

    opening: Tag
    elifs: list[Tag] = field(default_factory=list)
    last: Tag | None = None


class Layout:
    """One file, as its author wrote it."""

    def __init__(self, environment: Environment, name: str, source: str) -> None:
        self.name = name
        self.lines = _NEWLINE.split(source)
        self._text = "\n".join(self.lines)
        self._starts = [0, *(found.end() for found in re.finditer("\n", self._text))]
        self.texts: list[int] = []
        self.outputs: list[int] = []
        self.tags: list[Tag] = []
        self._walk(environment.lexer.tokeniter(source, name))
        self.ifs: list[Fork] = []
        self.loops: list[Fork] = []
        self.macros: list[Tag] = []
        self._pair()
        self.conditionals = [found for tag in self.tags for found in _conditionals(tag)]
        self.branches: set[Branch] = set()  # once it is compiled

    def _walk(self, tokens: Iterable[tuple[int, str, str]]) -> None:
        at = depth = 0
        before = ""
        for _, kind, value in tokens:
            if kind.endswith("_begin") or kind == "raw_end":  # white space that {%- takes away is in no token
                at = max(self._text.find(value, at), at)
            match kind:
                case "data":
                    self.texts.append(at)
                case "variable_begin" | "block_begin":
                    self.tags.append(Tag(at))
                    depth, before = 0, value
                    if kind == "variable_begin":
                        self.outputs.append(at)
                        self.tags[-1].word = "{{"
                case "variable_end" | "block_end":
                    self.tags[-1].end = at + len(value.rstrip())
                case "name":
                    if not self.tags[-1].word:
                        self.tags[-1].word = value
                    elif value in ("if", "else") and before != ".":
                        self.tags[-1].names.append((at, value, depth))
                case "operator":
                    depth += (value in "([{") - (value in ")]}")
                    if value in ",)]}":
                        self.tags[-1].names.append((at, value, depth))
            if kind != "whitespace":
                before = value
            at += len(value)

    def _pair(self) -> None:
        opened: list[Fork] = []
        for tag in self.tags:
            match tag.word:
                case "if" | "for":
                    opened.append(Fork(tag))
                    (self.ifs if tag.word == "if" else self.loops).append(opened[-1])
                case "elif" if opened:
                    opened[-1].elifs.append(tag)
                case "else" if opened:
                    opened[-1].last = tag
                case "endif" | "endfor" if opened:
                    opened.pop()
                case "macro":
                    self.macros.append(tag)

    def at(self, position: int) -> tuple[int, int]:
        """Line and column, both from 1."""
        line = bisect_right(self._starts, position)
        return line, position - self._starts[line - 1] + 1

    def line(self, number: int | None) -> str:
        return self.lines[number - 1] if number and number <= len(self.lines) else ""

    def shown(self, tag: Tag) -> str:
        return " ".join(self._text[tag.start : tag.end].split())

    def find(self, line: int, needles: Iterable[str]) -> tuple[int, int] | None:
        """Where one of the words stands in the tags on this line, or further down in the same tag."""
        start = self._starts[line - 1] if line <= len(self._starts) else len(self._text)
        stop = self._starts[line] if line < len(self._starts) else len(self._text)
        for needle in filter(None, needles):
            word = re.compile(rf"(?<!\w){re.escape(needle)}(?!\w)" if needle.isidentifier() else re.escape(needle))
            for tag in sorted(self.tags, key=lambda tag: tag.word == "macro"):  # its use before its declaration
                if tag.start < stop and tag.end > start:
                    found = word.search(self._text, max(tag.start, start), tag.end)
                    if found:
                        return self.at(found.start())
        return None


class Conditional(NamedTuple):
    tag: Tag
    where: int  # of the `if`
    other: int | None  # of the `else`


def _conditionals(tag: Tag) -> list[Conditional]:
    """The `a if x else b` of one tag, in the order of their ifs."""
    found: list[list[Any]] = []
    opened: list[tuple[int, list[Any]]] = []
    filtering = tag.word == "for"  # the first if of `for x in y if z` is the loop's own
    for at, word, depth in tag.names:
        if word == "if" and filtering and depth == 0:
            filtering = False
        elif word == "if":
            found.append([tag, at, None])
            opened.append((depth, found[-1]))
        elif word == "else":
            if opened and opened[-1][0] == depth:
                opened.pop()[1][2] = at
        else:
            limit = depth if word == "," else depth + 1
            opened = [entry for entry in opened if entry[0] < limit]
    return [Conditional(*entry) for entry in found]


def conditionals(node: nodes.Node) -> Iterator[nodes.CondExpr]:
    """The tree's in the order of their ifs, which is not the order of the tree."""
    children: Sequence[Any]
    match node:
        case nodes.CondExpr():
            yield from conditionals(node.expr1)
            yield node
            children = (node.test, node.expr2)
        case nodes.For():
            children = (node.target, node.iter, node.test, *node.body, *node.else_)
        case nodes.FilterBlock():
            children = (node.filter, *node.body)
        case nodes.CallBlock():
            children = (*node.args, *node.defaults, node.call, *node.body)
        case _:
            children = list(node.iter_child_nodes())
    for child in children:
        if child is not None:
            yield from conditionals(child)
