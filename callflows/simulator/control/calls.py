"""The people on the line: who calls, and what they do, now or some seconds from now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calls import Leg
from ..reading import read_call, read_number, read_text
from ..streams import steer
from .asked import Asked, Routes, root


def list_calls(asked: Asked) -> Any:
    """all calls, each with its legs"""
    asked.settle()
    with asked.platform.lock:
        legs = list(asked.platform.legs.values())
        return [_described(leg, legs) for leg in legs if leg.parent is None]


def one_call(asked: Asked) -> Any:
    """the call of this leg, with its legs and its transcript"""
    asked.settle()
    with asked.platform.lock:
        legs = list(asked.platform.legs.values())
        call = _described(root(asked.leg()), legs)
        uuids = {leg["call_uuid"] for leg in call["legs"]}
        return {**call, "transcript": asked.platform.transcript.as_list(uuids)}


def _described(call: Leg, legs: list[Leg]) -> dict[str, Any]:
    return {**call.as_dict(), "legs": [leg.as_dict() for leg in legs if root(leg) is call]}


def start_call(asked: Asked) -> Any:
    """somebody calls: `from`, `to`, `answer_url`, `hangup_url`, ...; `"direction": "outbound"`: is called"""
    body = asked.body()
    direction = body.get("direction", "inbound")
    if direction not in ("inbound", "outbound"):
        raise ValueError("direction is inbound or outbound")
    from_number, to_number = read_text(body, "from"), read_text(body, "to")
    call, platform = read_call(body), asked.platform
    with platform.lock:
        begin = platform.arrive if direction == "inbound" else platform.place
        leg = begin(call, from_number, to_number)
    asked.settle()
    return {"call_uuid": leg.call_uuid}


def press(asked: Asked) -> Any:
    """`{"digits": "1"}`, at once or `"after"` so many seconds"""
    body = asked.body("digits", "after")
    digits = read_text(body, "digits")
    if set(digits) - set("0123456789*#"):
        raise ValueError("digits are 0-9, * and #")
    return _person(asked, body, lambda leg: asked.platform.press(leg, digits))


def say(asked: Asked) -> Any:
    """`{"speech": "yes"}`, at once or `"after"` so many seconds"""
    body = asked.body("speech", "after")
    words = read_text(body, "speech")
    return _person(asked, body, lambda leg: asked.platform.say(leg, words))


def hang_up(asked: Asked) -> Any:
    """this person hangs up, at once or `{"after": 3.25}`"""
    return _person(asked, asked.body("after"), asked.platform.hang_up)


def stream(asked: Asked) -> Any:
    """on a stream's web socket: `{"close": true}`, `{"drop": true}`, `{"event": ...}`; of several, `"stream_id"`"""
    body = asked.body("close", "drop", "event", "stream_id")
    with asked.platform.lock:
        leg = asked.live_leg()
        started = steer(asked.platform, leg, body)
    asked.settle()
    return {"call_uuid": leg.call_uuid, "stream_id": started.stream_id}


def kick(asked: Asked) -> Any:
    """this member leaves the conference"""
    with asked.platform.lock:
        leg = asked.live_leg()
        if leg.member is None:
            raise ValueError(f"call {leg.call_uuid} is in no conference")
        asked.platform.kick(leg)
    asked.settle()
    return {"call_uuid": leg.call_uuid}


def _person(asked: Asked, body: dict[str, Any], act: Callable[[Leg], None]) -> Any:
    after, platform = read_number(body, "after", 0, 1e6, 0), asked.platform
    with platform.lock:
        leg = asked.live_leg()
        if after:
            leg.timers.append(platform.engine.after(after, lambda: act(leg)))
        else:
            act(leg)
    asked.settle()
    return {"call_uuid": leg.call_uuid}


ROUTES: Routes = {
    ("GET", "calls"): list_calls,
    ("POST", "calls"): start_call,
    ("GET", "calls/*"): one_call,
    ("POST", "calls/*/press"): press,
    ("POST", "calls/*/say"): say,
    ("POST", "calls/*/hangup"): hang_up,
    ("POST", "calls/*/stream"): stream,
    ("POST", "calls/*/kick"): kick,
}
