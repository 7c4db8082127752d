"""callflows demo: the whole story on one machine. A simulated platform, a real gunicorn, and a live call that is moved.

Everything goes the way it goes in production: the platform fetches signed URLs over HTTP, the transfer is the real
command, and what is printed was heard by the simulated people.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import httpx2

from .. import providers, shipped
from ..errors import CallflowsError
from .common import command

# 555-01xx numbers belong to nobody.
OUR_NUMBER, CALLER, AGENT, COLLEAGUE = "+14155550100", "+14155550101", "+14155550102", "+14155550123"
START_SECONDS = 30.0


@command()
@click.option("--provider", "only", type=click.Choice(providers.NAMES), help="Only this platform; both otherwise.")
@click.option("--keep", is_flag=True, help="Keep the demo's state folder and say where it is.")
def demo(only: str | None, keep: bool) -> None:
    """Move a live call from an agent to a colleague, on a simulated Plivo and a simulated Vobiz.

    Example: callflows demo --provider vobiz
    """
    names = (only,) if only else providers.NAMES
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with _folder(keep) as folder, _platforms(names) as platforms, _server(folder, platforms) as environment:
        for name, platform in platforms.items():
            _story(name, platform, environment)


def _story(name: str, platform: Any, environment: dict[str, str]) -> None:
    control = httpx2.Client(base_url=f"{platform.url}/-/sim", timeout=30, trust_env=False)
    label = providers.provider_class(name).label
    click.secho(f"\n=== {label} ===", bold=True)
    control.put(f"/numbers/{AGENT}", json={"behaviour": "answers", "after": 4}).raise_for_status()
    colleague = {"behaviour": "answers", "after": 5, "hangs_up_after": 20}
    control.put(f"/numbers/{COLLEAGUE}", json=colleague).raise_for_status()

    click.echo(f"\n{CALLER} calls {OUR_NUMBER}; our flow forward/answer connects the caller to an agent, {AGENT}.")
    announcement = "Thank you for calling. One moment please."
    agent = ("--set", f"to={AGENT}", "--set", f"caller_id={OUR_NUMBER}", "--set", f"announcement={announcement}")
    answer_url = _callflows(environment, "url", "forward/answer", "--provider", name, *agent, echo=False).strip()
    events_url = _callflows(environment, "url", "--events", "--provider", name, echo=False).strip()
    inbound = {"from": CALLER, "to": OUR_NUMBER, "answer_url": answer_url, "hangup_url": events_url}
    placed = control.post("/calls", json=inbound)
    call = placed.raise_for_status().json()["call_uuid"]
    control.post("/clock", json={"advance": 20}).raise_for_status()

    click.echo(f"\nThey talk. Now the caller goes to a colleague, {COLLEAGUE}, and the agent is told so:\n")
    output = _callflows(
        environment,
        "transfer",
        call,
        *("--provider", name, "--aleg", "forward", "--bleg", "announce"),
        *("--set", f"to={COLLEAGUE}", "--set", f"caller_id={OUR_NUMBER}"),
        *("--set", "message=Your caller is being connected to a colleague."),
    )
    click.echo(output.rstrip())
    transfer = output.partition("transfer ")[2].partition(":")[0]
    control.post("/clock", json={"advance": 90}).raise_for_status()

    click.secho("\nWhat happened, second by second:\n", bold=True)
    click.echo(control.get("/transcript", params={"format": "text"}).text.rstrip())
    click.secho("\nHow the transfer ended:\n", bold=True)
    click.echo(_callflows(environment, "transfers", "wait", transfer, "--seconds", "10").rstrip())


def _callflows(environment: dict[str, str], *arguments: str, echo: bool = True) -> str:
    """Run the command as a user would, and show it."""
    if echo:
        click.secho(f"$ callflows {shlex.join(arguments)}", fg="cyan")
    done = subprocess.run(
        [sys.executable, "-m", "callflows", *arguments],
        env=environment,
        cwd=environment["CALLFLOWS_STATE_DIR"],  # no .env of somebody's server here
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise DemoFailed(
            f"callflows {arguments[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"
        )
    if done.stderr:
        click.echo(done.stderr.rstrip(), err=True)
    return done.stdout


@contextmanager
def _platforms(names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    from .. import simulator

    servers: dict[str, Any] = {}
    try:
        for seed, name in enumerate(names, 1):  # a seed each: a call's UUID is its own on every platform
            servers[name] = simulator.serve(simulator.Simulator(name, clock="manual", seed=seed))
        yield servers
    finally:
        for server in servers.values():
            server.stop()


@contextmanager
def _server(folder: Path, platforms: dict[str, Any]) -> Iterator[dict[str, str]]:
    """gunicorn with our own configuration, and the environment in which commands find it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "state").mkdir(mode=0o700)
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("CALLFLOWS_")}
    environment |= {
        "CALLFLOWS_BIND": address,
        "CALLFLOWS_PUBLIC_URL": f"http://{address}",
        "CALLFLOWS_SECRET_KEYS": secrets.token_hex(32),
        "CALLFLOWS_TEMPLATES": str(shipped.path("templates")),
        "CALLFLOWS_STATE_DIR": str(folder / "state"),
        "CALLFLOWS_DIAL_ALLOW": "+1415555",
        "CALLFLOWS_LOG_LEVEL": "WARNING",
    }
    for name, server in platforms.items():
        upper, account = name.upper(), server.simulator
        environment |= {
            f"CALLFLOWS_{upper}_AUTH_ID": account.auth_id,
            f"CALLFLOWS_{upper}_AUTH_TOKENS": account.auth_token,
            f"CALLFLOWS_{upper}_API_URL": server.url + account.dialect.rest_prefix,
        }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "callflows", "serve"],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=_end_with_parent,
        )
    try:
        _wait_until_ready(server, address, folder / "server.log")
        click.echo(f"gunicorn serves {environment['CALLFLOWS_TEMPLATES']} on http://{address}")
        yield environment
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        if server.poll() is None:
            server.kill()
            server.wait()


def _end_with_parent() -> None:
    """The demo's server ends with the demo, also when that is killed. Linux; elsewhere it is left to `finally`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with suppress(httpx2.HTTPError):
            if httpx2.get(f"http://{address}/readyz", timeout=1, trust_env=False).json()["status"] == "ok":
                return
        time.sleep(0.1)
    raise DemoFailed(f"the server did not start: {log.read_text(errors='replace').strip()[-2000:]}")


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    if keep:
        folder = Path(tempfile.mkdtemp(prefix="callflows-demo-"))
        click.echo(f"state is kept in {folder}")
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="callflows-demo-") as name:
            yield Path(name)


class DemoFailed(CallflowsError):
    code = "demo_failed"


COMMANDS = (demo,)
