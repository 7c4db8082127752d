"""Record in the background: a whole session, or from the answer of a Dial on."""

from __future__ import annotations

import pytest

from .conftest import AGENT, CALLER, LINE, Phone, Web
from .test_record import DURATIONS, only, recordings


def session(web: Web, attributes: str, inside: str) -> str:
    web.xml("/begun", "")
    web.xml("/ready", "")
    urls = "action='{web}/begun' redirect='false' callbackUrl='{web}/ready'"
    return web.xml("/answer", f"<Record {urls} {attributes}/>{inside}")


def test_a_session_is_recorded_in_the_background_to_the_end_of_the_call(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[2, "hello"], [13, "goodbye"]], keys=[[3, "#"]])
    uuid = phone.call(session(web, "recordSession='true' timeout='1' maxLength='900'", "<Wait length='600'/>"))
    phone.advance(0)
    assert [web.one("/begun").params[name] for name in DURATIONS] == ["-1"] * 4
    assert web.one("/begun").params["RecordUrl"] == only(phone)["url"]
    assert "hears a beep" not in phone.texts()
    phone.advance(10)
    phone.transfer(uuid, aleg_url=web.xml("/aleg", "<Wait length='10'/>"))
    phone.run()
    found = only(phone)
    assert (found["seconds"], found["words"], found["ended_by"]) == (20.0, "hello goodbye", "hang-up")
    assert found["kind"] == "session"
    assert web.one("/ready").params["RecordingDuration"] == "20"


def test_an_action_of_a_session_may_lead_on(phone: Phone, web: Web) -> None:
    web.xml("/begun", "<Speak>You are recorded.</Speak>")
    url = web.xml("/answer", "<Record recordSession='true' redirect='true' action='{web}/begun'/><Speak>Hi</Speak>")
    phone.call(url)
    phone.run()
    assert phone.texts("hear") == ['hears "You are recorded."']
    assert only(phone)["seconds"] == 1.2


@pytest.mark.parametrize(("switch", "seconds"), [("applies", 60.0), ("only-if-asked", 100.0)])
def test_the_default_length_and_sessions(phone: Phone, web: Web, switch: str, seconds: float) -> None:
    phone.switch(session_max_length=switch)
    phone.call(session(web, "recordSession='true'", "<Wait length='100'/>"))
    phone.run()
    assert only(phone)["seconds"] == seconds


@pytest.mark.parametrize("kind", ["recordSession", "startOnDialAnswer"])
def test_an_asked_length_ends_a_session(phone: Phone, web: Web, kind: str) -> None:
    dial = f"<Speak>Hi</Speak><Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>"
    phone.call(session(web, f"{kind}='true' maxLength='30'", dial))
    phone.run()
    assert (only(phone)["seconds"], only(phone)["ended_by"]) == (30.0, "length")
    assert web.one("/ready").params["RecordingDuration"] == "30"


def test_a_recording_starts_when_a_dial_is_answered_and_hears_both(phone: Phone, web: Web) -> None:
    phone.number(CALLER, says=[[1, "is anybody there"], [8, "hello agent"]])
    phone.number(AGENT, after=3, says=[[1, "hello caller"]], hangs_up_after=9)
    dial = f"<Speak>Hi</Speak><Dial callerId='{LINE}' redirect='false'><Number>{AGENT}</Number></Dial>"
    phone.call(session(web, "startOnDialAnswer='true'", dial))
    phone.advance(2)
    assert recordings(phone) == []
    assert web.one("/begun").params["RecordingDuration"] == "-1"
    phone.run()
    found = only(phone)
    assert found["started_at"] == 4.0
    assert (found["words"], found["leg"]) == ("hello caller hello agent", "A")
    assert web.one("/ready").params["RecordingID"] == web.one("/begun").params["RecordingID"]


def test_a_dial_that_nobody_answers_starts_no_recording(phone: Phone, web: Web) -> None:
    phone.number(AGENT, behaviour="busy")
    dial = f"<Speak>Hi</Speak><Dial callerId='{LINE}' redirect='false'><Number>{AGENT}</Number></Dial>"
    phone.call(session(web, "startOnDialAnswer='true'", dial))
    phone.run()
    assert recordings(phone) == []
    assert not web.at("/ready")
