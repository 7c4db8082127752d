"""From the authored vocabulary to a platform's: the machinery, which knows no platform. A dialect gives it `Tables`.

What the tables do not name is found by comparing the two XSDs: an attribute or a place the platform does not have, or
only by an outdated source, is dropped, so that the document stays valid for a live call, and told as a problem at
check, unless all it said is what is so by default. A value the platform refuses is told in the author's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ...marks import UNKNOWN
from ...models import Severity
from ..findings import Finding, Node
from ..schema import Attribute, Element, model
from .contract import AUTHORED

OVERRIDE = "write a <step>.{platform}.xml"


@dataclass(frozen=True, slots=True)
class Default:
    """An attribute left out by the author where the two platforms would then do different things: what is so for the
    author is written out. `unless`: not beside an attribute that fits its pattern, where it would say nothing or
    something else."""

    element: str
    attribute: str
    authored: str
    here: str
    source: str
    unless: tuple[tuple[str, str], ...] = ()

    def applies(self, attributes: Mapping[str, str]) -> bool:
        return not any(re.fullmatch(pattern, attributes.get(name, "")) for name, pattern in self.unless)


@dataclass(frozen=True, slots=True)
class Value:
    """A value the platform has another word for (`same`), or none and this is nearest."""

    element: str
    attribute: str
    pattern: str
    here: str
    hint: str
    same: bool = False


@dataclass(frozen=True)
class Tables:
    """All names are the author's, but those in `elements` and `attributes` on the right. `ranges` are narrower here.
    `rewrite` alters a value without loss. `hints` say what to do about what is lost."""

    name: str
    defaults: tuple[Default, ...] = ()
    values: tuple[Value, ...] = ()
    elements: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ranges: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    rewrite: Mapping[tuple[str, str], Callable[[str], str]] = field(default_factory=dict)
    hints: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def platform(self) -> str:
        return self.name.capitalize()

    @cached_property
    def override(self) -> str:
        return OVERRIDE.format(platform=self.name)

    @cached_property
    def authored(self) -> Mapping[str, Element]:
        return model(AUTHORED).elements

    @cached_property
    def known(self) -> Mapping[str, Mapping[str, Attribute]]:
        """The platform's attributes, by its tags, without those not all of its sources document."""
        return {
            tag: {name: attribute for name, attribute in element.attributes.items() if not attribute.doubt}
            for tag, element in self.ours.items()
        }

    @cached_property
    def ours(self) -> Mapping[str, Element]:
        return model(self.name).elements

    def tag(self, tag: str) -> str:
        return self.elements.get(tag, tag)

    def attribute(self, tag: str, name: str) -> str:
        return self.attributes.get((tag, name), name)

    @cached_property
    def defaults_of(self) -> Mapping[str, tuple[Default, ...]]:
        return {tag: tuple(row for row in self.defaults if row.element == tag) for tag in self.authored}

    @cached_property
    def values_of(self) -> Mapping[tuple[str, str], tuple[Value, ...]]:
        keys = {(row.element, row.attribute) for row in self.values}
        return {key: tuple(row for row in self.values if (row.element, row.attribute) == key) for key in keys}

    @cached_property
    def touched(self) -> tuple[str, ...]:
        """Tags that conversion has anything to do with; all others are the same on both platforms."""
        named = {tag for tag, _ in self.rewrite} | {row.element for row in self.defaults}
        named |= {row.element for row in self.values}
        differ = {
            tag
            for tag, element in self.authored.items()
            if (here := self.known.get(tag)) is not None and not _takes_all(here, element.attributes)
        }
        lost = {child for tag, element in self.authored.items() for child in element.children if self.lost(tag, child)}
        return tuple(sorted(named | differ | lost | set(self.elements)))

    def lost(self, parent: str, child: str) -> bool:
        """Whether `child` may stand in `parent` as authored, and not here, though both exist here."""
        here, child_here = self.ours.get(self.tag(parent)), self.tag(child)
        if here is None or child_here not in self.ours or parent not in self.authored:
            return False
        return child in self.authored[parent].children and child_here not in here.children


def _takes_all(here: Mapping[str, Attribute], authored: Mapping[str, Attribute]) -> bool:
    return all(name in here and here[name].type == attribute.type for name, attribute in authored.items())


