"""Call it: a flow walked through on a simulated platform, with a keypad on the screen. Nobody's telephone rings.

The simulator drives the webhook door in this process, over WSGI; the flows are the versions that callers hear now, the
journal and the store are the rehearsal's own, and its time is virtual.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import flask

from ..errors import CallflowsError
from ..flows import ENTRY_STEPS
from ..providers import NAMES
from ..runtime import Runtime
from ..simulator import Simulator
from ..simulator.reading import read_behaviour
from ..simulator.rehearsing import Call, Phone
from ..simulator.rehearsing.wording import Unmet
from ..testing.site import FlowSite
from ..webhooks import bp as webhooks
from .door import bp, page, problem_page, runtime, session
from .moving import fields_of

URL = "https://flows.test"  # reached in this process, without a socket
ANYBODY = "*"  # the simulator's word for all numbers
MOST = 20  # rehearsals at a time; the oldest gives way
IDLE_SECONDS = 3600.0
LONGEST_WAIT = 120.0  # virtual seconds a press waits for the flow to ask for it
WAITS = (1, 5, 30, 300)
ENDS = ("answers", "busy", "no-answer", "reject", "unreachable")


@dataclass(slots=True)
class Rehearsal:
    """One person's. `fault`: what made no sense the last time."""

    owner: str
    flow: str
    provider: str
    phone: Phone
    call: Call
    folder: tempfile.TemporaryDirectory[str]
    runtime: Runtime
    used: float = field(default_factory=time.monotonic)
    fault: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        self.runtime.close()
        self.folder.cleanup()


class Rehearsals:
    """Those of this process."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Rehearsal] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, rehearsal: Rehearsal) -> str:
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._known[name] = rehearsal
            over = [known for known, each in self._known.items() if time.monotonic() - each.used > IDLE_SECONDS]
            over += list(self._known)[: max(len(self._known) - len(over) - MOST, 0)]
            gone = [self._known.pop(known) for known in dict.fromkeys(over)]
        for each in gone:
            each.close()
        return name

    def of(self, name: str, owner: str) -> Rehearsal | None:
        with self._lock:
            found = self._known.get(name)
            if found is None or found.owner != owner:
                return None
            self._known.move_to_end(name)
            found.used = time.monotonic()
            return found


def begin(flow: str, step: str, provider: str, params: Mapping[str, str], caller: str, numbers: str) -> Rehearsal:
    """Somebody calls in. Raise CallflowsError or ValueError for what makes no sense."""
    real = runtime()
    folder = tempfile.TemporaryDirectory(prefix="callflows-rehearsal-")
    simulator = Simulator(provider, clock="manual")
    settings = {
        **real.settings.dump(),
        "PUBLIC_URL": URL,
        "STATE_DIR": folder.name,
        "DATABASE_URL": "",
        "SECRET_KEYS": secrets.token_hex(16),
        "KEEPER": False,
        "CONSOLE": False,
        f"{provider.upper()}_AUTH_ID": simulator.auth_id,
        f"{provider.upper()}_AUTH_TOKENS": simulator.auth_token,
        f"{provider.upper()}_API_URL": "http://127.0.0.1:9",  # nothing is asked of it
    }
    own = Runtime({name: value for name, value in settings.items() if value is not None})
    own.versions = real.versions  # what callers hear now
    app = flask.Flask("callflows.rehearsal", template_folder=None, static_folder=None)
    app.extensions["callflows"] = own
    app.register_blueprint(webhooks)
    simulator.reset(seed=secrets.randbelow(2**31), switches={}, epoch=datetime.now(UTC), apps={URL: app})
    clock = simulator.platform.clock
    phone = Phone(simulator, FlowSite(own, provider, lambda: clock.as_datetime(clock.now())))
    phone.platform.behaviours[ANYBODY] = read_behaviour({"behaviour": numbers})
    call = phone.dial(f"{flow}/{step}" if step else flow, params, caller=caller)
    return Rehearsal(session().person.name, flow, provider, phone, call, folder, own)


def known() -> Rehearsals:
    found: Rehearsals = flask.current_app.extensions.setdefault("callflows.rehearsals", Rehearsals())
    return found


@bp.route("/flows/<name>/call", methods=("GET", "POST"))
def call_it(name: str) -> flask.Response:
    flow = runtime().versions.live(name)
    if flow is None:
        return problem_page(404, "That flow is not live", "Only what callers can hear can be called.")
    given = flask.request.values
    steps = [step for step in ENTRY_STEPS if step in flow.steps] + [
        step for step, each in flow.steps.items() if each.kind == "call" and step not in ENTRY_STEPS
    ]
    step = given.get("step") or ("answer" if "answer" in flow.steps else steps[0] if steps else "")
    fields = fields_of({"aleg": name}, given)
    chosen = {
        "step": step,
        "provider": given.get("provider") or (flow.manifest.providers or NAMES)[0],
        "caller": given.get("caller") or "+14155550101",
        "numbers": given.get("numbers") or ENDS[0],
    }
    why = ""
    if flask.request.method == "POST":
        params: dict[str, Any] = {each.name: each.value for each in fields if each.value != ""}
        for each in fields:  # what is needed and was left empty is the example's
            if each.spec.required and each.name not in params:
                params[each.name] = each.spec.example
        try:
            if chosen["provider"] not in NAMES or chosen["numbers"] not in ENDS:
                raise ValueError("choose from the lists")
            made = begin(name, step, chosen["provider"], params, chosen["caller"], chosen["numbers"])
            target = flask.url_for("callflows_console.rehearsal", id=known().add(made))
            return flask.redirect(target, 303)  # type: ignore[return-value]
        except (CallflowsError, ValueError, Unmet) as error:
            why = str(error)
    return page(
        "call_it.html",
        422 if why else 200,
        flow=flow,
        steps=steps,
        fields=fields,
        chosen=chosen,
        providers=flow.manifest.providers or NAMES,
        ends=ENDS,
        why=why,
    )


@bp.route("/rehearsals/<id>", methods=("GET", "POST"))
def rehearsal(id: str) -> flask.Response:
    found = known().of(id, session().person.name)
    if found is None:
        return problem_page(404, "That call is over", "Open the flow and call it again.")
    with found.lock:
        if flask.request.method == "POST":
            found.fault = _done(found, flask.request.form)
        entries = [entry for entry in found.phone.platform.transcript.entries if entry.kind != "rest"]
        return page(
            "rehearsal.html",
            id=id,
            rehearsal=found,
            entries=entries,
            waits=WAITS,
            keys="123456789*0#",
            flow=found.flow,
        )


def _done(rehearsal: Rehearsal, form: Mapping[str, str]) -> str:
    """What the person on the telephone does; "" or why that makes no sense."""
    call, phone = rehearsal.call, rehearsal.phone
    try:
        if key := form.get("press", ""):
            call.press(key[:32])
            phone.wait(0.5)
        elif text := form.get("say", "").strip():
            call.say(text[:200])
            phone.wait(0.5)
        elif seconds := form.get("wait", ""):
            phone.wait(float(seconds))
        elif form.get("hang_up"):
            call.hang_up()
            phone.finish(60)
    except Unmet as error:
        return str(error).partition("\n")[0]
    except ValueError as error:
        return str(error)
    return ""
