"""A transfer's life: events late, twice, out of order, from two machines, lost; the same story on both databases."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from callflows.known.progress import FAILURE_CODES, OPEN_SECONDS, Progress, fold_transfer
from callflows.models import EventKind, Exchange, Leg, LegStatus, Outcome, Transfer, TransferStatus
from callflows.store import Store, open_store
from callflows.store.queries import JournalMoved
from callflows.store.stories import EDGE

from .facts import BOTH, DIAL, PLAIN, exchange, transfer

RANKS = {status: rank for rank, status in enumerate(LegStatus)} | {LegStatus.ENDED: 4, LegStatus.FAILED: 4}
MENDS = (Outcome.STEP, Outcome.LAST_GOOD)
START = 1_764_000_000.0


@pytest.fixture(scope="module")
def stores(postgres_server: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    folder: Path = tmp_path_factory.mktemp("life")
    opened = {"sqlite": open_store(f"sqlite:///{folder}/s.sqlite3"), "postgresql": open_store(postgres_server())}
    for store in opened.values():
        store.upgrade()
    yield opened
    for store in opened.values():
        store.close()


_happenings: dict[str, dict[str, Any]] = {
    "fetches": {"document": PLAIN},
    "fetches the last good version": {"document": PLAIN, "outcome": Outcome.LAST_GOOD},
    "fetches a Dial": {"document": DIAL},
    "is given the safe document": {"outcome": Outcome.SAFE, "reason": "template.error"},
    "is answered": {"kind": EventKind.DIAL_ANSWER, "outcome": Outcome.NOTED, "b_leg_number": "+14155550123"},
    "finds it busy": {"kind": EventKind.DIAL_RESULT, "dial_status": "busy", "document": PLAIN},
    "finds it busy and dials again": {"kind": EventKind.DIAL_RESULT, "dial_status": "busy", "document": DIAL},
    "has talked": {"kind": EventKind.DIAL_RESULT, "dial_status": "completed"},
    "hangs up": {"kind": EventKind.HANGUP, "outcome": Outcome.NOTED, "hangup_code": "4000", "own": False},
    "is dropped": {"kind": EventKind.HANGUP, "outcome": Outcome.NOTED, "hangup_code": "8013", "own": False},
    "is asked for by a stranger": {"outcome": Outcome.REJECTED, "own": False},
}


class Life(RuleBasedStateMachine):
    """One transfer of both legs of a call. What happens is written down by one of two machines; each hands its journal
    on when it comes to it, in part, in an order of its own, sometimes twice."""

    stores: ClassVar[dict[str, Store]]

    @initialize()
    def begin(self) -> None:
        name = uuid.uuid4().hex
        self.row = transfer(
            id=f"t-{name}", call_uuid=f"a-{name}", targets=BOTH, status=TransferStatus.REQUESTED, requested_at=START
        )
        self.uuids = {Leg.A: f"a-{name}", Leg.B: f"b-{name}"}
        self.now = START
        self.journals: list[list[Exchange]] = [[], []]
        self.drained = [0, 0]
        self.known: dict[str, Exchange] = {}
        self.ids = itertools.count()
        self.seen: Progress | None = None
        self.settled: TransferStatus | None = None
        for store in self.stores.values():
            store.add_transfer(self.row)

    @rule(seconds=st.sampled_from([0.0, 0.25, 5.0, OPEN_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(leg=st.sampled_from(Leg), what=st.lists(st.sampled_from(sorted(_happenings)), min_size=1, max_size=4))
    def things_happen(self, leg: Leg, what: list[str]) -> None:
        for number, each in enumerate(what):
            self._happens(leg, each, machine=(number + len(self.known)) % 2)

    def _happens(self, leg: Leg, what: str, machine: int) -> None:
        values = dict(_happenings[what])
        own = values.pop("own", True)
        self.now += 0.5
        event = exchange(
            self.now,
            **values,
            uuid=self.uuids[leg],
            leg=leg.value if own else "",
            transfer_id=self.row.id if own else "",
        )
        self.journals[machine].append(replace(event, id=f"{self.row.id}-{next(self.ids)}"))

    @rule(machine=st.sampled_from([0, 1]), data=st.data())
    def a_journal_is_drained(self, machine: int, data: st.DataObject) -> None:
        waiting = self.journals[machine][self.drained[machine] :]
        if waiting:
            count = data.draw(st.integers(1, len(waiting)))
            self._drain(machine, waiting[:count])

    @precondition(lambda self: self.known)
    @rule(machine=st.sampled_from([0, 1]), data=st.data())
    def lines_are_drained_again(self, machine: int, data: st.DataObject) -> None:
        """By another keeper that began from an older position, or from a copy of the journal."""
        done = self.journals[machine][: self.drained[machine]]
        if not done:
            return
        again = data.draw(st.permutations(done))
        for store in self.stores.values():
            with pytest.raises(JournalMoved):
                store.add_exchanges(again, journal=self._journal(machine), position=len(done), since=-1)
            assert store.add_exchanges(again, journal=f"{self._journal(machine)}-copy", position=len(done)) == 0

    @rule(status=st.sampled_from([TransferStatus.ACCEPTED, TransferStatus.UNKNOWN, TransferStatus.REJECTED]))
    def the_platforms_answer_is_noted(self, status: TransferStatus) -> None:
        for store in self.stores.values():
            assert store.settle_transfer(self.row.id, status, at=self.now) == (self.settled is None)
        self.settled = self.settled or status

    @invariant()
    def never_backwards_and_the_same_everywhere(self) -> None:
        new = self._read()
        assert new.transfer.status is (self.settled or TransferStatus.REQUESTED)
        assert new.legs == fold_transfer(new.transfer, self.known.values(), now=self.now).legs
        for leg, state in new.legs.items():
            if state.status is LegStatus.WAITING:
                assert not any(e.outcome in MENDS for e in self._of(leg)), "a fetch always mends"
            if self.seen is None:
                continue
            old = self.seen.legs[leg]
            if old.status is not LegStatus.FAILED:
                assert RANKS[state.status] >= RANKS[old.status]
            elif old.code in FAILURE_CODES:
                assert state.status is LegStatus.FAILED
            elif state.status is not LegStatus.FAILED:
                talked = state.status in (LegStatus.CONNECTED, LegStatus.ENDED)
                assert talked or state.fetched_at is not None, "failed is left for a fetch or a connection only"
            assert old.fetched_at is None or state.fetched_at is not None
        self.seen = new

    def teardown(self) -> None:
        if not hasattr(self, "row"):
            return
        for machine in (0, 1):
            self._drain(machine, self.journals[machine][self.drained[machine] :])
        self.now += 2 * OPEN_SECONDS
        end = self._read()
        everything = [event for journal in self.journals for event in journal]
        met = any(e.leg == Leg.B and e.outcome is not Outcome.NOTED for e in everything)  # else its UUID is not known
        calls = set(self.uuids.values()) if met else {self.uuids[Leg.A]}
        concerns = {e.id for e in everything if e.transfer_id == self.row.id or e.event.call.uuid in calls}
        for store in self.stores.values():
            found = store.story(self.row.id)
            assert found is not None
            assert {e.id for e in found[1]} == concerns, "never lost"
        assert end.legs == fold_transfer(end.transfer, everything, now=self.now).legs
        for state in end.legs.values():
            assert state.open_until is None, "the outcome stays open for 60 s, not for ever"

    def _read(self) -> Progress:
        """From both databases, which agree."""
        found = []
        for store in self.stores.values():
            read = store.story(self.row.id)
            assert read is not None
            found.append(fold_transfer(*read, now=self.now))
        assert found[0] == found[1]
        return found[0]

    def _drain(self, machine: int, lines: list[Exchange]) -> None:
        since = self.drained[machine]
        self.drained[machine] += len(lines)
        for store in self.stores.values():
            if lines:
                store.add_exchanges(
                    lines, journal=self._journal(machine), position=self.drained[machine], since=since or None
                )
        self.known |= {event.id: event for event in lines}

    def _journal(self, machine: int) -> str:
        return f"{self.row.id}-{machine}"

    def _of(self, leg: Leg) -> list[Exchange]:
        return [e for e in self.known.values() if e.leg == leg.value and e.transfer_id == self.row.id]


def test_the_life_of_a_transfer(stores: dict[str, Store]) -> None:
    Life.stores = stores
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    bounded = settings(max_examples=20, stateful_step_count=16, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(Life, settings=bounded)


# --- a long wait


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_fact_is_lost_in_a_long_wait(stores: dict[str, Store], kind: str) -> None:
    """Music, asked for again and again by both legs; what matters stands in the middle of it."""
    store = stores[kind]
    name = uuid.uuid4().hex
    row = transfer(id=f"t-{name}", call_uuid=f"a-{name}", targets=BOTH, requested_at=START)
    store.add_transfer(row)
    numbers = itertools.count(1)

    def event(who: Leg = Leg.A, **values: Any) -> Exchange:
        at = float(next(numbers))
        fields = {"uuid": f"{who.value[0]}-{name}", "leg": who.value, "transfer_id": row.id, "id": f"{name}-{at:06.0f}"}
        return exchange(START + at, **(fields | values))

    def music(leg: Leg, count: int) -> list[Exchange]:
        return [event(leg, document="<Response><Play>https://x/y.mp3</Play></Response>") for _ in range(count)]

    everything = [
        *music(Leg.A, 2 * EDGE),
        event(Leg.B, document=PLAIN),
        *music(Leg.A, EDGE),
        event(document=DIAL),
        event(kind=EventKind.DIAL_ANSWER, outcome=Outcome.NOTED, b_leg_number="+14155550123"),
        event(Leg.B, kind=EventKind.HANGUP, outcome=Outcome.NOTED, hangup_code="4000", leg="", transfer_id=""),
        *[event(outcome=Outcome.REJECTED, leg="", transfer_id="", reason="forged") for _ in range(3 * EDGE)],
        *music(Leg.A, 2 * EDGE),
    ]
    store.add_exchanges(everything)
    found = store.story(row.id)
    assert found is not None
    now = START + 10_000
    assert fold_transfer(*found, now=now).legs == fold_transfer(row, everything, now=now).legs
    states = fold_transfer(*found, now=now).legs
    assert (states[Leg.A].status, states[Leg.B].status) == (LegStatus.CONNECTED, LegStatus.ENDED)
    assert states[Leg.A].fetched_at == START + 1
    assert len(found[1]) < 3 * EDGE


def test_there_is_no_story_of_an_unknown_transfer(stores: dict[str, Store]) -> None:
    assert [store.story("nobody") for store in stores.values()] == [None, None]


def test_the_other_transfers_of_a_call_are_another_story(stores: dict[str, Store]) -> None:
    name = uuid.uuid4().hex
    rows: list[Transfer] = [transfer(id=f"t{n}-{name}", call_uuid=f"a-{name}", requested_at=START + n) for n in (0, 10)]
    fetch = exchange(START + 1, uuid=f"a-{name}", transfer_id=rows[0].id, document=PLAIN, id=f"x-{name}")
    for store in stores.values():
        for row in rows:
            store.add_transfer(row)
        store.add_exchanges([fetch])
        states = [fold_transfer(*(store.story(row.id) or (row, [])), now=START + 20).legs[Leg.A] for row in rows]
        assert [state.status for state in states] == [LegStatus.FETCHED, LegStatus.WAITING]
        assert states[1].not_fetched_for == 10.0
