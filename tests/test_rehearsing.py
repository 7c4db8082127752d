"""A phone asked for what makes no sense says so in words; scenario files are read as people mean them."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callflows.simulator import Simulator
from callflows.simulator.rehearsing import Call, Phone, Unmet, WebSite, scenario

WEB = "https://shop.test"
AGENT = (
    "<Stream bidirectional='true' keepCallAlive='true'>wss://agent.test/a</Stream><Speak>The agent has gone.</Speak>"
)
MENU = f"<GetInput action='{WEB}/menu' inputType='dtmf' numDigits='1'><Speak>Press 1</Speak></GetInput>"


def shop(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    pages = {"/menu": MENU, "/dial": "<Dial><Number>+14155550123</Number></Dial>", "/agent": AGENT}
    start_response("200 OK", [("Content-Type", "application/xml")])
    return [f"<Response>{pages[environ['PATH_INFO']]}</Response>".encode()]


@pytest.fixture
def phone() -> Iterator[Phone]:
    simulator = Simulator("plivo", apps={WEB: shop})
    yield Phone(simulator, WebSite(WEB))
    simulator.close()


@pytest.fixture
def call(phone: Phone) -> Call:
    return phone.dial("/menu").hears("Press 1")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("phone.dial(None)", "what answers is a text"),
        ("phone.dial('/menu', 'x')", "params are names with values"),
        ("phone.dial('/menu', callr='+14155550123')", "a call has no callr: one of"),
        ("phone.dial('/menu', caller='')", "who calls is a text"),
        ("phone.dial('/menu', line='front desk')", "'front desk' is not a number"),
        ("phone.place('/menu', to=None)", "a number is a text"),
        ("phone.number(3)", "a number is a text"),
        ("phone.number('+14155550123', 'sleepy')", "behaviour is one of answers, busy"),
        ("phone.number('+14155550123', keys=5)", "keys is a list"),
        ("phone.number('+14155550123', keys=[5, '1'])", "keys is a list of [seconds after the answer, digits]"),
        ("phone.person('+14155550123', within=-1)", "within is a number of seconds, not -1"),
        ("phone.transfer('uuid', aleg='/menu')", "what is transferred is a call"),
        ("phone.transfer(call)", "a transfer takes aleg=, bleg=, or both"),
        ("phone.transfer(call, aleg=None, bleg='/menu')", "aleg is where the leg goes"),
        ("phone.wait('5')", "wait is a number of seconds, not '5'"),
        ("phone.finish(None)", "limit is a number of seconds"),
        ("phone.switch(other_legs='x')", "no switch 'other_legs'"),
        ("phone.fault(web=object())", "not JSON serializable"),
        ("phone.next('support', aleg='/menu')", "only flows have queues"),
        ("phone.next(None, aleg='/menu')", "a queue is a text"),
        ("phone.next('support', aleg='')", "where they go is a text"),
        ("phone.rest('POST', 'Call/', {'a': object()})", "not JSON serializable"),
        ("call.hears('')", "what is heard is a text"),
        ("call.hears(re.compile(b'x'))", "what is heard is a text"),
        ("call.hears('x', within='soon')", "within is a number of seconds"),
        ("call.has_not_heard(None)", "what is heard is a text"),
        ("call.press(1)", """keys are a text of 0-9, * and #, as "1", not 1"""),
        ("call.say(' ')", "what is said is a text"),
        ("call.is_connected_to('nobody')", "'nobody' is not a number"),
        ("call.is_in_conference(None)", "a conference's name is a text"),
        ("call.is_streamed_to('')", "a socket's address is a text"),
        ("call.is_streamed_to('wss://agent.test', within=1)", "is streamed to nowhere, not to wss://agent.test"),
        ("call.end_stream()", "is not streamed anywhere"),
        ("call.hang_up().end_stream()", "is not streamed anywhere: the call has ended (4000 Normal Hangup)"),
        ("call.is_hung_up('4010')", "'4010' is no hang-up code: one of 1000, 2000"),
        ("call.hang_up().press('1')", "cannot press 1: the call has ended (4000 Normal Hangup)"),
        ("call.hang_up().is_connected_to('+14155550123')", "to nobody, not to +14155550123: the call has ended (4000"),
        ("call.hang_up().is_not_hung_up()", "was hung up with 4000 (Normal Hangup)"),
        ("call.hears('x', within=0)", 'did not hear "x" within 0 s'),
    ],
)
def test_what_makes_no_sense_or_is_not_so_is_said_in_words(phone: Phone, call: Call, asked: str, said: str) -> None:
    with pytest.raises((ValueError, Unmet), match=re.escape(said)) as caught:
        eval(asked, {"phone": phone, "call": call, "re": re})
    ours = [frame for frame in traceback.extract_tb(caught.value.__traceback__) if "simulator/" in frame.filename]
    assert {Path(frame.filename).name for frame in ours} <= {"wording.py"}  # which hides itself from pytest


def test_who_hung_up_is_told_apart_whatever_the_capitals(call: Call) -> None:
    call.hang_up().is_hung_up(4000, by="caller")


def carried_out(phone: Phone, text: str | bytes, folder: Path) -> None:
    path = folder / "a call.scenario"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    scenario.run(scenario.load(path), phone)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfdial /menu\r\nhears\t'Press 1'\r\npress 1  at  once",
        b"dial /menu\rhears press 1\r+14155550101   presses   1\r",
        "+14155550107 dial /dial\n+14155550107 is  connected  to +14155550123\n+14155550123 hangs up\n",
        "+14155550107 place /menu\n+14155550107 hears 'press 1'\n",
        "dial /agent\nis streamed to wss://agent.test\nstream ends\nhears the agent has gone\n",
        "dial /agent\nis streamed to agent.test/a\nstream is lost\nhears the agent has gone\n",
        "dial /agent\nwait 1\ntransfer stop_stream aleg=/menu\nhears press 1\nhas not heard the agent has gone\n",
        "dial /menu\nfault rest=500\ntransfer aleg=/agent is refused\npress 1\n",
        'dial /menu\nhas not heard \'say "yes"\'\nhas not heard "it\'s"\nis not hung up\n',
    ],
)
def test_files_are_read_as_they_are_meant(phone: Phone, tmp_path: Path, text: str | bytes) -> None:
    carried_out(phone, text, tmp_path)
