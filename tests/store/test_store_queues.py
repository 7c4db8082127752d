"""Who waits in which queue: the same whatever the order in which lines come; and each caller is claimed by one."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_processes import script
from store_samples import exchange

from callflows.models import ELSEWHERE, CallEvent, CallValues, DialValues, EventKind, Exchange, Outcome, Waiting
from callflows.store import Store, open_store
from callflows.store.codec import from_line, to_line
from callflows.store.queues import LONGEST_S, MOST_SEEN, RETURN_S, Others, Place, stay_of

NOW = 1_764_000_000.0
CALL = "call-1"
HANGUP, DIALLED = "hangup", "dialled leg ended"


def fact(what: str, at: float, call: str = CALL, **more: Any) -> Exchange:
    """`what`: a queue, ELSEWHERE, "" for what says nothing of queues, HANGUP or DIALLED."""
    kind, outcome, queue, uuids = EventKind.DOCUMENT, Outcome.STEP, what, (call, "")
    if what == HANGUP:
        kind, outcome, queue = EventKind.HANGUP, Outcome.NOTED, ""
    elif what == DIALLED:
        kind, outcome, queue, uuids = EventKind.DIAL_HANGUP, Outcome.NOTED, "", ("other", call)
    elif what == "":
        outcome = Outcome.SAFE
    event = CallEvent(kind, CallValues(uuid=uuids[0], from_number="+14155550101"), dial=DialValues(b_leg_uuid=uuids[1]))
    values = {"event": event, "outcome": outcome, "queue": queue, "flow": "queue", "step": "wait", **more}
    return exchange(uuid.uuid4().hex, at=NOW + at, **values)


def add(store: Store, *facts: Exchange) -> None:
    store.add_exchanges(facts)


def who(store: Store, queue: str = "") -> list[tuple[str, str, float]]:
    return [(each.call_uuid, each.queue, each.joined_at - NOW) for each in store.waiting(queue)]


def claim(store: Store, queue: str = "a", at: float = 0.0, providers: tuple[str, ...] = ("plivo", "vobiz")) -> Waiting:
    found = store.claim_next(queue, providers, claim=uuid.uuid4().hex, at=NOW + at)
    assert found is not None
    return found


STORIES: dict[str, tuple[list[tuple[str, float]], tuple[str, float] | None]] = {
    "since the first document": ([("a", 1), ("a", 5), ("a", 9)], ("a", 1)),
    "a stand-in leaves them where they are": ([("a", 1), ("", 2)], ("a", 1)),
    "served elsewhere": ([("a", 1), (ELSEWHERE, 2)], None),
    "sent back": ([("a", 1), (ELSEWHERE, 2), ("a", 3), ("a", 4)], ("a", 3)),
    "came by another step": ([(ELSEWHERE, 0), ("a", 1)], ("a", 1)),
    "another queue": ([("a", 1), ("b", 2)], ("b", 2)),
    "hung up": ([("a", 1), (HANGUP, 2)], None),
    "fetched after they hung up": ([("a", 1), (HANGUP, 2), ("a", 3)], None),
    "their dialled leg ended": ([("a", 1), (DIALLED, 2)], None),
    "the Dial ended as they were moved here": ([(DIALLED, 0), ("a", 1)], ("a", 1)),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_stay_is_the_same_whatever_comes_first(store: Store, name: str) -> None:
    story, expected = STORIES[name]
    forwards, backwards, once = ([fact(what, at, f"{n}") for what, at in story] for n in "fbo")
    for each in forwards:
        add(store, each)
    for each in reversed(backwards):
        add(store, each)
    add(store, *once)
    for call in "fbo":
        found = [(queue, joined) for uuid, queue, joined in who(store) if uuid == call]
        assert found == ([expected] if expected else [])


@pytest.mark.parametrize(("served", "since"), [(["t1", "t1"], 0), (["t1", "t2"], 1), (["", "t1"], 1)])
def test_whoever_is_moved_into_the_queue_once_more_joins_at_the_end(
    store: Store, served: list[str], since: float
) -> None:
    add(store, *(fact("a", at, transfer_id=transfer) for at, transfer in enumerate(served)))
    assert who(store) == [(CALL, "a", since)]


_story = st.lists(
    st.tuples(
        st.sampled_from(["a", "a", "a", "b", ELSEWHERE, "", HANGUP, DIALLED]),
        st.integers(0, 9),
        st.sampled_from(["c", "d"]),
        st.integers(0, 5),
    ),
    max_size=9,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_story)
def test_lines_in_any_order_and_batches_come_to_the_same(store: Store, story: list[tuple[str, int, str, int]]) -> None:
    mark = uuid.uuid4().hex
    facts = [(fact(what, at, mark + call), batch) for what, at, call, batch in story]
    for number in range(6):
        add(store, *(each for each, batch in facts if batch == number))
    for call in (mark + "c", mark + "d"):
        stay = stay_of(call, [each for each, _ in facts])
        found = [row for row in who(store) if row[0] == call]
        assert found == ([(call, stay.first.queue, stay.first.at - NOW)] if stay else [])


def test_what_strangers_send_moves_nobody(store: Store) -> None:
    add(store, fact("a", 1), fact(HANGUP, 2, outcome=Outcome.REJECTED), fact("a", 3, "other", outcome=Outcome.REJECTED))
    assert who(store) == [(CALL, "a", 1)]


def test_a_line_of_an_earlier_version_says_nothing_of_queues(store: Store) -> None:
    line = to_line(fact(ELSEWHERE, 2))
    old = to_line(fact("", 2, outcome=Outcome.STEP))
    assert b'"queue":"-"' in line
    assert b"queue" not in old.replace(b'"flow":"queue"', b"")
    add(store, fact("a", 1), from_line(old.rstrip(b"\n")))
    assert who(store) == [(CALL, "a", 1)]


# --- places


def test_places_are_counted_among_those_whom_nobody_moves(store: Store) -> None:
    def place(call: str, queue: str = "a") -> Place | None:
        return store.needed("", "aleg", queue, call)[1]

    assert place("new") == (1, 1), "before it is written down they are the last, and there"
    add(store, *(fact("a", at, f"c{at}") for at in range(4)), fact("b", 0, "other"))
    assert [place(f"c{at}") for at in range(4)] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (place("new"), place("other"), place("other", "b"), place("", "")) == ((5, 5), (5, 5), (1, 1), None)
    claimed = claim(store)
    assert claimed.call_uuid == "c0"
    assert [place(f"c{at}") for at in range(4)] == [(1, 4), (1, 3), (2, 3), (3, 3)]
    store.give_back(claimed)
    assert place("c1") == (2, 4)
    add(store, fact(HANGUP, 9, "c0"))
    assert place("c1") == (1, 3)


def test_who_joined_at_the_same_moment_has_a_place_of_their_own(store: Store) -> None:
    add(store, *(fact("a", 1, f"c{number}") for number in range(3)))
    places = {store.needed("", "aleg", "a", f"c{number}")[1] for number in range(3)}
    assert places == {(1, 3), (2, 3), (3, 3)}
    assert [each.call_uuid for each in store.waiting()] == [claim(store).call_uuid for _ in range(3)]


# --- claims


def test_the_one_who_has_waited_longest_is_next_and_nobody_elses(store: Store) -> None:
    add(store, fact("a", 2, "second"), fact("a", 1, "first"), fact("a", 0, "on-vobiz", provider="vobiz"), fact("b", 0))
    assert [claim(store, providers=("plivo",)).call_uuid for _ in range(2)] == ["first", "second"]
    assert store.claim_next("a", ["plivo"], claim="x", at=NOW) is None
    assert claim(store).call_uuid == "on-vobiz"
    assert store.claim_next("nowhere", ["plivo"], claim="x", at=NOW) is None
    assert sum(bool(each.claim) for each in store.waiting()) == 3


def test_a_claim_that_is_given_back_is_an_old_place(store: Store) -> None:
    add(store, fact("a", 1, "first"), fact("a", 2, "second"))
    mine = claim(store)
    store.give_back(mine)
    assert claim(store).call_uuid == "first"
    store.give_back(mine)
    store.leave(mine)  # it is another's by now
    assert [each.call_uuid for each in store.waiting() if each.claim] == ["first"]


def test_whoever_is_seen_waiting_again_some_time_after_a_claim_was_not_moved(store: Store) -> None:
    """Whatever became of who had claimed them: a process may have been killed at any moment."""
    add(store, fact("a", 0, "first"), fact("a", 1, "second"))
    mine = claim(store, at=5)
    add(store, fact("a", 5 + RETURN_S - 1, "first"))
    assert claim(store, at=15).call_uuid == "second", "that may have been on its way already"
    add(store, fact("a", 5 + RETURN_S, "first"))
    assert who(store)[0] == ("first", "a", 0)
    assert claim(store, at=16).call_uuid == "first"
    store.leave(mine)
    assert len(who(store)) == 2


def test_news_that_comes_late_does_not_undo_a_claim(store: Store) -> None:
    add(store, fact("a", 3))
    claim(store, at=5)
    add(store, fact("a", 1), fact("a", 2))
    assert who(store) == [(CALL, "a", 1)]
    assert [bool(each.claim) for each in store.waiting()] == [True]


def test_a_claim_ends_with_the_stay_it_was_made_in(store: Store) -> None:
    add(store, fact("a", 0), fact("a", 0, "moved"))
    claim(store, at=1), claim(store, at=1)
    add(store, fact(ELSEWHERE, 2, "moved"), fact("a", 3, transfer_id="t"))
    assert [(each.joined_at - NOW, each.claim) for each in store.waiting()] == [(3, "")]


def test_one_caller_may_be_claimed_by_name_whoever_has_them(store: Store) -> None:
    add(store, fact("a", 0))
    lost = claim(store)
    assert store.claim_caller(CALL, "b", claim="x", at=NOW) is None
    mine = store.claim_caller(CALL, "a", claim="x", at=NOW)
    assert mine is not None
    store.leave(lost)
    assert len(who(store)) == 1
    store.leave(mine)
    assert (who(store), store.claim_caller(CALL, claim="x", at=NOW)) == ([], None)
    add(store, fact("a", 9))
    assert who(store) == [(CALL, "a", 0)], "they were not gone after all"


CLAIMS = """
store = open_store(sys.argv[1])
print(flush=True)
sys.stdin.readline()
while (found := store.claim_next("a", ["plivo"], claim=str(os.getpid()), at=time.time())) is not None:
    print(found.call_uuid, flush=True)
