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
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .config import Settings
from .errors import StoreError
from .store import Drain, Pruned, open_store

if TYPE_CHECKING:
    from .runtime import Runtime

log = logging.getLogger("callflows.keeper")

TICK_SECONDS = 0.05
BEAT_SECONDS = 1.0
PRUNE_SECONDS = 3600.0
SETTLE_SECONDS = 5.0
ABANDONED_SECONDS = 60.0  # several times what a request to a platform may take
STORE_RETRY_SECONDS = 1.0
STORE_PROBE_SECONDS = 5.0
FAREWELL_SECONDS = 5.0  # for the last lines, when the server ends
SILENT_SECONDS = 10.0
BACKLOG_SECONDS = 30.0  # a line that waits so long, though the store takes some
STATE_FILE = "keeper.json"


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
        self._store_since = 0.0  # when the fault began
        self._store_next = self._store_probe = 0.0
        self._upgraded = False
        self._moved = 0
        self._pruning: Iterator[Pruned] = iter(())
        self._pruned = Pruned()

    def run(self) -> None:
        look = beat = settle = 0.0
        prune = time.monotonic() + PRUNE_SECONDS
        while not self._ending.wait(0 if self._moved else min(max(look - time.monotonic(), 0), TICK_SECONDS)):
            now = time.monotonic()
            self._move()
            if now >= look:
                look = time.monotonic() + self._tried(self._runtime.publisher.look)
            if now >= beat:
                self._tried(self._beat)
                beat = now + BEAT_SECONDS
            if now >= settle:
                self._tried(self._settle)
                settle = now + SETTLE_SECONDS
            if now >= prune:
                self._tried(self._runtime.versions.prune)
                keep = self._runtime.settings.keep_seconds()
                # also when calls are kept for ever: what the spend guard counted is of no use the day after
                self._pruning = self._store.prune(before=0.0 if keep is None else time.time() - keep)
                prune = now + PRUNE_SECONDS
            self._tried(self._prune)
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
            if self._store_fault or time.monotonic() >= self._store_probe:
                self._store.try_write()  # a store that fails is noticed also while nobody calls
                self._store_probe = time.monotonic() + STORE_PROBE_SECONDS
            self._moved = self._drain.once()
            if self._store_fault:
                log.info("the store is back")
            self._store_fault = ""
        except StoreError as error:
            if str(error) != self._store_fault:
                log.error("journals wait: %s", error)
            self._failed(str(error))
        except Exception as error:
            log.exception("draining failed")
            self._failed(f"draining failed: {type(error).__name__}; see the log")
        return self._moved

    def _settle(self) -> None:
        """What time settles: a transfer whose asker ended between its row and the platform's answer."""
        if not self._upgraded or self._store_fault:
            return
        now = time.time()
        given_up = self._store.give_up(before=now - ABANDONED_SECONDS, at=now)
        if given_up:
            log.warning("%d transfers are unknown: whoever asked for them ended before the answer was noted", given_up)

    def _failed(self, fault: str) -> None:
        if not self._store_fault:
            self._store_since = time.time()
        self._store_fault = fault
        self._store_next = time.monotonic() + STORE_RETRY_SECONDS
        self._upgraded = False  # the store that comes back may be another one, or a restored one

    def _prune(self) -> None:
        """One batch of what STORE_KEEP says must go; journals come before and after each."""
        try:
            done = next(self._pruning, None)
        except StoreError as error:
            log.warning("pruning the store ended early, and goes on in an hour: %s", error)
            self._pruned = Pruned()
            return
        if done is not None:
            self._pruned = done
        elif self._pruned != Pruned():
            done, self._pruned = self._pruned, Pruned()
            if done.exchanges or done.transfers:
                log.info("removed from the store: %d exchanges, %d transfers", done.exchanges, done.transfers)

    def _tried(self, task: Callable[[], float | None]) -> float:
        try:
            return float(task() or 0)
        except StoreError as error:  # the next move tells of it, and waits
            log.warning("the keeper goes on: %s", error)
            return 0.0
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
            "store_since": self._store_since,
            "journal_bytes": waiting,
            "journal_age": round(age, 1),
        }
        path = self._runtime.settings.state_dir / STATE_FILE
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.rename(path)


def journals_waiting(settings: Settings) -> list[str]:
    """Why journals wait on this machine, how much does, and since when, as its keeper last said."""
    try:
        state = json.loads((settings.state_dir / STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return ["the keeper has not reported yet"]
    silent = time.time() - state["at"]
    if silent > SILENT_SECONDS:
        return [
            f"the keeper has been silent for {silent:.0f} s, since {_moment(state['at'])}: journals wait"
            f" ({state['journal_bytes']} bytes then); is the disk of {settings.state_dir.absolute()} full, or does the"
            " store hang?"
        ]
    waits = f"{state['journal_bytes']} bytes, the oldest line for {state['journal_age']:.0f} s"
    if state["store"]:
        return [f"journals wait ({waits}) since {_moment(state.get('store_since', state['at']))}: {state['store']}"]
    if state["journal_age"] > BACKLOG_SECONDS:
        return [f"journals wait ({waits}): the store takes them more slowly than they come"]
    return []


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


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
