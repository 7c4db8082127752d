"""Rules about a flow as a whole, and what its steps lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from callflows.exploring import RULES

from .trying import explored, lines

END = "<Response><Speak>Bye.</Speak><Hangup/></Response>"
DIAL = '<Dial callerId="+14155550123" {}><Number>+14155550123</Number></Dial>'


def document(*inside: str) -> str:
    return "\n".join(["<Response>", "<Speak>Hello.</Speak>", *inside, "</Response>"])


def dialling(attribute: str) -> str:
    return document(DIAL.format(attribute), "<Hangup/>")


BROKEN: dict[str, tuple[dict[str, str], list[str]]] = {
    "music is a call step": (
        {"aleg.xml": dialling("dialMusic=\"{{ step_url('bye') }}\""), "bye.xml": END},
        ["support/aleg.xml:3 rule.sound-target"],
    ),
    "redirect to a sound step": (
        {
            "aleg.xml": document("<Redirect>{{ step_url('music') }}</Redirect>"),
            "music.xml": '<Response><Wait length="9"/></Response>',
            "flow.toml": '[steps.music]\nkind = "sound"\n',
        },
        ["support/aleg.xml:3 rule.sound-step"],
    ),
    "two outcomes forgotten": (
        {
            "aleg.xml": document(DIAL.format("action=\"{{ step_url('done') }}\"")),
            "done.xml": "<Response>{% if dial.status == 'completed' %}<Hangup/>{% elif dial.status == 'busy' %}"
            "<Speak>Busy.</Speak><Hangup/>{% endif %}</Response>",
        },
        ["support/aleg.xml:3 rule.dial-status"],
    ),
    "nothing for another key": (
        {
            "aleg.xml": document(
                '<GetInput action="{{ step_url(\'choice\') }}" inputType="dtmf"><Speak>1?</Speak></GetInput>',
                "<Hangup/>",
            ),
            "choice.xml": "<Response>{% if input.digits == '1' %}<Speak>One.</Speak>{% endif %}</Response>",
        },
        ["support/choice.xml:1 rule.empty-document"],
    ),
    "hold without end": (
        {"aleg.xml": document('<Wait length="9"/>', "<Redirect>{{ step_url('aleg') }}</Redirect>")},
        ["support/aleg.xml:4 rule.endless-loop"],
    ),
    "a counter nobody looks at": (
        {
            "aleg.xml": document(
                '<Wait length="9"/>',
                "<Redirect>{{ step_url('aleg', round=state.round | default(1) + 1) }}</Redirect>",
            )
        },
        ["support/aleg.xml:4 rule.endless-loop"],
    ),
    "redirects in a circle": (
        {
            "aleg.xml": "<Response>\n<Redirect>{{ step_url('one') }}</Redirect>\n</Response>",
            "one.xml": "<Response>\n\n<Redirect>{{ step_url('two') }}</Redirect></Response>",
            "two.xml": "<Response>\n<Redirect>{{ step_url('one') }}</Redirect></Response>",
        },
        ["support/one.xml:3 rule.redirect-cycle"],
    ),
    "a loop over two steps, with sound": (
        {
            "aleg.xml": document("<Redirect>{{ step_url('one') }}</Redirect>"),
            "one.xml": "<Response><Redirect>{{ step_url('aleg') }}</Redirect></Response>",
        },
        ["support/aleg.xml:3 rule.endless-loop"],
    ),
    "a branch nobody reaches": (
        {
            "aleg.xml": "<Response>\n{% if call.caller_name == 'x' and call.caller_name == 'y' %}\n"
            "<Speak>Never.</Speak>\n{% endif %}\n<Hangup/></Response>"
        },
        ["support/aleg.xml:2 template.unreached"],
    ),
    "a status that does not exist": (
        {
            "aleg.xml": document(DIAL.format("action=\"{{ step_url('done') }}\"")),
            "done.xml": "<Response>\n{% if dial.status == 'noanswer' %}<Speak>Sorry.</Speak>{% endif %}\n"
            "<Hangup/></Response>",
        },
        ["support/done.xml:2 template.never-equal"],
    ),
}

GOOD: dict[str, dict[str, str]] = {
    "a loop that counts": {
        "aleg.xml": "<Response>{% set round = state.round | default(1) %}{% if round < 5 %}<Wait length='9'/>"
        "<Redirect>{{ step_url('aleg', round=round + 1) }}</Redirect>{% else %}<Hangup/>{% endif %}</Response>"
    },
    "a loop that counts, beside a macro that counts with another name": {
        "_blocks.xml": "{% macro hold() %}{% if state.round | default(1) < 5 %}<Wait/>{% endif %}{% endmacro %}",
        "aleg.xml": "{% from 'support/_blocks.xml' import hold %}<Response>{% if state.tries | default(1) < 2 %}"
        "<Wait/><Redirect>{{ step_url('aleg', tries=2) }}</Redirect>{% else %}<Hangup/>{% endif %}</Response>",
    },
    "a menu that asks again when a key is pressed": {
        "aleg.xml": document(
            '<GetInput action="{{ step_url(\'choice\') }}" inputType="dtmf"><Speak>1?</Speak></GetInput>', "<Hangup/>"
        ),
        "choice.xml": "<Response>{% if input.digits == '1' %}<Speak>One.</Speak><Hangup/>{% else %}"
        "<Redirect>{{ step_url('aleg') }}</Redirect>{% endif %}</Response>",
    },
    "a callback that answers nothing": {
        "aleg.xml": dialling('action="{{ step_url(\'noted\') }}" redirect="false"'),
        "noted.xml": "<Response/>",
    },
    "every outcome": {
        "aleg.xml": document(DIAL.format("action=\"{{ step_url('done') }}\"")),
        "done.xml": "<Response>{% if dial.status == 'completed' %}<Hangup/>{% else %}<Speak>Sorry.</Speak><Hangup/>"
        "{% endif %}</Response>",
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path: Path, name: str) -> None:
    files, expected = BROKEN[name]
    found = explored(tmp_path, {"flow.toml": "", **files})
    codes = {rule.id for rule in RULES} | {"template.unreached", "template.never-equal"}
    assert [line for line in lines(found) if line.partition(" ")[2] in codes] == expected, found.problems


@pytest.mark.parametrize("name", GOOD)
def test_good(tmp_path: Path, name: str) -> None:
    found = explored(tmp_path, {"flow.toml": "", **GOOD[name]})
    codes = {rule.id for rule in RULES} | {"template.unreached"}
    assert [line for line in lines(found) if line.partition(" ")[2] in codes] == [], found.problems


def test_each_rule_is_broken_somewhere() -> None:
    told = {line.partition(" ")[2] for _, expected in BROKEN.values() for line in expected}
    assert {rule.id for rule in RULES} <= told
