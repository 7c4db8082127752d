"""No secret reaches a log, whoever wrote the line; and nobody but us begins a line."""

from __future__ import annotations

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.logs import HIDDEN, RedactingFormatter, Redactor, configure
from callflows.signing import Token, TokenSigner

SECRET = "s3cret+of/tests=="
PLAIN, MASKED = Redactor([SECRET]), Redactor([SECRET], mask_numbers=True)


@pytest.mark.parametrize(
    "text",
    [
        "GET /flows/plivo/f/aleg?t=1hiddenpart.hiddenpart HTTP/1.1",
        "/f?a=1&t=1hiddenpart&b=2",
        "/f?a=1&amp;t=1hiddenpart&amp;b=2",
        "next=https%3A%2F%2Fx%2Ff%3Ft%3D1hiddenpart",
        "next=%2Ff%3Fa%3D1%26t%3D1hiddenpart",
        "{'Authorization': 'Basic hiddenpart'}",
        '{"authorization": "Bearer hiddenpart"}',
        '"{\\"authorization\\": \\"Bearer hiddenpart\\"}"',
        "{b'authorization': b'Basic hiddenpart'}",
        "('X-Auth-Token', 'hiddenpart')",
        "[(b'auth-token', b'hiddenpart')]",
        '{"auth-token":"hid\\"hiddenpart"}',
        "Authorization: Basic hiddenpart",
        "authorization:Bearer hiddenpart",
        "Authorization: Token hiddenpart",
        'Authorization: Digest username="hiddenpart", response="hiddenpart"',
        "Proxy-Authorization: hiddenpart",
        "Cookie: session=x; other=hiddenpart",
        "X-Auth-Token=hiddenpart",
        "auth-token: abc, parent-auth-token: hiddenpart",
        "HTTP_X_AUTH_TOKEN=hiddenpart",
        "{'HTTP_AUTHORIZATION': 'Basic hiddenpart'}",
        "sent basic hiddenpart and bearer hiddenpart",
        "postgresql://user:hiddenpart@host/db",
        "postgresql://user:p@hiddenpart@host/db",
        "postgresql+psycopg://:hiddenpart@host/db",
        "https://user:hiddenpart@host/x",
    ],
)
def test_a_secret_in_any_spelling_is_hidden(text: str) -> None:
    assert "hiddenpart" not in PLAIN(text)
    assert HIDDEN in PLAIN(text)


def test_what_stands_around_a_secret_stays() -> None:
    assert PLAIN("GET /f?a=1&t=1abc.d-e&b=2 HTTP/1.1") == f"GET /f?a=1&t={HIDDEN}&b=2 HTTP/1.1"
    assert PLAIN("{'Auth-Token': 'a', 'Host': 'h'}") == f"{{'Auth-Token': '{HIDDEN}', 'Host': 'h'}}"
    assert PLAIN("Authorization: Basic abc\nHost: h") == f"Authorization: {HIDDEN}\nHost: h"
    assert PLAIN("x-auth-token: a, Host: h") == f"x-auth-token: {HIDDEN}, Host: h"
    assert PLAIN("postgresql://user:pw@host/db failed") == f"postgresql://user:{HIDDEN}@host/db failed"


@pytest.mark.parametrize(
    "text",
    [
        "flow menu: version menu-0123456789abcdef is live",
        "call 1ed7fd89-df77-4ebf-8196-d5cf7222c918: /flows/plivo/menu/aleg: the token has expired",
        "http://127.0.0.1:8000/x and mailto:someone@example.com",
        "?at=1 &tt=2 t=3",
        "the author is basic",
    ],
)
def test_honest_text_is_not_touched(text: str) -> None:
    assert PLAIN(text) == text


def test_configured_secrets_are_hidden_as_they_are_and_encoded() -> None:
    assert PLAIN(f"a {SECRET} b s3cret%2Bof%2Ftests%3D%3D c") == f"a {HIDDEN} b {HIDDEN} c"
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh abcd") == f"{HIDDEN} {HIDDEN}"
    assert Redactor(["", "a"])("banana") == "banana"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("from +14155550123 to 14155550124", "from **********23 to *********24"),
        ("From=14155550123&To=%2B14155550124", "From=*********23&To=%2B*********24"),
        ("{'From': '+14155550123'}", "{'From': '**********23'}"),
        ('"To":14155550123', '"To":*********23'),
        ("sip:14155550123@example.com", "sip:*********23@example.com"),
        ("<Number>+14155550123</Number>", "<Number>**********23</Number>"),
        ("/x/14155550123/y", "/x/*********23/y"),
    ],
)
def test_numbers_are_masked_only_when_asked(text: str, masked: str) -> None:
    assert MASKED(text) == masked
    assert PLAIN(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "call 1ed7fd89-df77-4ebf-8196-d5cf7222c918",
        "call 12345678-1234-4567-8196-123456789012",
        "2026-11-23 02:14:00,123 INFO",
        "2026-11-23T02:14:00.1234567Z",
        "at 1795400000.123456",
        "version menu-1234567890123456",
        "transfer 0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "id 12345678901234567890",
        "took 1234.5678901 ms",
        "port 65535, line 123456",
    ],
)
def test_masking_leaves_what_is_no_number(text: str) -> None:
    assert MASKED(text) == text


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_token_in_any_text_is_hidden(before: str, after: str) -> None:
    token = TokenSigner(["key"]).sign("/x", Token(call_uuid="abc"))
    assert token not in PLAIN(f"{before}?t={token} {after}")


@pytest.mark.parametrize(
    "text", ["a", "1", "+1", "a://", "a://b:", "authorization", "auth-token: ", "basic ", "?t=", "'\\"]
)
def test_a_long_line_takes_no_long_time(text: str) -> None:
    started = time.process_time()
    MASKED(text * (60_000 // len(text)))
    assert time.process_time() - started < 1


def line(message: str, *args: object) -> str:
    record = logging.LogRecord("callflows", logging.INFO, "x", 1, message, args, None)
    return RedactingFormatter(PLAIN).format(record)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_value_cannot_begin_a_line(end: str) -> None:
    text = line("speech: %s", f"yes{end}2026-11-23 02:14:00,123 ERROR callflows: forged")
    assert all(row.startswith("  ") for row in text.splitlines()[1:])
    assert len(text.split("\n")) <= 2


def test_a_value_cannot_write_to_the_terminal() -> None:
    assert line("%s", "\x1b[31mred\x07\x00\x9b0m").endswith("\\x1b[31mred\\x07\\x00\\x9b0m")
    assert line("a\tb ü 中").endswith("a\tb ü 中")


def test_the_whole_record_is_redacted_traceback_included(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("callflows")
    before = (logger.handlers[:], logger.level, logger.propagate)
    try:
        configure("INFO", PLAIN)
        configure("INFO", PLAIN)
        assert len(logger.handlers) == 1
        try:
            raise ValueError(f"cannot reach https://u:{SECRET}@h\n2026 forged")
        except ValueError:
            logging.getLogger("callflows.x").exception("failed with %s", {"Authorization": "Basic hiddenpart"})
        logging.getLogger("callflows.x").debug("not shown")
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
    text = capsys.readouterr().err
    assert SECRET not in text
    assert "hiddenpart" not in text
    assert "ValueError" in text
    assert [row for row in text.splitlines()[1:] if not row.startswith("  ")] == []
    assert "not shown" not in text
