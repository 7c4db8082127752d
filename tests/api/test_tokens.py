"""API_TOKENS: made by `callflows tokens new`, kept as hashes, rotated, and refused when nobody could tell who asks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from callflows import CallFlows, create_app
from callflows.bearer import Scope, Tokens
from callflows.cli import main
from callflows.config import Settings
from callflows.errors import ConfigError
from callflows.models import Leg, LegTarget, Transfer

from .conftest import ENTRIES, TOKENS, write_flows

HASH, OTHER = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()


def new(*arguments: str) -> Any:
    done = CliRunner().invoke(main, ["tokens", "new", *arguments, "--json"])
    return done.exit_code, json.loads(done.stdout)


def get(app: Flask, token: str, path: str = "/api/v1/flows") -> Any:
    return app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_new_token_lets_its_owner_in(values: dict[str, Any], tmp_path: Path) -> None:
    code, made = new("agent-backend", "--scope", "transfer")
    assert code == 0
    assert made["token"].startswith("cf_")
    assert made["line"].startswith("agent-backend:transfer:")
    assert made["token"] not in made["line"]
    (tmp_path / "tokens").write_text(f"{made['line']}\n{ENTRIES.replace(',', chr(10))}\n")
    app = create_app(values | {"API_TOKENS": (tmp_path / "tokens").read_text()})
    assert get(app, made["token"]).status_code == 200
    assert get(app, made["line"].rpartition(":")[2]).status_code == 401  # the hash is no token
    app.extensions["callflows"].close()


def test_tokens_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokens").write_text(ENTRIES.replace(",", "\n"))
    monkeypatch.setenv("CALLFLOWS_API_TOKENS_FILE", str(tmp_path / "tokens"))
    assert len(Settings.load().api_tokens) == 3


def test_people_are_shown_what_to_do_with_it() -> None:
    shown = CliRunner().invoke(main, ["tokens", "new", "me"]).stdout
    assert "not shown again" in shown
    assert "me:read:" in shown


@pytest.mark.parametrize("id", ["", "a b", "a:b", "x" * 65, "cli", "batch", "\u00e9"])
def test_ids_that_are_none(id: str) -> None:
    code, told = new(id)
    assert (code, told["error"]["code"]) == (2, "request_invalid")


def test_a_token_is_rotated() -> None:
    tokens = Tokens([f"me:read:{HASH}", f"me:read:{OTHER}", f"you:admin:{'0' * 64}"])
    assert [caller and caller.id for caller in map(tokens.owner, ("Bearer a", "bearer b", "Bearer c"))] == [
        "me",
        "me",
        None,
    ]
    assert Tokens([f"me:read:{OTHER}"]).owner("Bearer a") is None


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ("my-secret-token", "entry 1 is not id:scope:sha256"),
        (f"me:read:{HASH},me:write:{OTHER}", "entry 2 is not id:scope:sha256"),
        (f"me:read:{HASH},me:admin:{OTHER}", "another entry gives me another scope"),
        (f"me:read:{HASH},you:read:{HASH}", "entry 2 has the same token as me"),
        (f"cli:read:{HASH}", "kept for who asks without a token"),
        (f"a b:read:{HASH}", "entry 1: its id must be"),
    ],
)
def test_entries_that_cannot_work(entries: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault) as raised:
        Settings.load({"API_TOKENS": entries})
    assert "my-secret-token" not in str(raised.value)


def test_without_tokens_the_log_says_how_to_make_one(values: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    app = create_app(values)
    assert get(app, TOKENS[Scope.ADMIN]).status_code == 401
    assert "see `callflows tokens new`" in capfd.readouterr().err
    app.extensions["callflows"].close()


def test_below_the_path_of_public_url(values: dict[str, Any]) -> None:
    app = create_app(values | {"PUBLIC_URL": "https://example.com/voice", "API_TOKENS": ENTRIES})
    for path in ("/voice/api/v1/flows", "/api/v1/flows"):
        assert get(app, TOKENS[Scope.READ], path).status_code == 200
    assert app.test_client().get("/voice/api/openapi.json").json["servers"] == [{"url": "/voice"}]
    app.extensions["callflows"].close()


def test_in_somebody_elses_app(values: dict[str, Any], templates: Path) -> None:
    """Its addresses stay its own, and what it does with errors does not reach ours."""
    write_flows(templates)
    app = Flask("theirs")
    app.errorhandler(Exception)(lambda error: ("theirs", 418))
    app.add_url_rule("/api/v1/theirs", "theirs", lambda: "theirs")
    app.add_url_rule("/api/other", "other", lambda: "other")
    callflows = CallFlows(app, values | {"API_TOKENS": ENTRIES})
    assert callflows is not None
    client = app.test_client()
    assert [client.get(path).text for path in ("/api/v1/theirs", "/api/other")] == ["theirs", "other"]
    assert client.get("/api/v1/nothing").json["error"]["code"] == "not_found"
    assert [each["name"] for each in get(app, TOKENS[Scope.READ]).json["flows"]] == ["broken", "line", "quiet", "to"]
    app.extensions["callflows"].close()


def test_a_mistake_of_ours_is_said_in_the_same_shape(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app = create_app(values | {"API_TOKENS": ENTRIES})
    monkeypatch.setattr(app.extensions["callflows"], "versions", None)
    reply = get(app, TOKENS[Scope.READ])
    assert (reply.status_code, reply.json["error"]["code"]) == (500, "internal_error")
    assert "Traceback" not in reply.text
    logged = capfd.readouterr().err
    assert reply.json["request_id"] in logged
    assert "AttributeError" in logged


def test_a_server_without_threads_never_waits(values: dict[str, Any]) -> None:
    """Werkzeug's test client says so itself: wsgi.multithread is false."""
    app = create_app(values | {"API_TOKENS": ENTRIES})
    made = app.extensions["callflows"].store
    # a row that is never settled

    made.add_transfer(Transfer("t1", "plivo", "c1", {Leg.A: LegTarget("quiet", "aleg")}, requested_at=2e9))
    reply = get(app, TOKENS[Scope.READ], "/api/v1/transfers/t1?wait=60")
    assert (reply.status_code, reply.json["settled"], reply.headers["Retry-After"]) == (200, False, "1")
    app.extensions["callflows"].close()
