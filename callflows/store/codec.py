"""An Exchange as one line of text, and back.

Names, not positions, and only what differs from the default: a line written by an older or newer version is still
read (missing fields get their default, unknown ones are ignored), and the store's `body` column is readable in SQL.
Pure ASCII: NUL, lone surrogates and whatever else a caller puts into a parameter travel as `\\u` escapes, which
PostgreSQL's text columns take and which cannot break a line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from zlib import crc32

from ..models import (
    EMPTY,
    CallEvent,
    CallValues,
    ConferenceValues,
    DialValues,
    EventKind,
    Exchange,
    InputValues,
    Leg,
    LegTarget,
    Outcome,
    RecordingValues,
    Transfer,
)

KEY_LENGTH = 128  # PostgreSQL cannot index a value of more than about 2,700 bytes

_TEXTS = ("flow", "step", "version", "leg", "transfer_id", "reason", "document", "queue")
_HANGUP = ("hangup_cause", "hangup_code", "hangup_source")
_CALL = (
    "uuid",
    "from_number",
    "to_number",
    "direction",
    "status",
    "caller_name",
    "forwarded_from",
    "a_leg_uuid",
    "request_uuid",
)
_INPUT = ("digits", "speech", "confidence", "type")
_DIAL = ("status", "hangup_cause", "hangup_code", "a_leg_uuid", "b_leg_uuid", "b_leg_number")
_RECORDING = ("url", "id", "duration")
_CONFERENCE = ("room", "action", "member_id")

_get_texts, _get_hangup, _get_call = attrgetter(*_TEXTS), attrgetter(*_HANGUP), attrgetter(*_CALL)
_get_input, _get_dial, _get_recording = attrgetter(*_INPUT), attrgetter(*_DIAL), attrgetter(*_RECORDING)
_get_conference = attrgetter(*_CONFERENCE)

# one encoder for all lines: json.dumps with arguments builds a new one each time
to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_AT = re.compile(rb'[0-9a-f]{8} \{"at":([0-9.e+-]+)[,}]')


def _present(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=True) if value}


def encode(exchange: Exchange) -> str:
    """`at` stands first, so that the age of a line is known from its first bytes."""
    event = exchange.event
    call = _present(_CALL, _get_call(event.call))
    if event.call.sip_headers:
        call["sip_headers"] = dict(event.call.sip_headers)
    body: dict[str, Any] = {
        "at": exchange.at,
        "id": exchange.id,
        "provider": exchange.provider,
        "outcome": exchange.outcome,
        "kind": event.kind,
        "call": call,
        "raw": dict(event.raw),
    }
    body.update(_present(_TEXTS, _get_texts(exchange)))
    body.update(_present(_HANGUP, _get_hangup(event)))
    for name, part in (
        ("input", _present(_INPUT, _get_input(event.input))),
        ("dial", _present(_DIAL, _get_dial(event.dial))),
        ("recording", _present(_RECORDING, _get_recording(event.recording))),
        ("conference", _present(_CONFERENCE, _get_conference(event.conference))),
    ):
        if part:
            body[name] = part
    if exchange.http_status != 200:
        body["http_status"] = exchange.http_status
    if exchange.duration_ms:
        body["duration_ms"] = exchange.duration_ms
    if exchange.problems:
        body["problems"] = list(exchange.problems)
    if exchange.state:
        body["state"] = dict(exchange.state)
    return to_json(body)


def decode(text: str | bytes) -> Exchange:
    """Raises ValueError, TypeError or KeyError for what `encode` cannot have written."""
    body: dict[str, Any] = json.loads(text)
    call = body.get("call", {})
    event = CallEvent(
        kind=_kind(body["kind"]),
        call=CallValues(
            **{name: call[name] for name in _CALL if name in call}, sip_headers=_frozen(call.get("sip_headers"))
        ),
        input=InputValues(**_known(_INPUT, body.get("input"))),
        dial=DialValues(**_known(_DIAL, body.get("dial"))),
        recording=RecordingValues(**_known(_RECORDING, body.get("recording"))),
        conference=ConferenceValues(**_known(_CONFERENCE, body.get("conference"))),
        **{name: body[name] for name in _HANGUP if name in body},
        raw=_frozen(body.get("raw")),
    )
    return Exchange(
        id=str(body["id"]),
        at=float(body["at"]),
        provider=body["provider"],
        outcome=_outcome(body["outcome"]),
        event=event,
        **{name: body[name] for name in _TEXTS if name in body},
        http_status=int(body.get("http_status", 200)),
        duration_ms=float(body.get("duration_ms", 0.0)),
        problems=tuple(body.get("problems", ())),
        state=_frozen(body.get("state")),
    )


def _known(names: tuple[str, ...], part: dict[str, str] | None) -> dict[str, str]:
    return {name: part[name] for name in names if name in part} if part else {}


def _frozen(values: dict[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(values) if values else EMPTY


def _kind(word: str) -> EventKind:
    # a word of a later version (two versions share a store during a deployment) must not stop the drain
    try:
        return EventKind(word)
    except ValueError:
        return EventKind.OTHER


def _outcome(word: str) -> Outcome:
    try:
        return Outcome(word)
    except ValueError:
        return Outcome.NOTED


def to_line(exchange: Exchange) -> bytes:
    payload = encode(exchange).encode("ascii")
    return b"%08x %s\n" % (crc32(payload), payload)


def from_line(line: bytes) -> Exchange:
    """`line` comes without its newline. Raises ValueError when it is not one that was written whole."""
    payload = line[9:]
    if line[:9] != b"%08x " % crc32(payload):
        raise ValueError("checksum")
    try:
        return decode(payload)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"content: {error!r}") from error


def line_time(start: bytes) -> float | None:
    """When the line that starts like this was written."""
    found = _AT.match(start)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def plain(text: str) -> str:
    """What both databases take as text."""
    return _UNSTORABLE.sub("", text) if text else ""


def key(text: str) -> str:
    """`text` as an indexed column holds it: storable, and short, but still different for different texts."""
    if not text:
        return ""
    if len(text) <= KEY_LENGTH and text.isascii() and "\0" not in text:
        return text
    short = plain(text)
    if len(short) <= KEY_LENGTH:
        return short
    return f"{short[:63]}~{hashlib.sha256(short.encode()).hexdigest()}"


def encode_transfer(transfer: Transfer) -> str:
    """The part of a transfer that never changes."""
    return to_json(
        {
            "id": transfer.id,
            "call_uuid": transfer.call_uuid,
            "targets": {leg.value: [target.flow, target.step] for leg, target in transfer.targets.items()},
            "params": dict(transfer.params),
            "idempotency_key": transfer.idempotency_key,
            "fingerprint": transfer.fingerprint,
        }
    )


def decode_transfer(text: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(text)
    targets = {Leg(leg): LegTarget(flow, step) for leg, (flow, step) in body["targets"].items()}
    return {
        "id": body["id"],
        "call_uuid": body["call_uuid"],
        "targets": MappingProxyType(targets),
        "params": MappingProxyType(body["params"]),
        "idempotency_key": body["idempotency_key"],
        "fingerprint": body.get("fingerprint", ""),
    }
