"""The parameters of every request the platforms make, as their documents and captured requests have them: `standard`
for what all carry, and a file for what each kind of element adds.
"""

from __future__ import annotations

from .conference import conference_event, conference_ids, conference_recording, conference_sound
from .dial import DialOutcome, dial_digits, dial_event
from .recording import record_stop, recorded, transcription
from .standard import Callbacks, clean
from .stream import stream_event

__all__ = [
    "Callbacks",
    "DialOutcome",
    "clean",
    "conference_event",
    "conference_ids",
    "conference_recording",
    "conference_sound",
    "dial_digits",
    "dial_event",
    "record_stop",
    "recorded",
    "stream_event",
    "transcription",
]
