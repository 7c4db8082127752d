"""What can be done to a call: transfer, hang up, cancel. Placing and looking are in `placing` and `listing`."""

from __future__ import annotations

from flask import Response

from ..calls import Leg, Target
from ..document import is_http_url
from .asked import Asked, Refused, Routes


def transfer(asked: Asked) -> Response:
    switches = asked.platform.switches
    legs = asked.body.get("legs", "aleg")
    if legs not in ("aleg", "bleg", "both"):
        raise Refused(400, "legs parameter is invalid: one of aleg, bleg, both")
    names = ("aleg", "bleg") if legs == "both" else (legs,)
    targets = {name: _target(asked, name) for name in names}
    leg = _movable_leg(asked)
    if leg.name == "B" and switches.bleg_uuid == "404":
        raise Refused(404, "call not found")
    if "bleg" in targets and leg.peer is None and switches.bleg_without_bridge != "202":
        raise Refused(int(switches.bleg_without_bridge), "the call is not connected to another leg")
    if asked.acting:
        asked.platform.transfer(leg, targets)
    return asked.json(202, asked.platform.dialect.transfer_reply(asked.api_id, leg.call_uuid))


def _movable_leg(asked: Asked) -> Leg:
    leg = asked.platform.legs.get(asked.ids[0])
    rings = leg is not None and leg.live and leg.parent is None and leg.status == "ringing"
    if leg is not None and rings and asked.platform.switches.ringing_transfer == "202":
        return leg
    return asked.live_leg()


def _target(asked: Asked, name: str) -> Target:
    switches = asked.platform.switches
    url, method = asked.body.get(f"{name}_url"), asked.body.get(f"{name}_method") or "POST"
    if not url:
        raise Refused(400, f"{name}_url parameter is missing")
    if not isinstance(url, str) or (not is_http_url(url) and switches.transfer_checks == "at-request"):
        raise Refused(400, f"{name}_url parameter is not a valid URL")
    known = isinstance(method, str) and method.upper() in ("GET", "POST")
    if not isinstance(method, str) or (not known and switches.transfer_checks == "at-request"):
        raise Refused(400, f"{name}_method parameter is invalid: one of GET, POST")
    event = switches.transfer_event
    return Target("transfer", url, method, event="" if event == "none" else event)


def hang_up(asked: Asked) -> Response:
    leg = asked.platform.legs.get(asked.ids[0])
    if leg is None or leg.ending or leg.ended_at is not None:
        raise Refused(404, "call not found")
    asked.platform.hang_up(leg, "API Request")
    return Response(status=204)


def cancel(asked: Asked) -> Response:
    """A request to call is over once somebody has answered: from then on it is a call, and is hung up as one."""
    leg = asked.platform.legs.get(asked.ids[0])
    placed = leg is not None and leg.direction == "outbound" and leg.parent is None
    if leg is None or not placed or leg.status not in ("queued", "ringing") or leg.ending:
        raise Refused(404, "not found")
    asked.platform.hang_up(leg, "API Request")
    return Response(status=204)


ROUTES: Routes = {
    ("POST", "Call/*"): transfer,
    ("DELETE", "Call/*"): hang_up,
    ("DELETE", "Request/*"): cancel,
}
