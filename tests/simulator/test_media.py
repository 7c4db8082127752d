"""Play, Speak, DTMF and Record on a live call, by REST: what each leg hears, from when, and until when."""

from __future__ import annotations

from typing import Any

import pytest
from plivo.exceptions import ResourceNotFoundError, ValidationError

from .conftest import AGENT, CALLER, LINE, Phone, Web

MUSIC, NEWS = "https://example.com/music.mp3", "https://example.com/news.mp3"
TALK = "<Speak>Hi</Speak>"


def waiting(phone: Phone, web: Web, inside: str = "<Wait length='600'/>") -> str:
    """A caller on the line for ten minutes, one second into the call."""
    uuid = phone.call(web.xml("/answer", TALK + inside))
    phone.advance(1)
    return uuid


def bridged(phone: Phone, web: Web, attributes: str = "") -> str:
    uuid = waiting(phone, web, f"<Dial callerId='{LINE}' {attributes}><Number>{AGENT}</Number></Dial>")
    phone.advance(4)
    return uuid


def told(phone: Phone, *, since: float) -> list[tuple[float, str, str]]:
    entries = phone.entries("hear", "cut")
    return [(entry["at"], entry["leg"], entry["text"]) for entry in entries if entry["at"] >= since]


def sent(phone: Phone, uuid: str, resource: str, body: dict[str, Any], status: int = 202) -> dict[str, Any]:
    reply = phone.rest("POST", f"Call/{uuid}/{resource}/", body)
    assert reply.status_code == status, reply.text
    content: dict[str, Any] = reply.json()
    assert content["api_id"]
    return content


def stopped(phone: Phone, uuid: str, resource: str, body: Any = None) -> None:
    reply = phone.rest("DELETE", f"Call/{uuid}/{resource}/", body)
    assert (reply.status_code, reply.content) == (204, b"")


# -- the official SDK, as a stranger


def test_the_sdk_plays_and_stops(plivo: Phone, client: Any, web: Web) -> None:
    uuid = waiting(plivo, web)
    reply = client.calls.play(uuid, f"{MUSIC},{NEWS}", length=25, legs="aleg", loop=False, mix=False)
    assert reply.message == "play started"
    plivo.advance(12)
    assert not client.calls.stop_playing(uuid)
    assert told(plivo, since=1) == [
        (1.0, "A", f"hears audio {MUSIC}, instead of its document"),
        (11.0, "A", f"hears audio {NEWS}, instead of its document"),
        (13.0, "A", f"stops hearing audio {NEWS}: stopped by REST"),
    ]


def test_the_sdk_speaks_and_stops(plivo: Phone, client: Any, web: Web) -> None:
    uuid = waiting(plivo, web)
    reply = client.calls.speak(uuid, "Somebody will be with you soon", voice="WOMAN", language="en-GB", loop=True)
    assert reply.message == "speak started"
    plivo.advance(60)
    assert not client.calls.stop_speaking(uuid)
    assert told(plivo, since=1) == [
        (1.0, "A", 'hears "Somebody will be with you soon" over and over, beside its document'),
        (61.0, "A", 'stops hearing "Somebody will be with you soon": stopped by REST'),
    ]


def test_the_sdk_sends_digits(plivo: Phone, client: Any, web: Web) -> None:
    uuid = waiting(plivo, web)
    assert client.calls.send_digits(uuid, "12#", leg="aleg").message == "digits sent"
    assert told(plivo, since=1) == [(1.0, "A", "hears the tones 12# for 0.75 s")]


