"""callflows simulate: conversations written down, carried out on a simulated platform in virtual time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from .. import providers
from ..errors import CallflowsError, RequestInvalid
from .common import assigned, command, json_option, print_json

SEED = 1


@command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--provider", "only", type=click.Choice(providers.NAMES), help="Only this platform; else all it is for.")
@click.option(
    "--app", "app_name", metavar="URL|MODULE:NAME", default="", help="Another web application; else the flows here."
)
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="See docs/simulator.md, Switches.")
@click.option("--every-switch", is_flag=True, help="Also with every other value of each switch that matters to it.")
@click.option("-q", "--quiet", is_flag=True, help="Show transcripts of failures only.")
@json_option
def simulate(
    scenarios: tuple[Path, ...],
    only: str | None,
    app_name: str,
    switches: tuple[str, ...],
    every_switch: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Carry out scenario files, or all in a folder, and show second by second what was heard.

    Exit code 1 when a step does not come true, or a file cannot be read.

    Example: callflows simulate tests/scenarios --every-switch
    """
    from ..simulator.rehearsing import scenario as box
    from ..testing.stage import flows_app, new_phone, platforms, settings_for, web_app

    given = assigned(switches)
    rows: list[dict[str, Any]] = []
    try:
        found = [box.load(path) for path in _files(scenarios)]
        with tempfile.TemporaryDirectory(prefix="callflows-") as state, platforms(tuple(providers.NAMES)) as servers:
            app = web_app(app_name) if app_name else flows_app(settings_for(servers, Path(state), Path("templates")))
            for scenario, provider in [(s, p) for s in found for p in s.providers if only in (None, p)]:
                simulator = servers[provider].simulator
                waiting: list[dict[str, Any]] = [given]
                while waiting:
                    changes = waiting.pop(0)
                    try:
                        phone = new_phone(simulator, app, seed=SEED + len(rows), switches=changes, at=scenario.at)
                    except ValueError as error:
                        raise click.BadParameter(str(error), param_hint="--switch") from None
                    row = {"file": scenario.file, "title": scenario.title, "provider": provider, "switches": changes}
                    try:
                        box.run(scenario, phone)
                        rows.append(row | {"ok": True, "line": None, "message": ""})
                    except (box.StepUnmet, box.ScenarioError) as error:
                        rows.append(row | {"ok": False, "line": error.line, "message": str(error).partition("\n")[0]})
                    if every_switch and changes is given:
                        more = box.variations(scenario, phone)
                        waiting = [given | {name: value} for name, value in more if name not in given]
                    if as_json:
                        rows[-1]["transcript"] = [
                            _same_each_time(entry) for entry in phone.platform.transcript.as_list()
                        ]
                    else:
                        _tell(rows[-1], "" if quiet and rows[-1]["ok"] else phone.transcript)
    except box.ScenarioError as error:
        raise ScenarioBroken(str(error)) from None
    failed = sum(not row["ok"] for row in rows)
    if as_json:
        print_json({"ok": bool(rows) and not failed, "scenarios": rows})
    else:
        runs, files = (
            f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((len(rows), "run"), (len(found), "scenario"))
        )
        click.echo(f"{runs} of {files}, {f'{failed} failed' if failed else 'all as written'}")
    if failed or not rows:
        raise SystemExit(1)


class ScenarioBroken(CallflowsError):
    code = "scenario_broken"


def _same_each_time(value: Any) -> Any:
    """Without what is signed anew in each run."""
    from ..simulator.transcript import shorten

    if isinstance(value, dict):
        return {name: _same_each_time(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_same_each_time(one) for one in value]
    return shorten(value) if isinstance(value, str) else value


def _tell(row: dict[str, Any], transcript: str) -> None:
    if transcript:
        click.echo(f"\n{transcript}".rstrip())
    verdict = click.style("ok", fg="green") if row["ok"] else click.style("FAILED", fg="red", bold=True)
    changed = "".join(f", {name} = {value}" for name, value in row["switches"].items())
    click.echo(f"{verdict}  {row['title']} ({row['provider']}{changed})")
    if not row["ok"]:
        click.echo(row["message"], err=True)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    from ..simulator.rehearsing.scenario import SUFFIX

    for path in paths:
        if path.is_dir():
            found = sorted(path.rglob(f"*{SUFFIX}"))
            if not found:
                raise RequestInvalid(f"there is no *{SUFFIX} in {path}")
            yield from found
        else:
            yield path


COMMANDS = (simulate,)
