"""flow.toml: every mistake at once, with its line and what to write."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.flows import FlowSource, load_flow
from callflows.flows.manifest import read_manifest
from callflows.flows.sources import lookalike
from callflows.models import Problem

FILE = "menu/flow.toml"


def problems(text: str | bytes) -> list[Problem]:
    _, found = read_manifest(text.encode() if isinstance(text, str) else text, FILE)
    assert all(problem.file == FILE for problem in found)
    return found


def spots(text: str | bytes) -> list[str]:
    """`line:column code` of each."""
    return [f"{problem.line}:{problem.column} {problem.code}" for problem in problems(text)]


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
    found = {(problem.message.split(":")[0], f"{problem.line}:{problem.column}"): problem for problem in problems(text)}
    assert set(found) == {
        ("titel", "1:1"),
        ("language", "2:12"),
        ("providers", "3:13"),
        ("params.to.tpye", "6:1"),
        ("params.to.required", "7:12"),
        ("params.other.type", "10:8"),
        ("'Bad Name' cannot be a param's name", "13:1"),
        ("'items' cannot be a param's name", "15:1"),
        ("steps.music.kind", "18:8"),
        ("steps.music.sound", "19:1"),
        ("prams", "21:1"),
    }
    assert found["titel", "1:1"].hint == "did you mean title?"
    assert found["params.to.tpye", "6:1"].hint == "did you mean type?"
    assert found["steps.music.sound", "19:1"].hint == "known here: kind, needs, default, queue"
    assert found["prams", "21:1"].hint == "did you mean params?"
    assert found["params.other.type", "10:8"].hint == "did you mean phone?"
    assert found["params.other.type", "10:8"].source == 'type = "fone"'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("title = 1x", ["1:10 flow.toml"]),
        ("title = 'x'\ntitle = 'y'", ["2:1 flow.duplicate"]),
        ("[params.a]\n[params.a]", ["2:1 flow.duplicate"]),
        ("title = 'a\nfallback = 'x'", ["1:11 flow.toml"]),
        ('title = "a\nfallback = "x"', ["1:11 flow.toml"]),
        ("title = '''a\nfallback = 'x'", ["1:None flow.toml"]),
        ("title 'x'\ndescription 'y'\ntitel = 'z'", ["1:7 flow.toml", "2:13 flow.toml", "3:1 flow.toml"]),
        ("title = 'x'\nproviders = ['plivo'\nfallback = 'x'", ["3:1 flow.toml"]),
        ("title = 'x'\n\nfallback = " + "9" * 5000, ["3:None flow.toml"]),
        ("title = 2026-13-45", ["1:13 flow.toml"]),
        ("title = " + "[" * 10_000, ["1:None flow.toml"]),
        ("title = '\x00'", ["1:10 flow.toml"]),
        ("title = yes", ["1:9 flow.toml"]),
        ("[params.to\ntype = 'text'", ["1:11 flow.toml"]),
    ],
)
def test_what_is_not_toml_is_where_it_was_written(text: str, found: list[str]) -> None:
    assert spots(text) == found
    for problem in problems(text):
        assert "(at " not in problem.message
        assert problem.source == text.split("\n")[(problem.line or 1) - 1]


def test_a_key_given_twice_says_where_it_was_first() -> None:
    (problem,) = problems("title = 'x'\n\n[params.to]\ntype = 'text'\n type = 'phone'\n")
    assert (problem.line, problem.column, problem.message) == (5, 2, "type is given twice, first in line 4")


def test_what_is_sound_is_kept() -> None:
    text = "titel = 'x'\nfallback = 'sorry'\n[params.a]\ntype = 'fone'\n[params.b]\ntype = 'digits'\nrequird = true\n"
    manifest, found = read_manifest(text.encode(), FILE)
    assert len(found) == 3
    assert manifest.fallback == "sorry"
    assert manifest.params["b"].type == "digits"
    loaded = load_flow(FlowSource("menu", {FILE: text.encode(), "menu/sorry.xml": b"<Response/>"}))
    assert not loaded.manifest_complete
    assert loaded.problems == tuple(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[[samples]]\nsteps = 'aleg'", ["2:1 flow.toml"]),
        ("[[samples]]\n[[samples]]\ninput = { digit = '4' }", ["3:11 flow.toml"]),
        ("[[samples]]\n[samples.dial]\nstatus = 'noanswer'", ["3:10 flow.toml"]),
        ("[[samples]]\nparams = { to = 'x' }", ["2:12 flow.no-such-param"]),
        ("[params.to]\ntype = 'phone'\n[[samples]]\nparams.to = '911'", ["4:13 flow.toml"]),
        ("[[samples]]\nstate = { tries = 1.5 }", ["2:19 flow.toml"]),
        ("[[samples]]\nleg = 'A'\nnow = 'noon'", ["2:7 flow.toml", "3:7 flow.toml"]),
        ("samples = [{ step = 1 }]", []),
        ("samples = 1", ["1:11 flow.toml"]),
        ("[samples]\nstep = 'aleg'", ["1:2 flow.toml"]),
        ("[[samples]]\ninput.digits = 42\nnow = 2026-12-24T20:00:00Z\nraw.X = 1\nleg = 'bleg'", []),
    ],
)
def test_samples_of_the_author(text: str, found: list[str]) -> None:
    assert spots(text) == found


def test_a_sample_with_a_mistake_leaves_the_others_their_number() -> None:
    text = "samples = [5, { step = 'aleg', dial.status = 'bsy' }, { step = 'aleg' }]"
    manifest, found = read_manifest(text.encode(), FILE)
    assert [problem.column for problem in found] == [12, 46]
    assert found[1].hint == "did you mean busy?"
    assert [sample.step for sample in manifest.samples] == ["-", "aleg", "aleg"]


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        ("fallback = 'music'\n[steps.music]\nkind = 'sound'", ["1:12 error flow.fallback-sound"]),
        ("[steps.aleg]\nkind = 'sound'", ["1:1 warning flow.entry-sound"]),
        ("[[samples]]\nstep = 'alge'", ["2:8 error flow.no-such-step"]),
    ],
)
def test_what_does_not_go_with_the_steps(toml: str, found: list[str]) -> None:
    files = {"menu/flow.toml": toml.encode(), "menu/aleg.xml": b"<Response/>", "menu/music.xml": b"<Response/>"}
    problems = load_flow(FlowSource("menu", files)).problems
    assert [f"{each.line}:{each.column} {each.severity} {each.code}" for each in problems] == found


@pytest.mark.parametrize("name", ["menu.XML", "menu.xml.j2", "menu.html", "menu.xml.txt", "menu.jinja"])
def test_a_file_that_looks_like_a_step_and_is_none(name: str) -> None:
    problem = lookalike("menu", f"menu/{name}")
    assert problem is not None
    assert (problem.code, problem.severity) == ("flow.ignored-file", "warning")
    assert problem.hint.startswith("call it menu.xml;")


@pytest.mark.parametrize(
    "name", ["menu.xml", "people.csv", "notes.txt", "flow.toml", "_part.html", "README.md", "x.wav"]
)
def test_other_files_are_nobody_s_step(name: str) -> None:
    assert lookalike("menu", f"menu/{name}") is None


def test_a_name_in_capitals_says_how_to_write_it() -> None:
    (problem,) = load_flow(FlowSource("menu", {"menu/aleg.xml": b"", "menu/Menu.xml": b""})).problems
    assert (problem.code, problem.hint) == ("flow.step-name", "call it menu.xml: names are in small letters")


def test_every_template_s_mistake_is_told_with_its_line() -> None:
    files = {
        "menu/aleg.xml": b"a\n{% if %}",
        "menu/bleg.xml": b"\n\n{{ x",
        "menu/c.xml": b"x\n\xff",
        "menu/d.xml": b"ab\x01",
    }
    found = [(each.file, each.line, each.column, each.source) for each in load_flow(FlowSource("menu", files)).problems]
    assert sorted(found, key=str) == [
        ("menu/aleg.xml", 2, None, "{% if %}"),
        ("menu/bleg.xml", 3, None, "{{ x"),
        ("menu/c.xml", 2, None, "\ufffd"),
        ("menu/d.xml", 1, 3, "ab\x01"),
    ]


def test_what_is_not_utf8_names_the_line() -> None:
    (problem,) = problems(b"title = 'x'\n\ndescription = '\xe9'")
    assert (problem.code, problem.line, problem.column) == ("flow.encoding", 3, 16)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("params = 1", 1, "must be a table: [params]"),
        ("[params]\nto = 'phone'", 2, "must be a table: [params.to]"),
        ("params.to.tpye = 'phone'", 1, "unknown key tpye"),
        ("title = 'x'\n[params]\nto = { tpye = 'phone' }", 3, "unknown key tpye"),
        ("title = 5", 1, "title"),
        ("[params.a]\ntype = 'choice'", 1, "needs choices"),
        ("[steps.a]\nneeds = ['stoer']", 2, "must be 'store'"),
        ("[steps.a]\nneeds = 'store'", 2, "must be a list"),
        ("[steps.a]\nneed = ['store']", 2, "unknown key need"),
        ("[steps.a]\nneeds = ['store']\ndefault = { other_leg_fetched = 'no' }", 3, "must be '' or 'yes'"),
        ("[steps.a]\nneeds = ['store']\ndefault = { other_leg = 'yes' }", 3, "unknown key other_leg"),
        ("[steps.a]\ndefault = { other_leg_fetched = 'yes' }", 1, 'default goes with needs = ["store"]'),
        ("[steps.a]\nqueue = 'Big Sale'", 2, "steps.a.queue: must be a name (lower-case letters, digits, - and _)"),
        ("[steps.a]\nqueue = ''", 2, "must be a name"),
        ("[steps.a]\nqueue = 5", 2, "must be text"),
        ("[steps.a]\nqueue = 'state.x'", 2, "or params.NAME"),
        ("[steps.a]\nkind = 'sound'\nqueue = 'x'", 1, "a step of kind sound is not waited in"),
        ("[params.which]\n[steps.a]\nqueue = 'params.witch'", 3, "there is no param witch"),
        ("[params.b]\ntype = 'phone'\ndefault = '+14155550123'\n[steps.a]\nqueue = 'params.b'", 5, "is of type phone"),
        ("[params.b]\ndefault = 'Big Sale'\n[steps.a]\nqueue = 'params.b'", 2, "'Big Sale' is no queue's name"),
        ("[params.b]\nrequired = true\nexample = '#1'\n[steps.a]\nqueue = 'params.b'", 3, "'#1' is no queue's name"),
        ("[params.b]\n[steps.a]\nqueue = 'params.b'", 1, "names a queue and may be left out"),
        (
            "[params.b]\ntype = 'choice'\nchoices = ['x', 'Y']\ndefault = 'x'\n[steps.a]\nqueue = 'params.b'"
            "\n[steps.c]\nqueue = 'params.b'",
            3,
            "'Y' is no queue's name",
        ),
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
    for problem in problems("title = 5\nlanguage = 's3cret!!'"):
        assert "s3cret" not in problem.message + problem.hint


def test_a_step_that_does_not_exist_is_found_with_its_line() -> None:
    toml = b'title = "x"\nfallback = "sory"\n\n[steps.musik]\nkind = "sound"\n'
    files = {"menu/flow.toml": toml, "menu/sorry.xml": b"<Response/>", "menu/music.xml": b"<Response/>"}
    found = [(problem.line, problem.hint) for problem in load_flow(FlowSource("menu", files)).problems]
    assert found == [(4, "did you mean music?"), (2, "did you mean sorry?")]


def test_a_huge_file_is_refused_at_once() -> None:
    started = time.process_time()
    for text in ("a." * 2_000_000 + "b = 1", "x = [" + "1," * 900_000 + "]"):
        (problem,) = problems(text)
        assert "at most" in problem.message
    for text in ("a." * 9_000 + "b = 1", "x = [" + "1," * 9_000 + "]", "[a]\n" * 4_000, "[" + "a." * 9_000 + "b]"):
        assert problems(text)
    assert time.process_time() - started < 5


@given(st.binary(max_size=60) | st.text(alphabet="[]=.\"'\n ap{}#1t,\\u", max_size=40).map(str.encode))
def test_any_bytes_are_a_manifest_or_problems(data: bytes) -> None:
    problems(data)
