"""Plivo: documents are served as they were written."""

from __future__ import annotations

import re

from ..findings import Node
from ..rules import Context, Found, Rule, header_faults, rule
from .contract import Dialect

RULES: list[Rule] = []

_NAMES = re.compile("[A-Za-z0-9]+")
# 2026-11: dropped without a word (D newest, plivo.md 1.6). "-" cannot stand in a name, so PH, FS, ZT need no mention.
_RESERVED = re.compile("(?:Plivo|SipAuth|Twilio)|ClientRegion$", re.IGNORECASE)


@rule("rule.sip-headers", "Dial Number User", about="sipHeaders", source="plivo.md 1.6", into=RULES,
      hint="name=value,name=value with letters and digits only; they arrive as X-PH-name")  # fmt: skip
def sip_headers(element: Node, context: Context) -> Found:
    yield from header_faults(element.get("sipHeaders", ""), names=_NAMES, reserved=_RESERVED)


DIALECT = Dialect(
    "plivo",
    rules=tuple(RULES),
    instead={
        "Gather": "write GetInput, or GetDigits",
        "Say": "write Speak",
        "Pause": "write Wait",
        "Sip": "write User with a sip: address",
        "AudioStream": "write Stream",
    },
)
