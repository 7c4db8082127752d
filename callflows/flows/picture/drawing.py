"""A flow's graph as an SVG picture that needs nothing else: no scripts, no fonts, no other files.

Nothing can overlap by construction. Boxes stand in columns. The gutter right of a column holds, from left to right:
the labels of the edges that leave the column, each in a band of its own; tracks for edges that turn down or return to
the same column; room for curves to the next column; and tracks for edges that come up from the lanes below the boxes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from .graph import MARKS, NOTHING, Edge, Graph, Node, details, marks, measure, printable, rows, short, whole, wrapped

LINE, PAD, BAND, TRACK, GAP, MARGIN = 17, 10, 20, 9, 22, 16  # pixels
HEAD = 18  # before a box, for the arrow head
CURVE = 50  # the least room for a curve between columns
SIZES = {"name": 15, "death": 12, "fault": 12, "": 12}  # of letters, for measuring: names are bold too

# Each look as a rule, its colours by name. Colours are written out in the sheet, once for each scheme: many viewers of
# pictures (librsvg, most converters) know no CSS variables and would draw all of it black.
_RULES = """
.callflow text{fill:soft}.callflow .name{fill:ink;font-weight:600;font-size:13px}
.callflow .label{fill:ink}.callflow .paper,.callflow .plate{fill:paper;stroke:none}
.callflow path{fill:none;stroke:line;stroke-width:1.4}.callflow .head{fill:line;stroke:none}
.callflow .edge:hover path{stroke:blue;stroke-width:2.4}
.callflow .box{fill:plain;stroke:line;stroke-width:1.2}
.callflow .sound .box{fill:green}.callflow .elsewhere .box{fill:violet}
.callflow .foreign .box{fill:paper;stroke-dasharray:1 3;stroke-width:2}
.callflow .entry .box{stroke:blue;stroke-width:2.6}
.callflow .unreachable .box{stroke-dasharray:7 4}.callflow .missing .box{stroke:amber;stroke-dasharray:3 3}
.callflow .faulty .box{stroke:amber;stroke-width:2.6}.callflow .faulty .fault{fill:amber}
.callflow .dead .box{fill:pale;stroke:red;stroke-width:2.6}.callflow .dead .death{fill:red}
"""
_LIGHT = dict(paper="#fff", ink="#1c2430", soft="#556070", line="#6f7b8a", plain="#f6f8fa", blue="#1d4ed8",
              red="#b91c1c", pale="#fdecec", amber="#b45309", green="#e3f4e8", violet="#ece8fd")  # fmt: skip
_DARK = dict(paper="#14181f", ink="#e6eaf0", soft="#a9b4c2", line="#8793a3", plain="#1f2630", blue="#7aa2ff",
             red="#ff8080", pale="#3a1d20", amber="#f0a848", green="#183325", violet="#2b2547")  # fmt: skip


def _coloured(colours: Mapping[str, str], rules: str = _RULES) -> str:
    return re.sub(r"(?<=:)([a-z]+)(?=[;}])", lambda found: colours.get(found[1], found[1]), rules)


# no other element carries a style, so a page whose policy forbids inline styles can allow this one by its hash
STYLE = (
    "\n.callflow{color-scheme:light dark;font:12px system-ui,sans-serif}"
    f"{_coloured(_LIGHT)}@media (prefers-color-scheme:dark){{{_coloured(_DARK)}}}\n"
)


@dataclass(slots=True)
class _Box:
    node: Node
    column: int
    row: int
    lines: list[tuple[str, str]]  # each with the class it is written in
    out: list[Edge] = field(default_factory=list)
    returns: bool = False  # an edge of its own column, or its own, comes in on the right
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0

    def band(self, number: int) -> int:
        return self.y + (self.height - BAND * (len(self.out) + self.returns)) // 2 + BAND * number + BAND // 2


def _text(text: str) -> str:
    return escape(printable(text))


def _lines(node: Node) -> list[tuple[str, str]]:
    lines = [("name", line) for line in wrapped(node.name, 2) or ["(no name)"]]
    for said in details(node):
        look = "death" if said.startswith("dead end: ") else "fault" if said.endswith((" problem", " problems")) else ""
        lines += [(look, line) for line in wrapped(said, 3)]
    return lines


class _Layout:
    """Where everything stands."""

    def __init__(self, graph: Graph) -> None:
        nodes = {node.name: node for node in graph.nodes}
        self.order = rows(graph)
        self.boxes = {
            name: _Box(nodes[name], column, row, _lines(nodes[name]))
            for column, names in enumerate(self.order)
            for row, name in enumerate(names)
        }
        self.tracks: dict[tuple[int, str, str], int] = {}  # (gutter, "down" | "same" | "up", target): x
        self.lanes: dict[str, int] = {}  # target: y
        self.curves: dict[int, tuple[int, int]] = {}  # gutter: where curves begin and end
        spans: dict[str, set[int]] = defaultdict(set)
        for edge in graph.edges:
            source, target = self.boxes[edge.source], self.boxes[edge.target]
            source.out.append(edge)
            if source.column == target.column:
                target.returns = True
                self.tracks[source.column + 1, "same", edge.target] = 0
            elif source.column + 1 != target.column:
                self.tracks[source.column + 1, "down", edge.target] = 0
                self.tracks[target.column, "up", edge.target] = 0
                # even numbers are gutters, odd ones columns
                spans[edge.target] |= {2 * source.column + 2, 2 * target.column}
        for box in self.boxes.values():
            box.out.sort(key=self._turn)
        floors = self._down()
        self.width = self._across()
        for name, span in sorted(spans.items(), key=lambda item: (max(item[1]) - min(item[1]), item[0])):
            over = range(min(span), max(span) + 1)
            self.lanes[name] = max(floors[unit] for unit in over) + TRACK + 2
            floors.update(dict.fromkeys(over, self.lanes[name]))
        self.height = max(floors.values()) + MARGIN

    def _turn(self, edge: Edge) -> tuple[int, int]:
        """Where an edge leaves its box: first those to the next column, last those that come back to this one."""
        target, along = self.boxes[edge.target], self.boxes[edge.target].column - self.boxes[edge.source].column
        return (0 if along == 1 else 2 if along == 0 else 1, target.row)

    def _down(self) -> dict[int, int]:
        """Gives the boxes their height and place in their column; the answer is where each column ends."""
        for box in self.boxes.values():
            box.height = max(2 * PAD + LINE * len(box.lines), BAND * (len(box.out) + box.returns) + 6)
        heights = [sum(self.boxes[name].height + GAP for name in names) - GAP for names in self.order]
        floors: dict[int, int] = defaultdict(lambda: MARGIN)
        for column, names in enumerate(self.order):
            y = MARGIN + (max(heights) - heights[column]) // 2
            for name in names:
                self.boxes[name].y = y
                y += self.boxes[name].height + GAP
            floors[2 * column + 1] = y - GAP
        return floors

    def _across(self) -> int:
        x = MARGIN
        for gutter in range(len(self.order) + 1):
            tracks = sorted(self.tracks, key=lambda track: (track[1], self.boxes[track[2]].row, track[2]))
            left = [track for track in tracks if track[0] == gutter and track[1] != "up"]
            right = [track for track in tracks if track[0] == gutter and track[1] == "up"]
            if gutter:
                edges = [edge for name in self.order[gutter - 1] for edge in self.boxes[name].out]
                x += max((measure(short(edge.labels)) + 20 for edge in edges if edge.labels), default=8)
            for track in left:
                x += TRACK
                self.tracks[track] = x
            if gutter == len(self.order):
                break
            if gutter:
                bend = CURVE + 3 * max(len(self.order[gutter - 1]), len(self.order[gutter]))
                self.curves[gutter] = (x + 10, x + 10 + bend)
                x += 10 + bend
            for track in right:
                x += TRACK
                self.tracks[track] = x
            x += HEAD if gutter or right else 0
            boxes = [self.boxes[name] for name in self.order[gutter]]
            width = max(80, 2 * PAD + max(measure(line, SIZES[look]) for box in boxes for look, line in box.lines))
            for box in boxes:
                box.x, box.width = x, width
            x += width
        return x + MARGIN

    def path(self, edge: Edge, number: int) -> str:
        """The line of a box's edge of that number, from its right side to the target."""
        source, target = self.boxes[edge.source], self.boxes[edge.target]
        x, y, gutter = source.x + source.width, source.band(number), source.column + 1
        if source.column == target.column:
            turn, end = self.tracks[gutter, "same", edge.target], target.band(len(target.out))
            return _bent([(x, y), (turn, y), (turn, end), (target.x + target.width + 2, end)])
        if gutter == target.column:
            (begin, across), end = self.curves[gutter], target.y + target.height // 2
            middle = (begin + across) // 2
            return f"M{x} {y}H{begin}C{middle} {y} {middle} {end} {across} {end}H{target.x - 2}"
        down, up = self.tracks[gutter, "down", edge.target], self.tracks[target.column, "up", edge.target]
        lane, end = self.lanes[edge.target], target.y + target.height - 9
        return _bent([(x, y), (down, y), (down, lane), (up, lane), (up, end), (target.x - 2, end)])


