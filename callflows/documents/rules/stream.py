"""Stream."""

from __future__ import annotations

from ..findings import Node
from .registry import Context, Found, following, rule

_STREAM = "<Stream{}>wss://agent.example.com/</Stream>"
_ALIVE = ' bidirectional="true" keepCallAlive="true"'


@rule("rule.stream-track", "Stream", about="audioTrack", source="plivo.md 1.9, vobiz.md 1.2 (both is rejected)",
      hint='write audioTrack="inbound", or leave it out',
      good=_STREAM.format(f'{_ALIVE} audioTrack="inbound"'),
      bad=_STREAM.format(f'{_ALIVE} audioTrack="both"'))  # fmt: skip
def stream_track(stream: Node, context: Context) -> Found:
    if stream.get("bidirectional") == "true" and stream.get("audioTrack") in ("outbound", "both"):
        yield f"a bidirectional Stream takes the inbound track only, not {stream.get('audioTrack')}"


@rule("rule.stream-last", "Stream", source="plivo.md 1.0 (4010), 1.9; vobiz.md 1.2 (live-tested: 4010)",
      hint='add keepCallAlive="true", or put what the caller gets meanwhile after it',
      good=_STREAM.format(_ALIVE), bad=_STREAM.format(' bidirectional="true"'))  # fmt: skip
def stream_last(stream: Node, context: Context) -> Found:
    if following(stream) is None and stream.get("keepCallAlive") != "true":
        yield "nothing follows Stream and it does not keep the call: the document runs out, and the call ends"


_MOST = 512  # bytes


def _too_long(element: Node, name: str) -> Found:
    size = len(element.get(name, "").encode())
    if size > _MOST:
        yield f"{name} has {size} bytes, and may have {_MOST}"


@rule("rule.extra-headers", "Stream", about="extraHeaders", source="plivo.md 1.9, vobiz.md 1.2",
      hint="send a short reference, and look the rest up by it",
      good=_STREAM.format(f'{_ALIVE} extraHeaders="order=42"'),
      bad=_STREAM.format(f'{_ALIVE} extraHeaders="order={"42" * 260}"'))  # fmt: skip
def extra_headers(stream: Node, context: Context) -> Found:
    yield from _too_long(stream, "extraHeaders")
