"""Audio streams of a live call: start, look at, stop. Plivo docs, Audio Streams API; Vobiz docs, Audio Streams."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

from flask import Response

from ..calls import Leg
from ..document import is_http_url
from ..streams import CONTENT_TYPE, Stream, begin, end, problem, read_headers
from .asked import Asked, Refused, Routes

PAGE = 20


def start(asked: Asked) -> Response:
    platform, body = asked.platform, asked.body
    if not body.get("service_url"):
        raise Refused(400, "service_url parameter is missing")
    leg = asked.live_leg()
    content_type = _text(asked, "content_type", CONTENT_TYPE)
    if content_type not in platform.dialect.stream_content_types:
        kinds = ", ".join(platform.dialect.stream_content_types)
        raise Refused(400, f"content_type parameter is invalid: one of {kinds}")
    stream = Stream(
        platform.new_uuid("stream"),
        leg,
        _text(asked, "service_url", ""),
        bidirectional=_flag(asked, "bidirectional"),
        audio_track=_text(asked, "audio_track", "inbound"),
        content_type=content_type,
        timeout=_seconds(asked, "stream_timeout"),
        callback_url=_text(asked, "status_callback_url", ""),
        callback_method=_text(asked, "status_callback_method", "POST").upper(),
        extra_headers=_headers(asked),
        started_at=platform.clock.now(),
    )
    if stream.callback_url and not is_http_url(stream.callback_url):
        raise Refused(400, "status_callback_url parameter is not a valid URL")
    if stream.callback_method not in ("GET", "POST"):
        raise Refused(400, "status_callback_method parameter is invalid: one of GET, POST")
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
    leg, limit, offset = _leg(asked), _paging(asked, "limit", PAGE), _paging(asked, "offset", 0)
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


def _text(asked: Asked, name: str, default: str) -> str:
    value = asked.body.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise Refused(400, f"{name} parameter is invalid: a string")
    return value


def _flag(asked: Asked, name: str) -> bool:
    """Plivo's SDKs send a boolean, Vobiz's page a string."""
    value = asked.body.get(name) or False
    text = str(value).lower()
    if not isinstance(value, bool | str) or text not in ("true", "false"):
        raise Refused(400, f"{name} parameter is invalid: true or false")
    return text == "true"


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


def _paging(asked: Asked, name: str, default: int) -> int:
    text = asked.args.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,6}", text) or (name == "limit" and not 1 <= int(text) <= PAGE):
        raise Refused(400, f"{name} parameter is invalid")
    return int(text)


ROUTES: Routes = {
    ("POST", "Call/*/Stream"): start,
    ("GET", "Call/*/Stream"): list_streams,
    ("DELETE", "Call/*/Stream"): stop_all,
    ("GET", "Call/*/Stream/*"): one_stream,
    ("DELETE", "Call/*/Stream/*"): stop,
}
