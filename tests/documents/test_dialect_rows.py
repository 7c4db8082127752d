"""Plivo's vocabulary as Vobiz hears it, row by row: what is written, what is served, what is said of it."""

from __future__ import annotations

import pytest
from lxml import etree

from callflows.documents import DIALECTS, DialPolicy, judge
from callflows.documents.dialects import vobiz
from callflows.documents.dialects.converting import Default

A = 'action="https://flows.example.com/x"'
CALLER = 'callerId="+14155550123"'
NUMBER = "<Number>+14155550123</Number>"
KEYS = f'executionTimeout="5" digitEndTimeout="2" inputType="dtmf" {A}'  # Gather, of a GetDigits that says no more
RECORD = 'redirect="true" timeout="15" finishOnKey="#"'  # of a Record that says nothing
ROOM = 'stayAlone="true" timeLimit="86400" relayDTMF="true"'  # of a Conference that says nothing
QUIET = f'{ROOM} beep="false"'
HI = "<Speak>a</Speak>"
LOST, CHANGED = "rule.no-equivalent", "rule.converted"
TOLD = {LOST, CHANGED} | {rule.id for rule in DIALECTS["vobiz"].rules}


def converted(inside: str) -> tuple[str, list[str]]:
    """What is served, and what the conversion, the grammar and Vobiz's own rules say."""
    policy = DialPolicy(["*"])
    verdict = judge(f"<Response>{inside}</Response>", "vobiz", policy=policy, public_url="https://flows.example.com")
    body = verdict.text.removeprefix("<Response>").removesuffix("</Response>")
    codes = [problem.code for problem in verdict.problems]
    return body, sorted(code for code in codes if code in TOLD or code.startswith("grammar."))


def conference(attributes: str = "") -> str:
    return f"<Conference{' ' * bool(attributes)}{attributes}>room</Conference>"


def stream(attributes: str = "") -> str:
    return f"<Stream{' ' * bool(attributes)}{attributes}>wss://a.example/in</Stream>"


GET_INPUT = [
    (f'<GetInput {A} inputType="dtmf speech" executionTimeout="9" digitEndTimeout="3" language="en-GB"/>',
     f'<Gather {A} inputType="dtmf speech" executionTimeout="9" digitEndTimeout="3" language="en-GB"/>', []),
    (f'<GetInput {A} inputType="speech" speechEndTimeout="auto" speechModel="phone_call" hints="a,b"'
     ' profanityFilter="true" log="false" redirect="false" method="GET"/>',
     f'<Gather {A} inputType="speech" speechEndTimeout="auto" speechModel="phone_call" hints="a,b"'
     ' profanityFilter="true" log="false" redirect="false" method="GET"/>', []),
    (f'<GetInput {A} inputType="dtmf" retries="1"/>', f'<Gather {A} inputType="dtmf"/>', []),
    (f'<GetInput {A} inputType="dtmf" retries="2" startInputTimeout="3"/>', f'<Gather {A} inputType="dtmf"/>',
     [LOST, LOST]),
    (f'<GetInput {A} inputType="speech" language="zh-CN"/>',
     f'<Gather {A} inputType="speech" language="zh (cmn-hans-cn)"/>', [CHANGED]),
    (f'<GetInput {A} inputType="speech" language="cmn-Hant-TW"/>',
     f'<Gather {A} inputType="speech" language="zh-TW (cmn-hans-tw)"/>', [CHANGED]),
]  # fmt: skip

