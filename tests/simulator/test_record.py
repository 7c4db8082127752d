"""Record: what ends a recording, what it has heard, and what is reported of it, on both platforms."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import CALLER, Phone, Web

DURATIONS = ("RecordingDuration", "RecordingDurationMs", "RecordingStartMs", "RecordingEndMs")
MESSAGE = "please call me back as soon as you can"  # nine words: 3.6 s


def recordings(phone: Phone) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = phone.control("GET", "recordings")
    return found


def only(phone: Phone) -> dict[str, Any]:
    (found,) = recordings(phone)
    return found


def voicemail(web: Web, attributes: str = "", after: str = "<Speak>Thank you.</Speak>") -> str:
    """A Record that leads on, whatever the platform's default is."""
    web.xml("/done", "<Speak>Message saved.</Speak>")
    web.xml("/ready", "")
    urls = "action='{web}/done' redirect='true' callbackUrl='{web}/ready'"
    return web.xml("/answer", f"<Record {urls} {attributes}/>{after}")


def test_silence_ends_a_recording(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[2, "one two three four five"]])
    phone.call(voicemail(web, "timeout='5'"))
    phone.run()
    found = only(phone)
    assert (found["seconds"], found["words"], found["ended_by"]) == (9.0, "one two three four five", "silence")
    assert [text for text in phone.texts("hear")] == ["hears a beep", 'hears "Message saved."']
    params = web.one("/done").params
    assert [params[name] for name in DURATIONS] == ["9", "9000", "1767607200000", "1767607209000"]
    assert params["RecordingID"] == found["recording_id"]
    assert params["RecordUrl"] == found["url"]
    sim = phone.simulator
    assert found["url"] == f"https://recordings.invalid/{sim.auth_id}/{found['recording_id']}.mp3"
    assert params["Digits"] == ""
    assert params["Event"] == {"plivo": "Redirect", "vobiz": "Record"}[sim.provider]
    assert phone.texts("record") == [
        "is being recorded",
        'is no longer recorded after 9.0 s (silence): "one two three four five"',
    ]


def test_the_longest_time_ends_it_in_the_middle_of_a_sentence(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[1, MESSAGE]])
    phone.call(voicemail(web, "maxLength='2' playBeep='false'"))
    phone.run()
    found = only(phone)
    assert (found["seconds"], found["words"], found["ended_by"]) == (2.0, "please call me", "length")
    assert "hears a beep" not in phone.texts()


def test_a_caller_in_the_middle_of_a_sentence_is_heard_from_there_on(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[1, MESSAGE], [1, "goodbye"]])  # nobody says two things at once
    phone.call(web.xml("/answer", "<Speak>Hello</Speak><Speak>there</Speak><Record timeout='3'/>"))
    phone.run()
    found = only(phone)
    assert found["words"] == "back as soon as you can goodbye"
    assert (found["started_at"], found["seconds"]) == (2.0, 6.0)


def test_any_length_is_sixty_seconds_and_silence_is_each_platforms_own(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[1, "word " * 400]])
    phone.call(voicemail(web))
    phone.run()
    assert (only(phone)["seconds"], only(phone)["ended_by"]) == (60.0, "length")
    phone.control("POST", "reset")
    phone.number(CALLER)
    phone.call(voicemail(web, "maxLength='600'"))
    phone.run()
    silence = {"plivo": 15.0, "vobiz": 60.0}[phone.simulator.provider]
    assert (only(phone)["seconds"], only(phone)["ended_by"]) == (silence, "silence")


@pytest.mark.parametrize(
    ("attribute", "plivo_key", "vobiz_key"),
    [("", "#", "5"), ("finishOnKey='*'", "*", "*"), ("finishOnKey='19'", "9", "9")],
)
def test_a_key_ends_it(phone: Phone, web: Web, attribute: str, plivo_key: str, vobiz_key: str) -> None:
    phone.number(CALLER, keys=[[4, "5"], [6, "9"], [7, "*"], [8, "#"]])
    phone.call(voicemail(web, attribute + " timeout='30'"))
    phone.run()
    assert only(phone)["ended_by"] == "key"
    key = {"plivo": plivo_key, "vobiz": vobiz_key}[phone.simulator.provider]
    assert web.one("/done").params["Digits"] == key
    assert only(phone)["seconds"] == {"5": 4.0, "9": 6.0, "*": 7.0, "#": 8.0}[key]


