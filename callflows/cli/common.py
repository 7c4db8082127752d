"""What the commands share: errors as one line with the right exit code, `--json`, and how findings are reported."""

from __future__ import annotations

import functools
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import click

from ..config import Settings
from ..durations import seconds_of
from ..errors import CallflowsError
from ..models import Problem, errors_in
from ..runtime import Runtime
from .problems import printable, summary, told, workflow_command


class Command(click.Command):
    """A command whose CallflowsErrors become one clear line (or, with --json, one JSON object)."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A name of a file need not be text, and a terminal need not know every letter: say what can be said.
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except CallflowsError as error:
            if ctx.params.get("as_json") or ctx.params.get("output") == Output.JSON:
                print_json({"error": error_object(error)})
            else:
                click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has seen enough
            ctx.exit(0)


class Group(click.Group):
    command_class = Command


def command(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Command]:
    return click.command(*args, cls=Command, **kwargs)


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic in some versions of click only
    """A duration such as 1h30m, as seconds; the bounds are durations themselves."""

    name = "DURATION"

    def __init__(self, *, shortest: str, longest: str, examples: str) -> None:
        self._bounds = {"shortest": shortest, "longest": longest, "examples": examples}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return seconds_of(str(value), **self._bounds)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value instead of text.")
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A param of the flow; may be repeated."
)
provider_option = click.option("--provider", default="", metavar="NAME", help="plivo or vobiz.")


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--format`, and `--json` for `--format json`; the command is given one `output`."""

    @click.option(
        "--format",
        "output",
        type=click.Choice([str(choice) for choice in Output]),
        help="text (default), json, or github: annotations in a workflow of GitHub Actions.",
    )
    @json_option
    @functools.wraps(function)
    def with_output(*args: Any, as_json: bool, output: str | None, **kwargs: Any) -> Any:
        if as_json and output not in (None, Output.JSON):
            raise click.UsageError("--json means --format json: give one of them")
        return function(*args, output=Output.JSON if as_json else Output(output or Output.TEXT), **kwargs)

    return with_output


def runtime(settings: Settings | None = None) -> Runtime:
    """The runtime of this command. Commands are short: only what went wrong is logged."""
    found = Runtime(settings)
    found.configure_logs(quiet=True)
    return found


def assigned(assignments: Iterable[str]) -> dict[str, str]:
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{assignment!r} is not NAME=VALUE", param_hint="--set")
        if name in values:
            raise click.BadParameter(f"{name} is given twice", param_hint="--set")
        values[name] = value
    return values


def print_json(value: Any) -> None:
    # What the stream cannot say is written in JSON's own escapes; Python's would not all be JSON.
    ascii_only = "utf" not in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    click.echo(json.dumps(value, indent=2, ensure_ascii=ascii_only, default=str))


def error_object(error: CallflowsError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "details": error.details()}


def print_problems(problems: Iterable[Problem], *, err: bool = False) -> None:
    for problem in problems:
        for line in told(problem):
            click.echo(line, err=err)


@dataclass(frozen=True, slots=True)
class Judged:
    """One thing a command looked at. `path` says where a problem's file lies from here; "" for nowhere."""

    name: str
    problems: Sequence[Problem]
    path: Callable[[Problem], str]

    @property
    def ok(self) -> bool:
        return not errors_in(self.problems)


def report(
    output: Output, judged: Sequence[Judged], *, many: str, one: str, fields: Sequence[str], also: Sequence[Judged] = ()
) -> bool:
    """Print what was found, and say whether all is well (nothing to look at is not). JSON is `{"ok", many: [{one, "ok",
    "problems"}]}`, each problem with these `fields`; `also` are findings that belong to none of them."""
    ok = bool(judged) and all(each.ok for each in judged)
    if output is Output.JSON:
        rows = []
        for each in judged:
            problems = [problem.as_object() for problem in each.problems]
            rows.append({one: each.name, "ok": each.ok, "problems": [{k: p[k] for k in fields} for p in problems]})
        print_json({"ok": ok, many: rows})
        return ok
    annotated: set[str] = set()  # a file that several flows share is annotated once
    for number, each in enumerate((*also, *judged)):
        if output is Output.GITHUB:
            commands = [workflow_command(problem, each.path(problem)) for problem in each.problems]
            for line in dict.fromkeys(line for line in commands if line not in annotated):
                click.echo(line)
            annotated.update(commands)
        else:
            print_problems(each.problems)
        if number >= len(also):
            click.echo(f"{printable(each.name)}: {summary(each.problems)}")
    return ok


def clock(at: float | None) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if at else ""


def moment(at: float | None) -> str:
    """The same with its date."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""