GET_DIGITS = [
    (f'<GetDigits {A} timeout="7" digitTimeout="3" numDigits="4" finishOnKey="*"/>',
     f'<Gather executionTimeout="7" digitEndTimeout="3" inputType="dtmf" {A} numDigits="4" finishOnKey="*"/>', []),
    (f'<GetDigits {A} timeout="3" digitTimeout="1" numDigits="99"/>', f'<Gather {KEYS} numDigits="32"/>',
     [CHANGED] * 3),
    (f'<GetDigits {A} timeout="90" digitTimeout="11"/>',
     f'<Gather executionTimeout="60" digitEndTimeout="10" inputType="dtmf" {A}/>', [CHANGED] * 2),
    (f'<GetDigits {A} playBeep="false" retries="1" validDigits="1234567890*#"/>', f"<Gather {KEYS}/>", []),
    (f'<GetDigits {A} playBeep="true"/>', f"<Gather {KEYS}/>", [LOST]),
    (f'<GetDigits {A} retries="3"/>', f"<Gather {KEYS}/>", [LOST]),
    (f'<GetDigits {A} validDigits="12"/>', f"<Gather {KEYS}/>", [LOST]),
    (f'<GetDigits {A} invalidDigitsSound="https://a.example/n.mp3"/>', f"<Gather {KEYS}/>", [LOST]),
    (f'<GetDigits {A} log="false" redirect="false" method="GET"/>',
     f'<Gather {KEYS} log="false" redirect="false" method="GET"/>', []),
    # A Wait between prompts has no place in Gather.
    (f"<GetDigits {A}><Speak>a</Speak><Wait/><Speak>b</Speak></GetDigits>",
     f"<Gather {KEYS}><Speak>a</Speak><Speak>b</Speak></Gather>", [LOST]),
]  # fmt: skip

DIAL = [
    (f'{HI}<Dial {CALLER} callType="whatsapp" sipHeaders="room=1, desk=2">{NUMBER}</Dial>',
     f'{HI}<Dial {CALLER} sipHeaders="roomX-VH=1,deskX-VH=2">{NUMBER}</Dial>', [LOST]),
    (f'{HI}<Dial {CALLER} callType="voice">{NUMBER}</Dial>', f"{HI}<Dial {CALLER}>{NUMBER}</Dial>", []),
    (f'{HI}<Dial {CALLER} sipHeaders="roomX-VH=1">{NUMBER}</Dial>',
     f'{HI}<Dial {CALLER} sipHeaders="roomX-VH=1">{NUMBER}</Dial>', []),
    (f'{HI}<Dial {CALLER} sipHeaders="from=+1415">{NUMBER}</Dial>',
     f'{HI}<Dial {CALLER} sipHeaders="fromX-VH=+1415">{NUMBER}</Dial>', ["rule.sip-headers"]),
    (f'{HI}<Dial {CALLER} sipHeaders="name=Mary Poe">{NUMBER}</Dial>',
     f'{HI}<Dial {CALLER} sipHeaders="nameX-VH=Mary Poe">{NUMBER}</Dial>', ["rule.sip-headers"]),
    (f'{HI}<Dial {CALLER}><Number sendDigitsMode="rfc2833" sendDigits="1">+14155550123</Number></Dial>',
     f'{HI}<Dial {CALLER}><Number sendDigits="1">+14155550123</Number></Dial>', [LOST]),
    (f'{HI}<Dial {CALLER}><Number sipHeaders="a=1">+14155550123</Number></Dial>', f"{HI}<Dial {CALLER}>{NUMBER}</Dial>",
     [LOST]),
    (f'{HI}<Dial {CALLER}><Number callerId="+14155550123" callerName="x">+14155550123</Number></Dial>',
     f"{HI}<Dial {CALLER}>{NUMBER}</Dial>", [LOST, LOST]),
    (f'{HI}<Dial {CALLER}><User sipAuthUsername="u" sipAuthPassword="12345678" sipHeaders="a=1">sip:a@a.example</User>'
     "</Dial>", f'{HI}<Dial {CALLER}><User sipHeaders="aX-VH=1">sip:a@a.example</User></Dial>', [LOST, LOST]),
    (f'{HI}<Dial {CALLER}><User callerId="+14155550123" callerName="x" sendDigits="1">sip:a@a.example</User></Dial>',
     f'{HI}<Dial {CALLER}><User sendDigits="1">sip:a@a.example</User></Dial>', [LOST, LOST]),
    (f'{HI}<Dial {CALLER} confirmKey="1">{NUMBER}</Dial>', f'{HI}<Dial {CALLER} confirmKey="1">{NUMBER}</Dial>',
     ["rule.confirm-key"]),
    (f'{HI}<Dial {CALLER} timeLimit="60" dialMusic="real">{NUMBER}</Dial>',
     f'{HI}<Dial {CALLER} timeLimit="60" dialMusic="real">{NUMBER}</Dial>', []),
    (f"{HI}<Dial>{NUMBER}</Dial>", f"{HI}<Dial>{NUMBER}</Dial>", ["rule.caller-id"]),
    (f"<Dial {CALLER}>{NUMBER}</Dial>", f"<Dial {CALLER}>{NUMBER}</Dial>", ["rule.dial-first"]),
    (f"<PreAnswer>{HI}</PreAnswer><Dial {CALLER}>{NUMBER}</Dial>",
     f"<PreAnswer>{HI}</PreAnswer><Dial {CALLER}>{NUMBER}</Dial>", ["rule.dial-first"]),
    (f"<Wait/><Dial {CALLER}>{NUMBER}</Dial><Dial {CALLER}>{NUMBER}</Dial>",
     f"<Wait/><Dial {CALLER}>{NUMBER}</Dial><Dial {CALLER}>{NUMBER}</Dial>", []),
]  # fmt: skip

