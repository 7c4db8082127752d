"""callflows flows new: from an empty folder to a flow of one's own that works, whatever is mistyped on the way."""

from __future__ import annotations

import json
import os
import re
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from callflows.cli import main
from callflows.errors import ParamInvalid
from callflows.flows import is_name, load_flow, read_sources
from callflows.flows.making.copies import renamed, shared_by
from callflows.flows.making.defaults import with_defaults_written
from callflows.flows.making.saving import save_new
from callflows.flows.sources import FlowSource

from .conftest import REPOSITORY, write_flow

SHIPPED = REPOSITORY / "templates"
Run = Callable[..., Result]


@pytest.fixture
def run(values: dict[str, Any]) -> Run:
    def run(*arguments: str, **others: Any) -> Result:
        environment = {f"CALLFLOWS_{name}": str(value) for name, value in {**values, **others}.items()}
        done = CliRunner().invoke(main, ["flows", *arguments], env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return run


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- the story


def test_from_nothing_to_a_flow_that_works(run: Run, templates: Path) -> None:
    templates.rmdir()
    assert "callflows flows list --shipped" in run("list").output
    listed = run("list", "--shipped").output
    assert "Forward to a person" in listed
    assert "Announce, then dial one number" in listed
    shown = run("show", "forward").output
    assert "--set to=...  phone, required: Who to connect the caller to" in shown
    assert "to make it yours: callflows flows new NAME --from forward" in shown

    made = run("new", "support", "--from", "forward", "--set", "to=+1 415 555 0123", "--set", "caller_id=+14155550100")
    assert made.exit_code == 0
    assert "support: ok" in made.output
    for said in ("callflows flows check support", "transfer CALL_UUID --aleg support\n", "url support/answer\n"):
        assert said in made.output
    assert set(os.listdir(templates)) <= {"support", "_shared"}
    assert (templates / "support/aleg.xml").read_text().endswith('{% include "support/_dial.xml" %}\n')
    before, after = (SHIPPED / "forward/flow.toml").read_text(), (templates / "support/flow.toml").read_text()
    assert after == before.replace("required = true", 'default = "+14155550123"').replace(
        '[params.caller_id]\ntype = "phone"\n', '[params.caller_id]\ntype = "phone"\ndefault = "+14155550100"\n'
    )
    document = run("render", "support/answer", "--provider", "vobiz").output
    assert "<Number>+14155550123</Number>" in document
    assert run("list").output.startswith("support ")


def test_what_is_still_to_be_given_is_said(run: Run) -> None:
    made = run("new", "news", "--from", "announce")
    assert "callflows flows new meet --from meet   # news leads there" in made.output
    assert "transfer CALL_UUID --aleg news --set 'message=Our office is closing now.'" in made.output


def test_as_json(run: Run, templates: Path) -> None:
    made = json.loads(run("new", "music", "--from", "hold", "--set", "rounds=5", "--json").stdout)
    assert made == {
        "name": "music",
        "from": "hold",
        "folder": str(templates / "music"),
        "files": sorted(f"music/{path}" for path in files_in(SHIPPED / "hold")),
        "shared": sorted(path for path in files_in(templates) if path.startswith("_shared/")),
        "params": {"rounds": 5},
        "required": [],
        "missing": [],
        "ok": True,
        "problems": [],
    }
    assert [path for path in files_in(templates) if path.endswith("audio/music.wav")]
    names = [flow["name"] for flow in json.loads(run("list", "--shipped", "--json").stdout)]
    assert names == sorted(read_sources(SHIPPED))
    assert json.loads(run("show", "hold", "--json").stdout)["shipped"] is True


@pytest.mark.parametrize("name", sorted(read_sources(SHIPPED)))
def test_every_shipped_flow_refers_to_itself_by_its_new_name(name: str) -> None:
    source = read_sources(SHIPPED)[name]
    flow = load_flow(source)
    files = {**renamed(source, "a-new-name"), **shared_by(source, flow)}
    copy = load_flow(FlowSource("a-new-name", files))
    assert copy.problems == ()
    assert copy.steps.keys() == flow.steps.keys()
    references = {name for facts in copy.environment.facts.values() for name in facts.references}
    assert references <= files.keys()
    assert not any(f"--aleg {name}".encode() in data for data in files.values())


def test_one_of_yours_comes_before_one_of_ours(run: Run, templates: Path) -> None:
    write_flow(templates, "forward", 'title = "Mine"\n', answer="<Response><Hangup/></Response>")
    assert run("show", "forward").output.startswith("forward: Mine\n")
    assert run("new", "other", "--from", "forward").exit_code == 0
    assert sorted(os.listdir(templates / "other")) == ["answer.xml", "flow.toml"]


def test_a_flow_it_leads_to_and_nobody_has_is_named(run: Run, templates: Path) -> None:
    line = "<Response><Redirect method='POST'>{{ flow_url('hold', 'aleg') }}</Redirect></Response>"
    write_flow(templates, "first", aleg=line)
    made = run("new", "second", "--from", "first")
    assert made.exit_code == 1
    assert "callflows flows new hold --from hold" in made.output
    assert run("new", "hold", "--from", "hold").exit_code == 0
    assert run("check").exit_code == 0


# --- mistakes


@pytest.mark.parametrize(
    ("name", "would_do"),
    [
        ("Sales Team", "sales-team"),
        ("_shared", "shared"),
        (".hidden", "hidden"),
        ("../up", "up"),
        ("Büro", "buro"),
        ("日本", "my-flow"),
        ("-", "my-flow"),
        ("a/b", "a-b"),
        ("x" * 70, "x" * 64),
    ],
)
def test_a_name_that_cannot_be_one(run: Run, templates: Path, name: str, would_do: str) -> None:
    done = run("new", "--from", "hold", "--", name)
    assert done.exit_code == 2
    assert done.stderr.endswith(f"for example {would_do})\n")
    assert is_name(would_do)
    assert os.listdir(templates) == []


@pytest.mark.parametrize("kind", ["flow", "empty", "file", "link"])
def test_a_name_that_is_taken(run: Run, templates: Path, kind: str) -> None:
    place = templates / "mine"
    if kind == "file":
        place.write_text("x")
    elif kind == "link":
        place.symlink_to("nowhere")
    else:
        place.mkdir()
    if kind == "flow":
        (place / "answer.xml").write_text("<Response/>")
    before = files_in(templates)
    done = run("new", "mine", "--from", "hold", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "name_taken"
    assert files_in(templates) == before
    assert os.listdir(templates) == ["mine"]


def test_which_flow_to_start_from(run: Run, templates: Path) -> None:
    write_flow(templates, "mine", 'title = "My own"\n', answer="<Response/>")
    for start, code, said in (
        ([], 2, "--from FLOW must say which flow to start from"),
        (["--from", "forwrd"], 1, "there is no flow 'forwrd' (did you mean forward?)"),
        (["--from", "zzz"], 1, "callflows flows list --shipped"),
    ):
        done = run("new", "x", *start)
        assert done.exit_code == code
        assert re.search(r"^  forward +Forward to a person$", done.stderr, re.MULTILINE)
        assert re.search(r"^  mine +My own$", done.stderr, re.MULTILINE)
        assert said in done.stderr
        assert "error" in json.loads(run("new", "x", *start, "--json").stdout)
    assert os.listdir(templates) == ["mine"]


def test_all_mistakes_in_values_are_told_at_once(run: Run, templates: Path) -> None:
    wrong = [
        argument for value in ("too=1", "to=12", "ring_seconds=soon", "caller_id=") for argument in ("--set", value)
    ]
    done = run("new", "x", "--from", "forward", *wrong)
    assert done.exit_code == 1
    for said in (
        "no param 'too': did you mean to?",
        "param to of forward must be a phone",
        "ring_seconds",
        "caller_id",
    ):
        assert said in done.stderr
    assert run("new", "x", "--from", "forward", "--set", "to").exit_code == 2
    assert os.listdir(templates) == []


@pytest.mark.parametrize("place", ["a-file", "a-file/templates", "missing/templates"])
def test_a_folder_that_cannot_be_written(run: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("")
    done = run("new", "x", "--from", "hold", TEMPLATES=tmp_path / place)
    assert done.exit_code == 1
    assert "cannot be written: " in done.stderr
    assert "CALLFLOWS_TEMPLATES" in done.stderr


def test_a_flow_with_mistakes_is_copied_and_they_are_told(run: Run, templates: Path) -> None:
    write_flow(templates, "old", "title = ", aleg="<Response>{% if %}</Response>")
    done = run("new", "next", "--from", "old")
    assert done.exit_code == 1
    assert "next/aleg.xml:1" in done.output
    assert "next/flow.toml:1" in done.output
    assert run("new", "more", "--from", "old", "--set", "to=1").exit_code == 1
    assert not (templates / "more").exists()


# --- what is rewritten, and what comes along


def test_references_and_nothing_else() -> None:
    text = (
        "{# menu/_part.xml and menu/answer; not my-menu/answer, /menu/answer or menu/other #}"
        '{% from "menu/_part.xml" import x %}{% extends \'menu/base.xml\' %}{% include "menu/" ~ leg ~ ".xml" %}'
        '{{ flow_url("menu", "answer") }}{{ flow_url( \'menu\') }}{{ flow_url("menu2") }}'
        "<Play>https://example.com/menu/answer</Play><Speak>menu</Speak>"
    )
    source = FlowSource(
        "menu",
        {
            "menu/answer.xml": text.encode(),
            "menu/_part.xml": b"\xff menu/_part.xml",
            "menu/base.xml": b"\r\n",
            "menu/audio/a.wav": b"menu/answer",
            "menu/flow.toml": b'description = "transfer CALL --aleg menu --bleg=menu/answer, --aleg menus"',
        },
    )
    files = renamed(source, "ivr")
    assert files["ivr/answer.xml"].decode() == (
        "{# ivr/_part.xml and ivr/answer; not my-menu/answer, /menu/answer or menu/other #}"
        '{% from "ivr/_part.xml" import x %}{% extends \'ivr/base.xml\' %}{% include "ivr/" ~ leg ~ ".xml" %}'
        '{{ flow_url("ivr", "answer") }}{{ flow_url( \'ivr\') }}{{ flow_url("menu2") }}'
        "<Play>https://example.com/menu/answer</Play><Speak>menu</Speak>"
    )
    assert files["ivr/_part.xml"] == b"\xff ivr/_part.xml"
    assert files["ivr/base.xml"] == b"\r\n"
    assert files["ivr/audio/a.wav"] == b"menu/answer"
    assert files["ivr/flow.toml"] == b'description = "transfer CALL --aleg ivr --bleg=ivr/answer, --aleg menus"'


SHARED = {"_shared/a.xml": b"{% include '_shared/b.xml' %}", "_shared/b.xml": b"", "_shared/c.xml": b"",
          "_shared/hours.toml": b"", "_shared/broken.xml": b"{% if %}"}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "without"),
    [
        ("{% include '_shared/a.xml' %}", {"_shared/c.xml", "_shared/broken.xml"}),
        ("", {"_shared/a.xml", "_shared/b.xml", "_shared/c.xml", "_shared/broken.xml"}),
        ("{% include which %}", {"_shared/broken.xml"}),
        ("{% if %}", set()),
    ],
)
def test_the_shared_files_it_reaches(template: str, without: set[str]) -> None:
    source = FlowSource("menu", {"menu/aleg.xml": template.encode(), **SHARED})
    assert shared_by(source, load_flow(source)).keys() == SHARED.keys() - without


def test_shared_files_are_added_and_never_overwritten(
    run: Run, templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "shipped"
    write_flow(
        ours, "polite", aleg="<Response>{% include '_shared/bye.xml' %}{% include '_shared/end.xml' %}</Response>"
    )
    (ours / "_shared").mkdir()
    (ours / "_shared/bye.xml").write_text("<Speak>Goodbye.</Speak>")
    (ours / "_shared/end.xml").write_text("<Hangup/>")
    monkeypatch.setattr("callflows.shipped.path", lambda name: ours)
    (templates / "_shared").mkdir()
    (templates / "_shared/bye.xml").write_text("<Speak>Ciao.</Speak>")
    done = run("new", "ours", "--from", "polite")
    assert done.exit_code == 0
    assert "_shared/end.xml, which it may use" in done.output
    assert "_shared/bye.xml: warning flow.shared-differs" in done.output
    assert (templates / "_shared/bye.xml").read_text() == "<Speak>Ciao.</Speak>"
    assert (templates / "_shared/end.xml").read_text() == "<Hangup/>"
    assert "flow.shared-differs" not in run("new", "again", "--from", "ours").output
    assert sorted(os.listdir(templates)) == ["_shared", "again", "ours"]


# --- defaults in flow.toml


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[params.to]\ntype = "text" # t\nrequired = true # must\nexample = "x"\n',
         '[params.to]\ntype = "text" # t\ndefault = "A" # must\nexample = "x"\n'),
        ('[params.to]\ndefault = """a\nb"""   # now\n', '[params.to]\ndefault = "A"   # now\n'),
        ("[params.to]\nrequired = false\ndefault = 'a'\n", '[params.to]\nrequired = false\ndefault = "A"\n'),
        ("# top\n[params.to]\n\n[params.b]\n", '# top\n[params.to]\ndefault = "A"\n\n[params.b]\n'),
        ('[params.to]\n  description = "d"\n', '[params.to]\n  default = "A"\n  description = "d"\n'),
        ('[params]\nto = { type = "text", required = true, example = "x" }\n',
         '[params]\nto = { type = "text", default = "A", example = "x" }\n'),
        ('[params]\nto = { type = "text" }\n', '[params]\nto = { default = "A", type = "text" }\n'),
        ('params.to.type = "text"\nparams.to.required = true\n', 'params.to.type = "text"\nparams.to.default = "A"\n'),
        ('params.to.type = "text"\n', 'params.to.default = "A"\nparams.to.type = "text"\n'),
        ('[params."to"]\r\nrequired = true\r\n', '[params."to"]\r\ndefault = "A"\r\n'),
    ],
)  # fmt: skip
def test_a_default_is_written_and_all_else_stays(before: str, after: str) -> None:
    assert with_defaults_written(before.encode(), {"to": "A"}).decode() == after


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ParamInvalid, match=re.escape('default = "A" under [params.to] yourself')):
        with_defaults_written(b"[params]\nto = {}\n", {"to": "A"})


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(st.dictionaries(st.sampled_from("abc"), st.one_of(TEXTS, st.integers(), st.booleans())), TEXTS, st.booleans())
def test_any_value_is_read_back(values: dict[str, str | int | bool], text: str, inline: bool) -> None:
    about = f"description = {json.dumps(text, ensure_ascii=False)}"
    layout = f"{{ required = true, {about} }}" if inline else ""
    lines = [f"{name} = {layout}" if inline else f"[params.{name}]\n{about}\nrequired = true" for name in "abc"]
    before = "\n".join(["[params]", *lines] if inline else lines)
    after = tomllib.loads(with_defaults_written(before.encode(), values).decode())["params"]
    expected = {name: {"description": text, "required": True} for name in "abc"}
    for name, value in values.items():
        expected[name] = {"description": text, "default": value}
    assert after == expected


# --- seen whole or not at all


def test_a_server_never_sees_half_a_flow(templates: Path) -> None:
    source = read_sources(SHIPPED)["hold"]
    whole = {path.partition("/")[2] for path in renamed(source, "copy")}
    seen: list[set[str]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for found in read_sources(templates).values():
                seen.append({path.partition("/")[2] for path in found.files})

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(30):
            name = f"copy-{number}"
            save_new(templates, name, renamed(source, name), {})
    finally:
        done.set()
        looking.join()
    assert len(os.listdir(templates)) == 30
    assert all(files == whole for files in seen)
    with pytest.raises(FileExistsError):
        save_new(templates, "copy-0", renamed(source, "copy-0"), {})
    assert len(os.listdir(templates)) == 30
