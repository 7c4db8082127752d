"""What is not as it should be: the configuration, and requests that were refused."""

from __future__ import annotations

import flask

from .. import checks
from ..models import Severity
from .door import bp, page, runtime

A_PAGE = 50


@bp.get("/checks")
def configuration() -> flask.Response:
    live = "live" in flask.request.args
    problems = checks.check(runtime())
    if live and runtime().settings.public_url:
        problems += checks.check_live(runtime())
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in problems if problem.severity is not Severity.ERROR]
    return page("checks.html", errors=errors, warnings=warnings, live=live)


@bp.get("/rejected")
def rejected() -> flask.Response:
    found, older = runtime().store.refused(limit=A_PAGE, before=flask.request.args.get("before", ""))
    return page("rejected.html", exchanges=found, older=older, url=runtime().settings.public_url)
