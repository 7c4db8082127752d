"""The command line. Commands parse, call one function, and print; what they do lives in the rooms."""

from __future__ import annotations

import click

from .. import __version__
from . import (
    calls,
    capture,
    checks,
    console,
    db,
    demo,
    flows,
    new,
    pages,
    queues,
    rules,
    serving,
    simulate,
    simulator,
    tokens,
    tools,
    transfers,
    urls,
    versions,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callflows")
def main() -> None:
    """Host the call-flow XML of Plivo and Vobiz calls, and move live calls into it.

    Settings come from CALLFLOWS_* in the environment or from .env; `callflows settings` lists them.

    Exit codes: 0 done; 1 problems, refused by us, or a leg failed; 2 usage; 3 refused by the platform;
    4 unknown or unreachable.
    """


for _command in (*new.COMMANDS, *pages.COMMANDS, tools.tools, versions.history, versions.publish):
    flows.flows.add_command(_command)
_HERE = (flows, rules, transfers, queues, calls, urls, checks, capture, serving, console, tokens, db)
for _group in (*_HERE, simulator, simulate, demo):
    for _command in _group.COMMANDS:
        main.add_command(_command)
