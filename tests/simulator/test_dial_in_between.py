"""Dial, between the dialling and the talking: what the caller hears, what the one who is called hears and gets, who
confirms first, and who gives up when.
"""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import AGENT, CALLER, LINE, Phone, Web
from .test_dial import SECOND, action, dialling, events


def hears(phone: Phone, call_uuid: str) -> list[tuple[float, str]]:
    return [
        (entry["at"], entry["text"])
        for entry in phone.entries("hear", "wait", "cut", "ring", "connect")
        if entry["call_uuid"] == call_uuid
    ]


@pytest.mark.parametrize("music", ["", "dialMusic='real'"])
def test_the_caller_hears_it_ring(phone: Phone, web: Web, music: str) -> None:
    phone.number(AGENT, after=7)
    uuid = dialling(phone, web, music)
    assert hears(phone, uuid) == [
        (0.0, 'hears "Hello."'),
        (1.0, "hears it ring"),
        (8.0, f"is connected to {AGENT}"),
    ]


def test_the_caller_hears_nothing_while_it_rings(phone: Phone, web: Web) -> None:
    uuid = dialling(phone, web, "dialMusic='none'")
    assert [text for _, text in hears(phone, uuid)] == ['hears "Hello."', f"is connected to {AGENT}"]


def test_nobody_hears_a_busy_line_ring(phone: Phone, web: Web) -> None:
    phone.number(AGENT, behaviour="busy")
    dialling(phone, web)
    assert "hears it ring" not in phone.texts("ring")


def test_ring_music_is_a_document_heard_again_and_again(phone: Phone, web: Web) -> None:
    web.xml("/music", "<Speak>Please hold.</Speak><Wait length='2'/><Dial><Number>1</Number></Dial>")
    phone.number(AGENT, after=7.5)
    uuid = dialling(phone, web, "dialMusic='{web}/music'")
    assert hears(phone, uuid) == [
        (0.0, 'hears "Hello."'),
        (1.0, 'hears "Please hold."'),
        (2.0, "hears nothing for 2 s"),
        (8.5, "stops waiting after 0.5 s"),  # in the third round, of three seconds each: 1, 4, 7
        (8.5, f"is connected to {AGENT}"),
    ]
    assert [(entry["at"], entry["text"]) for entry in phone.entries("note")] == [
        (4.0, "hears this again and again while it rings")
    ]
    assert "Dial is passed over: not a sound" in phone.texts("pass")
    assert (web.one("/music").method, web.one("/music").params["CallUUID"]) == ("POST", uuid)


@pytest.mark.parametrize(
    "music", ["", "<Hangup/>", "<Wait length='0'/>", "<Nonsense/>", "not served"], ids=lambda text: text or "empty"
)
def test_ring_music_that_cannot_be_played_is_ordinary_ringing(phone: Phone, web: Web, music: str) -> None:
    if music != "not served":
        web.xml("/music", music)
    phone.number(AGENT, behaviour="no-answer")
    uuid = dialling(phone, web, "dialMusic='{web}/music' timeout='20'")
    assert "hears it ring" in [text for _, text in hears(phone, uuid)]
    assert action(web)["DialStatus"] == "no-answer"


def test_ring_music_that_is_no_url(phone: Phone, web: Web) -> None:
    dialling(phone, web, "dialMusic='jazz'")
    assert "dialMusic is not played: 'jazz' is not a URL" in phone.texts("note")
    assert phone.texts("connect")


def test_the_ring_music_stops_when_the_caller_goes(phone: Phone, web: Web) -> None:
    web.xml("/music", "<Play loop='0'>https://e.com/music.mp3</Play>")
    phone.number(CALLER, hangs_up_after=5)
    phone.number(AGENT, behaviour="no-answer")
    dialling(phone, web, "dialMusic='{web}/music'")
    assert phone.texts("cut") == ["stops hearing audio https://e.com/music.mp3 after 4.0 s"]
    assert action(web)["DialStatus"] == "cancel"


