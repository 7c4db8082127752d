"""What is served of each flow, compared with what was saved: the same word wherever it is asked for."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from callflows import create_app
from callflows.cli import main
from callflows.runtime import Runtime

from ..conftest import post, write_flow

Run = Callable[..., Result]


def step(text: str) -> str:
    return f"<Response>\n  <Speak>{text}</Speak>\n</Response>"


@pytest.fixture
def run(values: dict[str, Any]) -> Run:
    """A command as somebody types it beside the server."""
    settings = {f"CALLFLOWS_{name}": str(value) for name, value in values.items()}

    def run(*arguments: str, code: int = 0, **more: str) -> Result:
        done = CliRunner().invoke(main, arguments, env={**settings, **more})
        assert done.exit_code == code, done.output
        return done

    return run


def listed(run: Run) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(run("flows", "list", "--json").stdout)}


def served(app: Flask, flow: str) -> str:
    return re.sub(r"<[^>]*>", "", post(app, "plivo", f"/flows/plivo/{flow}/aleg").text).strip()


def metrics(app: Flask) -> dict[tuple[str, ...], float]:
    reply = app.test_client().get("/metrics")
    assert reply.content_type == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(reply.text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_each_state_is_the_same_word_everywhere(values: dict[str, Any], templates: Path, app: Flask, run: Run) -> None:
    """Cases 34 and 35 of the fault list: what is not served is seen, with file and line."""
    runtime = app.extensions["callflows"]
    write_flow(templates, "good", 'title = "Fine"', aleg=step("one"))
    write_flow(templates, "menu", aleg=step("one"))
    assert {row["state"] for row in listed(run).values()} == {"pending"}
    assert listed(run)["good"] | {"state": ""} == {
        "name": "good", "title": "Fine", "steps": ["aleg"], "state": "", "since": None, "version": "", "problems": [],
    }  # fmt: skip
    started = time.time()
    runtime.publisher.publish_all()
    (templates / "menu/aleg.xml").write_text(step("one").replace("Speak>\n", "Spaek>\n"))
    write_flow(templates, "new", aleg="<Response><Dial/>")
    assert listed(run)["menu"]["state"] == "pending"
    runtime.publisher.publish_all()

    rows = listed(run)
    assert {name: row["state"] for name, row in rows.items()} == {"good": "good", "menu": "stale", "new": "broken"}
    assert all(started <= row["since"] <= time.time() for row in rows.values())
    assert rows["menu"]["version"] == runtime.versions.live_version("menu")
    assert rows["new"]["version"] == ""
    assert rows["good"]["problems"] == []
    problem = rows["menu"]["problems"][0]
    assert set(problem) == {"severity", "code", "file", "line", "column", "message", "hint"}
    assert (problem["file"], problem["line"]) == ("menu/aleg.xml", 2)
    text = run("flows", "list").stdout
    assert re.search(r"^menu .* stale since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: menu/aleg.xml:2: error xml", text, re.M)
    assert re.search(r"^good .* good$", text, re.M)

    ready = app.test_client().get("/readyz")
    assert ready.status_code == 200
    assert ready.json["status"] == "degraded"
    assert ready.json["flows"] == 2
    assert ready.json["degraded"] == [f"flow {name}: the newest save is not served" for name in ("menu", "new")]
    states = ready.json["flow_states"]
    assert {name: state["state"] for name, state in states.items()} == {"menu": "stale", "new": "broken"}
    assert states["menu"]["since"] == rows["menu"]["since"]
    assert states["menu"]["problem"].startswith("menu/aleg.xml:2: error xml")

    found = metrics(app)
    assert {key: value for key, value in found.items() if key[0] == "callflows_flow_state"} == {
        ("callflows_flow_state", name, row["state"]): 1 for name, row in rows.items()
    }
    assert found["callflows_flow_stale_since_seconds", "menu"] == pytest.approx(rows["menu"]["since"])
    assert ("callflows_flow_stale_since_seconds", "good") not in found
    count = {key[1]: value for key, value in found.items() if key[0] == "callflows_flows"}
    assert count == {"good": 1, "stale": 1, "broken": 1, "held": 0}

    (templates / "menu/aleg.xml").write_text(step("one"))  # taken back
    assert listed(run)["menu"]["state"] == "good"
    shutil.rmtree(templates / "new")
    runtime.publisher.publish_all()
    assert listed(run)["menu"]["state"] == "good"
    assert app.test_client().get("/readyz").json["flow_states"] == {"new": states["new"]}


def test_metrics_are_there_whatever_the_store_looks_like(values: dict[str, Any], app: Flask) -> None:
    live = Path(values["STATE_DIR"]) / "live"
    assert metrics(app)["callflows_flows", "good"] == 0
    live.mkdir(exist_ok=True)
    (live / "menu.stale").write_text("{")
    assert metrics(app)["callflows_flow_state", "menu", "broken"] == 1
    shutil.rmtree(live)
    live.write_text("no folder")
    assert metrics(app)["callflows_flows", "good"] == 0


def three(templates: Path, runtime: Runtime) -> list[str]:
    """Versions of `menu`, the oldest first: one, two, three."""
    found = []
    for word in ("one", "two", "three"):
        write_flow(templates, "menu", aleg=step(word))
        runtime.publisher.publish_all()
        found.append(runtime.versions.live_version("menu"))
    return found


def test_back_and_forward_by_hand(templates: Path, app: Flask, run: Run) -> None:
    one, two, three_ = three(templates, app.extensions["callflows"])
    done = json.loads(run("flows", "publish", "menu", "--back", "--json").stdout)
    assert done == {"flow": "menu", "version": two, "before": three_, "state": "held", "problems": []}
    assert served(app, "menu") == "two"
    assert f"{one} is live, and was {two}; held since" in run("flows", "publish", "menu", "--back").stdout
    assert served(app, "menu") == "one"
    assert "no version of 'menu' from before" in run("flows", "publish", "menu", "--back", code=1).stderr
    assert app.test_client().get("/readyz").json["status"] == "ok"
    assert app.test_client().get("/readyz").json["flow_states"]["menu"]["state"] == "held"
    assert metrics(app)["callflows_flows", "held"] == 1
    assert "good" in run("flows", "publish", three_[:-4]).stdout  # what the folder has: nothing is held any more
    assert served(app, "menu") == "three"
    assert listed(run)["menu"]["state"] == "good"

    history = json.loads(run("flows", "history", "menu", "--json").stdout)
    assert (history["flow"], history["state"], history["refused"]) == ("menu", "good", None)
    assert [(row["version"], row["how"], row["available"]) for row in history["versions"]] == [
        (three_, "published by hand", True), (one, "published by hand", True), (two, "published by hand", True),
        (three_, "saved", True), (two, "saved", True), (one, "saved", True),
    ]  # fmt: skip
    ends = [row["until"] for row in history["versions"]]
    assert ends == [None, *(row["since"] for row in history["versions"][:-1])]
    lines = run("flows", "history", "menu").stdout.splitlines()
    assert re.fullmatch(rf"{three_}  \S+ \S+Z  live +published by hand", lines[0])
    assert re.fullmatch(rf"{one}  \S+ \S+Z  until \S+ \S+Z  saved", lines[5])


def test_the_newest_save_that_was_refused_is_in_the_history(templates: Path, app: Flask, run: Run) -> None:
    publisher = app.extensions["callflows"].publisher
    write_flow(templates, "menu", aleg="<Response><Spaek/></Response>")
    publisher.publish_all()
    refused = json.loads(run("flows", "history", "menu", "--json").stdout)["refused"]
    assert refused["until"] is None
    assert refused["version"].startswith("menu-")
    assert [problem["code"] for problem in refused["problems"]] == ["grammar.unknown-element"]
    write_flow(templates, "menu", aleg=step("one"))
    publisher.publish_all()
    mended = json.loads(run("flows", "history", "menu", "--json").stdout)
    assert mended["refused"] == {**refused, "until": pytest.approx(mended["versions"][0]["since"], abs=1)}
    text = run("flows", "history", "menu").stdout
    assert re.search(rf"^refused since \S+ \S+Z until \S+ \S+Z: {refused['version']}$", text, re.M)
    assert "menu/aleg.xml:1:11: error grammar.unknown-element" in text


def test_what_is_held_stays_held_until_it_is_saved_anew(
    values: dict[str, Any], templates: Path, app: Flask, run: Run
) -> None:
    runtime = app.extensions["callflows"]
    one, _, _ = three(templates, runtime)
    run("flows", "publish", one)
    write_flow(templates, "other", aleg=step("other"))  # another flow is saved
    runtime.publisher.publish_all()
    assert (served(app, "menu"), served(app, "other")) == ("one", "other")
    again = create_app(values)  # a restart
    assert served(again, "menu") == "one"
    assert listed(run)["menu"]["state"] == "held"
    write_flow(templates, "menu", aleg="<Response><Spaek/></Response>")  # a save, and a bad one
    assert listed(run)["menu"]["state"] == "pending"
    runtime.publisher.publish_all()
    assert served(app, "menu") == "one"
    assert listed(run)["menu"]["state"] == "stale"
    write_flow(templates, "menu", aleg=step("three"))  # taken back
    runtime.publisher.publish_all()
    assert served(app, "menu") == "one"
    assert listed(run)["menu"]["state"] == "held"
    write_flow(templates, "menu", aleg=step("four"))
    runtime.publisher.publish_all()
    assert served(app, "menu") == "four"
    assert listed(run)["menu"]["state"] == "good"
    write_flow(templates, "menu", aleg=step("three"))
    runtime.publisher.publish_all()
    assert served(app, "menu") == "three"


def test_a_save_on_its_way_does_not_come_over_what_is_published_by_hand(
    templates: Path, app: Flask, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher has read and checked a save when somebody goes back."""
    from callflows import publishing

    runtime = app.extensions["callflows"]
    one, _, _ = three(templates, runtime)
    write_flow(templates, "menu", aleg=step("four"))
    check = publishing.check

    def checking(*given: Any) -> Any:
        monkeypatch.setattr(publishing, "check", check)
        run("flows", "publish", one)
        return check(*given)

    monkeypatch.setattr(publishing, "check", checking)
    runtime.publisher.publish_all()
    assert served(app, "menu") == "one"
    assert listed(run)["menu"]["state"] == "held"


