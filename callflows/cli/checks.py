"""callflows check, settings: is it configured, and how."""

from __future__ import annotations

import click

from .. import checks
from ..config import Settings
from ..environment import PREFIX
from ..logs import Redactor
from ..models import errors_in
from .common import command, json_option, print_json, print_problems, runtime


@command()
@click.option("--live", is_flag=True, help="Also send a signed request to ourselves and read from the platforms.")
@json_option
@click.pass_context
def check(ctx: click.Context, live: bool, as_json: bool) -> None:
    """Find configuration problems.

    Example: callflows check --live
    """
    rt = runtime()
    problems = checks.check(rt)
    if live:
        blocking = any(problem.code == "config.public-url" and not rt.settings.public_url for problem in problems)
        problems += [] if blocking else checks.check_live(rt)
    ok = not errors_in(problems)
    if as_json:
        print_json({"ok": ok, "problems": [problem.as_object() for problem in problems]})
    else:
        print_problems(problems)
        tried = f" (tried live: {', '.join(rt.providers_in_use()) or 'nothing'})" if live else ""
        click.echo(f"{'ok' if ok else 'problems'}{tried}")
    ctx.exit(0 if ok else 1)


@command()
@click.option("--markdown", is_flag=True, help="The table of the documentation, without values.")
@json_option
def settings(markdown: bool, as_json: bool) -> None:
    """Every setting, what it is for, and its value now (secrets hidden).

    Example: callflows settings
    """
    if markdown:
        click.echo(_table())
        return
    current = Settings.load()
    shown = current.model_dump(mode="json")  # pydantic writes secrets as asterisks
    redact = Redactor(current.secret_values())  # and knows nothing of a password in a URL
    rows = []
    for name, field in Settings.model_fields.items():
        rows.append(
            {
                "name": PREFIX + name.upper(),
                "value": redact(_text(shown[name])),
                "default": _text(field.default),
                "help": field.description,
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        mark = "" if row["value"] == row["default"] else "  (set)"
        click.echo(f"{row['name']} = {row['value']}{mark}\n    {row['help']}\n")


def _table() -> str:
    rows = ["| setting | default | what for |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = f"`{_text(field.default)}`" if _text(field.default) else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


COMMANDS = (check, settings)
