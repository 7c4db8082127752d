"""callflows serve, db: running it."""

from __future__ import annotations

import os
import sys
import time

import click

from .. import shipped
from ..errors import ConfigError
from .common import Group, command, json_option, print_json, runtime


@command()
@click.option("--bind", help="HOST:PORT or unix:PATH instead of CALLFLOWS_BIND.")
def serve(bind: str | None) -> None:
    """Serve the flows with gunicorn, as our configuration has it.

    Example: callflows serve --bind 127.0.0.1:8000
    """
    runtime().settings.require_public_url()  # say it here, in one line, not in every worker
    conf = shipped.path("gunicorn.conf.py")
    arguments = ["-m", "gunicorn", "--config", str(conf), "callflows:create_app()"]
    if bind:
        arguments[2:2] = ["--bind", bind]
    sys.stdout.flush()
    try:
        os.execv(sys.executable, [sys.executable, *arguments])
    except OSError as error:
        raise ConfigError(f"gunicorn cannot be started: {error.strerror}") from error


@click.group("db", cls=Group)
def db() -> None:
    """The store: SQLite in STATE_DIR, or what CALLFLOWS_DATABASE_URL names."""


@db.command()
def upgrade() -> None:
    """Bring the store's tables to what this version needs.

    Example: callflows db upgrade
    """
    runtime().store.ping()  # opening it upgrades it
    click.echo("the store is up to date")


@db.command()
@click.option("--days", type=click.FloatRange(min=1), default=90.0, show_default=True, help="Keep so many days.")
@json_option
def prune(days: float, as_json: bool) -> None:
    """Delete what is older.

    Example: callflows db prune --days 30
    """
    removed = runtime().store.prune(before=time.time() - days * 86400)
    print_json({"removed": removed}) if as_json else click.echo(f"{removed} rows removed")


COMMANDS = (serve, db)
