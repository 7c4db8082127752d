"""Dial, Number and User."""

from __future__ import annotations

from ...models import Severity
from ..findings import Finding, Node, text_of
from .registry import Context, Found, number, rule

_DIAL = '<Dial callerId="+14155550100"{}><Number>+14155550123</Number></Dial>'
_USER = '<Dial callerId="+14155550100"><User{}>sip:desk@phone.example.org</User></Dial>'


@rule("rule.sip-auth", "User", of="sipAuthUsername", source="plivo.md 1.6",
      hint="write sipAuthUsername and sipAuthPassword, or neither",
      good=_USER.format(' sipAuthUsername="desk" sipAuthPassword="correct-horse"'),
      bad=_USER.format(' sipAuthUsername="desk"'))  # fmt: skip
def sip_auth(user: Node, context: Context) -> Found:
    if ("sipAuthUsername" in user.attrib) != ("sipAuthPassword" in user.attrib):
        yield "User has one of sipAuthUsername and sipAuthPassword, and they only work together"


@rule("rule.confirm-sound", "Dial", about="confirmKey", severity=Severity.WARNING, source="plivo.md 1.6, vobiz.md 1.2",
      hint="add confirmSound: a step of kind sound that says which key connects the call",
      good=_DIAL.format(' confirmKey="1" confirmSound="https://flows.example.com/press-one"'),
      bad=_DIAL.format(' confirmKey="1"'))  # fmt: skip
def confirm_sound(dial: Node, context: Context) -> Found:
    if "confirmSound" not in dial.attrib:
        yield "Dial asks for a confirmKey, and nothing tells the person who answers to press it"


_TWICE_HINT = "remove one: all ring at once, and the first to answer wins"


@rule("rule.dial-twice", "Dial", severity=Severity.WARNING, source="plivo.md 1.6 (all ring, one wins); vobiz.md 1.3",
      hint=_TWICE_HINT, good=_DIAL.format(""),
      bad='<Dial callerId="+14155550100"><Number>+14155550123</Number><Number>14155550123</Number></Dial>')  # fmt: skip
def dial_twice(dial: Node, context: Context) -> Found:
    seen: set[str] = set()
    for target in dial.iterchildren("Number", "User"):
        key = text_of(target).strip().removeprefix("+")
        if key and (key := key + target.get("sendDigits", "")) in seen:
            message = f"Dial rings the same {target.tag!s} twice"
            yield Finding("rule.dial-twice", message, target, hint=_TWICE_HINT, severity=Severity.WARNING)
        seen.add(key)


_DAY = 86400


@rule("rule.time-limit", "Dial", about="timeLimit", severity=Severity.WARNING,
      source="plivo.md 1.6 (DO: cut at 24 h), vobiz.md 1.2", hint=f"write {_DAY} or less",
      good=_DIAL.format(' timeLimit="3600"'), bad=_DIAL.format(' timeLimit="172800"'))  # fmt: skip
def time_limit(dial: Node, context: Context) -> Found:
    if (number(dial, "timeLimit", 0) or 0) > _DAY:
        yield f"the call ends after 24 hours ({_DAY} s), whatever more timeLimit says"


@rule("grammar.comment-in-text", "Number User Play Redirect Dial", hint="move the comment out of the element",
      source="many parsers call the text up to the first comment an element's text",
      good="<Redirect>https://flows.example.com/menu</Redirect>",
      bad="<Redirect>https://flows.example.com/<!-- the menu -->menu</Redirect>")  # fmt: skip
def comment_in_text(element: Node, context: Context) -> Found:
    if len(element) and text_of(element).strip() and any(not isinstance(child.tag, str) for child in element):
        yield f"a comment stands in the text of {element.tag!s}, and a platform may read only what stands before it"
