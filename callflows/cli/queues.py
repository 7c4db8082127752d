"""callflows queue: who waits, who is next, and who is taken off."""

from __future__ import annotations

import time

import click

from .. import queues as doing
from ..errors import OutcomeUnknown
from ..known.progress import Progress
from ..known.shapes import queue_objects, transfer_object
from .common import Group, assigned, json_option, moment, print_json, provider_option, runtime, set_option
from .problems import printable
from .transfers import answer, exit_code, print_end, waited


@click.group("queue", cls=Group)
def queue() -> None:
    """Callers who wait in a queue: steps with `queue` in flow.toml."""


@queue.command("list")
@click.argument("name", default="")
@json_option
def list_queue(name: str, as_json: bool) -> None:
    """Who waits, the next one first; times are UTC.

    Example: callflows queue list support
    """
    rows = queue_objects(runtime().store.waiting(name))
    if as_json:
        print_json(rows)
        return
    now = time.time()
    for row in rows:
        place = row["position"] or "-"
        since = f"{moment(row['joined_at'])} ({_minutes(now - row['joined_at'])})"
        moving = "" if row["claimed_at"] is None else f"  being moved since {moment(row['claimed_at'])}"
        where = f"{row['provider']:<6} {row['flow']}/{row['step']}"
        words = f"{row['queue']:<12} {place:>3}  {since}  {row['number']:<16} {where}  {row['call_uuid']}{moving}"
        click.echo(printable(words))
    if not rows:
        click.echo(f"nobody waits in {name}" if name else "nobody waits")


@queue.command("next")
@click.argument("name")
@click.option("--to", "target", required=True, metavar="FLOW[/STEP]", help="Where they go: FLOW is FLOW/aleg.")
@set_option
@provider_option
@click.option("--wait", "seconds", type=click.FloatRange(0, 600), help="Wait up to so many seconds for the outcome.")
@json_option
@click.pass_context
def next_in_queue(
    ctx: click.Context,
    name: str,
    target: str,
    assignments: tuple[str, ...],
    provider: str,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Move whoever has waited longest into a flow.

    Example: callflows queue next support --to forward --set to=+14155550123
    """
    rt = runtime()
    progress: Progress | None
    try:
        moved = doing.take_next(rt, name, aleg=target, params=assigned(assignments), provider=provider, asked_by="cli")
    except OutcomeUnknown as error:
        if seconds is None:
            raise
        click.echo(f"transfer {error.transfer_id}: {error}", err=True)
        progress = waited(rt, error.transfer_id, seconds)
        moved = doing.Moved(progress.transfer)
    else:
        for warning in moved.warnings:
            click.echo(f"warning: {warning}", err=True)
        if not as_json:
            click.echo(printable(f"call {moved.transfer.call_uuid}: {answer(moved.transfer, moved.repeated)}"))
        progress = waited(rt, moved.transfer.id, seconds) if seconds is not None else None
    if as_json:
        print_json({**transfer_object(moved.transfer, progress, moved.warnings), "repeated": moved.repeated})
    elif progress is not None:
        print_end(progress)
    ctx.exit(exit_code(moved.transfer, progress))


@queue.command()
@click.argument("call_uuid")
@click.option("--to", "target", default="", metavar="FLOW[/STEP]", help="Move them there instead of hanging up.")
@set_option
@json_option
def drop(call_uuid: str, target: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Take a caller off the queue: hang up, or move them.

    Example: callflows queue drop 1ed7fd89-df77-4ebf-8196-d5cf7222c918 --to voicemail
    """
    if assignments and not target:
        raise click.UsageError("--set goes with --to")
    done = doing.drop(runtime(), call_uuid, aleg=target, params=assigned(assignments), asked_by="cli")
    for warning in done.moved.warnings if done.moved else ():
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        transfer = transfer_object(done.moved.transfer, None, done.moved.warnings) if done.moved else None
        print_json({"call_uuid": call_uuid, "queue": done.caller.queue, "done": done.done, "transfer": transfer})
        return
    what = {"hung_up": "hung up", "gone": "the call had ended already"}.get(done.done)
    what = what or (answer(done.moved.transfer, repeated=False) if done.moved else done.done)
    click.echo(printable(f"{done.caller.queue}: call {call_uuid}: {what}"))


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02}"


COMMANDS = (queue,)
