"""Whatever callers, platforms and files say is text on every page, and never markup."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from callflows.models import (
    CallEvent,
    CallValues,
    DialValues,
    EventKind,
    InputValues,
    Leg,
    LegTarget,
    Outcome,
    Transfer,
    TransferStatus,
)
from callflows.runtime import Runtime

from ..conftest import write_flow
from .conftest import Browser, exchange

BAD = """<img src=x onerror=alert(1)>"'`{{7*7}}</script></pre></title>\u202e"""
UUID = "call-1"


@pytest.fixture
def filled(open_app: Callable[..., Flask]) -> Flask:
    """A store in which every value from outside is markup. No platform can be asked about it."""
    console = open_app(PLIVO_AUTH_ID="", VOBIZ_AUTH_ID="")
    runtime: Runtime = console.extensions["callflows"]
    now = time.time() - 30
    call = CallValues(
        uuid=UUID,
        from_number=BAD,
        to_number=BAD,
        direction=BAD,
        status=BAD,
        caller_name=BAD,
        forwarded_from=BAD,
        sip_headers={f"X-PH-{BAD}": BAD},
    )
    raw = {f"Name{BAD}": f"Value{BAD}", "Event": BAD, "Nul": "\0", "Lone": "\ud800", "From": BAD}
    dial = DialValues(status=BAD, b_leg_uuid=BAD, b_leg_number=BAD, hangup_cause=BAD, hangup_code=BAD)
    told = {"call": call, "dial": dial, "raw": raw, "hangup_cause": BAD, "hangup_code": BAD, "hangup_source": BAD}
    kinds = [kind for kind in EventKind if kind is not EventKind.HANGUP]
    events = [CallEvent(kind, input=InputValues(digits=BAD), **told) for kind in kinds]
    events.append(CallEvent(EventKind.INPUT, input=InputValues(speech=BAD), **told))
    made = [
        exchange(n, now + n / 100, event=event, transfer_id="t1", leg="aleg", reason=BAD, problems=(BAD,), document=BAD)
        for n, event in enumerate(events)
    ]
    made += [
        exchange(100 + n, now + n / 100, event=events[0], outcome=outcome, reason=BAD, problems=(BAD,), document=BAD)
        for n, outcome in enumerate(Outcome)
    ]
    ended = replace(call, uuid="call-2")
    made.append(exchange(200, now, event=CallEvent(EventKind.HANGUP, **{**told, "call": ended})))
    made.append(exchange(201, now, event=CallEvent(EventKind.HANGUP, **{**told, "call": replace(call, uuid=BAD)})))
    runtime.store.add_exchanges(made)
    for n, status in enumerate(TransferStatus):
        targets = {Leg.A: LegTarget("greet", "aleg"), Leg.B: LegTarget("greet", "bleg")}
        wanted = Transfer(
            f"t{n}", "plivo", UUID, targets, {"to": BAD, BAD: BAD}, requested_at=now, asked_by=f"console:{BAD}"
        )
        runtime.store.add_transfer(wanted)
        if status is not TransferStatus.REQUESTED:
            runtime.store.settle_transfer(wanted.id, status, message=BAD, reason=BAD, api_id=BAD, at=now)
    return console


def pages() -> Iterator[str]:
    yield from ("/", "/calls", f"/calls/{UUID}", "/calls/call-2", "/transfers", "/rejected", "/checks", "/flows")
    yield from (f"/transfers/t{n}" for n in range(len(TransferStatus)))
    yield from (
        f"/calls/{UUID}/transfer",
        f"/calls/{UUID}/hang-up",
        "/flows/bad",
        "/flows/bad?saved=1",
        "/flows/bad/call",
    )


def test_what_comes_from_outside_is_text(filled: Flask, templates: Path) -> None:
    ann = Browser(filled)
    ann.sign_in()
    toml_text = BAD.replace("\\", "\\\\").replace('"', '\\"')
    toml = (
        f'title = "{toml_text}"\ndescription = "{toml_text}"\n[params.to]\ntype = "text"\ndescription = "{toml_text}"\n'
    )
    write_flow(templates, "bad", toml, aleg="<Response><Speak>hello {{ params.to }}</Speak></Response>")
    filled.extensions["callflows"].publisher.publish_all()
    (templates / "bad" / "aleg.xml").write_text("<Response><Spaek a='<script>alert(1)</script>'/></Response>\n" + BAD)
    filled.extensions["callflows"].publisher.publish_all()
    shown: set[str] = set()
    for path in pages():
        answer = ann.get(path)
        assert answer.status_code == 200, (path, answer.text[:300])
        assert "<img src=x" not in answer.text, path
        assert "<script>alert" not in answer.text, path
        assert "</script></pre></title>" not in answer.text, path
        shown |= {path} if html.escape("<img src=x onerror=alert(1)>") in answer.text else set()
    everywhere = {*pages()} - {"/checks", "/flows", f"/calls/{UUID}/transfer"}
    assert everywhere <= shown, everywhere - shown


def test_what_is_asked_for_is_text(filled: Flask) -> None:
    ann = Browser(filled)
    ann.sign_in()
    for path, query in (
        ("/calls", {"uuid": BAD}),
        ("/transfers", {"call_uuid": BAD, "asked_by": BAD, "status": BAD}),
        ("/flows/greet", {"step": BAD, "provider": BAD, "sample": BAD, "file": BAD}),
        ("/flows/greet/call", {"step": BAD, "provider": BAD, "caller": BAD, "numbers": BAD}),
        ("/sign-in", {"back": "/console/" + BAD}),
        ("/calls/a/transfer", {"aleg": BAD, "bleg": BAD}),
    ):
        answer = ann.get(path, query_string=query)
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
    sent: dict[str, Any] = {"aleg": BAD, "bleg": BAD, "param_to": BAD, BAD: BAD}
    for path in (f"/calls/{UUID}/transfer", "/flows/greet/call"):
        assert "<img src=x" not in ann.post(path, **sent).text
    for name in (BAD, "ann"):
        answer = ann.client.post("/console/sign-in", data={"name": name, f"kept.{BAD}": BAD, "password": BAD})
        assert "<img src=x" not in answer.text


def test_what_a_caller_says_on_the_simulated_telephone_is_text(console: Flask) -> None:
    ann = Browser(console)
    ann.sign_in()
    begun = ann.post("/flows/greet/call", step="answer", caller="+14155550101")
    assert begun.status_code == 303
    for field in ("say", "press", "wait", "numbers", "hang_up"):
        answer = ann.client.post(begun.location, data={"csrf": ann.csrf, field: BAD})
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
