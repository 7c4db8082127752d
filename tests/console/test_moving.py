"""Moving a caller, on a simulated platform: once, by whom, and what is said when it does not work."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from .conftest import Browser, advance, fields, live_call, visible

TO = "+14155550123"


def signed_in(app: Flask) -> Browser:
    browser = Browser(app)
    browser.sign_in()
    return browser


def test_a_caller_is_moved_and_it_is_known_by_whom(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    assert call in ann.get("/").text
    shown = ann.get(f"/calls/{call}").text
    assert "greet/answer" in visible(shown)
    assert f'href="/console/calls/{call}/transfer"' in shown
    form = ann.get(f"/calls/{call}/transfer").text
    assert "forward – Dial somebody" in visible(form)
    form = ann.post(f"/calls/{call}/transfer", _fields="1", aleg="forward", bleg="").text
    assert "Who to connect the caller to" in form
    assert 'placeholder="+14155550123"' in form
    confirm = ann.post(f"/calls/{call}/transfer", aleg="forward", bleg="", param_to=TO)
    assert confirm.status_code == 200
    assert TO in visible(confirm.text)
    assert "t=…" in visible(confirm.text), "whoever holds a token may speak for the call"
    assert app.extensions["callflows"].store.transfers() == [], "to look is not to do"
    done = ann.client.post(f"/console/calls/{call}/transfer", data=fields(confirm.text))
    assert done.status_code == 303
    page = ann.client.get(done.location).text
    assert "by console:ann" in visible(page)
    assert "hx-get" in page, "it is followed"
    advance(app, simulator, 30)
    page = visible(ann.client.get(done.location).text)
    assert f"connected to {TO}" in page
    listed = visible(ann.get("/transfers?asked_by=console:ann").text)
    assert "console:ann" in listed
    assert "forward/aleg" in listed


def test_two_presses_are_one_transfer(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    form = fields(ann.post(f"/calls/{call}/transfer", aleg="greet", bleg="").text)
    cookie = ann.client.get_cookie("callflows_console", path="/console")
    assert cookie is not None

    def press(_: int) -> str:
        client = app.test_client()
        client.set_cookie("callflows_console", cookie.value, path="/console")
        answer = client.post(f"/console/calls/{call}/transfer", data=form)
        assert answer.status_code == 303
        return str(answer.location)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(press, range(4)))) == 1
    assert len(app.extensions["callflows"].store.transfers()) == 1
    asked = [entry.text for entry in simulator.platform.transcript.entries if entry.kind == "rest"]
    assert len(asked) == 1, asked


def test_what_is_wrong_is_said_at_the_field(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    for value, said in (
        ("", "to is needed"),
        ("five", "to "),
        ("+442071838750", "CALLFLOWS_DIAL_ALLOW"),
        ("<b>&\"'", "to "),
    ):
        answer = ann.post(f"/calls/{call}/transfer", aleg="forward", bleg="", param_to=value)
        assert answer.status_code == 422
        (fault,) = re.findall(r'<small class="fault" id="fault-to">(.*?)</small>', answer.text)
        assert said in visible(fault)
        assert 'aria-invalid="true"' in answer.text
        assert "<b>&" not in answer.text
        assert "_key" not in fields(answer.text)
    for sent, said in (
        ({"aleg": "", "bleg": ""}, "Choose a flow for the caller"),
        ({"aleg": "nothing"}, "nothing"),
        ({"aleg": "greet", "bleg": "<script>alert(1)</script>"}, "script"),
        ({"aleg": "greet/aleg/aleg"}, ""),
    ):
        answer = ann.post(f"/calls/{call}/transfer", **sent)
        assert answer.status_code == 422
        assert said in visible(answer.text)
        assert "<script>alert" not in answer.text
    assert app.extensions["callflows"].store.transfers() == []


def test_a_call_that_ended_meanwhile(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    confirm = ann.post(f"/calls/{call}/transfer", aleg="greet", bleg="")
    advance(app, simulator, 4000)  # the flow ends, and nobody has told the page
    late = ann.client.post(f"/console/calls/{call}/transfer", data=fields(confirm.text))
    assert late.status_code == 409
    assert "The call has ended meanwhile" in late.text
    hang_up = ann.post(f"/calls/{call}/hang-up")
    assert (hang_up.status_code, "has ended already" in hang_up.text) == (409, True)


def test_a_key_is_for_one_transfer(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    sent = fields(ann.post(f"/calls/{call}/transfer", aleg="greet", bleg="").text)
    assert ann.client.post(f"/console/calls/{call}/transfer", data=sent).status_code == 303
    again = ann.client.post(f"/console/calls/{call}/transfer", data={**sent, "aleg": "greet/answer"})
    assert (again.status_code, "idempotency key" in again.text) == (422, True)


def test_hanging_up_takes_two_looks(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    assert "ends at once" in ann.get(f"/calls/{call}/hang-up").text
    assert simulator.platform.legs[call].ended_at is None
    done = ann.post(f"/calls/{call}/hang-up")
    advance(app, simulator, 1)
    assert (done.status_code, done.location) == (303, f"/console/calls/{call}")
    assert simulator.platform.legs[call].ended_at is not None


def test_what_the_platform_refuses_is_shown(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    sent = fields(ann.post(f"/calls/{call}/transfer", aleg="greet", bleg="").text)
    simulator.app().test_client().post("/-/sim/faults", json={"rest": "401"})
    answer = ann.client.post(f"/console/calls/{call}/transfer", data=sent)
    page = visible(ann.client.get(answer.location).text) if answer.location else visible(answer.text)
    assert "rejected" in page, page


def test_live_at_the_platform(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), signed_in(app)
    assert call in ann.get("/live").text
    advance(app, simulator, 4000)
    page = visible(ann.get("/live").text)
    assert "The platform has no live calls now." in page, page
