"""Bad requests: the documented status, the platform's error shape, and never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import AGENT, CALLER, LINE, Phone, Web

GOOD = "https://example.com/aleg"


@pytest.fixture
def bridged(phone: Phone, web: Web) -> str:
    uuid = phone.call(web.xml("/answer", f"<Speak>Hi</Speak><Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>"))
    phone.run()
    return uuid


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"legs": "aleg"},
        {"legs": "bleg", "aleg_url": GOOD},
        {"legs": "both", "aleg_url": GOOD},
        {"legs": "both", "bleg_url": GOOD},
        {"legs": "cleg", "aleg_url": GOOD},
        {"legs": ["aleg"], "aleg_url": GOOD},
        {"legs": None, "aleg_url": GOOD},
        {"aleg_url": ""},
        {"aleg_url": 7},
        {"aleg_url": ["https://example.com"]},
        {"aleg_url": "/aleg"},
        {"aleg_url": "aleg.example.com/x"},
        {"aleg_url": "ftp://example.com/x"},
        {"aleg_url": "https://"},
        {"aleg_url": "https:///path"},
        {"aleg_url": "https://example.com/a b"},
        {"aleg_url": "https://example.com/\n"},
        {"aleg_url": "https://example.com:port/"},
        {"aleg_url": "https://[::1/"},
        {"aleg_url": GOOD, "aleg_method": "PUT"},
        {"aleg_url": GOOD, "aleg_method": 3},
    ],
    ids=str,
)
def test_a_transfer_that_makes_no_sense_is_a_400(phone: Phone, bridged: str, body: dict[str, Any]) -> None:
    reply = phone.rest("POST", f"Call/{bridged}/", body)
    assert reply.status_code == 400
    assert set(reply.json()) == {"api_id", "error"}
    assert isinstance(reply.json()["error"], str)
    phone.advance(1)
    assert phone.leg(bridged)["state"] == "in-progress"


@pytest.mark.parametrize("raw", [b"{", b"[]", b"7", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b"legs=aleg"])
def test_a_body_that_is_no_json_object_is_a_400(phone: Phone, bridged: str, raw: bytes) -> None:
    sim = phone.simulator
    reply = phone.http.post(
        f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/{bridged}/",
        content=raw,
        headers={"X-Auth-ID": sim.auth_id, "X-Auth-Token": sim.auth_token, "Content-Type": "application/json"},
        auth=(sim.auth_id, sim.auth_token),
    )
    assert reply.status_code == 400


def test_a_call_that_is_not_live_is_a_404(phone: Phone, web: Web, bridged: str) -> None:
    for unknown in ["nobody", "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36", "..", "%2e%2e", "a%20b", "é"]:
        assert phone.rest("POST", f"Call/{unknown}/", {"aleg_url": GOOD}).status_code == 404
    phone.control("POST", f"calls/{bridged}/hangup")
    assert phone.rest("POST", f"Call/{bridged}/", {"aleg_url": GOOD}).status_code == 404
    ringing = phone.call(web.xml("/wait", "<Wait length='60'/>"))  # Wait does not answer
    assert phone.rest("GET", f"Call/{ringing}/?status=live").json()["call_status"] == "ringing"
    assert phone.rest("POST", f"Call/{ringing}/", {"aleg_url": GOOD}).status_code == 404


def test_a_b_leg_that_is_not_there(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hello</Speak><Wait length='600'/>"))
    body = {"legs": "bleg", "bleg_url": GOOD}
    for value, status in [("400", 400), ("404", 404), ("202", 202)]:
        phone.switch(bleg_without_bridge=value)
        assert phone.rest("POST", f"Call/{uuid}/", body).status_code == status
    phone.advance(5)
    assert phone.leg(uuid)["state"] == "in-progress"


def test_methods_and_paths_that_do_not_exist(phone: Phone) -> None:
    assert phone.rest("PUT", "Call/").status_code == 405
    assert phone.rest("DELETE", "Call/").status_code == 405
    assert phone.rest("PATCH", "Call/x/").status_code == 405
    for path in ["", "Message/", "Call/x/Play/", "Call//", "Call/x/y/z/"]:
        assert phone.rest("GET", path).status_code == 404
    assert phone.rest("GET", "Call/").status_code == 400  # no status
    assert phone.rest("GET", "Call/x/?status=dead").status_code == 400
    for path in ["/", "/v2/Account", "//", "/v1//Account"]:
        assert phone.http.get(path).status_code in (401, 404)


@pytest.mark.parametrize(
    "change",
    [
        {"from": ""},
        {"to": None},
        {"to": "<"},
        {"to": 14155550101},
        {"answer_url": ""},
        {"answer_url": "/answer"},
        {"answer_method": "DELETE"},
        {"hangup_url": "mailto:x"},
        {"time_limit": -1},
        {"ring_timeout": "soon"},
        {"sip_headers": 5},
        {"caller_name": []},
    ],
    ids=str,
)
def test_placing_a_call_that_makes_no_sense_is_a_400(phone: Phone, change: dict[str, Any]) -> None:
    body = {"from": LINE, "to": CALLER, "answer_url": GOOD, **change}
    reply = phone.rest("POST", "Call/", body)
    assert reply.status_code == 400
    assert set(reply.json()) == {"api_id", "error"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = "legs aleg_url aleg_method bleg_url from to answer_url time_limit sip_headers direction".split()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from(FIELDS), json_values) | json_values)
def test_no_body_is_a_500(phone: Phone, bridged: str, body: Any) -> None:
    for path in (f"Call/{bridged}/", "Call/"):
        assert phone.rest("POST", path, body).status_code in (200, 201, 202, 400)
    for path in ("calls", "clock", "switches", "faults", "numbers/1", f"calls/{bridged}/press", f"calls/{bridged}/say"):
        method = {"switches": "PATCH", "numbers/1": "PUT"}.get(path, "POST")
        if path == "faults" or (path == "clock" and isinstance(body, dict) and body):
            continue
        assert phone.http.request(method, f"/-/sim/{path}", content=json.dumps(body)).status_code in (200, 400)
