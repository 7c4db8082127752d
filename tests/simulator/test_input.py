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


@pytest.mark.parametrize(("keys", "says", "given_at"), [([[2, "1"]], [], 2.0), ([], [[2, "one"]], 2.4)])
def test_a_key_or_a_word_cuts_the_prompt_short(
    phone: Phone, web: Web, keys: list[Any], says: list[Any], given_at: float
) -> None:
    phone.number(CALLER, keys=keys, says=says)
    gathering(phone, web, "numDigits='1'", prompt=f"{PROMPT}<Play>https://e.com/menu.mp3</Play>")
    prompt = '"Press one for sales or two for support right now."'
    assert [(entry["at"], entry["text"]) for entry in phone.entries("hear", "cut")] == [
        (0.0, f"hears {prompt}"),
        (2.0, f"stops hearing {prompt} after 2.0 s"),
        (given_at, 'hears "Thank you."'),
    ]


def test_a_key_nobody_asks_for_interrupts_nothing(phone: Phone, web: Web) -> None:
    phone.number(CALLER, keys=[[2, "1"]], says=[[6, "sales"]])
    gathering(phone, web, "inputType='speech'")
    assert given(web)["Speech"] == "sales"
    assert not phone.entries("cut")


def test_keys_pressed_too_early_or_too_fast_are_lost(phone: Phone, web: Web) -> None:
    """They were pressed, and the transcript says so; but nothing listened."""
    phone.number(CALLER, keys=[[0.5, "9"], [2, "12"]])
    verb = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
    web.xml("/second", f"<{verb} action='{{web}}/given' numDigits='1'/><Speak>Nothing came.</Speak>")
    web.xml("/given", "")
    first = f"<Speak>Welcome</Speak><{verb} action='{{web}}/second' numDigits='1'/>"
    phone.call(web.xml("/answer", first))
    phone.run()
    assert phone.texts("press") == ["presses 9", "presses 12"]
    assert web.one("/second").params["Digits"] == "1"
    assert all(each.params["Digits"] == "" for each in web.at("/given"))
    assert 'hears "Nothing came."' in phone.texts("hear")


@pytest.mark.parametrize(
    ("attributes", "keys", "digits", "at"),
    [
        # executionTimeout is all the time there is, not only to the first key
        ("executionTimeout='5' digitEndTimeout='10'", [[6, "1"], [8, "2"], [10, "3"]], "12", 9.0),
        ("executionTimeout='5'", [[9.5, "1"]], "", 9.0),
        # figures out of the documented range count as the nearest inside
        ("executionTimeout='1'", [[8.5, "1#"]], "1", 8.5),
        ("executionTimeout='999'", [[63.5, "1#"]], "1", 63.5),
        ("executionTimeout='999'", [[64.5, "1#"]], "", 64.0),
        ("numDigits='0'", [[5, "12"]], "1", 5.0),
        ("numDigits='99'", [[5, "1" * 40]], "1" * 32, 5.0),
        ("digitEndTimeout='auto'", [[5, "1"]], "1", 7.0),
        ("digitEndTimeout='1'", [[5, "1"]], "1", 7.0),
    ],
    ids=str,
)
def test_how_long_and_how_many(
    phone: Phone, web: Web, attributes: str, keys: list[Any], digits: str, at: float
) -> None:
    phone.switch(no_input="empty-action")
    phone.number(CALLER, keys=keys)
    gathering(phone, web, attributes)
    assert given(web)["Digits"] == digits
    assert phone.entries("input")[0]["at"] == at


@pytest.mark.parametrize(
    ("attributes", "says", "speech", "at"),
    [
        ("", [[5, "I need help"], [7, "with a bill"]], "I need help", 6.2),
        ("speechEndTimeout='auto'", [[5, "I need help"]], "I need help", 6.2),
        # three words take 1.2 s; 3 s of silence end the sentence
        ("speechEndTimeout='3'", [[5, "I need help"]], "I need help", 9.2),
        ("speechEndTimeout='3'", [[5, "I need help"], [8, "with a bill"]], "I need help with a bill", 12.2),
        ("speechEndTimeout='3'", [[5, "I need help"], [9.5, "with a bill"]], "I need help", 9.2),
        ("speechEndTimeout='10' executionTimeout='5'", [[5, "I need help"]], "I need help", 9.0),
        ("inputType='dtmf speech' speechEndTimeout='3'", [[5, "one two three"]], "one two three", 9.2),
    ],
    ids=str,
)
def test_when_a_sentence_is_over(
    phone: Phone, web: Web, attributes: str, says: list[Any], speech: str, at: float
) -> None:
    phone.number(CALLER, says=says, keys=[[8.5, "7"]])
    gathering(phone, web, attributes)
    assert (given(web)["Speech"], given(web)["InputType"], given(web)["Digits"]) == (speech, "speech", "")
    assert phone.entries("input")[0]["at"] == pytest.approx(at)


