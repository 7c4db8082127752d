"""callflows flows new: a flow of one's own, made from one there is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from .. import providers
from ..errors import CallflowsError, ConfigError, FlowNotFound, RequestInvalid
from ..exploring import explore
from ..exploring.page import uses
from ..flows import Flow, FlowSource, is_name, load_flow, resolve_params
from ..flows.making.copies import leads_to, renamed, shared_by
from ..flows.making.defaults import with_defaults_written
from ..flows.making.saving import differing, save_new
from ..flows.params import ParamSpec
from ..models import Problem, Severity, errors_in
from ..signing import Scalar
from ..suggest import did_you_mean
from .common import Judged, Output, assigned, command, json_option, print_json, report, set_option
from .flows import FLOW_FIELDS, SavedFlows, from_here, reading
from .starting import shipped_flows, titles, to_start_from


class NameTaken(CallflowsError):
    code = "name_taken"


@command()
@click.argument("name")
@click.option("--from", "start", default="", metavar="FLOW", help="One of yours, or one that comes with callflows.")
@set_option
@json_option
@click.pass_context
def new(ctx: click.Context, name: str, start: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """A flow of your own, made from another. `--set` writes its params' defaults into the new flow.toml.

    `callflows flows list --shipped` lists the flows that come with callflows.

    Example: callflows flows new support --from forward --set to=+14155550123
    """
    rt = reading()
    folder = rt.settings.templates
    _refuse_name(name, folder)
    known = to_start_from(folder)
    if start not in known and not as_json:
        click.echo("\n".join(["flows to start from:", *titles(known)]), err=True)
    source = _start(start, known)
    flow = load_flow(source)
    values = _typed(flow.manifest.params, assigned(assignments), source.name)
    files, shared = renamed(source, name), shared_by(source, flow)
    toml = f"{name}/flow.toml"
    if values:
        files[toml] = with_defaults_written(files[toml], values)
    try:
        added = save_new(folder, name, files, shared)
        differ = differing(folder, shared)
    except FileExistsError:
        raise _taken(name, folder) from None
    except OSError as error:
        hint = "see CALLFLOWS_TEMPLATES"
        raise ConfigError(f"{folder.absolute()} cannot be written: {error.strerror}", hint=hint) from None

    saved = SavedFlows(folder)
    made = saved.named(name)
    found = explore(rt.composer, made, providers.NAMES, saved).problems
    problems = [*_of_shared(differ, source.name), *found]
    missing = [each for each in leads_to(source) if each not in saved and each in shipped_flows()]
    ok = not errors_in(problems)
    if as_json:
        print_json(
            {
                "name": name,
                "from": source.name,
                "folder": str((folder / name).absolute()),
                "files": sorted(files),
                "shared": added,
                "params": values,
                "required": made.required_params(),
                "missing": missing,
                "ok": ok,
                "problems": [problem.as_object() for problem in problems],
            }
        )
    else:
        click.echo(f"made {from_here(folder / name)} from {source.name}")
        for path in added:
            click.echo(f"made {from_here(folder / path)}, which it may use")
        judged = Judged(name, problems, lambda problem: problem.file)
        report(Output.TEXT, [judged], many="flows", one="flow", fields=FLOW_FIELDS)
        click.echo("\n".join(_next(made, folder, missing)))
    ctx.exit(0 if ok else 1)


def _refuse_name(name: str, folder: Path) -> None:
    if not is_name(name):
        hint = "lower-case letters, digits, - and _, at most 64; for example {}"
        raise RequestInvalid(f"{name!r} cannot be a flow's name", hint=hint.format(_would_do(name)))
    if (folder / name).exists():
        raise _taken(name, folder)


def _would_do(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:64].strip("-_") or "my-flow"


def _taken(name: str, folder: Path) -> NameTaken:
    return NameTaken(f"{from_here(folder / name)} is there already", hint="choose another name, or edit that one")


def _start(start: str, known: Mapping[str, FlowSource]) -> FlowSource:
    if start in known:
        return known[start]
    listed = "callflows flows list --shipped lists some"
    if not start:
        raise RequestInvalid("--from FLOW must say which flow to start from", hint=listed)
    raise FlowNotFound(f"there is no flow {start!r}", hint=did_you_mean(start, known, listed))


def _typed(specs: Mapping[str, ParamSpec], given: Mapping[str, str], flow: str) -> dict[str, Scalar]:
    """As a transfer takes them, but that what is required may be left for later."""
    asked = {
        name: spec if name in given else spec.model_copy(update={"required": False}) for name, spec in specs.items()
    }
    return resolve_params(asked, given, flow)


def _of_shared(differ: list[str], start: str) -> Iterator[Problem]:
    for path in differ:
        message = f"was there already and is not as {start} comes with it: it is kept, and {start}'s is not copied"
        yield Problem(Severity.WARNING, "flow.shared-differs", message, path, hint="compare the two if it sounds wrong")


def _next(flow: Flow, folder: Path, missing: list[str]) -> Iterator[str]:
    name, specs = flow.name, flow.manifest.params
    where = folder / name / "flow.toml" if specs else folder / name
    yield "\nnext:"
    for other in missing:
        yield f"  callflows flows new {other} --from {other}   # {name} leads there, and you have no such flow"
    yield f"  edit {from_here(where)}: what it says and whom it dials; saved is live"
    yield f"  callflows flows check {name}"
    yield f"  callflows flows graph {name} --svg {name}.svg"
    yield from (f"  {command}" for command in uses(flow))


COMMANDS = (new,)
