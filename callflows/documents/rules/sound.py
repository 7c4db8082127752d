"""Play, Wait, and documents of kind sound."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from ...models import Severity
from ..findings import TEXT, Finding, Node, text_of
from .registry import SOUND, Context, Found, number, rule

_KIND_HINT = "a sound document may hold Play, Wait and Speak; the platforms ignore the rest"


@rule("rule.sound-kind", "Response", fatal=True, hint=_KIND_HINT, kind="sound",
      source="plivo.md 1.6 confirmSound, dialMusic; vobiz.md 1.2 Dial, Conference",
      good="<Speak>You have a call.</Speak>", bad="<Speak>You have a call.</Speak><Hangup/>")  # fmt: skip
def sound_kind(root: Node, context: Context) -> Found:
    if context.kind == "sound":
        for child in root.iterchildren("*"):
            if child.tag not in SOUND:
                yield Finding(
                    "rule.sound-kind", f"{child.tag!s} in a step of kind sound", child, fatal=True, hint=_KIND_HINT
                )


@rule("rule.wait-silence", "Wait", about="silence", source="plivo.md 1.2, vobiz.md 1.2",
      hint="length is in seconds, minSilence in milliseconds and must be the shorter one",
      good='<Wait length="10" silence="true" minSilence="3000"/>',
      bad='<Wait length="2" silence="true" minSilence="3000"/>')  # fmt: skip
def wait_silence(wait: Node, context: Context) -> Found:
    if wait.get("silence") == "true":
        length, silence = number(wait, "length", 1), number(wait, "minSilence", 2000)
        if length is not None and silence is not None and silence >= length * 1000:
            yield f"Wait for {length} s cannot hear a silence of {silence} ms"


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@rule("rule.play-https", "Play", severity=Severity.WARNING, source="plivo.md 1.2 (D: must), vobiz.md 1.1",
      hint="write https://",
      good="<Play>https://media.example.com/hello.mp3</Play>",
      bad="<Play>http://media.example.com/hello.mp3</Play>")  # fmt: skip
def play_https(play: Node, context: Context) -> Found:
    url = text_of(play).strip()
    if url[:5].lower() == "http:" and not _loopback(_host(url)):
        yield Finding("rule.play-https", "the URL of Play is not https, and the platforms ask for it", play, TEXT,
                      "write https://", Severity.WARNING)  # fmt: skip


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return "localhost"  # the grammar tells


_OTHER_AUDIO = re.compile(r"\.(aac|aiff?|amr|au|caf|flac|m4a|mp4|oga|ogg|opus|webm|wma)$", re.IGNORECASE)
_FORMAT_HINT = "make it an mp3 or a wav file"


@rule("rule.play-format", "Play", severity=Severity.WARNING, hint=_FORMAT_HINT,
      source="plivo.md 1.2 (mp3 or wav); vobiz.md 1.2 Play (what is not audio is skipped)",
      good="<Play>https://media.example.com/hello.wav</Play>",
      bad="<Play>https://media.example.com/hello.ogg</Play>")  # fmt: skip
def play_format(play: Node, context: Context) -> Found:
    path = text_of(play).strip().partition("#")[0].partition("?")[0]
    if found := _OTHER_AUDIO.search(path):
        message = f"Play takes mp3 and wav files; a .{found[1].lower()} file is skipped without a word"
        yield Finding("rule.play-format", message, play, TEXT, _FORMAT_HINT, Severity.WARNING)
