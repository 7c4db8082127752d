"""A customer's web server, a simulator of either platform, and short ways to steer them. All over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import plivo as sdk
import pytest
import requests
from requests.adapters import HTTPAdapter
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from callflows.simulator import Server, Simulator, serve

CALLER, LINE, AGENT = "+14155550101", "+14155550100", "+14155550123"


@dataclass
class Received:
    """One request the web server got."""

    method: str
    path: str
    url: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


Page = str | bytes | Response | Callable[[Request], Any]


@dataclass
class Web:
    """The customer's web application: path -> XML (or a whole response, or a function)."""

    url: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data(cache=True)
        params = {**request.args, **request.form}
        headers = dict(request.headers)
        url = self.url + environ["REQUEST_URI"]
        self.received.append(Received(request.method, request.path, url, params, headers, body))
        page = self.pages.get(request.path, Response("no such page", 404))
        if callable(page) and not isinstance(page, Response):
            page = page(request)
        if not isinstance(page, Response):
            page = Response(page, mimetype="application/xml")
        return page(environ, start_response)

    def xml(self, path: str, inside: str) -> str:
        """Serve `inside` as a document; returns its URL. {web} in it is this server."""
        self.pages[path] = f"<Response>{inside}</Response>".replace("{web}", self.url)
        return self.url + path

    def at(self, path: str) -> list[Received]:
        return [each for each in self.received if each.path == path]

    def one(self, path: str) -> Received:
        found = self.at(path)
        assert len(found) == 1, f"{len(found)} requests for {path}"
        return found[0]


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    site = Web()
    server = make_server("127.0.0.1", 0, site, threaded=True, request_handler=_Quiet)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


class Phone:
    """The simulator, held by the hand of a test."""

    def __init__(self, server: Server) -> None:
        self.server, self.simulator = server, server.simulator
        self.http = httpx2.Client(base_url=server.url, timeout=20, verify=False)
        # the control door without its socket, as tests knock there 15,000 times; test_control*.py do so over HTTP
        self._hand = httpx2.Client(base_url=server.url, transport=httpx2.WSGITransport(app=server._server.app))

    def control(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body)  # escapes what UTF-8 cannot say
        reply = self._hand.request(method, f"/-/sim/{path}", content=content)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def rest(self, method: str, path: str, body: Any = None, **kwargs: Any) -> httpx2.Response:
        """`path` is what follows the account."""
        sim = self.simulator
        if sim.provider == "plivo":
            kwargs.setdefault("auth", (sim.auth_id, sim.auth_token))
        else:
            kwargs.setdefault("headers", {"X-Auth-ID": sim.auth_id, "X-Auth-Token": sim.auth_token})
        prefix = sim.dialect.rest_prefix
        content = None if body is None else json.dumps(body)
        return self.http.request(method, f"{prefix}/Account/{sim.auth_id}/{path}", content=content, **kwargs)

    def call(self, answer_url: str, **more: Any) -> str:
        """Somebody calls in."""
        body = {"from": CALLER, "to": LINE, "answer_url": answer_url, **more}
        return str(self.control("POST", "calls", body)["call_uuid"])

    def place(self, answer_url: str, to: str = CALLER, **more: Any) -> str:
        reply = self.rest("POST", "Call/", {"from": LINE, "to": to, "answer_url": answer_url, **more})
        assert reply.status_code in (200, 201), reply.text
        return str(reply.json()["request_uuid"])

    def transfer(self, call_uuid: str, **body: str) -> httpx2.Response:
        return self.rest("POST", f"Call/{call_uuid}/", body)

    def run(self, limit: float = 3600) -> Any:
        return self.control("POST", "clock", {"run": True, "limit": limit})

    def advance(self, seconds: float) -> None:
        self.control("POST", "clock", {"advance": seconds})

    def number(self, number: str, **behaviour: Any) -> None:
        self.control("PUT", f"numbers/{number}", behaviour)

    def switch(self, **switches: Any) -> None:
        self.control("PATCH", "switches", switches)

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "transcript?format=json")
        return [entry for entry in found if not kinds or entry["kind"] in kinds]

    def texts(self, *kinds: str) -> list[str]:
        return [entry["text"] for entry in self.entries(*kinds)]

    def transcript(self) -> str:
        return self.http.get("/-/sim/transcript?format=text").text

    def leg(self, call_uuid: str) -> dict[str, Any]:
        legs = [leg for call in self.control("GET", "calls") for leg in call["legs"]]
        return next(leg for leg in legs if leg["call_uuid"] == call_uuid)

    def b_leg(self, state: str = "in-progress") -> str:
        """The UUID of the only dialled leg in this state."""
        legs = [leg for call in self.control("GET", "calls") for leg in call["legs"]]
        (found,) = [leg["call_uuid"] for leg in legs if leg["leg"] == "B" and leg["state"] == state]
        return str(found)

    def ended(self, call_uuid: str) -> tuple[int, str]:
        hangup = self.leg(call_uuid)["hangup"]
        assert hangup, self.transcript()
        return hangup["code"], hangup["source"]


@pytest.fixture
def start() -> Iterator[Callable[..., Phone]]:
    """A factory of running simulators."""
    phones: list[Phone] = []

    def begin(provider: str = "plivo", **settings: Any) -> Phone:
        phones.append(Phone(serve(Simulator(provider, **settings))))
        return phones[-1]

    yield begin
    for phone in phones:
        phone.http.close()
        phone.server.stop()


@pytest.fixture(params=["plivo", "vobiz"])
def phone(request: pytest.FixtureRequest, start: Callable[..., Phone]) -> Phone:
    """A simulator of each platform in turn, time standing still."""
    return start(request.param)


@pytest.fixture
def plivo(start: Callable[..., Phone]) -> Phone:
    return start("plivo")


@pytest.fixture
def vobiz(start: Callable[..., Phone]) -> Phone:
    return start("vobiz")


class Elsewhere(HTTPAdapter):
    """Sends what is meant for api.plivo.com to the simulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://api.plivo.com", self.url)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def client(plivo: Phone) -> Iterator[Any]:
    """The official Python SDK, pointed at a simulated Plivo."""
    with sdk.RestClient(plivo.simulator.auth_id, plivo.simulator.auth_token) as found:
        found.session.mount("https://api.plivo.com", Elsewhere(plivo.server.url))
        yield found
        found.session.close()
