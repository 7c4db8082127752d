"""The simulator's own controls, under /-/sim/: clock, people, switches, faults, transcript.

JSON, loopback only, no authentication. A POST that makes something happen answers when it has happened, at this same
virtual instant. Bad input is a 400 with `{"error": ...}` that says what would be right.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .calls import Leg
from .clock import MODES
from .faults import KINDS, Fault
from .reading import read_behaviour, read_call, read_number, read_party, read_text
from .switches import Switches

if TYPE_CHECKING:
    from .server import Simulator

SETTLE_SECONDS = 30.0
RUN_SECONDS = 3600.0


def control(simulator: Simulator) -> Blueprint:
    routes = Blueprint("control", __name__, url_prefix="/-/sim")

    def route(path: str, *methods: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def answered(**kwargs: str) -> Response:
                try:
                    result = view(**kwargs)
                except ValueError as error:
                    return _json({"error": str(error)}, 400)
                except LookupError as error:
                    return _json({"error": str(error.args[0])}, 404)
                return result if isinstance(result, Response) else _json(result)

            routes.add_url_rule(path, view_func=answered, methods=list(methods))
            return answered

        return decorate

    def settle() -> None:
        simulator.platform.engine.settle(SETTLE_SECONDS)

    def clock_state(**more: Any) -> dict[str, Any]:
        clock = simulator.platform.clock
        now = clock.now()
        return {"now": round(now, 3), "time": clock.as_datetime(now).isoformat(), "mode": clock.mode, **more}

    def leg_named(call_uuid: str) -> Leg:
        leg = simulator.platform.legs.get(call_uuid)
        if leg is None:
            raise LookupError(f"no call or leg {call_uuid}")
        if leg.ended_at is not None:
            raise ValueError(f"call {call_uuid} has ended")
        return leg

    @route("/", "GET")
    def index() -> Any:
        return {
            "provider": simulator.provider,
            "auth_id": simulator.auth_id,
            "seed": simulator.seed,
            "clock": clock_state(),
        }

    @route("/reset", "POST")
    def reset() -> Any:
        simulator.reset()
        return clock_state()

    @route("/clock", "GET")
    def read_clock() -> Any:
        return clock_state()

    @route("/clock", "POST")
    def set_clock() -> Any:
        body = _body("advance", "mode", "run", "limit")
        platform = simulator.platform
        if "mode" in body:
            if body["mode"] not in MODES:
                raise ValueError(f"mode is one of {', '.join(MODES)}")
            with platform.lock:
                platform.clock.set_mode(body["mode"])
                platform.lock.notify_all()
        if "advance" in body:
            platform.engine.advance(read_number(body, "advance", 0, 1e6))
        if body.get("run"):
            idle = platform.engine.run(read_number(body, "limit", 0, 1e6, RUN_SECONDS))
            return clock_state(idle=idle)
        if not body:
            raise ValueError('give {"advance": seconds}, {"mode": "..."} or {"run": true}')
        settle()
        return clock_state()

    @route("/calls", "GET")
    def list_calls() -> Any:
        settle()
        with simulator.platform.lock:
            legs = list(simulator.platform.legs.values())
            return [
                {**leg.as_dict(), "legs": [other.as_dict() for other in legs if _root(other) is leg]}
                for leg in legs
                if leg.parent is None
            ]

    @route("/calls", "POST")
    def start_call() -> Any:
        body = _body()
        direction = body.get("direction", "inbound")
        if direction not in ("inbound", "outbound"):
            raise ValueError("direction is inbound or outbound")
        from_number, to_number = read_text(body, "from"), read_text(body, "to")
        call, platform = read_call(body), simulator.platform
        with platform.lock:
            begin = platform.arrive if direction == "inbound" else platform.place
            leg = begin(call, from_number, to_number)
        settle()
        return {"call_uuid": leg.call_uuid}

    @route("/calls/<call_uuid>/press", "POST")
    def press(call_uuid: str) -> Any:
        digits = read_text(_body("digits"), "digits")
        if set(digits) - set("0123456789*#"):
            raise ValueError("digits are 0-9, * and #")
        with simulator.platform.lock:
            simulator.platform.press(leg_named(call_uuid), digits)
        settle()
        return {"call_uuid": call_uuid}

    @route("/calls/<call_uuid>/say", "POST")
    def say(call_uuid: str) -> Any:
        words = read_text(_body("speech"), "speech")
        with simulator.platform.lock:
            simulator.platform.say(leg_named(call_uuid), words)
        settle()
        return {"call_uuid": call_uuid}

    @route("/calls/<call_uuid>/hangup", "POST")
    def hang_up(call_uuid: str) -> Any:
        with simulator.platform.lock:
            simulator.platform.hang_up(leg_named(call_uuid))
        settle()
        return {"call_uuid": call_uuid}

    @route("/numbers/<number>", "PUT")
    def set_number(number: str) -> Any:
        party, behaviour = read_party(number), read_behaviour(_body())
        with simulator.platform.lock:
            simulator.platform.behaviours[party] = behaviour
        return dataclasses.asdict(behaviour)

    @route("/numbers", "GET")
    def list_numbers() -> Any:
        return {number: dataclasses.asdict(plan) for number, plan in simulator.platform.behaviours.items()}

    @route("/switches", "GET", "PATCH")
    def switches() -> Any:
        platform = simulator.platform
        if request.method == "PATCH":
            with platform.lock:
                platform.switches = platform.switches.changed(_body())
        if request.args.get("explain"):
            return Switches.explain()
        return platform.switches.as_dict()

    @route("/requests", "GET")
    def list_requests() -> Any:
        with simulator.platform.lock:
            return list(simulator.requests)

    @route("/faults", "POST")
    def add_fault() -> Any:
        body = _body("rest", "count", "seconds")
        if body.get("rest") not in tuple(KINDS):
            raise ValueError(f"rest is one of {', '.join(KINDS)}")
        fault = Fault(
            body["rest"], int(read_number(body, "count", 1, 1000, 1)), read_number(body, "seconds", 0, 600, 30.0)
        )
        with simulator.platform.lock:
            simulator.faults.add(fault)
        return dataclasses.asdict(fault)

    @route("/transcript", "GET")
    def transcript() -> Any:
        form = request.args.get("format", "json")
        if form not in ("text", "json"):
            raise ValueError("format is text or json")
        settle()
        with simulator.platform.lock:
            entries = simulator.platform.transcript
            if form == "text":
                return Response(entries.as_text(), mimetype="text/plain")
            return entries.as_list()

    @routes.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(path: str) -> Response:
        return _json({"error": f"no control route {request.method} /-/sim/{path}"}, 404)

    return routes


def _root(leg: Leg) -> Leg:
    return leg if leg.parent is None else _root(leg.parent)


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content, indent=1) + "\n", status, mimetype="application/json")


def _body(*known: str) -> dict[str, Any]:
    """The request's JSON object; with `known`, nothing else may be in it."""
    try:
        body = json.loads(request.get_data() or b"{}")
    except (ValueError, RecursionError):
        raise ValueError("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    unknown = [name for name in body if known and name not in known]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]}: one of {', '.join(known)}")
    return body
