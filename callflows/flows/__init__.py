"""Flows: what operators write. Names, flow.toml, parameters, published versions, the context templates see, and
rendering them in a sandbox. Knows nothing of XML grammar, providers' wire formats, or the store.
"""

from .catalog import ENTRY_STEPS, Flow, Step, load_flow
from .context import Links, Stored, build_context
from .declared import Value
from .manifest import Manifest
from .params import resolve_params
from .queues import queue_of
from .records import Refusal, Status
from .rendering import render
from .sources import FlowSource, ignored, is_name, read_sources, stamp
from .tracing.marking import Branch
from .tracing.twin import Trace, branches, trace
from .versions import Versions

__all__ = [
    "ENTRY_STEPS",
    "Branch",
    "Flow",
    "FlowSource",
    "Links",
    "Manifest",
    "Refusal",
    "Status",
    "Step",
    "Stored",
    "Trace",
    "Value",
    "Versions",
    "branches",
    "build_context",
    "ignored",
    "is_name",
    "load_flow",
    "queue_of",
    "read_sources",
    "render",
    "resolve_params",
    "stamp",
    "trace",
]
