"""Bad days of the REST API, as raw HTTP sees them, and that nothing is done, or done, as each promises."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import httpx2
import pytest
from werkzeug.test import Client

from callflows.simulator.faults import KINDS, NOTHING_DONE, STATUSES

from .conftest import AGENT, Phone, Web


@pytest.fixture
def uuid(phone: Phone, web: Web) -> str:
    """Somebody listening to music."""
    return phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))


@pytest.fixture
def move(phone: Phone, web: Web, uuid: str) -> Callable[[], httpx2.Response]:
    url = web.xml("/aleg", "<Wait length='600'/>")
    return lambda: phone.transfer(uuid, legs="aleg", aleg_url=url)


def fault(phone: Phone, kind: str, **more: Any) -> None:
    phone.control("POST", "faults", {"rest": kind, **more})


@pytest.mark.parametrize("status", STATUSES)
def test_any_status_can_be_had_in_the_error_shape(
    phone: Phone, web: Web, move: Callable[[], httpx2.Response], status: int
) -> None:
    fault(phone, str(status), count=2)
    for _ in range(2):
        reply = move()
        assert reply.status_code == status
        assert set(reply.json()) == {"api_id", "error"}
    phone.advance(0)
    assert web.at("/aleg") == []
    assert move().status_code == 202  # used up
    assert phone.control("GET", "requests")[0]["fault"] == str(status)


def test_a_gateway_answers_html(phone: Phone, web: Web, move: Callable[[], httpx2.Response]) -> None:
    fault(phone, "html-502")
    reply = move()
    assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (502, "text/html")
    phone.advance(0)
    assert web.at("/aleg") == []


@pytest.mark.parametrize(("kind", "moved"), [("reset-before", 0), ("reset-after", 1)])
def test_the_connection_is_reset(
    phone: Phone, web: Web, move: Callable[[], httpx2.Response], kind: str, moved: int
) -> None:
    fault(phone, kind)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        move()
    phone.advance(0)
    assert len(web.at("/aleg")) == moved
    assert move().status_code == 202


def test_a_wsgi_client_sees_the_reset_too(phone: Phone, uuid: str) -> None:
    sim = phone.simulator
    fault(phone, "reset-before")
    url = f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/{uuid}/"
    with pytest.raises(ConnectionResetError):
        Client(sim.app()).delete(url, headers=sim.dialect.credentials(sim.auth_id, sim.auth_token))
    assert phone.leg(uuid)["state"] == "in-progress"


def test_a_slow_body_arrives_in_the_end(phone: Phone, web: Web, move: Callable[[], httpx2.Response]) -> None:
    fault(phone, "slow-body", seconds=0.4)
    begun = monotonic()
    reply = move()
    assert monotonic() - begun >= 0.35
    assert reply.json()["message"] == "call transferred"
    phone.advance(0)
    assert len(web.at("/aleg")) == 1


def test_a_timeout_has_acted(phone: Phone, web: Web, move: Callable[[], httpx2.Response]) -> None:
    fault(phone, "timeout", seconds=0.3)
    begun = monotonic()
    assert move().status_code == 202
    assert monotonic() - begun >= 0.3
    assert len(web.at("/aleg")) == 1  # it did not wait for the answer


def test_a_500_after_acting(phone: Phone, web: Web, move: Callable[[], httpx2.Response]) -> None:
    fault(phone, "500-after-acting")
    assert move().json()["error"] == "internal server error"
    phone.advance(0)
    assert len(web.at("/aleg")) == 1


def test_accepted_and_never_fetched(phone: Phone, web: Web, move: Callable[[], httpx2.Response], uuid: str) -> None:
    fault(phone, "never-fetch")
    assert phone.rest("GET", f"Call/{uuid}/?status=live").status_code == 200  # it waits for a transfer
    assert move().status_code == 202
    phone.advance(60)
    assert web.at("/aleg") == []


def test_faults_come_one_after_the_other(phone: Phone) -> None:
    fault(phone, "503")
    fault(phone, "429")
    statuses = [phone.rest("GET", "Call/?status=live").status_code for _ in range(3)]
    assert statuses == [503, 429, 200]


def test_an_unknown_fault_is_refused_with_the_known_ones(phone: Phone) -> None:
    for kind in ("418", 500, None, "reset"):
        reply = phone.http.post("/-/sim/faults", json={"rest": kind})
        assert reply.status_code == 400
        assert all(known in reply.json()["error"] for known in KINDS)
    assert set(KINDS) > NOTHING_DONE


def test_a_fault_hits_placing_a_call_as_well(phone: Phone, web: Web) -> None:
    fault(phone, "500")
    assert phone.rest("POST", "Call/", {"from": AGENT, "to": AGENT, "answer_url": web.url}).status_code == 500
    assert phone.control("GET", "calls") == []
