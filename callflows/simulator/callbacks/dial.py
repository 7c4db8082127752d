"""What a Dial reports: each dialled leg's events to `callbackUrl`, how it all ended to `action`."""

from __future__ import annotations

from dataclasses import dataclass

from ..calls import Leg, plain, pretty
from .standard import Callbacks, billed, talked


def dial_event(callbacks: Callbacks, b_leg: Leg, action: str) -> dict[str, str]:
    """`action`: answer, connected or hangup."""
    a_uuid = b_leg.parent.call_uuid if b_leg.parent else ""
    number = pretty if "Dial" in callbacks.dialect.events_with_plus else plain
    params = {
        "CallUUID": a_uuid,
        "Event": {"answer": "DialAnswer", "connected": "DialConnected", "hangup": "DialHangup"}[action],
        "DialAction": action,
        "DialALegUUID": a_uuid,
        "DialBLegUUID": b_leg.call_uuid,
        "DialBLegStatus": action,
        "DialBLegFrom": number(b_leg.from_number),
        "DialBLegTo": number(b_leg.to_number),
        "DialBLegPosition": str(b_leg.dialled.position if b_leg.dialled else 1),
    }
    if callbacks.dialect.sip_headers_in_events and b_leg.dialled:
        params |= dict(b_leg.dialled.sip_headers)
    if callbacks.dialect.bills_dial_events:
        params["DialBLegBillRate"] = callbacks.dialect.bill_rate
    if action == "hangup" and b_leg.hangup is not None:
        params |= {
            "DialBLegDuration": str(talked(b_leg)),
            "DialBLegBillDuration": str(billed(talked(b_leg))),
            "DialBLegHangupCause": b_leg.hangup.cause,
            "DialBLegHangupCauseName": b_leg.hangup.name,
            "DialBLegHangupCauseCode": str(b_leg.hangup.code),
            "DialBLegHangupSource": b_leg.hangup_source,
        }
    return params


def dial_digits(callbacks: Callbacks, b_leg: Leg, pattern: str, by: str) -> dict[str, str]:
    return {
        **dial_event(callbacks, b_leg, "connected"),
        "Event": "DialDigitsMatch",
        "DialAction": "digits",
        "DialBLegStatus": "connected",
        "DialDigitsMatch": pattern,
        "DialDigitsPressedBy": callbacks.dialect.pressed_by[by],
    }


@dataclass(frozen=True)
class DialOutcome:
    """How a Dial ended, for its action."""

    status: str
    rang: bool
    cause: str
    a_leg: str
    b_leg: str = ""

    def params(self) -> dict[str, str]:
        return {
            "DialStatus": self.status,
            "DialRingStatus": "true" if self.rang else "false",
            "DialHangupCause": self.cause,
            "DialALegUUID": self.a_leg,
            "DialBLegUUID": self.b_leg,
        }
