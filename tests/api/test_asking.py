"""Who may ask, and how it is asked: cases 51 and 52 of the fault list, and what every answer has in common."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import httpx2
import pytest

from callflows.api import endpoints, errors, openapi
from callflows.bearer import Scope

from ..conftest import CALL, REPOSITORY
from ..house import wait_until
from .conftest import TOKENS, Client, House, code

READS = (
    "/transfers",
    "/transfers/x",
    "/calls",
    "/calls/x",
    "/calls/x/events",
    "/flows",
    "/live-calls",
    "/live-calls/x",
)
WRITES = ("/transfers", "/calls/x/hangup")


@pytest.mark.parametrize("path", READS)
def test_case_51_reading_needs_a_token(api: Client, path: str) -> None:
    api.scope = None
    reply = api.get(path)
    assert (reply.status_code, code(reply)) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert api.get(path, params={"token": TOKENS[Scope.ADMIN]}).status_code == 401  # never in an address
    assert api.get(path, scope=Scope.READ).status_code not in (401, 403)


@pytest.mark.parametrize("path", WRITES)
def test_case_51_writing_needs_its_scope(api: Client, path: str) -> None:
    assert api.post(path, scope=None, headers={"Authorization": ""}).status_code == 401
    reply = api.post(path, scope=Scope.READ, json={})
    assert (reply.status_code, code(reply)) == (403, "forbidden")
    assert api.post(path, scope=Scope.ADMIN, content=b"x").status_code == 415  # it got further


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer cf_wrong",
        f"Basic {TOKENS[Scope.ADMIN]}",
        TOKENS[Scope.ADMIN],
        f"Bearer {TOKENS[Scope.ADMIN]}x",
        f"Bearer {TOKENS[Scope.ADMIN].upper()}",
        b"Bearer \xff\xfe",
        "Bearer " + "x" * 4000,
    ],
)
def test_case_51_a_wrong_token(api: Client, header: str | bytes) -> None:
    reply = api.get("/flows", headers={"Authorization": header})
    assert (reply.status_code, code(reply)) == (401, "unauthorized")


def test_no_token_is_ever_logged(house: House, api: Client) -> None:
    def told() -> bool:
        """At most one line a second is written of it."""
        api.get("/flows", headers={"Authorization": "Bearer nobody"})
        return "a request to the API with an unknown token" in house.gunicorn.log.read_text()

    wait_until(told, what="a line in the log")
    assert api.get("/flows", headers={"X-Request-ID": TOKENS[Scope.READ], "Authorization": "Bearer nobody"}).is_error
    assert api.transfer(CALL, provider="vobiz", aleg="none", force=True).is_error
    log = house.gunicorn.log.read_text()
    assert not [token for token in TOKENS.values() if token in log]


DEEP = b"[" * 30_000
BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "no JSON": (b"call_uuid=x", 400),
    "half": (b'{"call_uuid": "x"', 400),
    "more after it": (b'{"call_uuid": "x", "aleg": "quiet"} {}', 400),
    "NaN": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": NaN}}', 400),
    "infinite": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": -Infinity}}', 400),
    "1e400": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": 1e400}}', 422),
    "a number of 5,000 digits": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": %s}}' % (b"1" * 5000), 400),
    "a number of 4,301 digits": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": %s}}' % (b"1" * 4301), 400),
    "a name twice": (b'{"call_uuid": "x", "aleg": "quiet", "aleg": "to"}', 400),
    "a name twice, deeper": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": "a", "to": "b"}}', 400),
    "30,000 deep": (DEEP, 400),
    "30,000 deep within": (b'{"call_uuid": "x", "params": ' + DEEP, 400),
    "a lone surrogate": (b'{"call_uuid": "\\ud800", "aleg": "quiet"}', 400),
    "not UTF-8": (b'{"call_uuid": "\xff", "aleg": "quiet"}', 400),
    "UTF-16": ('{"call_uuid": "x", "aleg": "quiet"}'.encode("utf-16"), 400),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "nothing in it": (b"{}", 422),
    "no leg": (b'{"call_uuid": "x"}', 422),
    "an unknown field": (b'{"call_uuid": "x", "aleg": "quiet", "b_leg": "quiet"}', 422),
    "a wrong type": (b'{"call_uuid": 5, "aleg": "quiet"}', 422),
    "text for a boolean": (b'{"call_uuid": "x", "aleg": "quiet", "force": "yes"}', 422),
    "an object for a param": (b'{"call_uuid": "x", "aleg": "to", "params": {"to": {"a": 1}}}', 422),
    "NUL": (b'{"call_uuid": "x\\u0000", "aleg": "quiet"}', 422),
    "an unknown platform": (b'{"call_uuid": "x", "aleg": "quiet", "provider": "twilio"}', 422),
}


@pytest.mark.parametrize("name", BODIES)
def test_case_52_a_bad_body(house: House, api: Client, name: str) -> None:
    body, status = BODIES[name]
    reply = api.post("/transfers", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text
    assert code(reply) == {400: "malformed", 422: "request_invalid"}[status]
    assert len(reply.content) < 2000


def test_case_52_every_field_is_named_at_once(api: Client) -> None:
    body = {"call_uuid": "x/y", "aleg": "quiet", "dry_run": 1, "params": {"to": 1.5}, "more": 1}
    reply = api.post("/transfers", json=body)
    told = {each["field"]: each["message"] for each in reply.json()["error"]["details"]["fields"]}
    assert set(told) == {"call_uuid", "dry_run", "params.to", "more"}
    assert told["params.to"] == "must be text, a whole number, or true or false"
    assert told["more"] == "is not known here"


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_case_52_a_wrong_content_type(api: Client, kind: str) -> None:
    reply = api.post("/transfers", content=b"{}", headers={"Content-Type": kind})
    assert (reply.status_code, code(reply)) == (415, "unsupported_media_type")


def test_a_body_that_is_too_large(house: House, api: Client) -> None:
    body = b'{"call_uuid": "' + b"x" * 70_000 + b'"}'
    json_type = {"Content-Type": "application/json", "Connection": "close"}
    reply = api.post("/transfers", content=body, headers=json_type)
    assert (reply.status_code, code(reply)) == (413, "body_too_large")
    chunked = api.post("/transfers", content=iter([body[:30_000], body[30_000:]]), headers=json_type)
    assert (chunked.status_code, code(chunked)) == (413, "body_too_large")  # and never a part of it
    whole = json.dumps({"call_uuid": "x", "aleg": "nowhere", "provider": "plivo"}).encode()
    small = api.post("/transfers", content=iter([whole[:9], whole[9:]]), headers=json_type)
    assert (small.status_code, code(small)) == (422, "flow_not_found")
    head = f"POST /api/v1/transfers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS[Scope.TRANSFER]}\r\n"
    broken = f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
    with socket.create_connection(("127.0.0.1", house.gunicorn.port), 10) as raw:
        raw.sendall(broken)
        assert raw.recv(4000).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/transfers", "GET, POST, HEAD, OPTIONS"),
        ("/calls/x/hangup", "POST, OPTIONS"),
        ("/flows", "GET, HEAD, OPTIONS"),
    ],
)
def test_methods(api: Client, path: str, allowed: str) -> None:
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        reply = api.ask(method, path)
        assert (reply.status_code, code(reply), reply.headers["Allow"]) == (405, "method_not_allowed", allowed)
    reply = api.ask("OPTIONS", path, scope=None)
    assert (reply.status_code, reply.content, reply.headers["Allow"]) == (204, b"", allowed)
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


def test_head_is_get_without_a_body(api: Client) -> None:
    for path in ("/flows", "/api/openapi.json"):
        got, head = api.get(path), api.ask("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"] == "application/json"


PATHS = (
    "/api/v1",
    "/api/v1/",
    "/nothing",
    "/transfers/",
    "//transfers",
    "/transfers/x/y",
    "/flows/../x",
    "/calls/a%2fb/c",
    "/%00",
)


@pytest.mark.parametrize("path", [*PATHS, "/transfers/%ff%0a"])
def test_no_such_address(api: Client, path: str) -> None:
    reply = api.get(path)
    assert (reply.status_code, code(reply)) == (404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        *("x=1", "limit=0", "limit=201", "limit=ten", "limit=1&limit=2", "since=nan", "since=1e400", "since=-1"),
        *("status=gone", "call_uuid=", "provider=twilio", "cursor=", "token=cf_x", "%ff=1"),
        "&".join(f"a{n}=1" for n in range(60)),
    ],
)
def test_a_bad_query(api: Client, query: str) -> None:
    reply = api.get(f"/transfers?{query}")
    assert (reply.status_code, code(reply)) == (400, "malformed")


@pytest.mark.parametrize("cursor", ["x", "nan:x", "inf:", "\u0000", ":" * 200])
def test_a_cursor_that_is_none(api: Client, cursor: str) -> None:
    for path in ("/transfers", "/calls", "/calls/x/events"):
        reply = api.get(path, params={"cursor": cursor})
        assert (reply.status_code, code(reply)) == (422, "request_invalid")


@pytest.mark.parametrize(("given", "taken"), [("abc-1.2_3", True), ("", False), ("a b", False), ("x" * 129, False)])
def test_request_ids(api: Client, given: str, taken: bool) -> None:
    reply = api.get("/nothing", headers={"X-Request-ID": given})
    assert code(reply) == "not_found"
    assert (reply.headers["X-Request-ID"] == given) is taken


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
def test_an_idempotency_key_that_is_none(api: Client, key: str) -> None:
    reply = api.post("/transfers", json={"call_uuid": CALL, "aleg": "quiet"}, headers={"Idempotency-Key": key.encode()})
    assert (reply.status_code, code(reply)) == (400, "malformed")


@pytest.mark.parametrize("path", ["/flows", "/nothing", "/api/openapi.json", "/transfers/x"])
def test_headers_of_every_answer(api: Client, path: str) -> None:
    reply = api.get(path)
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Request-ID"]


def test_the_manual_has_every_error_and_every_endpoint() -> None:
    manual = (REPOSITORY / "docs/api.md").read_text()
    for name, (status, meaning) in errors.CODES.items():
        assert f"| `{name}` | {status} | {meaning} |" in manual
    assert len(re.findall(r"(?m)^\| `[a-z_]+` \| [0-9]{3} \|", manual)) == len(errors.CODES)
    openapi.document()
    for each in endpoints.ENDPOINTS:
        assert f"| `{each.method} {each.path}` | {each.scope} |" in manual


def test_the_document_is_open_to_all(api: Client) -> None:
    found: dict[str, Any] = httpx2.get(f"{api.base}/api/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    assert "/api/v1/transfers/{id}" in found["paths"]
