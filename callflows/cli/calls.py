"""callflows calls: those we have seen, and those that are live."""

from __future__ import annotations

from typing import Any

import click

from .. import targets
from ..errors import CallNotLive, ProviderError, RequestInvalid
from ..known.calls import fold
from ..known.shapes import call_object, exchange_object, live_call_object
from ..models import Exchange, LegTarget
from .common import Group, error_object, json_option, moment, print_json, provider_option, runtime
from .problems import printable


@click.group("calls", cls=Group)
def calls() -> None:
    """The calls we have seen, or those live on the platform."""


@calls.command("list")
@click.option("--live", is_flag=True, help="Ask the platform.")
@provider_option
@click.option("--limit", default=50, type=click.IntRange(1, 1000), show_default=True)
@json_option
def list_calls(live: bool, provider: str, limit: int, as_json: bool) -> None:
    """Calls, the newest first.

    Example: callflows calls list --live
    """
    rt = runtime()
    rows: list[dict[str, Any]] = []
    if live:
        name = targets.choose_provider(rt, "", provider)
        for call_uuid in rt.provider(name).live_calls()[:limit]:
            try:
                rows.append(live_call_object(name, rt.provider(name).live_call(call_uuid)))
            except CallNotLive:
                continue  # it ended between the two questions
            except ProviderError as error:
                rows.append({"call_uuid": call_uuid, "provider": name, "error": error_object(error)})
    else:
        for call_uuid in rt.store.calls(limit=limit):
            rows.append(call_object(fold(call_uuid, rt.store.exchanges(call_uuids=[call_uuid]))))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        numbers = f"{row.get('from_number', '')} -> {row.get('to_number', '')}"
        # numbers and names are the caller's own words
        click.echo(printable(f"{row['call_uuid']} {row['provider']:<6} {row.get('status', '?'):<12} {numbers}"))
    if not rows:
        click.echo("no live calls" if live else "no calls seen yet")


@calls.command("show")
@click.argument("call_uuid")
@json_option
def show_call(call_uuid: str, as_json: bool) -> None:
    """What we know of one call; times are UTC.

    Example: callflows calls show 1ed7fd89-df77-4ebf-8196-d5cf7222c918
    """
    rt = runtime()
    exchanges = rt.store.exchanges(call_uuids=[call_uuid])
    if not exchanges:
        raise RequestInvalid(f"we have not seen call {call_uuid!r}", hint="see `callflows calls list`")
    state = call_object(fold(call_uuid, exchanges))
    if as_json:
        print_json({**state, "exchanges": [exchange_object(exchange) for exchange in exchanges]})
        return
    for name, value in state.items():
        if value not in ("", None):
            click.echo(printable(f"{name:<16} {moment(value) if name.endswith('_at') else value}"))
    _print_exchanges(exchanges)


def _print_exchanges(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        where = str(LegTarget(exchange.flow, exchange.step)) if exchange.flow else "events"
        said = f"{moment(exchange.at)} {exchange.event.kind:<14} {where} {exchange.outcome} {exchange.reason}".rstrip()
        carried = "".join(f" {name}={value}" for name, value in exchange.state.items())
        click.echo(printable(said + carried))


COMMANDS = (calls,)
