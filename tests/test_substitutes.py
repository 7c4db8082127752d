"""What stands in a capture instead of what must not be shared."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.substitutes import HOST, REDACTED, Substitutes

from .conftest import CALL

CALLER = "14155550123"
SUBSTITUTES = Substitutes(b"key", secrets=["secret-of-tests"], public_url="https://flows.acme.test/hook")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("", r""),
        ("anonymous", r"anonymous"),
        ("14155550123", r"1\d{3}55501\d\d"),
        (" 14155550123", r" 1\d{3}55501\d\d"),
        ("+14155550123", r"\+1\d{3}55501\d\d"),
        ("4155550123", r"[2-9]\d\d55501\d\d"),
        ("+919812345678", r"\+999\d\d55501\d\d"),
        ("5550123", r"55501\d\d"),
        ("612345678", r"9955501\d\d"),
        ("12345", r"\d{5}"),
        ("1234567890123456", r"\d{16}"),
        ("12*3#", r"\d\d\*\d#"),
        (CALL.upper(), r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-8[0-9A-F]{3}-[0-9A-F]{12}"),
        ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", r"[0-9a-f]{32}"),
        ("sip:alice@203.0.113.5", r"sip:user-[0-9a-f]{8}@192\.0\.2\.\d+"),
        (
            "<sip:+14155550123@acme.test;user=phone>;tag=1",
            r"<sip:\+1\d{3}55501\d\d@h[0-9a-f]{8}\.example\.com;user=phone>",
        ),
        ("sip:acme.test", r"sip:h[0-9a-f]{8}\.example\.com"),
        ("203.0.113.5", r"192\.0\.2\.\d+"),
        ("2001:4860::8888", r"2001:db8::[0-9a-f]+"),
        ("127.0.0.1", r"127\.0\.0\.1"),
        (
            "https://flows.acme.test/hook/flows/plivo/hold/aleg?t=x",
            r"https://flows\.example\.com/flows/plivo/hold/aleg\?t=\[redacted\]",
        ),
        ("https://media.acme.test/v1/alice/x.mp3", r"https://h[0-9a-f]{8}\.example\.com/v1/\[redacted\]/\[redacted\]"),
        ("https://[broken", r"\[redacted\]"),
        ("1980-01-01", r"\[redacted\]"),
        ("Alice", r"\[redacted\]"),
        ("\udcff", r"\[redacted\]"),
    ],
)
def test_shapes(value: str, shape: str) -> None:
    found = SUBSTITUTES.param("Unknown", value)
    assert re.fullmatch(shape, found), found
    assert SUBSTITUTES.param("Unknown", value) == found


@pytest.mark.parametrize(
    "name", ["Speech", "StableSpeech", "CallerName", "ParentAuthID", "auth_id", "t", "transcription"]
)
@pytest.mark.parametrize("value", [CALL, CALLER, "12", "anonymous"])
def test_some_names_hide_whatever_they_hold(name: str, value: str) -> None:
    assert SUBSTITUTES.param(name, value) == REDACTED


def test_a_number_is_the_same_in_every_spelling() -> None:
    spellings = [SUBSTITUTES.param("From", number) for number in ("4155550123", "14155550123", "+14155550123")]
    assert spellings == [spellings[0], f"1{spellings[0]}", f"+1{spellings[0]}"]
    assert SUBSTITUTES.param("To", "+14155550124") != spellings[2]


def test_hosts() -> None:
    assert SUBSTITUTES.header("Host", "flows.acme.test") == HOST
    assert SUBSTITUTES.header("Host", "flows.acme.test:8443") == f"{HOST}:8443"
    assert re.fullmatch(r"h[0-9a-f]{8}\.example\.com", SUBSTITUTES.header("Host", "other.acme.test"))
    assert SUBSTITUTES.header("User-Agent", "of secret-of-tests") == REDACTED


NAMES = st.one_of(
    st.sampled_from(
        ["From", "To", "Event", "Digits", "CallUUID", "Duration", "Speech", "RecordUrl", "SIP-H-From", "X", "t"]
    ),
    st.text(max_size=20),
)
PEOPLE = st.from_regex(r"\A[2-9][0-9]{9}\Z")
AROUND = st.sampled_from(
    [
        "{}",
        "+{}",
        "1{}",
        " {}",
        "<sip:{}@host>",
        "sip:1{}@1.2.3.4",
        "tel:+{}",
        "a {} b",
        "https://x.test/{}",
        "https://x.test/?{}",
        "https://x.test/?a=+1{}",
        "https://flows.acme.test/hook/flows/{}/{}?From={}",
        "{},{}",
        '{{"a": "{}"}}',
        "wss://u:{}@x.test",
    ]
)


@given(name=NAMES, person=PEOPLE, around=AROUND, before=st.text(max_size=5))
def test_a_number_never_stays(name: str, person: str, around: str, before: str) -> None:
    """In whatever it stands, under whatever name, as a header and as a name of its own."""
    for text in (around.replace("{}", person), before + around.replace("{}", person)):
        assert person not in SUBSTITUTES.param(name, text)
        assert person not in SUBSTITUTES.header(name, text)
        assert person not in SUBSTITUTES.header("User-Agent", text)
        assert person not in SUBSTITUTES.name(text)
        assert person not in SUBSTITUTES.url(text)


PLAIN = (
    "415 555 0123",
    "(415) 555-0123",
    "415-555-0123",
    "415.555.0123",
    "415/555/0123",
    "+1 415-555-0123",
    "4155550123",
)


@pytest.mark.parametrize("number", PLAIN)
@pytest.mark.parametrize(
    "around", ["{}", "Call {}", "x{}", "a_{}", "https://flows.acme.test/hook/flows/plivo/{}/a?{}=1"]
)
def test_a_number_never_stays_however_it_is_written(number: str, around: str) -> None:
    text = around.replace("{}", number)
    names = ("Event", "HangupCause", "CountryCode", "Duration", "MemberID", "StartTime", "RecordUrl", "ConferenceName")
    made = [SUBSTITUTES.param(name, text) for name in names]
    made += [SUBSTITUTES.header(name, text) for name in ("User-Agent", "Accept", "Content-Type", "Host", "Referer")]
    made += [SUBSTITUTES.name(text), SUBSTITUTES.url(text)]
    for found in made:
        assert "4155550123" not in re.sub(r"\D", "", found), found


@pytest.mark.parametrize(
    "value", ["42", "-1", "0.00850", "86400000", "1695629284", "1695629284000", "2026-09-16T11:34:33Z"]
)
def test_a_measure_stays(value: str) -> None:
    assert SUBSTITUTES.param("Duration", value) == value


@pytest.mark.parametrize("value", ["14155550123", "4155550123", "919812345678", "٤٢", "1.4155550123", "canary"])
def test_what_is_no_measure_does_not_stay_as_one(value: str) -> None:
    assert SUBSTITUTES.param("Duration", value) != value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            "Mozilla/5.0 (X11) Chrome/119.0.6045.105 Safari/537.36",
            "Mozilla/5.0 (X11) Chrome/119.0.6045.105 Safari/537.36",
        ),
        ("Platform of alice@acme.test", REDACTED),
        ("Bot (+https://acme.test/alice?key=canary)", REDACTED),
    ],
)
def test_what_stays_of_a_plain_header(value: str, shown: str) -> None:
    assert SUBSTITUTES.header("User-Agent", value) == shown


@given(st.text(), st.text(st.characters(codec=None)))
def test_whatever_comes_can_be_written(name: str, value: str) -> None:
    made = [SUBSTITUTES.pairs([(name, value)]), SUBSTITUTES.headers([(name, value)]), SUBSTITUTES.url(value)]
    assert json.loads(json.dumps(made).encode()) == made
    assert made == [SUBSTITUTES.pairs([(name, value)]), SUBSTITUTES.headers([(name, value)]), SUBSTITUTES.url(value)]


@given(st.lists(st.from_regex(r"\A\+?[0-9]{7,15}\Z"), min_size=1, max_size=5))
def test_numbers_keep_their_length_and_are_nobodys(numbers: list[str]) -> None:
    for number in numbers:
        found = SUBSTITUTES.param("From", number)
        assert len(found) == len(number)
        assert found.startswith("+") == number.startswith("+")
        assert re.search(r"55501\d\d\Z", found)
        assert found != number
