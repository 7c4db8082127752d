"""The door people come through: pages under /console/, made on the server, that work without JavaScript too.

Every page needs a session, every change an operator's, with the session's own token; what a page loads comes from
here and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import flask
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException

from ..errors import CallflowsError, StoreError
from ..flows.picture.drawing import STYLE
from ..people import Role
from ..runtime import Runtime
from .looks import render
from .sessions import Session, Sessions, Tries, from_elsewhere, is_ours

log = logging.getLogger("callflows.console")

bp = flask.Blueprint("callflows_console", __name__, url_prefix="/console")

STATIC = Path(__file__).parent / "static"
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_OPEN = ("callflows_console.static_file", "callflows_console.sign_in")
_FOR_ALL = ("callflows_console.sign_out",)  # what a viewer may send

View = TypeVar("View", bound=Callable[..., Any])


class Door:
    """What the console of one app needs: made from its Runtime when the blueprint is registered."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.sessions = Sessions(runtime.settings, runtime.settings.signing_keys())
        self.tries = Tries()


def door() -> Door:
    found: Door = flask.current_app.extensions["callflows.console"]
    return found


def runtime() -> Runtime:
    return door().runtime


def session() -> Session:
    """Of this request, which has one."""
    found: Session = flask.g.callflows_session
    return found


@bp.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.extensions["callflows.console"] = Door(state.app.extensions["callflows"])


def home() -> str:
    """The path of the first page, with whatever path PUBLIC_URL has before it."""
    return flask.url_for("callflows_console.now")


def own_path() -> str:
    """Of the page that was asked for, query and all, as a browser knows it."""
    return flask.request.script_root + flask.request.full_path.rstrip("?")


@bp.before_request
def _enter() -> flask.Response | None:
    """Nobody comes further without a session; and nobody changes anything from another site's page."""
    request = flask.request
    flask.g.callflows_session = found = door().sessions.read(request)
    if request.method == "POST":
        request.max_content_length = runtime().settings.max_body
        request.max_form_parts = 1000
        if from_elsewhere(request):
            return problem_page(403, "This form is not one of ours", "It was sent from another site's page.")
    if request.endpoint in _OPEN:
        return None
    if found is None:
        return _sign_in_first()
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        if not is_ours(request, found):
            return problem_page(403, "This form is out of date", "Go back, load the page again and send it once more.")
        if request.endpoint not in _FOR_ALL and found.person.role < Role.OPERATOR:
            return _takes_an_operator()
    return None


def _sign_in_first() -> flask.Response:
    """What was filled in is kept: a session may end in the middle of a form."""
    request = flask.request
    if request.headers.get("HX-Request"):  # part of a page: console.js lets the whole page ask for the password
        return flask.Response("", 401)
    if request.method == "POST":
        kept = {name: value for name, value in request.form.items(multi=True) if name != "csrf"}
        return page("sign_in.html", 401, back=own_path(), kept=kept, ended=True)
    return flask.redirect(flask.url_for("callflows_console.sign_in", back=own_path()))  # type: ignore[return-value]


@bp.after_request
def _close(response: flask.Response) -> flask.Response:
    found = flask.g.get("callflows_session")
    if found is not None and not flask.g.get("callflows_signed_out"):
        door().sessions.write(response, found, home())
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    return response


def operators(view: View) -> View:
    """For forms that change something: a viewer is told so before filling one in. (`_enter` refuses what is sent.)"""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if session().person.role < Role.OPERATOR:
            return _takes_an_operator()
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def _takes_an_operator() -> flask.Response:
    return problem_page(403, "This takes an operator", "You may look at everything here. Ask an operator to do it.")


def page(template: str, status: int = 200, *, part: str = "", **values: Any) -> flask.Response:
    """A whole page, or, where htmx asks for one, the block of it that is shown anew: `part`, or that for its target."""
    found = flask.g.get("callflows_session")
    asked = flask.request.headers.get("HX-Target", "") if flask.request.headers.get("HX-Request") else ""
    context: Mapping[str, Any] = {
        "me": found.person if found else None,
        "csrf": found.csrf if found else "",
        "operator": found is not None and found.person.role >= Role.OPERATOR,
        "by_password": not door().sessions.by_proxy,
        "asset": asset_url,
        "base": home().rstrip("/"),
        "here": flask.request.script_root + flask.request.path,
        "now": time.time(),
        "zone": flask.request.cookies.get("callflows_zone", ""),
        **values,
    }
    # what callers send may hold what UTF-8 cannot say
    body = render(template, context, asked and (part or asked)).encode("utf-8", "replace")
    response = flask.Response(body, status, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = "Cookie, HX-Request, HX-Target"  # or Back shows a part of a page for the whole
    if flask.request.method in ("GET", "HEAD") and status == 200:
        response.headers["Cache-Control"] = "no-cache, private"
        response.set_etag(hashlib.sha256(body).hexdigest()[:24])
        response.make_conditional(flask.request)
    return response


def problem_page(status: int, title: str, text: str) -> flask.Response:
    return page("problem.html", status, title=title, text=text)


def asset_url(name: str) -> str:
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return flask.url_for("callflows_console.static_file", name=name, v=digest)


@bp.get("/static/<name>")
def static_file(name: str) -> flask.Response:
    file = STATIC / name
    if file.parent != STATIC or not file.is_file():
        return flask.Response("no such file\n", 404, content_type="text/plain")
    response = flask.Response(file.read_bytes(), content_type=f"{_TYPES.get(file.suffix, 'text/plain')}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@bp.get("")
def _without_slash() -> flask.Response:
    return flask.redirect(home())  # type: ignore[return-value]


@bp.route("/<path:rest>", methods=("GET", "POST", "PUT", "PATCH", "DELETE"))
def _nothing_there(rest: str) -> flask.Response:
    """A page of ours says so, with the headers that all of them have."""
    return problem_page(404, "There is no such page", "Or it does not take what was sent.")


@bp.errorhandler(Exception)
def _failed(error: Exception) -> flask.Response:
    """In words; never a traceback."""
    if isinstance(error, HTTPException):
        words = {404: "There is no such page.", 405: "This page does not take that.", 413: "That is too much at once."}
        return problem_page(error.code or 500, error.name, words.get(error.code or 0, "The request cannot be read."))
    if isinstance(error, StoreError):
        log.error("console: %s", error)
        text = "Calls go on and are answered; what happens is written down and comes here when it is back."
        return problem_page(503, "The database cannot be reached", text)
    if isinstance(error, CallflowsError):
        return problem_page(400, "That did not work", str(error))
    log.exception("console: %s failed", flask.request.path)
    return problem_page(500, "A mistake of ours", "The log of the console says more.")
