"""Captures hold what the platform sent and nothing that may not be shared, and no call ever notices them."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from callflows import create_app, simulator
from callflows.capture import Recorder, Seen, Session
from callflows.cli import main
from callflows.models import WebhookRequest
from callflows.signing import Token
from callflows.substitutes import HOST, REDACTED, Substitutes

from .conftest import CALL, NONCE, PLIVO_TOKEN, PUBLIC_URL, SIGN, write_flow
from .house import Gunicorn, command

CALLER, CALLED = "14155550123", "+14155550124"
TARGET = "/flows/plivo/plain/aleg"
FORM = (
    ("BillRate", "0.00850"),
    ("CallStatus", "in-progress"),
    ("CallUUID", CALL),
    ("CallerName", "Wilhelmina Canary"),
    ("Digits", "86420975#"),
    ("Event", "Redirect"),
    ("From", CALLER),
    ("Novelty", "unheard-of"),
    ("ParentAuthID", "MAXXXXXXXXXXXXXXXXXX"),
    ("RequestUUID", CALL),
    ("SIP-H-To", f'"Wilhelmina" <sip:{CALLER}@203.0.113.77:5060;transport=udp>;tag=canarytag'),
    ("SessionStart", "2026-09-16 11:34:33.238707"),
    ("Speech", "my pin is canaryspeech"),
    ("To", CALLED),
    ("To", ""),
    ("X-PH-Customer", "canary customer"),
)


@pytest.fixture
def served(app: Flask, templates: Path) -> Flask:
    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    app.extensions["callflows"].publisher.publish_all()
    return app


@pytest.fixture
def run(values: dict[str, Any]) -> Callable[..., Result]:
    def run(*arguments: str, code: int = 0, **changed: Any) -> Result:
        settings = {f"CALLFLOWS_{name}": str(value) for name, value in {**values, **changed}.items()}
        done = CliRunner().invoke(main, ["capture", *arguments], env=settings)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert done.exit_code == code, done.output
        return done

    return run


def ask(app: Flask, target: str = TARGET, form: Any = FORM, *, signed: bool = True, **headers: str) -> int:
    """One request, its answer read to the end as a server does: only then is it captured."""
    provider = target.split("/")[2]
    given = SIGN[provider](PUBLIC_URL + target, form) if signed else {}
    given |= {"Content-Type": "application/x-www-form-urlencoded"} | headers
    with app.test_client().post(target, data=urlencode(form), headers=given, buffered=True) as reply:
        return int(reply.status_code)


def with_token(app: Flask, target: str = TARGET) -> str:
    token = app.extensions["callflows"].signer.sign(target, Token(call_uuid=CALL))
    return f"{target}?t={token}"


def files(app: Flask) -> list[Path]:
    return sorted((app.extensions["callflows"].settings.state_dir / "captures").glob("*.json"))


def captured(app: Flask) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in files(app)]


def pairs(found: dict[str, Any], part: str = "form") -> dict[str, str]:
    return {name: value for name, value in reversed(found[part])}


# --- what is captured


def test_nothing_is_captured_unless_it_is_switched_on(served: Flask, run: Callable[..., Result]) -> None:
    assert ask(served) == 200
    run("on")
    run("off")
    assert ask(served) == 200
    assert files(served) == []


def test_a_request_is_kept_as_it_came(served: Flask, run: Callable[..., Result]) -> None:
    run("on")
    before = time.time()
    assert ask(served, with_token(served), **{"User-Agent": "Platform/1.0"}) == 200
    (found,) = captured(served)
    assert (found["capture"], found["provider"], found["method"]) == (1, "plivo", "POST")
    assert found["url"] == f"https://{HOST}{TARGET}?t={REDACTED}"
    assert found["query"] == [["t", REDACTED]]
    assert [name for name, _ in found["form"]] == [name for name, _ in FORM]
    assert found["form"][-2] == ["To", ""]
    kept = pairs(found)
    for name in ("BillRate", "CallStatus", "Event", "SessionStart"):
        assert kept[name] == dict(FORM)[name]
    headers = pairs(found, "headers")
    assert headers["User-Agent"] == "Platform/1.0"
    assert headers["X-Plivo-Signature-V3"] == headers["X-Plivo-Signature-V3-Nonce"] == REDACTED
    assert (found["verdict"], found["signature"]) == ("genuine", "valid")
    answer = found["answer"]
    assert (answer["status"], answer["content_type"]) == (200, "application/xml; charset=utf-8")
    assert answer["bytes"] > 50
    assert 0 < answer["duration_ms"] < 60_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found["at"])
    assert found["at"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before - 1))


def test_every_kind_of_request_is_kept_with_its_verdict(served: Flask, run: Callable[..., Result]) -> None:
    run("on")
    assert ask(served, "/events/vobiz") == 200
    assert ask(served, signed=False) == 403
    assert ask(served, **{"X-Plivo-Signature-V3": "wrong"}) == 403
    assert ask(served, form=[("CallUUID", CALL), ("Speech", "x" * 70_000)]) == 413
    target = f"{TARGET}?{urlencode(FORM)}"
    headers = SIGN["plivo"](PUBLIC_URL + target, [], method="GET")
    served.test_client().get(target, headers=headers, buffered=True)
    served.test_client().get("/healthz", buffered=True)
    said = [
        (each["provider"], each["verdict"], each["signature"], each["answer"]["status"]) for each in captured(served)
    ]
    assert said == [
        ("vobiz", "genuine", "valid", 200),
        ("plivo", "rejected", "absent", 403),
        ("plivo", "rejected", "wrong", 403),
        ("plivo", "unread", "", 413),
        ("plivo", "genuine", "valid", 200),
    ]
    by_get = captured(served)[-1]
    assert (by_get["method"], by_get["form"]) == ("GET", [])
    assert [name for name, _ in by_get["query"]] == [name for name, _ in FORM]


def test_files_are_for_their_owner_and_whole(served: Flask, run: Callable[..., Result]) -> None:
    run("on")
    ask(served)
    ask(served)
    state = served.extensions["callflows"].settings.state_dir
    for file in (*(state / "captures").iterdir(), state / "capture.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((state / "captures").stat().st_mode) == 0o700
    times = [each["at"] for each in captured(served)]
    assert times == sorted(times)
    assert [file.name for file in (state / "captures").iterdir() if "Z-" in file.name and file.suffix != ".json"] == []


# --- what is not in it


def test_no_canary_is_in_any_capture(served: Flask, run: Callable[..., Result]) -> None:
    run("on", "--limit", "20")
    target = with_token(served)
    token = target.partition("?t=")[2]
    signature = SIGN["plivo"](PUBLIC_URL + target, FORM)["X-Plivo-Signature-V3"]
    hidden = {
        "Auth-Token": "canary-auth-token",
        "Parent-Auth-Token": "canary-parent-token",
        "Authorization": "Basic canarybasic",
        "Cookie": "session=canarycookie",
        "X-Forwarded-For": "203.0.113.77, 203.0.113.78",
        "X-Customer": "canary customer",
        "User-Agent": f"Platform {CALLER}",
    }
    assert ask(served, target, **hidden) == 200
    ask(served, f"{TARGET}?name={quote('Wilhelmina Canary')}&echo={quote(PUBLIC_URL + target)}")
    ask(served, f"/flows/plivo/{CALLER}/canary%20customer", signed=False)
    ask(served, f"{TARGET}?{PLIVO_TOKEN}&{token}", signed=False)
    ask(
        served,
        form=[(json.dumps({"From": CALLER}), ""), (f"x{CALLER}", "1"), ("Event", CALLER), ("Duration", "Canary")],
    )
    ask(served, form=[("Event", PLIVO_TOKEN), ("From", f"sip:{quote(CALLED)}@canaryhost.example"), ("CallUUID", CALL)])
    ask(
        served,
        form=[("RecordUrl", f"https://media.canaryhost.example/v1/Account/MAXXXXXXXXXXXXXXXXXX/{CALL}.mp3?k=canary")],
    )
    everything = "\n".join(file.read_text() + file.name for file in files(served))
    assert len(files(served)) == 7
    switch = json.loads((served.extensions["callflows"].settings.state_dir / "capture.json").read_text())
    for canary in (
        token,
        token[:30],
        signature,
        signature[:12],
        NONCE,
        PLIVO_TOKEN,
        CALLER,
        CALLER[1:],
        CALLED,
        CALL,
        CALL[:8],
        CALL[-12:],
        "Wilhelmina",
        "Canary",
        "canary",
        "86420975",
        "203.0.113",
        "MAXXXX",
        "unheard",
        switch["key"],
    ):
        assert canary not in everything, canary


def test_relations_stay(served: Flask, run: Callable[..., Result]) -> None:
    """The same call and the same person are the same in every capture of a session, and others in the next."""
    run("on")
    ask(served)
    ask(served, form=[("CallUUID", CALL), ("DialBLegTo", f"+{CALLER}"), ("From", CALLED), ("Note", f"tel:{CALLED}")])
    run("on")
    ask(served)
    first, second, later = map(pairs, captured(served))
    assert first["CallUUID"] == first["RequestUUID"] == second["CallUUID"] != later["CallUUID"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", first["CallUUID"])
    assert re.fullmatch(r"1[2-9]\d\d55501\d\d", first["From"])
    assert f"+{first['From']}" == second["DialBLegTo"]
    assert first["To"] == second["From"] != second["DialBLegTo"]
    assert second["Note"] == f"tel:{first['To']}"
    sip = rf'"\[redacted\]" <sip:{first["From"]}@192\.0\.2\.\d+:5060;transport=udp>'
    assert re.fullmatch(sip, first["SIP-H-To"])
    assert re.fullmatch(r"\d{8}#", first["Digits"])
    for hidden in ("CallerName", "Speech", "ParentAuthID", "Novelty", "X-PH-Customer"):
        assert first[hidden] == REDACTED


# --- limits, and what can go wrong


def test_the_limit_ends_it(served: Flask, run: Callable[..., Result]) -> None:
    run("on", "--limit", "3")
    for _ in range(6):
        assert ask(served) == 200
    assert len(files(served)) == 3
    run("on", "--limit", "2")
    for _ in range(3):
        ask(served)
    assert len(files(served)) == 5


def test_strangers_get_half_of_the_room(served: Flask, run: Callable[..., Result]) -> None:
    run("on", "--limit", "6")
    for _ in range(10):
        ask(served, signed=False)
    assert len(files(served)) == 3
    for _ in range(10):
        ask(served)
    assert [each["verdict"] for each in captured(served)] == ["rejected"] * 3 + ["genuine"] * 3


def test_it_ends_by_itself(served: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    run("on", "--for", "1h")
    ask(served)
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    ask(served)
    assert len(files(served)) == 1
    assert "capturing is off" in run("list").stdout


def _write_many(values: dict[str, Any], count: int) -> None:
    app = create_app(values)
    for _ in range(count):
        assert ask(app) == 200
    app.extensions["callflows"].close()


def test_two_workers_keep_exactly_the_limit(served: Flask, values: dict[str, Any], run: Callable[..., Result]) -> None:
    run("on", "--limit", "50")
    workers = [multiprocessing.get_context("spawn").Process(target=_write_many, args=(values, 40)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(captured(served)) == 50
    assert len({pairs(each)["CallUUID"] for each in captured(served)}) == 1


def _no_folder(state: Path, _: pytest.MonkeyPatch) -> None:
    shutil.rmtree(state / "captures")


def _a_file(state: Path, _: pytest.MonkeyPatch) -> None:
    shutil.rmtree(state / "captures")
    (state / "captures").write_text("in the way")


def _broken_switch(state: Path, _: pytest.MonkeyPatch) -> None:
    (state / "capture.json").write_text('{"session": "../../x", "until": 1e12, "limit": 1, "key": "00"}')


def _not_json(state: Path, _: pytest.MonkeyPatch) -> None:
    (state / "capture.json").write_bytes(b"\xff[")


def _a_folder_as_switch(state: Path, _: pytest.MonkeyPatch) -> None:
    (state / "capture.json").unlink()
    (state / "capture.json").mkdir()


def _disk_full(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        path.write_bytes(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("callflows.capture._write", refuse)


def _read_only(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("callflows.capture._next", refuse)


def _our_own_mistake(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Substitutes, "pairs", lambda *_: 1 / 0)


def _a_mistake_before_the_answer(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callflows.webhooks._seen", lambda *_: 1 / 0)


TROUBLE = [
    _no_folder,
    _a_file,
    _broken_switch,
    _not_json,
    _a_folder_as_switch,
    _disk_full,
    _read_only,
    _our_own_mistake,
    _a_mistake_before_the_answer,
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda trouble: trouble.__name__.strip("_"))
def test_no_call_notices_trouble_and_it_is_said_once(
    served: Flask,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    trouble: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    run("on")
    state = served.extensions["callflows"].settings.state_dir
    trouble(state, monkeypatch)
    served.extensions["callflows"].configure_logs()
    for _ in range(3):
        assert ask(served) == 200
    assert capfd.readouterr().err.count("requests are not captured in") == 1
    left = [file.name for file in state.rglob("*") if file.is_file() and "Z-" in file.name and "captures" in str(file)]
    assert left == []


def test_the_answer_is_sent_before_anything_is_written(served: Flask, run: Callable[..., Result]) -> None:
    run("on")
    headers = SIGN["plivo"](PUBLIC_URL + TARGET, FORM) | {"Content-Type": "application/x-www-form-urlencoded"}
    reply = served.test_client().post(TARGET, data=urlencode(FORM), headers=headers)
    assert b"hello" in reply.data
    assert files(served) == []
    reply.close()
    assert len(files(served)) == 1


def test_a_session_that_ended_meanwhile_is_not_written(served: Flask, run: Callable[..., Result]) -> None:
    run("on")
    recorder: Recorder = served.extensions["callflows.capture"]
    session = recorder.session()
    assert session is not None
    request = WebhookRequest("POST", TARGET, PUBLIC_URL + TARGET, {})
    seen = Seen(time.time(), "plivo", request, (), True, 200, "application/xml", b"", 1.0)
    recorder.keep(Session("00000000", session.until, session.limit, session.key), seen)
    assert files(served) == []
    recorder.keep(session, seen)
    assert len(files(served)) == 1


def test_off_costs_a_stat(served: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = os.stat

    def counting(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        asked.append(str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr("callflows.capture.os.stat", counting)
    ask(served)
    assert len([path for path in asked if "capture" in path]) == 1


@pytest.mark.slow
def test_every_worker_of_a_running_server_captures(values: dict[str, Any], templates: Path, tmp_path: Path) -> None:
    """Switched on, off and listed from outside, by processes of their own, without a restart."""
    import httpx2

    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    server = Gunicorn({name: value for name, value in values.items() if name != "PUBLIC_URL"}, tmp_path / "log")
    server.start()

    def fetch() -> None:
        headers = SIGN["plivo"](server.url + TARGET, FORM) | {"Content-Type": "application/x-www-form-urlencoded"}
        assert httpx2.post(server.url + TARGET, content=urlencode(FORM), headers=headers).status_code == 200

    try:
        server.workers()
        fetch()
        assert command(server.values, "capture", "on", "--limit", "10").returncode == 0
        for _ in range(20):
            fetch()
        found = json.loads(command(server.values, "capture", "list", "--json").stdout)
        until = time.monotonic() + 5
        while len(found) < 10 and time.monotonic() < until:
            found = json.loads(command(server.values, "capture", "list", "--json").stdout)
        assert len(found) == 10
        assert len({pairs(each)["CallUUID"] for each in found}) == 1
        names = [name.lower() for name, _ in found[0]["headers"]]
        assert names.index("user-agent") < names.index("x-plivo-signature-v3")
        assert command(server.values, "capture", "off").stdout.startswith("capturing is off;")
        with simulator.serve(simulator.Simulator("plivo", clock="manual", auth_token=PLIVO_TOKEN)) as platform:
            body = {"url": server.url, "captures": found}
            replayed = httpx2.post(f"{platform.url}/-/sim/replay", json=body, timeout=60).json()
        assert "'status': 200" in str(replayed), "what was captured can be sent again"
        assert str(replayed).count("'elements': ['Speak']") == 10
    finally:
        server.stop()


# --- the command


def test_list_tells_each_request(served: Flask, run: Callable[..., Result]) -> None:
    assert run("list").stdout == "no captures; capturing is off\n"
    assert json.loads(run("list", "--json").stdout) == []
    assert "captures until" in run("on").stdout
    ask(served)
    ask(served, signed=False)
    first, second, state = run("list").stdout.splitlines()
    uuid = pairs(captured(served)[0])["CallUUID"][-8:]
    assert re.search(
        rf"plivo +POST +{TARGET} Redirect call {uuid} signature valid genuine 200 {files(served)[0].name}", first
    )
    assert "signature absent rejected 403" in second
    assert re.fullmatch(r"2 captures; capturing is on until .* UTC, at most 200 requests", state)
    listed = json.loads(run("list", "--json").stdout)
    assert [{name: value for name, value in each.items() if name != "file"} for each in listed] == captured(served)
    assert [each["file"] for each in listed] == [str(file) for file in files(served)]


def test_keys_by_event(served: Flask, run: Callable[..., Result]) -> None:
    run("on")
    ask(served, form=[("CallUUID", CALL), ("Event", "Redirect"), ("To", "1")])
    ask(served, form=[("CallUUID", CALL), ("Event", "Redirect"), ("New", "1"), ("New", "2")])
    ask(served, form=[("CallUUID", CALL)])
    bare, redirect = json.loads(run("list", "--keys", "--json").stdout)
    assert (bare["event"], bare["requests"], bare["params"]) == ("", 1, {"CallUUID": 1})
    assert redirect["params"] == {"CallUUID": 2, "Event": 2, "To": 1, "New": 1}
    assert redirect["headers"]["X-Plivo-Signature-V3-Nonce"] == 2
    text = run("list", "--keys").stdout
    assert "plivo Redirect: 2 requests\n  params: CallUUID, Event, To (1), New (1)\n  headers: " in text
    assert "plivo (no Event): 1 request\n" in text
    assert json.loads(run("list", "--keys", "--provider", "vobiz", "--json").stdout) == []
    assert run("list", "--provider", "vobiz").stdout.startswith("no captures; ")
    assert len(json.loads(run("list", "--provider", "plivo", "--json").stdout)) == 3


def test_off_says_what_it_did(served: Flask, run: Callable[..., Result]) -> None:
    assert run("off").stdout == "capturing was off already\n"
    run("on")
    assert json.loads(run("off", "--json").stdout)["was_on"] is True
    assert json.loads(run("on", "--for", "90m", "--json").stdout)["until"] == pytest.approx(time.time() + 5400, abs=30)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--for", "soon"), "is not a duration such as 30m"),
        (("--for", "10"), "is not a duration"),
        (("--for", "-1h"), "is not a duration"),
        (("--for", "1h 5m"), "is not a duration"),
        (("--for", "٣h"), "is not a duration"),
        (("--for", "0s"), "is not between 1s and 7d"),
        (("--for", "8d"), "is not between 1s and 7d"),
        (("--for", ""), "is not a duration"),
        (("--limit", "0"), "1<=x<=10000"),
        (("--limit", "10001"), "1<=x<=10000"),
        (("--limit", "many"), "not a valid integer"),
    ],
)
def test_usage_is_refused(served: Flask, run: Callable[..., Result], arguments: tuple[str, ...], words: str) -> None:
    assert words in run("on", *arguments, code=2).output
    assert not (served.extensions["callflows"].settings.state_dir / "capture.json").exists()


@pytest.mark.parametrize("arguments", [("on",), ("off",), ("list",)])
def test_a_state_folder_that_is_not_there(run: Callable[..., Result], tmp_path: Path, arguments: tuple[str]) -> None:
    missing = tmp_path / "nowhere"
    said = run(*arguments, code=1, STATE_DIR=missing).stderr
    assert f"error: there is no folder {missing}" in said
    assert "CALLFLOWS_STATE_DIR" in said
    error = json.loads(run(*arguments, "--json", code=1, STATE_DIR=missing).stdout)["error"]
    assert error["code"] == "config_invalid"
    assert not missing.exists()


def test_folders_that_cannot_be_used(served: Flask, run: Callable[..., Result]) -> None:
    state = served.extensions["callflows"].settings.state_dir
    (state / "captures").write_text("in the way")
    assert "cannot be written: " in run("on", code=1).stderr
    assert "cannot be read: Not a directory" in run("list", code=1).stderr
    (state / "captures").unlink()
    (state / "capture.json").write_text("{")
    assert "is not what `callflows capture on` writes" in run("list", code=1).stderr
    run("on")
    assert "capturing is on" in run("list").stdout


GOOD = {
    "capture": 1,
    "provider": "plivo",
    "at": "2026-11-23T07:43:17.123456Z",
    "method": "POST",
    "url": "https://x.test/a",
    "headers": [],
    "query": [],
    "form": [["Event", "\x1b[31mred"]],
    "verdict": "genuine",
    "signature": "",
    "answer": {"status": 200},
}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "it is not an object"),
        (b"{}", '"capture" is not 1'),
        ({"capture": 2}, '"capture" is not 1'),
        ({"url": 1}, '"url" is not a text'),
        ({"form": {"a": "b"}}, '"form" is not a list of pairs'),
        ({"query": [["a", "b", "c"]]}, '"query" is not a list of pairs'),
        ({"headers": [["a", 1]]}, '"headers" is not a list of pairs'),
        ({"answer": None}, '"answer" has no status'),
    ],
)
def test_a_broken_file_is_named_and_passed(
    served: Flask, run: Callable[..., Result], content: bytes | dict[str, Any], why: str
) -> None:
    run("on")
    captures = served.extensions["callflows"].settings.state_dir / "captures"
    data = content if isinstance(content, bytes) else json.dumps({**GOOD, **content}).encode()
    (captures / "broken.json").write_bytes(data)
    (captures / "good.json").write_text(json.dumps({**GOOD, "url": "https://[x"}))
    for arguments in (("list",), ("list", "--keys")):
        done = run(*arguments, code=1)
        assert done.stderr.count("error: ") == 1
        assert f"{captures / 'broken.json'} is not " in done.stderr
        assert why in done.stderr
        assert "\x1b" not in done.stdout
        assert "1 capture;" in done.stdout
    assert len(json.loads(run("list", "--json", code=1).stdout)) == 1
