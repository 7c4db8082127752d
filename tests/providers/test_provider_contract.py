"""What every provider does alike."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.config import Settings
from callflows.errors import RequestInvalid
from callflows.models import CallEvent, EventKind, Signature, WebhookRequest
from callflows.providers import NAMES, Provider, build, provider_class

URL = "https://flows.example.com/flows/x/forward/aleg?t=abc"
FORM = (("CallUUID", "u-1"), ("From", "14155550100"), ("To", "14155550101"))
NONCE = "31627761595286130198"


def plivo_base() -> str:
    return URL + ".CallUUIDu-1From14155550100To14155550101." + NONCE


def vobiz_base() -> str:
    return URL.partition("?")[0] + "." + NONCE


@dataclass(frozen=True)
class Case:
    name: str
    base: Callable[[], str]

    def header(self, suffix: str) -> str:
        return f"x-{self.name}-signature-{suffix}"

    def sign(self, token: str) -> str:
        return base64.b64encode(hmac.digest(token.encode(), self.base().encode(), "sha256")).decode()

    def request(self, signature: str | None, nonce: str | None = NONCE) -> WebhookRequest:
        headers = {"user-agent": "x"}
        if signature is not None:
            headers[self.header("v3")] = signature
        if nonce is not None:
            headers[self.header("v3-nonce")] = nonce
        return WebhookRequest("POST", "/flows/x/forward/aleg", URL, headers, (("t", "abc"),), FORM)

    def provider(self, *tokens: str) -> Provider:
        return provider_class(self.name)(
            auth_id="MA_TEST", auth_tokens=tokens or ("new-token",), api_url="http://127.0.0.1:1"
        )


@pytest.fixture(params=[Case("plivo", plivo_base), Case("vobiz", vobiz_base)], ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_the_cases_are_all_providers() -> None:
    assert NAMES == ("plivo", "vobiz")
    assert [provider_class(name).name for name in NAMES] == list(NAMES)


def test_valid(case: Case) -> None:
    assert case.provider().verify(case.request(case.sign("new-token"))) is Signature.VALID


def test_wrong(case: Case) -> None:
    right = case.sign("new-token")
    for wrong in (right[:-2] + "A=", right[1:], right + "x", "x", "=", "None", case.sign("other")):
        assert case.provider().verify(case.request(wrong)) is Signature.WRONG, wrong


def test_another_url_is_wrong(case: Case) -> None:
    given = replace(case.request(case.sign("new-token")), url=URL.replace("aleg", "bleg"))
    assert case.provider().verify(given) is Signature.WRONG


def test_absent(case: Case) -> None:
    assert case.provider().verify(case.request(None)) is Signature.ABSENT
    assert case.provider().verify(case.request(None, None)) is Signature.ABSENT
    assert case.provider().verify(case.request(" ")) is Signature.ABSENT


def test_a_signature_without_nonce_is_wrong(case: Case) -> None:
    for nonce in (None, "", "  "):
        assert case.provider().verify(case.request(case.sign("new-token"), nonce)) is Signature.WRONG
    signed_without = base64.b64encode(
        hmac.digest(b"new-token", case.base().removesuffix(NONCE).encode(), "sha256")
    ).decode()
    assert case.provider().verify(case.request(signed_without, "")) is Signature.WRONG


def test_rotation(case: Case) -> None:
    given = case.request(case.sign("old-token"))
    assert case.provider("new-token", "old-token").verify(given) is Signature.VALID
    assert case.provider("new-token").verify(given) is Signature.WRONG


@pytest.mark.parametrize("separator", [",", ", ", " ,  "])
def test_a_list_with_one_right_value(case: Case, separator: str) -> None:
    given = case.request(separator.join([case.sign("a"), case.sign("b"), case.sign("new-token")]))
    assert case.provider().verify(given) is Signature.VALID


def test_a_list_is_read_to_the_eighth_value(case: Case) -> None:
    right = case.sign("new-token")
    assert case.provider().verify(case.request(",".join(["x"] * 7 + [right]))) is Signature.VALID
    assert case.provider().verify(case.request(",".join(["x"] * 8 + [right]))) is Signature.WRONG
    assert case.provider().verify(case.request(",".join(["junk"] * 10_000))) is Signature.WRONG
    assert case.provider().verify(case.request("," * 10_000)) is Signature.WRONG


@pytest.mark.parametrize("junk", ["é" * 44, "\udcff\udcfe", "\ud800", "\x00", "密", "a" * 100_000, ",é,"])
def test_garbage_headers_are_wrong_and_raise_nothing(case: Case, junk: str) -> None:
    assert case.provider().verify(case.request(junk)) is Signature.WRONG
    assert case.provider().verify(case.request(case.sign("new-token"), junk)) is Signature.WRONG


def test_without_tokens_a_signature_cannot_be_right(case: Case) -> None:
    for tokens in ([], [""], ["  ", "\t"]):
        provider = provider_class(case.name)(auth_id="MA_TEST", auth_tokens=tokens, api_url="http://127.0.0.1:1")
        assert not provider.has_credentials
        assert provider.verify(case.request(case.sign(""))) is Signature.WRONG
        assert provider.verify(case.request(None)) is Signature.ABSENT


def test_a_url_that_cannot_be_read_is_wrong(case: Case) -> None:
    given = replace(case.request(case.sign("new-token")), url="https://[::1/flows?x=%ff")
    assert case.provider().verify(given) is Signature.WRONG


@given(
    url=st.text(),
    headers=st.dictionaries(
        st.sampled_from(
            [f"x-{n}-signature-{s}" for n in NAMES for s in ("v3", "v3-nonce", "ma-v3", "v2", "v2-nonce", "ma-v2")]
        ),
        st.text(st.characters()),
    ),
    form=st.lists(st.tuples(st.text(st.characters()), st.text(st.characters())), max_size=3),
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", ""]),
)
def test_nothing_makes_verify_raise(
    url: str, headers: dict[str, str], form: list[tuple[str, str]], method: str
) -> None:
    for name in NAMES:
        provider = provider_class(name)(auth_id="MA", auth_tokens=["token"], api_url="")
        found = provider.verify(WebhookRequest(method, "/", url, headers, (), tuple(form)))
        assert found is not Signature.VALID


@given(st.lists(st.tuples(st.text(st.characters()), st.text(st.characters())), max_size=10))
def test_nothing_makes_parse_raise(params: list[tuple[str, str]]) -> None:
    for name in NAMES:
        event = provider_class(name)(auth_id="", auth_tokens=[], api_url="").parse(params)
        assert isinstance(event, CallEvent)
        for text in (*event.raw, *event.raw.values()):
            text.encode()


def test_build_reads_the_settings() -> None:
    settings = Settings.load({"vobiz_auth_id": "MA_1", "vobiz_auth_tokens": "one-token,two-token"})
    assert build("vobiz", settings).has_credentials
    assert not build("plivo", settings).has_credentials
    assert build("plivo", settings).parse([]).kind is EventKind.DOCUMENT


def test_an_unknown_provider() -> None:
    with pytest.raises(RequestInvalid, match="plivo and vobiz"):
        provider_class("twilio")


def test_repr_shows_no_secret(case: Case) -> None:
    provider = case.provider("secret-token")
    for text in (repr(provider), str(provider), repr(provider._rest)):
        assert "secret-token" not in text
        assert "MA_TEST" not in text
