"""What the agent is told with the call."""

from __future__ import annotations

import re

import pytest

from callflows.simulator.rehearsing import Phone

AGENT = "sip:agent@phone.example.org"


def told(phone: Phone) -> dict[str, str]:
    """The headers that the agent got, without the platform's own prefix."""
    entry = next(entry for entry in phone.platform.transcript.entries if "sip_headers" in entry.details)
    return {re.sub("^X-(PH|VH)-", "", name): value for name, value in entry.details["sip_headers"].items()}


@pytest.mark.parametrize(("reference", "found"), [("A1B2C3", "A1B2C3"), ("Case 17/+49 №5", "Case17495")])
def test_the_agent_is_told_who_calls_and_why(phone: Phone, reference: str, found: str) -> None:
    phone.number(AGENT, after=4)
    phone.dial("sip-agent", {"agent": AGENT, "reference": reference}).is_connected_to(AGENT)
    assert told(phone) == {"caller": "14155550101", "line": "14155550100", "reference": found}


def test_without_a_reference_none_is_told_and_a_called_person_is_the_caller_too(phone: Phone) -> None:
    phone.number(AGENT, after=4)
    phone.place("sip-agent", {"agent": AGENT, "reference": " - "}, to="+14155550105").is_connected_to(AGENT)
    assert told(phone) == {"caller": "14155550105", "line": "14155550100"}


def test_a_transfer_is_told(phone: Phone) -> None:
    phone.number("+14155550123", after=3)
    phone.number(AGENT, after=4)
    caller = phone.dial("forward", {"to": "+14155550123", "caller_id": "+14155550100"})
    caller.is_connected_to("+14155550123")
    phone.transfer(caller, aleg="sip-agent", params={"agent": AGENT})
    caller.is_connected_to(AGENT)
    assert re.fullmatch("[0-9a-f]{32}", told(phone)["transfer"])
