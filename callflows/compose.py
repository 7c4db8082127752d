"""compose(): the one way a document comes to be. Look up, render, dialect, judge; sealed last.

The webhook, the preflight of a transfer, the check before a flow goes live and the command line all call it, so what
was tested is what callers hear.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from .bounded import Reader
from .config import Settings
from .documents import DECLARATION, DialPolicy, Verdict, Written, collect_written, judge, may_report
from .errors import DocumentRefused, TokenTooLong
from .flows import Flow, Links, Step, Stored, Trace, Value, Versions, build_context, render, trace
from .flows.queues import not_a_queue
from .flows.trying.dimensions import MADE_UP
from .flows.trying.sampling import SAMPLE_CALL
from .models import CallEvent, Place, Problem, Severity, errors_in
from .signing import Token, TokenSigner
from .urls import PublicUrls

_SAMPLE_NUMBERS = Written(frozenset((SAMPLE_CALL.from_number, SAMPLE_CALL.to_number)))
_MADE_UP = Written(frozenset((str(MADE_UP["phone"]),)))
_NOTHING = Stored()
_MADE_UP_ALLOW = (str(MADE_UP["sip"]), "https://callflows.invalid", "wss://callflows.invalid")
SLOW = 0.1
_TRACES = 2  # of a process at a time
_FROM_THE_CALL = "this number comes from the call: another call's own is refused unless it matches DIAL_ALLOW"
# What stands for PUBLIC_URL where flows are checked before it is set: documents may be judged, not served.
UNSET_PUBLIC_URL = "https://public-url.invalid"


@dataclass(frozen=True, slots=True)
class Composed:
    """A judged document, its links not sealed yet. `text` is empty when nothing could be rendered."""

    flow: Flow
    step: str
    text: str
    links: Links
    problems: tuple[Problem, ...]

    @property
    def blocked(self) -> bool:
        """A live call must not be given it."""
        return not self.text or any(problem.blocks for problem in self.problems)

    @property
    def fault(self) -> str:
        """Code of what blocks it."""
        return next((problem.code for problem in self.problems if problem.blocks), "empty")

    @property
    def ok(self) -> bool:
        return not errors_in(self.problems)


class Composer:
    """Everything compose() needs, built once from the settings. Safe to share between threads."""

    def __init__(self, settings: Settings, versions: Versions, signer: TokenSigner) -> None:
        self.settings = settings
        self.versions = versions
        self.signer = signer
        self.policy = DialPolicy(settings.dial_allow)
        self.sample_policy = DialPolicy((*settings.dial_allow, *_MADE_UP_ALLOW))
        self.urls = PublicUrls(settings.public_url or UNSET_PUBLIC_URL)
        self.traces = Reader(_TRACES)
        self._written: WeakKeyDictionary[Flow, Written] = WeakKeyDictionary()

    def links(self, provider: str) -> Links:
        return Links(self.urls, provider, self.settings.for_provider(provider, "http"))

    def compose(
        self,
        flow: Flow,
        step: Step,
        provider: str,
        *,
        event: CallEvent,
        token: Token,
        seconds: float | None = None,
        sampled: bool = False,
        stored: Stored | None = _NOTHING,
        application: Mapping[str, Value] = {},
    ) -> Composed:
        """Render and judge one step, in so many seconds at most. Never raises for what a template or caller can do."""
        case = Case(self, flow, step, provider, event, token, sampled, now=self.now(), stored=stored)
        return self.made(replace(case, application=application), seconds)

    def made(self, case: Case, seconds: float | None) -> Composed:
        return case.compose(seconds)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def seal(self, composed: Composed) -> tuple[Composed, str]:
        """With the document as it leaves, tokens in; it is empty when the document is blocked or a link is too long
        (which is then the first of the problems).
        """
        if composed.blocked:
            return composed, ""
        try:
            return composed, DECLARATION + composed.links.seal(composed.text, self.signer.sign)
        except TokenTooLong as error:
            template, _ = composed.flow.steps[composed.step].template(composed.links.provider)
            problem = Problem.error("template.link", error.message, template, hint=error.hint)
            return replace(composed, text="", problems=(problem, *composed.problems)), ""

    def written_in(self, flow: Flow) -> Written:
        """The numbers that stand in a flow's files."""
        written = self._written.get(flow)
        if written is None:
            written = self._written[flow] = collect_written(flow.written)
        return written


