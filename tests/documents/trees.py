"""Random documents for property tests: mostly of the words the grammar knows, in places they may not be."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from lxml import etree

from callflows.documents.schema import model

_ELEMENTS = {**model("vobiz").elements, **model("plivo").elements}
NAMES = [*_ELEMENTS, "speak", "Say", "Foo"]
ATTRIBUTES = sorted({name for element in _ELEMENTS.values() for name in element.attributes} | {"foo", "callerid"})
_LISTED = sorted(
    {value for element in _ELEMENTS.values() for found in element.attributes.values() for value in found.type.values}
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


def _good_first(values: list[str]) -> st.SearchStrategy[str]:
    return st.just(values[0]) | st.just(values[1]) | st.sampled_from(values)


@st.composite
def naming(draw: Any, provider: str = "plivo") -> etree._Element:
    root = etree.Element("Response")
    for kind in draw(st.lists(st.sampled_from(["Dial", "Redirect", "Input", "Bare"]), min_size=1, max_size=3)):
        if kind == "Redirect":
            etree.SubElement(root, "Redirect").text = draw(_good_first(_URLS))
        elif kind == "Input":
            tag = "Gather" if provider == "vobiz" else draw(st.sampled_from(["GetInput", "GetDigits"]))
            node = etree.SubElement(root, tag, action=draw(_good_first(_URLS)))
            if tag != "GetDigits" and draw(st.booleans()):
                node.set("interimSpeechResultsCallback", draw(_good_first(_URLS)))
        else:
            node = etree.SubElement(root, "Dial")
            for name in draw(
                st.sets(st.sampled_from(["action", "callbackUrl", "confirmSound", "dialMusic"]), max_size=2)
            ):
                node.set(name, draw(_good_first(_URLS)))
            if draw(st.booleans()):
                node.set("callerId", draw(_good_first(_PEOPLE)))
            if kind == "Bare":
                node.text = draw(_good_first(_PEOPLE))
            else:
                for child in draw(st.lists(st.sampled_from(["Number", "User"]), min_size=1, max_size=3)):
                    etree.SubElement(node, child).text = draw(_good_first(_PEOPLE if child == "Number" else _SIPS))
    return root


def text(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode")
