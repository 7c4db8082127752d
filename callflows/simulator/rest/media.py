"""Play, Speak, DTMF and Record on a live call."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from flask import Response

from ..calls import Leg
from ..document import is_http_url
from ..overlays import OverlayOrder, Sound
from ..recordings import RecordOrder
from .asked import Asked, Refused, Routes

RECORD_SECONDS = 60  # both platforms' docs, time_limit
LEGS = {"aleg": ("aleg",), "bleg": ("bleg",), "both": ("aleg", "bleg")}


def play(asked: Asked) -> Response:
    """Plivo docs have a comma list of URLs; Vobiz's examples send an array as well."""
    urls = asked.body.get("urls")
    listed = urls.split(",") if isinstance(urls, str) else urls
    if not urls:
        raise Refused(400, "urls parameter is missing")
    if not isinstance(listed, list) or not all(isinstance(url, str) and is_http_url(url.strip()) for url in listed):
        raise Refused(400, "urls parameter is not a list of valid URLs")
    seconds = asked.platform.switches.play_seconds
    sounds = tuple(Sound("Play", url.strip(), seconds) for url in listed)
    return _start(asked, "Play", sounds, length=_number(asked, "length"))


def speak(asked: Asked) -> Response:
    text = asked.text("text")
    if not text.strip():
        raise Refused(400, "text parameter is missing")
    for name in ("voice", "language"):
        asked.text(name)
    if asked.choice("type", ("text", "ssml")) == "ssml":
        text = re.sub(r"<[^>]*>", " ", text)
    words = text.split()
    seconds = max(1.0, len(words) / asked.platform.switches.words_per_second)
    return _start(asked, "Speak", (Sound("Speak", " ".join(words), seconds),))


def _start(asked: Asked, kind: str, sounds: tuple[Sound, ...], length: float | None = None) -> Response:
    names = LEGS[asked.choice("legs", tuple(LEGS))]
    order = OverlayOrder(kind, sounds, asked.flag("loop", False), asked.flag("mix", True), length)
    platform = asked.platform
    for leg in _legs(asked, names):
        platform.engine.after(0, partial(platform.overlays.start, leg, order))
    return asked.json(202, {"message": {"Play": "play started", "Speak": "speak started"}[kind]})


def stop_playing(asked: Asked) -> Response:
    return _stop(asked, "Play")


def stop_speaking(asked: Asked) -> Response:
    return _stop(asked, "Speak")


def _stop(asked: Asked, kind: str) -> Response:
    """On both legs: the request names none. With nothing to stop it is 204 all the same; no document says otherwise."""
    leg, platform = asked.live_leg(), asked.platform
    for each in (leg, leg.peer):
        if each is not None:
            platform.engine.after(0, partial(platform.overlays.stop, each, kind))
    return Response(status=204)


def send_digits(asked: Asked) -> Response:
    digits = asked.text("digits")
    if not digits:
        raise Refused(400, "digits parameter is missing")
    if not re.fullmatch(r"[0-9*#wW]+", digits):
        raise Refused(400, "digits parameter is invalid: 0-9, *, #, w and W")
    name = asked.choice("leg", ("aleg", "bleg"))
    through, platform = asked.live_leg() if name == "bleg" else None, asked.platform
    for leg in _legs(asked, (name,)):
        platform.engine.after(0, partial(platform.overlays.send_digits, leg, digits, through))
    return asked.json(202, {"message": "digits sent"})


def record(asked: Asked) -> Response:
    manners = asked.platform.dialect.record
    transcribed = asked.text("transcription_type") or manners.transcription_type
    limit = _number(asked, "time_limit")
    order = RecordOrder(
        "api",
        RECORD_SECONDS if limit is None else limit,
        limit is not None,
        asked.choice("file_format", ("mp3", "wav")),
        asked.choice("record_channel_type", ("stereo", "mono")),
        *asked.callback("callback"),
        *(asked.callback("transcription") if transcribed else ("", "POST")),
        asked.api_id,
    )
    leg, recordings = asked.live_leg(), asked.platform.recordings
    recording = recordings.prepare(leg, order)
    asked.platform.engine.after(0, partial(recordings.start, recording))
    told = {"message": manners.api_message, "recording_id": recording.id, "url": recording.url}
    return asked.json(manners.api_status, told)


def stop_recording(asked: Asked) -> Response:
    """All recordings of the call, or the one that is named (Plivo docs: URL)."""
    leg, recordings = asked.live_leg(), asked.platform.recordings
    given = {**asked.args, **asked.body}
    named = given.get("recording_id") or given.get("URL") or given.get("url") or ""
    ids = {key: each.id for each in recordings.all if each.leg is leg for key in (each.id, each.url)}
    if not isinstance(named, str) or (named and named not in ids):
        raise Refused(404, "recording not found")
    asked.platform.engine.after(0, partial(recordings.stop, leg, ids.get(named, "")))
    return Response(status=204)


def _legs(asked: Asked, names: tuple[str, ...]) -> list[Leg]:
    """`aleg` is the call the path names, `bleg` whoever it is connected to: refused as a transfer would be."""
    leg, switches = asked.live_leg(), asked.platform.switches
    if leg.name == "B" and switches.bleg_uuid == "404":
        raise Refused(404, "call not found")
    if "bleg" in names and leg.peer is None and switches.bleg_without_bridge != "202":
        raise Refused(int(switches.bleg_without_bridge), "the call is not connected to another leg")
    found = {"aleg": leg, "bleg": leg.peer}
    return [each for name in names if (each := found[name]) is not None]


def _number(asked: Asked, name: str) -> float | None:
    value: Any = asked.body.get(name)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        value = int(value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e6):
        raise Refused(400, f"{name} parameter is invalid: a number of seconds")
    return None if value is None else float(value)


ROUTES: Routes = {
    ("POST", "Call/*/Play"): play,
    ("DELETE", "Call/*/Play"): stop_playing,
    ("POST", "Call/*/Speak"): speak,
    ("DELETE", "Call/*/Speak"): stop_speaking,
    ("POST", "Call/*/DTMF"): send_digits,
    ("POST", "Call/*/Record"): record,
    ("DELETE", "Call/*/Record"): stop_recording,
}
