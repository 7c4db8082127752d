"""Random documents for property tests: mostly of the words the grammar knows, in places they may not be. All of it is
drawn from the models, so that an element or attribute the grammar gets is one of the words.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from lxml import etree

from callflows.documents.schema import SimpleType, model

_ELEMENTS = {**model("vobiz").elements, **model("plivo").elements}
NAMES = [*_ELEMENTS, "speak", "Say", "Foo"]
ATTRIBUTES = sorted({name for element in _ELEMENTS.values() for name in element.attributes} | {"foo", "callerid"})
_LISTED = sorted(
    {value for element in _ELEMENTS.values() for found in element.attributes.values() for value in found.type.words}
)
VALUES = [
    *_LISTED,
    *("0", "1", "2", "5", "10", "11", "32", "33", "60", "61", "99", "007", "+5", " 5 ", "５", "9" * 5000, "", "x"),
    *("true", "True", "#", "*", "none", "12", "wW1", "500ms", "10s", "+6dB", "80%", "Polly.Amy", "a=1,b=2", "a-b=1"),
    *("+14155550123", "14155550123", "+19005550123", "+442079460018", " +14155550123\n", "+1 415", "911", "real"),
    *("https://ours.example/a", "https://evil.example/", "https://ours.example@evil.example/", "javascript:1", "/x"),
    *(
        "HTTPS://evil.example",
        "https://ours.example:444/",
        "https://ours.example\\@evil.example",
        "http://ours.example",
    ),
    *("299", "300", "1800", "1801", "28800", "28801", "100", "101", "beep:3", "AGENT", "room 12", "12A", "True"),
    *(
        "wss://socket.example/a",
        "ws://socket.example",
        "wss://evil.example",
        "WSS://socket.example",
        "wss://ours.example",
    ),
    *("+14155550123<14155550123", "+14155550123<+19005550123", "+14155550123<", "mpc-state-changes,x", "a=1,b", "=1"),
    *("https://ours.example/f?t=\ue0020\ue003#ct=1", "sip:a@evil.example", "sip:a@sip.example", "sip:b", "a" * 60),
]

values = st.sampled_from(VALUES) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


def _node(name: str, attributes: dict[str, str], text: str, children: list[etree._Element]) -> etree._Element:
    node = etree.Element(name, {key: value for key, value in attributes.items() if _fits(value)})
    node.text = text if _fits(text) else ""
    node.extend(children)
    return node


def _fits(text: str) -> bool:
    return all(character not in "\ufffe\uffff" for character in text)


attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=4)
texts = st.just("") | values
nodes = st.recursive(
    st.builds(_node, st.sampled_from(NAMES), attributes, texts, st.just([])),
    lambda children: st.builds(_node, st.sampled_from(NAMES), attributes, texts, st.lists(children, max_size=4)),
    max_leaves=12,
)
roots = st.builds(_node, st.just("Response"), st.just({}), st.just(""), st.lists(nodes, max_size=5)) | nodes


@st.composite
def likely(draw: Any, provider: str = "plivo") -> etree._Element:
    """A document that is often valid: each element only with its own attributes and children."""
    elements = model(provider).elements

    def grow(name: str, depth: int) -> etree._Element:
        shape = elements[name]
        node = etree.Element(name)
        for key, attribute in shape.attributes.items():
            if attribute.required or draw(st.integers(0, 3)) == 0:
                fitting = [value for value in VALUES if attribute.type.accepts(value)]
                if fitting and draw(st.integers(0, 19)):
                    node.set(key, draw(st.sampled_from(fitting)))
        if shape.text is not None:
            fitting = [value for value in VALUES if shape.text.accepts(value)]
            node.text = draw(st.sampled_from(fitting)) if fitting else ""
        elif shape.mixed and not (name == "Dial" and shape.children):
            node.text = draw(st.sampled_from(["", "hello", " "]))
        if shape.children and depth < 5:
            least = 1 if name in ("Response", "Dial") else 0
            for child in draw(st.lists(st.sampled_from(sorted(shape.children)), min_size=least, max_size=4)):
                node.append(grow(child, depth + 1))
        return node

    return grow("Response", 0)


# Documents that name somebody, with about half of them fit to serve: for the dial policy.
_URLS = [
    "https://ours.example/a",
    "https://OURS.example:443/?b",
    *(value for value in VALUES if "evil.e" in value or "ours" in value),
]
_PEOPLE = [
    "+14155550123",
    "14155550123",
    "\n+14155550123 ",
    "+442079460018",
    "+19005550123",
    "+1415555012",
    "911",
    "１４１５５５５０１２３",
]
_SIPS = [
    "sip:a@sip.example",
    "sip:a@SIP.example;transport=tls",
    "sip:a@evil.example",
    "sip:a@sip.example;maddr=evil.example",
]


_SOCKETS = [
    "wss://socket.example/a",
    "wss://SOCKET.example:443/?b",
    "ws://socket.example/",
    "wss://ours.example/",
    "wss://evil.example/socket.example",
]
_LISTS = ["+14155550123", "14155550123<+14155550123", "+14155550123<+442079460018", "+19005550123<+14155550123"]


def _good_first(values: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(values[:2]) | st.sampled_from(values[:2]) | st.sampled_from(values)


def names_somebody(kind: SimpleType | None) -> list[str]:
    """Values for an attribute or text by which a call, its words or its control go somewhere; [] for others."""
    what = kind.what if kind else ""
    if "SIP" in what:
        return _SIPS
    if "phone number" in what:
        return _LISTS if "several" in what else _PEOPLE
    return (_SOCKETS if "wss:" in what else _URLS) if "URL" in what else []


def _naming_elements(provider: str) -> list[str]:
    elements = model(provider).elements
    return [
        name
        for name in elements["Response"].children
        if name in ("Dial", "Redirect")
        or names_somebody(elements[name].text)
        or any(names_somebody(attribute.type) for attribute in elements[name].attributes.values())
    ]


@st.composite
def naming(draw: Any, provider: str = "plivo") -> etree._Element:
    elements = model(provider).elements
    root = etree.Element("Response")

    def grow(tag: str) -> etree._Element:
        node, shape = etree.Element(tag), elements[tag]
        places = [key for key, attribute in shape.attributes.items() if names_somebody(attribute.type)]
        for key in draw(st.sets(st.sampled_from(places), max_size=2)) if places else ():
            node.set(key, draw(_good_first(names_somebody(shape.attributes[key].type))))
        for key, attribute in shape.attributes.items():
            if attribute.required and key not in node.attrib:
                fitting = names_somebody(attribute.type) or list(attribute.type.words) or VALUES
                node.set(key, draw(_good_first(fitting)))
        if shape.text is not None:
            fitting = [value for value in VALUES if shape.text.accepts(value)]
            node.text = draw(_good_first(names_somebody(shape.text) or fitting))
        return node

    for tag in draw(st.lists(st.sampled_from(_naming_elements(provider)), min_size=1, max_size=3)):
        node = grow(tag)
        if tag == "Dial":
            if elements["Dial"].mixed and draw(st.booleans()):
                node.text = draw(_good_first(_PEOPLE))
            else:
                node.extend(
                    grow(child) for child in draw(st.lists(st.sampled_from(["Number", "User"]), min_size=1, max_size=3))
                )
        root.append(node)
    return root


def text(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode")
