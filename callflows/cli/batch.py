"""callflows transfers batch: many live calls at once."""

from __future__ import annotations

import csv
import os
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

import click

from .. import batch as doing
from ..batch import Checked, ErrorLimit, Fault, Outcome, Row, Run, Table
from ..errors import ProviderUnreachable, RequestInvalid
from ..models import Leg
from ..runtime import Runtime
from ..targets import choose_provider
from .common import Command, assigned, json_option, print_json, provider_option, runtime, set_option
from .problems import printable

COLUMNS = ("row", "call_uuid", "status", "transfer_id", "http_status", "reason", "message", "repeated")
SAME_SIGNAL = 0.5  # seconds
SHOWN = 50  # of the problems and warnings, for people


class _Limit(click.ParamType):  # type: ignore[type-arg]
    name = "N or P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, ErrorLimit):
            return value
        percent = str(value).strip().endswith("%")
        number = str(value).strip().removesuffix("%")
        if not number.isdecimal() or (percent and int(number) > 100):
            self.fail(f"{value!r} is neither a number of rows, such as 25, nor a percentage, such as 10%", param, ctx)
        return ErrorLimit(int(number), percent)


@click.command("batch", cls=Command)
@click.argument("file", required=False, type=click.Path(), metavar="[FILE.csv]")
@click.option("--live", is_flag=True, help="Every live call the platform lists, instead of a file.")
@click.option("--aleg", default="", metavar="FLOW[/STEP]", help="Where the calls go that do not say it themselves.")
@click.option("--bleg", default="", metavar="FLOW[/STEP]", help="The same for the legs bridged to them.")
@set_option
@provider_option
@click.option("--dry-run", is_flag=True, help="Say what would be done with each row; send nothing.")
@click.option("--strict", is_flag=True, help="Do nothing at all if a single row is refused by its preflight.")
@click.option("--force", is_flag=True, help="Also calls that another transfer is moving right now.")
@click.option("--rate", default=doing.RATE, type=click.FloatRange(0.01, 1000), show_default=True, help="Rows a second.")
@click.option("--concurrency", default=8, type=click.IntRange(1, 14), show_default=True, help="Rows under way at once.")
@click.option("--max-errors", default="10%", type=_Limit(), show_default=True, help="Stop when more than that failed.")
@click.option("--batch", "name", default="", metavar="NAME", help="A batch run again under its name is continued.")
@click.option("--results", default="", type=click.Path(), metavar="FILE.csv", help="Where each row's outcome goes.")
@json_option
@click.pass_context
def batch(
    ctx: click.Context,
    file: str | None,
    live: bool,
    aleg: str,
    bleg: str,
    assignments: tuple[str, ...],
    provider: str,
    dry_run: bool,
    strict: bool,
    force: bool,
    rate: float,
    concurrency: int,
    max_errors: ErrorLimit,
    name: str,
    results: str,
    as_json: bool,
) -> None:
    """Move many live calls, as a CSV file lists them; `-` is standard input.

    Columns: call_uuid, and if you like provider, aleg, bleg and params of the flows. Options give what rows leave out.
    All rows are checked first; then they are asked for one after the other. Run it again to continue: no call is
    moved twice by one batch, and what is unknown stays so.

    Example: callflows transfers batch calls.csv --aleg hold --dry-run
    """
    if live == (file is not None):
        raise click.UsageError("give a FILE.csv (or -), or --live")
    if name and not (name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 80):
        raise click.BadParameter("letters, digits, - and _, at most 80", param_hint="--batch")
    legs = {leg: text for leg, text in ((Leg.A, aleg), (Leg.B, bleg)) if text}
    params = assigned(assignments)
    rt = runtime()
    table, given = _table(rt, file, live, provider)
    report = _Report(name or given, as_json, dry_run)
    report.rows = len(table.rows)
    if table.rows:
        doing.fill_in(table, provider=provider, legs=legs, params=params, runtime=rt)
    for row in table.rows:
        if not row.legs:
            table.faults.append(Fault(row.line, "", "no leg to transfer: fill in aleg or bleg, or give --aleg FLOW"))
            if not row.line:
                break  # of live calls all are alike
    # a column that no flow has is one problem, not one of each row
    unknown = {fault.column for fault in table.faults if fault.line == 1 and fault.column in table.columns}
    rows = [_without(row, unknown) for row in table.rows if row.legs and row.call_uuid]
    with _bar(len(rows), "checking", as_json) as step:
        checked = doing.check(rt, rows, step)
    report.faults = [*table.faults, *(fault for _, faults in checked.refused for fault in faults)]
    report.warnings = checked.warnings
    report.tell_problems()
    if dry_run:
        report.tell_dry_run(checked, ok=not table.faults)
        ctx.exit(1 if report.faults else 0)
    if table.faults or (strict and checked.refused):
        report.stopped = "problems"
        report.tell(Counter(), None)
        ctx.exit(1)
    stop = threading.Event()
    run = Run(rt, report.name, rate=rate, concurrency=concurrency, limit=max_errors, stop=stop, force=force)
    with ExitStack() as stack:
        to = _Results(_results_path(file, results), stack, stop, wanted=bool(results) or not as_json)
        if not file or file == "-" or name:
            click.echo(f"batch {report.name}: to continue it, run it again with --batch {report.name}", err=True)
        interrupted = stack.enter_context(_interruptible(stop))
        report.begun = time.monotonic()
        step = stack.enter_context(_bar(len(checked.ready), "moving", as_json))
        counts: Counter[str] = Counter()
        for outcome in _all(checked, run):
            to.write(outcome)
            report.outcomes.append(outcome)
            counts[outcome.status] += 1
            counts["repeated"] += outcome.repeated
            if outcome.status != doing.NOT_TRIED:
                step(1)
    report.stopped = "interrupted" if interrupted else run.stopped
    report.tell(counts, to)
    ctx.exit(max(_exit_code(report.outcomes), 1 if to.fault else 0))


