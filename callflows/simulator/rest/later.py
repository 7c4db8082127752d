"""The asynchronous form of any request (Plivo docs, asynchronous requests): with a `callback_url`, the answer is a 202
at once, and the real one is sent there afterwards.

What it looks like there is not documented. Here: form parameters, as in everything else the platform sends, signed too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response

from ..callbacks import clean
from ..document import is_http_url
from ..engine import Fetch, Process, Steps, sleep
from ..fetching import Exchange
from .asked import Asked, Refused

if TYPE_CHECKING:
    from ..platform import Platform


def promise(asked: Asked) -> Callable[[Response], None] | None:
    """What takes the real answer, if the request wants it sent somewhere. GET says so in its query."""
    given: Mapping[str, Any] = {**asked.args, **asked.body}
    url, method = given.get("callback_url"), given.get("callback_method") or "POST"
    if not url:
        return None
    if not isinstance(url, str) or not is_http_url(url):
        raise Refused(400, "callback_url parameter is not a valid URL")
    if not isinstance(method, str) or method.upper() not in ("GET", "POST"):
        raise Refused(400, "callback_method parameter is invalid: one of GET, POST")
    platform, api_id = asked.platform, asked.api_id

    def keep(response: Response) -> None:
        content = {"api_id": api_id, **json.loads(response.get_data() or b"{}")}
        params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in content.items()}
        Process(platform.engine, _send(platform, url, method.upper(), clean(params)))

    return keep


def _send(platform: Platform, url: str, method: str, params: Mapping[str, str]) -> Steps[None]:
    settings = platform.dialect.settings_for(url, "callback")

    def headers(sent_to: str) -> dict[str, str]:
        signed = platform.switches.signatures == "all"
        sign = platform.dialect.sign(method, sent_to, params, platform.auth_token, platform.nonces) if signed else {}
        return {"User-Agent": platform.dialect.user_agent, "Accept": "*/*", **sign}

    result: Exchange = yield Fetch(partial(platform.fetcher.attempt, method, url, params, settings, headers))
    yield from sleep(platform.engine, result.cost)
    answer = result.error or str(result.http_status)
    text = f"{method} {url} -> {answer}  [the answer to {params['api_id']}]"
    platform.transcript.add(platform.clock.now(), "fetch", text, purpose="async", method=method, url=url)
