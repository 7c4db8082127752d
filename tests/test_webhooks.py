"""What callers hear, whatever happens: values from outside, broken steps, odd requests, a server that cannot write."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from callflows import create_app
from callflows.cli import main
from callflows.documents import judge_bytes
from callflows.flows import resolve_params
from callflows.known.shapes import exchange_object
from callflows.signing import Token
from callflows.store import Drain

from .conftest import CALL, PUBLIC_URL, SIGN, post, write_flow

ECHO = """<Response>
  <Speak voice="WOMAN">{{ call.from_number }} {{ call.caller_name }} {{ input.digits }} {{ input.speech }}
    {{ call.sip_headers.Note | default("") }} {{ params.note }} {{ raw.Anything | default("") }}</Speak>
  <GetDigits action="{{ step_url('aleg', seen=input.digits, name=call.caller_name) }}"><Speak>More?</Speak></GetDigits>
  <Speak>{{ state.seen | default("") }} {{ state.name | default("") }}</Speak>
</Response>"""
NOTE = '[params.note]\ntype = "text"\ndefault = ""\n'


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("echo")
    write_flow(folder / "templates", "echo", NOTE, aleg=ECHO)
    app = create_app(
        {
            "PUBLIC_URL": PUBLIC_URL,
            "SECRET_KEYS": "key-of-tests-0123456789",
            "TEMPLATES": folder / "templates",
            "STATE_DIR": folder / "state",
            "PLIVO_SIGNATURES": "if-present",
            "KEEPER": False,
        }
    )
    yield app
    app.extensions["callflows"].close()


MARKUP = st.sampled_from(
    ["</Speak><Dial><Number>+19005550100</Number></Dial><Speak>", '"/><Hangup/>', "]]>", "<!--", "&amp;&#0;",
     "{{ 7*7 }}", "{% raw %}", "\x00\x0b", "\ud800", "\ufffe", "\ue0020\ue003", "\u202e", "𝔘",
     "'\"<>&", "\r\n\t", "x" * 10_000]
)  # fmt: skip
VALUES = st.one_of(MARKUP, st.text(st.characters(), max_size=60), st.builds(lambda a, b: a + b, MARKUP, st.text()))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(provider=st.sampled_from(["plivo", "vobiz"]), values=st.lists(VALUES, min_size=6, max_size=6))
def test_values_from_outside_never_become_markup(echo: Flask, provider: str, values: list[str]) -> None:
    names = ("From", "CallerName", "Digits", "Speech", "X-PH-Note", "Anything")
    form = "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in zip(names, values, strict=True)
    )
    path = f"/flows/{provider}/echo/aleg"
    runtime = echo.extensions["callflows"]
    specs = runtime.versions.live("echo").manifest.params
    params = resolve_params(specs, {"note": values[1][:300]}, "echo")
    token = runtime.signer.sign(path, Token(call_uuid=CALL, params=params))
    reply = echo.test_client().post(
        f"{path}?t={token}", data=f"CallUUID={CALL}&{form}", content_type="application/x-www-form-urlencoded"
    )
    assert reply.status_code == 200
    root = etree.fromstring(reply.data)
    served = [element.tag for element in root.iter()]
    prompt = {"plivo": "GetDigits", "vobiz": "Gather"}[provider]
    safe = ["Response", "Speak", "Wait", "Redirect"]
    # a state too long for a token costs the step, never the document
    assert served in (["Response", "Speak", prompt, "Speak", "Speak"], safe)
    if max(map(len, values)) < 200:
        assert served != safe


@pytest.fixture
def broken(values: dict[str, Any], templates: Path) -> Flask:
    """Steps that fail for some callers only."""
    picky = "<Response><Speak>{{ 1 // (call.caller_name | length) }} ok</Speak></Response>"
    write_flow(templates, "safe", aleg=picky, inner=picky)
    write_flow(
        templates, "own", 'fallback = "sorry"\n', aleg=picky, sorry="<Response><Speak>own sorry</Speak></Response>"
    )
    write_flow(templates, "noise", '[steps.music]\nkind = "sound"\n', music=picky)
    write_flow(
        templates,
        "dials",
        aleg="<Response><Dial><Number>{{ raw.Target | default('+14155550123') }}</Number></Dial></Response>",
    )
    german = 'language = "de-DE"\n'
    write_flow(templates, "german", german, aleg=picky)
    for name in ("safe", "own", "noise", "german"):
        for file in (templates / name).glob("*.xml"):
            file.write_text(file.read_text().replace("call.caller_name", '(raw.Fail | default("x"))'))
    return create_app({**values, "SAFE_NUMBER": "+14155550199"})


FAIL = (("CallUUID", CALL), ("Fail", ""))


def tags(reply: Any) -> list[str]:
    assert reply.status_code == 200
    assert reply.content_type.startswith("application/xml")
    return [str(element.tag) for element in etree.fromstring(reply.data)]


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_a_failing_step_gives_the_safe_document_and_two_more_tries(broken: Flask, provider: str) -> None:
    assert tags(post(broken, provider, f"/flows/{provider}/safe/aleg")) == ["Speak"]
    target = f"/flows/{provider}/safe/aleg"
    for _ in range(2):
        reply = post(broken, provider, target, FAIL)
        assert tags(reply) == ["Speak", "Wait", "Redirect"]
        url = etree.fromstring(reply.data).findtext("Redirect") or ""
        target = url.removeprefix(PUBLIC_URL).partition("#")[0]
    reply = post(broken, provider, target, FAIL)
    assert tags(reply)[:2] == ["Speak", "Dial"]
    assert b"+14155550199" in reply.data
    # what failed for a moment is mended by the retry
    assert tags(post(broken, provider, target, (("CallUUID", CALL),))) == ["Speak"]


def test_a_flows_own_fallback_comes_first(broken: Flask) -> None:
    assert b"own sorry" in post(broken, "plivo", "/flows/plivo/own/aleg", FAIL).data


def test_the_apology_is_in_the_flows_language(broken: Flask) -> None:
    reply = post(broken, "plivo", "/flows/plivo/german/aleg", FAIL)
    assert etree.fromstring(reply.data).find("Speak").get("language") == "de-DE"


def test_a_failing_sound_step_is_silent(broken: Flask) -> None:
    path = "/flows/plivo/noise/music"
    token = broken.extensions["callflows"].signer.sign(path, Token(call_uuid=CALL))
    assert tags(post(broken, "plivo", f"{path}?t={token}", FAIL)) == ["Wait"]
    # the platform may fetch sounds for the other leg
    other = (("CallUUID", "another-call"),)
    assert tags(post(broken, "plivo", f"{path}?t={token}", other)) == ["Speak"]


def test_a_number_from_outside_is_not_dialled(broken: Flask) -> None:
    target = (("CallUUID", CALL), ("Target", "+442079460000"))
    reply = post(broken, "plivo", "/flows/plivo/dials/aleg", target)
    assert b"442079460000" not in reply.data
    assert tags(reply) == ["Speak", "Wait", "Redirect"]
    assert b"+14155550123" in post(broken, "plivo", "/flows/plivo/dials/aleg").data


def test_links_and_signatures_do_not_believe_the_request(app: Flask, templates: Path) -> None:
    write_flow(templates, "links", aleg='<Response><Redirect>{{ step_url("aleg") }}</Redirect></Response>')
    app.extensions["callflows"].publisher.publish_all()
    path = "/flows/plivo/links/aleg"
    headers = SIGN["plivo"](PUBLIC_URL + path, [("CallUUID", CALL)]) | {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/evil",
    }
    reply = app.test_client().post(path, data={"CallUUID": CALL}, headers=headers)
    assert reply.status_code == 200
    assert b"evil" not in reply.data
    assert PUBLIC_URL.encode() in reply.data


def test_a_loop_without_end_is_left(values: dict[str, Any], templates: Path) -> None:
    write_flow(templates, "loop", aleg='<Response><Wait/><Redirect>{{ step_url("aleg") }}</Redirect></Response>')
    app = create_app({**values, "MAX_HOPS": "3"})
    heard = follow(app, "/flows/plivo/loop/aleg", (("CallUUID", CALL),))
    assert heard == [["Wait", "Redirect"]] * 4 + [["Speak", "Speak", "Hangup"]]


def test_a_template_that_takes_too_long_costs_half_the_deadline(values: dict[str, Any], templates: Path) -> None:
    loops = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    slow = f"{{% if raw.Slow is defined %}}{loops}{{% endif %}}"
    write_flow(templates, "slow", aleg=f"{slow}<Response><Wait/></Response>")
    app = create_app({**values, "DEADLINE": "0.6"})
    started = time.monotonic()
    assert tags(post(app, "plivo", "/flows/plivo/slow/aleg", (("CallUUID", CALL), ("Slow", "1")))) == [
        "Speak",
        "Wait",
        "Redirect",
    ]
    assert time.monotonic() - started < 1.5


def test_nothing_can_be_written_and_calls_are_answered(app: Flask, templates: Path) -> None:
    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    runtime = app.extensions["callflows"]
    runtime.publisher.publish_all()
    assert b"hello" in post(app, "plivo", "/flows/plivo/plain/aleg").data
    runtime.journal.close()
    journal = runtime.settings.state_dir / "journal"
    shutil.rmtree(journal)
    journal.write_text("a file where the folder was")
    assert b"hello" in post(app, "plivo", "/flows/plivo/plain/aleg").data
    assert "could not be written" in str(app.test_client().get("/readyz").json)


@pytest.mark.parametrize(
    "target",
    [
        "/flows/plivo/..%2f..%2fetc/passwd",
        "/flows/plivo/%2e%2e/x",
        "/flows/plivo/.hidden/aleg",
        "/flows/plivo/_shared/aleg",
        "/flows/plivo/PLAIN/aleg",
        "/flows/plivo/plain/aleg.xml",
        "/flows/plivo/plain/aleg%00",
        "/flows/plivo/plain/aleg/more",
        "/flows/plivo/plain",
        "/flows/plivo/" + "x" * 3000 + "/aleg",
        "/flows/plivo/ｐｌａｉｎ/aleg",
    ],
)
def test_odd_names_are_no_flow(app: Flask, templates: Path, target: str) -> None:
    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    app.extensions["callflows"].publisher.publish_all()
    assert app.test_client().post(target, data={"CallUUID": CALL}).status_code in (403, 404)
    raw = quote(target, safe="/%")
    headers = SIGN["plivo"](PUBLIC_URL + raw, [("CallUUID", CALL)])
    reply = app.test_client().post(raw, data={"CallUUID": CALL}, headers=headers)
    assert b"hello" not in reply.data
    assert reply.status_code in (200, 404)


def test_a_stranger_cannot_fill_the_journal(app: Flask) -> None:
    for _ in range(200):
        app.test_client().post("/flows/plivo/x/y", data={"CallUUID": CALL})
    runtime = app.extensions["callflows"]
    lines = sum(len(file.read_bytes().splitlines()) for file in (runtime.settings.state_dir / "journal").iterdir())
    assert lines <= 80


def test_audio_is_served_with_its_type_and_kept(app: Flask, templates: Path) -> None:
    write_flow(templates, "music", aleg='<Response><Play>{{ audio_url("a.wav") }}</Play></Response>')
    (templates / "music/audio").mkdir()
    (templates / "music/audio/a.wav").write_bytes(b"RIFF....WAVE")
    app.extensions["callflows"].publisher.publish_all()
    url = etree.fromstring(post(app, "plivo", "/flows/plivo/music/aleg").data).findtext("Play") or ""
    reply = app.test_client().get(url.removeprefix(PUBLIC_URL))
    assert (reply.status_code, reply.mimetype, reply.data) == (200, "audio/wav", b"RIFF....WAVE")
    assert "immutable" in reply.headers["Cache-Control"]
    assert app.test_client().get(url.removeprefix(PUBLIC_URL) + "x").status_code == 404
    part = app.test_client().get(url.removeprefix(PUBLIC_URL), headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data) == (206, b"RIFF")


def test_health_says_nothing_of_flows(app: Flask) -> None:
    reply = app.test_client().get("/healthz")
    assert (reply.status_code, reply.data) == (200, b"ok\n")
    assert app.test_client().get("/").status_code == 404


def test_the_log_names_the_url_that_was_checked_without_its_token(
    capfd: pytest.CaptureFixture[str], app: Flask
) -> None:
    runtime = app.extensions["callflows"]
    token = runtime.signer.sign("/flows/plivo/x/aleg", Token(call_uuid=CALL))
    target = f"/flows/plivo/x/aleg?t={token}"
    headers = SIGN["plivo"]("https://other.example" + target, [("CallUUID", CALL)])
    assert app.test_client().post(target, data={"CallUUID": CALL}, headers=headers).status_code == 403
    said = capfd.readouterr().err
    assert f"{PUBLIC_URL}/flows/plivo/x/aleg?…" in said
    assert token not in said
    assert not re.search(r"plivo-auth-token|key-of-tests", said)


def valid(reply: Any, provider: str = "plivo") -> list[str]:
    """Tags of a document that was held against the platform's own schema, links and all."""
    found = judge_bytes(reply.data, provider, native=True)
    assert found.ok, found.problems
    return tags(reply)


