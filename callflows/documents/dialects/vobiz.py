"""Vobiz: a document in Plivo's vocabulary, turned into Vobiz's (vobiz.md 1.2 and 1.4), and what Vobiz alone does."""

from __future__ import annotations

import re

from ...models import Severity
from ..findings import TEXT, Finding, Node, text_of
from ..rules import Context, Found, Rule, header_faults, rule
from .contract import Dialect
from .converting import Default, Tables, Value, convert
from .elsewhere import ELSEWHERE

NAME = "vobiz"

# Plivo ignores these three beside a recording in the background (plivo.md 1.5); Vobiz says nothing, and might end the
# recording of a whole call at the first silence.
_BACKGROUND = (("recordSession", "true"), ("startOnDialAnswer", "true"))
_SOUNDS = (("enterSound", ".+"), ("exitSound", ".+"))

DEFAULTS = (
    Default("GetDigits", "timeout", "5", "15", "plivo.md 1.3, vobiz.md 1.2 executionTimeout"),
    Default("GetDigits", "digitTimeout", "2", "auto", "plivo.md 1.3, vobiz.md 1.2 digitEndTimeout"),
    Default("GetDigits", "inputType", "dtmf", "", "plivo.md 1.3 (keys by nature), vobiz.md 1.2 (none stated)"),
    Default("Record", "redirect", "true", "false", "plivo.md 1.5, vobiz.md 1.2 and 1.4"),
    Default("Record", "timeout", "15", "60", "plivo.md 1.5, vobiz.md 1.2", unless=_BACKGROUND),
    Default("Record", "finishOnKey", "#", "1234567890*#", "plivo.md 1.5, vobiz.md 1.2", unless=_BACKGROUND),
    Default("Conference", "stayAlone", "true", "false", "plivo.md 1.7 (SK, FW), vobiz.md 1.2 and 1.4"),
    Default("Conference", "timeLimit", "86400", "14400", "plivo.md 1.7, vobiz.md 1.2 and 1.4"),
    Default("Conference", "relayDTMF", "true", "false", "plivo.md 1.7, vobiz.md 1.2"),
    Default("Conference", "beep", "false", "true", "plivo.md 1.7 (no sound), vobiz.md 1.2", unless=_SOUNDS),
)

# Defaults that differ and are not written out, with the reason. (One more is no default: Dial without callerId shows
# "the caller's own" on Plivo; rule.caller-id.)
LEFT_OUT = {
    ("GetDigits", "numDigits"): "99 cannot be written: Vobiz counts to 32, its default",
    ("Dial", "dialMusic"): "none cannot be written: Vobiz takes real, its default, or a URL",
    ("Conference", "maxMembers"): "20 is also the account's cap, and maxParticipants has no effect",
    ("Record", "transcriptionType"): "none cannot be written; without transcriptionUrl nobody is sent a text",
}

ELEMENTS = {"GetInput": "Gather", "GetDigits": "Gather"}  # vobiz.md 1.4
ATTRIBUTES = {  # vobiz.md 1.4 (D:compare/plivo/call-control-xml, D:compare/plivo/conferences)
    ("GetDigits", "timeout"): "executionTimeout",
    ("GetDigits", "digitTimeout"): "digitEndTimeout",
    ("Conference", "maxMembers"): "maxParticipants",
}
RANGES = {  # vobiz.md 1.2 Gather
    ("GetDigits", "timeout"): (5, 60),
    ("GetDigits", "digitTimeout"): (2, 10),
    ("GetDigits", "numDigits"): (1, 32),
}
_CHINESE = "Vobiz's documentation writes it so; try it, or write a <step>.vobiz.xml"
VALUES = (
    Value("Wait", "beep", "[^=]+=.*", "true", 'write beep="true"'),  # vobiz.md 1.2: true or false
    # 2026-11: vobiz.md 1.2 documents no "none". One key that ends the recording is nearer to it than all twelve.
    Value("Record", "finishOnKey", "none", "#", 'write finishOnKey="#"'),
    Value("Record", "transcriptionType", "manual", "auto", "write auto or hybrid"),
    Value("GetInput", "language", "zh-CN|cmn-Hans-CN", "zh (cmn-hans-cn)", _CHINESE, same=True),
    Value("GetInput", "language", "zh-TW|cmn-Hant-TW", "zh-TW (cmn-hans-tw)", _CHINESE, same=True),
)
_AFTER = "ask again, or say so, in the step the action leads to"
_ON_DIAL = "write it on the Dial"
_RECORD = 'put <Record recordSession="true" transcriptionUrl="..."/> before the Conference'
HINTS = {
    ("GetDigits", "retries"): _AFTER,
    ("GetInput", "retries"): _AFTER,
    ("GetDigits", "validDigits"): "look at input.digits in the step the action leads to",
    ("GetDigits", "invalidDigitsSound"): _AFTER,
    ("GetDigits", "playBeep"): "put a Play with a beep last in it",
    ("GetInput", "startInputTimeout"): "write executionTimeout",
    ("Record", "recordChannelType"): "leave it out and take what comes",
    ("Number", "sipHeaders"): _ON_DIAL,
    ("Number", "callerId"): _ON_DIAL,
    ("Number", "callerName"): _ON_DIAL,
    ("User", "callerId"): _ON_DIAL,
    ("User", "callerName"): _ON_DIAL,
    ("Conference", "transcriptionType"): _RECORD,
    ("Conference", "transcriptionUrl"): _RECORD,
    ("Conference", "redirect"): "put what is to follow after the Conference",
    ("Conference", "sendDigits"): "put a DTMF before the Conference",
    ("Stream", "noiseCancellation"): "clean the audio where the socket ends",
    ("PreAnswer", "GetDigits"): "put it after the PreAnswer",
    ("PreAnswer", "Redirect"): "put it after the PreAnswer",
    ("PreAnswer", "DTMF"): "put it after the PreAnswer",
}
_HEADER_END = "X-VH"
_NAMES = re.compile("[A-Za-z0-9]+(?:-?X-VH)?")


