"""What a request's parameters mean. The key sets in tests/data/webhooks are those of the facts sheets (captures where
there are any), with invented numbers; a file's name starts with the kind it must be judged as.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from callflows.models import CallEvent, EventKind
from callflows.providers import NAMES, params, provider_class
from callflows.providers.params import KNOWN, MAX_NAME, MAX_PARAMS, MAX_VALUE, clean, number

DATA = Path(__file__).parents[1] / "data" / "webhooks"
FILES = sorted(DATA.glob("*/*.txt"))
A, B = "5f1c2a34-7f10-4c2e-9a55-1b2f00000001", "5f1c2a34-7f10-4c2e-9a55-1b2f00000002"


def read(path: Path) -> list[tuple[str, str]]:
    return parse_qsl(path.read_text().strip(), keep_blank_values=True, strict_parsing=True)


def parse(params: list[tuple[str, str]], provider: str = "plivo") -> CallEvent:
    return provider_class(provider)(auth_id="", auth_tokens=[], api_url="").parse(params)


def event(provider: str, name: str) -> CallEvent:
    return parse(read(DATA / provider / f"{name}.txt"), provider)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_kind(path: Path) -> None:
    assert parse(read(path), path.parent.name).kind == path.stem.partition(".")[0]


def test_every_kind_has_a_sample_of_every_provider() -> None:
    for provider in NAMES:
        assert {path.stem.partition(".")[0] for path in FILES if path.parent.name == provider} == {*EventKind}


def test_raw_holds_every_wire_name() -> None:
    for path in FILES:
        assert parse(read(path), path.parent.name).raw == dict(read(path))


def test_the_samples_hold_no_real_number() -> None:
    for path in FILES:
        numbers = [value for _, value in read(path) if re.fullmatch(r"\+?1[0-9]{10}", value)]
        assert all(re.fullmatch(r"\+?141555501[0-9]{2}", value) for value in numbers), path


@pytest.mark.parametrize(
    "params",
    [
        [("HangupCause", "NORMAL_CLEARING")],
        [("Event", "Hangup")],
        [("Event", "hangup"), ("CallStatus", "busy")],
        [("HangupCause", "X"), ("Event", "StartApp"), ("Digits", "1")],
    ],
)
def test_hangup(params: list[tuple[str, str]]) -> None:
    assert parse(params).kind is EventKind.HANGUP


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ([], EventKind.DOCUMENT),
        ([("Event", "")], EventKind.DOCUMENT),
        ([("CallStatus", "ringing")], EventKind.DOCUMENT),
        ([("CallStatus", "ringing"), ("Event", "StartApp"), ("Direction", "inbound")], EventKind.DOCUMENT),
        ([("HangupCause", ""), ("Event", "StartApp")], EventKind.DOCUMENT),
        ([("DialHangupCause", "USER_BUSY"), ("DialStatus", "busy")], EventKind.DIAL_RESULT),
        ([("Event", "DialAction")], EventKind.DIAL_RESULT),
        ([("Event", "DialAnswer")], EventKind.DIAL_ANSWER),
        ([("DialAction", "somethingNew")], EventKind.OTHER),
        ([("Event", "DroppedStream")], EventKind.STREAM),
        ([("Event", "ClearedAudio")], EventKind.STREAM),
        ([("Event", "ConferenceDigitsMatch")], EventKind.CONFERENCE),
        ([("Speech", "yes")], EventKind.INPUT),
    ],
)
def test_kinds_at_the_edges(params: list[tuple[str, str]], kind: EventKind) -> None:
    assert parse(params).kind is kind


def test_call_values() -> None:
    found = event("plivo", "document.answer-inbound").call
    assert (found.uuid, found.from_number, found.to_number) == (A, "+14155550123", "+14155550100")
    assert (found.direction, found.status, found.forwarded_from) == ("inbound", "ringing", "+14155550199")
    assert (found.a_leg_uuid, found.request_uuid, found.caller_name) == ("", "", "")
    found = event("plivo", "document.answer-outbound").call
    assert (found.a_leg_uuid, found.request_uuid) == (A, A)
    assert event("plivo", "recording.transcription").call.uuid == A
    assert event("plivo", "conference.multi-party").call.uuid == B


def test_sip() -> None:
    found = event("plivo", "document.answer-sip").call
    assert found.from_number == "sip:ann@phone.example.com"
    assert found.sip_headers == {"Account": "42", "To": "desk"}  # X-PH-To before SIP's own
    found = event("vobiz", "document.answer-sip-headers").call
    assert found.sip_headers == {"Ticket": "7", "Origin": "make"}
    assert parse([("X-VH-Ticket", "7"), ("X-PH-", "x")]).call.sip_headers == {}  # Plivo has no X-VH-


def test_hangup_values() -> None:
    found = event("vobiz", "hangup.full")
    assert (found.hangup_cause, found.hangup_code, found.hangup_source) == ("NORMAL_CLEARING", "4000", "Callee")
    assert found.dial.hangup_cause == ""


def test_dial_values() -> None:
    result = event("vobiz", "dial-result.action")
    assert (result.dial.status, result.dial.hangup_cause, result.dial.b_leg_uuid) == ("no-answer", "NO_ANSWER", "")
    assert result.hangup_cause == ""
    news = event("plivo", "dial-hangup.callback").dial
    assert (news.status, news.hangup_cause, news.hangup_code) == ("hangup", "USER_BUSY", "3010")
    assert (news.a_leg_uuid, news.b_leg_uuid, news.b_leg_number) == (A, B, "+14155550147")


def test_input_values() -> None:
    speech = event("vobiz", "input.speech").input
    assert (speech.type, speech.digits, speech.speech) == ("speech", "", "I would like to speak to sales")
    assert speech.confidence == "0.9123"
    digits = event("plivo", "input.getdigits").input
    assert (digits.type, digits.digits, digits.speech) == ("dtmf", "1234", "")
    assert event("vobiz", "input.gather-timeout").input.type == ""


def test_recording_values() -> None:
    found = event("plivo", "recording.callback").recording
    assert (found.url, found.duration) == ("https://media.example.com/r.mp3", "14")
    assert event("vobiz", "recording.action-at-start").recording.duration == "-1"
    assert parse([("RecordFile", "https://m.example.com/f")]).recording.url == "https://m.example.com/f"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("14155550123", "+14155550123"),
        ("+14155550123", "+14155550123"),
        ("1234567", "+1234567"),
        ("123456789012345", "+123456789012345"),
        ("123456", "123456"),
        ("1234567890123456", "1234567890123456"),
        ("anonymous", "anonymous"),
        ("", ""),
        ("++14155550123", "++14155550123"),
        ("14155550123\n", "14155550123\n"),
        ("١٤١٥٥٥٥٠١٢٣", "١٤١٥٥٥٥٠١٢٣"),
        ("１４１５５５５０１２３", "１４１５５５５０１２３"),
        ("1415-555-0123", "1415-555-0123"),
        ("sip:14155550123@example.com", "sip:14155550123@example.com"),
    ],
)
def test_number(value: str, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain text & <b>", "plain text & <b>"),
        ("a\x00b\x08c\x1b[31md", "abc[31md"),
        ("one\r\ntwo\rthree\nfour\tfive", "one two three four five"),
        ("Caf\udce9", "Caf\ufffd"),
        ("\ud83d", "\ufffd"),
        ("a\ue000b\ue0ffc\ue100", "abc\ue100"),
        ("x\ufffe\uffffy", "xy"),
        ("é密😀\U0010ffff", "é密😀\U0010ffff"),
    ],
)
def test_scrub(value: str, expected: str) -> None:
    assert clean(value) == expected


@given(st.text(st.characters()))
def test_scrubbed_text_is_good_for_any_xml_document(value: str) -> None:
    cleaned = clean(value)
    element = etree.Element("a", b=cleaned)
    element.text = cleaned
    back = etree.fromstring(etree.tostring(element))
    assert back.get("b") == cleaned
    assert (back.text or "") == cleaned
    assert clean(cleaned) == cleaned


def test_limits() -> None:
    found = parse([("From", "x" * 10_000), ("n" * 1000, "y")]).raw
    assert len(found["From"]) == MAX_VALUE
    assert found["n" * MAX_NAME] == "y"
    many = parse([(f"p{n}", "1") for n in range(1000)])
    assert len(many.raw) == MAX_PARAMS
    assert len(parse([("x" * 5, str(n)) for n in range(1000)] + [("CallUUID", A)]).raw) == 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_a_caller_adds_pushes_nothing_out(path: Path) -> None:
    added = [(f"X-PH-{n}", "1") for n in range(MAX_PARAMS + 5)]
    plain = parse(read(path), path.parent.name)
    stuffed = parse(added + read(path), path.parent.name)
    assert len(stuffed.raw) <= MAX_PARAMS + len(KNOWN)
    assert list(stuffed.raw)[:MAX_PARAMS] == [name for name, _ in added[:MAX_PARAMS]]
    without = replace(stuffed.call, sip_headers=plain.call.sip_headers)
    assert replace(stuffed, raw=plain.raw, call=without) == plain


def test_every_name_that_is_read_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    class Noting(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return super().get(name, default)

    monkeypatch.setattr(params, "collect", lambda sent: Noting(sent))
    for sent in ([], [("DialStatus", "x"), ("RecordUrl", ""), ("Digits", "")], [("InputType", "")]):
        parse(sent)
    assert {"CallUUID", "DialBLegUUID", "recording_id", "SpeechConfidenceScore"} <= read
    assert read <= KNOWN


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://f.example.com/flows/plivo/hold/aleg?t=abc-_.Z1", "https://f.example.com/flows/plivo/hold/aleg?t=…"),
        ("https://f.example.com/x/events/vobiz?a=1&t=abc&b=2", "https://f.example.com/x/events/vobiz?a=1&t=…&b=2"),
        ("https://f.example.com/flows/p/f/s?t=abc#ct=2000", "https://f.example.com/flows/p/f/s?t=…#ct=2000"),
        ('{"aleg_url": "https://f/flows/p/f/s?t=abc", "x": 1}', '{"aleg_url": "https://f/flows/p/f/s?t=…", "x": 1}'),
        ("https://f/flows/p/f/s?t=a\x00bc https://f/events/p?t=d", "https://f/flows/p/f/s?t=… https://f/events/p?t=…"),
        ("https://f/flows/p/f/s?t=" + "x" * MAX_VALUE, "https://f/flows/p/f/s?t=…"),
        ("https://elsewhere.example.com/music?t=30", "https://elsewhere.example.com/music?t=30"),
        ("https://f/flows/p/f/s?start=1", "https://f/flows/p/f/s?start=1"),
        ("https://f/flows/p/f/s?t=", "https://f/flows/p/f/s?t="),
    ],
)
def test_the_token_of_an_echoed_url_is_left_out(value: str, expected: str) -> None:
    assert clean(value) == expected
    assert clean(expected) == expected
    assert parse([("AnswerURL", value)]).raw == {"AnswerURL": expected}


def test_the_first_of_a_repeated_name_wins_and_our_token_is_left_out() -> None:
    found = parse([("t", "secret"), ("From", "a"), ("From", "b"), ("", "x"), ("\x00", "y"), ("t", "other")])
    assert found.raw == {"From": "a"}


def test_names_are_scrubbed_too() -> None:
    assert parse([("Fr\x00om", "14155550123")]).raw == {"From": "14155550123"}


def test_numbers_in_raw_stay_as_received() -> None:
    found = parse([("From", "14155550123")])
    assert found.raw["From"] == "14155550123"
    assert found.call.from_number == "+14155550123"


def test_encoded_plus() -> None:
    text = f"From={quote('+14155550123')}"
    assert parse(parse_qsl(text)).call.from_number == "+14155550123"
