"""Which transfers may be asked for now: one at a time for a leg, and so many an hour."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from store_samples import exchange, transfer

from callflows.errors import SpendLimitReached, TransferInFlight
from callflows.models import Leg, LegTarget, Outcome, Transfer, TransferStatus
from callflows.store import Admission, Store, open_store

NOW = 1_764_000_000.0
A_LEG = {Leg.A: LegTarget("hold", "aleg")}
B_LEG = {Leg.B: LegTarget("hold", "bleg")}


def add(store: Store, at: float = NOW, wanted: Admission | None = None, **changes: Any) -> Transfer:
    changes = {"targets": A_LEG, **changes}
    return store.add_transfer(transfer(requested_at=at, **changes), wanted or Admission())


def accept(store: Store, row: Transfer, at: float) -> None:
    assert store.settle_transfer(row.id, TransferStatus.ACCEPTED, http_status=202, at=at)


# --- one at a time


def test_a_leg_that_is_on_its_way_is_not_sent_elsewhere(store: Store) -> None:
    first = add(store)
    with pytest.raises(TransferInFlight) as asked:
        add(store, NOW + 1)
    accept(store, first, NOW + 2)
    with pytest.raises(TransferInFlight) as accepted:
        add(store, NOW + 6)
    assert (asked.value.transfer_id, accepted.value.transfer_id) == (first.id, first.id)
    assert (accepted.value.leg, accepted.value.retry_after) == ("aleg", 11.0)
    assert [row.id for row in store.transfers()] == [first.id], "what was refused was not written"
    assert add(store, NOW + 17.5).id != first.id, "15 s after the platform accepted it"


def test_the_other_leg_another_call_and_another_platform_may_go(store: Store) -> None:
    add(store)
    add(store, targets=B_LEG)
    add(store, call_uuid="call-2")
    add(store, provider="vobiz")
    with pytest.raises(TransferInFlight):
        add(store, targets=A_LEG | B_LEG)


@pytest.mark.parametrize("outcome", [Outcome.STEP, Outcome.LAST_GOOD, Outcome.FALLBACK, Outcome.SAFE])
def test_once_its_document_was_fetched_the_leg_may_go(store: Store, outcome: Outcome) -> None:
    first = add(store)
    store.add_exchanges([exchange(1, transfer_id=first.id, leg="bleg", outcome=outcome)])
    store.add_exchanges([exchange(2, transfer_id=first.id, leg="aleg", outcome=Outcome.REJECTED)])
    store.add_exchanges([exchange(3, transfer_id=first.id, leg="aleg", outcome=Outcome.NOTED)])
    with pytest.raises(TransferInFlight):
        add(store, NOW + 1)
    store.add_exchanges([exchange(4, transfer_id=first.id, leg="aleg", outcome=outcome)])
    add(store, NOW + 1)


@pytest.mark.parametrize("status", [TransferStatus.REJECTED, TransferStatus.UNKNOWN])
def test_what_the_platform_refused_or_nobody_knows_is_no_obstacle(store: Store, status: TransferStatus) -> None:
    first = add(store)
    store.settle_transfer(first.id, status, at=NOW + 1)
    add(store, NOW + 2)


def test_whoever_forces_goes(store: Store) -> None:
    first = add(store)
    assert add(store, NOW + 1, Admission(in_flight_allowed=True)).id != first.id


def test_the_same_key_is_the_same_transfer_and_no_obstacle(store: Store) -> None:
    first = add(store, idempotency_key="k")
    again = add(store, NOW + 1, Admission(per_call=1), idempotency_key="k", call_uuid=first.call_uuid)
    assert again.id == first.id


def test_of_many_at_once_one_goes(store: Store) -> None:
    def one() -> None:
        try:
            won.append(add(store).id)
        except TransferInFlight as error:
            lost.append(error.transfer_id)

    won: list[str] = []
    lost: list[str] = []
    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(won), lost) == (1, won * 11)


def test_a_database_whose_transactions_see_the_past_by_default(blank_url: str) -> None:
    """What another process wrote before it let go of its lock is seen."""
    store = open_store(blank_url)
    if blank_url.startswith("postgresql"):
        engine = create_engine(blank_url, isolation_level="AUTOCOMMIT")
        name = engine.url.database
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"))
        engine.dispose()
    store.upgrade()
    test_of_many_at_once_one_goes(store)
    store.close()


# --- so many an hour


def test_transfers_of_a_call(store: Store) -> None:
    wanted = Admission(per_call=3, in_flight_allowed=True)
    rows = [add(store, NOW + n, wanted) for n in range(3)]
    with pytest.raises(SpendLimitReached, match=r"call call-1 has had 3 transfers.*TRANSFERS_PER_CALL") as refused:
        add(store, NOW + 10, wanted)
    assert (refused.value.scope, refused.value.limit, refused.value.retry_after) == ("call", 3, 3590.0)
    add(store, NOW + 10, wanted, call_uuid="call-2")
    store.settle_transfer(rows[1].id, TransferStatus.REJECTED, at=NOW + 11)
    add(store, NOW + 12, wanted)  # the refused one moved nobody
    with pytest.raises(SpendLimitReached):
        add(store, NOW + 13, wanted)
    add(store, NOW + 3600.5, wanted)  # the first is an hour ago


def test_transfers_to_a_number(store: Store) -> None:
    wanted = Admission(destinations=["+14155550123", "+14155550124"], per_destination=2, in_flight_allowed=True)
    for n in range(2):
        add(store, NOW + n, wanted, call_uuid=f"call-{n}")
    alone = Admission(destinations=["+14155550124"], per_destination=2)
    with pytest.raises(SpendLimitReached, match=r"number \+14155550124 .*TRANSFERS_PER_DESTINATION"):
        add(store, NOW + 2, alone, call_uuid="call-9")
    add(store, NOW + 2, Admission(destinations=["+14155550125"], per_destination=2), call_uuid="call-9")
    add(store, NOW + 3601.5, alone, call_uuid="call-10")


def test_transfers_of_a_token_count_whatever_came_of_them(store: Store) -> None:
    wanted = Admission(per_token=2)
    for n in range(2):
        row = add(store, NOW + n, wanted, call_uuid=f"call-{n}", asked_by="desk")
        store.settle_transfer(row.id, TransferStatus.REJECTED, at=NOW + n)
    with pytest.raises(SpendLimitReached, match="token desk"):
        add(store, NOW + 2, wanted, call_uuid="call-9", asked_by="desk")
    add(store, NOW + 2, wanted, call_uuid="call-9", asked_by="night")


def test_many_at_once_do_not_pass_the_limit_together(store: Store) -> None:
    def one(number: int) -> None:
        wanted = Admission(destinations=["+14155550123"], per_token=5, per_destination=9)
        try:
            done.append(add(store, NOW, wanted, call_uuid=f"call-{number}", asked_by="desk").id)
        except SpendLimitReached:
            refused.append(number)

    done: list[str] = []
    refused: list[int] = []
    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(done), len(refused)) == (5, 11)
