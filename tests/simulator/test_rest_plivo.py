"""Plivo's REST API, held to by the official Python SDK as a stranger, and by raw HTTP."""

from __future__ import annotations

from typing import Any

import plivo as sdk
import pytest
import requests
from plivo.exceptions import (
    AuthenticationError,
    ForbiddenError,
    GeoPermissionError,
    InvalidRequestError,
    PlivoRestError,
    PlivoServerError,
    ResourceNotFoundError,
    ValidationError,
)

from .conftest import AGENT, CALLER, LINE, Elsewhere, Phone, Web


@pytest.fixture
def bridged(plivo: Phone, web: Web) -> str:
    """A caller talking to an agent."""
    uuid = plivo.call(web.xml("/answer", f"<Dial><Number>{AGENT}</Number></Dial><Speak>Still here.</Speak>"))
    plivo.run()
    return uuid


@pytest.mark.parametrize("legs", ["aleg", "bleg", "both"])
def test_the_sdk_transfers(plivo: Phone, client: Any, web: Web, bridged: str, legs: str) -> None:
    urls = {f"{leg}_url": web.xml(f"/{leg}", f"<Speak>Moved {leg}.</Speak>") for leg in ("aleg", "bleg")}
    reply = client.calls.transfer(bridged, legs=legs, **urls)
    assert reply.message == "call transferred"
    assert reply.api_id
    plivo.run()
    moved = ["aleg", "bleg"] if legs == "both" else [legs]
    assert [each.path for each in web.received if each.path in ("/aleg", "/bleg")] == [f"/{leg}" for leg in moved]
    assert {text for text in plivo.texts("hear") if "Moved" in text} == {f'hears "Moved {leg}."' for leg in moved}


def test_the_sdk_places_and_hangs_up_a_call(plivo: Phone, client: Any, web: Web) -> None:
    url = web.xml("/answer", "<Wait length='60'/>")
    reply = client.calls.create(from_=LINE, to_=CALLER, answer_url=url, hangup_url=web.xml("/hangup", ""))
    assert reply.message == "call fired"
    plivo.advance(4)
    assert client.live_calls.list_ids().calls == [reply.request_uuid]
    live = client.live_calls.get(reply.request_uuid)
    assert (live.call_status, live["from"], live.to, live.direction) == (
        "in-progress",
        CALLER.replace(CALLER, LINE),
        CALLER.lstrip("+"),
        "outbound",
    )
    assert live.session_start == "2026-01-05 10:00:00.000000"
    assert client.calls.hangup(reply.request_uuid) is None
    assert client.live_calls.list_ids().calls == []
    assert plivo.ended(reply.request_uuid) == (4000, "API Request")
    assert web.one("/hangup").params["HangupCauseCode"] == "4000"
    with pytest.raises(ResourceNotFoundError, match="call not found"):
        client.calls.hangup(reply.request_uuid)
    with pytest.raises(ResourceNotFoundError, match="call not found"):
        client.live_calls.get(reply.request_uuid)


def test_a_queued_call_is_listed_as_queued_and_cannot_be_transferred(plivo: Phone, client: Any, web: Web) -> None:
    plivo.number(CALLER, queued=5)
    uuid = plivo.place(web.xml("/answer", "<Wait length='60'/>"))
    assert client.queued_calls.list_ids().calls == [uuid]
    assert client.live_calls.list_ids().calls == []
    with pytest.raises(ResourceNotFoundError):
        client.calls.transfer(uuid, legs="aleg", aleg_url=web.url)
    plivo.advance(6)
    assert client.live_calls.get(uuid).call_status == "ringing"
    with pytest.raises(ResourceNotFoundError):  # ringing is not in-progress
        client.calls.transfer(uuid, legs="aleg", aleg_url=web.url)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", ValidationError),
        ("401", AuthenticationError),
        ("403", ForbiddenError),
        ("404", ResourceNotFoundError),
        ("405", InvalidRequestError),
        ("409", InvalidRequestError),
        ("422", InvalidRequestError),
        ("429", PlivoRestError),
        ("500", PlivoServerError),
        ("502", PlivoRestError),
        ("503", PlivoRestError),
        ("html-502", PlivoRestError),
        ("500-after-acting", PlivoServerError),
        ("reset-before", requests.exceptions.ConnectionError),
        ("reset-after", requests.exceptions.ConnectionError),
    ],
)
def test_a_bad_day_reaches_the_sdk_as_its_errors(
    plivo: Phone, client: Any, web: Web, bridged: str, fault: str, error: type[Exception]
) -> None:
    plivo.control("POST", "faults", {"rest": fault, "count": 3})  # the SDK asks again after a 5xx, twice
    with pytest.raises(error) as caught:
        client.calls.transfer(bridged, legs="aleg", aleg_url=web.xml("/aleg", "<Wait/>"))
    assert type(caught.value) is error


def test_a_barred_region_has_an_error_of_its_own(plivo: Phone, client: Any) -> None:
    plivo.control("POST", "faults", {"rest": "403"})
    with pytest.raises(GeoPermissionError):
        client.calls.create(from_=LINE, to_=CALLER, answer_url="https://example.com/")


def test_the_sdk_cancels_what_is_queued(plivo: Phone, client: Any, web: Web) -> None:
    plivo.number(CALLER, queued=50)
    uuid = client.calls.create(from_=LINE, to_=CALLER, answer_url=web.xml("/answer", "")).request_uuid
    assert client.queued_calls.get(uuid).call_status == "queued"
    assert client.calls.cancel(uuid) is None
    assert plivo.ended(uuid) == (1000, "API Request")
    assert client.queued_calls.list_ids().calls == []
    with pytest.raises(ResourceNotFoundError, match="not found"):
        client.calls.cancel(uuid)


