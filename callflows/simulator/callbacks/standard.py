"""What every request about a call carries, and the reports of its ringing and its end.

What differs between the platforms is asked of the dialect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..calls import Leg, plain, pretty

if TYPE_CHECKING:
    from ..clock import Clock
    from ..dialects import Dialect
    from ..switches import Switches


def clean(params: Mapping[str, str]) -> dict[str, str]:
    """As they can go over the wire: what UTF-8 cannot say becomes a question mark."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in params.items()}


class Callbacks:
    def __init__(self, dialect: Dialect, clock: Clock, auth_id: str) -> None:
        self.dialect, self.clock, self.auth_id = dialect, clock, auth_id

    def standard(self, leg: Leg, event: str, switches: Switches, *, status: str = "") -> dict[str, str]:
        """What every fetch of a document carries."""
        number = pretty if event in self.dialect.events_with_plus else plain
        params = {
            "CallUUID": leg.call_uuid,
            "From": number(leg.from_number),
            "To": number(leg.to_number),
            "Direction": leg.direction,
            "CallStatus": status or self._status(leg),
            "ParentAuthID": self.auth_id,
        }
        if event:
            params["Event"] = event
        if event == "Redirect" and self.dialect.short_redirect:
            return {**params, "CallerName": leg.call.caller_name}
        if leg.direction == "outbound":
            params |= {
                "BillRate": self.dialect.bill_rate,
                "SessionStart": self._session_start(leg),
                "STIRVerification": "Not Applicable",
                "STIRAttestation": "",
            }
            if event != "Hangup":
                params |= self.dialect.outbound_extra
            params |= self._uuids(leg, switches)
        else:
            params |= {name: self._inbound_extra(leg)[name] for name in self.dialect.inbound_extra}
        if leg.name == "A":
            params |= {f"{self.dialect.sip_prefix}{name}": value for name, value in leg.call.sip_headers}
            if leg.call.caller_name:
                params["CallerName"] = leg.call.caller_name
            # seen on Vobiz: not repeated after the answer fetch
            if leg.call.forwarded_from and (event == "StartApp" or not self.dialect.short_redirect):
                params["ForwardedFrom"] = plain(leg.call.forwarded_from)
        return params

    def _status(self, leg: Leg) -> str:
        over = leg.ended_at is not None and leg.status not in self.dialect.end_statuses[leg.direction]
        return "completed" if over else leg.status

    def _uuids(self, leg: Leg, switches: Switches) -> dict[str, str]:
        """For a single outbound call all four are the same; a dialled leg names the leg that dialled it."""
        if leg.parent is None:
            return dict.fromkeys(("ALegUUID", "ALegRequestUUID", "RequestUUID"), leg.call_uuid)
        return {"ALegUUID": leg.parent.call_uuid} if switches.bleg_aleg_uuid == "sent" else {}

    def _inbound_extra(self, leg: Leg) -> dict[str, str]:
        return {
            "BillRate": self.dialect.bill_rate,
            "SessionStart": self._session_start(leg),
            "STIRVerification": "Not Applicable",
        }

    def _session_start(self, leg: Leg) -> str:
        return self.clock.as_datetime(leg.started_at).strftime("%Y-%m-%d %H:%M:%S.%f")

    def ring(self, leg: Leg, switches: Switches) -> dict[str, str]:
        if not self.dialect.short_ring:
            return self.standard(leg, "Ring", switches, status="ringing")
        number = pretty if "Ring" in self.dialect.events_with_plus else plain
        return {
            "CallUUID": leg.call_uuid,
            "RequestUUID": leg.call_uuid,
            "From": number(leg.from_number),
            "To": number(leg.to_number),
            "Direction": leg.direction,
            "CallStatus": "ringing",
            "CallerName": leg.call.caller_name or pretty(leg.from_number),
            "Event": "Ring",
            "ParentAuthID": self.auth_id,
            "SessionStart": self._session_start(leg),
        }

    def hangup(self, leg: Leg, switches: Switches) -> dict[str, str]:
        """One per call, for the A leg."""
        code, ended = leg.hangup, leg.ended_at
        if code is None or ended is None:
            raise ValueError("this leg has not ended")
        duration = talked(leg)
        return {
            **self.standard(leg, "Hangup", switches),
            "BillRate": self.dialect.bill_rate,
            "SessionStart": self._session_start(leg),
            "STIRVerification": "Not Applicable",
            "HangupCause": code.cause,
            "HangupCauseCode": str(code.code),
            "HangupCauseName": code.name,
            "HangupSource": leg.hangup_source,
            "Duration": str(duration),
            "BillDuration": str(billed(duration)),
            "TotalCost": "0.00000",
            "StartTime": self.local(leg.started_at),
            "AnswerTime": self.local(leg.answered_at),
            "EndTime": self.local(ended),
        }

    def local(self, instant: float | None) -> str:
        """Account-local time, without a zone."""
        if instant is None:
            return ""
        moment: datetime = self.clock.as_datetime(instant) + timedelta(hours=self.dialect.local_hours)
        return moment.strftime("%Y-%m-%d %H:%M:%S")


def talked(leg: Leg) -> int:
    """Whole seconds from answer to end."""
    return 0 if leg.answered_at is None or leg.ended_at is None else round(leg.ended_at - leg.answered_at)


def billed(seconds: int) -> int:
    """In pulses of a minute, as captured hang-ups have it."""
    return math.ceil(seconds / 60) * 60
