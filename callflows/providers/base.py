"""What the rest of the house knows of a platform: `Provider`. The order of the steps is here, for all platforms alike;
their own rules are in their own modules.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import ConfigError, RequestInvalid
from ..models import EMPTY, CallEvent, Signature, WebhookRequest
from . import params as wire
from .replies import Reply
from .rest import RestClient
from .signatures import Evidence, judge, mac

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

MAX_PAGES = 500
_MAX_UUID = 200


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform heard a request to act. Not that it acted: that shows when it fetches the leg's document."""

    http_status: int
    api_id: str
    message: str


@dataclass(frozen=True, slots=True)
class LiveCall:
    """One call as the platform sees it now. `started` is the platform's own text, UTC; `raw` the whole reply."""

    uuid: str
    from_number: str = ""
    to_number: str = ""
    direction: str = ""
    status: str = ""
    caller_name: str = ""
    request_uuid: str = ""
    started: str = ""
    raw: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


class Provider(ABC):
    """One platform under one account. Shared between threads; the network is first touched by the first REST call."""

    name: ClassVar[str]
    label: ClassVar[str]
    usual_url: ClassVar[str]  # of the REST API: what advice shows
    sip_prefixes: ClassVar[tuple[str, ...]]
    signature_headers: ClassVar[tuple[str, str]]  # the newest scheme's header and its nonce's, for sign()
    other_leg_fate: ClassVar[str]  # what becomes of the bridged leg that a transfer leaves alone
    most_transfers: ClassVar[int] = 0  # of one call, before the platform hangs it up; 0: none is known
    live_page: ClassVar[int] = 0  # how many calls one page of the live list holds; 0: the list is not paged

    def __init__(
        self,
        *,
        auth_id: str,
        auth_tokens: Sequence[str],
        api_url: str,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.auth_id = auth_id.strip()
        # An empty token would be a key that everybody knows.
        self._tokens = tuple(token.strip() for token in auth_tokens if token.strip())
        self._keys = tuple(token.encode("utf-8", "surrogatepass") for token in self._tokens)
        self._rest = RestClient(
            name=self.name,
            label=self.label,
            usual_url=self.usual_url,
            api_url=api_url,
            headers=self.auth_headers,
            secrets=(*self._tokens, self.auth_id),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'with' if self.has_credentials else 'without'} credentials>"

    @property
    def has_credentials(self) -> bool:
        return bool(self.auth_id and self._tokens)

    @property
    def rest_token(self) -> str:
        """The newest token; the others only verify."""
        return self._tokens[0]

    def config_fault(self) -> str:
        """Why REST cannot work with these settings, as one sentence; empty when it can. Touches no network."""
        if "/" in self.auth_id or any(map(str.isspace, self.auth_id)):
            return f"{self._setting('AUTH_ID')} must not contain a slash or a space"
        return self.credentials_fault() or self._rest.fault()

    def credentials_fault(self) -> str:
        """The same of the credentials alone, where a platform sends them in a form that cannot carry everything."""
        return ""

    def _setting(self, name: str) -> str:
        return f"CALLFLOWS_{self.name.upper()}_{name}"

    # What a platform says of itself

    @abstractmethod
    def evidence(self, request: WebhookRequest) -> Sequence[Evidence]:
        """The signature headers that count, each with what it must have signed. None: the request is unsigned."""

    @abstractmethod
    def auth_headers(self) -> Mapping[str, str]:
        """Headers that authenticate a REST request. Asked only when there are credentials."""

    @abstractmethod
    def call_path(self, call_uuid: str = "") -> str:
        """Path below the API's base of one call, or of all of them."""

    # Webhooks

    def verify(self, request: WebhookRequest) -> Signature:
        """Whether the platform signed this request. Without tokens of ours no signature can be right. Never raises."""
        try:
            return judge(self.evidence(request), self._keys)
        except Exception as error:  # a stranger's bytes must not become a 500; what cannot be judged is not genuine
            log.warning("%s: the signature of a request could not be judged: %s", self.name, type(error).__name__)
            return Signature.WRONG

    def sign(self, request: WebhookRequest, nonce: str) -> dict[str, str]:
        """The headers this platform would send with the request: for a request to ourselves, to see it pass."""
        header, nonce_header = self.signature_headers
        draft = replace(request, headers={header.lower(): "-", nonce_header.lower(): nonce})
        message = self.evidence(draft)[0].messages[0]
        return {header: mac(self._keys[0], message).decode(), nonce_header: nonce}

    def parse(self, params: Sequence[tuple[str, str]]) -> CallEvent:
        """The parameters (query, then form), normalised beside the raw ones. Never raises."""
        return wire.parse(params, self.sip_prefixes)

    # REST

    def transfer(
        self,
        call_uuid: str,
        *,
        legs: str,
        aleg_url: str = "",
        aleg_method: str = "",
        bleg_url: str = "",
        bleg_method: str = "",
    ) -> Receipt:
        """Ask once to move a live call. OutcomeUnknown means that it may have happened; nothing else does."""
        given = {
            "legs": legs,
            "aleg_url": aleg_url,
            "aleg_method": aleg_method,
            "bleg_url": bleg_url,
            "bleg_method": bleg_method,
        }
        body = {name: value for name, value in given.items() if value}
        reply = self._ask("POST", call_uuid, json=body)
        return Receipt(reply.status, reply.api_id, reply.words)

    def live_calls(self) -> list[str]:
        """UUIDs of all live calls."""
        found: dict[str, None] = {}
        query = {"status": "live"}
        for _ in range(MAX_PAGES):
            page = self._ask("GET", query=query).content("calls")["calls"]
            uuids = [uuid for uuid in page if isinstance(uuid, str)] if isinstance(page, list) else []
            known = len(found)
            found.update(dict.fromkeys(uuids))
            # A platform that ignores `offset` repeats itself, so nothing new is an end, too.
            if not self.live_page or len(uuids) < self.live_page or len(found) == known:
                break
            query = {"status": "live", "limit": str(self.live_page), "offset": str(len(found))}
        return list(found)

    def live_call(self, call_uuid: str) -> LiveCall:
        """Raise CallNotLive when it has ended, is still queued, or never was."""
        data = self._ask("GET", call_uuid, query={"status": "live"}).content("call_uuid")
        text = {name: wire.clean(value) for name, value in data.items() if isinstance(value, str)}
        return LiveCall(
            uuid=text.get("call_uuid") or call_uuid,
            from_number=wire.number(text.get("from", "")),
            to_number=wire.number(text.get("to", "")),
            direction=text.get("direction", ""),
            status=text.get("call_status", ""),
            caller_name=text.get("caller_name", ""),
            request_uuid=text.get("request_uuid", ""),
            started=text.get("session_start", ""),
            raw=data,
        )

    def hang_up(self, call_uuid: str) -> None:
        """Raise CallNotLive when there is nothing to hang up; whether that is as good is the caller's to say."""
        self._ask("DELETE", call_uuid)

    def stop_streams(self, call_uuid: str) -> None:
        """End all audio streams of a call. Raise CallNotLive when it has none, or is over."""
        self._ask("DELETE", call_uuid, below="Stream/")

    def close(self) -> None:
        self._rest.close()

    def _ask(
        self, method: str, call_uuid: str | None = None, *, below: str = "", **content: Mapping[str, str]
    ) -> Reply:
        """Without `call_uuid`: about all calls. Anything but a read may act, and is told apart when no reply comes."""
        if call_uuid is not None and not _usable(call_uuid):
            raise RequestInvalid(
                f"{call_uuid[:80]!r} is not a call UUID", hint="give the CallUUID the platform sent or listed"
            )
        if not self.has_credentials:
            raise ConfigError(
                f"there are no credentials for {self.label}",
                hint=f"set {self._setting('AUTH_ID')} and {self._setting('AUTH_TOKENS')}",
            )
        fault = self.config_fault()
        if fault:
            raise ConfigError(fault)
        return self._rest.send(
            method,
            self.call_path(call_uuid or "") + below,
            acts=method != "GET",
            one_call=call_uuid is not None,
            **content,
        )


def _usable(call_uuid: str) -> bool:
    """Quoting would carry anything; but `.` and `..` are normalised away on the way, and `%2F` is decoded by some."""
    return (
        0 < len(call_uuid) <= _MAX_UUID
        and call_uuid.strip(".") != ""
        and call_uuid.isprintable()
        and not any(character in call_uuid for character in " /\\")
    )
