"""Processes die, the database goes away: every call is answered, and every exchange is in the store exactly once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import sqlalchemy

from .conftest import PLIVO_TOKEN, plivo_headers, write_flow
from .house import Gunicorn, wait_until


@pytest.fixture
def server_values(values: dict[str, Any], templates: Path) -> dict[str, Any]:
    write_flow(
        templates,
        "plain",
        aleg='<Response><Speak>step {{ call.uuid }}</Speak><Redirect>{{ step_url("aleg") }}</Redirect></Response>',
    )
    return {name: value for name, value in values.items() if name != "PUBLIC_URL"}


def fetch(client: httpx2.Client, server: Gunicorn, call: str) -> None:
    """One signed fetch. Whatever happens to the server, a request that got through is answered with the step."""
    target = "/flows/plivo/plain/aleg"
    form = [("CallUUID", call), ("From", "14155550101")]
    headers = plivo_headers(server.url + target, form, PLIVO_TOKEN)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    reply = client.post(server.url + target, content=urlencode(form), headers=headers)
    assert reply.status_code == 200
    assert f"step {call}" in reply.text


class Load:
    """Fetches from several threads. The platform retries a connection that broke (rp=all), and so do we."""

    def __init__(self, server: Gunicorn, count: int, threads: int = 4) -> None:
        self.server = server
        self.calls = [str(uuid.uuid4()) for _ in range(count)]
        self.answered: list[str] = []
        self.retried = 0
        self.errors: list[str] = []
        self.threads = [threading.Thread(target=self._run, args=(self.calls[n::threads],)) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self, calls: list[str]) -> None:
        # a connection each, as many platform machines would; making a client is what takes time
        client = httpx2.Client(timeout=10, limits=httpx2.Limits(max_keepalive_connections=0))
        for call in calls:
            for _ in range(20):
                try:
                    fetch(client, self.server, call)
                except httpx2.HTTPError:
                    self.retried += 1
                    time.sleep(0.05)
                except AssertionError as error:
                    self.errors.append(str(error))
                    break
                else:
                    self.answered.append(call)
                    break

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.answered) >= count or self.errors, 60, f"{count} answers")

    def end(self) -> None:
        for thread in self.threads:
            thread.join(120)
        assert self.errors == []
        assert sorted(self.answered) == sorted(self.calls)


def stored(url: str) -> dict[str, int]:
    """How often each call's fetch is in the store."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                sqlalchemy.text(
                    "select call_uuid, count(*) from callflows_exchanges where flow = 'plain' group by call_uuid"
                )
            )
            return {row[0]: row[1] for row in rows}
    except sqlalchemy.exc.DatabaseError:
        return {}  # the keeper has not made the tables yet
    finally:
        engine.dispose()


@pytest.mark.slow
@pytest.mark.xdist_group("faults-kill")
def test_kill_9_of_a_worker_and_of_the_keeper_under_load(server_values: dict[str, Any], tmp_path: Path) -> None:
    server = Gunicorn(server_values, tmp_path / "gunicorn.log")
    server.start()
    try:
        keeper = server.keeper()
        load = Load(server, 1000)
        load.wait_for(200)
        os.kill(keeper, signal.SIGKILL)
        load.wait_for(400)
        os.kill(server.workers()[0], signal.SIGKILL)
        load.wait_for(600)
        wait_until(lambda: server.keeper() != keeper, 20, "a new keeper")
        os.kill(server.keeper(), signal.SIGKILL)
        load.wait_for(800)
        os.kill(server.workers()[-1], signal.SIGKILL)
        load.end()
        url = f"sqlite:///{tmp_path / 'state' / 'callflows.db'}"
        wait_until(lambda: len(stored(url)) == 1000, 30, "every exchange in the store")
        counts = stored(url)
        assert set(counts) == set(load.calls)
        # a fetch whose answer was lost with its worker was repeated, and both happened
        assert sum(counts.values()) <= 1000 + load.retried
        assert sum(1 for count in counts.values() if count > 1) <= load.retried
        ids = (
            sqlalchemy.create_engine(url)
            .connect()
            .execute(sqlalchemy.text("select count(*), count(distinct id) from callflows_exchanges"))
        )
        total, distinct = ids.one()
        assert total == distinct
    finally:
        server.stop()


