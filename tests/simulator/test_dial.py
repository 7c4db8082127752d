"""Dial: every outcome, its callbacks and its action, on both platforms."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import AGENT, CALLER, LINE, Phone, Received, Web

SECOND = "+14155550124"


def dialling(
    phone: Phone, web: Web, attributes: str = "", inside: str = f"<Number>{AGENT}</Number>", after: str = ""
) -> str:
    """A call whose document dials; the Dial's action is /dialled, its events go to /events."""
    web.xml("/dialled", "<Speak>Dial over.</Speak>")
    web.xml("/events", "")
    caller_id = "" if "callerId" in attributes else f"callerId='{LINE}'"
    dial = f"<Dial {caller_id} action='{{web}}/dialled' callbackUrl='{{web}}/events' {attributes}>{inside}</Dial>"
    uuid = phone.call(web.xml("/answer", f"<Speak>Hello.</Speak>{dial}{after}"))
    phone.run()
    return uuid


def action(web: Web) -> dict[str, str]:
    return web.one("/dialled").params


def events(web: Web) -> list[str]:
    return [each.params["Event"] for each in web.at("/events")]


def test_a_conversation_and_its_report(phone: Phone, web: Web) -> None:
    phone.number(AGENT, hangs_up_after=30)
    uuid = dialling(phone, web)
    params = action(web)
    assert params["DialStatus"] == "completed"
    assert params["DialRingStatus"] == "true"
    assert params["DialHangupCause"] == "NORMAL_CLEARING"
    assert params["DialALegUUID"] == params["CallUUID"] == uuid
    assert params["DialBLegUUID"] == phone.b_leg("completed") != uuid
    assert params["Event"] == {"plivo": "Redirect", "vobiz": "DialAction"}[phone.simulator.provider]
    assert events(web) == ["DialAnswer", "DialConnected", "DialHangup"]
    hangup = web.at("/events")[-1].params
    assert (hangup["DialBLegDuration"], hangup["DialBLegBillDuration"]) == ("30", "60")
    assert (hangup["DialBLegHangupCauseCode"], hangup["DialBLegHangupSource"]) == ("4000", "Callee")
    assert (hangup["DialAction"], hangup["DialBLegStatus"], hangup["DialBLegPosition"]) == ("hangup", "hangup", "1")
    plus = {"plivo": "+", "vobiz": ""}[phone.simulator.provider]
    assert hangup["DialBLegTo"] == plus + AGENT.lstrip("+")
    assert 'hears "Dial over."' in phone.texts("hear")


@pytest.mark.parametrize(
    ("behaviour", "status", "rang", "cause"),
    [
        ({"behaviour": "busy"}, "busy", "false", "USER_BUSY"),
        ({"behaviour": "no-answer"}, "no-answer", "true", "NO_ANSWER"),
        ({"behaviour": "no-answer", "gives_up_after": 9}, "no-answer", "true", "NO_ANSWER"),
        ({"behaviour": "reject"}, "failed", "true", "CALL_REJECTED"),
        ({"behaviour": "unreachable"}, "failed", "false", "UNALLOCATED_NUMBER"),
    ],
    ids=str,
)
def test_nobody_to_talk_to(
    phone: Phone, web: Web, behaviour: dict[str, Any], status: str, rang: str, cause: str
) -> None:
    phone.number(AGENT, **behaviour)
    dialling(phone, web, "timeout='20'")
    params = action(web)
    assert (params["DialStatus"], params["DialRingStatus"], params["DialHangupCause"]) == (status, rang, cause)
    assert params["DialBLegUUID"] == ""
    assert events(web) == ["DialHangup"]
    assert 'hears "Dial over."' in phone.texts("hear")


def test_a_ring_timeout_may_be_called_timeout(phone: Phone, web: Web) -> None:
    phone.switch(ring_timeout_status="timeout")
    phone.number(AGENT, behaviour="no-answer")
    dialling(phone, web, "timeout='20'")
    assert action(web)["DialStatus"] == "timeout"
    assert web.one("/events").params["DialBLegHangupCauseCode"] == "6010"


def test_the_caller_presses_star(phone: Phone, web: Web) -> None:
    phone.number(CALLER, keys=[[10, "*"]])
    dialling(phone, web, "hangupOnStar='true'")
    assert action(web)["DialStatus"] == "completed"


def test_the_caller_presses_star_while_it_rings(phone: Phone, web: Web) -> None:
    phone.number(AGENT, after=30)
    phone.number(CALLER, keys=[[5, "*"]])
    dialling(phone, web, "hangupOnStar='true'")
    assert action(web)["DialStatus"] == "cancel"
    assert phone.ended(phone.b_leg("cancel"))[0] == 1000


