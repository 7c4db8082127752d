"""What the platforms' documents say in passing, held line by line on both platforms."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import AGENT, CALLER, LINE, Phone, Web
from .test_dial import SECOND, action, dialling

INPUT = {"plivo": "GetInput", "vobiz": "Gather"}


@pytest.mark.parametrize(
    ("first", "attributes"),
    [
        ({"behaviour": "busy"}, ""),
        ({"behaviour": "unreachable"}, ""),
        ({"after": 1, "hangs_up_after": 1}, "confirmKey='1'"),
    ],
    ids=["busy", "unreachable", "gone before the key"],
)
def test_a_caller_who_gives_up_cancels_whoever_was_busy_before(
    phone: Phone, web: Web, first: dict[str, Any], attributes: str
) -> None:
    phone.number(AGENT, **first)
    phone.number(SECOND, behaviour="no-answer")
    phone.number(CALLER, hangs_up_after=12)
    dialling(phone, web, attributes, inside=f"<Number>{AGENT}</Number><Number>{SECOND}</Number>")
    assert (action(web)["DialStatus"], action(web)["DialHangupCause"]) == ("cancel", "ORIGINATOR_CANCEL")


def test_a_transfer_while_others_still_ring_is_a_cancel_too(phone: Phone, web: Web) -> None:
    phone.switch(dial_action_on_transfer="sent")
    phone.number(AGENT, behaviour="busy")
    phone.number(SECOND, behaviour="no-answer")
    web.xml("/dialled", "")
    numbers = f"<Number>{AGENT}</Number><Number>{SECOND}</Number>"
    dial = f"<Dial callerId='{LINE}' action='{{web}}/dialled'>{numbers}</Dial>"
    uuid = phone.call(web.xml("/answer", f"<Speak>Hello.</Speak>{dial}"))
    phone.advance(9)
    phone.transfer(uuid, aleg_url=web.xml("/moved", ""))
    phone.run()
    assert action(web)["DialStatus"] == "cancel"


def test_who_hangs_up_a_phone_that_rings_declines(phone: Phone, web: Web) -> None:
    phone.number(AGENT, behaviour="no-answer")
    phone.number(SECOND, behaviour="no-answer")
    web.xml("/dialled", "")
    dial = f"<Dial callerId='{LINE}' action='{{web}}/dialled'><Number>{AGENT}</Number></Dial>"
    phone.call(web.xml("/answer", f"<Speak>Hello.</Speak>{dial}"))
    phone.advance(5)
    phone.control("POST", f"calls/{phone.b_leg('ringing')}/hangup")
    phone.run()
    assert (action(web)["DialStatus"], action(web)["DialHangupCause"]) == ("failed", "CALL_REJECTED")
    placed = phone.place(f"{web.url}/answer", to=SECOND)
    phone.advance(5)
    phone.control("POST", f"calls/{placed}/hangup")
    phone.run()
    assert phone.ended(placed) == (3020, "Callee")


@pytest.mark.parametrize("target", ["None", "undefined", "+1415call", "4155550123456789", "{{ agent }}"])
@pytest.mark.parametrize("child", ["Number", "User"])
def test_what_is_no_number_cannot_be_reached(phone: Phone, web: Web, child: str, target: str) -> None:
    dialling(phone, web, inside=f"<{child}>{target}</{child}>")
    params = action(web)
    assert (params["DialStatus"], params["DialRingStatus"]) == ("failed", "false")
    assert web.one("/events").params["DialBLegHangupCauseCode"] == "2000"
    assert any(f"{target!r} is neither a number nor a sip: URI" in text for text in phone.texts("hangup"))


@pytest.mark.parametrize("target", ["(415) 555-0123", "911", "sip:ann@example.com", "SIPS:ann@example.com;x=1"])
def test_what_can_be_dialled(phone: Phone, web: Web, target: str) -> None:
    phone.number("*", hangs_up_after=4)
    phone.number(CALLER)
    dialling(phone, web, inside=f"<Number>{target}</Number>")
    assert action(web)["DialStatus"] == "completed"


@pytest.mark.parametrize("loop", ["", "loop='3'", "loop='0'"])
@pytest.mark.parametrize("text", ["hold.mp3", "/hold.mp3", "ftp://example.com/a.mp3", "https://"])
def test_a_file_that_has_no_url_is_skipped(phone: Phone, web: Web, text: str, loop: str) -> None:
    ask = INPUT[phone.simulator.provider]
    phone.call(web.xml("/answer", f"<Play {loop}>{text}</Play><{ask} action=''><Play {loop}>{text}</Play></{ask}>"))
    phone.run()
    assert phone.texts("note") == [f"{text!r} is not played: it is not a URL"] * 2
    assert not phone.entries("hear", "cut")
    assert phone.entries("hangup")[0]["at"] == 15.0


def test_a_whisper_that_has_no_url_is_told_of(phone: Phone, web: Web) -> None:
    phone.number(AGENT, hangs_up_after=4)
    dialling(phone, web, "confirmSound='/whisper'")
    assert any(text.startswith("confirmSound is not played") for text in phone.texts("note"))
    assert action(web)["DialStatus"] == "completed"


def test_an_answer_is_not_recorded_by_what_follows_it(phone: Phone, web: Web) -> None:
    ask = INPUT[phone.simulator.provider]
    phone.number(CALLER, says=[[2, "leave a message please"], [6, "call me back"]])
    web.xml("/said", "<Record timeout='5'/>")
    phone.call(web.xml("/answer", f"<{ask} inputType='speech' action='{{web}}/said'/>"))
    phone.run()
    assert web.one("/said").params["Speech"] == "leave a message please"
    (recording,) = phone.control("GET", "recordings")
    assert recording["words"] == "call me back"
    assert recording["started_at"] == pytest.approx(3.6)  # four words take 1.6 s


@pytest.mark.parametrize(
    "attribute",
    [
        *("digitEndTimeout='soon'", "speechEndTimeout='-1'", "digitEndTimeout='2.5'", "speechEndTimeout=''"),
        *("inputType='dtmf,speech'", "inputType='DTMF'", "inputType='keys'", "executionTimeout='\u0665'"),
    ],
)
def test_input_that_asks_for_what_is_not(phone: Phone, web: Web, attribute: str) -> None:
    ask = INPUT[phone.simulator.provider]
    phone.number(CALLER, keys=[[3, "1"]])
    inside = f"<Speak>Hi</Speak><{ask} action='{web.xml('/given', '')}' {attribute}/>"
    refused = phone.call(web.xml("/answer", inside))
    phone.run()
    assert phone.ended(refused)[0] == 8011
    phone.switch(bad_value="default")
    phone.call(f"{web.url}/answer")
    phone.run()
    assert web.one("/given").params["Digits"] == "1"


@pytest.mark.parametrize("attribute", ["digitEndTimeout='auto'", "speechEndTimeout=' 5 '", "inputType='speech dtmf'"])
def test_input_that_asks_for_what_is(phone: Phone, web: Web, attribute: str) -> None:
    ask = INPUT[phone.simulator.provider]
    uuid = phone.call(web.xml("/answer", f"<{ask} {attribute}/>"))
    phone.run()
    assert phone.ended(uuid)[0] == 4010


def test_a_call_whose_answer_is_no_document(phone: Phone, web: Web) -> None:
    """On Vobiz it is answered, and dropped about a second later (Vobiz docs, best practices)."""
    web.pages["/answer"] = "<Response><Speak>Tom & Jerry</Speak></Response>"
    phone.call(f"{web.url}/answer", hangup_url=web.xml("/hangup", ""))
    phone.run()
    params = web.one("/hangup").params
    vobiz = phone.simulator.provider == "vobiz"
    assert (params["HangupCauseCode"], params["HangupSource"]) == ("8011", "Error")
    assert (params["Duration"], bool(params["AnswerTime"])) == (("1", True) if vobiz else ("0", False))
    assert len(phone.entries("answer")) == vobiz
    assert phone.entries("hangup")[0]["at"] == (1.0 if vobiz else 0.0)


@pytest.mark.parametrize(
    ("inside", "plivo", "vobiz"),
    [("<Hangup reason='busy'/>", "completed", "busy"), ("<Hangup/>", "completed", "failed")],
)
def test_an_inbound_call_on_plivo_ends_completed(phone: Phone, web: Web, inside: str, plivo: str, vobiz: str) -> None:
    """busy, failed, timeout and no-answer are for outbound calls there (Plivo docs, Request)."""
    phone.call(web.xml("/answer", inside), hangup_url=web.xml("/hangup", ""))
    phone.run()
    assert web.one("/hangup").params["CallStatus"] == {"plivo": plivo, "vobiz": vobiz}[phone.simulator.provider]


def test_cancel_is_a_call_status_of_vobiz_alone(phone: Phone, web: Web) -> None:
    uuid = phone.place(web.xml("/answer", ""), hangup_url=web.xml("/hangup", ""))
    phone.advance(1)
    phone.rest("DELETE", f"Call/{uuid}/")
    phone.run()
    status = {"plivo": "completed", "vobiz": "cancel"}[phone.simulator.provider]
    assert web.one("/hangup").params["CallStatus"] == status


def test_a_vobiz_call_that_rings_is_told_of_as_its_answer_is(vobiz: Phone, web: Web) -> None:
    vobiz.place(web.xml("/answer", ""), ring_url=web.xml("/ring", ""))
    vobiz.run()
    ring, answer = web.one("/ring").params, web.at("/answer")[0].params
    assert set(ring) == set(answer)
    assert (ring["Event"], ring["CallStatus"]) == ("Ring", "ringing")


def test_a_wait_sound_stops_when_somebody_comes(phone: Phone, web: Web) -> None:
    music = web.xml("/music", "<Speak>Please wait</Speak>")
    phone.call(web.xml("/answer", f"<Conference stayAlone='true' waitSound='{music}'>room</Conference>"))
    phone.advance(20)
    assert not phone.texts("cut")
    phone.call(web.xml("/other", "<Conference stayAlone='true'>room</Conference>"), **{"from": SECOND})
    phone.advance(1)
    assert phone.texts("cut") == ["stops hearing the waitSound"]
