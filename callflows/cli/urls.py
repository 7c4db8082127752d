"""callflows url: addresses for the platform's console."""

from __future__ import annotations

import click

from .. import targets
from ..errors import RequestInvalid
from ..signing import Token
from ..urls import events_path, step_path
from .common import assigned, command, json_option, print_json, provider_option, runtime, set_option


@command()
@click.argument("target", required=False, default="", metavar="[FLOW[/STEP]]")
@click.option("--events", is_flag=True, help="The address for the platform's event callbacks (hang-up, ring).")
@click.option("--fallback", is_flag=True, help="The address for the platform's fallback URL.")
@set_option
@provider_option
@json_option
def url(target: str, events: bool, fallback: bool, assignments: tuple[str, ...], provider: str, as_json: bool) -> None:
    """The address to paste into the platform's console. It does not expire.

    Example: callflows url forward/answer --set to=+14155550123
    """
    rt = runtime()
    if (bool(target), events, fallback).count(True) != 1:
        raise RequestInvalid("give one of FLOW/STEP, --events and --fallback")
    if assignments and not target:
        raise RequestInvalid("--set goes with FLOW/STEP")
    name = targets.choose_provider(rt, "", provider)
    if events:
        address = targets.signed_url(rt, name, events_path(name), Token())
    elif fallback:
        address = targets.signed_url(rt, name, step_path(name, "_safe", "answer"), Token(tries=99))
    else:
        place = targets.find_target(rt, target, "answer")
        address = targets.entry_url(rt, name, place, assigned(assignments))
    print_json({"url": address, "provider": name}) if as_json else click.echo(address)


COMMANDS = (url,)
