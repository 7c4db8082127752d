"""The requests a step is tried with: what its template can tell apart, no more."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from callflows.flows import load_flow
from callflows.flows.trying.sampling import DIAL_STATUSES, Sample, samples
from callflows.models import EventKind, Leg

from .rooms import source

KEYS = ["the caller pressed 1", "the caller pressed 9", "the caller entered nothing"]
DIALS = [f"dial.status is {status}" for status in DIAL_STATUSES]
TOML = """
[params.to]
type = "phone"
required = true
example = "+14155550123"
[params.caller]
type = "phone"
[params.kind]
type = "choice"
choices = ["sales", "support", "other"]
default = "other"
[params.vip]
type = "boolean"
default = false
[params.rounds]
type = "integer"
default = 3
[params.greeting]
default = "Hello"
example = "Good morning"
[params.name]
[params.socket]
example = "wss://a.example"
"""


def tried(template: str, step: str = "next", *, toml: str = TOML, limit: int = 200, **more: object) -> list[Sample]:
    states = more.pop("states", ({},))
    files = {"aleg": "x", step: template} | {name: str(text) for name, text in more.items()}
    return samples(load_flow(source(toml=toml, **files)), step, "plivo", states=states, limit=limit)  # type: ignore[arg-type]


def labels(template: str, step: str = "next", **more: object) -> list[str]:
    first, *others = [sample.label for sample in tried(template, step, **more)]  # type: ignore[arg-type]
    assert first == "" or "states" in more
    return others


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<Response/>", []),
        ("{{ params.to }}{{ flow.language }}{{ provider }}", []),
        ("{{ dial.status }}", DIALS),
        ('{{ input.digits == "1" }}', KEYS),
        ("{{ input.digits }}", KEYS[1:]),
        (
            "{{ input.digits | length == 2 }}",
            [f"the caller pressed {key}" for key in ("1", "12", "123", "9")] + KEYS[2:],
        ),
        ("{{ input.digits | int > 5 }}", [f"the caller pressed {key}" for key in "4569"[:3] + "9"] + KEYS[2:]),
        (
            '{{ "sales" in input.speech }}',
            ['the caller said "sales"', "the caller said something else", "the caller entered nothing"],
        ),
        ("{{ params.caller }}", ["params.caller is +14155550199"]),
        ("{{ params.kind }}", ["params.kind is sales", "params.kind is support"]),
        ("{{ params.vip }}", ["params.vip is true"]),
        ("{{ params.name }}", ["params.name is example"]),
        ("{{ params.greeting }}", []),
        ('{{ "?" in params.socket }}', ["params.socket is wss://a.example", "params.socket is wss://a.example?"]),
        ('{{ "a.ex" in params.socket }}', ["params.socket is wss://a.example"]),
        ('{{ params.name == "Ann" }}', ["params.name is example", "params.name is Ann"]),
        ("{{ params.rounds > 5 }}", [f"params.rounds is {number}" for number in (4, 5, 6)]),
        ("{{ state.tries > 5 }}", [f"state.tries is {number}" for number in (4, 5, 6, 1_000_000)]),
        ('{{ state.dept == "sales" }}', ["state.dept is sales"]),
        ("{{ call.direction }}", ["call.direction is outbound"]),
        ("{{ call.from_number }}", ["the caller is anonymous"]),
        ('{{ call.caller_name == "Bob" }}', ["call.caller_name is Bob", "call.caller_name is Ann Example"]),
        ("{{ call.sip_headers.Tenant }}", ["call.sip_headers.Tenant is example"]),
        ("{{ recording.url }}", ["a recording was made"]),
        ("{{ transfer.other_leg_fetched }}", ["the other leg has fetched its document"]),
        (
            "{{ transfer.other_leg_fetched or transfer.other_leg_ended }}",
            ["the other leg has fetched its document", "the other leg has hung up"],
        ),
        ("{{ transfer.room_occupied }}", ["somebody is in the room"]),
        ("{{ queue.position }}", [f"queue.position is {number}" for number in (1, 2, 7)]),
        ("{{ queue.position > 3 }}", [f"queue.position is {number}" for number in (1, 2, 7, 3, 4)]),
        (
            "{{ queue.waiting == 9 }}",
            [
                f"queue.{what}"
                for what in (
                    "position is 1",
                    "position is 2",
                    "position is 7",
                    "waiting is 8",
                    "waiting is 9",
                    "waiting is 10",
                )
            ],
        ),
        ("{{ queue.name }}", []),
        ("{{ raw.From }}", ["the platform sends no parameters"]),
        ("{{ leg }}", []),
    ],
)
def test_what_is_varied(template: str, found: list[str]) -> None:
    assert labels(template) == found


def test_a_first_look_is_what_it_always_was() -> None:
    (plain,) = tried("<Response/>")
    assert plain.event.kind is EventKind.DOCUMENT
    assert plain.event.raw["CallUUID"] == plain.event.call.uuid
    assert plain.params == {"to": "+14155550123"}
    assert (plain.state, plain.leg, plain.now, plain.transfer) == ({}, None, None, True)


def test_settings_arrive_in_the_event() -> None:
    found = {sample.label: sample for sample in tried('{{ input.digits == "1" }}{{ dial.hangup_cause == "X" }}')}
    assert found["the caller pressed 1"].event.input.digits == "1"
    assert found["the caller pressed 1"].event.kind is EventKind.INPUT
    busy = found["dial.status is busy and dial.hangup_cause is X"].event
    assert (busy.kind, busy.dial.status, busy.dial.hangup_cause) == (EventKind.DIAL_RESULT, "busy", "X")
    assert "dial.hangup_cause is X" not in found
    assert found["the caller entered nothing"].event.input.digits == ""


def test_combinations_come_with_the_fewest_changes_first() -> None:
    found = labels("{{ params.kind }}{{ params.vip }}")
    assert found[:3] == ["params.kind is sales", "params.kind is support", "params.vip is true"]
    assert found[3:] == ["params.kind is sales and params.vip is true", "params.kind is support and params.vip is true"]


def test_limits_are_tried_one_at_a_time_and_ends_together() -> None:
    found = labels("{{ params.rounds > 5 }}{{ state.tries > 7 }}")
    assert "params.rounds is 5 and state.tries is 7" not in found
    assert "params.rounds is 6 and state.tries is 1000000" in found


def test_more_than_the_limit_is_every_change_then_pairs() -> None:
    template = "{{ params.kind }}{{ params.vip }}{{ dial.status }}{{ call.from_number }}{{ call.direction }}{{ raw }}"
    every = labels(template, limit=1000)
    assert len(every) > 100
    found = labels(template, limit=40)
    assert len(found) == 39
    singles = [label for label in every if " and " not in label]
    assert found[: len(singles)] == singles
    assert all(label.count(" and ") == 1 for label in found[len(singles) :])
    assert found == labels(template, limit=40)


@pytest.mark.parametrize(
    ("step", "template", "found"),
    [
        ("next", "{{ leg }}", ["leg is bleg"]),
        ("aleg", "{{ leg }}", []),
        ("bleg", "{{ leg }}", []),
        ("aleg", "{{ transfer.room }}", []),
        ("answer", "{{ transfer.room }}", ["the call came by a transfer"]),
        ("next", "{{ transfer.room }}", ["the call came without a transfer"]),
    ],
)
def test_legs_and_transfers(step: str, template: str, found: list[str]) -> None:
    others = {"bleg": "x", "answer": "x"}
    others.pop(step, None)
    assert labels(template, step, **others) == found


def test_states_are_those_that_links_carry() -> None:
    states = ({"dept": "sales", "tries": 2}, {"dept": "help", "tries": 2}, {"dept": "help", "tries": 2, "x": 1})
    found = tried("{{ state.dept }}{{ state.tries }}", states=states)
    assert found[0].state == {"dept": "sales", "tries": 2}
    assert [sample.label for sample in found[1:]] == [
        "state.dept is help and state.tries is 2",
        "state.tries is 1000000",
    ]
    assert found[-1].state == {"dept": "sales", "tries": 1_000_000}


def test_an_entry_step_is_also_met_for_the_first_time() -> None:
    found = tried("{{ state.n | default(1) }}", "aleg", states=({"n": 2}, {"n": 3}))
    assert [sample.state for sample in found] == [{}, {"n": 2}, {"n": 3}, {"n": 1_000_000}]
    assert (found[0].label, found[1].label) == ("", "state.n is 2")
    assert tried("{{ state.n }}", "aleg", states=({"n": 2},))[0].label == "state.n is 2"


def test_a_step_that_hands_on_what_it_was_given_sees_all_states() -> None:
    states = ({"dept": "sales"}, {"dept": "help"})
    assert len(tried('{{ step_url("aleg") }}', states=states)) == 1
    assert len(tried('{{ step_url("last") }}', states=states, last="{{ state.dept }}")) == 2


def test_times() -> None:
    plain, *others = tried("{{ now.hour >= 18 }}")
    assert plain.now == datetime(2027, 6, 16, 10, tzinfo=UTC)
    assert [sample.now.strftime("%a %d %H:%M") for sample in others if sample.now] == [
        "Wed 16 23:00", "Sun 20 12:00", "Sat 25 10:00", "Wed 16 17:00", "Wed 16 18:00", "Wed 16 19:00",
    ]  # fmt: skip
    assert others[0].label == "it is Wed 16 Jun 2027, 23:00 UTC"
    assert {sample.now.weekday() for sample in tried("{{ now.weekday() < 3 }}") if sample.now} >= {2, 3, 6}


def test_the_author_s_own_come_last_and_always() -> None:
    toml = (
        TOML
        + """
