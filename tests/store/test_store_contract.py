"""What every store does, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import uuid4

import pytest
import store_samples as samples
from hypothesis import HealthCheck, given, settings
from sqlalchemy import create_engine, text
from store_samples import exchange, transfer

from callflows.errors import RequestInvalid, StoreError
from callflows.models import CallEvent, CallValues, DialValues, EventKind, Exchange, Outcome, Transfer, TransferStatus
from callflows.store import JournalMoved, Store, open_store
from callflows.store.codec import key


def test_an_exchange_comes_back_equal(store: Store) -> None:
    added = [exchange(1, transfer_id="t", duration_ms=0.25, problems=("a", "b")), exchange(2)]
    assert store.add_exchanges(added) == 2
    assert store.exchanges(call_uuids=["call-1"]) == added


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples.exchanges)
def test_whatever_a_caller_sends_comes_back_equal(store: Store, sent: Exchange) -> None:
    sent = replace(sent, id=uuid4().hex)  # the database outlives the example, and ids are unique for ever
    uuid = sent.event.call.uuid
    store.add_exchanges([sent])
    if key(uuid):
        assert sent in store.exchanges(call_uuids=[uuid], limit=10_000)
    if key(sent.transfer_id):
        assert sent in store.exchanges(transfer_id=sent.transfer_id, limit=10_000)


def test_duplicates_are_ignored(store: Store) -> None:
    assert store.add_exchanges([exchange(1), exchange(2), exchange(1)]) == 2
    assert store.add_exchanges([exchange(2), exchange(3)]) == 1
    assert [e.id for e in store.exchanges(call_uuids=["call-1"])] == ["x1", "x2", "x3"]


def test_exchanges_are_found_by_call_and_legs_and_transfer(store: Store) -> None:
    def event(uuid: str, **values: str) -> CallEvent:
        dial = DialValues(b_leg_uuid=values.get("b", ""), a_leg_uuid=values.get("dial_a", ""))
        return CallEvent(EventKind.OTHER, CallValues(uuid=uuid, a_leg_uuid=values.get("a", "")), dial=dial)

    store.add_exchanges(
        [
            exchange(1, event=event("A")),
            exchange(2, event=event("other", a="A")),
            exchange(3, event=event("other", b="A")),
            exchange(4, event=event("other", dial_a="A")),
            exchange(5, event=event("other"), transfer_id="T"),
            exchange(6, event=event("other")),
            exchange(7, event=event("")),
        ]
    )

    def found(*uuids: str, transfer_id: str = "", limit: int = 1000) -> list[str]:
        return [e.id for e in store.exchanges(call_uuids=uuids, transfer_id=transfer_id, limit=limit)]

    assert found("A") == ["x1", "x2", "x3", "x4"]
    assert found("A", transfer_id="T") == ["x1", "x2", "x3", "x4", "x5"]
    assert found("nobody", "A") == ["x1", "x2", "x3", "x4"]
    assert found("A", limit=2) == ["x3", "x4"], "of too many the newest"
    assert found() == []
    assert found("") == []


def test_time_order_is_that_of_at(store: Store) -> None:
    store.add_exchanges([exchange(3), exchange(1), exchange(2)])
    assert [e.id for e in store.exchanges(call_uuids=["call-1"])] == ["x1", "x2", "x3"]


def test_calls_newest_first_without_the_refused(store: Store) -> None:
    store.add_exchanges([exchange(n, call=f"call-{n % 7}") for n in range(3000)])
    store.add_exchanges([exchange(9000 + n, call=f"forged-{n}", outcome=Outcome.REJECTED) for n in range(5)])
    store.add_exchanges([exchange("old", call="ancient", at=1.0), exchange("none", call="", at=2e9)])
    assert list(store.calls(limit=3)) == ["call-3", "call-2", "call-1"]
    assert list(store.calls())[-1] == "ancient"
    assert len(store.calls()) == 8
    paged: list[str] = []
    at = ""
    while page := store.calls(limit=3, before=at):
        paged += page
        at = list(page.values())[-1]
    assert paged == list(store.calls()), "each call once, where it was last heard of"


def test_calls_pages_over_exchanges_of_one_moment(store: Store) -> None:
    store.add_exchanges([exchange(f"{n}", at=5.0, call="loud" if n else "quiet") for n in range(2500)])
    assert sorted(store.calls()) == ["loud", "quiet"]


def test_last_provider(store: Store) -> None:
    by_leg = CallEvent(EventKind.DIAL_ANSWER, CallValues(uuid="call-2"), dial=DialValues(b_leg_uuid="leg-b"))
    store.add_exchanges(
        [
            exchange(1, provider="vobiz"),
            exchange(2, provider="plivo"),
            exchange(3, provider="vobiz", outcome=Outcome.REJECTED),
            exchange(4, provider="vobiz", event=by_leg),
        ]
    )
    assert store.last_provider("call-1") == "plivo", "anybody can send what is refused"
    assert store.last_provider("leg-b") == "vobiz"
    assert store.last_provider("unseen") == ""
    assert store.last_provider("") == ""


def test_journal_position_moves_with_the_rows(store: Store) -> None:
    assert store.journal_position("j") == 0
    assert store.add_exchanges([exchange(1)], journal="j", position=100) == 1
    assert store.journal_position("j") == 100
    assert store.add_exchanges([], journal="j", position=50) == 0
    assert store.journal_position("j") == 100, "never backwards"
    assert store.add_exchanges([exchange(2)], journal="j", position=200, since=100) == 1
    store.forget_journal("j")
    assert store.journal_position("j") == 0


@pytest.mark.parametrize("since", [0, 50, 150])
def test_a_drainer_that_comes_second_writes_nothing(store: Store, since: int) -> None:
    store.add_exchanges([exchange(1)], journal="j", position=100, since=0)
    with pytest.raises(JournalMoved):
        store.add_exchanges([exchange(2)], journal="j", position=120, since=since)
    assert store.journal_position("j") == 100
    assert [e.id for e in store.exchanges(call_uuids=["call-1"])] == ["x1"]


def test_a_drainer_that_wakes_up_after_the_journal_is_gone_writes_nothing(store: Store) -> None:
    with pytest.raises(JournalMoved):
        store.add_exchanges([exchange(2)], journal="gone", position=120, since=60)
    assert store.journal_position("gone") == 0


def test_rows_and_position_are_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(exchange(2), at="no number")  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.add_exchanges([exchange(1), replace(broken, at=None)], journal="j", position=100)  # type: ignore[arg-type]
    assert store.journal_position("j") == 0
    assert store.exchanges(call_uuids=["call-1"]) == []


def test_a_transfer_comes_back_equal(store: Store) -> None:
    row = transfer(idempotency_key="once")
    assert store.add_transfer(row) == row
    assert store.transfer(row.id) == row
    assert store.transfer("no such") is None


def test_one_idempotency_key_one_transfer(store: Store) -> None:
    first, second = transfer(idempotency_key="k"), transfer(idempotency_key="k", call_uuid="call-2")
    store.add_transfer(first)
    assert store.add_transfer(second) == first
    assert store.transfer(second.id) is None
    assert store.add_transfer(transfer()) != first, "no key, no bond"
    assert len(store.transfers()) == 2


def test_the_same_transfer_twice_is_one(store: Store) -> None:
    row = transfer()
    store.add_transfer(row)
    store.settle_transfer(row.id, TransferStatus.ACCEPTED, http_status=202, at=5.0)
    assert store.add_transfer(row).status is TransferStatus.ACCEPTED


def test_a_crowd_with_one_key_agrees_on_one_transfer(store: Store) -> None:
    rows = [transfer(idempotency_key="crowd") for _ in range(16)]
    got: list[str] = []

    def add(number: int) -> None:
        got.append(store.add_transfer(rows[number]).id)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(rows)
    assert len(set(got)) == 1
    assert [row.id for row in store.transfers()] == got[:1]


def test_a_transfer_is_settled_once(store: Store) -> None:
    row = store.add_transfer(transfer())
    settled = store.settle_transfer(
        row.id, TransferStatus.REJECTED, http_status=404, api_id="a", reason="call_not_live", message="no\0pe", at=7.5
    )
    assert settled
    assert not store.settle_transfer(row.id, TransferStatus.ACCEPTED, at=8.0)
    assert not store.settle_transfer("no such", TransferStatus.ACCEPTED, at=8.0)
    assert store.transfer(row.id) == replace(
        row,
        status=TransferStatus.REJECTED,
        http_status=404,
        api_id="a",
        reason="call_not_live",
        message="nope",
        settled_at=7.5,
    )


def test_transfers_newest_first(store: Store) -> None:
    rows = [store.add_transfer(transfer(requested_at=float(n // 2), call_uuid=f"call-{n % 2}")) for n in range(6)]
    rows.sort(key=lambda row: (row.requested_at, row.id), reverse=True)
    assert store.transfers() == rows
    assert store.transfers(limit=2) == rows[:2]
    assert store.transfers(call_uuid="call-1") == [row for row in rows if row.call_uuid == "call-1"]
    assert store.transfers(call_uuid="none") == []
    assert store.transfers(since=1.0, until=2.0) == [row for row in rows if row.requested_at == 1.0]
    paged: list[Transfer] = []
    while page := store.transfers(limit=4, before=store.cursor_of(paged[-1]) if paged else ""):
        paged += page
    assert paged == rows, "also where a page ends among rows of one moment"
    for strange in ("x", ":", "nan:a", "inf:a", "1.0"):
        with pytest.raises(RequestInvalid, match="cursor"):
            store.transfers(before=strange)


def test_what_nobody_settles_is_given_up_and_a_late_answer_still_counts(store: Store) -> None:
    old, late, new = (store.add_transfer(transfer(requested_at=at)) for at in (10.0, 11.0, 100.0))
    refused = store.add_transfer(transfer(requested_at=5.0))
    store.settle_transfer(refused.id, TransferStatus.REJECTED, at=6.0)
    assert store.give_up(before=50.0, at=60.0) == 2
    assert store.give_up(before=50.0, at=61.0) == 0
    found = store.transfer(old.id)
    assert found is not None
    assert (found.status, found.reason, found.settled_at) == (TransferStatus.UNKNOWN, "outcome_unknown", 60.0)
    assert store.settle_transfer(late.id, TransferStatus.ACCEPTED, http_status=202, at=70.0)
    assert not store.settle_transfer(late.id, TransferStatus.REJECTED, at=71.0)
    store.settle_transfer(new.id, TransferStatus.UNKNOWN, message="timed out", at=101.0)
    assert not store.settle_transfer(new.id, TransferStatus.ACCEPTED, at=102.0), "nobody gave that one up"


def test_transfers_are_found_by_what_they_are(store: Store) -> None:
    rows = [
        store.add_transfer(transfer(requested_at=float(n), provider=provider, asked_by=who))
        for n, (provider, who) in enumerate([("plivo", "cli"), ("vobiz", "cli"), ("vobiz", "desk")])
    ]
    store.settle_transfer(rows[1].id, TransferStatus.ACCEPTED, at=5.0)
    assert [row.id for row in store.transfers(provider="vobiz")] == [rows[2].id, rows[1].id]
    assert [row.id for row in store.transfers(asked_by="cli", status="requested")] == [rows[0].id]
    assert [row.id for row in store.transfers(status="accepted")] == [rows[1].id]


def test_long_and_strange_keys_stay_apart(store: Store) -> None:
    long = "x" * 10_000
    store.add_exchanges([exchange(1, call=long), exchange(2, call=long + "y"), exchange(3, call="nul\0")])
    assert [e.id for e in store.exchanges(call_uuids=[long])] == ["x1"]
    assert [e.id for e in store.exchanges(call_uuids=["nul\0"])] == ["x3"]
    one, two = (store.add_transfer(transfer(idempotency_key=long + end, call_uuid=long)) for end in "ab")
    assert one != two
    assert store.transfer(one.id) == one
    assert len(store.transfers(call_uuid=long)) == 2


def test_a_row_of_a_later_version_is_read(store: Store, url: str) -> None:
    store.add_exchanges([exchange(1)])
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                """UPDATE callflows_exchanges SET body = replace(replace(replace(body,
                '"kind":"document"', '"kind":"telepathy"'), '"outcome":"step"', '"outcome":"applause"'),
                '"raw"', '"novelty":[1],"raw"')"""
            )
        )
    engine.dispose()
    (read,) = store.exchanges(call_uuids=["call-1"])
    assert (read.event.kind, read.outcome) == (EventKind.OTHER, Outcome.NOTED)
    assert read.event.call == exchange(1).event.call


def test_ping_and_close(store: Store) -> None:
    store.ping()
    store.close()
    store.close()
    store.ping()


def test_lookups_use_an_index(url: str) -> None:
    """One row of a million must not cost a walk over all."""
    engine = create_engine(url)
    sqlite = engine.dialect.name == "sqlite"
    lookups = (
        "call_uuid <> '' AND call_uuid IN ('a') OR a_leg_uuid <> '' AND a_leg_uuid IN ('a')"
        " OR b_leg_uuid <> '' AND b_leg_uuid IN ('a') OR transfer_id <> '' AND transfer_id = 't'"
    )
    with engine.begin() as connection:
        for query in (
            f"SELECT body FROM callflows_exchanges WHERE {lookups} ORDER BY at DESC LIMIT 9",
            "SELECT call_uuid FROM callflows_exchanges WHERE call_uuid <> '' ORDER BY at DESC, seq DESC LIMIT 9",
            "SELECT * FROM callflows_transfers WHERE id = 'a'",
            "SELECT * FROM callflows_transfers WHERE call_uuid = 'a' ORDER BY requested_at DESC, seq DESC LIMIT 9",
            "SELECT * FROM callflows_transfers ORDER BY requested_at DESC, seq DESC LIMIT 9",
        ):
            if not sqlite:
                connection.execute(text("SET enable_seqscan = off"))
            plan = [str(row) for row in connection.execute(text(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {query}"))]
            walks = [line for line in plan if "Seq Scan" in line or ("SCAN" in line and "INDEX" not in line)]
            assert not walks, plan
    engine.dispose()


def test_two_stores_see_each_other(store: Store, url: str) -> None:
    other = open_store(url)
    other.add_exchanges([exchange(1)])
    assert len(store.exchanges(call_uuids=["call-1"])) == 1
    other.close()
