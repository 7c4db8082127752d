"""[context.NAME]: what flow.toml says of names an application gives, and what of a given value reaches a template."""

from __future__ import annotations

import json
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.local import LocalProxy

from callflows.flows import load_flow
from callflows.flows.context import CONTEXT
from callflows.flows.declared import MAX_DEPTH, plain
from callflows.flows.manifest import Manifest, read_manifest
from callflows.models import Problem
from callflows.scrub import scrub

from .rooms import context, flow, source

NAMES = ["call", "step_url", "params", "range", "namespace", "loop", "caller", "varargs", "self", "true", "not", "if"]


def read(text: str) -> tuple[Manifest, list[Problem]]:
    return read_manifest(text.encode(), "menu/flow.toml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[context.a]", 1, "a default is needed"),
        ("[context.a]\nexample = 'x'", 1, "a default is needed"),
        ("[context]\na = 'x'", 2, "must be a table: [context.a]"),
        ("context = 1", 1, "must be a table: [context]"),
        ("[context.a]\ndefalt = ''", 2, "unknown key defalt"),
        ("[context.a]\ndefault = 1.5", 2, "it is of the type float; what can be given is text, a whole number"),
        ("[context.a]\ndefault = nan", 2, "of the type float"),
        ("[context.a]\ndefault = 2026-01-01", 2, "of the type datetime.date"),
        ("[context.a]\ndefault = { b = [1, { c = 1.5 }] }", 2, "it.b[1].c is of the type float"),
        ("[context.a]\ndefault = [1, 'x']", 2, "it[1] is text, not a whole number"),
        ("[context.a]\ndefault = [{ b = 1 }, {}]", 2, "it[1] has no b"),
        ("[context.a]\ndefault = ''\nexample = 1", 3, "it is a whole number, not text"),
        ("[context.a]\ndefault = 1\nexample = true", 3, "it is true or false, not a whole number"),
        ("[context.a]\ndefault = { b = 1 }\nexample = { c = 1 }", 3, "it has no b"),
        ("[context.a]\ndefault = { b = { c = 1 } }\nexample = { b = { c = 'x' } }", 3, "it.b.c is text"),
        ("[context.a]\ndefault = []\nexample = ['x', 1]", 3, "it[1] is a whole number, not text"),
        (f"[context.a]\ndefault = {1 << 300}", 2, "a number of more than 77 digits"),
        (f"[context.a]\ndefault = {'[' * 30}{']' * 30}", 2, f"in more than {MAX_DEPTH} lists and tables"),
        ("[context.Ann]\ndefault = ''", 1, "'Ann' cannot be a name in templates"),
        ("[context.customer-name]\ndefault = ''", 1, "cannot be a name in templates"),
        ("[context._x]\ndefault = ''", 1, "cannot be a name in templates"),
        *((f"[context.{name}]\ndefault = ''", 1, "is a name that templates have already") for name in NAMES),
        (
            "[context.a]\ndefault = ''\n[[samples]]\ncontext = { a = 1 }",
            4,
            "[[samples]] 1.context: a is a whole number",
        ),
        ("[context.ab]\ndefault = ''\n[[samples]]\ncontext.ac = 'x'", 4, "there is no context.ac"),
        ("[[samples]]\ncontext = 1", 2, "must be a table"),
    ],
)
def test_a_mistake_is_told_at_its_line(text: str, line: int, words: str) -> None:
    (problem,) = read(text)[1]
    assert words in problem.message
    assert (problem.line, problem.severity) == (line, "error")


def test_all_mistakes_are_told_and_what_is_right_is_kept() -> None:
    text = "[context.a]\ndefault = 1.5\n[context.call]\ndefault = ''\n[context.b]\ndefault = true\n[context.c]\n"
    manifest, problems = read(text)
    assert [(problem.line, problem.code) for problem in problems] == [
        (2, "flow.toml"),
        (3, "flow.toml"),
        (7, "flow.toml"),
    ]
    assert list(manifest.context) == ["b"]


def test_no_documented_name_can_be_taken() -> None:
    for name in CONTEXT:
        assert len(read(f"[context.{name}]\ndefault = ''")[1]) == 1, name


