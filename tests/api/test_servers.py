"""The API beside the platforms' requests: it never takes their threads, and is one API however many processes answer.
Cases 57 (on two machines), 60 and 61 of the fault list.
"""

from __future__ import annotations

import http.client
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from callflows.api.shares import Share

from ..conftest import CALL, plivo_headers
from ..house import Gunicorn, Phone, platforms
from .conftest import Client, House, code, settings

FORM = [("CallUUID", CALL), ("From", "14155550101")]


def fetch(server: Gunicorn, client: httpx2.Client, timeout: float = 4.0) -> None:
    """The platform's request for a step: what it waits for is all that counts here (its own limit is 4 s)."""
    url = f"{server.url}/flows/plivo/quiet/aleg"
    reply = client.post(
        url, data=dict(FORM), headers=plivo_headers(url, FORM, server.values["PLIVO_AUTH_TOKENS"]), timeout=timeout
    )
    assert (reply.status_code, "One moment." in reply.text) == (200, True)


def test_waiting_takes_no_webhooks_thread(house: House, api: Client) -> None:
    """30 long polls at once, on two processes of 8 threads each: all are answered, and so is every webhook."""
    call = house.call()
    house.phone.http.post("/faults", json={"rest": "never-fetch"}).raise_for_status()
    made = api.transfer(call).json()["id"]
    done = threading.Event()
    replies: list[httpx2.Response] = []

    waiting = Client(api.base, http=ManyConnections())

    def wait() -> None:
        while not done.is_set():
            replies.append(waiting.get(f"/transfers/{made}", params={"wait": 6}))

    waiters = [threading.Thread(target=wait) for _ in range(30)]
    for each in waiters:
        each.start()
    try:
        with httpx2.Client() as platform:
            for _ in range(40):
                fetch(house.gunicorn, platform)
    finally:
        done.set()
        for each in waiters:
            each.join()
        waiting.http.close()
    assert Counter(reply.status_code for reply in replies).keys() <= {200, 503}
    assert {code(reply) for reply in replies if reply.status_code == 503} <= {"busy"}
    answered = [reply for reply in replies if reply.status_code == 200]
    assert {reply.json()["settled"] for reply in answered} == {False}
    for_room = Counter("Retry-After" in reply.headers for reply in answered)
    assert set(for_room) == {True, False}  # for some there was no room, and for some there was


def test_case_55_a_platform_that_hangs_takes_no_webhooks_thread(house: House, api: Client) -> None:
    house.phone.http.post("/faults", json={"rest": "timeout", "count": 30, "seconds": 5}).raise_for_status()
    asking = Client(api.base, http=ManyConnections())
    with closing(asking.http), ThreadPoolExecutor(24) as pool, httpx2.Client() as platform:
        asked = [pool.submit(asking.get, "/live-calls", params={"provider": "plivo"}) for _ in range(24)]
        for _ in range(40):
            fetch(house.gunicorn, platform)
        replies = [each.result() for each in asked]
    house.phone.http.delete("/faults")
    assert {reply.status_code for reply in replies} == {200, 503}
    refused = [reply for reply in replies if reply.is_error]
    assert {(code(reply), reply.headers["Retry-After"]) for reply in refused} == {("busy", "1")}


