"""What the commands share: errors as one line with the right exit code, and `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import click

from ..config import Settings
from ..errors import CallflowsError, DocumentRefused, ProviderError
from ..models import Problem, Severity
from ..runtime import Runtime


class Command(click.Command):
    """A command whose CallflowsErrors become one clear line (or, with --json, one JSON object)."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CallflowsError as error:
            if ctx.params.get("as_json"):
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


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value instead of text.")
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A param of the flow; may be repeated."
)
provider_option = click.option("--provider", default="", metavar="NAME", help="plivo or vobiz.")


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
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def error_object(error: CallflowsError) -> dict[str, Any]:
    details: dict[str, Any] = {"hint": error.hint} if error.hint else {}
    if isinstance(error, ProviderError) and error.transfer_id:
        details["transfer_id"] = error.transfer_id
    if isinstance(error, DocumentRefused):
        details["problems"] = [problem_object(problem) for problem in error.problems]
    return {"code": error.code, "message": error.message, "details": details}


def problem_object(problem: Problem) -> dict[str, Any]:
    return {
        "severity": str(problem.severity),
        "code": problem.code,
        "file": problem.file,
        "line": problem.line,
        "message": problem.message,
        "hint": problem.hint,
    }


def print_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(click.style(str(problem), fg="red" if problem.severity is Severity.ERROR else "yellow"))


def clock(at: float | None) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if at else ""
