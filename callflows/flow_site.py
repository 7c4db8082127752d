"""callflows as the application a test's phone talks to: targets are flows, as on the command line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit

from . import queues, targets, transfers
from .compose import Case, Composed, Composer
from .errors import CallflowsError
from .flows import Stored
from .needs import Needs, stored
from .runtime import Runtime
from .signing import Token
from .simulator.rehearsing import Phone, WebSite
from .store import Drain
from .urls import events_path

Watcher = Callable[[Case, Composed], None]


class WatchedComposer(Composer):
    """The composer of a runtime, in the virtual time of a test, and watched."""

    def __init__(self, composer: Composer) -> None:
        super().__init__(composer.settings, composer.versions, composer.signer)
        self.clock: Callable[[], datetime] = super().now
        self.watch: Watcher | None = None
        self._ahead = threading.local()  # of the thread that looks ahead; calls are served in others

    def now(self) -> datetime:
        return self.clock()

    def made(self, case: Case, seconds: float | None) -> Composed:
        composed = super().made(case, seconds)
        if self.watch is not None and not (case.sampled or getattr(self._ahead, "looking", False)):
            self.watch(case, composed)
        return composed

    @contextmanager
    def looking_ahead(self) -> Iterator[None]:
        """What a preflight composes was not served to anybody."""
        self._ahead.looking = True
        try:
            yield
        finally:
            self._ahead.looking = False


class FreshNeeds(Needs):
    """What a step needs, when all that happened before it has reached the store. In virtual time nobody is late."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime.settings.store_url())
        self._store, self._lock = runtime.store, threading.Lock()
        self._drain = Drain(runtime.settings.state_dir / "journal", runtime.store)
        self._began: float | None = time.time()

    def stored(self, transfer_id: str, leg: str, queue: str, call_uuid: str, seconds: float) -> Stored:
        self.catch_up()
        return stored(self._store, transfer_id, leg, queue, call_uuid)

    def catch_up(self) -> None:
        with self._lock:
            while self._drain.once():
                pass
            if self._began is not None:  # whoever waited on an earlier phone was left there without a word
                self._store.forget_waiting(before=self._began)
                self._began = None


class FlowSite(WebSite):
    """`support` is a flow, `support/bleg` a step of it; what starts with / or is a URL is another page of the app."""

    refusals: tuple[type[Exception], ...] = (CallflowsError,)

    def __init__(
        self, runtime: Runtime, phone_provider: str, now: Callable[[], datetime], watch: Watcher | None = None
    ) -> None:
        base = urlsplit(runtime.composer.urls.base)
        super().__init__(f"{base.scheme}://{base.netloc}")  # another page of the app is not below PUBLIC_URL's path
        self.runtime, self.provider = runtime, phone_provider
        before = runtime.composer  # an earlier phone's, say: what it knows of the flows stays known
        self.composer = before if isinstance(before, WatchedComposer) else WatchedComposer(before)
        self.composer.clock, self.composer.watch = now, watch
        runtime.composer = self.composer
        runtime.needs = self.needs = FreshNeeds(runtime)

    def answer_url(self, target: str, params: Mapping[str, object]) -> str:
        if target.startswith("/") or "://" in target:
            return super().answer_url(target, params)
        place = targets.find_target(self.runtime, target, "answer")
        return targets.entry_url(self.runtime, self.provider, place, params)

    def events_url(self) -> str:
        return targets.signed_url(self.runtime, self.provider, events_path(self.provider), Token())

    def transfer(self, phone: Phone, call_uuid: str, aleg: str, bleg: str, params: Mapping[str, object]) -> str:
        pages = [target for target in (aleg, bleg) if target.startswith("/") or "://" in target]
        if len(pages) == bool(aleg) + bool(bleg):
            return super().transfer(phone, call_uuid, aleg, bleg, params)
        if pages:
            raise ValueError("one transfer goes to flows, or to other pages, not to both")
        self.needs.catch_up()  # what is known of the call is in the store by then, on a server that has a keeper
        with self.composer.looking_ahead():
            plan = transfers.prepare(
                self.runtime, call_uuid, aleg=aleg, bleg=bleg, params=params, provider=self.provider
            )
        # what is in flight is told by the clock on the wall, and here minutes pass in no time
        return transfers.request(self.runtime, plan, force=True).id

    def next_caller(self, phone: Phone, queue: str, aleg: str, params: Mapping[str, object]) -> str:
        self.needs.catch_up()
        with self.composer.looking_ahead():
            moved = queues.take_next(self.runtime, queue, aleg=aleg, params=params, provider=self.provider, force=True)
        return moved.transfer.call_uuid
