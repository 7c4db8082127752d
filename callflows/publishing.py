"""Publishing: from what an operator saved to what callers hear. A good save goes live, a bad one stays visible."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .compose import Composer
from .config import Settings
from .errors import ConfigError, DocumentRefused, FlowNotFound
from .exploring import Checked, check
from .flows import Flow, Versions, load_flow, read_sources, stamp
from .flows.sources import FlowSource, Stamp
from .models import Problem, Severity, errors_in

log = logging.getLogger("callflows.flows")

LOOK_SECONDS = 0.1
STILL_SECONDS = 0.05  # before it is read: several ticks of the clock that files are stamped by
SETTLE_SECONDS = 0.25  # files saved within this time are one set
EMPTIED_SECONDS = 2.0  # how long a file that lost all its text is taken for one that is about to be written
RECHECK_SECONDS = 2.5  # a clock of the disk may be so coarse that two saves look like one
GONE_SECONDS = 60.0  # a folder that is away for less, as in a deploy by rm and cp, was not deleted
TURN_SECONDS = 5.0  # how long to wait for another process that publishes
FAULT_SECONDS = 1.0  # before publishing is tried again that failed, as on a full disk
TRIES = 3  # how often everything is read again that changes while it is read


class Publisher:
    """Publishes one folder of flows. Several processes may: they take turns, and equal content is published once."""

    def __init__(self, settings: Settings, composer: Composer, providers: Sequence[str]) -> None:
        self._settings = settings
        self._composer = composer
        self._versions = composer.versions
        self._providers = providers
        self._published: Stamp | None = None  # the state of the folder that was published
        self._seen: tuple[Stamp, float] = ((), 0.0)  # the newest state, and since when it is so
        self._emptied: dict[str, float] = {}  # files without text, and since when
        self._recheck_at = math.inf
        self._look_at = 0.0
        self._walk_seconds = 0.0  # what a look at the folder takes
        self._work: Iterator[float] | None = None
        self._gone: dict[str, float] = {}  # flows whose folder is away, and since when
        self._refused: dict[str, _Refused] = {}

    def publish_all(self) -> None:
        """Publish every flow now, whether it has settled or not. Raise ConfigError when STATE_DIR cannot be used."""
        for _ in range(TRIES):
            found = self._walk()
            try:
                for _ in self._publishing(found, settled=0.0):
                    pass
            except OSError as error:
                raise ConfigError(
                    f"flows cannot be published in {self._settings.state_dir.absolute()}: {error.strerror or error}",
                    hint="see CALLFLOWS_STATE_DIR",
                ) from error
            if self._published == found:
                return

    def look(self) -> float:
        """Check what changed, one flow a look, as whoever keeps looking has other things to do in between; and publish
        it once the folder has been still for a while. Returns in how many seconds to look again.
        """
        now = time.monotonic()
        if now >= self._look_at:
            found = self._walk()
            self._look_at = now + max(LOOK_SECONDS, 10 * self._walk_seconds)  # ten thousand flows take their time
            if found != self._seen[0]:
                self._emptied = _emptied(self._emptied, self._seen[0], found, now)
                self._seen, self._work = (found, now), None  # what was read is not what there is
            if self._work is None and self._is_due(now):
                self._work = self._publishing(found, self._seen[1] + SETTLE_SECONDS)
        wait = math.inf
        if self._work is not None:
            try:
                wait = next(self._work)
            except StopIteration:
                self._work = None
            except Exception:
                self._look_at, self._work = now + FAULT_SECONDS, None
                raise
        return max(min(wait, self._look_at - time.monotonic()), 0.0)

    def publish_version(self, version: str) -> list[Problem]:
        """By hand: a version of the store, in place of what the folder holds, which is not published then until it is
        saved anew. Returns warnings. Raise FlowNotFound; raise DocumentRefused where it has errors by now.
        """
        name = version.rpartition("-")[0]
        with self._turn():
            flow = self._versions.load(version)
            if flow is None:
                raise FlowNotFound(f"there is no version {version}", hint=f"callflows flows history {name or 'FLOW'}")
            source = read_sources(self._settings.templates).get(name)
            if source is None:
                hint = "put the folder back: a flow without one is withdrawn"
                raise FlowNotFound(f"flow {name} has no folder in {self._settings.templates.absolute()}", hint=hint)
            problems = self._checked(flow, {}).problems
            if errors := errors_in(problems):
                raise DocumentRefused(f"{version} has errors by now, and is not published: {errors[0]}", problems)
            self._versions.put_back(version, instead_of=source.version)
        log.warning("flow %s: version %s is live, published by hand", name, version)
        return problems

    def _walk(self) -> Stamp:
        started = time.thread_time()  # of the processor: on a busy machine we may have stood still in the midst of it
        found = stamp(self._settings.templates)
        self._walk_seconds = time.thread_time() - started
        return found

    def _is_due(self, now: float) -> bool:
        """Nothing is read within a tick of its last change: the next one would have the same time."""
        found, since = self._seen
        overdue = any(now - since >= GONE_SECONDS for since in self._gone.values())
        return now - since >= STILL_SECONDS and (overdue or found != self._published or now >= self._recheck_at)

    def _publishing(self, found: Stamp, settled: float) -> Iterator[float]:
        """The way from one state of the folder to what is live, with a pause after each flow that is checked: it yields
        how many seconds there is nothing to do. Before `settled` nothing comes of it. It ends early when the folder
        changes: half an edit must not go live.
        """
        started = published = time.monotonic()
        sources = read_sources(self._settings.templates)
        if self._walk() != found:
            return
        hollow = {path for path, since in self._emptied.items() if started - since < EMPTIED_SECONDS}
        whole = {name: source for name, source in sources.items() if not hollow & source.files.keys()}
        changed, refused = self._changed(whole, _edited(self._published, found))
        waiting = list(changed)
        passed: dict[str, Checked] = {}  # good, and not live yet
        while waiting or passed or refused:
            if waiting:
                name = waiting.pop(0)
                checked = self._checked(changed[name], changed)
                if errors_in(checked.problems):
                    refused[name] = checked
                    del changed[name]
                    again = [other for other, its in passed.items() if name in its.looked_at]
                    for other in again:  # it was taken for good
                        del passed[other]
                    waiting += again
                else:
                    passed[name] = checked
            now = time.monotonic()
            # where a look at the folder takes long, more go live at once
            if now >= settled and (not waiting or now - published >= 10 * self._walk_seconds):
                with self._turn():
                    if self._walk() != found:
                        return
                    for name in _together(passed, waiting):
                        self._publish(sources[name], passed.pop(name).problems)
                    for name, checked in refused.items():
                        self._refuse(sources[name], checked)
                    refused.clear()
                published = time.monotonic()
            yield 0.0 if waiting else max(settled - now, 0.0)
        while (now := time.monotonic()) < settled:
            yield settled - now
        with self._turn():
            if self._walk() != found:
                return
            for name, source in sources.items():
                self._versions.settle(name, source.version)
            self._withdraw(sources)
        self._recheck_at = math.inf if found == self._published else started + RECHECK_SECONDS
        self._published = found

    def _changed(
        self, sources: Mapping[str, FlowSource], edited: set[str]
    ) -> tuple[dict[str, Flow], dict[str, Checked]]:
        """Those that are not live as they stand, and may become so, first those that somebody works on; and those that
        cannot even be loaded.
        """
        found, refused = {}, {}
        for name, source in sorted(sources.items(), key=lambda entry: entry[0] not in edited):
            live, version = self._versions.live(name), source.version  # None also for a copy that is damaged
            if live is not None and (live.version == version or self._versions.is_held(name, version)):
                continue
            known = self._refused.get(name)
            if known is not None and known.version == version and not known.may_be_good(sources, self._versions):
                continue
            try:
                found[name] = load_flow(source)
            except Exception as error:  # one flow that breaks us must not keep the others from callers
                log.exception("flow %s cannot be loaded", name)
                refused[name] = _unloadable(name, "loaded", error)
        return found, refused

    def _checked(self, flow: Flow, among: Mapping[str, Flow]) -> Checked:
        try:
            return check(self._composer, flow, self._providers, among)
        except Exception as error:
            log.exception("flow %s cannot be checked", flow.name)
            return _unloadable(flow.name, "checked", error, among)

    def _publish(self, source: FlowSource, problems: Sequence[Problem]) -> None:
        if self._versions.is_held(source.name, source.version):
            return  # by hand, since it was read
        _tell(source.name, problems)
        self._versions.publish(source)
        log.info("flow %s: version %s is live", source.name, source.version)

    def _refuse(self, source: FlowSource, checked: Checked) -> None:
        name, versions = source.name, self._versions
        live = {other: versions.live_version(other) for other in checked.looked_at}
        self._refused[name] = _Refused(source.version, live)
        _tell(name, checked.problems)
        versions.mark_stale(name, checked.problems, source.version)
        log.error("flow %s: this save is not served; fix the problems above and save again", name)

    def _withdraw(self, sources: Mapping[str, FlowSource]) -> None:
        versions, now = self._versions, time.monotonic()
        gone = [name for name in versions.known_names() if name not in sources]
        if not sources:
            log.error("no flows in %s; what is live stays live", self._settings.templates.absolute())
            gone = []
        self._gone = {name: self._gone.get(name, now) for name in gone}
        for name, since in list(self._gone.items()):
            if now - since >= GONE_SECONDS:
                del self._gone[name]
                versions.withdraw(name)
                log.info("flow %s: withdrawn, its folder is gone", name)

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


@dataclass(frozen=True, slots=True)
class _Refused:
    """A save that was refused, and which version of the flows that it looked at was live then."""

    version: str
    live: Mapping[str, str]

    def may_be_good(self, sources: Mapping[str, FlowSource], versions: Versions) -> bool:
        """Whether one of those flows is another by now, or is about to be."""
        return any(
            versions.live_version(name) != version or (name in sources and sources[name].version != version)
            for name, version in self.live.items()
        )


def _unloadable(name: str, what: str, error: Exception, looked_at: Iterable[str] = ()) -> Checked:
    message = f"cannot be {what}: {type(error).__name__}: {error}"[:300]
    return Checked([Problem.error("flow.unloadable", message, name)], frozenset(looked_at))


def _tell(name: str, problems: Iterable[Problem]) -> None:
    for problem in problems:
        level = logging.ERROR if problem.severity is Severity.ERROR else logging.INFO
        log.log(level, "flow %s: %s", name, problem)


def _together(passed: Mapping[str, Checked], waiting: Iterable[str]) -> list[str]:
    """Those that look at no flow of which it is not known whether it is good, and neither do the flows they look at."""
    unknown = set(waiting)
    while more := {name for name, its in passed.items() if name not in unknown and its.looked_at & unknown}:
        unknown |= more
    return [name for name in passed if name not in unknown]


def _edited(before: Stamp | None, now: Stamp) -> set[str]:
    """The flows with a file of their own that is not as it was."""
    return {path.partition("/")[0] for path, *_ in set(now).symmetric_difference(before or now)}


def _emptied(known: Mapping[str, float], before: Stamp, now: Stamp, at: float) -> dict[str, float]:
    """Files that were without text before they were read, and since when: most often they are about to be written. A
    step without text is refused; a part of one, a table or flow.toml is not, and half an edit would be heard.
    """
    had = {path for path, size, *_ in before if size}
    empty = [path for path, size, *_ in now if not size and not _is_step(path)]
    return {path: known.get(path, at) for path in empty if path in known or path in had}


def _is_step(path: str) -> bool:
    folder, _, file = path.rpartition("/")
    return "/" not in folder and not folder.startswith("_") and not file.startswith("_") and file.endswith(".xml")
