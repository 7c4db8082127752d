"""Eight threads judge documents with different faults at once: each gets its own problems (libxml2's log is shared
by a schema's users, and its first compilation is a race)."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from callflows.documents import judge, warm


def test_right_errors_in_eight_threads() -> None:
    warm()

    def one(number: int) -> None:
        for turn in range(150):
            name = f"attribute{number}x{turn % 7}"
            provider = ("plivo", "vobiz")[turn % 2]
            verdict = judge(f'<Response>\n<Speak {name}="1">a</Speak>\n<Wait length="{number}x"/></Response>', provider)
            assert [(problem.code, problem.line) for problem in verdict.problems] == [
                ("grammar.unknown-attribute", 2),
                ("grammar.bad-value", 3),
            ]
            assert name in verdict.problems[0].message
            assert f'"{number}x"' in verdict.problems[1].message
            assert judge("<Response><Wait/></Response>", provider).ok

    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(one, number) for number in range(8)]:
            result.result()


COLD = """
import sys, threading
sys.setswitchinterval(1e-5)
from callflows.documents import judge
barrier, bad = threading.Barrier(8), []
def run():
    barrier.wait()
    for provider in ("plivo", "vobiz"):
        if not judge("<Response><Wait/></Response>", provider).ok:
            bad.append(provider)
threads = [threading.Thread(target=run) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(bool(bad))
"""


@pytest.mark.parametrize("attempt", range(3))
def test_cold_start_in_threads(attempt: int) -> None:
    """Even without warm(): the lock around compilation is enough."""
    done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
