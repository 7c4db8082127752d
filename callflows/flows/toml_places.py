"""Where each key and value of a TOML file stands, and what is wrong with a file that is none, in plain words.

tomllib gives values without places, so files it has read are looked through once more; nothing is judged here.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ..models import Problem

Path = tuple[str | int, ...]
_DEPTH = 6  # flow.toml nests four deep; deeper keys are found at the table they are in
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'",
    re.DOTALL,
)
_AT = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_RETRIES = 20


class Places:
    """Of a text that tomllib has read, with \\n line ends."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._keys: dict[Path, int] = {}
        self._values: dict[Path, int] = {}
        self._ends: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # how many of a `[[table]]` there were
        self._at = 0
        with contextlib.suppress(IndexError, AttributeError, RecursionError):  # what was found before is kept
            self._scan()

    def has(self, path: Path) -> bool:
        return path in self._keys

    def find(self, path: Sequence[str | int], *, value: bool = False) -> tuple[int, int | None]:
        """Line and column of a key, or of its value; of the innermost table it is in where it is absent."""
        for size in range(len(path), 0, -1):
            whole = tuple(path[:size])
            offset = self._values.get(whole) if value and size == len(path) else None
            offset = self._keys.get(whole) if offset is None else offset
            offset = self._values.get(whole) if offset is None else offset
            if offset is not None:
                line = bisect_right(self._starts, offset)
                return line, offset - self._starts[line - 1] + 1
        return 1, None

    def pair(self, path: Path) -> tuple[int, int, int] | None:
        """Of `key = value`: the offsets of both, and of the value's end. None where there is no such key."""
        return (self._keys[path], self._values[path], self._ends[path]) if path in self._ends else None

    def problem(self, problem: Problem, path: Sequence[str | int], *, value: bool = False) -> Problem:
        """The problem at its place."""
        line, column = self.find(path, value=value)
        return placed(problem, self.lines, line, column)

    def _scan(self) -> None:
        table: Path = ()
        text = self._text
        while True:
            self._skip(_BLANK)
            if self._at >= len(text):
                return
            if text[self._at] == "[":
                many = text.startswith("[[", self._at)
                start = self._at
                self._at += 2 if many else 1
                keys = self._key()
                table = self._below([key for key, _ in keys], many)
                for size in range(1, len(table) + 1):
                    self._keys.setdefault(table[:size], start)
                for size, (_, offset) in enumerate(keys[:_DEPTH], 1):
                    if not many and len(table) == len(keys):
                        self._values.setdefault(table[:size], offset)
                self._skip(_SPACE)
                self._at += 2 if many else 1
            else:
                self._pair(table)

    def _below(self, keys: list[str], many: bool) -> Path:
        """`[samples.params]` belongs to the last `[[samples]]`."""
        path: Path = ()
        for number, key in enumerate(keys[:_DEPTH]):
            path = (*path, key)
            if many and number == len(keys) - 1:
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key, offset in self._key():
            if len(path) <= _DEPTH:
                path = (*path, key)
                self._keys.setdefault(path, offset)
        self._at = self._text.index("=", self._at) + 1 if "=" in self._text[self._at :] else len(self._text)
        self._skip(_SPACE)
        start = self._at
        self._value(path)
        self._ends.setdefault(path, start + len(self._text[start : self._at].rstrip()))

    def _key(self) -> list[tuple[str, int]]:
        parts = []
        while True:
            self._skip(_SPACE)
            start = self._at
            match = _BARE.match(self._text, start)
            if match is None:
                match = _STRING.match(self._text, start)
                name = match[0][1:-1] if match else ""
            else:
                name = match[0]
            if match is None:
                raise IndexError(start)
            if "\\" in name and match[0].startswith('"'):
                name = str(tomllib.loads(f"x = {match[0]}")["x"])
            parts.append((name, start))
            self._at = match.end()
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        text = self._text
        if len(path) <= _DEPTH:
            self._values.setdefault(path, self._at)
        if text.startswith(("[", "{"), self._at):
            close = "]" if text[self._at] == "[" else "}"
            self._at += 1
            number = 0
            while True:
                self._skip(_BLANK)
                if text[self._at] == close:
                    self._at += 1
                    return
                if text[self._at] == ",":
                    self._at += 1
                elif close == "]":
                    self._value((*path, number))
                    number += 1
                else:
                    self._pair(path)
            return
        match = _STRING.match(text, self._at) or _SCALAR.match(text, self._at)
        self._at = match.end() if match else self._at + 1

    def _skip(self, what: re.Pattern[str]) -> None:
        match = what.match(self._text, self._at)
        self._at = match.end() if match else self._at


