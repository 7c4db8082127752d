"""Captures: what the platform really sent, one redacted JSON file per request, while an operator has it switched on.

The switch is a file in STATE_DIR, so every worker of the machine sees it at its next request. It has an end and a
limit, and the key of the session's substitutes. A capture is written when its answer has been sent, and whatever goes
wrong with it is said once in the log and is nobody else's trouble.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .config import Settings
from .errors import ConfigError
from .models import WebhookRequest
from .runtime import Runtime
from .substitutes import Substitutes

log = logging.getLogger("callflows.capture")

FORMAT = 1
SWITCH, FOLDER = "capture.json", "captures"
_SESSION = re.compile(r"[0-9a-f]{8}")
_TEXTS = ("provider", "at", "method", "url", "verdict", "signature")
_PAIRS = ("headers", "query", "form")


@dataclass(frozen=True, slots=True)
class Session:
    """One `capture on`. The key never leaves the switch's file, which only its owner can read."""

    id: str
    until: float
    limit: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, and what it was answered. `read` is false for a body that was refused unread."""

    at: float
    provider: str
    request: WebhookRequest
    headers: tuple[tuple[str, str], ...]  # as received: their case, order and repetitions
    read: bool
    status: int
    content_type: str
    body: bytes
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Kept:
    """One capture in the folder."""

    file: Path
    content: dict[str, Any]


def folder(settings: Settings) -> Path:
    return settings.state_dir / FOLDER


# The switch


def switch_on(settings: Settings, *, seconds: float, limit: int) -> Session:
    """Begin a session; one that runs ends. Raise ConfigError when the serving processes could not see it."""
    state = _state_dir(settings)
    session = Session(secrets.token_hex(4), time.time() + seconds, limit, secrets.token_bytes(16))
    text = json.dumps({"session": session.id, "until": session.until, "limit": session.limit, "key": session.key.hex()})
    try:
        folder(settings).mkdir(mode=0o700, exist_ok=True)
        for old in folder(settings).glob(".count-*"):
            old.unlink(missing_ok=True)
        _owned_as(state, folder(settings))
        draft = state / f".capture.{session.id}"
        _write(draft, text.encode())
        _owned_as(state, draft)
        draft.rename(state / SWITCH)
    except OSError as error:
        raise ConfigError(f"{state.absolute()} cannot be written: {error.strerror}") from error
    return session


def switch_off(settings: Settings) -> bool:
    """Whether it was on. What was captured stays; the key, and with it the way to more of the same, is gone."""
    state = _state_dir(settings)
    was_on = current(settings) is not None
    try:
        (state / SWITCH).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{(state / SWITCH).absolute()} cannot be removed: {error.strerror}") from error
    return was_on


def current(settings: Settings) -> Session | None:
    """The session that runs. Raise ConfigError when the switch is there and cannot be read."""
    path = _state_dir(settings) / SWITCH
    try:
        session = _load(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not what `callflows capture on` writes"
        raise ConfigError(f"{path.absolute()} cannot be read: {why}", hint="switch it on anew") from error
    return session if time.time() < session.until else None


def _state_dir(settings: Settings) -> Path:
    if not settings.state_dir.is_dir():
        raise ConfigError(
            f"there is no folder {settings.state_dir.absolute()}: no server has served from it",
            hint="set CALLFLOWS_STATE_DIR as the server has it",
        )
    return settings.state_dir


def _load(path: Path) -> Session:
    try:
        said = json.loads(path.read_bytes())
        session = Session(said["session"], float(said["until"]), int(said["limit"]), bytes.fromhex(said["key"]))
        if not _SESSION.fullmatch(session.id):
            raise ValueError("no session")
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error
    return session


def _owned_as(state: Path, path: Path) -> None:
    """Switched on by root, it is still the serving user's to read and write."""
    owner = state.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


# Writing


