"""Elements of other platforms' vocabularies, and what to write: the part that is the same for every dialect."""

from __future__ import annotations

from collections.abc import Mapping

_QUEUE = "there is no queue: hold with Play and a Redirect to the same step, or let them meet in a Conference"
_SESSION = 'write <Record recordSession="true"/> before what it records'
_STREAM = "write Stream"
_REST = "no element does this; ask the platform's REST API"
_TRANSFER = "write Dial with Number or User"

ELSEWHERE: Mapping[str, str] = {
    # Twilio, and SignalWire, Telnyx, Somleng, which took its words
    "Say": "write Speak",
    "Pause": "write Wait",
    "Sip": "write User with a sip: address",
    "Client": "write User with a sip: address",
    "Enqueue": _QUEUE,
    "Queue": _QUEUE,
    "Leave": _QUEUE,
    "Task": _QUEUE,
    "Reject": 'write <Hangup reason="rejected"/> or <Hangup reason="busy"/> as first element',
    "Connect": "write Stream on its own; to reach somebody, Dial with Number or User",
    "Start": "write what it contains on its own, in place of Start",
    "Stop": _REST,
    "Refer": "write Dial with User, and the sip: address in it",
    "Siprec": _STREAM,
    "MediaStream": _STREAM,
    "AudioStream": _STREAM,
    "ConversationRelay": _STREAM,
    "VirtualAgent": _STREAM,
    "Parameter": "write extraHeaders on the Stream, or a query in its URL",
    "Application": "write Redirect with the address of what the application serves",
    "Room": "write Conference with the name of the room",
    "Transcription": "write Record with transcriptionUrl",
    "Pay": "no element takes payments",
    "Identity": "put the address into the text of User",
    "Echo": _REST,
    "Fax": "no element sends faxes",
    "Email": "no element sends mail; do it where the action leads",
    # Bandwidth
    "SpeakSentence": "write Speak",
    "PlayAudio": "write Play",
    "SendDtmf": "write DTMF",
    "Transfer": _TRANSFER,
    "Forward": _TRANSFER,
    "Bridge": "write Conference with the same name on both legs",
    "PhoneNumber": "write Number",
    "SipUri": "write User with a sip: address",
    "StartRecording": _SESSION,
    "StopRecording": _REST,
    "StartStream": _STREAM,
    "StopStream": _REST,
    "Ring": "write PreAnswer, or Wait as first element",
    # The platforms' common ancestor, and slips seen in their own samples
    "Notify": "write an action or a callbackUrl with events_url()",
    "SIPTransfer": "write Dial with User, and the sip: address in it",
    "Preanswer": "write PreAnswer",
}
