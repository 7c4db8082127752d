"""What a check found, still tied to its element; `problems()` turns it into `Problem`s with exact lines.

Line numbers cost a scan of the text, so that happens only here, on the way of a document that has findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from ..models import Problem, Severity

Node = etree._Element

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
_TOKEN = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<([^\s/>!?]++)((?:[^"'>]|"[^"]*+"|'[^']*+')*+)>""", re.DOTALL
)


class Lines:
    """Where start tags and their attributes begin. libxml2 knows a tag by the line its `>` is on only."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._by_last_line: dict[int, list[re.Match[str]]] | None = None

    def of(self, element: Node, attribute: str = "") -> int | None:
        last = element.sourceline
        if last is None or not isinstance(element.tag, str):
            return last
        if self._by_last_line is None:
            self._by_last_line = self._scan()
        tags = self._by_last_line.get(last, [])
        # A dialect may have renamed the element; then any tag ending on that line has to do.
        same = [tag for tag in tags if tag[1] == element.tag] or tags
        if attribute:
            for tag in same:
                found = re.search(rf"(?<=\s){re.escape(attribute)}\s*=", tag[2])
                if found:
                    return line_at(self._text, tag.start(2) + found.start())
        return line_at(self._text, same[0].start()) if same else last

    def _scan(self) -> dict[int, list[re.Match[str]]]:
        found: dict[int, list[re.Match[str]]] = {}
        line, position = 1, 0
        for token in _TOKEN.finditer(self._text):
            if token[1] is not None:
                line += self._text.count("\n", position, token.end())
                position = token.end()
                found.setdefault(line, []).append(token)
        return found


def problems(findings: Iterable[Finding], text: str, file: str) -> tuple[Problem, ...]:
    """All findings as problems in document order, each said once."""
    lines = Lines(text)
    return tuple(sorted(dict.fromkeys(_problems(findings, lines, file)), key=lambda problem: problem.line or 0))


def _problems(findings: Iterable[Finding], lines: Lines, file: str) -> Iterator[Problem]:
    for finding in findings:
        line = finding.line
        if line is None and finding.at is not None:
            line = lines.of(finding.at, "" if finding.name == TEXT else finding.name)
        yield Problem(
            finding.severity,
            finding.code,
            finding.message,
            file=file,
            line=line,
            hint=finding.hint,
            fatal=finding.fatal,
        )
