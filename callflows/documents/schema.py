"""The XSDs, twice: compiled by libxml2 for the verdict, and as plain data for sentences, hints and dialects.

The data is read from the same files, so names, types and defaults have one source. Only the part of XSD that those
files use is understood here, and anything else in them is an error at load. (Tests hold both readings, and a third
library's, against each other.)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lxml import etree

FOLDER = Path(__file__).parent / "schemas"
XML_PREFIX = "{http://www.w3.org/XML/1998/namespace}"
_XS = "{http://www.w3.org/2001/XMLSchema}"


@dataclass(frozen=True, slots=True)
class SimpleType:
    """`what` ends the sentence "must be ...". `words` are values somebody may have meant: all there are where `values`
    lists them, and those with a spelling of their own (the type's xs:appinfo) where patterns take more."""

    what: str
    patterns: tuple[re.Pattern[str], ...] = ()
    values: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def accepts(self, value: str) -> bool:
        if self.values:
            return value in self.values
        return not self.patterns or any(pattern.fullmatch(value) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Attribute:
    type: SimpleType
    required: bool
    default: str | None
    doubt: str  # why it is called undocumented; "" when it is not


@dataclass(frozen=True, slots=True)
class Element:
    """`text` is None where the content is child elements, or (with `mixed`) those and any text."""

    attributes: Mapping[str, Attribute]
    children: Mapping[str, str]  # name -> doubt
    needs_child: bool
    mixed: bool
    text: SimpleType | None


@dataclass(frozen=True, slots=True)
class Model:
    elements: Mapping[str, Element]
    doubtful: Mapping[str, Mapping[str, str]]  # element -> attribute -> doubt; only elements that have one
    doubtful_children: Mapping[str, Mapping[str, str]]


class _Compiled(threading.local):
    """One compiled schema per thread: shared, its error log is another thread's one time in ten (libxml2, measured
    Nov 2026: ecosystem.md 5.2)."""

    def __init__(self) -> None:
        self.schemas: dict[str, etree.XMLSchema] = {}


_compiled = _Compiled()
# Two threads compiling the first schema of a process can break libxml2's type table for good (ecosystem.md 0.1).
_compiling = threading.Lock()


def compiled(name: str) -> etree.XMLSchema:
    schema = _compiled.schemas.get(name)
    if schema is None:
        with _compiling:
            schema = etree.XMLSchema(etree.parse(FOLDER / f"{name}.xsd"))
        _compiled.schemas[name] = schema
    return schema


@lru_cache
def model(name: str) -> Model:
    return _Reader(FOLDER / f"{name}.xsd").model()


class _Reader:
    def __init__(self, path: Path) -> None:
        self._types: dict[str, etree._Element] = {}
        self._simple: dict[str, SimpleType] = {}
        self._foreign: dict[str, SimpleType] = {}  # xml:lang
        self._read(path)

    def _read(self, path: Path) -> None:
        for node in etree.parse(path).getroot().iterchildren(f"{_XS}*"):
            if node.tag in (f"{_XS}include", f"{_XS}import"):
                self._read(path.parent / node.get("schemaLocation", ""))
            elif node.tag == f"{_XS}simpleType":
                self._simple[node.get("name", "")] = self._simple_type(node)
            elif node.tag == f"{_XS}complexType":
                self._types[node.get("name", "")] = node
            elif node.tag == f"{_XS}attribute":
                inner = next(node.iterchildren(f"{_XS}simpleType"))
                self._foreign[f"xml:{node.get('name')}"] = self._simple_type(inner)

    def model(self) -> Model:
        elements = {name: self._element(node) for name, node in self._types.items()}
        doubtful = {
            name: {key: attribute.doubt for key, attribute in element.attributes.items() if attribute.doubt}
            for name, element in elements.items()
        }
        children = {
            name: {key: doubt for key, doubt in element.children.items() if doubt} for name, element in elements.items()
        }
        return Model(
            elements,
            {name: found for name, found in doubtful.items() if found},
            {name: found for name, found in children.items() if found},
        )

    @staticmethod
    def _note(node: etree._Element, kind: str) -> str:
        return (node.findtext(f"{_XS}annotation/{_XS}{kind}") or "").strip()

    def _simple_type(self, node: etree._Element) -> SimpleType:
        facets = list(node.iterfind(f"{_XS}restriction/*"))
        patterns, values = [], []
        for facet in facets:
            if facet.tag == f"{_XS}pattern":
                patterns.append(re.compile(facet.get("value", ""), re.ASCII))
            elif facet.tag == f"{_XS}enumeration":
                values.append(facet.get("value", ""))
            else:
                raise ValueError(f"{facet.tag!s} is not understood in a simple type")
        words = values or self._note(node, "appinfo").split()
        return SimpleType(self._note(node, "documentation"), tuple(patterns), tuple(values), tuple(words))

    def _attributes(self, node: etree._Element) -> Iterator[tuple[str, Attribute]]:
        for found in node.iterchildren(f"{_XS}attribute"):
            reference = found.get("ref", "")
            kind = self._foreign[reference] if reference else self._simple[found.get("type", "")]
            name = XML_PREFIX + reference.partition(":")[2] if reference else found.get("name", "")
            required = found.get("use") == "required"
            yield name, Attribute(kind, required, found.get("default"), self._note(found, "appinfo"))

    def _element(self, node: etree._Element) -> Element:
        mixed = node.get("mixed") == "true"
        extension = node.find(f"{_XS}simpleContent/{_XS}extension")
        if extension is not None:
            kind = self._simple[extension.get("base", "")]
            return Element(dict(self._attributes(extension)), {}, False, mixed, kind)
        choice = node.find(f"{_XS}choice")
        if choice is None or choice.get("maxOccurs") != "unbounded":
            raise ValueError(f"{node.get('name')}: children must be one unbounded choice")
        children = {}
        for child in choice.iterchildren(f"{_XS}element"):
            if child.get("name") != child.get("type"):
                raise ValueError(f"{child.get('name')}: an element's type has its name")
            children[child.get("name", "")] = self._note(child, "appinfo")
        needs_child = choice.get("minOccurs", "1") != "0"
        return Element(dict(self._attributes(node)), children, needs_child, mixed, None)
