"""The console without a browser: an app with users, a simulated platform behind it, and what a form sends."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from werkzeug.test import TestResponse

from callflows import create_app, people, targets
from callflows.models import CallEvent, CallValues, EventKind, Exchange, Outcome
from callflows.runtime import Runtime
from callflows.simulator import Simulator, serve
from callflows.store import Drain

from ..conftest import PUBLIC_URL, write_flow
from ..house import CALLER, OUR_NUMBER, platform_values

PASSWORD = "a long enough password"
_cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # what a hash costs is written in it
USERS = " ".join(f"{name}:{role}:{_cheap.hash(PASSWORD)}" for name, role in (("ann", "operator"), ("bob", "viewer")))

FLOWS: dict[str, tuple[str, dict[str, str]]] = {
    "greet": (
        'title = "Say hello"\n',
        {
            "answer": "<Response><GetDigits action=\"{{ step_url('answer') }}\" timeout='60'><Speak>Good day.</Speak>"
            "</GetDigits><Wait length='60'/></Response>",
            "aleg": "<Response><Speak>You are moved.</Speak><Wait length='60'/></Response>",
            "bleg": "<Response><Speak>You too.</Speak><Wait length='60'/></Response>",
        },
    ),
    "forward": (
        'title = "Dial somebody"\n[params.to]\ntype = "phone"\nrequired = true\n'
        'description = "Who to connect the caller to"\nexample = "+14155550123"\n',
        {"aleg": "<Response><Dial><Number>{{ params.to }}</Number></Dial></Response>"},
    ),
}


class Browser:
    """Somebody at the console: cookies, and forms sent with what stands in them."""

    def __init__(self, app: Flask, base: str = "") -> None:
        self.app, self.base, self.client = app, base, app.test_client()

    def get(self, path: str = "/", **more: Any) -> TestResponse:
        return self.client.get(f"{self.base}/console{path}", **more)

    def post(self, path: str, *, csrf: str | None = None, **form: str) -> TestResponse:
        """`param_to` is the field param.to; `csrf` instead of the session's own."""
        data = {name.replace("param_", "param."): value for name, value in form.items()}
        data["csrf"] = self.csrf if csrf is None else csrf
        return self.client.post(f"{self.base}/console{path}", data=data)

    def sign_in(self, name: str = "ann", password: str = PASSWORD, **more: str) -> TestResponse:
        form = {"name": name, "password": password, **more}
        return self.client.post(f"{self.base}/console/sign-in", data=form)

    @property
    def csrf(self) -> str:
        return fields(self.get("/checks").text)["csrf"]


def fields(page: str) -> dict[str, str]:
    """The values of the hidden inputs of a page; of several with one name, the last."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


def visible(page: str) -> str:
    """What a person reads, roughly."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


@pytest.fixture
def console_values(values: dict[str, Any], templates: Path) -> dict[str, Any]:
    for name, (toml, steps) in FLOWS.items():
        write_flow(templates, name, toml, **steps)
    return {**values, "CONSOLE_USERS": USERS, "DIAL_ALLOW": "+1415555"}


@pytest.fixture
def open_app(console_values: dict[str, Any]) -> Iterator[Callable[..., Flask]]:
    """Makes apps with other settings."""
    apps: list[Flask] = []

    def make(**changes: Any) -> Flask:
        apps.append(create_app({**console_values, **changes}))
        return apps[-1]

    yield make
    for app in apps:
        if rehearsals := app.extensions.get("callflows.rehearsals"):
            rehearsals.close()
        app.extensions["callflows"].close()


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """That an unknown name costs as much as a wrong password need not cost us anything."""
    monkeypatch.setattr(people, "_NOBODY", _cheap.hash("nobody"))


@pytest.fixture
def console(open_app: Callable[..., Flask]) -> Flask:
    return open_app()


@pytest.fixture
def ann(console: Flask) -> Browser:
    """An operator, signed in."""
    browser = Browser(console)
    assert browser.sign_in().status_code == 303
    return browser


@pytest.fixture
def bob(console: Flask) -> Browser:
    """A viewer, signed in."""
    browser = Browser(console)
    assert browser.sign_in("bob").status_code == 303
    return browser


@contextmanager
def platform_behind(open_app: Callable[..., Flask], **changes: Any) -> Iterator[tuple[Flask, Simulator]]:
    """A simulated Plivo that fetches from the app, in this process."""
    with serve_one() as server:
        nothing_of = {"VOBIZ_AUTH_ID": "", "VOBIZ_AUTH_TOKENS": ""}
        app = open_app(**nothing_of, **platform_values("plivo", server), **changes)
        server.simulator.reset(seed=1, switches={}, apps={PUBLIC_URL: app})
        yield app, server.simulator


@contextmanager
def serve_one() -> Iterator[Any]:
    server = serve(Simulator("plivo", clock="manual", seed=1))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def house(open_app: Callable[..., Flask]) -> Iterator[tuple[Flask, Simulator]]:
    with platform_behind(open_app) as found:
        yield found


def live_call(app: Flask, simulator: Simulator) -> str:
    """Somebody calls greet/answer; what was heard of it is in the store."""
    runtime: Runtime = app.extensions["callflows"]
    url = targets.entry_url(runtime, "plivo", targets.find_target(runtime, "greet", "answer"), {})
    body = {"from": CALLER, "to": OUR_NUMBER, "answer_url": url}
    control = simulator.app().test_client()
    call = str(control.post("/-/sim/calls", json=body).get_json()["call_uuid"])
    control.post("/-/sim/clock", json={"advance": 3})
    drain(runtime)
    return call


def advance(app: Flask, simulator: Simulator, seconds: float) -> None:
    simulator.app().test_client().post("/-/sim/clock", json={"advance": seconds})
    drain(app.extensions["callflows"])


def drain(runtime: Runtime) -> None:
    found = Drain(runtime.settings.state_dir / "journal", runtime.store)
    while found.once():
        pass


def exchange(number: int, at: float, *, raw: dict[str, str] | None = None, **changes: Any) -> Exchange:
    call = changes.pop("call", CallValues(uuid=f"call-{number}", from_number="+14155550101", to_number="+14155550100"))
    event = changes.pop("event", CallEvent(EventKind.DOCUMENT, call, raw=raw or {}))
    made = {"id": f"x{number}", "at": at, "provider": "plivo", "outcome": Outcome.STEP, "event": event}
    return Exchange(**{**made, "flow": "greet", "step": "answer", **changes})
