"""The graph of a flow: what leads to what, with keys and outcomes; dead ends and what nothing leads to."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from lxml import etree

from callflows.cli import main
from callflows.exploring import graph_of
from callflows.flows.picture.graph import Edge

from .trying import explored, save

FLOW = {
    "aleg.xml": """<Response>
<GetInput action="{{ step_url('choice') }}" inputType="dtmf"><Speak>Sales is 1, support is 2.</Speak></GetInput>
<Redirect>{{ step_url('bye') }}</Redirect>
</Response>""",
    "choice.xml": """<Response>
{% if input.digits == "1" %}<Redirect>{{ step_url("sales") }}</Redirect>
{% elif input.digits == "2" %}<Redirect>{{ step_url("support") }}</Redirect>
{% else %}<Redirect>{{ step_url("aleg") }}</Redirect>{% endif %}
</Response>""",
    "sales.xml": """<Response><Speak>One moment.</Speak>
<Dial callerId="+14155550123" dialMusic="{{ step_url('music') }}" action="{{ step_url('done') }}">
<Number>+14155550123</Number></Dial></Response>""",
    "done.xml": """<Response>{% if dial.status == "completed" %}<Hangup/>
{% elif dial.status == "busy" %}<Redirect>{{ step_url("bye") }}</Redirect>
{% else %}<Redirect>{{ step_url("support") }}</Redirect>{% endif %}</Response>""",
    "support.xml": "<Response><Speak>Support is closed.</Speak></Response>",
    "bye.xml": "<Response><Speak>Goodbye.</Speak><Hangup/></Response>",
    "music.xml": "<Response><Wait length='60'/></Response>",
    "lost.xml": "<Response><Redirect>{{ flow_url('other', 'aleg') }}</Redirect></Response>",
    "flow.toml": '[steps.music]\nkind = "sound"\n',
    "other/aleg.xml": "<Response><Hangup/></Response>",
}


def test_graph(tmp_path: Path) -> None:
    graph = graph_of(explored(tmp_path, FLOW))
    edges = {(edge.source, edge.target): edge.labels for edge in graph.edges}
    assert edges == {
        ("aleg", "choice"): ("input",),
        ("aleg", "bye"): ("then",),
        ("choice", "sales"): ("1",),
        ("choice", "support"): ("2",),
        ("choice", "aleg"): ("other keys", "no input"),
        ("sales", "music"): ("dial music",),
        ("sales", "done"): ("dial ended",),
        ("done", "bye"): ("busy",),
        ("done", "support"): ("failed", "cancel", "timeout", "no-answer"),
        ("lost", "other/aleg"): ("then",),
    }
    nodes = {node.name: node for node in graph.nodes}
    assert [name for name, node in nodes.items() if node.entry] == ["aleg"]
    assert [name for name, node in nodes.items() if node.unreachable] == ["lost"]
    assert [name for name, node in nodes.items() if node.dead_end] == ["support"]
    assert nodes["sales"].ends == ("dials +14155550123",)
    assert nodes["music"].kind == "sound"
    assert nodes["other/aleg"].kind == "flow"
    assert Edge("choice", "sales", ("1",)) in graph.edges


def test_who_leaves_a_room_was_heard_and_the_fallback_is_named(tmp_path: Path) -> None:
    files = {
        "aleg.xml": "<Response><Speak>Hi.</Speak><Conference>{{ transfer.room }}</Conference></Response>",
        "sorry.xml": "<Response><Speak>Sorry.</Speak><Hangup/></Response>",
        "flow.toml": 'fallback = "sorry"\n',
    }
    aleg, sorry = graph_of(explored(tmp_path, files)).nodes
    assert (aleg.dead_end, aleg.ends) == ("", ("conference of the transfer",))
    assert (sorry.title, sorry.unreachable) == ("fallback", False)


def test_the_command(tmp_path: Path) -> None:
    save(tmp_path / "templates", {name if "/" in name else f"support/{name}": text for name, text in FLOW.items()})
    picture = tmp_path / "support.svg"
    env = {"CALLFLOWS_TEMPLATES": str(tmp_path / "templates")}
    run = CliRunner().invoke(main, ["flows", "graph", "support", "--svg", str(picture)], env=env)
    assert run.exit_code == 0
    assert run.output.startswith("flowchart LR\n")
    assert etree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    run = CliRunner().invoke(main, ["flows", "graph", "suport"], env=env)
    assert run.exit_code == 1
    assert "did you mean support?" in run.output
    run = CliRunner().invoke(main, ["flows", "graph", "support", "--svg", str(tmp_path / "no" / "x.svg")], env=env)
    assert run.exit_code == 2
    assert "cannot be written" in run.output
