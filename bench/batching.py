"""3,000 live calls moved by `callflows transfers batch` on a bad day: of the platform's answers one in ten is a 429,
and one request in fifty is carried out and its answer lost. Interrupted by Ctrl-C in the middle, and run again.

What must hold is counted at the platform, and anything else ends in an AssertionError: no call is moved twice, what is
lost is reported unknown, and the pace is kept.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from callflows.simulator import Server, Simulator, serve
from callflows.simulator.faults import Fault, Faults

ROWS, RATE = 3000, 50
SITE = "https://flows.example.com"
DOCUMENT = b'<Response><Speak>Hi</Speak><Wait length="3600"/></Response>'


class BadDay(Faults):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def take(self, *, transfer: bool) -> Fault | None:
        if not transfer:
            return None
        self.count += 1
        return Fault("429") if self.count % 10 == 3 else Fault("reset-after") if self.count % 50 == 7 else None


def waiting(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/xml")])
    return [DOCUMENT]


def batch(rows: int = ROWS) -> str:
    with (
        tempfile.TemporaryDirectory() as name,
        serve(Simulator("plivo", switches={"rate_limit": 0}, apps={SITE: waiting})) as server,
    ):
        folder = Path(name)
        calls = _place(server, rows)
        (folder / "calls.csv").write_text("call_uuid\n" + "".join(f"{call}\n" for call in calls))
        server.simulator.faults = BadDay()
        started = time.monotonic()
        first = _run(folder, server, interrupt_at=rows // 3)
        done = len(_sent(server))
        second = _run(folder, server)
        seconds = time.monotonic() - started
        _check(folder, server, rows, done)
        assert seconds >= len(_asked(server)) / RATE * 0.98, f"faster than {RATE} a second"
    asked = len(_asked(server))
    return (
        f"a batch of {rows} with {asked - len(_sent(server))} answers 429 and {_lost(server)} lost: {seconds:.0f} s "
        f"for {asked} requests, none twice\n  interrupted: {first}\n  run again: {second}"
    )


def _place(server: Server, rows: int) -> list[str]:
    with httpx2.Client(base_url=f"{server.url}/-/sim", timeout=60) as control:
        asked = {"from": "+14155550101", "to": "+14155550100", "answer_url": f"{SITE}/answer"}
        calls = [str(control.post("/calls", json=asked).raise_for_status().json()["call_uuid"]) for _ in range(rows)]
        control.post("/clock", json={"advance": 5}).raise_for_status()
    return calls


def _run(folder: Path, server: Server, interrupt_at: int = 0) -> str:
    """The command's last line, its summary."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLFLOWS_")} | {
        "CALLFLOWS_PUBLIC_URL": SITE,
        "CALLFLOWS_TEMPLATES": str(Path(__file__).parent.parent / "templates"),
        "CALLFLOWS_STATE_DIR": str(folder / "state"),
        "CALLFLOWS_PLIVO_AUTH_ID": server.simulator.auth_id,
        "CALLFLOWS_PLIVO_AUTH_TOKENS": server.simulator.auth_token,
        "CALLFLOWS_PLIVO_API_URL": server.url + server.simulator.dialect.rest_prefix,
    }
    command = [
        sys.executable,
        "-m",
        "callflows",
        "transfers",
        "batch",
        "calls.csv",
        "--aleg",
        "hold",
        "--rate",
        str(RATE),
    ]
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 300
    while interrupt_at and len(_sent(server)) < interrupt_at and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    if interrupt_at:
        process.send_signal(signal.SIGINT)
    said, problems = process.communicate(timeout=300)
    assert said, problems
    return said.splitlines()[-1]


def _check(folder: Path, server: Server, rows: int, before: int) -> None:
    moved = Counter(each["path"] for each in _sent(server))
    assert len(moved) == rows, f"{len(moved)} of {rows} calls were asked for"
    assert set(moved.values()) == {1}, "a call was moved twice"
    with (folder / "calls.results.csv").open(newline="") as file:
        told = Counter(row["status"] for row in csv.DictReader(file))
    assert told == {"accepted": rows - _lost(server), "unknown": _lost(server)}, told
    assert before < rows / 2, "it was not interrupted"


def _asked(server: Server) -> list[dict[str, Any]]:
    return [each for each in server.simulator.requests if each["method"] == "POST"]


def _sent(server: Server) -> list[dict[str, Any]]:
    return [each for each in _asked(server) if each["status"] != 429]


def _lost(server: Server) -> int:
    return sum(each["fault"] == "reset-after" for each in _asked(server))


if __name__ == "__main__":
    print(batch(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
