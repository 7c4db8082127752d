"""A web application in this process: what is asked of its origin is a call (WSGI, PEP 3333), without a socket."""

from __future__ import annotations

import io
import math
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
        deadline = math.inf if patience is None else monotonic() + patience
        response = _call(app, _environ(request), deadline)
        if monotonic() > deadline:
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


def _call(app: App, environ: dict[str, Any], deadline: float) -> httpx2.Response:
    """An application that raises, or breaks the protocol, is an HTTP 500 that names the exception."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = bytearray()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
        if started and exc_info is None:
            raise AssertionError("start_response was called twice")
        if body and exc_info is not None:  # the headers are out
            raise exc_info[1].with_traceback(exc_info[2])
        started.append((status, headers))
        return write

    def write(chunk: bytes) -> None:
        if chunk and not started:
            raise AssertionError("start_response was not called before the first byte")
        body.extend(chunk)

    chunks: Iterable[bytes] = ()
    try:
        try:
            chunks = app(environ, start_response)
            for chunk in chunks:
                write(chunk)
                if len(body) > ENOUGH or monotonic() > deadline:
                    break
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        if not started:
            raise AssertionError("start_response was not called")
        status, native = started[-1]
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in native]
        return httpx2.Response(int(status.split()[0]), headers=headers, stream=httpx2.ByteStream(bytes(body)))
    except BaseException as error:  # this thread is the simulator's: a test that fails in there must not end it
        text = f"{type(error).__name__}: unprintable"
        with suppress(Exception):
            text = f"{type(error).__name__}: {error}"
        return httpx2.Response(500, text="Internal Server Error", extensions={"exception": text})
