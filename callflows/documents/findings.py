"""What a check found, still tied to its element; `problems()` turns it into `Problem`s with exact places.

Places cost a scan of the text, so that happens only on the way of a document that has findings. All of it is linear,
and the worst MOST are told: a document that is wrong ten thousand times must not keep a caller waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from ..marks import UNKNOWN
from ..models import Place, Problem, Severity
from .secrets import without_secrets
from .spots import Spots

Locate = Callable[[int], Place | None]
Node = etree._Element

MOST = 100  # problems told of one document
ENOUGH = 10 * MOST  # errors of grammar after which the rest of a document is not walked for more
TEXT = "#text"  # Finding.name when it is about an element's text


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """`name` is the attribute it is about, TEXT, or "" for the element as such. `offset` is a place in the text, where
    no element is meant; `line` serves where there is no text to show."""

    code: str
    message: str
    at: Node | None = None
    name: str = ""
    hint: str = ""
    severity: Severity = Severity.ERROR
    fatal: bool = False
    offset: int | None = None
    line: int | None = None


def text_of(element: Node) -> str:
    """The element's own text, whatever comments stand in it (`.text` ends at the first one)."""
    if len(element) == 0:
        return element.text or ""
    return (element.text or "") + "".join(child.tail or "" for child in element)


class _Own:
    """Places of the text itself."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._line, self._counted = 1, 0  # findings come in any order, but mostly forwards

    def __call__(self, offset: int) -> Place:
        if offset < self._counted:
            self._line, self._counted = 1, 0
        self._line += self._text.count("\n", self._counted, offset)
        self._counted = offset
        start = self._text.rfind("\n", 0, offset) + 1
        end = self._text.find("\n", offset)
        return Place(self._file, self._line, offset - start + 1, self._text[start : end if end >= 0 else None])


def suspect(finding: Finding, spots: Spots) -> bool:
    """Whether what is told may only be so because a value could not be made (marks.UNKNOWN stands for it)."""
    at = finding.at
    if at is None or finding.code in _STRUCTURE:
        return False
    if finding.name and finding.name != TEXT and finding.code.startswith("grammar."):
        # The tag as it was written tells of an attribute that a dialect has given another name.
        return UNKNOWN in (at.get(finding.name) or "") or UNKNOWN in spots.tag(at)
    parent = at.getparent()
    return UNKNOWN in spots.tag(at) + text_of(at) + ("" if parent is None else text_of(parent))


_STRUCTURE = ("grammar.unknown-attribute", "grammar.unknown-element", "grammar.misplaced-element")


def problems(
    findings: Iterable[Finding], text: str, file: str, spots: Spots | None = None, locate: Locate | None = None
) -> tuple[Problem, ...]:
    """As problems in document order, each place and message once. Of very many only the worst, so that what blocks
    the document still does, and a last one that says how many there are. `locate` says where in the author's files a
    character of `text` comes from; without it they are places of `text` itself."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        unique.setdefault(_what(finding), finding)
    spots = spots or Spots(text, ())
    own = _Own(text, file)
    told: dict[tuple[object, ...], tuple[int, Problem]] = {}
    left = len(unique)
    for finding in sorted(unique.values(), key=lambda one: _rank(one.severity, one.code, one.fatal)):
        if len(told) == MOST:
            break
        left -= 1
        offset = finding.offset if finding.at is None else spots.of(finding.at, finding.name)
        place = None if offset is None else (locate or own)(offset)
        message = finding.message
        if place is None and offset is not None:
            message += f" (line {own(offset).line} of the rendered document; where it comes from cannot be told)"
        problem = Problem(
            finding.severity,
            finding.code,
            message,
            file=place.file if place else file,
            line=place.line if place else finding.line,
            hint=finding.hint,
            fatal=finding.fatal,
            column=place.column if place else None,
            source=without_secrets(place.source) if place else "",
        )
        told.setdefault((problem.file, problem.line, problem.column, message), (offset or 0, problem))
    found = [problem for _, problem in sorted(told.values(), key=lambda one: one[0])]
    if left:
        message = f"there are {left} more problems, none worse than these"
        last = found[-1]
        found.append(Problem(Severity.WARNING, "rule.more", message, last.file, last.line, "mend these first"))
    return tuple(found)


def _what(finding: Finding) -> tuple[object, ...]:
    """Equal for findings that would be told in the same words."""
    line = finding.offset if finding.at is None else finding.at.sourceline
    return line, finding.name, finding.message, finding.code, finding.severity, finding.fatal


@lru_cache(maxsize=256)
def _rank(severity: Severity, code: str, fatal: bool) -> int:
    if Problem(severity, code, "", fatal=fatal).blocks:
        return 0
    return 1 if severity is Severity.ERROR else 2
