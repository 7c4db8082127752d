"""The documentation says what the code does: settings, commands, the template context, links that lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import callflows
from callflows.cli import main
from callflows.flows.context import CONTEXT
from callflows.flows.reference import EXAMPLES
from callflows.simulator import Switches

from .conftest import REPOSITORY
from .pages import DOCS, of_flows

PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]


def test_the_settings_table_is_the_codes_own() -> None:
    printed = CliRunner().invoke(main, ["settings", "--markdown"]).stdout.strip()
    assert printed in (REPOSITORY / "docs/operations.md").read_text(), "make docs"


def test_the_pages_and_pictures_of_the_shipped_flows_are_what_the_code_makes_now() -> None:
    made = dict(of_flows())
    for path, text in made.items():
        assert path.is_file(), f"make docs writes {path}"
        assert path.read_text(encoding="utf-8") == text, f"{path} is old: make docs"
    assert {path for path in (DOCS / "flows").iterdir() if path not in made} == set()


def test_the_reference_of_the_context_is_the_codes_own() -> None:
    printed = CliRunner().invoke(main, ["flows", "context", "--markdown"]).stdout
    assert printed == (DOCS / "context.md").read_text(encoding="utf-8"), "make docs"
    assert CONTEXT.keys() <= EXAMPLES.keys(), "flows/reference.py has a line of a template for each name"


def test_a_flows_page_is_what_the_command_prints() -> None:
    env = {"CALLFLOWS_TEMPLATES": str(REPOSITORY / "templates")}
    printed = CliRunner().invoke(main, ["flows", "show", "meet", "--markdown"], env=env).stdout
    assert printed == (DOCS / "flows/meet.md").read_text(encoding="utf-8")


def test_whole_documents_in_the_authoring_guide_pass_the_check(tmp_path: Path) -> None:
    """A block's file stands after its language: ```xml greet/answer.xml. One without a name is a flow of its own. Steps
    that are only named are made up."""
    folder = tmp_path / "templates"
    shutil.copytree(REPOSITORY / "templates", folder)
    shipped = {path.name for path in folder.iterdir()}
    guide = (DOCS / "flows.md").read_text(encoding="utf-8")
    for number, (language, name, text) in enumerate(re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", guide, re.M | re.S)):
        if name or (language == "xml" and "<Response>" in text):
            file = folder / (name or f"block-{number}/answer.xml")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    flows = sorted({path.name for path in folder.iterdir()} - shipped)
    assert len(flows) >= 5
    for _ in range(2):
        done = CliRunner().invoke(main, ["flows", "check", *flows], env={"CALLFLOWS_TEMPLATES": str(folder)})
        for flow, step in re.findall(r"error template.link: (\S+) has no step '([^']+)'", done.output):
            (folder / flow / f"{step}.xml").write_text("<Response><Hangup/></Response>")
    assert done.exit_code == 0, f"{done.output}\n(name the file after ```xml where a block needs others)"
    assert "warning" not in done.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_authoring_guide_names_every_name_of_the_context() -> None:
    guide = (REPOSITORY / "docs/flows.md").read_text()
    assert [name for name in CONTEXT if f"`{name}" not in guide] == []


def test_the_simulators_page_has_every_switch() -> None:
    page = (REPOSITORY / "docs/simulator.md").read_text()
    for name, switch in Switches.explain().items():
        assert f"| `{name}` | `{switch['default']}`" in page


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.mark.parametrize(("path", "command"), list(commands(main)), ids=str)
def test_each_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    assert f"Example: callflows {' '.join(path)}" in (command.help or "")
    assert CliRunner().invoke(main, [*path, "--help"]).exit_code == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_commands_in_the_pages_exist_with_their_options(page: Path) -> None:
    for line in re.findall(r"^ +(?:\$ )?callflows ([^|>&\\\n]+)", page.read_text(), re.MULTILINE):
        command: click.Command = main
        for word in shlex.split(line, comments=True):
            if isinstance(command, click.Group):
                assert word in command.commands, line
                command = command.commands[word]
            elif word.startswith("--") and word != "--help":
                assert any(word.partition("=")[0] in option.opts for option in command.params), line


def test_public_names() -> None:
    assert sorted(callflows.__all__) == callflows.__all__
    for name in callflows.__all__:
        assert getattr(callflows, name) is not None
    with pytest.raises(AttributeError):
        _ = callflows.nothing
