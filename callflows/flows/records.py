"""What is written down of a flow beside its links: small JSON files in STATE_DIR/live/, each replaced as a whole.

<flow>.stale     Refusal: the newest save, where it is not served
<flow>.refused   Refusal: the last one that was mended
<flow>.held      Held: what the folder holds, where another version was published by hand
<flow>.history   Turn: which version was live from when on, the oldest first
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..models import FlowState, Problem, Published, Severity

MOST_TURNS = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A save that is not served, since when and why. `version` is what it would have been called; empty: not known.
    `until` is when a good one took its place.
    """

    since: float
    version: str = ""
    problems: tuple[Problem, ...] = ()
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Since when the folder's text, which would be `version`, is not published: until it is another."""

    since: float
    version: str


@dataclass(frozen=True, slots=True)
class Turn:
    """From `since` to `until` this version was live; `until` None: it still is. `version` is empty while none was."""

    since: float
    version: str
    how: Published
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`since`: Unix seconds, None where it is not known. `version`: the live one. `problems`: of the newest save, where
    it was refused.
    """

    state: FlowState
    since: float | None = None
    version: str = ""
    problems: tuple[Problem, ...] = ()


class Records:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def refusal(self, flow: str, *, mended: bool = False) -> Refusal | None:
        file = self._folder / f"{flow}.{'refused' if mended else 'stale'}"
        try:
            marked = file.stat().st_mtime
            row = json.loads(file.read_bytes())
            problems = tuple(Problem(**{**each, "severity": Severity(each["severity"])}) for each in row["problems"])
            until = None if row["until"] is None else float(row["until"])
            return Refusal(float(row["since"]), str(row["version"]), problems, until)
        except OSError:
            return None
        except (ValueError, TypeError, KeyError, RecursionError):  # damaged: that it waits is still known
            return Refusal(marked)

    def refuse(self, flow: str, version: str, problems: Sequence[Problem], now: float) -> None:
        """Since when there is no good save is kept."""
        known = self.refusal(flow)
        self._write(f"{flow}.stale", asdict(Refusal(known.since if known else now, version, tuple(problems))))

    def mend(self, flow: str, now: float) -> None:
        """What was refused is not what stands in the folder any more."""
        known = self.refusal(flow)
        if known is not None:
            self._write(f"{flow}.refused", asdict(replace(known, until=now)))
            (self._folder / f"{flow}.stale").unlink(missing_ok=True)

    def held(self, flow: str) -> Held | None:
        try:
            row = json.loads((self._folder / f"{flow}.held").read_bytes())
            return Held(float(row["since"]), str(row["version"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def hold(self, flow: str, version: str, now: float) -> None:
        self._write(f"{flow}.held", asdict(Held(now, version)))

    def release(self, flow: str) -> None:
        (self._folder / f"{flow}.held").unlink(missing_ok=True)

    def history(self, flow: str) -> list[Turn]:
        """The newest first."""
        try:
            rows = json.loads((self._folder / f"{flow}.history").read_bytes())
            turns = [Turn(float(since), str(version), Published(how)) for since, version, how in rows]
        except (OSError, ValueError, TypeError, RecursionError):
            return []
        ends = [*(turn.since for turn in turns[1:]), None]
        return [replace(turn, until=end) for turn, end in zip(turns, ends, strict=True)][::-1]

    def begin(self, flow: str, version: str, how: Published, now: float) -> None:
        """A version's turn begins; an empty one: none is live any more."""
        turns = self.history(flow)[::-1]
        if version != (turns[-1].version if turns else ""):
            rows = [[turn.since, turn.version, turn.how] for turn in turns]
            self._write(f"{flow}.history", [*rows[1 - MOST_TURNS :], [now, version, how]])

    def forget(self, flow: str, *kinds: str) -> None:
        for kind in kinds:
            (self._folder / f"{flow}.{kind}").unlink(missing_ok=True)

    def names(self, kind: str) -> list[str]:
        """The flows of which there is such a record."""
        try:
            return sorted(path.stem for path in self._folder.iterdir() if path.suffix == f".{kind}")
        except OSError:
            return []

    def _write(self, name: str, value: Any) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}.{uuid.uuid4().hex[:8]}"
        draft.write_text(json.dumps(value))
        draft.rename(self._folder / name)
