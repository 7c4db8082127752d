"""The dial policy where a call, its voice or its words go elsewhere than to a number: sockets, sounds, messages."""

from __future__ import annotations

import pytest

from callflows.documents import DIALECTS, collect_written

from .test_policy import OURS, WRITTEN, codes


@pytest.mark.parametrize(
    ("url", "allow", "passes"),
    [
        ("wss://audio.example.org/x", [], False),
        ("wss://audio.example.org/x", ["wss://audio.example.org"], True),
        ("wss://AUDIO.example.org:443/x", ["wss://audio.example.org/"], True),
        ("wss://audio.example.org/x", ["audio.example.org"], True),
        ("ws://audio.example.org:8080/x", ["audio.example.org"], True),
        ("ws://audio.example.org:8080/x", ["ws://audio.example.org:8080"], True),
        ("ws://audio.example.org/x", ["wss://audio.example.org"], False),
        ("wss://audio.example.org:8443/x", ["wss://audio.example.org"], False),
        ("wss://audio.example.org/x", ["https://audio.example.org"], False),
        ("wss://flows.example.com/x", [], False),  # our own host needs an entry too
        ("wss://flows.example.com/x", ["wss://flows.example.com"], True),
        ("wss://audio.example.org.evil.example/", ["audio.example.org"], False),
        ("wss://evil.example/audio.example.org", ["audio.example.org"], False),
        ("wss://audio.example.org/x", ["*"], True),
    ],
)
@pytest.mark.parametrize("provider", DIALECTS)
def test_stream(url: str, allow: list[str], passes: bool, provider: str) -> None:
    found = codes(f"<Stream>\n {url} </Stream>", *allow, provider=provider)
    assert found == ([] if passes else ["policy.foreign-url"])


def test_stream_of_an_agent() -> None:
    def agent(url: str, *allow: str) -> list[str]:
        return codes(f'<MultiPartyCall role="ai-agent" aiAgentStreamServiceUrl="{url}">a</MultiPartyCall>', *allow)

    assert agent("wss://a.example/") == agent("https://a.example/") == ["policy.foreign-url"]
    assert agent("wss://a.example/", "a.example") == agent("https://a.example/", "https://a.example") == []


@pytest.mark.parametrize(
    ("element", "attribute"),
    [
        ("Conference", "enterSound"),
        ("Conference", "exitSound"),
        ("MultiPartyCall", "enterSound"),
        ("MultiPartyCall", "exitSound"),
    ],
)
def test_sounds(element: str, attribute: str) -> None:
    def sound(value: str) -> list[str]:
        role = 'role="agent" ' if element == "MultiPartyCall" else ""
        return codes(f'<{element} {role}{attribute}="{value}">a</{element}>')

    assert sound("") == sound("beep:1") == sound("beep:2") == sound(f"{OURS}/s") == []
    assert sound("https://evil.example/s") == ["policy.foreign-url"]
    assert sound("evil.example/s") == sound("javascript:1") == ["grammar.bad-value"]


def test_sounds_of_vobiz_without_stated_values() -> None:
    def sound(value: str) -> list[str]:
        return codes(f'<Conference exitSound="{value}">a</Conference>', provider="vobiz")

    assert sound("chime") == sound("beep:1") == sound("") == []
    assert sound("https://evil.example/s") == ["policy.foreign-url"]
    for value in ("evil.example", "//evil.example/s", "javascript:alert", "evil:8080", "HTTPS://evil.example/s"):
        assert sound(value) == ["grammar.bad-value"]


def test_message() -> None:
    def message(dst: str, *allow: str, src: str = "+14155550123") -> list[str]:
        return codes(f'<Message src="{src}" dst="{dst}">a</Message>', *allow, written=WRITTEN)

    assert message("+14155550123") == message("14155550123&lt;+14155550123") == []
    assert message("+14155550123&lt;+442079460018") == ["policy.number"]
    assert message("+442079460018&lt;+442079460019") == ["policy.number"] * 2
    assert message("+442079460018&lt;+14155550123", "GB") == []
    assert message("+14155550123&lt;+19005550123", "*") == ["policy.premium"]
    assert message("+14155550123", src="+442079460018") == ["policy.caller-id"]
    assert message("+14155550123", "+44", src="+442079460018") == []
    assert message("+14155550123&lt;&lt;") == ["grammar.bad-value"]


@pytest.mark.parametrize(
    "joined", ["14155550123&lt;442079460018", "+14155550123<+442079460018", "14155550123<+442079460018"]
)
def test_written_destinations_of_a_message(joined: str) -> None:
    for quote in "\"'":
        written = collect_written([f"<Message dst={quote}{joined}{quote}>a</Message>"])
        assert "+14155550123" in written
        assert "+442079460018" in written