class Recorder:
    """Of one process, or of several after a fork: it holds nothing open. Only `session()` is paid when all is off."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._switch = str(runtime.settings.state_dir / SWITCH)
        self._loaded: tuple[object, Session | None, Substitutes | None] = (None, None, None)
        self._said: set[str] = set()

    def session(self) -> Session | None:
        """The session that runs; one `stat` while none does. Never raises."""
        try:
            found = os.stat(self._switch)
        except OSError:
            return None
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        try:
            if stamp != self._loaded[0]:
                self._loaded = (stamp, *self._open())
        except Exception as error:
            self._loaded = (stamp, None, None)
            self.failed(error)
        session = self._loaded[1]
        return session if session is not None and time.time() < session.until else None

    def keep(self, session: Session, seen: Seen) -> None:
        """Write one capture, if there is room for it. Never raises."""
        try:
            _, loaded, substitutes = self._loaded
            if loaded != session or substitutes is None:
                return  # switched off or anew meanwhile
            where = folder(self._runtime.settings)
            slot = self._slot(where, session, refused=seen.status != 200)
            if not slot:
                return
            when = datetime.fromtimestamp(seen.at, UTC)
            name = f"{when:%Y%m%dT%H%M%S}.{when:%f}Z-{session.id}-{slot:05}"
            data = json.dumps(self._content(seen, when, substitutes), indent=1).encode() + b"\n"
            draft = where / f".{name}"
            try:
                _write(draft, data)
                draft.rename(where / f"{name}.json")
            except OSError:
                with contextlib.suppress(OSError):
                    draft.unlink()
                raise
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Say it, once for each reason: the same will happen at the next request."""
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        if why not in self._said:
            self._said.add(why)
            log.warning("requests are not captured in %s: %s", folder(self._runtime.settings), why)

    def _open(self) -> tuple[Session, Substitutes]:
        session = _load(Path(self._switch))
        settings = self._runtime.settings
        hidden = (*settings.secret_values(), settings.plivo_auth_id, settings.vobiz_auth_id)
        self._said.clear()
        return session, Substitutes(session.key, secrets=hidden, public_url=settings.public_url)

    def _slot(self, where: Path, session: Session, *, refused: bool) -> int:
        """This capture's number in its session, from 1; 0 when there is no more room. What was refused gets half of
        the room at most: strangers must not use up what is there for the platform.
        """
        if refused and not _next(where / f".count-{session.id}-refused", max(session.limit // 2, 1)):
            return 0
        return _next(where / f".count-{session.id}", session.limit)

    def _content(self, seen: Seen, when: datetime, substitutes: Substitutes) -> dict[str, Any]:
        asked = seen.request
        verdict = "unread" if not seen.read else "rejected" if seen.status == 403 else "genuine"
        return {
            "capture": FORMAT,
            "provider": seen.provider,
            "at": f"{when:%Y-%m-%dT%H:%M:%S}.{when:%f}Z",
            "method": substitutes.name(asked.method),
            "url": substitutes.url(asked.url),
            "headers": substitutes.headers(seen.headers),
            "query": substitutes.pairs(asked.query),
            "form": substitutes.pairs(asked.form),
            "verdict": verdict,
            "signature": str(self._runtime.provider(seen.provider).verify(asked)) if seen.read else "",
            "answer": {
                "status": seen.status,
                "content_type": seen.content_type,
                "bytes": len(seen.body),
                # keyed, as a document may be short enough to be guessed; equal answers have equal digests
                "digest": substitutes.digest("answer", seen.body).hex()[:12],
                "duration_ms": seen.duration_ms,
            },
        }


def _next(counter: Path, limit: int) -> int:
    """Count one up among all processes: each appends a byte, and where that came to lie is its number. 0: no room."""
    descriptor = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size >= limit:
            return 0
        os.write(descriptor, b".")
        number = os.lseek(descriptor, 0, os.SEEK_CUR)
        return number if number <= limit else 0
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


# Reading


def captures(settings: Settings) -> tuple[list[Kept], list[str]]:
    """What is in the folder, oldest first, and one sentence for each file that is not a capture."""
    _state_dir(settings)
    kept: list[Kept] = []
    faults: list[str] = []
    try:
        names = sorted(entry.name for entry in os.scandir(folder(settings)) if entry.name.endswith(".json"))
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise ConfigError(f"{folder(settings).absolute()} cannot be read: {error.strerror}") from error
    for name in names:
        path = folder(settings) / name
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            faults.append(f"{path} cannot be read: {error.strerror}")
        except (ValueError, RecursionError):
            faults.append(f"{path} is not JSON")
        else:
            fault = _fault(content)
            if fault:
                faults.append(f"{path} is not a capture: {fault}")
            else:
                kept.append(Kept(path, content))
    return kept, faults


def _fault(content: Any) -> str:
    """What keeps it from being a capture of this version; empty when it is one."""
    if not isinstance(content, dict):
        return "it is not an object"
    if content.get("capture") != FORMAT:
        return f'"capture" is not {FORMAT}'
    for name in _TEXTS:
        if not isinstance(content.get(name), str):
            return f'"{name}" is not a text'
    for name in _PAIRS:
        pairs = content.get(name)
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in pairs
        ):
            return f'"{name}" is not a list of pairs'
    answer = content.get("answer")
    if not isinstance(answer, dict) or not isinstance(answer.get("status"), int):
        return '"answer" has no status'
    return ""


@dataclass(slots=True)
class Keys:
    """What requests of one Event had in common: in how many of them each name stood."""

    provider: str
    event: str
    requests: int
    params: dict[str, int]
    headers: dict[str, int]


def keys(kept: list[Kept]) -> list[Keys]:
    """Names by provider and Event, in the order in which they were first seen."""
    found: dict[tuple[str, str], Keys] = {}
    for each in kept:
        params = each.content["query"] + each.content["form"]
        place = each.content["provider"], param(each, "Event")
        keys = found.setdefault(place, Keys(*place, 0, {}, {}))
        keys.requests += 1
        for counts, pairs in ((keys.params, params), (keys.headers, each.content["headers"])):
            for name in dict.fromkeys(name for name, _ in pairs):
                counts[name] = counts.get(name, 0) + 1
    return [found[place] for place in sorted(found)]


def param(kept: Kept, name: str) -> str:
    """The first value of a parameter of the platform, wherever its method put it."""
    pairs = kept.content["form"] + kept.content["query"]
    return next((value for known, value in pairs if known == name), "")
