"""What callflows is compared with, under the same gunicorn and on a URL of the same shape.

`bare` does what no useful application can do less than: Flask's dispatch, the form read, a constant answered.
`sdk` is what the platform's documentation shows: the official SDK checks the V3 signature and builds the same document.
It judges nothing and records nothing.
"""

from __future__ import annotations

import os

from flask import Flask, Response, request

CONSTANT = (
    '<Response><Speak language="en-US">Hello, please hold the line.</Speak>'
    "<Speak>It may take a minute.</Speak>"
    '<Dial timeout="30" callerId="+14155550100"><Number>+14155550123</Number></Dial><Hangup/></Response>'
)


def bare() -> Flask:
    app = Flask("bare", static_folder=None)

    @app.route("/flows/<provider>/<flow>/<step>", methods=["GET", "POST"])
    def step(provider: str, flow: str, step: str) -> Response:
        request.form.get("CallUUID")
        return Response(CONSTANT, content_type="application/xml")

    return app


# Ten elements, of which one differs in every request, so that no verdict can be remembered.
TEN = (
    '<Response><Speak language="en-US">Hello {}, please choose.</Speak>'
    '<GetInput action="https://flows.example.com/x" method="POST" inputType="dtmf" numDigits="1">'
    "<Speak>Press 1.</Speak><Play>https://flows.example.com/menu.mp3</Play></GetInput>"
    '<Dial timeout="30" callerId="+14155550100"><Number>+14155550123</Number></Dial>'
    '<Speak>We are sorry.</Speak><Wait length="2"/><Hangup/></Response>'
)


def judging() -> Flask:
    """The bare route, and one document of ten elements judged in each request: the difference is what judging costs."""
    from callflows.documents import DialPolicy, judge, warm

    app, policy = Flask("judging", static_folder=None), DialPolicy(["+14155550100", "+14155550123"])
    warm()

    @app.route("/flows/<provider>/<flow>/<step>", methods=["GET", "POST"])
    def step(provider: str, flow: str, step: str) -> Response:
        document = TEN.format(request.form["CallUUID"])
        verdict = judge(document, provider, policy=policy, public_url="https://flows.example.com")
        assert not verdict.problems, verdict.problems
        return Response(CONSTANT, content_type="application/xml")

    return app


def sdk() -> Flask:
    from plivo import plivoxml
    from plivo.utils import validate_v3_signature

    app = Flask("sdk", static_folder=None)
    token, public = os.environ["CALLFLOWS_PLIVO_AUTH_TOKENS"], os.environ["CALLFLOWS_PUBLIC_URL"]

    @app.route("/flows/<provider>/<flow>/<step>", methods=["GET", "POST"])
    def step(provider: str, flow: str, step: str) -> Response:
        if not validate_v3_signature(
            "POST",
            public + request.full_path.rstrip("?"),
            request.headers["X-Plivo-Signature-V3-Nonce"],
            token,
            request.headers["X-Plivo-Signature-V3"],
            request.form.to_dict(),
        ):
            return Response(status=403)
        document = plivoxml.ResponseElement()
        document.add(plivoxml.SpeakElement(f"Hello {request.form['From']}, please hold the line.", language="en-US"))
        document.add(plivoxml.SpeakElement("It may take a minute."))
        dial = plivoxml.DialElement(
            timeout=30, caller_id="+14155550100", action=f"{public}/flows/plivo/greet/done", method="POST"
        )
        document.add(dial.add(plivoxml.NumberElement("+14155550123")))
        document.add(plivoxml.HangupElement())
        return Response(document.to_string(), content_type="application/xml")

    return app
