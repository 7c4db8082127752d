"""The shipped flows under test: each scenario runs on both platforms, at every value of each switch it depends on.

The other values take their time, and are tried in long runs.
"""

from __future__ import annotations

from typing import Any

import pytest

from callflows.testing.plugin import AT_EVERY_SWITCH

from ..conftest import REPOSITORY


@pytest.hookimpl(tryfirst=True)  # before anything is left out by its marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.suffix == ".scenario" and AT_EVERY_SWITCH in item.name:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def phone_settings(phone_settings: dict[str, Any]) -> dict[str, Any]:
    allowed = "+1415555,wss://agent.example.com,sip:phone.example.org"
    return {**phone_settings, "TEMPLATES": REPOSITORY / "templates", "DIAL_ALLOW": allowed}
