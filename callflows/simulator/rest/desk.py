"""The front desk of the REST API: key, path manners, body, limits, faults; the platform's error shape for refusals.

A request is judged and answered under the platform's lock; what it asks for happens afterwards (202 before the fetch).
Whatever comes in, the answer is the platform's error shape, never a 500 of ours. A body is JSON (Plivo docs: "only
accepts JSON") and is judged by what it is, not by its Content-Type: a form is refused, JSON under any label is not.
`null` is the same as absent. A DELETE may have a body, too: Plivo's Python SDK repeats the call_uuid there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from ..faults import NO_WAITING, NOTHING_DONE, Fault, reset
from ..reading import read_body
from . import calls, listing, media, placing, streams
from .asked import Action, Asked, Refused, Routes
from .later import promise

if TYPE_CHECKING:
    from ..platform import Platform
    from ..server import Simulator

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
MAX_BODY = 1_000_000
_SECRET = re.compile(r"token|secret|password|auth", re.IGNORECASE)
RATE_SECONDS = 5.0
ROUTES: Routes = {**placing.ROUTES, **calls.ROUTES, **listing.ROUTES, **streams.ROUTES, **media.ROUTES}
_CASED = {word.lower(): word for _, path in ROUTES for word in ("Account", *path.split("/"))}


def rest(simulator: Simulator) -> Blueprint:
    routes = Blueprint("rest", __name__)

    @routes.route("/", defaults={"path": ""}, methods=METHODS, provide_automatic_options=False)
    @routes.route("/<path:path>", methods=METHODS, provide_automatic_options=False)
    def any_path(path: str) -> Response:
        return _Desk(simulator).answer()

    @routes.app_errorhandler(HTTPException)
    def no_such_request(error: HTTPException) -> Response:
        """What does not even get to a desk: an unheard-of method, a broken request."""
        with simulator.platform.lock:
            return _Desk(simulator).refuse(error.code or 400, error.name.lower())

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
        raw = None
        with suppress(ValueError):  # said once it is this body's turn
            raw = read_body(request.stream, MAX_BODY)
        with self.platform.lock:
            asked_here = self.platform.engine.mark()
            self.api_id = self.platform.new_uuid("api")
            is_transfer = request.method == "POST" and re.search(r"/Call/[^/]+/?$", request.path) is not None
            fault = self.simulator.faults.take(transfer=is_transfer)
            if fault and fault.kind in NOTHING_DONE:
                response = self._instead(fault)
            else:
                try:
                    response = self._route(raw, acting=not (fault and fault.kind == "never-fetch"))
                except Refused as refusal:
                    response = self._refusal(refusal)
            self._log(500 if fault and fault.kind == "500-after-acting" else response.status_code, fault)
            if fault:
                response = self._afterwards(fault, response)
            if not (fault and fault.kind in NO_WAITING):
                # nothing asked for here happens before the answer has left
                hold = self.platform.engine.hold(asked_here)
                response.call_on_close(partial(self.platform.engine.release, hold))
        if fault and fault.kind == "timeout":
            self.simulator.faults.linger(fault)
        return response

    def refuse(self, http_status: int, error: str) -> Response:
        self.api_id = self.platform.new_uuid("api")
        return self._json(http_status, {"error": error})

    def _instead(self, fault: Fault) -> Response:
        if fault.kind == "reset-before":
            return Response(reset(), 0)  # no status: nothing is answered
        if fault.kind == "html-502":
            return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, mimetype="text/html")
        status = HTTPStatus(int(fault.kind))
        return self._json(status, {"error": status.phrase.lower()})

    def _afterwards(self, fault: Fault, response: Response) -> Response:
        if fault.kind == "500-after-acting":
            return self._json(500, {"error": "internal server error"})
        if fault.kind == "reset-after":
            return Response(reset())
        if fault.kind == "slow-body":
            body = response.get_data()
            pieces = self.simulator.faults.trickle(fault, body)
            slow = Response(pieces, response.status_code, mimetype=response.mimetype)
            slow.content_length = len(body)
            return slow
        return response

    def _refusal(self, refusal: Refused) -> Response:
        return self._json(refusal.http_status, refusal.content or {"error": refusal.error})

    def _json(self, http_status: int, content: dict[str, Any]) -> Response:
        return Asked(self.platform, self.api_id, request.args).json(http_status, content)

    def _log(self, http_status: int, fault: Fault | None) -> None:
        body = {name: "(redacted)" if _SECRET.search(name) else value for name, value in self.body.items()}
        entry = {
            "at": round(self.platform.clock.now(), 3),
            "method": request.method,
            "path": request.full_path.rstrip("?"),
            "body": body,
            "status": http_status,
            "fault": fault.kind if fault else "",
            "api_id": self.api_id,
        }
        self.simulator.requests.append(entry)
        if request.method != "GET":
            given = " ".join(f"{name}={value}" for name, value in body.items() if name not in ("call_uuid",))
            path = request.path.partition(f"/{self.simulator.auth_id}/")[2] or request.path
            said = f"{request.method} {path} {given}".rstrip()
            note = f"  [fault: {fault.kind}]" if fault else ""
            self.platform.transcript.add(
                self.platform.clock.now(), "rest", f"{said} -> {http_status}{note}", status=http_status
            )

    # -- which resource

    def _route(self, raw: bytes | None, *, acting: bool) -> Response:
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
        methods, ids = _find(rest[1:], self.dialect.missing_routes)
        if not slash:
            self._missing_slash()
        headers = request.headers
        authenticated = self.dialect.authenticated(headers, self.simulator.auth_id, self.simulator.auth_token)
        if not authenticated or rest[0] != self.simulator.auth_id:
            raise Refused(401, "authentication credentials are invalid")
        self._limit_rate()
        action = methods.get(request.method)
        if action is None:
            raise Refused(405, f"method {request.method} is not allowed here")
        if raw is None:
            raise Refused(400, "the body is too large, or broke off")
        if request.method in ("POST", "DELETE"):
            self.body = _read_json(raw)
        asked = Asked(self.platform, self.api_id, request.args, ids, self.body, acting)
        own_callback = (request.method, rest[-1]) == ("POST", "Record")  # hears of the recording
        post_to = promise(asked) if self.dialect.spawns_async and not own_callback else None
        if post_to is None:
            return action(asked)
        try:
            response = action(asked)
        except Refused as refusal:
            response = self._refusal(refusal)
        post_to(response)
        return asked.json(202, {"message": "async api spawned", "api_id": self.api_id})

    def _limit_rate(self) -> None:
        limit, now = self.platform.switches.rate_limit, self.platform.clock.now()
        lately = takewhile(lambda entry: entry["at"] > now - RATE_SECONDS, reversed(self.simulator.requests))
        if limit and sum(entry["status"] not in (401, 429) for entry in lately) >= limit:
            raise Refused(429, "too many requests")

    def _missing_slash(self) -> None:
        switches = self.platform.switches
        often_left_out = request.method in ("GET", "DELETE")
        refusal = switches.missing_slash_get_delete if often_left_out else switches.missing_slash
        if refusal != "accepted":
            raise Refused(int(refusal), "invalid credentials" if refusal == "401" else "not found")


def _find(path: list[str], missing: Collection[str]) -> tuple[dict[str, Action], tuple[str, ...]]:
    """What answers each method there, and the path's ids; 404 where there is nothing."""
    found: dict[str, Action] = {}
    ids: tuple[str, ...] = ()
    for (method, pattern), action in ROUTES.items():
        words = pattern.split("/") if pattern not in missing else []
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
    return {name: value for name, value in content.items() if value is not None}
