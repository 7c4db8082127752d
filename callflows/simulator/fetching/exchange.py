"""The platform asking a web application: signed, retried as each platform does, and written down.

Every attempt is made at its own virtual instant. Nothing here raises: a failure is an `Exchange` that is not ok.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ..callbacks import clean
from ..calls import Leg
from ..document import is_http_url
from ..engine import Fetch, Pause, Process, Steps, sleep
from .client import Exchange, HttpSettings, kind_of_failure
from .faults import Held, WebFault, distorted

if TYPE_CHECKING:
    from ..platform import Platform

MAX_REDIRECTS = 5
KEEPS_METHOD = (307, 308)


def exchange(
    platform: Platform, leg: Leg, purpose: str, url: str, method: str, params: Mapping[str, str]
) -> Steps[Exchange]:
    errand = _Errand(platform, leg, purpose, url, method.upper(), clean(params))
    if errand.method not in ("GET", "POST") or not is_http_url(url):
        refused = Exchange(errand.method, url, error="not requested: no such method, or no such URL")
        errand.write_down(refused)
        return refused
    fault = errand.fault(first=True)
    if fault is not None and fault.kind == "reordered":
        errand.hold_back(fault)
        return Exchange(errand.method, url, error="held back")
    result = yield from errand.run(fault)
    if purpose == "callback":
        platform.fetcher.faults.delivered(leg.call)
    return result


@dataclass(frozen=True)
class _Errand:
    """One thing to ask a web application, in as many attempts as it takes."""

    platform: Platform
    leg: Leg
    purpose: str
    url: str
    method: str
    params: Mapping[str, str]

    def fault(self, *, first: bool) -> WebFault | None:
        live = self.leg.ended_at is None
        return self.platform.fetcher.faults.take(self.purpose, self.url, live=live, first=first)

    def run(self, fault: WebFault | None) -> Steps[Exchange]:
        settings = self.platform.dialect.settings_for(self.url, self.purpose)
        engine, clock = self.platform.engine, self.platform.clock
        until = clock.now() + settings.total
        attempt = 1
        while True:
            left = max(0.1, until - clock.now())
            if fault is not None and fault.kind == "late":  # which is before the platform's own time begins
                until += fault.seconds
            limits = replace(settings, connect=min(settings.connect, left), read=min(settings.read, left), total=left)
            result = yield from self.attempt(limits, fault, attempt)
            pause = settings.backoff * 2 ** (attempt - 1)
            again = kind_of_failure(result) in settings.retry_on and attempt <= settings.retries
            if not again or clock.now() + pause >= until:
                return result
            yield from sleep(engine, pause)
            attempt += 1
            fault = self.fault(first=False)

    def attempt(self, limits: HttpSettings, fault: WebFault | None, number: int) -> Steps[Exchange]:
        """One request and its answer; also written down when the leg does not wait for it any more."""
        engine, kind = self.platform.engine, fault.kind if fault else ""
        result = Exchange(self.method, self.url, error="not requested: nobody waits any more")
        try:
            if fault is not None and kind == "late":
                yield from sleep(engine, fault.seconds)
            result = replace(result, error="")
            result = yield from self.ask(limits, kind)
            if fault is not None:
                result = distorted(result, fault, limits)
            if kind == "hang-up":
                yield from self.hang_up()
            yield from sleep(engine, result.cost)
        except BaseException:  # the leg was hung up, or moved, meanwhile
            gone = "the leg did not wait for the answer" if not result.error.startswith("not requested") else ""
            self.write_down(replace(result, error=gone or result.error), number, kind)
            raise
        self.write_down(result, number, kind)
        return result

    def ask(self, limits: HttpSettings, fault: str) -> Steps[Exchange]:
        """Over the network, as often as redirects and a `duplicate` make it."""
        platform, method, url, params = self.platform, self.method, self.url, self.params
        if fault == "unreachable":
            return Exchange(method, url, error="cannot connect")
        headers = _Headers(platform, method, params, fault)
        result: Exchange = yield Fetch(partial(platform.fetcher.attempt, method, url, params, limits, headers))
        if fault == "duplicate":
            yield Fetch(partial(platform.fetcher.attempt, method, url, params, limits, headers))
        for _ in range(MAX_REDIRECTS):
            if not 300 <= result.http_status < 400 or platform.switches.redirects != "followed":
                break
            target = _target(url, result.location)
            if not target:
                break
            self.write_down(result)
            if result.http_status not in KEEPS_METHOD:
                method, params = "GET", {}
            url = target
            headers = _Headers(platform, method, params, fault)
            result = yield Fetch(partial(platform.fetcher.attempt, method, url, params, limits, headers))
        return result

    def hang_up(self) -> Steps[None]:
        """The person of this leg does; a process of the leg itself ends here."""
        self.platform.hang_up(self.leg)
        while self.leg.ended_at is None:
            yield Pause(0)

    def hold_back(self, fault: WebFault) -> None:
        platform, leg = self.platform, self.leg
        platform.note(leg, "note", f"{self.method} {self.url} is held back  [fault: {fault.kind}]", fault=fault.kind)
        held = Held(leg.call, self.deliver)
        platform.fetcher.faults.hold(held)
        platform.engine.after(fault.seconds, lambda: platform.fetcher.faults.release(held))

    def deliver(self) -> None:
        def steps() -> Steps[None]:
            yield from self.run(None)

        Process(self.platform.engine, steps())

    def write_down(self, result: Exchange, attempt: int = 1, fault: str = "") -> None:
        answer = result.error or f"{result.http_status} ({len(result.body)} bytes)"
        event = self.params.get("Event", "")
        more = f"  [{event}]" if event else ""
        more += f"  (attempt {attempt})" if attempt > 1 else ""
        more += f"  [fault: {fault}]" if fault else ""
        more += f"  [raised {result.exception}]" if result.exception else ""
        seldom = {"fault": fault, "exception": result.exception, "dial_status": self.params.get("DialStatus")}
        self.platform.note(
            self.leg,
            "fetch",
            f"{result.method} {result.url} -> {answer}{more}",
            purpose=self.purpose,
            method=result.method,
            url=result.url,
            event=event,
            status=result.http_status,
            error=result.error,
            attempt=attempt,
            **{name: value for name, value in seldom.items() if value},
        )


def _target(url: str, location: str) -> str:
    """Where a redirect leads, or nothing where it leads nowhere."""
    try:
        target = urljoin(url, location)
    except ValueError:
        return ""
    return target if location and is_http_url(target) else ""


class _Headers:
    """Made once per attempt, so that a retry has nonces of its own and a duplicate has not."""

    def __init__(self, platform: Platform, method: str, params: Mapping[str, str], fault: str = "") -> None:
        self.platform, self.method, self.params, self.fault = platform, method, params, fault
        self.made: dict[str, str] = {}

    def __call__(self, url: str) -> Mapping[str, str]:
        self.made = self.made or sent_headers(self.platform, self.method, url, self.params, self.fault)
        return self.made


def sent_headers(
    platform: Platform, method: str, url: str, params: Mapping[str, str], fault: str = ""
) -> dict[str, str]:
    """What the platform sends with a request for this URL as it goes over the wire."""
    dialect = platform.dialect
    headers = {"User-Agent": dialect.user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
    if platform.switches.signatures == "all" and fault != "no-signature":
        token = f"not-{platform.auth_token}" if fault == "wrong-signature" else platform.auth_token
        headers |= dialect.sign(method, url, params, token, platform.nonces)
    return headers