def placed(problem: Problem, lines: Sequence[str], line: int, column: int | None = None) -> Problem:
    """With its line, column and the line's text."""
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(
        problem.severity, problem.code, problem.message, problem.file, line, problem.hint, problem.fatal, column, source
    )


def decoded(data: bytes) -> str:
    """The text of a TOML file, as its places are counted."""
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")


def read_file(data: bytes, file: str, max_bytes: int) -> tuple[dict[str, Any], Places, list[Problem]]:
    """The values of a TOML file, where they stand, and what is wrong with it as TOML."""
    if len(data) > max_bytes:
        return {}, Places(""), [Problem.error("flow.toml", f"{len(data)} bytes; at most {max_bytes}", file, None)]
    text = decoded(data)
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return {}, Places(""), [not_utf8(data, error.start, file, text.split("\n"))]
    values, read, problems = read_toml(text, file)
    return dict(values), Places(read), problems


def not_utf8(data: bytes, at: int, file: str, lines: Sequence[str]) -> Problem:
    problem = Problem.error("flow.encoding", "not UTF-8", file, None, "save the file as UTF-8")
    column = len(data[data.rfind(b"\n", 0, at) + 1 : at].decode("utf-8", "replace")) + 1
    return placed(problem, lines, data.count(b"\n", 0, at) + 1, column)


def read_toml(text: str, file: str) -> tuple[Mapping[str, Any], str, list[Problem]]:
    """The values, the text they were read from, and what is no TOML.

    A wrong line that stands alone is left out and the rest is read, so that its mistakes are told too.
    """
    lines = text.split("\n")
    problems: list[Problem] = []
    for _ in range(_RETRIES):
        try:
            return tomllib.loads(text), text, problems
        except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a bare ValueError
            problem, alone = _fault(error, text, lines, file)
            problems.append(problem)
            if not alone or problem.line is None or len(text) > 5000:
                return {}, "", problems
            kept = text.split("\n")
            if not kept[problem.line - 1]:
                return {}, "", problems
            kept[problem.line - 1] = ""
            text = "\n".join(kept)
    return {}, "", problems


def _fault(error: Exception, text: str, lines: list[str], file: str) -> tuple[Problem, bool]:
    """The problem, and whether its line can be left out without changing what the others mean."""
    match = _AT.match(str(error))
    words = match[1] if match else str(error)
    line = int(match[2]) if match and match[2] else None
    column = int(match[3]) if match and match[3] else None
    if line is None:
        line = _statement(text)
    source = lines[line - 1] if line <= len(lines) else ""
    code, hint = "flow.toml", ""
    alone = not source.lstrip().startswith("[") and not re.search(r"\[\s*(#.*)?$|\"\"\"|'''", source)
    if words.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine", "Duplicate")):
        code, hint = "flow.duplicate", "keep one of the two"
        name = source.strip().partition("#")[0].strip()
        name = name if name.startswith("[") else name.partition("=")[0].strip()
        words, column = f"{name} is given twice", len(source) - len(source.lstrip()) + 1
        found = next((at for at, row in enumerate(lines[: line - 1], 1) if _head(row) == _head(source)), None)
        words += f", first in line {found}" if found else ""
    elif words.startswith("Expected '=' after a key"):
        words, hint = "a key without a value", 'write key = "value"'
    elif words == "Invalid value":
        words, hint = "this is no value", 'a text stands in quotes, "..."; true and false in small letters'
    elif words.startswith("Exceeds the limit"):
        words, alone = "a number of thousands of digits", False
    elif isinstance(error, RecursionError):
        words, alone = "lists in lists without end", False
    elif words.startswith("Illegal character '\\n'") or re.fullmatch(r"Expected ['\"]{3,5}", words):
        words, hint = "a text that does not end", "close it with the quote it began with"
    elif words.startswith("Unclosed array"):
        words, hint, alone = "a list that does not end, or a comma that is missing in it", "close it with ]", False
    elif words.startswith(("Unclosed", "Expected ']'")):
        words, alone = words[:1].lower() + words[1:], False
    else:
        words = words[:1].lower() + words[1:]
    alone = alone and line is not None
    return placed(Problem.error(code, words[:200], file, None, hint), lines, line, column), alone


def _head(row: str) -> str:
    row = row.strip()
    return re.sub(r"\s", "", row if row.startswith("[") else row.partition("=")[0])


def _statement(text: str) -> int:
    """The line where what is never finished begins: all before it can be read."""
    lines = text.split("\n")
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    if len(text) > 20_000:
        return len(lines)
    for number in range(len(lines) - 1, max(-1, len(lines) - 40), -1):
        try:
            tomllib.loads("\n".join(lines[:number]))
        except (ValueError, RecursionError):
            continue
        return number + 1
    return len(lines)
