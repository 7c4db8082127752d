# ruff: noqa: E501 - a flow is read more easily on one line
"""What a step reads from the store is declared in flow.toml, and what is declared is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trying import explored, lines

WAITS = """\
<Response>
{% if transfer.other_leg_ended %}
  <Hangup/>
{% elif transfer.other_leg_fetched %}
  <Conference stayAlone="true">{{ transfer.room }}</Conference>
{% else %}
  <Speak>Nobody is here.</Speak><Hangup/>
{% endif %}
</Response>
"""
NEEDS = '[steps.aleg]\nneeds = ["store"]\n'
MACRO = """\
{% macro together(transfer) %}
{% if transfer.other_leg_fetched %}<Speak>Both.</Speak>{% else %}<Speak>One.</Speak>{% endif %}
{% endmacro %}
"""
CALLS_IT = """\
{% from "support/_m.xml" import together %}
<Response>{{ together(transfer) }}<Hangup/></Response>
"""
SAYS = "<Response><Speak>Hello.</Speak><Hangup/></Response>"


def test_a_declared_step_is_tried_with_all_there_is(tmp_path: Path) -> None:
    found = explored(tmp_path, {"aleg.xml": WAITS, "flow.toml": NEEDS})
    assert lines(found) == [], "no branch was left out"
    assert {seen.case.stored for seen in found.seen} == {seen.sample.stored for seen in found.seen}
    assert {verb.tag for seen in found.seen for verb in seen.verbs} == {"Hangup", "Conference", "Speak"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"aleg.xml": WAITS}, ["support/aleg.xml:4 flow.needs", "support/aleg.xml:2 flow.needs"]),
        ({"aleg.xml": WAITS, "bleg.xml": SAYS, "flow.toml": NEEDS.replace("aleg", "bleg")},
         ["support/aleg.xml:4 flow.needs", "support/aleg.xml:2 flow.needs", "support/flow.toml:2 flow.unused-needs"]),
        ({"aleg.xml": '{% include "support/_w.xml" %}', "_w.xml": f"{{# transfer.other_leg_ended #}}\n{WAITS}"},
         ["support/_w.xml:5 flow.needs", "support/_w.xml:3 flow.needs"]),
        ({"aleg.xml": CALLS_IT, "_m.xml": MACRO}, ["support/_m.xml:2 flow.needs"]),
        ({"aleg.xml": CALLS_IT, "_m.xml": MACRO, "flow.toml": NEEDS}, []),
        ({"aleg.xml": "{% set t = transfer %}\n<Response><Speak>a{{ t.other_leg_fetched }}</Speak><Hangup/></Response>"},
         ["support/aleg.xml:2 flow.needs"]),
        ({"aleg.xml": SAYS, "aleg.vobiz.xml": '<Response>\n<Speak>a{{ transfer["other_leg_fetched"] }}</Speak><Hangup/></Response>'},
         ["support/aleg.vobiz.xml:2 flow.needs"]),
        ({"aleg.xml": SAYS.replace("Hello", "{{ transfer.room }}")}, []),
        ({"aleg.xml": SAYS, "flow.toml": f"title = 'x'\n{NEEDS}"}, ["support/flow.toml:3 flow.unused-needs"]),
        ({"aleg.xml": SAYS, "flow.toml": NEEDS.replace("store", "stoer")}, ["support/flow.toml:2 flow.toml"]),
        ({"aleg.xml": WAITS, "flow.toml": NEEDS.replace("aleg", "alge")},
         ["support/aleg.xml:2 flow.needs", "support/aleg.xml:4 flow.needs", "support/flow.toml:1 flow.no-such-step"]),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_told_at_its_line(
    tmp_path: Path, files: dict[str, str | bytes], found: list[str]
) -> None:
    assert sorted(lines(explored(tmp_path, files))) == sorted(found)


def test_it_says_what_to_write(tmp_path: Path) -> None:
    first, *_ = explored(tmp_path, {"aleg.xml": WAITS}).problems
    assert (first.column, first.severity) == (16, "error")
    assert first.source == "{% if transfer.other_leg_ended %}"
    assert "always empty in the step aleg" in first.message
    assert first.hint == 'add to flow.toml: [steps.aleg] needs = ["store"]'
