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
        ({"aleg.xml": "{% set it = transfer %}\n<Response><Speak>a{{ it.other_leg_fetched }}</Speak><Hangup/></Response>"},
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


LINE = """\
<Response>
{% if queue.position == 1 %}<Speak>You are next.</Speak>
{% elif queue.position > 5 or queue.waiting == 9 %}<Speak>This takes a while.</Speak>
{% elif queue.position %}<Speak>You are number {{ queue.position }} of {{ queue.waiting }}.</Speak>
{% else %}<Speak>Please hold in {{ queue.name }}.</Speak>{% endif %}
<Hangup/>
</Response>
"""


def test_a_step_to_wait_in_is_tried_at_places_known_and_not(tmp_path: Path) -> None:
    toml = '[params.which]\ndefault = "support"\n[steps.aleg]\nqueue = "params.which"\nneeds = ["store"]\n'
    found = explored(
        tmp_path, {"aleg.xml": LINE.replace("queue.position > 5", "queue.position == 6"), "flow.toml": toml}
    )
    assert lines(found) == [], "no branch was left out, and the param is one that is used"
    places = {(seen.case.stored.position, seen.case.stored.waiting) for seen in found.seen if seen.case.stored}
    assert {("", ""), (1, 7), (2, 7), (7, 7), (6, 7), (1, 9)} <= places
    assert any("in support" in seen.composed.text for seen in found.seen)


@pytest.mark.parametrize(
    ("toml", "found", "hint"),
    [
        ("", "which is not one to wait in", '[steps.aleg] queue = "NAME" and needs = ["store"]'),
        (NEEDS, "which is not one to wait in", '[steps.aleg] queue = "NAME"'),
        ('[steps.aleg]\nqueue = "support"\n', "which does not need the store", '[steps.aleg] needs = ["store"]'),
    ],
)
def test_a_place_that_is_never_known(tmp_path: Path, toml: str, found: str, hint: str) -> None:
    told = [
        each for each in explored(tmp_path, {"aleg.xml": LINE, "flow.toml": toml}).problems if each.code == "flow.needs"
    ]
    assert {(each.line, each.message.partition(" ")[0]) for each in told} == {
        (2, "queue.position"),
        (3, "queue.waiting"),
    }
    assert all(found in each.message and each.hint == f"add to flow.toml: {hint}" for each in told)


def test_a_place_is_a_number(tmp_path: Path) -> None:
    toml = '[steps.aleg]\nqueue = "support"\nneeds = ["store"]\n'
    template = '<Response>{% if queue.position == "1" %}<Speak>Next.</Speak>{% endif %}<Hangup/></Response>'
    (problem,) = explored(tmp_path, {"aleg.xml": template, "flow.toml": toml}).problems
    assert (problem.code, problem.line) == ("template.never-equal", 1)


def test_a_loop_that_ends_by_the_clock_ends(tmp_path: Path) -> None:
    template = """\
{% set since = state.since | default(now.timestamp() | int) %}
{% set round = state.round | default(1) %}
<Response>
{% if now.timestamp() | int >= since + 900 or round > 400 %}<Hangup/>
{% else %}<Wait length="9"/><Redirect>{{ step_url("aleg", since=since, round=round + 1) }}</Redirect>{% endif %}
</Response>
"""
    assert lines(explored(tmp_path, {"aleg.xml": template})) == []
    endless = template.replace(" or round > 400", "")
    assert lines(explored(tmp_path, {"aleg.xml": endless})) == ["support/aleg.xml:5 rule.endless-loop"]


def test_it_says_what_to_write(tmp_path: Path) -> None:
    first, *_ = explored(tmp_path, {"aleg.xml": WAITS}).problems
    assert (first.column, first.severity) == (16, "error")
    assert first.source == "{% if transfer.other_leg_ended %}"
    assert "always empty in the step aleg" in first.message
    assert first.hint == 'add to flow.toml: [steps.aleg] needs = ["store"]'
