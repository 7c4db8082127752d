"""Published versions: what is served is a checked copy of what was saved, and goes live by renaming one symlink.

    STATE_DIR/versions/<flow>-<hash>/   the flow's files with those of _shared/, never changed again
    STATE_DIR/live/<flow>               symlink to the version that is served
    STATE_DIR/live/<flow>.last          the one before it: its last good version when the live one fails
    STATE_DIR/live/<flow>.stale         why the newest save did not go live (JSON), until a good one does

A worker looks at the link on each request, so that an edit needs no reload. Versions are named by their content:
two machines that publish the same files agree, and publishing twice changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..bounded import Reader
from ..models import Problem, Severity
from .catalog import Flow, load_flow
from .sources import FlowSource, is_name

log = logging.getLogger("callflows.flows")

KEEP_SECONDS = 26 * 3600  # longer than any call's tokens live
LOADING = 4  # versions that are loaded at a time while callers wait
MAX_LOADED = 8  # versions of one flow in a process's memory; calls in still older ones load theirs again


class Versions:
    """The version store of one STATE_DIR. Safe for many readers and, with publishing under a lock, writers."""

    def __init__(self, state_dir: Path) -> None:
        self._versions = state_dir / "versions"
        self._live = state_dir / "live"
        self._links = f"{self._live}/"  # for the look on every request
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
        if not is_name(flow):
            return None
        file = self._live / f"{flow}.stale"
        try:
            marked = file.stat().st_mtime
            since, rows = json.loads(file.read_bytes())
            return float(since), [Problem(**{**row, "severity": Severity(row["severity"])}) for row in rows]
        except OSError:
            return None
        except (ValueError, TypeError, KeyError, RecursionError):  # damaged: that it waits is still known
            return marked, []

    def stale_names(self) -> list[str]:
        try:
            found = [entry.name for entry in os.scandir(self._live)]
        except OSError:
            return []
        return sorted(name.removesuffix(".stale") for name in found if name.endswith(".stale"))

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
        before = self.live_version(source.name)
        if before != version:
            self._touch_linked(source.name)
            if before:
                self._link(f"{source.name}.last", before)
            self._link(source.name, version)
        (self._live / f"{source.name}.stale").unlink(missing_ok=True)
        return version

    def mark_stale(self, flow: str, problems: Sequence[Problem]) -> None:
        known = self.stale(flow)
        since = known[0] if known else time.time()
        self._live.mkdir(parents=True, exist_ok=True)
        draft = self._live / f".{flow}.{uuid.uuid4().hex[:8]}"
        draft.write_text(json.dumps([since, [asdict(problem) for problem in problems]]))
        draft.rename(self._live / f"{flow}.stale")

    def withdraw(self, flow: str) -> None:
        """The flow's folder is gone. Calls in it go on: their tokens name the version."""
        self._touch_linked(flow)
        for name in (flow, f"{flow}.last", f"{flow}.stale"):
            (self._live / name).unlink(missing_ok=True)

    def prune(self) -> int:
        """Remove versions that no link names and no call can be in any more; returns how many."""
        if not self._versions.is_dir():
            return 0
        linked = set()
        for entry in os.scandir(self._live) if self._live.is_dir() else ():
            with contextlib.suppress(OSError):  # not a link, or gone since it was listed
                linked.add(os.path.basename(os.readlink(entry)))
        removed = 0
        for entry in list(os.scandir(self._versions)):
            with contextlib.suppress(FileNotFoundError):  # another process prunes, too
                if entry.name not in linked and time.time() - entry.stat().st_mtime > KEEP_SECONDS:
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


def _read_files(folder: Path) -> dict[str, bytes]:
    files = {}
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files