def _headers(value: str) -> str:
    return ",".join(_header(pair) for pair in value.split(","))


def _header(pair: str) -> str:
    """2026-11: plain keys in D:xml/dial and /user; each must end in X-VH, or the whole set is dropped without a word,
    in D:xml/request/sip-headers and the vendor's live-tested application (vobiz.md 1.2). A key that ends in X-VH is
    right under both readings; it arrives as X-VH-<stem>."""
    name, equals, value = pair.strip().partition("=")
    if not equals or not _NAMES.fullmatch(name):
        return pair  # a rule tells of it, in the author's words
    return name + ("" if name.endswith(_HEADER_END) else _HEADER_END) + equals + value


TABLES = Tables(
    NAME,
    defaults=DEFAULTS,
    values=VALUES,
    elements=ELEMENTS,
    attributes=ATTRIBUTES,
    ranges=RANGES,
    rewrite={("Dial", "sipHeaders"): _headers, ("User", "sipHeaders"): _headers},
    hints=HINTS,
)

RULES: list[Rule] = []

_RESERVED = re.compile("(?!)")  # none is documented
_DIAL = '<Speak>Hello</Speak><Dial callerId="+14155550123"{}><Number>+14155551234</Number></Dial>'


@rule("rule.sip-headers", "Dial User", about="sipHeaders", into=RULES,
      source='vobiz.md 1.2; 6 XR (live-tested): with "+" or a space the call is never placed',
      hint="name=value,name=value with letters and digits only; they arrive as X-VH-name",
      good=_DIAL.format(' sipHeaders="roomX-VH=7"'),
      bad=_DIAL.format(' sipHeaders="roomX-VH=+7"'))  # fmt: skip
def sip_headers(element: Node, context: Context) -> Found:
    yield from header_faults(element.get("sipHeaders", ""), names=_NAMES, reserved=_RESERVED)


@rule("rule.sip-headers-end", "Dial User", about="sipHeaders", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (D:xml/request/sip-headers, live-tested)",
      hint="write roomX-VH=7 for the header X-VH-room",
      good=_DIAL.format(' sipHeaders="roomX-VH=7"'),
      bad=_DIAL.format(' sipHeaders="room=7"'))  # fmt: skip
def sip_headers_end(element: Node, context: Context) -> Found:
    for pair in element.get("sipHeaders", "").split(","):
        name, equals, _ = pair.strip().partition("=")
        if equals and _NAMES.fullmatch(name) and not name.endswith(_HEADER_END):
            yield f"the SIP header {name} does not end in {_HEADER_END}, and Vobiz then drops all of them"


@rule("rule.caller-id", "Dial", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (D:xml/dial/user, live-tested)",
      hint='write callerId="+..." with a number of the account',
      good=_DIAL.format(""),
      bad="<Speak>Hello</Speak><Dial><Number>+14155551234</Number></Dial>")  # fmt: skip