def test_the_sdk_records_and_stops(plivo: Phone, client: Any, web: Web) -> None:
    plivo.number(CALLER, says=[[3, "one two three four five"]])
    uuid = waiting(plivo, web)
    reply = client.calls.record(uuid, time_limit=100, file_format="wav", callback_url=web.xml("/ready", ""))
    assert reply.message == "call recording started"
    assert reply.url.endswith(f"{reply.recording_id}.wav")
    plivo.advance(10)
    assert not client.calls.stop_recording(uuid, None, None)
    plivo.advance(0)
    params = web.one("/ready").params
    assert params == {
        "api_id": reply.api_id,
        "record_url": reply.url,
        "call_uuid": uuid,
        "recording_id": reply.recording_id,
        "recording_duration": "10",
        "recording_duration_ms": "10000",
        "recording_start_ms": "1767607201000",
        "recording_end_ms": "1767607211000",
    }
    (found,) = plivo.control("GET", "recordings")
    assert (found["words"], found["ended_by"], found["kind"]) == ("one two three four five", "stopped", "api")


def test_errors_reach_the_sdk_as_its_own(plivo: Phone, client: Any, web: Web) -> None:
    uuid = waiting(plivo, web)
    with pytest.raises(ValidationError, match="urls parameter is missing"):
        client.calls.play(uuid, "")
    with pytest.raises(ResourceNotFoundError, match="call not found"):
        client.calls.speak("3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36", "Hello")
    with pytest.raises(ResourceNotFoundError):
        client.calls.stop_recording("3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36", None, None)


# -- both platforms, by hand


def test_what_is_played_ends_by_itself(phone: Phone, web: Web) -> None:
    uuid = waiting(phone, web)
    assert sent(phone, uuid, "Play", {"urls": [MUSIC, NEWS]})["message"] == "play started"
    phone.advance(60)
    assert told(phone, since=1) == [
        (1.0, "A", f"hears audio {MUSIC}, beside its document"),
        (11.0, "A", f"hears audio {NEWS}, beside its document"),
        (21.0, "A", f"stops hearing audio {NEWS}: it is over"),
    ]
    stopped(phone, uuid, "Play")  # nothing to stop


@pytest.mark.parametrize(
    ("body", "until", "why"),
    [
        ({"length": 4}, 5.0, "its length is over"),
        ({"length": "40", "loop": "true"}, 41.0, "its length is over"),
        ({"length": 10}, 11.0, "it is over"),
        ({"length": 11}, 11.0, "it is over"),
    ],
)
def test_the_length_of_what_is_played(phone: Phone, web: Web, body: dict[str, Any], until: float, why: str) -> None:
    sent(phone, waiting(phone, web), "Play", {"urls": MUSIC, **body})
    phone.advance(100)
    assert told(phone, since=2) == [(until, "A", f"stops hearing audio {MUSIC}: {why}")]


def test_a_list_that_repeats(phone: Phone, web: Web) -> None:
    uuid = waiting(phone, web)
    sent(phone, uuid, "Play", {"urls": f"{MUSIC}, {NEWS}", "loop": True})
    phone.run()
    assert told(phone, since=1) == [(1.0, "A", f"hears audio {MUSIC} then {NEWS} over and over, beside its document")]
    assert phone.ended(uuid)[0] == 4010
    assert phone.control("GET", "clock")["now"] == 601.0  # the document went on, and what repeats holds nothing up


def test_a_new_one_takes_the_place_of_the_old_but_play_and_speak_go_together(phone: Phone, web: Web) -> None:
    uuid = waiting(phone, web)
    sent(phone, uuid, "Play", {"urls": MUSIC, "loop": True})
    sent(phone, uuid, "Speak", {"text": "  Please\nhold  "})
    phone.advance(0.5)
    sent(phone, uuid, "Play", {"urls": NEWS})
    phone.advance(2)
    stopped(phone, uuid, "Play")
    assert told(phone, since=1) == [
        (1.0, "A", f"hears audio {MUSIC} over and over, beside its document"),
        (1.0, "A", 'hears "Please hold", beside its document'),
        (1.5, "A", f"stops hearing audio {MUSIC}: something else is started"),
        (1.5, "A", f"hears audio {NEWS}, beside its document"),
        (2.0, "A", 'stops hearing "Please hold": it is over'),
        (3.5, "A", f"stops hearing audio {NEWS}: stopped by REST"),
    ]


