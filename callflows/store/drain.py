"""From journals into the store, exactly once: a batch of lines and how far its file is drained are one transaction.

A drainer may be killed anywhere: what it had not committed is read again, what it had committed is not. The truth
about positions is in the store; what is kept here is only used to see that there is nothing new.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path

from ..errors import StoreError
from ..models import Exchange
from .codec import from_line, line_time
from .journal import LINE_CAP
from .queries import JournalMoved, Store

BLOCK = 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024  # of one transaction, whatever its number of lines: bounds memory
UNFINISHED_S = 60.0  # a `.new` file older than this, unlocked, was left by a process that was killed in between

log = logging.getLogger(__name__)


class Drain:
    """One at a time per machine is meant; several do no harm."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = Path(folder)
        self._store = store
        self._known: dict[str, int] = {}
        self.skipped = 0  # lines that were not written whole, or cannot be understood

    def once(self, limit: int = 500) -> int:
        """Move up to `limit` exchanges, oldest file first; how many. 0: nothing more to do for now.

        StoreError when the store is away; nothing is lost by that, call again.
        """
        moved = 0
        for name in self._names(clean=True):
            if moved >= limit:
                break
            moved += self._file(name, limit - moved)
        return moved

    def depth(self) -> tuple[int, float]:
        """Bytes that wait, and for how many seconds the oldest of them have. Works while the store is away."""
        sizes: dict[str, int] = {}
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):
                sizes[name] = (self._folder / name).stat().st_size
        behind = [name for name, size in sizes.items() if size > self._known.get(name, 0)]
        if behind:
            with contextlib.suppress(StoreError):
                self._known.update(self._store.journal_positions(behind))
        waiting, oldest, now = 0, 0.0, time.time()
        for name in behind:
            position = self._known.get(name, 0)
            if sizes[name] > position:
                waiting += sizes[name] - position
                oldest = max(oldest, now - self._written_at(name, position, default=now))
        return waiting, oldest

    def _names(self, *, clean: bool = False) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                names = sorted(entry.name for entry in entries)
        except FileNotFoundError:
            return []
        found = [name for name in names if name.endswith(".journal")]
        if clean:
            for name in names:
                if name.endswith(".new"):
                    self._clean(self._folder / name)
            for gone in self._known.keys() - set(found):
                del self._known[gone]
        return found

    def _file(self, name: str, limit: int) -> int:
        path = self._folder / name
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0  # another drainer was faster
        try:
            # Whether the writer is gone is asked before the size: what it wrote last is then surely seen. The lock
            # stays ours until the file is closed, so no other drainer finishes it meanwhile.
            gone = _lock(fd)
            state = os.fstat(fd)
            if state.st_nlink == 0:
                return 0
            since = self._known.get(name)
            if since is None or since < state.st_size:
                since = self._known[name] = self._store.journal_position(name)
            batch, position = self._read(fd, name, since, limit, gone)
            if position > since:
                try:
                    self._store.add_exchanges(batch, journal=name, position=position, since=since)
                except JournalMoved:
                    del self._known[name]
                    return 0
                self._known[name] = position
            if gone and position >= state.st_size:
                # this order: killed in between, the file is read again, and its lines are known by their ids
                self._store.forget_journal(name)
                path.unlink(missing_ok=True)
                self._known.pop(name, None)
            return len(batch)
        finally:
            os.close(fd)

    def _read(self, fd: int, name: str, since: int, limit: int, gone: bool) -> tuple[list[Exchange], int]:
        """Up to `limit` exchanges from `since` on, and where the first line after them begins."""
        batch: list[Exchange] = []
        position, rest = since, b""
        while position + len(rest) - since < BATCH_BYTES:
            block = os.pread(fd, BLOCK, position + len(rest))
            if not block:
                if gone and rest:  # its writer was killed in the middle of it; of a living one it is waited for
                    self._skip(name, position, "the line has no end")
                    position += len(rest)
                break
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if len(batch) == limit:
                    return batch, position
                try:
                    if line:  # an empty one is the mend after a torn one
                        batch.append(from_line(line))
                except ValueError as error:
                    self._skip(name, position, str(error))
                position += len(line) + 1
            if len(rest) > LINE_CAP:
                self._skip(name, position, "no newline far and wide")
                position, rest = position + len(rest), b""
        return batch, position

    def _skip(self, name: str, position: int, why: str) -> None:
        self.skipped += 1
        log.warning("journal %s, byte %d: a line was skipped: %s", name, position, why)

    def _written_at(self, name: str, position: int, default: float) -> float:
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(position)
                found = line_time(file.read(64))
                return os.fstat(file.fileno()).st_mtime if found is None else found
        except OSError:
            return default

    def _clean(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime < UNFINISHED_S:
                return
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _lock(fd):
                    path.unlink()  # should its writer wake up after all, its rename fails and it makes another
            finally:
                os.close(fd)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
