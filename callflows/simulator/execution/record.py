"""Record: what the caller says until silence, a key or the longest time; or, in the background, the whole session.

A person speaks from the moment they `say` something, for as long as Speak would take over it, and is silent otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..callbacks import recorded
from ..calls import GoTo, Key, Target
from ..document import Element, InvalidDocument
from ..engine import Pause, Steps
from ..recordings import Recording, RecordOrder
from .documents import read_document
from .turn import Turn, act

if TYPE_CHECKING:
    from ..platform import Platform

MAX_SECONDS = 60.0  # both platforms' docs, Record maxLength


def record(turn: Turn) -> Steps[None]:
    platform, leg, element = turn.platform, turn.leg, turn.element
    if element.flag("recordSession", False) or element.flag("startOnDialAnswer", False):
        yield from _in_the_background(turn)
        return
    if element.flag("playBeep", True):
        platform.note(leg, "hear", "hears a beep", element="Record", heard="beep")
    recording = platform.recordings.prepare(leg, _order(platform, element, "element"))
    platform.recordings.start(recording)
    digits = ""
    leg.listening = frozenset(("dtmf", "speech"))
    try:
        if _acts_at_the_start(turn):
            yield from _act(turn, recording, digits)
        reason, digits = yield from _until_it_ends(turn, recording)
        platform.recordings.end(recording, reason)
    except GoTo as move:  # moved away: the pending action is suppressed, as Dial's is; the callback is not
        platform.recordings.end(recording, move.target.purpose)
        raise
    except GeneratorExit:  # hung up: the recording ends with the leg
        if platform.switches.record_action_after_hangup == "sent" and not _acts_at_the_start(turn):
            leg.afterwards.append(lambda: _report_only(turn, recording))
        raise
    finally:
        leg.listening = frozenset()
    if not _acts_at_the_start(turn):
        yield from _act(turn, recording, digits)


def _in_the_background(turn: Turn) -> Steps[None]:
    recordings = turn.platform.recordings
    recording = recordings.prepare(turn.leg, _order(turn.platform, turn.element, "session"))
    if turn.element.flag("recordSession", False):
        recordings.start(recording)
    else:
        turn.platform.note(turn.leg, "note", "will be recorded once a Dial is answered")
        recordings.start_on_dial_answer(recording)
    yield from _act(turn, recording, "")  # at once, with durations of -1 (Plivo docs, Record; Vobiz example, live)


def _until_it_ends(turn: Turn, recording: Recording) -> Steps[tuple[str, str]]:
    """Why, and the key that ended it."""
    platform, element, manners = turn.platform, turn.element, turn.platform.dialect.record
    silence = max(1.0, element.number("timeout", manners.timeout))
    finish = element.get("finishOnKey", manners.finish_on_key)
    longest = recording.started_at + (recording.order.limit or MAX_SECONDS)
    while True:
        silent_since = max(recording.started_at, turn.leg.speaks_until)
        until = min(silent_since + silence, longest)
        left = until - platform.clock.now()
        if left <= 1e-9:
            return ("length" if until == longest else "silence"), ""
        message = yield Pause(left)
        if isinstance(message, Key) and message.digit in finish:  # "none" holds no key
            return "key", message.digit


def _order(platform: Platform, element: Element, kind: str) -> RecordOrder:
    limit: float | None = max(1.0, element.number("maxLength", MAX_SECONDS))
    asked = bool(element.get("maxLength"))
    if kind == "session" and not asked and platform.switches.session_max_length == "only-if-asked":
        limit = None
    transcribed = element.get("transcriptionType", platform.dialect.record.transcription_type).strip()
    return RecordOrder(
        kind,
        limit,
        asked,
        "wav" if element.get("fileFormat").strip() == "wav" else "mp3",
        "mono" if element.get("recordChannelType").strip() == "mono" else "stereo",
        element.get("callbackUrl").strip(),
        element.get("callbackMethod") or "POST",
        element.get("transcriptionUrl").strip() if transcribed else "",
        element.get("transcriptionMethod") or "POST",
    )


def _redirects(turn: Turn) -> bool:
    return turn.element.flag("redirect", turn.platform.dialect.record.redirect)


def _acts_at_the_start(turn: Turn) -> bool:
    """An action that leads on (redirect="true") has to wait for the end, or there would be nothing to record."""
    return turn.platform.switches.record_action == "start" and not _redirects(turn)


def _params(turn: Turn, recording: Recording, digits: str) -> dict[str, str]:
    return {**recorded(turn.platform.callbacks, recording), "Digits": digits}


def _act(turn: Turn, recording: Recording, digits: str) -> Steps[None]:
    platform, event = turn.platform, turn.platform.dialect.record.action_event
    answer = yield from act(turn, _params(turn, recording, digits), event, redirect=_redirects(turn))
    if answer is None or platform.switches.record_action_answer == "ignored":
        return
    try:
        interrupts = bool(read_document(platform, answer).children)
    except InvalidDocument:
        return
    if interrupts:
        platform.note(turn.leg, "note", 'redirect="false", but the action answered with elements: they are followed')
        raise GoTo(Target("action", answer.url, answer.method, answered=answer))


def _report_only(turn: Turn, recording: Recording) -> None:
    """The action of a Record whose caller has gone: its answer changes nothing."""
    platform, leg, element = turn.platform, turn.leg, turn.element
    platform.recordings.end(recording, "hang-up")
    standard = platform.callbacks.standard(leg, platform.dialect.record.action_event, platform.switches)
    params = standard | _params(turn, recording, "")
    platform.notify(leg, element.get("action").strip(), element.get("method") or "POST", params)