def test_results_while_somebody_speaks(phone: Phone, web: Web) -> None:
    web.xml("/interim", "")
    phone.number(CALLER, says=[[5, "my line has been dead since this morning and I need it"]])
    gathering(phone, web, "inputType='speech' interimSpeechResultsCallback='{web}/interim'")
    found = [each.params for each in web.at("/interim")]
    assert [(each["StableSpeech"], each["UnstableSpeech"]) for each in found] == [
        ("my line has been", "dead since this morning"),
        ("my line has been dead since this morning", "and I need it"),
        ("my line has been dead since this morning and I need it", ""),
    ]
    assert [each["SequenceNumber"] for each in found] == ["1", "2", "3"]
    assert all(0 < float(each["Stability"]) <= 1 for each in found)


@pytest.mark.parametrize("keys", [[[5, "4711#"]], [[5, "47"], [6, "11#"]]], ids=str)
def test_sensitive_input_is_not_written_down(phone: Phone, web: Web, keys: list[Any]) -> None:
    phone.number(CALLER, keys=keys)
    gathering(phone, web, "log='false'")
    assert given(web)["Digits"] == "4711"
    assert phone.texts("input") == ["gave the digits ••••"]
    assert "4711" not in phone.transcript()
    assert "presses 4" not in phone.transcript()
    assert phone.entries("press")[0]["digits"].strip("•") == ""


def test_sensitive_words_are_not_written_down(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[5, "sesame"], [15, "hello"]])
    uuid = gathering(phone, web, "log='false'")
    assert given(web)["Speech"] == "sesame"
    assert "sesame" not in phone.transcript()
    assert phone.leg(uuid)["hangup"]


def test_afterwards_everything_is_written_down_again(plivo: Phone, web: Web) -> None:
    plivo.number(CALLER, keys=[[5, "1#"], [10, "2"]])
    web.xml("/given", "<Wait length='20'/>")
    plivo.call(web.xml("/answer", "<GetDigits log='false' timeout='9' action='{web}/given'/>"))
    plivo.run()
    assert plivo.texts("press") == ["presses ••", "presses 2"]


def test_digits_that_are_not_valid_are_not_written_down_either(plivo: Phone, web: Web) -> None:
    plivo.number(CALLER, keys=[[5, "9#"]])
    gathering(plivo, web, "validDigits='12' log='false'", verb="GetDigits")
    assert [(entry["text"], entry["digits"]) for entry in plivo.entries("input")] == [
        ("gave digits that are not valid", "•")
    ]


def test_a_beep_after_the_prompt(plivo: Phone, web: Web) -> None:
    gathering(plivo, web, "playBeep='true'", verb="GetDigits")
    assert [(entry["at"], entry["text"]) for entry in plivo.entries("hear")][1] == (4.0, "hears a beep")


def test_no_beep_after_a_prompt_that_was_cut_short(plivo: Phone, web: Web) -> None:
    plivo.number(CALLER, keys=[[2, "1"]])
    gathering(plivo, web, "playBeep='true'", verb="GetDigits")
    assert "hears a beep" not in plivo.texts("hear")


def test_the_sound_for_invalid_digits(plivo: Phone, web: Web) -> None:
    plivo.number(CALLER, keys=[[5, "9"]])
    attributes = "validDigits='12' invalidDigitsSound='https://e.com/no.mp3' numDigits='1' retries='2'"
    gathering(plivo, web, attributes, verb="GetDigits")
    heard = [(entry["at"], entry["text"]) for entry in plivo.entries("hear")]
    assert heard[1:] == [
        (5.0, "hears audio https://e.com/no.mp3"),
        (15.0, 'hears "Press one for sales or two for support right now."'),  # the second try
        (24.0, 'hears "Nothing came."'),
    ]


@pytest.mark.parametrize(
    ("attributes", "keys", "at"),
    [
        ("startInputTimeout='6'", [[9.5, "1#"]], 9.5),
        ("startInputTimeout='6'", [[10.5, "1#"]], 10.0),
        ("retries='2' executionTimeout='5'", [[14, "1#"]], 14.0),
    ],
    ids=str,
)
def test_what_one_page_of_plivo_knows(plivo: Phone, web: Web, attributes: str, keys: list[Any], at: float) -> None:
    plivo.number(CALLER, keys=keys)
    gathering(plivo, web, attributes)
    assert plivo.entries("input")[-1]["at"] == at


@pytest.mark.parametrize("verb", ["GetDigits", "GetInput"])
def test_input_without_an_action_goes_on(plivo: Phone, web: Web, verb: str) -> None:
    plivo.number(CALLER, keys=[[1, "1"]])
    uuid = plivo.call(web.xml("/answer", f"<{verb} numDigits='1'/><Speak>On.</Speak>"))
    plivo.run()
    assert plivo.texts("input") == ["gave the digits 1"]
    assert plivo.texts("hear") == ['hears "On."']
    assert plivo.ended(uuid)[0] == 4010


def test_the_keys_of_what_is_told(phone: Phone, web: Web) -> None:
    phone.number(CALLER, keys=[[5, "1#"]])
    gathering(phone, web)
    extra = {"InputType", "Digits", "Speech", "SpeechConfidenceScore", "BilledAmount"}
    assert extra <= set(given(web))
    assert {"CallUUID", "From", "To", "Direction", "CallStatus", "Event"} <= set(given(web))
