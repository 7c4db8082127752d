"""Where in a text its elements, attributes and texts stand, to the character. libxml2 knows a tag by the line its `>`
is on only, so the text is scanned once more: the n-th start tag is the n-th element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import etree

# One token of a well-formed document. Possessive: linear on any input.
TOKEN = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</([^\s>]++)\s*+>|<([^\s/>!?]++)((?:[^"'>]|"[^"]*+"|'[^']*+')*+)>""",
    re.DOTALL,
)
END, START, ATTRIBUTES = 1, 2, 3  # groups of TOKEN


_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*("[^"]*"|'[^']*')""")


def attributes_of(tag: re.Match[str]) -> Iterator[re.Match[str]]:
    """Each `name="value"` of a start tag, with its place in the text that was scanned: groups 1 and 2 (quoted)."""
    return _ATTRIBUTE.finditer(tag.string, *tag.span(ATTRIBUTES))


class Spots:
    """`elements` are those of the document in its order, as they were when it was parsed."""

    def __init__(self, text: str, elements: Sequence[etree._Element]) -> None:
        self._text = text
        self._elements = elements
        self._tags: dict[etree._Element, re.Match[str]] | None = None

    def of(self, element: etree._Element, name: str = "") -> int | None:
        """Offset of the element's start tag, of its attribute `name`, or of its text (`#text`: the first character of
        it that is no white space). The tag where there is no such attribute or text; None for what is not known."""
        while not isinstance(element.tag, str):  # a comment or an instruction
            parent = element.getparent()
            if parent is None:
                return None
            element, name = parent, ""
        tag = self._tag(element)
        if tag is None:
            return None
        if name == "#text":
            return self._text_in(tag)
        if name:
            name = name.replace("{http://www.w3.org/XML/1998/namespace}", "xml:")
            for attribute in attributes_of(tag):
                if attribute[1] == name:
                    return attribute.start()
        return tag.start()

    def tag(self, element: etree._Element) -> str:
        """Its start tag, as it is written."""
        found = self._tag(element)
        return found[0] if found is not None else ""

    def _tag(self, element: etree._Element) -> re.Match[str] | None:
        if self._tags is None:
            tags = [token for token in TOKEN.finditer(self._text) if token[START] is not None]
            self._tags = dict(zip(self._elements, tags, strict=False)) if len(tags) == len(self._elements) else {}
        return self._tags.get(element)

    def _text_in(self, tag: re.Match[str]) -> int:
        position, depth = tag.end(), 0
        if tag[ATTRIBUTES].endswith("/"):
            return tag.start()
        for token in TOKEN.finditer(self._text, position):
            own = self._text[position : token.start()]
            if depth == 0 and own.strip():
                return position + len(own) - len(own.lstrip())
            if token[START] is not None:
                depth += not token[ATTRIBUTES].endswith("/")
            elif token[END] is not None:
                depth -= 1
                if depth < 0:
                    break
            elif depth == 0 and token[0].startswith("<![CDATA["):
                return token.start()
            position = token.end()
        return tag.start()


def unbalanced(text: str) -> tuple[int, str, str] | None:
    """The first tag of a text that has no partner: its offset, what is wrong, and the name that was open or meant."""
    stack: list[re.Match[str]] = []
    for token in TOKEN.finditer(text):
        if token[START] is not None and not token[ATTRIBUTES].endswith("/"):
            stack.append(token)
        elif token[END] is not None:
            if stack and stack[-1][START] == token[END]:
                stack.pop()
            elif stack and token[END] in (tag[START] for tag in stack):
                tag = stack[-1]
                return tag.start(), f"{tag[START]} is not closed before </{token[END]}>", tag[START]
            else:
                open_tag = stack[-1][START] if stack else ""
                return token.start(), f"</{token[END]}> closes nothing that is open", open_tag
    if stack:
        tag = stack[-1]
        return tag.start(), f"{tag[START]} is not closed", tag[START]
    return None