def convert(root: Node, tables: Tables) -> list[Finding]:
    """Changes the tree in place, and tells what was lost. Takes any tree, also one the grammar refuses."""
    found: list[Finding] = []
    renamed: dict[Node, str] = {}
    for element in list(root.iter(*tables.touched)):
        tag = str(element.tag)
        here = tables.tag(tag)
        if tag not in tables.authored or here not in tables.ours:
            continue  # the grammar tells: of an unknown element, or of one this platform does not have
        parent = element.getparent()
        if parent is not None and tables.lost(inside := renamed.get(parent, str(parent.tag)), tag):
            hint = tables.hints.get((inside, tag), "put it before or after")
            found.append(_no_equivalent(tables, element, "", f"{tag} inside {inside}", hint))
            _remove(parent, element)
            continue
        attributes = {str(key): str(value) for key, value in element.attrib.items()}
        converted = _Attributes(tables, element, tag, found).convert(attributes)
        if converted != attributes:
            element.attrib.clear()
            element.attrib.update(converted)
        if here != tag:
            renamed[element] = tag
            element.tag = here
    return found


def _remove(parent: Node, element: Node) -> None:
    """Without the text after it, which is the parent's."""
    tail, before = element.tail or "", element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def _no_equivalent(tables: Tables, element: Node, name: str, what: str, hint: str, then: str = "") -> Finding:
    message = f"{what} has no equivalent on {tables.platform}, and {then or 'is left out there'}"
    return Finding("rule.no-equivalent", message, element, name, f"{hint}, or {tables.override}")


@dataclass(frozen=True, slots=True)
class _Attributes:
    """Of one element."""

    tables: Tables
    element: Node
    tag: str
    found: list[Finding]

    def convert(self, attributes: dict[str, str]) -> dict[str, str]:
        tables, tag = self.tables, self.tag
        known, known_here = tables.authored[tag].attributes, tables.known[tables.tag(tag)]
        converted: dict[str, str] = {}
        defaults = {row.attribute: row.authored for row in tables.defaults_of[tag] if row.applies(attributes)}
        for name, value in (defaults | attributes).items():
            new = tables.attribute(tag, name)
            if new in known_here:
                here = self._value(name, new, value)
                if known_here[new].type.accepts(here) or not self._ours_to_tell(
                    known.get(name), known_here[new], value
                ):
                    converted[new] = here
                else:
                    self.found.append(self._refused(name, value, known_here[new]))
            elif name not in known:
                converted[name] = value  # known to neither: the grammar tells, or the operator lets it pass
            elif value != known[name].default:
                hint = tables.hints.get((tag, name), "leave it out")
                self.found.append(_no_equivalent(tables, self.element, name, f"{tag} {name}", hint))
        return converted

    def _value(self, name: str, new: str, value: str) -> str:
        rewrite = self.tables.rewrite.get((self.tag, name))
        if rewrite is not None:
            return rewrite(value)
        for row in self.tables.values_of.get((self.tag, name), ()):
            if re.fullmatch(row.pattern, value):
                return self._other(row, name, value)
        low, high = self.tables.ranges.get((self.tag, name), (0, 0))
        if not high or not re.fullmatch("[0-9]{1,9}", value) or low <= int(value) <= high:
            return value
        nearest = str(min(max(int(value), low), high))
        self._converted(
            name,
            f"{self.tag} {name} {value} becomes {new} {nearest} on {self.tables.platform}, which takes {low} to {high}",
            f"write a value both platforms take, or {self.tables.override}",
        )
        return nearest

    def _other(self, row: Value, name: str, value: str) -> str:
        shown = value if len(value) <= 40 else value[:40] + "..."
        what = f'{self.tag} {name} "{shown}"'
        if row.same:
            self._converted(name, f'{what} becomes "{row.here}" on {self.tables.platform}', row.hint)
        else:
            then = f'becomes "{row.here}" there'
            self.found.append(_no_equivalent(self.tables, self.element, name, what, row.hint, then))
        return row.here

    def _converted(self, name: str, message: str, hint: str) -> None:
        self.found.append(Finding("rule.converted", message, self.element, name, hint, Severity.WARNING))

    @staticmethod
    def _ours_to_tell(authored: Attribute | None, here: Attribute, value: str) -> bool:
        """Of a value the platform refuses: else the grammar tells, or has told, or nobody can."""
        return authored is not None and authored.type.accepts(value) and not here.required and UNKNOWN not in value

    def _refused(self, name: str, value: str, here: Attribute) -> Finding:
        """The document is blocked by this, and goes on without the attribute: the grammar would tell of it again, in
        the platform's words."""
        allowed = here.type.values
        alike = [other for other in allowed if other.partition("-")[0] == value.partition("-")[0]]  # es-ES for es-AR
        hint = f"did you mean {', '.join(alike)}? " * bool(alike)
        hint += f"{self.tables.platform} takes {', '.join(allowed)}" if allowed else self.tables.override
        shown = value if len(value) <= 80 else value[:80] + "..."
        message = f'{self.tag} {name} is "{shown}", and on {self.tables.platform} must be {here.type.what}'
        return Finding("grammar.bad-value", message, self.element, name, hint)
