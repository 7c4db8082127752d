"""callflows console: pages for people, as a process of its own."""

from __future__ import annotations

import sys

import click

from .. import people
from ..errors import RequestInvalid
from .common import Group, runtime
from .serving import start_gunicorn


@click.group("console", cls=Group, invoke_without_command=True)
@click.option("--bind", help="HOST:PORT or unix:PATH instead of CALLFLOWS_CONSOLE_BIND.")
@click.pass_context
def console(ctx: click.Context, bind: str | None) -> None:
    """Serve the console under /console/, as a process of its own.

    Example: callflows console --bind 127.0.0.1:8010
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = runtime().settings
    if not (settings.console_users or settings.console_proxy_header):
        click.echo("nobody can sign in yet: see `callflows console user --help`", err=True)
    # one process with threads: who tried too often to sign in is known to all of it
    address = bind or settings.console_bind
    start_gunicorn(["--bind", address, "--workers", "1", "--threads", "8"], "callflows.app:create_console()")


@console.command()
@click.argument("name")
@click.option("--role", type=click.Choice([str(role) for role in people.Role]), default="viewer", show_default=True)
def user(name: str, role: str) -> None:
    """A line for CALLFLOWS_CONSOLE_USERS. The password is asked for, or read from standard input.

    Example: callflows console user ann --role operator
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        click.echo(people.entry(name, people.Role[role.upper()], password))
    except ValueError as error:
        raise RequestInvalid(str(error)) from None


COMMANDS = (console,)
