"""Now: what is going on, in one look."""

from __future__ import annotations

import flask

from .door import bp, page


@bp.get("/")
def now() -> flask.Response:
    return page("now.html")
