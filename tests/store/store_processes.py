"""Processes of their own, which know the samples."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from callflows.store import Drain, Store

HERE = Path(__file__).parent


def script(code: str, *arguments: object, stdin: bool = False) -> subprocess.Popen[str]:
    """A process of its own, which knows the samples; its output is read line by line."""
    modules = ("callflows.store", "callflows.models", "store_samples")
    head = "import os, sys, time\nfrom pathlib import Path\n" + "".join(f"from {name} import *\n" for name in modules)
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE if stdin else None,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}"},
    )


def run(code: str, *arguments: object) -> str:
    process = script(code, *arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output


def stored(store: Store) -> list[str]:
    return [e.id for e in store.exchanges(call_uuids=["call-1"], limit=1_000_000)]


def drain_all(folder: Path, store: Store) -> Drain:
    drain = Drain(folder, store)
    deadline = time.monotonic() + 30
    while list(folder.glob("*.journal")):
        drain.once()
        assert time.monotonic() < deadline
    return drain
