"""Signing in and out. What was being filled in when a session ended comes back as it was; nothing of it is sent."""

from __future__ import annotations

import logging

import flask

from .door import bp, door, page, session
from .looks import span

log = logging.getLogger("callflows.console")


@bp.route("/sign-in", methods=("GET", "POST"))
def sign_in() -> flask.Response:
    request, sessions = flask.request, door().sessions
    form = request.form
    back = _back(form.get("back") or request.args.get("back", ""))
    kept = {name.removeprefix("kept."): value for name, value in form.items() if name.startswith("kept.")}
    if request.method == "GET" or not sessions.open_to:
        return page("sign_in.html", back=back, kept={}, ended=False, open_to=sessions.open_to)
    name, password = form.get("name", "")[:64], form.get("password", "")[:1000]
    watched = (f"name {name}", f"address {request.remote_addr or ''}")
    wait = door().tries.wait(*watched)
    person = None if wait else sessions.people.signed_in(name, password)
    if person is None:
        if not wait:
            door().tries.failed(*watched)
            log.warning("console: a failed sign-in as %.64s", ascii(name)[1:-1])
        why = f"Too many tries: again in {span(wait + 1)}." if wait else "The name or the password is wrong."
        return page("sign_in.html", 429 if wait else 401, back=back, kept=kept, ended=False, why=why, name=name)
    flask.g.callflows_session = found = sessions.begin(person)
    log.info("console: %s signed in as %s", person.name, person.role)
    if kept:
        return page("resume.html", back=back, kept=kept)
    del found
    return flask.redirect(back, 303)  # type: ignore[return-value]


@bp.post("/sign-out")
def sign_out() -> flask.Response:
    log.info("console: %s signed out", session().person.name)
    flask.g.callflows_signed_out = True
    response = flask.redirect(flask.url_for("callflows_console.sign_in"), 303)
    door().sessions.end(response)  # type: ignore[arg-type]
    return response  # type: ignore[return-value]


def _back(path: str) -> str:
    """Only to a page of the console: an address from outside may not lead anywhere else."""
    home = flask.url_for("callflows_console.now")
    return path if path.startswith(home) and "\\" not in path and "//" not in path else home
