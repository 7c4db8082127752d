"""The next caller of a queue: over HTTP, at the command line, in Python; on a real server and simulated platforms."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from callflows import next_caller, targets
from callflows.api import openapi
from callflows.bearer import Scope
from callflows.cli import main
from callflows.errors import QueueEmpty, RequestInvalid
from callflows.models import LegTarget
from callflows.runtime import Runtime

from ..conftest import CALL, environment
from ..house import wait_until
from .conftest import Client, House, code


@pytest.fixture
def runtime(house: House) -> Iterator[Runtime]:
    found = Runtime({name: value for name, value in house.gunicorn.values.items() if name != "KEEPER"})
    yield found
    found.close()


@pytest.fixture
def queue() -> str:
    """A queue of the test's own."""
    return f"q-{uuid.uuid4().hex[:8]}"


Join = Callable[..., list[str]]


@pytest.fixture
def join(house: House, runtime: Runtime, queue: str) -> Join:
    """Callers who wait in the queue, in order; their hang-up is told to nobody."""

    def begin(count: int = 1, provider: str = "plivo") -> list[str]:
        url = targets.entry_url(runtime, provider, LegTarget("line", "answer"), {"queue": queue})
        calls = []
        for _ in range(count):
            calls.append(house.phones[provider].inbound(url))
            house.phones[provider].advance(1)
        wait_until(lambda: set(calls) <= {each.call_uuid for each in runtime.store.waiting(queue)}, what="all wait")
        return calls

    return begin


@pytest.fixture
def run(house: House) -> Callable[..., Result]:
    def invoke(*arguments: str) -> Result:
        values = {name: value for name, value in house.gunicorn.values.items() if name not in ("KEEPER", "BIND")}
        found = CliRunner().invoke(main, arguments, env=environment(values))
        assert found.exception is None or isinstance(found.exception, SystemExit), found.output
        return found

    return invoke


def take(api: Client, queue: str, key: str | None = None, **wanted: Any) -> Any:
    body = {"aleg": "quiet", **wanted}
    return api.post(f"/queues/{queue}/next", json=body, headers={"Idempotency-Key": key} if key else {})


def as_documented(method: str, path: str, reply: Any) -> None:
    """An answer with real data in it, held against the OpenAPI document."""
    document = openapi.document()
    response = document["paths"][f"/api/v1{path}"][method]["responses"][str(reply.status_code)]
    schema = response["content"]["application/json"]["schema"]
    jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}).validate(reply.json())


def claimed(api: Client, queue: str) -> list[bool]:
    return [each["claimed_at"] is not None for each in api.get(f"/queues/{queue}").json()["callers"]]


def test_each_is_moved_in_turn_and_leaves(house: House, api: Client, queue: str, join: Join) -> None:
    calls = join(3)
    known = api.get(f"/queues/{queue}", scope=Scope.READ).json()
    assert (known["name"], known["waiting"]) == (queue, 3)
    assert [(each["call_uuid"], each["position"]) for each in known["callers"]] == [
        (call, number) for number, call in enumerate(calls, 1)
    ]
    first = known["callers"][0]
    assert (first["provider"], first["number"], first["flow"], first["step"]) == (
        "plivo",
        "+14155550101",
        "line",
        "answer",
    )
    assert known["longest_since"] == first["joined_at"] <= time.time()
    assert len(api.get(f"/queues/{queue}", params={"limit": 1}).json()["callers"]) == 1
    as_documented("get", "/queues/{name}", api.get(f"/queues/{queue}"))
    as_documented("get", "/queues", api.get("/queues"))
    listed = {each["name"]: each for each in api.get("/queues").json()["queues"]}
    assert (listed[queue]["waiting"], listed[queue]["longest_since"]) == (3, first["joined_at"])
    for number, call in enumerate(calls):
        reply = take(api, queue)
        assert (reply.status_code, reply.json()["call_uuid"], reply.json()["asked_by"]) == (202, call, "transferer")
        as_documented("post", "/queues/{name}/next", reply)
        assert (reply.json()["repeated"], reply.json()["legs"]["aleg"]["target"]) == (False, "quiet/aleg")
        assert reply.json()["warnings"] == []
        house.phone.advance(3)
        wait_until(lambda: len(claimed(api, queue)) == 2 - number, what="they left")  # noqa: B023 - called at once
        shown = api.get(reply.headers["Location"]).json()
        assert (shown["ok"], shown["legs"]["aleg"]["status"]) == (True, "fetched")
    reply = take(api, queue)
    assert (reply.status_code, code(reply)) == (404, "queue_empty")
    assert queue not in reply.json()["error"]["details"]["waiting_in"]
    assert f"next of queue {queue} asked for by transferer: queue_empty" in house.gunicorn.log.read_text()


