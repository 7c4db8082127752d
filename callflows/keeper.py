"""The keeper: the one process of a machine that does what must not be done on the way of an answer.

It drains the journals into the store, publishes edited flows and prunes old versions. Every serving process waits on
a file lock for the chance to start it (a blocked thread costs nothing); the winner hands the lock down, so that it is
free again the moment the keeper dies, however it dies. It ends with the process that started it: its standard input,
on which it was told its settings, closes.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .config import Settings
from .errors import StoreError
from .store import Drain, open_store

if TYPE_CHECKING:
    from .runtime import Runtime

log = logging.getLogger("callflows.keeper")

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.1
BEAT_SECONDS = 1.0
PRUNE_SECONDS = 3600.0
STORE_RETRY_SECONDS = 1.0
FAREWELL_SECONDS = 5.0  # for the last lines, when the server ends


class Guard:
    """A serving process's place in the queue for the keeper's lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pid = 0

    def start(self) -> None:
        """Once per process, also after a fork."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._wait, name="keeper-guard", daemon=True).start()

    def _wait(self) -> None:
        pause = 1.0
        while True:
            started = time.monotonic()
            try:
                self._keep_one()
            except OSError as error:
                log.error("the keeper cannot be started: %s", error)
            # a keeper that ends at once is broken: do not spin
            pause = 1.0 if time.monotonic() - started > 60 else min(pause * 2, 30.0)
            time.sleep(pause if time.monotonic() - started < 5 else 0)

    def _keep_one(self) -> None:
        with (self._settings.make_state_dir() / "keeper.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keeper = subprocess.Popen(
                [sys.executable, "-m", "callflows.keeper"],
                stdin=subprocess.PIPE,
                pass_fds=(lock.fileno(),),
            )
        assert keeper.stdin is not None  # noqa: S101  (asked for above)
        with keeper.stdin as told:
            told.write(json.dumps(self._settings.dump()).encode() + b"\n")
            told.flush()
            keeper.wait()


class Keeper:
    """The loop. `run()` returns when `ending` is set, after the last lines are in the store or time is up."""

    def __init__(self, runtime: Runtime, ending: threading.Event) -> None:
        self._runtime = runtime
        self._ending = ending
        self._store = open_store(runtime.settings.store_url())  # start has tried this: it names a database
        self._drain = Drain(runtime.settings.state_dir / "journal", self._store)
        self._store_fault = ""
        self._store_next = 0.0
        self._upgraded = False
        self._moved = 0

    def run(self) -> None:
        look = beat = 0.0
        prune = time.monotonic() + PRUNE_SECONDS
        while not self._ending.wait(0 if self._moved else TICK_SECONDS):
            now = time.monotonic()
            self._move()
            if now >= look:
                # a folder of ten thousand flows takes its time to look at: at most a tenth of the keeper's
                look = now + max(LOOK_SECONDS, 10 * self._tried(self._runtime.publisher.look))
            if now >= beat:
                self._tried(self._beat)
                beat = now + BEAT_SECONDS
            if now >= prune:
                self._tried(self._runtime.versions.prune)
                prune = now + PRUNE_SECONDS
        until = time.monotonic() + FAREWELL_SECONDS
        self._store_next = 0.0
        while time.monotonic() < until and self._move():
            pass  # until nothing is left, or the store is away
        self._tried(self._beat)

    def _move(self) -> int:
        """Some of the journals into the store. When the store is away they wait, and nothing is lost."""
        self._moved = 0
        if time.monotonic() < self._store_next:
            return 0
        try:
            if not self._upgraded:
                self._store.upgrade()
                self._upgraded = True
            self._moved = self._drain.once()
            if self._store_fault:
                log.info("the store is back")
            self._store_fault = ""
        except StoreError as error:
            if not self._store_fault:
                log.error("journals wait: %s", error)
            self._store_fault = str(error)
            self._store_next = time.monotonic() + STORE_RETRY_SECONDS
        except Exception:
            log.exception("draining failed")
            self._store_fault = "draining failed; see the log"
            self._store_next = time.monotonic() + STORE_RETRY_SECONDS
        return self._moved

    def _tried(self, task: Callable[[], float | None]) -> float:
        try:
            return float(task() or 0)
        except Exception:
            log.exception("the keeper goes on")
            return 0.0

    def _beat(self) -> None:
        """What /readyz reads: that there is a keeper, and whether journals wait."""
        waiting, age = self._drain.depth()
        state = {
            "at": time.time(),
            "pid": os.getpid(),
            "store": self._store_fault,
            "journal_bytes": waiting,
            "journal_age": round(age, 1),
        }
        path = self._runtime.settings.state_dir / "keeper.json"
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.rename(path)


def main(told: int = 0) -> None:
    """Run until `told` (standard input) closes. Signals meant for the whole process group are not for the keeper:
    it has lines to save after the last worker is gone, and ends right after.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(told, 65536)
        if not part:
            return
        line += part
    from .runtime import Runtime

    os.nice(5)  # on a busy machine callers come first
    runtime = Runtime(json.loads(line))
    runtime.configure_logs()
    ending = threading.Event()

    def wait_for_parent() -> None:
        while os.read(told, 65536):
            pass
        ending.set()

    threading.Thread(target=wait_for_parent, name="keeper-parent", daemon=True).start()
    Keeper(runtime, ending).run()


if __name__ == "__main__":
    main()