def caller_id(dial: Node, context: Context) -> Found:
    if not dial.get("callerId"):
        yield "Dial without callerId: on an inbound call Vobiz then dials nobody, and sends no callback"


@rule("rule.confirm-key", "Dial", about="confirmKey", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (D:xml/dial: unverified)", hint="do not rely on it to keep anybody out",
      good=_DIAL.format(""),
      bad=_DIAL.format(' confirmKey="1"'))  # fmt: skip
def confirm_key(dial: Node, context: Context) -> Found:
    yield "Vobiz may connect the call without the confirmKey being pressed"


# 2026-11: DialStatus=failed, ORIGINATOR_CANCEL, seen by XR and WT; the vendor's own sample of PreAnswer and Dial says
# otherwise. A transferred call is answered; but the same step may be an answer URL.
@rule("rule.dial-first", "Dial", severity=Severity.WARNING, source="vobiz.md 1.3 (XR, WT, live-tested)", into=RULES,
      hint="put a Speak, Play or Wait before it; only where the call is surely answered may it stand first",
      good=_DIAL.format(""),
      bad='<Dial callerId="+14155550123"><Number>+14155551234</Number></Dial>')  # fmt: skip
def dial_first(dial: Node, context: Context) -> Found:
    early = ("PreAnswer", "Hangup")  # a Hangup that is scheduled, as nothing follows another
    if all(before.tag in early for before in dial.itersiblings("*", preceding=True)):
        yield "nothing before this Dial answers the call, and Vobiz fails a Dial on an unanswered inbound call"


_STEP = re.compile(r"https?://[^/?#]*[^?#]*/flows/[^/?#]+/[^/?#]+/[^/?#]+")


# 2026-11: WT saw it near the start with durations of -1, where Plivo asks at the end; and the reply takes over.
@rule("rule.record-action", "Record", about="action", source="vobiz.md 3.4 (WT, live-tested), 1.2", into=RULES,
      hint="write events_url() as callbackUrl, and what is to follow after the Record",
      good='<Record callbackUrl="https://flows.example.com/events/vobiz" callbackMethod="POST"/><Speak>Bye</Speak>',
      bad='<Record action="https://flows.example.com/flows/vobiz/voicemail/done" method="POST"/>'
          "<Speak>Bye</Speak>")  # fmt: skip
def record_action(record: Node, context: Context) -> Found:
    if _STEP.match(record.get("action", "")):
        yield "Vobiz asks for a Record's action near the start of the recording, and this step would cut it off"


@rule("rule.stay-alone", "Conference", severity=Severity.WARNING, source="vobiz.md 1.2, 7 (WT, live-tested)",
      into=RULES, hint='add stayAlone="true"', good='<Conference stayAlone="true">room</Conference>',
      bad="<Conference>room</Conference>")  # fmt: skip
def stay_alone(conference: Node, context: Context) -> Found:
    """Left out by who writes Vobiz's own words; conversion writes it. A false that is written: rule.lone-member."""
    if "stayAlone" not in conference.attrib:
        yield "Conference without stayAlone: Vobiz drops whoever is alone in the room at once"


@rule("rule.conference-record", "Conference", about="record", source="vobiz.md 1.2 (WT: writes no file)", into=RULES,
      hint='put <Record recordSession="true"/> before the Conference',
      good='<Record recordSession="true"/><Conference stayAlone="true">room</Conference>',
      bad='<Conference stayAlone="true" record="true">room</Conference>')  # fmt: skip
def conference_record(conference: Node, context: Context) -> Found:
    if conference.get("record") == "true":
        yield "Vobiz takes record on a Conference, and writes no file"


@rule("rule.conference-action", "Conference", about="action", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (WT: never seen since August 2026)",
      hint="write events_url() as callbackUrl, and what is to follow after the Conference",
      good='<Conference stayAlone="true" callbackUrl="https://flows.example.com/events/vobiz">room</Conference>',
      bad='<Conference stayAlone="true" action="https://flows.example.com/events/vobiz">room</Conference>')  # fmt: skip
def conference_action(conference: Node, context: Context) -> Found:
    yield "Vobiz rarely asks for a Conference's action, if at all; whoever leaves goes on after the Conference"


@rule("rule.conference-no-effect", "Conference", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (parsed, not effective)", hint="leave it out, and do not rely on it",
      good='<Conference stayAlone="true" beep="false">room</Conference>',
      bad='<Conference stayAlone="true" maxParticipants="2">room</Conference>')  # fmt: skip
