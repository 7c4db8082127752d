"""What became of a call: a function of the set of known exchanges, whatever their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.known.calls import fold
from callflows.models import EventKind, Exchange, Outcome

from .facts import A, B, answered, any_exchange, any_exchanges, exchange, fetch, hangup

CALL_RANKS = {"": 0, "odd": 1, "ringing": 2, "in-progress": 3, "completed": 4, "busy": 4}


def test_a_call_from_ring_to_hangup() -> None:
    def event(at: float, kind: EventKind, status: str, **values: Any) -> Exchange:
        return exchange(at, kind, status=status, transfer_id="", leg="", **values)

    ring = event(1, EventKind.RING, "ringing", outcome=Outcome.NOTED)
    answer = event(2, EventKind.DOCUMENT, "in-progress")
    connected = event(3, EventKind.DIAL_CONNECTED, "", outcome=Outcome.NOTED, b_leg_uuid="far")
    over = event(8, EventKind.DIAL_HANGUP, "", outcome=Outcome.NOTED, b_leg_uuid="far")
    end = hangup(9, status="completed", hangup_source="Callee")
    late = event(10, EventKind.DIAL_RESULT, "in-progress", dial_status="completed", b_leg_uuid="far", step="done")

    assert fold(A, []).status == ""
    assert fold(A, [ring]).status == "ringing"
    state = fold(A, [ring, answer, connected])
    assert (state.status, state.bridged, state.b_leg_uuid) == ("in-progress", True, "far")
    assert not fold(A, [answer, connected, over]).bridged
    assert not fold(A, [answer, connected, end]).bridged
    state = fold(A, [late, end, over, connected, answer, ring])
    assert (state.status, state.hangup_cause, state.hangup_code) == ("completed", "NORMAL_CLEARING", "4000")
    assert (state.hangup_source, state.first_at, state.last_at) == ("Callee", 1, 10)
    assert (state.flow, state.step, state.provider) == ("forward", "done", "plivo")


def test_a_call_known_only_as_somebodys_far_leg() -> None:
    state = fold("far", [answered])
    assert (state.status, state.provider, state.flow) == ("in-progress", "plivo", "")


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "timeout", "cancel"])
def test_a_hangup_keeps_the_platforms_word(status: str) -> None:
    assert fold(A, [hangup(5, status=status)]).status == status
    assert fold(A, [hangup(5, status="in-progress")]).status == "completed"


def test_what_others_say_is_no_fact_of_this_call() -> None:
    forged = hangup(5, outcome=Outcome.REJECTED)
    assert fold(A, [fetch, forged, hangup(6, uuid="other")]).status == "in-progress"


@given(any_exchanges, st.data())
def test_order_duplicates_and_refused_requests_do_not_matter(facts: list[Exchange], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    noise = [replace(e, id=f"n{e.id}", outcome=Outcome.REJECTED) for e in data.draw(any_exchanges)]
    mixed = data.draw(st.permutations(facts + again + noise))
    for uuid in (A, B, "far"):
        assert fold(uuid, mixed) == fold(uuid, facts)


@given(any_exchanges, any_exchange)
def test_a_call_only_goes_forwards(facts: list[Exchange], news: Exchange) -> None:
    news = replace(news, at=50.0)
    before, after = fold(A, facts), fold(A, [*facts, news])
    assert CALL_RANKS[after.status] >= CALL_RANKS[before.status]
    for name in ("hangup_cause", "hangup_code", "hangup_source", "from_number", "first_at"):
        if getattr(before, name):
            assert getattr(after, name) == getattr(before, name)
