"""Which numbers count as written by an author: those meant to be numbers, whole, and no others."""

from __future__ import annotations

import re
import time

import pytest

from callflows.documents import DialPolicy, Written, collect_written, judge


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("<Number>+14155550123</Number>", {"+14155550123"}),
        ("to = '14155550123'\nfrom = \"+442079460018\"", {"+14155550123", "+442079460018"}),
        ("call +14155550123.", {"+14155550123"}),
        ("{'1': '+14155550123','2':'+14155550124'}", {"+14155550123", "+14155550124"}),
        ("to=+14155550123,+14155550124", {"+14155550123", "+14155550124"}),
        ("name,number,seconds\nAnn,+14155550123,30\nBob, +14155550124", {"+14155550123", "+14155550124"}),
        ("+14155550123 +14155550124", {"+14155550123", "+14155550124"}),
        ('"> 14155550123\n</Number><Dial>14155550124</Dial>', {"+14155550123", "+14155550124"}),
        ("14155550123", {"+14155550123"}),  # a string constant
        ('<Dial callerId="14155550123">', {"+14155550123"}),
        ("Ann,14155550123", set()),
        ("call 14155550123 now", set()),
        ("<Speak>14155550123</Speak>", set()),
        ("20261123", set()),
        ("day = '20261123'\nn = 14155550123\nday = 2026-11-23", set()),
        ("'20261123143000' '1234567' '10000000'", set()),
        ("1,2345678", set()),
        ("'1,2345678' <Number>1,2345678</Number>", set()),
        ("(415)5550123 '(415)5550123'", set()),
        ("+4420794 60018 +4420794-60018 +4420794.60018 +4420794/60018 +4420794(60018) +4420794 (60018)", set()),
        ("'14155550123' + '\"14155550123'\"", {"+14155550123"}),
        ("a14155550123 14155550123b x+14155550123", set()),
        ("+1415555012345678 1234567890123456", set()),
        ("123456 0123456789", set()),
        ("+1 (415) 555-0123", set()),
        ("550e8400-e29b-41d4-a716-446655440000", set()),
        ("3.14159265358 v1.20261123", set()),
        ("/audio/20261123/a.mp3 20261123.mp3", set()),
        ("sip:14155550123@pbx.example &#14155550123; %14155550123", set()),
        ("１４１５５５５０１２３ +1415５555５５5", set()),
        ("+14155{{ x }}50123 {{ '+1415555' ~ '0123' }}", {"+1415555"}),
    ],
)
def test_collect_written(text: str, numbers: set[str]) -> None:
    written = collect_written(["", text, text]) | Written()
    candidates = {f"+{digits}" for digits in re.findall("[0-9]{7,15}", text, re.ASCII)}
    assert {number for number in candidates | numbers if number in written} == numbers
    assert written.numbers <= numbers


def test_a_big_table_is_collected_at_once() -> None:
    table = "".join(f'Ann,"1415{number:07}",+1416{number:07}\n' for number in range(100_000))
    started = time.thread_time()
    written = collect_written([table])
    assert time.thread_time() - started < 2
    assert "+14155550123" not in written  # above the last row
    assert "+14160000001" in written


def test_a_bare_number_of_the_flow_may_be_dialled_and_a_date_may_not() -> None:
    written = collect_written(["<Number>14155550123</Number>", "20261123"])
    for number, problems in (("+14155550123", 0), ("14155550123", 0), ("20261123", 1)):
        text = f"<Response><Dial><Number>{number}</Number></Dial></Response>"
        assert len(judge(text, "plivo", policy=DialPolicy(), written=written).problems) == problems