def _bent(points: Sequence[tuple[int, int]]) -> str:
    """A line of level and upright parts with round corners."""
    path = f"M{points[0][0]} {points[0][1]}"
    for before, (x, y), after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = [(x + max(-6, min(6, px - x)), y + max(-6, min(6, py - y))) for px, py in (before, after)]
        path += f"L{ax} {ay}C{x} {y} {x} {y} {bx} {by}"
    return f"{path}L{points[-1][0]} {points[-1][1]}"


def _edge(layout: _Layout, edge: Edge, number: int) -> str:
    box = layout.boxes[edge.source]
    said = f"{edge.source} to {edge.target}" + (f": {', '.join(edge.labels)}" if edge.labels else "")
    parts = [
        f'<g class="edge"><title>{_text(said)}</title>',
        f'<path d="{layout.path(edge, number)}" marker-end="url(#callflow-head)"/>',
    ]
    if edge.labels:
        text, x, y = short(edge.labels), box.x + box.width + 8, box.band(number)
        parts.append(f'<rect class="plate" x="{x}" y="{y - 8}" width="{measure(text) + 4}" height="16" rx="3"/>')
        parts.append(f'<text class="label" x="{x + 3}" y="{y + 4}">{_text(text)}</text>')
    return "".join(parts) + "</g>"


