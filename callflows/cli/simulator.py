"""callflows simulator: the platform in a box."""

from __future__ import annotations

import signal
import threading

import click

from .. import providers
from ..errors import ConfigError
from .common import Group

LOOK_SECONDS = 0.2


@click.group("simulator", cls=Group)
def simulator() -> None:
    """A simulated platform to develop against, without an account."""


@simulator.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9090, show_default=True, help="0 takes a free one.")
@click.option("--provider", type=click.Choice(providers.NAMES), default=providers.NAMES[0], show_default=True)
@click.option("--clock", type=click.Choice(("real", "manual", "auto")), default="real", show_default=True)
@click.option("--seed", type=int, default=None, help="The same calls get the same UUIDs again; otherwise they differ.")
@click.option("--auth-id", default="", help="Credentials it accepts; it prints its own otherwise.")
@click.option("--auth-token", default="")
@click.option("-q", "--quiet", is_flag=True, help="Do not tell what happens while it happens.")
def serve(port: int, provider: str, clock: str, seed: int | None, auth_id: str, auth_token: str, quiet: bool) -> None:
    """Run the platform's REST API on this machine until interrupted, and tell second by second what callers hear.

    Control routes are under /-/sim/.

    Example: callflows simulator serve --port 9090 --provider plivo
    """
    from .. import simulator as box

    simulated = box.Simulator(
        provider, clock=clock, seed=seed, auth_id=auth_id, auth_token=auth_token or box.AUTH_TOKEN
    )
    try:
        server = box.serve(simulated, port=port)
    except OSError as error:
        raise ConfigError(f"port {port} cannot be used: {error.strerror}", hint="choose one with --port") from error
    with server:
        click.echo(f"{provider} simulator on {server.url}, clock {clock}")
        click.echo(f"auth id {simulated.auth_id}, auth token {simulated.auth_token}")
        click.echo(f"controls and transcript: {server.url}/-/sim/")
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        told, count = None, 0
        while not ended.wait(LOOK_SECONDS):
            platform = simulated.platform
            with platform.lock:
                text = platform.transcript.as_text(since=count if platform is told else 0)  # after a reset: another
                told, count = platform, len(platform.transcript.entries)
            if not quiet:
                click.echo(text, nl=False)


COMMANDS = (simulator,)
