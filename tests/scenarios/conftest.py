"""The shipped flows under test: each scenario runs on both platforms, at every value of each switch it depends on."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import REPOSITORY


@pytest.fixture(scope="session")
def phone_settings(phone_settings: dict[str, Any]) -> dict[str, Any]:
    return {**phone_settings, "TEMPLATES": REPOSITORY / "templates", "DIAL_ALLOW": "+1415555,sip:phone.example.org"}
