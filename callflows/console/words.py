"""Words and tones for states: a tone is how much attention something wants (good, busy, bad, or none)."""

from __future__ import annotations

from collections.abc import Mapping

from ..known.calls import CallState
from ..known.progress import FAILURE_CODES, Progress
from ..models import Outcome

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


def end_of(state: CallState) -> str:
    """Why a call ended, in words, where there is more to say than the cause."""
    why = FAILURE_CODES.get(state.hangup_code, "")
    said = " ".join(
        part for part in (state.hangup_cause, f"({state.hangup_code})" if state.hangup_code else "") if part
    )
    by = f", by {state.hangup_source}" if state.hangup_source else ""
    return f"{said}{by}" + (f": {why}" if why else "")
