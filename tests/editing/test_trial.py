"""Saves of every kind while calls are live; `pytest -m long tests/editing -s` is the long form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .trial import LIVE_SECONDS, Trial

TEN = (Trial.good_set,) * 5 + (Trial.broken, Trial.truncated) * 2 + (Trial.emptied,)


@pytest.mark.slow
@pytest.mark.xdist_group("editing")
def test_saves_while_calls_are_live(tmp_path: Path) -> None:
    """Cases 34, 35 and 39 of the fault list."""
    with Trial(tmp_path, seed=3, callers=2, pause=0.03) as trial:
        trial.run(TEN[3:])
        print(trial.verdict())
        trial.back_by_hand()
    assert trial.lost() == 0


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("editing")
def test_a_hundred_saves_under_load(tmp_path: Path) -> None:
    """Cases 34, 35 and 39 of the fault list. Twenty other flows share a file, which is edited too."""
    with Trial(tmp_path, seed=11, callers=4, pause=0.03, others=20) as trial:
        trial.run((*TEN * 9, *(Trial.other_flows,) * 9))
        found = trial.verdict()
        print(found)
    assert trial.lost() == 0
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)  # with whom we share the processors
    assert found["live within, slowest"][0] <= LIVE_SECONDS * max(crowd, 1.0)
    assert found["live within, median"] <= LIVE_SECONDS