def test_an_empty_queue_says_where_somebody_waits(api: Client, queue: str, join: Join) -> None:
    join(2)
    other = f"{queue}-other"
    error = take(api, other).json()["error"]
    assert (error["message"], error["details"]["waiting_in"][queue]) == (f"nobody waits in {other}", 2)
    assert take(api, queue, provider="vobiz").json()["error"]["message"] == f"nobody waits in {queue} on vobiz"
    assert code(take(api, "Big Sale")) == "request_invalid"
    assert api.get("/queues/Big%20Sale%00").json()["callers"] == []


def test_a_repeated_key_is_the_same_caller(house: House, api: Client, queue: str, join: Join) -> None:
    calls, key = join(2), uuid.uuid4().hex
    first, again = take(api, queue, key), take(api, queue, key)
    assert first.json() | {"repeated": True, "warnings": []} == again.json()
    assert (again.status_code, again.json()["call_uuid"]) == (202, calls[0])
    for other in (take(api, queue, key, aleg="quiet/bleg"), take(api, f"{queue}-b", key), api.transfer(calls[0], key)):
        assert (other.status_code, code(other)) == (409, "idempotency_key_reused")
    house.phone.advance(3)
    wait_until(lambda: claimed(api, queue) == [False], what="they left")
    assert take(api, queue, key).json()["call_uuid"] == calls[0]
    assert house.asked(calls[1]) == 0


def test_one_key_at_the_same_moment_is_one_caller(house: House, api: Client, queue: str, join: Join) -> None:
    calls, key = join(6), uuid.uuid4().hex
    house.phone.http.post("/faults", json={"rest": "slow-body", "seconds": 0.5}).raise_for_status()
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: take(api, queue, key), range(6)))
    assert {reply.status_code for reply in replies} <= {202, 503}
    made = [reply.json() for reply in replies if reply.status_code == 202]
    assert len({each["id"] for each in made}) == 1
    assert made[0]["call_uuid"] in calls
    assert sum(house.asked(call) for call in calls) == 1
    house.phone.advance(3)
    wait_until(lambda: claimed(api, queue) == [False] * 5, what="one left, and the others were given back")


def test_whoever_is_gone_is_passed_over_also_for_a_repeated_key(
    house: House, api: Client, queue: str, join: Join
) -> None:
    calls, key = join(4), uuid.uuid4().hex
    for call in calls[:2]:
        house.phone.http.post(f"/calls/{call}/hangup", json={}).raise_for_status()
    replies = [take(api, queue, key) for _ in range(3)]
    assert [reply.json()["call_uuid"] for reply in replies] == [calls[2]] * 3
    assert [reply.json()["repeated"] for reply in replies] == [False, True, True]
    house.phone.advance(3)
    wait_until(lambda: claimed(api, queue) == [False], what="two are gone, one left")
    assert (house.asked(calls[2]), house.asked(calls[3])) == (1, 0)


GIVEN_BACK: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown flow": ({"aleg": "nowhere"}, "", "flow_not_found"),
    "broken flow": ({"aleg": "broken"}, "", "preflight_failed"),
    "a number nobody allowed": ({"aleg": "to", "params": {"to": "+19005550123"}}, "", "preflight_failed"),
    "refused": ({}, "400", "provider_rejected"),
    "credentials": ({}, "401", "provider_auth"),
    "too fast": ({}, "429", "rate_limited"),
    "no such field": ({"bleg": "quiet"}, "", "request_invalid"),
}


