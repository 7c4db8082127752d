"""What one platform alone does: each dialect's own rules, on the lines they show and some more."""

from __future__ import annotations

import pytest

from callflows.documents import DIALECTS, DialPolicy, judge
from callflows.documents.rules import Rule

OWN = [(name, rule) for name, dialect in DIALECTS.items() for rule in dialect.rules]
SHARED = {rule.id for dialect in DIALECTS.values() for rules in dialect.table.values() for rule in rules} - {
    rule.id for _, rule in OWN
}


def codes(inside: str, provider: str) -> list[str]:
    """Without what the rules for every platform say."""
    verdict = judge(f"<Response>{inside}</Response>", provider, native=True, policy=DialPolicy(["*"]))
    return [problem.code for problem in verdict.problems if problem.code not in SHARED]


@pytest.mark.parametrize(("provider", "rule"), OWN, ids=[f"{name}-{rule.id}" for name, rule in OWN])
def test_examples(provider: str, rule: Rule) -> None:
    assert "\n" not in rule.good + rule.bad
    assert set(codes(rule.good, provider)) <= {"rule.extra-headers-lost"} - {rule.id}
    assert (rule.id if rule.id.startswith("rule.") else "grammar.bad-value") in codes(rule.bad, provider)
    assert rule.source.startswith(f"{provider}.md")


def test_ids_are_not_used_twice() -> None:
    for name, dialect in DIALECTS.items():
        rules = {id(rule): rule.id for found in dialect.table.values() for rule in found}
        assert len(set(rules.values())) == len(rules), name


VOBIZ = [
    ("<Wait/><Dial callerId='+14155550123'>+14155551234</Dial>", []),
    ("<!-- a --><Dial callerId='+14155550123'>+14155551234</Dial>", ["rule.dial-first"]),
    ('<Record action="https://h.example/below/flows/vobiz/f/s?t=\ue0020\ue003"/><Wait/>', ["rule.record-action"]),
    ('<Record action="https://h.example/flows/vobiz/f"/><Wait/>', []),
    ('<Record action="https://h.example/x?next=/flows/vobiz/f/s"/><Wait/>', []),
    ('<Record action="https://h.example/events/vobiz" redirect="false"/><Wait/>', []),
    ('<Conference stayAlone="true" record="false">r</Conference>', []),
    ('<Conference stayAlone="true" waitMethod="GET">r</Conference>', ["rule.conference-no-effect"]),
    ('<Conference stayAlone="true" waitMethod="POST" beep="false" maxParticipants="20">r</Conference>', []),
    ('<Conference stayAlone="true" beep="true" maxParticipants="3">r</Conference>', ["rule.conference-no-effect"] * 2),
    ('<Conference stayAlone="">r</Conference>', ["grammar.bad-value"]),
    ('<Stream keepCallAlive="true" extraHeaders="a=1, b=2">wss://a.example/</Stream>', ["rule.extra-headers-lost"]),
    ('<Stream keepCallAlive="true" extraHeaders="a-b=1">wss://a.example/</Stream>',
     ["rule.extra-headers-letters", "rule.extra-headers-lost"]),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "expected"), VOBIZ)
def test_vobiz(inside: str, expected: list[str]) -> None:
    assert sorted(codes(inside, "vobiz")) == expected


PLIVO = [
    ('<Stream keepCallAlive="true">wss://a.example/</Stream>', ["rule.keep-call-alive"]),
    ("<Stream>wss://a.example/</Stream><Wait/>", []),
    ('<Stream extraHeaders="a-b=1 2">wss://a.example/</Stream><Wait/>', []),
    ("<Dial sipHeaders='ClientRegion=1'><Number>+14155550123</Number></Dial>", ["rule.sip-headers"]),
    ("<Dial sipHeaders='ClientRegions=1'><Number>+14155550123</Number></Dial>", []),
    ("<Dial sipHeaders='a=+1'><Number>+14155550123</Number></Dial>", ["rule.sip-headers"]),
    ("<Conference>r</Conference>", []),
    ('<Conference record="true">r</Conference>', []),
    ('<Record action="https://h.example/flows/plivo/f/s"/>', []),
]


@pytest.mark.parametrize(("inside", "expected"), PLIVO)
def test_plivo(inside: str, expected: list[str]) -> None:
    assert codes(inside, "plivo") == expected
