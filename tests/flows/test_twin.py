"""The twin: the same text, every character at its place, every mistake at once, and which branches ran."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callflows import shipped
from callflows.flows import FlowSource, Trace, branches, load_flow, read_sources, render, trace
from callflows.flows.bounds import MAX_VALUE
from callflows.flows.sandbox import FlowEnvironment
from callflows.marks import UNKNOWN

from .rooms import context, flow, rendered

A, B, BASE = "menu/aleg.xml", "menu/_b.xml", "_shared/base.xml"
VALUES = {"lines": "1\n2\n3", "items": [1, 2], "amp": "&", "yes": True}


def traced(files: str | Mapping[str, str], seconds: float = 5.0, **values: object) -> Trace:
    files = {A: files} if isinstance(files, str) else files
    return trace(FlowEnvironment(files), A, VALUES | values, seconds=seconds)


MACROS = "\n{% macro m(x) %}\n [{{ x }}]@{% endmacro %}{% macro w() %}\n<{{ caller() }}>{% endmacro %}"
CHILD = "{% extends '_shared/base.xml' %}\n{% block b %}\n  {{ super() }}|@{% endblock %}"
PARENT = "<R>\n\n{% block b %}\n p{% endblock %}"


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ("@", (A, 1, 1)),
        ("abc\n  @", (A, 2, 3)),
        ("\n\n @", (A, 3, 2)),
        ("a{{ 1 }}@", (A, 1, 9)),
        ("a{{ 1 }} {{ '@' }}", (A, 1, 10)),
        ("a\n {{ 'x\n@' }}", (A, 2, 2)),
        ("a\n {{\n\n '@' }}", (A, 2, 2)),
        ("{{ lines }}@", (A, 1, 12)),
        ("{{ lines }}\n@", (A, 2, 1)),
        ("{% for i in items %}\n{{ i }}\n  x{% if loop.last %}@{% endif %}{% endfor %}", (A, 3, 22)),
        ("a  \n\n {%- if yes %}\n @{% endif %}", (A, 4, 2)),
        ("a\n{% if yes -%}\n\n   @{% endif %}", (A, 4, 4)),
        ("a\n {{- 1 -}} \n @", (A, 3, 2)),
        ("a\n{% if yes +%}\n @{% endif %}", (A, 3, 2)),
        ("  \n {%+ if yes %}@{% endif %}", (A, 2, 15)),
        ("x{% raw %}\n {{ @ {% endraw %}", (A, 2, 5)),
        ("x{%- raw -%}\n  {{ @ {%- endraw -%} \n", (A, 2, 6)),
        ("x{% raw %}{% endraw %}\n y @", (A, 2, 4)),
        ("{# one\ntwo #} @", (A, 2, 8)),
        ("a {#- one\ntwo -#}\n\n @", (A, 4, 2)),
        ("a\r\nb\r\n  {{ 1 }}\r\n @", (A, 4, 2)),
        ("a\rb\r @", (A, 3, 2)),
        ("{% set x = [\n1,\n2] %}@", (A, 3, 6)),
        ("{% if yes\n and yes %}\n@{% endif %}", (A, 3, 1)),
        ("a\n @", (A, 2, 2)),
        ({A: "a\n{% include 'menu/_b.xml' %}", B: "b\n\n @"}, (B, 3, 2)),
        ({A: "a\n{% include 'menu/_b.xml' %}@", B: "b\n\n"}, (A, 2, 28)),
        ({A: "a\n{% include 'menu/_b.xml' without context %}", B: "b\n @"}, (B, 2, 2)),
        ({A: "{% for i in [1] %}{% include ['no', 'menu/_b.xml'] %}{% endfor %}", B: "\n@"}, (B, 2, 1)),
        ({A: "{% from 'menu/_b.xml' import m %}{{ m(1) }}", B: MACROS}, (B, 3, 11)),
        ({A: "{% import 'menu/_b.xml' as b %}\n{{ b.m('q') ~ 'z' }}", B: MACROS}, (B, 3, 11)),
        ({A: "{% from 'menu/_b.xml' import m %}\n {{ m('@') ~ 1 }}", B: MACROS.replace("@", "")}, (B, 3, 3)),
        ({A: "{% from 'menu/_b.xml' import w %}\n {% call w() %}\n  @{% endcall %}", B: MACROS}, (A, 3, 3)),
        ({A: "{% from 'menu/_b.xml' import m, w %}\n{% call w() %}{{ m(2) }}{% endcall %}", B: MACROS}, (B, 3, 11)),
        ({A: "{% from 'menu/_b.xml' import m %}\n{{ m(1) ~ '@' }}", B: MACROS.replace("@", "")}, (A, 2, 1)),
        ({A: CHILD, BASE: PARENT}, (A, 3, 17)),
        ({A: CHILD.replace("@", ""), BASE: PARENT.replace("p", "@")}, (BASE, 4, 2)),
        ({A: CHILD.replace("@", ""), BASE: PARENT + "\n @"}, (BASE, 5, 2)),
        ({A: CHILD.replace("@", ""), BASE: PARENT + "\n {{ self.b() }}@"}, (BASE, 5, 16)),
        ("{% block r %} {% endblock %}@", (A, 1, 29)),
        ("{% set x %}\n  a @{% endset %}\n\n{{ x }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}\n\n{{ 'q' ~ x ~ 'q' }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}\n\n{{ x + 'q' }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}\n\n{{ x | trim | upper }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}\n\n{{ x.strip() }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}\n\n{{ x[3:] }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}{% for row in x.splitlines() %}{{ row }}{% endfor %}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}{{ x | replace('a', 'bb') }}", (A, 2, None)),
        ("{% set x | upper %}\n  a @{% endset %}{{ x }}", (A, 2, 5)),
        ("{% set x %}\n  a @{% endset %}{% set y %}{{ x }}\n{% endset %}\n{{ y }}", (A, 2, 5)),
        ("a\n{% filter upper %}\n b @{% endfilter %}", (A, 3, 4)),
        ("a\n{% filter title %}\n b @{% endfilter %}", (A, 3, 4)),
        ("a\n{% filter replace('b', '@') %}\n b{% endfilter %}", (A, 3, None)),
        ("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% else %}\n @{% endif %}{% endmacro %}{{ m(3) }}", (A, 2, 2)),
        ("{% for i in [[1]] recursive %}\n{% if i is number %} @{% else %}{{ loop(i) }}{% endif %}{% endfor %}",
            (A, 2, 22)),
        ("{% with a = 1 %}\n {{ a }}@{% endwith %}", (A, 2, 9)),
        ("{% print '@' %}", (A, 1, None)),
        ("{{ amp }}\n{{ amp }}@", (A, 2, 10)),
        ("{{ 'a' if yes else 'b' }} @", (A, 1, 27)),
    ],
)  # fmt: skip
def test_every_character_is_where_it_was_written(
    files: str | Mapping[str, str], place: tuple[str, int, int | None]
) -> None:
    files = {A: files} if isinstance(files, str) else files
    found = traced(files)
    assert found.problems == ()
    assert found.text == render(FlowEnvironment(files), A, VALUES, seconds=5)
    at = found.place(found.text.index("@"))
    assert (at.file, at.line, at.column) == place
    assert at.source == files[at.file].replace("\r\n", "\n").replace("\r", "\n").split("\n")[at.line - 1]


def test_a_byte_order_mark_is_no_column() -> None:
    of = load_flow(FlowSource("menu", {A: b"\xef\xbb\xbf<R>@\r\n @</R>"}))
    found = trace(of.environment, A, {}, seconds=5)
    assert [(found.place(at).line, found.place(at).column) for at in (3, 6)] == [(1, 4), (2, 2)]


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        ("{{ nope }}", ["menu/aleg.xml:1:4 undefined"]),
        ("\n{{ calll.from.x }}{{ calll.from }}", ["menu/aleg.xml:2:4 undefined"]),
        ("{% for i in [1, 2] %}\n{{ nope }}{% endfor %}", ["menu/aleg.xml:2:4 undefined"]),
        ("{{ nope }}\n{{ nope2 }}", ["menu/aleg.xml:1:4 undefined", "menu/aleg.xml:2:4 undefined"]),
        ("{% set x = call.numbr %}\n{{ x }}\n{{ x }}", ["menu/aleg.xml:2:1 undefined"]),
        ("{{ call.uuid }}{{ call.numbr|upper }}", ["menu/aleg.xml:1:24 undefined"]),
        ("{{ nope is defined }}{{ nope is undefined }}{{ nope|default('a') }}{{ call.x is defined }}", []),
        ("{{ step_url('nope') }}", ["menu/aleg.xml:1:14 link"]),
        ("{{ step_url(nope) }}{{ step_url('a' ~ nope) }}", ["menu/aleg.xml:1:13 undefined"]),
        ("{{ step_url('aleg', a=nope.x) }}", ["menu/aleg.xml:1:23 undefined"]),
        ("{% if nope and nope2 %}x{% elif nope3 %}{% endif %}", [
            "menu/aleg.xml:1:7 undefined", "menu/aleg.xml:1:33 undefined"]),
        ("{{ nope == 1 }}{{ nope2 < 2 }}{{ not nope3 }}{{ 'a' in nope4 }}", [
            f"menu/aleg.xml:1:{column} undefined" for column in (4, 19, 38, 56)]),
        ("{{ 1 < 'a' }}\n{{ 1 + 'a' }}\n{{ -'a' }}\n{{ 'a'[none:'b'] }}", [
            "menu/aleg.xml:1:6 error", "menu/aleg.xml:2:6 error", "menu/aleg.xml:3:4 error",
            "menu/aleg.xml:4:None error"]),
        ("{{ none }}\n{{ [1] }}", ["menu/aleg.xml:1:1 error", "menu/aleg.xml:2:1 error"]),
        ("a{{ none ~ 'b' }}", ["menu/aleg.xml:1:None error"]),
        ("{{ ''.__class__ }}{{ 'a'.format }}", ["menu/aleg.xml:1:7 forbidden", "menu/aleg.xml:1:26 forbidden"]),
        ("{{ 'a' | upper }}{{ 1|truncate(0-5) }}", ["menu/aleg.xml:1:23 error"]),
        ("{% for a in 5 %}{% endfor %}\n{% for a, b in [1, (1,2,3)] %}{{ a }}{% endfor %}", [
            "menu/aleg.xml:1:None error", "menu/aleg.xml:2:None error", "menu/aleg.xml:2:None error"]),
        ("{% set a, b = 1 %}\n{{ a }}{{ nope }}", ["menu/aleg.xml:1:None error", "menu/aleg.xml:2:11 undefined"]),
        ("{% set call.x = 1 %}\n{{ nope }}", ["menu/aleg.xml:1:None error", "menu/aleg.xml:2:4 undefined"]),
        ("{{ {[1]: 2} }}\n{{ dict(*5) }}{{ nope }}", [
            "menu/aleg.xml:1:None error", "menu/aleg.xml:2:None error", "menu/aleg.xml:2:18 undefined"]),
        ("{% include 'menu/no.xml' %}\n{% include 'menu/no.xml' ignore missing %}{{ nope }}", [
            "menu/aleg.xml:1:13 not-found", "menu/aleg.xml:2:46 undefined"]),
        ("{% include ['a', 'b'] %}{% include nope %}", [
            "menu/aleg.xml:1:19 not-found", "menu/aleg.xml:1:36 undefined"]),
        ("{% from 'menu/no.xml' import m %}{{ m(nope.a) }}{% import 'menu/no2.xml' as b %}{{ b.m() }}", [
            "menu/aleg.xml:1:10 not-found", "menu/aleg.xml:1:39 undefined", "menu/aleg.xml:1:60 not-found"]),
        ("{% extends 'menu/no.xml' %}{% block b %}{{ nope }}{% endblock %}", [
            "menu/aleg.xml:1:13 not-found", "menu/aleg.xml:1:44 undefined"]),
        ({A: "{% include 'menu/_b.xml' %}{{ nope }}", B: "{% if %}"}, ["menu/aleg.xml:1:31 undefined"]),
        ({A: "{% from 'menu/_b.xml' import m %}\n{{ m({}) }}\n{{ m(1, 2) }}",
            B: "{% macro m(x) %}\n {{ x.no }}{% endmacro %}"}, [
            "menu/_b.xml:2:7 undefined", "menu/aleg.xml:3:4 error"]),
        ({A: "{% from 'menu/_b.xml' import zz %}\n{{ zz() }}", B: "x"}, ["menu/aleg.xml:2:4 undefined"]),
        ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m() }}", ["menu/aleg.xml:1:20 undefined"]),
        ("{% for i in [1] %}{% set a = nope.x %}\n{{ step_url('no') }}{% endfor %}", [
            "menu/aleg.xml:1:30 undefined", "menu/aleg.xml:2:14 link"]),
        ("{{ [1, 2]|map('nosuch')|join }}", ["menu/aleg.xml:1:16 error"]),
        ("{% call(x) foo() %}{% endcall %}", ["menu/aleg.xml:1:12 undefined"]),
        ("{% filter length %}a{% endfilter %}{{ nope }}", [
            "menu/aleg.xml:1:None error", "menu/aleg.xml:1:39 undefined"]),
        ("{{\n call.uuid ~\n nope }}", ["menu/aleg.xml:3:2 undefined"]),
        ("nope {{ nope }}", ["menu/aleg.xml:1:9 undefined"]),
        ("{{ 'a' * 10**7 }}{{ nope }}", ["menu/aleg.xml:1:8 size", "menu/aleg.xml:1:21 undefined"]),
    ],
)  # fmt: skip
def test_every_mistake_is_found_once(files: str | Mapping[str, str], problems: list[str]) -> None:
    found = traced(files, **context(flow(aleg="<Response/>")))
    assert [f"{p.file}:{p.line}:{p.column} {p.code.removeprefix('template.')}" for p in found.problems] == problems
    assert not found.aborted
    assert all(problem.source for problem in found.problems)


def test_what_is_unknown_is_seen_in_the_text() -> None:
    found = traced("a {{ nope }} {{ 'x' ~ nope }} {% for i in nope %}b{% else %}c{% endfor %}{{ nope|upper }}")
    assert found.text == f"a {UNKNOWN} x{UNKNOWN} c{UNKNOWN}"


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("a{% set x = range(9000) %}{% for i in x %}{% for j in x %}{% endfor %}{% endfor %}", "deadline"),
        ("a{% include 'menu/aleg.xml' %}", "recursion"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("a{% for i in range(9) %}{{ 'x' * 90000 }}{% endfor %}", "size"),
        ("a{% for i in range(9000) %}{% set x = 'x' * 9000 %}{% endfor %}", "size"),
        ("a{% if %}", "syntax"),
    ],
)
def test_what_cannot_go_on_is_aborted(template: str, code: str) -> None:
    found = traced(template, seconds=1.0 if code != "size" else 20.0)
    assert found.aborted
    assert [(problem.file, problem.code) for problem in found.problems] == [(A, f"template.{code}")]


BRANCHING = """{% if yes -%}
a{% elif items == [9] %}b
{%- else %}c{% endif %}
{% for i in items %}{{ "x" if i > 1 else "y" }}{% else %}
{% endfor %}{% for i in [] %}d{% else %}e{% endfor %}
{% macro m() %}{% if yes %}f{% endif %}{% endmacro %}{{ "g" if not yes }}"""


def test_branches_have_the_tag_that_decides() -> None:
    environment = FlowEnvironment({A: BRANCHING})
    known = branches(environment, A)
    reached = trace(environment, A, VALUES, seconds=5).reached
    assert reached <= known
    shown = [
        f"{branch.line}:{branch.column} {branch.kind} {branch.text} {branch.macro}".strip()
        + (" +" if branch in reached else "")
        for branch in sorted(known, key=lambda branch: (branch.line, branch.column))
    ]
    assert shown == [
        "1:1 if {% if yes -%} +",
        "2:2 elif {% elif items == [9] %}",
        "3:1 else {%- else %}",
        "4:1 for {% for i in items %} +",
        '4:28 value {{ "x" if i > 1 else "y" }} +',
        '4:37 other {{ "x" if i > 1 else "y" }} +',
        "4:48 empty {% else %}",
        "5:13 for {% for i in [] %}",
        "5:31 empty {% else %} +",
        "6:1 macro {% macro m() %} m",
        "6:16 if {% if yes %} m",
        '6:61 value {{ "g" if not yes }}',
    ]


def test_nested_conditions_are_told_apart() -> None:
    text = "{{ (1 if no else 2) if yes else (3 if no else 4) }}{% for i in items if i if yes %}{{ i }}{% endfor %}"
    found = traced(text, no=False)
    assert found.text == "212"
    assert sorted(branch.column for branch in found.reached) == [13, 21, 52, 75]


def test_a_file_that_does_not_compile_has_no_branches() -> None:
    assert branches(FlowEnvironment({A: "{% if %}"}), A) == frozenset()


def test_marks_weigh_nothing() -> None:
    rows = "\n" * (MAX_VALUE - 10)
    files = {A: "{% set x %}" + rows + "a{% endset %}{{ x | length }}{{ x == y }}{{ 'a' in x }}{{ x[-1] }}"}
    assert traced(files, y=1).text == rendered(files[A], **VALUES, y=1)


@pytest.mark.parametrize("name", ["announce", "forward", "hold"])
def test_shipped_flows_give_the_same_text(name: str) -> None:
    (found,) = [source for source in read_sources(shipped.path("templates")).values() if source.name == name]
    of = load_flow(found)
    for step in of.steps:
        values = context(of, step)
        for template in of.steps[step].templates.values():
            seen = trace(of.environment, template, values, seconds=5)
            if not seen.problems:
                assert seen.text == render(of.environment, template, context(of, step), seconds=5)


class _Written:
    """Files from a tree of constructs. Each letter of text is there once in all of them."""

    def __init__(self, tree: list[object]) -> None:
        self._numbers = count()
        self.files: dict[str, str] = {}
        self.files[A] = self.body(tree)

    def file(self, text: str) -> str:
        name = f"menu/_{next(self._numbers)}.xml"
        self.files[name] = text
        return name

    def body(self, tree: object) -> str:
        assert isinstance(tree, list)
        return "".join(map(self.one, tree))

    def one(self, part: tuple[str, str, str, list[object], list[object]]) -> str:
        kind, left, right, inner, other = part
        number = next(self._numbers)
        if kind == "text":
            return "".join(chr(0x4E00 + next(self._numbers)) if way == "x" else way for way in left)
        first, name = self.body(inner), f"m{number}"

        def tag(text: str) -> str:
            return f"{{%{left} {text} {right}%}}"

        def out(text: str) -> str:
            return f"{{{{{left} {text}\n {right}}}}}"

        match kind:
            case "out":
                return out("'&'")
            case "lines":
                return out(r"'1\n2'")
            case "raw":
                return (
                    tag("raw") + "{{ " + "".join(char for char in first if char > "~" or char == "\n") + tag("endraw")
                )
            case "comment":
                return f"{{#{left} one\ntwo {right}#}}"
            case "if":
                return (
                    tag("if false") + "a" + tag("elif\n true") + first + tag("else") + self.body(other) + tag("endif")
                )
            case "for":
                return tag("for i in [1, 2]") + first + tag("else") + self.body(other) + tag("endfor")
            case "empty":
                return tag("for i in []") + first + tag("else") + self.body(other) + tag("endfor")
            case "include":
                return tag(f"include '{self.file(first)}'")
            case "macro":
                return tag(f"macro {name}(a)") + first + out("a") + tag("endmacro") + out(f"{name}(1)")
            case "import":
                file = self.file(tag(f"macro {name}()") + first + tag("endmacro"))
                return tag(f"from '{file}' import {name}") + out(f"{name}() ~ 'q' ~ {name}()")
            case "call":
                file = self.file(tag(f"macro {name}()") + first + out("caller()") + tag("endmacro"))
                opening = tag(f"from '{file}' import {name}") + tag(f"call {name}()")
                return opening + self.body(other) + tag("endcall")
            case "set":
                return (
                    tag(f"set {name}") + first + tag("endset") + out(name) + out(f"{name}|trim") + out(f"'&' ~ {name}")
                )
            case "extends":
                parent = self.file(tag("block b") + self.body(other) + tag("endblock") + "\n ")
                child = tag(f"extends '{parent}'") + tag("block b") + first + out("super()") + tag("endblock")
                return tag(f"include '{self.file(child)}'")
        return tag("filter upper") + first + tag("endfilter")


_KINDS = "out lines raw comment if for empty include macro import call set extends filter".split()
_ENDS = st.sampled_from(["", "", "-"])
_TEXT = st.tuples(
    st.just("text"),
    st.lists(st.sampled_from(["x", "x", "x", " ", "\n", "\r\n", "<a>"]), max_size=6),
    st.just(""),
    st.just([]),
    st.just([]),
)
_PARTS = st.recursive(
    _TEXT,
    lambda parts: st.tuples(
        st.sampled_from(_KINDS), _ENDS, _ENDS, st.lists(parts, max_size=4), st.lists(parts, max_size=2)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_PARTS, max_size=6))
def test_whatever_a_template_is_made_of(tree: list[object]) -> None:
    written = _Written(tree)
    environment = FlowEnvironment(written.files)
    found = trace(environment, A, {}, seconds=20)
    assert found.problems == ()
    assert found.text == render(environment, A, {}, seconds=20)
    assert found.reached <= frozenset().union(*(branches(environment, name) for name in written.files))
    places = {
        char: (name, number, column)
        for name, text in written.files.items()
        for number, row in enumerate(text.replace("\r\n", "\n").split("\n"), 1)
        for column, char in enumerate(row, 1)
        if char > "~"
    }
    for offset, char in enumerate(found.text):
        if char > "~":
            place = found.place(offset)
            assert (place.file, place.line, place.column) == places[char]