ODD = ("x%01/aleg", "x%00/aleg", "My%20Flow/answer", "ok/aleg%20", "ok/%22%3Cb%3E", "b%C3%BCro/answer", "%ff/aleg",
       "ok", "", "/ok/aleg", "ok//aleg", "ok/aleg%0a", "ok/aleg/more", "x" * 3000)  # fmt: skip


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
@pytest.mark.parametrize("path", ODD)
def test_a_genuine_request_for_an_odd_name_is_answered_and_ends(app: Flask, provider: str, path: str) -> None:
    target = f"/flows/{provider}/{path}"
    headers = SIGN[provider](PUBLIC_URL + target, [("CallUUID", CALL)])
    reply = app.test_client().post(target, data={"CallUUID": CALL}, headers=headers)
    assert valid(reply, provider)[:1] == ["Speak"]
    assert b"<Redirect" not in reply.data


def follow(app: Flask, target: str, form: Any, at_most: int = 20) -> list[list[str]]:
    """What a caller hears who is redirected again and again."""
    heard: list[list[str]] = []
    while target and len(heard) < at_most:
        reply = post(app, "plivo", target, form)
        heard.append(valid(reply))
        url = etree.fromstring(reply.data).findtext("Redirect") or ""
        target = url.removeprefix(PUBLIC_URL).partition("#")[0]
    return heard


