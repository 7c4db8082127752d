"""All the people of a test, and the platform between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..calls import Leg, plain, pretty
from ..reading import read_behaviour, read_call, read_party
from ..server import Simulator
from .call import PATIENCE, WHOLE_CALL, Call, Unmet
from .sites import Site

CALLER, LINE = "+14155550101", "+14155550100"  # 555-01xx numbers belong to nobody


class Phone:
    """All the people of a test and the platform between them. Time stands still between the calls of its methods."""

    def __init__(self, simulator: Simulator, site: Site) -> None:
        self.simulator, self.site = simulator, site

    # -- what people do

    def dial(
        self,
        target: str,
        params: Mapping[str, object] | None = None,
        *,
        caller: str = CALLER,
        line: str = LINE,
        **more: Any,
    ) -> Call:
        """Somebody calls in, and `target` answers. `more`: caller_name, forwarded_from, sip_headers, fallback_url,
        and whatever else a placed call may have (`/-/sim/calls`)."""
        return self._begin("inbound", caller, line, target, params, more)

    def place(
        self,
        target: str,
        params: Mapping[str, object] | None = None,
        *,
        to: str = CALLER,
        line: str = LINE,
        **more: Any,
    ) -> Call:
        """The application calls somebody; `target` is what they get once they answer."""
        return self._begin("outbound", line, to, target, params, more)

    def _begin(
        self,
        direction: str,
        from_number: str,
        to_number: str,
        target: str,
        params: Mapping[str, object] | None,
        more: Mapping[str, Any],
    ) -> Call:
        url = self.site.answer_url(target, params or {})
        call = read_call({"answer_url": url, "hangup_url": self.site.events_url(), **more})
        platform = self.simulator.platform
        with platform.lock:
            begin = platform.arrive if direction == "inbound" else platform.place
            leg = begin(call, from_number, to_number)
        self._settle()
        return Call(self, leg)

    def person(self, number: str, within: float = PATIENCE) -> Call:
        """Whoever has this number, on the newest leg there is to it: an agent who was dialled, say."""
        who = read_party(number)

        def newest() -> Leg | None:
            legs = [leg for leg in self.simulator.platform.legs.values() if plain(leg.number) == who]
            return legs[-1] if legs else None

        if not self.until(lambda: newest() is not None, within):
            raise self.unmet(f"nobody called {pretty(number)} within {within:g} s")
        leg = newest()
        assert leg is not None  # noqa: S101  (it was there)
        return Call(self, leg)

    def number(self, number: str, behaviour: str = "answers", **plan: Any) -> None:
        """What happens when `number` is called: `answers`, `busy`, `no-answer`, ...; `plan` as in
        `PUT /-/sim/numbers/NUMBER`: after, hangs_up_after, keys, says."""
        who = read_party(number)
        plan |= {name: [list(item) for item in plan[name]] for name in ("keys", "says") if name in plan}
        with self.simulator.platform.lock:
            self.simulator.platform.behaviours[who] = read_behaviour({"behaviour": behaviour, **plan})

    # -- what the application does

    def transfer(
        self, call: Call, *, aleg: str = "", bleg: str = "", params: Mapping[str, object] | None = None
    ) -> None:
        """Move a live call as the application does: its own leg to `aleg`, the leg it is connected to to `bleg`."""
        self.site.transfer(self, call.uuid, aleg, bleg, params or {})
        self._settle()

    def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """One request to the platform's REST API, with its key; `path` is what follows the account."""
        simulator = self.simulator
        dialect = simulator.dialect
        reply = (
            simulator.app()
            .test_client()
            .open(
                f"{dialect.rest_prefix}/Account/{simulator.auth_id}/{path}",
                method=method,
                data=None if body is None else json.dumps(body),
                headers=dialect.credentials(simulator.auth_id, simulator.auth_token),
            )
        )
        found = reply.get_json(silent=True)
        reply.close()
        self._settle()
        return reply.status_code, found

    # -- the platform, and time

    @property
    def provider(self) -> str:
        return self.simulator.provider

    @property
    def now(self) -> float:
        """Virtual seconds since the test began."""
        return self.simulator.platform.clock.now()

    @property
    def transcript(self) -> str:
        """What happened so far, one line each."""
        with self.simulator.platform.lock:
            return self.simulator.platform.transcript.as_text()

    def switch(self, **values: Any) -> None:
        """How the platform behaves where its documentation leaves that open (docs/simulator.md, Switches)."""
        platform = self.simulator.platform
        with platform.lock:
            platform.switches = platform.switches.changed(values)

    def fault(self, **what: Any) -> None:
        """What goes wrong next: `web="timeout"`, `rest="500-after-acting"`, ... as in `POST /-/sim/faults`."""
        with self.simulator.app().test_client() as control:
            reply = control.post("/-/sim/faults", json=what)
            if reply.status_code != 200:
                raise ValueError(reply.get_json()["error"])

    def wait(self, seconds: float) -> None:
        self.simulator.platform.engine.advance(seconds)

    def finish(self, limit: float = WHOLE_CALL) -> None:
        """Let time run until nothing is left to happen."""
        self.simulator.platform.engine.run(limit)

    def until(self, condition: Callable[[], object], within: float = PATIENCE) -> bool:
        """Let time run until `condition` holds; False when it does not within so many seconds, or never will."""
        met = [bool(condition())]

        def look() -> bool:
            met[0] = met[0] or bool(condition())
            return met[0]

        if not met[0]:
            self.simulator.platform.engine.run(within, until=look)
        return met[0]

    def unmet(self, reason: str) -> Unmet:
        return Unmet(reason, self.transcript)

    def _settle(self) -> None:
        self.simulator.platform.engine.settle()
