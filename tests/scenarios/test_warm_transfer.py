"""What a scenario file cannot say of the warm transfer: a store that is away, and what its transfers tell."""

from __future__ import annotations

from typing import Any

import pytest

from callflows.errors import StoreError
from callflows.known import story, timeline
from callflows.simulator.rehearsing import Call, Phone

AGENT, COLLEAGUE = "+14155550102", "+14155550123"


def on_hold(phone: Phone) -> tuple[Call, str]:
    """A customer on hold, whose agent calls a colleague; and the transfer that did it."""
    customer = phone.dial("forward", {"to": AGENT, "caller_id": "+14155550100"}).is_connected_to(AGENT)
    return customer, phone.transfer(customer, aleg="warm-transfer", bleg="warm-transfer")


def test_while_the_store_is_away_the_customer_hears_music(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    phone.number(COLLEAGUE, "busy")
    customer, transfer_id = on_hold(phone)
    needs: Any = phone.site.needs  # type: ignore[attr-defined]

    def away(*_: object) -> None:
        raise StoreError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(needs, "stored", away)
        agent = phone.person(AGENT).hears("the line is busy").is_in_conference(f"transfer-{transfer_id}")
        customer.wait(90).is_not_hung_up().has_not_heard("connecting you")
        assert sum("music.wav" in heard for heard in customer.heard) > 5
    customer.is_in_conference(f"transfer-{transfer_id}")
    agent.hang_up()
    customer.is_hung_up()


@pytest.mark.phone(switches={"bleg_uuid": "accepted"})
def test_the_story_of_the_first_transfer_has_everybody_who_came_into_its_room(phone: Phone) -> None:
    phone.number(COLLEAGUE, keys=[(4, "1")])
    customer, first = on_hold(phone)
    agent = phone.person(AGENT).is_connected_to(COLLEAGUE)
    second = phone.transfer(
        agent, aleg="warm-transfer/leave", bleg="warm-transfer/join", params={"room": f"transfer-{first}"}
    )
    customer.is_in_conference(f"transfer-{first}")
    runtime: Any = phone.site.runtime  # type: ignore[attr-defined]
    phone.site.needs.catch_up()  # type: ignore[attr-defined]

    def told(transfer_id: str) -> list[str]:
        found = story.read(runtime, transfer_id)
        return [entry.text for entry in timeline.timeline(found.progress, found.exchanges)]

    assert [text for text in told(first) if "Enter" in text or "connected to" in text] == [
        f"B leg connected to {COLLEAGUE}",
        "call conference: ConferenceEnter",
        "A leg conference: ConferenceEnter",
    ]
    assert [text for text in told(second) if "fetched" in text or "Enter" in text][:3] == [
        "A leg fetched its document, warm-transfer/leave",
        "B leg fetched its document, warm-transfer/join",
        "B leg conference: ConferenceEnter",
    ]
