"""Why a request was refused, and what would have made it match: in words, for whoever has to mend the configuration.

Nothing here decides anything: a request that is refused stays so. What is tried is few and bounded, and never shown
with a token in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from . import providers
from .models import Signature, SignatureMode, WebhookRequest
from .runtime import Runtime

_MOST = 12  # addresses that are tried


def why_refused(runtime: Runtime, provider: str, request: WebhookRequest) -> list[str]:
    """The surest first; empty when the request is genuine as far as its signature goes."""
    ours = runtime.provider(provider)
    found = ours.verify(request)
    if found is Signature.VALID:
        return []
    if found is Signature.ABSENT:
        return list(_unsigned(runtime, provider, request))
    if not ours.has_credentials:
        upper = provider.upper()
        return [f"there is no token to check it with: set CALLFLOWS_{upper}_AUTH_ID and CALLFLOWS_{upper}_AUTH_TOKENS"]
    for base in _bases(runtime, request):
        if ours.verify(_as_if(request, runtime.composer.urls.base, base)) is Signature.VALID:
            return [f"it would have matched with CALLFLOWS_PUBLIC_URL={base} (it is {runtime.composer.urls.base})"]
    upper = provider.upper()
    return [
        "no address that was tried matches, so the key is another one: is the token of the number's own (sub-)account, "
        f"or the main account's, in CALLFLOWS_{upper}_AUTH_TOKENS? After a rotation both stay there for a while",
        "or something in front of this server changes the body, the query or the path",
    ]


def _unsigned(runtime: Runtime, provider: str, request: WebhookRequest) -> Iterator[str]:
    for name in providers.NAMES:
        if name != provider and runtime.provider(name).verify(request) is not Signature.ABSENT:
            yield f"it carries a signature of {name}, and came to the address for {provider}"
            return
    if runtime.settings.for_provider(provider, "signatures") is SignatureMode.REQUIRED:
        yield (
            f"it is not signed, and CALLFLOWS_{provider.upper()}_SIGNATURES is required: it is not the platform's, or "
            "something in front of this server takes its signature headers away"
        )
    elif not any(name == "t" for name, _ in request.query):
        yield "it is not signed and has no token: paste the whole output of `callflows url`, with its ?t="
    else:
        yield (
            "it is not signed, and its token does not count: made with other CALLFLOWS_SECRET_KEYS, for another path "
            "or call, or expired; `callflows url` prints a new address"
        )


def _as_if(request: WebhookRequest, base: str, other: str) -> WebhookRequest:
    below = request.url.removeprefix(base)
    return WebhookRequest(request.method, request.path, other + below, request.headers, request.query, request.form)


def _bases(runtime: Runtime, request: WebhookRequest) -> Iterator[str]:
    """What PUBLIC_URL may have had to be: by what the request itself and proxies say of its address."""
    ours = urlsplit(runtime.composer.urls.base)
    headers = request.headers
    hosts = [headers.get(name, "").split(",")[0].strip() for name in ("x-forwarded-host", "x-original-host", "host")]
    hosts += [ours.netloc, ours.hostname or ""]
    prefixes = dict.fromkeys((ours.path, "", headers.get("x-forwarded-prefix", "").rstrip("/")))
    tried: dict[str, None] = {}
    for host in filter(_is_host, dict.fromkeys(hosts)):
        for scheme in ("https", "http"):
            for prefix in prefixes:
                tried[f"{scheme}://{host}{prefix}"] = None
    tried.pop(runtime.composer.urls.base, None)
    yield from list(tried)[:_MOST]


def _is_host(text: str) -> bool:
    return 0 < len(text) <= 255 and all(part.isalnum() or part in ".-:[]" for part in text) and text.isascii()
