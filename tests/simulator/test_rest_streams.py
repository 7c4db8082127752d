"""Streams of the REST API: start, list, look at, stop; by raw HTTP on both platforms, and by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from plivo.exceptions import ResourceNotFoundError, ValidationError

from .conftest import Phone, Web
from .test_stream import SOCKET, reported, start_by_rest, stream, talking


def test_a_stream_of_rest_beside_the_document(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, "<Speak>Hi</Speak><Wait length='60'/>")
    status = web.xml("/status", "")
    stream_id = start_by_rest(phone, uuid, bidirectional="true", status_callback_url=status, extra_headers="room=7")
    assert phone.texts("stream") == [f"streams its audio to {SOCKET} (both ways)"]
    assert web.one("/status").params["StreamID"] == stream_id
    assert web.one("/status").params[f"{phone.simulator.dialect.sip_prefix}room"] == "7"
    assert phone.rest("DELETE", f"Call/{uuid}/Stream/{stream_id}/").status_code == 204
    phone.advance(0)
    assert phone.texts("stream")[-1] == "the stream ends: stopped by an API request"
    assert reported(web) == ["StartStream", "StopStream"]
    assert phone.leg(uuid)["state"] == "in-progress"
    assert phone.rest("DELETE", f"Call/{uuid}/Stream/{stream_id}/").status_code == 404


def test_streams_are_listed_as_documented(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream() + "<Speak>After</Speak>")
    phone.advance(21)
    second = start_by_rest(phone, uuid, service_url=f"{SOCKET}/2", audio_track="both", stream_timeout="5")
    phone.advance(10)
    content = phone.rest("GET", f"Call/{uuid}/Stream/").json()
    assert [each["service_url"] for each in content["objects"]] == [SOCKET, f"{SOCKET}/2"]
    one = phone.rest("GET", f"Call/{uuid}/Stream/{second}/").json()
    assert one.pop("api_id")
    assert one == content["objects"][1]
    assert (one["bidirectional"], one["audio_track"], one["call_uuid"]) == (False, "both", uuid)
    if phone.simulator.provider == "plivo":
        assert content["meta"] == {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 2}
        times = ("2026-01-05 10:00:21+00:00", "2026-01-05 10:00:26+00:00")
        assert (one["bill_duration"], one["rounded_bill_duration"]) == (5, 60)
        assert next(iter(one)) == "audio_track"
    else:
        assert (content["page"], content["per_page"], content["total"]) == (1, 20, 2)
        times = ("2026-01-05T10:00:21Z", "2026-01-05T10:00:26Z")
        assert [each["status"] for each in content["objects"]] == ["in-progress", "completed"]
        assert content["objects"][0]["end_time"] is None
    assert (one["start_time"], one["end_time"]) == times
    assert len(phone.rest("GET", f"Call/{uuid}/Stream/?limit=1&offset=1").json()["objects"]) == 1


def test_delete_all_ends_all_and_lets_the_document_go_on(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream("") + stream(url=f"{SOCKET}/2") + "<Speak>After.</Speak>")
    assert phone.rest("DELETE", f"Call/{uuid}/Stream/").status_code == 204
    phone.advance(0)
    assert reported(web).count("StopStream") == 2
    assert phone.texts("hear") == ['hears "After."']
    assert phone.rest("DELETE", f"Call/{uuid}/Stream/").status_code == 204


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"service_url": ""}, "service_url"),
        ({"service_url": "https://sockets.example.com"}, "wss://"),
        ({"service_url": 7}, "service_url"),
        ({"bidirectional": "yes"}, "bidirectional"),
        ({"bidirectional": 1}, "bidirectional"),
        ({"audio_track": "left"}, "audioTrack"),
        ({"bidirectional": True, "audio_track": "both"}, "inbound"),
        ({"stream_timeout": 0}, "stream_timeout"),
        ({"stream_timeout": "soon"}, "stream_timeout"),
        ({"stream_timeout": True}, "stream_timeout"),
        ({"content_type": "audio/mp3"}, "content_type"),
        ({"status_callback_url": "/status"}, "status_callback_url"),
        ({"status_callback_method": "PUT"}, "status_callback_method"),
        ({"extra_headers": ["a"]}, "extra_headers"),
    ],
)
def test_bad_input_is_a_400_in_the_platforms_shape(phone: Phone, web: Web, change: Any, named: str) -> None:
    uuid = talking(phone, web, "<Speak>Hi</Speak><Wait length='60'/>")
    reply = phone.rest("POST", f"Call/{uuid}/Stream/", {"service_url": SOCKET, **change})
    assert reply.status_code == 400
    assert named in reply.json()["error"]
    assert reply.json()["api_id"]
    assert not phone.texts("stream")


def test_a_second_stream_to_the_same_socket_is_refused(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, "<Speak>Hi</Speak><Wait length='60'/>")
    start_by_rest(phone, uuid)
    reply = phone.rest("POST", f"Call/{uuid}/Stream/", {"service_url": SOCKET})
    assert (reply.status_code, "already exists" in reply.text) == (400, True)


def test_streams_of_unknown_ended_and_ringing_calls(phone: Phone, web: Web) -> None:
    ringing = phone.call(web.xml("/slow", "<Wait length='60'/><Speak>Hi</Speak>"))
    ended = talking(phone, web, stream() + "<Speak>Hi</Speak>")
    phone.control("POST", f"calls/{ended}/hangup")
    for uuid in (ringing, ended, "nobody"):
        assert phone.rest("POST", f"Call/{uuid}/Stream/", {"service_url": SOCKET}).status_code == 404
        assert phone.rest("DELETE", f"Call/{uuid}/Stream/").status_code == 404
    assert phone.rest("GET", "Call/nobody/Stream/").status_code == 404
    assert phone.rest("GET", f"Call/{ended}/Stream/nothing/").status_code == 404
    assert len(phone.rest("GET", f"Call/{ended}/Stream/").json()["objects"]) == 1  # also of a call that has ended
    assert phone.rest("GET", f"Call/{ended}/Stream/?limit=0").status_code == 400


# -- the official SDK, as a stranger


def test_the_sdk_starts_reads_and_stops_streams(plivo: Phone, client: Any, web: Web) -> None:
    uuid = talking(plivo, web, "<Speak>Hi</Speak><Wait length='600'/>")
    reply = client.calls.start_stream(
        uuid, SOCKET, bidirectional=True, audio_track="inbound", stream_timeout=300,
        status_callback_url=f"{web.url}/status", status_callback_method="POST",
        content_type="audio/x-mulaw;rate=8000", extra_headers="a=1",
    )  # fmt: skip
    assert reply.message == "audio streaming started"
    client.calls.start_stream(uuid, f"{SOCKET}/2")
    plivo.advance(0)
    assert reported(web) == ["StartStream"]
    first, _ = client.calls.get_all_streams(uuid).objects
    assert first["stream_id"] == reply.stream_id
    one = client.calls.get_details_of_specific_stream(uuid, reply.stream_id)
    assert (one.service_url, one.bidirectional, one.end_time) == (SOCKET, True, None)
    client.calls.delete_specific_stream(uuid, reply.stream_id)
    plivo.advance(0)
    assert reported(web) == ["StartStream", "StopStream"]
    with pytest.raises(ResourceNotFoundError, match="Stream not found"):
        client.calls.delete_specific_stream(uuid, reply.stream_id)
    client.calls.delete_all_streams(uuid)
    plivo.advance(0)
    assert plivo.texts("stream")[-1] == "the stream ends: stopped by an API request"
    with pytest.raises(ValidationError, match="service_url"):
        client.calls.start_stream(uuid, "")
