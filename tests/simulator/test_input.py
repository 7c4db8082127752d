"""Input by keys and by voice: every outcome of GetDigits, GetInput and Gather."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import CALLER, Phone, Web

NO_THEN_ONE = [[5, "9"], [16, "1"]]
PROMPT = "<Speak>Press one for sales or two for support right now.</Speak>"  # 10 words: 4 seconds


def gathering(phone: Phone, web: Web, attributes: str = "", *, verb: str = "", prompt: str = PROMPT) -> str:
    verb = verb or {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
    web.xml("/given", "<Speak>Thank you.</Speak>")
    document = f"<{verb} action='{{web}}/given' {attributes}>{prompt}</{verb}><Speak>Nothing came.</Speak>"
    uuid = phone.call(web.xml("/answer", document))
    phone.run()
    return uuid


def given(web: Web) -> dict[str, str]:
    return web.one("/given").params


@pytest.mark.parametrize(
    ("attributes", "keys", "digits", "at"),
    [
        ("numDigits='1'", [[6, "1"]], "1", 6.0),
        ("numDigits='1'", [[2, "2"]], "2", 2.0),  # barges in on the prompt
        ("numDigits='4'", [[5, "12"], [6, "34"]], "1234", 6.0),
        ("", [[5, "12#"]], "12", 5.0),
        ("finishOnKey='*'", [[5, "1#2*"]], "1#2", 5.0),
        ("finishOnKey='none'", [[5, "1#"]], "1#", 7.0),
        ("finishOnKey=''", [[5, "1*"]], "1*", 7.0),
        ("digitEndTimeout='4'", [[5, "1"], [8, "2"]], "12", 12.0),
        ("inputType='dtmf speech' numDigits='1'", [[18.5, "3"]], "3", 18.5),  # 15 s, counted after the prompt
    ],
    ids=str,
)
def test_keys(phone: Phone, web: Web, attributes: str, keys: list[Any], digits: str, at: float) -> None:
    phone.number(CALLER, keys=keys)
    gathering(phone, web, attributes)
    params = given(web)
    assert (params["Digits"], params["InputType"], params["Speech"]) == (digits, "dtmf", "")
    assert params["Event"] == "Redirect"
    assert [entry["at"] for entry in phone.entries("input")] == [at]
    assert phone.texts("hear")[-1] == 'hears "Thank you."'


def test_speech(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[6, "I need help"]])
    gathering(phone, web, "inputType='speech' interimSpeechResultsCallback='{web}/interim'")
    params = given(web)
    assert (params["InputType"], params["Speech"], params["Digits"]) == ("speech", "I need help", "")
    assert 0 < float(params["SpeechConfidenceScore"]) <= 1
    assert {"StableSpeech", "UnstableSpeech", "Stability", "SequenceNumber"} <= set(web.at("/interim")[0].params)


def test_input_of_the_other_kind_is_not_listened_to(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[6, "hello"]], keys=[[7, "5"]])
    gathering(phone, web, "inputType='dtmf' numDigits='1'")
    assert given(web)["Digits"] == "5"


@pytest.mark.parametrize(
    ("no_input", "fetched", "heard"),
    [
        ("next-element", 0, "Nothing came."),
        ("empty-action-then-continue", 1, "Nothing came."),
        ("empty-action", 1, "Thank you."),
    ],
)
def test_no_input(phone: Phone, web: Web, no_input: str, fetched: int, heard: str) -> None:
    phone.switch(no_input=no_input)
    gathering(phone, web)
    assert len(web.at("/given")) == fetched
    assert all(each.params["Digits"] == each.params["Speech"] == "" for each in web.at("/given"))
    assert phone.texts("hear")[-1] == f'hears "{heard}"'
    assert phone.entries("input")[0]["at"] == 19.0


def test_the_defaults_when_nothing_comes(start: Callable[..., Phone], web: Web) -> None:
    assert start("plivo").control("GET", "switches")["no_input"] == "next-element"
    assert start("vobiz").control("GET", "switches")["no_input"] == "empty-action-then-continue"


def test_an_action_that_is_only_told(phone: Phone, web: Web) -> None:
    phone.number(CALLER, keys=[[5, "1"]])
    gathering(phone, web, "numDigits='1' redirect='false'")
    assert given(web)["Digits"] == "1"
    assert phone.texts("hear")[-1] == 'hears "Nothing came."'  # the answer is ignored, the document goes on


@pytest.mark.parametrize("page", ["not XML", "<Bad/>"])
def test_a_bad_action_only_ends_the_call_if_it_was_to_be_followed(phone: Phone, web: Web, page: str) -> None:
    phone.number(CALLER, keys=[[5, "1"]])
    for redirect, code in [("true", 8012), ("false", 4010)]:
        web.received.clear()
        document = f"action='{{web}}/bad' redirect='{redirect}' numDigits='1'"
        web.pages["/bad"] = page
        verb = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
        uuid = phone.call(web.xml("/answer", f"<{verb} {document}/><Speak>On.</Speak>"))
        phone.run()
        assert phone.ended(uuid)[0] == code


@pytest.mark.parametrize(
    ("attributes", "keys", "digits", "at"),
    [
        ("", [[5, "12"]], "12", 7.0),
        ("numDigits='2'", [[5, "12"]], "12", 5.0),
        ("timeout='30'", [[30, "1#"]], "1", 30.0),
        ("retries='2'", [[12, "1#"]], "1", 12.0),
        ("validDigits='12' retries='2' numDigits='1'", [[5, "9"], [8, "2"]], "2", 8.0),
        (
            "validDigits='12' invalidDigitsSound='https://e/no.mp3' retries='2' numDigits='1'",
            NO_THEN_ONE,
            "1",
            16.0,
        ),
    ],
    ids=str,
)
def test_get_digits(plivo: Phone, web: Web, attributes: str, keys: list[Any], digits: str, at: float) -> None:
    plivo.number(CALLER, keys=keys)
    gathering(plivo, web, attributes, verb="GetDigits")
    assert given(web)["Digits"] == digits
    assert plivo.entries("input")[-1]["at"] == at


def test_get_digits_without_digits_goes_on(plivo: Phone, web: Web) -> None:
    plivo.number(CALLER, keys=[[5, "#"]])
    gathering(plivo, web, verb="GetDigits")
    assert not web.at("/given")
    assert plivo.texts("hear")[-1] == 'hears "Nothing came."'


def test_live_keys_and_words(phone: Phone, web: Web) -> None:
    web.xml("/given", "<Speak>Thank you.</Speak>")
    verb = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
    for route, body in [("press", {"digits": "7"}), ("say", {"speech": "seven"})]:
        uuid = phone.call(web.xml("/answer", f"<{verb} action='{{web}}/given' numDigits='1'>{PROMPT}</{verb}>"))
        phone.advance(1)
        phone.control("POST", f"calls/{uuid}/{route}", body)
        last = web.at("/given")[-1].params
        assert last["Digits"] + last["Speech"] in ("7", "seven")
    assert "presses 7" in phone.texts("press")


def test_a_menu_in_the_middle_of_a_transfer(phone: Phone, web: Web) -> None:
    """Keys meant for the old document are not taken for the new one's."""
    phone.number(CALLER, keys=[[2, "1"]])
    uuid = phone.call(web.xml("/answer", "<Play loop='0'>https://e.com/hold.mp3</Play>"))
    phone.advance(3)
    verb = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
    web.xml("/given", "")
    phone.transfer(uuid, aleg_url=web.xml("/menu", f"<{verb} action='{{web}}/given' numDigits='1'/>"))
    phone.advance(1)
    assert not web.at("/given")
    phone.control("POST", f"calls/{uuid}/press", {"digits": "4"})
    assert given(web)["Digits"] == "4"


def test_an_input_language_vobiz_does_not_know_drops_the_call(phone: Phone, web: Web) -> None:
    uuid = gathering(phone, web, "language='hi-IN'")
    assert phone.ended(uuid)[0] == {"plivo": 4010, "vobiz": 8011}[phone.simulator.provider]
