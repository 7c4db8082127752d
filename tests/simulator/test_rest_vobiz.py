"""Vobiz' REST API: header credentials, PascalCase paths, slashes, and the curl request of its document."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import AGENT, CALLER, LINE, Phone, Web

HANGUP_KEYS = set(
    "ALegRequestUUID ALegUUID AnswerTime BillDuration BillRate CallStatus CallUUID Direction Duration EndTime Event "
    "From HangupCause HangupCauseCode HangupCauseName HangupSource ParentAuthID RequestUUID STIRAttestation "
    "STIRVerification SessionStart StartTime To TotalCost".split()
)


@pytest.fixture
def bridged(vobiz: Phone, web: Web) -> str:
    uuid = vobiz.call(
        web.xml("/answer", f"<Speak>Hello</Speak><Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>")
    )
    vobiz.run()
    return uuid


def test_the_curl_request_of_the_document(vobiz: Phone, web: Web, bridged: str) -> None:
    body = {
        "legs": "aleg",
        "aleg_url": web.xml("/transfer_instructions/", "<Speak>Moved</Speak>"),
        "aleg_method": "POST",
    }
    reply = vobiz.rest("POST", f"Call/{bridged}/", body)
    assert reply.status_code == 202
    assert list(reply.json()) == ["api_id", "message", "call_uuid"]
    assert reply.json()["call_uuid"] == bridged
    vobiz.run()
    received = web.one("/transfer_instructions/")
    assert (received.params["Event"], received.params["CallStatus"]) == ("Transfer", "in-progress")
    assert received.params["CallUUID"] == bridged
    # as printed, the curl has no credentials and no body
    bare = vobiz.rest("POST", f"Call/{bridged}/", headers={})
    assert bare.status_code == 401


@pytest.mark.parametrize(
    "path", ["account/{id}/Call/{uuid}/", "Account/{id}/call/{uuid}/", "account/{id}/call/{uuid}/"]
)
def test_a_lower_case_path_is_a_401(vobiz: Phone, bridged: str, path: str) -> None:
    sim = vobiz.simulator
    headers = {"X-Auth-ID": sim.auth_id, "X-Auth-Token": sim.auth_token}
    url = "/api/v1/" + path.format(id=sim.auth_id, uuid=bridged)
    reply = vobiz.http.post(url, json={"aleg_url": "https://example.com/"}, headers=headers)
    assert reply.status_code == 401
    assert set(reply.json()) == {"api_id", "error"}


def test_slashes(vobiz: Phone, web: Web, bridged: str) -> None:
    body = {"aleg_url": web.xml("/aleg", "<Wait length='100'/>")}  # legs defaults to aleg
    assert vobiz.rest("POST", f"Call/{bridged}", body).status_code == 401
    vobiz.switch(missing_slash="404")
    assert vobiz.rest("POST", f"Call/{bridged}", body).status_code == 404
    vobiz.switch(missing_slash="accepted")
    assert vobiz.rest("POST", f"Call/{bridged}", body).status_code == 202
    vobiz.advance(0)
    assert vobiz.rest("GET", "Call?status=live").status_code == 200
    assert vobiz.rest("GET", f"Call/{bridged}?status=live").json()["call_status"] == "in-progress"
    assert vobiz.rest("DELETE", f"Call/{bridged}").status_code == 204


def test_an_additional_authorization_header_changes_nothing(vobiz: Phone) -> None:
    sim = vobiz.simulator
    good = {"X-Auth-ID": sim.auth_id, "X-Auth-Token": sim.auth_token, "Authorization": "Bearer whatever"}
    assert vobiz.rest("GET", "Call/?status=live", headers=good).status_code == 200
    for headers in [{}, {"X-Auth-ID": sim.auth_id}, {**good, "X-Auth-Token": "wrong"}, {**good, "X-Auth-ID": "MA_X"}]:
        assert vobiz.rest("GET", "Call/?status=live", headers=headers).status_code == 401


def test_placing_a_call(vobiz: Phone, web: Web) -> None:
    answer = web.xml("/answer", "<Speak>Hello</Speak>")
    reply = vobiz.rest("POST", "Call/", {"from": LINE, "to": CALLER, "answer_url": answer, "answer_method": "POST"})
    assert reply.status_code == 200
    uuid = reply.json()["request_uuid"]
    vobiz.run()
    first, last = web.at("/answer")
    assert (first.params["Event"], first.params["CallStatus"]) == ("StartApp", "in-progress")
    assert {first.params[name] for name in ("CallUUID", "ALegUUID", "RequestUUID", "ALegRequestUUID")} == {uuid}
    # without a hangup_url, the answer URL hears of the hang-up
    assert (last.params["Event"], last.params["HangupCauseName"]) == ("Hangup", "End Of XML Instructions")
    assert last.params["EndTime"].startswith("2026-01-05 15:30:0")  # account-local time, India
    assert set(last.params) == HANGUP_KEYS


def test_the_plivo_hangup_has_the_captured_keys(start: Callable[..., Phone], web: Web) -> None:
    plivo = start("plivo")
    plivo.place(
        web.xml("/answer", "<Speak>Hello</Speak>"), hangup_url=web.xml("/hangup", ""), ring_url=web.xml("/ring", "")
    )
    plivo.run()
    assert set(web.one("/hangup").params) == HANGUP_KEYS
    assert set(web.one("/ring").params) == set(
        "CallStatus CallUUID CallerName Direction Event From ParentAuthID RequestUUID SessionStart To".split()
    )
    assert web.one("/ring").params["To"] == CALLER
    answer = web.one("/answer")
    assert answer.params["To"] == CALLER.lstrip("+")
    assert set(answer.params) == set(
        "ALegRequestUUID ALegUUID BillRate CallStatus CallUUID CountryCode Direction Event From ParentAuthID "
        "RequestUUID RouteType STIRAttestation STIRVerification SessionStart To".split()
    )
    names = [pair.split("=")[0] for pair in answer.body.decode().split("&")]
    assert names == sorted(names)


# -- what the vendor's SDKs send, none of which is published: told by raw HTTP


def dialect(vobiz: Phone, sdk: str) -> dict[str, str]:
    sim = vobiz.simulator
    known = {"X-Auth-ID": sim.auth_id, "X-Auth-Token": sim.auth_token}
    return {
        "generated": {**known, "Authorization": "Bearer some-token", "User-Agent": "python-httpx/0.28"},
        "fork": {**known, "Content-Type": "application/json", "User-Agent": "vobiz-python/0.1.0"},
    }[sdk]


def test_the_forked_sdk_transfers_with_just_what_it_was_given(vobiz: Phone, web: Web, bridged: str) -> None:
    body = {"aleg_url": web.xml("/aleg", "<Wait length='100'/>")}  # legs is not added when it is left out
    reply = vobiz.rest("POST", f"Call/{bridged}/", body, headers=dialect(vobiz, "fork"))
    assert reply.status_code == 202
    vobiz.advance(0)
    assert len(web.at("/aleg")) == 1


@pytest.mark.parametrize("fault", ["400", "401", "404", "429"])
def test_the_forked_sdk_finds_its_errors_under_error(vobiz: Phone, bridged: str, fault: str) -> None:
    vobiz.control("POST", "faults", {"rest": fault})
    reply = vobiz.rest("POST", f"Call/{bridged}/", {"legs": "aleg"}, headers=dialect(vobiz, "fork"))
    assert (reply.status_code, type(reply.json()["error"])) == (int(fault), str)


def test_the_generated_sdk_leaves_out_slashes_and_adds_a_bearer_token(vobiz: Phone, bridged: str) -> None:
    headers = dialect(vobiz, "generated")
    assert bridged in vobiz.rest("GET", "Call?status=live", headers=headers).json()["calls"]
    assert vobiz.rest("GET", f"Call/{bridged}?status=live", headers=headers).json()["call_uuid"] == bridged
    assert vobiz.rest("GET", "Call?status=queued", headers=headers).json()["calls"] == []
    assert vobiz.rest("DELETE", f"Call/{bridged}", headers=headers).status_code == 204
    assert vobiz.ended(bridged) == (4000, "API Request")


def test_the_generated_sdk_asks_again_after_a_409(vobiz: Phone, bridged: str) -> None:
    headers = dialect(vobiz, "generated")
    for fault in ("409", "429", "500"):
        vobiz.control("POST", "faults", {"rest": fault})
    statuses = [vobiz.rest("GET", "Call?status=live", headers=headers).status_code for _ in range(4)]
    assert statuses == [409, 429, 500, 200]


@pytest.mark.parametrize("value", ["accepted", "404", "401"])
def test_a_slash_may_be_demanded_of_get_and_delete(vobiz: Phone, bridged: str, value: str) -> None:
    vobiz.switch(missing_slash_get_delete=value)
    expected = {"accepted": (200, 204), "404": (404, 404), "401": (401, 401)}[value]
    read = vobiz.rest("GET", f"Call/{bridged}?status=live")
    assert (read.status_code, vobiz.rest("DELETE", f"Call/{bridged}").status_code) == expected
    assert vobiz.rest("DELETE", f"Call/{bridged}/").status_code == (404 if value == "accepted" else 204)
