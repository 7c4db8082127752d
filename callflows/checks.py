"""`callflows check`: what is wrong with the configuration, each finding with an id and what to do about it.

Nothing here is found by guessing: a check either reads a setting or tries the thing it is about.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import httpx2

from . import providers
from .errors import CallflowsError
from .flows import read_sources
from .models import Problem, Severity, SignatureMode, WebhookRequest, errors_in
from .runtime import Runtime
from .signing import Token
from .store import SCHEMA_VERSION, UPGRADE_HINT
from .urls import events_path, is_loopback

LIVE_TIMEOUT_SECONDS = 5.0
# Databases several processes write to can be damaged by these (sqlite.org/wal.html, "WAL-reset bug").
_SQLITE_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


def check(runtime: Runtime) -> list[Problem]:
    """Everything that can be found without the network, the store apart."""
    found: list[Problem] = []
    for one in (_public_url, _keys, _providers, _folders, _policy, _store):
        found += one(runtime)
    return found


def check_live(runtime: Runtime) -> list[Problem]:
    """A signed request to ourselves through PUBLIC_URL, and one authenticated read of each platform in use."""
    return [
        problem
        for name in runtime.providers_in_use()
        for one in (_ourselves, _platform)
        for problem in one(runtime, name)
    ]


def _public_url(runtime: Runtime) -> Iterator[Problem]:
    url = runtime.settings.public_url
    if not url:
        hint = "set it to the https address the platform reaches this server at"
        yield Problem.error("config.public-url", "CALLFLOWS_PUBLIC_URL is not set", hint=hint)
    elif is_loopback(urlsplit(url).hostname or ""):
        hint = "fine with the simulator; a real platform needs a public https address"
        yield _warning("config.public-url", f"CALLFLOWS_PUBLIC_URL is this machine only: {url}", hint)


def _keys(runtime: Runtime) -> Iterator[Problem]:
    settings = runtime.settings
    if not settings.secret_keys:
        hint = "set CALLFLOWS_SECRET_KEYS, the same on every machine (openssl rand -hex 32)"
        several = settings.store_url().startswith("postgres")
        make = Problem.error if several else _warning
        message = "CALLFLOWS_SECRET_KEYS is not set: the key is kept in STATE_DIR"
        yield make("config.secret-keys", message, hint=hint)
    elif any(len(key.get_secret_value()) < 16 for key in settings.secret_keys):
        yield _warning("config.secret-keys", "a key in CALLFLOWS_SECRET_KEYS is short", "openssl rand -hex 32")
    try:
        runtime.signer  # noqa: B018  (reads or makes the key)
    except CallflowsError as error:
        yield Problem.error("config.secret-keys", error.message, hint=error.hint)


def _providers(runtime: Runtime) -> Iterator[Problem]:
    settings = runtime.settings
    known = runtime.providers_in_use()
    if not known:
        hint = "set CALLFLOWS_PLIVO_AUTH_ID and CALLFLOWS_PLIVO_AUTH_TOKENS (or VOBIZ)"
        yield Problem.error("config.credentials", "no provider has credentials: nothing can be transferred", hint=hint)
    for name in known:
        fault = runtime.provider(name).config_fault()
        if fault:
            yield Problem.error("config.provider", fault)
        setting = f"CALLFLOWS_{name.upper()}_SIGNATURES"
        if settings.for_provider(name, "signatures") is SignatureMode.OFF:
            hint = "use required or if-present; a token in the URL is then the only proof"
            yield _warning("config.signatures", f"{setting} is off: wrong signatures are not refused", hint)


def _folders(runtime: Runtime) -> Iterator[Problem]:
    settings = runtime.settings
    templates = settings.templates.absolute()
    if not templates.is_dir():
        yield Problem.error("config.templates", f"there is no folder {templates}", hint="see CALLFLOWS_TEMPLATES")
    elif not read_sources(templates):
        yield _warning("config.templates", f"no flows in {templates}", "a flow is a folder with flow.toml and aleg.xml")
    for name in runtime.versions.stale_names():
        found = runtime.versions.stale(name)
        if found:
            hint = f"callflows flows check {name}"
            first = "".join(map(str, errors_in(found[1])[:1]))
            yield Problem.error("config.stale-flow", f"flow {name}: the newest save is not served: {first}", hint=hint)
    state = settings.state_dir.absolute()
    try:
        settings.make_state_dir()
        probe = state / f".check.{uuid.uuid4().hex[:8]}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        hint = "see CALLFLOWS_STATE_DIR: nothing can be recorded or published"
        yield Problem.error("config.state-dir", f"cannot write in {state}: {error.strerror}", hint=hint)


def _policy(runtime: Runtime) -> Iterator[Problem]:
    try:
        runtime.composer  # noqa: B018  (reads DIAL_ALLOW)
        for name in providers.NAMES:
            for problem in runtime.check_safe(name):
                message = f"the safe document for {name} is not valid: {problem.message}"
                yield Problem.error("config.safe-document", message)
    except CallflowsError as error:
        yield Problem.error("config.dial-allow", error.message, hint=error.hint)
    if not runtime.settings.safe_number:
        hint = "set CALLFLOWS_SAFE_NUMBER to a number that a person answers"
        yield _warning("config.safe-number", "without CALLFLOWS_SAFE_NUMBER the safe document ends in goodbye", hint)


def _store(runtime: Runtime) -> Iterator[Problem]:
    try:
        store = runtime.store
        found = store.schema_version()
        if found < SCHEMA_VERSION:
            message = f"the store is at version {found}, this callflows needs {SCHEMA_VERSION}"
            yield _warning("config.store", message, UPGRADE_HINT)
        else:
            store.try_write()
    except CallflowsError as error:
        yield Problem.error("config.store", error.message, hint=error.hint or "see CALLFLOWS_DATABASE_URL")
    if runtime.settings.store_url().startswith("sqlite"):
        version = sqlite3.sqlite_version_info
        if not any(version >= fixed and version[:2] == fixed[:2] for fixed in _SQLITE_FIXED) and version < (3, 52):
            hint = "rare, and only when several processes write at once; PostgreSQL is free of it"
            yield _warning("config.sqlite", f"SQLite {sqlite3.sqlite_version} has a known WAL fault", hint)


def _ourselves(runtime: Runtime, name: str) -> Iterator[Problem]:
    """The events address takes a genuine request and nobody hears the answer."""
    path = events_path(name)
    url = f"{runtime.settings.require_public_url()}{path}"
    token = runtime.signer.sign(path, Token(expires=int(time.time()) + 60))
    form = (("Event", "CallflowsCheck"),)  # of no call: it must not look like one afterwards
    signed = WebhookRequest("POST", path, f"{url}?t={token}", {}, (("t", token),), form)
    headers = runtime.provider(name).sign(signed, nonce=str(uuid.uuid4().int)[:20])
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    code = f"config.live-{name}"
    try:
        proxies = not is_loopback(urlsplit(url).hostname or "")
        with httpx2.Client(timeout=LIVE_TIMEOUT_SECONDS, follow_redirects=False, trust_env=proxies) as client:
            reply = client.post(signed.url, content=urlencode(form), headers=headers)
    except httpx2.HTTPError as error:
        hint = "is the server running, and does PUBLIC_URL lead to it?"
        yield Problem.error(code, f"{url} cannot be reached: {type(error).__name__}", hint=hint)
        return
    if reply.status_code == 403:
        hint = "this command and the server need the same PUBLIC_URL, keys and tokens; the server's log names the URL"
        yield Problem.error(code, f"{url} refused a signed request (403)", hint=hint)
    elif reply.status_code != 200 or b"<Response" not in reply.content:
        hint = "something between the platform and this server answers in its place"
        yield Problem.error(code, f"{url} answered {reply.status_code}, not our XML", hint=hint)


def _platform(runtime: Runtime, name: str) -> Iterator[Problem]:
    try:
        runtime.provider(name).live_calls()
    except CallflowsError as error:
        yield Problem.error(f"config.rest-{name}", error.message, hint=error.hint)


def _warning(code: str, message: str, hint: str = "") -> Problem:
    return Problem(Severity.WARNING, code, message, hint=hint)
