"""Whoever transfers a call wrongly reads one clear line, gets the right exit code, and nothing was sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from callflows.cli import main

from .conftest import CALL, write_flow
from .house import Phone, platform_values, platforms

TOML = """
[params.to]
type = "phone"
required = true
example = "+14155550123"

[params.times]
type = "integer"
default = 1

[params.note]
type = "text"
default = ""
"""
DIAL = """<Response><Speak loop="{{ params.times }}">Hello {{ params.note }}</Speak>
<Dial callerId="+14155550100"><Number>{{ params.to }}</Number></Dial>{{ step_url("aleg")[:0] }}</Response>"""


@pytest.fixture(scope="module")
def phones() -> Iterator[dict[str, Phone]]:
    with platforms() as servers:
        yield {name: Phone(server) for name, server in servers.items()}


@pytest.fixture
def cli(values: dict[str, Any], templates: Path, phones: dict[str, Phone], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command with working settings; keyword arguments change or, as None, remove some."""
    write_flow(templates, "forward", TOML, aleg=DIAL, bleg=DIAL, sound="<Response><Wait/></Response>")
    write_flow(templates, "returns", aleg=FROM_CALL)
    write_flow(templates, "hold", aleg="<Response><Wait length='5'/></Response>", bleg="<Response><Wait/></Response>")
    settings = {
        **values,
        **platform_values("plivo", phones["plivo"].server),
        "DIAL_ALLOW": "+1415555",
        "VOBIZ_AUTH_ID": None,
        "VOBIZ_AUTH_TOKENS": None,
    }

    def run(*arguments: str, **changed: Any) -> Result:
        for name, value in {**settings, **changed}.items():
            if value is None:
                monkeypatch.delenv(f"CALLFLOWS_{name}", raising=False)
            else:
                monkeypatch.setenv(f"CALLFLOWS_{name}", str(value))
        return CliRunner().invoke(main, arguments)

    return run


GOOD = ("transfer", CALL, "--aleg", "forward", "--set", "to=+14155550123")

MISTAKES: dict[str, tuple[tuple[str, ...], dict[str, Any], int, tuple[str, ...]]] = {
    "unknown flow": (("transfer", CALL, "--aleg", "forwrad"), {}, 1, ("forwrad", "did you mean forward?")),
    "unknown step": (("transfer", CALL, "--aleg", "hold/alge"), {}, 1, ("alge", "did you mean aleg?")),
    "no leg": (("transfer", CALL), {}, 2, ("--aleg FLOW",)),
    "empty call UUID": (("transfer", "", "--aleg", "hold"), {}, 2, ("call UUID is empty",)),
    "call UUID with a slash": (("transfer", "a/b", "--aleg", "hold"), {}, 2, ("'a/b' is not a call UUID",)),
    "call UUID with dots": (("transfer", "..", "--aleg", "hold"), {}, 2, ("'..' is not a call UUID",)),
    "missing param": (("transfer", CALL, "--aleg", "forward"), {}, 1, ("needs the param to (phone)", "--set to=")),
    "ill-typed param": ((*GOOD, "--set", "times=often"), {}, 1, ("times of forward must be a whole number",)),
    "ill-typed number": ((*GOOD[:-1], "to=call me"), {}, 1, ("to of forward must be a phone number",)),
    "unknown param": ((*GOOD, "--set", "tomes=3"), {}, 1, ("tomes", "did you mean times?")),
    "malformed --set": ((*GOOD, "--set", "times"), {}, 2, ("'times' is not NAME=VALUE",)),
    "no credentials": (GOOD, {"PLIVO_AUTH_ID": None}, 1, ("no credentials", "CALLFLOWS_PLIVO_AUTH_ID")),
    "none of the named": ((*GOOD, "--provider", "vobiz"), {}, 1, ("no credentials for vobiz", "CALLFLOWS_VOBIZ_")),
    "unknown provider": ((*GOOD, "--provider", "plvio"), {}, 2, ("plvio", "did you mean plivo?")),
    "two providers": (GOOD, {"VOBIZ_AUTH_ID": "MA_X", "VOBIZ_AUTH_TOKENS": "t0ken"}, 2, ("--provider",)),
    "PUBLIC_URL unset": (GOOD, {"PUBLIC_URL": None}, 1, ("CALLFLOWS_PUBLIC_URL is not set",)),
    "PUBLIC_URL in clear": (GOOD, {"PUBLIC_URL": "http://example.com"}, 1, ("CALLFLOWS_PUBLIC_URL", "must be https")),
    "PUBLIC_URL no URL": (GOOD, {"PUBLIC_URL": "example.com"}, 1, ("CALLFLOWS_PUBLIC_URL", "absolute URL")),
    "misspelt setting": (GOOD, {"PUBLIC_ULR": "https://x.example"}, 1, ("did you mean CALLFLOWS_PUBLIC_URL?",)),
    "bad DIAL_ALLOW": (GOOD, {"DIAL_ALLOW": "+1415,1-800"}, 1, ("CALLFLOWS_DIAL_ALLOW", "1-800")),
    "token too long": ((*GOOD, "--set", f"note={'é' * 1000}"), {}, 1, ("1800",)),
    "refused number": ((*GOOD[:-1], "to=+442079460000"), {}, 1, ("+442079460000", "CALLFLOWS_DIAL_ALLOW")),
    "number of the call": (("transfer", CALL, "--aleg", "returns"), {"DIAL_ALLOW": ""}, 1, ("comes from the call",)),
    "given twice": ((*GOOD, "--set", "to=+14155550124"), {}, 2, ("to is given twice",)),
    "API URL of no API": (GOOD, {"PLIVO_API_URL": "ftp://x"}, 1, ("CALLFLOWS_PLIVO_API_URL",)),
    "URL without provider": (
        ("url", "--events"),
        {"VOBIZ_AUTH_ID": "MA_X", "VOBIZ_AUTH_TOKENS": "t0ken"},
        2,
        ("--provider",),
    ),
    "URL that would be refused": (
        ("url", "forward/aleg", "--set", "to=+442079460000"),
        {},
        1,
        ("+442079460000", "CALLFLOWS_DIAL_ALLOW"),
    ),
    "params of no flow": (("url", "--events", "--set", "a=b"), {}, 2, ("--set goes with",)),
    "premium number": (
        (*GOOD[:-1], "to=+19005550100"),
        {"DIAL_ALLOW": "US,+1"},
        1,
        ("+19005550100", "entry of their own"),
    ),
    "store away": (GOOD, {"DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/x"}, 4, ("store", "not asked for")),
    "platform away": (GOOD, {"PLIVO_API_URL": "http://127.0.0.1:1/v1"}, 4, ("Plivo",)),
}