@dataclass(frozen=True, slots=True)
class Case:
    """One document to be made, and all that it depends on.

    `sampled` says that the call's own numbers are invented: what the dial policy says of them is a warning, and
    problems of every kind are looked for to the end. `among` are flows to be linked to as if they were live.
    """

    composer: Composer
    flow: Flow
    step: Step
    provider: str
    event: CallEvent
    token: Token
    sampled: bool = False
    among: Mapping[str, Flow] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    stored: Stored | None = _NOTHING  # None: it could not be learnt, and the step's default stands for it
    application: Mapping[str, Value] = field(default_factory=dict)  # what it gives; the other names have their default

    @property
    def template(self) -> str:
        return self.step.template(self.provider)[0]

    @property
    def _clock(self) -> Callable[[], float]:
        """While a caller waits, all time counts. Else a machine that is busy for a moment says nothing of the flow."""
        return time.thread_time if self.sampled else time.monotonic

    def compose(self, seconds: float | None = None, known: dict[object, Verdict] | None = None) -> Composed:
        """`known` keeps verdicts, for whoever tries many requests that give the same document."""
        links = self.composer.links(self.provider)
        if not self.template:
            problem = Problem.error(
                "flow.no-template",
                f"step {self.step.name} has no template for {self.provider}",
                f"{self.flow.name}/flow.toml",
                hint=f"add {self.flow.name}/{self.step.name}.xml, or leave {self.provider} out of providers",
            )
            return self._composed("", links, (problem,))
        seconds = self.composer.settings.deadline / 2 if seconds is None else seconds
        until = time.monotonic() + seconds
        context = self._context(links, seconds / 2)
        try:
            text = render(self.flow.environment, self.template, context, seconds=seconds, clock=self._clock)
        except DocumentRefused as error:
            problems = self._everything_wrong(seconds) if self.sampled else ()
            return self._composed("", links, problems or error.problems)
        self._report(text, links, context)
        if known is None:
            verdict = self._verdict(text, links, until)
        else:
            same = (self.step.name, self.provider, text, *(path for path, _ in links.tokens))
            verdict = known.get(same) or known.setdefault(same, self._verdict(text, links, until))
        return self._composed(verdict.text, links, (*not_a_queue(self.flow, context["params"]), *verdict.problems))

    def slow(self) -> Problem | None:
        """A warning where rendering takes more than SLOW of its time here: other machines do other things besides. Its
        line is the one that was running when that was over.
        """
        seconds = self.composer.settings.deadline / 2 * SLOW
        try:
            context = self._context(self.composer.links(self.provider))
            render(self.flow.environment, self.template, context, seconds=seconds, clock=self._clock)
        except DocumentRefused as error:
            (problem,) = error.problems
            if problem.code == "template.deadline":
                message = f"takes more than {seconds:g} s to render here, a tenth of what it may on a live call"
                return replace(problem, severity=Severity.WARNING, code="template.slow", message=message)
        return None

    def trace(self, seconds: float | None = None, links: Links | None = None) -> Trace:
        """The same rendering in the twin of the flow's environment: where everything comes from, which branches ran."""
        context = self._context(self.composer.links(self.provider) if links is None else links)
        seconds = self.composer.settings.deadline / 2 if seconds is None else seconds
        return trace(self.flow.environment, self.template, context, seconds=seconds, clock=self._clock)

    def _composed(self, text: str, links: Links, problems: tuple[Problem, ...]) -> Composed:
        """What the author has accepted is told to nobody; an error is never accepted."""
        accept = self.flow.manifest.accept
        told = tuple(each for each in problems if each.severity is Severity.ERROR or each.code not in accept)
        return Composed(self.flow, self.step.name, text, links, told)

    def _context(self, links: Links, within: float | None = None) -> dict[str, Any]:
        """`within`: seconds that a live call may wait for a flow that is linked to."""
        within = None if self.sampled else within
        return build_context(
            self.flow,
            self.step,
            event=self.event,
            token=self.token,
            links=links,
            find_flow=lambda name: self.among.get(name) or self.composer.versions.live(name, within=within),
            now=self.now,
            stored=self.stored,
            application=self.application,
        )

    def _report(self, text: str, links: Links, context: Mapping[str, Any]) -> None:
        """The link for what a Dial or Conference reports, where its author asks for no news of it."""
        wanted = self.composer.settings.dial_events and self.flow.manifest.dial_events and self.step.kind == "call"
        if wanted and may_report(text):
            links.callback = context["events_url"]()

    def _everything_wrong(self, seconds: float) -> tuple[Problem, ...]:
        """All that is wrong with a document that could not be rendered to its end: rendering goes on after an error,
        and what there is then is judged."""
        links = self.composer.links(self.provider)
        traced = self.trace(seconds, links)
        if traced.aborted:
            return traced.problems
        self._report(traced.text, links, self._context(links))
        return (*traced.problems, *self._judged(traced.text, links, locate=traced.place).problems)

    def _verdict(self, text: str, links: Links, until: float) -> Verdict:
        verdict = self._judged(text, links, places=False)
        # A good call costs nothing more. What is only reported of a live one was told with its line at check.
        if verdict.problems and (self.sampled or verdict.blocked):
            traced = self.trace() if self.sampled else self._traced_live(until)
            if traced is not None:
                return self._judged(text, links, locate=traced.place if traced.text == text else lambda offset: None)
        return verdict

    def _traced_live(self, until: float) -> Trace | None:
        """In what is left of the time, as somebody waits: the twin is compiled at its first use, for as long as that
        takes. None: it is not known now where things come from.
        """
        left = until - time.monotonic()
        with contextlib.suppress(TimeoutError):
            return self.composer.traces.read(lambda: self.trace(left), left) if left > 0 else None
        return None

    def _judged(
        self, text: str, links: Links, *, locate: Callable[[int], Place | None] | None = None, places: bool = True
    ) -> Verdict:
        verdict = self._judge(text, links, locate, places=places)
        if not (self.sampled and any(number in verdict.text for number in _SAMPLE_NUMBERS.numbers)):
            return verdict
        strict = self._judge(text, links, locate, places=places, strict=True)
        of_the_call = tuple(
            replace(problem, severity=Severity.WARNING, message=f"{problem.message} ({_FROM_THE_CALL})")
            for problem in strict.problems
            if problem.code.startswith("policy.") and problem not in verdict.problems
        )
        return replace(verdict, problems=verdict.problems + of_the_call)

    def _judge(
        self,
        text: str,
        links: Links,
        locate: Callable[[int], Place | None] | None,
        *,
        places: bool,
        strict: bool = False,
    ) -> Verdict:
        """`strict`: the call's own numbers count as what they are, not as the author's."""
        composer, written = self.composer, self.composer.written_in(self.flow)
        if self.sampled:
            written |= _MADE_UP if strict else _MADE_UP | _SAMPLE_NUMBERS
        return judge(
            text,
            self.provider,
            kind=self.step.kind,
            native=self.step.template(self.provider)[1],
            policy=composer.sample_policy if self.sampled else composer.policy,
            written=written,
            public_url=composer.urls.base,
            xml_allow=composer.settings.xml_allow,
            file=self.template,
            links={str(index): path for index, (path, _) in enumerate(links.tokens)},
            callback=links.callback,
            locate=locate,
            places=places,
        )
