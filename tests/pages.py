"""The pages that are made from the code. `make docs` writes them; a test holds what is there to what they would be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from callflows.cli import main
from callflows.cli.pages import proofs
from callflows.config import Settings
from callflows.exploring import explore, graph_of
from callflows.exploring.page import page
from callflows.flows import Flow, load_flow, read_sources
from callflows.flows.picture.drawing import svg
from callflows.providers import NAMES
from callflows.runtime import Runtime

from .conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
TEMPLATES = REPOSITORY / "templates"
INDEX = """\
# The flows that come with callflows

Each on both platforms, with every outcome handled. `callflows flows list --shipped` lists them where callflows is
installed, `callflows flows show FLOW` tells about one, and `callflows flows new NAME --from FLOW` makes it yours: see
[start from a flow](../flows.md#start-from-a-flow).

| flow | | what it does |
|---|---|---|
"""


def pages() -> Iterator[tuple[Path, str]]:
    yield DOCS / "rules.md", _printed("rules", "--markdown")
    yield DOCS / "context.md", _printed("flows", "context", "--markdown")
    operations = DOCS / "operations.md"
    settings = _printed("settings", "--markdown")
    yield operations, operations.read_text().partition(settings.split("\n")[0])[0] + settings
    yield from of_flows()


def of_flows() -> Iterator[tuple[Path, str]]:
    """Each flow is explored once for its page and its picture."""
    sources = read_sources(TEMPLATES)
    flows = {name: load_flow(source) for name, source in sources.items()}
    composer = Runtime(Settings.load({"SECRET_KEYS": "for looking at flows only"})).composer
    yield DOCS / "flows" / "README.md", INDEX + "".join(map(_line, flows.values()))
    for name, flow in flows.items():
        explored = explore(composer, flow, NAMES, flows)
        yield DOCS / "flows" / f"{name}.md", page(explored, sources[name], proofs(TEMPLATES, name))
        yield DOCS / "flows" / f"{name}.svg", svg(graph_of(explored))


def _line(flow: Flow) -> str:
    about = f"[{flow.name}]({flow.name}.md) | {flow.manifest.title} | {flow.manifest.description}"
    return f"| {about} [Files](../../templates/{flow.name}/) |\n"


def _printed(*command: str) -> str:
    return CliRunner().invoke(main, command, catch_exceptions=False).stdout


if __name__ == "__main__":
    made = dict(pages())
    (DOCS / "flows").mkdir(exist_ok=True)
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    for path in (DOCS / "flows").iterdir():
        if path not in made:
            path.unlink()  # of a flow that is gone
