"""callflows transfer, transfers, calls, url: moving calls, and what became of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from .. import targets
from .. import transfers as doing
from ..calls import Progress, fold
from ..errors import CallNotLive, OutcomeUnknown, ProviderError, RequestInvalid
from ..models import Exchange, Leg, LegStatus, LegTarget, Transfer, TransferStatus
from ..signing import Token
from ..urls import events_path, step_path
from .common import (
    Group,
    assigned,
    clock,
    command,
    error_object,
    json_option,
    print_json,
    provider_option,
    runtime,
    set_option,
)


@command()
@click.argument("call_uuid")
@click.option("--aleg", default="", metavar="FLOW[/STEP]", help="Where the call itself goes: FLOW is FLOW/aleg.")
@click.option("--bleg", default="", metavar="FLOW[/STEP]", help="Where the leg bridged to it goes: FLOW is FLOW/bleg.")
@set_option
@provider_option
@click.option("--dry-run", is_flag=True, help="Print the URLs and documents; send nothing.")
@click.option("--wait", "seconds", type=click.FloatRange(0, 600), help="Wait up to so many seconds for the outcome.")
@click.option("--idempotency-key", default=None, help="Doing it again with the same key does nothing.")
@json_option
@click.pass_context
def transfer(
    ctx: click.Context,
    call_uuid: str,
    aleg: str,
    bleg: str,
    assignments: tuple[str, ...],
    provider: str,
    dry_run: bool,
    seconds: float | None,
    idempotency_key: str | None,
    as_json: bool,
) -> None:
    """Move a live call into a flow.

    Both documents are made and judged first: if anything is wrong with them, the call is left alone.

    Example: callflows transfer 1ed7fd89-df77-4ebf-8196-d5cf7222c918 --aleg forward --set to=+14155550123
    """
    rt = runtime()
    plan = doing.prepare(
        rt,
        call_uuid,
        aleg=aleg,
        bleg=bleg,
        params=assigned(assignments),
        provider=provider,
        idempotency_key=idempotency_key,
    )
    for warning in plan.warnings + tuple(text for leg in plan.legs for text in leg.warnings):
        click.echo(f"warning: {warning}", err=True)
    if dry_run:
        _print_plan(plan, as_json)
        return
    progress: Progress | None
    try:
        done = doing.request(rt, plan)
    except OutcomeUnknown as error:
        if seconds is None:
            raise
        # it may have happened: a fetch proves it, and that is what is waited for
        click.echo(f"transfer {error.transfer_id}: {error}", err=True)
        progress = doing.wait(rt, error.transfer_id, seconds)
        done = progress.transfer
    else:
        progress = doing.wait(rt, done.id, seconds) if seconds is not None else None
    repeated = done.id != plan.transfer.id and done.idempotency_key is not None
    if as_json:
        print_json({**transfer_object(done, progress, plan.warnings), "repeated": repeated})
    else:
        words = f"({done.message})" if done.message else ""
        again = ": already asked for with this key; nothing was sent now" if repeated else ""
        click.echo(f"transfer {done.id}: {done.status} by {done.provider} {words}{again}".rstrip())
        if progress is not None:
            _print_legs(progress)
    ctx.exit(_exit_code(done, progress))


def _exit_code(transfer: Transfer, progress: Progress | None) -> int:
    if transfer.status is TransferStatus.REJECTED and not (progress and progress.ok):
        return 3
    if progress is None:
        return 4 if transfer.status is TransferStatus.UNKNOWN else 0
    return 0 if progress.settled and progress.ok else 1 if progress.settled else 4


def _print_plan(plan: doing.Plan, as_json: bool) -> None:
    if as_json:
        legs = {
            leg.leg: {"target": str(leg.target), "url": leg.url, "document": leg.document, "warnings": leg.warnings}
            for leg in plan.legs
        }
        print_json({"dry_run": True, "provider": plan.transfer.provider, "legs": legs, "warnings": plan.warnings})
        return
    click.echo(f"nothing was sent; on {plan.transfer.provider} call {plan.transfer.call_uuid} would be moved:")
    for leg in plan.legs:
        click.echo(f"\n{leg.leg} to {leg.target}\n{leg.url}\n\n{leg.document.rstrip()}")


@click.group("transfers", cls=Group)
def transfers() -> None:
    """What was asked for, and what became of it."""


@transfers.command("list")
@click.option("--call", "call_uuid", default="", help="Only those of one call.")
@click.option("--limit", default=50, type=click.IntRange(1, 1000), show_default=True)
@json_option
def list_transfers(call_uuid: str, limit: int, as_json: bool) -> None:
    """The newest transfers.

    Example: callflows transfers list --limit 10
    """
    found = runtime().store.transfers(limit=limit, call_uuid=call_uuid)
    if as_json:
        print_json([transfer_object(each) for each in found])
        return
    for each in found:
        targets = ", ".join(f"{leg} to {target}" for leg, target in each.targets.items())
        click.echo(
            f"{clock(each.requested_at)} {each.id} {each.provider:<6} {each.status:<10} {each.call_uuid} {targets}"
        )
    if not found:
        click.echo("no transfers yet")


@transfers.command("show")
@click.argument("transfer_id")
@json_option
def show_transfer(transfer_id: str, as_json: bool) -> None:
    """One transfer: each leg's state, and every exchange that belongs to it.

    Example: callflows transfers show 4f0c...
    """
    rt = runtime()
    progress = doing.progress(rt, transfer_id)
    exchanges = rt.store.exchanges(transfer_id=transfer_id)
    if as_json:
        story = [_exchange_object(exchange) for exchange in exchanges]
        print_json({**transfer_object(progress.transfer, progress), "exchanges": story})
        return
    click.echo(f"transfer {transfer_id} of call {progress.transfer.call_uuid}: {progress.transfer.status}")
    _print_legs(progress)
    _print_exchanges(exchanges)


@transfers.command("wait")
@click.argument("transfer_id")
@click.option("--seconds", default=30.0, type=click.FloatRange(0, 600), show_default=True)
@json_option
@click.pass_context
def wait_transfer(ctx: click.Context, transfer_id: str, seconds: float, as_json: bool) -> None:
    """Wait until a transfer is settled.

    Example: callflows transfers wait 4f0c... --seconds 20
    """
    progress = doing.wait(runtime(), transfer_id, seconds)
    if as_json:
        print_json(transfer_object(progress.transfer, progress))
    else:
        _print_legs(progress)
    ctx.exit(_exit_code(progress.transfer, progress))


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
                rows.append(_live_object(name, rt.provider(name).live_call(call_uuid)))
            except CallNotLive:
                continue  # it ended between the two questions
            except ProviderError as error:
                rows.append({"call_uuid": call_uuid, "provider": name, "error": error_object(error)})
    else:
        for call_uuid in rt.store.calls(limit=limit):
            rows.append(asdict(fold(call_uuid, rt.store.exchanges(call_uuids=[call_uuid]))))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        numbers = f"{row.get('from_number', '')} -> {row.get('to_number', '')}"
        click.echo(f"{row['call_uuid']} {row['provider']:<6} {row.get('status', '?'):<12} {numbers}")
    if not rows:
        click.echo("no live calls" if live else "no calls seen yet")


@calls.command("show")
@click.argument("call_uuid")
@json_option
def show_call(call_uuid: str, as_json: bool) -> None:
    """What we know of one call.

    Example: callflows calls show 1ed7fd89-df77-4ebf-8196-d5cf7222c918
    """
    rt = runtime()
    exchanges = rt.store.exchanges(call_uuids=[call_uuid])
    if not exchanges:
        raise RequestInvalid(f"we have not seen call {call_uuid!r}", hint="see `callflows calls list`")
    state = asdict(fold(call_uuid, exchanges))
    if as_json:
        print_json({**state, "exchanges": [_exchange_object(exchange) for exchange in exchanges]})
        return
    for name, value in state.items():
        if value not in ("", None):
            click.echo(f"{name:<16} {clock(value) if name.endswith('_at') else value}")
    _print_exchanges(exchanges)


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


def transfer_object(
    transfer: Transfer, progress: Progress | None = None, warnings: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A transfer as JSON. `legs` carries each leg's state when it is known."""
    legs = {
        leg: {"target": str(target), **(_leg_object(progress, leg) if progress else {})}
        for leg, target in transfer.targets.items()
    }
    found: dict[str, Any] = {
        "id": transfer.id,
        "provider": transfer.provider,
        "call_uuid": transfer.call_uuid,
        "status": transfer.status,
        "reason": transfer.reason,
        "message": transfer.message,
        "api_id": transfer.api_id,
        "http_status": transfer.http_status,
        "requested_at": transfer.requested_at,
        "settled_at": transfer.settled_at,
        "params": dict(transfer.params),
        "legs": legs,
        "warnings": list(warnings),
    }
    if progress is not None:
        found |= {"settled": progress.settled, "ok": progress.ok, "summary": progress.summary}
    return found


