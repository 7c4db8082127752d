"""A web application in this process: what is asked of its origin is a call (WSGI, PEP 3333), without a socket."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import httpx2

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Origin = tuple[str, str, int]
_PORTS = {"http": 80, "https": 443}
ENOUGH = 2_000_000  # bytes of an answer: one without end must not be waited for


@cache
def origin(prefix: str) -> Origin:
    """Of a URL prefix, scheme://host[:port]; ValueError says what is wrong with it."""
    problem = f"{prefix!r} is not scheme://host[:port]"
    try:
        parts = urlsplit(prefix)
        port = parts.port
    except ValueError:
        raise ValueError(problem) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(problem)
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


class InProcess(httpx2.BaseTransport):
    """Calls the application of the request's origin; whatever has none goes `elsewhere`."""

    def __init__(self, apps: Mapping[str, App], elsewhere: httpx2.BaseTransport) -> None:
        self._apps, self._elsewhere = apps, elsewhere

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        wanted = (url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0))
        app = next((app for prefix, app in self._apps.items() if origin(prefix) == wanted), None)
        if app is None:
            return self._elsewhere.handle_request(request)
        patience = request.extensions.get("timeout", {}).get("read")
        began = monotonic()
        response = _call(app, _environ(request))
        if patience is not None and monotonic() - began > patience:
            raise httpx2.ReadTimeout("the application took longer than the read timeout", request=request)
        return response

    def close(self) -> None:
        self._elsewhere.close()


def _environ(request: httpx2.Request) -> dict[str, Any]:
    """REQUEST_URI and RAW_URI hold the target as it was sent: what signatures are made of is not to be decoded."""
    url = request.url
    target = url.raw_path.decode("ascii")
    path, _, query = target.partition("?")
    body = request.read()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": url.host,
        "SERVER_PORT": str(url.port or _PORTS[url.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.multi_items():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ


def _call(app: App, environ: dict[str, Any]) -> httpx2.Response:
    """An application that raises, or breaks the protocol, is an HTTP 500 that names the exception."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
        started.append((status, headers))
        return written.append

    chunks: Iterable[bytes] = ()
    try:
        try:
            chunks = app(environ, start_response)
            for chunk in chunks:
                written.append(chunk)
                if sum(map(len, written)) > ENOUGH:
                    break
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        status, headers = started[-1]
        return httpx2.Response(int(status.split()[0]), headers=headers, stream=httpx2.ByteStream(b"".join(written)))
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: unprintable"
        with suppress(Exception):
            text = f"{type(error).__name__}: {error}"
        return httpx2.Response(500, text="Internal Server Error", extensions={"exception": text})
