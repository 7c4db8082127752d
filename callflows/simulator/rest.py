"""The platform's REST API: calls and live calls, with the documented replies, errors and path manners.

A request is judged and answered under the platform's lock; what it asks for happens afterwards (202 before the fetch).
Whatever comes in, the answer is the platform's error shape, never a 500 of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from .calls import Leg, Target, plain, pretty
from .document import is_http_url
from .reading import read_call

if TYPE_CHECKING:
    from .platform import Platform
    from .server import Simulator

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MAX_BODY = 1_000_000
_SECRET = re.compile(r"token|secret|password|auth", re.IGNORECASE)


# of the live list: query parameter -> what it is compared with
_FILTERS = {"call_direction": "direction", "from_number": "from_number", "to_number": "to_number"}


class Refused(Exception):
    def __init__(self, http_status: int, error: str) -> None:
        self.http_status, self.error = http_status, error


def rest(simulator: Simulator) -> Blueprint:
    routes = Blueprint("rest", __name__)

    @routes.route("/", defaults={"path": ""}, methods=METHODS)
    @routes.route("/<path:path>", methods=METHODS)
    def any_path(path: str) -> Response:
        return _Desk(simulator).answer()

    return routes


class _Desk:
    """One request at the platform's front desk."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.platform: Platform = simulator.platform
        self.dialect = simulator.dialect
        self.api_id = ""
        self.body: dict[str, Any] = {}

    def answer(self) -> Response:
        too_large = (request.content_length or 0) > MAX_BODY
        raw = b"" if too_large else request.get_data()
        with self.platform.lock:
            self.api_id = self.platform.new_uuid("api")
            is_transfer = request.method == "POST" and re.search(r"/Call/[^/]+/?$", request.path) is not None
            fault = self.simulator.faults.take(transfer=is_transfer)
            if fault and fault.kind in ("429", "html-502"):
                response = self._bad_day(fault.kind)
            else:
                try:
                    if too_large:
                        raise Refused(400, "the body is too large")
                    response = self._route(raw, acting=not (fault and fault.kind == "never-fetch"))
                except Refused as refusal:
                    response = self._json(refusal.http_status, {"error": refusal.error})
                if fault and fault.kind == "500-after-acting":
                    response = self._json(500, {"error": "internal server error"})
            self._log(response.status_code, fault.kind if fault else "")
            if not (fault and fault.kind == "timeout"):
                # nothing asked for here happens before the answer has left
                self.platform.engine.hold()
                response.call_on_close(self.platform.engine.release)
        if fault and fault.kind == "timeout":
            self.simulator.faults.linger(fault)
        return response

    def _bad_day(self, kind: str) -> Response:
        if kind == "429":
            return self._json(429, {"error": "too many requests"})
        return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, mimetype="text/html")

    def _json(self, http_status: int, content: dict[str, Any]) -> Response:
        content = content if "api_id" in content else {"api_id": self.api_id, **content}
        return Response(json.dumps(content), http_status, mimetype="application/json")

    def _log(self, http_status: int, fault: str) -> None:
        body = {name: "(redacted)" if _SECRET.search(name) else value for name, value in self.body.items()}
        entry = {
            "at": round(self.platform.clock.now(), 3),
            "method": request.method,
            "path": request.full_path.rstrip("?"),
            "body": body,
            "status": http_status,
            "fault": fault,
            "api_id": self.api_id,
        }
        self.simulator.requests.append(entry)
        if request.method != "GET":
            given = " ".join(f"{name}={value}" for name, value in body.items() if name not in ("call_uuid",))
            path = request.path.partition(f"/{self.simulator.auth_id}/")[2] or request.path
            said = f"{request.method} {path} {given}".rstrip()
            note = f"  [fault: {fault}]" if fault else ""
            self.platform.transcript.add(
                self.platform.clock.now(), "rest", f"{said} -> {http_status}{note}", status=http_status
            )

    # -- which resource

    def _route(self, raw: bytes, *, acting: bool) -> Response:
        segments = request.path.removeprefix(self.dialect.rest_prefix + "/").split("/")
        known = {"account": "Account", "call": "Call"}
        if not request.path.startswith(self.dialect.rest_prefix + "/"):
            raise Refused(404, "not found")
        if self.dialect.case_is_auth and any(s.lower() in known and s != known[s.lower()] for s in segments):
            raise Refused(401, "invalid credentials")  # a lower-case path is a 401 (Vobiz docs, gotchas)
        slash = segments[-1] == ""
        segments = segments[:-1] if slash else segments
        if len(segments) not in (3, 4) or segments[0] != "Account" or segments[2] != "Call" or "" in segments:
            raise Refused(404, "not found")
        if not slash and request.method not in ("GET", "DELETE"):
            self._missing_slash()
        headers = request.headers
        authenticated = self.dialect.authenticated(headers, self.simulator.auth_id, self.simulator.auth_token)
        if not authenticated or segments[1] != self.simulator.auth_id:
            raise Refused(401, "authentication credentials are invalid")
        one = len(segments) == 4
        actions: dict[tuple[str, bool], Callable[[], Response]] = {
            ("POST", False): self._place,
            ("POST", True): lambda: self._transfer(segments[3], acting),
            ("GET", False): self._list,
            ("GET", True): lambda: self._one(segments[3]),
            ("DELETE", True): lambda: self._hang_up(segments[3]),
        }
        action = actions.get((request.method, one))
        if action is None:
            raise Refused(405, f"method {request.method} is not allowed here")
        if request.method == "POST":
            self.body = _read_json(raw)
        return action()

    def _missing_slash(self) -> None:
        refusal = self.platform.switches.missing_slash
        if refusal != "accepted":
            raise Refused(int(refusal), "invalid credentials" if refusal == "401" else "not found")

    # -- actions

    def _transfer(self, call_uuid: str, acting: bool) -> Response:
        switches = self.platform.switches
        legs = self.body.get("legs", "aleg")
        if legs not in ("aleg", "bleg", "both"):
            raise Refused(400, "legs parameter is invalid: one of aleg, bleg, both")
        names = ("aleg", "bleg") if legs == "both" else (legs,)
        targets = {name: self._target(name, check=switches.transfer_checks == "at-request") for name in names}
        leg = self.platform.legs.get(call_uuid)
        if leg is None or not leg.live or leg.status != "in-progress":
            raise Refused(404, "call not found")
        if leg.name == "B" and switches.bleg_uuid == "404":
            raise Refused(404, "call not found")
        if "bleg" in targets and leg.peer is None and switches.bleg_without_bridge != "202":
            raise Refused(int(switches.bleg_without_bridge), "the call is not connected to another leg")
        if acting:
            self.platform.transfer(leg, targets)
        return self._json(202, self.dialect.transfer_reply(self.api_id, call_uuid))

    def _target(self, name: str, *, check: bool) -> Target:
        url, method = self.body.get(f"{name}_url"), self.body.get(f"{name}_method") or "POST"
        if not url:
            raise Refused(400, f"{name}_url parameter is missing")
        if not isinstance(url, str) or (check and not is_http_url(url)):
            raise Refused(400, f"{name}_url parameter is not a valid URL")
        if not isinstance(method, str) or (check and method.upper() not in ("GET", "POST")):
            raise Refused(400, f"{name}_method parameter is invalid: one of GET, POST")
        event = self.platform.switches.transfer_event
        return Target("transfer", url, method, event="" if event == "none" else event)

    def _place(self) -> Response:
        for name in ("from", "to", "answer_url"):
            if not self.body.get(name):
                raise Refused(400, f"{name} parameter is missing")
        try:
            call, to = read_call(self.body), self.body["to"]
            if not isinstance(to, str) or not isinstance(self.body["from"], str):
                raise ValueError("from and to are strings")
        except ValueError as error:
            raise Refused(400, str(error)) from None
        placed = [self.platform.place(call, self.body["from"], number) for number in to.split("<") if number.strip()]
        if not placed:
            raise Refused(400, "to parameter is missing")
        uuids = [leg.call_uuid for leg in placed]
        several = len(uuids) > 1
        message = "calls fired" if several else "call fired"
        content = {"message": message, "request_uuid": uuids if several else uuids[0], "api_id": self.api_id}
        return self._json(self.dialect.place_status, content)

    def _list(self) -> Response:
        status = request.args.get("status", "")
        if status not in ("live", "queued"):
            raise Refused(400, "status parameter is missing or invalid: one of live, queued")
        legs = [leg for leg in self.platform.legs.values() if leg.status == "queued" or leg.live]
        found = [leg for leg in legs if (leg.status == "queued") == (status == "queued") and not leg.ending]
        for name, field in _FILTERS.items():
            wanted = request.args.get(name)
            if wanted:
                found = [leg for leg in found if plain(getattr(leg, field)) == plain(wanted)]
        return self._json(200, {"calls": [leg.call_uuid for leg in found]})

    def _one(self, call_uuid: str) -> Response:
        status = request.args.get("status", "")
        if status not in ("live", "queued"):
            raise Refused(400, "status parameter is missing or invalid: one of live, queued")
        leg = self.platform.legs.get(call_uuid)
        if leg is None or leg.ending or (leg.status != "queued" if status == "queued" else not leg.live):
            raise Refused(404, "call not found")
        return self._json(200, self._live_call(leg))

    def _live_call(self, leg: Leg) -> dict[str, Any]:
        started = self.platform.clock.as_datetime(leg.started_at)
        return {
            "api_id": self.api_id,
            "call_status": leg.status,
            "call_uuid": leg.call_uuid,
            "caller_name": leg.call.caller_name or pretty(leg.from_number),
            "direction": leg.direction,
            "from": pretty(leg.from_number),
            "request_uuid": leg.call_uuid if leg.direction == "outbound" and leg.parent is None else "",
            "session_start": started.strftime("%Y-%m-%d %H:%M:%S.%f"),
            **self.dialect.live_extra,
            "to": plain(leg.to_number),
        }

    def _hang_up(self, call_uuid: str) -> Response:
        leg = self.platform.legs.get(call_uuid)
        if leg is None or leg.ending or leg.ended_at is not None:
            raise Refused(404, "call not found")
        self.platform.hang_up(leg, "API Request")
        return Response(status=204)


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        content = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not valid JSON") from None
    if not isinstance(content, dict):
        raise Refused(400, "the body is not a JSON object")
    return content
