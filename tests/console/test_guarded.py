"""What the console lets nobody do, whatever is sent to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from callflows import CallFlows
from callflows.errors import StoreError
from callflows.store import Store

from .conftest import PASSWORD, PUBLIC_URL, Browser, live_call, visible

PAGES = (
    "/",
    "/calls",
    "/calls/abc",
    "/calls/abc/transfer",
    "/transfers",
    "/flows",
    "/flows/greet",
    "/flows/greet/call",
)
MORE = ("/checks", "/rejected", "/live", "/calls/abc/hang-up", "/transfers/nothing", "/flows/nothing", "/nowhere")
CHANGES = ("/calls/abc/transfer", "/calls/abc/hang-up", "/flows/greet/call", "/rehearsals/abcdefgh", "/nowhere")


def test_every_answer_has_the_headers_that_keep_strangers_out(ann: Browser, console: Flask) -> None:
    answers = [ann.get(path) for path in (*PAGES, *MORE, "/static/console.css", "/static/nothing", "", "/sign-in")]
    answers += [ann.post(path) for path in CHANGES]
    answers += [Browser(console).get(path) for path in ("/", "/sign-in")]
    answers += [Browser(console).sign_in("x"), ann.client.put("/console/calls"), ann.client.options("/console/")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Cache-Control" in answer.headers


def test_no_page_has_scripts_or_styles_in_it(ann: Browser) -> None:
    for path in (*PAGES, *MORE):
        page = ann.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|javascript:|\sstyle=", page), path
        assert set(re.findall(r"<style[^>]*>", page)) <= {"<style>"}, "the picture's own, which the policy names"


def test_what_is_kept_and_for_how_long(ann: Browser) -> None:
    page = ann.get("/")
    assert page.headers["Cache-Control"] == "no-cache, private"
    assert {"Cookie", "HX-Request", "HX-Target"} <= set(page.headers["Vary"].split(", "))
    (style,) = re.findall(r'href="(/console/static/console.css[^"]*)"', page.text)
    assert "immutable" in ann.client.get(style).headers["Cache-Control"]
    assert ann.get("/calls/abc/hang-up").headers["Cache-Control"] == "no-cache, private"
    assert ann.post("/calls/abc/transfer").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("target", ["", "part-going-on"])
def test_what_has_not_changed_is_not_sent_again(ann: Browser, target: str) -> None:
    headers = {"HX-Request": "true", "HX-Target": target} if target else {}
    first = ann.get("/", headers=headers)
    assert (first.status_code, "<html" in first.text) == (200, not target)
    again = ann.get("/", headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")
    assert ann.client.head("/console/", headers=headers).headers["ETag"] == first.headers["ETag"]
    assert ann.client.head("/console/", headers={**headers, "If-None-Match": first.headers["ETag"]}).status_code == 304


def test_a_part_of_a_page_is_that_part(ann: Browser) -> None:
    asked = {"HX-Request": "true", "HX-Target": "no-such-part"}
    assert "<html" in ann.get("/", headers=asked).text


def test_a_viewer_changes_nothing(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call = live_call(app, simulator)
    bob = Browser(app)
    bob.sign_in("bob")
    for path in (f"/calls/{call}/transfer", f"/calls/{call}/hang-up", "/flows/greet/call", "/rehearsals/abcdefgh"):
        answer = bob.post(path, aleg="greet", _key="k")
        assert (answer.status_code, "This takes an operator" in answer.text) == (403, True)
    assert bob.client.delete(f"/console/calls/{call}/transfer", data={"csrf": bob.csrf}).status_code == 403
    for path in (f"/calls/{call}/transfer", f"/calls/{call}/hang-up", "/flows/greet/call"):
        assert bob.get(path).status_code == 403
    page = bob.get(f"/calls/{call}").text
    assert "Transfer…" not in page
    assert "Hang up" not in page
    assert app.extensions["callflows"].store.transfers() == []
    assert simulator.platform.legs[call].ended_at is None
    assert bob.post("/sign-out").status_code == 303


def test_a_form_that_is_not_ours_changes_nothing(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call = live_call(app, simulator)
    ann, eve = Browser(app), Browser(app)
    ann.sign_in()
    eve.sign_in()
    path = f"/calls/{call}/transfer"
    for csrf in ("", "guessed", eve.csrf, ann.csrf + "x", "\u00e9", "a" * 10_000):
        answer = ann.post(path, csrf=csrf, aleg="greet", _key="k")
        assert (answer.status_code, "out of date" in answer.text) == (403, True)
    token = {"csrf": ann.csrf, "aleg": "greet", "_key": "k"}
    for site in ("cross-site", "same-site", "nonsense"):
        answer = ann.client.post(f"/console{path}", data=token, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
    assert ann.client.post(f"/console{path}", query_string=token).status_code == 403, "a token in the address is none"
    assert app.extensions["callflows"].store.transfers() == []
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert ann.client.post(f"/console{path}", data=token, headers=headers).status_code == 303


def test_forms_that_are_too_much(ann: Browser) -> None:
    answer = ann.post("/calls/abc/transfer", aleg="x" * 70_000)
    assert (answer.status_code, "too much" in answer.text) == (413, True)
    data = {f"f{number}": (None, "x") for number in range(2000)}
    assert ann.client.post(
        "/console/calls/abc/transfer", data=data, content_type="multipart/form-data"
    ).status_code in (
        400,
        413,
    )


def test_pages_that_are_not_there(ann: Browser) -> None:
    for path in (
        "/nowhere",
        "/transfers/nothing",
        "/flows/nothing",
        "/flows/..%2f..%2fetc",
        "/rehearsals/x",
        "/calls/%00",
    ):
        answer = ann.get(path)
        assert answer.status_code == 404, path
        assert "<h1>" in answer.text
    for query in ("before=nonsense", "before=nan:x", "before=1e400:x"):
        assert ann.get(f"/calls?{query}").status_code == 400
    assert ann.get("/transfers?status=nonsense&before=").status_code == 200
    assert ann.get("/static/..%2fdoor.py").status_code == 404
    assert ann.get("/flows/greet?step=x&provider=x&sample=-1&file=../../etc/passwd").status_code == 200


def test_a_store_that_is_away_is_said_to_be(ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreError("the store hangs")

    for name in ("pulse", "calls", "exchanges", "transfers", "refused", "story"):
        monkeypatch.setattr(Store, name, away)
    for path in ("/", "/calls", "/calls/abc", "/transfers", "/transfers/abc", "/rejected"):
        answer = ann.get(path)
        assert answer.status_code == 503, path
        assert "The database cannot be reached" in answer.text
        assert "Traceback" not in answer.text
    assert ann.get("/flows").status_code == 200
    assert ann.get("/checks").status_code == 200


def test_a_mistake_of_ours_is_no_traceback(ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(Store, "refused", broken)
    answer = ann.get("/rejected")
    assert answer.status_code == 500
    assert "A mistake of ours" in answer.text
    assert "secret of the house" not in answer.text


def test_below_a_path_of_public_url(open_app: Callable[..., Flask]) -> None:
    """Whether the proxy in front takes the path off or passes it on."""
    app = open_app(PUBLIC_URL=f"{PUBLIC_URL}/phone")
    for base in ("", "/phone"):
        ann = Browser(app, base)
        answer = ann.sign_in()
        assert answer.location == "/phone/console/"
        assert "Path=/phone/console;" in answer.headers["Set-Cookie"]
        cookie = ann.client.get_cookie("callflows_console", path="/phone/console")
        assert cookie is not None
        ann.client.set_cookie("callflows_console", cookie.value, path="/")  # as if the proxy had taken the path off
        page = ann.get("/flows/greet")
        links = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', page.text)
        assert links
        assert all(link.startswith("/phone/console/") for link in links), links
        assert ann.client.get(links[0]).status_code == 200
        assert ann.get("").location == "/phone/console/"
        assert Browser(app, base).get("/calls").location == "/phone/console/sign-in?back=/phone/console/calls"


def test_in_an_app_that_has_a_console_of_its_own(console_values: dict[str, Any]) -> None:
    app = Flask("theirs")

    @app.get("/console/")
    def theirs() -> str:
        return "their console"

    CallFlows(app, {**console_values, "CONSOLE": "false", "PUBLIC_URL": f"{PUBLIC_URL}/phone"})
    assert app.test_client().get("/console/").text == "their console"
    assert app.test_client().get("/console/sign-in").status_code == 404
    app.extensions["callflows"].close()


def test_the_role_is_shown(bob: Browser) -> None:
    assert "bob viewer" in visible(bob.get("/").text)
    assert PASSWORD not in bob.get("/").text
