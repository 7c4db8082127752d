"""callflows simulator: the platform in a box."""

from __future__ import annotations

import signal
import threading

import click

from .. import providers
from ..errors import ConfigError
from .common import Group


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
def serve(port: int, provider: str, clock: str, seed: int | None, auth_id: str, auth_token: str) -> None:
    """Run the platform's REST API on this machine until interrupted. Control routes are under /-/sim/.

    Example: callflows simulator serve --port 9090 --provider plivo
    """
    from .. import simulator as box

    platform = box.Simulator(provider, clock=clock, seed=seed, auth_id=auth_id, auth_token=auth_token or box.AUTH_TOKEN)
    try:
        server = box.serve(platform, port=port)
    except OSError as error:
        raise ConfigError(f"port {port} cannot be used: {error.strerror}", hint="choose one with --port") from error
    with server:
        click.echo(f"{provider} simulator on {server.url}, clock {clock}")
        click.echo(f"auth id {platform.auth_id}, auth token {platform.auth_token}")
        click.echo(f"transcript: {server.url}/-/sim/transcript", nl=True)
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


COMMANDS = (simulator,)
