"""`callflows simulate`: scenario files from the command line; and what is said of a broken one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from callflows.cli import main
from callflows.simulator.rehearsing import scenario, steps

from .conftest import REPOSITORY, write_flow

GOOD = "# a comment\non plivo, vobiz\n\ndial hello\nhears Hello\nis hung up 4010\n"


class Done:
    """What a command line gave."""

    def __init__(self, result: Result) -> None:
        self.returncode, self.stdout, self.stderr = result.exit_code, result.stdout, result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception


@pytest.fixture
def simulate(values: dict[str, Any], templates: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """`callflows simulate ...` with one flow, `hello`, in this process."""
    write_flow(templates, "hello", answer="<Response><Speak>Hello there</Speak></Response>")
    monkeypatch.setenv("CALLFLOWS_TEMPLATES", values["TEMPLATES"])
    return lambda *arguments: Done(CliRunner().invoke(main, ["simulate", *map(str, arguments)]))


def written(folder: Path, text: str, name: str = "the-caller-is-greeted.scenario") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_scenario_is_carried_out_on_both_platforms(simulate: Callable[..., Done], tmp_path: Path) -> None:
    done = simulate(str(written(tmp_path, GOOD)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('hears "Hello there"') == 2
    assert "ok  The caller is greeted (plivo)" in done.stdout
    assert "ok  The caller is greeted (vobiz)" in done.stdout
    assert done.stdout.endswith("2 runs of 1 scenario, all as written\n")
    assert not (tmp_path / "state").exists()  # nothing is left behind


def test_what_does_not_come_true_is_told_with_file_and_line(simulate: Callable[..., Done], tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("hears Hello", 'hears "Goodbye"'))
    done = simulate(str(path), "--provider", "plivo", "--quiet")
    assert done.returncode == 1
    assert f'{path}:5: hears "Goodbye": +14155550101 did not hear "Goodbye"' in done.stderr
    assert 'heard instead: "Hello there"' in done.stderr
    assert "FAILED  The caller is greeted (plivo)" in done.stdout
    assert "calls +14155550100" in done.stdout  # the transcript of a failure is shown even so


def test_as_json(simulate: Callable[..., Done], tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, "dial hello\nhears Goodbye\n", "another.scenario")
    done = simulate(str(tmp_path), "--json", "--provider", "vobiz")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [(row["title"], row["ok"], row["line"]) for row in found["scenarios"]] == [
        ("Another", False, 2),
        ("The caller is greeted", True, None),
    ]
    assert found["ok"] is False
    assert [entry["kind"] for entry in found["scenarios"][1]["transcript"]][:2] == ["call", "fetch"]


def test_json_is_the_same_in_each_run(simulate: Callable[..., Done], templates: Path, tmp_path: Path) -> None:
    again = "<Response><Redirect>{{ step_url('bye', tries=1) }}</Redirect></Response>"
    write_flow(templates, "again", answer=again, bye="<Response><Speak>Bye</Speak></Response>")
    path = written(tmp_path, "dial again\nhears bye\nis hung up\n")
    first = simulate(str(path), "--json")
    assert first.stdout == simulate(str(path), "--json").stdout
    assert "?t=…" in first.stdout
    assert first.stderr == ""  # and nothing of what flows went live


def test_one_that_makes_no_sense_does_not_keep_others_from_running(
    simulate: Callable[..., Done], tmp_path: Path
) -> None:
    written(tmp_path, "number +14155550123 sleepy\ndial hello\n", "a.scenario")
    written(tmp_path, GOOD, "b.scenario")
    done = simulate(str(tmp_path), "--json", "--provider", "plivo")
    assert done.returncode == 1
    rows = json.loads(done.stdout)["scenarios"]
    assert [(row["ok"], row["line"]) for row in rows] == [(False, 1), (True, None)]
    assert "a.scenario:1: behaviour is one of" in rows[0]["message"]


def test_calls_of_one_run_are_not_those_of_another(simulate: Callable[..., Done], tmp_path: Path) -> None:
    """The store is one, and refuses too many transfers of one call."""
    text = "dial hello\ntransfer aleg=hello/answer\nis hung up\n"
    for number in range(32):
        (tmp_path / f"{number}.scenario").write_text(text)
    done = simulate(str(tmp_path), "--quiet")
    assert done.returncode == 0, done.stderr
    assert "64 runs of 32 scenarios, all as written" in done.stdout


def test_every_switch_that_matters_is_tried(simulate: Callable[..., Done], templates: Path, tmp_path: Path) -> None:
    dial = "<Response><Dial timeout='5'><Number>+14155550123</Number></Dial></Response>"
    write_flow(templates, "ring", answer=dial)
    path = str(written(tmp_path, "number +14155550123 no-answer\ndial ring\nis hung up\n"))
    done = simulate(path, "--every-switch", "--quiet", "--provider", "plivo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(plivo, ring_timeout_status = timeout)" in done.stdout
    assert "unknown_element" not in done.stdout
    assert "other_leg" not in done.stdout  # nothing in this call depends on it
    assert "signatures" not in done.stdout  # Plivo is known to sign
    one = simulate(path, "--switch", "content_type=any", "--quiet", "--provider", "plivo")
    assert "(plivo, content_type = any)" in one.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.scenario"], 1, "nowhere.scenario: cannot be read: No such file or directory"),
        (["."], 2, "there is no *.scenario in ."),
        (["good.scenario", "--switch", "nonsense=1"], 2, "no switch 'nonsense'"),
        (["good.scenario", "--app", "nowhere:app"], 1, "nowhere:app is no web application"),
    ],
)
def test_what_cannot_be_done_is_said(
    simulate: Callable[..., Done], tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    if arguments[0] == "good.scenario":
        written(tmp_path, GOOD, "good.scenario")
    done = simulate(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_another_web_application(
    simulate: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corner_shop.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/xml')])\n"
        "    return [b'<Response><Speak>Open all day</Speak></Response>']\n"
    )
    path = written(tmp_path, "dial /answer\nhears open all day\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = simulate(path, "--app", "corner_shop")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 0, "has no steps"),
        ("# only a comment", 0, "has no steps"),
        ("dial", 1, "`dial` takes what answers"),
        ("dial a b", 1, "'b' is not NAME=VALUE"),
        ("dial a x=1 x=2", 1, "x is given twice"),
        ("dial a 'x", 1, "the quotes do not match"),
        ("dial a\npress x", 2, "`press` takes keys"),
        ("dial a\npress", 2, "`press` takes keys"),
        ("dial a\nhears", 2, "`hears` takes words"),
        ('dial a\nhears "x', 2, "`hears` takes words"),
        ('dial a\nhears "x" within soon', 2, "within takes a number, as 5 or 0.5 and below a million, not 'soon'"),
        ("dial a\nis hung up soon", 2, "`is hung up` may add a code"),
        ("dial a\nwait", 2, "wait takes a number"),
        ("dial a\ntransfer to=x", 2, "`transfer` takes aleg=FLOW"),
        ("dial a\ntransfer aleg=b is unsure", 2, "'is' is not NAME=VALUE"),
        ("dial a\nstream ends soon", 2, "`stream ends` takes nothing more"),
        ("dial a\nis streamed to", 2, "`is streamed to` takes part of a web socket's address"),
        ("dial a\non plivo", 2, "`on` comes before the first step"),
        ("on pilvo\ndial a", 1, "`on` names platforms: plivo, vobiz"),
        ("switch other_leg\ndial a", 1, "`switch` takes a name and a value"),
        ("switch other_leg maybe\ndial a", 1, "other_leg is one of hangs-up, keeps-flow"),
        ("switch nothing x\ndial a", 1, "no switch 'nothing'"),
        ("at noon\ndial a", 1, "`at` takes a date and time"),
        ("at 2026-12-24T18:00:00\ndial a", 1, "`at` needs a zone"),
        ("number\ndial a", 1, "`number` takes a number"),
        (
            "number +14155550123 busy after=x\ndial a",
            1,
            "after takes a number, as 5 or 0.5 and below a million, not 'x'",
        ),
        ("number +14155550123 keys=1\ndial a", 1, "keys takes SECONDS:DIGITS"),
        ("dial a\nis connectd to +14155550123", 2, "did you mean `is connected to`?"),
        ("dial a\ndance", 2, "no such step: 'dance'"),
        ("on plivo\non vobiz\ndial a", 2, "`on` is given twice"),
        ("switch other_leg hangs-up\nswitch other_leg keeps-flow\ndial a", 2, "switch other_leg is given twice"),
        ("+14155550107 dial a caller=+14155550108", 1, "caller is given twice"),
        ("dial a\n+14155550107 wait 5", 2, "`wait` is not about anybody"),
        ('dial a\nhas not heard "x" within 5', 2, "takes no `within`"),
        ('dial a\nsay "x" within 5', 2, "and no `within`"),
        ('dial a\nhears " "', 2, "`hears` takes words"),
        ("dial a\nfault count=2", 2, "`fault` takes web=KIND or rest=KIND"),
        ("dial a\n+14155550107", 2, "who does is said, and not what"),
        ("dial a\n14155550107 hangs up", 2, "a number has its plus"),
        ("dial a\nhears x\u2028y\x0bz\nnope", 3, "no such step: 'nope'"),
    ],
)
def test_a_broken_file_is_told_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(scenario.ScenarioError, match=re.escape(said)) as caught:
        scenario.parse(text, "a.scenario")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"a.scenario:{line}: " if line else "a.scenario: ")


def test_what_only_carrying_it_out_shows(simulate: Callable[..., Done], tmp_path: Path) -> None:
    for text, said in (
        ("number +14155550123 sleepy\ndial hello\n", ":1: behaviour is one of answers, busy"),
        ("number nobody busy\ndial hello\n", ":1: 'nobody' is not a number"),
        ("dial hello\nfault web=nonsense\n", ":2: "),
        ("hears hello\n", "nobody has called yet"),
        ("dial hullo\n", "there is no flow 'hullo'"),
        ("dial hello/nothing\n", "flow hello has no step 'nothing'"),
        ("dial hello\ntransfer aleg=hello 'name={room}'\n", ":2: {room} is the room of a transfer, and there were 0"),
        ("dial hello\nis in conference {room2}\n", ":2: {room2} is the room of a transfer, and there were 0"),
        ("dial hello\ntransfer aleg=hello/answer is refused\n", "the transfer of +14155550101 was accepted"),
        ("dial hello\nwait 9\npress 1\n", "cannot press 1: the call has ended"),
    ):
        done = simulate(str(written(tmp_path, text)), "--provider", "plivo")
        assert done.returncode == 1
        assert said in done.stderr, (text, done.stderr)
        assert "Traceback" not in done.stderr


_WORDS = st.sampled_from([*steps.VERBS, "on", "at", "switch", "plivo", '"', "'", "x=1", "+14155550123", "1", "#", "\n"])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(_WORDS, max_size=20).map(" ".join)))
def test_whatever_a_file_holds_it_is_read_or_refused(text: str) -> None:
    try:
        found = scenario.parse(text, "a.scenario")
    except scenario.ScenarioError:
        return
    assert found.steps


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.scenario").write_bytes(b"dial \xff\xfe")
    with pytest.raises(scenario.ScenarioError, match="is not UTF-8"):
        scenario.load(tmp_path / "a.scenario")


def test_the_guide_shows_every_step() -> None:
    page = (REPOSITORY / "docs/testing.md").read_text()
    for verb in steps.VERBS:
        if verb not in ("presses", "says"):  # other forms, for `NUMBER presses 1`
            assert f"`{verb}" in page, verb