@pytest.mark.parametrize("none", ["none", ""])
def test_no_key_ends_it(phone: Phone, web: Web, none: str) -> None:
    phone.number(CALLER, keys=[[1, "1234567890*#"]])
    phone.call(voicemail(web, f"finishOnKey='{none}' timeout='3'"))
    phone.run()
    assert (only(phone)["seconds"], only(phone)["ended_by"]) == (3.0, "silence")


def test_redirect_has_each_platforms_own_default(phone: Phone, web: Web) -> None:
    phone.switch(record_action_answer="ignored")
    web.xml("/done", "<Speak>Message saved.</Speak>")
    phone.call(web.xml("/answer", "<Record action='{web}/done' timeout='2'/><Speak>Thank you.</Speak>"))
    phone.run()
    heard = {"plivo": "Message saved.", "vobiz": "Thank you."}[phone.simulator.provider]
    assert phone.texts("hear") == ["hears a beep", f'hears "{heard}"']


@pytest.mark.parametrize("switch", ["end", "start"])
def test_when_the_action_is_fetched(phone: Phone, web: Web, switch: str) -> None:
    phone.switch(record_action=switch)
    web.xml("/done", "")
    web.xml("/ready", "")
    urls = "action='{web}/done' redirect='false' callbackUrl='{web}/ready'"
    phone.call(web.xml("/answer", f"<Record {urls} timeout='3'/><Speak>Thank you.</Speak>"))
    phone.run()
    order = [each.path for each in web.received if each.path in ("/done", "/ready")]
    params = web.one("/done").params
    fetched = [entry["at"] for entry in phone.entries("fetch") if "/done" in entry["url"]]
    if switch == "start":
        assert (order, fetched) == (["/done", "/ready"], [0.0])
        assert [params[name] for name in DURATIONS] == ["-1"] * 4
        assert params["RecordingID"] == only(phone)["recording_id"]
    else:
        assert fetched == [3.0]
        assert params["RecordingDuration"] == "3"
    assert web.one("/ready").params["RecordingDuration"] == "3"
    assert 'hears "Thank you."' in phone.texts("hear")


@pytest.mark.parametrize("switch", ["ignored", "followed"])
@pytest.mark.parametrize("when", ["start", "end"])
def test_an_action_that_should_not_lead_on_and_answers_with_elements(
    phone: Phone, web: Web, switch: str, when: str
) -> None:
    phone.switch(record_action_answer=switch, record_action=when)
    web.xml("/done", "<Speak>Oh.</Speak>")
    record = "<Record action='{web}/done' redirect='false' timeout='3' playBeep='false'/>"
    phone.call(web.xml("/answer", f"{record}<Speak>Thank you.</Speak>"))
    phone.run()
    assert len(web.at("/done")) == 1
    assert phone.texts("hear") == ['hears "Oh."' if switch == "followed" else 'hears "Thank you."']
    cut = switch == "followed" and when == "start"
    assert (only(phone)["seconds"], only(phone)["ended_by"]) == ((0.0, "action") if cut else (3.0, "silence"))


@pytest.mark.parametrize("page", ["", "oh", "<Say>Oh.</Say>"])
def test_an_answer_that_is_no_document_interrupts_nothing(phone: Phone, web: Web, page: str) -> None:
    phone.switch(record_action_answer="followed")
    web.pages["/done"] = page
    phone.call(web.xml("/answer", "<Record action='{web}/done' redirect='false'/><Speak>Thank you.</Speak>"))
    phone.run()
    assert phone.texts("hear")[-1] == 'hears "Thank you."'


def test_the_defaults_of_when_the_action_is_fetched(phone: Phone) -> None:
    assert (
        phone.control("GET", "switches")["record_action"]
        == {"plivo": "end", "vobiz": "start"}[phone.simulator.provider]
    )


def test_an_action_that_leads_on_waits_for_the_end(phone: Phone, web: Web) -> None:
    phone.switch(record_action="start")
    phone.call(voicemail(web, "timeout='3'"))
    phone.run()
    assert web.one("/done").params["RecordingDuration"] == "3"
    assert only(phone)["seconds"] == 3.0


