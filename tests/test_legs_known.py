"""What becomes of whom a flow dials, and of the other leg, is known without any work by the flow's author: over real
HTTP, from a real gunicorn with its keeper, on both platforms."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree

from callflows import create_app, simulator
from callflows.signing import Token

from .conftest import CALL, REPOSITORY, post, write_flow
from .house import AGENT, CALLER, COLLEAGUE, OUR_NUMBER, Gunicorn, Phone, platform_values, wait_until
from .test_end_to_end import Platform

pytestmark = pytest.mark.xdist_group("legs-known")
SEEDS = itertools.count(300)
PLAIN = f"""<Response>
  <Dial callerId="{OUR_NUMBER}" timeout="20"><Number>{{{{ params.to }}}}</Number></Dial>
  <Speak>Goodbye.</Speak>
</Response>"""
TOML = '[params.to]\ntype = "phone"\nrequired = true\nexample = "+14155550123"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("legs")
    shutil.copytree(REPOSITORY / "templates", folder / "templates")
    for name, more in (("plain", ""), ("quiet", "dial_events = false\n")):
        (folder / "templates" / name).mkdir()
        (folder / "templates" / name / "aleg.xml").write_text(PLAIN)
        (folder / "templates" / name / "flow.toml").write_text(more + TOML)
    server = Gunicorn(
        {
            "SECRET_KEYS": "key-of-tests-0123456789",
            "TEMPLATES": folder / "templates",
            "STATE_DIR": folder / "state",
            "DIAL_ALLOW": "+1415555",
            "PLIVO_AUTH_TOKENS": simulator.AUTH_TOKEN,
            "VOBIZ_AUTH_TOKENS": simulator.AUTH_TOKEN,
        },
        folder / "gunicorn.log",
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["plivo", "vobiz"])
def platform(request: pytest.FixtureRequest, server: Gunicorn) -> Iterator[Platform]:
    name = request.param
    with simulator.serve(simulator.Simulator(name, seed=next(SEEDS))) as simulated:
        yield Platform(name, Phone(simulated), {**server.values, **platform_values(name, simulated)})


def moved(platform: Platform, flow: str, **behaviour: object) -> str:
    """The live call is sent to a flow that dials the colleague; the transfer's id."""
    call = platform.live_call()
    platform.phone.number(COLLEAGUE, **behaviour)
    return str(platform.run("transfer", call, "--aleg", flow, "--set", f"to={COLLEAGUE}")["id"])


def leg(platform: Platform, transfer: str, *statuses: str, code: int = 0) -> dict[str, object]:
    """The A leg as `callflows transfers show` tells it, once it has one of the statuses."""

    def look() -> dict[str, object] | None:
        shown: dict[str, object] = platform.run("transfers", "show", transfer)["legs"]["aleg"]
        return shown if shown["status"] in statuses else None

    found: dict[str, object] = wait_until(look, what=f"{statuses}: {platform.phone.text()}")
    return found


def test_it_is_known_that_somebody_answered(platform: Platform) -> None:
    transfer = moved(platform, "plain", behaviour="answers", after=3)
    to = ("--set", f"to={COLLEAGUE}")
    for shown in (
        platform.run("flows", "render", "plain/aleg", "--provider", platform.name, *to),
        platform.run("transfer", "another-call", "--aleg", "plain", *to, "--provider", platform.name, "--dry-run"),
    ):
        assert f'callbackUrl="{platform.values["PUBLIC_URL"]}/events/{platform.name}?t=' in str(shown)
        assert "action=" not in str(shown)
    platform.phone.advance(10)
    assert leg(platform, transfer, "connected")["number"] == COLLEAGUE
    platform.phone.advance(60)


def test_it_is_known_that_the_line_was_busy(platform: Platform) -> None:
    """By a flow with an `action`, as the platforms tell of a leg that never answered in no other way."""
    call = platform.live_call()
    platform.phone.number(COLLEAGUE, behaviour="busy", after=3)
    more = ("--set", f"to={COLLEAGUE}", "--set", f"caller_id={OUR_NUMBER}")
    transfer = str(platform.run("transfer", call, "--aleg", "forward", *more)["id"])
    platform.phone.advance(10)
    found = leg(platform, transfer, "failed")
    assert "busy" in str(found["reason"])


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_the_safe_document_s_dial_reports_too(
    values: dict[str, Any], templates: Path, provider: str, wanted: bool
) -> None:
    write_flow(templates, "plain", TOML, aleg=PLAIN)
    app = create_app({**values, "SAFE_NUMBER": COLLEAGUE, "DIAL_EVENTS": wanted})
    path, signer = f"/flows/{provider}/plain/aleg", app.extensions["callflows"].signer
    token = Token(
        call_uuid=CALL, transfer_id="a" * 32, leg="aleg", tries=2, expires=4_000_000_000
    )  # a param is missing
    document = post(app, provider, f"{path}?t={signer.sign(path, token)}").get_data(as_text=True)
    (dial,) = etree.fromstring(document.encode()).iter("Dial")
    assert (dial.get("callbackMethod"), dial.get("action")) == ("POST" if wanted else None, None)
    if wanted:
        url = urlsplit(dial.get("callbackUrl"))
        told = signer.read(url.path, url.query.removeprefix("t="))
        assert (url.path, told.call_uuid, told.transfer_id, told.leg) == (f"/events/{provider}", CALL, "a" * 32, "aleg")
    app.extensions["callflows"].close()


def test_a_flow_that_wants_no_news_is_given_none(platform: Platform) -> None:
    transfer = moved(platform, "quiet", behaviour="answers", after=3)
    platform.phone.advance(10)
    assert leg(platform, transfer, "dialling", "fetched")
    lines = platform.phone.text().splitlines()
    assert any(f"is connected to {COLLEAGUE}" in line for line in lines)
    assert not [line for line in lines if COLLEAGUE in line and "/events/" in line]


def until(platform: Platform, *words: str) -> str:
    """Time passes a little at a time, as what one leg did is known to the other about 0.1 s later."""
    for _ in range(40):
        platform.phone.advance(1)
        text = platform.phone.text()
        if all(word in text for word in words):
            return text
        time.sleep(0.05)
    raise AssertionError(f"{words} not in\n{text}")


def test_both_legs_meet(platform: Platform) -> None:
    transfer = platform.run("transfer", platform.live_call(), "--aleg", "meet", "--bleg", "meet")["id"]
    until(platform, f"is in conference transfer-{transfer} with {AGENT}", f"transfer-{transfer} with {CALLER}")
    assert "could not reach" not in platform.phone.text()


@pytest.mark.parametrize("late", ["aleg", "bleg"])
def test_whoever_waits_hears_that_the_other_one_hung_up(platform: Platform, late: str) -> None:
    call = platform.live_call()
    path = f"/flows/{platform.name}/meet/{late}"
    platform.phone.http.post("/faults", json={"web": "late", "path": path, "seconds": 300}).raise_for_status()
    platform.run("transfer", call, "--aleg", "meet", "--bleg", "meet")
    until(platform, "We are bringing you together")
    of_call = [leg["call_uuid"] for leg in platform.phone.http.get(f"/calls/{call}").json()["legs"]]
    legs = {"aleg": call, "bleg": next(uuid for uuid in of_call if uuid != call)}
    platform.phone.http.post(f"/calls/{legs[late]}/hangup", json={}).raise_for_status()
    text = until(platform, "the other person has hung up")
    assert "enters the conference" not in text
