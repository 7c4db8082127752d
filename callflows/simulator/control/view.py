"""What happened: the transcript, and what was asked of the REST API."""

from __future__ import annotations

from typing import Any

from flask import Response

from ..calls import Leg
from .asked import Asked, Routes, root


def requests(asked: Asked) -> Any:
    """what was asked of the REST API"""
    with asked.platform.lock:
        return list(asked.simulator.requests)


def recordings(asked: Asked) -> Any:
    """what was recorded: call, leg, seconds, the words that were said, what ended it"""
    asked.settle()
    with asked.platform.lock:
        return asked.platform.recordings.as_list()


def transcript(asked: Asked) -> Any:
    """what happened, ?format=json or text; ?call=UUID of one call; ?since=N without the first N entries"""
    form, since, call = asked.args.get("format", "json"), asked.args.get("since", "0"), asked.args.get("call", "")
    if form not in ("text", "json"):
        raise ValueError("format is text or json")
    if not (since.isascii() and since.isdigit() and len(since) <= 9):
        raise ValueError("since is a number of entries: those from there on are given")
    asked.settle()
    with asked.platform.lock:
        legs, entries = asked.platform.legs, asked.platform.transcript
        if call and call not in legs:
            raise LookupError(f"no call or leg {call}")
        uuids = _of_call(legs, legs[call]) if call else None
        if form == "text":
            return Response(entries.as_text(uuids, int(since)), mimetype="text/plain")
        return entries.as_list(uuids, int(since))


def _of_call(legs: dict[str, Leg], leg: Leg) -> set[str]:
    return {uuid for uuid, other in legs.items() if root(other) is root(leg)}


ROUTES: Routes = {
    ("GET", "transcript"): transcript,
    ("GET", "requests"): requests,
    ("GET", "recordings"): recordings,
}
