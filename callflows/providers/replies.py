"""What a platform's REST API answered, and which error that is. The status decides; the words are for people.

No platform documents the body of a failed transfer, and the shapes seen elsewhere differ (Plivo: `error` string; Vobiz:
`error` string, `error` object, `message`; gateways in front: HTML). So all of them are read, and none is compared.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import (
    CallNotLive,
    OutcomeUnknown,
    ProviderAuthFailed,
    ProviderError,
    ProviderRejected,
    ProviderUnreachable,
    RateLimited,
)
from .params import clean

MAX_WORDS = 300
_MAX_ID = 100
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>")


@dataclass(frozen=True, slots=True)
class Platform:
    """Who answered, for the wording of errors; `hide` takes our secrets out of a text."""

    name: str
    label: str
    hide: Callable[[str], str]

    def setting(self, name: str) -> str:
        return f"CALLFLOWS_{self.name.upper()}_{name}"


@dataclass(frozen=True, slots=True)
class Reply:
    """`data` is the JSON object of the body, empty when it was anything else."""

    platform: Platform
    status: int
    headers: Mapping[str, str]
    body: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, platform: Platform, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        text = body.decode("utf-8", "replace")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        return cls(platform, status, headers, text, data if isinstance(data, dict) else {})

    @property
    def api_id(self) -> str:
        """Plivo and Vobiz: `api_id`, not on every reply; Vobiz's general error shape: `requestId`."""
        found = self.data.get("api_id") or self.data.get("requestId")
        return self._clean(found, _MAX_ID) if isinstance(found, str) else ""

    @property
    def error(self) -> str:
        """The platform's explanation where the body has one, without `message`, which successes have as well."""
        error, details = self.data.get("error"), self.data.get("details")
        if isinstance(error, Mapping):
            said = ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))
            details = error.get("details", details)
        else:
            said = _text(error)
        if said and details:
            said += f" ({_text(details)})"
        return self._clean(said)

    @property
    def words(self) -> str:
        """What the platform says, in one short line."""
        if self.data:
            return self.error or self._clean(_text(self.data.get("message") or self.data.get("text")))
        if "html" in self.headers.get("content-type", "").lower() or self.body.lstrip()[:1] == "<":
            title = _TITLE.search(self.body)
            return self._clean(f'a web page, "{title[1].strip()}"' if title else "a web page")
        return self._clean(self.body)

    def content(self, key: str) -> Mapping[str, Any]:
        """The JSON of a read, which must have `key`. A 2xx without it is no answer to the question."""
        if key in self.data:
            return self.data
        if self.error:  # Vobiz answers some failures with 200 (conferences, vendor's live test, Aug 2026)
            raise self._error(ProviderRejected, "with an error")
        raise self._error(
            ProviderUnreachable, f"without `{key}`", hint=f"is {self.platform.setting('API_URL')} the API's address?"
        )

    def raise_for_status(self, *, acts: bool, one_call: bool) -> None:
        """Nothing for any 2xx: real ones are 200, 201, 202 and 204 in mixtures. Otherwise the error it means."""
        if 200 <= self.status < 300:
            return
        setting = self.platform.setting
        if self.status in (401, 403):
            raise self._error(
                ProviderAuthFailed,
                hint=f"check {setting('AUTH_ID')} and {setting('AUTH_TOKENS')} (the first token is the one used)",
            )
        if self.status == 404 and one_call:
            raise self._error(CallNotLive, hint="the call has ended, is still queued, or is of another account")
        if self.status == 429:
            raise RateLimited(
                self._sentence(),
                hint="it was not carried out; ask again later",
                http_status=self.status,
                api_id=self.api_id,
                retry_after=self._retry_after(),
            )
        if self.status < 400:  # a redirect would carry the credentials to wherever it points
            raise self._error(
                ProviderRejected,
                f"with a redirect to {self._location()}, which is not followed",
                hint=f"check {setting('API_URL')}",
            )
        if self.status < 500:
            raise self._error(ProviderRejected)
        if acts:
            raise self._error(
                OutcomeUnknown, hint="it may have been carried out all the same: look at the call before asking again"
            )
        raise self._error(ProviderUnreachable, hint="asking again is safe")

    def _error(self, kind: type[ProviderError], what: str = "", *, hint: str = "") -> ProviderError:
        return kind(self._sentence(what), hint=hint, http_status=self.status, api_id=self.api_id)

    def _sentence(self, what: str = "") -> str:
        head = " ".join(part for part in (f"{self.platform.label} answered {self.status}", what) if part)
        return f"{head}: {self.words}" if self.words else head

    def _location(self) -> str:
        try:
            host = urlsplit(self.headers.get("location", "")).hostname
        except ValueError:
            host = None
        return self._clean(host or "no host", _MAX_ID)

    def _retry_after(self) -> float | None:
        """From the header (seconds or a date), else Vobiz's `error.details.retryAfter`. Plivo documents neither."""
        said: object = self.headers.get("retry-after", "").strip()
        if not said:
            error = self.data.get("error")
            details = error.get("details") if isinstance(error, Mapping) else None
            said = details.get("retryAfter") if isinstance(details, Mapping) else None
        text = str(said)
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            return float(text)
        try:
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError, OSError):
            return None

    def _clean(self, text: str, limit: int = MAX_WORDS) -> str:
        """Secrets go before the cut, so that no half of one is left."""
        text = " ".join(clean(self.platform.hide(text), len(text)).split())
        return text if len(text) <= limit else text[: limit - 3] + "..."


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)