def test_templates_see_what_is_given_and_the_default_of_the_rest() -> None:
    of = flow(aleg="<R/>", toml="[context.a]\ndefault = 'x'\n[context.b]\ndefault = { c = [1] }\n")
    assert {name: context(of)[name] for name in "ab"} == {"a": "x", "b": {"c": [1]}}
    found = context(of, application={"b": {"c": []}, "call": "no", "z": "no"})
    assert (found["a"], found["b"], "z" in found) == ("x", {"c": []}, False)
    assert found["call"] != "no"


def test_a_faulty_declaration_has_no_follow_ups() -> None:
    loaded = load_flow(source(aleg="<Response>{{ a }}</Response>", toml="[context.a]\ndefalt = 'x'\n"))
    assert [problem.line for problem in loaded.problems] == [2]


# -- values


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Sly(str):
    """Text that is not what it says."""

    def __str__(self) -> str:
        return "<Hangup/>"

    __html__ = __str__

    def replace(self, *args: Any) -> str:  # type: ignore[override]
        return "<Hangup/>"


class Row:
    name = "Ann"


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        ("Ann", "Ann"),
        (Markup("<b>"), "<b>"),
        (Sly("Ann"), "Ann"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (True, True),
        (-5, -5),
        ("a\x00\ue000\ud800\r\nb", "a\nb"),
        ([1, ("a", Markup("b"))], [1, ["a", "b"]]),
        (Pair(1, "b"), [1, "b"]),
        (OrderedDict({Markup("k"): Markup("v")}), {"k": "v"}),
        ({}, {}),
    ],
)
def test_values_are_copied_into_plain_types(value: Any, copy: Any) -> None:
    found = plain(value, "x")
    assert found == copy
    assert types(found) <= {str, int, bool, list, dict}


def types(value: Any) -> set[type]:
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*map(types, inner))


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "x is None; what can be given is text, a whole number, true or false, or a list or table of these"),
        (1.5, "x is of the type float"),
        (float("nan"), "x is of the type float"),
        (Decimal(1), "x is of the type decimal.Decimal"),
        (b"Ann", "x is of the type bytes"),
        ((each for each in "ab"), "x is of the type generator"),
        ({1, 2}, "x is of the type set"),
        (MappingProxyType({}), "x is of the type mappingproxy"),
        (LocalProxy(lambda: "Ann"), "x is of the type werkzeug.local.LocalProxy"),
        (Row(), "Row"),
        (print, "x is of the type builtin_function_or_method"),
        ([1, {"a": [None]}], "x[1].a[0] is None"),
        ({"+14155550123": None}, "x.… is None"),
        ({5: "a"}, "x has a key that is a whole number, not text"),
        (1 << 300, "more than 77 digits"),
        ("x" * 10_000_000, "x has more than 100000 characters, or 10000 elements"),
        (["x" * 60_000, "y" * 60_000], "x has more than 100000 characters"),
        ({"a": ["x"] * 20_000}, "x has more than 100000 characters"),
        ([[]] * 10**6, "x has more than 100000 characters"),
        (dict.fromkeys(map(str, range(20_000)), ""), "x has more than 100000 characters"),
        (nested(100), f"is in more than {MAX_DEPTH} lists and tables"),
        (endless(), f"is in more than {MAX_DEPTH} lists and tables"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_none_of_them_is_refused_in_words(value: Any, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is what counts
        plain(value, "x")
    assert words in str(caught.value)


def test_no_code_of_the_application_runs() -> None:
    def fail(*args: Any) -> Any:
        raise AssertionError

    names = ("__iter__", "__len__", "__getitem__", "items", "keys", "__str__", "__int__", "__index__", "__hash__")
    for base, value in ((list, [1]), (dict, {"a": 1}), (str, "a"), (int, 1), (tuple, (1,))):
        kind = type("Loud", (base,), dict.fromkeys(names, fail))
        made: Callable[[Any], Any] = kind
        assert plain(made(value), "x") in (value, [1])


LEAVES = (
    st.text() | st.integers() | st.booleans() | st.none() | st.floats() | st.binary() | st.builds(Markup, st.text())
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(ANYTHING)
def test_anything_is_plain_data_or_refused(value: Any) -> None:
    try:
        found = plain(value, "x")
    except ValueError:
        return
    assert types(found) <= {str, int, bool, list, dict}
    assert scrub(json.dumps(found, ensure_ascii=False)) == json.dumps(found, ensure_ascii=False)
    assert plain(found, "x") == found
