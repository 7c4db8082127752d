"""Every documented hang-up code the simulator can bring about, reached on both platforms by a call, as its customer is
told of it. Names and numbers are written out here as the platforms' documents have them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Response

from callflows.simulator.hangups import CODES

from .conftest import AGENT, CALLER, LINE, Phone, Web

NAMES = {
    1000: "Canceled",
    2000: "Invalid Destination Address",
    2060: "Loop Detected",
    3000: "No Answer",
    3010: "Busy Line",
    3020: "Rejected",
    4000: "Normal Hangup",
    4010: "End Of XML Instructions",
    6000: "Scheduled Hangup",
    6010: "Ring Timeout Reached",
    6020: "Media Timeout",
    7011: "Error Reaching Answer URL",
    7012: "Error Reaching Action URL",
    7013: "Error Reaching Transfer URL",
    7014: "Error Reaching Redirect URL",
    7022: "Invalid Action URL",
    7023: "Invalid Transfer URL",
    7024: "Invalid Redirect URL",
    7032: "Invalid Method For Action URL",
    7033: "Invalid Method For Transfer URL",
    7034: "Invalid Method For Redirect URL",
    8011: "Invalid Answer XML",
    8012: "Invalid Action XML",
    8013: "Invalid Transfer XML",
    8014: "Invalid Redirect XML",
    9000: "Lost Race",
    9110: "Confirm Key Challenge Failed",
}

Scenario = Callable[[Phone, Web], None]
HOLD = "<Play loop='0'>https://example.com/hold.mp3</Play>"
BROKEN = Response("gone", 500)
NO_XML = "<Response><Speak>Tom & Jerry</Speak></Response>"


def told(web: Web) -> tuple[int, str, str]:
    """The hang-up callback, which comes once."""
    params = web.one("/hangup").params
    assert params["Event"] == "Hangup"
    return int(params["HangupCauseCode"]), params["HangupCauseName"], params["HangupSource"]


def incoming(phone: Phone, web: Web, inside: str) -> str:
    uuid = phone.call(web.xml("/answer", inside), hangup_url=web.xml("/hangup", ""))
    phone.run(300)
    return uuid


def placed(phone: Phone, web: Web, inside: str = "<Speak>Hello</Speak>", **more: Any) -> str:
    uuid = phone.place(web.xml("/answer", inside), hangup_url=web.xml("/hangup", ""), **more)
    phone.run(300)
    return uuid


def _answered_with(page: str | Response) -> Scenario:
    def scenario(phone: Phone, web: Web) -> None:
        web.pages["/answer"] = page
        phone.call(f"{web.url}/answer", hangup_url=web.xml("/hangup", ""))
        phone.run(300)

    return scenario


def _acting(url: str, attributes: str = "", page: str | Response = BROKEN) -> Scenario:
    """Input, and what its action does."""

    def scenario(phone: Phone, web: Web) -> None:
        web.pages["/next"] = page
        verb = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
        phone.number(CALLER, keys=[[2, "1"]])
        incoming(phone, web, f"<{verb} action='{url}' numDigits='1' {attributes}/><Speak>On we go.</Speak>")

    return scenario


def _redirected(url: str, attributes: str = "", page: str | Response = BROKEN) -> Scenario:
    def scenario(phone: Phone, web: Web) -> None:
        web.pages["/next"] = page
        incoming(phone, web, f"<Speak>Hello</Speak><Redirect {attributes}>{url}</Redirect>")

    return scenario


def _moved(url: str, method: str = "POST", page: str | Response = BROKEN) -> Scenario:
    def scenario(phone: Phone, web: Web) -> None:
        web.pages["/next"] = page
        phone.switch(transfer_checks="at-fetch")
        uuid = incoming(phone, web, HOLD)
        reply = phone.transfer(uuid, aleg_url=url.replace("{web}", web.url), aleg_method=method)
        assert reply.status_code == 202, reply.text
        phone.run(300)

    return scenario


def _behaving(**behaviour: object) -> Scenario:
    """A placed call, and what the person does."""

    def scenario(phone: Phone, web: Web) -> None:
        phone.number(CALLER, **behaviour)
        placed(phone, web, HOLD)

    return scenario


def _hung_up_by_rest(phone: Phone, web: Web) -> None:
    phone.number(CALLER, behaviour="no-answer")
    uuid = phone.place(web.xml("/answer", HOLD), hangup_url=web.xml("/hangup", ""))
    phone.advance(2)
    phone.rest("DELETE", f"Call/{uuid}/")
    phone.run(300)


def _ends(inside: str) -> Scenario:
    def scenario(phone: Phone, web: Web) -> None:
        incoming(phone, web, inside)

    return scenario


def _limited(phone: Phone, web: Web) -> None:
    uuid = placed(phone, web, HOLD, time_limit=60)
    phone.advance(70)
    assert phone.leg(uuid)["hangup"]


PLATFORM = "(its name)"
OF_CALLS: list[tuple[str, int, str, Scenario]] = [
    ("the answer URL fails", 7011, "Error", _answered_with(BROKEN)),
    ("the answer is no XML", 8011, "Error", _answered_with(NO_XML)),
    ("the answer is empty", 8011, "Error", _answered_with("")),
    ("the action fails", 7012, "Error", _acting("{web}/next")),
    ("the action is no URL", 7022, "Error", _acting("ftp://example.com/next")),
    ("the action's method is none", 7032, "Error", _acting("{web}/next", "method='PUT'")),
    ("the action is no XML", 8012, "Error", _acting("{web}/next", page=NO_XML)),
    ("the transfer fails", 7013, "Error", _moved("{web}/next")),
    ("the transfer is to no URL", 7023, "Error", _moved("ftp://example.com/next")),
    ("the transfer's method is none", 7033, "Error", _moved("{web}/next", "PUT")),
    ("the transfer is no XML", 8013, "Error", _moved("{web}/next", page=NO_XML)),
    ("the redirect fails", 7014, "Error", _redirected("{web}/next")),
    ("the redirect is to no URL", 7024, "Error", _redirected("ftp://example.com/next")),
    ("the redirect's method is none", 7034, "Error", _redirected("{web}/next", "method='PUT'")),
    ("the redirect is no XML", 8014, "Error", _redirected("{web}/next", page=NO_XML)),
    ("cancelled by REST", 1000, "API Request", _hung_up_by_rest),
    ("nobody there", 2000, "Carrier", _behaving(behaviour="unreachable")),
    ("a document that leads to itself", 2060, "Error", _ends("<Redirect>{web}/answer</Redirect>")),
    ("nobody answers", 3000, "Callee", _behaving(behaviour="no-answer", gives_up_after=20)),
    ("busy", 3010, "Callee", _behaving(behaviour="busy")),
    ("declined", 3020, "Callee", _behaving(behaviour="reject")),
    ("refused as busy", 3010, "Answer XML", _ends("<Hangup reason='busy'/>")),
    ("refused", 3020, "Answer XML", _ends("<Hangup/>")),
    ("the person hangs up", 4000, "Callee", _behaving(hangs_up_after=9)),
    ("the document hangs up", 4000, "Answer XML", _ends("<Speak>Bye</Speak><Hangup/>")),
    ("the document is over", 4010, PLATFORM, _ends("<Speak>Bye</Speak>")),
    ("a hang-up on schedule", 6000, PLATFORM, _ends(f"<Speak>Hi</Speak><Hangup schedule='20'/>{HOLD}")),
    ("the call's limit", 6000, PLATFORM, _limited),
    ("it rings for too long", 6010, PLATFORM, _behaving(behaviour="no-answer")),
    ("no audio comes", 6020, PLATFORM, _behaving(behaviour="silent")),
]


@pytest.mark.parametrize(
    ("code", "source", "scenario"), [row[1:] for row in OF_CALLS], ids=[f"{row[1]} {row[0]}" for row in OF_CALLS]
)
def test_the_customer_is_told_why_a_call_ended(
    phone: Phone, web: Web, code: int, source: str, scenario: Scenario
) -> None:
    scenario(phone, web)
    assert told(web) == (code, NAMES[code], phone.simulator.dialect.title if source == PLATFORM else source)


@pytest.mark.parametrize(
    "scenario",
    [
        _acting("{web}/next", "redirect='false'"),
        _acting("ftp://example.com/next", "redirect='false'"),
        _acting("{web}/next", "redirect='false' method='PUT'"),
        _acting("{web}/next", "redirect='false'", NO_XML),
    ],
    ids=["7012", "7022", "7032", "8012"],
)
def test_an_action_that_is_only_told_ends_nothing(phone: Phone, web: Web, scenario: Scenario) -> None:
    scenario(phone, web)
    assert told(web)[0] == 4010
    assert phone.texts("hear")[-1] == 'hears "On we go."'


def _dialling(attributes: str = "", inside: str = f"<Number>{AGENT}</Number>") -> Scenario:
    def scenario(phone: Phone, web: Web) -> None:
        web.xml("/events", "")
        dial = f"<Dial callerId='{LINE}' callbackUrl='{{web}}/events' {attributes}>{inside}</Dial>"
        incoming(phone, web, f"<Speak>Hello</Speak>{dial}<Speak>Bye</Speak>")

    return scenario


FIRST_WINS = f"<Number>+14155550124</Number><Number>{AGENT}</Number>"
OF_DIALLED_LEGS: list[tuple[int, str, str, dict[str, object], Scenario]] = [
    (2060, "EXCHANGE_ROUTING_ERROR", "Error", {}, _dialling(inside=f"<Number>{CALLER}</Number>")),
    (3000, "NO_ANSWER", "Callee", {"behaviour": "no-answer", "gives_up_after": 9}, _dialling()),
    (3010, "USER_BUSY", "Callee", {"behaviour": "busy"}, _dialling()),
    (3020, "CALL_REJECTED", "Callee", {"behaviour": "reject"}, _dialling()),
    (4000, "NORMAL_CLEARING", "Callee", {"hangs_up_after": 9}, _dialling()),
    (6000, "NORMAL_CLEARING", PLATFORM, {}, _dialling("timeLimit='30'")),
    (6010, "NO_ANSWER", PLATFORM, {"behaviour": "no-answer"}, _dialling("timeout='20'")),
    (6020, "MEDIA_TIMEOUT", PLATFORM, {"behaviour": "silent"}, _dialling()),
    (9000, "LOSE_RACE", PLATFORM, {"after": 9}, _dialling(inside=FIRST_WINS)),
    (9110, "NORMAL_CLEARING", PLATFORM, {}, _dialling("confirmKey='1' confirmTimeout='8'")),
]


@pytest.mark.parametrize(
    ("code", "cause", "source", "behaviour", "scenario"), OF_DIALLED_LEGS, ids=[str(row[0]) for row in OF_DIALLED_LEGS]
)
def test_the_customer_is_told_why_a_dialled_leg_ended(
    phone: Phone, web: Web, code: int, cause: str, source: str, behaviour: dict[str, object], scenario: Scenario
) -> None:
    phone.number(AGENT, **behaviour)
    scenario(phone, web)
    params = next(each.params for each in web.at("/events") if each.params["DialAction"] == "hangup")
    assert (int(params["DialBLegHangupCauseCode"]), params["DialBLegHangupCauseName"]) == (code, NAMES[code])
    assert params["DialBLegHangupCause"] == cause
    assert params["DialBLegHangupSource"] == (phone.simulator.dialect.title if source == PLATFORM else source)


def test_a_leg_without_audio_may_stay(phone: Phone, web: Web) -> None:
    phone.switch(media_timeout=0)
    phone.number(CALLER, behaviour="silent", keys=[[5, "1"]], says=[[6, "hello"]])
    uuid = placed(phone, web, HOLD)
    phone.advance(300)
    assert phone.leg(uuid)["hangup"] is None
    assert not phone.entries("press", "say")
    phone.switch(media_timeout=12)
    second = phone.place(f"{web.url}/answer")
    phone.run(300)
    assert [(entry["at"], entry["code"]) for entry in phone.entries("hangup") if entry["call_uuid"] == second] == [
        (pytest.approx(phone.control("GET", "clock")["now"]), 6020)
    ]


def test_every_code_has_its_documented_name_and_a_scenario() -> None:
    assert {code: entry.name for code, entry in CODES.items()} == NAMES
    reached = {row[1] for row in OF_CALLS} | {row[0] for row in OF_DIALLED_LEGS}
    assert reached == set(NAMES)
