"""How many calls a second are simulated: an IVR of five steps, from the ringing to the hang-up, in virtual time.

Once against flows of callflows and once against a bare WSGI application that answers the same documents, which is what
the simulator itself costs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callflows.simulator.rehearsing import Phone
from callflows.testing.stage import WEB_URL, flows_app, new_phone, platforms, settings_for

from .checking import write_flows

CALLS = 100
AGENTS = ("+14155550123", "+14155550124")
LINE = "+14155550100"
SITE = {
    "/answer": f"<GetInput action='{WEB_URL}/choice' inputType='dtmf' numDigits='1'><Speak>Press 1</Speak></GetInput>",
    "/choice": f"<Speak>One moment, please.</Speak><Redirect>{WEB_URL}/dial</Redirect>",
    "/dial": f"<Dial callerId='{LINE}' action='{WEB_URL}/done'>"
    + "".join(f"<Number>{agent}</Number>" for agent in AGENTS)
    + "</Dial>",
    "/done": f"<Redirect>{WEB_URL}/sorry</Redirect>",
    "/sorry": "<Speak>Goodbye.</Speak><Hangup/>",
}


def bare(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/xml")])
    return [f"<Response>{SITE[environ['PATH_INFO']]}</Response>".encode()]


def one_call(phone: Phone, target: str) -> None:
    for agent in AGENTS:
        phone.number(agent, "busy")
    call = phone.dial(target)
    call.hears("Press 1")
    call.press("1")
    call.hears("Goodbye")
    call.is_hung_up(4000)


def simulate(calls: int = CALLS) -> str:
    """Calls per second, of each application."""
    with tempfile.TemporaryDirectory() as folder, platforms(("plivo",)) as servers:
        templates = Path(folder) / "templates"
        write_flows(templates, 1)
        values = settings_for(servers, Path(folder) / "state", templates) | {"TEMPLATES": templates}
        rates = {}
        for name, app, target in (("callflows", flows_app(values), "team0"), ("a bare WSGI app", bare, "/answer")):
            simulator = servers["plivo"].simulator
            one_call(new_phone(simulator, app), target)  # whatever is done only once
            started = time.perf_counter()
            for seed in range(calls):
                one_call(new_phone(simulator, app, seed=seed), target)
            rates[name] = calls / (time.perf_counter() - started)
    told = ", ".join(f"{rate:.0f} calls/s against {name}" for name, rate in rates.items())
    return f"simulating a 5-step IVR call: {told} (ratio {rates['callflows'] / rates['a bare WSGI app']:.2f})"
