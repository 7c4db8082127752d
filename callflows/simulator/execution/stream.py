"""Stream: audio to a web socket, beside the document or, with keepCallAlive, in its place until the socket closes."""

from __future__ import annotations

from ..calls import GoTo, Key, Speech
from ..engine import Pause, Steps
from ..streams import CONTENT_TYPE, Stream, begin, problem, read_headers, refuse
from .turn import Turn, waiting_transfer


def stream(turn: Turn) -> Steps[None]:
    platform, leg = turn.platform, turn.leg
    asked_for = _asked_for(turn)
    wrong = problem(asked_for, platform.switches)
    if wrong:
        refuse(platform, asked_for, wrong)
        return
    if turn.element.get("extraHeaders") and not asked_for.extra_headers:
        platform.note(leg, "note", "extraHeaders are dropped: not name=value of letters and digits, or over 512 bytes")
    if not asked_for.keeps_call:
        begin(platform, asked_for)
        return
    leg.held_by = asked_for
    try:
        begin(platform, asked_for)
        while asked_for.live:
            message = yield Pause(None)
            if isinstance(message, Speech):
                platform.note(leg, "note", f'"{message.words}" is heard by the stream', heard=message.words)
            elif isinstance(message, Key):
                platform.note(leg, "note", f"the key {message.digit} is heard by the stream", heard=message.digit)
    finally:
        leg.held_by = None
    target = waiting_transfer(platform, leg)
    if target is not None:
        raise GoTo(target)


def _asked_for(turn: Turn) -> Stream:
    platform, element = turn.platform, turn.element
    bidirectional = element.flag("bidirectional", False)
    keeps = element.flag("keepCallAlive", False)
    return Stream(
        platform.new_uuid("stream"),
        turn.leg,
        element.text,
        bidirectional=bidirectional,
        audio_track=element.get("audioTrack").strip() or "inbound",
        content_type=element.get("contentType").strip() or CONTENT_TYPE,
        timeout=element.number("streamTimeout", 0),
        callback_url=element.get("statusCallbackUrl").strip(),
        callback_method=element.get("statusCallbackMethod").strip() or "POST",
        extra_headers=read_headers(element.get("extraHeaders")),
        keeps_call=keeps and (bidirectional or not platform.dialect.keep_alive_needs_bidirectional),
        of_document=True,
    )
