"""What a check found, still tied to its element; `problems()` turns it into `Problem`s with exact lines.

Line numbers cost a scan of the text, so that happens only here, on the way of a document that has findings. All of it
is linear, and the worst MOST are told: a document that is wrong ten thousand times must not keep a caller waiting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from ..models import Problem, Severity

Node = etree._Element

MOST = 100  # problems told of one document
ENOUGH = 10 * MOST  # errors of grammar after which the rest of a document is not walked for more
TEXT = "#text"  # Finding.name when it is about an element's text


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """`name` is the attribute it is about, TEXT, or "" for the element as such. `line` serves where no element does."""

    code: str
    message: str
    at: Node | None = None
    name: str = ""
    hint: str = ""
    severity: Severity = Severity.ERROR
    fatal: bool = False
    line: int | None = None


def text_of(element: Node) -> str:
    """The element's own text, whatever comments stand in it (`.text` ends at the first one)."""
    if len(element) == 0:
        return element.text or ""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# One token of a well-formed document. Possessive: linear on any input.
TOKEN = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<([^\s/>!?]++)((?:[^"'>]|"[^"]*+"|'[^']*+')*+)>""", re.DOTALL
)


@dataclass(slots=True)
class _Long:
    """A tag of several lines, and the names of all tags that end on its last one."""

    tag: re.Match[str]
    names: set[str]


class Lines:
    """Where start tags and their attributes begin. libxml2 knows a tag by the line its `>` is on only. Of all tags
    that end on a line, only the first can have begun on an earlier one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._by_last_line: dict[int, _Long | None] | None = None

    def of(self, element: Node, attribute: str = "") -> int | None:
        last = element.sourceline
        if last is None or not isinstance(element.tag, str):
            return last
        if self._by_last_line is None:
            self._by_last_line = self._scan()
        long = self._by_last_line.get(last)
        # A dialect may have renamed the element; then the tag is no other element's that is on that line.
        if long is None or (long.tag[1] != element.tag and element.tag in long.names):
            return last
        if attribute:
            found = re.search(rf"(?<=\s){re.escape(attribute)}\s*=", long.tag[2])
            if found:
                return last - self._text.count("\n", long.tag.start(2) + found.start(), long.tag.end())
            if element.get(attribute) is not None and long.tag[1] == element.tag:
                return last  # another tag of that name
        return last - long.tag[0].count("\n")

    def _scan(self) -> dict[int, _Long | None]:
        found: dict[int, _Long | None] = {}
        line, position = 1, 0
        for token in TOKEN.finditer(self._text):
            if token[1] is not None:
                line += self._text.count("\n", position, token.end())
                position = token.end()
                if line not in found:
                    found[line] = _Long(token, {token[1]}) if "\n" in token[0] else None
                elif (long := found[line]) is not None:
                    long.names.add(token[1])
        return found


def problems(findings: Iterable[Finding], text: str, file: str) -> tuple[Problem, ...]:
    """As problems in document order, each line and message once. Of very many only the worst, so that what blocks the
    document still does, and a last one that says how many there are."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        unique.setdefault(_what(finding), finding)
    lines = Lines(text)
    told: dict[tuple[int | None, str], Problem] = {}
    left = len(unique)
    for finding in sorted(unique.values(), key=lambda one: _rank(one.severity, one.code, one.fatal)):
        if len(told) == MOST:
            break
        left -= 1
        line = finding.line
        if line is None and finding.at is not None:
            line = lines.of(finding.at, "" if finding.name == TEXT else finding.name)
        problem = Problem(
            finding.severity,
            finding.code,
            finding.message,
            file=file,
            line=line,
            hint=finding.hint,
            fatal=finding.fatal,
        )
        told.setdefault((line, finding.message), problem)
    found = sorted(told.values(), key=lambda problem: problem.line or 0)
    if left:
        message = f"there are {left} more problems, none worse than these"
        found.append(Problem(Severity.WARNING, "rule.more", message, file, found[-1].line, "mend these first"))
    return tuple(found)


def _what(finding: Finding) -> tuple[object, ...]:
    """Equal for findings that would be told in the same words."""
    line = finding.line
    if line is None and finding.at is not None:
        line = finding.at.sourceline
    return line, finding.name, finding.message, finding.code, finding.severity, finding.fatal


@lru_cache(maxsize=256)
def _rank(severity: Severity, code: str, fatal: bool) -> int:
    if Problem(severity, code, "", fatal=fatal).blocks:
        return 0
    return 1 if severity is Severity.ERROR else 2
