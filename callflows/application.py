"""What the application that callflows is part of gives to flows: its context processors, run while a caller waits.

Nobody knows what they do: each runs on a thread that may be left behind (bounded.py), whatever it raises is caught
there, and only copies in plain types come back. What is not there in time, or not of the declared kind, has the default
that flow.toml says, and the exchange says why. No message holds a value: they are callers' data.
"""

from __future__ import annotations

import inspect
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from types import MappingProxyType, TracebackType
from typing import Any

from .bounded import Reader
from .flows import Flow, Value
from .flows.declared import fit, plain
from .flows.params import PARAM_NAME, with_defaults
from .models import EMPTY, CallEvent, CallValues, InputValues, Problem, Severity
from .signing import Scalar, Token

log = logging.getLogger("callflows.application")

SECONDS = 0.2  # for one function, where it was registered without
AT_ONCE = 8  # threads of one function that may run at a time, or hang
MAX_NAMES = 1000  # that one function may give
_TOLD_EVERY_S = 10.0

Within = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class CurrentCall(CallValues):
    """What a context processor is told: of the call what templates have as `call` (`uuid`, `from_number`, ...), and
    which step asks. `params`, `state` and `input` are those that its template sees.
    """

    provider: str = ""
    flow: str = ""
    step: str = ""
    leg: str = ""
    transfer_id: str = ""
    params: Mapping[str, Scalar] = field(default_factory=lambda: EMPTY)
    state: Mapping[str, Scalar] = field(default_factory=lambda: EMPTY)
    input: InputValues = InputValues()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class _Gift:
    """A value, or a sentence about what is wrong with it; `by` is the function's name."""

    by: str
    value: Value = ""
    fault: str = ""


class Processors:
    """The registered functions, in order. Safe to add to while they are run."""

    def __init__(self) -> None:
        self.all: tuple[_Processor, ...] = ()

    def add(self, function: Callable[..., Any], seconds: float = SECONDS) -> None:
        """Once, however often it is registered: the last time counts. Raise TypeError or ValueError for what cannot be
        run.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError(f"seconds is a number, not {seconds!r}")
        if not (seconds > 0 and math.isfinite(seconds)):
            raise ValueError(f"seconds is a number over 0, not {seconds!r}")
        added = _Processor(function, seconds)
        self.all = (*(each for each in self.all if each.function != function), added)


class _Processor:
    def __init__(self, function: Callable[..., Any], seconds: float) -> None:
        self.function, self.seconds = function, seconds
        self.name = getattr(function, "__qualname__", type(function).__qualname__)
        self._takes_call = _takes_call(function, self.name)
        self._code = getattr(inspect.unwrap(function), "__code__", None)
        self._reader = Reader(AT_ONCE)

    def ask(self, call: CurrentCall, within: Within, seconds: float) -> dict[str, _Gift] | str:
        """What it gives, or what is wrong with it: the end of a sentence."""
        if seconds <= 0:
            return "was not asked: others had used up the time"
        try:
            return self._reader.read(lambda: self._run(call, within), min(seconds, self.seconds))
        except TimeoutError:
            return f"did not answer in time ({self.seconds:g} s at most)"

    def _run(self, call: CurrentCall, within: Within) -> dict[str, _Gift] | str:
        try:
            with within():
                return self._gifts(self.function(call) if self._takes_call else self.function())
        except BaseException as error:  # SystemExit and its kin too: this thread is theirs
            return f"raised {type(error).__name__}{self._place(error.__traceback__)}"

    def _gifts(self, result: object) -> dict[str, _Gift] | str:
        if inspect.iscoroutine(result):
            result.close()  # or Python complains of one that was never awaited
        if not issubclass(type(result), dict):
            return f"gave {'None' if result is None else f'a {type(result).__name__}'}, not a dict"
        entries: list[tuple[object, object]] = list(dict.items(result))  # type: ignore[arg-type]
        if len(entries) > MAX_NAMES:
            return f"gave {len(entries)} names; at most {MAX_NAMES}"
        found = {}
        for key, value in entries:
            name = str.__str__(key) if issubclass(type(key), str) else ""
            if PARAM_NAME.fullmatch(name):  # no other can be declared
                try:
                    found[name] = _Gift(self.name, plain(value, name))
                except ValueError as error:
                    found[name] = _Gift(self.name, fault=str(error))
        return found

    def _place(self, traceback: TracebackType | None) -> str:
        """The innermost line of the function's own file, else of any."""
        place = own = ""
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            place = f" ({os.path.basename(file)}:{traceback.tb_lineno})"
            own = place if self._code is not None and file == self._code.co_filename else own
            traceback = traceback.tb_next
        return own or place


