"""Every page, at both widths, light and dark: for everybody, and as pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from callflows import transfers as doing

from ...house import COLLEAGUE, OUR_NUMBER, wait_until
from ...strangers import installed
from .conftest import DESK_WIDTH, PHONE_WIDTH, Open, Servers

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="session")
def paths(servers: Servers) -> dict[str, str]:
    """Every kind of page, with something on it."""
    call = servers.live_call()
    servers.phone.http.post(f"/calls/{call}/press", json={"digits": "1"})
    servers.phone.advance(6)
    runtime = servers.runtime
    params = {"to": COLLEAGUE, "caller_id": OUR_NUMBER}
    plan = doing.prepare(
        runtime, call, aleg="forward", bleg="hold", params=params, provider="plivo", asked_by="console:ann"
    )
    done = doing.request(runtime, plan)
    servers.phone.advance(8)
    gone = servers.live_call()
    servers.phone.http.post(f"/calls/{gone}/hangup", json={})
    failed = doing.prepare(runtime, servers.live_call(), aleg="forward", params=params, provider="plivo", asked_by="ci")
    servers.phone.number(COLLEAGUE, behaviour="busy")
    doing.request(runtime, failed)
    servers.phone.advance(8)
    servers.phone.number(COLLEAGUE, behaviour="answers", after=3)
    httpx2.post(f"{servers.calls.url}/flows/plivo/welcome/answer", data={"CallUUID": "x", "From": "1"})
    wait_until(lambda: runtime.store.refused(limit=1)[0], what="the refused request")
    wait_until(lambda: len(runtime.store.exchanges(call_uuids=[call])) > 3)
    return {
        "now": "/",
        "calls": "/calls",
        "call": f"/calls/{call}",
        "move": f"/calls/{call}/transfer?aleg=forward",
        "hang-up": f"/calls/{call}/hang-up",
        "transfers": "/transfers",
        "transfer": f"/transfers/{done.id}",
        "failed": f"/transfers/{failed.transfer.id}",
        "flows": "/flows",
        "flow": "/flows/welcome?step=menu",
        "versions": f"/flows/welcome/versions?version={runtime.versions.live_version('welcome')}",
        "call-it": "/flows/forward/call",
        "checks": "/checks",
        "rejected": "/rejected",
        "live": "/live",
        "nothing": "/nowhere",
    }


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        pytest.param(PHONE_WIDTH, True, id="phone, dark"),
        pytest.param(DESK_WIDTH, False, id="desk, light", marks=pytest.mark.long),
        pytest.param(PHONE_WIDTH, False, id="phone, light", marks=pytest.mark.long),
        pytest.param(DESK_WIDTH, True, id="desk, dark", marks=pytest.mark.long),
    ],
)
def test_every_page_can_be_used_by_everybody(
    open_page: Open, servers: Servers, paths: dict[str, str], width: int, dark: bool
) -> None:
    """axe finds nothing serious, and nothing is wider than the screen."""
    axe = (installed() / "axe-core" / "axe.min.js").read_text()
    page = open_page(width=width, dark=dark)
    found: list[str] = []
    base = f"{servers.console.url}/console"
    for name, path in paths.items():
        page.goto(base + path)
        if name == "flow":
            page.locator("#part-flow svg").wait_for()
        found += [f"{name}: {fault}" for fault in faults_of(page, axe)]
    page.goto(f"{base}/flows/welcome/call?step=answer")
    page.get_by_role("button", name="Call it").click()
    page.wait_for_url("**/rehearsals/*")
    found += [f"rehearsal: {fault}" for fault in faults_of(page, axe)]
    page.goto(base + paths["move"])
    page.get_by_label("to", exact=True).fill("five")
    page.get_by_role("button", name="Look at it first").click()
    page.locator("#fault-to").wait_for()
    found += [f"refused: {fault}" for fault in faults_of(page, axe)]
    page.get_by_label("to", exact=True).fill(COLLEAGUE)
    page.get_by_label("caller_id").fill(OUR_NUMBER)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name="Change it").wait_for()
    found += [f"confirm: {fault}" for fault in faults_of(page, axe)]
    page.context.clear_cookies()
    page.goto(base)
    found += [f"sign-in: {fault}" for fault in faults_of(page, axe)]
    assert found == []


def faults_of(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    faults = [
        f"{each['id']} ({each['impact']}): {node['target']} {node['html'][:120]}"
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return faults + ([f"{wide} px wider than the screen"] if wide > 0 else [])


def test_each_page_is_walked_through_by_keyboard(open_page: Open, servers: Servers, paths: dict[str, str]) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where one is can be seen"
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


# -- pictures for the docs, when they are asked for


@pytest.mark.long
def test_pictures(open_page: Open, servers: Servers, paths: dict[str, str], tmp_path: Path) -> None:
    """Of all pages; CONSOLE_PICTURES says into which folder (docs/console has a few of them)."""
    folder = Path(os.environ.get("CONSOLE_PICTURES") or tmp_path)
    folder.mkdir(exist_ok=True)
    for label, width, dark in (("", 1000, False), ("-dark", 1000, True), ("-phone", PHONE_WIDTH, False)):
        page = open_page(width=width, dark=dark)
        page.set_viewport_size({"width": width, "height": 500})
        for name, path in paths.items():
            page.goto(f"{servers.console.url}/console{path}")
            if name == "flow":
                page.locator("#part-flow svg").wait_for()
            page.screenshot(path=folder / f"{name}{label}.png", full_page=True)
        page.goto(f"{servers.console.url}/console{paths['move']}")
        page.get_by_label("to", exact=True).fill(COLLEAGUE)
        page.get_by_label("caller_id").fill(OUR_NUMBER)
        page.get_by_role("button", name="Look at it first").click()
        page.get_by_role("button", name="Change it").wait_for()
        page.screenshot(path=folder / f"confirm{label}.png", full_page=True)
        page.goto(f"{servers.console.url}/console/flows/welcome/call?step=answer")
        page.get_by_role("button", name="Call it").click()
        page.get_by_role("button", name="1", exact=True).click()
        page.get_by_label("Transcript").get_by_text("I will connect you").wait_for()
        page.screenshot(path=folder / f"rehearsal{label}.png", full_page=True)
