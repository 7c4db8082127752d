"""Everything in which Plivo and Vobiz differ, and nothing else: REST manners, vocabulary, spelling, signing, timing.

A difference nobody is sure of is a switch, not a line here.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers

from .document import Vocabulary
from .fetching import HttpSettings, from_fragment, signatures

_NONE: frozenset[str] = frozenset()


_STREAM_CONTENT_TYPES = ("audio/x-l16;rate=8000", "audio/x-l16;rate=16000", "audio/x-mulaw;rate=8000")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class RecordManners:
    """Record, its callbacks and its REST resource."""

    timeout: float
    finish_on_key: str
    redirect: bool
    transcription_type: str  # where none is asked for; empty: no transcription
    action_event: str
    stop_event: str  # of callbackUrl
    end_reasons: Mapping[str, str]  # our word -> RecordingEndReason; empty: not sent
    transcription: tuple[str, ...]  # what transcriptionUrl gets
    api_status: int
    api_message: str
    api_callback: Mapping[str, str]  # of a recording asked for by REST: name on the wire -> name in callbackUrl


@dataclass(frozen=True)
class ConferenceManners:
    stays_alone: bool  # defaults of what Conference may say
    relays_tones: bool
    time_limit: float
    size_attribute: str  # empty: none has any effect
    wait_sounds: tuple[str, ...]  # the elements a waitSound may hold
    fetches_wait_sound_anyway: bool  # also for a member who need not wait
    short_exit: bool  # without From, To, Direction, CallStatus
    reports_floor: bool
    records: bool  # otherwise `record` writes no file


@dataclass(frozen=True)
class Dialect:
    name: str
    title: str  # as it appears as a hang-up source, too
    rest_prefix: str
    default_auth_id: str
    case_is_auth: bool  # a lower-case path segment is answered 401
    place_status: int
    calls_fired: tuple[str, str]  # the message of a placed call, and of several
    missing_routes: frozenset[str]  # of the REST API, where the two do not have the same
    keeps_records: bool  # GET without `status` answers call records; else it is refused
    live_page: int  # live and queued calls listed at most, where no limit is asked for; 0: all
    spawns_async: bool  # a callback_url in any request: 202 at once, the real answer goes there
    conference: ConferenceManners
    stream_content_types: tuple[str, ...]
    stream_reports: tuple[str, ...]  # what a stream reports besides its beginning and end
    stream_fields: tuple[str, ...]  # of a stream in the REST API
    stream_time: str  # how the REST API writes its times
    keep_alive_needs_bidirectional: bool
    live_extra: Mapping[str, str]
    vocabulary: Vocabulary
    input_languages: frozenset[str]
    record: RecordManners
    dial_takes_bare_number: bool
    dial_destinations: int  # of one Dial; 0: no limit is documented
    # spelling of what is sent
    sip_prefix: str
    sip_reserved: re.Pattern[str]  # names of headers that are dropped
    sip_headers_in_events: bool  # of a Dial
    events_with_plus: frozenset[str]  # where From and To keep their plus
    answers_unread: bool  # a call whose answer is no document is answered all the same, and dropped a second later
    short_redirect: bool
    short_ring: bool  # with less than an answer fetch
    end_statuses: Mapping[str, frozenset[str]]  # direction -> the CallStatus a call may end with; any other: completed
    outbound_extra: Mapping[str, str]  # but not of Hangup
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

    def credentials(self, auth_id: str, auth_token: str) -> dict[str, str]:
        """The headers with which a client of the REST API says who it is."""
        raise NotImplementedError

    def transfer_reply(self, api_id: str, call_uuid: str) -> dict[str, Any]:
        return {"message": "call transferred", "api_id": api_id}

    def stream_list(self, objects: list[dict[str, Any]], limit: int, offset: int, total: int) -> dict[str, Any]:
        raise NotImplementedError

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

    def credentials(self, auth_id: str, auth_token: str) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(f'{auth_id}:{auth_token}'.encode()).decode()}"}

    def stream_list(self, objects: list[dict[str, Any]], limit: int, offset: int, total: int) -> dict[str, Any]:
        meta = {"limit": limit, "next": None, "offset": offset, "previous": None, "total_count": total}
        return {"meta": meta, "objects": objects}

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

    def credentials(self, auth_id: str, auth_token: str) -> dict[str, str]:
        return {"X-Auth-ID": auth_id, "X-Auth-Token": auth_token}

    def transfer_reply(self, api_id: str, call_uuid: str) -> dict[str, Any]:
        return {"api_id": api_id, "message": "call transferred", "call_uuid": call_uuid}

    def stream_list(self, objects: list[dict[str, Any]], limit: int, offset: int, total: int) -> dict[str, Any]:
        return {"page": offset // limit + 1, "per_page": limit, "total": total, "objects": objects}

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
    calls_fired=("call fired", "calls fired"),
    missing_routes=_NONE,
    keeps_records=True,
    live_page=20,
    spawns_async=True,  # Plivo docs, asynchronous requests
    stream_content_types=_STREAM_CONTENT_TYPES,
    stream_reports=("DegradedStream",),
    stream_fields=(  # Plivo docs, Retrieve an audio stream
        *("audio_track", "bidirectional", "bill_duration", "billed_amount", "call_uuid", "created_at", "end_time"),
        *("plivo_auth_id", "resource_uri", "rounded_bill_duration", "service_url", "start_time", "stream_id"),
    ),
    stream_time="%Y-%m-%d %H:%M:%S+00:00",
    keep_alive_needs_bidirectional=True,  # Plivo docs, Stream keepCallAlive
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
    record=RecordManners(
        timeout=15,
        finish_on_key="#",
        redirect=True,
        transcription_type="",
        action_event="Redirect",
        stop_event="",
        end_reasons={},
        # Plivo docs, Record transcription
        transcription=(
            *("transcription", "transcription_charge", "transcription_rate", "duration"),
            *("call_uuid", "recording_id", "error"),
        ),
        api_status=202,
        api_message="call recording started",
        api_callback={  # as the Ruby SDK describes it
            "record_url": "RecordUrl",
            "recording_id": "RecordingID",
            "recording_duration": "RecordingDuration",
            "recording_duration_ms": "RecordingDurationMs",
            "recording_start_ms": "RecordingStartMs",
            "recording_end_ms": "RecordingEndMs",
        },
    ),
    dial_takes_bare_number=False,
    dial_destinations=0,
    sip_prefix="X-PH-",
    # Plivo docs, Dial. "-" cannot stand in a name, so PH-, FS- and ZT- need no mention
    sip_reserved=re.compile("Plivo|SipAuth|Twilio|ClientRegion$", re.IGNORECASE),
    sip_headers_in_events=False,
    events_with_plus=_words("Ring Dial"),
    answers_unread=False,
    short_redirect=False,
    short_ring=True,
    end_statuses={  # Plivo docs, Request: the last four are outbound's
        "inbound": _words("completed"),
        "outbound": _words("completed busy failed timeout no-answer"),
    },
    outbound_extra={"CountryCode": "US", "RouteType": ""},
    inbound_extra=("BillRate", "SessionStart", "STIRVerification"),
    bills_dial_events=True,
    pressed_by={"A": "ALeg", "B": "BLeg"},
    local_hours=0,
    bill_rate="0.00850",
    hangup_goes_to_answer_url=False,
    conference=ConferenceManners(  # Plivo docs, Conference
        stays_alone=True,
        relays_tones=True,
        time_limit=86400.0,
        size_attribute="maxMembers",
        wait_sounds=("Speak", "Play", "Wait"),
        fetches_wait_sound_anyway=False,
        short_exit=False,
        reports_floor=True,
        records=True,
    ),
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
    calls_fired=("Call fired", "Calls fired"),
    missing_routes=frozenset(("Request/*",)),
    keeps_records=False,  # Vobiz OpenAPI: status is required; records are a resource of their own
    live_page=0,  # no paging is documented
    spawns_async=False,
    stream_content_types=(*_STREAM_CONTENT_TYPES, "audio/x-l16;rate=24000"),
    stream_reports=("PlayedStream", "ClearedAudio", "DegradedStream"),  # Vobiz docs, callbacks
    stream_fields=(  # Vobiz docs, The Stream Object
        *("stream_id", "call_uuid", "service_url", "status_callback_url", "bidirectional", "audio_track"),
        *("content_type", "status", "start_time", "end_time", "resource_uri"),
    ),
    stream_time="%Y-%m-%dT%H:%M:%SZ",
    keep_alive_needs_bidirectional=False,  # Vobiz docs, Stream: its description knows no such condition
    live_extra={"stir_attestation": "", "stir_verification": "Not Applicable"},
    vocabulary={
        "Response": _words(
            # Vobiz docs, Response
            "Dial Speak Play Record Gather Hangup Redirect Wait Conference PreAnswer DTMF Stream"
        ),
        "Gather": _words("Speak Play"),
        # Record is what Vobiz's newer SDKs allow there
        "Dial": _words("Number User Record"),
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
    record=RecordManners(
        timeout=60,
        finish_on_key="1234567890*#",
        redirect=False,
        transcription_type="auto",
        action_event="Record",
        stop_event="RecordStop",
        end_reasons={
            "silence": "RecordingTimeout",
            "length": "maxLength",
            "key": "FinishedOnKey",
            "hang-up": "HungUp",
        },
        transcription=("transcription", "transcription_id", "transcription_url", "recording_id"),
        api_status=200,
        api_message="recording started",
        api_callback={},
    ),
    dial_takes_bare_number=True,
    dial_destinations=10,  # Vobiz docs, an older copy of Dial
    sip_prefix="X-VH-",
    sip_reserved=re.compile("(?!)"),  # none is documented
    sip_headers_in_events=True,
    events_with_plus=_NONE,
    answers_unread=True,  # Vobiz docs, best practices; Vobiz warm-transfer example
    short_redirect=True,
    short_ring=False,  # Vobiz docs, make a call: as the answer fetch
    end_statuses=dict.fromkeys(("inbound", "outbound"), _words("completed busy failed cancel timeout no-answer")),
    outbound_extra={},
    inbound_extra=(),
    bills_dial_events=False,
    pressed_by={"A": "aleg", "B": "bleg"},
    local_hours=5.5,
    bill_rate="0.01000",
    hangup_goes_to_answer_url=True,
    conference=ConferenceManners(  # Vobiz docs, Conference attributes and callbacks; Vobiz warm-transfer example
        stays_alone=False,
        relays_tones=False,
        time_limit=14400.0,
        size_attribute="",
        wait_sounds=("Speak", "Wait"),
        fetches_wait_sound_anyway=True,
        short_exit=True,
        reports_floor=False,
        records=False,
    ),
    user_agent="Vobiz",
    # Vobiz docs: 10 s per attempt; the answer URL up to 3 retries and 60 s; no retry is documented for the others
    document_http=HttpSettings(connect=10.0, read=10.0, total=10.0, retries=0, retry_on=_NONE),
    answer_http=HttpSettings(connect=10.0, read=10.0, total=60.0, retries=3, retry_on=_words("4xx 5xx ct rt")),
    callback_http=HttpSettings(
        connect=3.0, read=3.0, total=60.0, retries=3, retry_on=_words("3xx 4xx 5xx ct rt"), backoff=1.0
    ),
)

DIALECTS: dict[str, Dialect] = {"plivo": PLIVO, "vobiz": VOBIZ}
