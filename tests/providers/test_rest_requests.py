"""What goes out to a platform, and what does not."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from platform_server import (
    ACTIONS,
    ALEG,
    AUTH_ID,
    BASE,
    READS,
    TOKEN,
    UUID,
    Ask,
    Platform,
    make,
    transfer,
)

from callflows.config import Settings
from callflows.errors import (
    ConfigError,
    RequestInvalid,
)
from callflows.providers import NAMES, Provider


def test_transfer_request(provider: Provider, platform: Platform) -> None:
    platform.answers(202, {"api_id": "a-1", "message": "call transfered"})
    receipt = provider.transfer(
        UUID, legs="both", aleg_url=ALEG, aleg_method="POST", bleg_url=ALEG.replace("aleg", "bleg"), bleg_method="GET"
    )
    assert (receipt.http_status, receipt.api_id, receipt.message) == (202, "a-1", "call transfered")
    (asked,) = platform.asked
    assert asked.method == "POST"
    assert asked.target == f"{BASE[provider.name]}/Account/{AUTH_ID[provider.name]}/Call/{UUID}/"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["connection"] == "close"
    assert asked.json == {
        "legs": "both",
        "aleg_url": ALEG,
        "aleg_method": "POST",
        "bleg_url": ALEG.replace("aleg", "bleg"),
        "bleg_method": "GET",
    }


def test_only_what_was_given_is_sent(provider: Provider, platform: Platform) -> None:
    platform.answers(202, {})
    provider.transfer(UUID, legs="bleg", bleg_url=ALEG)
    assert platform.asked[0].json == {"legs": "bleg", "bleg_url": ALEG}


def test_plivo_authenticates_with_basic(platform: Platform) -> None:
    platform.answers(204)
    make("plivo", platform.url).hang_up(UUID)
    given = platform.asked[0].headers["authorization"]
    assert base64.b64decode(given.removeprefix("Basic ")).decode() == f"{AUTH_ID['plivo']}:{TOKEN}"


def test_vobiz_authenticates_with_two_headers(platform: Platform) -> None:
    platform.answers(204)
    make("vobiz", platform.url).hang_up(UUID)
    headers = platform.asked[0].headers
    assert (headers["x-auth-id"], headers["x-auth-token"]) == (AUTH_ID["vobiz"], TOKEN)
    assert "authorization" not in headers


def test_path_segments_are_quoted(provider: Provider, platform: Platform) -> None:
    platform.answers(204)
    provider.hang_up("a?b#c%d;é")
    assert platform.asked[0].target.endswith("/Call/a%3Fb%23c%25d%3B%C3%A9/")


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../x", "a\\b", "a b", "a\nb", "\x00", "x" * 201, "\udcff"])
def test_what_is_no_call_uuid_is_not_sent(provider: Provider, platform: Platform, bad: str) -> None:
    for ask in (provider.live_call, provider.hang_up):
        with pytest.raises(RequestInvalid):
            ask(bad)
    with pytest.raises(RequestInvalid):
        provider.transfer(bad, legs="aleg", aleg_url=ALEG)
    assert platform.asked == []


@pytest.mark.parametrize("ask", [*ACTIONS, *READS])
@pytest.mark.parametrize("missing", [{"auth_id": ""}, {"auth_tokens": []}, {"auth_tokens": [" "]}])
def test_without_credentials_nothing_is_sent(
    provider: Provider, platform: Platform, ask: Ask, missing: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(make(provider.name, platform.url, **missing))
    assert f"CALLFLOWS_{provider.name.upper()}_AUTH_ID" in str(caught.value)
    assert f"CALLFLOWS_{provider.name.upper()}_AUTH_TOKENS" in str(caught.value)
    assert platform.asked == []


def refused(provider: Provider) -> str:
    """The fault, which every request says, too."""
    fault = provider.config_fault()
    for ask in (*ACTIONS, *READS):
        with pytest.raises(ConfigError) as caught:
            ask(provider)
        assert caught.value.message == fault
    return fault


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://api.example.com/v1", "must be https: api.example.com is not this machine"),
        ("", "must be an absolute URL such as {usual}"),
        ("api.example.com", "must be an absolute URL such as {usual}"),
        ("ftp://127.0.0.1", "must be an absolute URL such as {usual}"),
        ("https://", "must be an absolute URL such as {usual}"),
        ("https://[::1", "is not a URL; {usual} is one"),
        ("https://api.example.com:port/v1", "is not a URL; {usual} is one"),
        ("https://ann:secret@api.example.com/v1", "must not contain a user name or password"),
        ("https://api.example.com/v1?x=1", "must not have a query"),
        ("https://api.example.com/v 1", "contains a character a URL cannot have"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_credentials_go_to_https_or_this_machine_only(name: str, url: str, says: str) -> None:
    fault = refused(make(name, "", api_url=url))
    usual = Settings.load({}).for_provider(name, "api_url")
    assert fault.startswith(f"CALLFLOWS_{name.upper()}_API_URL {says.format(usual=usual)}")
    assert "secret" not in fault


def test_settings_that_work_have_no_fault(provider: Provider) -> None:
    assert provider.config_fault() == ""
    assert make(provider.name, "https://api.example.com").config_fault() == ""
    assert make(provider.name, "http://[::1]:8080").config_fault() == ""
    # without credentials there is nothing to be wrong with
    assert make(provider.name, "https://api.example.com", auth_id="", auth_tokens=[]).config_fault() == ""


@pytest.mark.parametrize("auth_id", ["MA/1", "MA 1", "MA\t1", "MA\u20281", "../x"])
def test_an_auth_id_is_one_segment_of_a_path(provider: Provider, platform: Platform, auth_id: str) -> None:
    fault = refused(make(provider.name, platform.url, auth_id=auth_id))
    assert fault == f"CALLFLOWS_{provider.name.upper()}_AUTH_ID must not contain a slash or a space"
    assert platform.asked == []


@pytest.mark.parametrize("token", ["a\nb-token", "tökén"])
def test_a_token_no_header_can_carry(platform: Platform, token: str) -> None:
    fault = refused(make("vobiz", platform.url, auth_tokens=[token]))
    assert fault == "CALLFLOWS_VOBIZ_AUTH_TOKENS holds a character that no HTTP header can carry"
    assert "AUTH_ID holds" in refused(make("vobiz", platform.url, auth_id="MÄ"))
    platform.answers(202, {})
    transfer(make("plivo", platform.url, auth_tokens=[token]))  # base64 carries anything


def test_live_calls(provider: Provider, platform: Platform) -> None:
    platform.answers(200, {"api_id": "a", "calls": ["u-1", "u-2"]})
    assert provider.live_calls() == ["u-1", "u-2"]
    assert platform.asked[0].target == f"{BASE[provider.name]}/Account/{AUTH_ID[provider.name]}/Call/?status=live"
    platform.answers(200, {"calls": []})
    assert provider.live_calls() == []


def test_plivos_live_list_is_read_to_the_end(platform: Platform) -> None:
    everything = [f"u-{n}" for n in range(45)]
    for start in (0, 20, 40):
        platform.answers(200, {"calls": everything[start : start + 20]})
    assert make("plivo", platform.url).live_calls() == everything
    assert [asked.target.partition("?")[2] for asked in platform.asked] == [
        "status=live",
        "status=live&limit=20&offset=20",
        "status=live&limit=20&offset=40",
    ]


def test_a_platform_that_ignores_the_offset(platform: Platform) -> None:
    page = [f"u-{n}" for n in range(20)]
    for _ in range(2):
        platform.answers(200, {"calls": page})
    assert make("plivo", platform.url).live_calls() == page
    platform.answers(200, {"calls": page})
    assert make("vobiz", platform.url).live_calls() == page


def test_live_call(provider: Provider, platform: Platform) -> None:
    data = {
        "api_id": "a",
        "call_status": "in-progress",
        "call_uuid": UUID,
        "caller_name": "Ann\x00",
        "direction": "inbound",
        "from": "+14155550123",
        "request_uuid": "r",
        "session_start": "2026-09-16 10:11:12.345678",
        "to": "14155550100",
    }
    platform.answers(200, data)
    found = provider.live_call(UUID)
    assert platform.asked[0].target.endswith(f"/Call/{UUID}/?status=live")
    assert (found.uuid, found.from_number, found.to_number) == (UUID, "+14155550123", "+14155550100")
    assert (found.status, found.direction, found.caller_name) == ("in-progress", "inbound", "Ann")
    assert (found.request_uuid, found.started, found.raw) == ("r", "2026-09-16 10:11:12.345678", data)
