"""What the official Python builder makes of its own arguments is accepted, warnings aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from plivo import plivoxml

from callflows.documents import DIALECTS, judge_bytes

URL = "https://flows.example.com/x"


def build(name: str, content: str | None = None, /, **arguments: Any) -> Any:
    kind = getattr(plivoxml, f"{name}Element")
    return kind(**arguments) if content is None else kind(content, **arguments)


def speak() -> Any:
    node = build("Speak", "Hello", voice="Polly.Joanna", language="en-US", loop=2)
    node.add_break(strength="weak", time="1s")
    node.add_emphasis("x", level="strong")
    node.add_lang("x", xmllang="fr-FR")
    node.add_p("x")
    node.add_phoneme("x", alphabet="ipa", ph="x")
    node.add_prosody("x", volume="loud", rate="slow", pitch="high")
    node.add_s("x")
    node.add_say_as("12", interpret_as="cardinal")
    node.add_sub("x", alias="y")
    node.add_w("x", role="amazon:VB")
    return node


def dial() -> Any:
    node = build(
        "Dial", action=URL, method="POST", hangup_on_star=True, time_limit=60, timeout=20, caller_id="14155550123",
        caller_name="Desk", confirm_sound=URL, confirm_timeout=10, confirm_key="1", dial_music="real", callback_url=URL,
        callback_method="GET", redirect=False, digits_match="1,2", digits_match_b_leg="3", sip_headers="a=1,b=2",
    )  # fmt: skip
    node.add(build("Number", "14155550123", send_digits="wW1", send_on_preanswer=True, send_digits_mode="rfc2833"))
    node.add(build("User", "sip:a@phone.example.org", send_digits="1", send_on_preanswer=False, sip_headers="a=1"))
    return node


def prompts(node: Any) -> Any:
    return (
        node.add(build("Speak", "Press 1")).add(build("Play", "https://a.example/a.mp3")).add(build("Wait", length=1))
    )


BUILT: dict[str, Callable[[], Any]] = {
    "Speak": speak,
    "Play": lambda: build("Play", "https://a.example/a.mp3", loop=0),
    "Wait": lambda: build("Wait", length=5, silence=True, min_silence=2000),
    "Wait-beep": lambda: build("Wait", length=5, beep=True),
    "Redirect": lambda: build("Redirect", URL, method="POST"),
    "Hangup": lambda: build("Hangup", reason="busy"),
    "Dial": dial,
    "GetDigits": lambda: prompts(build(
        "GetDigits", action=URL, method="POST", timeout=7, digit_timeout=3, finish_on_key="#", num_digits=4, retries=1,
        redirect=True, play_beep=False, valid_digits="1234567890*#", log=True,
    )),
    "GetInput": lambda: prompts(build(
        "GetInput", action=URL, method="POST", input_type="dtmf speech", execution_timeout=10, digit_end_timeout=3,
        speech_end_timeout=3, finish_on_key="#", num_digits=4, speech_model="default", hints="a,b",
        language="en-US", interim_speech_results_callback=URL, interim_speech_results_callback_method="POST", log=True,
        redirect=True, profanity_filter=False,
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT)
def test_builder(name: str) -> None:
    response: Any = plivoxml.ResponseElement
    document = response().add(BUILT[name]()).to_string()
    for provider in DIALECTS:
        verdict = judge_bytes(document.encode(), provider)
        refused = [problem for problem in verdict.problems if problem.severity == "error"]
        expected = {"rule.no-equivalent"} if provider != "plivo" else set()  # Wait in prompts, sendDigitsMode
        assert {problem.code for problem in refused} <= expected, refused
        assert not verdict.blocked
