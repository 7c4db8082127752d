"""What others have written, from npm (package.json): the platforms' Node SDK, and axe, which judges pages."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

STRANGERS = Path(__file__).parent


def installed() -> Path:
    """The folder of what is in package.json, installed once, whichever worker comes first; else the test is skipped."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not on this machine")
    folder = STRANGERS / "node_modules"
    ready = folder / ".ready"
    with (STRANGERS / "node_modules.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (STRANGERS / "package.json").read_text()
        if not ready.exists() or ready.read_text() != wanted:
            command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
            try:
                done = subprocess.run(command, cwd=STRANGERS, capture_output=True, text=True, timeout=100, check=False)
            except subprocess.TimeoutExpired:
                pytest.skip("npm took more than 100 s to install what is in package.json")
            if done.returncode:
                pytest.skip(f"npm cannot install what is in package.json: {done.stderr[-500:]}")
            ready.write_text(wanted)
    return folder
