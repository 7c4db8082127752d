"""callflows db: the store's tables, and what is old in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from ..config import Settings
from ..store import Pruned, Store, open_store
from .common import Duration, Group, json_option, moment, print_json
from .problems import printable


@contextmanager
def _store() -> Iterator[Store]:
    store = open_store(Settings.load().store_url())
    try:
        yield store
    finally:
        store.close()


@click.group("db", cls=Group)
def db() -> None:
    """The store: SQLite in STATE_DIR, or what CALLFLOWS_DATABASE_URL names."""


@db.command()
@json_option
def upgrade(as_json: bool) -> None:
    """Bring the store's tables to what this version needs. Doing it again, or twice at once, does no harm.

    A server does so by itself when it starts; other commands never change tables that are there.

    Example: callflows db upgrade
    """
    with _store() as store:
        done = store.upgrade()
        name = store.name
    if as_json:
        ran = [{"version": version, "what": what} for version, what in done.ran]
        print_json({"store": name, "from": done.found or None, "version": done.version, "ran": ran})
        return
    if not done.ran:
        click.echo(printable(f"the store {name} is up to date: version {done.version}"))
        return
    for version, what in done.ran:
        click.echo(printable(f"{version}  {what}"))
    was = f"was version {done.found}" if done.found else "was empty"
    click.echo(printable(f"the store {name} {was} and is version {done.version} now"))


@db.command()
@click.option(
    "--older-than",
    "seconds",
    type=Duration(shortest="1h", longest="36500d", examples="90d, 12h or 1d12h"),
    metavar="TIME",
    required=True,
    help="90d, 12h, 1d12h; at least 1h.",
)
@click.option("--dry-run", is_flag=True, help="Count what would go; remove nothing.")
@json_option
@click.pass_context
def prune(ctx: click.Context, seconds: int, dry_run: bool, as_json: bool) -> None:
    """Remove exchanges and transfers older than TIME. What happens by itself is CALLFLOWS_STORE_KEEP's.

    Nothing goes of a call or transfer of which something younger is known, or which is younger than a day and not
    known to be over. The server may run meanwhile. Ctrl-C leaves the rest for another time.

    Example: callflows db prune --older-than 90d --dry-run
    """
    before = time.time() - seconds
    done, stopped = Pruned(), False
    with _store() as store:
        try:
            started = time.monotonic()
            for counts in store.prune(before=before, dry_run=dry_run):
                done = counts
                # as long as the batch took: whoever else wants to write is not kept waiting by us for more than one
                time.sleep(min(time.monotonic() - started, 1.0))
                started = time.monotonic()
        except KeyboardInterrupt:
            stopped = True  # the batch under way is taken back, those before it are done
        free = store.free_bytes()
    if as_json:
        removed = asdict(done)
        kept = {name: removed.pop(f"kept_{name}") for name in ("exchanges", "transfers")}
        found = {"dry_run": dry_run, "stopped": stopped, "before": before, "removed": removed, "kept": kept}
        print_json({**found, "free_bytes": free})
        ctx.exit(1 if stopped else 0)
    would = "would be removed" if dry_run else "removed"
    gone = f"{_counted(done.exchanges, 'exchange')}, {_counted(done.transfers, 'transfer')}"
    click.echo(f"older than {moment(before)} UTC: {gone} {would}")
    if done.journals:
        click.echo(f"{_counted(done.journals, 'position')} of journals that are gone {would}")
    if done.kept_exchanges or done.kept_transfers:
        kept_words = f"{_counted(done.kept_exchanges, 'exchange')}, {_counted(done.kept_transfers, 'transfer')}"
        click.echo(f"kept: {kept_words} of calls and transfers that go on, or are known of later")
    if free and not dry_run:
        click.echo(f"the file keeps its size; {free:,} bytes in it are free for new rows")
    if stopped:
        click.echo("stopped: this is not all of it; run it again for the rest", err=True)
        ctx.exit(1)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


COMMANDS = (db,)
