"""One problem per mistake, at its place, in the words of who wrote the document."""

from __future__ import annotations

import pytest

from callflows.documents import judge
from callflows.documents.policy import DialPolicy
from callflows.models import Problem

A = 'action="https://a.example/x"'
AFTER = "<Speak>Hi</Speak>"
DIAL = '<Speak>Hi</Speak><Dial callerId="+14155550100"{}><Number>+14155551234</Number></Dial>'


def found(inside: str, provider: str) -> list[Problem]:
    return list(judge(f"<Response>{inside}</Response>", provider, policy=DialPolicy(["*"])).problems)


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (f'<GetDigits {A} timeout="0"/>{AFTER}', "grammar.bad-value"),
        (f'<GetDigits {A} validDigits="abc"/>{AFTER}', "grammar.bad-value"),
        ('<Conference maxMembers="21">a</Conference>', "grammar.bad-value"),
        ('<Conference maxParticipants="5">a</Conference>', "grammar.unknown-attribute"),
        ('<MultiPartyCall role="boss">a</MultiPartyCall>', "grammar.unknown-element"),
        ('<Connect><Stream keepCallAlive="no">wss://a.example</Stream></Connect>', "grammar.unknown-element"),
        (DIAL.format(' sipHeaders="X-Room=7"'), "rule.sip-headers"),
        (DIAL.format(' sipHeaders="room"'), "rule.sip-headers"),
    ],
)
def test_one_mistake_is_one_problem_on_vobiz(inside: str, code: str) -> None:
    assert [problem.code for problem in found(inside, "vobiz")] == [code]


def test_a_rule_of_vobiz_speaks_of_what_the_author_wrote() -> None:
    text = '<Conference maxMembers="5">a</Conference>'
    (problem,) = found(text, "vobiz")
    assert problem.message.startswith("maxMembers has no effect")
    assert problem.column == len("<Response><Conference ") + 1
    (problem,) = found(f"<GetDigits {A}/>", "vobiz")
    assert problem.message.startswith("nothing follows GetDigits")
    (problem,) = found(DIAL.format(' sipHeaders="X-Room=7"'), "vobiz")
    assert '"X-Room=7"' in problem.message


@pytest.mark.parametrize(
    ("inside", "provider", "expected"),
    [
        # SDKs write defaults out.
        ('<MultiPartyCall role="agent" transcript="false" recordParticipantTrack="false">a</MultiPartyCall>',
         "plivo", []),
        ('<MultiPartyCall role="agent" transcript="true">a</MultiPartyCall>', "plivo", ["rule.undocumented"]),
        # What follows the PreAnswer is what a silent caller gets.
        (f"<PreAnswer><GetDigits {A}/></PreAnswer>{AFTER}", "plivo", ["rule.undocumented"]),
        # A Hangup that is scheduled answers no call.
        ('<Hangup schedule="60"/><Dial callerId="+14155550100"><Number>+14155551234</Number></Dial>',
         "vobiz", ["rule.dial-first"]),
    ],
)  # fmt: skip
def test_no_more_and_no_less(inside: str, provider: str, expected: list[str]) -> None:
    assert [problem.code for problem in found(inside, provider)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "<Response/><Response/>",
        "x<Response/>",
        "<Response><Speak>a < b</Speak></Response>",
        '<Response><Speak loop="1" loop="2">a</Speak></Response>',
        "<Response><Speak loop=1>a</Speak></Response>",
        "<Response><Speak loop>a</Speak></Response>",
        "<Response><Speak>&#0;</Speak></Response>",
    ],
)
def test_what_is_not_well_formed_has_a_hint(text: str) -> None:
    (problem,) = judge(text, "plivo").problems
    assert problem.hint
    assert problem.hint != "mend the XML there"
