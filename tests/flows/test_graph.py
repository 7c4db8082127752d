"""A flow's picture shows every step and link, in one order, and takes no name for markup."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.flows.picture.drawing import STYLE, svg
from callflows.flows.picture.graph import Edge, Graph, Node, columns, escaped, measure, mermaid, rows, short, whole

SVG = "{http://www.w3.org/2000/svg}"
IVR = Graph(
    "ivr",
    "Front desk",
    (
        Node("answer", "Welcome", entry=True),
        Node("menu", "Main menu"),
        Node("sales", ends=("dials +14155550123",)),
        Node("support", problems=2),
        Node("voicemail", dead_end="Record has no action"),
        Node("end", ends=("hang up", "conference support")),
        Node("music", kind="sound"),
        Node("transfers/warm", kind="flow"),
        Node("https://crm.example.com/x?a=1&b=2", kind="foreign"),
        Node("old", unreachable=True),
    ),
    (
        Edge("answer", "menu", ("then",)),
        Edge("menu", "sales", ("1",)),
        Edge("menu", "support", ("2",)),
        Edge("menu", "menu", ("no input",)),
        Edge("sales", "voicemail", ("busy", "no answer")),
        Edge("sales", "end", ("dial ended",)),
        Edge("sales", "music", ("music",)),
        Edge("sales", "support", ("failed",)),
        Edge("support", "menu", ("*",)),
        Edge("support", "transfers/warm", ("3",)),
        Edge("support", "https://crm.example.com/x?a=1&b=2"),
        Edge("old", "menu", ("then",)),
        Edge("answer", "old"),
    ),
)
EMPTY = Graph("empty", "", (), ())
ONE = Graph("one", "", (Node("answer", entry=True),), ())
CIRCLE = Graph("circle", "", (Node("b"), Node("a")), (Edge("a", "b"), Edge("b", "a")))
ODD = (
    'a"]b',
    "<script>x</script>",
    "&amp;",
    "end",
    "a|b",
    "a\nb\x00\x1b\ud800",
    "{{x}}",
    "日本語",
    "",
    " ",
    "-->",
    "\u202ex",
)
STRANGE = Graph(
    "<b>",
    "</title><script>",
    tuple(Node(name, title=name, dead_end=name, ends=(name,)) for name in ODD),
    tuple(Edge(one, two, (one, two)) for one, two in itertools.pairwise(ODD)),
)
MANY = Graph(
    "many",
    "",
    tuple(Node(f"s{i}", entry=i == 0) for i in range(200)),
    tuple(Edge(f"s{i // 3}", f"s{i}", (str(i % 3 + 1),)) for i in range(1, 200))
    + tuple(Edge(f"s{i}", f"s{i * 7 % 200}", ("back",)) for i in range(0, 200, 5)),
)
ALL = [IVR, EMPTY, ONE, CIRCLE, STRANGE, MANY]
names = pytest.mark.parametrize("graph", ALL, ids=[graph.name for graph in ALL])


def parts(graph: Graph, css: str) -> list[ET.Element]:
    return [g for g in ET.fromstring(svg(graph)).iter(f"{SVG}g") if css in g.get("class", "").split()]


def written(element: ET.Element) -> str:
    return " ".join(text.text or "" for text in element.iter(f"{SVG}text"))


def boxes(graph: Graph) -> dict[str, tuple[int, int, int, int]]:
    found = {}
    for node in parts(graph, "node"):
        box = node.find(f"{SVG}rect")
        assert box is not None
        x, y, width, height = (int(box.get(key, "")) for key in ("x", "y", "width", "height"))
        found[(node.findtext(f"{SVG}title") or "").split("\n")[0]] = (x, y, x + width, y + height)
    return found


def apart(one: tuple[int, int, int, int], two: tuple[int, int, int, int]) -> bool:
    return one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]


def shuffled(graph: Graph, seed: int) -> Graph:
    mixed = random.Random(seed)
    edges = [Edge(e.source, e.target, tuple(mixed.sample(e.labels, len(e.labels)))) for e in graph.edges]
    return Graph(
        graph.name,
        graph.title,
        tuple(mixed.sample(graph.nodes, len(graph.nodes))),
        tuple(mixed.sample(edges, len(edges))),
    )


def test_every_step_and_label_is_drawn() -> None:
    drawn = [written(node) for node in parts(IVR, "node")]
    assert sorted(text.split()[0] for text in drawn) == sorted(node.name for node in IVR.nodes)
    titles = {edge.findtext(f"{SVG}title"): written(edge) for edge in parts(IVR, "edge")}
    assert len(titles) == len(IVR.edges)
    assert titles["sales to voicemail: busy, no answer"] == "busy, no answer"
    assert titles["answer to old"] == ""


@pytest.mark.parametrize(
    ("name", "css", "said"),
    [
        ("answer", "entry", "Welcome entry"),
        ("voicemail", "dead", "dead end: Record has no action"),
        ("old", "unreachable", "unreachable"),
        ("support", "faulty", "2 problems"),
        ("music", "sound", "sound"),
        ("transfers/warm", "elsewhere", "another flow"),
        ("https://crm.example.com/x?a=1&b=2", "foreign", "another server"),
        ("end", "", "ends: hang up, conference support"),
    ],
)
def test_marks_are_said_in_words_too(name: str, css: str, said: str) -> None:
    (node,) = [node for node in parts(IVR, "node") if written(node).startswith(name)]
    assert node.get("class", "").split() == ["node", *css.split()]
    assert written(node) == f"{name} {said}"
    (line,) = [line for line in mermaid(IVR).splitlines() if escaped(name) + "<br/>" in line]
    assert line.replace("<br/>", " ").count(escaped(said)) == 1


@names
def test_the_picture_is_whole_xml_for_readers_too(graph: Graph) -> None:
    text = svg(graph)
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert [style.text for style in root.iter(f"{SVG}style")] == [STYLE]
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= set(
        "svg title desc style defs marker path rect g text".split()
    )
    assert not any(
        key in {"style", "href"} or key.startswith("on") for element in root.iter() for key in element.attrib
    )
    assert "url(" not in STYLE
    assert "var(" not in STYLE  # librsvg and most converters would paint all of it black
    assert len(parts(graph, "node")) == len(whole(graph).nodes)
    assert len(parts(graph, "edge")) == len(whole(graph).edges)


@names
def test_no_box_or_label_covers_another_and_all_are_inside(graph: Graph) -> None:
    root = ET.fromstring(svg(graph))
    solid = list(boxes(graph).values())
    for plate in root.iter(f"{SVG}rect"):
        if plate.get("class") == "plate":
            x, y, width, height = (int(plate.get(key, "")) for key in ("x", "y", "width", "height"))
            solid.append((x, y, x + width, y + height))
    assert all(apart(one, two) for one, two in itertools.combinations(solid, 2))
    right, bottom = int(root.get("width", "")), int(root.get("height", ""))
    assert all(x >= 0 and y >= 0 and x2 <= right and y2 <= bottom for x, y, x2, y2 in solid)


@names
def test_lines_do_not_run_through_boxes(graph: Graph) -> None:
    # a curve's own points hold it between them; the rest is level or upright
    solid = boxes(graph).values()
    for edge in parts(graph, "edge"):
        path = edge.find(f"{SVG}path")
        assert path is not None
        points: list[tuple[int, int]] = []
        for command, numbers in re.findall(r"([MLCH])([-\d ]+)", path.get("d", "")):
            values = [int(number) for number in numbers.split()]
            values = [values[0], points[-1][1]] if command == "H" else values
            points += zip(values[::2], values[1::2], strict=True)
        for (x, y), (x2, y2) in itertools.pairwise(points):
            hull = (min(x, x2), min(y, y2), max(x, x2), max(y, y2))
            assert all(apart(hull, box) for box in solid)


@names
def test_same_graph_same_output_in_whatever_order_it_was_found(graph: Graph) -> None:
    for seed in range(3):
        assert svg(shuffled(graph, seed)) == svg(graph)
        assert mermaid(shuffled(graph, seed)) == mermaid(graph)


def test_columns_are_the_distance_from_the_nearest_entry() -> None:
    found = columns(whole(IVR))
    assert [found[name] for name in ("answer", "menu", "sales", "support", "end", "voicemail")] == [0, 1, 2, 2, 3, 3]
    assert found["old"] == 4  # marked as unreachable, so an edge to it counts for nothing
    left = {name: box[0] for name, box in boxes(IVR).items()}
    assert left["answer"] < left["menu"] < left["sales"] == left["support"] < left["end"] < left["old"]


def test_what_is_linked_with_nothing_takes_no_column_of_its_own() -> None:
    graph = Graph("g", "", (Node("a", entry=True), Node("b"), Node("sorry", "fallback")), (Edge("a", "b"),))
    assert columns(whole(graph)) == {"a": 0, "b": 1, "sorry": 0}


def test_two_entries_begin_in_the_same_column() -> None:
    graph = Graph("g", "", (Node("a", entry=True), Node("b", entry=True), Node("c")), (Edge("a", "b"), Edge("b", "c")))
    assert columns(whole(graph)) == {"a": 0, "b": 0, "c": 1}


def test_without_an_entry_the_picture_begins_where_nothing_leads_to() -> None:
    assert columns(whole(Graph("g", "", (), (Edge("z", "a"), Edge("a", "b"))))) == {"z": 0, "a": 1, "b": 2}
    assert columns(whole(CIRCLE)) == {"a": 0, "b": 1}
    assert columns(EMPTY) == {}


def test_rows_follow_what_leads_there() -> None:
    edges = (Edge("a", "z", ("1",)), Edge("a", "b", ("2",)), Edge("z", "y"), Edge("b", "c"))
    graph = whole(Graph("g", "", (Node("a", entry=True),), edges))
    assert rows(graph) == [["a"], ["z", "b"], ["y", "c"]]


def test_edges_between_the_same_steps_are_one() -> None:
    graph = Graph("g", "", (), (Edge("a", "b", ("10", "busy")), Edge("a", "b", ("2",)), Edge("a", "b", ("2",))))
    assert whole(graph).edges == (Edge("a", "b", ("2", "10", "busy")),)
    assert len(parts(graph, "edge")) == 1
    assert 'n0 -->|"2, 10, busy"| n1' in mermaid(graph)


def test_a_link_to_a_step_nobody_described_is_seen() -> None:
    graph = Graph("g", "", (Node("a", entry=True),), (Edge("a", "gone", ("1",)),))
    assert written(parts(graph, "missing")[0]) == "gone no such step"
    assert 'n1["gone<br/>no such step"]' in mermaid(graph)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((), ""),
        (("1",), "1"),
        (("busy", "no answer", "failed"), "busy, no answer, failed"),
        (tuple("123456789"), "1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (tuple("0123456789"), "0, 1, 2 and 7 more"),
        (("no answer in time", "busy", "failed"), "no answer in time and 2 more"),
        (("a" * 40,), "a" * 25 + "…"),
        (("a" * 40, "b"), "a" * 25 + "… and 1 more"),
    ],
)
def test_long_lists_of_labels_are_cut_short(labels: tuple[str, ...], said: str) -> None:
    assert short(labels) == said
    graph = Graph("g", "", (), (Edge("a", "b", labels),))
    assert (parts(graph, "edge")[0].findtext(f"{SVG}title") or "").endswith(
        ": " + ", ".join(sorted(labels)) if labels else "b"
    )


def test_a_legend_stands_only_where_something_is_marked() -> None:
    assert "calls start here" in svg(ONE)
    assert "dead end" not in svg(ONE)
    assert [written(legend) for legend in parts(IVR, "dead")][-1] == "dead end"
    plain = ET.fromstring(svg(CIRCLE))
    assert [text.text for text in plain.iter(f"{SVG}text")] == ["a", "b"]


def test_wide_letters_are_given_more_room() -> None:
    assert measure("iii") < measure("aaa") < measure("WWW") < measure("語語語")
    assert measure("e\u0301") == measure("e")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain, +1.5 a-b/c_d", "plain, +1.5 a-b/c_d"),
        ('say "hi"', "say #quot;hi#quot;"),
        ("[a] (b) {c}", "#91;a#93; #40;b#41; #123;c#125;"),
        ("a#b;", "a#35;b#59;"),
        ("<b>&amp;", "#lt;b#gt;#amp;amp#59;"),
        ("a|b", "a#124;b"),
        ("two\nlines\ttab", "two lines tab"),
        ("`code` **bold**", "#96;code#96; #42;#42;bold#42;#42;"),
        ("%%{init}%%", "#37;#37;#123;init#125;#37;#37;"),
        ("style: x", "style: x"),
        ("style:x", "style#58;x"),
        ("ends:", "ends#58;"),
        ("日本語 é", "日本語 é"),
        ("a\x00\x1b\u202e\ud800b", "a" + "#65533;" * 4 + "b"),
        ("", ""),
    ],
)
def test_mermaid_labels_are_escaped(text: str, safe: str) -> None:
    assert escaped(text) == safe


def test_mermaid_of_a_flow() -> None:
    graph = Graph(
        "g",
        'The "end"',
        (Node("end", ends=("hang up",)), Node("answer", "Hello", entry=True), Node("ring", kind="sound")),
        (Edge("answer", "end", ("1", "2")), Edge("end", "ring"), Edge("answer", "answer", ("no input",))),
    )
    assert mermaid(graph).splitlines() == [
        "flowchart LR",
        "  accTitle: The #quot;end#quot;",
        '  n0["answer<br/>Hello<br/>entry"]',
        '  n1["end<br/>ends: hang up"]',
        '  n2(["ring<br/>sound"])',
        '  n0 -->|"1, 2"| n1',
        '  n0 -->|"no input"| n0',
        "  n1 --> n2",
        "  classDef entry stroke:#1d4ed8,stroke-width:3px",
        "  class n0 entry",
        "  classDef sound fill:#e6f4ea,color:#14532d",
        "  class n2 sound",
    ]
    assert mermaid(EMPTY) == 'flowchart LR\n  accTitle: empty\n  n0["no steps"]\n'


texts = st.text(max_size=60)


@given(st.lists(st.tuples(texts, texts, texts), max_size=6))
def test_any_text_stays_text(found: list[tuple[str, str, str]]) -> None:
    edges = tuple(Edge(source, target, (label,)) for source, target, label in found)
    graph = Graph("g", "t", tuple(Node(source, title=label) for source, _, label in found), edges)
    svg(graph).encode()
    assert len(parts(graph, "node")) == len(whole(graph).nodes)
    quoted = r'"[^"`\[\]{}()|;]*(?:#\w+;[^"`\[\]{}()|;]*)*"'
    for line in mermaid(graph).splitlines()[2:]:
        assert re.fullmatch(rf" +n\d+(\[{quoted}\]| -->(\|{quoted}\|)? n\d+)|  class.*|  n0\[\"no steps\"\]", line)
