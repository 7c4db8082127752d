"""A link of ours goes into a document as it was made, or the document is not served."""

from __future__ import annotations

import pytest

from callflows.documents import DialPolicy, judge, without_secrets
from callflows.marks import LINK_CLOSE, LINK_OPEN

BASE = "https://flows.example.com/base"
LINKS = {"0": "/flows/plivo/forward/aleg", "1": "/events/plivo", "2": "/flows/plivo/forward/done"}
MARK = f"{LINK_OPEN}0{LINK_CLOSE}"
LINK = f"{BASE}/flows/plivo/forward/aleg?t={MARK}"
WHOLE = [
    LINK,
    f"{LINK}#ct=2000&amp;rt=4000",
    f"\n  {LINK}\n",
    f"{LINK}&amp;x=1",
    f"{BASE}/events/plivo?t={LINK_OPEN}1{LINK_CLOSE}",
    f"{BASE}/audio/forward-0123456789abcdef/music.wav",
    f"{BASE}/healthz",
    "https://flows.example.com/flows/of/somebody/else",  # not below PUBLIC_URL's path
]
ALTERED = [
    LINK.split("?")[0],
    LINK.split("?")[0] + "?t=",
    LINK[:40],
    f"{BASE}/flows",
    f"{BASE}/events/plivo",
    LINK.replace("aleg", "bleg"),
    LINK.replace("/flows/", "/flaws/"),
    LINK.replace("/base/", "/"),
    LINK.replace("?t=", "?u="),
    LINK.replace("?t=", "?x=1&amp;t="),
    f"{LINK}x",
    f"{LINK}{MARK}",
    f"{LINK}&amp;t={MARK}",
    f"{BASE}/flows/plivo/forward/aleg?t={LINK_OPEN}9{LINK_CLOSE}",
    f"{BASE}/flows/plivo/forward/aleg?t={LINK_OPEN}00{LINK_CLOSE}",
    f"{BASE}/flows/plivo/forward/aleg?t={LINK_OPEN}2{LINK_CLOSE}",
    f"{BASE}/flows/plivo/forward/aleg?t=c2VhbGVk",
    LINK.replace("https://flows.example.com", "https://FLOWS.example.com:443").replace("aleg", "bleg"),
]


def codes(
    url: str, provider: str = "plivo", links: dict[str, str] | None = LINKS, attribute: bool = False
) -> list[str]:
    inside = f"<Redirect>\n{url}</Redirect>"
    if attribute:
        inside = f'<Dial callerId="+14155550123" action="{url.strip()}"><Number>+14155550123</Number></Dial>'
    text = f"<Response><Wait/>{inside}</Response>"
    policy = DialPolicy(["+1", "https://flows.example.com"])
    verdict = judge(text, provider, policy=policy, public_url=BASE, links=links)
    assert verdict.blocked == bool(verdict.problems)
    return [problem.code for problem in verdict.problems]


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
@pytest.mark.parametrize("attribute", [True, False])
@pytest.mark.parametrize("url", WHOLE)
def test_whole(url: str, attribute: bool, provider: str) -> None:
    assert codes(url, provider, attribute=attribute) == []


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
@pytest.mark.parametrize("attribute", [True, False])
@pytest.mark.parametrize("url", ALTERED)
def test_altered(url: str, attribute: bool, provider: str) -> None:
    assert codes(url, provider, attribute=attribute) == ["rule.link-altered"]
    assert codes(url, provider, links=None, attribute=attribute) == []


def test_no_link_was_made_at_all() -> None:
    assert codes(LINK, links={}) == ["rule.link-altered"]


@pytest.mark.parametrize("url", [LINK[:-1], LINK.replace(LINK_OPEN, ""), f"{BASE}/flows/x?t=%EE%80%820%EE%80%83"])
def test_a_broken_mark_is_told_once(url: str) -> None:
    assert codes(url) == ["rule.link-altered"]


def test_music_and_sounds() -> None:
    events = f"{BASE}/events/plivo?t={LINK_OPEN}1{LINK_CLOSE}"
    dial = f'<Dial callerId="+14155550123" dialMusic="{{}}" callbackUrl="{events}"><Number>+14155550123</Number></Dial>'
    text = f"<Response>{dial}</Response>"
    policy = DialPolicy(["+1"])
    for music, problems in (("real", 0), (LINK, 0), (LINK[:-3], 1)):
        verdict = judge(text.format(music), "plivo", policy=policy, public_url=BASE, links=LINKS)
        assert len(verdict.problems) == problems


def test_the_message_shows_the_address_and_what_to_write() -> None:
    text = f"<Response>\n<Redirect>{LINK.replace('aleg', 'bleg')}</Redirect></Response>"
    (problem,) = judge(text, "plivo", public_url=BASE, links=LINKS).problems
    assert problem.message.startswith(f"{BASE}/flows/plivo/forward/bleg?t=…0 is ")
    assert problem.hint == "write {{ step_url(...) }} as it is"
    assert problem.line == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<User sipAuthUsername="a" sipAuthPassword="s3cret">x</User>',
         '<User sipAuthUsername="a" sipAuthPassword="***">x</User>'),
        ("<User sipAuthPassword\n = 's3\"cret' a='b'/>", "<User sipAuthPassword\n = \"***\" a='b'/>"),
        ("<User sipAuthPassword=''/><User sipAuthPassword='s3cret'/>",
         '<User sipAuthPassword="***"/><User sipAuthPassword="***"/>'),
        ("<Speak>nothing</Speak>", "<Speak>nothing</Speak>"),
        ("<User sipAuthPassword='s3cret", '<User sipAuthPassword="***"'),
        ("", ""),
    ],
)  # fmt: skip
def test_without_secrets(text: str, expected: str) -> None:
    assert without_secrets(text) == expected


def test_a_bad_password_is_not_told() -> None:
    user = f'<User sipAuthUsername="a" sipAuthPassword="{"s3cret" * 40}">sip:a@b.example</User>'
    text = f"<Response><Dial>{user}</Dial></Response>"
    for provider in ("plivo", "vobiz"):
        problems = judge(text, provider).problems
        assert any("sipAuthPassword" in problem.message for problem in problems)
        assert "s3cret" not in str(problems)