def _takes_call(function: Callable[..., Any], name: str) -> bool:
    """Whether it takes an argument. Raise TypeError where it cannot be called as context processors are."""
    if not callable(function):
        raise TypeError(
            f"a context processor is a function, not a {type(function).__name__}: write @callflows.context_processor, "
            "or @callflows.context_processor(seconds=0.2)"
        )
    kinds = (function, getattr(function, "__call__", None))  # noqa: B004 - that of an object with one
    if any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in kinds):
        raise TypeError(f"context processor {name} is async: write it with def, it has a thread of its own")
    if any(map(inspect.isgeneratorfunction, kinds)):
        raise TypeError(f"context processor {name} has a yield: a context processor returns a dict")
    try:
        signature = inspect.signature(function)
    except ValueError:
        raise TypeError(f"what context processor {name} takes cannot be told: wrap it in a function") from None
    for arguments in ((CurrentCall(),), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    raise TypeError(f"context processor {name}{signature} takes more than the call: write {name}(call), or {name}()")


class Application:
    """All functions together may take a third of the deadline. `within` makes the context they run in."""

    def __init__(self, processors: Processors, deadline: float, within: Within = nullcontext) -> None:
        self._processors, self.seconds, self._within = processors, deadline / 3, within
        self._told: dict[str, float] = {}
        self._dropped: set[tuple[str, str]] = set()

    def ask(self, call: CurrentCall, until: float) -> tuple[dict[str, _Gift], list[str]]:
        """What is given, later functions winning, and what is wrong with functions. `until`: on the monotonic clock."""
        gifts: dict[str, _Gift] = {}
        faults = []
        for processor in self._processors.all:
            found = processor.ask(call, self._within, until - time.monotonic())
            if isinstance(found, str):
                faults.append(f"context processor {processor.name} {found}")
                self.tell(processor.name, faults[-1])
            else:
                gifts |= found
        return gifts, faults

    def tell(self, about: str, message: str) -> None:
        """In the log, and not again for a while: callers decide how often it happens."""
        now = time.monotonic()
        if now - self._told.get(about, -math.inf) >= _TOLD_EVERY_S:
            if len(self._told) >= MAX_NAMES:
                self._told.clear()
            self._told[about] = now
            log.warning("%s", message)

    def drop(self, flow: Flow, gifts: Mapping[str, _Gift]) -> None:
        """What the flow does not declare is told once, and in a low voice: another flow may."""
        for name in gifts.keys() - flow.manifest.context.keys():
            if (flow.name, name) not in self._dropped and len(self._dropped) < MAX_NAMES:
                self._dropped.add((flow.name, name))
                log.info("flow %s does not declare [context.%s], which %s gives", flow.name, name, gifts[name].by)


class Given:
    """What is given for one request. It is asked for once at most: when a version that declares names is tried.
    `missed` are warnings: of names that have their default, and why.
    """

    def __init__(
        self, application: Application, provider: str, step: str, leg: str, event: CallEvent, token: Token, until: float
    ) -> None:
        self._application, self._until = application, until
        self._provider, self._step, self._leg, self._event, self._token = provider, step, leg, event, token
        self._found: tuple[dict[str, _Gift], list[str]] | None = None
        self._missed: dict[Problem, None] = {}

    @property
    def missed(self) -> tuple[Problem, ...]:
        return tuple(self._missed)

    def to(self, version: Flow) -> dict[str, Value]:
        """The names that the version declares, as far as they are given as it declares them."""
        declared = version.manifest.context
        if not declared:
            return {}
        if self._found is None:
            seconds = min(self._application.seconds, (self._until - time.monotonic()) / 2)
            self._found = self._application.ask(self._call(version), time.monotonic() + seconds)
        gifts, faults = self._found
        self._application.drop(version, gifts)
        values: dict[str, Value] = {}
        for name, spec in declared.items():
            if (gift := gifts.get(name)) is None:
                continue
            try:
                if gift.fault:
                    raise ValueError(gift.fault)
                fit(gift.value, spec.like, name)
                values[name] = gift.value
            except ValueError as error:
                self._miss(version, name, f"{error} (from {gift.by})")
        missing = [name for name in declared if name not in gifts]
        if missing:
            self._miss(version, ", ".join(missing), "; ".join(faults) or "no context processor gave it", bool(faults))
        return values

    def refuse(self, version: Flow, code: str) -> None:
        """What was given cannot be heard: the document with it must not leave."""
        message = f"{self._step} is refused with what the application gives ({code}), and heard with the defaults"
        self._warn(version, "context.refused", message)
        self._application.tell(f"{version.name}/{self._step}", f"{version.name}/{message}")

    def _miss(self, version: Flow, names: str, why: str, told: bool = False) -> None:
        message = f"{names}: the default is heard; {why}"
        self._warn(version, "context.unavailable", message)
        if not told:
            self._application.tell(f"{version.name}.{names}", f"flow {version.name}: {message}")

    def _warn(self, version: Flow, code: str, message: str) -> None:
        self._missed[Problem(Severity.WARNING, code, message, f"{version.name}/flow.toml")] = None

    def _call(self, version: Flow) -> CurrentCall:
        call, token = self._event.call, self._token
        told = {each.name: getattr(call, each.name) for each in fields(call)}
        return CurrentCall(
            **(told | {"sip_headers": MappingProxyType(dict(call.sip_headers))}),
            provider=self._provider,
            flow=version.name,
            step=self._step,
            leg=self._leg,
            transfer_id=token.transfer_id,
            params=MappingProxyType(with_defaults(version.manifest.params, token.params)),
            state=MappingProxyType(dict(token.state)),
            input=self._event.input,
        )
