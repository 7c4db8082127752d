"""callflows inside somebody else's Flask app, and as a library without one."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template

from callflows import CallFlows, CallflowsError, transfer_call
from callflows.errors import ConfigError

from .conftest import environment, post, write_flow


def test_in_an_app_with_pages_of_its_own(values: dict[str, Any], templates: Path, tmp_path: Path) -> None:
    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "home.html").write_text("their page")
    app = Flask("theirs", template_folder=str(pages))
    app.config["MAX_CONTENT_LENGTH"] = 10  # theirs, and not ours to obey

    @app.get("/")
    def home() -> str:
        return render_template("home.html")

    extension = CallFlows(settings=values)
    extension.init_app(app)
    assert app.test_client().get("/").text == "their page"
    assert b"hello" in post(app, "plivo", "/flows/plivo/plain/aleg").data


def test_what_cannot_work_is_said_at_start(values: dict[str, Any]) -> None:
    for name, value, word in (
        ("PUBLIC_URL", "", "CALLFLOWS_PUBLIC_URL is not set"),
        ("SAFE_NUMBER", "call me", "SAFE_NUMBER"),
        ("DIAL_ALLOW", "nonsense", "CALLFLOWS_DIAL_ALLOW"),
    ):
        with pytest.raises(ConfigError, match=word):
            CallFlows(Flask("theirs"), {**values, name: value})


def test_a_broken_flow_is_no_reason_to_refuse_the_others(values: dict[str, Any], templates: Path) -> None:
    write_flow(templates, "plain", aleg="<Response><Speak>hello</Speak></Response>")
    write_flow(templates, "broken", aleg="<Response><Spaek/></Response>")
    app = Flask("theirs")
    CallFlows(app, values)
    assert b"hello" in post(app, "plivo", "/flows/plivo/plain/aleg").data
    assert b"We are sorry" in post(app, "plivo", "/flows/plivo/broken/aleg").data


def test_transferring_does_not_import_flask(values: dict[str, Any]) -> None:
    code = "import sys; from callflows import transfer_call; assert 'flask' not in sys.modules, sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", code], env=environment(values), check=True, timeout=60)


def test_a_library_leaves_logging_as_it_is(values: dict[str, Any], templates: Path) -> None:
    logger = logging.getLogger("callflows")
    before = (logger.level, list(logger.handlers), logger.propagate)
    with pytest.raises(CallflowsError):
        transfer_call("a-call", aleg="nothing", settings=values)
    assert (logger.level, list(logger.handlers), logger.propagate) == before


@pytest.mark.parametrize("call", [None, 5, "", "a/b"])
def test_what_is_no_call_is_refused_in_words(values: dict[str, Any], call: Any) -> None:
    with pytest.raises(CallflowsError):
        transfer_call(call, aleg="hold", settings=values)
