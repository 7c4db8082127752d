"""What the official Python builder makes of its own arguments is accepted, warnings aside: every element of it, with
every argument, and every child it lets an element have.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from lxml import etree
from plivo import plivoxml

from callflows.documents import DIALECTS, judge_bytes
from callflows.documents.schema import XML_PREFIX, model

URL = "https://flows.example.com/x"
NUMBER = "14155550123"
EVENTS = (
    "mpc-state-changes,participant-state-changes,participant-speak-events,participant-digit-input-events,"
    "add-participant-api-events"
)
# `cont` is the builder's own: it takes the tag out of what it writes. Its base class is no element.
ELEMENTS = {
    name.removesuffix("Element"): kind
    for name, kind in inspect.getmembers(plivoxml, inspect.isclass)
    if name.endswith("Element") and name not in ("PlivoXMLElement", "ContElement")
}

# Every documented argument, by its name in the builder; "content" is the text.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Response": {},
    "PreAnswer": {},
    "Speak": {"content": "Hello", "voice": "Polly.Joanna", "language": "en-US", "loop": 2},
    "Break": {"strength": "weak", "time": "1s"},
    "Emphasis": {"content": "x", "level": "strong"},
    "Lang": {"content": "x", "xmllang": "fr-FR"},
    "P": {"content": "x"},
    "Phoneme": {"content": "x", "alphabet": "ipa", "ph": "x"},
    "Prosody": {"content": "x", "volume": "loud", "rate": "slow", "pitch": "high"},
    "S": {"content": "x"},
    "SayAs": {"content": "2026-11-23", "interpret_as": "date", "format": "ymd"},
    "Sub": {"content": "x", "alias": "y"},
    "W": {"content": "x", "role": "amazon:VB"},
    "Play": {"content": "https://a.example/a.mp3", "loop": 0},
    "Wait": {"length": 5, "silence": True, "min_silence": 2000, "beep": False},
    "DTMF": {"content": "12wW#*", "async_": False},
    "Redirect": {"content": URL, "method": "POST"},
    "Hangup": {"reason": "busy", "schedule": 60},
    "Message": {"content": "Hello", "src": NUMBER, "dst": f"{NUMBER}<+14155551234", "type": "sms",
                "callback_url": URL, "callback_method": "GET"},
    "Number": {"content": NUMBER, "send_digits": "wW1", "send_on_preanswer": True, "send_digits_mode": "rfc2833"},
    "User": {"content": "sip:a@phone.example.org", "send_digits": "1", "send_on_preanswer": False,
             "sip_headers": "a=1"},
    "Dial": {
        "action": URL, "method": "POST", "hangup_on_star": True, "time_limit": 60, "timeout": 20, "caller_id": NUMBER,
        "caller_name": "Desk", "confirm_sound": URL, "confirm_timeout": 10, "confirm_key": "1", "dial_music": "real",
        "callback_url": URL, "callback_method": "GET", "redirect": False, "digits_match": "1,2",
        "digits_match_b_leg": "3", "sip_headers": "a=1,b=2"},
    "GetDigits": {
        "action": URL, "method": "POST", "timeout": 7, "digit_timeout": 3, "finish_on_key": "#", "num_digits": 4,
        "retries": 1, "redirect": True, "play_beep": False, "valid_digits": "1234567890*#",
        "invalid_digits_sound": "https://a.example/no.mp3", "log": True},
    "GetInput": {
        "action": URL, "method": "POST", "input_type": "dtmf speech", "execution_timeout": 10, "digit_end_timeout": 3,
        "speech_end_timeout": 3, "finish_on_key": "#", "num_digits": 4, "speech_model": "default", "hints": "a,b",
        "language": "en-US", "interim_speech_results_callback": URL, "interim_speech_results_callback_method": "POST",
        "log": True, "redirect": True, "profanity_filter": False},
    "Record": {
        "action": URL, "method": "POST", "file_format": "wav", "redirect": False, "timeout": 15, "max_length": 60,
        "play_beep": True, "finish_on_key": "#", "record_session": False, "start_on_dial_answer": False,
        "transcription_type": "auto", "transcription_url": URL, "transcription_method": "GET",
        "transcription_report_type": "full", "callback_url": URL, "callback_method": "POST",
        "record_channel_type": "stereo"},
    "Conference": {
        "content": "sales", "muted": False, "enter_sound": "beep:1", "exit_sound": URL,
        "start_conference_on_enter": True, "end_conference_on_exit": False, "stay_alone": True, "wait_sound": URL,
        "max_members": 20, "record": True, "record_file_format": "mp3", "time_limit": 3600, "hangup_on_star": True,
        "action": URL, "method": "POST", "callback_url": URL, "callback_method": "GET", "digits_match": "1,2",
        "floor_event": True, "redirect": True, "relay_dtmf": True, "send_digits": "1", "record_when_alone": True,
        "transcription_type": "hybrid", "transcription_url": URL, "transcription_method": "POST"},
    "MultiPartyCall": {
        "content": "sales", "role": "Agent", "max_duration": 300, "max_participants": 2, "record_min_member_count": 2,
        "wait_music_url": URL, "wait_music_method": "post", "wait_time": 1800, "agent_hold_music_url": URL,
        "agent_hold_music_method": "GET", "customer_hold_music_url": URL, "customer_hold_music_method": "GET",
        "record": True, "record_participant_track": True, "record_file_format": "WAV", "recording_callback_url": URL,
        "recording_callback_method": "POST", "status_callback_events": EVENTS, "status_callback_url": URL,
        "status_callback_method": "POST", "stay_alone": True, "coach_mode": False, "mute": True, "hold": True,
        "start_mpc_on_enter": False, "end_mpc_on_exit": True, "enter_sound": "none", "enter_sound_method": "GET",
        "exit_sound": URL, "exit_sound_method": "POST", "on_exit_action_url": URL, "on_exit_action_method": "POST",
        "relay_dtmf_inputs": True, "start_recording_audio": URL, "start_recording_audio_method": "GET",
        "stop_recording_audio": URL, "stop_recording_audio_method": "POST", "transcript": True,
        "transcription_url": URL},
    "Stream": {
        "content": "wss://a.example/media?a=1&b=2", "bidirectional": True, "audioTrack": "inbound",
        "streamTimeout": 3600, "statusCallbackUrl": URL, "statusCallbackMethod": "GET",
        "contentType": "audio/x-mulaw;rate=8000", "extraHeaders": "a=1,b=2", "keepCallAlive": True},
}  # fmt: skip

# Values of arguments that exclude each other, or that have more than one form.
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("Wait", {"length": 5, "beep": True}),
    ("Wait", {}),
    ("Record", {}),
    ("Record", {"record_session": True, "start_on_dial_answer": True, "finish_on_key": "none"}),
    *(("Record", {"transcription_type": kind, "transcription_url": URL}) for kind in ("auto", "hybrid", "manual")),
    *(("Conference", {"content": "a", "enter_sound": sound, "exit_sound": sound}) for sound in ("", "beep:2", URL)),
    *(
        ("MultiPartyCall", {"content": "a", "role": role})
        for role in ("agent", "AGENT", "Supervisor", "customer", "ai-agent", "AI-Agent")
    ),
    *(("MultiPartyCall", {"content": "a", "role": "agent", "enter_sound": sound}) for sound in ("beep:1", "NONE", URL)),
    ("Stream", {"content": "ws://a.example"}),
    *(("Stream", {"content": "wss://a.example", "audioTrack": track}) for track in ("inbound", "outbound", "both")),
    *(("Stream", {"content": "wss://a.example", "contentType": f"audio/x-l16;rate={rate}"}) for rate in (8000, 16000)),
    ("Message", {"content": "a", "src": NUMBER, "dst": NUMBER}),
    ("GetDigits", {}),
]


def build(name: str, /, **arguments: Any) -> Any:
    return ELEMENTS[name](**arguments)


def filled(name: str) -> Any:
    """The element with all its arguments, and one of each child the builder lets it have."""
    node = build(name, **ARGUMENTS[name])
    for child in node._nestable:
        kind = next((one for one, found in ELEMENTS.items() if found._name == child), None)
        if kind is not None:  # cont has none
            node.add(build(kind, **ARGUMENTS[kind]) if kind != "Dial" else filled("Dial"))
    return node


def where(node: Any, name: str) -> Any:
    """The document, with the element in a place it may have."""
    if name in plivoxml.ResponseElement._nestable:
        return plivoxml.ResponseElement().add(node)
    if name in plivoxml.DialElement._nestable:
        return plivoxml.ResponseElement().add(plivoxml.DialElement().add(node))
    return plivoxml.ResponseElement().add(build("Speak", **ARGUMENTS["Speak"]).add(node))


def refused(document: str, provider: str) -> set[str]:
    verdict = judge_bytes(document.encode(), provider)
    assert provider != "plivo" or not verdict.blocked, verdict.problems
    return {f"{problem.code}: {problem.message}" for problem in verdict.problems if problem.severity == "error"}


def test_no_argument_is_left_out() -> None:
    for name, kind in ELEMENTS.items():
        known = set(inspect.signature(kind.__init__).parameters) - {"self"}
        left = known - ARGUMENTS[name].keys()
        assert left <= ({"content"} if name == "Break" else set()), name
    assert ARGUMENTS.keys() == ELEMENTS.keys()


@pytest.mark.parametrize("name", ELEMENTS)
def test_all_arguments_and_children(name: str) -> None:
    node = filled(name)
    document = (node if name == "Response" else where(node, node._name)).to_string()
    # rules weigh values that do not go together; here they are set to be there
    together = {code for code in refused(document, "plivo") if not code.startswith("rule.")}
    assert together == set()
    written = {element.tag: element for element in etree.fromstring(document).iter("*")}[node._name]
    shape = model("plivo").elements[node._name]
    assert set(node._nestable) - {"cont"} <= set(shape.children)
    assert {str(key) for key in written.attrib} <= set(shape.attributes)


@pytest.mark.parametrize(("name", "arguments"), OTHERS, ids=lambda value: value if isinstance(value, str) else "")
def test_other_values(name: str, arguments: dict[str, Any]) -> None:
    document = where(build(name, **arguments), name).add(build("Speak", content="Hello")).to_string()
    assert refused(document, "plivo") == set()


def test_multi_party_call_writes_its_defaults() -> None:
    """No XML declaration, every default explicit, the role in lower case."""
    document = where(build("MultiPartyCall", content="sales", role="Customer"), "MultiPartyCall").to_string()
    assert document.startswith("<Response>")
    assert 'role="customer"' in document
    assert 'exitSound="beep:2"' in document
    assert refused(document, "plivo") == set()


@pytest.mark.parametrize("name", [name for name, kind in ELEMENTS.items() if kind._name in model("vobiz").elements])
def test_on_vobiz(name: str) -> None:
    """What both platforms have is converted; the rest is told, and nothing of it is a fault of grammar."""
    document = where(build(name, **ARGUMENTS[name]), ELEMENTS[name]._name) if name not in ("Response", "Dial") else None
    if document is None:
        document = filled("Dial") if name == "Dial" else plivoxml.ResponseElement()
        document = plivoxml.ResponseElement().add(document) if name == "Dial" else document
    found = {code for code in refused(document.to_string(), "vobiz") if code.startswith(("grammar.", "xml."))}
    assert found == set()


def test_the_attributes_of_the_namespace() -> None:
    document = where(build("Lang", **ARGUMENTS["Lang"]), "lang").to_string()
    assert f"{XML_PREFIX}lang" in next(etree.fromstring(document).iter("lang")).attrib
    for provider in DIALECTS:
        assert refused(document, provider) == set()
