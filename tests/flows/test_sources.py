"""What of an operator's folder is a flow, a step, or neither. Real files; no name is ever joined to a path."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError

from callflows.flows import Flow, is_name, load_flow, read_sources, stamp
from callflows.flows.sandbox import FlowEnvironment
from callflows.flows.sharing import belonging
from callflows.flows.sources import MAX_FILE_BYTES, ignored
from callflows.flows.trying.facts import facts_of

from .rooms import save

NOT_NAMES = [
    "", ".", "..", "../a", "a/b", "a\\b", "a\0b", "a\n", "\na", "a b", "A", "aLeg", "_a", "-a", ".a", "a.xml", "a~",
    "é", "ａ", "١", "a１", "a" * 65, "#a#", "a%2f", "con:", "a\u0301", "ſ",
]  # fmt: skip


@pytest.mark.parametrize("name", NOT_NAMES)
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "aleg", "7", "a" * 64])
def test_what_is_a_name(name: str) -> None:
    assert is_name(name)


@given(st.text())
def test_a_name_is_short_and_plain(text: str) -> None:
    plain = set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert is_name(text) == (0 < len(text) <= 64 and set(text) <= plain and text[0] not in "-_")


def steps(folder: Path, name: str = "menu") -> list[str]:
    return sorted(load_flow(read_sources(folder)[name]).steps)


def test_only_well_named_files_are_steps(tmp_path: Path) -> None:
    noise = [
        "_part.xml", ".aleg.xml.swp", ".hidden.xml", "._aleg.xml", "aleg.xml~", "aleg.xml.bak", "#aleg.xml#", "4913",
        "README.md", "old/aleg.xml", "audio/x.xml", "table.csv",
    ]  # fmt: skip
    save(tmp_path, {f"menu/{file}": "<Response/>" for file in ["aleg.xml", "done.xml", "aleg.vobiz.xml", *noise]})
    flow = load_flow(read_sources(tmp_path)["menu"])
    assert flow.problems == ()
    assert sorted(flow.steps) == ["aleg", "done"]
    assert flow.steps["aleg"].template("vobiz") == ("menu/aleg.vobiz.xml", True)
    assert flow.steps["aleg"].template("plivo") == ("menu/aleg.xml", False)


@pytest.mark.parametrize(
    "file", ["Aleg.xml", "aleg (copy).xml", "aleg..xml", "aleg.Vobiz.xml", "á.xml", "aleg.a.b.xml", "１.xml"]
)
def test_a_file_whose_name_cannot_be_a_step_is_reported(tmp_path: Path, file: str) -> None:
    save(tmp_path, {"menu/aleg.xml": "<Response/>", f"menu/{file}": "<Hangup/>"})
    flow = load_flow(read_sources(tmp_path)["menu"])
    assert [problem.code for problem in flow.problems] == ["flow.step-name"]
    assert list(flow.steps) == ["aleg"]
    assert flow.steps["aleg"].template("plivo")[0] == "menu/aleg.xml"


def test_only_well_named_folders_are_flows(tmp_path: Path) -> None:
    for name in ("menu", "Menu", "_private", ".git", "menü", "menu~", "١"):
        save(tmp_path, {f"{name}/aleg.xml": "<Response/>"})
    save(tmp_path, {"stray.xml": "<Response/>", "notes": ""})
    assert list(read_sources(tmp_path)) == ["menu"]
    assert list(read_sources(tmp_path / "missing")) == []


def test_symlinks_are_never_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "templates", tmp_path / "outside"
    save(outside, {"aleg.xml": "<Secret/>"})
    save(folder, {"menu/aleg.xml": "<Response/>"})
    (folder / "linked").symlink_to(outside)
    (folder / "menu" / "done.xml").symlink_to(outside / "aleg.xml")
    (folder / "menu" / "sub").symlink_to(outside)
    (folder / "menu" / "gone.xml").symlink_to("nowhere")
    found = read_sources(folder)
    assert list(found) == ["menu"]
    assert list(found["menu"].files) == ["menu/aleg.xml"]
    codes = [(problem.code, problem.file) for problem in found["menu"].problems]
    assert codes == [("flow.symlink", f"menu/{name}") for name in ("done.xml", "gone.xml", "sub")]


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    save(tmp_path, {"menu/aleg.xml": "<Response/>"})
    os.mkfifo(tmp_path / "menu" / "done.xml")
    assert steps(tmp_path) == ["aleg"]


def test_shared_files_belong_to_the_flows_that_use_them(tmp_path: Path) -> None:
    flows = {
        "a/aleg.xml": "{% include '_shared/x.xml' %}",
        "b/aleg.xml": "<R/>",
        "c/_part.xml": '{%- import "_shared/via.xml" as via with context -%}',
        "d/aleg.xml": "{% include ['_shared/none.xml', leg] %}",
    }
    shared = {"x.xml": "<R/>", "via.xml": "{% from '_shared/y.xml' import y %}", "y.xml": "", "z.xml": "", "t.toml": ""}
    save(tmp_path, flows | {f"_shared/{name}": text for name, text in shared.items()})
    found = read_sources(tmp_path)

    def parts(name: str) -> set[str]:
        return {path.removeprefix("_shared/") for path in found[name].files if path.startswith("_shared/")}

    assert parts("a") == {"x.xml", "t.toml"}
    assert parts("b") == {"t.toml"}
    assert parts("c") == {"via.xml", "y.xml", "t.toml"}
    assert parts("d") == set(shared)  # a name that is made when rendering may be any
    assert steps(tmp_path, "a") == ["aleg"]
    save(tmp_path, {"_shared/x.xml": "<R></R>"})
    changed = {name for name, source in read_sources(tmp_path).items() if source.version != found[name].version}
    assert changed == {"a", "d"}


def test_a_shared_file_that_cannot_be_read_is_the_problem_of_those_who_use_it(tmp_path: Path) -> None:
    save(tmp_path, {"a/aleg.xml": "{% include '_shared/x.xml' %}", "b/aleg.xml": "<R/>", "_shared/y.xml": ""})
    (tmp_path / "_shared" / "x.xml").symlink_to("y.xml")
    found = read_sources(tmp_path)
    assert [problem.file for problem in found["a"].problems] == ["_shared/x.xml"]
    assert found["b"].problems == ()


QUOTED = st.sampled_from(
    ["'_shared/a.xml'", '"_shared/b.xml"', "'_shared/' 'c.xml'", "x", '"\\x5f"', "['_shared/a.xml']"]
)
SPACE = st.sampled_from(["", " ", "\n", "\u00a0 "])
TAGS = ["include {}", "include {} ignore missing", "import {} as y", "from {} import y with context", "extends {}"]


@given(st.lists(st.tuples(SPACE, st.sampled_from(TAGS), QUOTED, st.sampled_from(["%}", " %}", "-%}"])), max_size=4))
def test_no_name_that_a_template_refers_to_is_overlooked(tags: list[tuple[str, str, str, str]]) -> None:
    text = "".join(f"{{%{space}{tag.format(name)} {end}" for space, tag, name, end in tags)
    shared = {f"_shared/{name}.xml": b"" for name in "abc"}
    try:
        facts = facts_of(FlowEnvironment({}).parse(text))
    except TemplateSyntaxError:
        return
    belongs = belonging({"menu/aleg.xml": text.encode()}, shared)
    needed = {path for path in shared if facts.dynamic or path in facts.references}
    assert needed <= {path for path in shared if belongs(path)}


def test_the_version_is_the_content_and_nothing_else(tmp_path: Path) -> None:
    save(tmp_path / "one", {"menu/aleg.xml": "<R/>", "menu/b.xml": "x"})
    save(tmp_path / "two", {"menu/b.xml": "x", "menu/aleg.xml": "<R/>"})
    save(tmp_path / "three", {"menu/aleg.xml": "<R/>x", "menu/b.xml": ""})
    one, two, three = (read_sources(tmp_path / name)["menu"].version for name in ("one", "two", "three"))
    assert one == two != three
    assert one.startswith("menu-")


def test_large_files_and_odd_bytes_are_problems_not_crashes(tmp_path: Path) -> None:
    save(tmp_path, {"menu/aleg.xml": b"<R>\n\xff</R>", "menu/b.xml": "<R>\n\x01</R>", "menu/c.xml": "x" * 200_001})
    (tmp_path / "menu" / "audio").mkdir()
    with (tmp_path / "menu" / "audio" / "long.wav").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    source = read_sources(tmp_path)["menu"]
    found = {(problem.code, problem.file, problem.line) for problem in load_flow(source).problems}
    assert found >= {
        ("template.encoding", "menu/aleg.xml", 2),
        ("template.characters", "menu/b.xml", 2),
        ("template.size", "menu/c.xml", None),
        ("flow.size", "menu/audio/long.wav", None),
    }


def test_a_file_name_that_is_no_text_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    save(tmp_path, {"menu/aleg.xml": "<Response/>"})
    (tmp_path / "menu" / os.fsdecode(b"\xff.xml")).write_text("<Response/>")
    source = read_sources(tmp_path)["menu"]
    assert source.version
    assert [problem.code for problem in load_flow(source).problems] == ["flow.step-name"]


def test_a_folder_that_cannot_be_read_is_not_a_folder_that_is_gone() -> None:
    with tempfile.TemporaryDirectory() as name:  # not tmp_path: nobody but its owner may pass through that one
        folder = Path(name)
        folder.chmod(0o755)
        save(folder, {"menu/aleg.xml": "<Response/>"})
        (folder / "menu").chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)  # root reads everything
            source = read_sources(folder)["menu"]
        finally:
            os.seteuid(user)
            (folder / "menu").chmod(0o700)
    assert [problem.code for problem in source.problems] == ["flow.unreadable"]


def test_the_stamp_sees_every_way_of_saving(tmp_path: Path) -> None:
    file = tmp_path / "menu" / "aleg.xml"
    save(tmp_path, {"menu/aleg.xml": "aaaa", "menu/.aleg.xml.swp": "1"})
    seen = {stamp(tmp_path)}

    def changed() -> bool:
        known = len(seen)
        seen.add(stamp(tmp_path))
        return len(seen) > known

    assert not changed()
    times = file.stat()
    file.write_text("bbbb")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # in place, size and mtime as before
    assert changed()
    save(tmp_path, {"menu/aleg.new": "cccc"})
    (tmp_path / "menu" / "aleg.new").rename(file)
    assert changed()
    file.unlink()
    assert changed()
    save(tmp_path, {"menu/.aleg.xml.swp": "2"})
    assert not changed()


def test_a_flow_with_nothing_in_it_says_what_to_add(tmp_path: Path) -> None:
    save(tmp_path, {"menu/flow.toml": ""})
    (problem,) = load_flow(read_sources(tmp_path)["menu"]).problems
    assert (problem.code, problem.hint) == ("flow.no-steps", "add aleg.xml")


def test_a_flow_knows_its_closest_step_and_what_it_needs(tmp_path: Path) -> None:
    toml = "[params.to]\ntype = 'phone'\nrequired = true\nexample = '+14155550123'\n[params.n]\n"
    save(tmp_path, {"menu/aleg.xml": "<R/>", "menu/flow.toml": toml})
    flow: Flow = load_flow(read_sources(tmp_path)["menu"])
    assert flow.closest_step("alge") == "did you mean aleg?"
    assert flow.required_params() == ["to"]


def test_folders_that_cannot_be_flows_are_named(tmp_path: Path) -> None:
    save(tmp_path, {f"{name}/aleg.xml": "<Response/>" for name in ("good", "Menu", "ünï", "_shared", ".git")})
    (tmp_path / "linked").symlink_to(tmp_path / "good")
    assert [problem.file for problem in ignored(tmp_path)] == ["Menu", "linked", "ünï"]
    assert ignored(tmp_path / "nowhere") == []
