"""Plivo: documents are served in the words they were written in."""

from __future__ import annotations

import re

from ...models import Severity
from ..findings import Node
from ..rules import Context, Found, Rule, header_faults, rule
from .contract import Dialect
from .elsewhere import ELSEWHERE

RULES: list[Rule] = []

_NAMES = re.compile("[A-Za-z0-9]+")
# 2026-11: dropped without a word (D newest, plivo.md 1.6). "-" cannot stand in a name, so PH, FS, ZT need no mention.
_RESERVED = re.compile("(?:Plivo|SipAuth|Twilio)|ClientRegion$", re.IGNORECASE)


@rule("rule.sip-headers", "Dial Number User", about="sipHeaders", source="plivo.md 1.6", into=RULES,
      hint="name=value,name=value with letters and digits only; they arrive as X-PH-name",
      good='<Dial sipHeaders="room=7"><User>sip:agent@phone.example.org</User></Dial>',
      bad='<Dial sipHeaders="PlivoRoom=7"><User>sip:agent@phone.example.org</User></Dial>')  # fmt: skip
def sip_headers(element: Node, context: Context) -> Found:
    yield from header_faults(element.get("sipHeaders", ""), names=_NAMES, reserved=_RESERVED)


@rule("rule.keep-call-alive", "Stream", about="keepCallAlive", severity=Severity.WARNING, source="plivo.md 1.9 (D)",
      into=RULES, hint='add bidirectional="true", or after the Stream what the call does meanwhile',
      good='<Stream bidirectional="true" keepCallAlive="true">wss://phone.example.org/in</Stream>',
      bad='<Stream keepCallAlive="true">wss://phone.example.org/in</Stream>')  # fmt: skip
def keep_call_alive(stream: Node, context: Context) -> Found:
    if stream.get("keepCallAlive") == "true" and stream.get("bidirectional") != "true":
        yield "keepCallAlive has a meaning with bidirectional only"


_INPUT = "write GetInput, or GetDigits"

DIALECT = Dialect(
    "plivo",
    rules=tuple(RULES),
    instead={
        **ELSEWHERE,
        "Gather": _INPUT,
        "GetSpeech": _INPUT,
        "StartGather": _INPUT,
        "AIGather": _INPUT,
        "Prompt": "write GetInput with a Speak in it",
        "Sms": "write Message",
    },
)
