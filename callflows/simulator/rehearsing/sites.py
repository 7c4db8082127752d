"""Where the names of a test lead: the web application as its tests name its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urljoin

from .wording import Unmet

if TYPE_CHECKING:
    from .phone import Phone


class Site(Protocol):
    """Where the names of a test lead: what is `support`, and how is a call moved there?

    `refusals` are what its methods raise when the application itself says no.
    """

    refusals: tuple[type[Exception], ...]

    def answer_url(self, target: str, params: Mapping[str, object]) -> str: ...

    def events_url(self) -> str:
        """Where hang-ups are reported to; may be empty."""
        ...

    def transfer(self, phone: Phone, call_uuid: str, aleg: str, bleg: str, params: Mapping[str, object]) -> str:
        """Ask the platform for it. Gives the transfer's id, or ""; raises what the application's user would see when it
        is refused."""
        ...

    def next_caller(self, phone: Phone, queue: str, aleg: str, params: Mapping[str, object]) -> str:
        """Move whoever has waited longest, and give their call's UUID; raise as `transfer`."""
        ...


class WebSite:
    """Any web application that speaks the platform's XML: a target is a path of it, or a whole URL."""

    refusals: tuple[type[Exception], ...] = ()

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/") + "/"

    def answer_url(self, target: str, params: Mapping[str, object]) -> str:
        url = urljoin(self.base, target.lstrip("/") if "://" not in target else target)
        return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url

    def events_url(self) -> str:
        return ""

    def transfer(self, phone: Phone, call_uuid: str, aleg: str, bleg: str, params: Mapping[str, object]) -> str:
        urls = {f"{leg}_url": self.answer_url(to, params) for leg, to in (("aleg", aleg), ("bleg", bleg)) if to}
        legs = "both" if len(urls) == 2 else "bleg" if bleg else "aleg"
        status, reply = phone.rest("POST", f"Call/{call_uuid}/", {"legs": legs, **urls})
        if status != 202:
            raise Unmet(f"the platform refused the transfer: {status} {reply}", phone.transcript)
        return ""

    def next_caller(self, phone: Phone, queue: str, aleg: str, params: Mapping[str, object]) -> str:
        raise ValueError("only flows have queues: this is a web application of another kind")