@pytest.mark.parametrize("phase", ["ringing", "confirming", "connected"])
@pytest.mark.parametrize("who", ["caller", "callee", "rest on the caller", "rest on the callee"])
def test_whoever_ends_it_and_whenever(phone: Phone, web: Web, who: str, phase: str) -> None:
    if who == "callee" and phase == "ringing":
        phone.number(AGENT, behaviour="reject", after=6)
    else:
        phone.number(AGENT, after=60 if phase == "ringing" else 3)
    web.xml("/whisper", "<Play loop='0'>https://e.com/whisper.mp3</Play>")
    confirm = "confirmSound='{web}/whisper' confirmKey='1'" if phase == "confirming" else ""
    web.xml("/dialled", "")
    web.xml("/events", "")
    dial = f"<Dial callerId='{LINE}' action='{{web}}/dialled' callbackUrl='{{web}}/events' {confirm}>"
    a_leg = phone.call(web.xml("/answer", f"<Speak>Hello.</Speak>{dial}<Number>{AGENT}</Number></Dial>"))
    phone.advance(6)
    b_leg = next(entry["b_leg"] for entry in phone.entries("dial"))
    if who.startswith("rest"):
        phone.rest("DELETE", f"Call/{a_leg if who.endswith('caller') else b_leg}/")
    elif not (who == "callee" and phase == "ringing"):
        phone.control("POST", f"calls/{a_leg if who == 'caller' else b_leg}/hangup")
    phone.run()
    on_b = who.endswith("callee")
    status = {"ringing": "cancel", "confirming": "no-answer" if on_b else "cancel", "connected": "completed"}[phase]
    if who == "callee" and phase == "ringing":
        status = "failed"  # declined
    assert action(web)["DialStatus"] == status
    assert action(web)["DialBLegUUID"] == (b_leg if phase == "connected" else "")
    assert action(web)["CallStatus"] == ("in-progress" if on_b else "completed")
    connected = ["DialConnected"] if phase == "connected" else []
    answered = [] if phase == "ringing" else ["DialAnswer"]
    assert events(web) == [*answered, *connected, "DialHangup"]
    assert phone.leg(a_leg)["hangup"]
    assert phone.leg(b_leg)["hangup"]


@pytest.mark.parametrize("most", [{"after": 2}, {"after": 2, "keys": [[1, "9"]]}, {"behaviour": "silent", "after": 1}])
def test_the_first_to_confirm_wins(phone: Phone, web: Web, most: dict[str, Any]) -> None:
    phone.number(AGENT, **most)
    phone.number(SECOND, after=5, keys=[[4, "1"]], hangs_up_after=30)
    dialling(
        phone, web, "confirmKey='1' confirmTimeout='20'", inside=f"<Number>{AGENT}</Number><Number>{SECOND}</Number>"
    )
    assert [entry["at"] for entry in phone.entries("connect")] == [10.0, 10.0]
    assert f"is connected to {SECOND}" in phone.texts("connect")
    lost = next(each.params for each in web.at("/events") if each.params.get("DialBLegHangupCauseCode") == "9000")
    assert lost["DialBLegPosition"] == "1"
    assert action(web)["DialStatus"] == "completed"


def test_nobody_confirms(phone: Phone, web: Web) -> None:
    phone.number(SECOND, keys=[[4, "2"]])
    web.xml("/whisper", "<Play loop='0'>https://e.com/whisper.mp3</Play>")
    attributes = "confirmSound='{web}/whisper' confirmKey='1' confirmTimeout='8'"
    dialling(phone, web, attributes, inside=f"<Number>{AGENT}</Number><Number>{SECOND}</Number>")
    assert (action(web)["DialStatus"], action(web)["DialRingStatus"]) == ("no-answer", "true")
    codes = [each.params["DialBLegHangupCauseCode"] for each in web.at("/events") if "DialBLegDuration" in each.params]
    assert codes == ["9110", "9110"]
    # counted from the answer, whatever is still being said
    assert phone.texts("cut") == ["stops hearing audio https://e.com/whisper.mp3 after 8.0 s"] * 2


def test_a_whisper_is_heard_to_its_end_and_the_key_cuts_it_short(phone: Phone, web: Web) -> None:
    web.xml("/whisper", "<Play>https://e.com/a.mp3</Play><Record/><Play>https://e.com/b.mp3</Play>")
    phone.number(AGENT, keys=[[2, "7"], [13, "1"]], hangs_up_after=30)
    dialling(phone, web, "confirmSound='{web}/whisper' confirmKey='1'")
    assert hears(phone, phone.b_leg("completed"))[1:] == [
        (4.0, "hears audio https://e.com/a.mp3"),
        (14.0, "hears audio https://e.com/b.mp3"),
        (17.0, "stops hearing audio https://e.com/b.mp3 after 3.0 s"),
        (17.0, f"is connected to {CALLER}"),
    ]


def test_a_whisper_without_a_key(phone: Phone, web: Web) -> None:
    web.xml("/whisper", "<Speak>A call for you.</Speak>")
    phone.number(AGENT, keys=[[0.5, "1"]], hangs_up_after=30)
    dialling(phone, web, "confirmSound='{web}/whisper'")
    assert [entry["at"] for entry in phone.entries("connect")] == [5.6, 5.6]


def test_a_whisper_that_cannot_be_had_lets_the_call_through(phone: Phone, web: Web) -> None:
    dialling(phone, web, "confirmSound='{web}/nowhere'")
    assert "confirmSound is not played: HTTP 404" in phone.texts("note")
    assert [entry["at"] for entry in phone.entries("connect")] == [4.0, 4.0]


def test_a_silent_callee_is_hung_up(phone: Phone, web: Web) -> None:
    phone.number(AGENT, behaviour="silent", keys=[[5, "1"]])
    dialling(phone, web)
    assert (action(web)["DialStatus"], action(web)["DialHangupCause"]) == ("completed", "MEDIA_TIMEOUT")
    last = web.at("/events")[-1].params
    assert (last["DialBLegHangupCauseCode"], last["DialBLegDuration"]) == ("6020", "60")
    assert not phone.entries("press")


