"""A platform's REST API as a real HTTP server on loopback that answers from a script and notes what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from callflows.providers import Provider, provider_class

UUID = "5f1c2a34-7f10-4c2e-9a55-1b2f00000001"
TOKEN = "tok/en+with=odd&chars"
AUTH_ID = {"plivo": "MAXXXXXXXXXXXXXXXXXX", "vobiz": "MA_XXXXXXXX"}
BASE = {"plivo": "/v1", "vobiz": "/api/v1"}
ALEG = "https://flows.example.com/flows/p/forward/aleg?t=abc#ct=2000&rt=4000"

Answer = Callable[[BaseHTTPRequestHandler], None]
Ask = Callable[[Provider], Any]


def make(name: str, url: str, **options: Any) -> Provider:
    given = {"auth_id": AUTH_ID[name], "auth_tokens": [TOKEN, "older"], "api_url": url + BASE[name], **options}
    return provider_class(name)(**given)


def transfer(provider: Provider) -> Any:
    return provider.transfer(UUID, legs="aleg", aleg_url=ALEG)


def hang_up(provider: Provider) -> Any:
    return provider.hang_up(UUID)


def live_call(provider: Provider) -> Any:
    return provider.live_call(UUID)


def live_calls(provider: Provider) -> Any:
    return provider.live_calls()


ACTIONS: list[Ask] = [transfer, hang_up]
READS: list[Ask] = [live_call, live_calls]


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class Platform:
    url: str = ""
    script: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answers(self, status: int, body: object = b"", **headers: str) -> None:
        """Next reply: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, text in given.items():
                handler.send_header(name, text)
            if status != 204:
                handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self.script.append(answer)


@contextmanager
def serving() -> Iterator[Platform]:
    state = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.asked.append(Asked(self.command, self.path, headers, body))
            try:
                state.script.pop(0)(self)
            except OSError:  # the client hung up first, as it may
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