OURS = "https://flows.example.com/flows/vobiz/f/s"
RECORDS = [
    ("<Record/>", f"<Record {RECORD}/>", []),
    ('<Record maxLength="60" playBeep="true" fileFormat="mp3"/>',
     f'<Record {RECORD} maxLength="60" playBeep="true" fileFormat="mp3"/>', []),
    ('<Record finishOnKey="none"/>', '<Record redirect="true" timeout="15" finishOnKey="#"/>', [LOST]),
    ('<Record finishOnKey="12"/>', '<Record redirect="true" timeout="15" finishOnKey="12"/>', []),
    ('<Record recordSession="true"/>', '<Record redirect="true" recordSession="true"/>', []),
    ('<Record startOnDialAnswer="true"/>', '<Record redirect="true" startOnDialAnswer="true"/>', []),
    ('<Record recordSession="false"/>', f'<Record {RECORD} recordSession="false"/>', []),
    ('<Record recordSession="true" timeout="15"/>',
     '<Record redirect="true" recordSession="true" timeout="15"/>', []),
    ('<Record recordChannelType="stereo"/>', f"<Record {RECORD}/>", []),
    ('<Record recordChannelType="mono"/>', f"<Record {RECORD}/>", [LOST]),
    ('<Record transcriptionType="hybrid" transcriptionUrl="https://a.example/t"/>',
     f'<Record {RECORD} transcriptionType="hybrid" transcriptionUrl="https://a.example/t"/>', []),
    ('<Record transcriptionType="manual"/>', f'<Record {RECORD} transcriptionType="auto"/>', [LOST]),
    ('<Record transcriptionReportType="compact"/>', f"<Record {RECORD}/>", []),
    ('<Record transcriptionReportType="full"/>', f"<Record {RECORD}/>", [LOST]),
    (f'<Record {A}/>', f"<Record {RECORD} {A}/>", []),
    (f'<Record action="{OURS}?t=\ue0020\ue003"/>', f'<Record {RECORD} action="{OURS}?t=\ue0020\ue003"/>',
     ["rule.record-action"]),
    (f'<Record action="{OURS}" redirect="false"/>',
     f'<Record redirect="false" timeout="15" finishOnKey="#" action="{OURS}"/>', ["rule.record-action"]),
    ('<Record action="https://flows.example.com/events/vobiz"/>',
     f'<Record {RECORD} action="https://flows.example.com/events/vobiz"/>', []),
    ('<Record callbackUrl="https://flows.example.com/events/vobiz" callbackMethod="POST"/>',
     f'<Record {RECORD} callbackUrl="https://flows.example.com/events/vobiz" callbackMethod="POST"/>', []),
]  # fmt: skip

