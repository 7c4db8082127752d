"""Two servers, a load balancer, a database behind a relay, a simulated platform, callers, askers; the verdict."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2
import sqlalchemy

from callflows import simulator
from callflows.known.progress import OPEN_SECONDS, fold_transfer
from callflows.models import EventKind, Leg, LegStatus, Outcome, Transfer, TransferStatus
from callflows.runtime import Runtime
from callflows.store import Drain
from callflows.store.codec import decode

from ..conftest import write_flow
from ..house import Gunicorn, Phone, platform_values, wait_until
from .load import NEEDS, PARK, STEP, WAITING, Api, Asked, Asker, Caller, Heard
from .relay import Relay

API_TOKEN = "cf_token-of-these-tests"


class Machine(Gunicorn):
    """A server with its own state folder and its own copy of the flows, and a process group that can be killed."""

    def __init__(self, name: str, folder: Path, values: dict[str, Any]) -> None:
        self.name, self.state = name, folder / "state"
        write_flow(folder / "templates", "line", answer=STEP, turn=STEP)
        write_flow(folder / "templates", "park", answer=PARK)
        write_flow(folder / "templates", "moved", NEEDS, aleg=WAITING)
        own = {**values, "TEMPLATES": folder / "templates", "STATE_DIR": self.state}
        super().__init__(own, folder / "gunicorn.log")

    def serve(self) -> None:
        self.start("setsid", str(Path(sys.executable).with_name("gunicorn")), "wsgi:app")

    def kill(self) -> None:
        """Master, workers and keeper at once, as when the machine goes."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def degraded(self) -> str:
        """Why /readyz is not content; "" when it is."""
        found = self.ready()
        assert (found["status"] == "ok") == (not found["degraded"])
        return "; ".join(found["degraded"])


@dataclass(frozen=True)
class Load:
    """How many call at once; how many move calls, with `pause_s` in between, and how many calls there are to move. The
    platform takes `slow_s` to answer that, so that servers die while they wait for it.
    """

    callers: int
    askers: int
    transfers: int
    pause_s: float
    slow_s: float


