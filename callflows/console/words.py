"""Words and tones for states: a tone is how much attention something wants (good, busy, bad, or none)."""

from __future__ import annotations

from collections.abc import Mapping

from ..known.calls import CallState
from ..known.progress import FAILURE_CODES, Progress
from ..models import Exchange, Outcome

# The hang-up codes that operators meet, and what they mean to them; the same on Plivo and Vobiz (reference: plivo.md
# 3.3, vobiz.md 3.2). Those of our own documents are progress.FAILURE_CODES.
CAUSES: Mapping[str, str] = {
    "1000": "the caller hung up, or the call was cancelled, before anybody answered",
    "1010": "the call was cancelled: nobody had answered in time",
    "1020": "the call was cancelled: somebody else had answered",
    "2000": "the number dialled does not exist, or is written in a way no carrier takes",
    "2060": "the call would have dialled itself: a number that is forwarded here must not be dialled from here",
    "3000": "it rang, and nobody answered",
    "3010": "the line was busy",
    "3020": "the call was declined, by a person or a telephone",
    "3030": "the carrier does not accept the caller ID: use a number of the account",
    "4000": "somebody hung up, as calls usually end",
    "4010": "the document had nothing more to do: the platform ends the call where none ends in a Redirect",
    "6000": "the call reached a time limit: timeLimit of a Dial, or a scheduled Hangup",
    "6010": "it rang for as long as the document allows (timeout)",
    "6020": "no sound came from the telephone for a minute: a network, a firewall, or a telephone that is gone",
    "9000": "another of the numbers that were dialled together answered first",
    "9100": "a machine answered, and the flow hangs up on machines",
    "9110": "the person called did not press the key that the flow asks for",
}

TONES: Mapping[str, str] = {"open": "busy", "done": "good", "failed": "bad", "rejected": "bad"}
OUTCOMES: Mapping[str, tuple[str, str]] = {
    Outcome.STEP: ("served", ""),
    Outcome.LAST_GOOD: ("an earlier version served", "busy"),
    Outcome.FALLBACK: ("fallback served", "bad"),
    Outcome.SAFE: ("safe document served", "bad"),
    Outcome.SILENT: ("silence served", "busy"),
    Outcome.NOTED: ("noted", ""),
    Outcome.REJECTED: ("refused", "bad"),
}


def tone_of(progress: Progress) -> str:
    return TONES.get(progress.outcome, "")


def cause(code: str) -> str:
    """What a hang-up code means; "" for one that nobody has explained."""
    return FAILURE_CODES.get(code) or CAUSES.get(code, "")


def why(exchange: Exchange) -> str:
    """What the hang-up codes of one request mean, where there is more to say than their names."""
    event = exchange.event
    said = (cause(code) for code in dict.fromkeys((event.hangup_code, event.dial.hangup_code)) if code)
    return "; ".join(filter(None, said))


def end_of(state: CallState) -> str:
    """Why a call ended, in words, where there is more to say than the cause."""
    code = f"({state.hangup_code})" if state.hangup_code else ""
    said = " ".join(part for part in (state.hangup_cause, code) if part) or state.status
    by = f", by {state.hangup_source}" if state.hangup_source else ""
    means = cause(state.hangup_code)
    return f"{said}{by}{means and ': '}{means}"
