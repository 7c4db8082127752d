"""How long the store takes with many transfers in it, against a thousand: python -m bench.storing [--transfers N].

Each transfer has one exchange. The two stores take turns, operation by operation. PostgreSQL's are databases of their
own on TEST_POSTGRES, dropped at the end; where there is no server, it is left out, and that is said.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from callflows.known.story import read
from callflows.models import (
    CallEvent,
    CallValues,
    EventKind,
    Exchange,
    Leg,
    LegTarget,
    Outcome,
    Transfer,
    TransferStatus,
)
from callflows.runtime import Runtime
from callflows.store.rows import exchange_row, transfer_row
from callflows.store.schema import exchanges, transfers

FEW, MANY, ROUNDS, CHUNK = 1000, 1_000_000, 200, 50_000
SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
START = 1_764_000_000.0


def store(many: int = MANY) -> str:
    lines = []
    for kind in ("SQLite", "PostgreSQL"):
        try:
            with databases(kind) as (small, large), tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                small_run, large_run = (filled(url, Path(folder), n) for url, n in ((small, FEW), (large, many)))
                filling = time.perf_counter() - started
                lines.append(f"{kind}, {many:,} transfers against {FEW:,} ({filling:.0f} s to fill):")
                lines += compared(small_run, large_run, many)
                small_run.close()
                large_run.close()
        except OperationalError as error:
            lines.append(f"{kind}: left out ({str(error).splitlines()[0]})")
    return "\n".join(lines)


@contextmanager
def databases(kind: str) -> Iterator[tuple[str, str]]:
    if kind == "SQLite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/few.db", f"sqlite:///{folder}/many.db"
        return
    server = os.environ.get("TEST_POSTGRES", SERVER)
    engine = create_engine(server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    names = [f"callflows_bench_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    try:
        with engine.connect() as connection:
            for name in names:
                connection.execute(text(f"CREATE DATABASE {name}"))
        few, many = (make_url(server).set(database=name).render_as_string(hide_password=False) for name in names)
        yield few, many
    finally:
        with engine.connect() as connection:
            for name in names:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()


def sample(id: str, call: str, at: float) -> tuple[Transfer, Exchange]:
    event = CallEvent(EventKind.DOCUMENT, CallValues(uuid=call, from_number="+14155550100"), raw={"CallUUID": call})
    target = LegTarget("forward", "aleg")
    asked = Transfer(
        id, "plivo", call, {Leg.A: target}, {"to": "+14155550123"}, requested_at=at, status=TransferStatus.ACCEPTED
    )
    fetched = Exchange(f"x{id}", at + 1, "plivo", Outcome.STEP, event, flow="forward", step="aleg", transfer_id=id)
    return asked, fetched


def filled(url: str, folder: Path, count: int) -> Runtime:
    """The rows are made by the database itself, from one that our code wrote."""
    runtime = Runtime({"DATABASE_URL": url, "STATE_DIR": str(folder), "SECRET_KEYS": "bench-key-0123456789"})
    store = runtime.store
    asked, fetched = sample("t-ID", "c-ID", START)
    engine = create_engine(url)
    for table, row, at in ((transfers, transfer_row(asked), "requested_at"), (exchanges, exchange_row(fetched), "at")):
        columns = []
        for name, value in row.items():
            # a call has another number than its transfer: its index is filled in no order
            expression = (
                f":{name} + n" if name == at else f"CAST(:{name} AS {table.c[name].type.compile(engine.dialect)})"
            )
            if isinstance(value, str) and "-ID" in value:
                expression = f"replace(:{name}, 'c-ID', 'c-' || CAST((n * 7919) % CAST(:count AS bigint) AS TEXT))"
                expression = f"replace({expression}, 't-ID', 't-' || CAST(n AS TEXT))"
            columns.append(expression)
        series = (
            "generate_series(CAST(:first AS bigint), :last) AS numbers(n)"
            if "postgres" in url
            else "(WITH RECURSIVE r(n) AS (VALUES (:first) UNION ALL SELECT n + 1 FROM r WHERE n < :last)"
            " SELECT n FROM r)"
        )
        statement = f"INSERT INTO {table.name} ({', '.join(row)}) SELECT {', '.join(columns)} FROM {series}"
        for first in range(0, count, CHUNK):
            with engine.begin() as connection:
                last = min(first + CHUNK, count) - 1
                connection.execute(text(statement), {**row, "first": first, "last": last, "count": count})
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    assert store.transfer(f"t-{count - 1}") is not None
    return runtime


def compared(few: Runtime, many: Runtime, count: int) -> list[str]:
    def confirm(runtime: Runtime, n: int, number: int) -> None:
        late = sample(f"t-{number}", f"c-{number}", START + n)[1]
        new = Exchange(f"new-{number}", late.at, late.provider, late.outcome, late.event, transfer_id=f"t-{number}")
        assert runtime.store.add_exchanges([new], journal="bench.journal", position=number + 1) == 1

    operations: dict[str, Callable[[Runtime, int, int], object]] = {
        "get": lambda runtime, n, number: read(runtime, f"t-{number * 997 % n}"),
        "list": lambda runtime, n, number: runtime.store.transfers(limit=50),
        "confirm": confirm,
    }
    lines = []
    for name, operate in operations.items():
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(-20, ROUNDS):  # the first ones warm
            for which, (runtime, n) in enumerate(((few, FEW), (many, count))):
                started = time.perf_counter()
                operate(runtime, n, number + 20)
                if number >= 0:
                    times[which].append(time.perf_counter() - started)
        # the lower quartile: what else the machine does only ever adds
        small, large = (statistics.quantiles(found, n=4)[0] * 1000 for found in times)
        lines.append(f"  {name:<8}{small:>8.2f} ms{large:>8.2f} ms   ratio {large / small:.2f}")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=MANY)
    print(store(parser.parse_args().transfers))