"""


def test_processes_at_once_get_each_caller_once_and_in_order(url: str) -> None:
    store = open_store(url)
    callers = [f"c{number:03}" for number in range(120)]
    add(store, *(fact("a", number, call) for number, call in enumerate(callers)))
    processes = [script(CLAIMS, url, stdin=True) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    found = [process.communicate("go\n", timeout=60)[0].split() for process in processes]
    assert sorted(found[0] + found[1]) == callers
    assert [sorted(each) for each in found] == found, "whoever asked later got who had joined later"
    store.close()


def test_a_process_that_dies_within_its_claim_holds_nobody_up(url: str) -> None:
    store = open_store(url)
    add(store, fact("a", 0, "first"), fact("a", 1, "second"))
    code = "open_store(sys.argv[1]).claim_next('a', ['plivo'], claim='x', at=1764000005.0)\nos.kill(os.getpid(), 9)"
    script(code, url).communicate(timeout=60)
    assert claim(store).call_uuid == "second"
    add(store, fact("a", 5 + RETURN_S, "first"))
    assert claim(store).call_uuid == "first"
    store.close()


def test_two_machines_that_drain_two_halves_of_a_story_at_once(url: str) -> None:
    """Neither sees what the other has not committed yet."""
    stores = [open_store(url), open_store(url)]
    rounds, meet = 40, threading.Barrier(2, timeout=30)

    def drain(which: int) -> None:
        for number in range(rounds):
            what = ("a", ELSEWHERE)[(which + number) % 2]
            meet.wait()
            story = [fact(what, 1 if what == "a" else 2, f"c{number}")]
            stores[which].add_exchanges(story, journal=f"j{which}", position=number + 1, since=number)

    threads = [threading.Thread(target=drain, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert who(stores[0]) == []
    assert stores[0].journal_positions(["j0", "j1"]) == {"j0": rounds, "j1": rounds}
    for store in stores:
        store.close()


def test_whose_hang_up_was_never_told_is_forgotten_in_the_end(store: Store) -> None:
    gone, waits = time.time() - LONGEST_S - 60, time.time() - 3600
    add(store, fact("a", gone - NOW, "gone"), fact("a", waits - NOW, "waits"))
    list(store.prune(before=0.0, dry_run=True))
    assert len(who(store)) == 2
    list(store.prune(before=0.0))
    assert [call for call, _, _ in who(store)] == ["waits"]


def test_who_waits_is_told_with_which_steps_the_others_came(store: Store) -> None:
    add(store, fact("3", 1, "parked", step="wait"), fact("3", 2, "fetcher", step="retrieve"))

    def others(call: str) -> Others:
        return store.needed("", "aleg", "3", call)[2]

    assert others("parked") == ("", "retrieve")
    assert others("fetcher") == ("wait", "")
    assert others("about to join") == ("wait retrieve", "")
    add(store, *(fact("3", 3 + number, f"{number}") for number in range(MOST_SEEN)))
    assert others("parked") == ("", "")
