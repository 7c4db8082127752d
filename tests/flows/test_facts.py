"""What a template refers to and compares with, told from its text alone."""

from __future__ import annotations

import pytest

from callflows.flows import load_flow
from callflows.flows.sandbox import FlowEnvironment
from callflows.flows.trying.never import impossible, unused_params
from callflows.flows.trying.operands import Constant
from callflows.flows.trying.reach import Reach, reach, templates_of

from .rooms import flow, source

NAME = "menu/aleg.xml"


def reached(template: str, **others: str) -> Reach:
    files = {NAME: template} | {f"menu/{name}.xml": text for name, text in others.items()}
    environment = FlowEnvironment(files)
    for name in files:
        environment.get_template(name)
    return reach(environment.facts, NAME)


@pytest.mark.parametrize(
    ("template", "path", "constants"),
    [
        ('{% if input.digits == "1" %}x{% endif %}', "input.digits", ["1"]),
        ('{% if "1" != input["digits"] %}x{% endif %}', "input.digits", ["1"]),
        ('{% if input.digits in ("1", "2") %}x{% endif %}', "input.digits", ["1", "2"]),
        ('{% if input.digits not in ["1", "2"] %}x{% endif %}', "input.digits", ["1", "2"]),
        ('{% if input.digits in "12" %}x{% endif %}', "input.digits", ["1", "2", "12"]),
        ('{{ {"1": "sales", "2": "help"}[input.digits] }}', "input.digits", ["1", "2"]),
        ('{{ {"1": "sales"}.get(input.digits, "x") }}', "input.digits", ["1"]),
        ('{% set menu = {"1": "sales", "2": "x"} %}{{ menu[input.digits] }}', "input.digits", ["1", "2"]),
        ('{% set keys = ["1", "2"] %}{% if input.digits in keys %}x{% endif %}', "input.digits", ["1", "2"]),
        ('{% for k in ["1", "2"] %}{% if k == input.digits %}x{% endif %}{% endfor %}', "input.digits", ["1", "2"]),
        ('{% for k, v in {"1": "a"}.items() %}{{ k == input.digits }}{% endfor %}', "input.digits", ["1"]),
        ("{{ input.digits | length == 4 }}", "input.digits", [4]),
        ("{{ input.digits | int > 5 }}", "input.digits", [5]),
        ("{{ 3 < input.digits | int <= 5 }}", "input.digits", [3, 5]),
        ('{{ dial.status in ["busy", "failed"] }}', "dial.status", ["busy", "failed"]),
        ('{{ dial.status is eq("busy") }}', "dial.status", ["busy"]),
        ('{{ dial.status is in ["busy", "x"] }}', "dial.status", ["busy", "x"]),
        ("{{ state.tries | default(0) | int >= 3 }}", "state.tries", [3]),
        ("{{ (state.tries or 0) >= 3 }}", "state.tries", [3]),
        ('{{ state.get("tries", 0) >= 3 }}', "state.tries", [3]),
        ("{% set round = state.round | default(1) %}{{ round == 7 }}", "state.round", [7]),
        ("{% set a = state.round %}{% set b = a + 1 %}{{ b >= 7 }}", "state.round", [7]),
        ("{% with r = state.round %}{{ r == 7 }}{% endwith %}", "state.round", [7]),
        ("{% set ns = namespace(r=state.round) %}{{ ns.r == 7 }}", "state.round", [7]),
        ("{% set ns = namespace(r=0) %}{% set ns.r = state.round %}{{ ns.r == 7 }}", "state.round", [7]),
        ('{% macro m(key) %}{{ key == "4" }}{% endmacro %}{{ m(input.digits) }}', "input.digits", ["4"]),
        ('{% macro m(a, key) %}{{ key == "4" }}{% endmacro %}{{ m(1, key=input.digits) }}', "input.digits", ["4"]),
        ('{{ input.speech | lower == "yes" }}', "input.speech", ["yes"]),
        ('{{ input.speech.lower() == "yes" }}', "input.speech", ["yes"]),
        ('{{ "sales" in input.speech }}', "input.speech", ["sales"]),
        ('{{ "sales" in input.speech | lower }}', "input.speech", ["sales"]),
        ('{{ input.speech.startswith("sal") }}', "input.speech", ["sal"]),
        ('{{ input.digits[0] == "9" }}', "input.digits", ["9"]),
        ('{{ input.digits[:2] == "91" }}', "input.digits", ["91"]),
        ("{{ [[params.times, 1] | max, 20] | min }}", "params.times", [20, 1]),
        ('{{ "a" if params.kind == "sales" else "b" }}', "params.kind", ["sales"]),
        ("{{ now.hour >= 9 and now.weekday() < 5 }}", "now.weekday", [5]),
        ('{{ now.strftime("%H:%M") >= "09:00" }}', "now.strftime", ["09:00"]),
        ('{{ call.sip_headers.Tenant == "x" }}', "call.sip_headers.Tenant", ["x"]),
        ("{{ params.fee > -3 }}", "params.fee", [-3]),
        ("{{ params.vip == true }}", "params.vip", [True]),
        ('{{ input.digits == "1" }}' * 3, "input.digits", ["1"]),
        ('{{ dial.status == "busy" }}', "input.digits", []),
    ],
)
def test_what_a_path_is_compared_with(template: str, path: str, constants: list[Constant]) -> None:
    found = reached(template).constants(path)
    assert sorted(map(repr, found)) == sorted(map(repr, constants))


