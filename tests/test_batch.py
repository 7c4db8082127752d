"""Many calls at once: what is wrong with the file is said first, and no call is moved twice, whatever happens."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from callflows import batch
from callflows.cli import main
from callflows.simulator import Server, Simulator, serve
from callflows.simulator.faults import Fault, Faults

from .conftest import PUBLIC_URL, environment, write_flow
from .house import Phone, platform_values, wait_until

WAIT = '<Response><Wait length="60"/></Response>'
DIAL = '<Response><Dial callerId="+14155550100"><Number>{{ params.to }}</Number></Dial></Response>'
TO = '[params.to]\ntype = "phone"\nrequired = true\nexample = "+14155550123"\n'


class Interspersed(Faults):
    """One request in ten is refused with 429, one in fifty is carried out and then reset."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def take(self, *, transfer: bool) -> Fault | None:
        if not transfer:
            return None
        self.count += 1
        return Fault("429") if self.count % 10 == 3 else Fault("reset-after") if self.count % 50 == 7 else None


@pytest.fixture
def server() -> Iterator[Server]:
    """Every leg waits for an hour, whatever it fetches."""
    with serve(Simulator("plivo", switches={"rate_limit": 0}, apps={PUBLIC_URL: waiting})) as server:
        yield server


def waiting(_: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/xml")])
    return [b'<Response><Speak>Hi</Speak><Wait length="3600"/></Response>']


@pytest.fixture
def house(values: dict[str, Any], templates: Path, server: Server) -> dict[str, Any]:
    write_flow(templates, "hold", aleg=WAIT, bleg=WAIT)
    write_flow(templates, "ring", TO, aleg=DIAL)
    del values["VOBIZ_AUTH_ID"], values["VOBIZ_AUTH_TOKENS"]
    return {**values, **platform_values("plivo", server), "DIAL_ALLOW": "+1415555"}


def calls(server: Server, count: int) -> list[str]:
    phone = Phone(server)
    uuids = [phone.inbound(f"{PUBLIC_URL}/answer") for _ in range(count)]
    phone.advance(5)
    return uuids


def run(values: dict[str, Any], *arguments: str, given: bytes | None = None, code: int = 0) -> Result:
    settings = {f"CALLFLOWS_{name}": str(value) for name, value in values.items()}
    done = CliRunner().invoke(main, ["transfers", "batch", *arguments], env=settings, input=given)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code == code, done.output
    return done


def asked(server: Server) -> list[dict[str, Any]]:
    return [each for each in server.simulator.requests if each["method"] == "POST"]


def acted(server: Server) -> Counter[str]:
    """How often each call was moved, or may have been."""
    return Counter(each["path"] for each in asked(server) if each["status"] != 429)


def results(path: str = "calls.results.csv") -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def write(uuids: list[str], name: str = "calls.csv") -> None:
    Path(name).write_text("call_uuid\n" + "\n".join(uuids) + "\n")


# --- the file


@pytest.mark.parametrize(
    "data",
    [
        b"call_uuid,aleg,to\na,ring,1\nb,,2\n",
        b"\xef\xbb\xbfcall_uuid;aleg;to\r\na;ring;1\r\n\r\nb;;2\r\n",
        b'"call_uuid"\t"aleg"\t"to"\ra\tring\t1\rb\t\t2',
        "call_uuid,aleg,to\r\na,ring,1\r\nb,,2,,\r\n".encode("utf-16"),
    ],
)
def test_tables_as_spreadsheets_write_them(data: bytes) -> None:
    table = batch.read(data)
    assert table.faults == []
    found = [(row.number, row.call_uuid, list(row.legs.values()), dict(row.params)) for row in table.rows]
    assert found == [(1, "a", ["ring"], {"to": "1"}), (2, "b", [], {"to": "2"})]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"call_uuid\n\n", "there are no rows"),
        (b"uuid,aleg\na,hold\n", "line 1, column call_uuid: is missing; there are uuid, aleg"),
        (b"call_uuid,to,to\na,1,2\n", "line 1, column to: stands there twice"),
        (b"call_uuid,to\n,1\n", "line 2, column call_uuid: is empty"),
        (b"call_uuid\na\n\na\n", "line 4, column call_uuid: a stands in line 2 already"),
        (b"call_uuid,to\na,1,2\n", "line 2: has 3 cells, but the header 2"),
        (b"call_uuid,to\na,\xe9\n", "line 2: is not utf-8 (byte 0xE9)"),
        (b"call_uuid\na\0\n", "line 2: has a NUL"),
        (b'call_uuid\n"a\n', "cannot be read as CSV"),
        (b"call_uuid\n" + b"".join(b"%d\n" % n for n in range(100_001)), "line 100002: is one row too many"),
    ],
)
def test_what_is_wrong_with_a_file(data: bytes, said: str) -> None:
    assert said in str(batch.read(data).faults[0])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_faults(data: bytes) -> None:
    for each in (data, b"call_uuid,to\n" + data):
        table = batch.read(each)
        assert table.rows or table.faults


# --- checking


def test_all_problems_at_once_and_nothing_sent(house: dict[str, Any], server: Server) -> None:
    Path("calls.csv").write_text("call_uuid,aleg,to,tu\na,ring,+14155550123,\n,ring,1,\nc,ring,abc,\nd,rung,,\n")
    said = run(house, "calls.csv", code=1).stderr
    assert "line 1, column tu: is no param of ring" in said
    assert "line 3, column call_uuid: is empty" in said
    assert "line 4, column to: 'abc' must be a phone number" in said
    assert "line 5, column aleg: there is no flow 'rung' (did you mean ring?)" in said
    assert asked(server) == []