[[samples]]
step = "next"
params = { to = "415 555 0199", rounds = "7" }
input.digits = 42
state = { tries = 3 }
leg = "bleg"
now = 2026-12-24T20:00:00Z
raw = { X = "y" }
[[samples]]
step = "aleg"
[[samples]]
provider = "vobiz"
[[samples]]
call = { from_number = "", direction = "outbound", sip_headers = { T = "1" } }
dial.status = "busy"
"""
    )
    found = tried("{{ dial.status }}", toml=toml, limit=1)
    assert [sample.label for sample in found] == ["", "[[samples]] 1", "[[samples]] 4"]
    one, four = found[1:]
    assert one.params == {"to": "+4155550199", "rounds": 7}
    assert (one.event.kind, one.event.input.digits, one.event.input.type) == (EventKind.INPUT, "42", "dtmf")
    assert (one.state, one.leg, one.now) == ({"tries": 3}, Leg.B, datetime(2026, 12, 24, 20, tzinfo=UTC))
    assert one.event.raw["X"] == "y"
    call = four.event.call
    assert (call.from_number, call.direction, call.sip_headers) == ("", "outbound", {"T": "1"})
    assert four.event.dial.status == "busy"


def test_equal_requests_have_equal_keys() -> None:
    keys = [sample.key for sample in tried("{{ params.kind }}{{ dial.status }}")]
    assert len(set(keys)) == len(keys)
    assert keys == [sample.key for sample in tried("{{ params.kind }}{{ dial.status }}")]


def test_a_hundred_flows_are_sampled_in_a_second() -> None:
    part = '{% set n = state.n | default(1) %}{{ input.digits in "1234" }}{{ dial.status == "busy" }}{{ params.kind }}'
    flows = [load_flow(source(toml=TOML, aleg=part, a=part, b=part, c=part, done="{{ params.to }}")) for _ in range(10)]
    started = time.process_time()
    for flow in flows:
        for step in flow.steps:
            for provider in ("plivo", "vobiz"):
                assert samples(flow, step, provider)
    assert time.process_time() - started < 1.0  # of ten; a machine that is busy is given ten times as long
