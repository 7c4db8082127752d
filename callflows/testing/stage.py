"""Where a rehearsal takes place: simulated platforms, and the web application they are pointed at, in one process."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..app import create_app
from ..config import Settings
from ..errors import ConfigError
from ..flow_site import FlowSite
from ..simulator import Server, Simulator, serve
from ..simulator.rehearsing import Phone, WebSite
from .coverage import Coverage

FLOWS_URL = "https://flows.test"  # PUBLIC_URL of flows under test; reached in this process, without a socket
WEB_URL = "https://web.test"  # any other web application's
PATIENCE = 5.0  # wall-clock seconds a slow web application is really waited for


@contextmanager
def platforms(names: tuple[str, ...]) -> Iterator[dict[str, Server]]:
    """A simulated platform each. Their REST APIs are on loopback ports."""
    servers = {name: serve(Simulator(name, patience=PATIENCE)) for name in names}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.stop()


def settings_for(servers: Mapping[str, Server], state_dir: Path, templates: Path) -> dict[str, Any]:
    """Settings with which flows are on these platforms. What the environment says of templates, of what may be
    dialled and the like holds; `templates` is where it says nothing."""
    values: dict[str, Any] = {
        "PUBLIC_URL": FLOWS_URL,
        "STATE_DIR": state_dir,
        "DATABASE_URL": "",
        "SECRET_KEYS": "of-a-rehearsal-only",
        "KEEPER": False,
        "DEADLINE": PATIENCE,  # no caller waits: what else the machine does meanwhile is not heard in virtual time
    }
    for name, server in servers.items():
        upper, account = name.upper(), server.simulator
        values |= {
            f"{upper}_AUTH_ID": account.auth_id,
            f"{upper}_AUTH_TOKENS": account.auth_token,
            f"{upper}_API_URL": server.url + account.dialect.rest_prefix,
        }
    if "CALLFLOWS_TEMPLATES" not in os.environ and Settings.load().templates == Path("templates"):
        values["TEMPLATES"] = templates
    return values


def flows_app(values: Mapping[str, Any]) -> Any:
    """callflows with these settings. Raise ConfigError where there are no flows to rehearse.

    Logging stays as whoever rehearses has it: pytest shows and captures what is logged.
    """
    folder = Settings.load(values).templates
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}", hint="set CALLFLOWS_TEMPLATES, or name the web application")
    logger = logging.getLogger("callflows")
    before = logger.level, list(logger.handlers), logger.propagate
    try:
        return create_app({"LOG_LEVEL": "WARNING", **values})  # that flows went live is no news here
    finally:
        logger.setLevel(before[0])
        logger.handlers[:], logger.propagate = before[1:]


def web_app(name: str) -> Any:
    """A web application by its URL (which is given back) or as MODULE:NAME."""
    if name.startswith(("http://", "https://")):
        return name
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute or "app")
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name} is no web application: {error}", hint="give a URL, or MODULE:NAME") from error


def new_phone(
    simulator: Simulator,
    app: Any,
    coverage: Coverage | None = None,
    *,
    seed: int = 1,
    switches: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> Phone:
    """A telephone on a platform that starts anew; the application stays as it is."""
    if not isinstance(switches or {}, Mapping):
        raise ValueError(f"switches are names with values, not {switches!r}")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed is a whole number, not {seed!r}")
    runtime = getattr(app, "extensions", {}).get("callflows")
    base = urlsplit(runtime.composer.urls.base if runtime else WEB_URL)
    url = app if isinstance(app, str) else f"{base.scheme}://{base.netloc}"
    apps = {} if isinstance(app, str) else {url: app}
    simulator.reset(seed=seed, switches=dict(switches or {}), epoch=at, apps=apps)
    if runtime is None:
        return Phone(simulator, WebSite(url))
    if coverage is not None:
        coverage.expect([runtime.versions.live(name) for name in runtime.versions.names()])
    clock = simulator.platform.clock
    watch = coverage.watch if coverage is not None else None
    return Phone(simulator, FlowSite(runtime, simulator.provider, lambda: clock.as_datetime(clock.now()), watch))
