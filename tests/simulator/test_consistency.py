"""The simulator and the grammar speak of the same elements and attributes: both ways, with every exemption named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

import callflows.simulator
from callflows.simulator.dialects import DIALECTS
from callflows.simulator.document import SSML
from callflows.simulator.execution import early, flow
from callflows.simulator.execution.attributes import ATTRIBUTES
from callflows.simulator.execution.documents import SOUNDS
from callflows.simulator.execution.noted import NOTED, NOTED_WITHIN

SIMULATOR = Path(callflows.simulator.__file__).parent
SCHEMAS = SIMULATOR.parent / "documents" / "schemas"
XS = "{http://www.w3.org/2001/XMLSchema}"
PROVIDERS = ("plivo", "vobiz")


@dataclass(frozen=True)
class Grammar:
    """What an XSD says of each element: children and attributes. Read as text: whoever checks documents is no help."""

    children: dict[str, set[str]]
    attributes: dict[str, set[str]]


def _nodes(file: str) -> list[etree._Element]:
    found: list[etree._Element] = []
    for node in etree.parse(SCHEMAS / file).getroot():
        found += _nodes(str(node.get("schemaLocation"))) if node.tag == f"{XS}include" else [node]
    return found


def grammar(provider: str) -> Grammar:
    types = {str(node.get("name")): node for node in _nodes(f"{provider}.xsd") if node.tag == f"{XS}complexType"}
    names, todo = {"Response": "Response"}, ["Response"]  # element -> its type
    children: dict[str, set[str]] = {}
    attributes: dict[str, set[str]] = {}
    while todo:
        name = todo.pop()
        declared = types[names[name]]
        inside = {str(node.get("name")): str(node.get("type")) for node in declared.iter(f"{XS}element")}
        children[name] = set(inside)
        attributes[name] = {str(node.get("name") or node.get("ref")) for node in declared.iter(f"{XS}attribute")}
        for child, kind in inside.items():
            assert names.setdefault(child, kind) == kind, f"{child} is of two types: this test has to learn that"
            if child not in children and child not in todo:
                todo.append(child)
    return Grammar(children, attributes)


GRAMMARS = {provider: grammar(provider) for provider in PROVIDERS}


def test_the_grammars_are_read_at_all() -> None:
    plivo, vobiz = GRAMMARS["plivo"], GRAMMARS["vobiz"]
    assert "GetDigits" in plivo.children["Response"]
    assert "GetDigits" not in vobiz.children["Response"]
    assert plivo.attributes["Wait"] == {"length", "silence", "minSilence", "beep"}
    assert "break" in vobiz.children["prosody"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_element_is_carried_out_or_exempt(provider: str) -> None:
    words = GRAMMARS[provider].children["Response"]
    assert words == set(DIALECTS[provider].vocabulary["Response"])
    assert words <= set(flow.VERBS) | set(NOTED)


def test_nothing_is_carried_out_or_exempt_that_no_platform_has() -> None:
    words = {name for each in GRAMMARS.values() for name in each.children["Response"]}
    assert set(flow.VERBS) | set(NOTED) == words
    assert not set(flow.VERBS) & set(NOTED)
    assert all(NOTED.values())
    assert all(NOTED_WITHIN.values())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_may_stand_in_what(provider: str) -> None:
    """SSML apart: it is one word list, whatever stands in what."""
    nesting = {
        name: inside
        for name, inside in GRAMMARS[provider].children.items()
        if inside and name != "Speak" and name not in SSML
    }
    assert nesting == {name: set(inside) for name, inside in DIALECTS[provider].vocabulary.items()}
    spoken = {name for name in GRAMMARS[provider].children if name in SSML}
    assert spoken == SSML
    assert GRAMMARS[provider].children["Speak"] == SSML


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_child_is_carried_out_where_it_stands(provider: str) -> None:
    for parent, inside in DIALECTS[provider].vocabulary.items():
        if parent == "PreAnswer":
            assert inside <= set(early.VERBS)
        elif parent == "Dial":
            assert inside - {"Number", "User"} == {child for name, child in NOTED_WITHIN if name == "Dial"} & inside
        elif parent != "Response":
            assert inside <= set(SOUNDS)


def test_no_exempt_child_that_no_platform_allows() -> None:
    nestings = {
        (name, child) for each in GRAMMARS.values() for name, inside in each.children.items() for child in inside
    }
    assert set(NOTED_WITHIN) <= nestings
    assert {("PreAnswer", child) for child in early.VERBS} <= nestings


def test_every_attribute_is_honoured_or_exempt() -> None:
    """And none that no platform has. Of an element that is passed over nothing is looked at."""
    in_grammar: dict[str, set[str]] = {}
    for each in GRAMMARS.values():
        for element, attributes in each.attributes.items():
            if element not in NOTED:
                in_grammar.setdefault(element, set()).update(attributes)
    known = {element: set(row.honoured) | set(row.noted) for element, row in ATTRIBUTES.items()}
    assert known == in_grammar
    for element, row in ATTRIBUTES.items():
        assert not row.honoured & set(row.noted), f"{element}: honoured or exempt, not both"
        assert all(row.noted.values()), f"{element}: an exemption without a reason"


def test_what_is_honoured_is_read_somewhere() -> None:
    """By its name, in what carries elements out (or, of SSML, in what reads documents)."""
    files = [file for file in (SIMULATOR / "execution").glob("*.py") if file.name not in ("attributes.py", "noted.py")]
    source = "".join(file.read_text() for file in [*files, SIMULATOR / "dialects.py", SIMULATOR / "document.py"])
    read = set(re.findall(r'"([A-Za-z]+)"', source))
    honoured = {name for row in ATTRIBUTES.values() for name in row.honoured}
    assert honoured <= read
