"""The list of rules itself, the page it makes, and what single files cannot show."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from callflows.cli import main
from callflows.cli.rules import Entry, entries
from callflows.documents import DIALECTS, judge, judge_bytes
from callflows.documents.rules import RULES
from callflows.documents.rules.effect import NEEDS
from callflows.documents.schema import model
from callflows.errors import RequestInvalid
from callflows.models import Severity

from ..conftest import REPOSITORY

DATA = Path(__file__).parents[1] / "data" / "xml"
ALL = {
    (name, rule.id): rule
    for name, dialect in DIALECTS.items()
    for rules in dialect.table.values()
    for rule in rules
    if rule.applies(model(name))
}
SHOWN = [(entry, platform) for entry in entries() if entry.rule.on for platform in entry.platforms]
IDS = [f"{platform}-{entry.rule.id}" for entry, platform in SHOWN]
# The kind of a step is not in a file; the codes of grammar.dial are the grammar's.
NO_FILE = ("rule.sound-kind", "grammar.dial")


@pytest.mark.parametrize("key", ALL, ids="-".join)
def test_rule_is_complete(key: tuple[str, str]) -> None:
    rule = ALL[key]
    assert re.fullmatch(r"(rule|grammar)\.[a-z-]+", rule.id)
    assert rule.hint
    assert rule.source
    known = {tag for name in DIALECTS for tag in model(name).elements}
    assert set(rule.on) <= known
    assert set(rule.on) & set(model(key[0]).elements)
    for line in (rule.good, rule.bad):
        assert line
        assert "\n" not in line


def test_an_id_is_one_rule() -> None:
    for name, dialect in DIALECTS.items():
        ids = [rule.id for rule in (*RULES, *dialect.rules)]
        assert sorted(set(ids)) == sorted(ids), name


@pytest.mark.parametrize(("entry", "platform"), SHOWN, ids=IDS)
def test_the_bad_line_has_the_fault(entry: Entry, platform: str) -> None:
    found = entry.codes(entry.rule.bad, platform)
    errors = {code for severity, code, _ in found if severity == "error"}
    if entry.rule.id == "grammar.dial":
        assert errors
        return
    assert entry.rule.id in {code for _, code, _ in found}
    assert errors <= {entry.rule.id}


@pytest.mark.parametrize(("entry", "platform"), SHOWN, ids=IDS)
def test_the_good_line_has_not(entry: Entry, platform: str) -> None:
    found = entry.codes(entry.rule.good, platform)
    assert [one for one in found if one[0] == "error" or one[1] == entry.rule.id] == []


def test_every_rule_has_a_bad_file() -> None:
    for name in DIALECTS:
        shown = " ".join(path.read_text(encoding="utf-8").partition("\n")[0] for path in DATA.glob(f"{name}/bad/*.xml"))
        missing = [rule for where, rule in ALL if where == name and f" {rule}@" not in shown and rule not in NO_FILE]
        assert missing == [], name


def test_the_page_is_the_codes_own() -> None:
    page = (REPOSITORY / "docs/rules.md").read_text(encoding="utf-8")
    printed = CliRunner().invoke(main, ["rules", "--markdown"]).stdout
    assert printed == page, "run `callflows rules --markdown > docs/rules.md`"
    assert page.isascii()
    order = re.findall("^## (.*)$", page, re.MULTILINE)
    assert all(one < two for one, two in pairwise(order))
    assert set(order) == {entry.rule.id for entry in entries()} >= {rule for _, rule in ALL}


def test_the_command_explains_one_rule() -> None:
    one = CliRunner().invoke(main, ["rules", "rule.hangup-last"]).stdout
    for part in ("rule.hangup-last  error  plivo, vobiz", "hangs up at once", "-> put", "source: plivo.md", "bad:"):
        assert part in one
    as_json = json.loads(CliRunner().invoke(main, ["rules", "rule.sip-headers", "--json"]).stdout)
    assert [found["platforms"] for found in as_json] == [[name] for name in DIALECTS]
    assert all(found["what"] and found["good"] and found["bad"] for found in as_json)
    wrong = CliRunner().invoke(main, ["rules", "rule.hangup"])
    assert wrong.exit_code == 2
    assert "did you mean rule.hangup-last?" in wrong.output


def codes(line: str, provider: str = "plivo") -> list[str]:
    found = judge_bytes(f"<Response>{line}</Response>".encode(), provider, native=True).problems
    return [problem.code for problem in found if problem.code != "rule.undocumented"]


TEXTS = {"Dial": "<Number>+14155550123</Number>", "Conference": "room", "MultiPartyCall": "room"}
TEXTS["Stream"] = "wss://a.example.com/"
BASE = {"Stream": {"keepCallAlive": "true", "bidirectional": "true"}, "MultiPartyCall": {"role": "Agent"}}
VALUES = ("false", "true", "wav", "5", "70", "1,2", "auto", "https://a.example.com/", "wss://a.example.com/", "a=1",
          "audio/x-l16;rate=8000")  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "name", "need"),
    [(tag, name, need) for row in NEEDS for tag in row.on.split() for name in row.attributes.split()
     for need in row.needs.split()],
)  # fmt: skip
def test_what_an_attribute_needs(tag: str, name: str, need: str) -> None:
    shape = model("plivo").elements[tag].attributes
    harmless = next(row.harmless for row in NEEDS if tag in row.on.split() and name in row.attributes.split()).split()

    def document(more: dict[str, str]) -> str:
        given = " ".join(f'{key}="{value}"' for key, value in {**BASE.get(tag, {}), **more}.items())
        return f"<{tag} {given}>{TEXTS.get(tag, '')}</{tag}><Speak>Bye</Speak>"

    value = next(value for value in VALUES if shape[name].type.accepts(value) and value not in harmless)
    needed, _, with_value = need.partition("=")
    with_value = with_value or next(value for value in reversed(VALUES) if shape[needed].type.accepts(value))
    assert "rule.no-effect" in codes(document({name: value}))
    assert "rule.no-effect" not in codes(document({name: value, needed: with_value}))
    for plain in harmless:
        if shape[name].type.accepts(plain):
            assert "rule.no-effect" not in codes(document({name: plain}))


RECORD = '<Record callbackUrl="https://a.example.com/" {}/>'
SESSION = RECORD.format('recordSession="true"')
WHEN_ANSWERED = RECORD.format('startOnDialAnswer="true"')
DIAL = "<Dial><Number>+14155550123</Number></Dial>"
ACTION = 'action="https://a.example.com/done"'
CASES = {  # line -> what Plivo's rules say of it
    f"{SESSION}{DIAL}": [],
    f"{DIAL}{SESSION}{DIAL}": [],
    f"<Speak>Press 1</Speak>{SESSION}<Redirect>https://a.example.com/</Redirect>": [],
    f"<Speak>Hello</Speak>{SESSION}": ["rule.record-too-late"],
    f"{DIAL}{SESSION}<Speak>Bye</Speak>": ["rule.record-too-late"],
    f"{WHEN_ANSWERED}{DIAL}": [],
    f"{WHEN_ANSWERED}<Redirect>https://a.example.com/</Redirect>": [],
    f"{DIAL}{WHEN_ANSWERED}": ["rule.record-too-late"],
    RECORD.format('recordSession="true" timeout="15" playBeep="true"') + DIAL: [],
    RECORD.format('recordSession="true" playBeep="false"') + DIAL: ["rule.no-effect"],
    f"<Dial {ACTION}><Number>+14155550123</Number></Dial><Hangup/>": [],
    f'<Dial {ACTION} redirect="false"><Number>+14155550123</Number></Dial><Speak>Bye</Speak>': [],
    f"<Dial {ACTION}><Number>+14155550123</Number></Dial><Speak>Bye</Speak>": ["rule.after-action"],
    f"<GetDigits {ACTION}/><Speak>Bye</Speak>": [],
    f"<Record {ACTION}/>{DIAL}": ["rule.after-action"],
    '<Wait length="3"/><Hangup reason="rejected"/>': [],
    '<PreAnswer><Speak>Closed</Speak></PreAnswer><Hangup reason="busy"/>': [],
    '<Wait/><PreAnswer><Wait length="5"/></PreAnswer><Speak>Hello</Speak>': [],
    '<PreAnswer><Play loop="0">https://a.example.com/a.mp3</Play></PreAnswer><Speak>A</Speak>': [
        "rule.pre-answer-long"
    ],
    "<Play>http://127.0.0.1:8000/a.mp3</Play>": [],
    "<Play>http://[::1]/a.mp3</Play>": [],
    "<Play>http://localhost/a.wav</Play>": [],
    "<Play>https://a.example.com/sound?file=a.ogg</Play>": [],
    "<Play>https://a.example.com/a.OGG?x=1</Play>": ["rule.play-format"],
    "<Stream>wss://a.example.com/</Stream>" + DIAL: [],
    "<Stream>wss://a.example.com/</Stream>": ["rule.stream-last"],
    '<Stream audioTrack="both">wss://a.example.com/</Stream>' + DIAL: [],
    f'<GetInput {ACTION} inputType="dtmf" language="en-US" hints="a"/><Speak>Bye</Speak>': ["rule.no-effect"] * 2,
    f'<GetInput {ACTION} inputType="dtmf speech" hints="a" numDigits="1"/><Speak>Bye</Speak>': [],
    f'<GetInput {ACTION} inputType="speech" numDigits="1"/><Speak>Bye</Speak>': ["rule.no-effect"],
    "<Dial><Number>+14155550123</Number><Number>+14155550124</Number></Dial>": [],
    '<Dial><Number sendDigits="1">+14155550123</Number><Number sendDigits="2">+14155550123</Number></Dial>': [],
}


@pytest.mark.parametrize("line", CASES)
def test_cases(line: str) -> None:
    assert codes(line) == CASES[line]


@pytest.mark.parametrize(
    "unit",
    ['<Hangup reason="busy"/>', "<PreAnswer/>", '<Record recordSession="true"/>', '<Record startOnDialAnswer="true"/>',
     '<MultiPartyCall role="Agent">a</MultiPartyCall>', "<Dial><Number>+14155550123</Number></Dial>"],
)  # fmt: skip
def test_looking_around_takes_time_in_proportion(unit: str) -> None:
    def seconds(size: int) -> float:
        text = f"<Response>{unit * (size // len(unit))}</Response>".encode()
        taken = []
        for _ in range(3):
            started = time.thread_time()
            judge_bytes(text, "plivo")
            taken.append(time.thread_time() - started)
        return min(taken)

    # ten times as long takes ten times as long; if each element looked at all others, a hundred times
    assert seconds(99_000) < 40 * seconds(9_900)


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
