"""Every error callflows raises on purpose.

    CallflowsError
     ├── ConfigError            a setting is missing or wrong
     ├── RequestInvalid         what was asked for makes no sense (no leg, no call UUID, ...)
     ├── FlowNotFound           no such flow, or no such step in it
     ├── DataNotFound           a flow has no such text, table or opening hours
     ├── ParamInvalid           a flow parameter is missing or of the wrong type
     ├── KeyReused              an idempotency key that was used for another transfer
     ├── TransferInFlight       the same leg is on its way already: carries `transfer_id` and `retry_after`
     ├── QueueEmpty             nobody waits in a queue: carries `waiting_in`
     ├── NotWaiting             a call that waits in no queue, or not in this one
     ├── SpendLimitReached      too many transfers within the hour: carries `scope` and `retry_after`
     ├── DocumentRefused        problems that forbid serving or transferring: carries `problems`
     │    └── PreflightFailed   ... found before a live call was touched
     ├── TokenInvalid           a token of ours that is not genuine, or not for this URL or call
     │    └── TokenExpired
     ├── TokenTooLong           what the URL would have to carry does not fit
     ├── StoreError             the database refused or could not be reached
     └── ProviderError          the platform's REST API: carries `http_status` and `api_id`
          ├── ProviderRejected      it understood and said no (400 and other 4xx)
          ├── ProviderAuthFailed    401 or 403
          ├── CallNotLive           404: ended, queued, or never existed
          ├── RateLimited           429: carries `retry_after`
          ├── ProviderUnreachable   nothing was sent, or a read failed: asking again is safe
          └── OutcomeUnknown        it was sent and no clear answer came: it may have acted

An error's text is for the person who has to act: what happened, and in `hint` what to do. `code` is stable
(API clients and scripts may compare it), `exit_code` is the command line's. No message carries a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .models import Problem


class CallflowsError(Exception):
    """Base of all of them. `str(error)` is one clear line, the hint included."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def details(self) -> dict[str, Any]:
        """What a program may want to know of it beside code and message, as JSON values."""
        return {"hint": self.hint} if self.hint else {}


class ConfigError(CallflowsError):
    code = "config_invalid"


class RequestInvalid(CallflowsError, ValueError):
    code = "request_invalid"
    exit_code = 2


class FlowNotFound(CallflowsError, LookupError):
    code = "flow_not_found"


class DataNotFound(CallflowsError, LookupError):
    code = "data_not_found"


class ParamInvalid(CallflowsError, ValueError):
    code = "param_invalid"


class KeyReused(CallflowsError):
    code = "idempotency_key_reused"


class TransferInFlight(CallflowsError):
    """`transfer_id` moves the same `leg` of the same call; in `retry_after` seconds it is no obstacle any more."""

    code = "transfer_in_flight"

    def __init__(self, message: str, *, hint: str = "", transfer_id: str, leg: str, retry_after: float) -> None:
        super().__init__(message, hint=hint)
        self.transfer_id = transfer_id
        self.leg = leg
        self.retry_after = retry_after

    def details(self) -> dict[str, Any]:
        return {**super().details(), "transfer_id": self.transfer_id, "leg": self.leg}


class QueueEmpty(CallflowsError):
    """`waiting_in` has the queues where somebody does wait, and how many."""

    code = "queue_empty"

    def __init__(self, message: str, *, hint: str = "", waiting_in: Mapping[str, int]) -> None:
        super().__init__(message, hint=hint)
        self.waiting_in = dict(waiting_in)

    def details(self) -> dict[str, Any]:
        return {**super().details(), "waiting_in": self.waiting_in}


class NotWaiting(CallflowsError, LookupError):
    code = "not_waiting"


class SpendLimitReached(CallflowsError):
    """`scope` is call, destination or token, `limit` how many transfers one of it may have within an hour;
    `retry_after` seconds from now there is room for one again.
    """

    code = "spend_limit"

    def __init__(self, message: str, *, hint: str = "", scope: str, limit: int, retry_after: float) -> None:
        super().__init__(message, hint=hint)
        self.scope = scope
        self.limit = limit
        self.retry_after = retry_after

    def details(self) -> dict[str, Any]:
        return {**super().details(), "scope": self.scope, "limit": self.limit}


class DocumentRefused(CallflowsError):
    """`problems` holds every problem found; the message names the first."""

    code = "document_refused"

    def __init__(self, message: str, problems: Sequence[Problem] = (), *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)

    def details(self) -> dict[str, Any]:
        return {**super().details(), "problems": [problem.as_object() for problem in self.problems]}


class PreflightFailed(DocumentRefused):
    code = "preflight_failed"


class TokenInvalid(CallflowsError):
    code = "token_invalid"


class TokenExpired(TokenInvalid):
    code = "token_expired"


class TokenTooLong(CallflowsError):
    code = "token_too_long"


class StoreError(CallflowsError):
    code = "store_unavailable"
    exit_code = 4


class ProviderError(CallflowsError):
    """`http_status` is None when no reply came; `api_id` is the platform's own id of the request, if it gave one."""

    code = "provider_error"
    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", http_status: int | None = None, api_id: str = "") -> None:
        super().__init__(message, hint=hint)
        self.http_status = http_status
        self.api_id = api_id
        self.transfer_id = ""  # of the transfer it ended, where there is one

    def details(self) -> dict[str, Any]:
        return {**super().details(), **({"transfer_id": self.transfer_id} if self.transfer_id else {})}


class ProviderRejected(ProviderError):
    code = "provider_rejected"


class ProviderAuthFailed(ProviderError):
    code = "provider_auth"


class CallNotLive(ProviderError):
    code = "call_not_live"


class RateLimited(ProviderError):
    """`retry_after` is in seconds, or None when the platform did not say."""

    code = "rate_limited"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        http_status: int | None = None,
        api_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, http_status=http_status, api_id=api_id)
        self.retry_after = retry_after


class ProviderUnreachable(ProviderError):
    code = "provider_unreachable"
    exit_code = 4


class OutcomeUnknown(ProviderError):
    code = "outcome_unknown"
    exit_code = 4
