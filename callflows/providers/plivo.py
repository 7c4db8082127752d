"""Plivo: signatures V3 and V2, HTTP Basic for REST. Facts: Plivo's docs and SDKs as of November 2026."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar
from urllib.parse import parse_qsl, quote

from ..models import WebhookRequest
from .base import Provider
from .signatures import Evidence, octets, present, replaced

Pairs = Sequence[tuple[str, str]]


class Plivo(Provider):
    name: ClassVar[str] = "plivo"
    label: ClassVar[str] = "Plivo"
    usual_url: ClassVar[str] = "https://api.plivo.com/v1"
    signature_headers: ClassVar[tuple[str, str]] = ("X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce")
    other_leg_fate: ClassVar[str] = "Plivo does not document what becomes of it (it may be hung up)"
    # Headers of a SIP leg: set by the caller's side or a Dial's sipHeaders (X-PH-), or SIP's own (SIP-H-To).
    sip_prefixes: ClassVar[tuple[str, ...]] = ("X-PH-", "SIP-H-")
    # GET Call/?status=live answers at most 20 UUIDs (docs, Nov 2026: limit 1..20, offset).
    live_page: ClassVar[int] = 20
    # "Loop detected" then (one copy of the docs says so, the newest says nothing of it, Nov 2026)
    most_transfers: ClassVar[int] = 70

    def evidence(self, request: WebhookRequest) -> list[Evidence]:
        """V3 where it is sent, else V2.

        The -V3 header is keyed with the token of the account that owns the number, -Ma-V3 with the main account's;
        every configured token is tried on both. A wrong V3 is not rescued by a right V2: V2 signs neither query nor
        parameters, so that would let changed parameters through. V2 alone is accepted, for older accounts; V1
        (X-Plivo-Signature, SHA-1) is not looked at.
        """
        headers = request.headers
        signatures = present(headers, ("x-plivo-signature-v3", "x-plivo-signature-ma-v3"))
        if signatures:
            nonce = headers.get("x-plivo-signature-v3-nonce", "").strip()
            messages = tuple(base + b"." + octets(nonce) for base in v3_bases(request)) if nonce else ()
        else:
            signatures = present(headers, ("x-plivo-signature-v2", "x-plivo-signature-ma-v2"))
            nonce = headers.get("x-plivo-signature-v2-nonce", "").strip()
            messages = tuple(octets(url + nonce) for url in _spellings(_split(request.url)[0])) if nonce else ()
        return [Evidence(signature, messages) for signature in signatures]

    def auth_headers(self) -> Mapping[str, str]:
        pair = f"{self.auth_id}:{self.rest_token}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def call_path(self, call_uuid: str = "") -> str:
        # Every resource ends in a slash (docs); without it the platform redirects, and redirects are not followed.
        path = f"/Account/{quote(self.auth_id, safe='')}/Call/"
        return path + f"{quote(call_uuid, safe='')}/" if call_uuid else path


def v3_bases(request: WebhookRequest) -> tuple[bytes, ...]:
    """What V3 signs before `.nonce`: the restored bytes, and where some were undecodable also their replacements.

    The method itself is not signed. A GET or HEAD with a body is never the platform's, which puts parameters in the
    query there: it is somebody's change to a signed request, and no signature can be right.
    """
    url, raw_query = _split(request.url)
    form = request.form
    if request.method.upper() in ("GET", "HEAD") and form:
        return ()
    # The query is signed decoded (%2B is +, + is a space), the path is not. Blank values count.
    query = parse_qsl(raw_query, keep_blank_values=True, errors="surrogateescape")
    bases: list[bytes] = []
    for spelling in _spellings(url):
        base = _v3_base(spelling, query, form)
        try:
            bases.append(base.encode())
        except UnicodeEncodeError:
            bases += octets(base), octets(_v3_base(spelling, _replaced(query), _replaced(form)))
    return tuple(bases)


def _v3_base(url: str, query: Pairs, form: Pairs) -> str:
    """Quirks, executed in SDKs python 4.63.0 and node 4.79.0 in Nov 2026, and not all in the docs' prose:

    - POST parameters without a query put a bare `?` between URL and parameters; with one, a `.` after the query;
    - POST without parameters signs the same as GET;
    - keys sort by code point, and so do the values of a repeated key, which repeats with each of them.
    """
    text = url
    if query or form:
        text += "?" + "&".join(f"{key}={value}" for key, value in sorted(query))
    if query and form:
        text += "."
    return text + "".join(f"{key}{value}" for key, value in sorted(form))


def _split(url: str) -> tuple[str, str]:
    """Scheme to path as it stands (the port is kept, the path stays encoded), and the raw query."""
    head, _, query = url.partition("#")[0].partition("?")
    scheme, separator, rest = head.partition("://")
    return scheme.lower() + separator + rest, query


def _spellings(url: str) -> tuple[str, ...]:
    """Python's SDK (4.63.0, Nov 2026) loses `;params` of the last path segment; what the platform does is not known."""
    scheme, separator, rest = url.partition("://")
    folder, slash, segment = rest.rpartition("/")
    bare, found, _ = segment.partition(";")
    return (url, scheme + separator + folder + slash + bare) if slash and found else (url,)


def _replaced(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(replaced(key), replaced(value)) for key, value in pairs]
