"""What is old goes, what belongs together stays together, and others write meanwhile."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from store_processes import stored
from store_samples import exchange, transfer

from callflows.models import CallEvent, CallValues, DialValues, EventKind, Exchange, TransferStatus
from callflows.store import Admission, Pruned, Store, open_store

DAY = 86400.0
NOW = time.time()


def prune(store: Store, before: float, *, dry_run: bool = False) -> Pruned:
    return list(store.prune(before=before, dry_run=dry_run))[-1]


def fact(id: str, call: str, ago: float, kind: EventKind = EventKind.DOCUMENT, a: str = "", b: str = "") -> Exchange:
    event = CallEvent(kind, CallValues(uuid=call, a_leg_uuid=a), dial=DialValues(b_leg_uuid=b))
    return exchange(id, at=NOW - ago, event=event)


def ids(store: Store, *calls: str) -> list[str]:
    return sorted(e.id for e in store.exchanges(call_uuids=calls))


def test_what_is_older_goes_in_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callflows.store.pruning.BATCH", 4)
    store.add_exchanges([exchange(n, at=float(n), call=f"call-{n}") for n in range(20)], journal="j", position=9)
    for n in range(5):
        store.add_transfer(transfer(requested_at=float(n), call_uuid=f"call-{n}"))
    assert prune(store, 10.0, dry_run=True) == Pruned(exchanges=10, transfers=5)
    assert len(list(store.prune(before=10.0))) > 4
    assert prune(store, 10.0) == Pruned()
    assert len(ids(store, *(f"call-{n}" for n in range(20)))) == 10
    assert store.transfers() == []
    assert store.journal_position("j") == 9, "it moved just now"


def test_positions_of_journals_that_are_long_gone(store: Store, url: str) -> None:
    store.add_exchanges([], journal="old", position=9)
    store.add_exchanges([], journal="idle", position=9)
    engine = create_engine(url)
    with engine.begin() as connection:
        change = "UPDATE callflows_journals SET at = :at WHERE name = :name"
        connection.execute(text(change), {"at": NOW - 100 * DAY, "name": "old"})
        connection.execute(text(change), {"at": NOW - 2 * DAY, "name": "idle"})
    engine.dispose()
    assert prune(store, NOW - DAY, dry_run=True).journals == 1
    assert prune(store, NOW - DAY).journals == 1
    assert store.journal_positions(["old", "idle"]) == {"idle": 9}


@pytest.mark.parametrize(
    "young",
    [
        fact("young", "old-call", 3 * DAY),
        fact("young", "other", 3 * DAY, b="old-call"),
        fact("young", "other", 3 * DAY, a="old-call"),
    ],
    ids=["itself", "its A leg", "its B leg"],
)
def test_a_call_with_younger_facts_stays_whole(store: Store, young: Exchange) -> None:
    store.add_exchanges([fact("old", "old-call", 100 * DAY), fact("gone", "another", 100 * DAY), young])
    store.add_transfer(transfer(requested_at=NOW - 100 * DAY, call_uuid="old-call"))
    assert prune(store, NOW - 90 * DAY) == Pruned(exchanges=1, kept_exchanges=1, kept_transfers=1)
    assert "xold" in ids(store, "old-call")
    assert ids(store, "another") == []


def test_a_transfer_with_younger_facts_stays_whole(store: Store) -> None:
    """Its B leg has a UUID of its own: what links it to the call is the transfer."""
    store.add_transfer(transfer(id="t", requested_at=NOW - 100 * DAY, call_uuid="a-leg"))
    store.add_exchanges(
        [
            exchange("a", at=NOW - 100 * DAY, call="a-leg", transfer_id="t"),
            exchange("b", at=NOW - 100 * DAY, call="b-leg", transfer_id="t"),
            exchange("late", at=NOW - DAY, call="a-leg"),
        ]
    )
    assert prune(store, NOW - 90 * DAY) == Pruned(kept_exchanges=2, kept_transfers=1)


def test_a_transfer_that_was_settled_late_stays(store: Store) -> None:
    asked = store.add_transfer(transfer(requested_at=NOW - 100 * DAY))
    store.settle_transfer(asked.id, TransferStatus.ACCEPTED, at=NOW - 80 * DAY)
    assert prune(store, NOW - 90 * DAY).kept_transfers == 1
    assert prune(store, NOW - 70 * DAY).transfers == 1


def test_what_goes_on_and_is_younger_than_a_day_stays(store: Store) -> None:
    """A call of twenty hours in a queue, pruned with --older-than 12h."""
    hour = 3600.0
    store.add_exchanges(
        [
            fact("goes-on", "goes-on", 20 * hour),
            fact("over", "over", 20 * hour),
            fact("over-end", "over", 19 * hour, EventKind.HANGUP),
            fact("silent", "silent", 30 * hour),  # nobody tells us its end: after a day it is over
        ]
    )
    for status in (TransferStatus.REQUESTED, TransferStatus.ACCEPTED, TransferStatus.REJECTED):
        done = store.add_transfer(transfer(id=status.value, requested_at=NOW - 20 * hour, call_uuid=status.value))
        if status is not TransferStatus.REQUESTED:
            store.settle_transfer(done.id, status, at=NOW - 20 * hour)
    store.add_transfer(transfer(id="over", requested_at=NOW - 20 * hour, call_uuid="over"))
    counts = prune(store, NOW - 12 * hour)
    assert counts == Pruned(exchanges=3, transfers=2, kept_exchanges=1, kept_transfers=2)
    assert ids(store, "goes-on", "over", "silent") == ["xgoes-on"]
    assert sorted(t.id for t in store.transfers()) == ["accepted", "requested"]


_facts = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["", *"abcd"]), st.integers(0, 10), st.booleans()), max_size=12
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_facts, st.integers(3, 9))
def test_no_call_is_left_without_its_beginning(
    store: Store, facts: list[tuple[str, str, int, bool]], days: int
) -> None:
    """Whatever speaks of a call that has a younger fact is there afterwards; and nothing old of any other is."""
    example = uuid.uuid4().hex  # what is young stays from one example to the next
    rows = [
        fact(
            f"{n}-{example}",
            example + call,
            (age + 0.5) * DAY,
            EventKind.HANGUP if over else EventKind.DOCUMENT,
            b=b and example + b,
        )
        for n, (call, b, age, over) in enumerate(facts)
    ]
    store.add_exchanges(rows)
    before = NOW - days * DAY
    young = {uuid for e in rows if e.at >= before for uuid in (e.event.call.uuid, e.event.dial.b_leg_uuid) if uuid}
    expected = {e.id for e in rows if e.at >= before or young & {e.event.call.uuid, e.event.dial.b_leg_uuid}}
    promised = prune(store, before, dry_run=True)
    assert prune(store, before) == promised
    assert set(ids(store, *(example + call for call in "abcd"))) == expected


def test_others_write_while_many_rows_go(url: str) -> None:
    store, other = open_store(url), open_store(url)
    for start in range(0, 10_000, 5000):
        store.add_exchanges([exchange(n, at=float(n), call=f"old-{n // 4}") for n in range(start, start + 5000)])
    written: list[int] = []
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            written.append(other.add_exchanges([exchange(f"new{len(written)}", at=time.time())]))
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        pruning = store.prune(before=1e9)
        next(pruning)
        before = len(written)
        for _ in pruning:
            time.sleep(0.05)
        assert len(written) - before > 10, "the lock is given up between two batches"
    finally:
        ended.set()
        writer.join()
    assert len(stored(store)) == len(written)
    other.close()
    store.close()


def test_what_the_spend_guard_counted(store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks back for an hour, whatever the rest is kept for."""
    monkeypatch.setattr("callflows.store.pruning.BATCH", 2)
    for n, ago in enumerate((400, 3, 2, 1.5, 0.9, 0)):
        wanted = Admission(destinations=["+14155550123", f"+1415555010{n}"])
        store.add_transfer(transfer(id=f"t{n}", call_uuid=f"c{n}", requested_at=NOW - ago * DAY), wanted)

    def left() -> list[str]:
        engine = create_engine(url)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT transfer_id FROM callflows_destinations")).scalars().all()
        engine.dispose()
        return sorted(found)

    assert prune(store, NOW - 90 * DAY, dry_run=True).transfers == 1
    assert len(left()) == 12
    assert prune(store, NOW - 90 * DAY).transfers == 1
    assert left() == ["t4", "t4", "t5", "t5"]
    assert len(store.transfers()) == 5


def test_room_in_the_file(store: Store) -> None:
    store.add_exchanges([exchange(n, at=float(n), document="d" * 5000) for n in range(200)])
    before = store.free_bytes()
    prune(store, 1e9)
    after = store.free_bytes()
    assert (before is None) == (after is None)
    if after is not None and before is not None:
        assert after - before > 500_000
