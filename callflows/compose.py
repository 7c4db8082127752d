"""compose(): the one way a document comes to be. Look up, render, dialect, judge; sealed last.

The webhook, the preflight of a transfer, the check before a flow goes live and the command line all call it, so what
was tested is what callers hear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from . import documents
from .config import Settings
from .documents import DECLARATION, DialPolicy, Written, collect_written
from .errors import DocumentRefused, TokenTooLong
from .flows import Flow, Links, Step, Versions, build_context, render
from .flows.params import examples
from .flows.sampling import SAMPLE_CALL, samples
from .models import CallEvent, Leg, Problem, Severity, errors_in
from .signing import Token, TokenSigner
from .urls import PublicUrls

_SAMPLE_NUMBERS = Written(frozenset((SAMPLE_CALL.from_number, SAMPLE_CALL.to_number)))
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
        self.urls = PublicUrls(settings.public_url or UNSET_PUBLIC_URL)
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
        among: Mapping[str, Flow] = {},
    ) -> Composed:
        """Render and judge one step, in so many seconds at most. Never raises for what a template or caller can do.

        `sampled` says that the call's own numbers are invented: what the dial policy says of them is a warning;
        `among` are flows to be linked to as if they were live.
        """
        links = self.links(provider)
        template, native = step.template(provider)
        if not template:
            problem = Problem.error(
                "flow.no-template",
                f"step {step.name} has no template for {provider}",
                f"{flow.name}/flow.toml",
                hint=f"add {flow.name}/{step.name}.xml, or leave {provider} out of providers",
            )
            return Composed(flow, step.name, "", links, (problem,))
        context = build_context(
            flow,
            step,
            event=event,
            token=token,
            links=links,
            find_flow=lambda name: among.get(name) or self.versions.live(name),
        )
        try:
            text = render(
                flow.environment, template, context, seconds=self.settings.deadline / 2 if seconds is None else seconds
            )
        except DocumentRefused as error:
            return Composed(flow, step.name, "", links, error.problems)
        verdict = self._judge(text, flow, step, links, template, native, sampled)
        problems = verdict.problems
        if sampled and any(number in verdict.text for number in _SAMPLE_NUMBERS.numbers):
            strict = self._judge(text, flow, step, links, template, native, False)
            problems += tuple(
                replace(problem, severity=Severity.WARNING, message=f"{problem.message} ({_FROM_THE_CALL})")
                for problem in strict.problems
                if problem.code.startswith("policy.") and problem not in verdict.problems
            )
        return Composed(flow, step.name, verdict.text, links, problems)

    def _judge(
        self, text: str, flow: Flow, step: Step, links: Links, template: str, native: bool, sampled: bool
    ) -> documents.Verdict:
        return documents.judge(
            text,
            links.provider,
            kind=step.kind,
            native=native,
            policy=self.policy,
            written=self._written_in(flow, sampled),
            public_url=self.urls.base,
            xml_allow=self.settings.xml_allow,
            file=template,
            links={str(index): path for index, (path, _) in enumerate(links.tokens)},
        )

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

    def check(self, flow: Flow, providers: Sequence[str], among: Mapping[str, Flow] = {}) -> list[Problem]:
        """Every problem of every step for every provider the flow is for, over the sample requests.

        What cannot be told from the files alone (PUBLIC_URL, the calls' numbers) is not held against the flow.
        """
        problems = list(flow.problems)
        if errors_in(problems):
            return problems
        named = {name: f"{flow.name}/flow.toml" for name in flow.manifest.providers}
        named |= {name: file for step in flow.steps.values() for name, file in step.templates.items() if name}
        unknown = [name for name in named if name not in providers]
        if unknown:
            hint = f"known: {', '.join(providers)}"
            return [
                Problem.error("flow.provider", f"unknown provider {name!r}", named[name], hint=hint) for name in unknown
            ]
        for provider in flow.manifest.providers or providers:
            for step in flow.steps.values():
                problems += self._check_step(flow, step, provider, among)
        return list(dict.fromkeys(problems))

    def _check_step(self, flow: Flow, step: Step, provider: str, among: Mapping[str, Flow]) -> list[Problem]:
        problems: list[Problem] = []
        leg = Leg.B if step.name == Leg.B else Leg.A
        token = Token(
            call_uuid=SAMPLE_CALL.uuid,
            transfer_id="0" * 32,
            leg=leg,
            params=examples(flow.manifest.params),
            version=flow.version,
        )
        for event in samples():
            composed, _ = self.seal(
                self.compose(flow, step, provider, event=event, token=token, sampled=True, among=among)
            )
            problems += composed.problems
        return problems

    def _written_in(self, flow: Flow, sampled: bool) -> Written:
        written = self._written.get(flow)
        if written is None:
            written = self._written[flow] = collect_written(flow.written)
        return written | _SAMPLE_NUMBERS if sampled else written
