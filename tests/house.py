"""A whole house for end-to-end tests: simulated platforms, and a real gunicorn that serves flows."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from callflows import simulator

from .conftest import REPOSITORY, environment

OUR_NUMBER, CALLER, AGENT, COLLEAGUE = "+14155550100", "+14155550101", "+14155550102", "+14155550123"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def platform_values(provider: str, server: simulator.Server) -> dict[str, Any]:
    """The settings that point us at a simulator."""
    upper, account = provider.upper(), server.simulator
    return {
        f"{upper}_AUTH_ID": account.auth_id,
        f"{upper}_AUTH_TOKENS": account.auth_token,
        f"{upper}_API_URL": server.url + account.dialect.rest_prefix,
    }


class Gunicorn:
    """gunicorn with our own configuration file, started as a user starts it."""

    def __init__(self, values: dict[str, Any], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.values = {"PUBLIC_URL": self.url, **values, "BIND": f"127.0.0.1:{self.port}", "KEEPER": "true"}
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str) -> None:
        """`command` instead of `gunicorn wsgi:app`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command or [str(Path(sys.executable).with_name("gunicorn")), "wsgi:app"],
                cwd=REPOSITORY,
                env=environment(self.values),
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.url}/healthz", timeout=1).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"gunicorn did not start:\n{self.log.read_text()}")

    def workers(self) -> list[int]:
        """Process ids, once all have booted."""
        assert self.process is not None
        pid = self.process.pid
        wait_until(lambda: len(children(pid, "gunicorn")) >= 2, what="both workers")
        return children(pid, "gunicorn")

    def keeper(self) -> int:
        """The machine's keeper, once there is one."""
        until = time.monotonic() + 15
        while time.monotonic() < until:
            for worker in self.workers():
                for child in children(worker, "callflows.keeper"):
                    return child
            time.sleep(0.05)
        raise AssertionError("no keeper")

    def ready(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx2.get(f"{self.url}/readyz", timeout=5).json()
        return found

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def children(pid: int, word: str) -> list[int]:
    """Child processes whose command line holds `word`."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            with suppress(OSError):
                if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def command(values: dict[str, Any], *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`callflows ...` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "callflows", *arguments],
        env=environment(values),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def platforms(
    names: Sequence[str] = ("plivo", "vobiz"), clock: str = "manual"
) -> Iterator[dict[str, simulator.Server]]:
    servers = {name: simulator.serve(simulator.Simulator(name, clock=clock, seed=i)) for i, name in enumerate(names, 1)}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.stop()


class Phone:
    """The simulator's controls, as its users steer it."""

    def __init__(self, server: simulator.Server) -> None:
        self.server = server
        self.http = httpx2.Client(base_url=f"{server.url}/-/sim", timeout=60)

    def inbound(self, answer_url: str, **more: Any) -> str:
        body = {"from": CALLER, "to": OUR_NUMBER, "answer_url": answer_url, **more}
        call: str = self.http.post("/calls", json=body).raise_for_status().json()["call_uuid"]
        return call

    def advance(self, seconds: float) -> None:
        self.http.post("/clock", json={"advance": seconds}).raise_for_status()

    def number(self, number: str, **behaviour: Any) -> None:
        self.http.put(f"/numbers/{number}", json=behaviour).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/requests").json()
        return found

    def transcript(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/transcript").json()
        return found

    def text(self) -> str:
        return self.http.get("/transcript", params={"format": "text"}).text


def wait_until(condition: Any, seconds: float = 15.0, what: str = "") -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what or condition}")
