"""Who comes in, for how long, and what becomes of what they were filling in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from callflows.console import sessions, signing_in

from .conftest import PASSWORD, USERS, Browser, fields, live_call, visible


def test_nobody_comes_in_without_signing_in(console: Flask) -> None:
    browser = Browser(console)
    for path in (
        "/",
        "/calls",
        "/calls/abc",
        "/transfers",
        "/flows/greet",
        "/checks",
        "/rejected",
        "/live",
        "/nowhere",
    ):
        answer = browser.get(path)
        assert answer.status_code == 302
        assert answer.location.startswith("/console/sign-in?back=/console/")
    assert browser.get("", follow_redirects=False).status_code == 302
    assert browser.get("/sign-in").status_code == 200


def test_sign_in_and_out(console: Flask) -> None:
    browser = Browser(console)
    back = browser.get("/transfers?status=accepted").location
    assert browser.client.get(back).status_code == 200
    answer = browser.sign_in(back="/console/transfers?status=accepted")
    assert (answer.status_code, answer.location) == (303, "/console/transfers?status=accepted")
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Path=/console;")), cookie
    assert "Secure" not in cookie, "on this machine there is no TLS"
    form = {"name": "ann", "password": PASSWORD}
    outside = console.test_client().post("/console/sign-in", data=form, base_url="https://flows.example.com")
    assert "Secure" in outside.headers["Set-Cookie"]
    assert "ann operator" in visible(browser.get().text)
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/console/sign-in")
    assert browser.get().status_code == 302


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "/\\evil.example", "/console/..//evil"])
def test_an_address_to_go_on_to_leads_nowhere_else(console: Flask, address: str) -> None:
    assert Browser(console).sign_in(back=address).location == "/console/"


def test_wrong_names_and_passwords(console: Flask) -> None:
    browser = Browser(console)
    for name, password in (("ann", "wrong"), ("nobody", PASSWORD), ("", ""), ("ann", PASSWORD + "\0"), ("\ud800", "x")):
        answer = browser.sign_in(name.encode("utf-8", "replace").decode(), password)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
    assert browser.get().status_code == 302


def test_who_tries_too_often_has_to_wait_and_nobody_else(console: Flask) -> None:
    browser = Browser(console)
    for _ in range(signing_in.OF_BOTH):
        assert browser.sign_in("ann", "wrong").status_code == 401
    answer = browser.sign_in("ann", PASSWORD)
    assert answer.status_code == 429
    assert "Too many tries" in answer.text
    assert browser.get().status_code == 302
    assert browser.sign_in("bob").status_code == 303
    # the same name from elsewhere: a proxy on this machine says for whom it asks, in the last place
    elsewhere = {"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}
    form = {"name": "ann", "password": PASSWORD}
    assert console.test_client().post("/console/sign-in", data=form, headers=elsewhere).status_code == 303


def test_one_address_tries_many_names(console: Flask) -> None:
    browser = Browser(console)
    for number in range(signing_in.FROM_ADDRESS):
        assert browser.sign_in(f"name{number}", "wrong").status_code == 401
    assert browser.sign_in("ann", PASSWORD).status_code == 429


def test_another_sites_page_cannot_sign_anybody_in(console: Flask) -> None:
    form = {"name": "ann", "password": PASSWORD}
    answer = console.test_client().post("/console/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)


def test_a_session_ends_when_nothing_is_done_and_in_any_case(ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time()
    for after, status in ((sessions.IDLE_SECONDS - 60, 200), (2 * sessions.IDLE_SECONDS - 180, 200)):
        monkeypatch.setattr(time, "time", lambda after=after: began + after)
        assert ann.get().status_code == status
    monkeypatch.setattr(time, "time", lambda: began + 3 * sessions.IDLE_SECONDS)
    assert ann.get().status_code == 302
    monkeypatch.setattr(time, "time", lambda: began + 3 * sessions.IDLE_SECONDS + 1)
    ann.sign_in()
    at = began + 3 * sessions.IDLE_SECONDS + 1
    for _ in range(int(sessions.LONGEST_SECONDS / sessions.IDLE_SECONDS * 2)):
        at += sessions.IDLE_SECONDS / 2 - 1
        monkeypatch.setattr(time, "time", lambda at=at: at)
        last = ann.get().status_code
    assert last == 200
    monkeypatch.setattr(time, "time", lambda: at + 3600)
    assert ann.get().status_code == 302


def test_who_is_removed_or_gets_another_password_is_out(ann: Browser, open_app: Callable[..., Flask]) -> None:
    cookie = ann.client.get_cookie(sessions.COOKIE, path="/console")
    assert cookie is not None
    first, other = USERS.split(" ")
    for users, inside in ((USERS, True), (other, False), (first.rsplit("$", 1)[0] + "$" + "A" * 43, False)):
        browser = Browser(open_app(CONSOLE_USERS=users))
        browser.client.set_cookie(sessions.COOKIE, cookie.value, path="/console")
        assert (browser.get().status_code == 200) == inside


def test_a_cookie_that_was_changed_is_no_cookie(ann: Browser, console: Flask) -> None:
    cookie = ann.client.get_cookie(sessions.COOKIE, path="/console")
    assert cookie is not None
    for value in (cookie.value[:-1] + ("A" if cookie.value[-1] != "A" else "B"), "", "x.y", "W10", cookie.value[5:]):
        browser = Browser(console)
        browser.client.set_cookie(sessions.COOKIE, value, path="/console")
        assert browser.get().status_code == 302


def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call = live_call(app, simulator)
    ann = Browser(app)
    ann.sign_in()
    csrf = ann.csrf
    ann.client.delete_cookie(sessions.COOKIE, path="/console")
    answer = ann.post(f"/calls/{call}/transfer", csrf=csrf, aleg="forward", param_to="+14155550123", bleg="")
    assert answer.status_code == 401
    assert "Your session has ended" in answer.text
    kept = fields(answer.text)
    assert {kept["kept.aleg"], kept["kept.param.to"]} == {"forward", "+14155550123"}

    wrong = ann.client.post("/console/sign-in", data={**kept, "name": "ann", "password": "wrong"})
    assert fields(wrong.text) == kept, "nor does a wrong password"
    back = ann.client.post("/console/sign-in", data={**fields(wrong.text), "name": "ann", "password": PASSWORD})
    assert "Nothing was sent while you were signed out" in back.text
    assert f'action="/console/calls/{call}/transfer"' in back.text
    confirm = ann.client.post(f"/console/calls/{call}/transfer", data=fields(back.text))
    assert "+14155550123" in confirm.text

    # and at the last step: the idempotency key stays what it was
    ann.client.delete_cookie(sessions.COOKIE, path="/console")
    sent = fields(confirm.text)
    again = ann.client.post(f"/console/calls/{call}/transfer", data=sent)
    kept = fields(again.text)
    assert (again.status_code, kept["kept._key"]) == (401, sent["_key"])
    back = ann.client.post("/console/sign-in", data={**kept, "name": "ann", "password": PASSWORD})
    done = ann.client.post(f"/console/calls/{call}/transfer", data=fields(back.text))
    assert (done.status_code, done.location.startswith("/console/transfers/")) == (303, True)
    (transfer,) = app.extensions["callflows"].store.transfers()
    assert transfer.idempotency_key == sent["_key"]


def test_part_of_a_page_asks_nobody_for_a_password(console: Flask) -> None:
    answer = Browser(console).get("/", headers={"HX-Request": "true", "HX-Target": "part-going-on"})
    assert (answer.status_code, answer.text) == (401, "")


def test_a_proxy_signs_people_in(open_app: Callable[..., Flask]) -> None:
    app = open_app(CONSOLE_USERS="", CONSOLE_PROXY_HEADER="X-Forwarded-User", CONSOLE_OPERATORS="ann@example.com")
    browser = Browser(app)
    answer = browser.get("/", follow_redirects=True)
    assert (answer.status_code, "X-Forwarded-User" in answer.text) == (403, True)
    for name, role in (("ann@example.com", "operator"), ("<b>eve</b>", "viewer")):
        answer = Browser(app).get("/", headers={"X-Forwarded-User": name})
        assert answer.status_code == 200
        assert f"{name} {role}" in visible(answer.text)
        assert "Sign out" not in answer.text
    headers = {"X-Forwarded-User": "ann@example.com"}
    assert browser.get("/sign-in", headers=headers).location == "/console/"
    csrf = fields(browser.get("/", headers=headers).text)["csrf"]
    form = {"csrf": csrf, "aleg": "greet"}
    assert browser.client.post("/console/calls/abc/transfer", data=form, headers=headers).status_code != 403
    other = {"X-Forwarded-User": "bob@example.com"}  # the proxy says that it is somebody else now
    assert browser.client.post("/console/calls/abc/transfer", data=form, headers=other).status_code == 403


def test_nobody_can_sign_in_yet(open_app: Callable[..., Flask]) -> None:
    browser = Browser(open_app(CONSOLE_USERS=""))
    assert "callflows console user" in browser.get("/sign-in").text
    assert browser.sign_in().status_code == 200
    assert browser.get().status_code == 302
