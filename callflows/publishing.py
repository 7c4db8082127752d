"""Publishing: from what an operator saved to what callers hear. A good save goes live, a bad one stays visible."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Iterator, Sequence

from .compose import Composer
from .config import Settings
from .errors import ConfigError
from .exploring import explore
from .flows import Flow, load_flow, read_sources, stamp
from .flows.sources import FlowSource, Stamp
from .models import Problem, Severity, errors_in

log = logging.getLogger("callflows.flows")

SETTLE_SECONDS = 0.25  # files saved within this time are one set
GONE_SECONDS = 60.0  # a folder that is away for less, as in a deploy by rm and cp, was not deleted
TURN_SECONDS = 5.0  # how long to wait for another process that publishes


class Publisher:
    """Publishes one folder of flows. Several processes may: they take turns, and equal content is published once."""

    def __init__(self, settings: Settings, composer: Composer, providers: Sequence[str]) -> None:
        self._settings = settings
        self._composer = composer
        self._providers = providers
        self._published: Stamp | None = None  # the state of the folder that was published
        self._seen: tuple[Stamp, float] = ((), 0.0)  # the newest state, and since when it is so
        self._gone: dict[str, float] = {}  # flows whose folder is away, and since when

    def publish_all(self) -> None:
        """Look at every flow now, whether it has settled or not. Raise ConfigError when STATE_DIR cannot be used."""
        found = stamp(self._settings.templates)
        try:
            with self._turn():
                self._publish(read_sources(self._settings.templates))
        except OSError as error:
            raise ConfigError(
                f"flows cannot be published in {self._settings.state_dir.absolute()}: {error.strerror or error}",
                hint="see CALLFLOWS_STATE_DIR",
            ) from error
        self._published = found

    def look(self) -> float:
        """Publish what changed, once it has been still for SETTLE_SECONDS. Returns how long the look took, in s."""
        now = time.monotonic()
        found = stamp(self._settings.templates)
        if found != self._seen[0]:
            self._seen = (found, now)
        overdue = any(now - since >= GONE_SECONDS for since in self._gone.values())
        if overdue or (found != self._published and now - self._seen[1] >= SETTLE_SECONDS):
            self.publish_all()
        return time.monotonic() - now

    def _publish(self, sources: dict[str, FlowSource]) -> None:
        versions = self._composer.versions
        changed = {}
        for name, source in sources.items():
            live = versions.live(name)  # None also for a published copy that is damaged
            if live is None or live.version != source.version:
                changed[name] = self._loaded(source)
            elif versions.stale(name):
                versions.publish(source)  # the bad save was taken back
        for name in self._good({name: flow for name, flow in changed.items() if flow is not None}):
            versions.publish(sources[name])
            log.info("flow %s: version %s is live", name, sources[name].version)
        self._withdraw(sources)

    def _loaded(self, source: FlowSource) -> Flow | None:
        """One flow that breaks us must not keep the others from callers."""
        try:
            return load_flow(source)
        except Exception as error:
            log.exception("flow %s cannot be loaded", source.name)
            message = f"cannot be loaded: {type(error).__name__}: {error}"[:300]
            self._report(source.name, [Problem.error("flow.unloadable", message, source.name)], refused=True)
            return None

    def _withdraw(self, sources: dict[str, FlowSource]) -> None:
        versions, now = self._composer.versions, time.monotonic()
        gone = {name for name in (*versions.names(), *versions.stale_names()) if name not in sources}
        if not sources:
            log.error("no flows in %s; what is live stays live", self._settings.templates.absolute())
            gone = set()
        self._gone = {name: self._gone.get(name, now) for name in sorted(gone)}
        for name, since in list(self._gone.items()):
            if now - since >= GONE_SECONDS:
                del self._gone[name]
                versions.withdraw(name)
                log.info("flow %s: withdrawn, its folder is gone", name)

    def _good(self, changed: dict[str, Flow]) -> list[str]:
        """Those of the changed flows that may go live. Flows may link to each other, so they are checked as if all
        of them were live, and once more when one of them turns out bad.
        """
        good = dict(changed)
        while True:
            found = {name: self._checked(flow, good) for name, flow in good.items()}
            bad = [name for name, problems in found.items() if errors_in(problems)]
            for name, problems in found.items():
                if name in bad or not bad:
                    self._report(name, problems, refused=name in bad)
            if not bad:
                return list(good)
            for name in bad:
                del good[name]

    def _checked(self, flow: Flow, among: dict[str, Flow]) -> list[Problem]:
        try:
            return explore(self._composer, flow, self._providers, among).problems
        except Exception as error:
            log.exception("flow %s cannot be checked", flow.name)
            message = f"cannot be checked: {type(error).__name__}: {error}"[:300]
            return [Problem.error("flow.unloadable", message, flow.name)]

    def _report(self, name: str, problems: Sequence[Problem], *, refused: bool) -> None:
        for problem in problems:
            level = logging.ERROR if problem.severity is Severity.ERROR else logging.INFO
            log.log(level, "flow %s: %s", name, problem)
        if refused:
            self._composer.versions.mark_stale(name, problems)
            log.error("flow %s: this save is not served; fix the problems above and save again", name)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One publisher at a time, and no waiting for ever on one that is stuck."""
        until = time.monotonic() + TURN_SECONDS
        with (self._settings.make_state_dir() / "publish.lock").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= until:
                        raise OSError(f"another process has been publishing for over {TURN_SECONDS:g} s") from None
                    time.sleep(0.02)
            yield
