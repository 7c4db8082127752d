"""Vobiz signs the bare URL, not what Plivo signs: the vectors of the facts sheet (section 4) and the spellings."""

from __future__ import annotations

import base64
import hmac

import pytest

from callflows.models import Signature, WebhookRequest
from callflows.providers.vobiz import Vobiz

T = "test_auth_token_123"
URL = "https://hooks.example.com/vobiz/transfer?tid=42&x=%2B1"
V2_NONCE, V2 = "12345678901234567890", "qDeo5f4AxYi7JYbt213Q7mzewislkAr6VWA62N+MH4U="
V3_NONCE, V3 = "98765432109876543210", "ZwqqvXUcoKH13JNTqtvksAfe4kRjw4h2iEKxZg1/JXA="
PLIVO_STYLE = "tPHIjtLQzTiSyyXQjb7VkkYONg8HT9BAJg0yzDdnr+A="
FORM = (("CallUUID", "u1"), ("From", "14155550100"), ("To", "14155550101"))


def vobiz(*tokens: str) -> Vobiz:
    return Vobiz(auth_id="MA_TEST", auth_tokens=tokens or (T,), api_url="http://127.0.0.1:1/api/v1")


def request(url: str = URL, **headers: str) -> WebhookRequest:
    names = {f"x-vobiz-signature-{name.replace('_', '-')}": value for name, value in headers.items()}
    return WebhookRequest(method="POST", path="/vobiz/transfer", url=url, headers=names, form=FORM)


def v3(base: str, token: str = T, nonce: str = V3_NONCE) -> str:
    return base64.b64encode(hmac.digest(token.encode(), f"{base}.{nonce}".encode(), "sha256")).decode()


def test_vectors() -> None:
    assert vobiz().verify(request(v3=V3, v3_nonce=V3_NONCE)) is Signature.VALID
    assert vobiz().verify(request(v2=V2, v2_nonce=V2_NONCE)) is Signature.VALID
    assert vobiz().verify(request(ma_v3=V3, v3_nonce=V3_NONCE)) is Signature.VALID
    assert vobiz().verify(request(ma_v2=V2, v2_nonce=V2_NONCE)) is Signature.VALID


def test_plivos_rule_is_refused() -> None:
    assert vobiz().verify(request(v3=PLIVO_STYLE, v3_nonce=V3_NONCE)) is Signature.WRONG


def test_nonces_are_not_interchangeable() -> None:
    assert vobiz().verify(request(v3=V3, v3_nonce=V2_NONCE)) is Signature.WRONG
    assert vobiz().verify(request(v3=V3, v2_nonce=V3_NONCE)) is Signature.WRONG
    assert vobiz().verify(request(v2=V3, v2_nonce=V3_NONCE)) is Signature.WRONG


def test_any_right_header_is_enough_as_all_cover_the_same() -> None:
    every = {"v3": "AAAA", "ma_v3": "AAAA", "v3_nonce": V3_NONCE, "v2": "AAAA", "v2_nonce": V2_NONCE}
    assert vobiz().verify(request(**every)) is Signature.WRONG
    for name, right in (("v3", V3), ("ma_v3", V3), ("v2", V2), ("ma_v2", V2)):
        assert vobiz().verify(request(**{**every, name: right})) is Signature.VALID
    assert vobiz().verify(request(v3=V3, v2=V2, v2_nonce=V2_NONCE)) is Signature.VALID  # V3 lacks its nonce


def test_the_parent_accounts_token() -> None:
    given = request(v3="AAAA", ma_v3=v3("https://hooks.example.com/vobiz/transfer", "parent"), v3_nonce=V3_NONCE)
    assert vobiz(T, "parent").verify(given) is Signature.VALID
    assert vobiz(T).verify(given) is Signature.WRONG


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("https://h.example.com/a%20b", "https://h.example.com/a%20b"),
        ("https://h.example.com/a%20b", "https://h.example.com/a b"),
        ("https://h.example.com/%C3%A9?x=1", "https://h.example.com/é"),
        ("https://h.example.com/a", "https://h.example.com:443/a"),
        ("http://127.0.0.1/a", "http://127.0.0.1:80/a"),
        ("https://h.example.com:443/a", "https://h.example.com/a"),
        ("https://h.example.com:8443/a#ct=1", "https://h.example.com:8443/a"),
        ("https://h.example.com:8443/a", "https://h.example.com/a"),
        ("https://h.example.com", "https://h.example.com"),
    ],
)
def test_spellings_of_the_base(called: str, signed: str) -> None:
    assert vobiz().verify(request(called, v3=v3(signed), v3_nonce=V3_NONCE)) is Signature.VALID


@pytest.mark.parametrize(
    "signed",
    [
        "https://hooks.example.com/vobiz/transfer?tid=42&x=%2B1",
        "http://hooks.example.com/vobiz/transfer",
        "https://hooks.example.com/vobiz/transfer/",
        "https://hooks.example.com:8443/vobiz/transfer",
        "https://example.com/vobiz/transfer",
    ],
)
def test_other_bases_are_wrong(signed: str) -> None:
    assert vobiz().verify(request(v3=v3(signed), v3_nonce=V3_NONCE)) is Signature.WRONG


def test_v1_alone_is_unsigned() -> None:
    given = WebhookRequest(
        method="POST", path="/x", url=URL, headers={"x-vobiz-signature": "EJEt0ELanhr8hjMPIJnLNLex0dE="}, form=FORM
    )
    assert vobiz().verify(given) is Signature.ABSENT
