"""The flows that come with callflows, to start from; without one's own beside them."""

from __future__ import annotations

from pathlib import Path

import click

from .. import shipped
from ..flows import FlowSource, load_flow, read_sources
from .common import print_json


def shipped_flows() -> dict[str, FlowSource]:
    return read_sources(shipped.path("templates"))


def to_start_from(templates: Path) -> dict[str, FlowSource]:
    """The operator's own flows, and the shipped ones whose names are not among them."""
    return dict(sorted({**shipped_flows(), **read_sources(templates)}.items()))


def titles(sources: dict[str, FlowSource]) -> list[str]:
    """A line for each, for people."""
    width = max(map(len, sources), default=0)
    return [f"  {name:<{width}}  {load_flow(source).manifest.title}" for name, source in sources.items()]


def list_shipped(as_json: bool) -> None:
    rows = []
    for name, source in shipped_flows().items():
        flow = load_flow(source)
        about = {"title": flow.manifest.title, "description": flow.manifest.description}
        rows.append({"name": name, **about, "steps": sorted(flow.steps), "required": flow.required_params()})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:<20} {row['title']}\n{'':<20} {row['description']}")
    click.echo("\nread one: callflows flows show FLOW    make it yours: callflows flows new NAME --from FLOW")