def test_music_goes_on_through_a_transfer(phone: Phone, web: Web) -> None:
    uuid = waiting(phone, web)
    sent(phone, uuid, "Play", {"urls": MUSIC})
    phone.advance(3)
    phone.transfer(uuid, aleg_url=web.xml("/aleg", "<Speak>Moved.</Speak><Wait length='60'/>"))
    phone.advance(30)
    lines = [line for line in told(phone, since=1) if "audio" in line[2] or "Moved" in line[2]]
    assert lines == [
        (1.0, "A", f"hears audio {MUSIC}, beside its document"),
        (4.0, "A", 'hears "Moved."'),
        (11.0, "A", f"stops hearing audio {MUSIC}: it is over"),
    ]


@pytest.mark.parametrize(("legs", "hear"), [(None, ["A"]), ("aleg", ["A"]), ("bleg", ["B"]), ("both", ["A", "B"])])
def test_each_leg_of_a_bridge(phone: Phone, web: Web, legs: str | None, hear: list[str]) -> None:
    uuid = bridged(phone, web)
    body = {"text": "Hello"} | ({"legs": legs} if legs else {})
    assert sent(phone, uuid, "Speak", body)["message"] == "speak started"
    phone.advance(0.5)
    stopped(phone, uuid, "Speak")
    said, over = 'hears "Hello", beside its document', 'stops hearing "Hello": stopped by REST'
    assert told(phone, since=5) == [(5.0, leg, said) for leg in hear] + [(5.5, leg, over) for leg in hear]


@pytest.mark.parametrize("switch", ["400", "404", "202"])
@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("Play", {"urls": MUSIC, "legs": "bleg"}),
        ("Speak", {"text": "Hello", "legs": "both"}),
        ("DTMF", {"digits": "1", "leg": "bleg"}),
    ],
)
def test_a_b_leg_that_is_not_there(phone: Phone, web: Web, switch: str, resource: str, body: dict[str, Any]) -> None:
    phone.switch(bleg_without_bridge=switch)
    uuid = waiting(phone, web)
    reply = phone.rest("POST", f"Call/{uuid}/{resource}/", body)
    assert reply.status_code == int(switch)
    if switch != "202":
        assert reply.json()["error"] == "the call is not connected to another leg"
    phone.advance(5)
    heard = 1 if switch == "202" and body.get("legs") == "both" else 0
    assert len([line for line in told(phone, since=1) if "stops" not in line[2]]) == heard
    assert phone.leg(uuid)["state"] == "in-progress"


@pytest.mark.parametrize(("switch", "status"), [("accepted", 202), ("404", 404)])
def test_the_b_legs_own_uuid(phone: Phone, web: Web, switch: str, status: int) -> None:
    phone.switch(bleg_uuid=switch)
    bridged(phone, web)
    reply = phone.rest("POST", f"Call/{phone.b_leg()}/Speak/", {"text": "Hello"})
    assert reply.status_code == status


def test_digits_are_heard_by_the_person_of_the_leg(phone: Phone, web: Web) -> None:
    web.xml("/digits", "")
    uuid = bridged(phone, web, "digitsMatch='42' digitsMatchBLeg='7' callbackUrl='{web}/digits'")
    assert sent(phone, uuid, "DTMF", {"digits": "7"})["message"] == "digits sent"
    sent(phone, uuid, "DTMF", {"digits": "w4W2", "leg": "bleg"})
    assert told(phone, since=5) == [
        (5.0, "A", "hears the tones 7 for 0.25 s"),
        (5.0, "B", "hears the tones w4W2 for 2 s"),
    ]
    matches = [each.params for each in web.at("/digits") if each.params["DialAction"] == "digits"]
    assert [params["DialDigitsMatch"] for params in matches] == ["42"]  # went through the A leg, as if pressed there