FROM_CALL = '<Response><Dial callerId="{{ call.to_number }}"><Number>+14155550123</Number></Dial></Response>'


@pytest.mark.parametrize("name", MISTAKES)
def test_one_clear_line_and_nothing_sent(cli: Any, phones: dict[str, Phone], name: str) -> None:
    arguments, changed, code, words = MISTAKES[name]
    before = len(phones["plivo"].requests())
    result = cli(*arguments, **changed)
    said = result.stderr.strip()
    errors = [line for line in said.splitlines() if not line.startswith(("warning:", "Usage:", "Try ")) and line]
    assert result.exit_code == code, result.output
    assert len(errors) == 1, said
    for word in words:
        assert word in said
    assert "Traceback" not in result.output
    assert "hush" not in result.output
    assert result.stdout == ""
    assert len(phones["plivo"].requests()) == before


@pytest.mark.parametrize("name", ["unknown flow", "missing param", "no credentials", "refused number"])
def test_with_json_the_line_is_an_object(cli: Any, name: str) -> None:
    arguments, changed, code, words = MISTAKES[name]
    result = cli(*arguments, "--json", **changed)
    error = json.loads(result.stdout)["error"]
    assert result.exit_code == code
    assert error["code"]
    assert all(word in json.dumps(error, ensure_ascii=False) for word in words)


def test_a_call_that_is_not_live(cli: Any) -> None:
    result = cli(*GOOD)
    assert result.exit_code == 3
    assert "call not found" in result.stderr
    rows = json.loads(cli("transfers", "list", "--json").stdout)
    assert [(row["status"], row["reason"]) for row in rows] == [("rejected", "call_not_live")]


def test_wrong_credentials_name_the_settings_and_show_nothing(cli: Any) -> None:
    result = cli(*GOOD, PLIVO_AUTH_TOKENS="wrong-token-hush-hush")
    assert result.exit_code == 3
    assert "CALLFLOWS_PLIVO_AUTH_TOKENS" in result.stderr
    assert "hush" not in result.output


def test_dry_run_prints_both_documents_and_sends_nothing(cli: Any, phones: dict[str, Phone]) -> None:
    before = len(phones["plivo"].requests())
    result = cli(*GOOD, "--bleg", "hold", "--dry-run", "--json")
    assert result.exit_code == 0
    plan = json.loads(result.stdout)
    assert plan["legs"]["aleg"]["url"].startswith("https://flows.example.com/flows/plivo/forward/aleg?t=")
    assert plan["legs"]["bleg"]["target"] == "hold/bleg"
    assert "<Number>+14155550123</Number>" in plan["legs"]["aleg"]["document"]
    assert len(phones["plivo"].requests()) == before
    assert json.loads(cli("transfers", "list", "--json").stdout) == []


