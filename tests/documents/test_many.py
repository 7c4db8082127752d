"""A document that is wrong ten thousand times is judged in time, and its verdict is right all the same."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from callflows.documents import DialPolicy, Verdict, judge
from callflows.documents.findings import MOST
from callflows.documents.reading import MAX_BYTES, MOST_ATTRIBUTES
from callflows.models import Severity

SECONDS = 3.0  # ten times what it takes, for machines that do other things as well; quadratic took up to 70 s


def full(unit: Callable[[int], str]) -> str:
    """As many units as a document takes."""
    parts, room = [], MAX_BYTES - 100
    while (room := room - len(unit(len(parts)))) >= 0:
        parts.append(unit(len(parts)))
    return f"<Response>{''.join(parts)}</Response>"


UNITS: dict[str, Callable[[int], str]] = {
    "empty speak": lambda n: "<Speak/>",
    "empty speaks on lines": lambda n: "<Speak\n/>\n",
    "unknown element": lambda n: "<Foo/>",
    "many unknown elements": lambda n: f"<F{n}/>",
    "long unknown elements": lambda n: f"<{'Redirekt' * 20}{n}/>",
    "allowed attribute": lambda n: '<Speak mood="a">a</Speak>',
    "many unknown attributes": lambda n: f'<Speak a{n}="1"/>',
    "missing attribute": lambda n: "<GetInput/>",
    "missing child": lambda n: "<Dial/>",
    "misspelt attribute": lambda n: '<Dial CallerID="1"/>',
    "bad values": lambda n: f'<Speak language="e{n}">a</Speak>',
    "misplaced": lambda n: "<Number>1</Number>",
    "misspelt": lambda n: "<speak/>",
    "namespaces": lambda n: f'<a{n}:b xmlns:a{n}="u"/>',
    "foreign urls": lambda n: f"<Redirect>https://a{n}.example/</Redirect>",
    "numbers": lambda n: f"<Dial><Number>+4420{n:08}</Number></Dial>",
    "instructions": lambda n: "<?a?>",
    "deep": lambda n: "<Speak>" + "<p>" * 200 + "</p>" * 200 + "</Speak>",
}


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
@pytest.mark.parametrize("name", UNITS)
def test_time(name: str, provider: str) -> None:
    text = full(UNITS[name])
    started = time.thread_time()
    verdict = judge(text, provider, xml_allow=("Speak.mood",))
    assert time.thread_time() - started < SECONDS
    assert 0 < len(verdict.problems) <= MOST + 1


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_attributes_without_number(provider: str) -> None:
    def document(count: int) -> Verdict:
        attributes = " ".join(f'a{n}="1"' for n in range(count))
        return judge(f"<Response>\n<Speak {attributes}>a</Speak></Response>", provider)

    started = time.thread_time()
    (problem,) = document(9000).problems
    assert time.thread_time() - started < SECONDS
    assert (problem.code, problem.line) == ("xml.attributes", 2)
    assert {problem.code for problem in document(MOST_ATTRIBUTES).problems} == {
        "grammar.unknown-attribute",
        "rule.more",
    }


@pytest.mark.parametrize(
    ("last", "blocked", "ok"),
    [
        ("<Wait/>", False, True),
        ('<Wait length="x"/>', True, False),  # grammar
        ("<Redirect>https://evil.example/</Redirect>", True, False),  # policy
        ('<Speak>a</Speak><Hangup schedule="5"/>', False, False),  # a rule that is not fatal
        ("<Redirect>https://ours.example/flows/plivo/f/s?t=1</Redirect>", True, False),  # one that is
    ],
)
@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
@pytest.mark.parametrize("many", [MOST - 1, MOST, MOST + 1, 1000])
def test_the_verdict_is_right(last: str, blocked: bool, ok: bool, provider: str, many: int) -> None:
    text = "<Response>\n" + "<Speak/>\n" * many + last + "</Response>"
    verdict = judge(text, provider, policy=DialPolicy(), public_url="https://ours.example", links={})
    assert (verdict.blocked, verdict.ok) == (blocked, ok)
    more = verdict.problems[-1]
    total = many + (not ok)
    assert (more.code == "rule.more") == (total > MOST)
    if total > MOST:
        assert more.severity is Severity.WARNING
        assert f" {total - MOST} more " in more.message
        assert len(verdict.problems) == MOST + 1
        assert more.line == verdict.problems[-2].line


def test_a_document_of_mistakes_only_says_how_far_it_was_read() -> None:
    for provider in ("plivo", "vobiz"):
        problems = judge("<Response>" + "<Foo/>\n" * 3 + "<Foo/>" * 2000 + "</Response>", provider).problems
        assert [problem.code for problem in problems] == ["grammar.unknown-element"] * 4 + ["rule.more"]
        assert problems[-1].line == 4


def test_each_line_and_message_once() -> None:
    verdict = judge("<Response>\n" + "<Speak/>" * 3 + "\n<Speak/></Response>", "plivo")
    assert [(problem.code, problem.line) for problem in verdict.problems] == [
        ("rule.speak-empty", 2),
        ("rule.speak-empty", 3),
    ]


def test_the_first_hundred_have_their_suggestions() -> None:
    text = "<Response>\n" + "".join(f'<Speak voic{n}="a">a</Speak>\n' for n in range(1000)) + "</Response>"
    problems = judge(text, "plivo").problems
    assert {problem.hint for problem in problems[:MOST]} == {"did you mean voice?"}


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_lines_of_tags_that_end_on_one_line(provider: str) -> None:
    text = (
        '<Response>\n<GetInput\n action="https://a.example/"\n inputtype="dtmf"><Speak voise="a">a</Speak><Speak\n/>'
        "<Speak/></GetInput>\n<Speak\n\n loop='x'>a</Speak><Speak loop='y'>a</Speak></Response>"
    )
    verdict = judge(text, provider, policy=DialPolicy(["https://a.example"]))
    found = [(problem.code, problem.line) for problem in verdict.problems if problem.severity is Severity.ERROR]
    assert found == [
        ("grammar.unknown-attribute", 4),
        ("grammar.unknown-attribute", 4),
        ("grammar.bad-value", 8),
        ("grammar.bad-value", 8),
    ]
