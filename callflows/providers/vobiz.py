"""Vobiz: signatures V3 and V2 over the bare URL, two headers for REST. Facts: Vobiz's docs, SDKs and live notes as of
November 2026. The names are Plivo's, the rules are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

from ..models import WebhookRequest
from .base import Provider
from .signatures import Evidence, octets, present

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Vobiz(Provider):
    name: ClassVar[str] = "vobiz"
    label: ClassVar[str] = "Vobiz"
    usual_url: ClassVar[str] = "https://api.vobiz.ai/api/v1"
    signature_headers: ClassVar[tuple[str, str]] = ("X-Vobiz-Signature-V3", "X-Vobiz-Signature-V3-Nonce")
    other_leg_fate: ClassVar[str] = "it keeps its current flow, says Vobiz; bridged to nobody, that may be silence"
    # Dial's sipHeaders arrive as X-VH-, those of make-call as X-PH- (vendor's live test, Aug 2026).
    sip_prefixes: ClassVar[tuple[str, ...]] = ("X-VH-", "X-PH-", "SIP-H-")

    def evidence(self, request: WebhookRequest) -> list[Evidence]:
        """V3, MA-V3, V2, MA-V2: all cover the same, the URL without its query, so any right one is enough.

        The MA headers are keyed with the parent account's token and share the plain ones' nonces. Body and query
        are never signed: a valid signature says that the platform called this path, not that the parameters are
        its own. X-Vobiz-Signature (V1, SHA-1, base string undocumented) cannot be checked; a request that carries
        nothing else is unsigned to us.
        """
        headers = request.headers
        found: list[Evidence] = []
        for version, separator in (("v3", b"."), ("v2", b"")):
            signatures = present(headers, (f"x-vobiz-signature-{version}", f"x-vobiz-signature-ma-{version}"))
            nonce = octets(headers.get(f"x-vobiz-signature-{version}-nonce", "").strip())
            if signatures:
                messages = tuple(base + separator + nonce for base in _bases(request.url)) if nonce else ()
                found += (Evidence(signature, messages) for signature in signatures)
        return found

    def credentials_fault(self) -> str:
        for value, setting in ((self.auth_id, "AUTH_ID"), *((token, "AUTH_TOKENS") for token in self._tokens[:1])):
            if not (value.isascii() and value.isprintable()):
                return f"{self._setting(setting)} holds a character that no HTTP header can carry"
        return ""

    def auth_headers(self) -> Mapping[str, str]:
        return {"X-Auth-ID": self.auth_id, "X-Auth-Token": self.rest_token}

    def call_path(self, call_uuid: str = "") -> str:
        # A lower-case segment is 401; a missing slash is 401 or 404 on POST (docs disagree, Oct 2026) and
        # tolerated on GET and DELETE. Pascal case and a slash are right everywhere.
        path = f"/Account/{quote(self.auth_id, safe='')}/Call/"
        return path + f"{quote(call_uuid, safe='')}/" if call_uuid else path


def _bases(url: str) -> tuple[bytes, ...]:
    """Scheme to path of the URL, in every spelling the docs' samples produce.

    Docs, Oct 2026: the Python sample keeps the port, Ruby's drops it, Go's decodes the path. Which one the
    platform uses is not known; all name the same resource, so all are tried.
    """
    parts = urlsplit(url)
    return tuple(
        dict.fromkeys(
            octets(f"{parts.scheme}://{host}{path}")
            for host in _hosts(parts.scheme, parts.netloc)
            for path in (parts.path, unquote(parts.path, errors="surrogateescape"))
        )
    )


def _hosts(scheme: str, netloc: str) -> Iterator[str]:
    yield netloc
    host, separator, port = netloc.rpartition(":")
    if separator and port.isdigit():
        yield host
    else:
        yield f"{netloc}:{_DEFAULT_PORTS.get(scheme, 443)}"
