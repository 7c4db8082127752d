"""Reading what people ask for, in REST bodies and in controls: values in, our own types out.

Anything that makes no sense is a ValueError whose text names the field and says what would be right.
"""

from __future__ import annotations

import dataclasses
import re
from contextlib import suppress
from typing import IO, Any

from .calls import Behaviour, Call, is_party, plain
from .document import is_http_url

_UNSET = object()
_PIECE = 65_536
_URLS = ("answer_url", "hangup_url", "ring_url", "fallback_url")


def read_call(body: dict[str, Any]) -> Call:
    """What a placed call and an inbound one have in common; ValueError says what is wrong."""
    values: dict[str, Any] = {}
    for name in _URLS:
        url, method = body.get(name), body.get(name.replace("_url", "_method")) or "POST"
        if url:
            if not isinstance(url, str) or not is_http_url(url):
                raise ValueError(f"{name} parameter is not a valid URL")
            if not isinstance(method, str) or method.upper() not in ("GET", "POST"):
                raise ValueError(f"{name.replace('_url', '_method')} parameter is invalid: one of GET, POST")
            values[name], values[name.replace("_url", "_method")] = url, method.upper()
    for name in ("caller_name", "forwarded_from"):
        if body.get(name) is not None:
            if not isinstance(body[name], str):
                raise ValueError(f"{name} is a string")
            values[name] = body[name]
    for name in ("time_limit", "ring_timeout"):
        if body.get(name) is not None:
            values[name] = read_seconds(name, body[name])
    if values.get("time_limit") == 0:
        raise ValueError("time_limit is more than 0 seconds")
    headers = body.get("sip_headers")
    if headers:
        if isinstance(headers, str):
            headers = dict(pair.split("=", 1) for pair in headers.split(",") if "=" in pair)
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise ValueError("sip_headers is name=value,name=value or an object of strings")
        values["sip_headers"] = tuple(headers.items())
    if "answer_url" not in values:
        raise ValueError("answer_url parameter is missing")
    return Call(**values)


def read_body(stream: IO[bytes], at_most: int) -> bytes:
    """Of a request, however it was framed; ValueError if it is larger, or breaks off."""
    body = bytearray()
    with suppress(OSError):
        while len(body) <= at_most:
            piece = stream.read(_PIECE)
            if not piece:
                return bytes(body)
            body += piece
    raise ValueError("the body is too large, or broke off")


def read_seconds(name: str, value: object, unit: str = "seconds") -> float:
    """A number, or a string of digits, which SDKs and people send as well."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
        raise ValueError(f"{name} is a number of {unit}")
    return float(value)


def read_party(text: str) -> str:
    """Who can be dialled: a number, as digits, or a sip: URI."""
    party = plain(text)
    if not is_party(party):
        raise ValueError(f"{text!r} is not a number with 1 to 15 digits, nor a sip: URI")
    return party


def read_behaviour(body: dict[str, Any]) -> Behaviour:
    """ValueError names the field that is wrong."""
    known = {field.name for field in dataclasses.fields(Behaviour)}
    unknown = sorted(set(body) - known)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]}: one of {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    if "behaviour" in body:
        if body["behaviour"] not in Behaviour.KINDS:
            raise ValueError(f"behaviour is one of {', '.join(Behaviour.KINDS)}")
        values["behaviour"] = body["behaviour"]
    for name in ("after", "queued", "gives_up_after", "hangs_up_after"):
        if body.get(name) is not None:
            values[name] = read_number(body, name, 0, 1e6)
    for name in ("keys", "says"):
        if name in body:
            values[name] = tuple(_scripted(name, item) for item in _list(body, name))
    return Behaviour(**values)


def _scripted(name: str, item: Any) -> tuple[float, str]:
    problem = f"{name} is a list of [seconds after the answer, {'digits' if name == 'keys' else 'words'}]"
    if not isinstance(item, list) or len(item) != 2 or not isinstance(item[1], str) or not item[1]:
        raise ValueError(problem)
    if name == "keys" and set(item[1]) - set("0123456789*#"):
        raise ValueError("keys are 0-9, * and #")
    return read_number({"seconds": item[0]}, "seconds", 0, 1e6), item[1]


def read_text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is a string, and required")
    return value


def _list(body: dict[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise ValueError(f"{name} is a list")
    return value


def read_number(body: dict[str, Any], name: str, low: float, high: float, default: Any = _UNSET) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is a number from {low:g} to {high:g}")
    return float(value)