@pytest.mark.parametrize(
    ("template", "uses"),
    [
        ("{{ state.round }}", {"state.round"}),
        ('{{ state["round"] }}', {"state.round"}),
        ('{{ state.get("round", 1) }}', {"state.round"}),
        ('{{ "round" in state }}', {"state", "state.round"}),
        ("{{ params[input.digits] }}", {"params", "input.digits"}),
        ("{{ input.speech.lower() }}", {"input.speech"}),
        ("{{ call.sip_headers.X }}", {"call.sip_headers.X"}),
        ("{{ now.hour }}{{ leg }}", {"now.hour", "leg"}),
        ("{% set s = dial %}{{ s.status }}", {"s.status", "dial", "dial.status"}),
        ('{{ step_url("done", n=state.n) }}', {"step_url", "state.n"}),
        ("x", set()),
    ],
)
def test_what_is_referred_to(template: str, uses: set[str]) -> None:
    assert reached(template).uses == uses


def test_what_is_included_counts() -> None:
    part = '{{ round == 3 }}{% import "menu/lib.xml" as lib %}{{ lib.ask(dial.status) }}'
    lib = '{% macro ask(status) %}{{ status == "busy" }}{% endmacro %}'
    found = reached('{% set round = state.round %}{% include "menu/part.xml" %}', part=part, lib=lib, other="{{ leg }}")
    assert found.constants("state.round") == [3]
    assert found.constants("dial.status") == ["busy"]
    assert not found.uses_any("leg")


@pytest.mark.parametrize(
    ("template", "uses"),
    [
        ('{% from "menu/lib.xml" import ask %}{{ ask() }}', {"input.digits", "leg"}),
        ('{% from "menu/lib.xml" import ask as say %}{{ say() }}', {"input.digits", "leg"}),
        ('{% import "menu/lib.xml" as lib %}{{ lib.ask() }}', {"input.digits", "leg"}),
        ('{% from "menu/lib.xml" import hold, ask %}{{ hold(1) }}', {"state.round"}),
        ('{% import "menu/" ~ leg as lib %}{{ lib.hold(1) }}', {"input.digits", "leg", "state.round"}),
    ],
)
def test_of_imported_macros_those_count_that_are_named(template: str, uses: set[str]) -> None:
    lib = (
        "{% macro whose() %}{{ leg }}{% endmacro %}{% macro ask() %}{{ input.digits }}{{ whose() }}{% endmacro %}"
        "{% macro hold(most) %}{{ state.round < most }}{% endmacro %}"
    )
    found = reached(template, lib=lib).uses
    assert found & {"input.digits", "leg", "state.round"} == uses


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ('{% include "menu/a.xml" %}', {"menu/a.xml"}),
        ('{% extends "menu/a.xml" %}', {"menu/a.xml"}),
        ('{% from "menu/a.xml" import x %}', {"menu/a.xml"}),
        ('{% include ["menu/none.xml", "menu/b.xml"] %}', {"menu/b.xml"}),
        ('{% include "menu/a.xml" if leg else "menu/b.xml" %}', {"menu/a.xml", "menu/b.xml"}),
        ('{% include "menu/" ~ leg ~ ".xml" %}', {"menu/a.xml", "menu/b.xml"}),
        ("{% include leg %}", {"menu/a.xml", "menu/b.xml"}),
        ('{% include "menu/aleg.xml" %}', set()),
    ],
)
def test_which_templates_it_may_be_made_of(template: str, found: set[str]) -> None:
    environment = FlowEnvironment({NAME: template, "menu/a.xml": "", "menu/b.xml": ""})
    for name in (NAME, "menu/a.xml", "menu/b.xml"):
        environment.get_template(name)
    assert set(templates_of(environment.facts, NAME)) == {NAME, *found}


def test_deep_and_long_templates_are_looked_through() -> None:
    assert reached("{{ " + "state.a + " * 80 + "1 == 5 }}").uses == {"state.a"}
    assert reached("{% if leg %}" * 15 + "{{ state.x }}" + "{% endif %}" * 15).uses_any("state.x")
    assert reached('{% set a = b %}{% set b = a %}{{ a == "x" }}').uses >= {"a", "b"}