def test_digits_of_the_platform_are_no_input(phone: Phone, web: Web) -> None:
    name = {"plivo": "GetInput", "vobiz": "Gather"}[phone.simulator.provider]
    uuid = waiting(phone, web, f"<{name} action='{{web}}/given' inputType='dtmf' numDigits='1'/>")
    sent(phone, uuid, "DTMF", {"digits": "1"})
    phone.advance(1)
    assert not web.at("/given")


@pytest.mark.parametrize(
    ("resource", "body", "error"),
    [
        ("Play", {}, "urls parameter is missing"),
        ("Play", {"urls": ""}, "urls parameter is missing"),
        ("Play", {"urls": []}, "urls parameter is missing"),
        ("Play", {"urls": 7}, "urls parameter is not a list of valid URLs"),
        ("Play", {"urls": [7]}, "urls parameter is not a list of valid URLs"),
        ("Play", {"urls": {"a": "b"}}, "urls parameter is not a list of valid URLs"),
        ("Play", {"urls": f"{MUSIC},"}, "urls parameter is not a list of valid URLs"),
        ("Play", {"urls": "music.mp3"}, "urls parameter is not a list of valid URLs"),
        ("Play", {"urls": MUSIC, "length": 0}, "length parameter is invalid: a number of seconds"),
        ("Play", {"urls": MUSIC, "length": True}, "length parameter is invalid: a number of seconds"),
        ("Play", {"urls": MUSIC, "length": "soon"}, "length parameter is invalid: a number of seconds"),
        ("Play", {"urls": MUSIC, "loop": "maybe"}, "loop parameter is invalid: true or false"),
        ("Play", {"urls": MUSIC, "mix": 1}, "mix parameter is invalid: true or false"),
        ("Play", {"urls": MUSIC, "legs": "cleg"}, "legs parameter is invalid: one of aleg, bleg, both"),
        ("Play", {"urls": MUSIC, "legs": ["aleg"]}, "legs parameter is invalid: one of aleg, bleg, both"),
        ("Speak", {}, "text parameter is missing"),
        ("Speak", {"text": "  "}, "text parameter is missing"),
        ("Speak", {"text": 7}, "text parameter is invalid: a string"),
        ("Speak", {"text": "Hi", "voice": 7}, "voice parameter is invalid: a string"),
        ("Speak", {"text": "Hi", "type": "song"}, "type parameter is invalid: one of text, ssml"),
        ("DTMF", {}, "digits parameter is missing"),
        ("DTMF", {"digits": "12a"}, "digits parameter is invalid: 0-9, *, #, w and W"),
        ("DTMF", {"digits": "1", "leg": "both"}, "leg parameter is invalid: one of aleg, bleg"),
        ("Record", {"time_limit": -1}, "time_limit parameter is invalid: a number of seconds"),
        ("Record", {"file_format": "ogg"}, "file_format parameter is invalid: one of mp3, wav"),
        ("Record", {"record_channel_type": 2}, "record_channel_type parameter is invalid: one of stereo, mono"),
        ("Record", {"callback_url": "/ready"}, "callback_url parameter is not a valid URL"),
        ("Record", {"callback_method": "PUT"}, "callback_method parameter is invalid: one of GET, POST"),
        (
            "Record",
            {"transcription_type": "auto", "transcription_url": "x"},
            "transcription_url parameter is not a valid URL",
        ),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_a_400(phone: Phone, web: Web, resource: str, body: dict[str, Any], error: str) -> None:
    uuid = waiting(phone, web)
    reply = phone.rest("POST", f"Call/{uuid}/{resource}/", body)
    assert (reply.status_code, reply.json()["error"]) == (400, error)
    assert set(reply.json()) == {"api_id", "error"}
    phone.advance(1)
    assert phone.leg(uuid)["state"] == "in-progress"


BODIES = {"Play": {"urls": MUSIC}, "Speak": {"text": "Hi"}, "DTMF": {"digits": "1"}, "Record": {}}


@pytest.mark.parametrize("resource", BODIES)
def test_a_call_that_is_not_live_is_a_404(phone: Phone, web: Web, resource: str) -> None:
    ended = waiting(phone, web)
    phone.control("POST", f"calls/{ended}/hangup")
    ringing = phone.call(web.xml("/ringing", "<Wait length='60'/>"))
    for uuid in [ended, ringing, "nobody"]:
        reply = phone.rest("POST", f"Call/{uuid}/{resource}/", BODIES[resource])
        assert (reply.status_code, reply.json()["error"]) == (404, "call not found")
        if resource != "DTMF":
            assert phone.rest("DELETE", f"Call/{uuid}/{resource}/").status_code == 404
    assert phone.rest("GET", f"Call/{ringing}/{resource}/").status_code == 405
    assert phone.control("GET", "recordings") == []


def test_ssml_is_heard_as_its_words(phone: Phone, web: Web) -> None:
    uuid = waiting(phone, web)
    sent(phone, uuid, "Speak", {"text": "<speak>One<break/>two <b>three</b>", "type": "ssml"})
    assert told(phone, since=1) == [(1.0, "A", 'hears "One two three", beside its document')]


@pytest.mark.parametrize("instant", [0, 0.001, 0.4, 1, 9.999, 10, 10.5, 20, 25])
@pytest.mark.parametrize("who", ["A", "B"])
def test_hanging_up_at_any_instant(phone: Phone, web: Web, instant: float, who: str) -> None:
    uuid = bridged(phone, web)
    other = phone.b_leg()
    sent(phone, uuid, "Play", {"urls": [MUSIC, NEWS], "legs": "both"})
    sent(phone, uuid, "Speak", {"text": "Hello", "legs": "both", "loop": True})
    phone.rest("POST", f"Call/{uuid}/Record/", {"callback_url": web.xml("/ready", "")})
    phone.rest("POST", f"Call/{other}/Record/", {"callback_url": web.xml("/ready", "")})
    phone.advance(instant)
    phone.control("POST", f"calls/{uuid if who == 'A' else other}/hangup")
    assert phone.control("POST", "clock", {"run": True})["idle"]
    phone.advance(20_000)
    assert all(phone.leg(leg)["hangup"] for leg in (uuid, other))
    ended = 5 + instant
    assert {round(each["seconds"], 3) for each in phone.control("GET", "recordings")} == {round(instant, 3)}
    assert len(web.at("/ready")) == 2
    assert not [entry for entry in phone.entries("hear") if entry["at"] > ended]


def test_hanging_up_in_the_same_instant_as_it_is_asked_for(phone: Phone, web: Web) -> None:
    """Accepted, and then there is nobody any more."""
    uuid = waiting(phone, web)
    with phone.simulator.platform.lock:
        asked_here = phone.simulator.platform.engine.mark()
        phone.simulator.platform.hang_up(phone.simulator.platform.legs[uuid])
        phone.simulator.platform.legs[uuid].ending = False
        hold = phone.simulator.platform.engine.hold(asked_here)
    for resource, body in BODIES.items():
        assert phone.rest("POST", f"Call/{uuid}/{resource}/", body).status_code in (200, 202, 404)
    phone.simulator.platform.engine.release(hold)
    phone.advance(5)
    assert phone.control("GET", "recordings") == []
    assert not [entry for entry in phone.entries("hear") if entry["at"] >= 1]


def test_the_same_seed_gives_the_same_transcript(start: Any, web: Web) -> None:
    told = []
    for _ in range(2):
        phone = start("plivo", seed=11)
        uuid = waiting(phone, web)
        for resource, body in BODIES.items():
            phone.rest("POST", f"Call/{uuid}/{resource}/", body)
            phone.advance(0)
        phone.run()
        told.append(phone.transcript())
    assert told[0] == told[1]