@pytest.mark.parametrize("name", GIVEN_BACK)
def test_where_surely_nothing_was_done_they_wait_at_their_place(
    house: House, api: Client, queue: str, join: Join, name: str
) -> None:
    wanted, fault, expected = GIVEN_BACK[name]
    calls = join(2)
    if fault:
        house.phone.http.post("/faults", json={"rest": fault}).raise_for_status()
    assert code(take(api, queue, **wanted)) == expected
    assert claimed(api, queue) == [False, False]
    assert take(api, queue).json()["call_uuid"] == calls[0]


def test_where_the_platform_may_have_acted_they_stay_claimed(house: House, api: Client, queue: str, join: Join) -> None:
    calls, key = join(2), uuid.uuid4().hex
    house.phone.http.post("/faults", json={"rest": "500"}).raise_for_status()
    for reply in (take(api, queue, key), take(api, queue, key)):
        assert (reply.status_code, code(reply)) == (504, "outcome_unknown")
        assert reply.json()["error"]["details"]["transfer_id"]
    assert (claimed(api, queue), house.asked(calls[0])) == ([True, False], 1)


def test_whoever_is_on_their_way_elsewhere_is_passed_over(house: House, api: Client, queue: str, join: Join) -> None:
    calls = join(2)
    house.phone.http.post("/faults", json={"rest": "never-fetch", "count": 2}).raise_for_status()
    assert api.transfer(calls[0]).status_code == 202
    assert take(api, queue).json()["call_uuid"] == calls[1]
    assert claimed(api, queue) == [True, True]
    assert house.asked(calls[0]) == 1


def test_a_dry_run_claims_nobody(house: House, api: Client, queue: str, join: Join) -> None:
    (call,) = join()
    reply = take(api, queue, dry_run=True)
    assert (reply.status_code, reply.json()["call_uuid"], reply.json()["dry_run"]) == (200, call, True)
    assert "One moment." in reply.json()["legs"]["aleg"]["document"]
    assert (claimed(api, queue), house.asked(call)) == ([False], 0)
    assert code(take(api, f"{queue}-b", dry_run=True)) == "queue_empty"


def drop(api: Client, queue: str, call: str, **wanted: Any) -> Any:
    return api.post(f"/queues/{queue}/drop", json={"call_uuid": call, **wanted})


