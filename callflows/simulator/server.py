"""The simulator as a whole: settings in, one running platform, and an HTTP server for its REST API and its controls.

Binds to loopback addresses only: the control routes have no authentication.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.serving import DechunkedInput, WSGIRequestHandler, make_server

from .clock import EPOCH, Clock
from .control import control
from .dialects import DIALECTS
from .faults import Faults
from .fetching import App, origin
from .platform import Platform
from .rest import rest
from .switches import Switches

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

AUTH_TOKEN = "simulator-auth-token"  # noqa: S105  (no secret: it opens a simulator on this machine)


class Simulator:
    """One provider's platform. `patience` caps, in wall-clock seconds, how long a slow web application is really
    waited for; virtual time pays the platform's full timeout all the same. Without a `seed` UUIDs differ each time.

    `apps` are web applications in this process, {"https://app.test": wsgi_app}: what is fetched from that origin goes
    straight into the application, on the simulator's own thread and without a socket."""

    def __init__(
        self,
        provider: str = "plivo",
        *,
        auth_id: str = "",
        auth_token: str = AUTH_TOKEN,
        clock: str = "manual",
        seed: int | None = 1,
        switches: dict[str, Any] | None = None,
        epoch: datetime = EPOCH,
        patience: float | None = None,
        apps: Mapping[str, App] | None = None,
    ) -> None:
        if provider not in DIALECTS:
            raise ValueError(f"unknown provider {provider!r}: one of {', '.join(DIALECTS)}")
        self.dialect = DIALECTS[provider]
        self.provider = provider
        self.auth_id = auth_id or self.dialect.default_auth_id
        self.auth_token = auth_token
        self._clock, self._seed, self._epoch, self._patience, self.apps = clock, seed, epoch, patience, dict(apps or {})
        for prefix in self.apps:
            origin(prefix)  # says what is wrong with it
        self._switches = Switches.for_provider(provider, switches)
        self._closed = False
        self._one_at_a_time = threading.Lock()
        self._start()

    def _start(self) -> None:
        self.seed = secrets.randbits(32) if self._seed is None else self._seed
        self.requests: list[dict[str, Any]] = []
        self.faults = Faults()
        self.platform = Platform(
            self.dialect,
            Clock(self._clock, self._epoch),
            self._switches,
            auth_id=self.auth_id,
            auth_token=self.auth_token,
            seed=self.seed,
            patience=self._patience,
            apps=self.apps,
        )

    def reset(
        self,
        *,
        clock: str | None = None,
        seed: int | None = None,
        switches: dict[str, Any] | None = None,
        epoch: datetime | None = None,
        apps: Mapping[str, App] | None = None,
    ) -> None:
        """As just started: no calls, no transcript, settings as given to the constructor, or from now on as here."""
        with self._one_at_a_time:
            if switches is not None:
                self._switches = Switches.for_provider(self.provider, switches)
            self._clock = self._clock if clock is None else clock
            self._seed = self._seed if seed is None else seed
            self._epoch = self._epoch if epoch is None else epoch
            self.apps = self.apps if apps is None else dict(apps)
            self._end()
            if not self._closed:
                self._start()

    def close(self) -> None:
        with self._one_at_a_time:
            if not self._closed:
                self._closed = True
                self._end()

    def _end(self) -> None:
        self.faults.stop()
        self.platform.close()

    def app(self) -> Flask:
        """The WSGI application: REST of the platform, and the controls under /-/sim/."""
        app = Flask("callflows.simulator", static_folder=None)
        app.url_map.merge_slashes = False
        app.json.sort_keys = False  # type: ignore[attr-defined]  # the documents' order of keys
        app.register_blueprint(control(self))
        app.register_blueprint(rest(self))
        return app


class Server:
    """A running server; `url` has no trailing slash. Use as a context manager, or call `stop`."""

    def __init__(self, simulator: Simulator, host: str, port: int) -> None:
        if host != "localhost" and not _is_loopback(host):
            raise ValueError(f"the simulator only listens on loopback addresses, not on {host!r}")
        self.simulator = simulator
        self._server = make_server(host, port, simulator.app(), threaded=True, request_handler=_Quiet)
        self.host, self.port = host, self._server.server_port
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.005,), name="simulator-http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self.simulator.faults.stop()
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()
        self.simulator.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Quiet(WSGIRequestHandler):
    """HTTP/1.1, and no line per request: the transcript says more."""

    protocol_version = "HTTP/1.1"
    error_content_type = "application/json"  # of what is no HTTP
    error_message_format = '{"api_id": "", "error": "%(explain)s"}\n'

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        if environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = _Chunks(self.rfile)  # type: ignore[arg-type]
        return environ

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Gone for both sides, at once: a fault may have asked for it (see faults.reset)."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class _Chunks(DechunkedInput):
    """Werkzeug's shrinks the buffer it is given when a body breaks off within a chunk, and whoever reads takes what
    lies behind it in memory for the rest: garbage, or the end of the process.
    """

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        own = bytearray(len(buffer))
        read = super().readinto(own)
        if len(own) != len(buffer):
            raise OSError("the body broke off")
        buffer[:read] = own[:read]
        return read


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Answering when it returns; `port` 0 takes a free one. Stopping the server closes the simulator."""
    return Server(simulator, host, port)
