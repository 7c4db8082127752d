"""callflows flows show, callflows flows context: what a flow is, and what its templates may use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .. import providers, shipped
from ..exploring import explore
from ..exploring.page import files, page
from ..flows import read_sources
from ..flows.context import CONTEXT
from ..flows.reference import reference
from .common import command, json_option, print_json, print_problems
from .flows import SavedFlows, from_here, reading


@command()
@click.argument("name")
@json_option
@click.option("--markdown", is_flag=True, help="Print its page: how to use it, params, steps, what scenarios show.")
def show(name: str, as_json: bool, markdown: bool) -> None:
    """A flow's params, steps and files. Where there is none of yours by that name: of the one callflows comes with.

    Example: callflows flows show forward
    """
    rt = reading()
    folder, of_ours = rt.settings.templates, shipped.path("templates")
    saved = SavedFlows(folder)
    is_shipped = name not in saved and name in SavedFlows(of_ours)
    if is_shipped:
        folder, saved = of_ours, SavedFlows(of_ours)
    flow = saved.named(name)
    source = read_sources(folder)[name]
    manifest = flow.manifest
    if as_json:
        steps = {step.name: step.kind for step in flow.steps.values()}
        about = {"name": name, "version": flow.version, **manifest.model_dump(mode="json"), "steps": steps}
        print_json({**about, "shipped": is_shipped, "folder": str((folder / name).absolute())})
        return
    if markdown:
        explored = explore(rt.composer, flow, providers.NAMES, saved)
        click.echo(page(explored, source, proofs(folder, name)), nl=False)
        return
    click.echo(f"{name}: {manifest.title}\n{manifest.description}\n")
    for param, spec in manifest.params.items():
        need = "required" if spec.required else f"default {spec.default!r}" if spec.default is not None else "optional"
        click.echo(f"  --set {param}=...  {spec.type}, {need}: {spec.description}")
    for given, declared in manifest.context.items():
        click.echo(f"  from the application: {given}, default {declared.default!r}: {declared.description}")
    click.echo(f"\nsteps: {', '.join(flow.steps)}")
    click.echo(f"files in {from_here(folder)}: {', '.join(files(source, flow))}")
    if is_shipped:
        click.echo(f"comes with callflows; to make it yours: callflows flows new NAME --from {name}")
    print_problems(flow.problems)


def proofs(templates: Path, flow: str) -> Sequence[str]:
    """Sentences: names of the scenario files in `tests/scenarios/<flow>/`, beside the folder of the flows."""
    found = sorted((templates.absolute().parent / "tests/scenarios" / flow).glob("*.scenario"))
    return [f"{words[:1].upper()}{words[1:]}." for words in (file.stem.replace("-", " ") for file in found)]


@command()
@json_option
@click.option("--markdown", is_flag=True, help="Print docs/context.md.")
def context(as_json: bool, markdown: bool) -> None:
    """The names a template may use.

    Example: callflows flows context
    """
    if as_json:
        print_json(dict(CONTEXT))
        return
    if markdown:
        click.echo(reference(), nl=False)
        return
    for name, help_text in CONTEXT.items():
        click.echo(f"{name:<12} {help_text}")
    click.echo("and the names that flow.toml declares as [context.NAME], which an application gives")


COMMANDS = (show, context)
