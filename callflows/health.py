"""What is not as it should be while calls are answered all the same: for /readyz, metrics and people."""

from __future__ import annotations

from .keeper import journals_waiting
from .runtime import Runtime


def degraded(runtime: Runtime) -> list[str]:
    """Each in a sentence; empty when all is well."""
    found = [f"flow {name}: the newest save is not served" for name in runtime.versions.stale_names()]
    if not runtime.settings.templates.is_dir():
        found.append(f"there is no folder {runtime.settings.templates.absolute()}: edits are not seen")
    elif not runtime.versions.names():
        found.append("no flow is live")
    if runtime.journal.dropped:
        found.append(f"{runtime.journal.dropped} exchanges could not be written to the journal")
    return found + (journals_waiting(runtime.settings) if runtime.settings.keeper else [])
