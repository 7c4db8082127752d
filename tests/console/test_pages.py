"""What the pages say: calls and their ends, flows and their faults, refused requests, a flow that is called."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from callflows.console.words import CAUSES
from callflows.known.progress import FAILURE_CODES
from callflows.models import CallEvent, CallValues, DialValues, EventKind, Leg, Outcome
from callflows.runtime import Runtime
from callflows.simulator.hangups import CODES

from ..conftest import post, write_flow
from .conftest import Browser, advance, drain, exchange, fields, live_call, visible


def store_of(app: Flask) -> Any:
    runtime: Runtime = app.extensions["callflows"]
    return runtime.store


def test_every_cause_the_simulator_knows_is_explained() -> None:
    assert [code for code in map(str, CODES) if not (CAUSES.get(code) or FAILURE_CODES.get(code))] == []


def test_a_call_from_its_first_request_to_its_end(house: tuple[Flask, Any]) -> None:
    app, simulator = house
    call, ann = live_call(app, simulator), Browser(app)
    ann.sign_in()
    page = ann.get(f"/calls/{call}")
    assert "Good day." in visible(page.text), "the document it was given"
    assert 'class="nt"' in page.text, "in colours"
    advance(app, simulator, 4000)
    event = CallEvent(
        EventKind.HANGUP,
        CallValues(uuid=call, status="completed"),
        hangup_cause="NORMAL_CLEARING",
        hangup_code="4010",
        hangup_source="Plivo",
    )
    store_of(app).add_exchanges([exchange(1, time.time(), event=event, outcome=Outcome.NOTED)])
    page = visible(ann.get(f"/calls/{call}").text)
    assert "NORMAL_CLEARING (4010), by Plivo: the document had nothing more to do" in page
    assert "Hang up…" not in page


def test_why_the_dialled_leg_did_not_answer(ann: Browser, console: Flask) -> None:
    dial = DialValues(status="failed", hangup_cause="CALL_REJECTED", hangup_code="3020", b_leg_uuid="b")
    event = CallEvent(EventKind.DIAL_RESULT, CallValues(uuid="call-1"), dial=dial)
    store_of(console).add_exchanges([exchange(1, time.time(), event=event)])
    assert "the call was declined" in visible(ann.get("/calls/call-1").text)


def test_a_call_nobody_has_heard_of(ann: Browser) -> None:
    page = visible(ann.get("/calls/0aa1bc2d-0000-4000-8000-000000000000").text)
    assert "Nothing was heard of it here." in page
    assert "Transfer…" in page, "the platform may know it"
    assert ann.get("/calls?uuid=0aa1bc2d").location == "/console/calls/0aa1bc2d"
    assert "That is no call's UUID." in ann.get("/calls?uuid=<x>").text


def test_pages_of_calls_and_transfers(ann: Browser, console: Flask) -> None:
    now = time.time()
    store_of(console).add_exchanges([exchange(n, now - n) for n in range(120)])
    seen: list[str] = []
    path = "/calls"
    for _ in range(3):
        page = ann.get(path).text
        seen += re.findall(r'title="(call-[0-9]+)"', page)
        path = next(iter(re.findall(r'href="/console(/calls\?before=[^"]*)"', page)), "")
    assert seen == [f"call-{n}" for n in range(120)]
    assert path == ""
    assert "There are no older calls." in ann.get(f"/calls?before={now - 1000}:x").text


def test_times_are_the_readers_and_exact_when_pointed_at(ann: Browser, console: Flask) -> None:
    at = 1_764_547_200.123  # 2025-12-01 00:00 UTC
    store_of(console).add_exchanges([exchange(1, at)])
    assert 'title="2025-12-01 00:00:00.123 UTC"' in ann.get("/calls").text
    for zone, said in (("Asia/Kolkata", "2025-12-01 05:30:00.123 IST"), ("../../etc/passwd", "UTC"), ("<b>", "UTC")):
        ann.client.set_cookie("callflows_zone", zone)
        assert said in ann.get("/calls").text


def test_a_live_call_is_the_same_page_a_minute_later(ann: Browser, console: Flask) -> None:
    store_of(console).add_exchanges([exchange(1, time.time() - 5)])
    first = ann.get("/")
    assert "data-since" in first.text
    with pytest.MonkeyPatch.context() as patch:
        later = time.time() + 60
        patch.setattr(time, "time", lambda: later)
        assert ann.get("/", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_what_is_degraded_is_on_the_first_page(ann: Browser, templates: Path, console: Flask) -> None:
    (templates / "greet" / "answer.xml").write_text("<Response>\n<Spaek/>\n</Response>")
    console.extensions["callflows"].publisher.publish_all()
    page = visible(ann.get("/").text)
    assert "Not as it should be" in page
    assert "flow greet: the newest save is not served" in page


def test_a_broken_save_is_shown_at_its_line_and_mended(ann: Browser, templates: Path, console: Flask) -> None:
    publish = console.extensions["callflows"].publisher.publish_all
    (templates / "greet" / "answer.xml").write_text("<Response>\n<Spaek/>\n</Response>")
    publish()
    row = visible(ann.get("/flows").text)
    assert "greet stale since" in row
    assert "greet/answer.xml:2" in row
    page = ann.get("/flows/greet").text
    assert "Good day." in visible(ann.get("/flows/greet?step=answer").text), "what callers hear"
    link = re.findall(r'href="(/console/flows/greet\?saved=1[^"]*#line-2)"', page)[0].replace("&amp;", "&")
    saved = ann.client.get(link.partition("#")[0]).text
    (line,) = re.findall(r'<tr class="faulty" id="line-2">(.*?)</tr>', saved, re.DOTALL)
    assert "Spaek" in visible(line)
    assert "as it was saved, which callers do not hear" in visible(saved)
    write_flow(templates, "greet", aleg="<Response><Spaek/></Response>", answer="<Response>{% if %}</Response>")
    publish()
    assert ann.get("/flows/greet?saved=1").status_code == 200
    write_flow(templates, "greet", aleg="<Response/>", answer="<Response><Speak>Mended.</Speak></Response>")
    publish()
    assert "stale" not in visible(ann.get("/flows").text)
    assert "Mended." in visible(ann.get("/flows/greet?saved=1&step=answer").text)


@pytest.mark.parametrize("toml", ["title = ", 'title = "x"\nnonsense = 1\n', ""])
def test_a_flow_that_was_never_good(ann: Browser, templates: Path, console: Flask, toml: str) -> None:
    write_flow(templates, "new", toml, aleg="<Response>\n{{ nothing }}</Response>")
    console.extensions["callflows"].publisher.publish_all()
    assert "new broken" in visible(ann.get("/flows").text)
    page = ann.get("/flows/new")
    assert page.status_code == 200
    assert "is not served: mend this" in visible(page.text)
    assert ann.get("/flows/new/call").status_code == 404


def test_a_version_from_before_is_compared_and_published_again(ann: Browser, templates: Path, console: Flask) -> None:
    rt: Runtime = console.extensions["callflows"]
    first = rt.versions.live_version("greet")
    write_flow(templates, "greet", answer="<Response><Speak>Another day.</Speak></Response>")
    rt.publisher.publish_all()
    second = rt.versions.live_version("greet")
    page = visible(ann.get("/flows/greet/versions").text)
    assert page.index(second) < page.index(first), "the newest first"
    compared = ann.get(f"/flows/greet/versions?version={first}").text
    assert "-<Response><Speak>Another day." in visible(compared)
    assert "Good day." in visible(compared)
    assert "It is the one that callers hear." in visible(ann.get(f"/flows/greet/versions?version={second}").text)
    form = fields(compared)
    assert form["version"] == first
    done = ann.client.post("/console/flows/greet/versions", data=form)
    assert done.status_code == 303
    assert rt.versions.live_version("greet") == first
    assert "held since" in visible(ann.client.get(done.location).text)
    assert "greet held since" in visible(ann.get("/flows").text)
    bob = Browser(console)
    bob.sign_in("bob")
    assert "Publish it again" not in bob.get(f"/flows/greet/versions?version={second}").text
    assert bob.post("/flows/greet/versions", version=second).status_code == 403
    assert rt.versions.live_version("greet") == first


def test_versions_that_are_not_there(ann: Browser) -> None:
    for path in (
        "/flows/nothing/versions",
        "/flows/greet/versions?version=greet-0",
        "/flows/greet/versions?version=../x",
    ):
        assert ann.get(path).status_code == 404, path
    for version in ("", "greet-0", "../../greet", "forward"):
        assert ann.post("/flows/greet/versions", version=version).status_code == 404, version


def test_a_version_that_has_errors_by_now_is_not_published(ann: Browser, templates: Path, console: Flask) -> None:
    rt: Runtime = console.extensions["callflows"]
    write_flow(templates, "other", more="<Response><Hangup/></Response>", aleg="<Response><Hangup/></Response>")
    write_flow(templates, "greet", answer="<Response><Redirect>{{ flow_url('other', 'more') }}</Redirect></Response>")
    rt.publisher.publish_all()
    first = rt.versions.live_version("greet")
    write_flow(templates, "greet", answer="<Response><Hangup/></Response>")
    (templates / "other" / "more.xml").unlink()
    rt.publisher.publish_all()
    page = ann.post("/flows/greet/versions", version=first)
    assert page.status_code == 422
    assert "greet/answer.xml:1" in visible(page.text)
    assert rt.versions.live_version("greet") != first


def test_who_waits_in_queues_is_on_the_first_page(ann: Browser, console: Flask) -> None:
    assert "Waiting in queues" not in visible(ann.get("/").text)
    now = time.time()
    waits = [exchange(n, now - n, queue="support", outcome=Outcome.STEP, leg=Leg.A) for n in (5, 3)]
    store_of(console).add_exchanges(waits)
    page = visible(ann.get("/").text)
    assert "2 callers wait" in page
    line = page.partition("Waiting in queues")[2]
    assert line.index("call-5") < line.index("call-3"), "whoever has waited longest is first"
    assert "support" in line


def test_a_flow_side_by_side_with_its_picture(ann: Browser) -> None:
    page = ann.get("/flows/forward").text
    assert "hx-get" in page, "the picture comes by itself"
    page = ann.get("/flows/forward?explore=1").text
    assert "<svg" in page
    assert "What plivo gets" in page
    assert "What vobiz gets" in page
    assert "<svg" in ann.get("/flows/forward").text, "and is kept"
    one = ann.get("/flows/forward?provider=vobiz&step=aleg").text
    assert "What plivo gets" not in one


def test_refused_requests_and_what_would_have_made_them_match(
    ann: Browser, console: Flask, open_app: Callable[..., Flask]
) -> None:
    assert "None. Every request that came was the platform's." in visible(ann.get("/rejected").text)
    other = open_app(PUBLIC_URL="https://other.example.com")
    assert post(other, "plivo", "/flows/plivo/greet/answer").status_code == 403
    drain(other.extensions["callflows"])
    page = visible(ann.get("/rejected").text)
    assert "/flows/plivo/greet/answer" in page
    assert "what would have made it match" in page.lower()


def test_checks_have_hints(ann: Browser, open_app: Callable[..., Flask]) -> None:
    page = visible(ann.get("/checks").text)
    assert "CALLFLOWS_SAFE_NUMBER" in page
    assert "Also send a signed request to ourselves" in page
    browser = Browser(open_app(SECRET_KEYS="short"))
    browser.sign_in()
    assert "openssl rand -hex 32" in browser.get("/checks").text


def test_call_it_to_the_end(ann: Browser) -> None:
    form = ann.get("/flows/greet/call").text
    assert "nobody's telephone rings" in form
    begun = ann.post("/flows/greet/call", step="answer", caller="+14155550101", numbers="busy")
    assert begun.status_code == 303
    asked = {"HX-Request": "true", "HX-Target": "part-heard"}
    ann.client.post(begun.location, data={"csrf": ann.csrf, "wait": "5"}, headers=asked)
    heard = ann.client.get(begun.location).text
    assert "Good day." in visible(heard)
    assert "Hang up" in heard
    part = ann.client.post(begun.location, data={"csrf": ann.csrf, "press": "1"}, headers=asked)
    assert part.text.lstrip().startswith("<p data-news hidden>")
    over = ann.client.post(begun.location, data={"csrf": ann.csrf, "hang_up": "1"}, headers=asked)
    assert over.headers["HX-Retarget"] == "#part-rehearsal"
    assert "The call has ended" in over.text
    assert 'name="press"' not in over.text
    assert store_of(ann.app).transfers() == []
    assert store_of(ann.app).calls() == {}, "nothing of it is in the store"


def test_call_it_with_params_and_somebody_who_is_busy(ann: Browser) -> None:
    refused = ann.post("/flows/forward/call", step="aleg", param_to="five")
    assert (refused.status_code, "to " in visible(refused.text)) == (422, True)
    for numbers, said in (("busy", "busy"), ("answers", "is connected to")):
        begun = ann.post(
            "/flows/forward/call", step="aleg", numbers=numbers, provider="plivo"
        )  # the example is dialled
        assert begun.status_code == 303, visible(begun.text)
        page = ann.client.post(begun.location, data={"csrf": ann.csrf, "wait": "30"})
        assert said in visible(page.text).lower(), visible(page.text)


def test_any_process_can_go_on_with_a_call(ann: Browser, console: Flask, open_app: Callable[..., Flask]) -> None:
    """The server has several workers, and none knows who asks next."""
    other = Browser(open_app())
    other.sign_in()
    begun = ann.post("/flows/greet/call", step="answer")
    pages = []
    for browser, done in ((ann, "wait"), (other, "wait"), (ann, "press"), (other, "hang_up")):
        pages.append(browser.client.post(begun.location, data={"csrf": browser.csrf, done: "1"}).text)
    third, fourth = (visible(page.partition("What happens")[2]) for page in pages[2:])
    counts = [page.count("<li") for page in pages]
    assert counts == sorted(counts), counts
    assert "presses 1" in third, third
    assert "The call has ended" in fourth
    assert visible(ann.client.get(begun.location).text.partition("What happens")[2]) == fourth
    bob = Browser(console)
    bob.sign_in("bob")
    assert bob.client.get(begun.location).status_code == 404, "it is somebody else's"


def test_the_form_keeps_what_was_filled_in(ann: Browser) -> None:
    answer = ann.post("/flows/forward/call", step="aleg", param_to="five", caller="+14155550199", numbers="no-answer")
    assert 'value="five"' in answer.text
    assert 'value="+14155550199"' in answer.text
    assert '<option value="no-answer" selected>' in answer.text
    assert "csrf" in fields(answer.text)
