"""callflows flows ..., callflows validate: what operators wrote, looked at before callers hear it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .. import documents, providers, shipped
from ..config import Settings
from ..errors import FlowNotFound
from ..flows import Flow, ignored, load_flow, read_sources, resolve_params
from ..flows.context import CONTEXT
from ..flows.params import examples
from ..flows.sampling import DIAL_STATUSES, SAMPLE_CALL
from ..models import CallEvent, DialValues, EventKind, InputValues, Leg, Problem, errors_in
from ..runtime import Runtime
from ..signing import Token
from ..suggest import did_you_mean
from ..urls import without_marks
from .common import (
    Group,
    assigned,
    command,
    json_option,
    print_json,
    print_problems,
    problem_object,
    provider_option,
    runtime,
    set_option,
)


def reading() -> Runtime:
    """A runtime that writes nothing: these commands look at files, and need no key that anybody else knows."""
    settings = Settings.load()
    return runtime(settings if settings.secret_keys else Settings.load({"SECRET_KEYS": "for looking at flows only"}))


@click.group("flows", cls=Group)
def flows() -> None:
    """See, check and render the flows in CALLFLOWS_TEMPLATES."""


@flows.command("list")
@json_option
def list_flows(as_json: bool) -> None:
    """Every flow and its state.

    Example: callflows flows list
    """
    rt = reading()
    rows = []
    for name, source in read_sources(rt.settings.templates).items():
        flow = load_flow(source)
        stale = rt.versions.stale(name)
        live = rt.versions.live_version(name)
        state = "live" if live == source.version else "not published yet" if not live else "an older version is live"
        if stale:
            since = datetime.fromtimestamp(stale[0], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            first = "".join(map(str, errors_in(stale[1])[:1]))
            state = f"{'stale' if live else 'broken'} since {since}: {first}"
        rows.append({"name": name, "title": flow.manifest.title, "steps": sorted(flow.steps), "state": state})
    if as_json:
        print_json(rows)
        return
    print_problems(ignored(rt.settings.templates))
    if not rows:
        click.echo(f"no flows in {rt.settings.templates.absolute()}; see CALLFLOWS_TEMPLATES")
        click.echo(f"flows to start from: {shipped.path('templates')}")
    for row in rows:
        click.echo(f"{row['name']:<20} {row['title']:<32} {', '.join(row['steps']):<36} {row['state']}")


@flows.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """A flow's params and steps.

    Example: callflows flows show forward
    """
    flow = saved_flow(reading(), name)
    manifest = flow.manifest
    if as_json:
        steps = {step.name: step.kind for step in flow.steps.values()}
        print_json({"name": name, "version": flow.version, **manifest.model_dump(mode="json"), "steps": steps})
        return
    click.echo(f"{name}: {manifest.title}\n{manifest.description}\n")
    for param, spec in manifest.params.items():
        need = "required" if spec.required else f"default {spec.default!r}" if spec.default is not None else "optional"
        click.echo(f"  --set {param}=...  {spec.type}, {need}: {spec.description}")
    click.echo(f"\nsteps: {', '.join(flow.steps)}")
    print_problems(flow.problems)


@flows.command()
@click.argument("names", nargs=-1)
@json_option
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Render and judge every step, for every provider. Without names: all flows.

    Example: callflows flows check forward
    """
    rt = reading()
    found = {name: saved_flow(rt, name) for name in names} or {
        name: load_flow(source) for name, source in read_sources(rt.settings.templates).items()
    }
    problems = {name: rt.composer.check(flow, providers.NAMES) for name, flow in found.items()}
    bad = [name for name, some in problems.items() if errors_in(some)]
    if as_json:
        flows_json = [
            {"flow": name, "ok": name not in bad, "problems": [problem_object(problem) for problem in some]}
            for name, some in problems.items()
        ]
        print_json({"ok": not bad, "flows": flows_json})
    else:
        print_problems(() if names else ignored(rt.settings.templates))
        for name, some in problems.items():
            print_problems(some)
            click.echo(f"{name}: {'problems' if name in bad else 'ok'}")
        if not found:
            click.echo(f"no flows in {rt.settings.templates.absolute()}", err=True)
    ctx.exit(1 if bad or not found else 0)


@flows.command()
@click.argument("target", metavar="FLOW/STEP")
@provider_option
@set_option
@click.option("--digits", default="", help="What the caller pressed before this step.")
@click.option("--speech", default="", help="What the caller said before this step.")
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
    dial_status: str | None,
    as_json: bool,
) -> None:
    """The document a step gives, as the platform would get it. Links show `t=…` for their token.

    Example: callflows flows render forward/aleg --provider vobiz --set to=+14155550123
    """
    rt = reading()
    name, _, step = target.partition("/")
    flow = saved_flow(rt, name)
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
    token = Token(call_uuid=SAMPLE_CALL.uuid, params=params, version=flow.version)
    composed = rt.composer.compose(flow, flow.steps[step], provider, event=event, token=token, sampled=True)
    text = without_marks(composed.text)
    if as_json:
        print_json({"ok": composed.ok, "document": text, "problems": [problem_object(p) for p in composed.problems]})
    else:
        click.echo(text, nl=not text.endswith("\n")) if text else None
        for problem in composed.problems:
            click.echo(str(problem), err=True)
    ctx.exit(0 if composed.ok else 1)


@flows.command()
@json_option
def context(as_json: bool) -> None:
    """The names a template may use.

    Example: callflows flows context
    """
    if as_json:
        print_json(dict(CONTEXT))
        return
    for name, help_text in CONTEXT.items():
        click.echo(f"{name:<12} {help_text}")


@command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--provider", default=providers.NAMES[0], show_default=True, metavar="NAME", help="Whose XML it is.")
@json_option
@click.pass_context
def validate(ctx: click.Context, files: tuple[str, ...], provider: str, as_json: bool) -> None:
    """Judge XML files as they are; "-" is standard input.

    Example: callflows validate answer.xml --provider vobiz
    """
    providers.provider_class(provider)  # refuses an unknown one
    results: list[dict[str, Any]] = []
    for file in files:
        try:
            data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            problems = documents.judge_bytes(data, provider, native=True, file=file).problems
        except OSError as error:
            problems = (Problem.error("xml.unreadable", f"cannot be read: {error.strerror}", file),)
        good = not errors_in(problems)
        rows = [{k: v for k, v in problem_object(problem).items() if k != "file"} for problem in problems]
        results.append({"file": file, "ok": good, "problems": rows})
        if not as_json:
            print_problems(problems)
            click.echo(f"{file}: {'ok' if good else 'problems'}")
    ok = all(result["ok"] for result in results)
    if as_json:
        print_json({"ok": ok, "files": results})
    ctx.exit(0 if ok else 1)


def saved_flow(rt: Runtime, name: str) -> Flow:
    """The flow as it stands in the operators' folder, published or not."""
    sources = read_sources(rt.settings.templates)
    if name not in sources:
        there_are = f"in {rt.settings.templates}: {', '.join(sources) or 'none'}"
        raise FlowNotFound(f"there is no flow {name!r}", hint=did_you_mean(name, sources, there_are))
    return load_flow(sources[name])


COMMANDS = (flows, validate)