CONFERENCES = [
    (conference(), conference(QUIET), []),
    (conference('stayAlone="true"'), conference(QUIET), []),
    (conference('muted="true" hangupOnStar="true"'), conference(f'{QUIET} muted="true" hangupOnStar="true"'), []),
    (conference('enterSound="beep:1"'), conference(f'{ROOM} enterSound="beep:1"'), []),
    (conference('exitSound="beep:2"'), conference(f'{ROOM} exitSound="beep:2"'), []),
    (conference('enterSound=""'), conference(f'{QUIET} enterSound=""'), []),
    (conference('beep="true"'), conference(f'{ROOM} beep="true"'), ["rule.conference-no-effect"]),
    (conference('maxMembers="20"'), conference(f'{QUIET} maxParticipants="20"'), []),
    (conference('maxMembers="2"'), conference(f'{QUIET} maxParticipants="2"'), ["rule.conference-no-effect"]),
    (conference('record="true"'), conference(f'{QUIET} record="true"'), ["rule.conference-record"]),
    (conference('record="false"'), conference(f'{QUIET} record="false"'), []),
    (conference(A), conference(f"{QUIET} {A}"), ["rule.conference-action"]),
    (conference('floorEvent="false" redirect="true"'), conference(QUIET), []),
    (conference('floorEvent="true"'), conference(QUIET), [LOST]),
    (conference('redirect="false"'), conference(QUIET), [LOST]),
    (conference('sendDigits="1"'), conference(QUIET), [LOST]),
    (conference('recordWhenAlone="true"'), conference(QUIET), [LOST]),
    (conference('transcriptionType="auto"'), conference(QUIET), [LOST]),
    (conference('transcriptionUrl="https://a.example/t"'), conference(QUIET), [LOST]),
    (conference('waitSound="https://a.example/w"'), conference(f'{QUIET} waitSound="https://a.example/w"'), []),
    (conference('callbackUrl="https://a.example/c"'), conference(f'{QUIET} callbackUrl="https://a.example/c"'), []),
    (conference('digitsMatch="1,2"'), conference(f'{QUIET} digitsMatch="1,2"'), []),
]  # fmt: skip

ALIVE = 'bidirectional="true" keepCallAlive="true"'
STREAMS = [
    (stream(ALIVE), stream(ALIVE), []),
    (stream(f'{ALIVE} audioTrack="inbound" streamTimeout="86400" contentType="audio/x-mulaw;rate=8000"'),
     stream(f'{ALIVE} audioTrack="inbound" streamTimeout="86400" contentType="audio/x-mulaw;rate=8000"'), []),
    (stream(f'{ALIVE} noiseCancellation="false" noiseCancellationLevel="85"'), stream(ALIVE), []),
    (stream(f'{ALIVE} noiseCancellation="true"'), stream(ALIVE), [LOST]),
    (stream(f'{ALIVE} noiseCancellationLevel="90"'), stream(ALIVE), [LOST]),
    (stream(f'{ALIVE} extraHeaders="room=7"'), stream(f'{ALIVE} extraHeaders="room=7"'), ["rule.extra-headers-lost"]),
    (stream(f'{ALIVE} extraHeaders="room=a b"'), stream(f'{ALIVE} extraHeaders="room=a b"'),
     ["rule.extra-headers-letters", "rule.extra-headers-lost"]),
    (stream(f'{ALIVE} statusCallbackUrl="https://a.example/c" statusCallbackMethod="GET"'),
     stream(f'{ALIVE} statusCallbackUrl="https://a.example/c" statusCallbackMethod="GET"'), []),
]  # fmt: skip

