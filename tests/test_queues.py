"""What a served document says of queues, and what callers who wait are told of their place, whatever the store does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from callflows import create_app
from callflows.models import ELSEWHERE, Exchange
from callflows.signing import Token
from callflows.store import Drain
from callflows.store.codec import from_line

from .conftest import CALL, post, write_flow

SAYS = "<Response><Speak>Hello.</Speak><Hangup/></Response>"
WAITS = "<Response><Speak>name={{ queue.name }} place={{ queue.position }}/{{ queue.waiting }}.</Speak></Response>"
TOML = """\
fallback = "sorry"
[params.which]
default = "support"
[steps.wait]
queue = "support"
needs = ["store"]
[steps.quick]
queue = "params.which"
[steps.music]
kind = "sound"
[steps.sorry]
queue = "support"
"""


@pytest.fixture
def serve(values: dict[str, Any], templates: Path) -> Iterator[Callable[..., Flask]]:
    quick = "<Response><Speak>name={{ queue.name }}.</Speak><Hangup/></Response>"
    music = "<Response><Wait length='1'/></Response>"
    write_flow(templates, "line", TOML, aleg=SAYS, wait=WAITS, quick=quick, music=music, sorry=SAYS)
    apps = []

    def begin(**more: Any) -> Flask:
        apps.append(create_app({**values, **more}))
        assert apps[-1].extensions["callflows"].versions.live("line") is not None
        return apps[-1]

    yield begin
    for app in apps:
        app.extensions["callflows"].close()


def ask(app: Flask, step: str, call: str = CALL, form: dict[str, str] | None = None, **token: Any) -> str:
    path = f"/flows/plivo/line/{step}"
    signed = app.extensions["callflows"].signer.sign(path, Token(call_uuid=call, leg="aleg", **token))
    reply = post(app, "plivo", f"{path}?t={signed}", [("CallUUID", call), *(form or {"From": "14155550101"}).items()])
    assert reply.status_code == 200
    return str(reply.text)


def journal(app: Flask) -> list[Exchange]:
    folder = app.extensions["callflows"].settings.state_dir / "journal"
    return [from_line(line) for file in folder.glob("*.journal") for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("step", "form", "queue"),
    [
        ("wait", {}, "support"),
        ("quick", {}, "support"),
        ("aleg", {}, ELSEWHERE),
        ("aleg", {"Digits": "1"}, ELSEWHERE),
        ("aleg", {"DialStatus": "busy", "DialBLegUUID": "b"}, ELSEWHERE),
        ("aleg", {"DialAction": "answer", "DialBLegUUID": "b"}, ""),  # a callback: its answer is not run
        ("music", {}, ""),
        ("nowhere", {}, ""),  # the fallback is served, which is one to wait in
        ("wait", {"Event": "Hangup", "HangupCause": "NORMAL_CLEARING"}, ""),
    ],
)
def test_what_a_document_says_of_queues(
    serve: Callable[..., Flask], step: str, form: dict[str, str], queue: str
) -> None:
    app = serve()
    ask(app, step, form=form or {"CallStatus": "in-progress"})
    (exchange,) = journal(app)
    assert exchange.queue == queue


def test_a_param_that_names_the_queue(serve: Callable[..., Flask]) -> None:
    app = serve()
    assert "name=sales." in ask(app, "quick", params={"which": "sales"})
    assert "name=." in ask(app, "quick", params={"which": "Big Sale"})
    found = journal(app)
    assert [each.queue for each in found] == ["sales", ELSEWHERE]
    assert found[0].problems == ()
    (problem,) = found[1].problems
    assert problem.startswith(
        "line/flow.toml:8: error flow.queue: params.which is 'Big Sale', which is no queue's name"
    )


def test_a_transfer_to_a_flow_whose_queue_has_no_name_is_refused(serve: Callable[..., Flask]) -> None:
    from callflows.errors import PreflightFailed
    from callflows.transfers import prepare

    runtime = serve().extensions["callflows"]
    with pytest.raises(PreflightFailed, match=r"params\.which is 'Big Sale'"):
        prepare(runtime, CALL, aleg="line", params={"which": "Big Sale"}, provider="plivo")
    assert prepare(runtime, CALL, aleg="line", params={"which": "sale"}, provider="plivo").legs


def test_callers_are_told_their_place_as_it_changes(serve: Callable[..., Flask], blank_url: str) -> None:
    app = serve(DATABASE_URL=blank_url)
    runtime = app.extensions["callflows"]
    drain = Drain(runtime.settings.state_dir / "journal", runtime.store)
    runtime.needs._reader.read(lambda: runtime.needs._store.needed("", "", "", ""), 20)  # it is connected

    def hears(call: str) -> str:
        said = ask(app, "wait", call)
        drain.once()
        return said.partition("place=")[2].partition(".")[0]

    assert [hears(call) for call in "abc"] == ["1/1", "2/2", "3/3"]
    assert [hears(call) for call in "abc"] == ["1/3", "2/3", "3/3"]
    ask(app, "aleg", "a")
    drain.once()
    assert [hears(call) for call in "bca"] == ["1/2", "2/2", "3/3"]


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////proc/nowhere/callflows.db"])
def test_nobody_is_dropped_while_the_store_is_away(serve: Callable[..., Flask], url: str) -> None:
    app = serve(DATABASE_URL=url)
    assert "name=support place=/." in ask(app, "wait")
    (exchange,) = journal(app)
    assert exchange.queue == "support"
    assert ["its default" in problem for problem in exchange.problems] == [True]


def test_nobody_is_kept_waiting_while_the_store_hangs(
    serve: Callable[..., Flask], postgres_server: Callable[[], str]
) -> None:
    url = postgres_server()
    app = serve(DATABASE_URL=url)
    runtime = app.extensions["callflows"]
    runtime.store.ping()
    runtime.needs._reader.read(lambda: runtime.needs._store.needed("", "", "", ""), 20)
    assert "place=1/1" in ask(app, "wait")
    engine = create_engine(url)
    with engine.begin() as other:
        other.execute(text("LOCK TABLE callflows_waiting IN ACCESS EXCLUSIVE MODE"))
        begun = time.monotonic()
        assert "name=support place=/." in ask(app, "wait")
        assert time.monotonic() - begun < 1.5
    engine.dispose()
