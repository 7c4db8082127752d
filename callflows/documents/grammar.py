"""Grammar: libxml2 says whether a document fits the XSD; where it does not, `explain()` says why, in sentences.

libxml2's own messages stop at the first unexpected child, name types instead of values and tell of follow-up errors.
So the tree is walked once more over the data read from the same XSD: every mistake, each once.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy

from lxml import etree

from ..models import Severity
from . import advice
from .findings import ENOUGH, MOST, TEXT, Finding, Node, text_of
from .numbers import SPACE
from .schema import XML_PREFIX, Attribute, Model, SimpleType, compiled, model
from .secrets import PASSWORD

_MANY = 500  # elements: of more than that the walk comes first, as libxml2 takes 20 us to word each mistake
_LONGEST = 60  # no name of the grammar is near it, and nothing longer is a slip of one


def check(
    root: Node, name: str, *, allow: Collection[str] = (), instead: Mapping[str, str] | None = None
) -> list[Finding]:
    """All mistakes against `schemas/<name>.xsd`. `allow` holds `Element.attribute`s the operator lets pass;
    `instead` says what to write for elements of other platforms."""
    many = int(root.xpath("count(//*)")) > _MANY
    if not many and compiled(name).validate(root):
        return []
    found: list[Finding] = []
    errors = 0
    for finding in _Walk(model(name), name, allow, instead or {}).element(root, ""):
        found.append(finding)
        errors += finding.severity is Severity.ERROR
        if errors == ENOUGH:
            message = f"with {ENOUGH} mistakes in its grammar, the document was read to here only"
            return [*found, Finding("rule.more", message, finding.at, severity=Severity.WARNING)]
    if errors or (not found and compiled(name).validate(root)):
        return found
    if not _valid_without(root, name, found):
        # Never let through what libxml2 refuses and the walk does not see.
        log = compiled(name).error_log
        message = log[0].message if len(log) else "the document does not fit the platform's grammar"
        found.append(Finding("grammar.invalid", message, root))
    return found


def _valid_without(root: Node, name: str, allowed: Iterable[Finding]) -> bool:
    """Whether the document is valid once the attributes that were let pass are taken out."""
    names: dict[Node, list[str]] = {}
    for finding in allowed:
        if finding.at is not None:
            names.setdefault(finding.at, []).append(finding.name)
    if not names:
        return False
    copy = deepcopy(root)
    for element, twin in zip(root.iter("*"), copy.iter("*"), strict=True):
        for attribute in names.get(element, ()):
            twin.attrib.pop(attribute, None)
    return compiled(name).validate(copy)


class _Walk:
    def __init__(self, grammar: Model, name: str, allow: Collection[str], instead: Mapping[str, str]) -> None:
        self._model = grammar
        self._platform = name.capitalize()
        self._allow = frozenset(allow)
        self._instead = instead
        self._suggested: dict[tuple[str, str], str] = {}

    def _meant(self, name: str, where: str, known: Iterable[str]) -> str:
        """Looked for once per name and place, and not for ever: spelling is compared slowly."""
        key = (name, where)
        if key not in self._suggested:
            if len(name) > _LONGEST or len(self._suggested) >= 2 * MOST:
                return ""
            self._suggested[key] = _closest(name, known)
        return self._suggested[key]

    def _suggest(self, name: str, where: str, known: Iterable[str]) -> str:
        meant = self._meant(name, where, known)
        return f"did you mean {meant}?" if meant else ""

    def element(self, element: Node, parent: str) -> Iterator[Finding]:
        pending = [(element, parent)]
        while pending:  # no recursion: depth is the author's choice
            element, parent = pending.pop()
            tag = str(element.tag)
            if not parent and tag != "Response":
                yield self._wrong_root(element, tag)
                if tag not in self._model.elements:
                    continue
            elif tag not in self._model.elements:
                yield self._unknown(element, tag, parent)
                continue
            elif parent and tag not in self._model.elements[parent].children:
                yield self._misplaced(element, tag, parent)
            yield from self._attributes(element, tag)
            yield from self._content(element, tag)
            pending += [(child, tag) for child in reversed(element) if isinstance(child.tag, str)]

    def _wrong_root(self, element: Node, tag: str) -> Finding:
        return Finding(
            "grammar.root",
            f"the outermost element is {tag}, and must be Response",
            element,
            hint="write <Response>...</Response>",
        )

    def _unknown(self, element: Node, tag: str, parent: str) -> Finding:
        children = self._model.elements[parent].children
        hint = self._instead.get(tag) or self._suggest(tag, f"<{parent}>", children)
        hint = hint or self._suggest(tag, "<>", self._model.elements)
        hint = hint or (f"{parent} may contain {_list(children)}" if children else f"{parent} contains no elements")
        message = f"unknown element {tag} in {parent}" + (
            f": {self._platform} has none" if tag in self._instead else ""
        )
        return Finding("grammar.unknown-element", message, element, hint=hint)

    def _misplaced(self, element: Node, tag: str, parent: str) -> Finding:
        places = [name for name, other in self._model.elements.items() if tag in other.children]
        children = self._model.elements[parent].children
        where = f"it belongs in {_list(places)}" if places else f"{tag} is the outermost element only"
        text = self._model.elements[parent].text
        only = "nothing" if text is not None and text.what == "empty" else "text only"
        may = f"{parent} may contain {_list(children)}" if children else f"{parent} contains {only}"
        return Finding("grammar.misplaced-element", f"{tag} may not stand in {parent}", element, hint=f"{where}; {may}")

    def _attributes(self, element: Node, tag: str) -> Iterator[Finding]:
        known = self._model.elements[tag].attributes
        astray = self._astray(element, tag)
        meant: set[str] = set()  # by misspelt attributes, which are told of as such, and not as missing too
        for key, value in element.attrib.items():
            name = str(key)
            if name not in known:
                yield self._unknown_attribute(element, tag, name, known, astray == name)
                if not self._allowed(tag, name):
                    meant.add(self._meant(name, tag, known))
            elif not known[name].type.accepts(str(value)):
                yield self._bad_value(element, f"{tag} {_shown(name)}", name, str(value), known[name])
        for name, attribute in known.items():
            if attribute.required and name not in element.attrib and _shown(name) not in meant:
                yield Finding(
                    "grammar.missing-attribute",
                    f"{tag} needs the attribute {_shown(name)}",
                    element,
                    name,
                    hint=f'add {_shown(name)}="...", {attribute.type.what}',
                )

    def _allowed(self, tag: str, name: str) -> bool:
        return f"{tag}.{_shown(name)}" in self._allow

    def _astray(self, element: Node, tag: str) -> str:
        """The unknown attribute that holds what the element's text should be, or "": one mistake, told once."""
        shape = self._model.elements[tag]
        if shape.text is None or shape.text.accepts("") or len(element) or (element.text or "").strip(SPACE):
            return ""
        for key, value in element.attrib.items():
            name = str(key)
            if name not in shape.attributes and shape.text.accepts(str(value)) and not self._allowed(tag, name):
                return "" if self._meant(name, tag, shape.attributes) else name
        return ""

    def _unknown_attribute(
        self, element: Node, tag: str, name: str, known: Mapping[str, Attribute], astray: bool
    ) -> Finding:
        allowed = self._allowed(tag, name)
        hint = "let through by CALLFLOWS_XML_ALLOW" if allowed else self._suggest(name, tag, known)
        other = advice.ATTRIBUTES.get((tag, name), "")
        if astray and not hint:
            hint = f"it is the text of the element: <{tag}>...</{tag}>"
        elif other in known and not allowed:
            hint = f"did you mean {other}?"
        if not hint:
            hint = f"{tag} takes {_list([_shown(key) for key in known])}" if known else f"{tag} takes no attributes"
        return Finding(
            "grammar.unknown-attribute",
            f"unknown attribute {_shown(name)} on {tag}",
            element,
            name,
            hint=hint,
            severity=Severity.WARNING if allowed else Severity.ERROR,
        )

    def _bad_value(self, element: Node, what: str, name: str, value: str, shape: Attribute | SimpleType) -> Finding:
        kind = shape.type if isinstance(shape, Attribute) else shape
        shown = value.strip() if name == TEXT else value
        quoted = f'"{shown[:80]}{"..." if len(shown) > 80 else ""}"' if name != PASSWORD else "not shown"
        wrong = next((part for part in value.split(",") if part not in kind.words), value)  # one of a list
        meant = advice.fitting(value, kind) if name != PASSWORD else ""
        meant = f"did you mean {meant}?" if meant else ""
        near = self._suggest(wrong, kind.what, kind.words)
        hint = (meant or near) if kind.values else (near or meant)
        if kind.values:
            hint = f"{hint}; " * bool(hint) + f"allowed: {', '.join(kind.values)}"
        elif not hint:
            given = shape if isinstance(shape, Attribute) else None
            optional = given is not None and not given.required
            hint = advice.general(value, kind, given.default if given else None, optional=optional)
        return Finding(
            "grammar.bad-value",
            f"{what} is {quoted if shown else 'empty'}, and must be {kind.what}",
            element,
            name,
            hint,
        )

    def _content(self, element: Node, tag: str) -> Iterator[Finding]:
        shape = self._model.elements[tag]
        text = text_of(element)
        has_elements = any(isinstance(child.tag, str) for child in element)
        if shape.needs_child and not has_elements and not text.strip(SPACE):
            yield Finding(
                "grammar.missing-child",
                f"{tag} contains no {' or '.join(shape.children)}, and needs at least one",
                element,
                hint=f"add <{next(iter(shape.children))}>...</{next(iter(shape.children))}>",
            )
        if shape.mixed or (has_elements and shape.text is not None):
            return  # any text; or child elements, told of as such, where the text should be
        if shape.text is None:
            if text.strip(SPACE):
                spoken = "; spoken text goes into Speak" if "Speak" in shape.children else ""
                spoken = "; put each number into a Number" if "Number" in shape.children else spoken
                yield Finding(
                    "grammar.unexpected-text",
                    f'{tag} contains the text "{_short(text)}", and may contain elements only',
                    element,
                    TEXT,
                    hint=f"{tag} may contain {_list(shape.children)}{spoken}",
                )
        elif not shape.text.accepts(text) and not self._astray(element, tag):
            if shape.text.what == "empty":
                yield Finding(
                    "grammar.unexpected-text",
                    f'{tag} contains the text "{_short(text)}", and must be empty',
                    element,
                    TEXT,
                    hint=f"write <{tag}/>",
                )
            else:
                yield self._bad_value(element, f"the text of {tag}", TEXT, text, shape.text)


def _shown(name: str) -> str:
    return "xml:" + name.removeprefix(XML_PREFIX) if name.startswith(XML_PREFIX) else name


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else words[:40] + "..."


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _closest(name: str, known: Iterable[str]) -> str:
    """The known name it may be a slip of, or "". Another case of the same letters first, one without its prefix
    (xml:lang), then what is spelt alike."""
    names = [_shown(other) for other in known]
    match = [other for other in names if other.lower() == name.lower()]
    match = match or [other for other in names if other.rpartition(":")[2] == name and other.startswith("xml:")]
    match = match or difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    if not match:
        lower = {other.lower(): other for other in names}
        match = [lower[found] for found in difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.75)]
    return match[0] if match else ""


def parse_error(error: etree.XMLSyntaxError) -> tuple[str, int, int]:
    """libxml2's words for a document that is not well-formed, with line and column."""
    line, column = error.position
    message = error.msg or "not well-formed"
    return message.rpartition(", line ")[0] or message, line or 1, column or 0
