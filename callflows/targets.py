"""From what a person names to what there is: a provider, a flow, a step of it, and the address of that step."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from . import providers
from .compose import Composed
from .errors import ConfigError, FlowNotFound, PreflightFailed, RequestInvalid, StoreError
from .flows import Flow, is_name, resolve_params
from .flows.trying.sampling import SAMPLE_CALL
from .models import CallEvent, EventKind, LegTarget, errors_in
from .runtime import Runtime
from .signing import Token
from .suggest import did_you_mean
from .urls import step_path, with_token


def choose_provider(runtime: Runtime, call_uuid: str, name: str = "") -> str:
    """The one that was named; else the only one with credentials; else where the call was last seen."""
    if name:
        providers.provider_class(name)  # refuses an unknown one
    configured = runtime.providers_in_use()
    if not name and len(configured) > 1:
        with contextlib.suppress(StoreError):
            name = runtime.store.last_provider(call_uuid) if call_uuid else ""
        if not name:
            seen = f", and call {call_uuid} was not seen on either" if call_uuid else ""
            raise RequestInvalid(f"{' and '.join(configured)} have credentials{seen}", hint="say which with --provider")
    name = name or (configured[0] if configured else "")
    if not name or name not in configured:
        which = (name or "PLIVO").upper()
        raise ConfigError(
            f"no credentials for {name or 'any provider'}",
            hint=f"set CALLFLOWS_{which}_AUTH_ID and CALLFLOWS_{which}_AUTH_TOKENS",
        )
    fault = runtime.provider(name).config_fault()
    if fault:
        raise ConfigError(fault)
    return name


def find_target(runtime: Runtime, text: str, leg: str) -> LegTarget:
    """`FLOW` is the flow's entry step for this leg, `FLOW/STEP` a step. Raise FlowNotFound with what was meant."""
    name, slash, step = text.partition("/")
    flow = find_flow(runtime, name)
    step = step if slash else leg
    if step not in flow.steps:
        raise FlowNotFound(f"flow {name} has no step '{step}'", hint=flow.closest_step(step))
    if flow.steps[step].kind == "sound":
        raise FlowNotFound(f"{name}/{step} is a sound step: a leg cannot be sent there", hint=flow.closest_step(leg))
    return LegTarget(name, step)


def find_flow(runtime: Runtime, name: str) -> Flow:
    """The live version of a flow. A flow whose newest save is broken, and that never was live, says so."""
    if not runtime.versions.names():
        runtime.publisher.publish_all()  # nobody serves from this STATE_DIR yet
    flow = runtime.versions.live(name)
    if flow is not None:
        return flow
    stale = runtime.versions.stale(name)
    if stale is not None:
        errors = errors_in(stale[1])
        why = f": {errors[0]}" if errors else ""
        raise PreflightFailed(f"flow {name} has problems and is not live{why}", stale[1])
    if is_name(name) and (runtime.settings.templates / name).is_dir():
        hint = f"a running server publishes it within a second if `callflows flows check {name}` finds nothing wrong"
        raise FlowNotFound(f"flow {name} is not live yet", hint=hint)
    live = runtime.versions.names()
    there_are = f"there are: {', '.join(live)}" if live else "see CALLFLOWS_TEMPLATES"
    raise FlowNotFound(f"there is no flow {name!r}", hint=did_you_mean(name, live, there_are))


def judged(
    runtime: Runtime, flow: Flow, target: LegTarget, provider: str, event: CallEvent, token: Token, *, sampled: bool
) -> tuple[Composed, str]:
    """The document a leg would get now, sealed. Raise PreflightFailed when anything is wrong with it."""
    if flow.manifest.providers and provider not in flow.manifest.providers:
        raise PreflightFailed(f"flow {flow.name} is not for {provider}", hint="see providers in its flow.toml")
    composed, document = runtime.composer.seal(
        runtime.composer.compose(flow, flow.steps[target.step], provider, event=event, token=token, sampled=sampled)
    )
    if not composed.ok:
        errors = errors_in(composed.problems)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PreflightFailed(f"{target} is refused: {errors[0]}{more}", composed.problems)
    return composed, document


def entry_url(runtime: Runtime, provider: str, target: LegTarget, params: Mapping[str, object]) -> str:
    """A URL to paste into the platform's console: no call, no expiry. It is judged like any other, because whoever
    pastes it will not be there when it is fetched.
    """
    flow = find_flow(runtime, target.flow)
    token = Token(params=resolve_params(flow.manifest.params, params, flow.name))
    judged(runtime, flow, target, provider, CallEvent(EventKind.DOCUMENT, SAMPLE_CALL), token, sampled=True)
    return signed_url(runtime, provider, step_path(provider, target.flow, target.step), token)


def signed_url(runtime: Runtime, provider: str, path: str, token: Token) -> str:
    """An address of ours as the platform is given it."""
    runtime.settings.require_public_url()
    fragment = runtime.settings.for_provider(provider, "http")
    return with_token(runtime.composer.urls.base + path, runtime.signer.sign(path, token), fragment)
