"""The story: a live call is moved, over real HTTP, from a real gunicorn, by every way of asking there is."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import plivo
import pytest
import requests
from click.testing import CliRunner

from callflows import simulator
from callflows.cli import main
from callflows.known import story
from callflows.models import Leg, LegTarget, Transfer, TransferStatus
from callflows.runtime import Runtime

from .conftest import REPOSITORY
from .house import (
    AGENT,
    CALLER,
    COLLEAGUE,
    OUR_NUMBER,
    Gunicorn,
    Phone,
    command,
    platform_values,
    wait_until,
)

TO_COLLEAGUE = ("--set", f"to={COLLEAGUE}", "--set", f"caller_id={OUR_NUMBER}")


SEEDS = itertools.count(100)


class House:
    """One gunicorn for all tests; each test has a platform of its own."""

    def __init__(self, folder: Path) -> None:
        values: dict[str, Any] = {
            "SECRET_KEYS": "key-of-tests-0123456789",
            "TEMPLATES": REPOSITORY / "templates",
            "STATE_DIR": folder / "state",
            "DIAL_ALLOW": "+1415555",
            "PLIVO_AUTH_TOKENS": simulator.AUTH_TOKEN,
            "VOBIZ_AUTH_TOKENS": simulator.AUTH_TOKEN,
        }
        self.folder = folder
        self.server = Gunicorn(values, folder / "gunicorn.log")
        self.server.start()


@dataclass
class Platform:
    """A platform, and the commands that know it."""

    name: str
    phone: Phone
    values: dict[str, Any]

    def run(self, *arguments: str, code: int = 0) -> Any:
        settings = {f"CALLFLOWS_{name}": str(value) for name, value in self.values.items()}
        done = CliRunner().invoke(main, [*arguments, "--json"], env=settings)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def say(self, *arguments: str) -> str:
        """As for people."""
        settings = {f"CALLFLOWS_{name}": str(value) for name, value in self.values.items()}
        done = CliRunner().invoke(main, arguments, env=settings)
        assert done.exit_code == 0, done.output
        return done.stdout

    def live_call(self) -> str:
        """The caller talks to the agent."""
        self.phone.number(AGENT, behaviour="answers", after=2)
        agent = ("--set", f"to={AGENT}", "--set", f"caller_id={OUR_NUMBER}")
        events = self.run("url", "--events")["url"]
        call = self.phone.inbound(self.run("url", "forward/answer", *agent)["url"], hangup_url=events)
        self.phone.advance(20)
        assert f"is connected to {AGENT}" in self.phone.text(), self.phone.text()
        return call

    def leg_url(self, call: str, leg: str) -> str:
        url: str = self.run("transfer", call, f"--{leg}", "hold", "--dry-run")["legs"][leg]["url"]
        return url


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.server.stop()


@pytest.fixture(params=["plivo", "vobiz"])
def platform(request: pytest.FixtureRequest, house: House) -> Iterator[Platform]:
    name = request.param
    with simulator.serve(simulator.Simulator(name, seed=next(SEEDS))) as server:
        yield Platform(name, Phone(server), {**house.server.values, **platform_values(name, server)})


pytestmark = pytest.mark.xdist_group("end-to-end")


def test_both_legs_are_moved_and_it_is_known(platform: Platform) -> None:
    call = platform.live_call()
    phone = platform.phone
    phone.number(COLLEAGUE, behaviour="answers", after=5, hangs_up_after=20)
    assert call in [row["call_uuid"] for row in platform.run("calls", "list", "--live")]
    message = ("--set", "message=You are moved.")
    done = platform.run("transfer", call, "--aleg", "forward", "--bleg", "announce", *TO_COLLEAGUE, *message)
    assert done["status"] == "accepted"
    phone.advance(8)
    progress = platform.run("transfers", "wait", done["id"], "--seconds", "10")
    assert progress["ok"]
    assert progress["legs"]["aleg"]["status"] == "connected"
    assert progress["legs"]["aleg"]["number"] == COLLEAGUE
    assert progress["legs"]["bleg"]["status"] in ("fetched", "ended")
    phone.advance(60)
    heard = phone.text()
    assert 'hears "You are moved."' in heard
    assert f"is connected to {COLLEAGUE}" in heard
    assert "Normal Hangup (4000" in heard
    wait_until(lambda: platform.run("calls", "show", call)["status"] == "completed")
    shown = platform.run("transfers", "show", done["id"])
    assert {row["step"] for row in shown["exchanges"]} >= {"aleg", "bleg", "done"}


def test_nobody_answers(platform: Platform) -> None:
    call = platform.live_call()
    phone = platform.phone
    phone.number(COLLEAGUE, behaviour="busy")
    done = platform.run("transfer", call, "--aleg", "forward", "--bleg", "hold", *TO_COLLEAGUE)
    phone.advance(30)
    progress = platform.run("transfers", "wait", done["id"], "--seconds", "10", code=1)
    assert progress["legs"]["aleg"]["status"] == "failed"
    assert "busy" in progress["legs"]["aleg"]["reason"]
    assert "The line is busy" in phone.text()


def test_hold_music_ends(platform: Platform) -> None:
    call = platform.live_call()
    phone = platform.phone
    platform.run("transfer", call, "--aleg", "hold", "--set", "rounds=3")
    phone.advance(300)
    plays = [entry for entry in phone.transcript() if "music.wav" in entry["text"]]
    assert len(plays) == 3, phone.text()
    assert "We are sorry to have kept you waiting." in phone.text()


def test_a_platform_that_acts_and_then_fails(platform: Platform) -> None:
    """A 500 after the request was sent: the outcome is unknown, it is asked once, and the fetch proves it happened."""
    call = platform.live_call()
    phone = platform.phone
    phone.http.post("/faults", json={"rest": "500-after-acting"}).raise_for_status()
    before = len(phone.requests())
    error = platform.run("transfer", call, "--aleg", "hold", code=4)["error"]
    assert error["code"] == "outcome_unknown"
    assert len(phone.requests()) == before + 1
    phone.advance(2)
    newest = platform.run("transfers", "list", "--limit", "1")[0]
    assert newest["status"] == "unknown"
    progress = platform.run("transfers", "wait", newest["id"], "--seconds", "10")
    assert progress["legs"]["aleg"]["status"] == "fetched"


def test_accepted_and_never_fetched(platform: Platform) -> None:
    call = platform.live_call()
    platform.phone.http.post("/faults", json={"rest": "never-fetch"}).raise_for_status()
    done = platform.run("transfer", call, "--aleg", "hold", "--wait", "1", code=4)
    assert done["status"] == "accepted"
    assert done["legs"]["aleg"]["status"] == "waiting"
    assert not done["settled"]


def test_a_leg_that_is_not_fetched_is_looked_up_once(platform: Platform) -> None:
    call, phone = platform.live_call(), platform.phone
    runtime = Runtime(platform.values)

    def accepted(call_uuid: str) -> str:
        at = time.time() - 30
        row = Transfer(
            uuid.uuid4().hex,
            platform.name,
            call_uuid,
            {Leg.A: LegTarget("hold", "aleg")},
            requested_at=at,
            settled_at=at,
        )
        return runtime.store.add_transfer(replace(row, status=TransferStatus.ACCEPTED)).id

    waiting, before = accepted(call), len(phone.requests())
    found = [story.read(runtime, waiting).progress for _ in range(3)]
    assert len(phone.requests()) == before + 1
    assert found[0].advice == found[2].advice
    assert any("still live" in line for line in found[0].advice)
    assert any("CALLFLOWS_PUBLIC_URL" in line for line in found[0].advice)
    assert any("keepCallAlive" in line for line in found[0].advice)
    assert found[0].legs[Leg.A].not_fetched_for == pytest.approx(30, abs=25)

    over = story.wait(runtime, accepted(f"gone-{call}"), 0)
    assert over.legs[Leg.A].status == "failed"
    assert "the call is over" in over.summary
    assert over.outcome == "open"
    assert platform.run("transfers", "wait", over.transfer.id, "--seconds", "0", code=4)["outcome"] == "open"

    nobody = Runtime({**platform.values, f"{platform.name.upper()}_API_URL": "http://127.0.0.1:9/v1"})
    mute = story.read(nobody, waiting).progress
    assert mute.legs[Leg.A].status == "waiting"
    assert any("could not be asked" in line for line in mute.advice)
    runtime.close()
    nobody.close()


def test_a_stream_is_ended_after_the_transfer(platform: Platform) -> None:
    call, phone = platform.live_call(), platform.phone
    platform.run("transfer", call, "--aleg", "hold", "--stop-stream")
    asked = [(row["method"], row["path"]) for row in phone.requests() if f"/Call/{call}/" in row.get("path", "")]
    assert [method for method, _ in asked] == ["POST", "DELETE"]
    assert asked[1][1].endswith(f"/Call/{call}/Stream/")
    phone.advance(2)
    assert "We will be with you shortly" in phone.text()


def test_the_story_is_told_in_the_order_of_time(platform: Platform) -> None:
    call, phone = platform.live_call(), platform.phone
    phone.number(COLLEAGUE, behaviour="answers", after=5, hangs_up_after=20)
    done = platform.run("transfer", call, "--aleg", "forward", *TO_COLLEAGUE)
    phone.advance(8)
    platform.run("transfers", "wait", done["id"], "--seconds", "10")
    phone.advance(60)
    ended = wait_until(
        lambda: (shown := platform.run("transfers", "show", done["id"]))["legs"]["aleg"]["status"] == "ended" and shown
    )
    times = [entry["at"] for entry in ended["timeline"]]
    texts = [entry["text"] for entry in ended["timeline"]]
    assert times == sorted(times)
    wanted = [
        "requested: A leg to forward/aleg (by cli)",
        "accepted by the platform (HTTP 202: call transferred)",
        "A leg fetched its document, forward/aleg",
        f"A leg dialling {COLLEAGUE}",
        f"{COLLEAGUE} answered",
        "A leg hung up",
    ]
    places = [next((n for n, text in enumerate(texts) if text.startswith(want)), None) for want in wanted]
    assert None not in places, texts
    assert places == sorted(n for n in places if n is not None), texts
    told = platform.say("transfers", "show", done["id"])
    assert "<Dial" in told
    assert "?t=" not in told.replace("?t=…", "")
    assert "done: accepted; A leg ended" in platform.say("transfers", "list", "--call", call)
    assert platform.run("transfers", "list", "--call", call, "--status", "accepted")[0]["outcome"] == "done"
    assert platform.run("transfers", "list", "--call", call, "--status", "unknown") == []
    assert platform.say("transfers", "list", "--call", call, "--status", "rejected") == "no such transfers\n"
    assert len(platform.run("transfers", "list", "--call", call, "--since", "1h", "--asked-by", "cli")) == 1


def test_transfer_call_from_python(platform: Platform) -> None:
    from callflows import transfer_call

    call = platform.live_call()
    transfer = transfer_call(call, aleg="hold", settings=platform.values)
    assert transfer.status == "accepted"
    platform.phone.advance(2)
    assert platform.run("transfers", "wait", transfer.id)["legs"]["aleg"]["status"] == "fetched"


def test_the_curl_request_of_the_source_document(platform: Platform) -> None:
    """With our ids and leg URL filled in, each makes the platform fetch and run our document."""
    call = platform.live_call()
    phone, server = platform.phone, platform.phone.server
    account = server.simulator
    auth: dict[str, Any] = (
        {"auth": (account.auth_id, account.auth_token)}
        if platform.name == "plivo"
        else {"headers": {"X-Auth-ID": account.auth_id, "X-Auth-Token": account.auth_token}}
    )
    target = f"{server.url}{account.dialect.rest_prefix}/Account/{account.auth_id}/Call/{call}/"
    if platform.name == "plivo":  # as printed, its body names no leg and no URL
        assert httpx2.post(target, json={"legs": "optional_param"}, **auth).status_code == 400
    body = {"legs": "aleg", "aleg_url": platform.leg_url(call, "aleg"), "aleg_method": "POST"}
    reply = httpx2.post(target, json=body, **auth)
    assert reply.status_code == 202
    assert reply.json()["message"] == "call transferred"
    phone.advance(5)
    assert 'hears "Please hold. We will be with you shortly."' in phone.text()


class ToSimulator(requests.adapters.HTTPAdapter):
    """Sends the SDK's requests to the simulator: its base URL is a constant."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: Any, **kwargs: Any) -> Any:
        request.url = request.url.replace("https://api.plivo.com", self.base)
        return super().send(request, **kwargs)