def test_a_version_with_errors_by_now_is_refused(templates: Path, app: Flask, run: Run) -> None:
    runtime = app.extensions["callflows"]
    write_flow(templates, "other", aleg=step("other"), more=step("more"))
    write_flow(templates, "menu", aleg="<Response><Redirect>{{ flow_url('other', 'more') }}</Redirect></Response>")
    runtime.publisher.publish_all()
    old = runtime.versions.live_version("menu")
    write_flow(templates, "menu", aleg=step("two"))
    (templates / "other/more.xml").unlink()
    runtime.publisher.publish_all()
    done = run("flows", "publish", old, code=1)
    assert "menu/aleg.xml:1" in done.stderr
    assert f"{old} has errors by now, and is not published" in done.stderr
    error = json.loads(run("flows", "publish", old, "--json", code=1).stdout)["error"]
    assert error["code"] == "document_refused"
    assert [problem["code"] for problem in error["details"]["problems"]] == ["template.link"]
    assert served(app, "menu") == "two"
    assert listed(run)["menu"]["state"] == "good"


def test_what_cannot_be_published_says_why(templates: Path, app: Flask, run: Run) -> None:
    one, two, _ = three(templates, app.extensions["callflows"])
    for text, code, words in (
        ("menu", 2, "menu is a flow, not a version"),
        ("menu-", 1, "there is no version 'menu-'"),
        ("../../etc/passwd", 1, "there is no version"),
        ("", 1, "there is no version"),
    ):
        assert words in run("flows", "publish", text, code=code).stderr
    assert "no version of 'menuu' was live on this machine (did you mean menu?)" in run(
        "flows", "history", "menuu", code=1
    ).stderr  # fmt: skip
    assert "no version of '../x' was live" in run("flows", "history", "../x", code=1).stderr
    shutil.rmtree(templates / "menu")
    assert "flow menu has no folder" in run("flows", "publish", one, code=1).stderr
    assert two in run("flows", "history", "menu").stdout