def conference_no_effect(conference: Node, context: Context) -> Found:
    def told(name: str, message: str) -> Finding:
        rule = "rule.conference-no-effect"
        return Finding(rule, message, conference, name, "leave it out, and do not rely on it", Severity.WARNING)

    # 20 is the cap of an account: who writes that gets it.
    if conference.get("maxParticipants", "20") != "20":
        yield told("maxParticipants", "maxParticipants has no effect: the account's cap of about 20 members counts")
    if conference.get("beep") == "true":
        yield told("beep", "beep has no sure effect: Vobiz does not promise the tones")
    if conference.get("waitMethod", "POST") != "POST":
        yield told("waitMethod", "waitMethod has no effect: the waitSound is asked for by POST")


@rule("rule.extra-headers-letters", "Stream", about="extraHeaders", source="vobiz.md 1.2 ([A-Za-z0-9])", into=RULES,
      hint="name=value,name=value with letters and digits only",
      good='<Stream keepCallAlive="true" extraHeaders="room=7">wss://phone.example.org/in</Stream>',
      bad='<Stream keepCallAlive="true" extraHeaders="room=a b">wss://phone.example.org/in</Stream>')  # fmt: skip
def extra_headers_letters(stream: Node, context: Context) -> Found:
    for pair in stream.get("extraHeaders", "").split(","):
        if not re.fullmatch("[A-Za-z0-9]+=[A-Za-z0-9]*", pair.strip()):
            yield f'"{pair.strip()[:40]}" in extraHeaders has other characters than letters and digits'


@rule("rule.extra-headers-lost", "Stream", about="extraHeaders", severity=Severity.WARNING, into=RULES,
      source="vobiz.md 1.2 (DG)",
      hint="put it into the query of the socket's address, or read it as X-VH- fields of status callbacks",
      good='<Stream keepCallAlive="true">wss://phone.example.org/in?room=7</Stream>',
      bad='<Stream keepCallAlive="true" extraHeaders="room=7">wss://phone.example.org/in</Stream>')  # fmt: skip
def extra_headers_lost(stream: Node, context: Context) -> Found:
    yield "Vobiz sends extraHeaders with status callbacks only; they never reach the socket"


_NUMBER = "a phone number of 7 to 15 digits with its country code, such as +14155550123"


@rule("grammar.dial", "Dial", into=RULES, source="vobiz.md 1.2 (D:xml/dial: a bare number is allowed)",
      hint="add <Number>...</Number>",
      good='<Speak>Hello</Speak><Dial callerId="+14155550123">+14155551234</Dial>',
      bad='<Speak>Hello</Speak><Dial callerId="+14155550123">the desk</Dial>')  # fmt: skip
def dial_content(dial: Node, context: Context) -> Found:
    """Number and User, or one bare number: mixed content to XSD, which cannot tell the two apart."""
    text = text_of(dial).strip(" \t\r\n")
    children = any(child.tag != "Record" for child in dial.iterchildren("*"))
    if text and children:
        message = f'Dial contains the text "{text[:40]}" beside its elements'
        yield Finding("grammar.unexpected-text", message, dial, TEXT, hint="put each number into a Number")
    elif not text and not children:
        message = "Dial contains no Number or User, and needs at least one"
        yield Finding("grammar.missing-child", message, dial, hint="add <Number>...</Number>")
    elif text and not re.fullmatch(r"\+?[1-9][0-9]{6,14}", text, re.ASCII):
        message = f'the text of Dial is "{text[:40]}", and must be {_NUMBER}'
        yield Finding("grammar.bad-value", message, dial, TEXT, hint=f"write {_NUMBER}")


def _convert(root: Node) -> list[Finding]:
    return convert(root, TABLES)


_INPUT = "write Gather"

DIALECT = Dialect(
    NAME,
    _convert,
    tuple(RULES),
    instead={
        **ELSEWHERE,
        "GetInput": _INPUT,
        "GetDigits": _INPUT,
        "GetSpeech": _INPUT,
        "StartGather": _INPUT,
        "AIGather": _INPUT,
        "Prompt": "write Gather with a Speak in it",
        "MultiPartyCall": "Vobiz has no equivalent; use Conference",
        "Message": "Vobiz has no equivalent; send it from where the action leads",
        "Sms": "Vobiz has no equivalent; send it from where the action leads",
    },
    attributes=ATTRIBUTES,
)
