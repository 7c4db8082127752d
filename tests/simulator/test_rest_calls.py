"""Placing calls and what the platform then tells of them: what changes what happens, lists, records, limits."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import AGENT, CALLER, LINE, Phone, Web


@pytest.fixture
def answer_url(web: Web) -> str:
    return web.xml("/answer", "<Speak>Hello</Speak><Wait length='600'/>")


def calls(phone: Phone, query: str) -> list[str]:
    reply = phone.rest("GET", f"Call/?{query}")
    assert reply.status_code == 200, reply.text
    found: list[str] = reply.json()["calls"]
    return found


def error(phone: Phone, method: str, path: str, body: Any = None) -> tuple[int, str]:
    reply = phone.rest(method, path, body)
    assert set(reply.json()) == {"api_id", "error"}
    return reply.status_code, reply.json()["error"]


# -- placing


def test_everything_documented_may_be_given_as_sdks_give_it(phone: Phone, web: Web, answer_url: str) -> None:
    uuid = phone.place(
        answer_url,
        answer_method="GET",
        ring_url=web.xml("/ring", ""),
        ring_method="GET",
        hangup_url=web.xml("/hangup", ""),
        hangup_method="get",
        fallback_url=web.url,
        caller_name="x" * 50,
        send_digits="1w2W3@1000",
        send_on_preanswer="false",
        time_limit="20",
        hangup_on_ring=None,
        machine_detection=True,
        machine_detection_time=5000,
        machine_detection_url=web.url,
        machine_detection_method="POST",
        machine_detection_initial_silence="2000",
        sip_headers="Room=12,Lang=en",
        ring_timeout="60",
        error_if_parent_not_found=False,
        something_new={"a": 1},
    )
    phone.run()
    assert web.one("/ring").method == "GET"
    answer = web.at("/answer")[0]
    assert (answer.method, answer.params["CallerName"]) == ("GET", "x" * 50)
    assert answer.params[f"{phone.simulator.dialect.sip_prefix}Room"] == "12"
    assert "hears the tones 1w2W3 for 2.25 s" in phone.texts("hear")
    assert phone.ended(uuid) == (6000, phone.simulator.dialect.title)
    assert web.one("/hangup").params["Duration"] == "20"


def test_nobody_rings_longer_than_ring_timeout(phone: Phone, answer_url: str) -> None:
    phone.number(CALLER, behaviour="no-answer")
    uuid = phone.place(answer_url, ring_timeout=7)
    phone.advance(6.9)
    assert phone.leg(uuid)["state"] == "ringing"
    phone.advance(0.1)
    assert phone.ended(uuid)[0] == 6010
    assert phone.place(answer_url, ring_timeout=0)  # the SDK lets it pass; it ends at once
    phone.advance(0)
    assert calls(phone, "status=live") == []


@pytest.mark.parametrize(("seconds", "code"), [(2, 1000), (0, 1000), ("10", 6000)])
def test_hangup_on_ring_counts_from_the_ringing(phone: Phone, answer_url: str, seconds: Any, code: int) -> None:
    phone.number(CALLER, queued=5, after=3)
    uuid = phone.place(answer_url, hangup_on_ring=seconds)
    phone.advance(5 + float(seconds) - 0.1)
    assert phone.leg(uuid)["hangup"] is None
    phone.advance(0.1)
    assert phone.ended(uuid) == (code, phone.simulator.dialect.title)


def test_a_call_lasts_a_day_at_most(phone: Phone, answer_url: str) -> None:
    uuid = phone.place(answer_url.replace("/answer", "/long"), time_limit=900_000)
    assert phone.simulator.platform.legs[uuid].call.time_limit == 86_400


def test_up_to_a_thousand_destinations(phone: Phone, web: Web) -> None:
    numbers = [f"1{200 + i // 100}55501{i % 100:02}" for i in range(1000)]
    body = {"from": LINE, "to": "<".join(numbers), "answer_url": web.url}
    reply = phone.rest("POST", "Call/", body)
    assert len(set(reply.json()["request_uuid"])) == 1000
    assert reply.json()["message"].lower() == "calls fired"
    status, text = error(phone, "POST", "Call/", {**body, "to": f"{body['to']}<{CALLER}"})
    assert (status, text) == (400, "to parameter is invalid: at most 1000 destinations")
    again = phone.rest("POST", "Call/", {**body, "to": f"{body['to']}<+{numbers[0]}"})  # 1000 unique ones
    assert len(again.json()["request_uuid"]) == 1001


def test_sip_endpoints_can_be_called(phone: Phone, answer_url: str) -> None:
    uuid = phone.place(answer_url, to="sip:agent7@phone.example.com")
    phone.advance(4)
    assert phone.rest("GET", f"Call/{uuid}/?status=live").json()["to"] == "sip:agent7@phone.example.com"


def test_a_parent_that_must_be_known(phone: Phone, answer_url: str) -> None:
    parent = phone.place(answer_url)
    for name in ("error_parent_not_found", "error_if_parent_not_found"):
        body = {"from": LINE, "to": AGENT, "answer_url": answer_url, "parent_call_uuid": "nobody", name: True}
        assert error(phone, "POST", "Call/", body) == (404, "parent call not found")
        assert phone.place(answer_url, to=AGENT, parent_call_uuid=parent, **{name: "true"})
        assert phone.place(answer_url, to=AGENT, parent_call_uuid="nobody", **{name: False})


# -- live and queued calls


def test_live_and_queued_calls_are_two_lists(phone: Phone, answer_url: str) -> None:
    phone.number(AGENT, queued=30)
    live, queued = phone.place(answer_url), phone.place(answer_url, to=AGENT)
    inbound = phone.call(answer_url)
    phone.advance(5)
    assert (calls(phone, "status=live"), calls(phone, "status=queued")) == ([live, inbound], [queued])
    detail = phone.rest("GET", f"Call/{queued}/?status=queued").json()
    assert (detail["call_status"], detail["call_uuid"], detail["to"]) == ("queued", queued, AGENT.lstrip("+"))
    assert "session_start" not in detail
    assert error(phone, "GET", f"Call/{queued}/?status=live") == (404, "call not found")
    assert error(phone, "GET", f"Call/{live}/?status=queued") == (404, "call not found")
    assert calls(phone, "status=live&call_direction=inbound") == [inbound]
    assert calls(phone, f"status=live&from_number={LINE.lstrip('+')}") == [live]
    assert calls(phone, f"status=live&to_number=15550009999<{CALLER.lstrip('+')}") == [live]
    assert calls(phone, f"status=live&to_number={CALLER.lstrip('+')[:5]}") == []  # no prefixes here


def test_pages_of_live_calls(phone: Phone, web: Web, answer_url: str) -> None:
    everybody = "<".join(f"141555501{i:02}" for i in range(45))
    body = {"from": LINE, "to": everybody, "answer_url": answer_url}
    uuids = phone.rest("POST", "Call/", body).json()["request_uuid"]
    phone.advance(1)
    assert calls(phone, "status=live") == (uuids[:20] if phone.simulator.provider == "plivo" else uuids)
    pages = [calls(phone, f"status=live&limit=20&offset={offset}") for offset in (0, 20, 40, 60)]
    assert [len(page) for page in pages] == [20, 20, 5, 0]
    assert [uuid for page in pages for uuid in page] == uuids
    assert calls(phone, "status=live&limit=1&offset=44") == uuids[44:]
    for bad in ("limit=0", "limit=21", "limit=x", "limit=1.5", "offset=-1", "offset=%C2%B2", "call_direction=sideways"):
        status, text = error(phone, "GET", f"Call/?status=live&{bad}")
        assert (status, text.split()[0]) == (400, bad.split("=")[0])


def test_a_status_there_is_not(phone: Phone, answer_url: str) -> None:
    uuid = phone.place(answer_url)
    for path in ("Call/?status=dead", f"Call/{uuid}/?status=LIVE"):
        assert error(phone, "GET", path)[0] == 400


# -- cancelling


def test_a_request_is_cancelled_until_somebody_answers(plivo: Phone, web: Web, answer_url: str) -> None:
    plivo.number(AGENT, queued=30)
    for to, wait in ((AGENT, 1), (CALLER, 1)):  # queued; ringing
        uuid = plivo.place(answer_url, to=to, hangup_url=web.xml("/hangup", ""))
        plivo.advance(wait)
        assert plivo.rest("DELETE", f"Request/{uuid}/").status_code == 204
        assert plivo.ended(uuid) == (1000, "API Request")
        assert error(plivo, "DELETE", f"Request/{uuid}/") == (404, "not found")
    assert len(web.at("/hangup")) == 2
    assert web.at("/answer") == []
    talking, inbound = plivo.place(answer_url), plivo.call(answer_url)
    plivo.advance(5)
    for uuid in (talking, inbound, "nobody"):
        assert error(plivo, "DELETE", f"Request/{uuid}/") == (404, "not found")
    assert plivo.leg(talking)["state"] == "in-progress"


def test_vobiz_documents_no_requests_and_no_records_here(vobiz: Phone, answer_url: str) -> None:
    uuid = vobiz.place(answer_url)
    assert error(vobiz, "DELETE", f"Request/{uuid}/") == (404, "not found")
    assert vobiz.rest("DELETE", f"Call/{uuid}/").status_code == 204
    for path in (f"Call/{uuid}/", "Call/"):
        assert error(vobiz, "GET", path) == (400, "status parameter is missing or invalid: one of live, queued")


# -- records

RECORD_KEYS = set(
    "answer_time bill_duration billed_duration call_direction call_duration call_uuid end_time from_number "
    "hangup_cause_code hangup_cause_name hangup_source initiation_time parent_call_uuid resource_uri to_number "
    "total_amount total_rate".split()
)


@pytest.fixture
def ended(plivo: Phone, web: Web, answer_url: str) -> list[str]:
    """A call of 70 s with a B leg, and one that was busy, in the order of their beginning."""
    plivo.number(CALLER, hangs_up_after=70)
    plivo.number("+14155550102", behaviour="busy", after=1)
    dial = web.xml("/dial", f"<Dial><Number>{AGENT}</Number></Dial>")
    first = plivo.place(dial)
    plivo.advance(10)
    b_leg = plivo.b_leg()
    busy = plivo.place(answer_url, to="+14155550102", parent_call_uuid=first)
    plivo.run()
    return [first, b_leg, busy]


def test_the_record_of_an_ended_call(plivo: Phone, ended: list[str]) -> None:
    reply = plivo.rest("GET", f"Call/{ended[0]}/").json()
    assert set(reply) == {"api_id"} | RECORD_KEYS
    assert (reply["call_duration"], reply["bill_duration"], reply["billed_duration"]) == (70, 70, 120)
    assert (reply["from_number"], reply["to_number"]) == (LINE, CALLER.lstrip("+"))
    assert (reply["hangup_cause_code"], reply["hangup_source"]) == (4000, "Callee")
    assert (reply["initiation_time"], reply["answer_time"]) == (
        "2026-01-05 10:00:00+00:00",
        "2026-01-05 10:00:03+00:00",
    )
    assert (reply["total_rate"], reply["total_amount"]) == ("0.00850", "0.01700")
    assert reply["parent_call_uuid"] is None
    assert plivo.http.get(reply["resource_uri"]).status_code == 401  # a path that exists
    busy = plivo.rest("GET", f"Call/{ended[2]}/").json()
    assert (busy["answer_time"], busy["call_duration"], busy["total_amount"]) == (None, 0, "0.00000")
    assert (busy["hangup_cause_name"], busy["parent_call_uuid"]) == ("Busy Line", ended[0])
    assert plivo.rest("GET", f"Call/{ended[1]}/").json()["parent_call_uuid"] == ended[0]


def test_there_is_no_record_of_a_call_that_has_not_ended(plivo: Phone, answer_url: str) -> None:
    uuid = plivo.place(answer_url)
    assert error(plivo, "GET", f"Call/{uuid}/") == (404, "call not found")
    assert plivo.rest("GET", "Call/").json()["objects"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [2, 1, 0]),
        ("call_direction=outbound", [2, 1, 0]),
        ("call_direction=inbound", []),
        (f"from_number={LINE.lstrip('+')[:6]}&to_number=1415555010", [2, 0]),
        ("to_number=15550009999", []),
        ("parent_call_uuid={0}", [2, 1]),
        ("hangup_cause_code=3010", [2]),
        ("hangup_source=Callee&bill_duration=70", [0]),
        ("bill_duration__gt=67&bill_duration__lte=70", [0]),
        ("bill_duration__lt=1", [2]),
        ("bill_duration__gte=1", [1, 0]),
        ("end_time__lt=2026-01-05 10:01", [2]),
        ("end_time__gte=2026-01-05 10:00:11.5&end_time__lte=2026-01-05 10:00", [2]),
        ("end_time__gt=2027-01-01 00:00:00", []),
        ("subaccount=SAXXXXXXXXXXXXXXXXXX", []),
        ("limit=1", [2]),
        ("limit=1&offset=2", [0]),
        ("call_direction=", [2, 1, 0]),
    ],
)
def test_records_are_filtered(plivo: Phone, ended: list[str], query: str, found: list[int]) -> None:
    reply = plivo.rest("GET", f"Call/?{query.format(*ended)}").json()
    assert [each["call_uuid"] for each in reply["objects"]] == [ended[i] for i in found]
    assert all(set(each) == RECORD_KEYS for each in reply["objects"])


def test_pages_of_records_name_the_next_one(plivo: Phone, ended: list[str]) -> None:
    first = plivo.rest("GET", "Call/?limit=2&hangup_source=").json()["meta"]
    assert (first["limit"], first["offset"], first["previous"], first["total_count"]) == (2, 0, None, 3)
    second = plivo.rest("GET", "Call/?" + first["next"].partition("?")[2]).json()
    assert [each["call_uuid"] for each in second["objects"]] == ended[:1]
    assert second["meta"]["next"] is None
    assert "offset=0" in second["meta"]["previous"]


@pytest.mark.parametrize("query", ["hangup_cause_code=x", "bill_duration__gt=-1", "end_time=yesterday", "limit=99"])
def test_a_filter_that_makes_no_sense_is_a_400(plivo: Phone, query: str) -> None:
    assert error(plivo, "GET", f"Call/?{query}")[0] == 400


# -- later


def test_the_answer_is_sent_to_a_callback_url(plivo: Phone, web: Web, answer_url: str) -> None:
    done = web.xml("/done", "")
    body = {"from": LINE, "to": CALLER, "answer_url": answer_url, "callback_url": done}
    reply = plivo.rest("POST", "Call/", body)
    assert (reply.status_code, set(reply.json())) == (202, {"message", "api_id"})
    assert reply.json()["message"] == "async api spawned"
    plivo.advance(5)
    real = web.one("/done")
    assert (real.method, real.params["message"]) == ("POST", "call fired")
    assert real.params["api_id"] == reply.json()["api_id"]
    assert "x-plivo-signature-v3" in {name.lower() for name in real.headers}
    uuid = real.params["request_uuid"]
    # refusals come the same way, and so does what a GET asks for
    assert plivo.rest("POST", "Call/nobody/", {"aleg_url": web.url, "callback_url": done}).status_code == 202
    assert plivo.rest("GET", f"Call/?status=live&callback_url={done}&callback_method=get").status_code == 202
    assert plivo.rest("DELETE", f"Call/{uuid}/", {"callback_url": done}).status_code == 202
    plivo.advance(0)
    refused, listed, hung_up = web.at("/done")[1:]
    assert refused.params["error"] == "call not found"
    assert (listed.method, listed.params["calls"]) == ("GET", f'["{uuid}"]')
    assert set(hung_up.params) == {"api_id"}
    assert plivo.ended(uuid) == (4000, "API Request")


def test_a_callback_url_that_makes_no_sense(plivo: Phone) -> None:
    for extra in (
        {"callback_url": "/done"},
        {"callback_url": 5},
        {"callback_url": "http://x", "callback_method": "PUT"},
    ):
        status, text = error(plivo, "DELETE", "Call/nobody/", extra)
        assert (status, text.split()[0]) == (400, list(extra)[-1])


def test_a_callback_url_nobody_answers_changes_nothing(plivo: Phone, web: Web) -> None:
    body = {"callback_url": f"{web.url}/nothing"}
    assert plivo.rest("DELETE", "Call/nobody/", body).status_code == 202
    plivo.advance(0)
    assert any("-> 404  [the answer to" in text for text in plivo.texts("fetch"))
    plivo.switch(signatures="none")
    assert plivo.rest("DELETE", "Call/nobody/", {"callback_url": "http://127.0.0.1:9/"}).status_code == 202
    plivo.advance(0)
    assert "cannot connect" in plivo.texts("fetch")[-1]


def test_vobiz_has_no_asynchronous_form(vobiz: Phone, web: Web) -> None:
    assert error(vobiz, "DELETE", "Call/nobody/", {"callback_url": web.url}) == (404, "call not found")


# -- limits


def test_three_hundred_requests_in_five_seconds(plivo: Phone) -> None:
    for _ in range(300):
        assert plivo.rest("GET", "Call/?status=live").status_code == 200
    assert error(plivo, "GET", "Call/?status=live") == (429, "too many requests")
    assert plivo.rest("GET", "Call/?status=live", auth=("MA", "wrong")).status_code == 401
    plivo.advance(4.9)
    assert error(plivo, "POST", "Call/", {}) == (429, "too many requests")
    plivo.advance(0.1)
    assert plivo.rest("GET", "Call/?status=live").status_code == 200


def test_controls_are_not_counted_and_the_limit_can_be_changed(phone: Phone) -> None:
    phone.switch(rate_limit=2)
    for _ in range(5):
        phone.control("GET", "calls")
    statuses = [phone.rest("GET", "Call/?status=live").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    phone.switch(rate_limit=0)
    assert phone.rest("GET", "Call/?status=live").status_code == 200


def test_calls_per_second(phone: Phone, answer_url: str) -> None:
    phone.switch(calls_per_second=2)
    phone.call(answer_url)  # coming in does not count
    body = {"from": LINE, "to": f"{CALLER}<{AGENT}", "answer_url": answer_url}
    assert phone.rest("POST", "Call/", body).status_code in (200, 201)
    reply = phone.rest("POST", "Call/", {**body, "to": AGENT})
    assert reply.status_code == 429
    assert set(reply.json()) >= {"status", "error", "timestamp", "requestId"}
    assert reply.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert set(reply.json()["error"]["details"]) == {"limitType", "limit", "current", "retryAfter"}
    phone.advance(1)
    assert phone.rest("POST", "Call/", {**body, "to": AGENT}).status_code in (200, 201)