class Proxy:
    """A TCP relay to the database that can be taken away: connections break and new ones are refused."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = True
        self.links: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            self.links += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def away(self) -> None:
        self.open = False
        for link in self.links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self.links.clear()

    def back(self) -> None:
        self.open = True


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("faults-database")
def test_a_while_with_the_database_away(
    server_values: dict[str, Any], tmp_path: Path, postgres_server: Callable[[], str]
) -> None:
    """Every answer as before, nothing lost."""
    url = postgres_server()
    database = sqlalchemy.make_url(url)
    proxy = Proxy((database.host or "127.0.0.1", database.port or 5432))
    away = database.set(host="127.0.0.1", port=proxy.port)
    server_values["DATABASE_URL"] = away.render_as_string(hide_password=False)
    server = Gunicorn(server_values, tmp_path / "gunicorn.log")
    server.start()
    sent: list[str] = []
    slowest = 0.0

    def send(client: httpx2.Client) -> None:
        nonlocal slowest
        started = time.monotonic()
        sent.append(str(uuid.uuid4()))
        fetch(client, server, sent[-1])
        slowest = max(slowest, time.monotonic() - started)

    try:
        with httpx2.Client(timeout=10) as client:
            for _ in range(50):
                send(client)
            wait_until(lambda: len(stored(url)) == 50, what="the first exchanges in the store")
            proxy.away()
            until = time.monotonic() + 12
            while time.monotonic() < until:
                send(client)
                time.sleep(0.1)
            assert server.ready()["status"] == "degraded"
            assert "journals wait" in str(server.ready()["degraded"])
            assert len(stored(url)) == 50
            proxy.back()
            send(client)
        wait_until(lambda: len(stored(url)) == len(sent), 30, "every exchange in the store")
        assert set(stored(url).values()) == {1}
        assert set(stored(url)) == set(sent)
        assert slowest < 2
        wait_until(lambda: server.ready()["status"] == "ok", what="ready again")
    finally:
        server.stop()


@pytest.mark.xdist_group("faults-edit")
def test_an_edit_is_live_in_every_worker_without_a_reload(
    server_values: dict[str, Any], templates: Path, tmp_path: Path
) -> None:
    server = Gunicorn(server_values, tmp_path / "gunicorn.log")
    server.start()
    try:
        pids = server.workers()
        server.keeper()
        wait_until(lambda: server.ready()["status"] == "ok", what="the keeper's first report")
        for number in range(3):
            text = f"<Response><Speak>edit {number} step {{{{ call.uuid }}}}</Speak></Response>"
            (templates / "plain/aleg.xml").write_text(text)
            saved = time.monotonic()
            heard = 0.0
            while time.monotonic() < saved + 10:
                if all(f"edit {number}" in _text(server) for _ in range(8)):
                    heard = time.monotonic() - saved
                    break
            assert heard, server.log.read_text()  # how soon is a figure, not a test
        assert server.workers() == pids
    finally:
        server.stop()


def _text(server: Gunicorn) -> str:
    target = "/flows/plivo/plain/aleg"
    form = [("CallUUID", "x")]
    headers = plivo_headers(server.url + target, form)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return httpx2.post(server.url + target, content=urlencode(form), headers=headers).text


@pytest.mark.xdist_group("faults-edit")
def test_a_reload_and_a_stop_lose_no_exchange(server_values: dict[str, Any], tmp_path: Path) -> None:
    server = Gunicorn(server_values, tmp_path / "gunicorn.log")
    server.start()
    url = f"sqlite:///{tmp_path / 'state' / 'callflows.db'}"
    load = Load(server, 300)
    load.wait_for(100)
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    load.end()
    server.stop()
    wait_until(lambda: len(stored(url)) == 300, 15, "what the keeper saved when the server ended")
    assert set(stored(url).values()) == {1}
    assert load.retried == 0


@pytest.mark.xdist_group("faults-edit")
def test_an_upgrade_as_the_docs_have_it(server_values: dict[str, Any], tmp_path: Path) -> None:
    """USR2, wait until /readyz shows a new pid, TERM the old master: the new one serves on."""
    server = Gunicorn(server_values, tmp_path / "gunicorn.log")
    server.start(sys.executable, "-m", "callflows", "serve")
    assert server.process is not None
    old = set(server.workers())
    server.process.send_signal(signal.SIGUSR2)
    new = int(wait_until(lambda: {server.ready()["pid"]} - old, 30, "a worker of the new master").pop())
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    try:
        assert server.ready()["pid"] not in old
        assert "step x" in _text(server)
    finally:
        master = int(Path(f"/proc/{new}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(master, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{master}").exists(), 30, "the end")


@pytest.mark.xdist_group("faults-edit")
def test_requests_on_the_wire(server_values: dict[str, Any], tmp_path: Path) -> None:
    """Bodies are bounded however they are framed, and never cut off and taken for whole."""
    server = Gunicorn({**server_values, "MAX_BODY": "2048"}, tmp_path / "gunicorn.log")
    server.start()

    def send(head: str, body: bytes = b"") -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
            reply = b""
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    reply += part
        return reply

    path = "/flows/plivo/plain/aleg"
    form = [("CallUUID", "x"), ("Pad", "y" * 1500)]
    small = urlencode(form).encode()
    signed = "".join(f"\n{k}: {v}" for k, v in plivo_headers(server.url + path, form).items())
    common = f"Host: x\nConnection: close\nContent-Type: application/x-www-form-urlencoded{signed}"
    chunked = f"POST {path} HTTP/1.1\n{common}\nTransfer-Encoding: chunked"

    def chunks(data: bytes, size: int = 500) -> bytes:
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    try:
        plain = f"POST {path} HTTP/1.1\n{common}\nContent-Length: {len(small)}"
        assert send(plain, small).startswith(b"HTTP/1.1 200")
        assert b"step x" in send(chunked, chunks(small))
        assert send(chunked, chunks(small + b"z" * 5000)).startswith(b"HTTP/1.1 413")
        assert send(f"POST {path} HTTP/1.1\n{common}\nContent-Length: 10000000000", b"abc").startswith(b"HTTP/1.1 413")
        malformed = send(chunked, b"xyz\r\nnot a chunk\r\n")
        assert malformed.startswith(b"HTTP/1.1 400"), malformed
        assert b"Traceback" not in malformed
        assert send(
            f"POST {path} HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: 2",
            b"{}",
        ).startswith(b"HTTP/1.1 403")
        assert send(f"HEAD {path} HTTP/1.1\nHost: x\nConnection: close").startswith(b"HTTP/1.1 403")
        assert send(f"PUT {path} HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 0").startswith(b"HTTP/1.1 405")
        assert send("GET /healthz HTTP/1.1\nHost: x\nConnection: close").startswith(b"HTTP/1.1 200")
    finally:
        server.stop()
    assert "Traceback" not in (tmp_path / "gunicorn.log").read_text()
