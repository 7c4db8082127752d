"""What a recording reports: to the element's `action`, to `callbackUrl` once it is ready, and its transcription."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .standard import Callbacks

if TYPE_CHECKING:
    from ..recordings import Recording
    from ..switches import Switches

UNKNOWN = "-1"  # durations, while the recording is still under way


def recorded(callbacks: Callbacks, recording: Recording) -> dict[str, str]:
    """Plivo docs, Record; Vobiz docs, Record callbacks: the same names."""
    ended = recording.ended_at
    duration = milliseconds = start = end = UNKNOWN
    if ended is not None:
        duration = str(round(recording.seconds(ended)))
        milliseconds = str(round(recording.seconds(ended) * 1000))
        start, end = (_epoch_ms(callbacks, instant) for instant in (recording.started_at, ended))
    return {
        "RecordUrl": recording.url,
        "RecordingID": recording.id,
        "RecordingDuration": duration,
        "RecordingDurationMs": milliseconds,
        "RecordingStartMs": start,
        "RecordingEndMs": end,
    }


def record_stop(callbacks: Callbacks, recording: Recording, switches: Switches) -> dict[str, str]:
    manners, params = callbacks.dialect.record, recorded(callbacks, recording)
    if recording.order.kind == "api" and manners.api_callback:
        told = {wire: params[name] for wire, name in manners.api_callback.items()}
        return {"api_id": recording.order.api_id, "call_uuid": recording.leg.call_uuid, **told}
    params = callbacks.standard(recording.leg, manners.stop_event, switches) | params
    if manners.end_reasons:
        # an end the documents have no word for (a transfer, a stop by REST) is sent empty, as unknown values are
        params |= {"RecordFile": recording.url, "RecordingEndReason": manners.end_reasons.get(recording.reason, "")}
    return params


def transcription(callbacks: Callbacks, recording: Recording, transcription_id: str) -> dict[str, str]:
    seconds = recording.seconds(recording.ended_at or recording.started_at)
    known = {
        "transcription": recording.words(recording.started_at),
        "transcription_charge": "0.00000",
        "transcription_rate": "0.00000",
        "duration": str(round(seconds)),
        "call_uuid": recording.leg.call_uuid,
        "recording_id": recording.id,
        "error": "",
        "transcription_id": transcription_id,
        "transcription_url": recording.url.rpartition("/")[0] + f"/{transcription_id}.txt",
    }
    return {name: known[name] for name in callbacks.dialect.record.transcription}


def _epoch_ms(callbacks: Callbacks, instant: float) -> str:
    return str(round(callbacks.clock.as_datetime(instant).timestamp() * 1000))
