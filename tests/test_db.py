"""callflows db, and a store that is older, newer, locked, gone or another one: what each process says and does."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy
from click.testing import CliRunner, Result
from sqlalchemy import make_url, text

from callflows.cli import main
from callflows.models import CallEvent, CallValues, EventKind, Exchange, Outcome
from callflows.store import SCHEMA_VERSION, open_store
from callflows.store.schema import VERSION_TABLE

from .conftest import environment, write_flow
from .house import Gunicorn, command, wait_until
from .test_faults import fetch

DAY = 86400.0
OLD_TRANSFER = {
    "id": "t-old",
    "idempotency_key": "key-1",
    "provider": "plivo",
    "call_uuid": "call-old",
    "status": "accepted",
    "requested_at": 1_764_000_000.5,
    "settled_at": 1_764_000_001.0,
    "http_status": 202,
    "api_id": "api-1",
    "reason": "",
    "message": "call transfered",
    "body": json.dumps(
        {
            "id": "t-old",
            "call_uuid": "call-old",
            "targets": {"aleg": ["forward", "aleg"]},
            "params": {"to": "+14155550123"},
            "idempotency_key": "key-1",
        }
    ),
}


@pytest.fixture
def run(values: dict[str, Any], blank_url: str) -> Callable[..., Result]:
    def run(*arguments: str, **changed: str) -> Result:
        given = {**values, "DATABASE_URL": blank_url, **changed}
        done = CliRunner().invoke(main, arguments, env={f"CALLFLOWS_{name}": str(v) for name, v in given.items()})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def execute(url: str, *statements: Any) -> Any:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                found = connection.execute(*statement if isinstance(statement, tuple) else (text(statement),))
            return found.scalar() if found.returns_rows else None
    finally:
        engine.dispose()


def make_first_version(url: str) -> None:
    """A store as the first version left it, with one transfer and one exchange."""
    import alembic.command
    from alembic.config import Config

    import callflows.store

    config = Config()
    config.set_main_option("script_location", str(Path(callflows.store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        names = ", ".join(OLD_TRANSFER)
        marks = ", ".join(f":{name}" for name in OLD_TRANSFER)
        connection.execute(text(f"INSERT INTO callflows_transfers ({names}) VALUES ({marks})"), OLD_TRANSFER)
        connection.execute(text("INSERT INTO callflows_journals VALUES ('left.journal', 7, 1764000000)"))
    engine.dispose()


def old(number: int, ago: float = 100 * DAY, **changes: Any) -> Exchange:
    event = CallEvent(EventKind.DOCUMENT, CallValues(uuid=f"call-{number}"))
    made = {"id": f"x{number}", "at": time.time() - ago, "provider": "plivo", "outcome": Outcome.STEP, "event": event}
    return Exchange(**{**made, **changes})


def test_upgrade_of_nothing_and_of_what_is_up_to_date(run: Callable[..., Result]) -> None:
    first = run("db", "upgrade", "--json")
    assert first.exit_code == 0
    found = json.loads(first.stdout)
    assert (found["from"], found["version"]) == (None, SCHEMA_VERSION)
    assert [row["version"] for row in found["ran"]] == [f"{n:04}" for n in range(1, int(SCHEMA_VERSION) + 1)]
    assert json.loads(run("db", "upgrade", "--json").stdout)["ran"] == []
    again = run("db", "upgrade")
    assert "is up to date: version" in again.stdout


def test_an_older_store_is_left_alone_until_it_is_upgraded(run: Callable[..., Result], blank_url: str) -> None:
    make_first_version(blank_url)
    refused = run("transfers", "list")
    assert refused.exit_code == 4
    assert f"is at version 0001, this callflows needs {SCHEMA_VERSION} (run: callflows db upgrade" in refused.stderr
    checked = json.loads(run("check", "--json").stdout)["problems"]
    (row,) = [row for row in checked if row["code"] == "config.store"]
    assert (row["severity"], "callflows db upgrade" in row["hint"]) == ("warning", True)
    pruned = run("db", "prune", "--older-than", "1d")
    assert (pruned.exit_code, "callflows db upgrade" in pruned.stderr) == (4, True)
    assert execute(blank_url, f"SELECT version_num FROM {VERSION_TABLE}") == "0001", "nobody has changed it"

    upgraded = run("db", "upgrade")
    assert upgraded.exit_code == 0
    assert upgraded.stdout.startswith("0002  Who asked for a transfer")
    assert f"was version 0001 and is version {SCHEMA_VERSION} now" in upgraded.stdout

    (listed,) = json.loads(run("transfers", "list", "--json").stdout)
    assert listed["id"] == "t-old"
    store = open_store(blank_url)
    kept = store.transfer("t-old")
    assert kept is not None
    assert (kept.params, kept.idempotency_key, kept.asked_by, kept.message) == (
        {"to": "+14155550123"},
        "key-1",
        "",
        "call transfered",
    )
    assert store.journal_position("left.journal") == 7
    store.close()


def test_two_upgrades_at_once(blank_url: str, values: dict[str, Any]) -> None:
    make_first_version(blank_url)
    arguments = [sys.executable, "-m", "callflows", "db", "upgrade", "--json"]
    settings = environment({**values, "DATABASE_URL": blank_url})
    both = [subprocess.Popen(arguments, env=settings, stdout=subprocess.PIPE) for _ in range(2)]
    ran = [json.loads(process.communicate(timeout=60)[0])["ran"] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(map(len, ran)) == [0, int(SCHEMA_VERSION) - 1]


def test_a_newer_store_is_refused_by_everything(run: Callable[..., Result], blank_url: str) -> None:
    assert run("db", "upgrade").exit_code == 0
    execute(blank_url, f"UPDATE {VERSION_TABLE} SET version_num = '9000'")
    for arguments in (["db", "upgrade"], ["db", "prune", "--older-than", "1d"], ["transfers", "list"]):
        done = run(*arguments)
        assert done.exit_code == 4
        assert "the store's schema is version 9000, newer than" in done.stderr
        assert "install that version here too" in done.stderr
    (row,) = [row for row in json.loads(run("check", "--json").stdout)["problems"] if row["code"] == "config.store"]
    assert (row["severity"], "9000" in row["message"]) == ("error", True)


def test_a_store_that_cannot_be_reached(run: Callable[..., Result], blank_url: str) -> None:
    postgres = "postgres" in blank_url
    away = make_url(blank_url).set(port=1, username="u", password="hush") if postgres else "sqlite:////proc/no/s.db"
    address = away if isinstance(away, str) else away.render_as_string(hide_password=False)
    for arguments in (["db", "upgrade"], ["db", "upgrade", "--json"], ["db", "prune", "--older-than", "90d"]):
        done = run(*arguments, DATABASE_URL=address)
        assert done.exit_code == 4
        assert "failed:" in done.output
        assert "hush" not in done.output


def test_a_database_that_may_only_be_read(postgres_server: Callable[[], str], values: dict[str, Any]) -> None:
    url = postgres_server()
    address = make_url(url).set(query={"options": "-c default_transaction_read_only=on"})
    settings = {**values, "DATABASE_URL": address.render_as_string(hide_password=False)}
    done = command(settings, "db", "upgrade")
    assert done.returncode == 4
    assert "read-only" in done.stderr
    assert "name the primary, not a standby" in done.stderr
    assert "Traceback" not in done.stderr


def test_prune_says_what_goes_and_what_stays(run: Callable[..., Result], blank_url: str) -> None:
    assert run("db", "upgrade").exit_code == 0
    store = open_store(blank_url)
    store.add_exchanges([old(n) for n in range(700)])
    store.add_exchanges([old(3, 5 * DAY, id="young")])
    dry = json.loads(run("db", "prune", "--older-than", "90d", "--dry-run", "--json").stdout)
    assert (dry["dry_run"], dry["removed"]["exchanges"], dry["kept"]["exchanges"]) == (True, 699, 1)
    told = run("db", "prune", "--older-than", "90d", "--dry-run").stdout
    assert "699 exchanges, 0 transfers would be removed" in told
    assert "kept: 1 exchange, 0 transfers of calls and transfers that go on, or are known of later" in told
    assert len(store.calls(limit=1000)) == 700, "a dry run removes nothing"
    done = run("db", "prune", "--older-than", "90d")
    assert (done.exit_code, "699 exchanges, 0 transfers removed" in done.stdout) == (0, True)
    assert [e.id for e in store.exchanges(call_uuids=["call-3"])] == ["x3", "young"]
    assert list(store.calls()) == ["call-3"]
    store.close()


@pytest.mark.parametrize("time", ["", "90", "5m", "ninety days", "-1d", "99999d", "9d 1h"])
def test_a_time_that_is_none_is_a_usage_error(run: Callable[..., Result], time: str) -> None:
    done = run("db", "prune", "--older-than", time)
    assert done.exit_code == 2
    assert "--older-than" in done.stderr


def test_ctrl_c_keeps_what_is_done(blank_url: str, values: dict[str, Any]) -> None:
    store = open_store(blank_url)
    store.upgrade()
    store.add_exchanges([old(n) for n in range(8000)])
    arguments = [sys.executable, "-m", "callflows", "db", "prune", "--older-than", "90d", "--json"]
    settings = environment({**values, "DATABASE_URL": blank_url})
    count = "SELECT count(*) FROM callflows_exchanges"
    with subprocess.Popen(
        arguments, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: execute(blank_url, count) < 8000, what="the first batch")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert process.returncode == 1
    told = json.loads(out)
    assert told["stopped"] is True
    left = execute(blank_url, count)
    assert 0 < left < 8000
    assert told["removed"]["exchanges"] in (8000 - left, 8000 - left - 500), "at most the batch it was in is not told"
    store.close()


# --- beside a server


@pytest.fixture
def server(values: dict[str, Any], templates: Path, tmp_path: Path, blank_url: str) -> Iterator[Gunicorn]:
    write_flow(templates, "plain", aleg="<Response><Speak>step {{ call.uuid }}</Speak></Response>")
    given = {name: value for name, value in values.items() if name != "PUBLIC_URL"}
    server = Gunicorn({**given, "DATABASE_URL": blank_url}, tmp_path / "gunicorn.log")
    server.start()
    yield server
    server.stop()


def calls(url: str) -> list[str]:
    store = open_store(url)
    try:
        return sorted(store.calls(limit=10_000))
    finally:
        store.close()


def ready(server: Gunicorn) -> bool:
    return bool(server.ready()["status"] == "ok")


def degraded(server: Gunicorn, words: str) -> bool:
    found = server.ready()
    return found["status"] == "degraded" and words in str(found["degraded"])


@pytest.mark.slow
@pytest.mark.xdist_group("db-beside")
@pytest.mark.parametrize("blank_url", ["postgresql"], indirect=True)  # test_store_faults locks SQLite
def test_beside_a_server(server: Gunicorn, blank_url: str, run: Callable[..., Result], tmp_path: Path) -> None:
    """Pruned while it writes; taken away, and given back as another one of an older version."""
    with httpx2.Client(timeout=10) as client:
        fetch(client, server, "first")
        wait_until(lambda: ready(server) and calls(blank_url) == ["first"], what="the first exchange in the store")
        store = open_store(blank_url)
        store.add_exchanges([old(n) for n in range(2000)])
        pruning = subprocess.Popen(
            [sys.executable, "-m", "callflows", "db", "prune", "--older-than", "90d", "--json"],
            env=environment({**server.values, "DATABASE_URL": blank_url}),
            stdout=subprocess.PIPE,
        )
        sent = ["first"]
        while pruning.poll() is None:
            sent.append(f"meanwhile-{len(sent)}")
            fetch(client, server, sent[-1])
            time.sleep(0.02)
        assert json.loads(pruning.communicate()[0])["removed"]["exchanges"] == 2000
        assert len(sent) > 5
        wait_until(lambda: calls(blank_url) == sorted(sent), what="what came meanwhile")
        store.close()

        back = take_away(blank_url, tmp_path)
        fetch(client, server, "while it was away")
        words = "another process has held its lock" if "sqlite" in blank_url else "not currently accepting"
        wait_until(lambda: degraded(server, words), 30, words)
        back()
        wait_until(lambda: ready(server), 30, "ready again")
        wait_until(lambda: "while it was away" in calls(blank_url), what="what came while it was away")
        assert execute(blank_url, f"SELECT version_num FROM {VERSION_TABLE}") == SCHEMA_VERSION
        (kept,) = json.loads(run("transfers", "list", "--json").stdout)
        assert kept["id"] == "t-old", "it is the restored one"
    log = server.log.read_text()
    assert "journals wait" in log
    assert "the store is back" in log
    assert "Traceback" not in log


def take_away(url: str, tmp_path: Path) -> Callable[[], None]:
    """Until what is returned is called; the store is then a backup made by the first version."""
    if url.startswith("sqlite"):
        backup = tmp_path / "backup.db"
        make_first_version(f"sqlite:///{backup}")
        holder = sqlite3.connect(str(make_url(url).database), isolation_level=None, timeout=30)
        holder.execute("BEGIN IMMEDIATE")

        def back() -> None:
            holder.rollback()
            with sqlite3.connect(backup) as source:
                source.backup(holder)  # what `.restore` of the sqlite3 shell does
            source.close()
            holder.close()

        return back
    name = make_url(url).database
    server = sqlalchemy.create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with server.connect() as connection:
            connection.execute(text(statement))

    run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def restored() -> None:
        run(f"DROP DATABASE {name} WITH (FORCE)")
        run(f"CREATE DATABASE {name}_restored")
        made = make_url(url).set(database=f"{name}_restored")
        make_first_version(made.render_as_string(hide_password=False))
        run(f"ALTER DATABASE {name}_restored RENAME TO {name}")
        server.dispose()

    return restored
