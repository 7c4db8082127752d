"""Answers /-/sim/: finds the action in the tables, turns what it returns into JSON. Bad input is a 400, and
`{"error": ...}` says what would be right.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from . import calls, clock, faults, replay, settings, view
from .asked import Asked, Routes

if TYPE_CHECKING:
    from ..server import Simulator

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def index(asked: Asked) -> Any:
    """who this simulator is, its clock, and these routes"""
    simulator = asked.simulator
    return {
        "provider": simulator.provider,
        "auth_id": simulator.auth_id,
        "seed": simulator.seed,
        "clock": asked.clock(),
        "routes": {f"{method} /-/sim/{path}": about(action) for (method, path), action in ROUTES.items()},
    }


ROUTES: Routes = {
    ("GET", ""): index,
    **clock.ROUTES,
    **calls.ROUTES,
    **settings.ROUTES,
    **faults.ROUTES,
    **view.ROUTES,
    **replay.ROUTES,
}


def about(action: object) -> str:
    return (action.__doc__ or "").strip().partition("\n")[0]


def control(simulator: Simulator) -> Blueprint:
    routes = Blueprint("control", __name__, url_prefix="/-/sim")

    @routes.route("/", defaults={"path": ""}, methods=METHODS)
    @routes.route("/<path:path>", methods=METHODS)
    def any_path(path: str) -> Response:
        try:
            result = _answer(simulator, path)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        except LookupError as error:
            return _json({"error": str(error.args[0])}, 404)
        return result if isinstance(result, Response) else _json(result)

    return routes


def _answer(simulator: Simulator, path: str) -> Any:
    segments = path.split("/")
    asked_for = "GET" if request.method == "HEAD" else request.method
    others = []
    for (method, pattern), action in ROUTES.items():
        words = pattern.split("/")
        if len(words) == len(segments) and all(w in ("*", s) for w, s in zip(words, segments, strict=True)):
            if method == asked_for:
                ids = tuple(s for word, s in zip(words, segments, strict=True) if word == "*")
                return action(Asked(simulator, ids))
            others.append(method)
    hint = f"{', '.join(others)} is" if others else "GET /-/sim/ lists what is"
    raise LookupError(f"no control route {request.method} /-/sim/{path}: {hint} there")


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content, indent=1) + "\n", status, mimetype="application/json")
