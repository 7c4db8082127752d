"""The console as people have it: real gunicorn for calls and for the console, a simulated platform, and Chromium.

In every test: nothing the policy refuses, no error in the browser's console, and no request to anywhere else.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from callflows import simulator, targets
from callflows.runtime import Runtime
from callflows.signing import Token

from ...conftest import REPOSITORY
from ...house import AGENT, COLLEAGUE, Gunicorn, Phone, platform_values, wait_until
from ..conftest import PASSWORD, USERS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --force-color-profile=srgb"
).split()
PHONE_WIDTH, DESK_WIDTH = 390, 1440


@dataclass
class Servers:
    """`calls` answers the platform and has a console too, with two workers; `console` is the process of its own."""

    calls: Gunicorn
    console: Gunicorn
    phone: Phone
    runtime: Runtime
    templates: Path

    def live_call(self, flow: str = "welcome", **params: str) -> str:
        """Somebody calls in; what happened is in the store."""
        url = targets.entry_url(self.runtime, "plivo", targets.find_target(self.runtime, flow, "answer"), params)
        events = targets.signed_url(self.runtime, "plivo", "/events/plivo", Token())
        call = self.phone.inbound(url, hangup_url=events)
        self.phone.advance(4)
        wait_until(lambda: self.runtime.store.exchanges(call_uuids=[call]), what="the call in the store")
        return call


WELCOME = """<Response>
  <GetDigits action="{{ step_url("menu") }}" numDigits="1" timeout="60">
    <Speak>Good day. Press 1 for support, 2 for our hours.</Speak>
  </GetDigits>
  <Speak>Goodbye.</Speak>
  <Hangup/>
</Response>
"""
MENU = """<Response>
  {% if input.digits == "1" %}
  <Speak>I will connect you.</Speak>
  <Dial callerId="+14155550100" timeout="20" action="{{ step_url("done") }}">
    <Number>+14155550102</Number>
  </Dial>
  {% elif input.digits == "2" %}
  <Speak>We are there from nine to five.</Speak>
  <Redirect>{{ step_url("answer") }}</Redirect>
  {% else %}
  <Speak>That key is not in the menu.</Speak>
  <Redirect>{{ step_url("answer") }}</Redirect>
  {% endif %}
</Response>
"""
DONE = """<Response>
  {% if dial.status and dial.status != "completed" %}
  <Speak>Nobody can take your call now. Please call again tomorrow.</Speak>
  {% else %}
  <Speak>Thank you. Goodbye.</Speak>
  {% endif %}
  <Hangup/>
</Response>
"""


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("console")
    templates = folder / "templates"
    shutil.copytree(REPOSITORY / "templates", templates)
    (templates / "welcome").mkdir()
    for step, text in (("answer", WELCOME), ("menu", MENU), ("done", DONE)):
        (templates / "welcome" / f"{step}.xml").write_text(text)
    (templates / "welcome" / "flow.toml").write_text(
        'title = "Welcome"\ndescription = "A menu: support, or our hours."\n'
    )
    with simulator.serve(simulator.Simulator("plivo", clock="manual", seed=7)) as platform:
        values: dict[str, Any] = {
            "SECRET_KEYS": "key-of-tests-0123456789",
            "TEMPLATES": templates,
            "STATE_DIR": folder / "state",
            "DIAL_ALLOW": "+1415555",
            "CONSOLE_USERS": USERS,
            "LOG_LEVEL": "WARNING",
            **platform_values("plivo", platform),
        }
        calls = Gunicorn(values, folder / "calls.log")
        console = Gunicorn({**values, "PUBLIC_URL": calls.url}, folder / "console.log")
        try:
            bind = f"127.0.0.1:{console.port}"
            with ThreadPoolExecutor() as pool:
                begun = [
                    pool.submit(calls.start),
                    pool.submit(console.start, sys.executable, "-m", "callflows", "console", "--bind", bind),
                ]
            for each in begun:
                each.result()
            runtime = Runtime({**values, "PUBLIC_URL": calls.url})
            phone = Phone(platform)
            phone.number(AGENT, behaviour="answers", after=2)
            phone.number(COLLEAGUE, behaviour="answers", after=3)
            wait_until(lambda: "welcome" in runtime.versions.names(), what="the flows to be live")
            yield Servers(calls, console, phone, runtime, templates)
            phone.http.close()
            runtime.close()
        finally:
            console.stop()
            calls.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"Chromium is not on this machine ({CHROMIUM}; Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(chromium: Browser, servers: Servers) -> Iterator[Open]:
    """Opens a page of the console, signed in as `name`; what goes wrong in it fails the test."""
    wrong: list[str] = []
    contexts = []

    def begin(
        path: str = "/", name: str = "ann", *, width: int = DESK_WIDTH, dark: bool = False, at: str = "", **more: Any
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(25_000)
        base = at or servers.console.url
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " e => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))"
        )
        page.on("console", lambda said: wrong.append(f"{said.type}: {said.text}") if _counts(said) else None)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(base) else wrong.append(f"a request to {asked.url}"),
        )
        page.goto(f"{base}/console{path}")
        if name:
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"**/console{path}")
        return page

    yield begin
    for context in contexts:
        context.close()
    assert wrong == []


def _counts(said: Any) -> bool:
    """That there was no answer, or a 4xx, is news of the browser's and of htmx's, and no mistake of a page."""
    known = ("Failed to load resource", "htmx:sendError", "htmx:afterRequest", "Response Status Error Code")
    return said.type in ("error", "warning") and not any(word in said.text for word in known)
