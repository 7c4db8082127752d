"""A judged document as plain data, for those who ask where it leads: its verbs, and which links of ours stand where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from ..marks import LINK_CLOSE, LINK_OPEN
from .findings import TEXT, text_of

_LINK = re.compile(f"{LINK_OPEN}([0-9]+){LINK_CLOSE}")


@dataclass(frozen=True, slots=True)
class Verb:
    """One element. `links` are the indexes of our own links, by attribute; `#text` for the element's text."""

    tag: str
    attributes: Mapping[str, str]
    text: str
    children: tuple[Verb, ...]
    links: Mapping[str, int] = field(default_factory=dict)

    def all(self) -> Iterator[Verb]:
        yield self
        for child in self.children:
            yield from child.all()


def outline(text: str) -> tuple[Verb, ...]:
    """The children of Response, in order; none where the document cannot be read."""
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"))
    except etree.XMLSyntaxError:
        return ()
    return _verb(root).children


def _verb(element: etree._Element) -> Verb:
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    own = text_of(element).strip()
    links = {
        name: int(found[1]) for name, value in (*attributes.items(), (TEXT, own)) if (found := _LINK.search(value))
    }
    children = tuple(_verb(child) for child in element if isinstance(child.tag, str))
    return Verb(str(element.tag), attributes, own, children, links)
