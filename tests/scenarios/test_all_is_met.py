"""The scenarios of each shipped flow make callers meet all of it: every step on both platforms, every branch, and every
way a Dial can end that its steps are told of; but `timeout`, which no source explains, and which comes by a switch.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from callflows.providers import NAMES
from callflows.simulator import Server
from callflows.simulator.rehearsing import scenario
from callflows.testing.coverage import Coverage
from callflows.testing.stage import new_phone

from ..conftest import REPOSITORY

HERE = Path(__file__).parent
FLOWS = sorted(path.name for path in (REPOSITORY / "templates").iterdir() if path.name != "_shared")


@pytest.mark.parametrize("flow", FLOWS)
def test_all_of_a_flow_is_met(flow: str, phone_app: Any, phone_platforms: dict[str, Server]) -> None:
    coverage = Coverage()
    for file in sorted((HERE / flow).glob(f"*{scenario.SUFFIX}")):
        found = scenario.load(file)
        for provider in found.providers:
            platform = phone_platforms[provider].simulator
            seed = zlib.crc32(found.file.encode())  # calls of their own: the transfers of one are counted
            phone = new_phone(platform, phone_app, coverage, seed=seed, switches=dict(found.switches), at=found.at)
            scenario.run(found, phone)
    coverage.settle()
    met = coverage.flows[flow]
    for results in met.results.values():
        results.add("timeout")
    alone = {name: sorted(platforms) for name, platforms in met.steps.items() if len(platforms) < len(NAMES)}
    assert (list(met.missing()), alone) == ([], {})
