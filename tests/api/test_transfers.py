"""Transfers over HTTP: what is refused before a call is touched, what the platform's bad days become, and that asking
again does nothing. Cases 53 to 59 of the fault list.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from callflows.bearer import Scope
from callflows.models import Leg, LegTarget, Transfer, TransferStatus
from callflows.providers import rest
from callflows.runtime import Runtime
from callflows.store import Store

from ..conftest import CALL
from ..house import wait_until
from .conftest import Client, House, code

PROVIDERS = ("plivo", "vobiz")


@pytest.fixture
def store(house: House) -> Iterator[Store]:
    runtime = Runtime({name: value for name, value in house.gunicorn.values.items() if name != "KEEPER"})
    yield runtime.store
    runtime.close()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_call_is_moved_and_it_is_known(house: House, api: Client, provider: str) -> None:
    call = house.call(provider)
    reply = api.transfer(call, provider=provider)
    assert reply.status_code == 202, reply.text
    made = reply.json()
    assert (made["status"], made["asked_by"], made["repeated"]) == ("accepted", "transferer", False)
    assert reply.headers["Location"] == f"/api/v1/transfers/{made['id']}"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: api.get(reply.headers["Location"], params={"wait": 30}))
        house.phones[provider].advance(3)
        shown = waiting.result().json()
    assert (shown["settled"], shown["ok"], shown["legs"]["aleg"]["status"]) == (True, True, "fetched")
    refused = api.transfer(call, provider=provider, bleg="quiet", aleg="")
    assert (refused.status_code, code(refused)) == (422, "request_invalid")
    refused = api.transfer(call, provider=provider, bleg=None, aleg=None)
    assert (refused.status_code, code(refused)) == (422, "request_invalid")
    refused = api.post("/transfers", json={"call_uuid": call, "aleg": None, "bleg": "quiet", "provider": provider})
    assert (refused.status_code, code(refused)) == (502, "provider_rejected")  # nobody is bridged to it
    assert f"transfer {made['id']} of call {call} asked for by transferer" in house.gunicorn.log.read_text()


def test_a_wait_that_nothing_ends(house: House, api: Client) -> None:
    call = house.call()
    house.phone.http.post("/faults", json={"rest": "never-fetch"}).raise_for_status()
    made = api.transfer(call).json()
    shown = api.get(f"/transfers/{made['id']}", params={"wait": 4}).json()
    assert (shown["settled"], shown["outcome"], shown["legs"]["aleg"]["status"]) == (False, "open", "waiting")
    assert shown["legs"]["aleg"]["not_fetched_for"] > 3
    assert "the platform says that the call is still live" in shown["advice"][0]


def test_waiting_ends_when_the_transfer_is_settled(house: House, api: Client) -> None:
    made = api.transfer(house.call()).json()
    house.phone.advance(2)
    begun = time.monotonic()
    shown = api.get(f"/transfers/{made['id']}", params={"wait": 60}).json()
    assert (shown["settled"], shown["ok"], shown["legs"]["aleg"]["status"]) == (True, True, "fetched")
    assert time.monotonic() - begun < 40  # it did not sit there for its minute
    for wait in ("-1", "61", "nan", "x"):
        assert api.get(f"/transfers/{made['id']}", params={"wait": wait}).status_code == 400


BEFORE: dict[str, tuple[dict[str, Any], str]] = {
    "unknown flow": ({"aleg": "nowhere"}, "flow_not_found"),
    "unknown step": ({"aleg": "quiet/nowhere"}, "flow_not_found"),
    "broken flow": ({"aleg": "broken"}, "preflight_failed"),
    "missing param": ({"aleg": "to"}, "param_invalid"),
    "unknown param": ({"params": {"to": "+14155550123"}}, "param_invalid"),
    "a number nobody allowed": ({"aleg": "to", "params": {"to": "+19005550123"}}, "preflight_failed"),
    "params that do not fit": ({"params": {f"p{n}": "x" * 1000 for n in range(100)}}, "body_too_large"),
    "another host": ({"aleg": "https://evil.example.com/flows/plivo/quiet/aleg"}, "flow_not_found"),
    "a path": ({"aleg": "../quiet/aleg"}, "flow_not_found"),
}


@pytest.mark.parametrize("name", BEFORE)
def test_cases_53_and_59_refused_before_the_call_is_touched(house: House, api: Client, name: str) -> None:
    wanted, expected = BEFORE[name]
    reply = api.transfer(CALL, key=f"before {name}".replace(" ", "-"), **wanted)
    assert code(reply) == expected
    assert reply.status_code == (413 if expected == "body_too_large" else 422)
    if expected == "preflight_failed":
        assert reply.json()["error"]["details"]["problems"][0]["code"]
    assert "transfer_id" not in reply.json()["error"]["details"]
    assert "--" not in reply.text  # nobody here has a command line
    assert house.asked(CALL) == 0


@pytest.mark.parametrize("call", ["a/b", "..", ".", "a%2fb", "a\nb", "a b", "a\\b", "x" * 129, "", "\u0430bc", "a?b#c"])
def test_case_54_a_call_uuid_that_is_none(house: House, api: Client, call: str) -> None:
    reply = api.transfer(call)
    assert (reply.status_code, code(reply)) == (422, "request_invalid")
    path = (
        call.replace("/", "%2f").replace("\n", "%0a").replace("?", "%3f").replace("#", "%23").replace("a%2f", "a%252f")
    )
    if call not in ("", ".", ".."):  # clients resolve those themselves
        for ask in (api.get(f"/live-calls/{path}?provider=plivo"), api.post(f"/calls/{path}/hangup", json={})):
            assert ask.status_code in (404, 422), ask.text
        assert "\nb " not in house.gunicorn.log.read_text()  # one line of the log for one request


BAD_DAYS = {
    "400": (502, "provider_rejected"),
    "401": (502, "provider_auth"),
    "403": (502, "provider_auth"),
    "404": (404, "call_not_live"),
    "429": (429, "rate_limited"),
    "500": (504, "outcome_unknown"),
    "503": (504, "outcome_unknown"),
    "html-502": (504, "outcome_unknown"),
    "500-after-acting": (504, "outcome_unknown"),
    "reset-before": (504, "outcome_unknown"),
    "reset-after": (504, "outcome_unknown"),
}


@pytest.mark.parametrize("kind", BAD_DAYS)
def test_case_55_the_platforms_bad_days(house: House, api: Client, store: Store, kind: str) -> None:
    call, status_and_code = house.call(), BAD_DAYS[kind]
    house.phone.http.post("/faults", json={"rest": kind}).raise_for_status()
    first = api.transfer(call, key=f"bad-day-{kind}")
    assert (first.status_code, code(first)) == status_and_code
    made = first.json()["error"]["details"]["transfer_id"]
    assert house.gunicorn.values["PLIVO_AUTH_TOKENS"] not in first.text
    row = store.transfer(made)
    assert row is not None
    assert row.status is (TransferStatus.UNKNOWN if first.status_code == 504 else TransferStatus.REJECTED)
    again = api.transfer(call, key=f"bad-day-{kind}")
    assert (again.status_code, code(again)) == status_and_code
    assert again.json()["error"]["details"]["transfer_id"] == made
    assert house.asked(call) == 1
    assert ("Retry-After" in first.headers) is (first.status_code == 429)


def test_case_55_a_platform_that_is_not_there(house: House, api: Client) -> None:
    server = house.servers["vobiz"]
    call = house.call("vobiz")
    assert api.get("/live-calls", params={"provider": "vobiz"}).json()["call_uuids"][-1:] == [call]
    house.phones["vobiz"].http.post("/faults", json={"rest": "reset-before", "count": rest.ATTEMPTS}).raise_for_status()
    reply = api.get("/live-calls", params={"provider": "vobiz"})
    assert (reply.status_code, code(reply)) == (502, "provider_unreachable")
    assert server.simulator.auth_token not in reply.text
    house.phones["vobiz"].http.delete("/faults")


def test_case_56_an_unknown_outcome_is_mended_by_the_fetch(house: House, api: Client) -> None:
    call = house.call()
    house.phone.http.post("/faults", json={"rest": "500-after-acting"}).raise_for_status()
    reply = api.transfer(call)
    assert (reply.status_code, code(reply)) == (504, "outcome_unknown")
    house.phone.advance(3)
    shown = api.get(f"/transfers/{reply.json()['error']['details']['transfer_id']}", params={"wait": 20}).json()
    assert (shown["status"], shown["ok"], shown["legs"]["aleg"]["status"]) == ("unknown", True, "fetched")
    assert house.asked(call) == 1


def test_case_57_the_same_key_twice(house: House, api: Client) -> None:
    call, key = house.call(), uuid.uuid4().hex
    first = api.transfer(call, key=key)
    again = api.transfer(call, key=key)
    assert (first.status_code, again.status_code, again.json()["repeated"]) == (202, 202, True)
    assert again.headers["Location"] == first.headers["Location"]
    different = {"repeated": True, "warnings": []}
    assert first.json() | different == again.json()
    for other in ({"aleg": "quiet/bleg"}, {"bleg": "quiet"}):
        reply = api.transfer(call, key=key, **other)
        assert (reply.status_code, code(reply)) == (409, "idempotency_key_reused")
    assert api.transfer(CALL, key=key).status_code == 409
    assert house.asked(call) == 1


def test_case_57_the_same_key_at_once(house: House, api: Client) -> None:
    call, key = house.call(), uuid.uuid4().hex
    house.phone.http.post("/faults", json={"rest": "slow-body", "seconds": 1}).raise_for_status()
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: api.transfer(call, key=key), range(6)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert sorted(reply.json()["repeated"] for reply in replies) == [False] + [True] * 5
    assert house.asked(call) == 1


def test_the_same_leg_is_on_its_way(house: House, api: Client) -> None:
    call = house.call()
    house.phone.http.post("/faults", json={"rest": "never-fetch"}).raise_for_status()
    first = api.transfer(call).json()
    reply = api.transfer(call)
    assert (reply.status_code, code(reply)) == (409, "transfer_in_flight")
    assert reply.json()["error"]["details"]["transfer_id"] == first["id"]
    assert int(reply.headers["Retry-After"]) >= 1
    assert api.transfer(call, force=True).status_code == 202
    assert house.asked(call) == 2


def test_case_58_whoever_asked_was_killed(house: House, api: Client, store: Store) -> None:
    """The row is there, and nobody will ever settle it."""
    call, key = house.call(), uuid.uuid4().hex
    made = api.transfer(call, key=key).json()["id"]
    known = store.transfer(made)
    assert known is not None
    lost = Transfer(
        id=uuid.uuid4().hex,
        provider="plivo",
        call_uuid=call,
        targets={Leg.A: LegTarget("quiet", "aleg")},
        requested_at=time.time() - 3600,
        idempotency_key=f"{key}-lost",
        asked_by="transferer",
        fingerprint=known.fingerprint,
    )
    store.add_transfer(lost)
    store.give_up(before=time.time() - 60, at=time.time())  # as the keeper does, if it was not faster
    asked = house.asked(call)
    shown = api.get(f"/transfers/{lost.id}").json()
    assert (shown["status"], shown["reason"]) == ("unknown", "outcome_unknown")
    again = api.transfer(call, key=f"{key}-lost")
    assert (again.status_code, code(again)) == (504, "outcome_unknown")
    assert again.json()["error"]["details"]["transfer_id"] == lost.id
    assert house.asked(call) == asked
    listed = {
        each["id"]: each["status"] for each in api.get("/transfers", params={"call_uuid": call}).json()["transfers"]
    }
    assert listed == {made: "accepted", lost.id: "unknown"}
    asked_for = api.get("/transfers", params={"call_uuid": call, "status": "unknown"}).json()
    assert [each["id"] for each in asked_for["transfers"]] == [lost.id]


def test_case_59_the_platform_is_only_ever_given_our_own_address(house: House, api: Client) -> None:
    call = house.call()
    headers = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"}
    body = {"call_uuid": call, "aleg": "quiet", "provider": "plivo"}
    assert api.post("/transfers", json=body, headers=headers).status_code == 202
    sent = [each["body"]["aleg_url"] for each in house.phone.requests() if call in each["path"]]
    assert [url.startswith(f"{house.gunicorn.url}/flows/plivo/quiet/aleg?t=") for url in sent] == [True]


def test_a_dry_run_sends_nothing(house: House, api: Client) -> None:
    call = house.call()
    reply = api.transfer(call, key="dry", aleg="to", params={"to": "+14155550123"}, dry_run=True)
    assert reply.status_code == 200
    plan = reply.json()
    assert "<Number>+14155550123</Number>" in plan["legs"]["aleg"]["document"]
    assert "url" not in plan["legs"]["aleg"]
    assert "?t=1" not in reply.text  # whoever holds a token may speak for the call
    assert house.asked(call) == 0
    assert api.transfer(call, key="dry").status_code == 202  # the key is not used up


def test_pages_of_transfers(house: House, api: Client) -> None:
    call = house.call()
    made = [api.transfer(call, force=True).json()["id"] for _ in range(5)]
    found, cursor = [], None
    while True:
        page = api.get(
            "/transfers", params={"call_uuid": call, "limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        found += [each["id"] for each in page["transfers"]]
        assert len(page["transfers"]) <= 2
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert found == made[::-1]

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in api.get("/transfers", params={"call_uuid": call, **query}).json()["transfers"]]

    assert ids(provider="vobiz") == ids(status="rejected") == ids(asked_by="nobody") == []
    assert ids(provider="plivo", status="accepted", asked_by="transferer") == made[::-1]
    third = api.get(f"/transfers/{made[2]}").json()["requested_at"]
    assert ids(since=repr(third)) == made[:1:-1]
    assert ids(until=repr(third)) == made[1::-1]


def test_a_hang_up(house: House, api: Client) -> None:
    call = house.call()
    assert api.post(f"/calls/{call}/hangup", json={"provider": "plivo", "x": 1}).status_code == 422
    wait_until(lambda: api.get(f"/calls/{call}").status_code == 200, what="the call in the store")
    reply = api.post(f"/calls/{call}/hangup")
    assert (reply.status_code, reply.json()) == (202, {"call_uuid": call, "provider": "plivo"})
    assert f"hang-up of call {call} asked for by transferer: done" in house.gunicorn.log.read_text()
    house.phone.advance(2)
    again = api.post(f"/calls/{call}/hangup")
    assert (again.status_code, code(again)) == (404, "call_not_live")
    assert api.get(f"/live-calls/{call}", scope=Scope.READ).status_code == 404


def test_calls_and_their_events(house: House, api: Client) -> None:
    calls = [house.call(), house.call("vobiz")]
    wait_until(lambda: api.get(f"/calls/{calls[1]}").status_code == 200, what="the call in the store")
    wait_until(lambda: api.get(f"/calls/{calls[0]}").status_code == 200, what="the call in the store")
    call = calls[0]
    assert api.transfer(call).status_code == 202
    house.phone.advance(3)
    wait_until(lambda: len(api.get(f"/calls/{call}/events").json()["events"]) == 2, what="both fetches")
    first = api.get(f"/calls/{call}/events", params={"limit": 1}).json()
    second = api.get(f"/calls/{call}/events", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [page["events"][0]["step"] for page in (first, second)] == ["answer", "aleg"]
    assert second["next_cursor"] is None
    assert "<Speak>One moment.</Speak>" in second["events"][0]["document"]
    assert second["events"][0]["params"]["CallUUID"] == call
    page = api.get("/calls", params={"limit": 1}).json()
    assert page["calls"][0]["call_uuid"] == call
    rest_of_them = api.get("/calls", params={"cursor": page["next_cursor"]}).json()["calls"]
    assert rest_of_them[0]["call_uuid"] == calls[1]
    live = api.get("/live-calls", params={"provider": "plivo"}).json()
    assert call in live["call_uuids"]
    assert api.get(f"/live-calls/{call}").json()["from_number"] == "+14155550101"
    assert api.get("/calls/nobody").status_code == 404
    assert api.get("/live-calls").status_code == 422  # which of the two?


def test_flows(house: House, api: Client) -> None:
    found = {each["name"]: each for each in api.get("/flows", scope=Scope.READ).json()["flows"]}
    assert {name: each["state"] for name, each in found.items()} == {
        "quiet": "live",
        "to": "live",
        "line": "live",
        "broken": "broken",
    }
    assert found["quiet"]["entries"] == ["aleg", "bleg", "answer"]
    assert found["broken"]["problems"][0]["file"] == "broken/aleg.xml"
    assert api.get("/flows/to").json() == found["to"]
    schema = found["to"]["params_schema"]
    assert (schema["required"], schema["properties"]["to"]["type"]) == (["to"], "string")
    assert api.get("/flows/nowhere").status_code == 404
