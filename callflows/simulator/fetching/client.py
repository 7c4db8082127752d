"""The platform's HTTP client: one attempt at one exchange with a web application, with its timeouts and limits.

Redirects are not followed (no document says they are, and "non-2xx" is an error in both). Knows no telephony.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from time import monotonic
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import httpx2

from ..document import MAX_BYTES


@dataclass(frozen=True)
class HttpSettings:
    """In seconds. `retry_on` holds any of 4xx, 5xx, ct, rt; `backoff` is the virtual time before the first retry."""

    connect: float
    read: float
    total: float
    retries: int
    retry_on: frozenset[str]
    backoff: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """One finished exchange. `error` is empty, or says why there is no usable answer."""

    method: str
    url: str
    http_status: int = 0
    body: bytes = b""
    content_type: str = ""
    error: str = ""
    cost: float = 0.0  # virtual seconds: an exchange costs none unless something timed out

    @property
    def ok(self) -> bool:
        return not self.error and 200 <= self.http_status < 300


def from_fragment(url: str, default: HttpSettings) -> HttpSettings:
    """Plivo's settings in the fragment (Plivo docs, callback configurations). What is out of range is ignored."""
    found = dict(pair.split("=", 1) for pair in urlsplit(url).fragment.split("&") if "=" in pair)

    def number(key: str, low: int, high: int) -> int | None:
        text = found.get(key, "")
        return int(text) if re.fullmatch(r"\d{1,6}", text) and low <= int(text) <= high else None

    connect, read, total = number("ct", 100, 10_000), number("rt", 100, 40_000), number("tt", 100, 55_000)
    retries = number("rc", 0, 5)
    policy = frozenset(word for word in found.get("rp", "").split(",") if word in ("4xx", "5xx", "ct", "rt", "all"))
    if "all" in policy:
        policy = frozenset(("4xx", "5xx", "ct", "rt"))
    return replace(
        default,
        connect=connect / 1000 if connect else default.connect,
        read=read / 1000 if read else default.read,
        total=total / 1000 if total else default.total,
        retries=default.retries if retries is None else retries,
        retry_on=policy or default.retry_on,
    )


def wire_url(url: str, method: str, params: Mapping[str, str]) -> str:
    """The URL as it is sent: no fragment; on GET the parameters merged into the query, all keys sorted bytewise."""
    parts = urlsplit(url)
    query = parts.query
    if method == "GET":
        own = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in params]
        query = urlencode(sorted([*own, *params.items()]), errors="replace")
    path = quote(parts.path or "/", safe="%/:=&?~#+!$,;'@()*[]")
    return urlunsplit((parts.scheme, parts.netloc, path, quote(query, safe="%/:=&?~+!$,;'@()*[]"), ""))


@cache
def _tls() -> ssl.SSLContext:
    """Costly to build, so built once."""
    return ssl.create_default_context()


class Fetcher:
    """`patience` caps the wall-clock seconds any one timeout really takes; virtual time always pays the full one."""

    def __init__(self, patience: float | None = None) -> None:
        self.patience = patience
        # no keep-alive: a web application that restarts between two fetches must not look unreachable
        self._client = httpx2.Client(
            verify=_tls(),
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_keepalive_connections=0, max_connections=None),
        )

    def close(self) -> None:
        self._client.close()

    def attempt(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        settings: HttpSettings,
        headers: Callable[[str], Mapping[str, str]],
    ) -> Exchange:
        """`headers` is asked with the URL as sent, which is what signatures are made of."""
        target = wire_url(url, method, params)
        body = urlencode(sorted(params.items()), errors="replace").encode() if method == "POST" else None
        sent = dict(headers(target))
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        read, connect = self._real(settings.read), self._real(settings.connect)
        deadline = monotonic() + self._real(settings.total)
        timeout = httpx2.Timeout(connect=connect, read=read, write=read, pool=None)
        try:
            with self._client.stream(method, target, content=body, headers=sent, timeout=timeout) as reply:
                content = b""
                for chunk in reply.iter_bytes():
                    content += chunk
                    if len(content) > MAX_BYTES:
                        break  # too large is judged where documents are judged
                    if monotonic() > deadline:
                        raise httpx2.ReadTimeout("total time")
                kind = reply.headers.get("content-type", "")
                return Exchange(method, url, reply.status_code, content, kind)
        except httpx2.ConnectTimeout:
            return Exchange(method, url, error="connect timeout", cost=settings.connect)
        except httpx2.TimeoutException:
            return Exchange(method, url, error="read timeout", cost=settings.read)
        except (httpx2.ConnectError, httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError):
            return Exchange(method, url, error="cannot connect")
        except httpx2.HTTPError as error:
            return Exchange(method, url, error=f"connection broke ({type(error).__name__})")

    def _real(self, seconds: float) -> float:
        return seconds if self.patience is None else min(seconds, self.patience)


def kind_of_failure(result: Exchange) -> str:
    """As retry policies name it: ct, rt, 3xx, 4xx, 5xx; empty if it is none."""
    if result.error:
        return "ct" if result.error in ("connect timeout", "cannot connect") else "rt"
    return "" if result.ok else f"{result.http_status // 100}xx"
