"""The journal a serving process writes: one line per exchange, appended with one system call.

What is written is the kernel's at once, so it survives any end of this process. A line that could not be written
costs the call nothing: it is counted, and said in the log.

The life of a file: made as `NAME.new`, locked (flock), renamed to `NAME.journal`. Its lock is free exactly when its
writer is gone, so a drainer never takes a file for orphaned that merely has not been locked yet. Nobody ever appends
to a file that is not its own; the drainer deletes it when it is drained and the lock is free. The folder has to be
on a local disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import threading
import time
import uuid
import weakref
from pathlib import Path

from ..models import Exchange
from .codec import to_line

FILE_CAP = 16 * 1024 * 1024
TOTAL_CAP = 1024 * 1024 * 1024
LINE_CAP = 4 * 1024 * 1024  # a drainer takes more than this without a newline for rubbish
RETRY_S = 1.0

log = logging.getLogger(__name__)


class Journal:
    """Append-only file(s) of one process. Creating it opens nothing; the first write does.

    A forked child gets its own file: it must not write under its parent's lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self.dropped = 0
        self._reset()
        _journals.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._fd = -1
        self._torn = False
        self._failing = False
        self._retry_at = 0.0

    def write(self, exchange: Exchange) -> bool:
        """Never raises; False, and one more `dropped`, when the line could not be written."""
        try:
            line = to_line(exchange)
            if len(line) > LINE_CAP:
                raise ValueError(f"{len(line)} bytes is too long")
        except Exception:
            # an exchange that is not one: a mistake of ours, which must not reach the caller on the phone
            log.exception("an exchange cannot be written to the journal")
            with self._lock:
                self.dropped += 1
            return False
        with self._lock:
            written = self._append(line)
            if not written:
                self.dropped += 1
            return written

    def close(self) -> None:
        with self._lock:
            self._shut()

    def _append(self, line: bytes) -> bool:
        if self._failing and time.monotonic() < self._retry_at:
            return False
        try:
            if self._fd >= 0:
                state = os.fstat(self._fd)
                # without a name (somebody removed the folder) it would take lines that nobody will ever read
                if state.st_nlink == 0 or state.st_size + len(line) > FILE_CAP:
                    self._shut()
            if self._fd < 0:
                self._open()
            data = b"\n" + line if self._torn else line
            written = os.write(self._fd, data)
            if written < len(data):
                self._torn = True  # the next line begins with a newline, so that only this one is lost
                raise OSError(errno.ENOSPC, "only a part of the line could be written")
        except OSError as error:
            if not self._failing:
                log.error("the journal in %s cannot be written, exchanges go unrecorded: %s", self._folder, error)
            self._failing, self._retry_at = True, time.monotonic() + RETRY_S
            return False
        self._torn = False
        if self._failing:
            self._failing = False
            log.warning("the journal in %s can be written again; lost so far: %d", self._folder, self.dropped)
        return True

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.scandir(self._folder) as entries:
            total = sum(entry.stat().st_size for entry in entries if entry.name.endswith(".journal"))
        if total > TOTAL_CAP:
            raise OSError(errno.ENOSPC, f"{total >> 20} MiB wait to be drained: is the keeper running?")
        # time first: files sort by age. The process ID is for people (they repeat), the uuid makes it unique
        name = f"{int(time.time()):010d}-{os.getpid()}-{uuid.uuid4().hex}"
        new = self._folder / f"{name}.new"
        fd = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(new, self._folder / f"{name}.journal")
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
        self._fd, self._torn = fd, False

    def _shut(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _after_fork(self) -> None:
        # closing our copy leaves the parent's lock alone; a lock some other thread held at the fork stays held
        # for ever, so it is replaced
        self._shut()
        self._reset()
        self.dropped = 0

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self._shut()


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _in_child() -> None:
    for journal in list(_journals):
        journal._after_fork()


os.register_at_fork(after_in_child=_in_child)
