"""A flow's page: what it is for, how to use it, its params and steps, as Markdown. A page is what `flows show
--markdown` prints; those of the shipped flows stand in docs/flows/.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from ..flows import Flow, FlowSource
from ..flows.params import ParamSpec
from ..flows.picture.graph import Node, columns, whole
from ..flows.trying.reach import reach, templates_of
from ..models import Leg
from .graph import graph_of
from .walk import Exploration

_COMMENT = re.compile(r"\{#-?(.*?)-?#\}", re.DOTALL)


def page(exploration: Exploration, source: FlowSource, proofs: Sequence[str] = ()) -> str:
    """`source` is what the flow was loaded from; `proofs`: what scenarios of it show, a sentence each."""
    flow = exploration.flow
    parts = [
        f"# {_prose(flow.manifest.title) or flow.name}",
        _prose(flow.manifest.description),
        "\n".join(f"    {line}" for line in (f"callflows flows new NAME --from {flow.name}", *uses(flow))),
        f"![The steps of {flow.name}]({flow.name}.svg)",
        "\n".join(["## Params", "", *_params(flow)]) if flow.manifest.params else "It has no params.",
        "\n".join(["## Steps", "", *_steps(exploration)]),
        "\n".join(["## Files", "", *(f"- `{name}`" for name in files(source, flow))]),
        "\n".join(["## What its scenarios show", "", *(f"- {proof}" for proof in proofs)]) if proofs else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def uses(flow: Flow) -> list[str]:
    """The commands that bring a call here, with an example of each param they need."""
    specs = flow.manifest.params
    sets = "".join(f" --set {shlex.quote(f'{name}={specs[name].example}')}" for name in flow.required_params())
    legs = [leg for leg in Leg if leg in flow.steps]
    to_legs = "".join(f" --{leg} {flow.name}" for leg in (legs if _meets(flow, legs) else legs[:1]))
    transfer = f"callflows transfer CALL_UUID{to_legs}{sets}" if legs else ""
    url = f"callflows url {flow.name}/answer{sets}" if "answer" in flow.steps else ""
    return [each for each in (transfer, url) if each]


def _meets(flow: Flow, legs: Sequence[str]) -> bool:
    """Whether its legs wait for each other, so that one alone would wait in vain."""
    reached = [
        reach(flow.environment.facts, template) for leg in legs for template in flow.steps[leg].templates.values()
    ]
    return all(each.uses_any("transfer.other_leg_fetched") for each in reached)


def files(source: FlowSource, flow: Flow) -> list[str]:
    """Its own, and the shared templates it includes."""
    own = [path for path in source.files if path.startswith(f"{flow.name}/")]
    reached = {each for path in own for each in templates_of(flow.environment.facts, path)}
    return [*sorted(own), *sorted(reached - set(own))]


def _params(flow: Flow) -> Iterator[str]:
    yield "| param | type | default | what for |"
    yield "|---|---|---|---|"
    for name, spec in flow.manifest.params.items():
        type_ = f"{spec.type}: {', '.join(spec.choices)}" if spec.choices else spec.type
        yield _row(f"`{name}`", _prose(type_), _default(spec), _prose(spec.description))


def _default(spec: ParamSpec) -> str:
    if spec.required:
        return f"required, such as {_code(spec.example)}"
    return "" if spec.default in (None, "") else _code(spec.default)


def _steps(exploration: Exploration) -> Iterator[str]:
    """In the order calls come to them, the fallback last; those of which the same is to be said, once."""
    flow, graph = exploration.flow, whole(graph_of(exploration))
    alike: dict[tuple[str, ...], list[str]] = {}
    column = columns(graph)
    for node in sorted(graph.nodes, key=lambda node: (node.name == flow.manifest.fallback, column[node.name])):
        if node.name in flow.steps:
            leads = [
                f"{'itself' if edge.target == node.name else _code(edge.target)}: {_prose(', '.join(edge.labels))}"
                for edge in graph.edges
                if edge.source == node.name
            ]
            cells = (_prose(_doing(flow, node)), "; ".join(leads), _prose("; ".join(node.ends)))
            alike.setdefault(cells, []).append(node.name)
    yield "| step | what it does | leads to | ends |"
    yield "|---|---|---|---|"
    yield from (_row(", ".join(map(_code, names)), *cells) for cells, names in alike.items())


def _doing(flow: Flow, node: Node) -> str:
    step = flow.steps[node.name]
    said = [
        "Where calls come in." if node.entry else "",
        "The fallback." if node.name == flow.manifest.fallback else "",
        "A sound, heard while waiting." if step.kind == "sound" else "",
        "Needs the store." if "store" in step.needs else "",
        _said_first(flow, (*step.templates.values(),)),
    ]
    return " ".join(one for one in said if one)


def _said_first(flow: Flow, templates: Iterable[str]) -> str:
    """The first comment of the step's template, or of what that includes of the same flow."""
    for template in templates:
        for name in templates_of(flow.environment.facts, template):
            found = _COMMENT.search(flow.texts.get(name, "")) if name.startswith(f"{flow.name}/") else None
            if found:
                return found[1].strip()
    return ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _code(value: object) -> str:
    text = " ".join(str(value).split()).replace("`", "'")
    return f"`{text.lower() if isinstance(value, bool) else text}`"
