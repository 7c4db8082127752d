"""Published versions: what is served is a checked copy of what was saved, and goes live by renaming one symlink.

    STATE_DIR/versions/<flow>-<hash>/   the flow's files with those of _shared/, never changed again
    STATE_DIR/live/<flow>               symlink to the version that is served
    STATE_DIR/live/<flow>.last          the one before it: its last good version when the live one fails
    STATE_DIR/live/<flow>.*             what is written down beside (records.py): refusals, what is held, the history

A worker looks at the link on each request, so that an edit needs no reload. Versions are named by their content:
two machines that publish the same files agree, and publishing twice changes nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..bounded import Reader
from ..models import FlowState, Problem, Published
from .catalog import Flow, load_flow
from .records import Records, Refusal, Status, Turn
from .sources import FlowSource, is_name

log = logging.getLogger("callflows.flows")

KEEP_SECONDS = 26 * 3600  # longer than any call's tokens live
KEEP_VERSIONS = 20  # of each flow, to go back to
LOADING = 4  # versions that are loaded at a time while callers wait
MAX_LOADED = 8  # versions of one flow in a process's memory; calls in still older ones load theirs again


class Versions:
    """The version store of one STATE_DIR. Safe for many readers and, with publishing under a lock, writers."""

    def __init__(self, state_dir: Path) -> None:
        self._versions = state_dir / "versions"
        self._live = state_dir / "live"
        self._links = f"{self._live}/"  # for the look on every request
        self._records = Records(self._live)
        self._loaded: dict[str, Flow] = {}
        self._loader = Reader(LOADING)
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    # reading

    def live_version(self, flow: str, *, last: bool = False) -> str:
        """The name of the version that is served (or of the one before it); empty when there is none."""
        if not is_name(flow):
            return ""
        try:
            return os.path.basename(os.readlink(f"{self._links}{flow}{'.last' if last else ''}"))
        except OSError:
            return ""

    def live(self, flow: str, *, last: bool = False, within: float | None = None) -> Flow | None:
        """While one request compiles a new version, the others get the newest that is in memory: a caller waits for
        nobody else's edit. After `within` seconds the first one does, too.
        """
        version = self.live_version(flow, last=last)
        if version and version not in self._loaded:
            older = [known for known in list(self._loaded.values()) if known.name == flow][-1:]
            if older and self._loading[version].locked():
                return older[0]
            found = self.load(version, within)
            return older[0] if found is None and older and within is not None else found
        return self.load(version)

    def names(self) -> list[str]:
        """The flows that are live."""
        try:
            return sorted(entry.name for entry in os.scandir(self._live) if is_name(entry.name))
        except OSError:
            return []

    def load(self, version: str, within: float | None = None) -> Flow | None:
        """A version by its name, from memory when this process has it; None when it is not there any more, or not
        loaded `within` so many seconds. It is loaded then all the same, for the next request.
        """
        flow = self._loaded.get(version)
        if flow is not None or not version:
            return flow
        if within is None:
            return self._load(version)
        try:
            return self._loader.read(lambda: self._load(version), within)
        except TimeoutError:
            log.warning("flow version %s could not be loaded within %.2f s", version, within)
            return None

    def _load(self, version: str) -> Flow | None:
        name = version.rpartition("-")[0]
        if not is_name(name) or not is_name(version.removeprefix(f"{name}-")):
            return None
        with self._loading[version]:
            flow = self._loaded.get(version)
            if flow is None:
                source = FlowSource(name, _read_files(self._versions / version))
                if source.version != version:
                    return None  # not what was published: a damaged copy must not be served as the original
                self._forget_one_of(name)
                flow = self._loaded[version] = load_flow(source)
        self._loading.pop(version, None)
        return flow

    def _forget_one_of(self, name: str) -> None:
        """Make room for one more version of a flow: the one loaded first goes, unless it is live."""
        live = self.live_version(name)
        loaded = [version for version, flow in list(self._loaded.items()) if flow.name == name and version != live]
        if len(loaded) >= MAX_LOADED:
            self._loaded.pop(loaded[0], None)

    def stale(self, flow: str) -> tuple[float, list[Problem]] | None:
        """Since when (Unix seconds) the newest save waits, and why; None when what was saved is live."""
        refusal = self.refusal(flow)
        return (refusal.since, list(refusal.problems)) if refusal else None

    def stale_names(self) -> list[str]:
        return self._records.names("stale")

    def refusal(self, flow: str, *, mended: bool = False) -> Refusal | None:
        """Of the newest save; `mended`: of the last one that a good one followed."""
        return self._records.refusal(flow, mended=mended) if is_name(flow) else None

    def is_held(self, flow: str, version: str) -> bool:
        """Whether this content of the folder is to stay unpublished, because another version was published by hand."""
        held = self._records.held(flow)
        return held is not None and held.version == version

    def status(self, flow: str, saved: str = "") -> Status:
        """`saved`: the version that the folder's text would be, for whoever has read it; without it the store's last
        word counts, and what is not published yet cannot be told.
        """
        if not is_name(flow):
            return Status(FlowState.PENDING)
        live, refusal, held = self.live_version(flow), self.refusal(flow), self._records.held(flow)
        if refusal and (saved == "" or (saved != live and refusal.version in ("", saved))):
            state = FlowState.STALE if live else FlowState.BROKEN
            return Status(state, refusal.since, live, refusal.problems)
        if held and live and saved in ("", held.version):
            return Status(FlowState.HELD, held.since, live)
        if not live or saved not in ("", live):
            return Status(FlowState.PENDING, None, live)
        turns = self._records.history(flow)
        return Status(FlowState.GOOD, turns[0].since if turns and turns[0].version == live else None, live)

    def history(self, flow: str) -> list[Turn]:
        """Which version was live when, the newest first."""
        return self._records.history(flow) if is_name(flow) else []

    def known_names(self) -> list[str]:
        """The flows that are live, and those of which the newest save is not."""
        return sorted({*self.names(), *self.stale_names()})

    def stored(self, flow: str = "") -> list[str]:
        """The versions in the store, of one flow or of all."""
        try:
            found = [entry.name for entry in os.scandir(self._versions) if not entry.name.startswith(".")]
        except OSError:
            return []
        return sorted(version for version in found if flow in ("", version.rpartition("-")[0]))

    def meant(self, text: str) -> list[str]:
        """The versions in the store that may be meant: by name, by its beginning, or by that of its hash."""
        found = []
        for version in self.stored():
            flow, _, digest = version.rpartition("-")
            if version == text:
                return [version]
            if (len(text) > len(flow) + 1 and version.startswith(text)) or _is_beginning(text, digest):
                found.append(version)
        return found

    # writing

    def publish(self, source: FlowSource) -> str:
        """Make this source the live version. The caller has checked it."""
        version = source.version
        target = self._versions / version
        if not self._touch(version) or FlowSource(source.name, _read_files(target)).version != version:
            shutil.rmtree(target, ignore_errors=True)  # damaged, for instance by a power cut
            draft = self._versions / f".{version}.{uuid.uuid4().hex[:8]}"
            for path, data in source.files.items():
                file = draft / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            try:
                draft.rename(target)
            except OSError:  # another process published the same content first
                shutil.rmtree(draft, ignore_errors=True)
        self._go_live(source.name, version, Published.SAVED)
        self._records.release(source.name)
        self._records.mend(source.name, time.time())
        return version

    def put_back(self, version: str, *, instead_of: str) -> None:
        """Make a version of the store live, by hand. `instead_of` is what the folder's text would be: that is held."""
        flow = version.rpartition("-")[0]
        refusal = self.refusal(flow)
        if refusal and refusal.version != instead_of:
            self._records.mend(flow, time.time())
        if instead_of == version:
            self._records.release(flow)
        else:
            self._records.hold(flow, instead_of, time.time())  # first: a save that is being published must not win
        self._touch(version)
        self._go_live(flow, version, Published.BY_HAND)

    def _go_live(self, flow: str, version: str, how: Published) -> None:
        before = self.live_version(flow)
        self._records.begin(flow, version, how, time.time())
        if before != version:
            self._touch_linked(flow)
            if before:
                self._link(f"{flow}.last", before)
            self._link(flow, version)

    def settle(self, flow: str, version: str) -> None:
        """The folder holds this version: what was said of other saves is over."""
        refusal = self.refusal(flow)
        if self.live_version(flow) == version:
            self._records.release(flow)
            self._records.mend(flow, time.time())
        elif refusal and refusal.version != version and self.is_held(flow, version):
            self._records.mend(flow, time.time())

    def mark_stale(self, flow: str, problems: Sequence[Problem], version: str = "") -> None:
        self._records.refuse(flow, version, problems, time.time())

    def withdraw(self, flow: str) -> None:
        """The flow's folder is gone. Calls in it go on: their tokens name the version. Its history is kept as long."""
        self._touch_linked(flow)
        if self.live_version(flow):
            self._records.begin(flow, "", Published.WITHDRAWN, time.time())
        for name in (flow, f"{flow}.last"):
            (self._live / name).unlink(missing_ok=True)
        self._records.forget(flow, "stale", "refused", "held")

    def prune(self) -> int:
        """Remove versions that no link names, that no call can be in any more, and that are not among the last of their
        flow; returns how many.
        """
        if not self._versions.is_dir():
            return 0
        kept = set()
        for entry in os.scandir(self._live) if self._live.is_dir() else ():
            with contextlib.suppress(OSError):  # not a link, or gone since it was listed
                kept.add(os.path.basename(os.readlink(entry)))
        for flow in self._records.names("history"):
            turns = self.history(flow)
            if turns and not turns[0].version and time.time() - turns[0].since > KEEP_SECONDS:
                self._records.forget(flow, "history")
            else:
                kept.update(list(dict.fromkeys(turn.version for turn in turns if turn.version))[:KEEP_VERSIONS])
        removed = 0
        for entry in list(os.scandir(self._versions)):
            with contextlib.suppress(FileNotFoundError):  # another process prunes, too
                if entry.name not in kept and time.time() - entry.stat().st_mtime > KEEP_SECONDS:
                    shutil.rmtree(entry.path, ignore_errors=True)
                    removed += 1
        return removed

    def _touch(self, version: str) -> bool:
        """From now on prune counts how long no call can be in it. False when it is not there."""
        try:
            os.utime(self._versions / version)
        except OSError:
            return False
        return True

    def _touch_linked(self, flow: str) -> None:
        for last in (False, True):
            version = self.live_version(flow, last=last)
            if version:
                self._touch(version)

    def _link(self, name: str, version: str) -> None:
        self._live.mkdir(parents=True, exist_ok=True)
        draft = self._live / f".{name}.{uuid.uuid4().hex[:8]}"
        draft.symlink_to(Path("..") / "versions" / version)
        draft.rename(self._live / name)


def _is_beginning(text: str, digest: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{4,16}", text) is not None and digest.startswith(text)


def _read_files(folder: Path) -> dict[str, bytes]:
    files = {}
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files
