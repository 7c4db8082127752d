"""What may take too long on a live call is told where it is tried."""

from __future__ import annotations

from pathlib import Path

from .trying import explored, lines

LOOP = "{% set turns = range(900) | list %}{% for i in range(TIMES) %}\n{% for j in turns %}{% endfor %}\n{% endfor %}"
END = "<Response><Speak>Hello</Speak></Response>"


def test_a_sample_that_is_slow_is_warned_of_at_its_line(tmp_path: Path) -> None:
    """It takes some 0.15 s of the second it may."""
    found = explored(tmp_path, {"aleg.xml": LOOP.replace("TIMES", "500") + END}, DEADLINE=2)
    (problem,) = found.problems
    assert (problem.file, problem.line) == ("support/aleg.xml", 2)
    if problem.code != "template.deadline":  # on a machine that has five other things to do
        assert (problem.code, problem.severity) == ("template.slow", "warning")
        assert "0.1 s" in problem.message


def test_one_that_cannot_be_served_is_an_error(tmp_path: Path) -> None:
    found = explored(tmp_path, {"aleg.xml": LOOP.replace("TIMES", "9000") + END}, DEADLINE=0.2)
    assert lines(found) == ["support/aleg.xml:2 template.deadline"]


def test_honest_flows_are_not(tmp_path: Path) -> None:
    assert lines(explored(tmp_path, {"aleg.xml": LOOP.replace("TIMES", "9") + END})) == []
