"""How a leg can end: the platforms' hang-up codes with their names. Plivo docs and Vobiz docs, hangup causes.

Only what the simulator can bring about is here. `source` is who ended it; PLATFORM stands for the platform's own name.
"""

from __future__ import annotations

from dataclasses import dataclass

PLATFORM = "(platform)"


@dataclass(frozen=True)
class HangupCode:
    code: int
    name: str
    cause: str = "NORMAL_CLEARING"
    source: str = PLATFORM
    status: str = "completed"  # CallStatus and DialStatus of a leg that never answered


CODES = {
    entry.code: entry
    for entry in (
        HangupCode(1000, "Canceled", "ORIGINATOR_CANCEL", "Caller", "cancel"),
        HangupCode(2000, "Invalid Destination Address", "UNALLOCATED_NUMBER", "Carrier", "failed"),
        HangupCode(2060, "Loop Detected", "EXCHANGE_ROUTING_ERROR", "Error", "failed"),
        HangupCode(3000, "No Answer", "NO_ANSWER", "Callee", "no-answer"),
        HangupCode(3010, "Busy Line", "USER_BUSY", "Callee", "busy"),
        HangupCode(3020, "Rejected", "CALL_REJECTED", "Callee", "failed"),
        HangupCode(4000, "Normal Hangup", source="Callee"),
        HangupCode(4010, "End Of XML Instructions"),
        HangupCode(6000, "Scheduled Hangup"),
        HangupCode(6010, "Ring Timeout Reached", "NO_ANSWER", status="no-answer"),
        HangupCode(6020, "Media Timeout", "MEDIA_TIMEOUT"),
        HangupCode(7011, "Error Reaching Answer URL", source="Error", status="failed"),
        HangupCode(7012, "Error Reaching Action URL", source="Error", status="failed"),
        HangupCode(7013, "Error Reaching Transfer URL", source="Error", status="failed"),
        HangupCode(7014, "Error Reaching Redirect URL", source="Error", status="failed"),
        HangupCode(7022, "Invalid Action URL", source="Error", status="failed"),
        HangupCode(7023, "Invalid Transfer URL", source="Error", status="failed"),
        HangupCode(7024, "Invalid Redirect URL", source="Error", status="failed"),
        HangupCode(7032, "Invalid Method For Action URL", source="Error", status="failed"),
        HangupCode(7033, "Invalid Method For Transfer URL", source="Error", status="failed"),
        HangupCode(7034, "Invalid Method For Redirect URL", source="Error", status="failed"),
        HangupCode(8011, "Invalid Answer XML", source="Error", status="failed"),
        HangupCode(8012, "Invalid Action XML", source="Error", status="failed"),
        HangupCode(8013, "Invalid Transfer XML", source="Error", status="failed"),
        HangupCode(8014, "Invalid Redirect XML", source="Error", status="failed"),
        HangupCode(9000, "Lost Race", "LOSE_RACE", status="cancel"),
        HangupCode(9110, "Confirm Key Challenge Failed", status="no-answer"),
    )
}

# The last digit of the 70xx and 80xx codes says what the URL was for.
PURPOSES = {"answer": 1, "action": 2, "transfer": 3, "redirect": 4}


def unreachable(purpose: str) -> int:
    return 7010 + PURPOSES[purpose]


def invalid_url(purpose: str) -> int:
    """The answer URL has no code of its own for this: it cannot be reached."""
    return 7020 + PURPOSES[purpose] if purpose != "answer" else 7011


def invalid_method(purpose: str) -> int:
    return 7030 + PURPOSES[purpose] if purpose != "answer" else 7011


def invalid_xml(purpose: str) -> int:
    return 8010 + PURPOSES[purpose]
