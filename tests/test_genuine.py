"""The table "Genuine or not": provider x mode x signature x token x step. The URLs of the table are pasted into the
platforms' consoles, so what it says cannot change.
"""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from callflows import create_app
from callflows.signing import Token

from .conftest import CALL, PUBLIC_URL, SIGN, write_flow

NEEDS = '[params.to]\ntype = "text"\nrequired = true\nexample = "x"\n'
STEP, FALLBACK, FORBIDDEN, NOTED = "step", "fallback", "403", "noted"

STEPS = {
    "entry": "/flows/{provider}/plain/aleg",
    "entry-with-required-params": "/flows/{provider}/needs/bleg",
    "inner": "/flows/{provider}/plain/inner",
    "unknown-step": "/flows/{provider}/plain/nothing",
    "unknown-flow": "/flows/{provider}/nothing/aleg",
    "events": "/events/{provider}",
}
TOKENS = ("valid", "absent", "garbage", "expired", "other-call", "other-path", "tampered")


def expected(mode: str, signature: str, token: str, step: str) -> str:
    """The table of docs/architecture.md, row by row."""
    served = {"events": NOTED, "unknown-step": FALLBACK, "unknown-flow": FALLBACK}.get(step, STEP)
    if signature == "wrong" and mode != "off":
        return FORBIDDEN
    if signature == "valid":
        if token == "valid":
            return served
        if step == "events":
            return NOTED
        return STEP if token == "absent" and step == "entry" else FALLBACK
    # unsigned, or wrongly signed where signatures are off
    if mode == "required":
        return FORBIDDEN
    return served if token == "valid" else FORBIDDEN


@pytest.fixture(scope="module", params=("required", "if-present", "off"))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("genuine")
    templates = folder / "templates"
    write_flow(
        templates,
        "plain",
        aleg="<Response><Speak>step</Speak></Response>",
        inner="<Response><Speak>step</Speak></Response>",
    )
    write_flow(templates, "needs", NEEDS, bleg="<Response><Speak>step {{ params.to }}</Speak></Response>")
    app = create_app(
        {
            "PUBLIC_URL": PUBLIC_URL,
            "SECRET_KEYS": "key-of-tests-0123456789",
            "TEMPLATES": templates,
            "STATE_DIR": folder / "state",
            "PLIVO_AUTH_TOKENS": "plivo-auth-token-of-tests",
            "VOBIZ_AUTH_TOKENS": "vobiz-auth-token-of-tests",
            "PLIVO_SIGNATURES": request.param,
            "VOBIZ_SIGNATURES": request.param,
            "KEEPER": False,
        }
    )
    yield app, request.param
    app.extensions["callflows"].close()


def make_token(app: Flask, kind: str, path: str) -> str | None:
    signer = app.extensions["callflows"].signer
    params = {"to": "x"} if "needs" in path else {}
    valid = signer.sign(path, Token(call_uuid=CALL, params=params, expires=4_000_000_000))
    return {
        "valid": valid,
        "absent": None,
        "garbage": "1garbage.AAAA",
        "expired": signer.sign(path, Token(call_uuid=CALL, params=params, expires=1)),
        "other-call": signer.sign(path, Token(call_uuid="another-call", params=params)),
        "other-path": signer.sign(path + "x", Token(call_uuid=CALL, params=params)),
        "tampered": valid[:-1] + ("A" if valid[-1] != "A" else "B"),
    }[kind]


def outcome(reply: Any) -> str:
    if reply.status_code == 403:
        assert reply.data == b""
        return FORBIDDEN
    assert reply.status_code == 200
    assert reply.content_type.startswith("application/xml")
    if b"<Speak>step" in reply.data:
        return STEP
    if b"<Response/>" in reply.data:
        return NOTED
    assert b"<Speak" in reply.data
    return FALLBACK


CASES = list(itertools.product(("plivo", "vobiz"), ("POST", "GET"), ("valid", "wrong", "absent"), TOKENS, STEPS))


def test_every_row_of_the_table(served: Any) -> None:
    app, mode = served
    client = app.test_client()
    wrong = []
    for provider, method, signature, token_kind, step in CASES:
        path = STEPS[step].format(provider=provider)
        token = make_token(app, token_kind, path)
        form = [("CallUUID", CALL), ("From", "14155550100"), ("Event", "StartApp")]
        query = ([("t", token)] if token is not None else []) + (form if method == "GET" else [])
        target = path + (f"?{urlencode(query)}" if query else "")
        sent = form if method == "POST" else []
        headers = SIGN[provider](PUBLIC_URL + target, sent, method=method) if signature != "absent" else {}
        if signature == "wrong":
            name = next(name for name in headers if not name.endswith("Nonce"))
            headers[name] = headers[name][::-1]
        reply = client.open(target, method=method, data=urlencode(sent) if sent else None, headers=headers, **FORM)
        case = (provider, method, signature, token_kind, step)
        if outcome(reply) != expected(mode, signature, token_kind, step):
            wrong.append((case, outcome(reply), expected(mode, signature, token_kind, step)))
    assert not wrong, f"{len(wrong)} of {len(CASES)} in mode {mode}: {wrong[:5]}"


FORM: dict[str, Any] = {"content_type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_default_modes(values: dict[str, Any], templates: Any, provider: str) -> None:
    """Plivo signs everything; Vobiz only where it was set up to."""
    write_flow(templates, "plain", aleg="<Response><Speak>step</Speak></Response>")
    app = create_app(values)
    path = f"/flows/{provider}/plain/aleg"
    token = make_token(app, "valid", path)
    reply = app.test_client().post(f"{path}?t={token}", data={"CallUUID": CALL})
    assert outcome(reply) == (FORBIDDEN if provider == "plivo" else STEP)
    reply = app.test_client().post(path, data={"CallUUID": CALL})
    assert outcome(reply) == FORBIDDEN


def test_a_trailing_slash_is_the_same_step(served: Any) -> None:
    app, _ = served
    for provider in ("plivo", "vobiz"):
        path = f"/flows/{provider}/plain/aleg"
        target = f"{path}/?t={make_token(app, 'valid', path)}"
        headers = SIGN[provider](PUBLIC_URL + target, [("CallUUID", CALL)])
        assert outcome(app.test_client().post(target, data={"CallUUID": CALL}, headers=headers)) == STEP


@pytest.mark.parametrize("news", [{"HangupCause": "NORMAL_CLEARING"}, {"Event": "Hangup"}, {"Event": "Ring"}])
def test_news_on_a_flow_url_is_noted(served: Any, news: dict[str, str]) -> None:
    app, _ = served
    target = "/flows/vobiz/plain/aleg"
    form = {"CallUUID": CALL, **news}
    headers = SIGN["vobiz"](PUBLIC_URL + target, list(form.items()))
    assert outcome(app.test_client().post(target, data=form, headers=headers)) == NOTED


def test_a_b_legs_token_learns_its_call(served: Any) -> None:
    """A transfer's B leg token names no call; from its first document on the links are bound to the caller's UUID."""
    app, _ = served
    signer = app.extensions["callflows"].signer
    path = "/flows/plivo/plain/aleg"
    token = signer.sign(path, Token(leg="bleg", transfer_id="t"))
    target = f"{path}?t={token}"
    for call in ("b-leg-1", "b-leg-2"):
        headers = SIGN["plivo"](PUBLIC_URL + target, [("CallUUID", call)])
        assert outcome(app.test_client().post(target, data={"CallUUID": call}, headers=headers)) == STEP
