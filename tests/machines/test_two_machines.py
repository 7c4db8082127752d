"""Two servers on one PostgreSQL: what dies is not missed. `python -m tests.machines` is the long form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .trial import Load, Trial


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("faults-machines")
def test_nothing_is_lost_or_doubled(tmp_path: Path, postgres_server: Callable[[], str]) -> None:
    load = Load(callers=2, askers=2, transfers=30, pause_s=0.3, slow_s=0.05)
    with Trial(tmp_path, postgres_server(), seed=5, load=load, say=print) as trial:

        def meanwhile() -> None:
            trial.kill_machine(0.5)
            trial.kill_worker()

        trial.pause(0.3, 0.8)
        trial.kill_worker()
        trial.fail_platform("500-after-acting")
        trial.pause(0.3, 0.8)
        trial.kill_keeper()
        trial.pause(0.3, 0.8)
        trial.relay_fails("reset", meanwhile)
        trial.settle()
        counted = trial.verdict()
    print(counted)
    assert counted["webhooks answered"] > 100
    assert counted["requests to the platform"] > 5
