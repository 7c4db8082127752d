"""Requests of a real platform, captured and redacted: sent again, signed as this simulator signs, and judged.

Each result says how the web application answered, whether that is a document this platform would carry out, and where
the captured request's parameters differ from what the simulator sends for such a request: the day a real account
settles an unknown, this is where it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from .callbacks import clean
from .document import InvalidDocument, is_http_url
from .engine import Fetch, Process, Steps, sleep
from .execution.documents import read_document
from .fetching.client import Exchange
from .fetching.exchange import sent_headers
from .own_keys import own_keys

if TYPE_CHECKING:
    from .server import Simulator

VERSION = 1
REDACTED = "[redacted]"
MAX_CAPTURES = 10_000
PATIENCE = 600.0  # wall-clock seconds for all of them
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Capture:
    at: datetime
    method: str
    url: str
    query: Pairs
    form: Pairs

    @property
    def params(self) -> dict[str, str]:
        """What the platform said, wherever its method puts it."""
        return dict(self.form if self.method == "POST" else self.query)

    @property
    def own_query(self) -> Pairs:
        """The query of the URL itself, without what was taken out of it: a redacted token opens nothing."""
        return tuple((name, value) for name, value in self.query if value != REDACTED)


def replay(simulator: Simulator, captures: object, url: object, *, sign: bool = True) -> list[dict[str, Any]]:
    """Send them in their order, as far apart in virtual time as they were, and return what came of each.

    `url`: with a path, all go there; without, each goes to its own path and query on that host. ValueError names the
    capture, by its index, and the key that is wrong.
    """
    if not isinstance(url, str) or not is_http_url(url):
        raise ValueError("url is where to send them: http(s)://host, or with a path")
    if not isinstance(captures, list) or not 1 <= len(captures) <= MAX_CAPTURES:
        raise ValueError(f"captures is a list of 1 to {MAX_CAPTURES}")
    read = [_read(f"captures[{index}]", each, simulator.provider) for index, each in enumerate(captures)]
    platform, results = simulator.platform, list[dict[str, Any]]()
    with platform.lock:
        work = Process(platform.engine, _send_all(simulator, read, url, sign, results))
    seconds = sum(_apart(one, other) for one, other in pairwise(read))
    # a minute for each, which is more than any platform waits for an answer
    platform.engine.run(seconds + 60.0 * len(read), PATIENCE, until=lambda: work.done)
    return results


def _apart(one: Capture, other: Capture) -> float:
    """Never backwards: their order is the list's."""
    return max(0.0, (other.at - one.at).total_seconds())


def _send_all(
    simulator: Simulator, captures: list[Capture], url: str, sign: bool, results: list[dict[str, Any]]
) -> Steps[None]:
    platform = simulator.platform
    due = platform.clock.now()
    for index, capture in enumerate(captures):
        due += _apart(captures[index - 1], capture) if index else 0.0
        yield from sleep(platform.engine, max(0.0, due - platform.clock.now()))
        target = _target(url, capture)
        params = clean(dict(capture.form)) if capture.method == "POST" else {}
        at = round(platform.clock.now(), 3)

        def headers(wire: str, method: str = capture.method, params: Mapping[str, str] = params) -> dict[str, str]:
            return sent_headers(platform, method, wire, params, "" if sign else "no-signature")

        settings = platform.dialect.settings_for(target, "transfer")
        attempt = partial(platform.fetcher.attempt, capture.method, target, params, settings, headers)
        exchange: Exchange = yield Fetch(attempt)
        yield from sleep(platform.engine, exchange.cost)
        results.append(_result(simulator, index, capture, exchange, at))


def _target(url: str, capture: Capture) -> str:
    parts, own = urlsplit(url), urlsplit(capture.url)
    path = parts.path if parts.path not in ("", "/") else own.path
    query = "&".join(filter(None, (parts.query, urlencode(capture.own_query, errors="replace"))))
    return urlunsplit((parts.scheme, parts.netloc, path, query, parts.fragment))


def _result(simulator: Simulator, index: int, capture: Capture, exchange: Exchange, at: float) -> dict[str, Any]:
    platform = simulator.platform
    elements: list[str] = []
    problems: list[str] = []
    try:
        elements = [element.name for element in read_document(platform, exchange).children]
    except InvalidDocument as error:
        problems.append(str(error))
    if exchange.exception:
        problems.append(f"the application raised {exchange.exception}")
    kind, own = own_keys(platform, capture.params)
    given = set(capture.params)
    if capture.method == "GET":  # the URL's own query is among them, in lower case by everybody's habit
        given = {name for name in given if name in own or not name[:1].islower()}
    platform.transcript.add(
        platform.clock.now(),
        "replay",
        f"{capture.method} {exchange.url} -> {exchange.error or exchange.http_status}  [capture {index}]",
        status=exchange.http_status,
        error=exchange.error,
    )
    return {
        "capture": index,
        "at": at,
        "method": capture.method,
        "url": exchange.url,
        "event": capture.params.get("Event", ""),
        "status": exchange.http_status,
        "error": exchange.error,
        "content_type": exchange.content_type,
        "bytes": len(exchange.body),
        "valid": not problems,
        "elements": elements,
        "problems": problems,
        "compared_with": kind,
        "missing": sorted(own - given),
        "unexpected": sorted(given - own),
    }


# -- reading a capture


def _read(where: str, capture: object, provider: str) -> Capture:
    if not isinstance(capture, dict):
        raise ValueError(f"{where} is not an object")

    def wrong(key: str, right: str) -> ValueError:
        return ValueError(f"{where}.{key} is {right}")

    def pairs(key: str) -> Pairs:
        value = capture.get(key, [])
        if not isinstance(value, list):
            raise wrong(key, "a list of [name, value]")
        for pair in value:
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
                raise wrong(key, "a list of [name, value], both strings")
        return tuple((name, text) for name, text in value)

    if capture.get("capture") != VERSION or isinstance(capture.get("capture"), bool):
        raise wrong("capture", f"{VERSION}, the version of this format")
    if capture.get("provider") != provider:
        raise wrong("provider", f"{provider}, as this simulator is")
    if capture.get("method") not in ("GET", "POST"):
        raise wrong("method", "GET or POST")
    url = capture.get("url")
    if not isinstance(url, str) or not is_http_url(url):
        raise wrong("url", "the http(s) URL that was asked")
    try:
        at = datetime.fromisoformat(capture["at"])
    except (KeyError, TypeError, ValueError):
        raise wrong("at", "when it was asked, as in 2026-11-23T07:43:17.123456Z") from None
    if at.tzinfo is None:
        raise wrong("at", "a time with its zone, as in 2026-11-23T07:43:17.123456Z")
    pairs("headers")  # not sent again, but a capture without is none
    return Capture(at, str(capture["method"]), url, pairs("query"), pairs("form"))