REST = [
    # Wait: beep is true or false here
    ('<Wait beep="duration=300"/>', '<Wait beep="true"/>', [LOST]),
    ('<Wait beep="true"/>', '<Wait beep="true"/>', []),
    # PreAnswer: Speak, Play and Wait only
    ('<PreAnswer><Speak>a</Speak><Play>https://a.example/a.mp3</Play><Wait length="2"/></PreAnswer><Wait/>',
     '<PreAnswer><Speak>a</Speak><Play>https://a.example/a.mp3</Play><Wait length="2"/></PreAnswer><Wait/>', []),
    (f"<PreAnswer><Speak>a</Speak><GetDigits {A}><Speak>b</Speak></GetDigits></PreAnswer><Wait/>",
     "<PreAnswer><Speak>a</Speak></PreAnswer><Wait/>", [LOST]),
    ("<PreAnswer><Speak>a</Speak><DTMF>1</DTMF></PreAnswer><Wait/>", "<PreAnswer><Speak>a</Speak></PreAnswer><Wait/>",
     [LOST]),
    ("<PreAnswer><Speak>a</Speak><Redirect>https://flows.example.com/x</Redirect></PreAnswer><Wait/>",
     "<PreAnswer><Speak>a</Speak></PreAnswer><Wait/>", [LOST]),
    ('<PreAnswer><Wait beep="duration=1"/></PreAnswer>', '<PreAnswer><Wait beep="true"/></PreAnswer>', [LOST]),
    # The same on both
    ('<DTMF async="false">1wW2#*</DTMF>', '<DTMF async="false">1wW2#*</DTMF>', []),
    ('<Speak voice="MAN" loop="2">a</Speak>', '<Speak voice="MAN" loop="2">a</Speak>', []),
    ('<Speak voice="Polly.Amy">a <emphasis level="strong">b</emphasis></Speak>',
     '<Speak voice="Polly.Amy">a <emphasis level="strong">b</emphasis></Speak>', []),
    ("<Play>https://a.example/?a=1&amp;b=2</Play>", "<Play>https://a.example/?a=1&amp;b=2</Play>", []),
    ('<Hangup schedule="5"/><Wait/>', '<Hangup schedule="5"/><Wait/>', []),
    ('<Redirect method="GET">https://flows.example.com/x</Redirect>',
     '<Redirect method="GET">https://flows.example.com/x</Redirect>', []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("authored", "expected", "codes"),
    [*GET_INPUT, *GET_DIGITS, *DIAL, *RECORDS, *CONFERENCES, *STREAMS, *REST],
)
def test_row(authored: str, expected: str, codes: list[str]) -> None:
    body, told = converted(authored)
    assert body == expected
    assert told == codes
    again = judge(f"<Response>{body}</Response>", "vobiz", native=True, policy=DialPolicy(["*"]))
    assert not again.blocked


REFUSED = [
    # What the author's words allow and Vobiz does not know at all, or not so.
    (f'<GetInput {A} inputType="speech" language="hi-IN"/>', "grammar.bad-value", 'GetInput language is "hi-IN"'),
    (f'<GetInput {A} inputType="speech" language="es-AR"/>', "grammar.bad-value", 'GetInput language is "es-AR"'),
    ("<GetDigits/>", "grammar.missing-attribute", "GetDigits needs the attribute action"),
    ('<Message src="14155550123" dst="14155551234">a</Message>', "grammar.unknown-element", "Vobiz has none"),
    ('<MultiPartyCall role="Agent">room</MultiPartyCall>', "grammar.unknown-element", "Vobiz has none"),
]


@pytest.mark.parametrize(("authored", "code", "message"), REFUSED)
def test_refused(authored: str, code: str, message: str) -> None:
    text = f"<Response>{authored}</Response>"
    verdict = judge(text, "vobiz", policy=DialPolicy(["*"]))
    found = [problem for problem in verdict.problems if problem.code.startswith("grammar.")]
    assert [problem.code for problem in found] == [code]
    assert message in found[0].message
    assert verdict.blocked
    assert not any(problem.code.startswith("grammar.") for problem in judge(text, "plivo").problems)


def test_a_language_vobiz_does_not_know() -> None:
    text = f'<Response>\n<GetInput {A} inputType="speech"\n language="es-AR"/></Response>'
    problem = next(p for p in judge(text, "vobiz", policy=DialPolicy(["*"])).problems if p.code == "grammar.bad-value")
    assert problem.line == 3
    assert "on Vobiz" in problem.message
    assert problem.hint.startswith("did you mean es-ES, es-MX, es-US? Vobiz takes en-AU, ")


NEEDED = {"GetDigits": f" {A}"}


def _served(row: Default, attribute: str) -> str | None:
    text = {"Conference": "room"}.get(row.element, "")
    body, _ = converted(f"<{row.element}{NEEDED.get(row.element, '')}{attribute}>{text}</{row.element}>")
    name = vobiz.ATTRIBUTES.get((row.element, row.attribute), row.attribute)
    return etree.fromstring(f"<Response>{body}</Response>")[0].get(name)


@pytest.mark.parametrize("row", vobiz.DEFAULTS, ids=lambda row: f"{row.element}-{row.attribute}")
def test_default(row: Default) -> None:
    """Left out by the author, and written as each platform's default."""
    assert row.authored != row.here
    assert row.source
    assert _served(row, "") == row.authored
    if (row.element, row.attribute) != ("GetDigits", "inputType"):  # a word of Vobiz's only
        assert _served(row, f' {row.attribute}="{row.authored}"') == row.authored
    if row.here and row.here != "auto":
        assert _served(row, f' {row.attribute}="{row.here}"') == row.here
