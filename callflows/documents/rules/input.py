"""GetDigits, GetInput and Gather, and where answers lead."""

from __future__ import annotations

import re

from ...models import Severity
from ..findings import Node
from .registry import INPUT, Context, Found, following, rule

_ASK = '<GetInput action="https://flows.example.com/menu" inputType="dtmf"/>'
_SORRY = "<Speak>We heard nothing.</Speak>"


@rule("rule.no-fall-through", " ".join(INPUT), severity=Severity.WARNING, source="plivo.md 1.0, 1.3; vobiz.md 1.2",
      hint="add what a silent caller gets: a Speak and a Redirect, for example",
      good=f"{_ASK}{_SORRY}", bad=_ASK)  # fmt: skip
def no_fall_through(element: Node, context: Context) -> Found:
    around = element.getparent()
    after = around if around is not None and around.tag == "PreAnswer" else element
    if following(element) is None and following(after) is None:
        yield f"nothing follows {element.tag!s}: a caller who enters nothing is hung up on"


@rule("rule.input-type", "GetInput Gather", severity=Severity.WARNING,
      source="plivo.md 1.4, vobiz.md 1.2 (no default stated)",
      hint='add inputType="dtmf", "speech" or "dtmf speech"',
      good=f"{_ASK}{_SORRY}", bad=f'<GetInput action="https://flows.example.com/menu"/>{_SORRY}')  # fmt: skip
def input_type(element: Node, context: Context) -> Found:
    if "inputType" not in element.attrib:
        yield f"{element.tag!s} does not say whether it wants keys or speech, and no default is documented"


_SPEECH = '<GetInput action="https://flows.example.com/menu" inputType="speech" hints="{}"/>'


@rule("rule.hints", "GetInput Gather", about="hints", source="plivo.md 1.4, vobiz.md 1.2",
      hint="at most 500 phrases, 100 characters each, 10000 together",
      good=_SPEECH.format("sales,billing") + _SORRY,
      bad=_SPEECH.format("sales and " * 11 + "more") + _SORRY)  # fmt: skip
def hints(element: Node, context: Context) -> Found:
    text = element.get("hints", "")
    phrases = text.split(",")
    if len(phrases) > 500 or len(text) > 10_000 or any(len(phrase.strip()) > 100 for phrase in phrases):
        yield f"hints has {len(phrases)} phrases and {len(text)} characters, or one that is too long"


@rule("rule.input-action", "GetDigits", severity=Severity.WARNING,
      source="plivo.md 1.3, 3.2 (Digits are told to the action only)", hint='add action="..."',
      good=f'<GetDigits action="https://flows.example.com/menu"/>{_SORRY}', bad=f"<GetDigits/>{_SORRY}")  # fmt: skip
def input_action(element: Node, context: Context) -> Found:
    if "action" not in element.attrib:
        yield "GetDigits has no action: what the caller enters is told to nobody"


_STEP = re.compile(r"https?://[^?#]*/flows/[a-z]+/[a-z0-9_-]+/[a-z0-9_-]+/?(?:[?#].*)?", re.IGNORECASE | re.DOTALL)
_DIAL = (
    '<Dial callerId="+14155550100" action="{}" redirect="false"><Number>+14155550123</Number></Dial>'
    "<Speak>Nobody is free.</Speak>"
)


@rule("rule.redirect-false", "Dial Record Conference GetDigits GetInput Gather", about="redirect",
      severity=Severity.WARNING, source="plivo.md 1.0 (the answer is ignored); vobiz.md 1.2",
      hint='leave redirect out, or let action be events_url()',
      good=_DIAL.format("https://flows.example.com/events/plivo"),
      bad=_DIAL.format("https://flows.example.com/flows/plivo/forward/done"))  # fmt: skip
def redirect_false(element: Node, context: Context) -> Found:
    if element.get("redirect") == "false" and _STEP.fullmatch(element.get("action", "").strip()):
        yield f'{element.tag!s} with redirect="false" ignores what its action returns, and the step there never runs'
