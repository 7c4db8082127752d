"""An error of a template names its file, its line, and what to write."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from callflows.flows import FlowSource, load_flow

from .rooms import context, flow, refused, rendered

A, B, BASE = "menu/aleg.xml", "menu/_b.xml", "_shared/base.xml"
MACRO = "\n{% macro m(x) %}\n{{ x.no }}{% endmacro %}"
CHILD = "{% extends '_shared/base.xml' %}\n{% block b %}\n{{ nope }}{% endblock %}"


@pytest.mark.parametrize(
    ("files", "file", "line", "code"),
    [
        ({A: "<R>\n{{ nope }}\n</R>"}, A, 2, "undefined"),
        ({A: "<R>\n\n{% for i in [1] %}\n  {{ i.nope }}\n{% endfor %}"}, A, 4, "undefined"),
        ({A: "a\n{% include 'menu/_b.xml' %}", B: "b\n\n{{ nope }}"}, B, 3, "undefined"),
        ({A: "a\n{% from 'menu/_b.xml' import m %}\n{{ m(1) }}", B: MACRO}, B, 3, "undefined"),
        ({A: CHILD, BASE: "<R>{% block b %}{% endblock %}"}, A, 3, "undefined"),
        ({A: "{% extends '_shared/base.xml' %}", BASE: "<R>\n{{ nope }}"}, BASE, 2, "undefined"),
        ({A: "{% macro m() %}\n{{ nope }}\n{% endmacro %}\n\n{{ m() }}"}, A, 2, "undefined"),
        ({A: "{% set x %}\n{{ nope }}{% endset %}"}, A, 2, "undefined"),
        ({A: "\n{% if nope == 1 %}x{% endif %}"}, A, 2, "undefined"),
        ({A: "a\n{{ 1\n + none }}"}, A, 2, "error"),
        ({A: "\n{{ ''.__class__ }}"}, A, 2, "forbidden"),
        ({A: "\n\n{{ 'a' * 10**8 }}"}, A, 3, "size"),
        ({A: "\n{% set x %}{{ 'a' * 90000 }}{{ 'b' * 90000 }}{% endset %}"}, A, 2, "size"),
        ({A: "\n{% include 'menu/nope.xml' %}"}, A, 2, "not-found"),
        ({A: "\n{% include '../../etc/passwd' %}"}, A, 2, "not-found"),
        ({A: "\n{% include '/etc/passwd' %}"}, A, 2, "not-found"),
        ({A: "\n{{ none }}"}, A, 2, "error"),
    ],
)  # fmt: skip
def test_an_error_is_where_it_was_written(files: Mapping[str, str], file: str, line: int, code: str) -> None:
    problem = refused(files)
    assert (problem.file, problem.line, problem.code) == (file, line, f"template.{code}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<R>\n{{ }}", 2),
        ("<R>\n\n{% if x %}", 3),
        ("{% endfor %}", 1),
        ("a\nb\n{{ 'x }}", 3),
        ("a\n{{ x|nosuchfilter }}", 2),
        ("a\n{% if x is nosuchtest %}{% endif %}", 2),
        ("a\n{% autoescape false %}{{ x }}{% endautoescape %}", 2),
        ("a\n{% trans %}x{% endtrans %}", 2),
        ("a\r\nb\r\n{{ }}", 3),
    ],
)
def test_a_syntax_error_is_found_at_load(text: str, line: int) -> None:
    (problem,) = load_flow(FlowSource("menu", {"menu/aleg.xml": text.encode()})).problems
    assert (problem.code, problem.file, problem.line) == ("template.syntax", "menu/aleg.xml", line)


def test_every_broken_template_is_reported_at_once() -> None:
    files = {"menu/aleg.xml": b"{{ }}", "menu/bleg.xml": b"{% if %}", "_shared/m.xml": b"\xff"}
    problems = load_flow(FlowSource("menu", files)).problems
    assert {(problem.file, problem.line) for problem in problems} == {(name, 1) for name in files}


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("{{ cal.uuid }}", "did you mean call?"),
        ("{{ call.numbr }}", "did you mean to_number?"),
        ("{{ params.grething }}", "did you mean greeting?"),
        ("{{ input.digit }}", "did you mean digits?"),
        ("{{ step_ulr('done') }}", "did you mean step_url?"),
        ("{{ zzzzzz }}", "lists the names there are"),
        ("{{ state.zzzzzz }}", "use default(...)"),
        ("{{ step_url('dome') }}", "did you mean done?"),
        ("{{ step_url('zzzz') }}", "it has aleg, done"),
        ("{{ flow_url('menu', 'dome') }}", "did you mean done?"),
        ("{{ audio_url('zzzz.mp3') }}", "add menu/audio/zzzz.mp3"),
    ],
)
def test_an_error_says_what_may_have_been_meant(template: str, hint: str) -> None:
    toml = '[params.greeting]\ntype = "text"\n'
    of = flow(aleg="<Response/>", done="<Response/>", toml=toml)
    assert hint in refused(template, **context(of)).hint


def test_a_field_that_is_not_there_is_named_by_what_the_author_wrote() -> None:
    assert refused("{{ call.numbr }}", **context(flow(aleg="<Response/>"))).message == "call has no 'numbr'"


def test_nothing_stands_before_the_document() -> None:
    assert rendered("\n  {% set a = 1 %}\n<Response/>") == "<Response/>"


def test_an_undefined_name_may_be_given_a_default() -> None:
    assert rendered("{{ state.tries|default(0) + 1 }}{{ nope|d('x') }}{{ nope is defined }}", state={}) == "1xfalse"
