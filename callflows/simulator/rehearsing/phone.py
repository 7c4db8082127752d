"""All the people of a test, and the platform between them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from ..calls import Call as Wanted
from ..calls import Leg, plain, pretty
from ..platform import Platform
from ..reading import read_behaviour, read_call
from ..server import Simulator
from .call import PATIENCE, WHOLE_CALL, Call
from .sites import Site
from .wording import Unmet, in_words, mapping, party, seconds, words

CALLER, LINE = "+14155550101", "+14155550100"  # 555-01xx numbers belong to nobody
_NOT_OF_A_TEST = ("answer_url", "hangup_on_ring", "send_digits", "parent_call_uuid")
_PLACED = [field.name for field in dataclasses.fields(Wanted) if field.name not in _NOT_OF_A_TEST]


class Phone:
    """All the people of a test and the platform between them. Time stands still between the calls of its methods."""

    def __init__(self, simulator: Simulator, site: Site) -> None:
        self.simulator, self.site = simulator, site
        self._platform = simulator.platform  # a reset gives the simulator another

    @property
    def platform(self) -> Platform:
        if self.simulator.platform is not self._platform:
            raise ValueError("this phone is of no use any more: a later one was made, and the platform began anew")
        return self._platform

    # -- what people do

    @in_words
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

    @in_words
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
        platform = self.platform
        unknown = [name for name in more if name not in _PLACED]
        if unknown:
            raise ValueError(f"a call has no {unknown[0]}: one of {', '.join(_PLACED)}")
        words(from_number, "who calls")
        party(to_number)
        url = self.site.answer_url(words(target, "what answers"), mapping(params))
        call = read_call({"answer_url": url, "hangup_url": self.site.events_url(), **more})
        with platform.lock:
            begin = platform.arrive if direction == "inbound" else platform.place
            leg = begin(call, from_number, to_number)
        self._settle()
        return Call(self, leg)

    @in_words
    def person(self, number: str, within: float = PATIENCE) -> Call:
        """Whoever has this number, on the newest leg there is to it: an agent who was dialled, say."""
        who = party(number)

        def newest() -> Leg | None:
            legs = [leg for leg in self.platform.legs.values() if plain(leg.number) == who]
            return legs[-1] if legs else None

        if not self.until(lambda: newest() is not None, within):
            raise self.unmet(f"nobody called {pretty(number)} within {within:g} s")
        leg = newest()
        assert leg is not None  # noqa: S101  (it was there)
        return Call(self, leg)

    @in_words
    def number(self, number: str, behaviour: str = "answers", **plan: Any) -> None:
        """What happens when `number` is called: `answers`, `busy`, `no-answer`, ...; `plan` as in
        `PUT /-/sim/numbers/NUMBER`: after, hangs_up_after, keys, says."""
        who = party(number)
        for name in ("keys", "says"):
            if isinstance(plan.get(name), list | tuple):
                plan[name] = [list(item) if isinstance(item, tuple) else item for item in plan[name]]
        with self.platform.lock:
            self.platform.behaviours[who] = read_behaviour({"behaviour": behaviour, **plan})

    # -- what the application does

    @in_words
    def transfer(
        self,
        call: Call,
        *,
        aleg: str = "",
        bleg: str = "",
        params: Mapping[str, object] | None = None,
        stop_stream: bool = False,
    ) -> str:
        """Move a live call as the application does: its own leg to `aleg`, the leg it is connected to to `bleg`.
        `stop_stream` ends the call's streams once the transfer is accepted. Returns the transfer's id (of a flow's
        site; else "").
        """
        if not isinstance(call, Call):
            raise ValueError(f"what is transferred is a call, as `dial` gives it, not {call!r}")
        for leg, target in (("aleg", aleg), ("bleg", bleg)):
            if not isinstance(target, str):
                raise ValueError(f"{leg} is where the leg goes, as a text, not {target!r}")
        if not (aleg or bleg):
            raise ValueError("a transfer takes aleg=, bleg=, or both")
        self.platform  # noqa: B018  (is it still there?)
        transfer_id = self.site.transfer(self, call.uuid, aleg, bleg, mapping(params))
        if stop_stream:
            self.rest("DELETE", f"Call/{call.uuid}/Stream/")
        self._settle()
        return transfer_id

    @in_words
    def next(self, queue: str, *, aleg: str, params: Mapping[str, object] | None = None) -> Call:
        """Move whoever has waited longest in a queue, as the application does; it is their call that comes back."""
        self.platform  # noqa: B018  (is it still there?)
        uuid = self.site.next_caller(self, words(queue, "a queue"), words(aleg, "where they go"), mapping(params))
        self._settle()
        return Call(self, self.platform.legs[uuid])

    @in_words
    def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """One request to the platform's REST API, with its key; `path` is what follows the account."""
        simulator = self.simulator
        dialect = simulator.dialect
        reply = (
            simulator.app()
            .test_client()
            .open(
                f"{dialect.rest_prefix}/Account/{simulator.auth_id}/{words(path, 'path').lstrip('/')}",
                method=method,
                data=None if body is None else _json(body),
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
        return self._platform.clock.now()

    @property
    def transcript(self) -> str:
        """What happened so far, one line each."""
        with self._platform.lock:
            return self._platform.transcript.as_text()

    @in_words
    def switch(self, **values: Any) -> None:
        """How the platform behaves where its documentation leaves that open (docs/simulator.md, Switches)."""
        platform = self.platform
        with platform.lock:
            platform.switches = platform.switches.changed(values)

    @in_words
    def fault(self, **what: Any) -> None:
        """What goes wrong next: `web="timeout"`, `rest="500-after-acting"`, ... as in `POST /-/sim/faults`."""
        with self.simulator.app().test_client() as control:
            reply = control.post("/-/sim/faults", data=_json(what))
            if reply.status_code != 200:
                raise ValueError(reply.get_json()["error"])

    @in_words
    def wait(self, how_long: float) -> None:
        if not self.platform.engine.advance(seconds(how_long, "wait")):
            raise self.unmet(f"{how_long:g} s did not pass: the web application, or the flow, is still at work")

    @in_words
    def finish(self, limit: float = WHOLE_CALL) -> None:
        """Let time run until nothing is left to happen."""
        self.platform.engine.run(seconds(limit, "limit"))

    def until(self, condition: Callable[[], object], within: float = PATIENCE) -> bool:
        """Let time run until `condition` holds; False when it does not within so many seconds, or never will."""
        met = [bool(condition())]

        def look() -> bool:
            met[0] = met[0] or bool(condition())
            return met[0]

        seconds(within, "within")
        if not met[0]:
            self.platform.engine.run(within, until=look)
        return met[0]

    def unmet(self, reason: str) -> Unmet:
        return Unmet(reason, self.transcript)

    def _settle(self) -> None:
        self.platform.engine.settle()


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except TypeError as error:
        raise ValueError(str(error)) from None
