"""What operators and applications read afterwards of a call that a shipped flow had."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from callflows.cli import main
from callflows.flow_site import FlowSite
from callflows.needs import Needs
from callflows.simulator.rehearsing import Call, Phone

AGENT = "+14155550123"


def shown(phone: Phone, call: Call) -> dict[str, Any]:
    """`callflows calls show CALL --json`."""
    site = phone.site
    assert isinstance(site, FlowSite)
    site.needs.catch_up()
    settings = {"CALLFLOWS_STATE_DIR": str(site.runtime.settings.state_dir)}
    told = CliRunner().invoke(main, ["calls", "show", call.uuid, "--json"], env=settings).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def recordings(phone: Phone, call: Call) -> list[str]:
    """Where they are, as callflows was told."""
    exchanges = shown(phone, call)["exchanges"]
    told = [each["params"] for each in exchanges if each["kind"] == "recording"]
    return [each.get("RecordUrl") or each["RecordFile"] for each in told]


def test_a_number_to_call_back(phone: Phone) -> None:
    call = phone.dial("callback").hears("We will call you back").press("2").hears("key in your number")
    call.press("4155550199#").hears("Your number is 4, 1, 5").press("1").hears("Thank you").is_hung_up(4000)
    found = shown(phone, call)
    assert (found["flow"], found["step"]) == ("callback", "noted")
    noted = [each for each in found["exchanges"] if each["step"] == "noted"]
    assert [each["state"]["number"] for each in noted] == ["4155550199"]


def test_a_message(phone: Phone) -> None:
    call = phone.dial("voicemail").hears("beep").say("Hello, this is Ann. Please call me back.")
    call.hears("We have your message").is_hung_up(4000)
    (kept,) = phone.platform.recordings.as_list()
    assert kept["words"] == "Hello, this is Ann. Please call me back."
    assert recordings(phone, call) == [kept["url"]]


def test_consent_comes_before_the_recording_and_the_recording_before_the_dial(phone: Phone) -> None:
    phone.number(AGENT, after=4, hangs_up_after=90)
    call = phone.dial("consent").hears("To agree, press 1").say("Yes, yes.", at_once=True).wait(2).press("1")
    call.is_connected_to(AGENT).say("My number is seventeen.", at_once=True)
    phone.person(AGENT).say("I see.", at_once=True)
    call.is_hung_up()
    (kept,) = phone.platform.recordings.as_list()
    assert kept["words"] in ("My number is seventeen. I see.", "I see. My number is seventeen.")
    assert kept["seconds"] > 90  # Plivo would stop after 60
    assert recordings(phone, call) == [kept["url"]]


def test_nobody_is_recorded_without_consent(phone: Phone) -> None:
    phone.number(AGENT, after=4, hangs_up_after=20)
    call = phone.dial("consent").hears("To agree, press 1").press("2").is_connected_to(AGENT)
    call.is_hung_up()
    assert phone.platform.recordings.as_list() == []
    assert recordings(phone, call) == []


def test_a_slot_cannot_be_seen_while_the_store_is_away(phone: Phone) -> None:
    """Who is parked hears music; who comes for them is told, and not left alone."""
    site = phone.site
    assert isinstance(site, FlowSite)
    site.runtime.needs = Needs("sqlite:////nowhere/callflows.db")
    parked = phone.dial("park/aleg", {"slot": "3"}).hears("music.wav")
    phone.dial("park/retrieve", {"slot": "3"}, caller="+14155550144").hears("We see nobody in slot 3").is_hung_up(4000)
    parked.hears("music.wav").is_not_hung_up()
