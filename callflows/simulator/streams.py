"""Audio streams of a call: what one is, its beginning and its end. Simulated without audio and without a socket.

What a web application would do on its socket (close it, lose it, play something) is asked for with `steer`.
Methods that act run on the engine's thread, except `steer`, which any thread may call that holds the lock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .callbacks import stream_event
from .calls import Leg

if TYPE_CHECKING:
    from .engine import Timer
    from .platform import Platform
    from .switches import Switches

TRACKS = ("inbound", "outbound", "both")
SECONDS = 86400.0  # both platforms' docs, Stream streamTimeout
CONTENT_TYPE = "audio/x-l16;rate=8000"
HEADER_BYTES = 512  # both platforms' docs, Stream extraHeaders


@dataclass(eq=False)
class Stream:
    stream_id: str
    leg: Leg
    service_url: str
    bidirectional: bool = False
    audio_track: str = "inbound"
    content_type: str = CONTENT_TYPE
    timeout: float = 0.0  # 0: nobody asked for one
    callback_url: str = ""
    callback_method: str = "POST"
    extra_headers: tuple[tuple[str, str], ...] = ()
    keeps_call: bool = False  # the document goes on when this stream has ended
    of_document: bool = False  # begun by a Stream element, not by REST
    started_at: float = 0.0
    ended_at: float | None = None
    failed: bool = False
    timer: Timer | None = None

    @property
    def live(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True)
class StreamEnded:
    """To the leg whose document waits for it."""

    stream: Stream


def problem(stream: Stream, switches: Switches) -> str:
    """Why no socket would be opened, or nothing."""
    if not is_socket_url(stream.service_url):
        return "not a ws:// or wss:// URL"
    if stream.audio_track not in TRACKS:
        return f"audioTrack is one of {', '.join(TRACKS)}"
    if stream.bidirectional and stream.audio_track != "inbound" and switches.stream_track == "rejected":
        return "the audio track of a bidirectional stream is inbound"
    return ""


def is_socket_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f\x7f]", url)
    except ValueError:
        return False


def read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """`a=1,b=2`; what is no such pair of letters and digits is dropped (both platforms' docs), and so is all of it when
    it is too long."""
    if len(text.encode("utf-8", "replace")) > HEADER_BYTES:
        return ()
    return tuple(re.findall(r"(?:^|,)\s*([A-Za-z0-9]+)=([A-Za-z0-9]+)(?=\s*(?:,|$))", text))


def begin(platform: Platform, stream: Stream) -> None:
    leg = stream.leg
    stream.started_at = platform.clock.now()
    if stream not in leg.streams:
        leg.streams.append(stream)
    if leg.ended_at is not None:
        stream.ended_at = leg.ended_at
        return
    ways = "both ways" if stream.bidirectional else f"one way, {stream.audio_track}"
    keeps = ", keeps the call alive" if stream.keeps_call else ""
    _note(platform, stream, f"streams its audio to {stream.service_url} ({ways}{keeps})")
    # a limit nobody asked for is a day away: time does not hurry there
    stream.timer = platform.engine.after(
        stream.timeout or SECONDS,
        partial(end, platform, stream, "its time limit is reached"),
        background=not stream.timeout,
    )
    leg.afterwards.append(partial(end, platform, stream, "the call has ended"))
    report(platform, stream, "StartStream")


def end(platform: Platform, stream: Stream, why: str, event: str = "StopStream", error: str = "") -> None:
    """`event`: what is reported; nothing, if empty."""
    if not stream.live:
        return
    stream.ended_at, stream.failed = platform.clock.now(), event == "DroppedStream"
    platform.engine.cancel(stream.timer)
    _note(platform, stream, f"the stream ends: {why}")
    if event:
        report(platform, stream, event, error)
    if stream.leg.held_by is stream and stream.leg.process is not None:
        stream.leg.process.send(StreamEnded(stream))


def refuse(platform: Platform, stream: Stream, why: str) -> None:
    """It never begins; the document goes on (Plivo docs, best practices: DroppedStream, failed to connect)."""
    stream.started_at = stream.ended_at = platform.clock.now()
    stream.failed = True
    stream.leg.streams.append(stream)
    _note(platform, stream, f"no stream to {stream.service_url[:80]}: {why}")
    report(platform, stream, "DroppedStream", why)


def report(platform: Platform, stream: Stream, event: str, error: str = "") -> None:
    params = stream_event(platform.callbacks, stream, event, error)
    platform.notify(stream.leg, stream.callback_url, stream.callback_method, params)


def steer(platform: Platform, leg: Leg, wish: Mapping[str, Any]) -> Stream:
    """What happens on a socket: {"close": true}, {"drop": true} or {"event": name}; ValueError says what is wrong."""
    live = [stream for stream in leg.streams if stream.live]
    wanted = wish.get("stream_id")
    found = [stream for stream in live if wanted in (None, stream.stream_id)]
    if not found:
        raise ValueError("no such stream is running on this call" if wanted else "no stream is running on this call")
    stream = leg.held_by if leg.held_by in found else found[-1]
    reported = platform.dialect.stream_reports
    if wish.get("close") is True:
        change = partial(end, platform, stream, "closed by the application")
    elif wish.get("drop") is True:
        change = partial(end, platform, stream, "the connection was lost", "DroppedStream", "connection lost")
    elif wish.get("event") in reported:
        change = partial(report, platform, stream, wish["event"])
    else:
        raise ValueError(f'give {{"close": true}}, {{"drop": true}} or {{"event": one of {", ".join(reported)}}}')
    platform.engine.after(0, change)
    return stream


def _note(platform: Platform, stream: Stream, text: str) -> None:
    platform.note(stream.leg, "stream", text, stream_id=stream.stream_id, service_url=stream.service_url)
