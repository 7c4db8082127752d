"""Faults on the way to and from the web application, on demand. Each is good for a number of requests; a retry counts
as a request of its own.

They are the same for sockets and for an application in this process: what takes time takes virtual time only, and the
application is asked, or not, as if the fault were in the network. So `slow-body` is an answer that arrives complete
but takes its time, and `reset` an answer that is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ..calls import Call
    from .client import Exchange, HttpSettings

KINDS = {
    "timeout": "the application is asked; its answer never arrives: a read timeout",
    "unreachable": "connection refused: the application is not asked",
    "reset": "the application is asked; the connection is reset before the answer is read",
    "late": "the request is made `seconds` later; a callback's may come after the hang-up",
    "duplicate": "the same request is delivered twice, signature and all; the first answer counts",
    "reordered": "a callback is delivered after the next one about the same call, or after `seconds`",
    "slow-body": "the answer's body trickles in for `seconds`; cut off, and not retried, where that is too long",
    "wrong-signature": "signed with another token",
    "no-signature": "sent without signature headers",
    "http-500": "the application is asked; a gateway answers 500 in its place",
    "http-404": "the application is asked; a gateway answers 404 in its place",
    "html": "the answer's content type becomes text/html",
    "hang-up": "the application is asked, and the person hangs up before its answer is used",
}
ANY = "any"
PURPOSES = (ANY, "answer", "action", "redirect", "transfer", "callback", "sound")


@dataclass
class WebFault:
    kind: str
    count: int = 1
    seconds: float = 30.0
    purpose: str = ANY
    path: str = ""  # what the URL's path begins with

    def applies(self, purpose: str, url: str, *, live: bool, first: bool) -> bool:
        if self.kind == "hang-up" and not live:
            return False
        if self.kind == "reordered" and not (first and purpose == "callback"):  # for any other the leg itself waits
            return False
        return self.purpose in (ANY, purpose) and (urlsplit(url).path or "/").startswith(self.path)


def distorted(result: Exchange, fault: WebFault, limits: HttpSettings) -> Exchange:
    """What becomes of an answer on its way back."""
    nothing = replace(result, http_status=0, body=b"", content_type="", location="")
    if fault.kind == "timeout":
        return replace(nothing, error="read timeout", cost=limits.read, partial=False)
    if fault.kind == "reset":
        return replace(nothing, error="connection broke", partial=False)
    if fault.kind == "slow-body" and not result.error:
        if fault.seconds < limits.total:
            return replace(result, cost=fault.seconds)
        return replace(result, body=b"", error="read timeout", cost=limits.total, partial=True)
    if fault.kind in ("http-500", "http-404"):
        status = int(fault.kind.removeprefix("http-"))
        return replace(nothing, http_status=status, content_type="text/html", error="", cost=0.0, partial=False)
    if fault.kind == "html":
        return replace(result, content_type="text/html")
    return result


@dataclass(frozen=True)
class Held:
    """A callback that waits for the next one about the same call."""

    call: Call
    deliver: Callable[[], None]


class WebFaults:
    """The caller holds the platform's lock, or is the engine's thread."""

    def __init__(self) -> None:
        self.pending: list[WebFault] = []
        self._held: list[Held] = []

    def add(self, fault: WebFault) -> None:
        self.pending.append(fault)

    def take(self, purpose: str, url: str, *, live: bool, first: bool) -> WebFault | None:
        """The first that applies, used up by one. `live`: its leg has not ended; `first`: this is no retry."""
        for fault in self.pending:
            if fault.applies(purpose, url, live=live, first=first):
                fault.count -= 1
                if fault.count <= 0:
                    self.pending.remove(fault)
                return fault
        return None

    def hold(self, held: Held) -> None:
        self._held.append(held)

    def release(self, held: Held) -> None:
        if held in self._held:
            self._held.remove(held)
            held.deliver()

    def delivered(self, call: Call) -> None:
        """A callback about this call has gone: those held back for it follow."""
        for held in [held for held in self._held if held.call is call]:
            self.release(held)