def test_the_first_of_several_to_answer_wins(phone: Phone, web: Web) -> None:
    phone.number(AGENT, after=9)
    phone.number(SECOND, after=4, hangs_up_after=10)
    dialling(phone, web, inside=f"<Number>{AGENT}</Number><Number> {SECOND} </Number><User>sip:a@example.com</User>")
    connected = [text for text in phone.texts("connect") if text.startswith("is connected to")]
    # the SIP phone has no plan of its own, and answers after three seconds
    assert "is connected to sip:a@example.com" in connected
    lost = [each.params for each in web.at("/events") if each.params.get("DialBLegHangupCauseName") == "Lost Race"]
    assert {each["DialBLegPosition"] for each in lost} == {"1", "2"}
    assert {each["DialBLegHangupCauseCode"] for each in lost} == {"9000"}
    assert {each["DialBLegHangupCause"] for each in lost} == {"LOSE_RACE"}


def test_one_after_the_other(phone: Phone, web: Web) -> None:
    phone.number(AGENT, behaviour="busy")
    after = f"<Dial callerId='{LINE}'><Number>{SECOND}</Number></Dial>"
    dialling(phone, web, "redirect='false'", after=after)
    assert action(web)["DialStatus"] == "busy"
    assert f"is connected to {SECOND}" in phone.texts("connect")


def test_a_conversation_is_limited(phone: Phone, web: Web) -> None:
    dialling(phone, web, "timeLimit='60'")
    assert action(web)["DialStatus"] == "completed"
    assert phone.ended(phone.b_leg("completed"))[0] == 6000


@pytest.mark.parametrize("sent", [True, False])
def test_the_action_after_the_caller_hung_up(phone: Phone, web: Web, sent: bool) -> None:
    phone.switch(dial_action_after_hangup="sent" if sent else "not-sent")
    phone.number(CALLER, hangs_up_after=20)
    dialling(phone, web)
    order = [each.params["Event"] for each in web.received if each.path != "/answer" or "HangupCause" in each.params]
    default = {"plivo": "Redirect", "vobiz": "DialAction"}[phone.simulator.provider]
    # on Vobiz the hang-up goes to the answer URL; on Plivo nobody asked for it
    hangup = {"plivo": [], "vobiz": ["Hangup"]}[phone.simulator.provider]
    assert order == ["DialAnswer", "DialConnected", "DialHangup", *hangup, *([default] if sent else [])]
    if sent:
        assert action(web)["CallStatus"] == "completed"
    assert not any("Dial over" in text for text in phone.texts())


def test_what_runs_after_a_bridged_dial(phone: Phone, web: Web) -> None:
    phone.number(AGENT, hangs_up_after=5)
    for value in ("continues", "ends"):
        phone.switch(after_bridged_dial=value)
        uuid = dialling(phone, web, "redirect='false'", after=f"<Speak>After it {value}.</Speak>")
        assert (f'hears "After it {value}."' in phone.texts("hear")) is (value == "continues")
        assert phone.ended(uuid)[0] == 4010


def test_a_dial_that_nothing_has_answered_before(phone: Phone, web: Web) -> None:
    url = web.xml("/first", f"<Dial callerId='{LINE}' action='{{web}}/dialled'><Number>{AGENT}</Number></Dial>")
    web.xml("/dialled", "")
    phone.switch(dial_before_answer="fails")
    phone.call(url)
    assert (action(web)["DialStatus"], action(web)["DialHangupCause"]) == ("failed", "ORIGINATOR_CANCEL")
    phone.switch(dial_before_answer="rings")
    uuid = phone.call(url)
    phone.run()
    assert phone.leg(uuid)["state"] == "in-progress"


def test_a_missing_caller_id(phone: Phone, web: Web) -> None:
    document = f"<Speak>Hi</Speak><Dial action='{{web}}/dialled'><Number>{AGENT}</Number></Dial><Speak>Next.</Speak>"
    web.xml("/dialled", "")
    phone.switch(missing_caller_id="fails-silently")
    phone.call(web.xml("/answer", document))
    phone.run()
    assert not web.at("/dialled")
    assert 'hears "Next."' in phone.texts("hear")
    phone.switch(missing_caller_id="uses-caller")
    phone.call(web.xml("/answer", document))
    phone.run()
    assert phone.b_leg()


def test_calling_oneself_is_a_loop(phone: Phone, web: Web) -> None:
    dialling(phone, web, inside=f"<Number>{CALLER}</Number>")
    assert action(web)["DialStatus"] == "failed"
    assert web.one("/events").params["DialBLegHangupCauseCode"] == "2060"


