"""What GET /metrics says, in Prometheus' text format: read when it is asked for, so that every worker says the same.

To add some: a function that yields metric families, in FAMILIES. Never a number or a UUID as a label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric, exposition
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .models import FlowState
from .runtime import Runtime

CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4


def flows(runtime: Runtime) -> Iterator[Metric]:
    """As the version store knows them: what is saved and not published yet, nobody here has read."""
    each = GaugeMetricFamily("callflows_flow_state", "1 for the state each flow is in.", labels=("flow", "state"))
    since = GaugeMetricFamily(
        "callflows_flow_stale_since_seconds",
        "Since when (Unix time) the newest save of a flow is refused.",
        labels=("flow",),
    )
    total = GaugeMetricFamily("callflows_flows", "Flows in each state.", labels=("state",))
    count: Counter[FlowState] = Counter({state: 0 for state in FlowState if state is not FlowState.PENDING})
    for name in runtime.versions.known_names():
        status = runtime.versions.status(name)
        each.add_metric((name, status.state), 1)
        if status.state.degraded and status.since is not None:
            since.add_metric((name,), status.since)
        count[status.state] += 1
    for state, number in count.items():
        total.add_metric((state,), number)
    yield from (each, since, total)


FAMILIES = (flows,)


class _Everything(Collector):
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        for families in FAMILIES:
            yield from families(self._runtime)


def exposed(runtime: Runtime) -> bytes:
    return exposition.generate_latest(_Everything(runtime))