class Trial:
    """A context manager; then faults, `settle()`, `verdict()`. `database` is the URL of an empty one."""

    def __init__(self, folder: Path, database: str, *, seed: int, load: Load, say: Callable[[str], None]) -> None:
        self.random = random.Random(seed)
        self.said: Counter[str] = Counter()
        self._folder, self._database, self._load, self._say = folder, database, load, say
        self._began = time.monotonic()
        self._stack = ExitStack()

    def __enter__(self) -> Trial:
        with ExitStack() as stack:
            self._put_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if error is not None:
            for machine in self.machines:
                print(f"--- {machine.name}\n{machine.log.read_text()[-4000:]}", file=sys.stderr)

    def _put_up(self, stack: ExitStack) -> None:
        url = sqlalchemy.make_url(self._database)
        self.relay = Relay((url.host or "127.0.0.1", url.port or 5432))
        stack.callback(self.relay.close)
        platform = simulator.Simulator("plivo", clock="real", seed=1, switches={"media_timeout": 0})
        server = stack.enter_context(simulator.serve(platform))
        self.phone = Phone(server)
        stack.callback(self.phone.http.close)
        values: dict[str, Any] = {
            "SECRET_KEYS": "key-of-tests-0123456789",
            "DATABASE_URL": url.set(host="127.0.0.1", port=self.relay.port).render_as_string(hide_password=False),
            "API_TOKENS": f"asker:transfer:{hashlib.sha256(API_TOKEN.encode()).hexdigest()}",
            "TRANSFERS_PER_TOKEN": 0,
            **platform_values("plivo", server),
        }
        self.machines = [Machine(name, self._folder / name, values) for name in ("first", "second")]
        balancer = Relay(*(("127.0.0.1", machine.port) for machine in self.machines))
        stack.callback(balancer.close)
        self.public_url = f"http://127.0.0.1:{balancer.port}"
        for machine in self.machines:
            machine.values["PUBLIC_URL"] = self.public_url
            stack.callback(machine.stop)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Machine.serve, self.machines))
        # for looking afterwards, past the relay
        looking = {**self.machines[0].values, "DATABASE_URL": self._database, "KEEPER": "false"}
        looking["STATE_DIR"] = self._folder / "looking"
        self.runtime = Runtime(looking)
        stack.callback(self.runtime.close)
        for machine in self.machines:
            wait_until(lambda machine=machine: not machine.degraded(), 30, "both servers are ready")
        live = self._live_calls(self._load.transfers + 1)
        self.spare_call = live.pop()
        ports = [machine.port for machine in self.machines]
        token = simulator.AUTH_TOKEN
        token = simulator.AUTH_TOKEN
        load = self._load
        self._callers = [Caller(n, self.public_url, ports, token, 0.03) for n in range(load.callers)]
        shares = [live[n :: load.askers] for n in range(load.askers)]
        self._askers = [Asker(Api(ports, n, API_TOKEN), share, load.pause_s) for n, share in enumerate(shares)]
        self.api = Api(ports, 1, API_TOKEN)
        stack.callback(self.api.close)
        self._slow_platform()
        for thread in (*self._callers, *self._askers):
            thread.start()

    def _slow_platform(self) -> None:
        fault = {"rest": "slow-body", "count": 1000, "seconds": self._load.slow_s}
        self.phone.http.post("/faults", json=fault).raise_for_status()

    def _live_calls(self, count: int) -> list[str]:
        """Calls on the platform, to be moved."""
        calls = [self.phone.inbound(f"{self.public_url}/flows/plivo/park/answer") for _ in range(count)]

        def all_wait() -> bool:
            heard = self.phone.http.get("/calls").json()
            return bool(sum(call["state"] == "in-progress" for call in heard) == count)

        wait_until(all_wait, 60, f"{count} live calls")
        return calls

    # --- faults

    def say(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._began:6.1f}s  {text}")

    def pause(self, least: float, most: float) -> None:
        time.sleep(self.random.uniform(least, most))

    def kill_worker(self) -> None:
        machine = self.random.choice(self.machines)
        self._kill("worker", machine, self.random.choice(machine.workers()))

    def kill_keeper(self) -> None:
        machine = self.random.choice(self.machines)
        self._kill("keeper", machine, machine.keeper())

    def _kill(self, what: str, machine: Machine, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self._count(f"kill -9 of a {what}", f"of the {machine.name} server")

    def kill_machine(self, down: float) -> None:
        """It comes back as it was left, with the journals on its disk."""
        machine = self.random.choice(self.machines)
        machine.kill()
        self._count(
            "kill -9 of a whole server",
            f"the {machine.name}, for {down:.1f} s; {_waiting(machine)} bytes of journals wait",
        )
        time.sleep(down)
        machine.serve()
        self.say(f"the {machine.name} server serves again")

    def fail_platform(self, fault: str) -> None:
        self.phone.http.delete("/faults").raise_for_status()
        self.phone.http.post("/faults", json={"rest": fault}).raise_for_status()
        self._slow_platform()
        self._count(f"a platform's {fault}", "for the next request")

    def relay_fails(self, fault: str, meanwhile: Callable[[], None]) -> None:
        """The way to the database: see `Relay.fail`."""
        self.database_away(f"database {fault}", lambda: self.relay.fail(fault), self.relay.mend, meanwhile)

    def database_away(
        self, what: str, take: Callable[[], None], give: Callable[[], None], meanwhile: Callable[[], None]
    ) -> None:
        """What must hold while it is gone, and that it is over after it is back."""
        self.wait_ready()
        take()
        self._count(what, "")
        began = time.monotonic()
        try:
            for machine in self.machines:
                wait_until(lambda machine=machine: "journals wait" in machine.degraded(), 30, "degraded, and why")
            self.say(self.machines[0].degraded())
            asked = Asked(f"key-{self.random.randbytes(16).hex()}", self.spare_call)
            # kept-alive connections may lead to a worker that was killed
            wait_until(lambda: self.api.ask_once(asked) or asked.status, 60, "an answer of the API")
            assert asked.status == 503, asked
            assert asked.final["error"]["code"] == "store_unavailable", asked
            assert not self._requests_by_call()[asked.call]
            meanwhile()
            for machine in self.machines:
                alive = httpx2.get(f"{machine.url}/healthz", timeout=5)
                assert (alive.status_code, alive.text) == (200, "ok\n")
                assert "journals wait" in machine.degraded()
        finally:
            give()
        self.say(f"database back after {time.monotonic() - began:.1f} s")
        self.wait_ready()
        self.say("nothing waits any more")

    def wait_ready(self) -> None:
        for machine in self.machines:
            wait_until(lambda machine=machine: not machine.degraded(), 60, "ready again")

    def _count(self, what: str, where: str) -> None:
        self.said[what] += 1
        self.say(f"{what}{where and ': '}{where}")

    # --- afterwards

    def settle(self) -> None:
        """The load ends, and all that was written reaches the store."""
        self.heard: list[Heard] = [caller.end() for caller in self._callers]
        self.asked = [asked for asker in self._askers for asked in asker.end()]
        wrong = [line for heard in self.heard for line in heard.wrong]
        wrong += [line for asker in self._askers for line in asker.wrong]
        _none(wrong, "wrong answers")
        self.wait_ready()
        drains = [Drain(machine.state / "journal", self.runtime.store) for machine in self.machines]
        wait_until(lambda: not any(drain.depth()[0] for drain in drains), 60, "all journals in the store")

    def verdict(self) -> dict[str, int]:
        """What was counted; AssertionError where it does not add up."""
        answered = set().union(*(heard.answered for heard in self.heard))
        cut = set().union(*(heard.cut for heard in self.heard))
        stored = self._stored_attempts()
        _none([attempt for attempt in answered if stored[attempt] != 1], "answered webhooks not once in the store")
        # without an answer it may have been carried out, or never come
        others = {attempt: n for attempt, n in stored.items() if attempt not in answered}
        _none(
            [attempt for attempt, n in others.items() if attempt not in cut or n > 1], "webhooks in the store too often"
        )

        rows = {row.idempotency_key or "": row for row in self.runtime.store.transfers(limit=100_000)}
        keys = {asked.key for asked in self.asked}
        _none(keys ^ rows.keys(), "idempotency keys without a transfer, or transfers that nobody asked for")
        requests = self._requests_by_call()
        for asked in self.asked:
            self._judge(asked, rows[asked.key], requests[asked.call])
        calls = self.phone.http.get("/calls").json()
        dropped = [call["call_uuid"] for call in calls if call["state"] != "in-progress"]
        _none([self._last_words(call) for call in dropped], "calls were dropped")
        _none(requests.keys() - {asked.call for asked in self.asked}, "calls that nobody asked to move were moved")
        statuses = Counter(str(row.status) for row in rows.values())
        return {
            "calls": sum(heard.calls for heard in self.heard),
            "webhooks answered": len(answered),
            "webhooks cut, and sent again": len(cut),
            "of those in the store too": len(others),
            "slowest answer, ms": round(max(heard.slowest for heard in self.heard) * 1000),
            "transfers": len(self.asked),
            "asked for again with the same key": sum(bool(asked.refused) for asked in self.asked),
            "requests to the platform": sum(requests.values()),
            **{f"transfers {status}": statuses[status] for status in TransferStatus},
        }

    def _judge(self, asked: Asked, row: Transfer, requests: int) -> None:
        """What its asker was told, the store, and the platform must agree."""
        exchanges = self.runtime.store.exchanges(transfer_id=row.id, call_uuids=[row.call_uuid])
        found = fold_transfer(row, exchanges, now=time.time() + OPEN_SECONDS)
        what = f"{requests} requests for {asked}: {found}"
        assert asked.transfer_id == row.id, what
        assert requests <= 1, what
        if requests:
            # the platform acted, and so the leg was fetched, and that is known whatever became of the request
            assert found.legs[Leg.A].status is LegStatus.FETCHED, what
            assert row.status is not TransferStatus.REJECTED, what
            assert found.summary.startswith(("accepted", "carried out")), what
        else:
            # a server died, or lost the database, between the row and the request
            assert row.status in (TransferStatus.REQUESTED, TransferStatus.UNKNOWN), what
            assert found.legs[Leg.A].status is LegStatus.WAITING, what
            assert not found.ok, what
            assert re.match("unknown whether|requested, and whoever asked ended", found.summary), what
            assert asked.refused, what

    def _last_words(self, call: str) -> str:
        transcript = self.phone.http.get("/transcript", params={"format": "text", "call": call}).text
        return "\n".join([call, *transcript.splitlines()[-8:]])

    def _requests_by_call(self) -> Counter[str]:
        """How often the platform was asked to move each call."""
        moves = (
            re.search(r"/Call/([^/]+)/$", each["path"]) for each in self.phone.requests() if each["method"] == "POST"
        )
        return Counter(move[1] for move in moves if move)

    def _stored_attempts(self) -> Counter[str]:
        """How often each attempt at a webhook is in the store, with the step it asked for. The simulated platform's own
        fetches have no id.
        """
        engine = sqlalchemy.create_engine(self._database)
        try:
            with engine.connect() as connection:
                rows = connection.execute(sqlalchemy.text("select id, body from callflows_exchanges")).all()
        finally:
            engine.dispose()
        ids = Counter(row.id for row in rows)
        _none([row.id for row in rows if ids[row.id] > 1], "exchanges stored more than once")
        found = [decode(row.body) for row in rows]
        as_meant = {EventKind.DOCUMENT: Outcome.STEP, EventKind.HANGUP: Outcome.NOTED}
        _none(
            [each for each in found if as_meant.get(each.event.kind) is not each.outcome], "exchanges that went wrong"
        )
        return Counter(exchange.event.raw["Attempt"] for exchange in found if "Attempt" in exchange.event.raw)


def _none(found: Collection[object], what: str) -> None:
    if found:
        raise AssertionError(f"{len(found)} {what}: " + "; ".join(str(each) for each in list(found)[:5]))


def _waiting(machine: Machine) -> int:
    """Bytes of its journals that its keeper had not brought to the store when it last looked."""
    return int(json.loads((machine.state / "keeper.json").read_bytes())["journal_bytes"])