def test_callers_are_dropped(house: House, api: Client, queue: str, join: Join) -> None:
    hung_up, moved, gone, stays = join(4)
    reply = drop(api, f"{queue}-b", hung_up)
    assert (reply.status_code, code(reply)) == (404, "not_waiting")
    house.phone.http.post("/faults", json={"rest": "400"}).raise_for_status()
    assert code(drop(api, queue, hung_up)) == "provider_rejected"
    assert claimed(api, queue) == [False] * 4
    reply = drop(api, queue, hung_up)
    assert (reply.status_code, reply.json()) == (
        202,
        {"call_uuid": hung_up, "queue": queue, "done": "hung_up", "transfer": None},
    )
    house.phone.http.post(f"/calls/{gone}/hangup", json={}).raise_for_status()
    assert drop(api, queue, gone).json()["done"] == "gone"
    reply = drop(api, queue, moved, aleg="quiet")
    as_documented("post", "/queues/{name}/drop", reply)
    done = reply.json()
    assert (done["done"], done["transfer"]["call_uuid"], done["transfer"]["status"]) == ("moved", moved, "accepted")
    house.phone.advance(3)
    wait_until(lambda: len(claimed(api, queue)) == 1, what="they left")
    assert [each["call_uuid"] for each in api.get(f"/queues/{queue}").json()["callers"]] == [stays]
    for reply in (drop(api, queue, hung_up), drop(api, queue, CALL)):
        assert code(reply) == "not_waiting"


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_at_the_command_line(house: House, queue: str, join: Join, run: Callable[..., Result], provider: str) -> None:
    calls = join(3, provider)
    shown = run("queue", "list", queue)
    assert [line.split()[-1] for line in shown.stdout.splitlines()] == calls
    assert shown.stdout.splitlines()[1].split()[:2] == [queue, "2"]
    assert "+14155550101" in shown.stdout
    assert "line/answer" in shown.stdout
    assert [row["position"] for row in json.loads(run("queue", "list", queue, "--json").stdout)] == [1, 2, 3]

    house.phones[provider].http.post("/faults", json={"rest": "never-fetch"}).raise_for_status()
    moved = run("queue", "next", queue, "--to", "quiet")
    assert moved.exit_code == 0
    assert f"call {calls[0]}: transfer " in moved.stdout
    assert "accepted by" in moved.stdout
    assert "being moved since" in run("queue", "list", queue).stdout.splitlines()[0]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, "queue", "next", queue, "--to", "quiet", "--wait", "20", "--json")
        wait_until(lambda: house.asked(calls[1], provider), what="the platform was asked")
        house.phones[provider].advance(3)
        told = json.loads(waiting.result().stdout)
    assert (told["call_uuid"], told["ok"], told["legs"]["aleg"]["status"]) == (calls[1], True, "fetched")

    dropped = run("queue", "drop", calls[2])
    assert (dropped.exit_code, dropped.stdout) == (0, f"{queue}: call {calls[2]}: hung up\n")
    again = run("queue", "drop", calls[2])
    assert (again.exit_code, again.stderr.startswith(f"error: call '{calls[2]}' waits in no queue")) == (1, True)
    assert json.loads(run("queue", "drop", calls[0], "--json").stdout)["done"] == "hung_up", "also while being moved"
    wait_until(lambda: run("queue", "list", queue).stdout == f"nobody waits in {queue}\n", what="all left")


def test_at_the_command_line_when_nobody_waits(queue: str, join: Join, run: Callable[..., Result]) -> None:
    join(2)
    empty = run("queue", "next", f"{queue}-b", "--to", "quiet")
    assert (empty.exit_code, empty.stdout) == (1, "")
    assert empty.stderr.startswith(f"error: nobody waits in {queue}-b (somebody waits in ")
    assert f"{queue} (2)" in empty.stderr
    assert run("queue", "next", queue).exit_code == 2
    assert run("queue", "next", "Big Sale", "--to", "quiet").exit_code == 2
    assert run("queue", "next", queue, "--to", "nowhere").exit_code == 1
    assert run("queue", "drop", CALL, "--set", "a=b").exit_code == 2


def test_at_the_command_line_the_platforms_bad_days(
    house: House, queue: str, join: Join, run: Callable[..., Result]
) -> None:
    (call,) = join()
    house.phone.http.post("/faults", json={"rest": "429"}).raise_for_status()
    assert run("queue", "next", queue, "--to", "quiet").exit_code == 3
    house.phone.http.post("/faults", json={"rest": "500"}).raise_for_status()
    unknown = run("queue", "next", queue, "--to", "quiet")
    assert unknown.exit_code == 4
    moved = run("queue", "drop", call, "--to", "quiet", "--json")
    assert (moved.exit_code, json.loads(moved.stdout)["done"]) == (0, "moved"), "a lost claim is nobody's for ever"


def test_in_python(house: House, queue: str, join: Join) -> None:
    (call,) = join()
    values = {name: value for name, value in house.gunicorn.values.items() if name != "KEEPER"}
    moved = next_caller(queue, aleg="quiet", idempotency_key=queue, settings=values)
    assert (moved.call_uuid, moved.status, moved.asked_by) == (call, "accepted", "python")
    assert next_caller(queue, aleg="quiet", idempotency_key=queue, settings=values).id == moved.id
    with pytest.raises(QueueEmpty):
        next_caller(queue, aleg="quiet", settings=values)
    for wrong in ({"queue": ""}, {"queue": None}, {"aleg": ""}, {"params": [1]}, {"idempotency_key": ""}):
        with pytest.raises(RequestInvalid):
            next_caller(**{"queue": queue, "aleg": "quiet", "settings": values, **wrong})