def test_a_bare_number_is_vobiz_only(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", f"<Speak>Hi</Speak><Dial callerId='{LINE}'>{AGENT}</Dial>"))
    phone.run()
    expected = {"plivo": (8011, "Error"), "vobiz": None}[phone.simulator.provider]
    assert (phone.ended(uuid) if expected else phone.leg(uuid)["hangup"]) == expected


def test_a_whisper_and_a_key_to_accept(phone: Phone, web: Web) -> None:
    web.xml("/whisper", "<Speak>Press one to take this call.</Speak><Wait length='1'/>")
    confirm = "confirmSound='{web}/whisper' confirmKey='1' confirmTimeout='8' dialMusic='{web}/whisper'"
    phone.number(AGENT, keys=[[5, "1"]], hangs_up_after=30)
    dialling(phone, web, confirm)
    assert action(web)["DialStatus"] == "completed"
    assert events(web) == ["DialAnswer", "DialConnected", "DialHangup"]
    assert [each.method for each in web.at("/whisper")] == ["POST", "POST"]
    connected = [entry["at"] for entry in phone.entries("connect")]
    assert connected == [9.0, 9.0]


def test_an_agent_who_does_not_accept(phone: Phone, web: Web) -> None:
    web.xml("/whisper", "<Speak>Press one.</Speak>")
    for value, status in [("enforced", "no-answer"), ("not-enforced", "completed")]:
        web.received.clear()
        phone.switch(confirm_key=value)
        phone.number(AGENT, hangs_up_after=30)
        dialling(phone, web, "confirmSound='{web}/whisper' confirmKey='1' confirmTimeout='8'")
        assert action(web)["DialStatus"] == status
    assert 9110 in [entry["code"] for entry in phone.entries("hangup")]


def test_a_key_to_accept_without_a_whisper(phone: Phone, web: Web) -> None:
    phone.number(AGENT, keys=[[2, "9"], [4, "1"]], hangs_up_after=30)
    dialling(phone, web, "confirmKey='1' confirmTimeout='8'")
    assert [entry["at"] for entry in phone.entries("connect")] == [8.0, 8.0]


def test_keys_that_match_a_pattern_are_reported(phone: Phone, web: Web) -> None:
    phone.number(CALLER, keys=[[8, "99"], [9, "12"]])
    phone.number(AGENT, keys=[[8, "0"]], hangs_up_after=30)
    dialling(phone, web, "digitsMatch='12,7' digitsMatchBLeg='0'")
    found = [each.params for each in web.at("/events") if each.params["Event"] == "DialDigitsMatch"]
    spelled = {"plivo": ["ALeg", "BLeg"], "vobiz": ["aleg", "bleg"]}[phone.simulator.provider]
    assert sorted((each["DialDigitsPressedBy"], each["DialDigitsMatch"]) for each in found) == [
        (spelled[0], "12"),
        (spelled[1], "0"),
    ]


def test_a_leg_moved_away_can_dial_on(phone: Phone, web: Web) -> None:
    uuid = dialling(phone, web)
    b_leg = phone.b_leg()
    dial = f"<Dial callerId='{LINE}' hangupOnStar='true'><Number>{SECOND}</Number></Dial>"
    target = web.xml("/bleg", f"<Speak>Hi</Speak>{dial * 2}")
    phone.transfer(uuid, legs="both", aleg_url=web.xml("/aleg", "<Hangup/>"), bleg_url=target)
    phone.run()
    assert phone.ended(uuid) == (4000, "Answer XML")
    assert phone.leg(b_leg)["state"] == "in-progress"
    phone.switch(after_bridged_dial="continues")
    phone.control("POST", f"calls/{b_leg}/press", {"digits": "*"})  # its own Dial obeys it
    phone.run()
    assert phone.texts("dial")[-2:] == [f"dials {SECOND}"] * 2
    phone.rest("DELETE", f"Call/{b_leg}/")
    phone.advance(0)
    assert phone.ended(b_leg) == (4000, "API Request")
    assert all(entry["state"] != "in-progress" for call in phone.control("GET", "calls") for entry in call["legs"])


def test_documented_keys_of_the_answer_event(plivo: Phone, web: Web) -> None:
    dialling(plivo, web)
    answer: Received = web.at("/events")[0]
    assert set(answer.params) == set(
        "CallUUID DialAction DialALegUUID DialBLegBillRate DialBLegFrom DialBLegPosition DialBLegStatus DialBLegTo "
        "DialBLegUUID Event".split()
    )


KEYS_OF_EVENTS = {
    "answer": "CallUUID DialAction DialALegUUID DialBLegFrom DialBLegPosition DialBLegStatus DialBLegTo DialBLegUUID "
    "Event",
    "digits": "DialDigitsMatch DialDigitsPressedBy",
    "hangup": "DialBLegDuration DialBLegBillDuration DialBLegHangupCause DialBLegHangupCauseName "
    "DialBLegHangupCauseCode DialBLegHangupSource",
}


def test_the_events_have_the_documented_keys_in_the_documented_order(phone: Phone, web: Web) -> None:
    phone.number(AGENT, keys=[[2, "5"]], hangs_up_after=9)
    dialling(phone, web, "digitsMatchBLeg='5'")
    always = set(KEYS_OF_EVENTS["answer"].split())
    if phone.simulator.provider == "plivo":
        always.add("DialBLegBillRate")
    found = [each.params for each in web.at("/events")]
    assert [each["DialAction"] for each in found] == ["answer", "connected", "digits", "hangup"]
    for params in found:
        assert set(params) == always | set(KEYS_OF_EVENTS.get(params["DialAction"], "").split())
    own = {"DialStatus", "DialRingStatus", "DialHangupCause", "DialALegUUID", "DialBLegUUID"}
    assert {key for key in action(web) if key.startswith("Dial")} == own
