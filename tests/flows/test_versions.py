"""What is served is a checked copy; it goes live at once for every process, and calls in older copies go on."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from callflows.flows import FlowSource, Versions
from callflows.flows.versions import KEEP_SECONDS, KEEP_VERSIONS, MAX_LOADED
from callflows.models import Problem, Severity

from .rooms import source

PROBLEM = Problem(Severity.ERROR, "template.syntax", "wrong \ud800", "menu/aleg.xml", 3, "write it right")


def text(number: int) -> FlowSource:
    return source(aleg=f"<Response><!-- {number} --></Response>", _shared__part="<Wait/>")


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path)


def age(folder: Path, seconds: float) -> None:
    os.utime(folder, (time.time() - seconds, time.time() - seconds))


def test_before_anything_is_published(versions: Versions) -> None:
    assert versions.live_version("menu") == ""
    assert versions.live("menu") is None
    assert versions.load("menu-0123456789abcdef") is None
    assert versions.names() == versions.stale_names() == []
    assert versions.stale("menu") is None
    assert versions.prune() == 0
    versions.withdraw("menu")


def test_a_published_flow_is_live_with_its_shared_files(versions: Versions, tmp_path: Path) -> None:
    version = versions.publish(text(1))
    assert version == text(1).version == versions.live_version("menu")
    found = versions.live("menu")
    assert found is not None
    assert found.version == version
    assert versions.names() == ["menu"]
    assert (tmp_path / "versions" / version / "_shared" / "part.xml").read_text() == "<Wait/>"
    assert (tmp_path / "live" / "menu").is_symlink()


def test_every_process_sees_it_at_once_and_keeps_the_one_before(tmp_path: Path) -> None:
    keeper, worker = Versions(tmp_path), Versions(tmp_path)
    for number in range(5):
        version = keeper.publish(text(number))
        assert worker.live_version("menu") == version
        assert worker.live("menu") is not None
    assert worker.live_version("menu", last=True) == text(3).version
    keeper.publish(text(4))  # nothing changed
    assert worker.live_version("menu", last=True) == text(3).version
    keeper.publish(text(3))  # back again
    assert (worker.live_version("menu"), worker.live_version("menu", last=True)) == (text(3).version, text(4).version)


ODD = ["", ".", "..", "../versions", "menu.last", "menu.stale", "/etc", "a/b", "a\0b", "a\n", "Menu", "é", "x" * 999]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_never_looked_for(versions: Versions, name: str) -> None:
    versions.publish(text(1))
    assert versions.live_version(name) == ""
    assert versions.live_version(name, last=True) == ""
    assert versions.live(name) is None
    assert versions.stale(name) is None


@pytest.mark.parametrize(
    "version", [*ODD, "menu", "menu-", "-", "menu-..", "menu-../x", "../menu-1", "menu-\0", "menu-é"]
)
def test_odd_versions_are_not_there(versions: Versions, version: str) -> None:
    versions.publish(text(1))
    assert versions.load(version) is None


@pytest.mark.parametrize("damage", ["changed", "truncated", "missing", "added", "emptied", "not a folder"])
def test_a_damaged_copy_is_not_served_and_publishing_mends_it(tmp_path: Path, damage: str) -> None:
    version = Versions(tmp_path).publish(text(1))
    folder = tmp_path / "versions" / version
    file = folder / "menu" / "aleg.xml"
    match damage:
        case "changed":
            file.write_text("<Response><!-- 2 --></Response>")
        case "truncated":
            file.write_text("")
        case "missing":
            file.unlink()
        case "added":
            (folder / "menu" / "extra.xml").write_text("<Response/>")
        case "emptied" | "not a folder":
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            if damage == "not a folder":
                folder.rmdir()
                folder.symlink_to(tmp_path)
    versions = Versions(tmp_path)
    assert versions.live("menu") is None
    if damage != "not a folder":
        assert versions.publish(text(1)) == version
        assert versions.live("menu") is not None


def test_a_link_to_nowhere_is_no_flow(versions: Versions, tmp_path: Path) -> None:
    versions.publish(text(1))
    link = tmp_path / "live" / "menu"
    for target in ("nowhere", "..", "../../etc", "../versions/.."):
        link.unlink()
        link.symlink_to(target)
        assert versions.live("menu") is None
    link.unlink()
    link.write_text("not a link")
    assert versions.live_version("menu") == ""


def test_a_refused_save_stays_visible_since_it_was_first_refused(versions: Versions) -> None:
    versions.publish(text(1))
    started = time.time()
    versions.mark_stale("menu", [PROBLEM])
    versions.mark_stale("other", [])
    first = versions.stale("menu")
    assert first is not None
    assert started <= first[0] <= time.time()
    assert first[1] == [PROBLEM]
    versions.mark_stale("menu", [PROBLEM, PROBLEM])
    second = versions.stale("menu")
    assert second == (first[0], [PROBLEM, PROBLEM])
    assert versions.stale_names() == ["menu", "other"]
    assert versions.names() == ["menu"]
    versions.publish(text(2))
    assert versions.stale("menu") is None
    assert versions.stale_names() == ["other"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "5",
        "[]",
        "[1]",
        '["x", []]',
        "[1, 2]",
        '[1, [{"a": 1}]]',
        '{"a": 1, "b": 2}',
        '{"since": 1, "version": "x", "until": null}',
        '{"since": 1, "version": "x", "until": null, "problems": [{"severity": "error"}]}',
        "[" * 99_999,
        "\0",
    ],
)
def test_a_damaged_mark_still_says_that_a_save_waits(versions: Versions, tmp_path: Path, content: str) -> None:
    versions.mark_stale("menu", [PROBLEM])
    (tmp_path / "live" / "menu.stale").write_text(content)
    found = versions.stale("menu")
    assert found is not None
    assert abs(found[0] - time.time()) < 60
    assert found[1] == []
    versions.mark_stale("menu", [PROBLEM])
    assert json.loads((tmp_path / "live" / "menu.stale").read_text())


def test_calls_in_a_withdrawn_flow_go_on(versions: Versions, tmp_path: Path) -> None:
    version = versions.publish(text(1))
    versions.mark_stale("menu", [PROBLEM])
    age(tmp_path / "versions" / version, 10 * KEEP_SECONDS)
    versions.withdraw("menu")
    assert versions.live("menu") is None
    assert versions.names() == versions.stale_names() == []
    assert versions.prune() == 0
    assert Versions(tmp_path).load(version) is not None


def test_prune_keeps_what_is_linked_or_may_hold_a_call_or_be_gone_back_to(versions: Versions, tmp_path: Path) -> None:
    names = [versions.publish(text(number)) for number in range(KEEP_VERSIONS + 2)]
    folder = tmp_path / "versions"
    (folder / ".draft.abc").mkdir()
    for name in [*names, ".draft.abc"]:
        age(folder / name, 2 * KEEP_SECONDS)
    versions.publish(text(99))  # what was live until now counts from now on
    assert versions.prune() == 4  # three, and the draft
    assert versions.stored("menu") == sorted([*names[3 - len(names) :], text(99).version])
    assert not (folder / ".draft.abc").exists()
    versions.publish(text(0))
    age(folder / names[3], KEEP_SECONDS - 60)
    assert versions.prune() == 0
    age(folder / names[3], KEEP_SECONDS + 60)
    assert versions.prune() == 1
    for name in os.listdir(folder):
        age(folder / name, 2 * KEEP_SECONDS)
    assert versions.prune() == 0
    assert versions.live("menu", last=True) is not None
    assert len(versions.stored()) == KEEP_VERSIONS


def test_the_history_of_a_flow_that_is_gone_goes_with_its_versions(
    versions: Versions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [versions.publish(text(number)) for number in (1, 2)]
    versions.withdraw("menu")
    assert [(turn.version, str(turn.how)) for turn in versions.history("menu")] == [
        ("", "withdrawn"), (names[1], "saved"), (names[0], "saved"),
    ]  # fmt: skip
    for name in names:
        age(tmp_path / "versions" / name, 2 * KEEP_SECONDS)
    assert versions.prune() == 0
    monkeypatch.setattr("callflows.flows.versions.KEEP_SECONDS", -1)
    assert versions.prune() == 2
    assert versions.history("menu") == []
    assert os.listdir(tmp_path / "live") == []


def test_history_says_when_and_how_and_is_bounded(
    versions: Versions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callflows.flows.records.MOST_TURNS", 9)
    started = time.time()
    first, second = versions.publish(text(1)), versions.publish(text(2))
    versions.publish(text(2))  # nothing changed
    versions.put_back(first, instead_of=second)
    turns = versions.history("menu")
    assert [(turn.version, str(turn.how)) for turn in turns] == [
        (first, "published by hand"), (second, "saved"), (first, "saved"),
    ]  # fmt: skip
    assert [turns[0].until, turns[1].until] == [None, turns[0].since]
    assert started <= turns[2].since <= turns[1].since <= turns[0].since <= time.time()
    for number in range(12):
        versions.put_back((first, second)[number % 2], instead_of=text(3).version)
    assert len(versions.history("menu")) == 9
    for damage in ("", "{", "[[1]]", '[["x", "y", "z"]]', "null"):
        (tmp_path / "live" / "menu.history").write_text(damage)
        assert versions.history("menu") == []
    versions.publish(text(4))
    assert len(versions.history("menu")) == 1


def test_versions_are_found_by_what_is_written_of_them(versions: Versions) -> None:
    version = versions.publish(text(1))
    digest = version.removeprefix("menu-")
    assert versions.meant(version) == versions.meant(version[:12]) == versions.meant(digest[:6]) == [version]
    for nothing in ("", "menu", "menu-", digest[:3], "x" + digest, f"../{version}", "menu-zzzz"):
        assert versions.meant(nothing) == []
    versions.publish(text(2))
    assert sorted(versions.meant("menu-")) == []


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"since": "x", "version": "y"}', "\0"])
def test_a_damaged_hold_holds_nothing(versions: Versions, tmp_path: Path, damage: str) -> None:
    first, second = versions.publish(text(1)), versions.publish(text(2))
    versions.put_back(first, instead_of=second)
    assert versions.is_held("menu", second)
    (tmp_path / "live" / "menu.held").write_text(damage)
    assert not versions.is_held("menu", second)
    assert versions.status("menu").state == "good"


def test_memory_holds_few_versions_of_a_flow_and_never_loses_the_live_one(versions: Versions) -> None:
    live = versions.publish(text(0))
    kept = versions.live("menu")
    older = [versions.publish(text(number)) for number in range(1, 3 * MAX_LOADED)]
    versions.publish(text(0))
    for version in older:
        assert versions.load(version) is not None
    assert versions.load(live) is kept
    assert len(versions._loaded) <= MAX_LOADED + 1
    assert versions.load(older[0]) is not None  # read again from disk


def test_a_version_is_loaded_once_by_many_threads(versions: Versions) -> None:
    version = versions.publish(text(1))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(versions.load(version))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(flow) for flow in found}) == 1
    assert found[0] is not None


def _publish_many(state: Path, start: int, faults: multiprocessing.Queue[str]) -> None:
    try:
        versions = Versions(state)
        for number in range(40):
            versions.publish(text((start + number) % 6))
            if versions.live("menu") is None:
                faults.put("not live after publishing")
            if number % 10 == 0:
                versions.prune()
    except BaseException as error:
        faults.put(repr(error))


def test_four_processes_publish_and_no_caller_meets_half_a_flow(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    faults = fork.Queue()
    processes = [fork.Process(target=_publish_many, args=(tmp_path, start, faults)) for start in range(4)]
    Versions(tmp_path).publish(text(0))
    for process in processes:
        process.start()
    looks = 0
    while any(process.is_alive() for process in processes):
        assert Versions(tmp_path).live("menu") is not None
        looks += 1
    for process in processes:
        process.join()
    assert looks
    assert faults.empty(), faults.get()
    assert [process.exitcode for process in processes] == [0] * 4
    assert not [name for name in os.listdir(tmp_path / "versions") if name.startswith(".")]
    assert sorted(os.listdir(tmp_path / "live")) == ["menu", "menu.history", "menu.last"]
