"""The API's errors: one shape, one HTTP status for each code, and what each means for whoever gets it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ..errors import CallflowsError, DocumentRefused, RateLimited, SpendLimitReached, TransferInFlight
from ..models import EMPTY, Transfer

# code: (HTTP status, what it means and what to do). Clients compare these: a code keeps its status.
CODES: Mapping[str, tuple[int, str]] = {
    "malformed": (400, "the body is not JSON, or a query parameter or header is unknown or has a wrong form"),
    "unauthorized": (401, "no token, or none that is known"),
    "forbidden": (403, "the token's scope does not reach that far"),
    "not_found": (404, "there is no such address, transfer, call or flow"),
    "queue_empty": (404, "nobody waits in this queue (on that provider); `details.waiting_in`: where somebody does"),
    "not_waiting": (404, "the call does not wait in this queue"),
    "call_not_live": (404, "the platform has no such live call: it ended, is queued, or never was"),
    "method_not_allowed": (405, "see the `Allow` header"),
    "idempotency_key_reused": (409, "the key was used for another transfer; take a new one"),
    "transfer_in_flight": (409, "the same leg is being moved already; wait for that transfer, or `force`"),
    "body_too_large": (413, "larger than `CALLFLOWS_MAX_BODY`"),
    "unsupported_media_type": (415, "send `Content-Type: application/json`"),
    "request_invalid": (422, "a field is unknown, missing, of a wrong type, or makes no sense; see `details.fields`"),
    "flow_not_found": (422, "there is no such flow, or no such step in it"),
    "param_invalid": (422, "a param of the flow is missing, unknown, or of a wrong type"),
    "preflight_failed": (422, "a document would be refused; see `details.problems`. The call was left alone"),
    "token_too_long": (422, "the params do not fit into the address that the platform is given"),
    "spend_limit": (429, "too many transfers within the hour; see `details.scope`"),
    "rate_limited": (429, "the platform's own limit; try again, with a new key"),
    "internal_error": (500, "a mistake of ours; the log has it, under the request's id"),
    "provider_auth": (502, "the platform does not take the server's credentials"),
    "provider_rejected": (502, "the platform understood, and said no"),
    "provider_unreachable": (502, "not reached, or a question not answered; asking again, with a new key, is safe"),
    "provider_error": (502, "the platform answered with an error of its own"),
    "busy": (503, "this process has no thread to spare for the API; nothing was done"),
    "store_unavailable": (503, "the database cannot be reached, so nothing was asked of the platform"),
    "config_invalid": (503, "the server lacks a setting"),
    "outcome_unknown": (504, "the platform was asked and gave no clear answer: it may have acted; look at the call"),
}
# what asking a platform may come to
PLATFORM = ("provider_auth", "provider_rejected", "provider_unreachable", "provider_error", "rate_limited")
_RETRY = {"busy": 1, "store_unavailable": 5}  # Retry-After in seconds, where the error itself says nothing


class ApiError(Exception):
    """What the client is told. `headers` go with the answer."""

    def __init__(
        self, code: str, message: str, details: Mapping[str, Any] = EMPTY, headers: Mapping[str, str] = EMPTY
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details)
        self.headers = dict(headers)
        if code in _RETRY:
            self.headers.setdefault("Retry-After", str(_RETRY[code]))

    @property
    def status(self) -> int:
        return CODES[self.code][0]

    def body(self, request_id: str) -> dict[str, Any]:
        error = {"code": self.code, "message": self.message, "details": self.details}
        return {"error": error, "request_id": request_id}


class Busy(ApiError):
    def __init__(self) -> None:
        super().__init__("busy", "this process has no thread to spare for the API now; nothing was done, try again")


def told(error: CallflowsError) -> ApiError:
    """An error of the rooms, as the client is told it."""
    code = next((code for each in type(error).__mro__ if (code := getattr(each, "code", "")) in CODES), "")
    details = error.details()
    if error.hint:
        details["hint"] = in_our_words(error.hint)
    headers = {}
    if isinstance(error, DocumentRefused):
        code = "preflight_failed"
    if isinstance(error, TransferInFlight | SpendLimitReached | RateLimited):
        headers["Retry-After"] = str(math.ceil(max(error.retry_after or 0.0, 1.0)))
    if not code:
        raise error  # none that whoever asks could do anything about: a mistake of ours
    return ApiError(code, in_our_words(error.message), details, headers)


def told_again(transfer: Transfer) -> ApiError:
    """The error that a transfer ended with when it was asked for, made from its row."""
    code = transfer.reason if transfer.reason in CODES else "provider_error"
    headers = {"Retry-After": "1"} if CODES[code][0] == 429 else {}
    message = transfer.message or CODES[code][1]
    return ApiError(code, message, {"transfer_id": transfer.id}, headers)


def in_our_words(text: str) -> str:
    """A message, hint or warning of the rooms, which know the command line's options."""
    return re.sub(r"--set |--(?=(aleg|bleg|provider|force)\b)", "", text)
