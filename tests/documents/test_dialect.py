"""Plivo's vocabulary as Vobiz hears it: row by row, and always valid."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from callflows.documents import DIALECTS, DialPolicy, judge
from callflows.documents.dialects import AUTHORED, vobiz
from callflows.documents.schema import FOLDER, compiled, model

from . import trees

A = 'action="https://flows.example.com/x"'
KEYS = f'executionTimeout="5" digitEndTimeout="2" inputType="dtmf" {A}'  # Gather, of a GetDigits that says no more
NUMBER = "<Number>+14155550123</Number>"


def converted(inside: str) -> tuple[str, list[str]]:
    verdict = judge(
        f"<Response>{inside}</Response>",
        "vobiz",
        policy=DialPolicy(["US", "sip:a.example"]),
        public_url="https://flows.example.com",
    )
    body = verdict.text.removeprefix("<Response>").removesuffix("</Response>")
    return body, [problem.code for problem in verdict.problems]


def test_a_dialect_is_its_module_and_its_schema() -> None:
    for name, dialect in DIALECTS.items():
        assert dialect.name == name
        assert (FOLDER / f"{name}.xsd").is_file()
    assert DIALECTS[AUTHORED].convert is None


@pytest.mark.parametrize(
    ("authored", "expected", "problems"),
    [
        # GetInput: another name, the same attributes (vobiz.md 1.4)
        (
            f'<GetInput {A} inputType="dtmf speech" executionTimeout="9" digitEndTimeout="3" language="en-GB"/><Wait/>',
            f'<Gather {A} inputType="dtmf speech" executionTimeout="9" digitEndTimeout="3" language="en-GB"/><Wait/>',
            [],
        ),
        (f'<GetInput {A} inputType="dtmf" retries="1"/><Wait/>', f'<Gather {A} inputType="dtmf"/><Wait/>', []),
        (
            f'<GetInput {A} inputType="dtmf" retries="2" startInputTimeout="3"/><Wait/>',
            f'<Gather {A} inputType="dtmf"/><Wait/>',
            ["rule.no-equivalent", "rule.no-equivalent"],
        ),
        # GetDigits: names, ranges, what is dropped, Plivo's defaults written out
        (
            f'<GetDigits {A} timeout="7" digitTimeout="3" numDigits="4" finishOnKey="*"/><Wait/>',
            f'<Gather executionTimeout="7" digitEndTimeout="3" inputType="dtmf" {A} numDigits="4" finishOnKey="*"/>'
            "<Wait/>",
            [],
        ),
        (
            f'<GetDigits {A} timeout="3" digitTimeout="1" numDigits="99"/><Wait/>',
            f'<Gather {KEYS} numDigits="32"/><Wait/>',
            ["rule.converted"] * 3,
        ),
        (
            f'<GetDigits {A} timeout="90" digitTimeout="11"/><Wait/>',
            f'<Gather executionTimeout="60" digitEndTimeout="10" inputType="dtmf" {A}/><Wait/>',
            ["rule.converted"] * 2,
        ),
        (
            f'<GetDigits {A} playBeep="false" retries="1" validDigits="1234567890*#"/><Wait/>',
            f"<Gather {KEYS}/><Wait/>",
            [],
        ),
        (
            f'<GetDigits {A} playBeep="true" retries="3" validDigits="12" invalidDigitsSound="https://a.example/n.mp3"/><Wait/>',
            f"<Gather {KEYS}/><Wait/>",
            ["rule.no-equivalent"] * 4,
        ),
        # A Wait between prompts has no place in Gather
        (
            f"<GetDigits {A}><Speak>a</Speak><Wait/><Speak>b</Speak></GetDigits><Wait/>",
            f"<Gather {KEYS}><Speak>a</Speak><Speak>b</Speak></Gather><Wait/>",
            ["rule.no-equivalent"],
        ),
        # Dial and its destinations
        (
            f'<Dial callerId="+14155550123" callType="whatsapp" sipHeaders="room=1, desk=2">{NUMBER}</Dial>',
            f'<Dial callerId="+14155550123" sipHeaders="roomX-VH=1,deskX-VH=2">{NUMBER}</Dial>',
            ["rule.no-equivalent"],
        ),
        (
            f'<Dial callerId="+14155550123" callType="voice">{NUMBER}</Dial>',
            f'<Dial callerId="+14155550123">{NUMBER}</Dial>',
            [],
        ),
        (
            '<Dial callerId="+14155550123"><Number sendDigitsMode="rfc2833" sipHeaders="a=1" callerId="+14155550123"'
            ' callerName="x" sendDigits="1">+14155550123</Number></Dial>',
            '<Dial callerId="+14155550123"><Number sendDigits="1">+14155550123</Number></Dial>',
            ["rule.no-equivalent"] * 4,
        ),
        (
            '<Dial callerId="+14155550123"><User sipAuthUsername="u" sipAuthPassword="12345678" sipHeaders="a=1">'
            "sip:a@a.example</User></Dial>",
            '<Dial callerId="+14155550123"><User sipHeaders="aX-VH=1">sip:a@a.example</User></Dial>',
            ["rule.no-equivalent"] * 2,
        ),
        (f"<Dial>{NUMBER}</Dial>", f"<Dial>{NUMBER}</Dial>", ["rule.caller-id"]),
        # Wait: beep is true or false here
        ('<Wait beep="duration=300"/>', '<Wait beep="true"/>', ["rule.no-equivalent"]),
        # The same on both
        ('<Speak voice="MAN" loop="2">a</Speak>', '<Speak voice="MAN" loop="2">a</Speak>', []),
        ("<Play>https://a.example/?a=1&amp;b=2</Play>", "<Play>https://a.example/?a=1&amp;b=2</Play>", []),
        ('<Hangup schedule="5"/><Wait/>', '<Hangup schedule="5"/><Wait/>', []),
    ],
)
def test_row(authored: str, expected: str, problems: list[str]) -> None:
    body, codes = converted(authored)
    assert body == expected
    assert codes == problems
    again = judge(f"<Response>{body}</Response>", "vobiz", native=True, policy=DialPolicy(["*"]))
    assert not again.blocked


@pytest.mark.parametrize("row", vobiz.DEFAULTS, ids=lambda row: f"{row.element}-{row.attribute}")
def test_default_is_written_out(row: vobiz.Default) -> None:
    name = vobiz.ATTRIBUTES[row.element, row.attribute]
    root = etree.fromstring(f"<Response><{row.element}/></Response>")
    vobiz.convert(root)
    assert root[0].get(name) == row.plivo
    assert row.plivo != row.vobiz
    assert (model("vobiz").elements[vobiz.ELEMENTS[row.element]].attributes[name].default or "") == row.vobiz
    documented = model("plivo").elements[row.element].attributes.get(row.attribute)
    assert documented is None or documented.default == row.plivo


def test_no_default_that_differs_is_forgotten() -> None:
    """The table against the defaults both XSDs document."""
    ours = model("vobiz").elements
    rows = {(row.element, row.attribute) for row in vobiz.DEFAULTS}
    explained = {("GetDigits", "numDigits"), ("Dial", "dialMusic")}  # the comment above DEFAULTS
    for tag, element in model("plivo").elements.items():
        here = ours.get(vobiz.ELEMENTS.get(tag, tag))
        for name, attribute in element.attributes.items():
            other = here.attributes.get(vobiz.ATTRIBUTES.get((tag, name), name)) if here else None
            if other is not None and other.default != attribute.default:
                assert (tag, name) in rows | explained, f"{tag}.{name}: {attribute.default} / {other.default}"


def test_the_problem_is_in_the_authors_words_and_lines() -> None:
    text = f"<Response>\n  <GetDigits\n    {A}\n    timeout='x'\n    retries='3'/>\n  <Wait/>\n</Response>"
    problems = judge(text, "vobiz", public_url="https://flows.example.com").problems
    assert [(problem.code, problem.line) for problem in problems] == [
        ("grammar.bad-value", 4),
        ("rule.no-equivalent", 5),
    ]
    assert "GetDigits timeout" in problems[0].message


def test_get_digits_without_action_is_refused_for_vobiz_only() -> None:
    text = "<Response>\n<GetDigits/><Wait/></Response>"
    assert judge(text, "plivo").ok
    assert [problem.code for problem in judge(text, "vobiz").problems] == ["grammar.missing-attribute"]


def test_vobiz_words_are_not_the_authors() -> None:
    verdict = judge(f"<Response><Gather {A}/></Response>", "vobiz")
    assert verdict.problems[0].code == "grammar.unknown-element"
    assert "GetInput" in verdict.problems[0].hint
    for name in ("Message", "MultiPartyCall"):
        problem = judge(f"<Response><{name}>a</{name}></Response>", "vobiz", native=True).problems[0]
        assert problem.code == "grammar.unknown-element"
        assert "Vobiz has none" in problem.message


def test_loss_alone_does_not_block() -> None:
    verdict = judge(f'<Response><GetDigits {A} playBeep="true"/><Wait/></Response>', "vobiz", policy=DialPolicy(["*"]))
    assert not verdict.ok
    assert not verdict.blocked


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
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
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
