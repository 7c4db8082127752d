"""The platform's HTTP client: one attempt at one exchange with a web application, with its timeouts and limits.

A 3xx is an answer like any other here. A part of an answer is none, and is marked as partial, because it is not retried
(Plivo docs, callback configurations). Knows no telephony.
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

from .faults import WebFaults
from .in_process import App, InProcess

READ_AT_MOST = 1_000_000  # bytes: what is too large is judged where documents are judged


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
    partial: bool = False  # it broke off after its headers had come
    location: str = ""  # of a 3xx
    exception: str = ""  # what an application in this process raised

    @property
    def ok(self) -> bool:
        return not self.error and 200 <= self.http_status < 300


def from_fragment(url: str, default: HttpSettings) -> HttpSettings:
    """Plivo's settings in the fragment (Plivo docs, callback configurations). What is out of range is ignored."""
    found = dict(pair.split("=", 1) for pair in urlsplit(url).fragment.split("&") if "=" in pair)

    def number(key: str, low: int, high: int) -> int | None:
        text = found.get(key, "")
        return int(text) if re.fullmatch(r"[0-9]{1,6}", text) and low <= int(text) <= high else None

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
    """`patience` caps the wall-clock seconds any one timeout really takes; virtual time always pays the full one.

    `apps`: web applications in this process, by the origin that is theirs: scheme://host[:port].
    """

    def __init__(self, patience: float | None = None, apps: Mapping[str, App] | None = None) -> None:
        self.patience = patience
        self.faults = WebFaults()
        # no keep-alive: a web application that restarts between two fetches must not look unreachable
        limits = httpx2.Limits(max_keepalive_connections=0, max_connections=None)
        network = httpx2.HTTPTransport(verify=_tls(), trust_env=False, limits=limits)
        self._client = httpx2.Client(transport=InProcess(apps or {}, network), trust_env=False, follow_redirects=False)

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
        read, connect = self._real(settings.read), self._real(settings.connect)
        timeout = httpx2.Timeout(connect=connect, read=read, write=read, pool=None)
        heard = Exchange(method, url)
        try:
            target = wire_url(url, method, params)
            sent = dict(headers(target))
            body = None
            if method == "POST":
                body = urlencode(sorted(params.items()), errors="replace").encode()
                sent["Content-Type"] = "application/x-www-form-urlencoded"
            deadline = monotonic() + self._real(settings.total)
            with self._client.stream(method, target, content=body, headers=sent, timeout=timeout) as reply:
                heard = replace(
                    heard,
                    http_status=reply.status_code,
                    content_type=reply.headers.get("content-type", ""),
                    location=reply.headers.get("location", ""),
                    exception=str(reply.extensions.get("exception", "")),
                )
                content = bytearray()
                for chunk in reply.iter_bytes():
                    content += chunk
                    if len(content) > READ_AT_MOST:
                        break
                    if monotonic() > deadline:
                        return replace(heard, error="read timeout", cost=settings.total, partial=True)
                return replace(heard, body=bytes(content))
        except httpx2.ConnectTimeout:
            return Exchange(method, url, error="connect timeout", cost=settings.connect)
        except httpx2.TimeoutException:
            return replace(heard, error="read timeout", cost=settings.read, partial=bool(heard.http_status))
        except (httpx2.ConnectError, httpx2.InvalidURL, httpx2.UnsupportedProtocol, ValueError):
            return replace(heard, error="cannot connect")
        except httpx2.HTTPError:  # of which kind is a matter of milliseconds: the same run gives the same transcript
            return replace(heard, error="connection broke", partial=bool(heard.http_status))

    def _real(self, seconds: float) -> float:
        return seconds if self.patience is None else min(seconds, self.patience)


def kind_of_failure(result: Exchange) -> str:
    """As retry policies name it: ct, rt, 3xx, 4xx, 5xx; empty if it is none. A partial answer is in no policy."""
    if result.partial:
        return "partial"
    if result.error:
        return "ct" if result.error in ("connect timeout", "cannot connect") else "rt"
    return "" if result.ok else f"{result.http_status // 100}xx"
