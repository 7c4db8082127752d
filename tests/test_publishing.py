"""From a save to what callers hear: good ones go live, bad ones are reported, and nothing keeps calls waiting."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from lxml import etree

from callflows import create_app

from .conftest import PUBLIC_URL, post, write_flow
from .house import wait_until


def test_an_edit_is_heard_and_a_bad_one_is_not(app: Flask, templates: Path) -> None:
    """Cases 34 and 35 of the fault list."""
    publisher = app.extensions["callflows"].publisher
    write_flow(templates, "live", aleg="<Response><Speak>one</Speak></Response>")
    publisher.publish_all()
    assert b"one" in post(app, "plivo", "/flows/plivo/live/aleg").data
    (templates / "live/aleg.xml").write_text("<Response><Speak>two</Speak></Response>")
    publisher.publish_all()
    assert b"two" in post(app, "plivo", "/flows/plivo/live/aleg").data
    for bad in ("", "<Response><Spaek>x</Spaek></Response>", "<Response>{{ nothing }}</Response>", "{% if %}", "<Resp"):
        (templates / "live/aleg.xml").write_text(bad)
        publisher.publish_all()
        assert b"two" in post(app, "plivo", "/flows/plivo/live/aleg").data
        assert "live: the newest save is not served" in str(app.test_client().get("/readyz").json)
    (templates / "live/aleg.xml").write_text("<Response><Speak>three</Speak></Response>")
    publisher.publish_all()
    assert b"three" in post(app, "plivo", "/flows/plivo/live/aleg").data
    assert app.test_client().get("/readyz").json["status"] == "ok"


def test_a_call_keeps_its_version_where_the_new_one_lacks_its_step(app: Flask, templates: Path) -> None:
    """Case 40 of the fault list: also when the whole flow is deleted."""
    publisher = app.extensions["callflows"].publisher
    write_flow(
        templates,
        "moves",
        aleg='<Response><Redirect>{{ step_url("old") }}</Redirect></Response>',
        old="<Response><Speak>old</Speak></Response>",
    )
    publisher.publish_all()
    first = post(app, "plivo", "/flows/plivo/moves/aleg")
    target = (etree.fromstring(first.data).findtext("Redirect") or "").removeprefix(PUBLIC_URL).partition("#")[0]
    (templates / "moves/old.xml").unlink()
    write_flow(templates, "moves", aleg="<Response><Speak>new</Speak></Response>")
    publisher.publish_all()
    assert b"new" in post(app, "plivo", "/flows/plivo/moves/aleg").data
    assert b"old" in post(app, "plivo", target).data
    shutil.rmtree(templates / "moves")
    write_flow(templates, "other", aleg="<Response><Wait/></Response>")
    publisher.publish_all()
    assert b"old" in post(app, "plivo", target).data


def test_one_flow_that_breaks_us_does_not_keep_the_others_from_callers(values: dict[str, Any], templates: Path) -> None:
    write_flow(templates, "good", aleg="<Response><Speak>hello</Speak></Response>")
    write_flow(templates, "digits", aleg="<Response>{{ " + "1" * 6000 + " }}</Response>")
    write_flow(templates, "deep", aleg="<Response>" + "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}</Response>")
    app = create_app(values)
    assert b"hello" in post(app, "plivo", "/flows/plivo/good/aleg").data
    assert {"deep", "digits"} == set(app.extensions["callflows"].versions.stale_names())


def test_flows_that_link_to_each_other_go_live_together(values: dict[str, Any], templates: Path) -> None:
    link = "<Response><Redirect>{{ flow_url('%s', 'aleg') }}</Redirect></Response>"
    write_flow(templates, "a", aleg=link % "b")
    write_flow(templates, "b", aleg=link % "a")
    write_flow(templates, "c", aleg=link % "broken")
    write_flow(templates, "broken", aleg="<Response><Spaek/></Response>")
    versions = create_app(values).extensions["callflows"].versions
    assert versions.names() == ["a", "b"]
    assert versions.stale_names() == ["broken", "c"]


def test_a_publisher_that_is_stuck_does_not_keep_us_from_starting(
    values: dict[str, Any], templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    create_app(values)
    monkeypatch.setattr("callflows.publishing.TURN_SECONDS", 0.2)
    with (Path(values["STATE_DIR"]) / "publish.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert b"hello" in post(create_app(values), "plivo", "/flows/plivo/plain/aleg").data


def test_a_flow_is_withdrawn_only_when_its_folder_stays_away(
    app: Flask, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 40 of the fault list."""
    write_flow(templates, "one", aleg="<Response><Speak>one</Speak></Response>")
    write_flow(templates, "two", aleg="<Response><Speak>two</Speak></Response>")
    runtime = app.extensions["callflows"]
    runtime.publisher.publish_all()
    shutil.rmtree(templates / "one")
    runtime.publisher.publish_all()
    assert b"one" in post(app, "plivo", "/flows/plivo/one/aleg").data
    monkeypatch.setattr("callflows.publishing.GONE_SECONDS", 0)
    wait_until(lambda: runtime.publisher.look() >= 0 and runtime.versions.names() == ["two"])
    shutil.rmtree(templates / "two")
    runtime.publisher.publish_all()
    assert runtime.versions.names() == ["two"]  # no flows at all is a folder that is not mounted
    assert "no flow" not in str(app.test_client().get("/readyz").json)
