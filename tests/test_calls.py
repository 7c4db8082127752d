"""What became of a call or a transfer: a function of the set of known exchanges, whatever their order."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callflows.calls import DIAL_FAILURES, FAILURE_CODES, fold, fold_transfer
from callflows.models import (
    CallEvent,
    CallValues,
    DialValues,
    EventKind,
    Exchange,
    Leg,
    LegStatus,
    LegTarget,
    Outcome,
    Transfer,
    TransferStatus,
)

A, B = "call-a", "call-b"
DIAL = '<Response><Dial callbackUrl="https://x/e"><Number sendDigits="1">+14155550123</Number></Dial></Response>'
TWO = '<Response><Dial action="https://x/d"><Number>+14155550123</Number><User>sip:x@y</User></Dial></Response>'
PLAIN = "<Response><!-- <Dial> later --><Play>https://x/y.mp3</Play></Response>"

_ids = itertools.count()


def transfer(**changes: Any) -> Transfer:
    values: dict[str, Any] = {
        "id": "t1",
        "provider": "plivo",
        "call_uuid": A,
        "targets": {Leg.A: LegTarget("forward", "aleg")},
        "status": TransferStatus.ACCEPTED,
        "requested_at": 10.0,
    }
    return Transfer(**(values | changes))


BOTH = {Leg.A: LegTarget("forward", "aleg"), Leg.B: LegTarget("hold", "bleg")}


def exchange(at: float, kind: EventKind = EventKind.DOCUMENT, **values: Any) -> Exchange:
    """One of leg A of transfer t1, unless said otherwise."""
    uuid = values.pop("uuid", A)
    dial = DialValues(**{name: values.pop(name) for name in ("b_leg_uuid", "b_leg_number") if name in values})
    dial = replace(dial, status=values.pop("dial_status", ""), hangup_cause=values.pop("dial_cause", ""))
    call = CallValues(uuid=uuid, status=values.pop("status", "in-progress"))
    hangup = {name: values.pop(name) for name in ("hangup_cause", "hangup_code", "hangup_source") if name in values}
    fields: dict[str, Any] = {
        "id": f"e{next(_ids):04d}",
        "at": at,
        "provider": "plivo",
        "outcome": Outcome.STEP,
        "event": CallEvent(kind, call, dial=dial, **hangup),
        "flow": "forward",
        "step": "aleg",
        "leg": "aleg",
        "transfer_id": "t1",
    }
    return Exchange(**(fields | values))


def hangup(at: float, code: str = "4000", cause: str = "NORMAL_CLEARING", **values: Any) -> Exchange:
    fields: dict[str, Any] = {"transfer_id": "", "leg": "", "outcome": Outcome.NOTED, "status": "completed"}
    return exchange(at, EventKind.HANGUP, **(fields | values), hangup_code=code, hangup_cause=cause)


def result(at: float, status: str, **values: Any) -> Exchange:
    return exchange(at, EventKind.DIAL_RESULT, dial_status=status, step="done", **values)


fetch = exchange(11, document=PLAIN)
dialling = exchange(11, document=DIAL)
answered = exchange(15, EventKind.DIAL_ANSWER, outcome=Outcome.NOTED, b_leg_uuid="far", b_leg_number="+14155550123")
safe = exchange(12, outcome=Outcome.SAFE, reason="template.error: forward/aleg.xml:3")


# --- transfers, by example


@pytest.mark.parametrize(
    ("facts", "status", "settled", "ok", "words"),
    [
        ([], "waiting", False, False, "accepted; A leg has not fetched forward/aleg yet"),
        ([fetch], "fetched", True, True, "accepted; A leg in forward/aleg"),
        ([replace(fetch, outcome=Outcome.LAST_GOOD)], "fetched", True, True, "accepted; A leg in forward/aleg"),
        ([replace(fetch, outcome=Outcome.REJECTED)], "waiting", False, False, None),
        ([replace(fetch, transfer_id="t0")], "waiting", False, False, None),
        ([replace(fetch, leg="bleg")], "waiting", False, False, None),
        ([dialling], "dialling", False, False, "accepted; A leg dialling +14155550123"),
        ([exchange(11, document=TWO)], "dialling", False, False, "accepted; A leg dialling +14155550123, sip:x@y"),
        ([dialling, answered], "connected", True, True, "accepted; A leg connected to +14155550123"),
        ([dialling, result(30, "completed")], "connected", True, True, "accepted; A leg connected to +14155550123"),
        ([dialling, result(30, "busy")], "failed", True, False, "accepted; A leg failed: the dialled number was busy"),
        ([dialling, result(30, "no-answer")], "failed", True, False, "accepted; A leg failed: nobody answered"),
        ([dialling, answered, result(30, "failed")], "connected", True, True, None),
        ([dialling, result(30, "busy", document=DIAL)], "dialling", False, False, None),
        ([dialling, result(30, "busy"), exchange(40, document=DIAL)], "dialling", False, False, None),
        ([dialling, result(30, "busy"), exchange(40, document=PLAIN)], "failed", True, False, None),
        ([dialling, result(30, "completed", transfer_id="", leg="")], "dialling", False, False, None),
        ([dialling, replace(answered, transfer_id="", leg="")], "connected", True, True, None),
        ([dialling, replace(answered, transfer_id="", leg="", at=10.5)], "dialling", False, False, None),
        ([fetch, replace(answered, transfer_id="", leg="")], "fetched", True, True, None),
        (
            [safe],
            "failed",
            True,
            False,
            "accepted; A leg failed: the fallback document was served: template.error: forward/aleg.xml:3",
        ),
        ([fetch, safe], "failed", True, False, None),
        ([safe, exchange(14, document=PLAIN)], "fetched", True, True, None),
        ([fetch, hangup(20)], "ended", True, True, "accepted; A leg ended: NORMAL_CLEARING"),
        ([dialling, answered, hangup(20), result(21, "completed")], "ended", True, True, None),
        ([dialling, hangup(20), result(21, "cancel")], "failed", True, False, None),
        (
            [dialling, hangup(20, "4010")],
            "failed",
            True,
            False,
            "accepted; A leg failed: hung up before anybody answered",
        ),
        ([dialling, exchange(12, document=PLAIN), hangup(20)], "failed", True, False, None),
        ([dialling, hangup(20), result(21, "completed")], "ended", True, True, None),
        ([dialling, hangup(20), replace(answered, transfer_id="", leg="")], "ended", True, True, None),
        ([hangup(20)], "failed", True, False, "accepted; A leg failed: hung up before it fetched"),
        ([hangup(9)], "waiting", False, False, None),
        ([hangup(20, uuid="other")], "waiting", False, False, None),
        ([fetch, hangup(20, transfer_id="t0")], "ended", True, True, None),
        ([hangup(20, outcome=Outcome.REJECTED)], "waiting", False, False, None),
        ([fetch, hangup(20, "8013")], "failed", True, False, None),
        ([hangup(20, "7013")], "failed", True, False, None),
    ],
)
def test_one_leg(facts: list[Exchange], status: str, settled: bool, ok: bool, words: str | None) -> None:
    found = fold_transfer(transfer(), facts)
    assert (found.legs[Leg.A].status.value, found.settled, found.ok) == (status, settled, ok)
    if words:
        assert found.summary == words


def test_leg_details() -> None:
    found = fold_transfer(transfer(), [dialling, answered, exchange(13, step="music", document=PLAIN)]).legs[Leg.A]
    assert (found.call_uuid, found.number, found.at, found.fetched_at) == (A, "+14155550123", 15, 11)
    assert (found.flow, found.step) == ("forward", "music")
    ended = fold_transfer(transfer(), [dialling, answered, hangup(30), hangup(31, "4010")]).legs[Leg.A]
    assert (ended.at, ended.code, ended.reason, ended.number) == (30, "4000", "NORMAL_CLEARING", "+14155550123")
    failed = fold_transfer(transfer(), [dialling, result(20, "busy", dial_cause="USER_BUSY")]).legs[Leg.A]
    assert (failed.code, failed.at) == ("USER_BUSY", 20)
    alone = fold_transfer(transfer(), [dialling, hangup(20, "4010")]).legs[Leg.A]
    assert (alone.at, alone.code, alone.number) == (20, "4010", "+14155550123")
    waiting = fold_transfer(transfer(), []).legs[Leg.A]
    assert (waiting.at, waiting.fetched_at, waiting.flow, waiting.step) == (10.0, None, "forward", "aleg")


@pytest.mark.parametrize("code", sorted(FAILURE_CODES))
def test_the_codes_that_blame_a_document(code: str) -> None:
    found = fold_transfer(transfer(), [fetch, hangup(20, code)]).legs[Leg.A]
    assert (found.status, found.code, found.reason) == (LegStatus.FAILED, code, FAILURE_CODES[code])


def test_which_codes_those_are() -> None:
    assert sorted(map(int, FAILURE_CODES)) == [
        *range(7011, 7015),
        *range(7022, 7025),
        *range(7032, 7035),
        *range(8011, 8015),
    ]


def test_the_b_leg_is_learnt_from_its_first_fetch() -> None:
    fetched = exchange(12, uuid=B, leg="bleg", flow="hold", step="bleg", document=PLAIN)
    stranger = exchange(13, uuid="third", leg="bleg", flow="hold", step="bleg", document=PLAIN)
    row = transfer(targets=BOTH)
    found = fold_transfer(row, [fetch, fetched, stranger])
    assert found.legs[Leg.B].call_uuid == B
    assert found.summary == "accepted; A leg in forward/aleg; B leg in hold/bleg"
    assert found.ok
    found = fold_transfer(row, [fetch, fetched, hangup(20, uuid=B)])
    assert (found.legs[Leg.A].status, found.legs[Leg.B].status) == (LegStatus.FETCHED, LegStatus.ENDED)
    assert not fold_transfer(row, [fetch]).settled
    assert fold_transfer(row, [fetch]).legs[Leg.B].call_uuid == ""


@pytest.mark.parametrize(
    ("status", "facts", "settled", "ok", "head"),
    [
        (TransferStatus.REQUESTED, [], False, False, "requested, not answered by the platform yet; A leg has not"),
        (TransferStatus.REQUESTED, [fetch], True, True, "carried out (the platform's answer was not noted); A leg in"),
        (TransferStatus.UNKNOWN, [], False, False, "unknown whether the platform acted: timed out; no leg has"),
        (TransferStatus.UNKNOWN, [fetch], True, True, "carried out"),
        (TransferStatus.UNKNOWN, [dialling], False, False, "carried out"),
        (TransferStatus.UNKNOWN, [safe], True, False, "carried out"),
        (TransferStatus.REJECTED, [], True, False, "rejected by the platform: timed out"),
        (TransferStatus.REJECTED, [hangup(20)], True, False, "rejected by the platform: timed out"),
    ],
)
def test_a_fetch_proves_what_the_answer_did_not_say(
    status: TransferStatus, facts: list[Exchange], settled: bool, ok: bool, head: str
) -> None:
    found = fold_transfer(transfer(status=status, message="timed out"), facts)
    assert (found.settled, found.ok) == (settled, ok)
    assert found.summary.startswith(head)


def test_a_rejection_says_its_http_status() -> None:
    row = transfer(status=TransferStatus.REJECTED, http_status=404, reason="call_not_live")
    assert fold_transfer(row, []).summary == "rejected by the platform (HTTP 404): call_not_live"


@pytest.mark.parametrize("reason", ["provider_unreachable", "config_invalid", "request_invalid"])
def test_what_was_not_sent_was_not_rejected_by_the_platform(reason: str) -> None:
    row = transfer(status=TransferStatus.REJECTED, reason=reason, message="no route to host")
    found = fold_transfer(row, [])
    assert (found.settled, found.ok, found.summary) == (True, False, "not sent: no route to host")


# --- calls, by example


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


# --- properties

_choices = {
    "at": st.integers(5, 30).map(float),
    "uuid": st.sampled_from([A, B, "far", ""]),
    "leg": st.sampled_from(["aleg", "bleg", ""]),
    "transfer_id": st.sampled_from(["t1", "t1", "t1", "t0", ""]),
    "outcome": st.sampled_from(Outcome),
    "kind": st.sampled_from(EventKind),
    "status": st.sampled_from(["", "ringing", "in-progress", "completed", "busy", "odd"]),
    "dial_status": st.sampled_from(["", "completed", "Busy", "odd", *DIAL_FAILURES]),
    "b_leg_uuid": st.sampled_from(["", B, "far"]),
    "b_leg_number": st.sampled_from(["", "+14155550123"]),
    "hangup_code": st.sampled_from(["", "4000", "8013", "7011"]),
    "hangup_cause": st.sampled_from(["", "NORMAL_CLEARING"]),
    "document": st.sampled_from(["", PLAIN, DIAL, TWO]),
    "reason": st.sampled_from(["", "template.error"]),
}
_exchange = st.fixed_dictionaries(_choices).map(lambda values: exchange(**values))
_exchanges = st.lists(_exchange, max_size=12)
_transfer = st.builds(
    lambda status, targets: transfer(status=status, targets=targets),
    st.sampled_from(TransferStatus),
    st.sampled_from([BOTH, {Leg.A: BOTH[Leg.A]}, {Leg.B: BOTH[Leg.B]}]),
)
RANKS = {status: rank for rank, status in enumerate(LegStatus)} | {LegStatus.ENDED: 4, LegStatus.FAILED: 4}
CALL_RANKS = {"": 0, "odd": 1, "ringing": 2, "in-progress": 3, "completed": 4, "busy": 4}


@given(_transfer, _exchanges, st.data())
def test_order_and_duplicates_do_not_matter(row: Transfer, facts: list[Exchange], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    mixed = data.draw(st.permutations(facts + again))
    assert fold_transfer(row, mixed) == fold_transfer(row, facts)
    for uuid in (A, B, "far"):
        assert fold(uuid, mixed) == fold(uuid, facts)


@given(_transfer, _exchanges, st.data())
def test_refused_requests_and_other_transfers_change_nothing(
    row: Transfer, facts: list[Exchange], data: st.DataObject
) -> None:
    noise = [replace(e, id=f"n{e.id}", outcome=Outcome.REJECTED) for e in data.draw(_exchanges)]
    assert fold(A, facts + noise) == fold(A, facts)
    others = [e for e in data.draw(_exchanges) if e.event.kind is not EventKind.HANGUP]
    noise += [replace(e, id=f"o{e.id}", transfer_id="t0") for e in others]
    assert fold_transfer(row, facts + noise) == fold_transfer(row, facts)


@given(_transfer, _exchanges, _exchange)
@example(transfer(), [dialling, result(20, "busy")], exchange(0, EventKind.DIAL_ANSWER, outcome=Outcome.NOTED))
@example(transfer(), [safe], exchange(0, document=PLAIN))
@example(transfer(), [dialling, hangup(20)], exchange(0, EventKind.DIAL_ANSWER, outcome=Outcome.NOTED))
def test_a_leg_only_goes_forwards(row: Transfer, facts: list[Exchange], news: Exchange) -> None:
    """As time passes. FAILED alone is ever left: for a document served since, or a connection heard of since."""
    news = replace(news, at=50.0)
    before, after = fold_transfer(row, facts), fold_transfer(row, [*facts, news])
    for leg, old in before.legs.items():
        new = after.legs[leg]
        served = news.outcome in (Outcome.STEP, Outcome.LAST_GOOD)
        connects = new.status is LegStatus.CONNECTED
        if old.status is LegStatus.FAILED and RANKS[new.status] < RANKS[LegStatus.FAILED]:
            assert served or connects
        else:
            assert RANKS[new.status] >= RANKS[old.status]
        if old.status is LegStatus.ENDED:
            assert new.status in (LegStatus.ENDED, LegStatus.FAILED)
        if old.status is LegStatus.FAILED and old.code in FAILURE_CODES:
            assert new == replace(old, flow=new.flow, step=new.step, number=new.number, fetched_at=new.fetched_at)
        if old.fetched_at is not None:
            assert new.fetched_at == old.fetched_at


@given(_exchanges, _exchange)
def test_a_call_only_goes_forwards(facts: list[Exchange], news: Exchange) -> None:
    news = replace(news, at=50.0)
    before, after = fold(A, facts), fold(A, [*facts, news])
    assert CALL_RANKS[after.status] >= CALL_RANKS[before.status]
    for name in ("hangup_cause", "hangup_code", "hangup_source", "from_number", "first_at"):
        if getattr(before, name):
            assert getattr(after, name) == getattr(before, name)


@given(_transfer, _exchanges)
def test_what_is_said_of_a_transfer_is_consistent(row: Transfer, facts: list[Exchange]) -> None:
    found = fold_transfer(row, facts)
    states = found.legs.values()
    assert found.legs.keys() == row.targets.keys()
    assert found.settled or not found.ok
    assert not (found.ok and any(state.status in (LegStatus.WAITING, LegStatus.FAILED) for state in states))
    assert found.summary
    assert "\n" not in found.summary
    for state in states:
        assert (state.status is LegStatus.FAILED) <= bool(state.reason)
        assert (state.status is LegStatus.WAITING) <= (state.fetched_at is None)


@given(_transfer, _exchanges)
def test_a_leg_that_dialled_ends_only_where_somebody_answered(row: Transfer, facts: list[Exchange]) -> None:
    connects = (EventKind.DIAL_ANSWER, EventKind.DIAL_CONNECTED, EventKind.DIAL_RESULT)
    for leg, state in fold_transfer(row, facts).legs.items():
        served = [e for e in facts if e.leg == leg and e.transfer_id == row.id and e.document in (DIAL, TWO)]
        dialled = any(e.outcome in (Outcome.STEP, Outcome.LAST_GOOD) for e in served)
        if state.status is LegStatus.ENDED and dialled:
            assert any(e.event.kind in connects for e in facts)


def test_a_dial_that_tells_nobody_is_not_called_a_failure() -> None:
    """Without callbackUrl and action the platform reports no connect, so that there was none proves nothing."""
    mute = exchange(10, document="<Response><Dial><Number>+14155550123</Number></Dial></Response>")
    found = fold_transfer(transfer(status=TransferStatus.ACCEPTED), [mute, hangup(20)])
    assert found.legs[Leg.A].status is LegStatus.ENDED
    assert found.legs[Leg.A].number == ""
