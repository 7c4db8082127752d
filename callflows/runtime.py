"""Runtime: everything built from one Settings, without the web framework. The CLI, the doors and the keeper share it.

Building it starts nothing and connects to nothing: the store and the platforms' clients open on first use, and the
keeper when a serving process asks for it.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from . import documents, providers
from .application import Application, Processors
from .compose import Composer
from .config import Settings
from .documents import DECLARATION, safe_document
from .errors import ConfigError
from .flows import Versions
from .keeper import Guard
from .logs import Redactor, configure
from .models import Problem
from .needs import Needs
from .providers import Provider
from .publishing import Publisher
from .signing import Token, TokenSigner
from .store import Journal, Store, open_store
from .urls import events_path, step_path

log = logging.getLogger("callflows")

REJECTIONS_A_SECOND = 20  # what a stranger may make us write


class Runtime:
    """One per process tree. Fork-safe: what must not be shared is opened by whoever uses it."""

    def __init__(self, settings: Settings | Mapping[str, Any] | None = None) -> None:
        self.settings = settings if isinstance(settings, Settings) else Settings.load(settings)
        self.redact = Redactor(self.settings.secret_values(), mask_numbers=not self.settings.log_numbers)
        self.versions = Versions(self.settings.state_dir)
        self.journal = Journal(self.settings.state_dir / "journal")
        self.application = Application(Processors(), self.settings.deadline)
        self._providers: dict[str, Provider] = {}
        self._guard = Guard(self.settings)
        self._rejections = (0, 0)
        self._lock = threading.Lock()
        documents.warm()

    def configure_logs(self, *, quiet: bool = False) -> None:
        """For processes that are ours; a library leaves logging as it is. `quiet`: warnings and errors only."""
        level = self.settings.log_level
        configure("WARNING" if quiet and level != "ERROR" else level, self.redact)

    @functools.cached_property
    def signer(self) -> TokenSigner:
        return TokenSigner(self.settings.signing_keys())

    @functools.cached_property
    def composer(self) -> Composer:
        return Composer(self.settings, self.versions, self.signer)

    @functools.cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.settings, self.composer, providers.NAMES)

    @functools.cached_property
    def store(self) -> Store:
        """The store, its tables made if there are none. Raise StoreError while it is away.

        Older tables are the keeper's to upgrade, or `callflows db upgrade`'s: a newer command that is merely run
        against a store must not lock out the servers that use it.
        """
        store = open_store(self.settings.store_url())
        store.set_up()
        return store

    @functools.cached_property
    def needs(self) -> Needs:
        return Needs(self.settings.store_url())

    def provider(self, name: str) -> Provider:
        found = self._providers.get(name)
        if found is None:
            found = self._providers[name] = providers.build(name, self.settings)
        return found

    def providers_in_use(self) -> list[str]:
        """Those with credentials."""
        return [name for name in providers.NAMES if self.provider(name).has_credentials]

    def prepare_to_serve(self) -> None:
        """Everything that must be right, or at least tried, before the first call: raise ConfigError if it is not.

        A broken flow is no reason to refuse: the others have callers too. Nor is a disk that is full, as long as
        there is something published to serve.
        """
        self.settings.require_public_url()
        open_store(self.settings.store_url()).close()  # connects to nothing; a URL nobody can read is said now
        for name in providers.NAMES:
            self.last_resort(name)
            for problem in self.check_safe(name):
                raise ConfigError(f"the safe document for {name} is not valid: {problem}")
        try:
            self.publisher.publish_all()
        except ConfigError:
            if not self.versions.names():
                raise
            log.exception("nothing can be published; what was live is served")
        for name in self.versions.names():
            self.versions.live(name)  # compiled here, once, and not while a caller waits

    def check_safe(self, provider: str) -> list[Problem]:
        """What is wrong with the document that stands behind all others, with the links it will have."""
        links = self.composer.links(provider)
        return documents.check_safe(
            provider,
            dial=self.settings.safe_number,
            retry_url=links.add(step_path(provider, "flow", "step"), Token()),
            callback=links.add(events_path(provider), Token()) if self.settings.dial_events else "",
            public_url=self.composer.urls.base,
        )

    def last_resort(self, provider: str) -> str:
        """A document that needs nothing else of ours to work; made at start."""
        return _last_resort(provider, self.settings.safe_number)

    def start_keeper(self) -> None:
        """Make sure that this process waits to start the machine's keeper. Cheap when it does already."""
        if self.settings.keeper:
            with contextlib.suppress(RuntimeError):  # no thread to be had: the next request tries again
                self._guard.start()

    def close(self) -> None:
        """Let go of what this process opened."""
        self.journal.close()
        for provider in self._providers.values():
            provider.close()
        for name in ("store", "needs"):
            if name in self.__dict__:
                getattr(self, name).close()

    def may_record_rejection(self) -> bool:
        second = int(time.monotonic())
        with self._lock:
            last, count = self._rejections
            self._rejections = (second, count + 1 if last == second else 1)
            return self._rejections[1] <= REJECTIONS_A_SECOND


@functools.cache
def _last_resort(provider: str, dial: str) -> str:
    return DECLARATION + safe_document(provider=provider, dial=dial)
