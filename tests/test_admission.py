"""Transfers that are refused for what other transfers there are; and the same transfer, asked for again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from callflows.errors import CallNotLive, KeyReused, RequestInvalid, SpendLimitReached, TransferInFlight
from callflows.keeper import STATE_FILE
from callflows.known import story
from callflows.models import Leg, LegTarget, Transfer, TransferStatus
from callflows.runtime import Runtime
from callflows.simulator import Server, Simulator, serve
from callflows.transfers import Plan, prepare, request

from .conftest import PUBLIC_URL, write_flow
from .house import Phone, platform_values

DIAL = '<Response><Dial callerId="+14155550100"><Number>{{ params.to }}</Number></Dial></Response>'
TO = '[params.to]\ntype = "phone"\nrequired = true\nexample = "+14155550123"\n'
HOME, NAMED, OUTSIDE = "+14155550123", "+14155550177", "+14155550144"


def waiting(_: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/xml")])
    return [b'<Response><Speak>Hi</Speak><Wait length="3600"/></Response>']


@pytest.fixture
def platform() -> Iterator[Server]:
    with serve(Simulator("plivo", switches={"rate_limit": 0}, apps={PUBLIC_URL: waiting})) as server:
        yield server


@pytest.fixture
def settings(values: dict[str, Any], templates: Any, platform: Server) -> dict[str, Any]:
    write_flow(templates, "ring", TO, aleg=DIAL)
    del values["VOBIZ_AUTH_ID"], values["VOBIZ_AUTH_TOKENS"]
    return {**values, **platform_values("plivo", platform), "DIAL_ALLOW": f"+1415555,{NAMED}"}


@pytest.fixture
def rt(settings: dict[str, Any]) -> Iterator[Runtime]:
    limits = {"TRANSFERS_PER_CALL": 12, "TRANSFERS_PER_DESTINATION": 2, "TRANSFERS_PER_TOKEN": 4}
    runtime = Runtime({**settings, **limits})
    yield runtime
    runtime.close()


def new_call(platform: Server) -> str:
    phone = Phone(platform)
    call = phone.inbound(f"{PUBLIC_URL}/answer")
    phone.advance(5)
    return call


def planned(rt: Runtime, call: str, to: str = OUTSIDE, **more: Any) -> Plan:
    return prepare(rt, call, aleg="ring", params={"to": to}, **more)


def moved(rt: Runtime, call: str, to: str = OUTSIDE, *, force: bool = False, **more: Any) -> Transfer:
    return request(rt, planned(rt, call, to, **more), force=force)


def asked(platform: Server) -> int:
    return sum(each["method"] == "POST" for each in platform.simulator.requests)


def test_a_second_transfer_of_the_leg_is_refused_and_nothing_is_sent(rt: Runtime, platform: Server) -> None:
    call = new_call(platform)
    first = moved(rt, call)
    with pytest.raises(TransferInFlight, match="wait for it, or force") as refused:
        moved(rt, call)
    assert refused.value.transfer_id == first.id
    assert asked(platform) == 1
    assert moved(rt, call, force=True).status is TransferStatus.ACCEPTED
    assert asked(platform) == 2


def test_a_number_from_outside_has_its_limit_and_one_an_operator_named_has_none(rt: Runtime, platform: Server) -> None:
    for _ in range(2):
        moved(rt, new_call(platform))
    with pytest.raises(SpendLimitReached, match="TRANSFERS_PER_DESTINATION"):
        moved(rt, new_call(platform))
    for number in (NAMED, HOME):  # one stands in DIAL_ALLOW itself, the other in flow.toml
        for _ in range(3):
            moved(rt, new_call(platform), number)
    assert asked(platform) == 8


def test_a_token_has_its_limit_and_people_at_the_machine_have_none(rt: Runtime, platform: Server) -> None:
    for _ in range(4):
        moved(rt, new_call(platform), NAMED, asked_by="desk")
    with pytest.raises(SpendLimitReached, match="token desk"):
        moved(rt, new_call(platform), NAMED, asked_by="desk")
    for asker in ("cli", "night", "cli", "cli", "cli", "cli"):
        moved(rt, new_call(platform), NAMED, asked_by=asker)


def test_shortly_before_the_platform_hangs_up_a_warning_is_given(settings: dict[str, Any], platform: Server) -> None:
    runtime = Runtime({**settings, "TRANSFERS_PER_CALL": 0})
    call = new_call(platform)
    for number in range(60):
        assert not any("hangs up a call" in warning for warning in planned(runtime, call, NAMED).warnings), number
        moved(runtime, call, NAMED, force=True)
    warnings = planned(runtime, call, NAMED).warnings
    assert f"this would be transfer 61 of call {call}; the platform hangs up a call after 70" in warnings
    runtime.close()


def test_names_of_params_that_are_no_strings_are_a_mistake(rt: Runtime, platform: Server) -> None:
    with pytest.raises(RequestInvalid, match="names of params"):
        prepare(rt, new_call(platform), aleg="dial", params={1: "x"})  # type: ignore[dict-item]


def test_the_same_key_gives_the_same_transfer_without_another_look(rt: Runtime, platform: Server) -> None:
    call = new_call(platform)
    first = moved(rt, call, idempotency_key="k")
    again = planned(rt, call, idempotency_key="k")
    assert (again.repeated, again.transfer, request(rt, again)) == (True, first, first)
    assert asked(platform) == 1
    for other in ({"to": NAMED}, {"call": new_call(platform)}, {"provider": "plivo"}):
        with pytest.raises(KeyReused, match=first.id):
            planned(rt, **{"call": call, "to": OUTSIDE, **other}, idempotency_key="k")


def test_the_key_of_a_transfer_that_was_refused_sends_nothing_again(rt: Runtime, platform: Server) -> None:
    with pytest.raises(CallNotLive):
        moved(rt, "6ef1b1a2-0000-4000-8000-000000000000", idempotency_key="k")
    again = planned(rt, "6ef1b1a2-0000-4000-8000-000000000000", idempotency_key="k")
    assert (again.repeated, again.transfer.status, again.transfer.reason) == (True, "rejected", "call_not_live")
    assert asked(platform) == 1


def test_while_journals_wait_nobody_says_that_it_never_fetched(rt: Runtime) -> None:
    """The platform knows no such call: it is over, and its fetch may lie in a journal."""
    at = time.time() - 100
    row = Transfer("t", "plivo", "gone", {Leg.A: LegTarget("dial", "aleg")}, requested_at=at, settled_at=at)
    rt.store.add_transfer(replace(row, status=TransferStatus.ACCEPTED))
    journal = rt.settings.state_dir / "journal"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "1-2-3.journal").touch()
    keeper = rt.settings.state_dir / STATE_FILE
    keeper.write_text(json.dumps({"at": time.time(), "store": "gone", "journal_bytes": 9, "journal_age": 9.0}))
    found = story.read(rt, "t").progress
    assert (found.outcome, found.legs[Leg.A].status) == ("open", "waiting")
    assert any("not be stored yet" in line for line in found.advice)
    (journal / "1-2-3.journal").unlink()  # the keeper of a server that ended in order
    assert story.read(rt, "t").progress.outcome == "failed"
