"""Calls and live calls: place, list, look at, transfer, hang up."""

from __future__ import annotations

from typing import Any

from flask import Response

from ..calls import Leg, Target, plain, pretty
from ..document import is_http_url
from ..reading import read_call
from .asked import Asked, Refused, Routes

# of the live list: query parameter -> what it is compared with
_FILTERS = {"call_direction": "direction", "from_number": "from_number", "to_number": "to_number"}


def transfer(asked: Asked) -> Response:
    switches = asked.platform.switches
    legs = asked.body.get("legs", "aleg")
    if legs not in ("aleg", "bleg", "both"):
        raise Refused(400, "legs parameter is invalid: one of aleg, bleg, both")
    names = ("aleg", "bleg") if legs == "both" else (legs,)
    targets = {name: _target(asked, name, check=switches.transfer_checks == "at-request") for name in names}
    leg = asked.live_leg()
    if leg.name == "B" and switches.bleg_uuid == "404":
        raise Refused(404, "call not found")
    if "bleg" in targets and leg.peer is None and switches.bleg_without_bridge != "202":
        raise Refused(int(switches.bleg_without_bridge), "the call is not connected to another leg")
    if asked.acting:
        asked.platform.transfer(leg, targets)
    return asked.json(202, asked.platform.dialect.transfer_reply(asked.api_id, leg.call_uuid))


def _target(asked: Asked, name: str, *, check: bool) -> Target:
    url, method = asked.body.get(f"{name}_url"), asked.body.get(f"{name}_method") or "POST"
    if not url:
        raise Refused(400, f"{name}_url parameter is missing")
    if not isinstance(url, str) or (check and not is_http_url(url)):
        raise Refused(400, f"{name}_url parameter is not a valid URL")
    if not isinstance(method, str) or (check and method.upper() not in ("GET", "POST")):
        raise Refused(400, f"{name}_method parameter is invalid: one of GET, POST")
    event = asked.platform.switches.transfer_event
    return Target("transfer", url, method, event="" if event == "none" else event)


def place(asked: Asked) -> Response:
    for name in ("from", "to", "answer_url"):
        if not asked.body.get(name):
            raise Refused(400, f"{name} parameter is missing")
    try:
        call, to = read_call(asked.body), asked.body["to"]
        if not isinstance(to, str) or not isinstance(asked.body["from"], str):
            raise ValueError("from and to are strings")
    except ValueError as error:
        raise Refused(400, str(error)) from None
    placed = [asked.platform.place(call, asked.body["from"], number) for number in to.split("<") if number.strip()]
    if not placed:
        raise Refused(400, "to parameter is missing")
    uuids = [leg.call_uuid for leg in placed]
    several = len(uuids) > 1
    message = "calls fired" if several else "call fired"
    content = {"message": message, "request_uuid": uuids if several else uuids[0], "api_id": asked.api_id}
    return asked.json(asked.platform.dialect.place_status, content)


def list_calls(asked: Asked) -> Response:
    status = asked.args.get("status", "")
    if status not in ("live", "queued"):
        raise Refused(400, "status parameter is missing or invalid: one of live, queued")
    legs = [leg for leg in asked.platform.legs.values() if leg.status == "queued" or leg.live]
    found = [leg for leg in legs if (leg.status == "queued") == (status == "queued") and not leg.ending]
    for name, field in _FILTERS.items():
        wanted = asked.args.get(name)
        if wanted:
            found = [leg for leg in found if plain(getattr(leg, field)) == plain(wanted)]
    return asked.json(200, {"calls": [leg.call_uuid for leg in found]})


def one_call(asked: Asked) -> Response:
    status = asked.args.get("status", "")
    if status not in ("live", "queued"):
        raise Refused(400, "status parameter is missing or invalid: one of live, queued")
    leg = asked.platform.legs.get(asked.ids[0])
    if leg is None or leg.ending or (leg.status != "queued" if status == "queued" else not leg.live):
        raise Refused(404, "call not found")
    return asked.json(200, _live_call(asked, leg))


def _live_call(asked: Asked, leg: Leg) -> dict[str, Any]:
    started = asked.platform.clock.as_datetime(leg.started_at)
    return {
        "api_id": asked.api_id,
        "call_status": leg.status,
        "call_uuid": leg.call_uuid,
        "caller_name": leg.call.caller_name or pretty(leg.from_number),
        "direction": leg.direction,
        "from": pretty(leg.from_number),
        "request_uuid": leg.call_uuid if leg.direction == "outbound" and leg.parent is None else "",
        "session_start": started.strftime("%Y-%m-%d %H:%M:%S.%f"),
        **asked.platform.dialect.live_extra,
        "to": plain(leg.to_number),
    }


def hang_up(asked: Asked) -> Response:
    leg = asked.platform.legs.get(asked.ids[0])
    if leg is None or leg.ending or leg.ended_at is not None:
        raise Refused(404, "call not found")
    asked.platform.hang_up(leg, "API Request")
    return Response(status=204)


ROUTES: Routes = {
    ("POST", "Call"): place,
    ("GET", "Call"): list_calls,
    ("POST", "Call/*"): transfer,
    ("GET", "Call/*"): one_call,
    ("DELETE", "Call/*"): hang_up,
}
