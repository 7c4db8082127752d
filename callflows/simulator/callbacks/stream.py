"""What a stream reports to its `statusCallbackUrl`: that it began, ended, failed or became slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import plain

if TYPE_CHECKING:
    from ..streams import Stream
    from .standard import Callbacks


def stream_event(callbacks: Callbacks, stream: Stream, event: str, error: str = "") -> dict[str, str]:
    """Vobiz docs, Stream. Plivo's name the events only; Vobiz's page is a copy of theirs."""
    leg = stream.leg
    return {
        "CallUUID": leg.call_uuid,
        "StreamID": stream.stream_id,
        "Event": event,
        "From": plain(leg.from_number),
        "To": plain(leg.to_number),
        "Timestamp": callbacks.clock.as_datetime(callbacks.clock.now()).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "Name": "",
        "ServiceURL": stream.service_url,
        "Error": error,
        "ParentAuthID": callbacks.auth_id,
        "status_callback_url": stream.callback_url,
        "status_callback_method": stream.callback_method,
        # never seen on the socket, only here (Vobiz's Deepgram example)
        **{f"{callbacks.dialect.sip_prefix}{name}": value for name, value in stream.extra_headers},
    }