def _leg_object(progress: Progress, leg: Leg) -> dict[str, Any]:
    state = asdict(progress.legs[leg])
    return {name: value for name, value in state.items() if value not in ("", None)}


def _live_object(provider: str, call: Any) -> dict[str, Any]:
    return {"call_uuid": call.uuid, "provider": provider, **{k: v for k, v in asdict(call).items() if k != "raw"}}


def _exchange_object(exchange: Exchange) -> dict[str, Any]:
    return {
        "at": exchange.at,
        "kind": exchange.event.kind,
        "flow": exchange.flow,
        "step": exchange.step,
        "leg": exchange.leg,
        "outcome": exchange.outcome,
        "reason": exchange.reason,
        "call_uuid": exchange.event.call.uuid,
        "document": exchange.document,
        "params": dict(exchange.event.raw),
    }


def _print_exchanges(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        where = str(LegTarget(exchange.flow, exchange.step)) if exchange.flow else "events"
        click.echo(f"{clock(exchange.at)} {exchange.event.kind:<14} {where} {exchange.outcome} {exchange.reason}")


_WITH = {LegStatus.ENDED: "talked to", LegStatus.CONNECTED: "with"}


def _print_legs(progress: Progress) -> None:
    words = {Leg.A: "A leg", Leg.B: "B leg"}
    happened = progress.transfer.status in (TransferStatus.ACCEPTED, TransferStatus.REQUESTED) or any(
        state.fetched_at for state in progress.legs.values()
    )
    for leg, state in progress.legs.items() if happened else ():
        who = f", {_WITH.get(state.status, 'dialled')} {state.number}" if state.number else ""
        why = f": {state.reason}" + (f" ({state.code})" if state.code else "") if state.reason else ""
        when = f" at {clock(state.at)}" if state.at else ""
        click.echo(f"  {words[leg]} ({progress.transfer.targets[leg]}): {state.status}{when}{who}{why}")
    click.echo(f"  {progress.summary}")
    if progress.transfer.status is TransferStatus.ACCEPTED and not progress.settled:
        click.echo("  not settled yet: ask again with `callflows transfers show`")


COMMANDS = (transfer, transfers, calls, url)
