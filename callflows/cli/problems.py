"""How a problem looks: in text, with its source line and a caret below the place, and as a workflow command of GitHub.

Nothing here prints. What files and platforms say is shown character for character, except what would move the cursor,
reorder the line or be invisible: that is replaced, one character for one, so that columns hold.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import click

from ..models import Problem, Severity, errors_in
from ..urls import without_marks

SHOWN = 100  # characters of a source line; a document may be one line of 100 KB
_BEFORE = 60  # of them before the column, where the line is cut
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # make a line read as what it is not


def told(problem: Problem) -> Iterator[str]:
    """The lines of one problem. Colours are the terminal's business: click.echo removes them elsewhere."""
    colour = "red" if problem.severity is Severity.ERROR else "yellow"
    yield click.style(_head(problem), fg=colour)
    hint = printable(problem.hint)
    source = problem.source.split("\n", 1)[0].rstrip("\r")
    if problem.line and source.strip():
        line, below = _excerpt(source, problem.column)
        gutter = f"{problem.line:>5} | "
        yield gutter + line
        if below is not None:
            yield f"{' ' * (len(gutter) - 2)}| {below}" + click.style(f"^ {hint}".rstrip(), fg=colour)
            return
    if hint:
        yield f"    hint: {hint}"


def summary(problems: Sequence[Problem]) -> str:
    """`ok`, `ok, 2 warnings`, `1 problem`, `5 problems, 1 warning`."""
    errors = len(errors_in(problems))
    warnings = len(problems) - errors
    words = [_count(errors, "problem") if errors else "ok", *([_count(warnings, "warning")] if warnings else [])]
    return ", ".join(words)


def workflow_command(problem: Problem, path: str) -> str:
    """`::error file=...`: an annotation at the line in a pull request. `path` is from the repository's root; without
    one the line has nowhere to point to, and is said in words."""
    where = {"file": path, "line": problem.line or "", "col": problem.column or ""} if path else {}
    properties = {**where, "title": problem.code}
    said = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    place = f"line {problem.line}: " if problem.line and not path else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"::{problem.severity} {said}::{_data(f'{place}{problem.message}{hint}')}"


def printable(text: str) -> str:
    """Text on one line, whatever is in it."""
    return "".join(map(_shown, without_marks(text))).replace("\t", " ")


def _head(problem: Problem) -> str:
    where = problem.file
    if problem.line and not where:
        where = f"line {problem.line}"
    elif problem.line:
        where += f":{problem.line}" + (f":{problem.column}" if problem.column else "")
    return printable(f"{where}: " if where else "") + printable(f"{problem.severity} {problem.code}: {problem.message}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _excerpt(source: str, column: int | None) -> tuple[str, str | None]:
    """The source line, cut around the column, and what stands below it before the caret; None without a column."""
    at = min(max(column or 1, 1), len(source) + 1) - 1
    start = 0 if len(source) <= SHOWN else max(0, min(at - _BEFORE, len(source) - SHOWN))
    end = start + SHOWN
    line = "".join(map(_shown, source[start:end]))
    line = ("…" if start else "") + line + ("…" if end < len(source) else "")
    if not column:
        return line, None
    below = " " if start else ""
    for character in source[start:at]:
        # A tab below a tab is as wide as the one above, wherever the terminal has its stops.
        below += "\t" if character == "\t" else " " * _cells(_shown(character))
    return line, below


def _shown(character: str) -> str:
    """A stand-in of one character for what must not reach a terminal."""
    if " " <= character <= "~" or character == "\t":
        return character
    if character < " ":
        return chr(0x2400 + ord(character))  # ␀ ␛ ␍: the pictures of the control characters
    if character in _BIDI or unicodedata.category(character) in ("Cc", "Co", "Cs", "Zl", "Zp"):
        return "\N{REPLACEMENT CHARACTER}"
    return character


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _data(text: str) -> str:
    """GitHub's escapes. A line break stays one, in the annotation; anything else stays on its line."""
    text = "".join(character if character in "\r\n" else _shown(character) for character in without_marks(text))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
