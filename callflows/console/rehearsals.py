"""Call it: a flow walked through on a simulated platform, with a keypad on the screen."""

from __future__ import annotations

from collections.abc import Mapping

import flask

from ..errors import CallflowsError
from ..flows import ENTRY_STEPS
from ..providers import NAMES
from ..simulator.rehearsing.wording import Unmet
from .door import bp, operators, page, problem_page, runtime, session
from .moving import fields_of
from .rehearsing import Beginning, Press, Rehearsals

WAITS = (1, 5, 30, 300)
ENDS = {
    "answers": "answers",
    "busy": "is busy",
    "no-answer": "does not answer",
    "reject": "declines",
    "unreachable": "cannot be reached",
}


def known() -> Rehearsals:
    extensions = flask.current_app.extensions
    found: Rehearsals = extensions.setdefault("callflows.rehearsals", Rehearsals(runtime()))
    return found


@bp.route("/flows/<name>/call", methods=("GET", "POST"))
@operators
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
        "numbers": given.get("numbers") or next(iter(ENDS)),
    }
    why = ""
    if flask.request.method == "POST":
        params = {each.name: each.value for each in fields if each.value != ""}
        for each in fields:  # what is needed and was left empty is the example's
            if each.spec.required and each.name not in params and each.spec.example is not None:
                params[each.name] = str(each.spec.example)
        try:
            if chosen["provider"] not in NAMES or chosen["numbers"] not in ENDS:
                raise ValueError("choose from the lists")
            began = Beginning(
                session().person.name, name, step, chosen["provider"], params, chosen["caller"][:40], chosen["numbers"]
            )
            target = flask.url_for("callflows_console.rehearsal", id=known().begin(began))
            return flask.redirect(target, 303)  # type: ignore[return-value]
        except (CallflowsError, ValueError, Unmet) as error:
            why = str(error).partition("\n")[0]
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
    press = _press(flask.request.form) if flask.request.method == "POST" else None
    with known().at(id, session().person.name, press) as found:
        if found is None:
            return problem_page(404, "That call is over", "Open the flow and call it again.")
        response = page(
            "rehearsal.html",
            part="part-rehearsal" if found.call.over else "part-heard",
            id=id,
            rehearsal=found,
            entries=[entry for entry in found.phone.platform.transcript.entries if entry.kind != "rest"],
            waits=WAITS,
            keys="123456789*0#",
            flow=found.began.flow,
            ends=ENDS,
            numbers=next((value for what, value in reversed(found.presses) if what == "numbers"), found.began.numbers),
        )
        if found.call.over:  # the keypad goes too
            response.headers["HX-Retarget"] = "#part-rehearsal"
        return response


def _press(form: Mapping[str, str]) -> Press | None:
    if key := form.get("press", ""):
        return "press", key[:32]
    if text := form.get("say", "").strip():
        return ("press" if set(text) <= set("0123456789*#") else "say"), text[:200]
    seconds = form.get("wait", "")
    if seconds in map(str, WAITS):
        return "wait", seconds
    if (numbers := form.get("numbers", "")) in ENDS:
        return "numbers", numbers
    return ("hang_up", "") if form.get("hang_up") else None
