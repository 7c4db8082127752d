"""flow.toml: every mistake at once, with its line and what to write."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.flows import FlowSource, load_flow
from callflows.flows.manifest import Manifest, read_manifest
from callflows.models import Problem

FILE = "menu/flow.toml"


def problems(text: str | bytes) -> list[Problem]:
    manifest, found = read_manifest(text.encode() if isinstance(text, str) else text, FILE)
    assert not found or manifest == Manifest()
    assert all(problem.file == FILE for problem in found)
    return found


def places(text: str | bytes) -> list[tuple[str, int | None]]:
    return [(problem.message, problem.line) for problem in problems(text)]


def test_everything_a_flow_may_say() -> None:
    text = """
title = "T"
description = "D"
language = "pt-BR"
providers = ["plivo"]
fallback = "sorry"
[params.to]
type = "phone"
required = true
example = "+14155550123"
description = "x"
[params.kind]
type = "choice"
choices = ["a", "b"]
default = "a"
[steps.music]
kind = "sound"
"""
    manifest, found = read_manifest(text.encode(), FILE)
    assert found == []
    assert (manifest.language, manifest.params["to"].example) == ("pt-BR", "+14155550123")
    assert manifest.steps["music"].kind == "sound"


@pytest.mark.parametrize(
    "text", ["", "\ufefftitle = 'x'", "title = 'x'\r\n[params.a]\r\ntype = 'text'\r\n", "# only\n"]
)
def test_what_editors_make_of_a_file_is_read(text: str) -> None:
    assert problems(text) == []


def test_all_mistakes_are_reported_with_their_lines() -> None:
    text = """titel = "x"
language = "english please"
providers = "plivo"

[params.to]
tpye = "phone"
required = "sometimes"

[ params . other ]
type = "fone"
default = 1.5

[params."Bad Name"]

[params.items]

[steps.music]
kind = "loud"
sound = true

[prams.x]
"""
    found = {(problem.message.split(":")[0], problem.line): problem for problem in problems(text)}
    assert set(found) == {
        ("titel", 1),
        ("language", 2),
        ("providers", 3),
        ("params.to.tpye", 6),
        ("params.to.required", 7),
        ("params.other.type", 10),
        ("'Bad Name' cannot be a param's name", 13),
        ("'items' cannot be a param's name", 15),
        ("steps.music.kind", 18),
        ("steps.music.sound", 19),
        ("prams", 21),
    }
    assert found["titel", 1].hint == "did you mean title?"
    assert found["params.to.tpye", 6].hint == "did you mean type?"
    assert found["steps.music.sound", 19].hint == "known here: kind"
    assert found["prams", 21].hint == "did you mean params?"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\nx = 2", 2),
        ("[params.a]\n[params.a]", 2),
        ("title = 'a\ntype = 1", 2),
        ("a = [1,\n2", 2),
        ("title = 'x'\n\nfallback = " + "9" * 5000, 3),
        ("a = 2026-13-45", 1),
        ("a = " + "[" * 10_000, 1),
        ("title = '\x00'", 1),
    ],
)
def test_what_is_not_toml_names_the_line(text: str, line: int) -> None:
    ((_, found),) = places(text)
    assert found == line


def test_what_is_not_utf8_names_the_line() -> None:
    (problem,) = problems(b"title = 'x'\n\ndescription = '\xe9'")
    assert (problem.code, problem.line) == ("flow.encoding", 3)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("params = 1", 1, "must be a table: [params]"),
        ("[params]\nto = 'phone'", 2, "must be a table: [params.to]"),
        ("params.to.tpye = 'phone'", 1, "unknown key tpye"),
        ("title = 'x'\n[params]\nto = { tpye = 'phone' }", 3, "unknown key tpye"),
        ("title = 5", 1, "title"),
        ("[params.a]\ntype = 'choice'", 1, "needs choices"),
        ("[params.a]\nchoices = ['x']", 1, 'choices go with type = "choice"'),
        ("[params.a]\nrequired = true\ndefault = 'x'\nexample = 'x'", 1, "no default"),
        ("[params.a]\nrequired = true", 1, "needs an example"),
        ("[params.a]\ntype = 'phone'\ndefault = '911'", 3, "must be a phone number"),
        ("[params.a]\ntype = 'phone'\nexample = 'x'", 3, "must be a phone number"),
        ("[params.a]\ntype = 'integer'\ndefault = '5 or so'", 3, "must be a whole number"),
        ("[params.a]\ntype = 'choice'\nchoices = ['x', 'y']\ndefault = 'z'", 4, "must be one of x, y"),
        ("[params.a]\ndefault = 1.5", 2, "must be text"),
        ("[params.a]\ndefault = [1]", 2, "must be text"),
        ("[params.a]\ndefault = 2026-01-01", 2, "must be text"),
    ],
)
def test_a_mistake_in_a_param_is_where_it_was_written(text: str, line: int, words: str) -> None:
    ((message, found),) = places(text)
    assert words in message
    assert found == line


def test_the_values_of_settings_are_not_quoted_back() -> None:
    assert "s3cret" not in str(problems("title = 5\nlanguage = 's3cret!!'"))


def test_a_step_that_does_not_exist_is_found_with_its_line() -> None:
    toml = b'title = "x"\nfallback = "sory"\n\n[steps.musik]\nkind = "sound"\n'
    files = {"menu/flow.toml": toml, "menu/sorry.xml": b"<Response/>", "menu/music.xml": b"<Response/>"}
    found = [(problem.line, problem.hint) for problem in load_flow(FlowSource("menu", files)).problems]
    assert found == [(4, "did you mean music?"), (2, "did you mean sorry?")]


def test_a_huge_file_is_refused_at_once() -> None:
    started = time.monotonic()
    for text in ("a." * 2_000_000 + "b = 1", "x = [" + "1," * 900_000 + "]"):
        (problem,) = problems(text)
        assert "at most" in problem.message
    for text in ("a." * 9_000 + "b = 1", "x = [" + "1," * 9_000 + "]", "[a]\n" * 4_000, "[" + "a." * 9_000 + "b]"):
        assert problems(text)
    assert time.monotonic() - started < 5


@given(st.binary(max_size=60) | st.text(alphabet="[]=.\"'\n ap{}#1t,\\u", max_size=40).map(str.encode))
def test_any_bytes_are_a_manifest_or_problems(data: bytes) -> None:
    problems(data)
