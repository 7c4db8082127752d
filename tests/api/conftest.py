"""One house for the API's tests: simulated platforms, a real gunicorn, and a token of each scope."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from callflows import simulator
from callflows.bearer import Scope

from ..conftest import write_flow
from ..house import Gunicorn, Phone, platform_values, platforms

TOKENS = {scope: f"cf_token-of-tests-that-may-{scope}" for scope in Scope}
ENTRIES = ",".join(f"{scope}er:{scope}:{hashlib.sha256(token.encode()).hexdigest()}" for scope, token in TOKENS.items())
QUIET = '<Response><Speak>One moment.</Speak><Wait length="600"/></Response>'
TO = "<Response><Dial><Number>{{ params.to }}</Number></Dial></Response>"
TO_TOML = '[params.to]\ntype = "phone"\nrequired = true\nexample = "+14155550123"\ndescription = "Whom to call"\n'
LINE_TOML = '[params.queue]\ndefault = "support"\n[steps.answer]\nqueue = "params.queue"\n'


def write_flows(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write_flow(folder, "quiet", 'title = "Silence"', answer=QUIET, aleg=QUIET, bleg=QUIET)
    write_flow(folder, "to", TO_TOML, aleg=TO)
    write_flow(folder, "line", LINE_TOML, answer=QUIET)
    write_flow(folder, "broken", aleg="<Response><Speek/></Response>")


def settings(folder: Path, servers: dict[str, simulator.Server]) -> dict[str, Any]:
    write_flows(folder / "templates")
    values: dict[str, Any] = {
        "SECRET_KEYS": "key-of-tests-0123456789",
        "TEMPLATES": str(folder / "templates"),
        "STATE_DIR": str(folder / "state"),
        "DIAL_ALLOW": "+1415555",
        "API_TOKENS": ENTRIES,
    }
    for name, server in servers.items():
        values |= platform_values(name, server)
    return values


@dataclass
class Client:
    """Asks the API with a token, over one connection that is kept."""

    base: str
    scope: Scope | None = Scope.TRANSFER
    http: Any = field(default_factory=lambda: httpx2.Client(timeout=40))

    def ask(self, method: str, path: str, *, scope: Scope | None = None, **more: Any) -> httpx2.Response:
        scope = scope or self.scope
        headers = {"Authorization": f"Bearer {TOKENS[scope]}"} if scope else {}
        headers |= more.pop("headers", {})
        url = self.base + (path if path.startswith("/api/") else f"/api/v1{path}")
        found: httpx2.Response = self.http.request(method, url, headers=headers, **more)
        return found

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("POST", path, **more)

    def transfer(self, call: str, key: str | None = None, **wanted: Any) -> httpx2.Response:
        wanted = {"aleg": "quiet", "provider": "plivo", **wanted}
        return self.post(
            "/transfers", json={"call_uuid": call, **wanted}, headers={"Idempotency-Key": key} if key else {}
        )


@dataclass
class House:
    servers: dict[str, simulator.Server]
    gunicorn: Gunicorn
    phones: dict[str, Phone]

    @property
    def phone(self) -> Phone:
        return self.phones["plivo"]

    def call(self, provider: str = "plivo") -> str:
        """Somebody on the line, who hears nothing for ten minutes."""
        phone = self.phones[provider]
        call = phone.inbound(f"{self.gunicorn.url}/flows/{provider}/quiet/answer")
        phone.advance(5)
        return call

    def asked(self, call: str, provider: str = "plivo") -> int:
        """How often the platform was asked to do something to this call."""
        return sum(call in each["path"] and each["method"] != "GET" for each in self.phones[provider].requests())


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("api")
    with platforms() as servers:
        values = settings(folder, servers) | {"VOBIZ_SIGNATURES": "if-present"}
        gunicorn = Gunicorn(values, folder / "gunicorn.log")
        gunicorn.start()
        try:
            yield House(servers, gunicorn, {name: Phone(server) for name, server in servers.items()})
        finally:
            gunicorn.stop()


@pytest.fixture
def api(house: House) -> Iterator[Client]:
    client = Client(house.gunicorn.url)
    yield client
    client.http.close()


def code(reply: httpx2.Response) -> str:
    """The error's code, after a look at the shape all errors have."""
    body = reply.json()
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["request_id"] == reply.headers["X-Request-ID"]
    found: str = body["error"]["code"]
    return found
