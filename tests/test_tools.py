"""callflows flows tools: what a model is offered is what an operator allowed, and what it may say is what is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callflows.cli import main
from callflows.errors import ParamInvalid
from callflows.flows.params import ParamSpec, resolve_params
from callflows.flows.schema import params_schema

from .conftest import write_flow

GOOD = "<Response><Wait/></Response>"
# what OpenAI's and Anthropic's APIs take as the name of a tool, and of a property of its input
TOOL_NAME, PROPERTY_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}"), re.compile(r"[a-zA-Z0-9_.-]{1,64}")
TYPES = ("phone", "text", "digits", "integer", "boolean", "choice", "url", "sip")


@pytest.fixture
def run(values: dict[str, Any]) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        environment = {f"CALLFLOWS_{name}": str(value) for name, value in values.items()}
        done = CliRunner().invoke(main, ["flows", "tools", *arguments], env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def flows(templates: Path) -> Path:
    write_flow(
        templates,
        "forward",
        'title = "Forward"\ndescription = "Connect the caller to a person"\n'
        '[params.to]\ntype = "phone"\nrequired = true\nexample = "+14155550123"\ndescription = "Who to call"\n'
        '[params.team]\ntype = "choice"\nchoices = ["sales", "support"]\ndefault = "sales"\n'
        '[params.caller_id]\ntype = "phone"\nagent = false\n',
        aleg=GOOD,
        bleg=GOOD,
    )
    write_flow(templates, "plivo-only", 'title = "Plivo"\nproviders = ["plivo"]\n', aleg=GOOD)
    write_flow(templates, "partner", 'title = "Partner"\n', bleg=GOOD)
    write_flow(templates, "inbound", 'title = "Inbound"\n', answer=GOOD)
    write_flow(templates, "private", 'title = "Private"\nagent = false\n', aleg=GOOD)
    return templates


def tools(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    return {tool.get("name") or tool["function"]["name"]: tool for tool in json.loads(done.stdout)}


def test_each_style_has_its_shape(run: Callable[..., Result], flows: Path) -> None:
    (openai,) = json.loads(run("forward").stdout)
    (anthropic,) = json.loads(run("forward", "--style", "anthropic").stdout)
    (mcp,) = json.loads(run("forward", "--style", "mcp").stdout)
    assert (set(openai), openai["type"]) == ({"type", "function"}, "function")
    function = openai["function"]
    assert set(function) == {"name", "description", "parameters"}
    assert set(anthropic) == {"name", "description", "input_schema"}
    assert (set(mcp), mcp["title"]) == ({"name", "title", "description", "inputSchema"}, "Forward")
    assert function["parameters"] == anthropic["input_schema"] == mcp["inputSchema"]
    assert {function["name"], anthropic["name"], mcp["name"]} == {"forward"}
    assert function["description"].startswith("Forward. Connect the caller to a person. This transfers the live call")
    schema = function["parameters"]
    assert schema["required"] == ["to"]
    assert schema["properties"]["to"]["description"].startswith("Who to call. A phone number")
    assert schema["properties"]["team"]["enum"] == ["sales", "support"]


def test_what_an_operator_keeps_from_agents_is_nowhere(run: Callable[..., Result], flows: Path) -> None:
    for style in ("openai", "anthropic", "mcp"):
        printed = run("--style", style).stdout
        assert "caller_id" not in printed
        assert "private" not in printed.lower()
    named = run("private")
    assert named.exit_code == 1
    assert "error: flow private is kept from agents (agent = false in private/flow.toml)" in named.stderr


def test_a_flow_that_needs_what_is_kept_from_agents(run: Callable[..., Result], templates: Path) -> None:
    param = '[params.pin]\ntype = "digits"\nrequired = true\nexample = "1"\nagent = false\n'
    write_flow(templates, "guarded", f'title = "Guarded"\n{param}', aleg=GOOD)
    write_flow(templates, "plain", 'title = "Plain"\n', aleg=GOOD)
    assert list(tools(run())) == ["plain"]
    assert "flow guarded needs pin, which is kept from agents" in run("guarded").stderr


def test_which_flows_each_leg_and_platform_has(run: Callable[..., Result], flows: Path) -> None:
    assert list(tools(run())) == ["forward", "plivo-only"]
    assert list(tools(run("--provider", "vobiz"))) == ["forward"]
    assert list(tools(run("--leg", "bleg"))) == ["forward", "partner"]
    told = tools(run("--leg", "bleg", "--style", "mcp"))["forward"]["description"]
    assert "This transfers the party the caller is connected to" in told
    only = run("partner")
    assert only.exit_code == 1
    assert "flow partner has no step aleg for calls (it has bleg: --leg bleg)" in only.stderr
    assert "no call can be transferred to flow inbound" in run("inbound").stderr
    assert "flow plivo-only is not for vobiz" in run("plivo-only", "--provider", "vobiz").stderr
    assert run("--provider", "twilio").exit_code != 0
    assert run("--style", "grok").exit_code == 2


def test_broken_and_absent_flows(run: Callable[..., Result], flows: Path) -> None:
    write_flow(flows, "broken", 'title = "Broken"\n', aleg="<Response><Dail/></Response>")
    done = run()
    assert list(tools(done)) == ["forward", "plivo-only"], "the others are still offered"
    assert "warning: broken is left out: flow broken has problems and is not live" in done.stderr
    for name, words in (("broken", "is not live"), ("fowrard", "forward"), ("../forward", "there is no flow")):
        named = run("forward", name)
        assert (named.exit_code, named.stdout) == (1, "")
        assert words in named.stderr
    as_json = run("nosuch", "--json")
    assert json.loads(as_json.stdout)["error"]["code"] == "flow_not_found"


def test_the_live_version_is_offered_and_not_the_broken_save(run: Callable[..., Result], flows: Path) -> None:
    tools(run())  # publishes
    toml = flows / "forward/flow.toml"
    toml.write_text(toml.read_text().replace("params.to]", "params.target]"))
    assert "to" in tools(run("forward"))["forward"]["function"]["parameters"]["properties"]


def test_no_flows_at_all(run: Callable[..., Result], templates: Path) -> None:
    assert tools(run()) == {}


def test_a_flow_that_says_nothing_of_itself(run: Callable[..., Result], templates: Path) -> None:
    write_flow(templates, "mute", aleg=GOOD)
    done = run()
    assert "warning: mute: nothing tells a model what it is for (add a description to mute/flow.toml)" in done.stderr


def test_the_shipped_flows_are_tools(run: Callable[..., Result], values: dict[str, Any]) -> None:
    values["TEMPLATES"] = str(Path(__file__).parent.parent / "templates")
    found = json.loads(run("--style", "mcp").stdout)
    assert {"forward", "hold", "announce"} <= {tool["name"] for tool in found}
    for tool in found:
        assert TOOL_NAME.fullmatch(tool["name"])
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **tool["inputSchema"]})
        for name, schema in tool["inputSchema"]["properties"].items():
            assert PROPERTY_NAME.fullmatch(name)
            for example in (*schema.get("examples", ()), *([schema["default"]] if "default" in schema else ())):
                assert validator(schema).is_valid(example)


# --- the schema and resolve_params() say the same


def validator(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator(schema)


_words = st.text(st.sampled_from("aZ09 +*#.@:/-_;=%wé\n\t\u00a0\ue000\ufffe<&\"'\\[]"), max_size=12)
_near = st.one_of(
    st.from_regex(r"\+?[0-9]{5,16}", fullmatch=True),
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    st.from_regex(r"[0-9*#wW]{0,66}", fullmatch=True),
    st.from_regex(r"sips?:[a-z.%~-]{1,5}@[a-z.-]{1,6}(:[0-9]{1,6})?(;[a-z=.;]{0,4})?", fullmatch=True),
    st.from_regex(r"[Hh]ttps?://[a-z.@\[\]]{0,6}(:[0-9]{0,6})?[/?#]?[ -~]{0,8}", fullmatch=True),
    st.sampled_from(
        ["true", "yes", "", " ", "1", "+14155550123", "https://a.example/x?y#z", "http://", "\n", "x" * 1001]
    ),
)
scalars: st.SearchStrategy[object] = st.one_of(
    _words, _near, st.booleans(), st.integers(-(10**13), 10**13), st.text(max_size=5)
)
strange: st.SearchStrategy[object] = st.one_of(
    scalars,
    st.none(),
    st.floats(allow_nan=False),
    st.lists(scalars, max_size=2),
    st.dictionaries(_words, scalars, max_size=2),
)
choices = st.lists(st.one_of(st.sampled_from(["sales", "support", " padded ", ""]), _words), min_size=1, max_size=4)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, ParamSpec]:
    found = {}
    for name in draw(st.lists(st.sampled_from(["a", "b", "some_name"]), unique=True, max_size=3)):
        type = draw(st.sampled_from(TYPES))
        listed = draw(choices) if type == "choice" else []
        required = draw(st.booleans())
        # an example that fits is what every required param has; which one it is does not matter here
        spec = ParamSpec.model_construct(
            type=type, choices=tuple(listed), required=required, example=None, default=None, description="", agent=True
        )
        found[name] = spec
    return found


def given_for(specs: dict[str, ParamSpec], values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    listed = [choice for spec in specs.values() for choice in spec.choices]
    value = st.one_of(values, st.sampled_from(listed)) if listed else values
    return st.dictionaries(st.sampled_from(["a", "b", "some_name", "unknown"]), value, max_size=4)


def takes(specs: dict[str, ParamSpec], values: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return resolve_params(specs, values, "flow")
    except ParamInvalid:
        return None


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_the_schema_accepts_is_taken(data: st.DataObject) -> None:
    declared = data.draw(specs())
    values = data.draw(given_for(declared, strange))
    schema = params_schema(declared)
    if validator(schema).is_valid(values):
        told_in_words = any(
            isinstance(value, float) or (declared[name].type == "url" and re.search(r":[0-9]*|\[", str(value)[7:]))
            for name, value in values.items()
        )
        assume(not told_in_words)  # ports, bracketed addresses, and 5.0: resolve_params() alone knows
        assert takes(declared, values) is not None, schema


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_comes_out_satisfies_the_schema_and_comes_out_again(data: st.DataObject) -> None:
    declared = data.draw(specs())
    taken = takes(declared, data.draw(given_for(declared, scalars)))
    if taken is not None:
        assert validator(params_schema(declared)).is_valid(taken), params_schema(declared)
        assert takes(declared, taken) == taken


@pytest.mark.parametrize("type", TYPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_type_by_itself(type: str, data: st.DataObject) -> None:
    """What a validator makes of the pattern itself, values drawn from it: none is refused."""
    spec = ParamSpec.model_construct(
        type=type,
        choices=("sales", "support"),
        required=data.draw(st.booleans()),
        example=None,
        default=None,
        description="",
        agent=True,
    )
    schema = params_schema({"a": spec})
    value = data.draw(st.one_of(_from_schema(schema["properties"]["a"]), scalars))
    if validator(schema).is_valid({"a": value}) and not (type == "url" and re.search(r":|\[", str(value)[7:])):
        assert takes({"a": spec}, {"a": value}) is not None, value
    elif (out := takes({"a": spec}, {"a": value})) is not None:
        same = out["a"] == value and isinstance(out["a"], bool) == isinstance(value, bool)
        assert not same or type == "url", "its own spelling satisfies the schema"


def _from_schema(schema: dict[str, Any]) -> st.SearchStrategy[object]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "boolean":
        return st.booleans()
    pattern = schema.get("pattern", "")
    return st.from_regex(pattern, alphabet=st.characters(codec="utf-8")) if pattern else st.text(max_size=1100)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_every_schema_is_a_schema(data: st.DataObject) -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **params_schema(data.draw(specs()))}
    jsonschema_rs.meta.validate(schema)