TOML = """
[params.kind]
type = "choice"
choices = ["sales", "support"]
[params.vip]
type = "boolean"
[params.times]
type = "integer"
[params.name]
"""


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ('a\n{% if dial.status == "noanswer" %}x{% endif %}', "2:22 did you mean no-answer?"),
        ('{{ dial.status in ["busy", "noanswer"] }}', "1:28 did you mean no-answer?"),
        ('{{ {"noanswer": "x"}[dial.status] }}', "1:5 did you mean no-answer?"),
        ('{{ input.type == "voice" }}', "1:18 it is one of dtmf, speech"),
        ('{{ leg == "A" }}', "1:11 it is one of aleg, bleg"),
        ('{{ provider == "twilio" }}', "1:16 it is one of plivo, vobiz"),
        ('{{ params.kind == "suport" }}', "1:19 did you mean support?"),
        ('{{ params.vip == "true" }}', "1:18 compare with true or false, without quotes"),
        ('{{ params.times == "3" }}', "1:20 compare with the number without quotes"),
        ("{{ input.digits == 1 }}", '1:20 write "1"'),
        ('{% set s = dial.status %}{{ s == "noanswer" }}', "1:34 did you mean no-answer?"),
        ('{{ dial.status == "busy" }}{{ dial.status == "" }}{{ leg == "bleg" }}', ""),
        ('{{ params.kind == "sales" }}{{ params.kind == "" }}{{ params.vip == true }}', ""),
        ("{{ input.digits | int == 1 }}{{ params.times >= 3 }}", ""),
        ('{{ dial.status | upper == "BUSY" }}', ""),
        ('{{ dial.status | default("none", true) == "none" }}', ""),
        ('{% set s = dial.status %}{% if leg %}{% set s = "own" %}{% endif %}{{ s == "own" }}', ""),
        ('{% macro m(s) %}{{ s == "own" }}{% endmacro %}{{ m(dial.status) }}{{ m("own") }}', ""),
        ('{% for leg in ["A"] %}{{ leg == "A" }}{% endfor %}', ""),
        ('{{ (dial.status or "none") == "none" }}', ""),
        ('{{ call.status == "whatever" }}{{ params.name == "x" }}{{ state.leg == "A" }}', ""),
    ],
)
def test_a_comparison_that_is_never_true(template: str, found: str) -> None:
    flow = load_flow(source(aleg=template, toml=TOML))
    problems = impossible(flow, ("plivo", "vobiz"))
    assert [f"{each.line}:{each.column} {each.hint}" for each in problems] == ([found] if found else [])
    for each in problems:
        assert (each.code, each.severity, each.file) == ("template.never-equal", "warning", NAME)
        assert each.source == template.split("\n")[(each.line or 0) - 1]


def test_a_param_that_nobody_uses() -> None:
    flow = load_flow(source(aleg="{{ params.kind }}{{ params.vip }}{{ params.times }}{{ params.nmae }}", toml=TOML))
    (problem,) = unused_params(flow)
    assert (problem.code, problem.line, problem.column) == ("flow.unused-param", 9, 1)
    assert unused_params(load_flow(source(aleg="{{ params[leg] }}", toml=TOML))) == []


BLOCKS = """{% macro say(text) %}<Speak>{{ text }}</Speak>{% endmacro %}
{% macro ended() %}{% if dial.status == "busy" %}{{ say("Busy.") }}{% endif %}{% endmacro %}
{% macro round() %}{{ state.round }}{{ ended() }}{% endmacro %}"""


@pytest.mark.parametrize(
    ("template", "looks_at"),
    [
        ('{% from "_shared/b.xml" import say, round %}{{ say(input.digits) }}', ["input"]),
        ('{% from "_shared/b.xml" import ended as done %}{{ done() }}', ["dial"]),
        ('{% from "_shared/b.xml" import round %}{% call round() %}{% endcall %}', ["dial", "state"]),
        ('{% import "_shared/b.xml" as b %}{{ b.say("x") }}', []),
        ('{% from "_shared/b.xml" import ended %}{% include "menu/_part.xml" %}', ["dial", "leg"]),
        ('{% from "_shared/b.xml" import say %}{% macro mine() %}{{ call.uuid }}{% endmacro %}', []),
        ('{% from "_shared/b.xml" import say %}{% macro mine() %}{{ call.uuid }}{% endmacro %}{{ mine() }}', ["call"]),
    ],
)
def test_only_macros_that_are_called_are_looked_into(template: str, looks_at: list[str]) -> None:
    made = flow(aleg=template, _part="{{ ended() }}{{ leg }}", _shared__b=BLOCKS)
    found = reach(made.environment.facts, "menu/aleg.xml")
    assert [name for name in ("call", "dial", "input", "leg", "state") if found.uses_any(name)] == looks_at