def test_the_callback_says_that_a_recording_is_ready(phone: Phone, web: Web) -> None:
    uuid = phone.call(voicemail(web, "timeout='2' callbackMethod='GET' fileFormat='wav' recordChannelType='mono'"))
    phone.run()
    ready = web.one("/ready")
    assert ready.method == "GET"
    assert [ready.params[name] for name in DURATIONS[:2]] == ["2", "2000"]
    assert ready.params["RecordUrl"].endswith(".wav")
    assert only(phone)["channels"] == "mono"
    assert (ready.params["CallUUID"], ready.params["From"]) == (uuid, CALLER.lstrip("+"))
    assert "Digits" not in ready.params
    on_vobiz = {name: ready.params.get(name) for name in ("Event", "RecordingEndReason", "RecordFile")}
    assert (
        on_vobiz
        == {
            "plivo": dict.fromkeys(on_vobiz),
            "vobiz": {
                "Event": "RecordStop",
                "RecordingEndReason": "RecordingTimeout",
                "RecordFile": only(phone)["url"],
            },
        }[phone.simulator.provider]
    )


@pytest.mark.parametrize(
    ("attributes", "behaviour", "reason"),
    [
        ("timeout='2'", {}, "RecordingTimeout"),
        ("maxLength='2'", {}, "maxLength"),
        ("finishOnKey='1'", {"keys": [[1, "1"]]}, "FinishedOnKey"),
        ("", {"hangs_up_after": 1}, "HungUp"),
    ],
)
def test_vobiz_says_why_a_recording_ended(
    vobiz: Phone, web: Web, attributes: str, behaviour: dict[str, Any], reason: str
) -> None:
    vobiz.number(CALLER, **behaviour)
    vobiz.call(voicemail(web, attributes))
    vobiz.run()
    assert web.one("/ready").params["RecordingEndReason"] == reason


@pytest.mark.parametrize(("switch", "fetched"), [("not-sent", 0), ("sent", 1)])
def test_hanging_up_ends_it(phone: Phone, web: Web, switch: str, fetched: int) -> None:
    phone.switch(record_action_after_hangup=switch)
    phone.number(CALLER, says=[[1, MESSAGE]], hangs_up_after=3)
    uuid = phone.call(voicemail(web), hangup_url=web.xml("/hangup", ""))
    phone.run()
    assert phone.ended(uuid) == (4000, "Caller")
    found = only(phone)
    assert (found["seconds"], found["words"], found["ended_by"]) == (3.0, "please call me back as", "hang-up")
    assert [each.params["RecordingDuration"] for each in web.at("/done")] == ["3"] * fetched
    assert web.one("/ready").params["CallStatus"] == "completed"
    assert [each.path for each in web.received][1] == "/hangup"
    assert phone.control("POST", "clock", {"run": True})["idle"]


def test_a_transfer_ends_it_and_suppresses_the_action_but_not_the_callback(phone: Phone, web: Web) -> None:
    phone.switch(record_action_after_hangup="sent")
    uuid = phone.call(voicemail(web))
    phone.advance(4)
    assert phone.transfer(uuid, aleg_url=web.xml("/aleg", "<Speak>Moved.</Speak>")).status_code == 202
    phone.run()
    assert (only(phone)["seconds"], only(phone)["ended_by"]) == (4.0, "transfer")
    assert not web.at("/done")
    params = web.one("/ready").params
    assert params["RecordingDuration"] == "4"
    assert params.get("RecordingEndReason", "") == ""  # no document has a word for it
    assert phone.texts("hear")[-1] == 'hears "Moved."'


@pytest.mark.parametrize("kind", ["auto", "hybrid", ""])
def test_a_transcription_is_what_was_said(phone: Phone, web: Web, kind: str) -> None:
    web.xml("/written", "")
    asked = f"transcriptionType='{kind}'" if kind else ""
    phone.number(CALLER, says=[[1, MESSAGE]])
    uuid = phone.call(voicemail(web, f"timeout='3' transcriptionUrl='{{web}}/written' {asked}"))
    phone.run()
    provider = phone.simulator.provider
    if not kind and provider == "plivo":  # there, without a type nothing is transcribed
        assert not web.at("/written")
        return
    params = web.one("/written").params
    assert params["transcription"] == MESSAGE
    assert params["recording_id"] == only(phone)["recording_id"]
    if provider == "plivo":
        assert set(params) == {
            *("transcription", "transcription_charge", "transcription_rate", "duration"),
            *("call_uuid", "recording_id", "error"),
        }
        assert (params["duration"], params["call_uuid"]) == ("8", uuid)
    else:
        assert set(params) == {"transcription", "transcription_id", "transcription_url", "recording_id"}
    paths = [each.path for each in web.received]
    assert paths.index("/ready") < paths.index("/written")


