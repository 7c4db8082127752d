"""A flow as a picture of steps that lead to each other: the model, what is said of a step, and Mermaid text."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A step, or what a step leads to.

    kind: "call", "sound" (heard while waiting), "flow" (a step of another flow, named "other/step"), "foreign"
    (somebody else's URL), or "missing" (an edge leads to or from it, but nobody described it).
    dead_end: why the caller is hung up on there without a word; ends: how calls end there.
    """

    name: str
    title: str = ""
    entry: bool = False
    kind: str = "call"
    dead_end: str = ""
    unreachable: bool = False
    problems: int = 0
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    source: str
    target: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    name: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


WRAP = 34  # characters in a line of a box in the drawing
LABEL = 26  # characters of an edge's label in the drawing
NOTHING = "no steps"  # what both outputs say of an empty graph

# what a step can be marked as: the class of its box, what the legend says, and when
MARKS: tuple[tuple[str, str, Callable[[Node], bool]], ...] = (
    ("entry", "calls start here", lambda node: node.entry),
    ("sound", "sound", lambda node: node.kind == "sound"),
    ("elsewhere", "another flow", lambda node: node.kind == "flow"),
    ("foreign", "another server", lambda node: node.kind == "foreign"),
    ("missing", "no such step", lambda node: node.kind == "missing"),
    ("unreachable", "unreachable", lambda node: node.unreachable),
    ("faulty", "has problems", lambda node: node.problems > 0),
    ("dead", "dead end", lambda node: bool(node.dead_end)),
)


def marks(node: Node) -> list[str]:
    return [mark for mark, _, applies in MARKS if applies(node)]


def details(node: Node) -> list[str]:
    """What is said of a step under its name. Every mark is said in words, for those who cannot see its colour."""
    lines = [node.title] if node.title.casefold() not in ("", node.name.casefold()) else []
    if node.entry:
        lines.append("entry")
    lines += [legend for mark, legend, applies in MARKS[1:6] if applies(node)]
    if node.problems:
        lines.append("1 problem" if node.problems == 1 else f"{node.problems} problems")
    if node.dead_end:
        lines.append(f"dead end: {node.dead_end}")
    if node.ends:
        lines.append(f"ends: {', '.join(node.ends)}")
    return lines


def short(labels: Sequence[str]) -> str:
    """An edge's labels, or the first of them and how many more there are."""
    text = ", ".join(labels)
    if len(text) <= LABEL:
        return text
    some = next((n for n in (3, 2) if n < len(labels) and len(", ".join(labels[:n])) <= LABEL - 9), 1)
    first = ", ".join(labels[:some])
    first = first if len(first) <= LABEL else first[: LABEL - 1] + "…"
    return f"{first} and {len(labels) - some} more" if len(labels) > some else first


def wrapped(text: str, most: int) -> list[str]:
    lines = textwrap.wrap(text, WRAP)
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][: WRAP - 1] + "…"]


