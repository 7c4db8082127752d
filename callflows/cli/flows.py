"""callflows flows ..., callflows validate: what operators wrote, looked at before callers hear it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .. import documents, providers
from ..compose import Case
from ..config import Settings
from ..errors import FlowNotFound
from ..exploring import explore, graph_of
from ..flows import Flow, Status, ignored, load_flow, read_sources, resolve_params
from ..flows.params import examples
from ..flows.picture import drawing
from ..flows.picture.graph import mermaid
from ..flows.trying.sampling import DIAL_STATUSES, SAMPLE_CALL, SAMPLE_TRANSFER
from ..models import CallEvent, DialValues, EventKind, FlowState, InputValues, Leg, Problem, errors_in
from ..runtime import Runtime
from ..signing import Token
from ..suggest import did_you_mean
from ..urls import without_marks
from .common import (
    Group,
    Judged,
    Output,
    assigned,
    command,
    json_option,
    moment,
    output_options,
    print_json,
    print_problems,
    provider_option,
    report,
    runtime,
    set_option,
)
from .starting import list_shipped

# What a problem is in JSON: the keys are a contract.
FILE_FIELDS = ("severity", "code", "line", "message", "hint")
FLOW_FIELDS = (*FILE_FIELDS, "file", "column")


def reading() -> Runtime:
    """A runtime that writes nothing: these commands look at files, and need no key that anybody else knows."""
    settings = Settings.load()
    return runtime(settings if settings.secret_keys else Settings.load({"SECRET_KEYS": "for looking at flows only"}))


@click.group("flows", cls=Group)
def flows() -> None:
    """See, check and render the flows in CALLFLOWS_TEMPLATES."""


@flows.command("list")
@click.option("--shipped", "of_ours", is_flag=True, help="The flows that come with callflows, to start from.")
@json_option
def list_flows(of_ours: bool, as_json: bool) -> None:
    """Every flow and its state: good, what was saved is live; stale, the newest save has errors and an older version is
    live; broken, it never was good and nothing is; pending, saved and not published yet; held, another version was
    published by hand.

    Example: callflows flows list
    """
    if of_ours:
        list_shipped(as_json)
        return
    rt = reading()
    found = [
        (load_flow(source), rt.versions.status(name, source.version))
        for name, source in read_sources(rt.settings.templates).items()
    ]
    if as_json:
        print_json([_listed(flow, status) for flow, status in found])
        return
    print_problems(ignored(rt.settings.templates))
    if not found:
        click.echo(f"no flows in {rt.settings.templates.absolute()}; see CALLFLOWS_TEMPLATES")
        click.echo("flows to start from: callflows flows list --shipped")
    for flow, status in found:
        steps = ", ".join(sorted(flow.steps))
        click.echo(f"{flow.name:<20} {flow.manifest.title:<32} {steps:<36} {in_words(status)}")


def _listed(flow: Flow, status: Status) -> dict[str, Any]:
    return {
        "name": flow.name,
        "title": flow.manifest.title,
        "steps": sorted(flow.steps),
        "state": status.state,
        "since": status.since,
        "version": status.version,
        "problems": [problem.as_object() for problem in status.problems],
    }


@flows.command()
@click.argument("names", nargs=-1)
@output_options
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], output: Output) -> None:
    """Render and judge every step, for every provider. Without names: all flows.

    Example: callflows flows check forward
    """
    rt = reading()
    folder = rt.settings.templates
    saved = SavedFlows(folder)
    found = {name: saved.named(name) for name in names} or dict(saved)

    def path(problem: Problem) -> str:
        return from_here(folder / problem.file) if problem.file else ""

    judged = [
        Judged(name, explore(rt.composer, flow, providers.NAMES, saved).problems, path) for name, flow in found.items()
    ]
    also = () if names else (Judged("", ignored(folder), path),)
    ok = report(output, judged, many="flows", one="flow", fields=FLOW_FIELDS, also=also)
    if not found:
        click.echo(f"no flows in {folder.absolute()}", err=True)
    ctx.exit(0 if ok else 1)


@flows.command()
@click.argument("target", metavar="FLOW/STEP")
@provider_option
@set_option
@click.option("--digits", default="", help="What the caller pressed before this step.")
@click.option("--speech", default="", help="What the caller said before this step.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]), help="At what time, in UTC.")
@click.option("--dial-status", type=click.Choice(DIAL_STATUSES), help="How the Dial before this step ended.")
@json_option
@click.pass_context
def render(
    ctx: click.Context,
    target: str,
    provider: str,
    assignments: tuple[str, ...],
    digits: str,
    speech: str,
    at: datetime | None,
    dial_status: str | None,
    as_json: bool,
) -> None:
    """The document a step gives, as the platform would get it. Links show `t=…` for their token.

    Example: callflows flows render forward/aleg --provider vobiz --set to=+14155550123
    """
    rt = reading()
    name, _, step = target.partition("/")
    saved = SavedFlows(rt.settings.templates)
    flow = saved.named(name)
    step = step or str(Leg.A)
    if step not in flow.steps:
        raise FlowNotFound(f"flow {name} has no step '{step}'", hint=flow.closest_step(step))
    given = assigned(assignments)
    params = resolve_params(flow.manifest.params, {**examples(flow.manifest.params), **given}, name)
    kind = EventKind.DIAL_RESULT if dial_status else EventKind.INPUT if digits or speech else EventKind.DOCUMENT
    event = CallEvent(
        kind,
        SAMPLE_CALL,
        input=InputValues(digits, speech, "", "speech" if speech else "dtmf" if digits else ""),
        dial=DialValues(status=dial_status or ""),
    )
    provider = provider or (flow.manifest.providers or providers.NAMES)[0]
    providers.provider_class(provider)  # refuses an unknown one
    leg = Leg.B if step == Leg.B else Leg.A
    token = Token(
        SAMPLE_CALL.uuid, SAMPLE_TRANSFER if step != "answer" else "", leg, params=params, version=flow.version
    )
    now = at.replace(tzinfo=UTC) if at else rt.composer.now()
    case = Case(rt.composer, flow, flow.steps[step], provider, event, token, sampled=True, among=saved, now=now)
    composed = case.compose()
    text = without_marks(composed.text)
    if as_json:
        print_json({"ok": composed.ok, "document": text, "problems": [p.as_object() for p in composed.problems]})
    else:
        click.echo(text, nl=not text.endswith("\n")) if text else None
        print_problems(composed.problems, err=True)
    ctx.exit(0 if composed.ok else 1)


@flows.command()
@click.argument("name")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this file as well.")
@json_option
def graph(name: str, svg: Path | None, as_json: bool) -> None:
    """Which step leads to which, as a Mermaid diagram.

    Example: callflows flows graph forward --svg forward.svg
    """
    rt = reading()
    saved = SavedFlows(rt.settings.templates)
    found = graph_of(explore(rt.composer, saved.named(name), providers.NAMES, saved))
    if svg is not None:
        try:
            svg.write_text(drawing.svg(found), encoding="utf-8")
        except OSError as error:
            raise click.BadParameter(f"{svg} cannot be written: {error.strerror}", param_hint="--svg") from None
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        click.echo(mermaid(found), nl=False)


@command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--provider", default=providers.NAMES[0], show_default=True, metavar="NAME", help="Whose XML it is.")
@output_options
@click.pass_context
def validate(ctx: click.Context, files: tuple[str, ...], provider: str, output: Output) -> None:
    """Judge XML files as they are; "-" is standard input.

    Example: callflows validate answer.xml --provider vobiz
    """
    providers.provider_class(provider)  # refuses an unknown one
    judged = [
        Judged(file, judged_file(file, provider), lambda problem: "" if problem.file == "-" else problem.file)
        for file in files
    ]
    ctx.exit(0 if report(output, judged, many="files", one="file", fields=FILE_FIELDS) else 1)


def judged_file(file: str, provider: str) -> tuple[Problem, ...]:
    try:
        if file == "-" and sys.stdin is None:
            raise OSError("standard input is closed")
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: no file can have that name
        reason = getattr(error, "strerror", None) or str(error)
        return (Problem.error("xml.unreadable", f"cannot be read: {reason}", file),)
    return documents.judge_bytes(data, provider, native=True, file=file).problems


def from_here(path: Path) -> str:
    """Relative to the current directory where it lies below, as GitHub wants it; else absolute."""
    path, here = path.absolute(), Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def in_words(status: Status) -> str:
    """A state, since when, and the first reason, in a line."""
    since = f" since {moment(status.since)}Z" if status.since and status.state is not FlowState.GOOD else ""
    first = "".join(f": {problem}" for problem in errors_in(status.problems)[:1])
    return f"{status.state}{since}{first}"


class SavedFlows(Mapping[str, Flow]):
    """The flows as they stand in the operators' folder, published or not; loaded when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources = read_sources(folder)
        self._loaded: dict[str, Flow] = {}

    def __getitem__(self, name: str) -> Flow:
        if name not in self._loaded:
            self._loaded[name] = load_flow(self._sources[name])
        return self._loaded[name]

    def named(self, name: str) -> Flow:
        """Raise FlowNotFound, with what may have been meant."""
        if name not in self._sources:
            there_are = f"in {self._folder}: {', '.join(self._sources) or 'none'}"
            raise FlowNotFound(f"there is no flow {name!r}", hint=did_you_mean(name, self._sources, there_are))
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


COMMANDS = (flows, validate)