def _table(rt: Runtime, file: str | None, live: bool, provider: str) -> tuple[Table, str]:
    """What is to be moved, and the batch's name if none is given."""
    if live:
        name = choose_provider(rt, "", provider)
        uuids = dict.fromkeys(rt.provider(name).live_calls())
        rows = [Row(number, 0, call_uuid, name) for number, call_uuid in enumerate(uuids, 1)]
        return Table(rows), f"live-{uuid.uuid4().hex[:12]}"
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file or "").read_bytes()
    except OSError as error:
        raise RequestInvalid(f"{file} cannot be read: {error.strerror}") from error
    return doing.read(data), doing.name_of(data)


def _without(row: Row, columns: set[str]) -> Row:
    if not columns & row.params.keys():
        return row
    kept = {name: value for name, value in row.params.items() if name not in columns}
    return Row(row.number, row.line, row.call_uuid, row.provider, row.legs, kept)


def _all(checked: Checked, run: Run) -> Iterator[Outcome]:
    for row, faults in checked.refused:
        yield Outcome(row, doing.REFUSED, reason=faults[0].code, message="; ".join(map(str, faults)))
    yield from run.outcomes(checked.ready)


def _exit_code(outcomes: Iterable[Outcome]) -> int:
    """Of all rows the worst."""
    codes = {doing.ACCEPTED: 0, doing.REFUSED: 1, doing.NOT_TRIED: 1, doing.REJECTED: 3, doing.UNKNOWN: 4}
    unreachable = ProviderUnreachable.code
    return max((4 if each.reason == unreachable else codes[each.status] for each in outcomes), default=0)


@contextmanager
def _interruptible(stop: threading.Event) -> Iterator[list[float]]:
    """The first SIGINT or SIGTERM stops the batch in good order, the second ends it where it is."""
    seen: list[float] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def noted(number: int, _: FrameType | None) -> None:
        seen.append(time.monotonic())
        stop.set()
        # one Ctrl-C may come twice: from the terminal, and from what runs us (timeout, uv run)
        if seen[-1] - seen[0] >= SAME_SIGNAL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    with suppress(ValueError):  # not the main thread: whoever runs us there has the signals
        for number in before:
            signal.signal(number, noted)
    try:
        yield seen
    finally:
        with suppress(ValueError):
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _bar(length: int, label: str, as_json: bool) -> Iterator[Callable[[int], None]]:
    if as_json or not length or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=True) as bar:
        yield bar.update


def _results_path(file: str | None, results: str) -> Path | None:
    """None is standard output."""
    if results == "-" or (not results and file in (None, "-")):
        return None
    source = Path(file) if file and file != "-" else None
    path = Path(results) if results else Path(str(source).removesuffix(".csv") + ".results.csv")
    if source and path.exists() and path.samefile(source):
        raise RequestInvalid(f"--results {path} is the file that is read", hint="give another name")
    if path.exists() and path.is_file():
        with path.open("rb") as old:
            first = old.readline(1000).decode(errors="replace").strip()
        if first and first != ",".join(COLUMNS):
            raise RequestInvalid(f"{path} is there, and no result file of a batch", hint="give another --results")
    return path


class _Results:
    """The result file: a row as it is known, at once. A disk that is full ends the batch, not its report."""

    def __init__(self, path: Path | None, stack: ExitStack, stop: threading.Event, *, wanted: bool) -> None:
        self.path, self.fault, self._stop = path, "", stop
        self._file: IO[str] | None = None
        if path is not None:
            try:
                self._file = stack.enter_context(path.open("w", newline="", encoding="utf-8"))
            except OSError as error:
                raise RequestInvalid(f"{path} cannot be written: {error.strerror}", hint="see --results") from error
        elif wanted:
            self._file = stack.enter_context(nullcontext(sys.stdout))
        self.to_stdout = path is None and wanted
        self._put(COLUMNS)

    def write(self, outcome: Outcome) -> None:
        row = {**outcome_object(outcome), "repeated": "yes" if outcome.repeated else ""}
        self._put([row[name] for name in COLUMNS])

    def _put(self, cells: Sequence[Any]) -> None:
        if self._file is None:
            return
        try:
            csv.writer(self._file, lineterminator="\n").writerow(cells)
            self._file.flush()
        except OSError as error:
            self._file = None
            self.fault = f"{self.path or 'standard output'} cannot be written: {error.strerror}"
            self._stop.set()


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    return {
        "row": outcome.row.number,
        "call_uuid": outcome.row.call_uuid,
        "status": outcome.status,
        "transfer_id": outcome.transfer_id,
        "http_status": outcome.http_status,
        "reason": outcome.reason,
        "message": outcome.message,
        "repeated": outcome.repeated,
    }


