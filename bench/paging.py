"""How long the console's pages take with 10,000 calls and 100,000 transfers in the store: python -m bench.paging.

The pages are asked of the console's own app, without a socket, by somebody who is signed in. PostgreSQL's database is
one of its own on TEST_POSTGRES, dropped at the end; where there is no server, it is left out, and that is said.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import OperationalError

from callflows import create_app
from callflows.console import now as page_of_now
from callflows.models import CallEvent, CallValues, DialValues, EventKind, Exchange, Leg, Outcome, TransferStatus
from callflows.store import open_store
from callflows.store.rows import exchange_row, transfer_row
from callflows.store.schema import exchanges, transfers

from .storing import databases, sample

CALLS, TRANSFERS, ROUNDS, CHUNK = 10_000, 100_000, 15, 2000
LIMIT_MS = 200
PASSWORD = "the bench's own password"
DOCUMENT = "<Response>\n  <Speak>Please hold.</Speak>\n  <Dial><Number>+14155550123</Number></Dial>\n</Response>"


def page_times(calls: int = CALLS, moved: int = TRANSFERS) -> str:
    lines = []
    for kind in ("SQLite", "PostgreSQL"):
        try:
            with databases(kind) as (url, _), tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                fill(url, calls, moved)
                filling = time.perf_counter() - started
                lines.append(f"{kind}, {calls:,} calls, {moved:,} transfers ({filling:.0f} s to fill):")
                lines += measured(url, Path(folder), calls)
        except OperationalError as error:
            lines.append(f"{kind}: left out ({str(error).splitlines()[0]})")
    return "\n".join(lines)


def fill(url: str, calls: int, moved: int) -> None:
    """Calls of the last hours with ten transfers each, the newest still live; each transfer has a few exchanges."""
    store = open_store(url)
    store.set_up()
    store.close()
    engine = create_engine(url)
    now = time.time()
    for first in range(0, moved, CHUNK):
        rows: list[dict[str, Any]] = []
        told: list[dict[str, Any]] = []
        for number in range(first, min(first + CHUNK, moved)):
            at = now - (moved - number) * 0.2
            asked, fetched = sample(f"t-{number}", f"c-{number * calls // moved}", at)
            rows.append({**transfer_row(replace(asked, settled_at=at + 0.5, status=TransferStatus.ACCEPTED))})
            told += [exchange_row(each) for each in exchanges_of(number, at, fetched, last=number % 10 == 9)]
        with engine.begin() as connection:
            connection.execute(insert(transfers), rows)
            connection.execute(insert(exchanges), told)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def exchanges_of(number: int, at: float, fetched: Exchange, *, last: bool) -> Iterator[Exchange]:
    yield replace(fetched, leg=Leg.A, document=DOCUMENT)
    call = fetched.event.call
    dial = DialValues(b_leg_uuid=f"b-{number}", b_leg_number="+14155550123")
    for n, kind in enumerate((EventKind.DIAL_CONNECTED,)):
        event = CallEvent(kind, call, dial=dial, raw={"CallUUID": call.uuid, "DialBLegUUID": dial.b_leg_uuid})
        yield replace(fetched, id=f"d{number}-{n}", at=at + 2 + n, event=event, outcome=Outcome.NOTED, leg=Leg.A)
    if last and number % 3:
        ended = CallEvent(EventKind.HANGUP, replace(call, status="completed"), hangup_code="4000")
        yield replace(fetched, id=f"h{number}", at=at + 5, event=ended, outcome=Outcome.NOTED)
    if number % 50 == 0:
        stranger = CallEvent(EventKind.DOCUMENT, CallValues(uuid=f"s-{number}"))
        yield Exchange(f"r{number}", at, "plivo", Outcome.REJECTED, stranger, reason="absent", problems=("unsigned",))


def measured(url: str, folder: Path, calls: int) -> list[str]:
    hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    app = create_app(
        {
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "DATABASE_URL": url,
            "STATE_DIR": str(folder),
            "SECRET_KEYS": "bench-key-0123456789",
            "CONSOLE_USERS": f"ann:operator:{hash}",
            "KEEPER": "false",
            "LOG_LEVEL": "ERROR",
        }
    )
    client = app.test_client()
    assert client.post("/console/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 303
    call, transfer = f"c-{calls // 2}", "t-50005"
    pages = {
        "now": "/",
        "now, idle": "/",
        "calls": "/calls",
        "call": f"/calls/{call}",
        "transfer form": f"/calls/{call}/transfer?aleg=forward",
        "transfers": "/transfers",
        "of one asker": "/transfers?asked_by=nobody",
        "of one status": "/transfers?status=accepted",
        "transfer": f"/transfers/{transfer}",
        "flows": "/flows",
        "flow": "/flows/meet",
        "call it": "/flows/meet/call",
        "checks": "/checks",
        "rejected": "/rejected",
    }
    lines = []
    client.get("/console/calls")  # what a process does once
    for name, path in pages.items():
        times = []
        for _ in range(ROUNDS):
            if name == "now":
                page_of_now._looks.clear()
            started = time.perf_counter()
            answer = client.get(f"/console{path}")
            times.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 200, (path, answer.text[:500])
        over = "   OVER 200 ms" if max(times) > LIMIT_MS else ""
        lines.append(f"  {name:<14}{statistics.median(times):>8.1f} ms{max(times):>9.1f} ms at most{over}")
    app.extensions["callflows"].close()
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--transfers", type=int, default=TRANSFERS)
    options = parser.parse_args()
    print(page_times(options.calls, options.transfers))
