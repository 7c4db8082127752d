"""python -m tests.machines: the long form, about three minutes, on a PostgreSQL of its own."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .postgres import Postgres, programs
from .relay import FAULTS
from .trial import Load, Trial


def kills(trial: Trial) -> None:
    """Each kind of process, in any order, twice."""
    todo: list[Callable[[], None]] = [
        *(trial.kill_worker, trial.kill_keeper) * 2,
        lambda: trial.kill_machine(trial.random.uniform(0.5, 4)),
        lambda: trial.kill_machine(trial.random.uniform(0.5, 4)),
        lambda: trial.fail_platform("500-after-acting"),
        lambda: trial.fail_platform("reset-after"),
    ]
    trial.random.shuffle(todo)
    for kill in todo:
        kill()
        trial.pause(0.2, 2)


def outage(trial: Trial, postgres: Postgres, seconds: float) -> None:
    """The database is stopped; a server that is killed meanwhile comes back all the same, and its journals wait."""

    def meanwhile() -> None:
        until = time.monotonic() + seconds
        trial.kill_machine(2)
        trial.kill_worker()
        trial.kill_keeper()
        time.sleep(max(until - time.monotonic(), 0))

    trial.database_away("PostgreSQL stopped at once (-m immediate)", postgres.stop, postgres.start, meanwhile)
    trial.pause(1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.machines", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which things fail, and of their order")
    parser.add_argument("--callers", type=int, default=4, help="who call at the same time")
    parser.add_argument("--transfers", type=int, default=300, help="how many calls are moved")
    parser.add_argument("--away", type=float, default=30, help="seconds for which PostgreSQL is stopped")
    chosen = parser.parse_args()
    found = programs()
    if found is None:
        parser.exit(1, "no initdb and pg_ctl here: install PostgreSQL's server (Debian: apt-get install postgresql)\n")
    for name in [name for name in os.environ if name.upper().startswith("CALLFLOWS_")]:
        del os.environ[name]
    postgres = Postgres(found)
    try:
        print(f"        two servers on one PostgreSQL {postgres.version}, seed {chosen.seed}", flush=True)
        with (
            tempfile.TemporaryDirectory(prefix="callflows-machines-") as folder,
            Trial(
                Path(folder),
                f"postgresql+psycopg://postgres@127.0.0.1:{postgres.port}/postgres",
                seed=chosen.seed,
                load=Load(chosen.callers, askers=6, transfers=chosen.transfers, pause_s=1.5, slow_s=0.3),
                say=lambda line: print(line, flush=True),
            ) as trial,
        ):
            kills(trial)
            outage(trial, postgres, chosen.away)
            for fault in trial.random.sample(FAULTS, len(FAULTS)):
                trial.relay_fails(fault, trial.kill_worker)
            kills(trial)
            trial.settle()
            counted = trial.verdict()
            print("\nWhat happened")
            for what, times in sorted(trial.said.items()):
                print(f"  {times:7d}  {what}")
            print("What came of it")
            for what, number in counted.items():
                print(f"  {number:7d}  {what}")
            print("Every webhook got its XML; every event and transfer is in the store once.")
    finally:
        postgres.remove()


if __name__ == "__main__":
    main()
