"""Steps that need the store: what they are told, and that nothing the store does holds up the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from callflows import create_app
from callflows.models import (
    CallEvent,
    CallValues,
    ConferenceValues,
    DialValues,
    EventKind,
    Exchange,
    Leg,
    LegTarget,
    Outcome,
    Transfer,
    TransferStatus,
)
from callflows.needs import READERS
from callflows.signing import Token
from callflows.store import open_store

from .conftest import CALL, post, write_flow

B_CALL = "5f0b1a52-0000-4000-8000-00000000000b"
ID = "a" * 32
MEET = (
    "<Response><Speak>fetched={{ transfer.other_leg_fetched }} ended={{ transfer.other_leg_ended }}.</Speak></Response>"
)
TOML = '[steps.aleg]\nneeds = ["store"]\ndefault = { other_leg_fetched = "yes" }\n[steps.bleg]\nneeds = ["store"]\n'
TOLD = {"nothing": b"fetched= ended=.", "fetched": b"fetched=yes ended=.", "ended": b"fetched= ended=yes."}


@pytest.fixture
def serve(values: dict[str, Any], templates: Path) -> Iterator[Callable[[str], Flask]]:
    """An app on a store."""
    write_flow(templates, "meet", TOML, aleg=MEET, bleg=MEET)
    apps = []

    def begin(url: str) -> Flask:
        apps.append(create_app({**values, "DATABASE_URL": url}))
        return apps[-1]

    yield begin
    for app in apps:
        app.extensions["callflows"].close()


def connected(app: Flask) -> Flask:
    """Its first question does not wait for a connection, which takes a busy machine longer than a step may wait."""
    needs = app.extensions["callflows"].needs
    needs._reader.read(lambda: needs._store.needed(ID, "aleg", "", ""), 20)
    return app


def ask(app: Flask, leg: str, transfer: str = ID, flow: str = "meet") -> bytes:
    path = f"/flows/plivo/{flow}/{leg}"
    uuid = CALL if leg == "aleg" else B_CALL
    token = Token(call_uuid=uuid, transfer_id=transfer, leg=leg, expires=4_000_000_000)
    reply = post(app, "plivo", f"{path}?t={app.extensions['callflows'].signer.sign(path, token)}", [("CallUUID", uuid)])
    assert reply.status_code == 200
    return bytes(reply.data)


NOW = time.time()
TRANSFER = Transfer(
    ID, "plivo", CALL, {leg: LegTarget("meet", leg) for leg in Leg}, status=TransferStatus.ACCEPTED, requested_at=NOW
)


def exchange(number: int, kind: EventKind, uuid: str, outcome: Outcome = Outcome.NOTED, **more: Any) -> Exchange:
    dial = DialValues(b_leg_uuid=more.pop("b_leg_uuid", ""))
    event = CallEvent(kind, CallValues(uuid=uuid), dial=dial)
    at = NOW + more.pop("after", number)
    return Exchange(f"{number:032d}", at, "plivo", outcome, event, **more)


def fetch(number: int, uuid: str, leg: str, outcome: Outcome = Outcome.STEP, transfer: str = ID) -> Exchange:
    return exchange(number, EventKind.DOCUMENT, uuid, outcome, leg=leg, transfer_id=transfer, flow="meet", step=leg)


ANSWERED = exchange(1, EventKind.DIAL_ANSWER, CALL, b_leg_uuid=B_CALL, after=-60)
STORIES: dict[str, tuple[str, list[Exchange], str]] = {
    "nobody fetched": ("aleg", [ANSWERED], "nothing"),
    "its own fetches say nothing of the other": ("aleg", [fetch(n, CALL, "aleg") for n in range(2, 60)], "nothing"),
    "the B leg fetched": ("aleg", [fetch(2, CALL, "aleg"), fetch(3, B_CALL, "bleg")], "fetched"),
    "the A leg fetched": ("bleg", [fetch(2, CALL, "aleg")], "fetched"),
    "a leg the A leg dialled is not the other one": ("aleg", [fetch(2, "third", "aleg")], "nothing"),
    "the B leg was served an earlier version": ("aleg", [fetch(2, B_CALL, "bleg", Outcome.LAST_GOOD)], "fetched"),
    "the B leg was served an apology": ("aleg", [fetch(2, B_CALL, "bleg", Outcome.SAFE)], "nothing"),
    "it fetched for another transfer": ("aleg", [fetch(2, B_CALL, "bleg", transfer="b" * 32)], "nothing"),
    "the A leg hung up": ("bleg", [fetch(2, CALL, "aleg"), exchange(3, EventKind.HANGUP, CALL)], "ended"),
    "the A leg hung up before it fetched": ("bleg", [exchange(3, EventKind.HANGUP, CALL)], "ended"),
    "the B leg hung up": ("aleg", [fetch(2, B_CALL, "bleg"), exchange(3, EventKind.HANGUP, B_CALL)], "ended"),
    "the B leg hung up, told of as a dialled leg": (
        "aleg",
        [fetch(2, B_CALL, "bleg"), exchange(3, EventKind.DIAL_HANGUP, CALL, b_leg_uuid=B_CALL)],
        "ended",
    ),
    "the B leg hung up before it fetched": (
        "aleg",
        [ANSWERED, exchange(3, EventKind.DIAL_HANGUP, CALL, b_leg_uuid=B_CALL)],
        "ended",
    ),
    "somebody who was dialled before hung up": (
        "aleg",
        [ANSWERED, exchange(3, EventKind.DIAL_HANGUP, CALL, b_leg_uuid="third")],
        "nothing",
    ),
    "a stranger says that it hung up": (
        "bleg",
        [fetch(2, CALL, "aleg"), exchange(3, EventKind.HANGUP, CALL, Outcome.REJECTED)],
        "fetched",
    ),
}


def test_what_is_told_of_the_other_leg(serve: Callable[[str], Flask], blank_url: str) -> None:
    store = open_store(blank_url)
    store.upgrade()
    app = connected(serve(blank_url))
    calls = {}
    for number, (story, (leg, facts, _)) in enumerate(STORIES.items(), 1):
        # each story has calls and a transfer of its own
        def own(value: str, number: int = number) -> str:
            return f"{value}-{number}" if value else ""

        store.add_transfer(replace(TRANSFER, id=own(ID), call_uuid=own(CALL)))
        store.add_exchanges(
            [
                replace(
                    fact,
                    id=own(fact.id),
                    transfer_id=own(fact.transfer_id),
                    event=replace(
                        fact.event,
                        call=CallValues(uuid=own(fact.event.call.uuid)),
                        dial=DialValues(b_leg_uuid=own(fact.event.dial.b_leg_uuid)),
                    ),
                )
                for fact in facts
            ]
        )
        calls[story] = leg, own(ID)
    found = {story: ask(app, leg, transfer) for story, (leg, transfer) in calls.items()}
    wrong = {story: found[story] for story, (_, _, told) in STORIES.items() if TOLD[told] not in found[story]}
    assert not wrong
    store.close()


def stay(number: int, action: str, member: str, uuid: str = B_CALL, room: str = ID, **more: Any) -> Exchange:
    fact = exchange(number, EventKind.CONFERENCE, uuid, transfer_id=ID, **more)
    conference = ConferenceValues(f"transfer-{room}", action, member)
    return replace(fact, event=replace(fact.event, conference=conference))


ROOMS: dict[str, tuple[list[Exchange], bool]] = {
    "nobody": ([], False),
    "somebody came": ([stay(1, "enter", "7")], True),
    "and went": ([stay(1, "enter", "7"), stay(2, "exit", "7")], False),
    "and went, told in another order": ([stay(1, "exit", "7"), stay(2, "enter", "7")], False),
    "and came again, told twice": (
        [stay(n, *told) for n, told in enumerate(
            [("enter", "7"), ("exit", "7"), ("enter", "8"), ("enter", "8"), ("exit", "7")])], True),
    "one of two went": ([stay(1, "enter", "7"), stay(2, "enter", "8", CALL), stay(3, "exit", "7")], True),
    "whoever came hung up": ([stay(1, "enter", "7"), exchange(2, EventKind.HANGUP, B_CALL)], False),
    "a dialled leg came and hung up": (
        [stay(1, "enter", "7"), exchange(2, EventKind.DIAL_HANGUP, CALL, b_leg_uuid=B_CALL)], False),
    "another room": ([stay(1, "enter", "7", room="b" * 32)], False),
    "a stranger says so": ([stay(1, "enter", "7", outcome=Outcome.REJECTED)], False),
    "a platform that numbers no stays": ([stay(1, "enter", "")], True),
    "and somebody leaves it": ([stay(1, "enter", ""), stay(2, "exit", "")], False),
}  # fmt: skip


@pytest.mark.parametrize("targets", [tuple(Leg), (Leg.A,)])
def test_who_is_in_the_room(serve: Callable[[str], Flask], blank_url: str, targets: tuple[Leg, ...]) -> None:
    store = open_store(blank_url)
    store.upgrade()
    found = {}
    for number, (story, (facts, _)) in enumerate(ROOMS.items()):
        transfer_id = f"{number:032x}"

        def own(fact: Exchange, transfer_id: str = transfer_id) -> Exchange:
            call, dial, conference = fact.event.call, fact.event.dial, fact.event.conference
            room = conference.room.replace(ID, transfer_id)
            event = replace(
                fact.event,
                call=CallValues(uuid=f"{call.uuid}-{transfer_id}"),
                dial=DialValues(b_leg_uuid=dial.b_leg_uuid and f"{dial.b_leg_uuid}-{transfer_id}"),
                conference=replace(conference, room=room),
            )
            return replace(fact, id=f"{fact.id}-{transfer_id}", transfer_id=transfer_id, event=event)

        moved = {leg: LegTarget("meet", leg) for leg in targets}
        store.add_transfer(replace(TRANSFER, id=transfer_id, call_uuid=f"{CALL}-{transfer_id}", targets=moved))
        store.add_exchanges([own(fact) for fact in facts])
        other, _, _ = store.needed(transfer_id, "aleg", "", "")
        found[story] = other.room_occupied
    assert found == {story: told for story, (_, told) in ROOMS.items()}
    store.close()


def test_who_was_moved_alone_has_no_other_leg(serve: Callable[[str], Flask], blank_url: str) -> None:
    store = open_store(blank_url)
    store.upgrade()
    store.add_transfer(replace(TRANSFER, targets={Leg.A: LegTarget("meet", "aleg")}))
    store.add_exchanges([exchange(3, EventKind.HANGUP, B_CALL), ANSWERED])
    app = connected(serve(blank_url))
    assert TOLD["nothing"] in ask(app, "aleg")
    assert TOLD["nothing"] in ask(app, "aleg", transfer="f" * 32), "a transfer that the store has never seen"
    assert TOLD["nothing"] in ask(app, "aleg", transfer=""), "no transfer at all"
    store.close()


def test_an_earlier_version_and_the_flows_own_fallback_are_told_too(
    serve: Callable[[str], Flask], blank_url: str, templates: Path
) -> None:
    store = open_store(blank_url)
    store.upgrade()
    store.add_transfer(TRANSFER)
    store.add_exchanges(STORIES["the B leg fetched"][1])
    app = connected(serve(blank_url))
    runtime = app.extensions["callflows"]
    loop = Token(
        call_uuid=CALL, transfer_id=ID, leg="aleg", version=runtime.versions.live("meet").version, expires=4_000_000_000
    )
    path = "/flows/plivo/meet/aleg"
    target = f"{path}?t={runtime.signer.sign(path, loop)}"
    toml = 'fallback = "sorry"\n[steps.bleg]\nneeds = ["store"]\n[steps.sorry]\nneeds = ["store"]\n'
    (templates / "meet" / "aleg.xml").unlink()
    write_flow(templates, "meet", toml, bleg=MEET, sorry=MEET)
    runtime.publisher.publish_all()
    assert "aleg" not in runtime.versions.live("meet").steps
    assert TOLD["fetched"] in post(app, "plivo", target).data, "by the version that the call comes from"
    assert TOLD["fetched"] in ask(app, "aleg"), "by the fallback"
    store.close()


def problems(app: Flask, templates: Path) -> list[str]:
    journals = list((templates.parent / "state" / "journal").glob("*"))
    return [
        line for file in journals for line in file.read_text(errors="replace").splitlines() if "its default" in line
    ]


def readers() -> int:
    return sum(thread.name == "callflows-reader" for thread in threading.enumerate())


def test_a_store_that_hangs_holds_nobody_up(
    serve: Callable[[str], Flask], postgres_server: Callable[[], str], templates: Path
) -> None:
    """The lock is given back only when all were answered: whoever waited for it would wait for ever."""
    url = postgres_server()
    store = open_store(url)
    store.upgrade()
    store.add_transfer(TRANSFER)
    app = connected(serve(url))
    assert TOLD["nothing"] in ask(app, "aleg")
    engine = create_engine(url)
    with engine.begin() as other:
        other.execute(text("LOCK TABLE callflows_transfers IN ACCESS EXCLUSIVE MODE"))
        for _ in range(READERS * 3):
            assert TOLD["fetched"] in ask(app, "aleg"), "its default"
            assert TOLD["nothing"] in ask(app, "bleg"), "no default is the empty string"
        assert readers() == READERS
    assert len(problems(app, templates)) == READERS * 6
    until = time.monotonic() + 20
    while readers() and time.monotonic() < until:
        time.sleep(0.02)
    assert TOLD["nothing"] in ask(connected(app), "aleg"), "it is asked again"
    engine.dispose()
    store.close()


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////proc/nowhere/callflows.db"])
def test_a_store_that_is_away(serve: Callable[[str], Flask], templates: Path, url: str) -> None:
    app = serve(url)
    assert TOLD["fetched"] in ask(app, "aleg")
    assert len(problems(app, templates)) == 1


def test_a_store_that_this_version_refuses(serve: Callable[[str], Flask], blank_url: str, templates: Path) -> None:
    store = open_store(blank_url)
    store.upgrade()
    store.close()
    engine = create_engine(blank_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE callflows_schema SET version_num = '9999'"))
    engine.dispose()
    app = serve(blank_url)
    assert TOLD["fetched"] in ask(app, "aleg")
    assert len(problems(app, templates)) == 1


def test_a_step_that_does_not_need_it_never_opens_the_store(
    serve: Callable[[str], Flask], templates: Path, tmp_path: Path
) -> None:
    write_flow(templates, "other", aleg="<Response><Speak>{{ transfer.room }}</Speak></Response>")
    app = serve(f"sqlite:///{tmp_path / 'absent.db'}")
    assert ID.encode() in ask(app, "aleg", flow="other")
    assert not (tmp_path / "absent.db").exists()
    assert readers() == 0
