"""Plivo's REST API, held to by the official Node SDK as a stranger (tests/strangers/plivo_sdk.cjs)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..strangers import STRANGERS, installed
from .conftest import AGENT, CALLER, LINE, Phone, Web


@pytest.fixture(scope="session")
def node() -> Path:
    """Node, with the SDK there."""
    installed()
    return Path(shutil.which("node") or "node")


class Sdk:
    """The SDK in a process of its own, one order at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def answer(self, order: str, *values: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"order": order, "with": values}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def do(self, order: str, *values: Any) -> Any:
        answer = self.answer(order, *values)
        assert "error" not in answer, answer
        return answer["value"]

    def fails(self, order: str, *values: Any) -> tuple[str, int | None]:
        error = self.answer(order, *values)["error"]
        return error["name"], error.get("status")


@pytest.fixture
def sdk(plivo: Phone, node: Path) -> Iterator[Sdk]:
    sim = plivo.simulator
    command = [str(node), "--no-deprecation", "plivo_sdk.cjs", plivo.server.url, sim.auth_id, sim.auth_token]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=STRANGERS, stdin=pipe, stdout=pipe, text=True) as process:
        yield Sdk(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture
def bridged(plivo: Phone, web: Web) -> str:
    """A caller talking to an agent."""
    uuid = plivo.call(web.xml("/answer", f"<Dial><Number>{AGENT}</Number></Dial>"))
    plivo.run()
    return uuid


def test_it_places_lists_and_hangs_up_a_call(plivo: Phone, sdk: Sdk, web: Web) -> None:
    plivo.number(CALLER, queued=5)
    answer_url = web.xml("/answer", "<Wait length='600'/>")
    placed = sdk.do("calls.create", LINE, CALLER, answer_url, {"hangupUrl": web.xml("/hangup", ""), "timeLimit": 300})
    uuid = placed["requestUuid"]
    assert placed["message"] == "call fired"
    assert [call["callUuid"] for call in sdk.do("calls.listQueuedCalls")] == [uuid]
    queued = sdk.do("calls.getQueuedCall", uuid)
    assert (queued["callStatus"], queued["requestUuid"]) == ("queued", uuid)
    assert sdk.do("calls.listLiveCalls") == []
    plivo.advance(10)
    assert [call["callUuid"] for call in sdk.do("calls.listLiveCalls", {"callDirection": "outbound"})] == [uuid]
    assert sdk.do("calls.listLiveCalls", {"callDirection": "inbound"}) == []
    live = sdk.do("calls.getLiveCall", uuid)
    assert (live["callStatus"], live["from"], live["to"]) == ("in-progress", LINE, CALLER.lstrip("+"))
    assert sdk.do("calls.hangup", uuid) is True
    assert plivo.ended(uuid) == (4000, "API Request")
    assert web.one("/hangup").params["HangupSource"] == "API Request"
    record = sdk.do("calls.get", uuid)
    assert (record["hangupCauseCode"], record["hangupSource"]) == (4000, "API Request")
    assert [each["callUuid"] for each in sdk.do("calls.list", {"limit": 5})] == [uuid]


@pytest.mark.parametrize("legs", ["aleg", "bleg", "both"])
def test_it_transfers(plivo: Phone, sdk: Sdk, web: Web, bridged: str, legs: str) -> None:
    urls = {f"{leg}Url": web.xml(f"/{leg}", f"<Speak>Moved {leg}.</Speak>") for leg in ("aleg", "bleg")}
    assert sdk.do("calls.transfer", bridged, {"legs": legs, **urls})["message"] == "call transferred"
    plivo.run()
    moved = ["aleg", "bleg"] if legs == "both" else [legs]
    assert {text for text in plivo.texts("hear") if "Moved" in text} == {f'hears "Moved {leg}."' for leg in moved}


def test_it_cancels_a_queued_call(plivo: Phone, sdk: Sdk, web: Web) -> None:
    plivo.number(CALLER, queued=50)
    uuid = sdk.do("calls.create", LINE, CALLER, web.xml("/answer", ""))["requestUuid"]
    sdk.do("calls.cancel", uuid)
    assert plivo.ended(uuid) == (1000, "API Request")
    assert sdk.fails("calls.cancel", uuid) == ("ResourceNotFoundError", 404)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("400", "InvalidRequestError"),
        ("401", "AuthenticationError"),
        ("404", "ResourceNotFoundError"),
        ("405", "InvalidRequestError"),
        ("409", "InvalidRequestError"),
        ("422", "InvalidRequestError"),
        ("500", "ServerError"),
        ("429", "Error"),
        ("502", "Error"),
        ("503", "Error"),
        ("html-502", "ServerError"),
    ],
)
def test_every_status_reaches_it_as_its_error(plivo: Phone, sdk: Sdk, bridged: str, fault: str, name: str) -> None:
    plivo.control("POST", "faults", {"rest": fault, "count": 3})  # it asks again after a 5xx, twice
    found = sdk.fails("calls.transfer", bridged, {"legs": "aleg", "alegUrl": "https://example.com/"})
    assert found[0] == name
    assert found[1] in (None, int(fault.removeprefix("html-")))


def test_a_403_is_a_geo_permission_error_where_a_call_is_placed(plivo: Phone, sdk: Sdk, bridged: str) -> None:
    plivo.control("POST", "faults", {"rest": "403", "count": 2})
    assert sdk.fails("calls.create", LINE, CALLER, "https://example.com/")[0] == "GeoPermissionError"
    assert sdk.fails("calls.hangup", bridged)[0] == "Error"


def test_a_connection_that_breaks_reaches_it_as_text(plivo: Phone, sdk: Sdk, bridged: str) -> None:
    plivo.control("POST", "faults", {"rest": "reset-after"})
    assert sdk.fails("calls.hangup", bridged) == ("string", None)
    assert plivo.ended(bridged) == (4000, "API Request")


def test_what_the_sdk_does_not_check_the_platform_does(sdk: Sdk, bridged: str) -> None:
    for body in (
        {},
        {"legs": "all"},
        {"alegUrl": "/relative"},
        {"alegUrl": "https://example.com/", "alegMethod": "PUT"},
    ):
        assert sdk.fails("calls.transfer", bridged, body) == ("InvalidRequestError", 400)