@dataclass
class _Report:
    name: str
    as_json: bool
    dry_run: bool
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str = ""
    begun: float = field(default_factory=time.monotonic)

    def tell_problems(self) -> None:
        if self.as_json:
            return
        # what has no line is the same for many live calls
        for kind, found in (("problem", Counter(map(str, self.faults))), ("warning", self.warnings)):
            ordered = found.most_common() if kind == "warning" else list(found.items())
            texts = [f"{text}{f' ({count} rows)' if count > 1 else ''}" for text, count in ordered]
            for text in texts[:SHOWN]:
                click.echo(f"{kind}: {printable(text)}", err=True)
            if len(texts) > SHOWN:
                click.echo(f"... and {len(texts) - SHOWN} more {kind}s (--json has all)", err=True)

    def tell_dry_run(self, checked: Checked, *, ok: bool) -> None:
        verdicts: list[tuple[Row, list[Fault]]] = [(row, []) for row in checked.ready] + checked.refused
        verdicts.sort(key=lambda verdict: verdict[0].number)
        if self.as_json:
            print_json({"dry_run": True, **self._found(), "rows": [_verdict_object(*each) for each in verdicts]})
            return
        for row, faults in verdicts:
            legs = ", ".join(f"{leg} to {target}" for leg, target in row.legs.items())
            said = f"refused: {'; '.join(map(str, faults))}" if faults else "ok"
            click.echo(printable(f"{row.number} {row.call_uuid} {legs}: {said}"))
        would = len(checked.ready) if ok else 0
        click.echo(f"{self.rows} rows: {would} would be moved, {self.rows - would} not; nothing was sent")

    def tell(self, counts: Counter[str], results: _Results | None) -> None:
        seconds = time.monotonic() - self.begun
        statuses = (doing.ACCEPTED, doing.REFUSED, doing.REJECTED, doing.UNKNOWN, doing.NOT_TRIED)
        if not self.outcomes:
            counts[doing.NOT_TRIED] = self.rows
        path = results.path if results else None
        if self.as_json:
            numbers = {status: counts[status] for status in (*statuses, "repeated")}
            found = {**self._found(), "rows": self.rows, **numbers, "seconds": round(seconds, 3)}
            found |= {"stopped": self.stopped, "results": str(path) if path else None}
            print_json({**found, "outcomes": [outcome_object(each) for each in self.outcomes]})
        else:
            err = results is not None and results.to_stdout
            shown = [
                f"{counts[each]} {each.replace('_', ' ')}" for each in statuses if counts[each] or each != "refused"
            ]
            again = f" ({counts['repeated']} of them done before)" if counts["repeated"] else ""
            click.echo(f"{self.rows} rows: {', '.join(shown)} in {seconds:.1f} s{again}", err=err)
        if results and results.fault:
            click.echo(f"error: {results.fault}; `callflows transfers list` has what was asked for", err=True)
        if self.stopped == "problems":
            click.echo("nothing was sent: put the problems right and run it again", err=True)
            return
        unsent = sum(each.status == doing.REJECTED and each.reason in doing.NOT_SENT for each in self.outcomes)
        if self.stopped or unsent or counts[doing.NOT_TRIED]:
            why = f"stopped: {self.stopped}; " if self.stopped else ""
            why += f"{unsent} of the rejected did not reach the platform or were too many for it; " if unsent else ""
            click.echo(f"{why}to continue, run it again (--batch {self.name})", err=True)

    def _found(self) -> dict[str, Any]:
        warnings = [{"message": message, "rows": count} for message, count in self.warnings.most_common()]
        return {
            "ok": not self.faults and all(each.status == doing.ACCEPTED for each in self.outcomes) and not self.stopped,
            "batch": self.name,
            "problems": [_fault_object(fault) for fault in self.faults],
            "warnings": warnings,
        }


def _fault_object(fault: Fault) -> dict[str, Any]:
    return {"code": fault.code, "line": fault.line or None, "column": fault.column, "message": fault.message}


def _verdict_object(row: Row, faults: Sequence[Fault]) -> dict[str, Any]:
    return {
        "row": row.number,
        "line": row.line or None,
        "call_uuid": row.call_uuid,
        "provider": row.provider,
        "legs": {str(leg): target for leg, target in row.legs.items()},
        "params": dict(row.params),
        "ok": not faults,
        "problems": [_fault_object(fault) for fault in faults],
    }
