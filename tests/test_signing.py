"""Tokens: what we sign we read again, on the same path and in time; anything else is refused, never a crash."""

from __future__ import annotations

import base64
import hashlib
import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from callflows.errors import TokenExpired, TokenInvalid, TokenTooLong
from callflows.models import Leg
from callflows.signing import MAX_TOKEN, Token, TokenSigner

PATH = "/flows/plivo/menu/aleg"
SIGNER = TokenSigner(["key-of-tests"])
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tables = st.dictionaries(texts, texts | st.integers() | st.booleans(), max_size=3)
tokens = st.builds(
    Token,
    call_uuid=texts,
    transfer_id=texts,
    leg=texts,
    params=tables,
    state=tables,
    version=texts,
    hops=st.integers(0, 10**6),
    tries=st.integers(0, 9),
    expires=st.none() | st.integers(0, 2**40),
)


def signed(payload: Any, path: str = PATH, version: str = "1", key: str = "key-of-tests") -> str:
    """As our key would sign it, whatever it is."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    body = version + base64.urlsafe_b64encode(data).decode().rstrip("=")
    signer = Signer([key], salt="callflows.token.v1", key_derivation="hmac", digest_method=hashlib.sha256)
    return body + "." + signer.get_signature(f"{path}\n{body}".encode()).decode()


@given(token=tokens, path=texts)
def test_what_is_signed_is_read(token: Token, path: str) -> None:
    text = SIGNER.sign(path, token)
    assert SIGNER.read(path, text, now=-1) == token
    assert len(text) <= MAX_TOKEN
    assert set(text) <= set(ALPHABET)
    assert text[0] == "1"


@given(one=texts, two=texts)
def test_a_token_is_for_one_path(one: str, two: str) -> None:
    text = SIGNER.sign(one, Token(call_uuid="x"))
    if one != two:
        with pytest.raises(TokenInvalid):
            SIGNER.read(two, text)


def test_not_even_a_sibling_path() -> None:
    text = SIGNER.sign(PATH, Token())
    for path in (
        PATH + "/",
        PATH.upper(),
        PATH + "x",
        "/flows/vobiz/menu/aleg",
        PATH.replace("aleg", "bleg"),
        "",
        "\ud800",
    ):
        with pytest.raises(TokenInvalid):
            SIGNER.read(path, text)


def test_a_change_anywhere_is_seen() -> None:
    text = SIGNER.sign(PATH, Token(call_uuid="abc", params={"to": "+14155550123"}, expires=2**40))
    for at in range(len(text)):
        for other in "A", "b", "-", "=", "+", "/", ".", "\n", "é", "1", "2":
            changed = text[:at] + other + text[at + 1 :]
            if changed != text:
                with pytest.raises(TokenInvalid):
                    SIGNER.read(PATH, changed)
        for changed in (
            text[:at],
            text[:at] + text[at + 1 :],
            text[:at] + "A" + text[at:],
            text[:at] + "!" + text[at:],
        ):
            with pytest.raises(TokenInvalid):
                SIGNER.read(PATH, changed)
    for changed in (text + "=", text + "A", " " + text, text + "\n", text + ".", text * 2):
        with pytest.raises(TokenInvalid):
            SIGNER.read(PATH, changed)


def test_every_last_character_but_the_right_one_is_refused() -> None:
    """The last character of a MAC holds two bits that mean nothing."""
    text = SIGNER.sign(PATH, Token())
    read = 0
    for last in ALPHABET:
        try:
            SIGNER.read(PATH, text[:-1] + last)
            read += 1
        except TokenInvalid:
            pass
    assert read == 1


@given(st.text(max_size=60) | st.from_regex(r"1[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_a_strangers_text_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        SIGNER.read(PATH, text)


def test_keys_are_rotated_by_adding_the_new_one_at_the_end() -> None:
    old, both, new = TokenSigner(["old"]), TokenSigner(["old", "new"]), TokenSigner(["new"])
    token = Token(call_uuid="x")
    assert both.read(PATH, old.sign(PATH, token)) == new.read(PATH, both.sign(PATH, token)) == token
    for reader, writer in ((old, both), (new, old), (old, new)):
        with pytest.raises(TokenInvalid, match="SECRET_KEYS"):
            reader.read(PATH, writer.sign(PATH, token))


@pytest.mark.parametrize("keys", [[], [""], ["good", " "], ["\n"]])
def test_there_is_no_signing_without_a_key(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one key"):
        TokenSigner(keys)


def test_a_token_expires_to_the_second() -> None:
    text = SIGNER.sign(PATH, Token(expires=1000))
    assert SIGNER.read(PATH, text, now=999.9).expires == 1000
    for now in (1000, 1000.1, 2e9):
        with pytest.raises(TokenExpired):
            SIGNER.read(PATH, text, now=now)
    assert SIGNER.read(PATH, SIGNER.sign(PATH, Token()), now=1e12).expires is None
    with pytest.raises(TokenExpired):
        SIGNER.read(PATH, SIGNER.sign(PATH, Token(expires=0)))


def test_the_limit_is_exact() -> None:
    def token(size: int) -> Token:
        return Token(state={"x": "a" * size})

    sizes = {size: len(SIGNER.sign(PATH, token(size))) for size in range(1280, 1303)}
    assert MAX_TOKEN in sizes.values()
    assert max(sizes.values()) == MAX_TOKEN
    size = next(size for size, length in sizes.items() if length == MAX_TOKEN)
    assert SIGNER.read(PATH, SIGNER.sign(PATH, token(size))) == token(size)
    size = max(sizes) + 1
    with pytest.raises(TokenTooLong, match="1801 characters; the limit is 1800"):
        SIGNER.sign(PATH, token(size))
    with pytest.raises(TokenInvalid, match="longer"):
        SIGNER.read(PATH, signed({"s": {"x": "a" * size}}))


@pytest.mark.parametrize(
    "payload",
    [
        {"c": 5},
        {"c": None},
        {"x": ["t"]},
        {"l": {}},
        {"v": 1.5},
        {"p": []},
        {"p": "to"},
        {"p": None},
        {"p": {"to": 1.5}},
        {"p": {"to": None}},
        {"p": {"to": ["x"]}},
        {"s": {"a": {"b": 1}}},
        {"h": "5"},
        {"h": None},
        {"h": 1e400},
        {"r": [1]},
        {"e": "never"},
        {"e": 1.5},
        {"e": []},
        [],
        ["c"],
        "c",
        5,
        None,
        b"",
        b"\xff\xfe",
        b"{",
        b"NaN",
        b"[" * 1200,
    ],
)
def test_what_another_version_signed_ill_typed_is_refused(payload: Any) -> None:
    with pytest.raises(TokenInvalid):
        SIGNER.read(PATH, signed(payload))


def test_what_another_version_added_is_passed_over_and_what_it_left_out_is_empty() -> None:
    assert SIGNER.read(PATH, signed({"c": "x", "new": {"deep": [1]}, "call_uuid": "y"})) == Token(call_uuid="x")
    assert SIGNER.read(PATH, signed({})) == Token()


def test_another_format_is_refused_though_our_key_signed_it() -> None:
    for version in ("0", "2", "", "v"):
        with pytest.raises(TokenInvalid):
            SIGNER.read(PATH, signed({"c": "x"}, version=version))


def test_values_of_ours_that_are_not_plain_json_are_signed_too() -> None:
    text = SIGNER.sign(PATH, Token(leg=Leg.A, params=MappingProxyType({"a": 1}), state={"s": "\ud800"}))
    assert SIGNER.read(PATH, text) == Token(leg="aleg", params={"a": 1}, state={"s": "?"})


def test_an_empty_token_is_short() -> None:
    assert len(SIGNER.sign(PATH, Token())) < 60
