"""callflows serve: running it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import click

from .. import shipped
from ..errors import ConfigError
from .common import command, runtime


@command()
@click.option("--bind", help="HOST:PORT or unix:PATH instead of CALLFLOWS_BIND.")
def serve(bind: str | None) -> None:
    """Serve the flows with gunicorn, as our configuration has it.

    Example: callflows serve --bind 127.0.0.1:8000
    """
    if bind:
        os.environ["CALLFLOWS_BIND"] = bind
    runtime().prepare_to_serve()  # what is wrong is said here, in one line, and not by every worker
    start_gunicorn([], "callflows:create_app()")


def start_gunicorn(options: list[str], app: str) -> None:
    """This process becomes gunicorn, as our configuration has it."""
    arguments = ["--config", str(shipped.path("gunicorn.conf.py")), *options, app]
    sys.stdout.flush()
    # The script, not `python -m gunicorn`: for an upgrade by USR2 gunicorn starts again what it was started as
    script = _script("gunicorn")
    try:
        os.execv(script, [script, *arguments])
    except OSError as error:
        raise ConfigError(f"gunicorn cannot be started: {error.strerror}") from error


def _script(name: str) -> str:
    """A command that was installed with us."""
    places = [Path(sys.argv[0]).parent, Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    found = next((str(place / name) for place in places if (place / name).is_file()), None) or shutil.which(name)
    if not found:
        raise ConfigError(f"the command {name} is not installed beside callflows", hint=f"pip install {name}")
    return str(Path(found).absolute())


COMMANDS = (serve,)
