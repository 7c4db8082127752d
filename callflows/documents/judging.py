"""`judge()`: the one verdict on a document, used by the webhook, the preflight, the command line and the console.

Read safely, turn into the platform's vocabulary, hold against its grammar, then rules and dial policy on the result.
All problems at once. The way of a good document does nothing that only a bad one needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from ..errors import RequestInvalid
from ..marks import UNKNOWN
from ..models import Problem, Severity, errors_in
from . import grammar, policy, rules
from . import links as our_links
from .dialects import AUTHORED, DIALECTS, Convert, Dialect
from .findings import ENOUGH, Finding, Locate, Node, problems, suspect
from .numbers import risk
from .policy import DialPolicy, Written, collect_written
from .reading import MAX_BYTES, decode, read, served_bytes, too_large
from .reporting import report_to
from .schema import compiled, model
from .spots import Spots

_STRICT = DialPolicy()
_LARGE = 20_000  # characters


@dataclass(frozen=True, slots=True)
class Verdict:
    """`text` is the document as it will be served, without XML declaration; as given where it could not be read."""

    text: str
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not errors_in(self.problems)

    @property
    def blocked(self) -> bool:
        return any(problem.blocks for problem in self.problems)


def warm() -> None:
    """Compile every schema, on the calling thread, before threads start; load what the first call would wait for."""
    for name in DIALECTS:
        compiled(name)
        model(name)
    risk("+14155550123")


def judge(
    text: str,
    provider: str,
    *,
    kind: str = "call",
    native: bool = False,
    policy: DialPolicy | None = None,
    written: Written = Written(),  # noqa: B008 - frozen
    public_url: str = "",
    xml_allow: Sequence[str] = (),
    file: str = "",
    links: Mapping[str, str] | None = None,
    callback: str = "",
    locate: Locate | None = None,
    places: bool = True,
) -> Verdict:
    """Never raises for a bad document. `kind="sound"`: it may hold Play, Wait, Speak only. `native`: it is written in
    the provider's own vocabulary already. `written`, `policy`: what may be dialled; without a policy only what is
    written. `xml_allow`: `Element.attribute`s that are let pass.
    `links`: the path each link placeholder was made for, by its index; None for a document that is sealed, or not
    ours. `callback`: where a Dial or Conference that names no callbackUrl is to report.
    `locate`: the author's file and line that a character of `text` comes from; without it `text` is `file`.
    Nothing is said of values that marks.UNKNOWN stands for. `places=False` leaves the places out of the problems: a
    call is waiting, and may be served with them."""
    case = _Case(_dialect(provider), kind, native, policy or _STRICT, written, public_url, xml_allow, links, callback)
    return case.judge(text, file, locate, places)


def judge_bytes(
    data: bytes,
    provider: str,
    *,
    kind: str = "call",
    native: bool = False,
    policy: DialPolicy | None = None,
    written: Written = Written(),  # noqa: B008 - frozen
    public_url: str = "",
    xml_allow: Sequence[str] = (),
    file: str = "",
) -> Verdict:
    """A file on its own, as bytes. Numbers in it count as written; without a policy it is held against none, as
    there is no flow and no setting it belongs to."""
    dialect = _dialect(provider)
    text, findings = decode(data)
    if findings:
        return Verdict(text, problems(findings, text, file))
    written = written | collect_written([text])
    return _Case(dialect, kind, native, policy, written, public_url, xml_allow, None).judge(text, file, None, True)


def _dialect(provider: str) -> Dialect:
    try:
        return DIALECTS[provider]
    except KeyError:
        raise RequestInvalid(f'unknown provider "{provider}"', hint=f"one of {', '.join(DIALECTS)}") from None


@dataclass(frozen=True, slots=True)
class _Case:
    """What a document is held against."""

    dialect: Dialect
    kind: str
    native: bool
    policy: DialPolicy | None
    written: Written
    public_url: str
    allow: Sequence[str]
    links: Mapping[str, str] | None
    callback: str = ""

    def judge(self, text: str, file: str, locate: Locate | None, places: bool) -> Verdict:
        # A large one is not examined twice: what is in it may be so wrong that it takes a while.
        trace = places and (locate is not None or len(text) > _LARGE)
        examined = self._examine(text, trace=trace)
        if not examined[1]:
            return Verdict(examined[0])
        if places and not trace:  # once more, with a note of where each element stood before any was renamed
            examined = self._examine(text, trace=True)
        body, found, elements, tags = examined
        if tags:
            found = [_in_author_words(finding, tags, self.dialect) for finding in found]
            told = _Told(found)
            found = [
                one for one in found if not one.code.startswith("rule.") or one.code == "rule.more" or told.first([one])
            ]
        spots = Spots(text, elements)
        if UNKNOWN in text:
            found = [finding for finding in found if not suspect(finding, spots)]
        return Verdict(body, problems(found, text, file, spots, locate if places else _nowhere))

    def _examine(self, text: str, *, trace: bool) -> _Examined:
        reading = read(text)
        root, body, found, dialect = reading.root, reading.body, reading.findings, self.dialect
        if root is None:
            around = text.strip()  # a value that could not be made stands where only the root may
            return body, [] if around.startswith(UNKNOWN) or around.endswith(UNKNOWN) else found, [], {}
        elements = list(root.iter("*")) if trace else []
        tags: dict[Node, str] = {}
        # Before the grammar and the conversion, so that what is added is judged as if the author had written it.
        reports = changed = bool(self.callback) and report_to(root, self.callback)
        if self.native or dialect.convert is None:
            found += grammar.check(root, dialect.name, allow=self.allow, instead=dialect.instead)
        else:
            before = [str(element.tag) for element in elements]
            found += _convert(root, dialect, dialect.convert, self.allow)
            tags = dict(zip(elements, before, strict=True))
            changed = True
        if changed:
            body = etree.tostring(root, encoding="unicode")
        size = served_bytes(body)
        if size > MAX_BYTES and reports:  # no news is better than no document
            return replace(self, callback="")._examine(text, trace=trace)
        if size > MAX_BYTES:
            found.append(too_large(size))
        context = rules.Context(self.kind, model(dialect.name), len(body))
        found += _Told(found).first(rules.examine(root, dialect.table, context))
        if self.links is not None:
            found += _Told(found).first(our_links.examine(root, self.links, self.public_url), elements=False)
        if self.policy is not None:
            found += _Told(found).first(
                policy.examine(root, self.policy, self.written, self.public_url), elements=False
            )
        return body, found, elements, tags


_Examined = tuple[str, list[Finding], list[Node], dict[Node, str]]  # with what the elements were, before conversion


# Told of the author's tree, or in both languages.
_AUTHORED_WORDS = ("grammar.unknown-attribute", "grammar.bad-value", "rule.no-equivalent", "rule.converted")


def _in_author_words(finding: Finding, tags: Mapping[Node, str], dialect: Dialect) -> Finding:
    """Rules and the platform's grammar see the platform's words; an author looks for those of the template."""
    if finding.code in _AUTHORED_WORDS or finding.at is None or (was := tags.get(finding.at)) is None:
        return finding
    words = {str(finding.at.tag): was}
    words |= {new: name for (tag, new), name in dialect.names.items() if tag == was and new not in _names_of(was)}
    words = {new: name for new, name in words.items() if new != name}
    if not words:
        return finding
    pattern = re.compile(rf"\b({'|'.join(words)})\b")
    message = pattern.sub(lambda found: words[found[1]], finding.message)
    return replace(finding, message=message, name=words.get(finding.name, finding.name))


def _names_of(tag: str) -> Mapping[str, object]:
    return model(AUTHORED).elements[tag].attributes


def _convert(root: Node, dialect: Dialect, convert: Convert, allow: Sequence[str]) -> list[Finding]:
    """First the grammar of the author's vocabulary, so that problems speak it; then the platform's own."""
    authored = grammar.check(root, AUTHORED, allow=allow, instead=DIALECTS[AUTHORED].instead)
    lost = convert(root)
    wrong = [finding for finding in authored if finding.severity is Severity.ERROR]
    faulty = {finding.at for finding in wrong}
    parts = {(finding.at, finding.name) for finding in wrong}
    lost = [one for one in lost if not one.name or (one.at, one.name) not in parts]
    if len(authored) >= ENOUGH and faulty:
        return authored + lost  # it is blocked, with more to tell than will be told
    final = grammar.check(root, dialect.name, allow=allow, instead=dialect.instead)
    # What was let through under the author's name of an element is let through under the platform's.
    let = {(finding.at, finding.name) for finding in authored if finding.code == "grammar.unknown-attribute"}
    absent = {one.at for one in final if one.code == "grammar.unknown-element"} - {
        one.at for one in wrong if one.code == "grammar.unknown-element"
    }
    authored = [one for one in authored if one.at not in absent]  # what it lacks besides does not matter
    return (
        authored
        + lost
        + [one for one in final if one.at in absent or (one.at not in faulty and (one.at, one.name) not in let)]
    )


def _nowhere(offset: int) -> None:
    """Nobody has looked where it comes from."""


class _Told:
    """Keeps rules and policy from saying again what the grammar has said. Only errors silence, and they block."""

    def __init__(self, found: Iterable[Finding]) -> None:
        errors = [one for one in found if one.severity is Severity.ERROR and one.code.startswith("grammar.")]
        self._any = bool(errors)
        self._elements = {
            one.at for one in errors if one.code in ("grammar.unknown-element", "grammar.misplaced-element")
        }
        self._parts = {(one.at, one.name or one.code) for one in errors}

    def first(self, found: list[Finding], *, elements: bool = True) -> list[Finding]:
        if not self._any:
            return found
        return [
            one
            for one in found
            if (one.at, one.name or one.code) not in self._parts and not (elements and self._strange(one.at))
        ]

    def _strange(self, at: Node | None) -> bool:
        """Whether it stands where the grammar knows nothing, itself or what it is in."""
        return at is not None and (
            at in self._elements or (bool(self._elements) and any(up in self._elements for up in at.iterancestors()))
        )
