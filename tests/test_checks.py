"""`callflows check` finds what is wrong without being told where to look, and says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from callflows.cli import main

from .conftest import write_flow

GOOD = "<Response><Wait/></Response>"


def problems(values: dict[str, Any]) -> tuple[int, dict[str, str]]:
    settings = {f"CALLFLOWS_{name}": str(value) for name, value in values.items()}
    done = CliRunner().invoke(main, ["check", "--json"], env=settings)
    found = json.loads(done.stdout)
    assert found["ok"] == (done.exit_code == 0)
    return done.exit_code, {
        row["code"]: f"{row['severity']}: {row['message']} {row['hint']}" for row in found["problems"]
    }


def test_a_configured_server_has_no_errors(values: dict[str, Any], templates: Path) -> None:
    write_flow(templates, "plain", aleg=GOOD)
    code, found = problems(values)
    assert code == 0
    assert [text for text in found.values() if text.startswith("error")] == []


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"PUBLIC_URL": ""}, "config.public-url", "not set"),
        ({"PLIVO_AUTH_ID": "", "VOBIZ_AUTH_ID": ""}, "config.credentials", "CALLFLOWS_PLIVO_AUTH_ID"),
        ({"TEMPLATES": "/nowhere/at/all"}, "config.templates", "/nowhere/at/all"),
        ({"DIAL_ALLOW": "1-800-FLOWERS"}, "config.dial-allow", "1-800-FLOWERS"),
        ({"DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/x"}, "config.store", ""),
        ({"STATE_DIR": "/proc/state"}, "config.state-dir", "/proc/state"),
        ({"SECRET_KEYS": "", "DATABASE_URL": "postgresql://u@127.0.0.1:1/x"}, "config.secret-keys", "every machine"),
    ],
)
def test_what_is_wrong_is_named(
    values: dict[str, Any], templates: Path, changed: dict[str, str], code: str, words: str
) -> None:
    write_flow(templates, "plain", aleg=GOOD)
    exit_code, found = problems({**values, **changed})
    assert exit_code == 1
    assert found[code].startswith("error")
    assert words in found[code]
    assert "hush" not in str(found)


def test_loose_settings_are_warned_of(values: dict[str, Any], templates: Path) -> None:
    write_flow(templates, "plain", aleg=GOOD)
    code, found = problems(
        {**values, "VOBIZ_SIGNATURES": "off", "SECRET_KEYS": "short", "PUBLIC_URL": "http://localhost"}
    )
    assert code == 0
    assert {"config.signatures", "config.secret-keys", "config.public-url", "config.safe-number"} <= set(found)


def test_settings_show_no_secret(values: dict[str, Any]) -> None:
    settings = {f"CALLFLOWS_{name}": str(value) for name, value in values.items()}
    settings["CALLFLOWS_DATABASE_URL"] = "postgresql://u:hush-hush@db/x"
    for arguments in (["settings"], ["settings", "--json"]):
        printed = CliRunner().invoke(main, arguments, env=settings).output
        assert "CALLFLOWS_PUBLIC_URL" in printed
        for secret in ("hush-hush", values["SECRET_KEYS"], values["PLIVO_AUTH_TOKENS"]):
            assert secret not in printed
