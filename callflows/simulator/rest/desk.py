"""The front desk of the REST API: key, path manners, body, faults; the platform's error shape for what is refused.

A request is judged and answered under the platform's lock; what it asks for happens afterwards (202 before the fetch).
Whatever comes in, the answer is the platform's error shape, never a 500 of ours.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from . import calls
from .asked import Action, Asked, Refused, Routes

if TYPE_CHECKING:
    from ..platform import Platform
    from ..server import Simulator

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MAX_BODY = 1_000_000
_SECRET = re.compile(r"token|secret|password|auth", re.IGNORECASE)
ROUTES: Routes = {**calls.ROUTES}
_CASED = {word.lower(): word for _, path in ROUTES for word in ("Account", *path.split("/"))}


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
        return Asked(self.platform, self.api_id, request.args).json(http_status, content)

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
        prefix = self.dialect.rest_prefix + "/"
        segments = request.path.removeprefix(prefix).split("/")
        if not request.path.startswith(prefix):
            raise Refused(404, "not found")
        if self.dialect.case_is_auth and any(s != _CASED.get(s.lower(), s) for s in segments):
            raise Refused(401, "invalid credentials")  # a lower-case path is a 401 (Vobiz docs, gotchas)
        slash = segments[-1] == ""
        account, *rest = segments[:-1] if slash else segments
        if account != "Account" or len(rest) < 2 or "" in rest:
            raise Refused(404, "not found")
        methods, ids = _find(rest[1:])
        if not slash and request.method not in ("GET", "DELETE"):
            self._missing_slash()
        headers = request.headers
        authenticated = self.dialect.authenticated(headers, self.simulator.auth_id, self.simulator.auth_token)
        if not authenticated or rest[0] != self.simulator.auth_id:
            raise Refused(401, "authentication credentials are invalid")
        action = methods.get(request.method)
        if action is None:
            raise Refused(405, f"method {request.method} is not allowed here")
        if request.method == "POST":
            self.body = _read_json(raw)
        return action(Asked(self.platform, self.api_id, request.args, ids, self.body, acting))

    def _missing_slash(self) -> None:
        refusal = self.platform.switches.missing_slash
        if refusal != "accepted":
            raise Refused(int(refusal), "invalid credentials" if refusal == "401" else "not found")


def _find(path: list[str]) -> tuple[dict[str, Action], tuple[str, ...]]:
    """What answers each method there, and the path's ids; 404 where there is nothing."""
    found: dict[str, Action] = {}
    ids: tuple[str, ...] = ()
    for (method, pattern), action in ROUTES.items():
        words = pattern.split("/")
        if len(words) == len(path) and all(word in ("*", part) for word, part in zip(words, path, strict=True)):
            found[method] = action
            ids = tuple(part for word, part in zip(words, path, strict=True) if word == "*")
    if not found:
        raise Refused(404, "not found")
    return found, ids


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        content = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not valid JSON") from None
    if not isinstance(content, dict):
        raise Refused(400, "the body is not a JSON object")
    return content