def test_the_official_sdk_transfers_a_call_to_our_url(platform: Platform) -> None:
    if platform.name != "plivo":
        # Vobiz publishes no SDK with a transfer method; its curl request is the test above
        return
    call = platform.live_call()
    phone, account = platform.phone, platform.phone.server.simulator
    client = plivo.RestClient(account.auth_id, account.auth_token)
    client.session.mount("https://api.plivo.com", ToSimulator(phone.server.url))
    urls = {f"{leg}_url": platform.leg_url(call, leg) for leg in ("aleg", "bleg")}
    response = client.calls.transfer(call_uuid=call, legs="both", **urls)
    assert response.message == "call transferred"
    phone.advance(10)
    held = [entry for entry in phone.transcript() if "We will be with you shortly" in entry["text"]]
    assert len(held) == 2, phone.text()


def test_check_live_passes_and_names_what_is_wrong(platform: Platform, tmp_path: Path) -> None:
    found = platform.run("check", "--live")
    assert [problem for problem in found["problems"] if problem["severity"] == "error"] == []
    assert "nothing was tried" not in str(found)
    done = command(platform.values, "check", "--live", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == f"ok (tried live: {platform.name})"
    assert all("check-" not in row["call_uuid"] for row in platform.run("calls", "list"))
    upper = platform.name.upper()
    wrong = {**platform.values, f"{upper}_AUTH_TOKENS": "another-token-0123"}
    done = command(wrong, "check", "--live", "--json", cwd=tmp_path)
    codes = {problem["code"] for problem in json.loads(done.stdout)["problems"]}
    assert done.returncode == 1
    assert {f"config.live-{platform.name}", f"config.rest-{platform.name}"} <= codes
    assert "another-token" not in done.stdout + done.stderr


def test_the_transcript_names_who_and_when(platform: Platform) -> None:
    platform.live_call()
    text = platform.phone.text()
    assert CALLER in text
    assert f"dials {AGENT}" in text
