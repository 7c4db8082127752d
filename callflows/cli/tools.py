"""callflows flows tools: the flows as tools that a model may call, for the back end of an AI agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from .. import providers
from ..errors import CallflowsError, FlowNotFound
from ..flows import Flow, read_sources
from ..flows.schema import params_schema, sentences
from ..models import Leg
from ..runtime import Runtime
from ..targets import find_flow
from .common import command, json_option, print_json
from .flows import reading

# What a model must know before it chooses.
MOVED = {
    Leg.A: "This transfers the live call: what the caller hears now, a conversation with you included, is interrupted "
    "and does not come back.",
    Leg.B: "This transfers the party the caller is connected to: what they hear now is interrupted and does not come "
    "back.",
}
HEARD = "Success means that the transfer was asked for, not that anybody was reached."

Shape = Callable[[Flow, str, dict[str, Any]], dict[str, Any]]
# A flow's name is a tool's name as it stands: lower-case letters, digits, - and _, at most 64 of them.
STYLES: dict[str, Shape] = {
    "openai": lambda flow, description, schema: {
        "type": "function",
        "function": {"name": flow.name, "description": description, "parameters": schema},
    },
    "anthropic": lambda flow, description, schema: {
        "name": flow.name,
        "description": description,
        "input_schema": schema,
    },
    "mcp": lambda flow, description, schema: {
        "name": flow.name,
        "title": flow.manifest.title or flow.name,
        "description": description,
        "inputSchema": schema,
    },
}


@command()
@click.argument("names", nargs=-1, metavar="[FLOW]...")
@click.option("--style", type=click.Choice(list(STYLES)), default="openai", show_default=True, help="Whose shape.")
@click.option(
    "--leg",
    type=click.Choice([str(leg) for leg in Leg]),
    default=str(Leg.A),
    show_default=True,
    help="Which leg the tools move: the call itself, or the leg bridged to it.",
)
@click.option("--provider", default="", metavar="NAME", help="Only flows for this platform: plivo or vobiz.")
@json_option
def tools(names: tuple[str, ...], style: str, leg: str, provider: str, as_json: bool) -> None:
    """The flows as tools a model may call: a JSON list, in the shape that APIs of language models take.

    A tool has the name of its flow, and the flow's params as JSON Schema. `agent = false` in flow.toml keeps a flow,
    or one of its params, from agents. What is left out is said on standard error; a FLOW that is named and cannot be a
    tool is an error. Without FLOW: all of them. It prints JSON with and without --json.

    Example: callflows flows tools forward hold --style anthropic
    """
    if provider:
        providers.provider_class(provider)  # refuses an unknown one
    rt = reading()
    made = []
    for name in dict.fromkeys(names) or _known(rt):
        try:
            flow = _offered(rt, name, Leg(leg), provider)
        except NotATool:
            if names:
                raise
            continue
        except CallflowsError as error:
            if names:
                raise
            click.echo(f"warning: {name} is left out: {error}", err=True)
            continue
        if rt.versions.stale(name):
            click.echo(f"warning: {name}: the newest save has problems; this is the version that is live", err=True)
        if not flow.manifest.title and not flow.manifest.description:
            hint = f"add a description to {name}/flow.toml"
            click.echo(f"warning: {name}: nothing tells a model what it is for ({hint})", err=True)
        made.append(STYLES[style](flow, _description(flow, Leg(leg)), params_schema(_open_params(flow))))
    print_json(made)


def _known(rt: Runtime) -> Iterable[str]:
    """Whatever is live, and whatever ought to be."""
    if not rt.versions.names():
        rt.publisher.publish_all()  # nobody serves from this STATE_DIR yet; a transfer would do the same
    return sorted({*rt.versions.names(), *rt.versions.stale_names(), *read_sources(rt.settings.templates)})


def _offered(rt: Runtime, name: str, leg: Leg, provider: str) -> Flow:
    """The flow as a transfer would find it now. Raise NotATool where it is not meant to be one, and another
    CallflowsError with the reason where it is and cannot be."""
    flow = find_flow(rt, name)
    toml = f"{name}/flow.toml"
    if not flow.manifest.agent:
        raise NotATool(f"flow {name} is kept from agents", hint=f"agent = false in {toml}")
    entries = [each for each in Leg if each in flow.steps and flow.steps[each].kind != "sound"]
    if not entries:
        raise NotATool(f"no call can be transferred to flow {name}", hint=f"add {name}/{leg}.xml")
    if leg not in entries:
        raise FlowNotFound(f"flow {name} has no step {leg} for calls", hint=f"it has {entries[0]}: --leg {entries[0]}")
    for param in flow.required_params():
        if not flow.manifest.params[param].agent:
            hint = f"in {toml}, give it a default instead of required = true"
            raise NotATool(f"flow {name} needs {param}, which is kept from agents", hint=hint)
    if provider and not _is_for(flow, leg, provider):
        raise NotATool(f"flow {name} is not for {provider}", hint=f"see providers in {toml}")
    return flow


def _is_for(flow: Flow, leg: Leg, provider: str) -> bool:
    return provider in (flow.manifest.providers or providers.NAMES) and bool(flow.steps[leg].template(provider)[0])


def _description(flow: Flow, leg: Leg) -> str:
    return sentences(flow.manifest.title, flow.manifest.description, MOVED[leg], HEARD)


def _open_params(flow: Flow) -> dict[str, Any]:
    return {name: spec for name, spec in flow.manifest.params.items() if spec.agent}


class NotATool(CallflowsError):
    """The operator means it so."""

    code = "not_a_tool"
