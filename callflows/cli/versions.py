"""callflows flows history, callflows flows publish: what was live when, and the way back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ..errors import DocumentRefused, FlowNotFound, RequestInvalid
from ..flows import Refusal, Versions
from ..models import Published
from ..suggest import did_you_mean
from .common import command, json_option, moment, print_json, print_problems
from .flows import in_words, reading


@command()
@click.argument("name")
@json_option
def history(name: str, as_json: bool) -> None:
    """Every version of a flow that was live on this machine, the newest first, and the last save that was refused.

    Example: callflows flows history forward
    """
    versions = reading().versions
    status, turns = versions.status(name), versions.history(name)
    refused = versions.refusal(name) or versions.refusal(name, mended=True)
    if not turns and refused is None:
        known = versions.known_names()
        hint = did_you_mean(name, known, f"there are: {', '.join(known)}" if known else "see CALLFLOWS_STATE_DIR")
        raise FlowNotFound(f"no version of {name!r} was live on this machine", hint=hint)
    stored = set(versions.stored(name))
    if as_json:
        rows = [{**asdict(turn), "available": turn.version in stored} for turn in turns]
        print_json({"flow": name, "state": status.state, "versions": rows, "refused": refused and _refused(refused)})
        return
    width = max([len(turn.version) for turn in turns], default=0)
    for turn in turns:
        until = f"until {moment(turn.until)}Z" if turn.until else "live" if turn.version else ""
        gone = "  not kept" if turn.version and turn.version not in stored else ""
        version = turn.version or "-"
        click.echo(f"{version:<{width}}  {moment(turn.since)}Z  {until:<26}  {turn.how}{gone}")
    if refused is not None:
        taken_back = f" until {moment(refused.until)}Z" if refused.until else ""
        click.echo(f"\nrefused since {moment(refused.since)}Z{taken_back}: {refused.version}")
        print_problems(refused.problems)


def _refused(refusal: Refusal) -> dict[str, Any]:
    problems = [problem.as_object() for problem in refusal.problems]
    return {"version": refusal.version, "since": refusal.since, "until": refusal.until, "problems": problems}


@command()
@click.argument("version")
@click.option("--back", is_flag=True, help="VERSION is a flow: to the version before the one that is live.")
@json_option
def publish(version: str, back: bool, as_json: bool) -> None:
    """Make a version that was live before live again: for the next request, in all workers of this machine.

    The version is checked first. What the flow's folder holds is not published then (`flows list` says held), until the
    flow is saved anew. The beginning of a version's name or hash will do.

    Example: callflows flows publish forward --back
    """
    rt = reading()
    wanted = _before(rt.versions, version) if back else _meant(rt.versions, version)
    name = wanted.rpartition("-")[0]
    before = rt.versions.live_version(name)
    try:
        warnings = rt.publisher.publish_version(wanted)
    except DocumentRefused as error:
        if not as_json:
            print_problems(error.problems, err=True)
        raise
    status = rt.versions.status(name)
    if as_json:
        problems = [problem.as_object() for problem in warnings]
        print_json({"flow": name, "version": wanted, "before": before, "state": status.state, "problems": problems})
        return
    click.echo(f"{wanted} is live{f', and was {before}' if before not in ('', wanted) else ''}; {in_words(status)}")


def _meant(versions: Versions, text: str) -> str:
    found = versions.meant(text)
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestInvalid(f"{text} may be any of {', '.join(found[:5])}", hint="write more of it")
    if versions.history(text):
        hint = f"callflows flows history {text} lists its versions; with --back it is the one before"
        raise RequestInvalid(f"{text} is a flow, not a version", hint=hint)
    raise FlowNotFound(f"there is no version {text!r} on this machine", hint="see callflows flows history FLOW")


def _before(versions: Versions, flow: str) -> str:
    """The newest that was saved before the live one was: again and again, it leads further back."""
    saved: dict[str, float] = {}
    for turn in versions.history(flow):
        if turn.how is Published.SAVED:
            saved.setdefault(turn.version, turn.since)
    now = saved.get(versions.live_version(flow), 0.0)
    kept = [version for version in versions.stored(flow) if saved.get(version, now) < now]
    if not kept:
        raise FlowNotFound(f"no version of {flow!r} from before is kept", hint=f"callflows flows history {flow}")
    return max(kept, key=saved.__getitem__)
