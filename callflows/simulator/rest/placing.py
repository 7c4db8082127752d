"""Placing calls: POST Call/. Plivo docs and Vobiz docs, make a call.

What is not known is passed over. Nobody here is a machine, and no outbound call has a phase before its answer: the
machine_detection fields and send_on_preanswer are checked and change nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from typing import Any

from flask import Response

from ..calls import Call, Leg, plain
from ..document import is_http_url
from ..reading import read_call, read_party, read_seconds
from .asked import Asked, Refused, Routes

MAX_DESTINATIONS = 1000
MAX_CALLER_NAME = 50
MAX_TIME_LIMIT = 86_400  # longer calls are cut off after 24 hours
_DIGITS = re.compile(r"[0-9*#wW]+(@\d{1,5})?")
_CHOICES = {
    "machine_detection": ("true", "hangup", "false"),
    "machine_detection_method": ("get", "post"),
    "send_on_preanswer": ("true", "false"),
    "error_parent_not_found": ("true", "false"),
    "error_if_parent_not_found": ("true", "false"),  # as the SDKs spell it
}
_RANGES = {
    "machine_detection_time": (2000, 10_000),
    "machine_detection_maximum_speech_length": (1000, 6000),
    "machine_detection_initial_silence": (2000, 10_000),
}


def place(asked: Asked) -> Response:
    for name in ("from", "to", "answer_url"):
        if not asked.body.get(name):
            raise Refused(400, f"{name} parameter is missing")
    try:
        call = _read(asked.body)
        from_number, destinations = _party("from", asked.body["from"]), _destinations(asked.body["to"])
    except ValueError as error:
        raise Refused(400, str(error)) from None
    _parent(asked, call)
    _limit_calls(asked, len(destinations))
    placed = [asked.platform.place(call, from_number, number) for number in destinations]
    uuids = [leg.call_uuid for leg in placed]
    several = len(uuids) > 1
    content = {
        "message": asked.platform.dialect.calls_fired[several],
        "request_uuid": uuids if several else uuids[0],
        "api_id": asked.api_id,
    }
    return asked.json(asked.platform.dialect.place_status, content)


def _read(body: dict[str, Any]) -> Call:
    for name, choices in _CHOICES.items():
        if name in body and str(body[name]).lower() not in choices:
            raise ValueError(f"{name} parameter is invalid: one of {', '.join(choices)}")
    for name, (low, high) in _RANGES.items():
        if name in body and not low <= read_seconds(name, body[name], unit="milliseconds") <= high:
            raise ValueError(f"{name} parameter is invalid: {low} to {high} milliseconds")
    url = body.get("machine_detection_url")
    if url and (not isinstance(url, str) or not is_http_url(url)):
        raise ValueError("machine_detection_url parameter is not a valid URL")
    call = read_call(body)
    if len(call.caller_name) > MAX_CALLER_NAME:
        raise ValueError(f"caller_name parameter is invalid: at most {MAX_CALLER_NAME} characters")
    digits = body.get("send_digits") or ""
    if digits and (not isinstance(digits, str) or not _DIGITS.fullmatch(digits)):
        raise ValueError("send_digits parameter is invalid: 0-9, *, #, w and W, and @ with milliseconds")
    parent = body.get("parent_call_uuid") or ""
    if not isinstance(parent, str):
        raise ValueError("parent_call_uuid parameter is invalid")
    on_ring = body.get("hangup_on_ring")
    return replace(
        call,
        time_limit=min(call.time_limit, MAX_TIME_LIMIT),
        send_digits=digits,
        parent_call_uuid=parent,
        hangup_on_ring=None if on_ring is None else read_seconds("hangup_on_ring", on_ring),
    )


def _destinations(to: object) -> list[str]:
    if not isinstance(to, str):
        raise ValueError("to parameter is invalid: numbers or SIP URIs with < between them")
    found = [_party("to", number) for number in to.split("<") if number.strip()]
    if not found:
        raise ValueError("to parameter is missing")
    if len({plain(number) for number in found}) > MAX_DESTINATIONS:
        raise ValueError(f"to parameter is invalid: at most {MAX_DESTINATIONS} destinations")
    return found


def _party(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} parameter is invalid: a string")
    try:
        read_party(value)
    except ValueError as error:
        raise ValueError(f"{name} parameter is invalid: {error}") from None
    return value.strip()


def _parent(asked: Asked, call: Call) -> None:
    """The status of this refusal is not documented."""
    body = asked.body
    wanted = str(body.get("error_parent_not_found") or body.get("error_if_parent_not_found")).lower() == "true"
    if wanted and call.parent_call_uuid and call.parent_call_uuid not in asked.platform.legs:
        raise Refused(404, "parent call not found")


def _limit_calls(asked: Asked, more: int) -> None:
    limit, now = asked.platform.switches.calls_per_second, asked.platform.clock.now()

    def lately(leg: Leg) -> bool:
        return leg.started_at > now - 1

    legs = takewhile(lately, reversed(asked.platform.legs.values()))
    current = more + sum(leg.parent is None and leg.direction == "outbound" for leg in legs)
    if limit and current > limit:
        # Vobiz docs, errors
        details = {"limitType": "calls_per_second", "limit": limit, "current": current, "retryAfter": 1}
        error = {"code": "RATE_LIMIT_EXCEEDED", "message": "too many calls per second", "details": details}
        at = asked.platform.clock.as_datetime(now).strftime("%Y-%m-%dT%H:%M:%SZ")
        content = {"status": "error", "error": error, "timestamp": at, "requestId": asked.api_id}
        raise Refused(429, "too many calls per second", content)


ROUTES: Routes = {("POST", "Call"): place}
