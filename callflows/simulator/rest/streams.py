"""Audio streams of a live call: start, look at, stop. Plivo docs, Audio Streams API; Vobiz docs, Audio Streams."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

from flask import Response

from ..calls import Leg
from ..streams import CONTENT_TYPE, Stream, begin, end, problem, read_headers
from .asked import MAX_PAGE, Asked, Refused, Routes


def start(asked: Asked) -> Response:
    platform, body = asked.platform, asked.body
    if not body.get("service_url"):
        raise Refused(400, "service_url parameter is missing")
    leg = asked.live_leg()
    content_type = asked.text("content_type", CONTENT_TYPE)
    if content_type not in platform.dialect.stream_content_types:
        kinds = ", ".join(platform.dialect.stream_content_types)
        raise Refused(400, f"content_type parameter is invalid: one of {kinds}")
    callback_url, callback_method = asked.callback("status_callback")
    stream = Stream(
        platform.new_uuid("stream"),
        leg,
        asked.text("service_url"),
        bidirectional=asked.flag("bidirectional", False),
        audio_track=asked.text("audio_track", "inbound"),
        content_type=content_type,
        timeout=_seconds(asked, "stream_timeout"),
        callback_url=callback_url,
        callback_method=callback_method,
        extra_headers=_headers(asked),
        started_at=platform.clock.now(),
    )
    wrong = problem(stream, platform.switches)
    if wrong:
        raise Refused(400, f"the stream cannot be started: {wrong}")
    if any(other.live and other.service_url == stream.service_url for other in leg.streams):
        raise Refused(400, "an active stream already exists at this service_url")  # Plivo docs, and Vobiz's older page
    leg.streams.append(stream)
    platform.engine.after(0, partial(begin, platform, stream))
    content = {"message": "audio streaming started", "stream_id": stream.stream_id, "api_id": asked.api_id}
    return asked.json(202, content)


def list_streams(asked: Asked) -> Response:
    leg, (limit, offset) = _leg(asked), asked.page(MAX_PAGE)
    objects = [_details(asked, stream) for stream in leg.streams[offset : offset + limit]]
    return asked.json(200, asked.platform.dialect.stream_list(objects, limit, offset, len(leg.streams)))


def one_stream(asked: Asked) -> Response:
    return asked.json(200, _details(asked, _stream(asked)))


def stop_all(asked: Asked) -> Response:
    for stream in asked.live_leg().streams:
        _stop(asked, stream)
    return Response(status=204)


def stop(asked: Asked) -> Response:
    stream = _stream(asked)
    if not stream.live:
        raise Refused(404, "Stream not found")  # Vobiz docs: already stopped is 404, too
    _stop(asked, stream)
    return Response(status=204)


def _stop(asked: Asked, stream: Stream) -> None:
    asked.platform.engine.after(0, partial(end, asked.platform, stream, "stopped by an API request"))


def _leg(asked: Asked) -> Leg:
    """Ended or not: streams that have stopped are still listed (Vobiz docs, List all Audio Streams)."""
    leg = asked.platform.legs.get(asked.ids[0])
    if leg is None:
        raise Refused(404, "call not found")
    return leg


def _stream(asked: Asked) -> Stream:
    for stream in _leg(asked).streams:
        if stream.stream_id == asked.ids[1]:
            return stream
    raise Refused(404, "Stream not found")


def _details(asked: Asked, stream: Stream) -> dict[str, Any]:
    """All that either platform tells; which of it, and in which order, is the dialect's."""
    platform, leg = asked.platform, stream.leg
    as_time, clock = platform.dialect.stream_time, platform.clock
    ended = stream.ended_at
    seconds = round((clock.now() if ended is None else ended) - stream.started_at)
    started = clock.as_datetime(stream.started_at)
    status = "in-progress" if ended is None else "failed" if stream.failed else "completed"
    account = f"{platform.dialect.rest_prefix}/Account/{platform.auth_id}"
    known: dict[str, Any] = {
        "stream_id": stream.stream_id,
        "call_uuid": leg.call_uuid,
        "service_url": stream.service_url,
        "bidirectional": stream.bidirectional,
        "audio_track": stream.audio_track,
        "content_type": stream.content_type,
        "status": status,
        "status_callback_url": stream.callback_url,
        "start_time": started.strftime(as_time),
        "end_time": None if ended is None else clock.as_datetime(ended).strftime(as_time),
        "created_at": started.strftime("%Y-%m-%d %H:%M:%S.%f+00:00"),
        "bill_duration": seconds,
        "rounded_bill_duration": math.ceil(seconds / 60) * 60,
        "billed_amount": "0.00000",
        "plivo_auth_id": platform.auth_id,
        "resource_uri": f"{account}/Call/{leg.call_uuid}/Stream/{stream.stream_id}/",
    }
    return {name: known[name] for name in platform.dialect.stream_fields}


# -- reading the body


def _seconds(asked: Asked, name: str) -> float:
    value = asked.body.get(name)
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"0*[1-9]\d{0,6}", str(value)):
        raise Refused(400, f"{name} parameter is invalid: a number of seconds, more than 0")
    return float(value)


def _headers(asked: Asked) -> tuple[tuple[str, str], ...]:
    value = asked.body.get("extra_headers") or ""
    if isinstance(value, dict):
        value = ",".join(f"{name}={each}" for name, each in value.items())
    if not isinstance(value, str):
        raise Refused(400, "extra_headers parameter is invalid: name=value,name=value")
    return read_headers(value)


ROUTES: Routes = {
    ("POST", "Call/*/Stream"): start,
    ("GET", "Call/*/Stream"): list_streams,
    ("DELETE", "Call/*/Stream"): stop_all,
    ("GET", "Call/*/Stream/*"): one_stream,
    ("DELETE", "Call/*/Stream/*"): stop,
}