def test_a_secret_is_in_no_recording(phone: Phone, web: Web) -> None:
    name = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
    web.xml("/given", "")
    ask = f"<{name} action='{{web}}/given' inputType='speech' log='false'/>"
    uuid = phone.call(web.xml("/answer", "<Record recordSession='true'/>" + ask))
    phone.control("POST", f"calls/{uuid}/say", {"speech": "open sesame"})
    phone.run()
    assert web.one("/given").params["Speech"] == "open sesame"
    assert "sesame" not in str(recordings(phone)) + phone.transcript()


INSTANTS = [0, 0.001, 1, 1.999, 2, 2.5, 3, 4.6, 5, 6, 7.6, 9.999, 10, 11]


@pytest.mark.parametrize("instant", INSTANTS)
def test_hanging_up_at_any_instant(phone: Phone, web: Web, instant: float) -> None:
    phone.switch(record_action_after_hangup="sent")
    phone.number(CALLER, says=[[3, "hello"], [4, MESSAGE]])
    inside = "<Record recordSession='true' callbackUrl='{web}/ready'/><Speak>Hi</Speak><Wait/>"
    web.xml("/done", "<Wait length='2'/>")
    web.xml("/ready", "")
    record = "<Record action='{web}/done' redirect='true' timeout='2' callbackUrl='{web}/ready'/>"
    uuid = phone.call(web.xml("/answer", inside + record))
    phone.advance(instant)
    if phone.leg(uuid)["hangup"] is None:
        phone.control("POST", f"calls/{uuid}/hangup")
    assert phone.control("POST", "clock", {"run": True})["idle"]
    phone.advance(20_000)
    assert phone.leg(uuid)["hangup"]
    found = recordings(phone)
    assert len(found) == (2 if instant >= 2 else 1)
    assert all(each["ended_by"] for each in found)
    assert len(web.at("/ready")) == len(found)
    assert all(each["seconds"] <= 12 for each in found)


def test_the_same_seed_gives_the_same_recordings(start: Any, web: Web) -> None:
    told = []
    for _ in range(2):
        phone = start("vobiz", seed=7)
        phone.number(CALLER, says=[[1, MESSAGE]])
        phone.call(voicemail(web, "timeout='3'"))
        phone.run()
        told.append((phone.transcript(), recordings(phone)))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "attribute", ["maxLength='long'", "timeout='-1'", "recordSession='yes'", "startOnDialAnswer='1'"]
)
def test_values_that_make_no_sense(phone: Phone, web: Web, attribute: str) -> None:
    uuid = phone.call(web.xml("/answer", f"<Record {attribute}/>"))
    phone.run()
    assert phone.ended(uuid)[0] == 8011
    phone.switch(bad_value="default")
    phone.call(web.xml("/answer", f"<Record {attribute}/>"))
    phone.run()
    assert only(phone)["ended_by"]


def test_extreme_values_and_urls_that_are_none_do_no_harm(phone: Phone, web: Web) -> None:
    urls = "action='nowhere' redirect='false' callbackUrl='ftp://x' transcriptionUrl='y' transcriptionType='auto'"
    phone.call(web.xml("/answer", f"<Record {urls} timeout='0' maxLength='0'/><Speak>Thank you.</Speak>"))
    phone.run()
    assert only(phone)["seconds"] == 1.0
    assert 'hears "Thank you."' in phone.texts()


def test_a_recording_under_way_is_listed(phone: Phone, web: Web) -> None:
    uuid = phone.call(voicemail(web))
    phone.control("POST", f"calls/{uuid}/say", {"speech": MESSAGE})
    phone.advance(2)
    found = only(phone)
    assert (found["seconds"], found["words"], found["ended_by"]) == (2.0, "please call me back as", None)
    assert (found["call_uuid"], found["leg"], found["kind"]) == (uuid, "A", "element")
