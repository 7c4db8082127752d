"""What people do at the console: from signing in to a caller who is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ...house import COLLEAGUE, OUR_NUMBER, wait_until
from ..conftest import PASSWORD
from .conftest import Open, Servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.xdist_group("browser")


def test_sign_in(open_page: Open) -> None:
    page = open_page("/flows", name="")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("The name or the password is wrong.").wait_for()
    assert page.get_by_label("Name").input_value() == "ann"
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Flows").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_a_call_is_moved_and_followed_until_it_is_connected(open_page: Open, servers: Servers) -> None:
    call = servers.live_call()
    page = open_page()
    page.get_by_role("link", name=call).click()
    page.get_by_role("link", name="Transfer…").click()
    page.get_by_label("The caller goes to").select_option("forward")
    page.get_by_label("to", exact=True).fill(COLLEAGUE)
    page.get_by_label("caller_id").fill(OUR_NUMBER)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("heading", name="What the caller gets").wait_for()
    assert COLLEAGUE in page.locator("pre").first.inner_text()
    page.get_by_role("button", name="Transfer").click()
    page.wait_for_url("**/transfers/*")
    assert "console:ann" in page.inner_text("main")
    servers.phone.advance(10)
    page.locator("#part-transfer .state", has_text="connected").wait_for()  # by itself
    assert f"connected to {COLLEAGUE}" in page.inner_text("#part-transfer .note")
    page.locator("#news", has_text="connected").wait_for(state="attached")
    servers.phone.advance(600)


def test_a_refused_preflight_is_shown_at_the_field(open_page: Open, servers: Servers) -> None:
    page = open_page(f"/calls/{servers.live_call()}/transfer")
    page.get_by_label("The caller goes to").select_option("forward")
    to = page.get_by_label("to", exact=True)
    to.fill("+442071838750")
    page.get_by_label("caller_id").fill(OUR_NUMBER)
    page.get_by_role("button", name="Look at it first").click()
    page.locator("#fault-to").wait_for()
    assert to.get_attribute("aria-invalid") == "true"
    assert "CALLFLOWS_DIAL_ALLOW" in page.locator("#fault-to").inner_text()
    assert to.input_value() == "+442071838750"
    to.fill(COLLEAGUE)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name="Transfer").wait_for()


def test_a_session_that_ends_in_the_form_loses_nothing(open_page: Open, servers: Servers) -> None:
    page = open_page(f"/calls/{servers.live_call()}/transfer")
    page.get_by_label("The caller goes to").select_option("forward")
    page.get_by_label("to", exact=True).fill(COLLEAGUE)
    page.context.clear_cookies(name="callflows_console")
    page.get_by_label("The other leg goes to").select_option("hold")  # htmx asks for the fields, and is refused
    page.get_by_text("Your session has ended.").wait_for()
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Nothing was sent while you were signed out.").wait_for()
    page.get_by_role("button", name="Go on with it").click()
    page.get_by_role("button", name="Change it").click()
    assert page.get_by_label("The caller goes to").input_value() == "forward"
    assert page.get_by_label("The other leg goes to").input_value() == "hold"
    assert page.get_by_label("to", exact=True).input_value() == COLLEAGUE


def test_a_broken_flow_is_seen_and_mended(open_page: Open, servers: Servers) -> None:
    file = servers.templates / "announce" / "aleg.xml"
    good = file.read_text()
    page = open_page()
    try:
        file.write_text("<Response>\n  <Spaek>{{ params.message }}</Spaek>\n</Response>\n")
        page.get_by_text("flow announce: the newest save is not served").wait_for()  # by itself
        page.get_by_role("link", name="Flows", exact=True).click()
        row = page.get_by_role("row").filter(has_text="announce")
        assert "stale" in row.inner_text()
        row.get_by_role("link", name="announce", exact=True).click()
        page.locator(".problems a").first.click()
        line = page.locator("tr.faulty").first
        line.wait_for()
        assert "Spaek" in line.inner_text()
        assert "did you mean Speak?" in line.inner_text()
        assert page.url.endswith(f"#{line.get_attribute('id')}")
    finally:
        file.write_text(good)
    wait_until(lambda: not servers.runtime.versions.stale("announce"), what="the mended flow")
    page.goto(f"{servers.console.url}/console/flows/announce")
    page.locator(".state.good", has_text="good").wait_for()
    page.locator("#part-flow svg").wait_for()


@pytest.mark.parametrize("own", [True, False], ids=["console process", "two workers"])
def test_call_it_to_the_end(open_page: Open, servers: Servers, own: bool) -> None:
    page = open_page("/flows/welcome", at="" if own else servers.calls.url)
    page.get_by_role("link", name="Call it").click()
    page.get_by_label("Begin at").select_option("answer")
    page.get_by_label("Whoever is dialled").select_option("is busy")
    page.get_by_role("button", name="Call it").click()
    transcript = page.get_by_label("Transcript")
    transcript.get_by_text("Good day.").wait_for()
    key = page.get_by_role("button", name="9", exact=True)
    key.focus()
    page.keyboard.press("Enter")
    transcript.get_by_text("That key is not in the menu.").wait_for()
    assert page.evaluate("document.activeElement.value") == "9", "focus stays on the key"
    box = transcript.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight")
    assert box < 2, "the newest is in sight"
    said = page.get_by_label("Say, or several keys")
    said.fill("1")
    page.keyboard.press("Enter")
    transcript.get_by_text("I will connect you.").wait_for()
    expect(said).to_have_value("")
    page.get_by_role("button", name="30 s").click()
    transcript.get_by_text("Nobody can take your call now.").wait_for()
    page.locator("p.note", has_text="The call has ended").wait_for()
    page.get_by_role("link", name="Call again").click()
    assert page.get_by_label("Whoever is dialled").input_value() == "busy"


def test_a_viewer_looks_and_does_nothing(open_page: Open, servers: Servers) -> None:
    call = servers.live_call()
    page = open_page(f"/calls/{call}", name="bob")
    page.get_by_role("heading", name="What happened").wait_for()
    assert page.get_by_text("Transfer…").count() == 0
    assert page.get_by_text("Hang up…").count() == 0
    for path in (f"/calls/{call}/transfer", f"/calls/{call}/hang-up", "/flows/welcome/call"):
        page.goto(f"{servers.console.url}/console{path}")
        page.get_by_role("heading", name="This takes an operator").wait_for()


def test_hang_up(open_page: Open, servers: Servers) -> None:
    call = servers.live_call()
    page = open_page(f"/calls/{call}")
    page.get_by_role("link", name="Hang up…").click()
    page.get_by_text("ends at once, for everybody in it").wait_for()
    page.get_by_role("button", name="Hang up").click()
    servers.phone.advance(1)
    page.locator("dd", has_text="completed").or_(page.locator("dt", has_text="Ended")).first.wait_for()


def test_what_is_polled_takes_neither_focus_nor_place(open_page: Open, servers: Servers) -> None:
    call = servers.live_call()
    page = open_page(f"/calls/{call}")
    page.locator("summary", has_text="What the platform sent").last.click()
    page.locator("details[open]").wait_for()
    link = page.get_by_role("link", name="welcome/answer").first
    link.focus()
    before = page.locator(".timeline li").count()
    servers.phone.http.post(f"/calls/{call}/press", json={"digits": "9"})
    servers.phone.advance(3)
    expect(page.locator(".timeline li")).not_to_have_count(before)
    assert page.evaluate("document.activeElement.textContent") == "welcome/answer"
    assert page.locator("details[open]").count() == 1
    assert "Event" in page.locator("details[open]").inner_text()


@pytest.mark.long
def test_an_idle_page_is_not_sent_again_and_not_drawn_again(open_page: Open, servers: Servers) -> None:
    servers.live_call()
    page = open_page()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "part-going-on"):
        pass
    page.evaluate("document.querySelector('#part-going-on table').dataset.mark = 'same'")
    before = page.locator("time[data-since]").first.inner_text()
    sizes = []
    for _ in range(2):
        with page.expect_response(lambda a: a.request.headers.get("hx-target") == "part-going-on") as found:
            pass
        found.value.finished()
        sizes.append(found.value.request.sizes()["responseBodySize"])
    assert sizes == [0, 0], "not changed, not sent"
    assert page.locator("#part-going-on table").first.get_attribute("data-mark") == "same", "not drawn again"
    assert page.locator("time[data-since]").first.inner_text() != before, "yet time goes on"


@pytest.mark.long
def test_a_server_that_is_gone_is_said_to_be(open_page: Open, servers: Servers) -> None:
    page = open_page()
    page.route(
        "**/console/", lambda route: route.abort() if route.request.headers.get("hx-request") else route.continue_()
    )
    page.locator("#lost", has_text="has not answered since").wait_for()
    page.unroute("**/console/")
    page.locator("#lost").wait_for(state="hidden")


def test_without_javascript(chromium: Browser, servers: Servers) -> None:
    call = servers.live_call()
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(f"{servers.console.url}/console/calls/{call}/transfer")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("The caller goes to").select_option("announce")
        page.get_by_role("button", name="Show the fields").click()
        page.get_by_label("message").fill("Hello.")
        page.get_by_role("button", name="Look at it first").click()
        page.get_by_role("button", name="Transfer").click()
        page.get_by_role("heading", name="What was asked").wait_for()
