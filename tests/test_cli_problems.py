"""Whatever is wrong with a file or a flow, the command line says so with file and line, in three formats, and never
with a traceback.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from callflows.cli import main
from callflows.cli.problems import summary, told, workflow_command
from callflows.documents import schema
from callflows.marks import LINK_CLOSE, LINK_OPEN, PLACE_OPEN
from callflows.models import Problem, Severity

from .conftest import REPOSITORY, write_flow
from .house import command

OK = "<Response>\n  <Speak>Hi</Speak>\n</Response>\n"
CODE = "grammar.unknown-attribute"


def run(*arguments: str, given: bytes | None = None, **values: Any) -> Result:
    """A traceback would be an exception of another kind than the exit."""
    settings = {f"CALLFLOWS_{name}": str(value) for name, value in values.items()}
    result = CliRunner().invoke(main, arguments, env=settings, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


# --- one problem, as text


def problem(source: str = "", column: int | None = None, hint: str = "h", line: int | None = 4) -> Problem:
    return Problem(Severity.ERROR, CODE, "m", "f/menu.xml", line, hint, column=column, source=source)


def plain(shown: Problem) -> list[str]:
    return [click.unstyle(line) for line in told(shown)]


LONG = "x" * 300 + "<Dial c>" + "y" * 300


@pytest.mark.parametrize(
    ("shown", "head", "rest"),
    [
        pytest.param(
            problem('  <Dial callerid="+1">', 9, "did you mean callerId?"),
            "f/menu.xml:4:9",
            ['    4 |   <Dial callerid="+1">', "      |         ^ did you mean callerId?"],
            id="caret",
        ),
        pytest.param(problem("<a>", 1), "f/menu.xml:4:1", ["    4 | <a>", "      | ^ h"], id="first column"),
        pytest.param(problem("<a>", 4), "f/menu.xml:4:4", ["    4 | <a>", "      |    ^ h"], id="end of line"),
        pytest.param(problem("<a>", 99), "f/menu.xml:4:99", ["    4 | <a>", "      |    ^ h"], id="beyond it"),
        pytest.param(problem("<a>", 2, ""), "f/menu.xml:4:2", ["    4 | <a>", "      |  ^"], id="no hint"),
        pytest.param(problem("<a>"), "f/menu.xml:4", ["    4 | <a>", "    hint: h"], id="no column"),
        pytest.param(problem("", 3), "f/menu.xml:4:3", ["    hint: h"], id="no source"),
        pytest.param(problem("  \t", 3), "f/menu.xml:4:3", ["    hint: h"], id="empty source"),
        pytest.param(problem(line=None), "f/menu.xml", ["    hint: h"], id="no line"),
        pytest.param(problem(hint=""), "f/menu.xml:4", [], id="nothing to add"),
        pytest.param(
            problem("\t<a>\t<b>", 7), "f/menu.xml:4:7", ["    4 | \t<a>\t<b>", "      | \t   \t ^ h"], id="tabs stay"
        ),
        pytest.param(problem("日本<a>", 3), "f/menu.xml:4:3", ["    4 | 日本<a>", "      |     ^ h"], id="wide"),
        pytest.param(
            problem("e\u0301<a>", 3), "f/menu.xml:4:3", ["    4 | e\u0301<a>", "      |  ^ h"], id="combining"
        ),
        pytest.param(
            problem("\x1b[31m<a>\r", 6), "f/menu.xml:4:6", ["    4 | ␛[31m<a>", "      |      ^ h"], id="escape"
        ),
        pytest.param(
            problem(f"a{PLACE_OPEN}\x7f\u202e\ud800<b>", 6),
            "f/menu.xml:4:6",
            ["    4 | a����<b>", "      |      ^ h"],
            id="not for terminals",
        ),
        pytest.param(problem("<a>\n<b>", 2), "f/menu.xml:4:2", ["    4 | <a>", "      |  ^ h"], id="one line only"),
        pytest.param(
            problem(LONG, 307),
            "f/menu.xml:4:307",
            [f"    4 | …{'x' * 54}<Dial c>{'y' * 38}…", f"      | {' ' * 61}^ h"],
            id="long",
        ),
        pytest.param(
            problem(LONG, 2), "f/menu.xml:4:2", [f"    4 | {'x' * 100}…", "      |  ^ h"], id="long, at the beginning"
        ),
        pytest.param(
            problem(LONG, 608),
            "f/menu.xml:4:608",
            [f"    4 | …{'y' * 100}", f"      | {' ' * 100}^ h"],
            id="long, at the end",
        ),
        pytest.param(
            problem("<a>", 2, line=123456), "f/menu.xml:123456:2", ["123456 | <a>", "       |  ^ h"], id="many lines"
        ),
    ],
)
def test_the_caret_stands_below_the_place(shown: Problem, head: str, rest: list[str]) -> None:
    assert plain(shown) == [f"{head}: error {CODE}: m", *rest]


def test_a_long_line_costs_no_more_than_what_is_shown_of_it() -> None:
    lines = plain(problem("<" * 5_000_000, 4_000_000))
    assert max(map(len, lines)) < 130


def test_text_from_files_cannot_act_on_the_terminal() -> None:
    text = f"a\x1b[2J\nb\r?t={LINK_OPEN}0{LINK_CLOSE}\u2028c"
    lines = plain(Problem.error("x.y", text, text, 1, text))
    assert len(lines) == 2
    for character in "".join(lines):
        assert unicodedata.category(character) not in ("Cc", "Co", "Zl"), lines
    assert "?t=…" in lines[0]


def test_without_a_file() -> None:
    assert plain(Problem.error("config.x", "not set", hint="set it")) == [
        "error config.x: not set",
        "    hint: set it",
    ]
    assert plain(Problem.error("xml.x", "m", line=3)) == ["line 3: error xml.x: m"]


def test_in_logs_a_problem_is_one_line() -> None:
    assert str(problem("  <a>", 3)) == f"f/menu.xml:4: error {CODE}: m (h)"


WARNING = Problem(Severity.WARNING, "x.w", "w")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "ok"),
        ([WARNING], "ok, 1 warning"),
        ([WARNING, WARNING], "ok, 2 warnings"),
        ([problem()], "1 problem"),
        ([problem()] * 5, "5 problems"),
        ([problem(), WARNING, problem()], "2 problems, 1 warning"),
    ],
)
def test_summary(found: list[Problem], said: str) -> None:
    assert summary(found) == said


def test_colours_are_for_terminals() -> None:
    assert "\x1b[31m" in next(told(problem()))
    assert "\x1b[33m" in next(told(WARNING))
    assert "\x1b" not in run("validate", "-", given=b"<Response><Speek/></Response>").output


# --- for GitHub


@pytest.mark.parametrize(
    ("shown", "path", "said"),
    [
        (problem("<a>", 9), "t/f/menu.xml", f"::error file=t/f/menu.xml,line=4,col=9,title={CODE}::m (h)"),
        (problem(hint=""), "a.xml", f"::error file=a.xml,line=4,title={CODE}::m"),
        (problem(line=None), "a.xml", f"::error file=a.xml,title={CODE}::m (h)"),
        (WARNING, "", "::warning title=x.w::w"),
        (problem(), "", f"::error title={CODE}::line 4: m (h)"),
        (
            Problem.error("x.y", "100 %,\r\n::error::a: b\x1b"),
            "a,b:%\n.xml",
            "::error file=a%2Cb%3A%25%0A.xml,title=x.y::100 %25,%0D%0A::error::a: b␛",
        ),
    ],
)
def test_workflow_commands(shown: Problem, path: str, said: str) -> None:
    assert workflow_command(shown, path) == said


def test_github_is_told_the_files_as_they_lie_in_the_repository(templates: Path) -> None:
    write_flow(templates, "menu", aleg="<Response>\n  <Speek/>\n</Response>")
    write_flow(templates, "Bad Name")
    assert Path.cwd() == templates.parent
    for folder in (templates, "templates"):
        lines = run("flows", "check", "--format", "github", TEMPLATES=folder).stdout.splitlines()
        assert lines[0].startswith("::warning file=templates/Bad Name,title=flow.name::")
        assert lines[1].startswith("::error file=templates/menu/aleg.xml,line=2,")
        assert "title=grammar.unknown-element::" in lines[1]
    (templates / "menu" / "copy.xml").write_text("<Response>\n\n<Speek/></Response>")
    found = run("validate", "--format", "github", "templates/menu/copy.xml").stdout
    assert found.startswith("::error file=templates/menu/copy.xml,line=3,")
    found = run("validate", "--format", "github", "-", given=b"").stdout
    assert found.startswith("::error title=xml.empty::line 1: ")


def test_a_shared_file_is_annotated_once(templates: Path) -> None:
    for name in ("one", "two"):
        write_flow(templates, name, aleg="<Response>{% include '_shared/part.xml' %}</Response>")
    write_flow(templates, "_shared", part="{% if %}")
    lines = run("flows", "check", "--format", "github", TEMPLATES=templates).stdout.splitlines()
    assert len([line for line in lines if line.startswith("::error file=templates/_shared/part.xml,line=1")]) == 1


# --- JSON: a contract


@pytest.mark.parametrize("how", [["--json"], ["--format", "json"], ["--json", "--format", "json"]], ids=" ".join)
def test_json_of_validate(how: list[str]) -> None:
    Path("good.xml").write_text(OK)
    Path("bad.xml").write_text("<Response>\n<Speek/></Response>")
    Path("doubt.xml").write_text("<Response><?php 1 ?><Speak>Hi</Speak></Response>")
    result = run("validate", *how, "good.xml", "bad.xml", "doubt.xml", "away.xml")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert list(found) == ["ok", "files"]
    assert found["ok"] is False
    assert [(row["file"], row["ok"]) for row in found["files"]] == [
        ("good.xml", True),
        ("bad.xml", False),
        ("doubt.xml", True),
        ("away.xml", False),
    ]
    for row in found["files"]:
        assert list(row) == ["file", "ok", "problems"]
        for about in row["problems"]:
            assert list(about) == ["severity", "code", "line", "message", "hint"]
    assert [about["line"] for about in found["files"][1]["problems"]] == [2]
    assert [about["severity"] for about in found["files"][2]["problems"]] == ["warning"]
    assert json.loads(run("validate", *how, "doubt.xml").stdout)["ok"] is True


def test_json_of_check(templates: Path) -> None:
    write_flow(templates, "good", aleg=OK)
    write_flow(templates, "bad", aleg="<Response>\n  <Speek/></Response>")
    result = run("flows", "check", "--json", TEMPLATES=templates)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    assert [(row["flow"], row["ok"]) for row in found["flows"]] == [("bad", False), ("good", True)]
    about = found["flows"][0]["problems"][0]
    assert {"severity", "code", "file", "line", "column", "message", "hint"} == set(about)
    assert (about["file"], about["line"]) == ("bad/aleg.xml", 2)


@pytest.mark.parametrize("arguments", [("validate", "a.xml"), ("flows", "check")])
def test_two_formats_are_one_too_many(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--json", "--format", "github")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--json means --format json" in result.stderr
    assert run(*arguments, "--format", "xml").exit_code == 2


def test_errors_come_in_the_format_asked_for(templates: Path) -> None:
    write_flow(templates, "menu", aleg=OK)
    result = run("flows", "check", "mneu", "--format", "json", TEMPLATES=templates)
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "flow_not_found")
    result = run("flows", "check", "mneu", "--format", "github", TEMPLATES=templates)
    assert (result.exit_code, "did you mean menu?" in result.stderr) == (1, True)


def test_no_flows_are_not_well(templates: Path) -> None:
    result = run("flows", "check", "--json", TEMPLATES=templates)
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"ok": False, "flows": []})


# --- validate: odd files

ELEMENTS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
SIZE = 100_000
FILES: dict[str, tuple[bytes, str, int]] = {
    "empty": (b"", "xml.empty", 1),
    "white space": (b" \n\n", "xml.empty", 1),
    "text": (b"hello", "xml.syntax", 1),
    "not UTF-8": (b"<Response>\n<Speak>Gr\xfc\xdfe</Speak></Response>", "xml.encoding", 2),
    "UTF-16": (OK.encode("utf-16"), "xml.encoding", 1),
    "UTF-16 without BOM": (OK.encode("utf-16-be"), "xml.encoding", 1),
    "declared otherwise": (b'<?xml version="1.0" encoding="latin-1"?>' + OK.encode(), "xml.encoding", 1),
    "BOM": (b"\xef\xbb\xbf<Response>\n<Speek/></Response>", "grammar.unknown-element", 2),
    "CRLF": (b"<Response>\r\n<Speek/>\r\n</Response>", "grammar.unknown-element", 2),
    "CR": (b"<Response>\r<Speak>a & b</Speak>\r</Response>", "xml.syntax", 0),
    "5 MB": (b"<Response><Speak>" + b"a" * 5_000_000 + b"</Speak></Response>", "xml.too-large", 1),
    "5 MB of nothing": (b"\0" * 5_000_000, "", 1),
    "5 MB of elements": (b"<Response>" + b"<Speak>a</Speak>\n" * 300_000 + b"</Response>", "xml.too-large", 1),
    "one byte too many": (b"<Response>" + b" " * (SIZE + 1 - 21) + b"</Response>", "xml.too-large", 1),
    "DOCTYPE": (b"\n<!DOCTYPE Response>\n" + OK.encode(), "xml.doctype", 2),
    "entities": (b"<Response>\n<Speak>&nbsp;</Speak></Response>", "xml.entity", 2),
    "own entity": (b"<!DOCTYPE R [<!ENTITY a 'b'>]>\n<Response><Speak>&a;</Speak></Response>", "xml.doctype", 1),
    "file entity": (
        b"<!DOCTYPE R [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>\n<Response><Speak>&a;</Speak></Response>",
        "xml.doctype",
        1,
    ),
    "billion laughs": (
        f"<!DOCTYPE R [<!ENTITY l0 'ha'>{ELEMENTS}]>\n<Response><Speak>&l9;</Speak></Response>".encode(),
        "xml.doctype",
        1,
    ),
    "default namespace": (b"<Response\n xmlns='urn:x'/>", "xml.namespace", 2),
    "prefix": (b"<Response>\n<x:Speak/></Response>", "xml.namespace", 2),
    "xsi": (
        b"<Response xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'\n xsi:noNamespaceSchemaLocation='x.xsd'/>",
        "xml.namespace",
        1,
    ),
    "xsi:nil": (
        b"<Response>\n<Wait xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'/></Response>",
        "xml.namespace",
        2,
    ),
    "deep": (b"<Response>\n" + b"<Speak>" * 5_000, "", 2),
    "deep and well-formed": (b"<Response>\n" + b"<a>" * 5_000 + b"</a>" * 5_000 + b"</Response>", "xml.depth", 2),
    "10,000 unknown attributes": (
        b"<Response>\n<Speak " + b" ".join(b"a%d='1'" % n for n in range(10_000)) + b">Hi</Speak></Response>",
        "",
        0,
    ),
    "many unknown attributes": (
        b"<Response>\n<Speak " + b" ".join(b"a%d='1'" % n for n in range(400)) + b">Hi</Speak></Response>",
        "grammar.unknown-attribute",
        2,
    ),
    "twice the same attribute": (b"<Response>\n<Wait length='1' length='1'/></Response>", "xml.syntax", 2),
    "control character": (b"<Response>\n<Speak>\x1b[2J</Speak></Response>", "xml.character", 2),
    "NUL": (b"<Response>\n<Speak>\x00</Speak></Response>", "xml.character", 2),
    "reference to one": (b"<Response>\n<Speak>&#27;</Speak></Response>", "xml.character", 2),
    "our marks": (f"<Response>\n<Speak>{LINK_OPEN}0</Speak></Response>".encode(), "", 0),
    "not closed": (b"<Response>\n<Speak>Hi</Response>", "xml.syntax", 2),
    "two roots": (b"<Response/>\n<Response/>", "xml.syntax", 2),
    "another root": (b"\n<Answer/>", "grammar.", 2),
    "a template": (b"<Response>\n{% if a < b %}<Wait/>{% endif %}</Response>", "xml.syntax", 2),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_odd_files(name: str, provider: str) -> None:
    data, code, line = FILES[name]
    Path("odd.xml").write_bytes(data)
    result = run("validate", "odd.xml", "--provider", provider, "--json")
    (file,) = json.loads(result.stdout)["files"]
    assert (result.exit_code, file["ok"]) == (1, False)
    first = next(about for about in file["problems"] if about["severity"] == "error")
    assert first["code"].startswith(code)
    assert first["line"] == line or not line
    assert len(file["problems"]) <= 101
    for text in (
        run("validate", "odd.xml", "--provider", provider).output,
        run("validate", "-", "--provider", provider, given=data).output,
    ):
        assert text.splitlines()[-1].endswith((" problem", " problems", " warning", " warnings"))
        assert re.search(r"[\x00-\x08\x0b-\x1f\x7f\ue000-\ue0ff]", text) is None
        assert max(map(len, text.splitlines())) < 1000
        assert "root:x:" not in text  # /etc/passwd


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere.xml")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [_folder, _dangling, _loop, lambda path: None], ids=["folder", "link", "loop", "none"])
def test_unreadable_files(make: Callable[[Path], None]) -> None:
    make(Path("odd.xml"))
    result = run("validate", "odd.xml", "--json")
    (file,) = json.loads(result.stdout)["files"]
    (about,) = file["problems"]
    assert (result.exit_code, about["code"], about["line"]) == (1, "xml.unreadable", None)
    text = run("validate", "odd.xml").stdout
    assert text.startswith("odd.xml: error xml.unreadable: cannot be read: ")


@pytest.mark.parametrize(
    "name", ["a\nb.xml", "a\x1b[31m.xml", os.fsdecode(b"\xff.xml"), "日本.xml", "", "a\0b", "x" * 300]
)
def test_odd_names(name: str) -> None:
    text = run("validate", name).stdout
    assert "xml.unreadable" in text
    assert text.splitlines()[-1].endswith(": 1 problem")
    assert len(text.splitlines()) == 2
    assert json.loads(run("validate", "--json", name).stdout)["files"][0]["ok"] is False


def test_one_bad_file_does_not_hide_the_others() -> None:
    Path("good.xml").write_text(OK)
    result = run("validate", "away.xml", "good.xml", "-", given=b"<Response>\n<Speek/></Response>")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert {"away.xml: 1 problem", "good.xml: ok", "-: 1 problem"} <= set(lines)
    assert any(re.match(r"-:2(:\d+)?: error grammar\.unknown-element: ", line) for line in lines)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_terminal_will_do(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("日本.xml").write_text("<Response>\n<Speak loop='ए'>नमस्ते</Speak></Response>")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = command({}, "validate", "日本.xml", cwd=Path.cwd())
    assert (done.returncode, done.stderr) == (1, "")
    done = command({}, "validate", "--json", "日本.xml", cwd=Path.cwd())
    assert json.loads(done.stdout)["files"][0]["file"] == "日本.xml"


def test_a_closed_standard_input_is_a_problem() -> None:
    done = subprocess.run(
        f"{sys.executable} -m callflows validate - <&-", shell=True, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "standard input is closed" in done.stdout


# --- flows check: odd folders

DEEP = "{% include 'odd/aleg.xml' %}"
FLOWS: dict[str, tuple[dict[str, bytes | str], str, str, int | None]] = {
    "no steps": ({"flow.toml": "title = 'x'"}, "flow.no-steps", "odd", None),
    "nothing but a folder": ({"audio/a.wav": b""}, "flow.no-steps", "odd", None),
    "not UTF-8": ({"aleg.xml": b"<Response>\n<!-- \xe9 --></Response>"}, "template.encoding", "odd/aleg.xml", 2),
    "UTF-16": ({"aleg.xml": OK.encode("utf-16")}, "template.encoding", "odd/aleg.xml", 1),
    "BOM": ({"aleg.xml": b"\xef\xbb\xbf<Response>\n<Speek/></Response>"}, "grammar.", "odd/aleg.xml", 2),
    "CRLF": ({"aleg.xml": b"<Response>\r\n\r\n<Speek/></Response>"}, "grammar.", "odd/aleg.xml", 3),
    "CRLF, syntax": ({"aleg.xml": b"<Response>\r\n\r\n{% if %}</Response>"}, "template.syntax", "odd/aleg.xml", 3),
    "5 MB": ({"aleg.xml": b"<Response>" + b" " * 5_000_000 + b"</Response>"}, "template.size", "odd/aleg.xml", None),
    "9 MB": ({"aleg.xml": b" " * 9_000_000}, "flow.size", "odd/aleg.xml", None),
    "includes itself": ({"aleg.xml": f"<Response>\n{DEEP}</Response>"}, "template.recursion", "odd/aleg.xml", 2),
    "includes each other": (
        {"aleg.xml": "<Response>\n{% include 'odd/_a.xml' %}</Response>", "_a.xml": f"\n\n{DEEP}"},
        "template.recursion",
        "odd/",
        None,
    ),
    "extends itself": ({"aleg.xml": "{% extends 'odd/aleg.xml' %}"}, "template.recursion", "odd/aleg.xml", 1),
    "macro without end": (
        {"aleg.xml": "<Response>\n{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}</Response>"},
        "template.",
        "odd/aleg.xml",
        2,
    ),
    "raw": (
        {"aleg.xml": "<Response>\n{% raw %}<Speak>{{ a }}</Speak>\n<Speek/>{% endraw %}</Response>"},
        "grammar.unknown-element",
        "odd/aleg.xml",
        3,
    ),
    "a file twice but for case": ({"aleg.xml": OK, "Aleg.xml": OK}, "flow.step-name", "odd/Aleg.xml", None),
    "keys twice": ({"aleg.xml": OK, "flow.toml": "title = 'a'\ntitle = 'b'\n"}, "flow.", "odd/flow.toml", 2),
    "broken TOML": ({"aleg.xml": OK, "flow.toml": "title = 'a'\n\nfallback = = \n"}, "flow.toml", "odd/flow.toml", 3),
    "TOML that ends": ({"aleg.xml": OK, "flow.toml": "title = 'a'\n[params"}, "flow.toml", "odd/flow.toml", 2),
    "TOML not UTF-8": ({"aleg.xml": OK, "flow.toml": b"title = 'a'\n# \xe9"}, "flow.encoding", "odd/flow.toml", 2),
    "TOML of 5 MB": ({"aleg.xml": OK, "flow.toml": b"#" * 5_000_000}, "flow.toml", "odd/flow.toml", None),
    "unknown key": ({"aleg.xml": OK, "flow.toml": "title = 'a'\nfalback = 'x'"}, "flow.toml", "odd/flow.toml", 2),
    "empty template": ({"aleg.xml": ""}, "xml.empty", "odd/aleg.xml", 1),
    "template without output": ({"aleg.xml": "{% if false %}\n<Response/>{% endif %}"}, "xml.empty", "odd/aleg.xml", 1),
    "unknown filter": ({"aleg.xml": "<Response>\n{{ 'a' | shout }}</Response>"}, "template.", "odd/aleg.xml", 2),
    "unknown test": ({"aleg.xml": "<Response>\n{{ 1 is loud }}</Response>"}, "template.", "odd/aleg.xml", 2),
    "unknown name": (
        {"aleg.xml": "<Response>\n\n<Speak>{{ cal }}</Speak></Response>"},
        "template.undefined",
        "odd/aleg.xml",
        3,
    ),
    "unknown file": (
        {"aleg.xml": "<Response>\n{% include 'odd/away.xml' %}</Response>"},
        "template.not-found",
        "odd/aleg.xml",
        2,
    ),
    "block not closed": (
        {"aleg.xml": "<Response>\n{% if true %}\n</Response>\n"},
        "template.syntax",
        "odd/aleg.xml",
        None,
    ),
    "not a tag": ({"aleg.xml": "<Response>\n{% fro a in b %}</Response>"}, "template.syntax", "odd/aleg.xml", 2),
    "loop without end": (
        {"aleg.xml": "<Response>\n{% for a in range(99999) %}\n{% for b in range(99999) %}{% endfor %}{% endfor %}"},
        "template.",
        "odd/aleg.xml",
        None,
    ),
    "escape in a template": ({"aleg.xml": "<Response>\n\x1b[2J</Response>"}, "template.characters", "odd/aleg.xml", 2),
    "mark in a template": ({"aleg.xml": f"<Response>\n{PLACE_OPEN}"}, "template.characters", "odd/aleg.xml", 2),
    "DOCTYPE": ({"aleg.xml": f"<!DOCTYPE R [{ELEMENTS}]>\n{OK}"}, "xml.doctype", "odd/aleg.xml", 1),
    "no such fallback": ({"aleg.xml": OK, "flow.toml": "fallback = 'alge'"}, "flow.no-such-step", "odd/flow.toml", 1),
    "unknown provider": (
        {"aleg.xml": OK, "flow.toml": "providers = ['plvio']"},
        "flow.provider",
        "odd/flow.toml",
        None,
    ),
}


@pytest.mark.parametrize("name", FLOWS)
def test_odd_flows(name: str, templates: Path) -> None:
    files, code, file, line = FLOWS[name]
    for path, data in files.items():
        place = templates / "odd" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
    write_flow(templates, "good", aleg=OK)
    result = run("flows", "check", "--json", TEMPLATES=templates)
    found = {row["flow"]: row for row in json.loads(result.stdout)["flows"]}
    assert result.exit_code == 1
    assert found["good"] == {"flow": "good", "ok": True, "problems": []}
    errors = [about for about in found["odd"]["problems"] if about["severity"] == "error"]
    assert any(
        about["code"].startswith(code) and about["file"].startswith(file) and (about["line"] == line or line is None)
        for about in errors
    ), errors
    text = run("flows", "check", "odd", TEMPLATES=templates).output
    assert re.search(r"^odd: \d+ problems?", text, re.MULTILINE)
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f\ue000-\ue0ff]", text) is None
    assert max(map(len, text.splitlines())) < 1000


def test_a_flow_without_flow_toml_is_one(templates: Path) -> None:
    (templates / "bare").mkdir()
    (templates / "bare" / "aleg.xml").write_text(OK)
    result = run("flows", "check", TEMPLATES=templates)
    assert (result.exit_code, result.stdout) == (0, "bare: ok\n")


@pytest.mark.parametrize("target", ["nowhere.xml", "aleg.xml", "/etc/passwd"])
def test_a_symlink_is_not_read(templates: Path, target: str) -> None:
    write_flow(templates, "odd", bleg=OK)
    (templates / "odd" / "aleg.xml").symlink_to(target)
    result = run("flows", "check", TEMPLATES=templates)
    assert result.exit_code == 1
    assert "odd/aleg.xml: error flow.symlink: " in result.stdout
    assert "root:x:" not in result.output


def test_a_folder_called_as_a_step(templates: Path) -> None:
    write_flow(templates, "odd", bleg=OK)
    (templates / "odd" / "aleg.xml").mkdir()
    assert run("flows", "check", TEMPLATES=templates).exit_code in (0, 1)


def test_names_that_are_no_flows(templates: Path) -> None:
    write_flow(templates, "menu", aleg=OK)
    write_flow(templates, "Menu", aleg=OK)
    result = run("flows", "check", TEMPLATES=templates)
    assert "Menu: warning flow.name: " in result.stdout
    assert result.stdout.splitlines()[-1] == "menu: ok"
    result = run("flows", "check", "Menu", TEMPLATES=templates)
    assert (result.exit_code, "did you mean menu?" in result.stderr) == (1, True)


@pytest.mark.parametrize("folder", ["/nowhere/at/all", "/etc/passwd"])
def test_no_folder(folder: str) -> None:
    result = run("flows", "check", TEMPLATES=folder)
    assert (result.exit_code, f"no flows in {folder}" in result.stderr) == (1, True)


def test_render_says_where(templates: Path) -> None:
    write_flow(templates, "menu", aleg="<Response>\n  <Speak>{{ cal }}</Speak>\n</Response>")
    result = run("flows", "render", "menu/aleg", TEMPLATES=templates)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.match(r"menu/aleg\.xml:2(:\d+)?: error template\.undefined: ", result.stderr)


def test_render_knows_the_other_flows_as_they_are_saved(templates: Path) -> None:
    write_flow(templates, "end", aleg=OK)
    write_flow(templates, "menu", aleg="<Response><Redirect>{{ flow_url('end') }}</Redirect></Response>")
    result = run("flows", "render", "menu/aleg", "--provider", "vobiz", TEMPLATES=templates)
    assert (result.exit_code, "/flows/vobiz/end/aleg?t=" in result.stdout) == (0, True)


# --- what docs/editing.md has for editors


def test_editors_find_the_place() -> None:
    """The problem matcher of the page, held against lines as they are printed."""
    page = (REPOSITORY / "docs/editing.md").read_text()
    (tasks,) = (
        found for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "tasks" in (found := json.loads(text))
    )
    pattern = tasks["tasks"][0]["problemMatcher"]["pattern"]
    names = ("file", "line", "column", "severity", "code", "message")
    for column in (9, None):
        matched = [re.match(pattern["regexp"], line) for line in plain(problem("  <Dial c>", column))]
        assert [found is not None for found in matched] == [True, False, False]
        assert matched[0] is not None
        found = [matched[0][pattern[name]] for name in names]
        assert found == ["f/menu.xml", "4", str(column) if column else None, "error", CODE, "m"]


def test_the_schemas_lie_where_the_page_says() -> None:
    for name in ("plivo.xsd", "vobiz.xsd"):
        assert "targetNamespace" not in (schema.FOLDER / name).read_text()
    assert schema.FOLDER == REPOSITORY / "callflows/documents/schemas"


# --- hooks


def hooks() -> list[dict[str, str]]:
    """The file keeps to the part of YAML that is one list of flat tables, so that this is all it takes to read it."""
    found: list[dict[str, str]] = []
    for line in (REPOSITORY / ".pre-commit-hooks.yaml").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        parts = re.fullmatch(r"(- |  )([a-z_]+): ([^\s:#\"'&*!|>%@`{][^:#]*)", line)
        assert parts is not None, line
        if parts[1] == "- ":
            found.append({})
        found[-1][parts[2]] = parts[3]
    return found


def test_the_hooks_are_commands() -> None:
    assert [hook["id"] for hook in hooks()] == ["callflows-check", "callflows-validate"]
    for hook in hooks():
        assert {"id", "name", "entry", "language"} <= set(hook)
        assert hook["language"] == "python"
        program, *path = hook["entry"].split()
        assert program == "callflows"
        found: click.Command = main
        for name in path:
            assert isinstance(found, click.Group)
            found = found.commands[name]
        takes_files = any(isinstance(param, click.Argument) and param.required for param in found.params)
        assert takes_files == (hook.get("pass_filenames", "true") == "true")
        re.compile(hook.get("files", ""))
