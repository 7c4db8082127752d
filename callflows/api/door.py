"""The door: Flask on the outside, a `Request` on the inside. Whatever comes in, JSON goes out."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from typing import Any

import flask
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Rule

from ..bearer import Caller, Tokens
from ..errors import CallflowsError, ConfigError, StoreError
from ..runtime import Runtime
from ..webhooks import Anything, read_body
from . import calls, flows, openapi, queues, reading, transfers
from .endpoints import BASE, Answer, Endpoint, Request, find
from .errors import ApiError, told
from .shares import Shares

log = logging.getLogger("callflows.api")

PARTS = (transfers, queues, calls, flows)  # importing them fills the table of endpoints
OPENAPI = "/api/openapi.json"

bp = flask.Blueprint("callflows_api", __name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_KEY = re.compile(openapi.KEY_PATTERN)


class Door:
    """What one app needs: made from its Runtime when the blueprint is registered."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.tokens = Tokens(runtime.settings.api_tokens)
        self.shares = Shares(runtime.settings.threads)
        self._refused_at = -1

    def answer(self, request: flask.Request, path: str, request_id: str) -> Answer:
        """In this order, so that a stranger costs nothing: address, token, room, query, body. Raise ApiError."""
        endpoint, values, methods = find(request.method, path)
        if request.path == OPENAPI:
            methods = ["GET", "HEAD", "OPTIONS"]
        allow = {"Allow": ", ".join(methods)}
        if not methods:
            raise ApiError("not_found", "there is no such address", {"hint": f"see {OPENAPI}"})
        if request.method == "OPTIONS":
            return Answer(None, 204, allow)
        if request.path == OPENAPI and request.method in methods:
            return Answer(openapi.document(self.runtime.settings.public_url))
        if endpoint is None:
            raise ApiError("method_not_allowed", f"there is no {request.method[:20]} here", headers=allow)
        caller = self._caller(request, endpoint)
        with self.shares.api.held():
            return endpoint.handler(
                Request(
                    runtime=self.runtime,
                    shares=self.shares,
                    caller=caller,
                    id=request_id,
                    path=values,
                    query=reading.read_query(endpoint.query, request.query_string),
                    body=_read_body(request, endpoint, self.runtime.settings.max_body),
                    idempotency_key=_key(request) if endpoint.idempotent else None,
                    # with one thread whoever waits keeps everybody waiting
                    may_wait=bool(request.environ.get("wsgi.multithread")),
                )
            )

    def _caller(self, request: flask.Request, endpoint: Endpoint) -> Caller:
        header = request.headers.get("Authorization", "")
        caller = self.tokens.owner(header)
        if caller is None:
            self._note_refusal(bool(header))
            message = "the token is not known here" if header else "no token: send `Authorization: Bearer TOKEN`"
            raise ApiError("unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="callflows"'})
        if caller.scope < endpoint.scope:
            message = f"the token {caller.id} may {caller.scope}; this needs {endpoint.scope}"
            raise ApiError("forbidden", message, {"scope": str(endpoint.scope)})
        return caller

    def _note_refusal(self, given: bool) -> None:
        """At most one line a second: strangers do not fill our disk."""
        second = int(time.monotonic())
        if second == self._refused_at:
            return
        self._refused_at = second
        if not len(self.tokens):
            log.warning("401: CALLFLOWS_API_TOKENS is empty, so nobody may use the API: see `callflows tokens new`")
        else:
            log.warning("401: a request to the API with %s", "an unknown token" if given else "no token")


@bp.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.extensions["callflows.api"] = Door(state.app.extensions["callflows"])
    state.app.url_map.converters.setdefault("anything", Anything)
    state.app.view_functions["callflows_api.entry"] = entry
    for rule in (f"{BASE}/<anything:path>", BASE, OPENAPI):
        # without `methods`: an unknown one gets our 405, not a page
        state.app.url_map.add(Rule(rule, endpoint="callflows_api.entry", merge_slashes=False, strict_slashes=True))


def entry(path: str = "") -> flask.Response:
    """Every request to the API. Never raises."""
    request = flask.request
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
    door: Door = flask.current_app.extensions["callflows.api"]
    try:
        door.runtime.start_keeper()
        return _respond(door.answer(request, f"/{path}", request_id), request_id)
    except ApiError as error:
        found = error
    except CallflowsError as error:
        found = _explained(error, request_id)
    except HTTPException as error:  # of reading the request
        large = isinstance(error, RequestEntityTooLarge)
        limit = f"the body is larger than {door.runtime.settings.max_body} bytes"
        found = ApiError("body_too_large", limit) if large else ApiError("malformed", "the request cannot be read")
    except Exception:
        log.exception("request %s to the API failed", request_id)
        found = ApiError("internal_error", "a mistake of ours; the log says more under this request's id")
    return _respond(Answer(found.body(request_id), found.status, found.headers), request_id)


def _explained(error: CallflowsError, request_id: str) -> ApiError:
    """What the operator has to mend is in the log, not in the answer: it may name hosts and files."""
    if isinstance(error, StoreError):
        log.error("request %s to the API: %s", request_id, error)
        return ApiError("store_unavailable", "the database cannot be used now; nothing was asked of the platform")
    if isinstance(error, ConfigError):
        log.error("request %s to the API: %s", request_id, error)
    try:
        return told(error)
    except CallflowsError:
        log.exception("request %s to the API failed", request_id)
        return ApiError("internal_error", "a mistake of ours; the log says more under this request's id")


def _read_body(request: flask.Request, endpoint: Endpoint, limit: int) -> Any:
    content = read_body(request, limit)
    if endpoint.body is None:
        return None
    if not content and not endpoint.body_required:
        return endpoint.body()
    if request.mimetype != "application/json":
        raise ApiError("unsupported_media_type", "send the body as JSON, with Content-Type: application/json")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise ApiError("unsupported_media_type", "send the body in UTF-8")
    if not content:
        raise ApiError("malformed", "the body is empty")
    return reading.read_body(endpoint.body, content)


def _key(request: flask.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise ApiError("malformed", "an Idempotency-Key is 1 to 255 visible ASCII characters")
    return key


def _respond(answer: Answer, request_id: str) -> flask.Response:
    # what callers sent may hold lone surrogates, which are no JSON
    text = "" if answer.body is None else json.dumps(answer.body, ensure_ascii=False, allow_nan=False) + "\n"
    response = flask.Response(text.encode("utf-8", "replace"), answer.status, content_type="application/json")
    if answer.status == 204:
        del response.headers["Content-Type"]
    response.headers.update(answer.headers)
    response.headers["X-Request-ID"] = request_id
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
