"""Reading what a web application answered: strict XML, the platform's vocabulary, typed attributes.

Guarantee: whatever the bytes are, the outcome is an `Element` tree or `InvalidDocument`, and nothing is fetched or
expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

SSML = frozenset("break emphasis lang p phoneme prosody s say-as sub w".split())

Vocabulary = Mapping[str, frozenset[str]]  # element -> the children it may have; a missing element may have none

# Only the values execution depends on are judged; a platform judges more.
_NUMBERS = frozenset(
    (
        "loop length minSilence timeout digitTimeout numDigits retries executionTimeout timeLimit confirmTimeout"
        " schedule maxLength streamTimeout maxMembers startInputTimeout"
    ).split()
)
_OR_AUTO = frozenset(("digitEndTimeout", "speechEndTimeout"))
_INPUT_TYPE = re.compile(r"\s*(dtmf|speech|dtmf\s+speech|speech\s+dtmf)?\s*")
_FLAGS = frozenset(
    (
        "redirect playBeep silence hangupOnStar async bidirectional keepCallAlive"
        " recordSession startOnDialAnswer"
        " muted startConferenceOnEnter endConferenceOnExit stayAlone relayDTMF floorEvent record"
    ).split()
)
_TEXT_REQUIRED = frozenset(("Play", "Number", "User", "Redirect", "Conference", "Stream"))


class InvalidDocument(Exception):
    """The text says why, in words for the transcript."""


@dataclass(frozen=True)
class Element:
    name: str
    attributes: Mapping[str, str]
    text: str
    children: tuple[Element, ...] = ()
    pauses: float = 0.0  # seconds of <break> in a Speak

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def number(self, name: str, default: float) -> float:
        """Unreadable values give the default: whether they are let in at all was decided before."""
        text = self.get(name).strip()
        return float(text) if re.fullmatch(r"[0-9]{1,9}", text) else default

    def flag(self, name: str, default: bool) -> bool:
        return {"true": True, "false": False}.get(self.get(name).strip().lower(), default)


def parse(
    body: bytes,
    vocabulary: Vocabulary,
    *,
    ignore_unknown: bool = False,
    ignore_bad_values: bool = False,
    bare_dial: bool = False,
    max_bytes: int = 100_000,
    languages: frozenset[str] = frozenset(),
) -> Element:
    """`bare_dial`: a Dial may hold one number as text. `languages`: what an input element may say in `language`, where
    the platform enforces it; empty: anything."""
    if len(body) > max_bytes:
        raise InvalidDocument(f"the document has more than {max_bytes} bytes")
    if not body.strip():
        raise InvalidDocument("the document is empty")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidDocument(f"not well-formed: {error}") from None
    if root.getroottree().docinfo.doctype:
        raise InvalidDocument("a document type declaration is not allowed")
    if root.tag != "Response":
        raise InvalidDocument(f"the root element is {root.tag!s}, not Response")
    return _Reader(vocabulary, ignore_unknown, ignore_bad_values, bare_dial, languages).read(root)


class _Reader:
    def __init__(
        self,
        vocabulary: Vocabulary,
        ignore_unknown: bool,
        ignore_bad_values: bool,
        bare_dial: bool,
        languages: frozenset[str],
    ) -> None:
        self.vocabulary, self.bare_dial, self.languages = vocabulary, bare_dial, languages
        self.ignore_unknown, self.ignore_bad_values = ignore_unknown, ignore_bad_values

    def read(self, node: etree._Element) -> Element:
        name = str(node.tag)
        attributes = {str(key): str(value) for key, value in node.attrib.items()}
        if not self.ignore_bad_values:
            self._judge(name, attributes, node.sourceline)
        if name == "Speak":
            self._check_ssml(node)
            return Element(name, attributes, _spoken(node), (), _pauses(node))
        text = (node.text or "").strip()
        if name in _TEXT_REQUIRED and not text:
            raise InvalidDocument(f"{name} without text (line {node.sourceline})")
        children = tuple(self.read(child) for child in node if self._allowed(name, child))
        called = any(child.name in ("Number", "User") for child in children)
        if name == "Dial" and not called and not (text and self.bare_dial):
            raise InvalidDocument(f"Dial without Number or User (line {node.sourceline})")
        return Element(name, attributes, text, children)

    def _allowed(self, parent: str, child: etree._Element) -> bool:
        if child.tag in self.vocabulary.get(parent, frozenset()):
            return True
        if self.ignore_unknown:
            return False
        raise InvalidDocument(f"{child.tag!s} is not an element {parent} may contain (line {child.sourceline})")

    def _check_ssml(self, speak: etree._Element) -> None:
        for node in speak.iterdescendants():
            if node.tag not in SSML and not self.ignore_unknown:
                raise InvalidDocument(f"{node.tag!s} is not an element Speak may contain (line {node.sourceline})")

    def _judge(self, name: str, attributes: Mapping[str, str], line: int | None) -> None:
        for key, value in attributes.items():
            number = re.fullmatch(r"\s*[0-9]{1,9}\s*", value) is not None
            wrong = (
                (key in _NUMBERS and not number)
                or (key in _OR_AUTO and not number and value.strip() != "auto")
                or (key in _FLAGS and value.strip().lower() not in ("true", "false"))
                or (key == "inputType" and not _INPUT_TYPE.fullmatch(value))
            )
            if key == "language" and name in ("Gather", "GetInput") and self.languages:
                wrong = value not in self.languages
            if wrong:
                raise InvalidDocument(f"{name} {key}={value[:40]!r} is not a value it takes (line {line})")


def _spoken(speak: etree._Element) -> str:
    return " ".join("".join(_words(speak)).split())


def _words(node: etree._Element) -> Iterator[str]:
    """What is heard: a `sub` is spoken as its alias; a break, a paragraph and a sentence part words."""
    yield node.text or ""
    for child in node:
        apart = " " if child.tag in ("break", "p", "s") else ""
        yield apart
        if child.tag == "sub":
            yield str(child.get("alias", ""))
        else:
            yield from _words(child)
        yield apart + (child.tail or "")


def _pauses(node: etree._Element) -> float:
    total = 0.0
    for pause in node.iterdescendants("break"):
        match = re.fullmatch(r"([\d.]{1,8})(ms|s)", str(pause.get("time", "")))
        try:
            total += float(match[1]) / (1000 if match[2] == "ms" else 1) if match else 0.5
        except ValueError:  # "1.2.3s"
            total += 0.5
    return total


def is_http_url(url: str) -> bool:
    """Absolute, http or https, with a host, and nothing a request line could not carry."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises ValueError when it is no number)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f\x7f]", url)
