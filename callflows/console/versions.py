"""Versions of a flow: what was live when, how two differ, and the way back."""

from __future__ import annotations

import difflib
import logging

import flask

from ..errors import CallflowsError, DocumentRefused
from ..flows import Flow
from .door import bp, operators, page, problem_page, runtime, session

log = logging.getLogger("callflows.console")

MOST_LINES = 2000  # of a difference


@bp.get("/flows/<name>/versions")
def versions(name: str) -> flask.Response:
    """With `version`: what publishing it would change, in what callers hear now."""
    found = runtime().versions
    turns = found.history(name)
    if not turns:
        return problem_page(404, "No version of it", f"No version of a flow {name[:64]} was live on this machine.")
    kept, version = set(found.stored(name)), flask.request.args.get("version", "")
    wanted = found.load(version) if version in kept else None
    if version and wanted is None:
        return problem_page(404, "That version is not kept", "Versions nobody was served for long are removed.")
    live = found.live(name)
    return page(
        "versions.html",
        name=name,
        state=found.status(name),
        turns=turns,
        kept=kept,
        version=version,
        difference=_difference(live, wanted) if wanted else "",
        live=live.version if live else "",
    )


@bp.post("/flows/<name>/versions")
@operators
def publish(name: str) -> flask.Response:
    rt, version, outcome = runtime(), flask.request.form.get("version", ""), "done"
    try:
        if version not in rt.versions.stored(name):
            return problem_page(404, "That version is not kept", "It may have been removed meanwhile.")
        rt.publisher.publish_version(version)
    except DocumentRefused as error:
        outcome = error.code
        return page("refused.html", 422, name=name, version=version, problems=error.problems)
    except CallflowsError as error:
        outcome = error.code
        raise
    finally:
        log.warning("console: %s publishes %.80s: %s", session().person.name, ascii(version)[1:-1], outcome)
    return flask.redirect(flask.url_for("callflows_console.versions", name=name), 303)  # type: ignore[return-value]


def _difference(now: Flow | None, then: Flow) -> str:
    """As a unified diff, file by file."""
    before, after = now.texts if now else {}, then.texts
    lines: list[str] = []
    for file in sorted({*before, *after}):
        old, new = (texts.get(file, "").splitlines() for texts in (before, after))
        lines += difflib.unified_diff(old, new, file, file, "live", then.version, lineterm="")
        if len(lines) > MOST_LINES:
            return "\n".join([*lines[:MOST_LINES], "…"])
    return "\n".join(lines)