def test_one_leg_of_two_is_warned_of(cli: Any) -> None:
    result = cli(*GOOD, "--dry-run")
    assert "B leg" in result.stderr
    assert "--bleg" in result.stderr
    assert "warning: B leg" not in cli(*GOOD, "--bleg", "hold", "--dry-run").stderr


def test_the_same_idempotency_key_does_nothing_the_second_time(cli: Any, phones: dict[str, Phone]) -> None:
    key = ("--idempotency-key", "one")
    first = cli("transfer", CALL, "--aleg", "hold", *key)
    before = len(phones["plivo"].requests())
    second = cli("transfer", CALL, "--aleg", "hold", *key, "--json")
    said = json.loads(second.stdout)
    assert len(phones["plivo"].requests()) == before
    assert said["repeated"]
    assert said["id"] == json.loads(cli("transfers", "list", "--json").stdout)[0]["id"]
    # what was refused the first time is not reported as a success the second time
    assert first.exit_code == second.exit_code == 3
    dry = cli("transfer", CALL, "--aleg", "hold", *key, "--dry-run").stdout
    assert "rejected by plivo" in dry
    assert "to try again, use a new key" in dry
    for other in (("another-call", "--aleg", "hold"), (CALL, "--aleg", "hold/bleg"), (CALL, "--bleg", "hold")):
        reused = cli("transfer", *other, *key)
        assert reused.exit_code == 1
        assert "key was used" in reused.stderr
    assert len(phones["plivo"].requests()) == before


def test_what_never_reached_the_platform_was_not_rejected_by_it(cli: Any) -> None:
    away = {"PLIVO_API_URL": "http://127.0.0.1:9/v1"}
    asked = ("transfer", CALL, "--aleg", "hold", "--idempotency-key", "two")
    first, second = cli(*asked, **away), cli(*asked, "--wait", "0", **away)
    assert first.exit_code == second.exit_code == 4
    assert ": not sent (Plivo could not be reached" in second.stdout


def test_a_filter_that_nothing_can_match_is_a_mistake(cli: Any) -> None:
    assert cli("transfers", "list", "--provider", "plivo").stdout == "no such transfers\n"
    result = cli("transfers", "list", "--provider", "twilio")
    assert (result.exit_code, "there is no provider 'twilio'" in result.stderr) == (2, True)


def test_a_flow_that_nobody_has_published_is_not_said_to_be_missing(cli: Any, templates: Path) -> None:
    assert cli("transfer", CALL, "--aleg", "hold", "--dry-run").exit_code == 0  # what was there is live from now on
    write_flow(templates, "late", aleg="<Response><Speak>{{ oops }</Speak></Response>")
    result = cli("transfer", CALL, "--aleg", "late")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: flow late is not live yet (")
    assert "`callflows flows check late`" in result.stderr
    assert "there is no flow 'lat'" in cli("transfer", CALL, "--aleg", "lat").stderr


def test_params_of_one_name_are_typed_by_each_flow(cli: Any, templates: Path) -> None:
    say = "<Response><Speak>{% if params.flag %}yes{% else %}no{% endif %} {{ params.flag }}</Speak></Response>"
    write_flow(templates, "truth", '[params.flag]\ntype = "boolean"\n', aleg=say)
    write_flow(templates, "words", '[params.flag]\ntype = "text"\n', bleg=say)
    plan = cli("transfer", CALL, "--aleg", "truth", "--bleg", "words", "--set", "flag=false", "--dry-run", "--json")
    legs = json.loads(plan.stdout)["legs"]
    assert "no false" in legs["aleg"]["document"]
    assert "yes false" in legs["bleg"]["document"]


def test_odd_states_of_the_machine_are_one_line(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("/proc/x", str(tmp_path / "file")):
        result = cli(*GOOD, STATE_DIR=folder)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "CALLFLOWS_STATE_DIR" in result.stderr or "STATE_DIR" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_closed_standard_input_is_nothing_to_fall_over(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m callflows --version <&-", shell=True, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_new_key_is_warned_of(cli: Any) -> None:
    assert "signed with a new key" in cli(*GOOD, "--dry-run", SECRET_KEYS=None).stderr
    assert "signed with a new key" not in cli(*GOOD, "--dry-run", SECRET_KEYS=None).stderr
