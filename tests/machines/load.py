"""Who calls, and who asks for transfers: each request is one of a kind, so that each can be found in the store."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from ..conftest import plivo_headers

# What Plivo is told of our URLs (CALLFLOWS_PLIVO_HTTP), in seconds: it asks so many times, waits so long, and gives up
TRIES, CONNECT_S, READ_S = 3, 2.0, 4.0
ASK_S = 15.0
NOBODY_S = 10.0  # how long a load balancer may find no server that takes a connection

STEP = """<Response>
  <Speak>{{ call.uuid }} turn {{ state.turn | default(1) }}</Speak>
  <Redirect>{{ step_url("turn", turn=(state.turn | default(1)) + 1) }}</Redirect>
</Response>"""

# The calls that are moved: they wait, and then ask again and again whether the other leg is there.
PARK = '<Response><Speak>Hello.</Speak><Wait length="36000"/></Response>'
NEEDS = '[steps.aleg]\nneeds = ["store"]\n'
WAITING = """<Response>
  <Speak>{{ "Here you are." if transfer.other_leg_fetched else "Please hold." }}</Speak>
  <Wait length="5"/>
  <Redirect method="POST">{{ step_url("aleg") }}</Redirect>
</Response>"""


class Connection:
    """To one server, kept alive like a platform's or a proxy's, and made anew when it broke."""

    def __init__(self, port: int, read: float) -> None:
        self._port, self._read = port, read
        self._http: http.client.HTTPConnection | None = None

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, content type, body. Raise ConnectionRefusedError when nothing was sent, another OSError or
        HTTPException when the answer was lost.
        """
        if self._http is None:
            made = http.client.HTTPConnection("127.0.0.1", self._port, timeout=CONNECT_S)
            made.connect()
            assert made.sock is not None
            made.sock.settimeout(self._read)
            self._http = made
        try:
            self._http.request(method, target, body, headers)
            reply = self._http.getresponse()
            found = reply.status, reply.getheader("Content-Type", ""), reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if reply.will_close:
            self.close()
        return found

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None


class Servers:
    """The servers as one client sees them through a load balancer: each request goes to the next, and a connection
    that is refused to the one after it.
    """

    def __init__(self, ports: Sequence[int], first: int, read: float) -> None:
        self._connections = [Connection(port, read) for port in ports]
        self._turn = first

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        until = time.monotonic() + NOBODY_S
        while True:
            self._turn += 1
            try:
                return self._connections[self._turn % len(self._connections)].ask(method, target, body, headers)
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@dataclass
class Heard:
    """What came of the webhooks. Attempts have ids; `cut` are those whose answer was lost, with the connection."""

    answered: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    calls: int = 0


class Caller(threading.Thread):
    """One call after the other: an answer, some turns each at the address that the last document gave, a hang-up."""

    def __init__(self, number: int, public_url: str, ports: Sequence[int], token: str, pause: float) -> None:
        super().__init__(name=f"caller-{number}", daemon=True)
        self.heard = Heard()
        self._public_url, self._token, self._pause = public_url, token, pause
        self._servers = Servers(ports, number, READ_S)
        self._ending = threading.Event()

    def end(self) -> Heard:
        self._ending.set()
        self.join(60)
        assert not self.is_alive()
        self._servers.close()
        return self.heard

    def run(self) -> None:
        try:
            while not self._ending.is_set() and len(self.heard.wrong) < 10:
                self._call(str(uuid.uuid4()))
                self.heard.calls += 1
        except BaseException as error:
            self.heard.wrong.append(f"the caller gave up: {error!r}")
            raise

    def _call(self, call: str) -> None:
        target = "/flows/plivo/line/answer"
        for turn in range(1, 6):
            document = self._fetch(call, target, f"turn-{turn}")
            if document is None:
                return
            heard, url = document.findtext("Speak"), (document.findtext("Redirect") or "").strip()
            if heard != f"{call} turn {turn}" or not url.startswith(self._public_url):
                self.heard.wrong.append(f"turn {turn} of {call}: {ElementTree.tostring(document)!r}")
                return
            target = url.removeprefix(self._public_url).partition("#")[0]
        told = self._fetch(call, "/events/plivo", "hangup", Event="Hangup", HangupCauseName="Normal Hangup")
        if told is not None and len(told):
            self.heard.wrong.append(f"an event of {call} is answered {ElementTree.tostring(told)!r}")

    def _fetch(self, call: str, target: str, what: str, **more: str) -> ElementTree.Element | None:
        """The document, or None and a line in `wrong`."""
        self._ending.wait(self._pause)
        lost: list[str] = []
        for number in range(1, TRIES + 1):
            attempt = f"{call}/{what}/{number}"
            form = [("CallUUID", call), ("From", "14155550101"), ("To", "14155550100"), ("Attempt", attempt)]
            form += more.items()
            headers = plivo_headers(self._public_url + target, form, self._token)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            started = time.monotonic()
            try:
                status, kind, body = self._servers.ask("POST", target, urlencode(form).encode(), headers)
            except (OSError, http.client.HTTPException) as error:
                self.heard.cut.add(attempt)
                lost.append(repr(error))
                continue
            self.heard.answered.add(attempt)
            self.heard.slowest = max(self.heard.slowest, time.monotonic() - started)
            try:
                assert status == 200
                assert kind.startswith("application/xml")
                return ElementTree.fromstring(body)
            except (AssertionError, ElementTree.ParseError):
                self.heard.wrong.append(f"{attempt}: {status} {kind} {body[:200]!r}")
                return None
        self.heard.wrong.append(f"{call}/{what}: the platform gave up: {'; '.join(lost)}")
        return None


