"""Any way of saving is seen, and a save that is half done is not heard."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callflows.publishing import Publisher
from callflows.runtime import Runtime

from ..conftest import write_flow
from ..house import wait_until
from . import ways

STEP = "<Response><Speak>text {}</Speak></Response>"
WORDS = {"one": STEP.format("one"), "two": STEP.format("two")}


@pytest.fixture
def runtime(values: dict[str, Any]) -> Runtime:
    return Runtime(values)


@pytest.fixture
def keeping(runtime: Runtime) -> Iterator[Publisher]:
    """Somebody who looks after the folder, as the keeper does."""
    publisher, ending = runtime.publisher, threading.Event()
    faults: list[BaseException] = []

    def keep() -> None:
        try:
            while not ending.is_set():
                ending.wait(publisher.look())
        except BaseException as error:
            faults.append(error)

    publisher.publish_all()
    thread = threading.Thread(target=keep)
    thread.start()
    yield publisher
    ending.set()
    thread.join()
    assert faults == []


def live(runtime: Runtime, name: str) -> str:
    """The texts of the live version, one after the other."""
    flow = runtime.versions.live(name)
    return "".join(flow.texts.values()) if flow else ""


def test_any_way_of_saving_is_seen(templates: Path, runtime: Runtime, keeping: Publisher) -> None:
    """Case 38 of the fault list, and what editors do: all at once, each in a flow of its own."""
    names = {way.__name__: way for way in ways.ALL}
    for name in names:
        write_flow(templates, name, aleg=WORDS["one"])
    wait_until(lambda: all("one" in live(runtime, name) for name in names), what="the first text")
    for name, way in names.items():
        way(templates / name / "aleg.xml", WORDS["two"])
    wait_until(lambda: all("two" in live(runtime, name) for name in names), what="the second text")
    assert runtime.versions.stale_names() == []
    assert all(list(flow.steps) == ["aleg"] for name in names if (flow := runtime.versions.live(name)))


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments], cwd=folder, check=True)


def test_a_git_checkout_is_one_set_and_a_renamed_folder_another_flow(
    templates: Path, runtime: Runtime, keeping: Publisher
) -> None:
    """Case 39 of the fault list."""
    git(templates, "init", "-q")
    for word in ("one", "two"):
        part = f"<Speak>{word}</Speak>"
        write_flow(templates, "menu", aleg=f'<Response>{part}{{% include "menu/_part.xml" %}}</Response>', _part=part)
        git(templates, "add", "-A")
        git(templates, "commit", "-qm", word)
        git(templates, "tag", word)
    for word in ("one", "two", "one"):
        git(templates, "checkout", "-q", word)
        wait_until(lambda word=word: live(runtime, "menu").count(word) == 2, what=word)
    (templates / "menu" / "aleg.xml").write_text(WORDS["two"])
    (templates / "menu").rename(templates / "choice")
    wait_until(lambda: "two" in live(runtime, "choice"), what="the flow under its new name")
    assert "one" in live(runtime, "menu")  # calls go on: the folder may come back


def test_half_a_save_is_not_heard(templates: Path, runtime: Runtime, keeping: Publisher) -> None:
    """Case 34 of the fault list: cut in the midst, empty, and empty where that would be valid; longer than a save."""
    step = '<Response><Speak>one</Speak>{% include "menu/_part.xml" %}</Response>'
    parts = {"cut": step, "empty": step, "part": step, "toml": step}
    for name in parts:
        write_flow(templates, name, 'title = "one"', aleg=step.replace("menu", name), _part="<Speak>one</Speak>")
    wait_until(lambda: all(live(runtime, name).count("one") == 2 for name in parts), what="all to be live")
    before = {name: runtime.versions.live_version(name) for name in parts}
    new = step.replace("one", "two")
    halves = {
        templates / "cut/aleg.xml": (new[:40], new.replace("menu", "cut")),
        templates / "empty/aleg.xml": ("", new.replace("menu", "empty")),
        templates / "part/_part.xml": ("", "<Speak>two</Speak>"),
        templates / "toml/flow.toml": ("", 'title = "two"'),
    }
    for path, (half, _) in halves.items():
        path.write_text(half)
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        assert {name: runtime.versions.live_version(name) for name in parts} == before
        time.sleep(0.01)
    assert runtime.versions.stale_names() == ["cut", "empty"]
    for path, (_, whole) in halves.items():
        path.write_text(whole)
    wait_until(lambda: all(runtime.versions.live_version(name) != before[name] for name in parts), what="the whole")
    assert [live(runtime, name).count("two") for name in parts] == [1, 1, 1, 0]
    assert runtime.versions.stale_names() == []


def test_a_part_may_be_emptied(
    templates: Path, runtime: Runtime, keeping: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callflows.publishing.EMPTIED_SECONDS", 0.3)
    monkeypatch.setattr("callflows.publishing.RECHECK_SECONDS", 0.5)
    step = '<Response><Speak>one</Speak>{% include "menu/_part.xml" %}</Response>'
    write_flow(templates, "menu", aleg=step, _part="<Wait/>")
    wait_until(lambda: "Wait" in live(runtime, "menu"))
    (templates / "menu/_part.xml").write_text("")
    wait_until(lambda: "Wait" not in live(runtime, "menu"), what="the flow without its part")


def test_what_changes_while_it_is_read_is_read_again(
    templates: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 39 of the fault list: a set of two, saved while the publisher is between them."""
    from callflows import publishing

    def save(word: str) -> None:
        write_flow(templates, "menu", aleg=f'{{% include "menu/_part.xml" %}}<!--{word}-->', _part=WORDS[word])

    def reading(folder: Path) -> Any:
        found = read(folder)
        if saves:
            save(saves.pop())
        return found

    save("one")
    runtime.publisher.publish_all()
    read, saves = publishing.read_sources, ["one", "two", "one"]
    monkeypatch.setattr(publishing, "read_sources", reading)
    (templates / "menu/_part.xml").write_text(WORDS["two"])  # half a set
    runtime.publisher.publish_all()
    assert live(runtime, "menu").count("one") == 2  # it went on changing: what was live stays live
    runtime.publisher.publish_all()
    assert [turn.version for turn in runtime.versions.history("menu")] == [runtime.versions.live_version("menu")]
