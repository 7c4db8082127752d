"""What many tests need: a clean environment, flows written for the purpose, an app, and the platforms' signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from plivo.utils import signature_v3
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from callflows import create_app

REPOSITORY = Path(__file__).parent.parent
PUBLIC_URL = "https://flows.example.com"
PLIVO_TOKEN, VOBIZ_TOKEN = "plivo-auth-token-of-tests", "vobiz-auth-token-of-tests"
CALL = "1ed7fd89-df77-4ebf-8196-d5cf7222c918"
NONCE = "31627761595286130198"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's machine, and no .env, reaches a test."""
    for name in list(os.environ):
        if name.upper().startswith("CALLFLOWS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write_flow(folder: Path, name: str, toml: str = "", **steps: str) -> None:
    """A flow with these steps; `__` in a name is a dot (`aleg__vobiz` is aleg.vobiz.xml)."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "flow.toml").write_text(toml)
    for step, template in steps.items():
        (folder / name / f"{step.replace('__', '.')}.xml").write_text(template)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    return folder


@pytest.fixture
def values(tmp_path: Path, templates: Path) -> dict[str, Any]:
    """Settings of a configured server, for create_app(), Runtime() and, through `environment()`, for processes."""
    return {
        "PUBLIC_URL": PUBLIC_URL,
        "SECRET_KEYS": "key-of-tests-0123456789",
        "TEMPLATES": str(templates),
        "STATE_DIR": str(tmp_path / "state"),
        "PLIVO_AUTH_ID": "MAXXXXXXXXXXXXXXXXXX",
        "PLIVO_AUTH_TOKENS": PLIVO_TOKEN,
        "VOBIZ_AUTH_ID": "MA_TESTS",
        "VOBIZ_AUTH_TOKENS": VOBIZ_TOKEN,
        "KEEPER": "false",
    }


def environment(values: Mapping[str, Any]) -> dict[str, str]:
    """An environment for a child process: these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CALLFLOWS_")}
    return {**kept, **{f"CALLFLOWS_{name}": str(value) for name, value in values.items()}}


@pytest.fixture
def app(values: dict[str, Any]) -> Iterator[Flask]:
    app = create_app(values)
    yield app
    app.extensions["callflows"].close()


Pairs = Sequence[tuple[str, str]]


def plivo_headers(url: str, form: Pairs, token: str = PLIVO_TOKEN, method: str = "POST") -> dict[str, str]:
    """Signed by the official SDK's own functions. `url` without fragment."""
    params: dict[str, Any] = {}
    for key, value in form:
        params.setdefault(key, []).append(value)
    params = {key: value[0] if len(value) == 1 else value for key, value in params.items()}
    base = signature_v3.construct_post_url(url, params) if method == "POST" else signature_v3.construct_get_url(url, {})
    signature = signature_v3.get_signature_v3(token, base, NONCE)
    return {"X-Plivo-Signature-V3": _text(signature), "X-Plivo-Signature-V3-Nonce": NONCE}


def vobiz_headers(url: str, form: Pairs = (), token: str = VOBIZ_TOKEN, method: str = "POST") -> dict[str, str]:
    """base64(HMAC-SHA256(token, URL without query + "." + nonce)): the platform's documented V3."""
    message = f"{url.partition('?')[0]}.{NONCE}".encode()
    signature = base64.b64encode(hmac.new(token.encode(), message, hashlib.sha256).digest()).decode()
    return {"X-Vobiz-Signature-V3": signature, "X-Vobiz-Signature-V3-Nonce": NONCE}


SIGN = {"plivo": plivo_headers, "vobiz": vobiz_headers}


def post(app: Flask, provider: str, target: str, form: Pairs = (("CallUUID", CALL),), *, signed: bool = True) -> Any:
    """A request of the platform to a path and query of ours, through the test client."""
    headers = SIGN[provider](PUBLIC_URL + target, form) if signed else {}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return app.test_client().post(target, data=urlencode(form), headers=headers)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[], str]]:
    """Makes databases on a real PostgreSQL, and drops them at the end. Where there is no server, what needs one is
    skipped and says so. `TEST_POSTGRES` is the URL of a server's `postgres` database.
    """
    server = os.environ.get("TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
    engine = create_engine(server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        engine.connect().close()
    except SQLAlchemyError:
        pytest.skip(f"no PostgreSQL server on {engine.url} (TEST_POSTGRES)")
    made: list[str] = []

    def make() -> str:
        name = f"callflows_test_{uuid.uuid4().hex[:12]}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        made.append(name)
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_server")
    return make()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """In CI nothing may be skipped: a missing service is a failure there, not an excuse."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What mostly waits begins first, so that the rest runs beside it."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
