"""The platform asking a web application: signed, retried as each platform does, and written down.

Every attempt is made at its own virtual instant. Nothing here raises: a failure is an `Exchange` that is not ok.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..callbacks import clean
from ..calls import Leg
from ..document import is_http_url
from ..engine import Fetch, Steps, sleep
from .client import Exchange, kind_of_failure

if TYPE_CHECKING:
    from ..platform import Platform


def exchange(
    platform: Platform, leg: Leg, purpose: str, url: str, method: str, params: Mapping[str, str]
) -> Steps[Exchange]:
    method, sent = method.upper(), clean(params)
    if method not in ("GET", "POST") or not is_http_url(url):
        refused = Exchange(method, url, error="not requested: no such method, or no such URL")
        _write_down(platform, leg, purpose, refused, sent)
        return refused
    settings = platform.dialect.settings_for(url, purpose)
    engine, clock = platform.engine, platform.clock
    until = clock.now() + settings.total
    attempt = 1
    while True:
        left = max(0.1, until - clock.now())
        limits = replace(settings, connect=min(settings.connect, left), read=min(settings.read, left), total=left)
        headers = partial(_headers, platform, method, sent)
        result: Exchange = yield Fetch(partial(platform.fetcher.attempt, method, url, sent, limits, headers))
        yield from sleep(engine, result.cost)
        _write_down(platform, leg, purpose, result, sent, attempt)
        pause = settings.backoff * 2 ** (attempt - 1)
        again = kind_of_failure(result) in settings.retry_on and attempt <= settings.retries
        if not again or clock.now() + pause >= until:
            return result
        yield from sleep(engine, pause)
        attempt += 1


def _headers(platform: Platform, method: str, params: Mapping[str, str], url: str) -> dict[str, str]:
    """Once per attempt: a retry has nonces of its own."""
    headers = {"User-Agent": platform.dialect.user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
    if platform.switches.signatures == "all":
        headers |= platform.dialect.sign(method, url, params, platform.auth_token, platform.nonces)
    return headers


def _write_down(
    platform: Platform, leg: Leg, purpose: str, result: Exchange, sent: Mapping[str, str], attempt: int = 1
) -> None:
    answer = result.error or f"{result.http_status} ({len(result.body)} bytes)"
    event = sent.get("Event", "")
    more = f"  [{event}]" if event else ""
    more += f"  (attempt {attempt})" if attempt > 1 else ""
    platform.note(
        leg,
        "fetch",
        f"{result.method} {result.url} -> {answer}{more}",
        purpose=purpose,
        method=result.method,
        url=result.url,
        event=event,
        status=result.http_status,
        error=result.error,
        attempt=attempt,
    )
