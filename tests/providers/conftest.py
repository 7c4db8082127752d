from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from platform_server import Platform, make, serving

from callflows.providers import NAMES, Provider, rest


@pytest.fixture(scope="session")
def platform_server() -> Iterator[Platform]:
    with serving() as state:
        yield state


@pytest.fixture(scope="session")
def providers(platform_server: Platform) -> Iterator[dict[str, Provider]]:
    """One per platform for the whole run: what takes time is each client's TLS context."""
    made = {name: make(name, platform_server.url) for name in NAMES}
    yield made
    for provider in made.values():
        provider.close()


@pytest.fixture
def platform(platform_server: Platform) -> Platform:
    platform_server.script.clear()
    platform_server.asked.clear()
    return platform_server


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest, providers: dict[str, Provider], platform: Platform) -> Provider:
    return providers[request.param]


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were not made."""
    pauses: list[float] = []
    monkeypatch.setattr(rest, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    return pauses
