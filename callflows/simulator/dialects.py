"""Everything in which Plivo and Vobiz differ, and nothing else: REST manners, vocabulary, spelling, signing, timing.

A difference nobody is sure of is a switch, not a line here.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers

from .document import Vocabulary
from .fetching import HttpSettings, from_fragment, signatures

_NONE: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Dialect:
    name: str
    title: str  # as it appears as a hang-up source, too
    rest_prefix: str
    default_auth_id: str
    case_is_auth: bool  # a lower-case path segment is answered 401
    place_status: int
    live_extra: Mapping[str, str]
    vocabulary: Vocabulary
    input_languages: frozenset[str]
    dial_takes_bare_number: bool
    # spelling of what is sent
    sip_prefix: str
    events_with_plus: frozenset[str]  # where From and To keep their plus
    short_redirect: bool
    outbound_extra: Mapping[str, str]
    inbound_extra: tuple[str, ...]
    bills_dial_events: bool
    pressed_by: Mapping[str, str]
    local_hours: float
    bill_rate: str
    hangup_goes_to_answer_url: bool
    user_agent: str
    document_http: HttpSettings
    answer_http: HttpSettings
    callback_http: HttpSettings

    def authenticated(self, headers: Headers, auth_id: str, auth_token: str) -> bool:
        raise NotImplementedError

    def transfer_reply(self, api_id: str, call_uuid: str) -> dict[str, Any]:
        return {"message": "call transferred", "api_id": api_id}

    def settings_for(self, url: str, purpose: str) -> HttpSettings:
        """`purpose`: answer, another document, or callback."""
        return {"answer": self.answer_http, "callback": self.callback_http}.get(purpose, self.document_http)

    def sign(self, method: str, url: str, params: Mapping[str, str], token: str, nonces: Nonces) -> dict[str, str]:
        raise NotImplementedError


class Nonces:
    """Twenty decimal digits each, from a seeded generator."""

    def __init__(self, random: Any) -> None:
        self._random = random

    def new(self) -> str:
        return "".join(self._random.choice("0123456789") for _ in range(20))


class Plivo(Dialect):
    def authenticated(self, headers: Headers, auth_id: str, auth_token: str) -> bool:
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(rest, validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, f"{auth_id}:{auth_token}".encode())

    def settings_for(self, url: str, purpose: str) -> HttpSettings:
        return from_fragment(url, super().settings_for(url, purpose))

    def sign(self, method: str, url: str, params: Mapping[str, str], token: str, nonces: Nonces) -> dict[str, str]:
        v2_nonce, v3_nonce = nonces.new(), nonces.new()
        # on GET the parameters are in the URL already
        v3 = signatures.plivo_v3(token, method, url, params if method == "POST" else {}, v3_nonce)
        v2 = signatures.plivo_v2(token, url, v2_nonce)
        return {
            "X-Plivo-Signature-V2": v2,
            "X-Plivo-Signature-Ma-V2": v2,
            "X-Plivo-Signature-V2-Nonce": v2_nonce,
            "X-Plivo-Signature-V3": v3,
            "X-Plivo-Signature-Ma-V3": v3,
            "X-Plivo-Signature-V3-Nonce": v3_nonce,
        }


class Vobiz(Dialect):
    def authenticated(self, headers: Headers, auth_id: str, auth_token: str) -> bool:
        # a further Authorization header (one of the vendor's SDKs sends a Bearer token) changes nothing
        given = (headers.get("X-Auth-ID", ""), headers.get("X-Auth-Token", ""))
        return given[0] == auth_id and hmac.compare_digest(given[1].encode(), auth_token.encode())

    def transfer_reply(self, api_id: str, call_uuid: str) -> dict[str, Any]:
        return {"api_id": api_id, "message": "call transferred", "call_uuid": call_uuid}

    def sign(self, method: str, url: str, params: Mapping[str, str], token: str, nonces: Nonces) -> dict[str, str]:
        v2_nonce, v3_nonce = nonces.new(), nonces.new()
        v2, v3 = signatures.vobiz_v2(token, url, v2_nonce), signatures.vobiz_v3(token, url, v3_nonce)
        return {
            "X-Vobiz-Signature": signatures.vobiz_v1(token, url, params if method == "POST" else {}),
            "X-Vobiz-Signature-V2": v2,
            "X-Vobiz-Signature-MA-V2": v2,
            "X-Vobiz-Signature-V2-Nonce": v2_nonce,
            "X-Vobiz-Signature-V3": v3,
            "X-Vobiz-Signature-MA-V3": v3,
            "X-Vobiz-Signature-V3-Nonce": v3_nonce,
        }


_PLIVO_RESPONSE = _words(
    "Speak Play GetDigits GetInput Record Dial Message Redirect Wait Hangup PreAnswer "
    "Conference DTMF MultiPartyCall Stream"
)
_PLIVO_HTTP = HttpSettings(connect=2.0, read=40.0, total=55.0, retries=1, retry_on=_words("ct rt"))

PLIVO = Plivo(
    name="plivo",
    title="Plivo",
    rest_prefix="/v1",
    default_auth_id="MASIMULATOR000000000",
    case_is_auth=False,
    place_status=201,
    live_extra={},
    vocabulary={
        "Response": _PLIVO_RESPONSE,
        # Wait is what the official SDKs allow beside the documented Speak and Play
        "GetDigits": _words("Speak Play Wait"),
        "GetInput": _words("Speak Play Wait"),
        "Dial": _words("Number User"),
        "PreAnswer": _words("Speak Play Wait GetDigits Redirect Message DTMF"),
    },
    input_languages=_NONE,
    dial_takes_bare_number=False,
    sip_prefix="X-PH-",
    events_with_plus=_words("Ring Dial"),
    short_redirect=False,
    outbound_extra={"CountryCode": "US", "RouteType": ""},
    inbound_extra=("BillRate", "SessionStart", "STIRVerification"),
    bills_dial_events=True,
    pressed_by={"A": "ALeg", "B": "BLeg"},
    local_hours=0,
    bill_rate="0.00850",
    hangup_goes_to_answer_url=False,
    user_agent="Plivo",  # not documented
    document_http=_PLIVO_HTTP,
    answer_http=_PLIVO_HTTP,
    callback_http=_PLIVO_HTTP,
)

VOBIZ = Vobiz(
    name="vobiz",
    title="Vobiz",
    rest_prefix="/api/v1",
    default_auth_id="MA_SIMULATOR",
    case_is_auth=True,
    place_status=200,
    live_extra={"stir_attestation": "", "stir_verification": "Not Applicable"},
    vocabulary={
        "Response": _words(
            # Vobiz docs, Response
            "Dial Speak Play Record Gather Hangup Redirect Wait Conference PreAnswer DTMF Stream"
        ),
        "Gather": _words("Speak Play"),
        "Dial": _words("Number User"),
        "PreAnswer": _words("Speak Play Wait"),
    },
    # Vobiz docs, Gather; seen to be enforced: hi-IN drops the call
    input_languages=frozenset(
        (
            *_words("en-AU en-CA en-GB en-IE en-IN en-PH en-SG en-US en-ZA de-DE es-ES es-MX es-US fr-CA fr-FR"),
            *_words("it-IT ja-JP ko-KR nl-NL pt-BR pt-PT ru-RU zh-HK yue-Hant-HK af-ZA"),
            *("zh (cmn-hans-cn)", "zh-TW (cmn-hans-tw)"),
        )
    ),
    dial_takes_bare_number=True,
    sip_prefix="X-VH-",
    events_with_plus=_NONE,
    short_redirect=True,
    outbound_extra={},
    inbound_extra=(),
    bills_dial_events=False,
    pressed_by={"A": "aleg", "B": "bleg"},
    local_hours=5.5,
    bill_rate="0.01000",
    hangup_goes_to_answer_url=True,
    user_agent="Vobiz",
    # Vobiz docs: 10 s per attempt; the answer URL up to 3 retries and 60 s; no retry is documented for the others
    document_http=HttpSettings(connect=10.0, read=10.0, total=10.0, retries=0, retry_on=_NONE),
    answer_http=HttpSettings(connect=10.0, read=10.0, total=60.0, retries=3, retry_on=_words("4xx 5xx ct rt")),
    callback_http=HttpSettings(
        connect=3.0, read=3.0, total=60.0, retries=3, retry_on=_words("3xx 4xx 5xx ct rt"), backoff=1.0
    ),
)

DIALECTS: dict[str, Dialect] = {"plivo": PLIVO, "vobiz": VOBIZ}
