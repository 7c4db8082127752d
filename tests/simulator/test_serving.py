"""`callflows simulator serve` as a process: what it prints, and the story of a developer without an account."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import plivo as sdk
import pytest

from .conftest import AGENT, CALLER, LINE, Elsewhere, Web


class Box:
    """The running command; what it printed so far is in `told`."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "callflows", "simulator", "serve", "--port", "0", "--seed", "1", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        assert self.process.stdout is not None
        self.told = ""
        while "/-/sim/" not in self.told:
            line = self.process.stdout.readline()
            assert line, self.told
            self.told += line
        found = re.search(r"http://127\.0\.0\.1:\d+", self.told)
        assert found
        self.url = found[0]

    def control(self, path: str, body: Any, method: str = "POST") -> Any:
        reply = httpx2.request(method, f"{self.url}/-/sim/{path}", json=body, timeout=20)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def stop(self) -> str:
        """All that it printed."""
        time.sleep(0.5)  # it looks for news five times a second
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=20)
        return self.told + rest


@pytest.fixture
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    box = Box(*getattr(request, "param", ()))
    yield box
    if box.process.poll() is None:
        box.process.kill()
        box.process.wait()


@pytest.mark.parametrize("box", [["--clock", "manual"]], indirect=True)
def test_the_story_with_the_official_sdk(box: Box, web: Web) -> None:
    client: Any = sdk.RestClient("MASIMULATOR000000000", "simulator-auth-token")
    client.session.mount("https://api.plivo.com", Elsewhere(box.url))
    web.xml("/hold", "<Speak>Please hold.</Speak><Wait length='10'/><Redirect>{web}/hold</Redirect>")
    menu = "<GetDigits action='{web}/chosen' numDigits='1'><Speak>Press 1</Speak></GetDigits>"
    dial = f"<Dial callerId='{LINE}' action='{{web}}/hold'><Number>{AGENT}</Number></Dial>"
    web.xml("/chosen", dial)
    call = client.calls.create(from_=LINE, to_=CALLER, answer_url=web.xml("/answer", menu)).request_uuid
    box.control("clock", {"advance": 4})
    box.control(f"calls/{call}/press", {"digits": "1"})
    box.control("clock", {"advance": 10})
    assert client.live_calls.get(call).call_status == "in-progress"

    again = {"aleg_url": web.xml("/aleg", dial), "bleg_url": f"{web.url}/hold"}
    box.control(f"numbers/{AGENT}", {"behaviour": "busy"}, "PUT")
    box.control("faults", {"web": "timeout", "purpose": "transfer", "path": "/aleg"})
    client.calls.transfer(call, legs="both", **again)
    box.control("clock", {"advance": 120})
    client.calls.hangup(call)
    client.session.close()
    box.control("clock", {"advance": 1})

    lines = [line[28:].strip() for line in box.stop().splitlines()[3:]]
    story = [
        'hears "Press 1"',
        "presses 1",
        f"is connected to {AGENT}",
        "-> read timeout",
        "(attempt 2)",
        "hung up: Busy Line (3010, Callee)",
        'hears "Please hold."',
        "hung up: Normal Hangup (4000, API Request)",
    ]
    rest = iter(lines)
    for told in story:
        assert any(told in line for line in rest), (told, lines)


@pytest.mark.parametrize("box", [["--clock", "auto", "--quiet"]], indirect=True)
def test_quiet(box: Box, web: Web) -> None:
    body = {"from": CALLER, "to": LINE, "answer_url": web.xml("/answer", "<Speak>Hello</Speak>")}
    box.control("calls", body)
    told = box.stop()
    assert len(told.splitlines()) == 3
    assert "auth id MASIMULATOR000000000" in told


def test_after_a_reset_the_new_transcript_is_told(box: Box, web: Web) -> None:
    for name in ("first", "second"):
        body = {"from": CALLER, "to": LINE, "answer_url": web.xml(f"/{name}", f"<Speak>{name}</Speak>")}
        box.control("calls", body)
        time.sleep(0.5)
        box.control("reset", {})
    told = box.stop()
    assert 'hears "first"' in told
    assert 'hears "second"' in told
