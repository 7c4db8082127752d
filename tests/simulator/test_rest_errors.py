"""Bad requests: the documented status, the platform's error shape, and never a 500."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import quote, urlencode

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
    for path in ["", "Message/", "Call/x/Nothing/", "Call//", "Call/x/y/z/", "Request/x/y/"]:
        assert phone.rest("GET", path).status_code == 404
    for path in ["Request/x/", "Call/x/"]:
        assert phone.rest("GET", path).status_code in (400, 404, 405)
    for method in ["OPTIONS", "TRACE", "HEAD", "BREW"]:
        reply = phone.rest(method, "Call/?status=live")
        assert reply.status_code == 405
        assert method == "HEAD" or set(reply.json()) == {"api_id", "error"}
    assert phone.rest("GET", "Call/?status=").status_code == (200 if phone.simulator.provider == "plivo" else 400)
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
        {"to": [CALLER, AGENT]},
        {"to": "somebody"},
        {"to": f"{CALLER}<sip:"},
        {"from": {"number": LINE}},
        {"from": "+1 (415) five"},
        {"answer_url": ""},
        {"answer_url": "/answer"},
        {"answer_method": "DELETE"},
        {"hangup_url": "mailto:x"},
        {"time_limit": -1},
        {"ring_timeout": "soon"},
        {"sip_headers": 5},
        {"sip_headers": {"A": 1}},
        {"caller_name": []},
        {"caller_name": "x" * 51},
        {"time_limit": 0},
        {"time_limit": True},
        {"time_limit": "1e3"},
        {"ring_timeout": -1},
        {"hangup_on_ring": "never"},
        {"machine_detection": "maybe"},
        {"machine_detection_time": 1999},
        {"machine_detection_time": "10001"},
        {"machine_detection_url": "/machine"},
        {"machine_detection_method": "PUT"},
        {"send_digits": "call me"},
        {"send_digits": 12},
        {"send_on_preanswer": 2},
        {"parent_call_uuid": ["x"]},
    ],
    ids=str,
)
def test_placing_a_call_that_makes_no_sense_is_a_400(phone: Phone, change: dict[str, Any]) -> None:
    body = {"from": LINE, "to": CALLER, "answer_url": GOOD, **change}
    reply = phone.rest("POST", "Call/", body)
    assert reply.status_code == 400
    assert set(reply.json()) == {"api_id", "error"}
    assert next(iter(change)) in reply.json()["error"]
    assert phone.control("GET", "calls") == []


def test_a_parameter_that_is_missing_is_named_as_the_platform_names_it(phone: Phone) -> None:
    reply = phone.rest("POST", "Call/", {"from": LINE, "to": CALLER, "answer_url": None})
    assert reply.json()["error"] == "answer_url parameter is missing"


def test_null_is_absent(phone: Phone, bridged: str) -> None:
    body = {"legs": None, "aleg_url": GOOD, "aleg_method": None, "bleg_url": None}
    assert phone.rest("POST", f"Call/{bridged}/", body).status_code == 202


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_json_in_any_unicode_and_under_any_label(phone: Phone, bridged: str, encoding: str) -> None:
    raw = json.dumps({"call_uuid": bridged, "reason": "ж"}, ensure_ascii=False).encode(encoding)
    sim = phone.simulator
    for label in (
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/json; charset=x",
    ):
        headers = {**sim.dialect.credentials(sim.auth_id, sim.auth_token), "Content-Type": label}
        url = f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/nobody/"
        assert phone.http.request("DELETE", url, content=raw, headers=headers).status_code == 404


def test_a_form_is_no_json(phone: Phone) -> None:
    sim = phone.simulator
    headers = sim.dialect.credentials(sim.auth_id, sim.auth_token)
    url = f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/"
    form = {"from": LINE, "to": CALLER, "answer_url": GOOD}
    for body in ({"data": form}, {"files": {"from": b"x"}}, {"content": b"\x1f\x8b\x08 gzip"}):
        reply = phone.http.post(url, headers=headers, **body)
        assert reply.status_code == 400
        assert reply.json()["error"] == "the body is not valid JSON"


def test_a_huge_body_is_refused_however_it_comes(phone: Phone) -> None:
    sim = phone.simulator
    headers = sim.dialect.credentials(sim.auth_id, sim.auth_token)
    url = f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/"
    for content in (b" " * 1_000_001, iter([b" " * 600_000, b" " * 600_000])):  # the second one comes in chunks
        reply = phone.http.post(url, headers=headers, content=content)
        assert reply.status_code == 400
        assert reply.json()["error"] == "the body is too large, or broke off"
    just_fits = phone.http.post(url, headers=headers, content=iter([b" " * 999_000, b"{}"]))
    assert just_fits.json()["error"] == "from parameter is missing"


@pytest.mark.parametrize("chunks", ["zz\r\n", "-5\r\n{", "ffffffffffff\r\n{", "8\r\n{", "1\r\n{", "1\r\n{x\r\n"])
def test_chunks_that_are_none(phone: Phone, chunks: str) -> None:
    """Nothing is read beyond them, memory least of all."""
    sim = phone.simulator
    known = sim.dialect.credentials(sim.auth_id, sim.auth_token)
    headers = "".join(f"{name}: {value}\r\n" for name, value in known.items())
    for path in (f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/", "/-/sim/calls"):
        with socket.create_connection((phone.server.host, phone.server.port), timeout=10) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
            line.sendall((head + chunks).encode())
            line.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: line.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 400")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "the body is too large, or broke off"


@pytest.mark.parametrize("line", ["PRI * HTTP/2.0", "\x16\x03\x01 hello", "GET / HTTP/1.1\r\nX: " + "y" * 70_000])
def test_what_is_no_http_is_told_so_in_the_error_shape(plivo: Phone, line: str) -> None:
    with socket.create_connection((plivo.server.host, plivo.server.port), timeout=10) as connection:
        connection.sendall(f"{line}\r\n\r\n".encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert set(json.loads(answer[answer.index(b"{") :])) == {"api_id", "error"}


@pytest.mark.parametrize(
    "moment", ["2026-13-01 10:00", "2026-01-05 24:01", "2026-01-05", "٢٠٢٦-01-05 10:00", "2026-01-05 10:00:00.1234567"]
)
def test_a_moment_that_there_is_not(plivo: Phone, moment: str) -> None:
    for name in ("end_time", "end_time__gt"):
        reply = plivo.rest("GET", f"Call/?{urlencode({name: moment})}")
        assert (reply.status_code, reply.json()["error"].split()[0]) == (400, name)
    assert plivo.rest("GET", "Call/?end_time__lt=2026-01-05%2010:00:00.5").status_code == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "legs aleg_url aleg_method bleg_url from to answer_url answer_method hangup_url time_limit ring_timeout "
    "hangup_on_ring sip_headers direction caller_name send_digits send_on_preanswer machine_detection "
    "machine_detection_time parent_call_uuid error_parent_not_found callback_url callback_method call_uuid".split()
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from(FIELDS), json_values) | json_values)
def test_no_body_is_a_500(phone: Phone, bridged: str, body: Any) -> None:
    phone.switch(rate_limit=0)
    for path in (f"Call/{bridged}/", "Call/"):
        assert phone.rest("POST", path, body).status_code in (200, 201, 202, 400, 404)
    assert phone.rest("DELETE", "Call/nobody/", body).status_code in (202, 400, 404)
    for path in ("calls", "clock", "switches", "faults", "numbers/1", f"calls/{bridged}/press", f"calls/{bridged}/say"):
        method = {"switches": "PATCH", "numbers/1": "PUT"}.get(path, "POST")
        if path == "faults" or (path == "clock" and isinstance(body, dict) and body):
            continue
        assert phone.http.request(method, f"/-/sim/{path}", content=json.dumps(body)).status_code in (200, 400)


segments = st.sampled_from(
    ["Account", "Call", "call", "Request", "Play", "Stream", "", "..", "%00", "%ff", "a b", "?", "#x"]
)
paths = st.lists(segments | st.text(max_size=8), max_size=6).map("/".join)
queries = st.dictionaries(
    st.sampled_from("status limit offset call_direction from_number end_time bill_duration__gt callback_url".split()),
    st.sampled_from(["live", "queued", "1", "-1", "inbound", "2026-01-05 10:00", "\ud800", ""]) | st.text(max_size=8),
    max_size=4,
).map(lambda query: urlencode(query, errors="replace"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]), path=paths, query=queries)
def test_no_path_and_no_query_is_a_500(phone: Phone, method: str, path: str, query: str) -> None:
    phone.switch(rate_limit=0)
    for rest in (path, f"Call/{path}", "Call/"):
        reply = phone.rest(method, f"{quote(rest, safe='/%', errors='replace')}?{query}")
        assert reply.status_code in (200, 400, 401, 404, 405), reply.text
        assert "error" in reply.json() or reply.status_code == 200
        assert reply.json()["api_id"]
