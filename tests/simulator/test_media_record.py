"""Recording a live call by REST, on both platforms."""

from __future__ import annotations

import pytest

from .conftest import CALLER, Phone, Web
from .test_media import sent, stopped, waiting


def test_a_recording_by_rest(phone: Phone, web: Web) -> None:
    vobiz = phone.simulator.provider == "vobiz"
    phone.number(CALLER, says=[[3, "hello"]])
    uuid = waiting(phone, web)
    web.xml("/ready", "")
    web.xml("/written", "")
    body = {
        "time_limit": "20",
        "record_channel_type": "mono",
        "callback_url": web.url + "/ready",
        "callback_method": "get",
        "transcription_type": "auto",
        "transcription_url": web.url + "/written",
    }
    reply = sent(phone, uuid, "Record", body, 200 if vobiz else 202)
    assert reply["message"] == ("recording started" if vobiz else "call recording started")
    assert set(reply) == {"api_id", "message", "recording_id", "url"}
    phone.advance(30)
    (found,) = phone.control("GET", "recordings")
    assert (found["recording_id"], found["url"], found["channels"]) == (reply["recording_id"], reply["url"], "mono")
    assert (found["seconds"], found["words"], found["ended_by"]) == (20.0, "hello", "length")
    assert web.one("/written").params["transcription"] == "hello"
    ready = web.one("/ready")
    assert ready.method == "GET"
    if vobiz:
        assert (ready.params["Event"], ready.params["RecordingEndReason"]) == ("RecordStop", "maxLength")
        assert (ready.params["RecordingID"], ready.params["RecordingDuration"]) == (reply["recording_id"], "20")
    else:
        assert ready.params["recording_duration"] == "20"


def test_without_a_limit_it_is_a_minute(phone: Phone, web: Web) -> None:
    uuid = waiting(phone, web)
    phone.rest("POST", f"Call/{uuid}/Record/", {})
    phone.advance(300)
    (found,) = phone.control("GET", "recordings")
    assert found["seconds"] == 60.0


@pytest.mark.parametrize("field", ["URL", "recording_id"])
def test_one_of_several_recordings_is_stopped(phone: Phone, web: Web, field: str) -> None:
    uuid = waiting(phone, web)
    first, second = (phone.rest("POST", f"Call/{uuid}/Record/", {}).json() for _ in range(2))
    phone.advance(5)
    stopped(phone, uuid, "Record", {field: first["url" if field == "URL" else field]})
    phone.advance(5)
    stopped(phone, uuid, "Record")
    seconds = {each["recording_id"]: each["seconds"] for each in phone.control("GET", "recordings")}
    assert seconds == {first["recording_id"]: 5.0, second["recording_id"]: 10.0}
    for unknown in ["nobody", 7, ["x"]]:
        assert phone.rest("DELETE", f"Call/{uuid}/Record/", {field: unknown}).status_code == 404


def test_stopping_all_leaves_a_record_element_to_its_document(phone: Phone, web: Web) -> None:
    url = web.xml("/answer", "<Record recordSession='true'/><Record timeout='9'/><Speak>Thank you.</Speak>")
    uuid = phone.call(url)
    phone.advance(2)
    stopped(phone, uuid, "Record")
    phone.run()
    ended = {each["kind"]: (each["seconds"], each["ended_by"]) for each in phone.control("GET", "recordings")}
    assert ended == {"session": (2.0, "stopped"), "element": (9.0, "silence")}