def _node(box: _Box) -> str:
    node, radius = box.node, 16 if box.node.kind == "sound" else 5
    parts = [
        f'<g class="{" ".join(["node", *marks(node)])}">',
        f"<title>{chr(10).join(map(_text, [node.name, *details(node)]))}</title>",
        f'<rect class="box" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="{radius}"/>',
    ]
    top = box.y + (box.height - LINE * len(box.lines)) // 2 + 13
    for y, (look, line) in enumerate(box.lines):
        parts.append(f'<text class="{look}" x="{box.x + PAD}" y="{top + LINE * y}">{_text(line)}</text>')
    return "".join(parts) + "</g>"


def _legend(graph: Graph, width: int, y: int) -> tuple[list[str], int, int]:
    """The marks that are used and what they mean, in rows; with the width and the height of it all."""
    parts, x, right = [], MARGIN, width
    for mark, meaning, applies in MARKS:
        if any(applies(node) for node in graph.nodes):
            wide = measure(meaning) + 50
            if x > MARGIN and x + wide > max(width, 400):
                x, y = MARGIN, y + 24
            parts.append(f'<g class="{mark}"><rect class="box" x="{x}" y="{y}" width="26" height="14" rx="4"/>')
            parts.append(f'<text x="{x + 33}" y="{y + 11}">{meaning}</text></g>')
            x += wide
            right = max(right, x)
    return parts, right, y + 14 + MARGIN if parts else y


def svg(graph: Graph) -> str:
    """The graph as a whole SVG document, the same for the same graph; it can stand in a page of HTML as it is."""
    graph = whole(graph)
    said = f"steps: {len(graph.nodes)}, links between them: {len(graph.edges)}" if graph.nodes else NOTHING
    if graph.nodes:
        layout = _Layout(graph)
        edges = [_edge(layout, edge, n) for box in layout.boxes.values() for n, edge in enumerate(box.out)]
        parts, width, bottom = _legend(graph, layout.width, layout.height)
        parts = [*edges, *map(_node, layout.boxes.values()), *parts]
    else:
        parts, width, bottom = [f'<text x="{MARGIN}" y="30">{NOTHING}</text>'], 160, 50
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="callflow" role="img" width="{width}" height="{bottom}"'
            f' viewBox="0 0 {width} {bottom}">',
            f"<title>{_text(graph.title or graph.name)}</title>",
            f"<desc>{_text(f'Call flow {graph.name}: {said}.')}</desc>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="callflow-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
            ' markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>',
            f'<rect class="paper" width="{width}" height="{bottom}"/>',
            *parts,
            "</svg>\n",
        ]
    )