def test_a_refused_row_does_not_stop_the_others_unless_strict(house: dict[str, Any], server: Server) -> None:
    first, second = calls(server, 2)
    Path("calls.csv").write_text(f"call_uuid,to\n{first},+14155550123\n{second},12\n")
    assert "1 would be moved, 1 not" in run(house, "calls.csv", "--aleg", "ring", "--dry-run", code=1).stdout
    run(house, "calls.csv", "--aleg", "ring", "--strict", code=1)
    assert asked(server) == []
    done = json.loads(run(house, "calls.csv", "--aleg", "ring", "--json", "--results", "r.csv", code=1).stdout)
    assert (done["accepted"], done["refused"], done["problems"][0]["column"]) == (1, 1, "to")
    assert {row["call_uuid"]: row["status"] for row in results("r.csv")} == {first: "accepted", second: "refused"}


def test_usage(house: dict[str, Any]) -> None:
    run(house, code=2)
    run(house, "a.csv", "--live", code=2)
    run(house, "away.csv", code=2)
    run(house, "-", "--max-errors", "x", code=2)
    write(["a"])
    run(house, "calls.csv", "--aleg", "hold", "--results", "calls.csv", code=2)
    assert Path("calls.csv").read_text() == "call_uuid\na\n"


# --- doing


def test_standard_input_and_live(house: dict[str, Any], server: Server) -> None:
    uuids = calls(server, 3)
    done = run(house, "-", "--aleg", "hold", given=f"call_uuid\n{uuids[0]}\n".encode())
    assert done.stdout.splitlines()[1].startswith(f"1,{uuids[0]},accepted,")
    done = run(house, "--live", "--aleg", "hold", "--batch", "all", code=1)
    assert "3 rows: 2 accepted, 1 refused" in done.stderr, "the first is on its way already"
    assert ",refused,,,transfer_in_flight," in done.stdout
    done = run(house, "--live", "--aleg", "hold", "--batch", "all", "--force")
    assert "3 rows: 3 accepted, 0 rejected, 0 unknown, 0 not tried" in done.stderr
    again = run(house, "--live", "--aleg", "hold", "--batch", "all")
    assert "(3 of them done before)" in again.stderr
    assert len(asked(server)) == 4


def test_150_rows_on_a_bad_day(house: dict[str, Any], server: Server) -> None:
    server.simulator.faults = Interspersed()
    write(calls(server, 150))
    done = json.loads(
        run(house, "calls.csv", "--aleg", "hold", "--rate", "100", "--json", "--results", "r.csv", code=4).stdout
    )
    assert done["accepted"] + done["unknown"] == 150
    assert done["unknown"] == sum(each["fault"] == "reset-after" for each in asked(server)) >= 3
    assert sum(each["status"] == 429 for each in asked(server)) >= 15
    assert set(acted(server).values()) == {1}
    assert done["seconds"] > 1.4  # the pace
    again = json.loads(run(house, "calls.csv", "--aleg", "hold", "--json", code=4).stdout)
    assert (again["repeated"], again["unknown"]) == (150, done["unknown"])
    assert set(acted(server).values()) == {1}


def test_too_many_errors_end_it(house: dict[str, Any], server: Server) -> None:
    write([f"gone-{number}" for number in range(100)])
    done = json.loads(run(house, "calls.csv", "--aleg", "hold", "--json", "--rate", "500", code=3).stdout)
    assert done["stopped"] == "20 of 20 failed"
    assert 20 <= done["rejected"] <= 28
    assert done["rejected"] + done["not_tried"] == len(done["outcomes"]) == 100


def test_what_was_not_sent_is_sent_by_the_next_run(house: dict[str, Any], server: Server) -> None:
    write(calls(server, 1))
    away = {**house, "PLIVO_API_URL": "http://127.0.0.1:9/v1"}
    assert "to continue, run it again" in run(away, "calls.csv", "--aleg", "hold", code=4).stderr
    assert results()[0]["reason"] == "provider_unreachable"
    run(house, "calls.csv", "--aleg", "hold")
    run(house, "calls.csv", "--aleg", "hold")
    assert len(asked(server)) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_continued_after_an_interrupt(house: dict[str, Any], server: Server, how: signal.Signals) -> None:
    write(calls(server, 60))
    command = [sys.executable, "-m", "callflows", "transfers", "batch", "calls.csv", "--aleg", "hold"]
    process = subprocess.Popen([*command, "--rate", "20"], env=environment(house), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(asked(server)) >= 10, what="ten rows")
    process.send_signal(how)
    if how is signal.SIGINT:
        process.send_signal(how)  # as from `timeout`, which sends it to the process and to its group
    said = process.communicate(timeout=20)[1]
    noted = [row for row in results() if row["status"] == "accepted"]
    assert 10 - 8 <= len(noted) < 60
    if how is signal.SIGINT:
        assert process.returncode == 1
        assert "stopped: interrupted; to continue, run it again (--batch file-" in said
        assert len(results()) == 60
    time.sleep(0.2)
    before = len(asked(server))
    settings = json.loads(
        run(house, "calls.csv", "--aleg", "hold", "--json", code=0 if how is signal.SIGINT else 4).stdout
    )
    assert settings["repeated"] >= before
    assert settings["accepted"] + settings["unknown"] == 60
    assert settings["unknown"] <= (0 if how is signal.SIGINT else 8)
    assert max(acted(server).values()) == 1
