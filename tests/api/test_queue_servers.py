"""Servers asked for the next caller at once: nobody twice, nobody is forgotten, in the order in which they came."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..conftest import write_flow
from ..house import Gunicorn, Phone, wait_until
from .conftest import Client, code
from .test_servers import ManyConnections, a_house

LOOP = """\
<Response><Speak>Please hold.</Speak><Wait length="20"/><Redirect>{{ step_url("answer") }}</Redirect></Response>
"""
TOML = '[steps.answer]\nqueue = "crowd"\n'


@dataclass
class Taken:
    """One answer of `next`, and when it was asked for and came. `call` is "" where there was none."""

    began: float
    ended: float
    call: str
    outcome: str = ""


@dataclass
class Crowd:
    servers: list[Gunicorn]
    phone: Phone
    http: ManyConnections
    calls: list[str] = field(default_factory=list)  # in the order in which they came
    taken: list[Taken] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def api(self, number: int) -> Client:
        return Client(self.servers[number % len(self.servers)].url, http=self.http)

    def joins(self) -> str:
        with self.lock:  # so that the order is known
            server = self.servers[len(self.calls) % len(self.servers)]
            hangup_url = f"{server.url}/events/plivo"
            call = self.phone.inbound(f"{server.url}/flows/plivo/crowd/answer", hangup_url=hangup_url)
            self.phone.advance(0.1)
            self.calls.append(call)
            return call

    def hang_up(self, call: str) -> None:
        self.phone.http.post(f"/calls/{call}/hangup", json={}).raise_for_status()

    def waiting(self) -> dict[str, Any]:
        while True:
            try:
                found: dict[str, Any] = self.api(0).get("/queues/crowd", params={"limit": 1000}).json()
                return found
            except OSError:  # a connection that was kept to a worker that was killed
                time.sleep(0.1)

    def take(self, number: int) -> Taken:
        began = time.monotonic()
        try:
            while (reply := self.api(number).post("/queues/crowd/next", json={"aleg": "quiet"})).status_code == 503:
                assert code(reply) == "busy"
                time.sleep(0.05)
                began = time.monotonic()
        except OSError:  # the server was killed
            return Taken(began, time.monotonic(), "", "cut")
        call, outcome = ("", code(reply)) if reply.is_error else (reply.json()["call_uuid"], "moved")
        return Taken(began, time.monotonic(), call, outcome)

    def take_many(self, count: int, at_once: int) -> list[Taken]:
        with ThreadPoolExecutor(at_once) as pool:
            found = list(pool.map(self.take, range(count)))
        self.taken += found
        return found

    def moved(self) -> Counter[str]:
        """How often the platform was asked to move each call."""
        return Counter(each["path"].split("/")[-2] for each in self.phone.requests() if each["method"] == "POST")

    def served(self) -> set[str]:
        """Whose leg fetched the document it was moved to."""
        fetches = [each for each in self.phone.transcript() if each["kind"] == "fetch"]
        return {each["call_uuid"] for each in fetches if "/quiet/aleg" in each["url"]}


def in_order(taken: list[Taken], calls: list[str]) -> None:
    """Whoever asked after another had got their answer, got somebody who had come later."""
    place = {call: number for number, call in enumerate(calls)}
    first = sorted((each for each in taken if each.call), key=lambda each: each.ended)
    latest, at = -1, 0
    for each in sorted(first, key=lambda each: each.began):
        while first[at].ended < each.began:
            latest = max(latest, place[first[at].call])
            at += 1
        assert place[each.call] > latest, "somebody who had waited longer was passed over"


def at_once(folder: Path, count: int, machines: int, leave: int, **more: Any) -> None:
    """`count` callers, of whom some hang up as all are asked for; a few more come meanwhile."""
    write_flow(folder / "templates", "crowd", TOML, answer=LOOP)
    with (
        a_house(folder, machines, TRANSFERS_PER_TOKEN=0, **more) as (servers, phone),
        closing(ManyConnections()) as http,
    ):
        crowd = Crowd(servers, phone, http)
        phone.http.patch("/switches", json={"rate_limit": 0}).raise_for_status()  # its clock stands still meanwhile
        for _ in range(count):
            crowd.joins()
        wait_until(lambda: crowd.waiting()["waiting"] == count, 60, "all wait")
        assert [each["call_uuid"] for each in crowd.waiting()["callers"]] == crowd.calls[:1000]
        leaving = random.Random(1).sample(crowd.calls, leave)

        def disturb() -> None:
            for call in leaving:
                crowd.hang_up(call)
                crowd.joins()

        disturbing = threading.Thread(target=disturb)
        disturbing.start()
        crowd.take_many(count, 16)
        disturbing.join()

        def rest() -> bool:
            """Whoever came last is known a moment later."""
            crowd.take_many(8, 8)
            return set(crowd.calls) - {each.call for each in crowd.taken} <= set(leaving)

        wait_until(rest, 120, "nobody is forgotten")
        found = [each.call for each in crowd.taken if each.call]
        assert {each.outcome for each in crowd.taken} <= {"moved", "queue_empty"}
        assert len(set(found)) == len(found), "nobody twice"
        assert max(crowd.moved().values()) == 1
        in_order(crowd.taken, crowd.calls)
        phone.advance(3)
        wait_until(lambda: crowd.waiting()["callers"] == [], 60, "all have left")
        assert set(crowd.calls) - set(leaving) <= crowd.served()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("api-servers")
def test_two_machines_are_asked_at_once(tmp_path: Path, postgres_server: Callable[[], str]) -> None:
    at_once(tmp_path, 60, machines=2, leave=6, DATABASE_URL=postgres_server())


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_machines_are_asked_1000_times_at_once(tmp_path: Path, postgres_server: Callable[[], str]) -> None:
    at_once(tmp_path, 1000, machines=2, leave=50, DATABASE_URL=postgres_server())


@pytest.mark.long
@pytest.mark.timeout(300)
def test_two_processes_on_one_sqlite_are_asked_at_once(tmp_path: Path) -> None:
    at_once(tmp_path, 150, machines=1, leave=15)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_nobody_is_forgotten_when_servers_die_while_they_move_callers(
    tmp_path: Path, postgres_server: Callable[[], str]
) -> None:
    """Workers are killed as they ask. Whoever they had claimed is served a waiting step again, and moved."""
    write_flow(tmp_path / "templates", "crowd", TOML, answer=LOOP)
    with (
        a_house(tmp_path, 2, TRANSFERS_PER_TOKEN=0, DATABASE_URL=postgres_server()) as (servers, phone),
        closing(ManyConnections()) as http,
    ):
        crowd = Crowd(servers, phone, http)
        for _ in range(120):
            crowd.joins()
        wait_until(lambda: crowd.waiting()["waiting"] == 120, 60, "all wait")
        phone.http.post("/faults", json={"rest": "slow-body", "count": 1000, "seconds": 0.1}).raise_for_status()
        done = threading.Event()

        def kill() -> None:
            chance = random.Random(2)
            while not done.wait(0.6):
                os.kill(chance.choice(chance.choice(servers).workers()), signal.SIGKILL)

        killing = threading.Thread(target=kill)
        killing.start()
        crowd.take_many(100, 8)
        done.set()
        killing.join()
        phone.http.delete("/faults").raise_for_status()
        assert Counter(each.outcome for each in crowd.taken)["cut"] > 2
        until = time.monotonic() + 90
        while crowd.waiting()["callers"] and time.monotonic() < until:
            phone.advance(21)  # all who wait are served their step again
            time.sleep(1)
            crowd.take_many(8, 4)
        assert crowd.waiting()["callers"] == []
        phone.advance(3)
        assert crowd.served() == set(crowd.calls)
