"""callflows transfer, transfers: moving calls, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from .. import transfers as doing
from ..errors import OutcomeUnknown, ProviderUnreachable, StoreError
from ..known import story
from ..known.progress import UNSENT, Progress, fold_transfer
from ..known.shapes import exchange_object, transfer_object
from ..known.timeline import Entry, timeline
from ..models import Leg, LegStatus, Transfer, TransferStatus
from ..runtime import Runtime
from .batch import batch
from .common import (
    Duration,
    Group,
    assigned,
    clock,
    command,
    json_option,
    moment,
    print_json,
    provider_option,
    runtime,
    set_option,
)
from .problems import printable


@command()
@click.argument("call_uuid")
@click.option("--aleg", default="", metavar="FLOW[/STEP]", help="Where the call itself goes: FLOW is FLOW/aleg.")
@click.option("--bleg", default="", metavar="FLOW[/STEP]", help="Where the leg bridged to it goes: FLOW is FLOW/bleg.")
@set_option
@provider_option
@click.option("--dry-run", is_flag=True, help="Print the URLs and documents; send nothing.")
@click.option("--wait", "seconds", type=click.FloatRange(0, 600), help="Wait up to so many seconds for the outcome.")
@click.option("--idempotency-key", default=None, help="Doing it again with the same key does nothing.")
@click.option("--stop-stream", is_flag=True, help="When it is accepted, end the call's audio streams.")
@click.option("--force", is_flag=True, help="Also while another transfer moves the same leg.")
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
    stop_stream: bool,
    force: bool,
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
        asked_by="cli",
    )
    for warning in plan.warnings + tuple(text for leg in plan.legs for text in leg.warnings):
        click.echo(f"warning: {warning}", err=True)
    if dry_run:
        _print_plan(plan, as_json)
        return
    repeated = plan.repeated
    progress: Progress | None
    try:
        done = doing.request(rt, plan, force=force)
        repeated = repeated or done.id != plan.transfer.id
        if stop_stream and not repeated:
            fault = doing.stop_streams(rt, done)
            if fault:
                click.echo(f"warning: {fault}", err=True)
    except OutcomeUnknown as error:
        id = error.transfer_id
        if seconds is None:
            if not as_json:
                click.echo(f"transfer {id}: `callflows transfers wait {id}` says so when a fetch proves it", err=True)
            raise
        # it may have happened: a fetch proves it, and that is what is waited for
        click.echo(f"transfer {id}: {error}", err=True)
        progress = waited(rt, id, seconds)
        done = progress.transfer
    else:
        if not as_json:  # before the wait: whoever is interrupted has its id
            click.echo(printable(answer(done, repeated)))
        progress = waited(rt, done.id, seconds) if seconds is not None else None
    if as_json:
        print_json({**transfer_object(done, progress, plan.warnings), "repeated": repeated})
    elif progress is not None:
        print_end(progress)
    ctx.exit(exit_code(done, progress))


def answer(transfer: Transfer, repeated: bool) -> str:
    words = {
        TransferStatus.REQUESTED: f"asked of {transfer.provider}, no answer noted yet",
        TransferStatus.ACCEPTED: f"accepted by {transfer.provider}",
        TransferStatus.REJECTED: "not sent" if transfer.reason in UNSENT else f"rejected by {transfer.provider}",
        TransferStatus.UNKNOWN: f"unknown whether {transfer.provider} acted",
    }[transfer.status]
    said = f" ({transfer.message})" if transfer.message else ""
    again = ": already asked for with this key; nothing was sent now" if repeated else ""
    another = "; to try again, use a new key" if repeated and transfer.status is TransferStatus.REJECTED else ""
    return f"transfer {transfer.id}: {words}{said}{again}{another}"


def waited(rt: Runtime, transfer_id: str, seconds: float) -> Progress:
    try:
        return story.wait(rt, transfer_id, seconds)
    except StoreError as error:  # the platform has been asked: nobody must think it was not
        raise StoreError(
            f"transfer {transfer_id} was asked for, but what came of it cannot be read: {error}",
            hint=f"do not ask again; see `callflows transfers show {transfer_id}`",
        ) from error


def exit_code(transfer: Transfer, progress: Progress | None) -> int:
    if transfer.status is TransferStatus.REJECTED and not (progress and progress.ok):
        return 4 if transfer.reason == ProviderUnreachable.code else 1 if transfer.reason in UNSENT else 3
    if progress is None:
        return 0 if transfer.status is TransferStatus.ACCEPTED else 4
    return 0 if progress.settled and progress.ok else 1 if progress.settled else 4


def _print_plan(plan: doing.Plan, as_json: bool) -> None:
    if plan.repeated:
        if as_json:
            print_json({"dry_run": True, **transfer_object(plan.transfer), "repeated": True})
        else:
            click.echo(printable(answer(plan.transfer, repeated=True)))
        return
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
@click.option("--call", "call_uuid", default="", metavar="CALL_UUID", help="Only those of one call.")
@click.option("--status", type=click.Choice([str(each) for each in TransferStatus]), help="What the platform answered.")
@click.option("--asked-by", default="", metavar="NAME", help="An API token's id, or cli, python, batch, console.")
@click.option(
    "--since",
    type=Duration(shortest="1s", longest="36500d", examples="30m or 2d"),
    help="Only those of the last 30m, 2d, ...",
)
@provider_option
@click.option("--limit", default=50, type=click.IntRange(1, 1000), show_default=True)
@json_option
def list_transfers(
    call_uuid: str, status: str | None, asked_by: str, since: int | None, provider: str, limit: int, as_json: bool
) -> None:
    """The newest transfers, and what became of each.

    Example: callflows transfers list --status unknown --since 2h
    """
    rt = runtime()
    if provider:
        rt.provider(provider)  # there is none of that name: say so
    now = time.time()
    found = rt.store.transfers(
        limit=limit,
        call_uuid=call_uuid,
        provider=provider,
        status=status or "",
        asked_by=asked_by,
        since=None if since is None else now - since,
    )
    known = []
    for transfer in found:
        read = rt.store.story(transfer.id)
        if read is not None:  # else pruned between the two questions
            known.append(fold_transfer(*read, now=now))
    if as_json:
        print_json([transfer_object(progress.transfer, progress) for progress in known])
        return
    for progress in known:
        each = progress.transfer
        targets = ", ".join(f"{leg.name}: {target}" for leg, target in each.targets.items())
        words = f"{moment(each.requested_at)}  {each.id}  {each.provider}  {each.call_uuid}  {targets}"
        click.echo(printable(f"{words}  {progress.outcome}: {progress.summary}"))
    if not known:
        filtered = call_uuid or status or asked_by or since or provider
        click.echo("no such transfers" if filtered else "no transfers yet")


@transfers.command("show")
@click.argument("transfer_id")
@json_option
def show_transfer(transfer_id: str, as_json: bool) -> None:
    """One transfer's story in the order of time (UTC), with the documents that were served.

    Example: callflows transfers show 4f0c...
    """
    read = story.read(runtime(), transfer_id)
    progress = read.progress
    entries = timeline(progress, read.exchanges)
    if as_json:
        told = {entry.exchange.id: entry.exchange for entry in entries if entry.exchange}
        print_json(
            {
                **transfer_object(progress.transfer, progress),
                "timeline": [{"at": entry.at, "text": entry.text} for entry in entries],
                "exchanges": [exchange_object(exchange) for exchange in told.values()],
            }
        )
        return
    transfer = progress.transfer
    click.echo(f"transfer {transfer.id} of {transfer.provider} call {transfer.call_uuid}")
    click.echo(f"  {moment(transfer.requested_at)[:10]} (UTC)")
    _print_entries(entries)
    print_end(progress)


@transfers.command("wait")
@click.argument("transfer_id")
@click.option("--seconds", default=30.0, type=click.FloatRange(0, 600), show_default=True)
@json_option
@click.pass_context
def wait_transfer(ctx: click.Context, transfer_id: str, seconds: float, as_json: bool) -> None:
    """Wait until a transfer is settled.

    Example: callflows transfers wait 4f0c... --seconds 20
    """
    progress = story.wait(runtime(), transfer_id, seconds)
    if as_json:
        print_json(transfer_object(progress.transfer, progress))
    else:
        print_end(progress)
    ctx.exit(exit_code(progress.transfer, progress))


def _print_entries(entries: Sequence[Entry]) -> None:
    shown = ""
    for entry in entries:
        click.echo(printable(f"  {clock(entry.at)} {entry.text}"))
        if entry.document and entry.document == shown:
            click.echo(f"{'':13}(the same document again)")
        elif entry.document:
            shown = entry.document
            for line in entry.document.strip().splitlines():
                click.echo(printable(f"{'':13}{line}"))


_WITH = {LegStatus.ENDED: "talked to", LegStatus.CONNECTED: "with"}


def print_end(progress: Progress) -> None:
    """How it stands: each leg, the whole in a line, and what to do about a leg that does not come."""
    words = {Leg.A: "A leg", Leg.B: "B leg"}
    happened = progress.transfer.status in (TransferStatus.ACCEPTED, TransferStatus.REQUESTED) or any(
        state.fetched_at for state in progress.legs.values()
    )
    for leg, state in progress.legs.items() if happened else ():
        who = f", {_WITH.get(state.status, 'dialled')} {state.number}" if state.number else ""
        why = f": {state.reason}" + (f" ({state.code})" if state.code else "") if state.reason else ""
        when = f" {'since' if state.status is LegStatus.WAITING else 'at'} {clock(state.at)}" if state.at else ""
        click.echo(printable(f"  {words[leg]} ({progress.transfer.targets[leg]}): {state.status}{when}{who}{why}"))
    click.echo(printable(f"  {progress.summary}"))
    for advice in progress.advice:
        click.echo(printable(f"  - {advice}"))
    if progress.outcome == "open":
        until = max((state.open_until or 0.0 for state in progress.legs.values()), default=0.0)
        why = f"late news may change this until {clock(until)}" if until else "not settled yet"
        click.echo(f"  {why}: ask again with `callflows transfers show {progress.transfer.id}`")


transfers.add_command(batch)

COMMANDS = (transfer, transfers)
