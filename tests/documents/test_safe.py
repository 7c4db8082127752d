"""The safe document is valid in every language, variant and dialect."""

from __future__ import annotations

import pytest
from lxml import etree

from callflows.documents import (
    DIALECTS,
    EMPTY,
    LANGUAGES,
    DialPolicy,
    Written,
    check_safe,
    judge,
    safe_document,
    silent_document,
)
from callflows.marks import LINK_CLOSE, LINK_OPEN

RETRY = "https://flows.example.com/flows/plivo/f/s?t=abc&x=<#ct=2000&rt=4000"


@pytest.mark.parametrize("provider", DIALECTS)
def test_check_safe(provider: str) -> None:
    assert check_safe(provider) == []
    assert check_safe(provider, dial="+14155550123") == []
    assert {problem.code for problem in check_safe(provider, dial="+19005550123")} == {"policy.premium"}
    assert check_safe(provider, dial="+19005550123", policy=DialPolicy(["+19005550123"])) == []
    assert {problem.code for problem in check_safe(provider, dial="none")} == {"grammar.bad-value"}


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize(
    ("public_url", "fragment", "good"),
    [
        ("https://flows.example.com", "", True),
        ("https://flows.example.com/base", "#ct=2000&rt=4000&rc=2&rp=all", True),
        ("http://127.0.0.1:8080", "", True),
        ("HTTPS://Flows.example.com", "", False),
        ("https://fl,ows.example.com", "", False),
        ("https://flows.example.com", "#ct=2000 rt=4000", False),
    ],
)
def test_check_safe_with_the_link_the_settings_make(provider: str, public_url: str, fragment: str, good: bool) -> None:
    link = f"{public_url}/flows/{provider}/flow/step?t={LINK_OPEN}0{LINK_CLOSE}{fragment}"
    problems = check_safe(provider, retry_url=link, public_url=public_url)
    assert (problems == []) == good
    assert all("/retry" in problem.file for problem in problems)


def test_check_safe_with_a_link_to_somebody_else() -> None:
    problems = check_safe("plivo", retry_url="https://other.example/f?t=x", public_url="https://flows.example.com")
    assert {problem.code for problem in problems} == {"policy.foreign-url"}


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize(
    "language", [*LANGUAGES, "en-GB", "fr-CA", "DE_at", "pt-PT", "pt_br", "zh", "", "<&>", "ru-RU"]
)
def test_every_variant(provider: str, language: str) -> None:
    def tags(document: str) -> list[str]:
        return [str(node.tag) for node in etree.fromstring(document)]

    again = safe_document(provider=provider, language=language, retry_url=RETRY.replace("<", ""), dial="+14155550123")
    last = safe_document(provider=provider, language=language)
    person = safe_document(provider=provider, language=language, dial="+14155550123", caller_id="14155550100")
    assert tags(again) == ["Speak", "Wait", "Redirect"]
    assert tags(last) == ["Speak", "Speak", "Hangup"]
    assert tags(person) == ["Speak", "Dial", "Speak", "Hangup"]
    for document in (again, last, person):
        verdict = judge(
            document,
            provider,
            native=True,
            written=Written(frozenset({"+14155550123", "+14155550100"})),
            public_url="https://flows.example.com",
        )
        assert verdict.problems == ()


def test_values_are_escaped() -> None:
    document = etree.fromstring(safe_document(provider="plivo", retry_url=RETRY))
    assert document.findtext("Redirect") == RETRY
    hostile = safe_document(provider="vobiz", dial='1"/><x>', caller_id='"/>')
    assert etree.fromstring(hostile).findtext("Dial/Number") == '1"/><x>'
    assert etree.fromstring(hostile).find("Dial[@callerId]") is None


def test_languages() -> None:
    def spoken(language: str) -> str:
        return etree.fromstring(safe_document(provider="plivo", language=language))[0].get("language", "")

    assert [spoken(tag) for tag in ("en", "en-gb", "pt", "pt-PT", "de-AT", "fr_CA", "ja", "xx")] == [
        "en-US", "en-GB", "pt-BR", "pt-PT", "de-DE", "fr-CA", "en-US", "en-US",
    ]  # fmt: skip


@pytest.mark.parametrize("provider", DIALECTS)
def test_silent_and_empty(provider: str) -> None:
    assert judge(silent_document(), provider, kind="sound", native=True).problems == ()
    assert judge(EMPTY, provider, native=True).problems == ()
