"""Rehearsals: a simulated platform and a caller on it, steered press by press. Nobody's telephone rings.

The simulator drives the webhook door in this process, over WSGI; the flows are the versions that callers hear now, the
journal and the store are the rehearsal's own, and its time is virtual. So the same presses come to the same, and a
rehearsal is kept as its beginning and its presses: whichever process is asked next does those it has not done yet.
"""

from __future__ import annotations

import fcntl
import json
import re
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import flask

from ..flow_site import FlowSite
from ..runtime import Runtime
from ..simulator import Simulator
from ..simulator.reading import read_behaviour
from ..simulator.rehearsing import Call, Phone
from ..simulator.rehearsing.wording import Unmet
from ..webhooks import bp as webhooks

URL = "https://flows.test"  # reached in this process, without a socket
ANYBODY = "*"  # the simulator's word for all numbers
AT_ONCE, KEPT = 20, 100  # in this process's memory; as files. The oldest give way
IDLE_SECONDS = 3600.0
MOST_PRESSES = 500
_NAME = re.compile(r"[\w-]{8,32}", re.ASCII)

Press = tuple[str, str]  # press, say, wait, numbers, hang_up; and what, how long, or what they do


@dataclass(frozen=True, slots=True)
class Beginning:
    """Who calls which flow, and what happens to whoever is dialled. `at` is an ISO time, with a zone."""

    owner: str
    flow: str
    step: str
    provider: str
    params: dict[str, str]
    caller: str
    numbers: str
    seed: int = field(default_factory=lambda: secrets.randbelow(2**31))
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


class Rehearsal:
    """`fault`: what made no sense the last time. Raise CallflowsError or ValueError for a beginning that makes none."""

    def __init__(self, real: Runtime, began: Beginning) -> None:
        self.began = began
        self.presses: list[Press] = []
        self.fault = ""
        self._folder = tempfile.TemporaryDirectory(prefix="callflows-rehearsal-")
        provider = began.provider
        simulator = Simulator(provider, clock="manual")
        settings = {
            **real.settings.dump(),
            "PUBLIC_URL": URL,
            "STATE_DIR": self._folder.name,
            "DATABASE_URL": "",
            "SECRET_KEYS": "of-a-rehearsal-only",
            "KEEPER": False,
            "CONSOLE": False,
            f"{provider.upper()}_AUTH_ID": simulator.auth_id,
            f"{provider.upper()}_AUTH_TOKENS": simulator.auth_token,
            f"{provider.upper()}_API_URL": "http://127.0.0.1:9",  # nothing is asked of it
        }
        self._runtime = Runtime({name: value for name, value in settings.items() if value is not None})
        try:
            self._runtime.versions = real.versions  # what callers hear now
            app = flask.Flask("callflows.rehearsal", template_folder=None, static_folder=None)
            app.extensions["callflows"] = self._runtime
            app.register_blueprint(webhooks)
            simulator.reset(seed=began.seed, switches={}, epoch=datetime.fromisoformat(began.at), apps={URL: app})
            clock = simulator.platform.clock
            site = FlowSite(self._runtime, provider, lambda: clock.as_datetime(clock.now()))
            self.phone = Phone(simulator, site)
            self.phone.platform.behaviours[ANYBODY] = read_behaviour({"behaviour": began.numbers})
            target = f"{began.flow}/{began.step}" if began.step else began.flow
            self.call: Call = self.phone.dial(target, began.params, caller=began.caller)
        except Exception:
            self.close()
            raise

    def do(self, press: Press) -> None:
        """What the person on the telephone does. `fault` says why that makes no sense."""
        self.presses.append(press)
        self.fault = ""
        what, value = press
        try:
            if what == "press":
                self.call.press(value)
                self.phone.wait(0.5)
            elif what == "say":
                self.call.say(value)
                self.phone.wait(0.5)
            elif what == "wait":
                self.phone.wait(float(value))
            elif what == "numbers":
                self.phone.platform.behaviours[ANYBODY] = read_behaviour({"behaviour": value})
            else:
                self.call.hang_up()
                self.phone.finish(60)
        except Unmet as error:
            self.fault = str(error).partition("\n")[0]
        except ValueError as error:
            self.fault = str(error)

    def close(self) -> None:
        self._runtime.close()
        self._folder.cleanup()


class Rehearsals:
    """Those of this machine, by name. What this process remembers of them only saves it time."""

    def __init__(self, real: Runtime) -> None:
        self._real = real
        self._known: OrderedDict[str, Rehearsal] = OrderedDict()
        self._lock = threading.Lock()  # of all: one is at work for milliseconds

    @property
    def _files(self) -> Path:
        return self._real.settings.state_dir / "rehearsals"

    def begin(self, began: Beginning) -> str:
        """Its name. Raise CallflowsError or ValueError for what makes no sense."""
        made, name = Rehearsal(self._real, began), secrets.token_urlsafe(12)
        with self._lock:
            self._real.settings.make_state_dir()
            self._files.mkdir(mode=0o700, exist_ok=True)
            self._prune()
            with (self._files / f"{name}.json").open("x") as file:
                json.dump({"began": asdict(began), "presses": []}, file)
            self._remember(name, made)
        return name

    @contextmanager
    def at(self, name: str, owner: str, press: Press | None = None) -> Iterator[Rehearsal | None]:
        """As it is after `press`, and held so; None where there is none such of `owner`."""
        with self._lock, self._opened(name) as file:
            kept: dict[str, Any] = json.load(file) if file else {"began": {"owner": None}}
            if file is None or kept["began"]["owner"] != owner:
                yield None
                return
            presses = [(what, value) for what, value in kept["presses"]]
            if press and len(presses) < MOST_PRESSES:
                presses.append(press)
                file.seek(0)
                json.dump({**kept, "presses": presses}, file)
                file.truncate()
            found = self._known.get(name)
            if found is None or found.presses != presses[: len(found.presses)]:
                found = Rehearsal(self._real, Beginning(**kept["began"]))
            self._remember(name, found)
            for each in presses[len(found.presses) :]:
                found.do(each)
            yield found

    def close(self) -> None:
        """Let go of what this process has of them; they can be gone on with."""
        with self._lock:
            while self._known:
                self._known.popitem()[1].close()

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[str] | None]:
        try:
            file = (self._files / f"{name}.json").open("r+") if _NAME.fullmatch(name) else None
        except OSError:
            file = None
        if file is None:
            yield None
            return
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _remember(self, name: str, rehearsal: Rehearsal) -> None:
        before = self._known.get(name)
        if before is not None and before is not rehearsal:
            before.close()
        self._known[name] = rehearsal
        self._known.move_to_end(name)
        while len(self._known) > AT_ONCE:
            self._known.popitem(last=False)[1].close()

    def _prune(self) -> None:
        files = sorted(self._files.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for number, file in enumerate(files):
            if number >= KEPT or time.time() - file.stat().st_mtime > IDLE_SECONDS:
                file.unlink(missing_ok=True)
