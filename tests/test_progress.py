"""What became of a transfer: a function of its row, the set of known exchanges, and the time, whatever their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callflows.known.progress import FAILURE_CODES, OPEN_SECONDS, Progress, fold_transfer
from callflows.known.timeline import timeline
from callflows.models import EventKind, Exchange, Leg, LegStatus, Outcome, Transfer, TransferStatus

from .facts import (
    BOTH,
    DIAL,
    PLAIN,
    TWO,
    A,
    B,
    answered,
    any_exchange,
    any_exchanges,
    dialling,
    exchange,
    fetch,
    hangup,
    result,
    safe,
    transfer,
)

LATER = 1000.0  # when nothing that is asked about is open any more


def folded(row: Transfer, facts: Iterable[Exchange], *, now: float = LATER, over_at: float | None = None) -> Progress:
    return fold_transfer(row, facts, now=now, over_at=over_at)


# --- transfers, by example


@pytest.mark.parametrize(
    ("facts", "status", "settled", "ok", "words"),
    [
        ([], "waiting", False, False, "accepted; A leg forward/aleg not fetched for 990 s"),
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
            "accepted; A leg failed: the call ended before anybody answered",
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
    found = folded(transfer(), facts)
    assert (found.legs[Leg.A].status.value, found.settled, found.ok) == (status, settled, ok)
    if words:
        assert found.summary == words


def test_leg_details() -> None:
    found = folded(transfer(), [dialling, answered, exchange(13, step="music", document=PLAIN)]).legs[Leg.A]
    assert (found.call_uuid, found.number, found.at, found.fetched_at) == (A, "+14155550123", 15, 11)
    assert (found.flow, found.step) == ("forward", "music")
    ended = folded(transfer(), [dialling, answered, hangup(30), hangup(31, "4010")]).legs[Leg.A]
    assert (ended.at, ended.code, ended.reason, ended.number) == (30, "4000", "NORMAL_CLEARING", "+14155550123")
    failed = folded(transfer(), [dialling, result(20, "busy", dial_cause="USER_BUSY")]).legs[Leg.A]
    assert (failed.code, failed.at) == ("USER_BUSY", 20)
    alone = folded(transfer(), [dialling, hangup(20, "4010")]).legs[Leg.A]
    assert (alone.at, alone.code, alone.number) == (20, "4010", "+14155550123")
    waiting = folded(transfer(), []).legs[Leg.A]
    assert (waiting.at, waiting.fetched_at, waiting.flow, waiting.step) == (10.0, None, "forward", "aleg")


@pytest.mark.parametrize("code", sorted(FAILURE_CODES))
def test_the_codes_that_blame_a_document(code: str) -> None:
    found = folded(transfer(), [fetch, hangup(20, code)]).legs[Leg.A]
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
    found = folded(row, [fetch, fetched, stranger])
    assert found.legs[Leg.B].call_uuid == B
    assert found.summary == "accepted; A leg in forward/aleg; B leg in hold/bleg"
    assert found.ok
    found = folded(row, [fetch, fetched, hangup(20, uuid=B)])
    assert (found.legs[Leg.A].status, found.legs[Leg.B].status) == (LegStatus.FETCHED, LegStatus.ENDED)
    assert not folded(row, [fetch]).settled
    assert folded(row, [fetch]).legs[Leg.B].call_uuid == ""


@pytest.mark.parametrize(
    ("status", "facts", "settled", "ok", "head"),
    [
        (
            TransferStatus.REQUESTED,
            [],
            False,
            False,
            "requested, and whoever asked ended before",
        ),
        (TransferStatus.REQUESTED, [fetch], True, True, "carried out (no answer of the platform was noted); A leg in"),
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
    found = folded(transfer(status=status, message="timed out"), facts)
    assert (found.settled, found.ok) == (settled, ok)
    assert found.summary.startswith(head)


def test_a_rejection_says_its_http_status() -> None:
    row = transfer(status=TransferStatus.REJECTED, http_status=404, reason="call_not_live")
    assert folded(row, []).summary == "rejected by the platform (HTTP 404): call_not_live"


@pytest.mark.parametrize("reason", ["provider_unreachable", "config_invalid", "request_invalid"])
def test_what_was_not_sent_was_not_rejected_by_the_platform(reason: str) -> None:
    row = transfer(status=TransferStatus.REJECTED, reason=reason, message="no route to host")
    found = folded(row, [])
    assert (found.settled, found.ok, found.summary) == (True, False, "not sent: no route to host")


# --- properties

any_transfer = st.builds(
    lambda status, targets: transfer(status=status, targets=targets),
    st.sampled_from(TransferStatus),
    st.sampled_from([BOTH, {Leg.A: BOTH[Leg.A]}, {Leg.B: BOTH[Leg.B]}]),
)
RANKS = {status: rank for rank, status in enumerate(LegStatus)} | {LegStatus.ENDED: 4, LegStatus.FAILED: 4}


@given(any_transfer, any_exchanges, st.data())
def test_order_and_duplicates_do_not_matter(row: Transfer, facts: list[Exchange], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    mixed = data.draw(st.permutations(facts + again))
    assert folded(row, mixed) == folded(row, facts)


@given(any_transfer, any_exchanges, st.data())
def test_refused_requests_and_other_transfers_change_nothing(
    row: Transfer, facts: list[Exchange], data: st.DataObject
) -> None:
    noise = [replace(e, id=f"n{e.id}", outcome=Outcome.REJECTED) for e in data.draw(any_exchanges)]
    others = [e for e in data.draw(any_exchanges) if e.event.kind is not EventKind.HANGUP]
    noise += [replace(e, id=f"o{e.id}", transfer_id="t0") for e in others]
    assert folded(row, facts + noise) == folded(row, facts)


@given(any_transfer, any_exchanges, any_exchange)
@example(transfer(), [dialling, result(20, "busy")], exchange(0, EventKind.DIAL_ANSWER, outcome=Outcome.NOTED))
@example(transfer(), [safe], exchange(0, document=PLAIN))
@example(transfer(), [dialling, hangup(20)], exchange(0, EventKind.DIAL_ANSWER, outcome=Outcome.NOTED))
def test_a_leg_only_goes_forwards(row: Transfer, facts: list[Exchange], news: Exchange) -> None:
    """As time passes. FAILED alone is ever left: for a document served since, or a connection heard of since."""
    news = replace(news, at=50.0)
    before, after = folded(row, facts), folded(row, [*facts, news])
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


@given(any_transfer, any_exchanges)
def test_what_is_said_of_a_transfer_is_consistent(row: Transfer, facts: list[Exchange]) -> None:
    found = folded(row, facts)
    states = found.legs.values()
    assert found.legs.keys() == row.targets.keys()
    assert found.settled or not found.ok
    assert not (found.ok and any(state.status in (LegStatus.WAITING, LegStatus.FAILED) for state in states))
    assert found.summary
    assert "\n" not in found.summary
    for state in states:
        assert (state.status is LegStatus.FAILED) <= bool(state.reason)
        assert (state.status is LegStatus.WAITING) <= (state.fetched_at is None)


@given(any_transfer, any_exchanges)
def test_a_leg_that_dialled_ends_only_where_somebody_answered(row: Transfer, facts: list[Exchange]) -> None:
    connects = (EventKind.DIAL_ANSWER, EventKind.DIAL_CONNECTED, EventKind.DIAL_RESULT)
    for leg, state in folded(row, facts).legs.items():
        served = [e for e in facts if e.leg == leg and e.transfer_id == row.id and e.document in (DIAL, TWO)]
        dialled = any(e.outcome in (Outcome.STEP, Outcome.LAST_GOOD) for e in served)
        if state.status is LegStatus.ENDED and dialled:
            assert any(e.event.kind in connects for e in facts)


def test_a_dial_that_tells_nobody_is_not_called_a_failure() -> None:
    """Without callbackUrl and action the platform reports no connect, so that there was none proves nothing."""
    mute = exchange(10, document="<Response><Dial><Number>+14155550123</Number></Dial></Response>")
    found = folded(transfer(status=TransferStatus.ACCEPTED), [mute, hangup(20)])
    assert found.legs[Leg.A].status is LegStatus.ENDED
    assert found.legs[Leg.A].number == ""


# --- time


def test_a_hangup_leaves_the_outcome_open_for_a_minute() -> None:
    alone = [dialling, hangup(20, "4010")]
    during, after = folded(transfer(), alone, now=79.9), folded(transfer(), alone, now=80.0)
    assert (during.legs[Leg.A].open_until, during.settled, during.outcome) == (20 + OPEN_SECONDS, False, "open")
    assert (after.legs[Leg.A].open_until, after.settled, after.outcome) == (None, True, "failed")
    told = folded(transfer(), [*alone, result(21, "cancel")], now=22)
    assert told.settled, "the platform told how its Dial ended: nothing more is to come"
    assert folded(transfer(), [hangup(20), fetch], now=21).ok, "a fetch that was written down late"


def test_for_how_long_a_leg_was_not_fetched_is_since_the_202() -> None:
    row = transfer(targets=BOTH, settled_at=12.0)
    found = folded(row, [exchange(13, document=PLAIN)], now=42)
    assert (found.legs[Leg.A].not_fetched_for, found.legs[Leg.B].not_fetched_for) == (None, 30.0)
    assert found.summary == "accepted; A leg in forward/aleg; B leg hold/bleg not fetched for 30 s"
    assert found.unfetched
    assert not folded(transfer(status=TransferStatus.UNKNOWN), [], now=42).settled
    ended = [hangup(20), exchange(13, document=PLAIN)]
    found = folded(row, ended, now=42)
    assert (found.legs[Leg.B].status, found.outcome) == (LegStatus.FAILED, "open")
    assert folded(row, ended, now=100).outcome == "failed"
    late = exchange(300, uuid=B, leg="bleg", flow="hold", step="bleg", document=PLAIN)
    assert folded(row, [*ended, late]).ok, "a fetch always mends it"


def test_that_the_platform_says_the_call_is_over_is_no_fact_of_ours() -> None:
    found = folded(transfer(), [], now=41, over_at=40)
    assert (found.legs[Leg.A].status, found.outcome) == (LegStatus.FAILED, "open")
    assert found.reason == "A leg: the call is over, the platform says, and it never fetched"
    assert folded(transfer(), [], over_at=40).outcome == "failed"
    assert folded(transfer(), [fetch], over_at=40).ok
    assert (
        folded(transfer(), [dialling, hangup(30)], over_at=40).legs[Leg.A].reason
        == "the call ended before anybody answered"
    )
    # the next process asks the platform again, an hour later: that opens nothing again
    assert folded(transfer(), [], now=3601, over_at=3600).outcome == "failed"


def test_a_dial_without_an_action_that_found_nobody_says_what_the_dialled_leg_said() -> None:
    far = {"b_leg_uuid": "far", "b_leg_number": "+14155550123", "dial_cause": "USER_BUSY"}
    busy = exchange(12, EventKind.DIAL_HANGUP, outcome=Outcome.NOTED, **far)
    facts = [dialling, busy, hangup(13, "4010")]
    found = folded(transfer(), facts)
    assert found.reason == "A leg: the call ended before anybody answered: the dialled leg said USER_BUSY"
    assert "+14155550123 did not answer: USER_BUSY" in [entry.text for entry in timeline(found, facts)]
    both = [dialling, busy, replace(answered, at=13)]  # the platform's news may come in any order
    assert "+14155550123 hung up" in [entry.text for entry in timeline(folded(transfer(), both), both)]


def test_outcome_and_reason_apart() -> None:
    busy = folded(transfer(), [dialling, result(30, "busy")])
    assert (busy.outcome, busy.reason) == ("failed", "A leg: the dialled number was busy")
    refused = folded(transfer(status=TransferStatus.REJECTED, reason="call_not_live", message="call not found"), [])
    assert (refused.outcome, refused.reason) == ("rejected", "call not found")
    assert (folded(transfer(), [fetch]).outcome, folded(transfer(), [fetch]).reason) == ("done", "")
