"""Dialects: their tables against the two XSDs, what conversion promises of any document, and what it says. Row by row:
test_dialect_rows.py.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from callflows.documents import DIALECTS, DialPolicy, judge
from callflows.documents.dialects import AUTHORED, vobiz
from callflows.documents.dialects.converting import Default
from callflows.documents.dialects.elsewhere import ELSEWHERE
from callflows.documents.schema import FOLDER, compiled, model

from . import trees

A = 'action="https://flows.example.com/x"'
TABLES = vobiz.TABLES
relaxed = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def test_a_dialect_is_its_module_and_its_schema() -> None:
    for name, dialect in DIALECTS.items():
        assert dialect.name == name
        assert (FOLDER / f"{name}.xsd").is_file()
    assert DIALECTS[AUTHORED].convert is None


@pytest.mark.parametrize("row", vobiz.DEFAULTS, ids=lambda row: f"{row.element}-{row.attribute}")
def test_a_default_is_what_the_schemas_say(row: Default) -> None:
    authored = TABLES.authored[row.element].attributes.get(row.attribute)
    here = TABLES.known[TABLES.tag(row.element)][TABLES.attribute(row.element, row.attribute)]
    assert (here.default or "") == row.here
    # Two have no default in the author's schema: a GetDigits takes keys by nature, a Conference makes no sound.
    assert authored is None or authored.default in (row.authored, None)
    assert here.type.accepts(row.authored)


def test_no_default_that_differs_is_forgotten() -> None:
    """Each is written out, or stands in the list of those that are not, with a reason."""
    differ = {
        (tag, name)
        for tag, element in TABLES.authored.items()
        for name, attribute in element.attributes.items()
        if (here := TABLES.known.get(TABLES.tag(tag), {}).get(TABLES.attribute(tag, name))) is not None
        and here.default != attribute.default
    }
    assert differ == ({(row.element, row.attribute) for row in vobiz.DEFAULTS} - {("GetDigits", "inputType")}) | set(
        vobiz.LEFT_OUT
    )
    assert all(vobiz.LEFT_OUT.values())


def test_what_only_vobiz_has_does_nothing_when_left_out() -> None:
    """A word the author cannot write: what Vobiz does without it must be what the author means."""
    theirs = {
        (tag, name): attribute.default
        for tag, element in TABLES.authored.items()
        for name, attribute in TABLES.known.get(TABLES.tag(tag), {}).items()
        if name not in {TABLES.attribute(tag, other) for other in element.attributes}
        and not (tag == "GetDigits" and name in TABLES.authored["GetInput"].attributes)
    }
    assert theirs == {("Stream", "maxRetries"): "0", ("Conference", "waitMethod"): None}


def test_tables_name_what_there_is() -> None:
    words = {(tag, name) for tag, element in TABLES.authored.items() for name in element.attributes}
    nested = {(tag, child) for tag, element in TABLES.authored.items() for child in element.children}
    used = {
        *TABLES.attributes,
        *TABLES.ranges,
        *TABLES.rewrite,
        *((row.element, row.attribute) for row in TABLES.values),
    }
    assert used | set(vobiz.LEFT_OUT) <= words
    assert set(TABLES.hints) <= words | nested
    for tag, name in set(TABLES.hints) & words:
        assert TABLES.attribute(tag, name) not in TABLES.known[TABLES.tag(tag)], f"{tag}.{name} is not lost"
    for row in TABLES.values:
        assert TABLES.known[TABLES.tag(row.element)][TABLES.attribute(row.element, row.attribute)].type.accepts(
            row.here
        )


def test_the_problem_is_in_the_authors_words_and_lines() -> None:
    text = f"<Response>\n  <GetDigits\n    {A}\n    timeout='x'\n    retries='3'/>\n  <Wait/>\n</Response>"
    problems = judge(text, "vobiz", public_url="https://flows.example.com").problems
    assert [(problem.code, problem.line) for problem in problems] == [
        ("grammar.bad-value", 4),
        ("rule.no-equivalent", 5),
    ]
    assert "GetDigits timeout" in problems[0].message
    assert "<step>.vobiz.xml" in problems[1].hint


def test_vobiz_words_are_not_the_authors() -> None:
    verdict = judge(f"<Response><Gather {A}/></Response>", "vobiz")
    assert verdict.problems[0].code == "grammar.unknown-element"
    assert "GetInput" in verdict.problems[0].hint


@pytest.mark.parametrize("provider", DIALECTS)
def test_elements_of_other_platforms(provider: str) -> None:
    instead = DIALECTS[provider].instead
    assert set(ELSEWHERE) <= set(instead)
    assert not set(instead) & set(model(provider).elements)
    for name in instead:
        problem = judge(f"<Response><{name}>a</{name}></Response>", provider, native=True).problems[0]
        assert problem.code == "grammar.unknown-element"
        assert f"{provider.capitalize()} has none" in problem.message
        assert problem.hint == instead[name]


@pytest.mark.parametrize(("provider", "own"), [("plivo", "GetInput"), ("vobiz", "Gather")])
def test_each_platform_is_told_its_own_word(provider: str, own: str) -> None:
    others = {"Gather", "GetInput", "GetDigits", "Prompt", "GetSpeech"} - set(model(provider).elements)
    for name in others:
        assert f"write {own}" in DIALECTS[provider].instead[name]


def test_loss_alone_does_not_block() -> None:
    verdict = judge(f'<Response><GetDigits {A} playBeep="true"/><Wait/></Response>', "vobiz", policy=DialPolicy(["*"]))
    assert not verdict.ok
    assert not verdict.blocked


def test_text_after_a_lost_element_stays() -> None:
    text = f"<Response>\n <GetDigits {A}>\n  <Speak>a</Speak>\n  <Wait/>\n  <Wait/>\n </GetDigits>\n</Response>"
    body = judge(text, "vobiz").text
    assert "Wait" not in body
    assert body.endswith("<Speak>a</Speak>\n  \n  \n </Gather>\n</Response>")


def test_xml_allow() -> None:
    text = '<Response><Speak mood="calm">a</Speak></Response>'
    for provider in DIALECTS:
        assert not judge(text, provider).ok
        verdict = judge(text, provider, xml_allow=("Speak.mood",))
        assert verdict.ok
        assert [problem.code for problem in verdict.problems] == ["grammar.unknown-attribute"]
        assert 'mood="calm"' in verdict.text
    both = '<Response><Speak mood="calm" loop="x">a</Speak></Response>'
    assert judge(both, "vobiz", xml_allow=("Speak.mood",)).blocked
    assert judge(text, "plivo", xml_allow=("Speak.Mood", "Play.mood")).blocked


def test_xml_allow_does_not_hide_a_fault_vobiz_alone_has() -> None:
    text = f'<Response><GetInput {A} inputType="speech" language="hi-IN" mood="x"/><Wait/></Response>'
    verdict = judge(text, "vobiz", xml_allow=("GetInput.mood", "Gather.mood"), policy=DialPolicy(["*"]))
    assert verdict.blocked
    assert "hi-IN" in " ".join(problem.message for problem in verdict.problems)


@given(trees.likely("plivo"))
@relaxed
def test_conversion_keeps_valid_documents_valid_or_says_why(root: etree._Element) -> None:
    text = trees.text(root)
    if not compiled("plivo").validate(etree.fromstring(text)):
        return
    verdict = judge(text, "vobiz", policy=DialPolicy(["*"]))
    served = etree.fromstring(verdict.text)
    if not compiled("vobiz").validate(served):
        assert verdict.blocked
        assert any(problem.code.startswith("grammar.") for problem in verdict.problems)
    assert not list(served.iter("GetInput", "GetDigits"))
    for name, lost in (("Number", "sipHeaders"), ("Stream", "noiseCancellation"), ("Conference", "maxMembers")):
        assert not any(lost in element.attrib for element in served.iter(name))


@given(trees.roots | trees.likely("plivo") | trees.likely("vobiz"))
@relaxed
def test_conversion_takes_any_tree_and_twice_is_once(root: etree._Element) -> None:
    root = etree.fromstring(trees.text(root))
    for dialect in DIALECTS.values():
        if dialect.convert is not None:
            dialect.convert(root)
            once = trees.text(root)
            dialect.convert(root)
            assert trees.text(root) == once