class ManyConnections:
    """A connection for each thread, over http.client: the pool of an httpx2.Client is slow with hundreds."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def request(
        self, method: str, url: str, *, headers: dict[str, str], json: Any = None, params: Any = None
    ) -> httpx2.Response:
        asked = httpx2.Request(method, url, headers=headers, json=json, params=params)
        if not hasattr(self._own, "http"):
            self._own.http = http.client.HTTPConnection(str(asked.url.host), asked.url.port, timeout=60)
            self._all.append(self._own.http)
        self._own.http.request(method, asked.url.raw_path.decode(), asked.content, dict(asked.headers))
        reply = self._own.http.getresponse()
        return httpx2.Response(reply.status, headers=reply.getheaders(), content=reply.read())

    def close(self) -> None:
        for each in self._all:
            each.close()


@contextmanager
def a_house(folder: Path, machines: int = 1, **more: Any) -> Iterator[tuple[list[Gunicorn], Phone]]:
    """One platform, and servers that have the same store."""
    with ExitStack() as stack:
        servers = stack.enter_context(platforms(("plivo",)))
        found = []
        for number in range(machines):
            values = settings(folder, servers) | more | {"STATE_DIR": str(folder / f"state-{number}")}
            found.append(Gunicorn(values, folder / f"gunicorn-{number}.log"))
            stack.callback(found[-1].stop)
            found[-1].start()
        yield found, Phone(servers["plivo"])


@pytest.mark.slow
@pytest.mark.xdist_group("api-servers")
def test_case_57_one_key_on_two_machines(tmp_path: Path, postgres_server: Callable[[], str]) -> None:
    """200 posts at the same moment: the platform is asked once, and all hear of the same transfer."""
    with a_house(tmp_path, 2, DATABASE_URL=postgres_server()) as (servers, phone):
        call = phone.inbound(f"{servers[0].url}/flows/plivo/quiet/answer")
        phone.advance(5)
        key, ready = uuid.uuid4().hex, threading.Barrier(200)

        def post(number: int) -> httpx2.Response:
            client = Client(servers[number % 2].url, http=many)
            ready.wait(60)
            while (reply := client.transfer(call, key=key)).status_code == 503:
                assert code(reply) == "busy"
                time.sleep(float(reply.headers["Retry-After"]))
            return reply

        many = ManyConnections()
        with closing(many), ThreadPoolExecutor(200) as pool:
            replies = list(pool.map(post, range(200)))
        assert Counter(reply.status_code for reply in replies) == {202: 200}
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert [reply.json()["repeated"] for reply in replies].count(False) == 1
        assert len([each for each in phone.requests() if each["method"] == "POST"]) == 1


@pytest.mark.slow
@pytest.mark.xdist_group("api-servers")
def test_cases_60_and_61_a_flood_and_a_locked_store(tmp_path: Path) -> None:
    """150 transfers with one token stop at the limit, whichever process is asked; and while another process keeps
    the store locked, the API says so and every webhook is answered.
    """
    with ExitStack() as stack:
        (server,), phone = stack.enter_context(a_house(tmp_path, TRANSFERS_PER_TOKEN=20, TRANSFERS_PER_CALL=0))
        call = phone.inbound(f"{server.url}/flows/plivo/quiet/answer")
        phone.advance(5)
        answers: Counter[str] = Counter()

        def flood(_: int) -> None:
            while (reply := client.transfer(call, force=True)).status_code == 503:
                assert code(reply) == "busy"
                time.sleep(float(reply.headers["Retry-After"]))
            found = "made" if reply.is_success else code(reply)
            answers[found] += 1
            if found == "spend_limit":
                assert reply.json()["error"]["details"]["limit"] == 20
                assert 0 < int(reply.headers["Retry-After"]) <= 3600

        many = stack.enter_context(closing(ManyConnections()))
        client = Client(server.url, http=many)
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(flood, range(150)))
        assert sum(answers.values()) == 150
        assert set(answers) == {"made", "spend_limit"}
        assert answers["made"] == 20
        assert len(phone.requests()) == 20

        locked = sqlite3.connect(tmp_path / "state-0/callflows.db", isolation_level=None, timeout=20)
        locked.execute("BEGIN IMMEDIATE")
        try:
            with ThreadPoolExecutor(20) as pool, httpx2.Client() as platform:
                asked = [pool.submit(client.transfer, call, force=True) for _ in range(20)]
                for _ in range(40):
                    fetch(server, platform)
                replies = [each.result() for each in asked]
        finally:
            locked.close()
        assert {reply.status_code for reply in replies} == {503}
        assert {code(reply) for reply in replies} == {"store_unavailable", "busy"}
        assert str(tmp_path) not in "".join(reply.text for reply in replies)
        assert len(phone.requests()) == 20


def test_a_share_lets_few_stand_in_line_and_more_only_in_a_burst() -> None:
    share = Share(1, line=1)
    assert share.enter()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(share.enter)
        while share._line.acquire(blocking=False):  # until the first one stands there
            share._line.release()
            time.sleep(0.01)
        assert not share.enter()  # a second one does not
        share.leave()
        assert first.result()
    burst = Share(1, burst=30.0)
    assert burst.enter()
    threading.Timer(0.05, burst.leave).start()
    assert burst.enter()  # stood there with no line at all
    over = Share(1, burst=0.01)
    assert over.enter()
    assert not over.enter()
    over._burst = 0.02
    time.sleep(0.03)
    assert not over.enter()  # nor is the next burst a burst, so soon


def test_a_slow_platform_and_a_crowd_at_the_api_take_no_webhooks_thread(house: House) -> None:
    """The line of those who want to ask moves all the time, and is longer than there are threads."""
    house.phone.http.post("/faults", json={"rest": "timeout", "count": 200, "seconds": 0.5}).raise_for_status()
    asking, done = Client(house.gunicorn.url, http=ManyConnections()), threading.Event()
    crowded = threading.Semaphore(0)

    def ask() -> None:
        while not done.is_set():
            crowded.release()
            reply = asking.get("/live-calls", params={"provider": "plivo"})
            assert reply.status_code == 200 or code(reply) in ("busy", "rate_limited")

    with closing(asking.http), ThreadPoolExecutor(100) as pool, httpx2.Client() as platform:
        crowd = [pool.submit(ask) for _ in range(100)]
        try:
            for _ in range(110):  # all have asked, and some again
                crowded.acquire()
            for _ in range(20):
                fetch(house.gunicorn, platform)
        finally:
            done.set()
            house.phone.http.delete("/faults")
        for each in crowd:
            each.result()
