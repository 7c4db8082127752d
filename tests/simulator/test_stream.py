"""Stream: status callbacks, hand-over on both platforms; a transfer while a stream keeps the call."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import CALLER, LINE, Phone, Web

SOCKET = "wss://sockets.example.com/in"
KEEPS = "bidirectional='true' keepCallAlive='true'"
PARAMETERS = {
    *("CallUUID", "StreamID", "Event", "From", "To", "Timestamp", "Name", "ServiceURL", "Error", "ParentAuthID"),
    *("status_callback_url", "status_callback_method"),
}


def stream(attributes: str = KEEPS, url: str = SOCKET, status: str = "{web}/status") -> str:
    return f"<Stream {attributes} statusCallbackUrl='{status}'>{url}</Stream>"


def talking(phone: Phone, web: Web, inside: str) -> str:
    web.pages.setdefault("/status", "<Response/>")
    uuid = phone.call(web.xml("/answer", inside))
    phone.advance(0)
    return uuid


def reported(web: Web) -> list[str]:
    return [each.params["Event"] for each in web.at("/status")]


def steer(phone: Phone, uuid: str, **wish: Any) -> Any:
    return phone.control("POST", f"calls/{uuid}/stream", wish)


def start_by_rest(phone: Phone, uuid: str, **more: Any) -> str:
    reply = phone.rest("POST", f"Call/{uuid}/Stream/", {"service_url": SOCKET, **more})
    assert reply.status_code == 202, reply.text
    content = reply.json()
    assert set(content) == {"api_id", "message", "stream_id"}
    assert content["message"] == "audio streaming started"
    phone.advance(0)
    return str(content["stream_id"])


# -- the element


def test_the_document_waits_until_the_application_closes_the_socket(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream() + "<Speak>After.</Speak>")
    assert phone.texts("stream") == [f"streams its audio to {SOCKET} (both ways, keeps the call alive)"]
    phone.run()
    assert phone.leg(uuid)["state"] == "in-progress"
    assert not phone.texts("hear")
    steer(phone, uuid, close=True)
    phone.run()
    assert phone.texts("stream")[-1] == "the stream ends: closed by the application"
    assert phone.texts("hear") == ['hears "After."']
    assert reported(web) == ["StartStream", "StopStream"]
    assert phone.ended(uuid)[0] == 4010


def test_without_keep_call_alive_the_document_goes_on_at_once(phone: Phone, web: Web) -> None:
    talking(phone, web, stream("") + "<Speak>Meanwhile.</Speak>")
    assert phone.texts("stream") == [f"streams its audio to {SOCKET} (one way, inbound)"]
    assert phone.texts("hear") == ['hears "Meanwhile."']
    phone.run()
    assert phone.texts("stream")[-1] == "the stream ends: the call has ended"
    assert reported(web) == ["StartStream", "StopStream"]


def test_a_document_that_holds_only_a_stream_ends_with_4010(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream("bidirectional='true'"))
    assert phone.ended(uuid) == (4010, phone.simulator.dialect.title)


def test_keep_call_alive_without_bidirectional_keeps_it_on_vobiz_only(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream("keepCallAlive='true'"))
    kept = phone.leg(uuid)["state"] == "in-progress"
    assert kept == (phone.simulator.provider == "vobiz")


def test_what_a_status_callback_carries(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream(f"{KEEPS} extraHeaders='room=7,bad key=1,x=2'"))
    received = web.one("/status")
    prefix = phone.simulator.dialect.sip_prefix
    assert set(received.params) == PARAMETERS | {f"{prefix}room", f"{prefix}x"}
    assert list(received.params) == sorted(received.params)  # as every request of the platforms
    expected = {
        **{"CallUUID": uuid, "Event": "StartStream", "From": CALLER.lstrip("+"), "To": LINE.lstrip("+"), "Error": ""},
        **{"ServiceURL": SOCKET, "ParentAuthID": phone.simulator.auth_id, "Timestamp": "2026-01-05 10:00:00.000000"},
        **{"status_callback_url": f"{web.url}/status", "status_callback_method": "POST", f"{prefix}room": "7"},
    }
    assert {name: received.params[name] for name in expected} == expected
    assert received.params["StreamID"] == phone.entries("stream")[0]["stream_id"]
    assert received.method == "POST"


def test_status_callbacks_by_get(phone: Phone, web: Web) -> None:
    talking(phone, web, stream(f"{KEEPS} statusCallbackMethod='GET'"))
    assert web.one("/status").method == "GET"


def test_no_status_callback_unless_asked_for(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, f"<Stream {KEEPS}>{SOCKET}</Stream>")
    steer(phone, uuid, close=True)
    assert [each.path for each in web.received][:1] == ["/answer"]
    assert not web.at("/status")


def test_extra_headers_that_are_too_long_are_dropped(phone: Phone, web: Web) -> None:
    talking(phone, web, stream(f"{KEEPS} extraHeaders='a={'x' * 511}'"))
    assert set(web.one("/status").params) == PARAMETERS
    assert any("extraHeaders are dropped" in text for text in phone.texts("note"))


def test_a_lost_connection_is_a_dropped_stream_and_the_document_goes_on(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream() + "<Speak>After.</Speak>")
    steer(phone, uuid, drop=True)
    assert reported(web) == ["StartStream", "DroppedStream"]
    assert web.at("/status")[-1].params["Error"] == "connection lost"
    assert phone.texts("hear") == ['hears "After."']


def test_a_stream_ends_at_its_time_limit(phone: Phone, web: Web) -> None:
    talking(phone, web, stream(f"{KEEPS} streamTimeout='30'") + "<Speak>After.</Speak>")
    phone.run()
    ended = phone.entries("stream")[-1]
    assert (ended["at"], ended["text"]) == (30.0, "the stream ends: its time limit is reached")
    assert reported(web) == ["StartStream", "StopStream"]
    assert phone.texts("hear") == ['hears "After."']


def test_the_documented_limit_is_a_day(phone: Phone, web: Web) -> None:
    web.xml("/status", "")
    answer = web.xml("/answer", stream("") + "<Wait length='100000'/>")
    phone.call(answer, time_limit=200000)
    phone.advance(86399)
    assert reported(web) == ["StartStream"]
    phone.advance(1)
    assert reported(web) == ["StartStream", "StopStream"]
    assert phone.texts("stream")[-1] == "the stream ends: its time limit is reached"


def test_a_hang_up_ends_the_stream(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream())
    phone.control("POST", f"calls/{uuid}/hangup")
    assert phone.texts("stream")[-1] == "the stream ends: the call has ended"
    assert reported(web) == ["StartStream", "StopStream"]


def test_words_and_keys_are_heard_by_the_stream(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream())
    phone.control("POST", f"calls/{uuid}/say", {"speech": "two tickets"})
    phone.control("POST", f"calls/{uuid}/press", {"digits": "7"})
    assert phone.texts("note") == ['"two tickets" is heard by the stream', "the key 7 is heard by the stream"]


def test_several_streams_on_one_call_end_one_by_one(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream("") + stream("audioTrack='both'", url=f"{SOCKET}/2") + stream(url=f"{SOCKET}/3"))
    ids = [entry["stream_id"] for entry in phone.entries("stream")]
    assert len(set(ids)) == 3
    assert steer(phone, uuid, close=True, stream_id=ids[1])["stream_id"] == ids[1]
    assert phone.leg(uuid)["state"] == "in-progress"
    assert steer(phone, uuid, close=True)["stream_id"] == ids[2]  # the one that keeps the call, when none is named
    assert phone.ended(uuid)[0] == 4010


@pytest.mark.parametrize(
    ("attributes", "url"),
    [
        (KEEPS, "https://sockets.example.com/in"),
        (KEEPS, "wss://"),
        (KEEPS, "/in"),
        (KEEPS, "wss://[::1/in"),
        ("audioTrack='left'", SOCKET),
        (f"{KEEPS} audioTrack='both'", SOCKET),
        (f"{KEEPS} audioTrack='outbound'", SOCKET),
    ],
)
def test_a_stream_that_cannot_be_is_dropped_and_passed(phone: Phone, web: Web, attributes: str, url: str) -> None:
    talking(phone, web, stream(attributes, url) + "<Speak>After.</Speak>")
    assert reported(web) == ["DroppedStream"]
    assert web.one("/status").params["Error"]
    assert phone.texts("stream")[0].startswith(f"no stream to {url}")
    assert phone.texts("hear") == ['hears "After."']


def test_the_track_of_a_bidirectional_stream_may_be_accepted(phone: Phone, web: Web) -> None:
    phone.switch(stream_track="accepted")
    talking(phone, web, stream(f"{KEEPS} audioTrack='both'"))
    assert reported(web) == ["StartStream"]


def test_a_stream_without_url_or_with_bad_values_is_not_a_valid_document(phone: Phone, web: Web) -> None:
    for inside in (
        f"<Stream {KEEPS}> </Stream>",
        f"<Stream bidirectional='yes'>{SOCKET}</Stream>",
        f"<Stream streamTimeout='long'>{SOCKET}</Stream>",
    ):
        uuid = talking(phone, web, inside)
        phone.run()
        assert phone.ended(uuid) == (8011, "Error")


def test_a_stream_answers_the_call(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream())
    assert phone.leg(uuid)["state"] == "in-progress"


# -- the control route


def test_a_degraded_stream_is_reported_and_goes_on(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream())
    steer(phone, uuid, event="DegradedStream")
    assert reported(web) == ["StartStream", "DegradedStream"]
    assert phone.leg(uuid)["state"] == "in-progress"


def test_each_platform_reports_its_own_events(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, stream())
    reply = phone.http.post(f"/-/sim/calls/{uuid}/stream", json={"event": "PlayedStream"})
    assert reply.status_code == {"plivo": 400, "vobiz": 200}[phone.simulator.provider]


def test_bad_wishes_are_refused(phone: Phone, web: Web) -> None:
    uuid = talking(phone, web, "<Wait length='1'/><Speak>Hi</Speak>" + stream())
    path = f"/-/sim/calls/{uuid}/stream"
    assert "no stream is running" in phone.http.post(path, json={"close": True}).json()["error"]
    phone.run()
    for wish in ({}, {"close": False}, {"event": "StartStream"}, {"event": ["x"]}, {"stop": True}):
        assert phone.http.post(path, json=wish).status_code == 400, wish
    assert "no such stream" in phone.http.post(path, json={"close": True, "stream_id": "x"}).json()["error"]
    assert phone.http.post("/-/sim/calls/nobody/stream", json={"close": True}).status_code == 404
    assert reported(web) == ["StartStream"]


# -- a transfer while a stream keeps the call


def moved(phone: Phone, web: Web, uuid: str, path: str = "/aleg") -> None:
    assert phone.transfer(uuid, aleg_url=web.xml(path, f"<Speak>Moved to {path}.</Speak>")).status_code == 202
    phone.advance(0)


def test_each_platform_has_its_default(plivo: Phone, vobiz: Phone) -> None:
    assert plivo.control("GET", "switches")["stream_transfer"] == "waits"
    assert vobiz.control("GET", "switches")["stream_transfer"] == "interrupts"


@pytest.mark.parametrize("how", ["close", "drop", "delete", "timeout"])
def test_a_transfer_waits_until_the_stream_ends(phone: Phone, web: Web, how: str) -> None:
    phone.switch(stream_transfer="waits")
    uuid = talking(phone, web, stream(f"{KEEPS} streamTimeout='100'") + "<Speak>Never heard.</Speak>")
    phone.advance(5)
    moved(phone, web, uuid)
    phone.advance(20)
    assert not web.at("/aleg")
    waits = [entry for entry in phone.entries("note") if "waits until the stream ends" in entry["text"]]
    assert [entry["at"] for entry in waits] == [5.0]
    if how == "delete":
        assert phone.rest("DELETE", f"Call/{uuid}/Stream/").status_code == 204
    elif how == "timeout":
        phone.advance(75)
    else:
        steer(phone, uuid, **{how: True})
    phone.advance(0)
    assert web.one("/aleg").params["CallUUID"] == uuid
    assert phone.texts("hear") == ['hears "Moved to /aleg."']
    assert reported(web) == ["StartStream", "DroppedStream" if how == "drop" else "StopStream"]
    (taken,) = phone.entries("transfer")
    assert taken["at"] == (100.0 if how == "timeout" else 25.0)


def test_a_second_transfer_replaces_the_one_that_waits(phone: Phone, web: Web) -> None:
    phone.switch(stream_transfer="waits")
    uuid = talking(phone, web, stream())
    moved(phone, web, uuid, "/first")
    moved(phone, web, uuid, "/second")
    steer(phone, uuid, close=True)
    phone.advance(0)
    assert not web.at("/first")
    assert web.one("/second")
    assert any(f"{web.url}/first is never fetched: another transfer" in text for text in phone.texts("note"))


def test_a_transfer_that_waits_is_lost_with_the_call(phone: Phone, web: Web) -> None:
    phone.switch(stream_transfer="waits")
    uuid = talking(phone, web, stream())
    moved(phone, web, uuid, "/first")
    moved(phone, web, uuid, "/second")
    phone.control("POST", f"calls/{uuid}/hangup")
    assert not web.at("/first")
    assert not web.at("/second")
    lost = [text for text in phone.texts("note") if "never fetched: the call has ended" in text]
    assert lost == [f"the transfer to {web.url}/second is never fetched: the call has ended"]


@pytest.mark.parametrize(("switch", "events"), [("not-sent", ["StartStream"]), ("sent", ["StartStream", "StopStream"])])
def test_a_transfer_tears_the_stream_down_at_once(phone: Phone, web: Web, switch: str, events: list[str]) -> None:
    assert phone.control("GET", "switches")["stop_stream_on_transfer"] == "not-sent"
    phone.switch(stream_transfer="interrupts", stop_stream_on_transfer=switch)
    uuid = talking(phone, web, stream() + "<Speak>Never heard.</Speak>")
    moved(phone, web, uuid)
    assert web.one("/aleg")
    assert phone.texts("stream")[-1] == "the stream ends: torn down by a transfer"
    assert reported(web) == events
    phone.run()
    assert phone.texts("hear") == ['hears "Moved to /aleg."']
    assert reported(web) == events  # not even once the call has ended


def test_streams_beside_the_document_in_a_transfer(phone: Phone, web: Web) -> None:
    """Of the document that is left: torn down where a transfer interrupts. Of REST: they belong to the call."""
    uuid = talking(phone, web, stream("") + "<Wait length='60'/>")
    start_by_rest(phone, uuid, service_url=f"{SOCKET}/rest")
    moved(phone, web, uuid)
    ended = [entry["service_url"] for entry in phone.entries("stream") if "the stream ends" in entry["text"]]
    assert ended == {"plivo": [], "vobiz": [SOCKET]}[phone.simulator.provider]
    assert web.one("/aleg")


def test_too_many_transfers_do_not_wait(plivo: Phone, web: Web) -> None:
    plivo.switch(transfer_limit=1)
    uuid = talking(plivo, web, stream())
    moved(plivo, web, uuid, "/first")
    moved(plivo, web, uuid, "/second")
    assert plivo.ended(uuid) == (2060, "Error")
    assert not web.at("/first")
    assert not web.at("/second")


def test_the_same_answers_give_the_same_transcript(start: Any, web: Web) -> None:
    texts = []
    for _ in range(2):
        phone = start("plivo")
        uuid = talking(phone, web, stream() + "<Speak>After.</Speak>")
        start_by_rest(phone, uuid, service_url=f"{SOCKET}/2")
        moved(phone, web, uuid)
        steer(phone, uuid, close=True)
        phone.run()
        texts.append([phone.transcript(), phone.entries("stream")])
    assert texts[0] == texts[1]
