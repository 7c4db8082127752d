"""Publishing: from what an operator saved to what callers hear. A good save goes live, a bad one stays visible."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Iterator, Sequence

from .compose import Composer
from .config import Settings
from .flows import Flow, load_flow, read_sources, stamp
from .flows.sources import FlowSource, Stamp
from .models import Problem, Severity

log = logging.getLogger("callflows.flows")

SETTLE_SECONDS = 0.25  # files saved within this time are one set


class Publisher:
    """Publishes one folder of flows. Several processes may: they take turns, and equal content is published once."""

    def __init__(self, settings: Settings, composer: Composer, providers: Sequence[str]) -> None:
        self._settings = settings
        self._composer = composer
        self._providers = providers
        self._published: Stamp | None = None  # the state of the folder that was published
        self._seen: tuple[Stamp, float] = ((), 0.0)  # the newest state, and since when it is so

    def publish_all(self) -> None:
        """Look at every flow now, whether it has settled or not."""
        found = stamp(self._settings.templates)
        with self._turn():
            self._publish(read_sources(self._settings.templates))
        self._published = found

    def look(self, now: float | None = None) -> float:
        """Publish what changed, once it has been still for SETTLE_SECONDS. Returns how long the look took, in s."""
        started = time.monotonic()
        now = started if now is None else now
        found = stamp(self._settings.templates)
        if found != self._seen[0]:
            self._seen = (found, now)
        if found != self._published and now - self._seen[1] >= SETTLE_SECONDS:
            self.publish_all()
        return time.monotonic() - started

    def _publish(self, sources: dict[str, FlowSource]) -> None:
        versions = self._composer.versions
        changed = {}
        for name, source in sources.items():
            live = versions.live(name)  # None also for a published copy that is damaged
            if live is None or live.version != source.version:
                changed[name] = load_flow(source)
            elif versions.stale(name):
                versions.publish(source)  # the bad save was taken back
        for name in self._good(changed):
            versions.publish(sources[name])
            log.info("flow %s: version %s is live", name, changed[name].version)
        gone = [name for name in (*versions.names(), *versions.stale_names()) if name not in sources]
        if gone and not sources:
            log.error("no flows in %s: what is live stays live", self._settings.templates.absolute())
            return
        for name in gone:
            versions.withdraw(name)
            log.info("flow %s: withdrawn, its folder is gone", name)

    def _good(self, changed: dict[str, Flow]) -> list[str]:
        """Those of the changed flows that may go live. Flows may link to each other, so they are checked as if all
        of them were live, and once more when one of them turns out bad.
        """
        good = dict(changed)
        while True:
            found = {name: self._composer.check(flow, self._providers, among=good) for name, flow in good.items()}
            bad = [name for name, problems in found.items() if any(p.severity is Severity.ERROR for p in problems)]
            for name, problems in found.items():
                if name in bad or not bad:
                    self._report(name, problems, refused=name in bad)
            if not bad:
                return list(good)
            for name in bad:
                del good[name]

    def _report(self, name: str, problems: Sequence[Problem], *, refused: bool) -> None:
        for problem in problems:
            level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
            log.log(level, "flow %s: %s", name, problem)
        if refused:
            self._composer.versions.mark_stale(name, problems)
            log.error("flow %s: this save is not served; fix the problems above and save again", name)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        self._settings.state_dir.mkdir(parents=True, exist_ok=True)
        with (self._settings.state_dir / "publish.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
