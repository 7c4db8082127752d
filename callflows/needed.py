"""What one request needs beside itself: of the store, as its step declares, and of the application."""

from __future__ import annotations

import time

from .application import Given
from .errors import StoreError
from .flows import Flow, Stored, queue_of
from .flows.params import with_defaults
from .models import CallEvent, Leg, Problem, Severity
from .runtime import Runtime
from .signing import Token


class Needed:
    """What steps declare that they need. The store is asked once for a request and, should another version of the flow
    wait in another queue, for that; when it does not answer, never again. `given` is what the application says.
    """

    def __init__(
        self, runtime: Runtime, provider: str, step: str, event: CallEvent, token: Token, until: float
    ) -> None:
        self._runtime, self._call_uuid, self._token, self._until = runtime, event.call.uuid, token, until
        self._leg = token.leg or (step if step == Leg.B else Leg.A)
        self._found: dict[str, Stored] = {}  # by the queue
        self.missed: tuple[Problem, ...] = ()
        self.given = Given(runtime.application, provider, step, self._leg, event, token, until)

    def by(self, version: Flow, step: str) -> Stored | None:
        """None where it could not be learnt; `missed` says why."""
        queue = queue_for(version, step, self._token)
        if "store" not in version.steps[step].needs or not (self._token.transfer_id or queue):
            return Stored()  # without a transfer there is no other leg
        if queue not in self._found and not self.missed:
            seconds = (self._until - time.monotonic()) / 2
            asked = self._token.transfer_id, self._leg, queue, self._call_uuid
            try:
                self._found[queue] = self._runtime.needs.stored(*asked, seconds)
            except StoreError as error:
                message = f"{step} has its default, not what it needs: {error.message}"
                self.missed = (Problem(Severity.WARNING, "store.unavailable", message, f"{version.name}/flow.toml"),)
        return self._found.get(queue)


def queue_for(version: Flow, step: str, token: Token) -> str:
    """The queue in which whoever is served this step waits; "" for none."""
    return queue_of(version.steps[step], with_defaults(version.manifest.params, token.params))
