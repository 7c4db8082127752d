"""Signing in and out. What was being filled in when a session ended comes back as it was; nothing of it is sent."""

from __future__ import annotations

import logging
import threading

import flask

from ..urls import is_loopback
from .door import bp, door, home, page, problem_page, session
from .looks import span

log = logging.getLogger("callflows.console")

# failed sign-ins within five minutes: of one name from one address, from one address, of one name from anywhere
OF_BOTH, FROM_ADDRESS, OF_NAME = 5, 20, 50
_checking = threading.BoundedSemaphore(2)  # a password takes 64 MB and a core: strangers must not have all of them


@bp.route("/sign-in", methods=("GET", "POST"))
def sign_in() -> flask.Response:
    request, sessions = flask.request, door().sessions
    form = request.form
    back = _back(form.get("back") or request.args.get("back", ""))
    if sessions.by_proxy:
        if session_of_proxy := flask.g.callflows_session:
            log.debug("console: %s comes from the proxy", session_of_proxy.person.name)
            return flask.redirect(back, 303)  # type: ignore[return-value]
        text = f"The proxy in front of the console signs people in, and did not say who you are ({sessions.by_proxy})."
        return problem_page(403, "Not signed in", text)
    kept = {name.removeprefix("kept."): value for name, value in form.items() if name.startswith("kept.")}
    if request.method != "POST" or not len(sessions.people):
        return page("sign_in.html", back=back, kept={}, ended=False, open_to=bool(len(sessions.people)))
    name, password = form.get("name", "")[:64], form.get("password", "")[:1000]
    address = _address(request)
    counted = {f"both {address} {name}": OF_BOTH, f"address {address}": FROM_ADDRESS, f"name {name}": OF_NAME}
    wait, person = door().tries.wait(counted), None
    if not wait:
        if not _checking.acquire(timeout=0.2):
            return page("sign_in.html", 429, back=back, kept=kept, ended=False, why="Too busy: try again.", name=name)
        try:
            person = sessions.people.signed_in(name, password)
        finally:
            _checking.release()
    if person is None:
        if not wait:
            door().tries.failed(counted)
            log.warning("console: a failed sign-in as %.64s from %s", ascii(name)[1:-1], address)
        why = f"Too many tries: again in {span(wait + 1)}." if wait else "The name or the password is wrong."
        return page("sign_in.html", 429 if wait else 401, back=back, kept=kept, ended=False, why=why, name=name)
    flask.g.callflows_session = sessions.begin(person)
    log.info("console: %s signed in as %s", person.name, person.role)
    if kept:
        return page("resume.html", back=back, kept=kept)
    return flask.redirect(back, 303)  # type: ignore[return-value]


@bp.post("/sign-out")
def sign_out() -> flask.Response:
    log.info("console: %s signed out", session().person.name)
    flask.g.callflows_signed_out = True
    response = flask.redirect(flask.url_for("callflows_console.sign_in"), 303)
    door().sessions.end(response, home())  # type: ignore[arg-type]
    return response  # type: ignore[return-value]


def _back(path: str) -> str:
    """Only to a page of the console: an address from outside may not lead anywhere else."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and "//" not in path
    return path if plain and path.startswith(home()) else home()


def _address(request: flask.Request) -> str:
    """Whoever tries. A proxy on this machine says for whom it asks, in the last place: what is before it, he wrote."""
    address = request.remote_addr or ""
    said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return said[:45] if said and (not address or is_loopback(address)) else address