def printable(text: str) -> str:
    """Without control characters, which XML cannot hold, and marks that turn the direction of the text around them;
    the joiners stay, as Indian scripts and Persian are misspelt without them."""
    return "".join(
        c if c.isprintable() or c in "\u200c\u200d" else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


_NARROW, _WIDE = " iljtfrI.,:;'|!()[]-", "mwMW@%&<>#+=…"


def measure(text: str, size: int = 12) -> int:
    """About how wide a text is, rather too wide than too narrow: fonts differ."""
    ems = 0.0
    for char in text:
        if unicodedata.east_asian_width(char) in "WF":
            ems += 1.05
        elif not unicodedata.combining(char):
            ems += 0.4 if char in _NARROW else 1.0 if char in _WIDE else 0.72 if char.isupper() else 0.63
    return int(ems * size) + 1


def in_order(label: str) -> tuple[bool, int, str]:
    """Sorts keys as numbers and before words."""
    digits = label.isdecimal()
    return (not digits, len(label) if digits else 0, label)


def whole(graph: Graph) -> Graph:
    """The same graph in one order, whatever order it was found in: each step once, one edge between two steps, and
    a step for every end of an edge, so that a link to a step that does not exist is seen."""
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        nodes.setdefault(node.name, node)
    labels: dict[tuple[str, str], set[str]] = {}
    for edge in graph.edges:
        labels.setdefault((edge.source, edge.target), set()).update(edge.labels)
        for name in (edge.source, edge.target):
            nodes.setdefault(name, Node(name, kind="missing"))
    edges = [Edge(*ends, tuple(sorted(said, key=in_order))) for ends, said in labels.items()]
    # a step's edges by what they are for, so that key 1 is drawn above key 2
    edges.sort(key=lambda edge: (edge.source, [in_order(label) for label in edge.labels], edge.target))
    return Graph(
        graph.name,
        graph.title,
        tuple(sorted(nodes.values(), key=lambda node: (not node.entry, node.name))),
        tuple(edges),
    )


def columns(graph: Graph) -> dict[str, int]:
    """Each step's distance from the nearest entry; steps that no entry leads to are in a last column, but those that
    are linked with nothing (a fallback) in the first, where they take no room of their own."""
    led = {edge.target for edge in graph.edges if edge.source != edge.target}
    starts = [node.name for node in graph.nodes if node.entry]
    # without an entry the picture begins where nothing leads to, or, all being in a circle, with the first
    starts = starts or [node.name for node in graph.nodes if node.name not in led and not node.unreachable]
    starts = starts or [node.name for node in graph.nodes[:1]]
    shut = {node.name for node in graph.nodes if node.unreachable}
    after = defaultdict(list)
    for edge in graph.edges:
        after[edge.source].append(edge.target)
    found = dict.fromkeys(starts, 0)
    queue = list(starts)
    for name in queue:
        for target in after[name]:
            if target not in found and target not in shut:
                found[target] = found[name] + 1
                queue.append(target)
    linked = {end for edge in graph.edges for end in (edge.source, edge.target)}
    found |= {node.name: 0 for node in graph.nodes if node.name not in found and node.name not in linked}
    last = max(found.values(), default=-1) + 1
    return found | {node.name: last for node in graph.nodes if node.name not in found}


def rows(graph: Graph) -> list[list[str]]:
    """The columns from top to bottom, each step near the steps it is linked with in the columns beside it."""
    column = columns(graph)
    order: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for name in column:
        order[column[name]].append(name)
    place: dict[str, float] = {}  # in its column, from 0 to 1: columns are as tall as they need be, and centred
    for names in order:
        place.update((name, (index + 0.5) / len(names)) for index, name in enumerate(names))
    forth, back = defaultdict(list), defaultdict(list)
    for edge in graph.edges:
        if column[edge.target] == column[edge.source] + 1:
            forth[edge.source].append(edge.target)
            back[edge.target].append(edge.source)
    for _ in range(2):
        for neighbours, names_of in ((back, order[1:]), (forth, order[-2::-1])):
            for names in names_of:
                middle = {name: [place[other] for other in neighbours[name]] or [place[name]] for name in names}
                names.sort(key=lambda name: sum(middle[name]) / len(middle[name]))
                place.update((name, (index + 0.5) / len(names)) for index, name in enumerate(names))
    return order


# Besides what ends a quoted label, Mermaid takes backticks and asterisks for Markdown, %% for a comment, and loses
# the semicolon of an entity that stands in one word with a colon; its own stand-ins for entities hold "°" and "¶".
_UNSAFE = re.compile(r"[^\w ,.+/:-]|:(?! )")
_NAMED = {'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}


def escaped(text: str) -> str:
    """Text for a quoted Mermaid label, on one line."""
    text = " ".join(printable(text).split())
    return _UNSAFE.sub(lambda found: _NAMED.get(found[0], f"#{ord(found[0])};"), text)


_SHAPES = {"sound": ("([", "])"), "flow": ("[[", "]]"), "foreign": (">", "]")}
# both colours stand in each class, so that a page's dark theme does not put light text on a light box
_CLASSES = {
    "entry": "stroke:#1d4ed8,stroke-width:3px",
    "sound": "fill:#e6f4ea,color:#14532d",
    "elsewhere": "fill:#ede9fe,color:#4c1d95",
    "foreign": "fill:#e5e7eb,color:#1f2937",
    "missing": "fill:#fff7ed,color:#7c2d12,stroke:#c2410c,stroke-dasharray:2 3",
    "unreachable": "fill:#f3f4f6,color:#4b5563,stroke:#6b7280,stroke-dasharray:6 4",
    "faulty": "stroke:#b45309,stroke-width:3px",
    "dead": "fill:#fee2e2,color:#7f1d1d,stroke:#b91c1c,stroke-width:3px",
}


def mermaid(graph: Graph) -> str:
    """The graph as Mermaid text; ends with a newline."""
    graph = whole(graph)
    # numbers for ids: a step may be called "end", which Mermaid takes for its own
    ids = {node.name: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    if title := escaped(graph.title or graph.name):
        lines.append(f"  accTitle: {title}")
    if not graph.nodes:
        lines.append(f'  n0["{NOTHING}"]')
    for node in graph.nodes:
        left, right = _SHAPES.get(node.kind, ("[", "]"))
        said = "<br/>".join(escaped(line) for line in (node.name or " ", *details(node)))
        lines.append(f'  {ids[node.name]}{left}"{said}"{right}')
    for edge in graph.edges:
        label = escaped(", ".join(edge.labels))
        arrow = f'-->|"{label}"|' if label else "-->"
        lines.append(f"  {ids[edge.source]} {arrow} {ids[edge.target]}")
    for mark, _, applies in MARKS:
        if marked := [ids[node.name] for node in graph.nodes if applies(node)]:
            lines.append(f"  classDef {mark} {_CLASSES[mark]}")
            lines.append(f"  class {','.join(marked)} {mark}")
    return "\n".join(lines) + "\n"