def test_the_sdk_reads_records_page_by_page(plivo: Phone, client: Any, web: Web) -> None:
    numbers = [f"+141555501{i:02}" for i in range(1, 26)]
    client.calls.create(from_=LINE, to_="<".join(numbers), answer_url=web.xml("/answer", "<Wait/>"))
    plivo.run()
    page = client.calls.list(call_direction="outbound", hangup_cause_code=4010)
    assert (len(page), page.meta.total_count) == (20, 25)
    assert {f"+{each.to_number}" for each in client.calls} == set(numbers)  # follows meta.next
    record = client.calls.get(page[0].call_uuid)
    assert (record.hangup_cause_name, record.call_duration) == ("End Of XML Instructions", 1)


def test_the_sdk_gets_its_answer_later(plivo: Phone, client: Any, web: Web, bridged: str) -> None:
    done = web.xml("/done", "")
    aleg = web.xml("/aleg", "<Wait/>")
    reply = client.calls.transfer(bridged, legs="aleg", aleg_url=aleg, callback_url=done)
    assert reply.message == "async api spawned"
    assert client.live_calls.list_ids(callback_url=done, callback_method="GET").message == "async api spawned"
    plivo.advance(0)
    first, second = web.at("/done")
    assert (first.params["message"], first.params["api_id"]) == ("call transferred", reply.api_id)
    assert bridged in second.params["calls"]


def test_a_fault_that_passes_is_not_even_noticed(plivo: Phone, client: Any, bridged: str) -> None:
    plivo.control("POST", "faults", {"rest": "503", "count": 2})
    assert bridged in client.live_calls.list_ids().calls  # asked three times
    assert [entry["status"] for entry in plivo.control("GET", "requests")][-3:] == [503, 503, 200]


def test_a_500_after_acting_has_acted_and_the_sdk_transfers_again(
    plivo: Phone, client: Any, web: Web, bridged: str
) -> None:
    plivo.control("POST", "faults", {"rest": "500-after-acting"})
    client.calls.transfer(bridged, legs="aleg", aleg_url=web.xml("/aleg", "<Wait length='9'/>"))
    plivo.advance(0)
    assert len(web.at("/aleg")) == 2


def test_sdk_errors_of_wrong_credentials_and_wrong_method(plivo: Phone, client: Any) -> None:
    stranger = sdk.RestClient("MAXXXXXXXXXXXXXXXXXX", "wrong")
    with stranger:
        stranger.session.mount("https://api.plivo.com", Elsewhere(plivo.server.url))
        with pytest.raises(AuthenticationError):
            stranger.live_calls.list_ids()
        stranger.session.close()
    with pytest.raises(InvalidRequestError):
        client.request("PUT", ("Call", "some-uuid"), {})
    with pytest.raises(ValidationError, match="aleg_url parameter is missing"):
        client.calls.transfer("some-uuid", legs="aleg")


def test_the_curl_request_of_the_documents(plivo: Phone, web: Web, bridged: str) -> None:
    path, leg = f"Call/{bridged}/", web.xml("/aleg", "<Speak>Hello</Speak>")
    as_printed = plivo.rest("POST", path, {"legs": "optional_param"})
    assert as_printed.status_code == 400
    assert as_printed.json()["error"].startswith("legs parameter is invalid")
    filled_in = plivo.rest("POST", path, {"legs": "aleg", "aleg_url": leg})
    assert filled_in.status_code == 202
    assert set(filled_in.json()) == {"message", "api_id"}
    plivo.run()
    assert 'hears "Hello"' in plivo.texts()


def test_basic_auth_is_the_only_key(plivo: Phone, bridged: str) -> None:
    sim = plivo.simulator
    for auth in [None, ("MAXXXXXXXXXXXXXXXXXX", sim.auth_token), (sim.auth_id, "wrong"), (sim.auth_id, "")]:
        assert plivo.rest("GET", "Call/?status=live", auth=auth).status_code == 401
    for header in ["Basic", "Basic !!!", "Bearer x", "Basic " + "QQ==", "Basic \x7f"]:
        reply = plivo.rest("GET", "Call/?status=live", headers={"Authorization": header}, auth=None)
        assert reply.status_code == 401
        assert set(reply.json()) == {"api_id", "error"}
    other = plivo.http.get("/v1/Account/MAXXXXXXXXXXXXXXXXXX/Call/?status=live", auth=(sim.auth_id, sim.auth_token))
    assert other.status_code == 401
    assert plivo.rest("GET", "Call/?status=live").status_code == 200
    redacted = str(plivo.control("GET", "requests"))
    assert sim.auth_token not in redacted


def test_bulk_calls_get_one_uuid_each(plivo: Phone, web: Web) -> None:
    body = {"from": LINE, "to": f"{CALLER}<{AGENT}", "answer_url": web.xml("/answer", "<Hangup/>")}
    uuids = plivo.rest("POST", "Call/", body).json()["request_uuid"]
    assert len(set(uuids)) == 2
    plivo.run()
    assert len(web.at("/answer")) == 2


def test_the_live_list_can_be_filtered(plivo: Phone, bridged: str) -> None:
    def listed(query: str) -> list[str]:
        found: list[str] = plivo.rest("GET", f"Call/?status=live{query}").json()["calls"]
        return found

    assert len(listed("")) == 2
    assert listed("&call_direction=inbound") == [bridged]
    assert listed(f"&from_number={CALLER.lstrip('+')}&to_number={LINE.lstrip('+')}") == [bridged]
    assert listed("&to_number=15550009999") == []
