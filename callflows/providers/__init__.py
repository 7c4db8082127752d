"""The platforms: what they sign, what they say of a call, and their REST API. One module for each; the rest of the
house sees `Provider` alone, and imports a platform's module on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ..errors import RequestInvalid
from ..suggest import did_you_mean
from .base import LiveCall, Provider, Receipt

if TYPE_CHECKING:
    import httpx2

    from ..config import Settings

__all__ = ["NAMES", "LiveCall", "Provider", "Receipt", "build", "provider_class"]

_CLASSES = {"plivo": "Plivo", "vobiz": "Vobiz"}
NAMES: tuple[str, ...] = tuple(_CLASSES)


def provider_class(name: str) -> type[Provider]:
    if name not in _CLASSES:
        there_are = f"the providers are {' and '.join(NAMES)}"
        raise RequestInvalid(f"there is no provider {name!r}", hint=did_you_mean(name, NAMES, there_are))
    found: type[Provider] = getattr(importlib.import_module(f".{name}", __name__), _CLASSES[name])
    return found


def build(name: str, settings: Settings, *, transport: httpx2.BaseTransport | None = None) -> Provider:
    """The provider as the settings describe it. `transport` replaces the network (a simulator in this process)."""
    return provider_class(name)(
        auth_id=settings.for_provider(name, "auth_id"),
        auth_tokens=[token.get_secret_value() for token in settings.for_provider(name, "auth_tokens")],
        api_url=settings.for_provider(name, "api_url"),
        transport=transport,
    )
