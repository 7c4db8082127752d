"""Five mistakes in one template: all told at once, each once, each at its own line with what to write."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from callflows.cli import main

from .trying import explored, lines, save

MENU = """\
<Response>
  <GetInput action="{{ step_url('choise') }}" method="POST" inputType="dtmf">
    <Speak>Press 1 for sales.</Speak>
  </GetInput>
  {% include "_shared/bye.xml" %}
  <Dial callerId="+14155550123">
  </Dial>
  <Speak langage="en-GB">Hello {{ calll.from_number }}</Speak>
  <Hangup/>
</Response>
"""
BYE = "{# what everybody hears at the end #}\n<Speak>Thank you.</Speak>\n<Speek>Goodbye.</Speek>\n"
CHOICE = "<Response><Speak>Thank you.</Speak><Hangup/></Response>"
BROKEN = {
    "menu.xml": MENU,
    "aleg.xml": '{% include "support/menu.xml" %}',
    "choice.xml": CHOICE,
    "_shared/bye.xml": BYE,
}
EXPECTED = [
    ("_shared/bye.xml", 3, 1, "grammar.unknown-element", "unknown element Speek in Response", "did you mean Speak?"),
    ("support/menu.xml", 2, None, "template.link", "support has no step 'choise'", "did you mean choice?"),
    (
        "support/menu.xml",
        6,
        3,
        "grammar.missing-child",
        "Dial contains no Number or User, and needs at least one",
        "add <Number>...</Number>",
    ),
    (
        "support/menu.xml",
        8,
        10,
        "grammar.unknown-attribute",
        "unknown attribute langage on Speak",
        "did you mean language?",
    ),
    ("support/menu.xml", 8, None, "template.undefined", "'calll' is undefined", "did you mean call?"),
]


def test_five_mistakes(tmp_path: Path) -> None:
    problems = explored(tmp_path, BROKEN).problems
    found = [(one.file, one.line, one.column, one.code, one.message, one.hint) for one in problems]
    assert len(found) == 5, "\n".join(map(str, problems))
    for row, wanted in zip(found, EXPECTED, strict=True):
        assert row == (*wanted[:2], row[2] if wanted[2] is None else wanted[2], *wanted[3:])
    for problem in problems:
        files = {"support/menu.xml": MENU, "_shared/bye.xml": BYE}
        assert problem.source == files[problem.file].split("\n")[problem.line - 1]


def test_mended_it_is_good_for_both(tmp_path: Path) -> None:
    mended = MENU.replace("choise", "choice").replace("calll", "call").replace("langage", "language")
    mended = mended.replace('5550123">', '5550123"><Number>+14155550123</Number>')
    files = {**BROKEN, "menu.xml": mended, "_shared/bye.xml": BYE.replace("Speek", "Speak")}
    assert lines(explored(tmp_path, files)) == []


def test_the_command_shows_the_line_and_a_caret(tmp_path: Path) -> None:
    save(tmp_path / "templates", {name if "/" in name else f"support/{name}": text for name, text in BROKEN.items()})
    run = CliRunner().invoke(
        main, ["flows", "check", "support"], env={"CALLFLOWS_TEMPLATES": str(tmp_path / "templates")}
    )
    assert run.exit_code == 1
    assert '    8 |   <Speak langage="en-GB">Hello {{ calll.from_number }}</Speak>' in run.output
    assert "          |          ^ did you mean language?".replace("          |", "      |") in run.output
    assert "support: 5 problems" in run.output
