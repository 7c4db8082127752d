"""tests/data/xml/<provider>/{good,bad}/*.xml: each bad file is named after its fault, says in its first line what is
expected (`<!-- expect: code@line, ... -->`), and must give exactly that: one problem per mistake, no follow-ups.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import xmlschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from callflows.documents import DIALECTS, DialPolicy, Verdict, Written, judge, judge_bytes
from callflows.documents.schema import FOLDER, compiled

from . import trees

DATA = Path(__file__).parents[1] / "data" / "xml"
GOOD = sorted(DATA.glob("*/good/*.xml"))
BAD = sorted(DATA.glob("*/bad/*.xml"))
POLICY = DialPolicy(["sip:phone.example.org", "sockets.example.org"])
WRITTEN = Written(frozenset({"+14155550123", "+14155551234", "+14156667890"}))


def label(path: Path) -> str:
    return f"{path.parts[-3]}-{path.stem}"


def verdict(path: Path) -> Verdict:
    return judge(
        path.read_text(encoding="utf-8"),
        path.parts[-3],
        native=True,
        policy=POLICY,
        written=WRITTEN,
        public_url="https://flows.example.com",
        file=path.name,
    )


def expected(path: Path) -> list[str]:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    found = re.fullmatch(r"<!-- expect: (.*) -->", first)
    assert found, "the first line of a bad file says what is expected"
    return found[1].split(", ")


def test_every_provider_has_files() -> None:
    assert {path.parts[-3] for path in GOOD} == {path.parts[-3] for path in BAD} == set(DIALECTS)


@pytest.mark.parametrize("path", GOOD, ids=label)
def test_good(path: Path) -> None:
    assert verdict(path).problems == ()
    assert verdict(path).ok


@pytest.mark.parametrize("path", BAD, ids=label)
def test_bad(path: Path) -> None:
    problems = verdict(path).problems
    assert [f"{problem.code}@{problem.line}" for problem in problems] == expected(path)
    for problem in problems:
        assert problem.file == path.name
        assert problem.message
        assert not problem.message.endswith(".")
        assert "\n" not in problem.message + problem.hint


@pytest.mark.parametrize("path", GOOD, ids=label)
def test_good_bytes(path: Path) -> None:
    """As `callflows validate FILE` sees it: numbers in the file are written, and no policy applies."""
    for bom in (b"", b"\xef\xbb\xbf"):
        assert judge_bytes(bom + path.read_bytes(), path.parts[-3], native=True).problems == ()


@pytest.fixture(scope="module", params=sorted(DIALECTS))
def second(request: pytest.FixtureRequest) -> tuple[str, xmlschema.XMLSchema10]:
    return request.param, xmlschema.XMLSchema10(str(FOLDER / f"{request.param}.xsd"))


def test_second_opinion(second: tuple[str, xmlschema.XMLSchema10]) -> None:
    """Another XSD implementation agrees with libxml2 on every file that is well-formed and free of namespaces."""
    name, schema = second
    compared = 0
    for path in [*GOOD, *BAD]:
        if path.parts[-3] != name or any(code.startswith("xml.") for code in expected_or_none(path)):
            continue
        root = etree.parse(path).getroot()
        assert schema.is_valid(str(path)) == compiled(name).validate(root), path.name
        compared += 1
    assert compared > 200


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_second_opinion_on_random_documents(second: tuple[str, xmlschema.XMLSchema10], data: st.DataObject) -> None:
    name, schema = second
    text = trees.text(data.draw(trees.likely(name) | trees.naming(name) | trees.roots))
    assert schema.is_valid(text) == compiled(name).validate(etree.fromstring(text))


def expected_or_none(path: Path) -> list[str]:
    return expected(path) if path.parts[-2] == "bad" else []


def test_every_element_and_attribute_says_its_source() -> None:
    for path in FOLDER.glob("*.xsd"):
        for node in etree.parse(path).getroot().iter("{*}complexType", "{*}attribute"):
            # The attributes of an SSML tag share the tag's note.
            if path.name == "speech.xsd" and etree.QName(node).localname == "attribute":
                continue
            text = node.findtext("{*}annotation/{*}documentation") or ""
            assert re.search(r"(plivo|vobiz)\.md", text), f"{path.name}: {node.get('name')}"
