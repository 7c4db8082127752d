"""What each answer of a platform becomes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from platform_server import (
    ACTIONS,
    AUTH_ID,
    READS,
    TOKEN,
    UUID,
    Ask,
    Platform,
    live_call,
    make,
    transfer,
)

from callflows.errors import (
    CallNotLive,
    OutcomeUnknown,
    ProviderAuthFailed,
    ProviderError,
    ProviderRejected,
    ProviderUnreachable,
    RateLimited,
)
from callflows.providers import Provider


@pytest.mark.parametrize(
    ("status", "body", "api_id", "message"),
    [
        (202, {"api_id": "a", "message": "call transferred", "call_uuid": UUID}, "a", "call transferred"),
        (202, {"message": "call transfered"}, "", "call transfered"),
        (200, {}, "", "{}"),
        (204, b"", "", ""),
        (201, b"OK", "", "OK"),
        (202, b"<html><title>Hello</title>...", "", 'a web page, "Hello"'),
        (202, [1], "", "[1]"),
        (202, b"\xff\xfe{", "", "\ufffd{"),
        (202, {"api_id": 5, "message": ["x"]}, "", '["x"]'),
        (202, b"[" * 60_000, "", "[" * 297 + "..."),
    ],
)
def test_any_2xx_is_success(
    provider: Provider, platform: Platform, status: int, body: object, api_id: str, message: str
) -> None:
    platform.answers(status, body)
    receipt = transfer(provider)
    assert receipt.http_status == status
    assert receipt.api_id == api_id
    assert receipt.message.replace("\ufffd\ufffd", "\ufffd") == message


@pytest.mark.parametrize("status", [400, 402, 405, 408, 409, 410, 415, 422, 451])
@pytest.mark.parametrize("ask", [*ACTIONS, *READS])
def test_other_4xx(provider: Provider, platform: Platform, ask: Ask, status: int) -> None:
    platform.answers(status, {"api_id": "a-9", "error": "aleg_url parameter is missing"})
    with pytest.raises(ProviderRejected, match=f"answered {status}: aleg_url parameter is missing") as caught:
        ask(provider)
    assert (caught.value.http_status, caught.value.api_id) == (status, "a-9")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "no"}, "no"),
        ({"error": "bad", "details": {"to": "missing"}}, 'bad ({"to": "missing"})'),
        ({"status": "error", "error": {"code": "X_1", "message": "no such", "details": {"a": 1}}}, "X_1: no such"),
        ({"message": "Not Found"}, "Not Found"),
        ({"text": "hm"}, "hm"),
        ({"error": ["a", "b"]}, '["a", "b"]'),
        (b"plain\r\n\x1b[31mtext", "plain [31mtext"),
        (b"<!doctype html><title> 502\n Bad </title><p>secret page", 'a web page, "502 Bad"'),
        (b"<html><p>secret page", "a web page"),
        (b"", "answered 400"),
    ],
)
def test_the_platforms_words(provider: Provider, platform: Platform, body: object, words: str) -> None:
    platform.answers(400, body)
    with pytest.raises(ProviderRejected) as caught:
        transfer(provider)
    assert words in caught.value.message
    assert "secret page" not in caught.value.message


def test_general_vobiz_error_shape(platform: Platform) -> None:
    body = {"status": "error", "error": {"code": "INVALID", "message": "no", "details": {}}, "requestId": "r-1"}
    platform.answers(400, body)
    with pytest.raises(ProviderRejected, match="INVALID: no") as caught:
        transfer(make("vobiz", platform.url))
    assert caught.value.api_id == "r-1"


def test_long_words_are_cut(provider: Provider, platform: Platform) -> None:
    platform.answers(400, {"error": "x" * 5000, "api_id": "i" * 5000})
    with pytest.raises(ProviderRejected) as caught:
        transfer(provider)
    assert len(caught.value.message) < 340
    assert len(caught.value.api_id) == 100


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500, 302])
def test_no_error_and_no_receipt_carries_a_secret(provider: Provider, platform: Platform, status: int) -> None:
    basic = base64.b64encode(f"{AUTH_ID[provider.name]}:{TOKEN}".encode()).decode()
    echo = f"{'x' * 280}{TOKEN} Basic {basic} {TOKEN} id {AUTH_ID[provider.name]} tok%2Fen%2Bwith%3Dodd%26chars"
    for body in ({"error": echo, "api_id": echo}, {"message": echo}, echo.encode()):
        platform.answers(status, body, Location=f"https://{AUTH_ID[provider.name]}.example.com/")
        try:
            said = repr(transfer(provider))
        except ProviderError as error:
            said = f"{error} {error!r} {error.api_id} {error.__cause__}"
        for secret in (TOKEN, basic, AUTH_ID[provider.name], "tok%2Fen", TOKEN[:12]):
            assert secret not in said


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("ask", [*ACTIONS, *READS])
def test_auth_failed(provider: Provider, platform: Platform, ask: Ask, status: int) -> None:
    platform.answers(status, b"Could not verify your access level", Content_Type="text/plain")
    with pytest.raises(ProviderAuthFailed, match="Could not verify") as caught:
        ask(provider)
    assert f"CALLFLOWS_{provider.name.upper()}_AUTH_ID" in caught.value.hint
    assert f"CALLFLOWS_{provider.name.upper()}_AUTH_TOKENS" in caught.value.hint
    assert caught.value.http_status == status


@pytest.mark.parametrize("ask", [*ACTIONS, live_call])
def test_call_not_live(provider: Provider, platform: Platform, ask: Ask) -> None:
    platform.answers(404, {"api_id": "a", "error": "call not found"})
    with pytest.raises(CallNotLive, match="call not found"):
        ask(provider)


def test_404_of_the_list_is_no_call_that_ended(provider: Provider, platform: Platform) -> None:
    platform.answers(404, {"error": "not found"})
    with pytest.raises(ProviderRejected, match="not found"):
        provider.live_calls()


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("7", {}, 7.0),
        ("0.5", {}, 0.5),
        ("", {}, None),
        ("soon", {}, None),
        ("-3", {}, None),
        ("inf", {}, None),
        ("9" * 400, {}, None),
        ("", {"error": {"code": "RATE_LIMIT_EXCEEDED", "details": {"retryAfter": 30}}}, 30.0),
        ("", {"error": {"details": {"retryAfter": {}}}}, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", {}, 0.0),
    ],
)
def test_rate_limited(provider: Provider, platform: Platform, header: str, body: object, seconds: float | None) -> None:
    platform.answers(429, body, **({"Retry_After": header} if header else {}))
    with pytest.raises(RateLimited) as caught:
        transfer(provider)
    assert caught.value.retry_after == seconds
    assert caught.value.http_status == 429
    assert len(platform.asked) == 1


def test_rate_limited_until_a_date(provider: Provider, platform: Platform) -> None:
    platform.answers(429, {}, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    with pytest.raises(RateLimited) as caught:
        transfer(provider)
    assert caught.value.retry_after is not None
    assert 50 < caught.value.retry_after <= 60


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_5xx_of_an_action_leaves_its_outcome_open(provider: Provider, platform: Platform, status: int) -> None:
    for ask in ACTIONS:
        platform.answers(status, {"error": "server error", "api_id": "a"}, Retry_After="1")
        with pytest.raises(OutcomeUnknown, match="server error") as caught:
            ask(provider)
        assert (caught.value.http_status, caught.value.api_id) == (status, "a")
    assert len(platform.asked) == len(ACTIONS)
    for ask in READS:
        platform.answers(status, b"<html>")
        with pytest.raises(ProviderUnreachable):
            ask(provider)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", [*ACTIONS, *READS])
def test_redirects_are_not_followed(provider: Provider, platform: Platform, ask: Ask, status: int) -> None:
    platform.answers(status, b"", Location=f"{platform.url}/elsewhere?token=1")
    with pytest.raises(ProviderRejected, match=r"redirect to 127\.0\.0\.1, which is not followed") as caught:
        ask(provider)
    assert f"CALLFLOWS_{provider.name.upper()}_API_URL" in caught.value.hint
    assert len(platform.asked) == 1


@pytest.mark.parametrize("location", ["/relative", "http://[::1", ""])
def test_redirects_without_a_host(provider: Provider, platform: Platform, location: str) -> None:
    platform.answers(302, b"", Location=location)
    with pytest.raises(ProviderRejected, match="redirect to no host"):
        transfer(provider)
