"""answer(): what a request of the platform gets. One function, called by every door.

    request -> signature and token -> flow version and step -> compose -> seal -> answer -> one journal line

A request that is genuinely the platform's gets 200 and a valid document, whatever goes wrong: the step, else the
version it comes from, else its last good version, else the flow's fallback, else the safe document. Any other
request gets 403 and no work. docs/architecture.md has the table, "Genuine or not"; tests/test_genuine.py holds it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .compose import Composed
from .diagnosis import why_refused
from .documents import DECLARATION, EMPTY, safe_document, silent_document, without_secrets
from .errors import TokenExpired, TokenInvalid
from .flows import ENTRY_STEPS, Flow, is_name
from .models import (
    ELSEWHERE,
    NEWS,
    CallEvent,
    EventKind,
    Exchange,
    Leg,
    Outcome,
    Problem,
    Signature,
    SignatureMode,
    WebhookRequest,
    transfer_of,
)
from .needed import Needed, queue_for
from .runtime import Runtime
from .signing import Token
from .urls import events_path, step_path, without_marks

log = logging.getLogger("callflows.webhooks")

SAFE_TRIES = 2
_REFUSED = "_refused"  # in the state of a safe document's retry: what a token lacked, our new one does not mend
_NO_TOKEN = "no-token"  # noqa: S105
_NO_NAME = "-"  # no flow or step is called that
_TOO_MANY_HOPS = "too-many-hops"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def content_type(self) -> str:
        return "application/xml; charset=utf-8" if self.body else "text/plain"


@dataclass(frozen=True, slots=True)
class _Genuine:
    """What was found out about a genuine request. `refused` says why its token, if any, does not count."""

    token: Token | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _Served:
    outcome: Outcome
    document: str  # sealed
    unsealed: str = ""
    version: str = ""
    reason: str = ""
    problems: tuple[Problem, ...] = ()
    queue: str = ""


def answer_step(runtime: Runtime, provider: str, flow: str, step: str, request: WebhookRequest) -> Answer:
    """A request on /flows/<provider>/<flow>/<step>, whatever stands there for names."""
    return _answer(runtime, provider, flow or _NO_NAME, step or _NO_NAME, request)


def answer_event(runtime: Runtime, provider: str, request: WebhookRequest) -> Answer:
    """A request on /events/<provider>: recorded; the answer says nothing."""
    return _answer(runtime, provider, "", "", request)


def _answer(runtime: Runtime, provider: str, flow: str, step: str, request: WebhookRequest) -> Answer:
    started = time.perf_counter()
    until = time.monotonic() + runtime.settings.deadline
    event, genuine = CallEvent(EventKind.OTHER), _Genuine(None)
    try:
        signature = runtime.provider(provider).verify(request)
        event = runtime.provider(provider).parse(request.form if request.method == "POST" else request.query)
        genuine = _judge_request(runtime, provider, flow, step, signature, event, request, until)
        served = _serve(runtime, provider, flow, step, event, genuine, until)
    except _Rejected as rejection:
        _record(runtime, provider, flow, step, event, genuine, started, rejected=str(rejection), request=request)
        return Answer(403, b"")
    except Exception as error:
        # Promise 1: whatever broke, the caller hears an apology and, where one is set, is put through to a person.
        log.exception("call %s: answering %s failed", event.call.uuid, request.path)
        served = _Served(Outcome.SAFE, runtime.last_resort(provider), reason=f"error: {type(error).__name__}")
    _record(runtime, provider, flow, step, event, genuine, started, served)
    return Answer(200, served.document.encode("utf-8", "replace"))


class _Rejected(Exception):
    """The request is not genuine; the text says why, for the log."""


def _judge_request(
    runtime: Runtime,
    provider: str,
    flow: str,
    step: str,
    signature: Signature,
    event: CallEvent,
    request: WebhookRequest,
    until: float,
) -> _Genuine:
    """The table "Genuine or not"."""
    mode = runtime.settings.for_provider(provider, "signatures")
    if signature is Signature.WRONG:
        if mode is not SignatureMode.OFF:
            _warn(runtime, f"the signature of {request.path} does not match; checked against {_bare(request.url)}")
            raise _Rejected("signature-wrong")
        signature = Signature.ABSENT
    if signature is Signature.ABSENT and mode is SignatureMode.REQUIRED:
        _warn(runtime, f"unsigned request on {request.path}, and signatures are required")
        raise _Rejected("signature-absent")
    text = next((value for name, value in request.query if name == "t"), None)
    try:
        token = runtime.signer.read(request.path, text) if text is not None else None
        if token is not None:
            _check_call(runtime, token, flow, step, event, until)
    except TokenInvalid as error:
        if signature is Signature.VALID:
            log.warning("call %s: %s: %s", event.call.uuid, request.path, error.message)
            return _Genuine(None, error.code)
        token = None
    if token is None and signature is Signature.ABSENT:
        _warn(runtime, f"{request.path}: unsigned and no token: use the output of `callflows url`")
        raise _Rejected("unsigned-no-token")
    return _Genuine(token)


def _warn(runtime: Runtime, why: str) -> None:
    """A stranger decides how often this happens, not how much we write of it."""
    if runtime.may_record_rejection():
        log.warning("403: %s", why)


def _bare(url: str) -> str:
    """Without the values of the query: tokens among them, however they are spelled."""
    return url.partition("?")[0] + ("?…" if "?" in url else "")


def _check_call(runtime: Runtime, token: Token, flow: str, step: str, event: CallEvent, until: float) -> None:
    """A token made for one call opens nothing for another.

    The platform names the call in several ways (a B leg's events carry both legs), and what it sends with a fetch
    of sounds is documented nowhere: such a step plays music to whoever waits and is not bound.
    """
    raw = event.raw
    named = {event.call.uuid, event.call.a_leg_uuid, event.dial.a_leg_uuid, event.dial.b_leg_uuid}
    named |= {raw.get("RequestUUID", ""), raw.get("ParentCallUUID", "")}
    if not token.call_uuid or token.call_uuid in named or not event.call.uuid:
        return
    found = runtime.versions.live(flow, within=_half(until)) if flow else None
    if found is not None and step in found.steps and found.steps[step].kind == "sound":
        return
    raise TokenInvalid("the token was made for another call")


def _serve(
    runtime: Runtime, provider: str, flow: str, step: str, event: CallEvent, genuine: _Genuine, until: float
) -> _Served:
    if not flow or _is_news(event):
        return _Served(Outcome.NOTED, DECLARATION + EMPTY, reason=genuine.refused)
    token = genuine.token or Token()
    known = runtime.versions.live(flow, within=_half(until)) or next(_loaded(runtime, flow, token.version, until), None)
    problems: tuple[Problem, ...] = ()
    reason = _why_nothing(runtime, known, token, genuine)
    candidates = _candidates(runtime, known, flow, token, until) if known and not reason else ()
    needed = Needed(runtime, provider, step, event, token, until)
    for number, version in enumerate(candidates):
        why = _why_not(version, step, token, genuine)
        if not why:
            served, composed = _try(runtime, version, step, provider, event, token, until, needed)
            if served is not None:
                return replace(served, outcome=Outcome.LAST_GOOD) if number else served
            why, problems = composed.fault, problems or composed.problems
        reason = reason or why
    for problem in problems:
        log.error("call %s: %s/%s not served: %s", event.call.uuid, flow, step, problem)
    return _fallback(runtime, provider, known, flow, step, event, token, reason, problems, until, needed)


def _is_news(event: CallEvent) -> bool:
    """Vobiz sends hang-ups to the answer URL when no hangup URL is set; rings may come there too."""
    return event.kind in (EventKind.HANGUP, EventKind.RING)


def _why_nothing(runtime: Runtime, known: Flow | None, token: Token, genuine: _Genuine) -> str:
    """Why no version of the flow can answer this request; empty when one may."""
    if genuine.refused or _REFUSED in token.state:
        return genuine.refused or str(token.state[_REFUSED])
    if token.hops > runtime.settings.max_hops:
        return _TOO_MANY_HOPS
    return "unknown-flow" if known is None else ""


def _why_not(version: Flow, step: str, token: Token, genuine: _Genuine) -> str:
    """Why this version of the flow cannot answer it, before anything is rendered; empty when it can."""
    if step not in version.steps:
        return "unknown-step"
    if genuine.token is None and step not in ENTRY_STEPS:
        return _NO_TOKEN
    missing = [name for name in version.required_params() if name not in token.params]
    return f"missing-params: {', '.join(missing)}" if missing else ""


def _half(until: float) -> float:
    """What one attempt may take of the time that is left, so that there is always some for the next. Seconds."""
    return max(until - time.monotonic(), 0) / 2


def _candidates(runtime: Runtime, known: Flow, flow: str, token: Token, until: float) -> Iterator[Flow]:
    """The live version, the one the call comes from, and the one before the live one; each once."""
    yield known
    if token.version != known.version:
        yield from _loaded(runtime, flow, token.version, until)
    last = runtime.versions.live_version(flow, last=True)
    if last not in (known.version, token.version):
        yield from _loaded(runtime, flow, last, until)


def _loaded(runtime: Runtime, flow: str, version: str, until: float) -> Iterator[Flow]:
    found = runtime.versions.load(version, within=_half(until))
    if found is not None and found.name == flow:
        yield found


def _try(
    runtime: Runtime,
    version: Flow,
    step: str,
    provider: str,
    event: CallEvent,
    token: Token,
    until: float,
    needed: Needed,
) -> tuple[_Served | None, Composed]:
    """One attempt.

    What the application gives can make the document one that must not leave: then it is tried with the defaults.
    """
    stored = needed.by(version, step)
    given = needed.given.to(version)
    for application in (given, {}) if given else ({},):
        composed = runtime.composer.compose(
            version,
            version.steps[step],
            provider,
            event=event,
            token=token,
            seconds=_half(until),
            stored=stored,
            application=application,
        )
        composed, document = runtime.composer.seal(composed)
        if document:
            break
        if application:
            needed.given.refuse(version, composed.fault)
    if not document:
        return None, composed
    problems = (*needed.missed, *needed.given.missed, *composed.problems)
    queue = queue_for(version, step, token)
    if not queue and version.steps[step].kind == "call" and event.kind not in NEWS:
        queue = ELSEWHERE
    return _Served(Outcome.STEP, document, composed.text, version.version, problems=problems, queue=queue), composed


def _fallback(
    runtime: Runtime,
    provider: str,
    known: Flow | None,
    flow: str,
    step: str,
    event: CallEvent,
    token: Token,
    reason: str,
    problems: tuple[Problem, ...],
    until: float,
    needed: Needed,
) -> _Served:
    """The flow's own fallback step, else the safe document."""
    asked = known.steps.get(step) if known else None
    if asked is not None and asked.kind == "sound":
        return _Served(Outcome.SILENT, DECLARATION + silent_document(), silent_document(), "", reason, problems)
    own = known.manifest.fallback if known is not None and reason != _TOO_MANY_HOPS else ""
    if known is not None and own not in ("", step) and own in known.steps:
        served, _ = _try(runtime, known, own, provider, event, token, until, needed)
        if served is not None:
            problems = (*needed.missed, *needed.given.missed, *problems)
            return replace(served, outcome=Outcome.FALLBACK, reason=reason, problems=problems, queue="")
    links = runtime.composer.links(provider)
    retry = ""
    # a name that is none cannot be asked for again, and a loop is not to be gone round once more
    if token.tries < SAFE_TRIES and is_name(flow) and is_name(step) and reason != _TOO_MANY_HOPS:
        refused = reason in (_NO_TOKEN, TokenInvalid.code, TokenExpired.code)
        state = {_REFUSED: reason} if refused else token.state
        again = replace(token, call_uuid=token.call_uuid or event.call.uuid, state=state, tries=token.tries + 1)
        retry = links.add(step_path(provider, flow, step), again)
    callback = ""
    if not retry and runtime.settings.safe_number and runtime.settings.dial_events:
        of_the_call = Token(token.call_uuid or event.call.uuid, token.transfer_id, token.leg, hops=token.hops)
        callback = links.add(events_path(provider), of_the_call)
    document = safe_document(
        provider=provider,
        language=known.manifest.language if known else "en-US",
        retry_url=retry,
        dial=runtime.settings.safe_number,
        # without one of our numbers as caller, Vobiz dials nobody and says nothing (docs and live notes, Aug 2026)
        caller_id=event.call.from_number if event.call.direction == "outbound" else event.call.to_number,
        callback=callback,
    )
    sealed = DECLARATION + links.seal(document, runtime.signer.sign)
    return _Served(Outcome.SAFE, sealed, document, known.version if known else "", reason, problems)


def _record(
    runtime: Runtime,
    provider: str,
    flow: str,
    step: str,
    event: CallEvent,
    genuine: _Genuine,
    started: float,
    served: _Served | None = None,
    *,
    rejected: str = "",
    request: WebhookRequest | None = None,
) -> None:
    """One journal line. Nothing here may fail or delay the answer."""
    try:
        if served is None and not runtime.may_record_rejection():
            return
        token = genuine.token or Token()
        # whoever comes into a transfer's room belongs to its story, also where a later transfer brings them
        room = transfer_of(event.conference.room) if served and served.outcome is Outcome.NOTED else ""
        if room and room != token.transfer_id:
            token = replace(token, transfer_id=room, leg="")
        told = tuple(str(problem) for problem in served.problems) if served else ()
        if request is not None:  # a stranger decides how often, so this is looked into as seldom as it is written down
            told = tuple(why_refused(runtime, provider, request))
        exchange = Exchange(
            id=uuid.uuid4().hex,
            at=time.time(),
            provider=provider,
            outcome=served.outcome if served else Outcome.REJECTED,
            event=event,
            flow=flow,
            step=step,
            version=served.version if served else "",
            leg=token.leg or (step if step in tuple(Leg) else ""),
            transfer_id=token.transfer_id,
            reason=served.reason if served else rejected,
            http_status=200 if served else 403,
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            document=without_marks(without_secrets(served.unsealed)) if served else "",
            problems=told,
            state={name: value for name, value in token.state.items() if name != _REFUSED},
            queue=served.queue if served else "",
        )
        runtime.journal.write(exchange)
    except Exception:
        log.exception("call %s: the exchange could not be recorded", event.call.uuid)
