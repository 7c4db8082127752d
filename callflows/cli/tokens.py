"""callflows tokens: who may use the HTTP API."""

from __future__ import annotations

import click

from ..bearer import Scope, id_fault, new_token
from ..errors import RequestInvalid
from .common import Group, json_option, print_json


@click.group("tokens", cls=Group)
def tokens() -> None:
    """Tokens for the HTTP API."""


@tokens.command("new")
@click.argument("id")
@click.option(
    "--scope",
    type=click.Choice([str(scope) for scope in Scope]),
    default=str(Scope.READ),
    show_default=True,
    help="What it may do: look, also move and end calls, or everything.",
)
@json_option
def new(id: str, scope: str, as_json: bool) -> None:
    """Make a token, and the line for CALLFLOWS_API_TOKENS that lets it in.

    ID says whose it is: logs and transfers name it. The token itself is shown once and kept nowhere. To rotate one,
    add a second line with the same ID, hand out the new token, and remove the old line.

    Example: callflows tokens new agent-backend --scope transfer
    """
    fault = id_fault(id)
    if fault:
        raise RequestInvalid(f"{id!r} {fault}")
    token, line = new_token(id, Scope[scope.upper()])
    if as_json:
        print_json({"id": id, "scope": scope, "token": token, "line": line})
        return
    click.echo(f"token, for its owner alone; it is not shown again:\n  {token}")
    click.echo(f"add to CALLFLOWS_API_TOKENS (entries are separated by commas), and restart the server:\n  {line}")


COMMANDS = (tokens,)