def test_one_number_more_than_may_be_dialled(phone: Phone, web: Web) -> None:
    inside = "".join(f"<Number>+1415555{number:04}</Number>" for number in range(150, 162))
    dialling(phone, web, inside=inside)
    assert len(phone.texts("dial")) == {"plivo": 12, "vobiz": 10}[phone.simulator.provider]
    note = "only the first 10 of 12 are dialled: more the platform does not do"
    assert (note in phone.texts("note")) is (phone.simulator.provider == "vobiz")


def test_tones_and_name_for_the_one_who_is_called(phone: Phone, web: Web) -> None:
    numbers = (
        f"<Number sendDigits='ww12W3'>{AGENT}</Number><Number sendDigits='9' sendOnPreanswer='true'>{SECOND}</Number>"
    )
    phone.number(SECOND, behaviour="no-answer")
    dialling(phone, web, f"callerId='{LINE}' callerName='{'Ann' * 20}'", inside=numbers)
    found = [(entry["at"], entry["number"], entry["text"]) for entry in phone.entries("hear") if entry["leg"] == "B"]
    assert found == [
        (1.0, SECOND, "hears the tones 9 for 0.25 s"),
        (4.0, AGENT, "hears the tones ww12W3 for 2.75 s"),
    ]
    names = [entry["caller_name"] for entry in phone.entries("note") if "caller_name" in entry]
    assert names == [("Ann" * 20)[:50]] * 2


@pytest.mark.parametrize(
    ("names", "value", "plivo", "vobiz"),
    [
        ("plain", "room=7,desk=A1", {"room": "7", "desk": "A1"}, {"room": "7", "desk": "A1"}),
        ("plain", "room=7, desk = 1,a-b=2,c=+3", {"room": "7"}, {"room": "7"}),
        (
            "plain",
            "Plivox=1,ClientRegion=2,PHone=",
            {"PHone": ""},
            {"Plivox": "1", "ClientRegion": "2", "PHone": ""},
        ),
        ("marked", "roomX-VH=7,desk-X-VH=8", {}, {"room": "7", "desk": "8"}),
        ("marked", "roomX-VH=7,desk=8", {}, {}),
        ("plain", "nonsense", {}, {}),
    ],
)
def test_sip_headers(
    phone: Phone, web: Web, names: str, value: str, plivo: dict[str, str], vobiz: dict[str, str]
) -> None:
    phone.switch(sip_header_names=names)
    dialling(phone, web, f"sipHeaders='{value}'", inside=f"<Number>{AGENT}</Number><User>sip:a@example.com</User>")
    provider = phone.simulator.provider
    prefix, expected = {"plivo": ("X-PH-", plivo), "vobiz": ("X-VH-", vobiz)}[provider]
    arrived = [entry["sip_headers"] for entry in phone.entries("note") if "sip_headers" in entry]
    assert arrived == ([{prefix + name: text for name, text in expected.items()}] * 2 if expected else [])
    echoed = {key for key in web.at("/events")[0].params if key.startswith("X-")}
    assert echoed == ({prefix + name for name in expected} if provider == "vobiz" else set())


def test_headers_of_the_dial_and_of_the_one_dialled(phone: Phone, web: Web) -> None:
    phone.switch(sip_header_names="plain")
    dialling(phone, web, "sipHeaders='a=1'", inside="<User sipHeaders='b=2'>sip:a@example.com</User>")
    (arrived,) = [entry["sip_headers"] for entry in phone.entries("note") if "sip_headers" in entry]
    assert sorted(name[5:] for name in arrived) == ["a", "b"]


def test_the_defaults_of_names_of_headers(start: Any) -> None:
    assert start("plivo").control("GET", "switches")["sip_header_names"] == "plain"
    assert start("vobiz").control("GET", "switches")["sip_header_names"] == "marked"


def test_a_record_inside_a_dial_is_noted(vobiz: Phone, web: Web) -> None:
    dialling(vobiz, web, inside=f"<Record recordSession='true'/><Number>{AGENT}</Number>")
    assert vobiz.texts("pass")[0].startswith("Record is passed over: ")
    assert vobiz.texts("dial") == [f"dials {AGENT}"]
    uuid = vobiz.call(web.xml("/answer", "<Speak>Hi</Speak><Dial><Record/></Dial>"))
    vobiz.run()
    assert vobiz.ended(uuid)[0] == 8011  # nobody to dial


def test_nobody_talks_longer_than_a_day(phone: Phone, web: Web) -> None:
    phone.switch(media_timeout=0)
    document = f"<Speak>Hi</Speak><Dial callerId='{LINE}' timeLimit='999999'><Number>{AGENT}</Number></Dial>"
    uuid = phone.call(web.xml("/answer", document), time_limit=999999)
    phone.advance(86400 + 30)
    assert phone.ended(phone.b_leg("completed"))[0] == 6000
    assert phone.leg(uuid)["hangup"]