def test_every_way_of_failing_comes_to_an_end(values: dict[str, Any], templates: Path) -> None:
    again = '<Response><Wait/><Redirect>{{ step_url("aleg") }}</Redirect></Response>'
    write_flow(templates, "loop", 'fallback = "sorry"\n', aleg=again, sorry=again)
    write_flow(templates, "plain", aleg="<Response><Wait/></Response>")
    app = create_app({**values, "MAX_HOPS": "5", "SAFE_NUMBER": "+14155550199"})
    form = (("CallUUID", CALL),)
    assert len(follow(app, "/flows/plivo/loop/aleg", form)) < 12
    assert follow(app, "/flows/plivo/plain/nothing", form)[-1] == ["Speak", "Dial", "Speak", "Hangup"]
    token = app.extensions["callflows"].signer.sign("/flows/plivo/plain/x", Token(call_uuid="another"))
    assert follow(app, f"/flows/plivo/plain/x?t={token}", form)[-1] == ["Speak", "Dial", "Speak", "Hangup"]


def test_a_flows_fallback_leads_on(app: Flask, templates: Path) -> None:
    """After a bad token the fallback is served; its own links are good ones."""
    write_flow(
        templates,
        "menu",
        'fallback = "sorry"\n',
        inner="<Response><Wait/></Response>",
        sorry='<Response><Redirect>{{ step_url("main") }}</Redirect></Response>',
        main="<Response><Speak>the menu</Speak></Response>",
    )
    app.extensions["callflows"].publisher.publish_all()
    assert follow(app, "/flows/plivo/menu/inner?t=1bad.bad", (("CallUUID", CALL),)) == [["Redirect"], ["Speak"]]


