"""callflows capture: what the platform really sends, kept and redacted."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import urlsplit

import click

from .. import capture as doing
from .. import providers
from ..config import Settings
from .common import Duration, Group, json_option, moment, print_json
from .problems import printable


@click.group("capture", cls=Group)
def capture() -> None:
    """Keep what the platforms really send: redacted requests that can be shared, and replayed in the simulator."""


@capture.command("on")
@click.option(
    "--for",
    "seconds",
    type=Duration(shortest="1s", longest="7d", examples="30m, 1h or 1h30m"),
    metavar="TIME",
    default="1h",
    show_default=True,
    help="30m, 1h30m, at most 7d.",
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many requests."
)
@json_option
def switch_on(seconds: int, limit: int, as_json: bool) -> None:
    """Capture what every worker of this machine is sent, from its next request on. A session that runs ends.

    Example: callflows capture on --for 30m --limit 50
    """
    settings = Settings.load()
    session = doing.switch_on(settings, seconds=seconds, limit=limit)
    where = doing.folder(settings).absolute()
    if as_json:
        print_json({"on": True, "until": session.until, "limit": limit, "folder": str(where)})
        return
    click.echo(f"capturing into {where} until {moment(session.until)} UTC, at most {limit} requests")


@capture.command("off")
@json_option
def switch_off(as_json: bool) -> None:
    """Stop capturing. What was captured stays.

    Example: callflows capture off
    """
    settings = Settings.load()
    was_on = doing.switch_off(settings)
    where = doing.folder(settings).absolute()
    if as_json:
        print_json({"on": False, "was_on": was_on, "folder": str(where)})
        return
    click.echo(f"capturing is off; captures are in {where}" if was_on else "capturing was off already")


@capture.command("list")
@click.option("--keys", "by_event", is_flag=True, help="The names of parameters and headers for each Event.")
@click.option("--provider", type=click.Choice(providers.NAMES), help="Only what this platform sent.")
@json_option
@click.pass_context
def list_captures(ctx: click.Context, by_event: bool, provider: str | None, as_json: bool) -> None:
    """What was captured, oldest first. With --json the captures themselves, as the simulator's replay takes them.

    Example: callflows capture list --keys
    """
    settings = Settings.load()
    kept, faults = doing.captures(settings)
    kept = [each for each in kept if provider in (None, each.content["provider"])]
    if by_event:
        _print_keys(doing.keys(kept), as_json)
    elif as_json:
        print_json([{**each.content, "file": str(each.file)} for each in kept])
    else:
        for each in kept:
            click.echo(_line(each))
    if not as_json:
        session = doing.current(settings)
        state = f"on until {moment(session.until)} UTC, at most {session.limit} requests" if session else "off"
        click.echo(f"{len(kept) or 'no'} capture{'' if len(kept) == 1 else 's'}; capturing is {state}")
    for fault in faults:
        click.echo(f"error: {printable(fault)}", err=True)
    ctx.exit(1 if faults else 0)


def _line(kept: doing.Kept) -> str:
    content = kept.content
    uuid = doing.param(kept, "CallUUID")
    columns = (
        content["at"][:23],
        f"{content['provider']:<6}",
        f"{content['method']:<4}",
        _path(content["url"]),
        doing.param(kept, "Event") or "-",
        f"call {uuid[-8:] or '-'}",
        f"signature {content['signature'] or '-'}",
        content["verdict"],
        str(content["answer"]["status"]),
        kept.file.name,
    )
    return printable(" ".join(columns))


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # in a file that somebody edited
        return url


def _print_keys(found: list[doing.Keys], as_json: bool) -> None:
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        count = f"{each.requests} request{'s' if each.requests > 1 else ''}"
        click.echo(printable(f"{each.provider} {each.event or '(no Event)'}: {count}"))
        for what, counts in (("params", each.params), ("headers", each.headers)):
            names = (name if number == each.requests else f"{name} ({number})" for name, number in counts.items())
            click.echo(printable(f"  {what}: {', '.join(names) or 'none'}"))


COMMANDS = (capture,)
