"""Warnings that an author has read are not told again; errors always are."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trying import explored, lines

KEY = 'confirmKey="1" confirmSound="{{ step_url(\'ask\') }}"'
DIAL = f"""\
<Response>
<Speak>Hello.</Speak><Dial callerId="+14155550100" {KEY}><Number>+14155550123</Number></Dial><Hangup/>
</Response>
"""
FILES = {"aleg.xml": DIAL, "ask.xml": "<Response><Speak>Press 1.</Speak></Response>"}
SOUND = '[steps.ask]\nkind = "sound"\n'
LOOP = '<Response><Wait length="9"/><Redirect method="POST">{{ step_url("answer") }}</Redirect></Response>'


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({**FILES, "flow.toml": SOUND}, ["support/aleg.xml:2 rule.confirm-key"]),
        ({**FILES, "flow.toml": f'accept = ["rule.confirm-key"]\n{SOUND}'}, []),
        ({"answer.xml": LOOP, "flow.toml": ""}, ["support/answer.xml:1 rule.endless-loop"]),
        ({"answer.xml": LOOP, "flow.toml": 'accept = ["rule.endless-loop"]'}, []),
        (
            {**FILES, "flow.toml": f'accept = ["rule.confirm-kye"]\n{SOUND}'},
            ["support/aleg.xml:2 rule.confirm-key", "support/flow.toml:1 flow.accept"],
        ),
        (
            {**FILES, "flow.toml": 'accept = ["rule.confirm-key", "rule.sound-target"]'},
            ["support/aleg.xml:2 rule.sound-target", "support/flow.toml:1 flow.accept"],
        ),
        (
            {**FILES, "flow.toml": f"accept = [3]\n{SOUND}"},
            ["support/aleg.xml:2 rule.confirm-key", "support/flow.toml:1 flow.toml"],
        ),
    ],
)
def test_a_warning_that_is_accepted_is_not_told(tmp_path: Path, files: dict[str, str], found: list[str]) -> None:
    assert sorted(set(lines(explored(tmp_path, files)))) == sorted(found)


def test_what_cannot_be_accepted_is_said_in_words(tmp_path: Path) -> None:
    files = {**FILES, "flow.toml": f'accept = ["rule.confirm-kye", "rule.sound-target"]\n{SOUND}'}
    told = {problem.message: problem.hint for problem in explored(tmp_path, files).problems}
    assert told["there is no rule 'rule.confirm-kye'"] == "did you mean rule.confirm-key?"
    assert told["rule.sound-target is an error, and cannot be accepted"] == "mend it"