def test_what_steps_carry_over_is_written_down_and_told(app: Flask, templates: Path) -> None:
    """Of a number that a caller has keyed in and confirmed nothing else says that it was."""
    write_flow(
        templates,
        "ask",
        aleg='<Response><Wait/><Redirect>{{ step_url("noted", number="4155550199", tries=2) }}</Redirect></Response>',
        noted="<Response><Speak>Thank you.</Speak></Response>",
    )
    runtime = app.extensions["callflows"]
    runtime.publisher.publish_all()
    assert follow(app, "/flows/plivo/ask/aleg", (("CallUUID", CALL),)) == [["Wait", "Redirect"], ["Speak"]]
    Drain(runtime.settings.state_dir / "journal", runtime.store).once()
    carried = {"number": "4155550199", "tries": 2}
    assert [exchange_object(each)["state"] for each in runtime.store.exchanges(call_uuids=[CALL])] == [{}, carried]
    told = CliRunner().invoke(
        main, ["calls", "show", CALL], env={"CALLFLOWS_STATE_DIR": str(runtime.settings.state_dir)}
    )
    assert told.stdout.splitlines()[-1].endswith("ask/noted step number=4155550199 tries=2")


@pytest.mark.parametrize("passed_on", [True, False])
def test_public_url_with_a_path(values: dict[str, Any], templates: Path, passed_on: bool) -> None:
    write_flow(templates, "plain", aleg='<Response><Wait/><Redirect>{{ step_url("aleg") }}</Redirect></Response>')
    base = f"{PUBLIC_URL}/voice"
    app = create_app({**values, "PUBLIC_URL": base})
    path = "/flows/plivo/plain/aleg"
    headers = SIGN["plivo"](base + path, [("CallUUID", CALL)])
    reply = app.test_client().post(f"/voice{path}" if passed_on else path, data={"CallUUID": CALL}, headers=headers)
    assert reply.status_code == 200
    assert f"<Redirect>{base}{path}?t=".encode() in reply.data
