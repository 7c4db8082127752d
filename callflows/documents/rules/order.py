"""What may follow what, and what comes too late."""

from __future__ import annotations

from ...models import Severity
from ..findings import Finding, Node
from .registry import Context, Found, following, is_true, near, number, rule

# What picks an inbound call up when it comes first. Wait, PreAnswer, Hangup and Dial do not (plivo.md 1.0).
ANSWERS = frozenset(
    "Speak Play GetDigits GetInput Gather Record Conference MultiPartyCall Stream".split()
)  # fmt: skip


@rule("rule.hangup-last", "Hangup", about="schedule", source="plivo.md 1.2 (DO: hangs up at once), vobiz.md 1.2",
      hint="put what the caller hears until then after it, or leave schedule out",
      good='<Hangup schedule="60"/><Speak loop="0">Please hold.</Speak>',
      bad='<Speak>Please hold.</Speak><Hangup schedule="60"/>')  # fmt: skip
def hangup_last(hangup: Node, context: Context) -> Found:
    if following(hangup) is None:
        yield "a scheduled Hangup in last place hangs up at once"


_REASON = '<Hangup reason="busy"/>'


@rule("rule.hangup-reason", "Hangup", about="reason", severity=Severity.WARNING,
      source="plivo.md 1.0, 3.3 (rejected, busy: of a call that was not answered); vobiz.md 1.1",
      hint="leave reason out, or refuse the call at once: only Wait and PreAnswer do not answer it",
      good=_REASON, bad=f"<Speak>We are closed.</Speak>{_REASON}")  # fmt: skip
def hangup_reason(hangup: Node, context: Context) -> Found:
    if (first := near(hangup, ANSWERS, before=True)) is not None:
        yield f"{first.tag!s} has answered the call, and it can be neither rejected nor busy any more"


_GOOD_END = "<Speak>Goodbye.</Speak><Hangup/>"


@rule("rule.unreachable", "Hangup Redirect Speak Play", severity=Severity.WARNING,
      source="plivo.md 1.0-1.2, vobiz.md 1.1-1.2", hint="remove it, or move it in front",
      good=_GOOD_END, bad="<Hangup/><Speak>Goodbye.</Speak>")  # fmt: skip
def unreachable(element: Node, context: Context) -> Found:
    if element.tag in ("Speak", "Play"):
        ends = element.get("loop") == "0"
    else:
        ends = element.tag == "Redirect" or "schedule" not in element.attrib
    if ends and (after := following(element)) is not None:
        loop = ' with loop="0"' if element.tag in ("Speak", "Play") else ""
        yield Finding("rule.unreachable", f"{after.tag!s} never runs: it stands after {element.tag!s}{loop}", after,
                      hint="remove it, or move it in front", severity=Severity.WARNING)  # fmt: skip


_AFTER_HINT = "put it into the document that the action returns"
_DIAL = '<Dial callerId="+14155550100"{}><Number>+14155550123</Number></Dial>'
_ACTION = ' action="https://flows.example.com/done"'


@rule("rule.after-action", "Dial Record Conference", about="action", severity=Severity.WARNING, hint=_AFTER_HINT,
      source="plivo.md 1.0 (redirect is true by default); vobiz.md 1.3",
      good=_DIAL.format(_ACTION), bad=_DIAL.format(_ACTION) + "<Speak>Nobody is free.</Speak>")  # fmt: skip
def after_action(element: Node, context: Context) -> Found:
    """A Hangup that follows does no harm: many write it to be sure."""
    after = following(element)
    if after is not None and after.tag != "Hangup" and is_true(element, "redirect", context):
        message = f"what the action of {element.tag!s} returns takes over, and {after.tag!s} does not run"
        yield Finding("rule.after-action", message, after, hint=_AFTER_HINT, severity=Severity.WARNING)


@rule("rule.pre-answer-first", "PreAnswer", severity=Severity.WARNING,
      source="plivo.md 1.0 (SK); vobiz.md 1.2 (should be first)",
      hint="put it first: once the call is answered, there is nothing to play before it is",
      good="<PreAnswer><Speak>Ringing.</Speak></PreAnswer><Speak>Hello.</Speak>",
      bad="<Speak>Hello.</Speak><PreAnswer><Speak>Ringing.</Speak></PreAnswer>")  # fmt: skip
def pre_answer_first(element: Node, context: Context) -> Found:
    if (first := near(element, ANSWERS, before=True)) is not None:
        yield f"PreAnswer stands after {first.tag!s}, which has answered the call"


_MOST_EARLY = 30  # seconds


@rule("rule.pre-answer-long", "PreAnswer", severity=Severity.WARNING, source="plivo.md 1.0 (D: below 30 s)",
      hint=f"keep it below {_MOST_EARLY} seconds, and put the rest after it",
      good='<PreAnswer><Wait length="5"/></PreAnswer><Speak>Hello.</Speak>',
      bad='<PreAnswer><Wait length="45"/></PreAnswer><Speak>Hello.</Speak>')  # fmt: skip
def pre_answer_long(element: Node, context: Context) -> Found:
    waits = sum(number(wait, "length", 1) or 0 for wait in element.iterchildren("Wait"))
    if waits >= _MOST_EARLY:
        yield f"PreAnswer waits for {waits} s, and carriers end a call that nobody answers"
    elif any(child.get("loop") == "0" for child in element.iterchildren("Speak", "Play")):
        yield "PreAnswer plays without end, and the call is never answered"
