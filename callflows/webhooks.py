"""The door the platforms come through: Flask views that turn a request into a WebhookRequest and the answer back."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import parse_qsl, quote

from flask import Blueprint, Request, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from . import __version__, providers
from .answering import Answer, answer_event, answer_step
from .capture import Recorder, Seen
from .health import degraded
from .metrics import CONTENT_TYPE, exposed
from .models import FlowState, WebhookRequest, errors_in
from .runtime import Runtime

bp = Blueprint("callflows", __name__)

AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def runtime() -> Runtime:
    found: Runtime = current_app.extensions["callflows"]
    return found


@bp.before_request
def _begin() -> None:
    g.callflows_started = time.perf_counter()
    runtime().start_keeper()


@bp.after_request
def _capture(response: Response) -> Response:
    """What is captured is written when the answer has been sent: nothing about it delays or fails one."""
    recorder: Recorder = current_app.extensions["callflows.capture"]
    session = recorder.session()
    if session is not None and "provider" in (request.view_args or {}):
        try:
            seen = _seen(response)
            response.call_on_close(lambda: recorder.keep(session, seen))
        except Exception as error:
            recorder.failed(error)
    return response


class Anything(BaseConverter):
    """Whatever follows, slashes and line breaks too: a genuine request gets an answer, however odd its path is."""

    regex = r"[\s\S]*"
    part_isolating = False
    weight = 300


_PROVIDER = f"<any({','.join(providers.NAMES)}):provider>"


@bp.record_once
def _converters(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["anything"] = Anything
    state.app.extensions["callflows.capture"] = Recorder(state.app.extensions["callflows"])


@bp.route(f"/flows/{_PROVIDER}/<anything:target>", methods=("GET", "POST"), merge_slashes=False)
def step(provider: str, target: str) -> Response:
    flow, _, name = target.removesuffix("/").partition("/")
    return _respond(answer_step(runtime(), provider, flow, name, _asked()))


@bp.route(f"/events/{_PROVIDER}", methods=("GET", "POST"), strict_slashes=False)
def events(provider: str) -> Response:
    return _respond(answer_event(runtime(), provider, _asked()))


@bp.get("/audio/<version>/<name>")
def audio(version: str, name: str) -> Response:
    """A file of a flow's audio folder. Its content never changes under this address."""
    flow = runtime().versions.load(version)
    if flow is None or name not in flow.audio:
        return Response("no such audio file\n", 404, mimetype="text/plain")
    answer = Response(flow.audio[name], mimetype=AUDIO_TYPES[name.rpartition(".")[2]])
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    answer.make_conditional(request, accept_ranges=True, complete_length=len(flow.audio[name]))
    return answer


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> Response:
    """Whether everything behind the answers is well too. Calls are answered either way, so `degraded` is a 200."""
    found = degraded(runtime())
    body = {
        "status": "degraded" if found else "ok",
        "degraded": found,
        "flows": len(runtime().versions.names()),
        "flow_states": _not_good(runtime()),
        "version": __version__,
        "pid": os.getpid(),  # which worker answers: an upgrade is through when the old ones do not any more
    }
    return Response(json.dumps(body) + "\n", mimetype="application/json")


@bp.get("/metrics")
def metrics() -> Response:
    return Response(exposed(runtime()), content_type=CONTENT_TYPE)


def _not_good(runtime: Runtime) -> dict[str, dict[str, Any]]:
    """The flows of which something else is served than what was saved, since when (Unix time), and why."""
    found = {}
    for name in runtime.versions.known_names():
        status = runtime.versions.status(name)
        if status.state is not FlowState.GOOD:
            problem = "".join(map(str, errors_in(status.problems)[:1]))
            found[name] = {"state": status.state, "since": status.since, "problem": problem}
    return found


def _asked() -> WebhookRequest:
    g.callflows_asked = found = webhook_request(request, runtime())
    return found


def _seen(response: Response) -> Seen:
    """The request and its answer, for a capture. A request that was refused unread has no form."""
    seconds = time.perf_counter() - g.get("callflows_started", time.perf_counter())
    asked = g.get("callflows_asked")
    read = asked is not None
    if not read:
        url, query = _signed_url(request, runtime()), _pairs(request.query_string)
        asked = WebhookRequest(request.method, request.path, url, {}, query)
    return Seen(
        at=time.time() - seconds,
        provider=(request.view_args or {})["provider"],
        request=asked,
        headers=tuple(request.headers),
        read=read,
        status=response.status_code,
        content_type=response.content_type or "",
        body=response.get_data(),
        duration_ms=round(seconds * 1000, 3),
    )


def webhook_request(request: Request, runtime: Runtime) -> WebhookRequest:
    """The request free of Flask. Raise 413 for a body over MAX_BODY, however it was framed: never a part of it."""
    limit = runtime.settings.max_body
    form: tuple[tuple[str, str], ...] = ()
    if request.method == "POST":
        body = read_body(request, limit)
        if request.mimetype in ("application/x-www-form-urlencoded", ""):
            form = _pairs(body)
    return WebhookRequest(
        method=request.method,
        path=request.path.rstrip("/"),
        url=_signed_url(request, runtime),
        headers={name.lower(): value for name, value in request.headers},
        query=_pairs(request.query_string),
        form=form,
    )


def _signed_url(request: Request, runtime: Runtime) -> str:
    raw_target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or _target(request)
    return runtime.composer.urls.signed(raw_target)


def read_body(request: Request, limit: int) -> bytes:
    """Raise 413 over the limit, however the body was framed; 400 where the framing is broken."""
    # Werkzeug cuts a chunked body off at its limit and goes on with the part: read one byte past ours and refuse
    request.max_content_length = limit + 1
    try:
        body = request.stream.read(limit + 1)
    except HTTPException:
        raise
    except Exception as error:  # the server's own words for a malformed chunk or a broken connection
        raise BadRequest from error
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


def _pairs(data: bytes) -> tuple[tuple[str, str], ...]:
    """Undecodable bytes become surrogate escapes: the signature is over the bytes."""
    text = data.decode("utf-8", "surrogateescape")
    return tuple(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def _target(request: Request) -> str:
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path, safe="/%:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")


def _respond(answer: Answer) -> Response:
    return Response(answer.body, answer.status, content_type=answer.content_type)
