"""Scenarios: a conversation written down, one step a line, and carried out by a `Phone`.

    # Nobody is lost when the agent is busy.
    number +14155550123 busy
    dial forward/answer to=+14155550123
    hears "one moment"
    hears "sorry"
    is hung up

The file's name is the sentence it proves: `nobody-is-lost-when-the-agent-is-busy.scenario`. What is wrong with a file
is said with its line; so is the step that did not come true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..dialects import DIALECTS
from ..switches import Switches
from .phone import Phone
from .steps import Scene, read_step
from .wording import Unmet

SUFFIX = ".scenario"


class ScenarioError(Exception):
    """A file that cannot be carried out. `line` is 0 where it is about the whole file."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


class StepUnmet(Unmet):
    """A step that did not come true, where it is written."""

    __module__ = Unmet.__module__

    def __init__(self, file: str, step: Step, reason: str, transcript: str) -> None:
        super().__init__(f"{file}:{step.line}: {step.text}: {reason}", transcript)
        self.file, self.line = file, step.line


@dataclass(frozen=True)
class Step:
    line: int
    text: str
    do: Callable[[Scene], None]


@dataclass(frozen=True)
class Scenario:
    """`switches` are pinned: the scenario is about those values, and is not tried with others."""

    file: str
    providers: tuple[str, ...] = tuple(DIALECTS)
    switches: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    steps: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        words = re.sub(r"[-_\s]+", " ", Path(self.file).stem).strip()
        return f"{words[:1].upper()}{words[1:]}"


def run(scenario: Scenario, phone: Phone) -> None:
    """Raise StepUnmet at the first step that does not come true, ScenarioError at one that makes no sense. `phone` is
    on a fresh simulator."""
    phone.switch(**scenario.switches)
    scene = Scene(phone)
    for step in scenario.steps:
        try:
            step.do(scene)
        except Unmet as unmet:
            raise StepUnmet(scenario.file, step, unmet.reason, phone.transcript) from None
        except phone.site.refusals as error:
            raise StepUnmet(scenario.file, step, f"is refused: {error}", phone.transcript) from None
        except ValueError as error:  # only carrying it out shows that it makes no sense
            raise ScenarioError(scenario.file, step.line, str(error)) from None


def variations(scenario: Scenario, phone: Phone) -> list[tuple[str, str]]:
    """Every other value of each switch that the run just done has looked at, except those the scenario pins."""
    switches = phone.simulator.platform.switches
    consulted = switches.consulted - set(scenario.switches)
    return [(name, value) for name, value in switches.others(phone.provider) if name in consulted]


def load(path: Path, file: str = "") -> Scenario:
    """`file` is what messages call it. Raise ScenarioError."""
    file = file or str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScenarioError(file, 0, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(file, 0, "is not UTF-8 text") from None
    return parse(text, file)


def parse(text: str, file: str) -> Scenario:
    header: dict[str, Any] = {"switches": {}}
    steps: list[Step] = []
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):  # as editors count lines
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            if not _read_header(line, header, late=bool(steps)):
                steps.append(Step(number, line, read_step(line)))
        except ValueError as error:
            raise ScenarioError(file, number, str(error)) from None
    if not steps:
        raise ScenarioError(file, 0, "has no steps: `dial FLOW` is the first of most")
    return Scenario(file, steps=tuple(steps), **header)


def _read_header(line: str, header: dict[str, Any], *, late: bool) -> bool:
    """What holds for the whole scenario; False where the line is a step."""
    word, rest = (*line.split(None, 1), "")[:2]
    if word not in ("on", "at", "switch"):
        return False
    if late:
        raise ValueError(f"`{word}` comes before the first step")
    words = rest.replace(",", " ").split()
    if (word == "on" and "providers" in header) or (word == "at" and "at" in header):
        raise ValueError(f"`{word}` is given twice")
    if word == "on":
        unknown = [name for name in words if name not in DIALECTS]
        if unknown or not words:
            raise ValueError(f"`on` names platforms: {', '.join(DIALECTS)}")
        header["providers"] = tuple(dict.fromkeys(words))
    elif word == "at":
        try:
            header["at"] = datetime.fromisoformat(rest.strip())
        except ValueError:
            raise ValueError("`at` takes a date and time, as 2026-12-24T18:00:00+01:00") from None
        if header["at"].tzinfo is None:
            raise ValueError("`at` needs a zone, as +01:00 or Z")
    else:
        if len(words) != 2:
            raise ValueError("`switch` takes a name and a value, as `switch other_leg keeps-flow`")
        if words[0] in header["switches"]:
            raise ValueError(f"switch {words[0]} is given twice")
        value: Any = float(words[1]) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", words[1]) else words[1]
        explained = Switches.explain().get(words[0], {"values": ()})["values"]
        header["switches"][words[0]] = words[1] if words[1] in explained else value
        Switches().changed(header["switches"])
    return True
