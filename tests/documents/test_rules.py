"""The list of rules itself, and what single files cannot show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callflows.documents import DIALECTS, judge
from callflows.documents.schema import model
from callflows.errors import RequestInvalid
from callflows.models import Severity

DATA = Path(__file__).parents[1] / "data" / "xml"
ALL = {
    (name, rule.id): rule for name, dialect in DIALECTS.items() for rules in dialect.table.values() for rule in rules
}


@pytest.mark.parametrize("key", ALL, ids="-".join)
def test_rule_is_complete(key: tuple[str, str]) -> None:
    rule = ALL[key]
    assert re.fullmatch(r"(rule|grammar)\.[a-z-]+", rule.id)
    assert rule.hint
    assert rule.source
    known = {tag for name in DIALECTS for tag in model(name).elements}
    assert set(rule.on) <= known
    assert set(rule.on) & set(model(key[0]).elements)


def test_every_rule_has_a_bad_file() -> None:
    shown = " ".join(path.read_text(encoding="utf-8").partition("\n")[0] for path in DATA.glob("*/bad/*.xml"))
    for _, rule in ALL:
        if rule not in ("rule.sound-kind", "grammar.dial"):  # the kind is not in the file; its codes are the grammar's
            assert f"{rule}@" in shown, rule


@pytest.mark.parametrize("provider", DIALECTS)
def test_sound_kind(provider: str) -> None:
    text = "<Response>\n<Play>https://a.example/a.mp3</Play>\n<Hangup/>\n<Redirect>https://o.example/</Redirect></Response>"
    verdict = judge(text, provider, kind="sound", public_url="https://o.example")
    found = [problem for problem in verdict.problems if problem.code == "rule.sound-kind"]
    assert [problem.line for problem in found] == [3, 4]
    assert verdict.blocked
    good = '<Response><Speak voice="Polly.Amy">a<break/></Speak><Wait/><Play>https://a.example/a.mp3</Play></Response>'
    assert judge(good, provider, kind="sound").problems == ()


@pytest.mark.parametrize("provider", DIALECTS)
def test_an_unknown_element_in_a_sound_is_told_once(provider: str) -> None:
    verdict = judge("<Response><Foo/></Response>", provider, kind="sound")
    assert [problem.code for problem in verdict.problems] == ["grammar.unknown-element"]


def test_a_comment_is_not_spoken() -> None:
    long = f"<Response><Speak>a<!-- {'x' * 4000} --></Speak></Response>"
    assert judge(long, "plivo").problems == ()


def test_warnings_leave_ok() -> None:
    verdict = judge("<Response><Speak/></Response>", "plivo")
    assert verdict.problems[0].severity is Severity.WARNING
    assert verdict.ok
    assert not verdict.blocked


def test_only_errors_that_matter_block() -> None:
    verdict = judge('<Response><Speak>a</Speak><Hangup schedule="5"/></Response>', "plivo")
    assert not verdict.ok
    assert not verdict.blocked


def test_unknown_provider() -> None:
    with pytest.raises(RequestInvalid, match="plivo, vobiz"):
        judge("<Response/>", "twilio")
