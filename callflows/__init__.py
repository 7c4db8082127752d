"""Call-flow XML webhook server for Plivo and Vobiz.

    from callflows import create_app, CallFlows, transfer_call, next_caller

`create_app()` is the WSGI app, `CallFlows(app)` mounts it in a Flask app of yours, `transfer_call(...)` moves a live
call into a flow, `next_caller(...)` whoever has waited longest in a queue; these two need no app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import CallflowsError
from .models import Leg, Transfer, TransferStatus

if TYPE_CHECKING:
    from .app import CallFlows as CallFlows
    from .app import create_app as create_app
    from .application import CurrentCall as CurrentCall
    from .queues import next_caller as next_caller
    from .transfers import transfer_call as transfer_call

__version__ = "0.1.0"
__all__ = [
    "CallFlows",
    "CallflowsError",
    "CurrentCall",
    "Leg",
    "Transfer",
    "TransferStatus",
    "__version__",
    "create_app",
    "next_caller",
    "transfer_call",
]

_LAZY = {
    "CallFlows": "app",
    "CurrentCall": "application",
    "create_app": "app",
    "next_caller": "queues",
    "transfer_call": "transfers",
}


def __getattr__(name: str) -> Any:
    """Whoever only transfers calls does not import Flask, and `import callflows.simulator` imports nothing else."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
