"""What is not carried out: elements that are noted in the transcript and passed, each with its reason."""

from __future__ import annotations

from ..engine import Steps
from .turn import Turn

NOTED = {
    "Message": "text messages are not simulated; the call goes on as on the platform, which sends them on the side",
    "MultiPartyCall": "its rooms are steered by a REST API that is not simulated; use Conference",
}

# As children only: the element itself has an executor. (parent, child) -> reason
NOTED_WITHIN = {
    ("Dial", "Record"): "no documentation says what it does there; put it in front of the Dial",
}


def pass_over(turn: Turn) -> Steps[None]:
    name = turn.element.name
    turn.platform.note(turn.leg, "pass", f"{name} is passed over: {NOTED[name]}", element=name)
    return
    yield  # a verb is a generator