@dataclass
class Asked:
    """One transfer as its asker knows it: `final` is the answer it stayed with, `refused` what came before."""

    key: str
    call: str
    status: int = 0
    final: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def try_again(self, why: str, took: float) -> None:
        """In a row of the same only the first and the last are kept, with when they were."""
        if self.refused[-2:] and all(each.endswith(why) for each in self.refused[-2:]):
            self.refused.pop()
        self.refused.append(f"{time.strftime('%H:%M:%S')} after {took:.1f} s: {why}")

    @property
    def transfer_id(self) -> str:
        found = self.final.get("id") or self.final.get("error", {}).get("details", {}).get("transfer_id", "")
        return str(found)


class Api:
    """A client of the HTTP API. Whoever gets no answer, or a 503, asks again with the same key, elsewhere."""

    def __init__(self, ports: Sequence[int], first: int, token: str) -> None:
        self._servers = Servers(ports, first, ASK_S)
        self._token = token

    def ask_once(self, asked: Asked) -> bool:
        """Whether there is an answer to stay with."""
        body = json.dumps({"call_uuid": asked.call, "aleg": "moved"}).encode()
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": asked.key,
        }
        started = time.monotonic()
        try:
            asked.status, _, said = self._servers.ask("POST", "/api/v1/transfers", body, headers)
        except (OSError, http.client.HTTPException) as error:
            asked.try_again(repr(error), time.monotonic() - started)
            return False
        asked.final = json.loads(said)
        if asked.status == 503:
            asked.try_again(asked.final["error"]["code"], time.monotonic() - started)
            return False
        return True

    def close(self) -> None:
        self._servers.close()


class Asker(threading.Thread):
    """One transfer after the other, each of a call of its own, until none is left or `end`."""

    def __init__(self, api: Api, calls: Iterable[str], pause: float) -> None:
        super().__init__(name="asker", daemon=True)
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        self._api, self._calls, self._pause = api, iter(calls), pause
        self._ending = threading.Event()

    def end(self) -> list[Asked]:
        self._ending.set()
        self.join(150)
        assert not self.is_alive()
        self._api.close()
        return self.asked

    def run(self) -> None:
        try:
            for asked in self._each():
                until = time.monotonic() + 120  # what fails one after the other may keep cutting it
                while not self._api.ask_once(asked):
                    if time.monotonic() > until:
                        self.wrong.append(f"{asked.key}: no answer; {'; '.join(asked.refused)}")
                        break
                    time.sleep(0.2)
                self._ending.wait(self._pause)
        except BaseException as error:
            self.wrong.append(f"the asker gave up: {error!r}")
            raise

    def _each(self) -> Iterator[Asked]:
        with suppress(StopIteration):
            while not self._ending.is_set():
                self.asked.append(Asked(f"key-{uuid.uuid4().hex}", next(self._calls)))
                yield self.asked[-1]
