"""What the platforms' documents leave open, contradict each other on, or let you choose: one table of named switches.

Each has its values, its default (per platform where they differ) and the source of that default. Where nobody knows,
the default is the reading that hurts a careless application, so that what passes here is not passing by luck.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any


def _switch(default: str, *others: str, why: str, **per_provider: str) -> Any:
    values = (default, *others)
    return field(default=default, metadata={"values": values, "why": why, "per_provider": per_provider})


def _number(default: float, *, why: str, **per_provider: float) -> Any:
    return field(default=default, metadata={"values": None, "why": why, "per_provider": per_provider})


@dataclass(frozen=True)
class Switches:
    # -- transfer
    other_leg: str = _switch(
        "hangs-up",
        "keeps-flow",
        vobiz="keeps-flow",
        why="the leg left behind when one of a bridged pair is moved. Vobiz transfer page: keeps running its current "
        "flow. Plivo: not documented, so the bad case",
    )
    both_order: str = _switch("aleg-first", "bleg-first", why="order of the two fetches of legs=both: not documented")
    dial_action_on_transfer: str = _switch(
        "suppressed", "sent", why="the action of a Dial that a transfer interrupts: Plivo's open-source engine"
    )
    bleg_without_bridge: str = _switch(
        "400", "404", "202", why="legs=bleg or both on a call that is not bridged: not documented"
    )
    bleg_uuid: str = _switch(
        "accepted", "404", why="a transfer that names the B leg's own UUID. Vobiz transfer page: the leg's UUID"
    )
    transfer_checks: str = _switch(
        "at-request", "at-fetch", why="bad URL or method in a transfer: 400, or 202 and then hang-up 7023 or 7033"
    )
    transfer_event: str = _switch(
        "Redirect",
        "Transfer",
        "none",
        vobiz="Transfer",
        why="Event of a transfer fetch. Vobiz event page; Plivo: a guess",
    )
    transfer_limit: float = _number(70, vobiz=0, why="transfers per call, 0 for no limit. Plivo's older transfer page")
    # -- documents
    unknown_element: str = _switch("reject", "ignore", why="both were observed on Plivo")
    bad_value: str = _switch("reject", "default", why="attribute value of the wrong type. Seen on Vobiz: call dropped")
    content_type: str = _switch(
        "xml-only", "any", why="Vobiz request page: anything else drops the call. Plivo: unknown"
    )
    # -- Dial
    dial_action_after_hangup: str = _switch(
        "sent", "not-sent", why="Vobiz transferred-calls page: the Dial action arrives after Hangup"
    )
    dial_action_event: str = _switch(
        "Redirect", "DialAction", vobiz="DialAction", why="Event of a Dial action. Vobiz pages disagree"
    )
    dial_before_answer: str = _switch(
        "rings", "fails", vobiz="fails", why="Dial on an inbound call nothing has answered yet. Vobiz: seen to fail"
    )
    missing_caller_id: str = _switch(
        "uses-caller", "fails-silently", vobiz="fails-silently", why="Dial without callerId on an inbound call"
    )
    after_bridged_dial: str = _switch(
        "continues", "ends", vobiz="ends", why="elements after a Dial that was bridged. Vobiz pages disagree"
    )
    ring_timeout_status: str = _switch("no-answer", "timeout", why="DialStatus when the Dial's own timeout ran out")
    confirm_key: str = _switch("enforced", "not-enforced", why="confirmKey. Vobiz Dial page: unverified")
    bleg_aleg_uuid: str = _switch("sent", "not-sent", why="ALegUUID in what a B leg's own document fetches carry")
    # -- input
    no_input: str = _switch(
        "next-element",
        "empty-action-then-continue",
        "empty-action",
        vobiz="empty-action-then-continue",
        why="GetInput or Gather when nobody says or presses anything. Vobiz Gather page says both",
    )
    # -- HTTP
    signatures: str = _switch(
        "all", "none", why="signature headers on what the platform fetches; Vobiz: when configured"
    )
    missing_slash: str = _switch(
        "404", "401", "accepted", vobiz="401", why="REST POST without the trailing slash. Vobiz gotchas page: 401"
    )
    # -- nominal figures of the simulation
    play_seconds: float = _number(10, why="how long one Play of a file takes")
    words_per_second: float = _number(2.5, why="how fast Speak speaks")

    @classmethod
    def for_provider(cls, provider: str, changes: dict[str, Any] | None = None) -> Switches:
        defaults = {
            f.name: f.metadata["per_provider"][provider] for f in fields(cls) if provider in f.metadata["per_provider"]
        }
        return cls(**defaults).changed(changes or {})

    def changed(self, changes: dict[str, Any]) -> Switches:
        """A copy with `changes`; ValueError names the first one that makes no sense."""
        known = {f.name: f for f in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no switch {name!r}: one of {', '.join(known)}")
            values = known[name].metadata["values"]
            if values is None:
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
                    raise ValueError(f"{name} is a number from 0 to 1000000")
            elif value not in values:
                raise ValueError(f"{name} is one of {', '.join(values)}")
        if changes.get("words_per_second") == 0:
            raise ValueError("words_per_second is more than 0")
        return Switches(**{**asdict(self), **changes})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def explain(cls) -> dict[str, Any]:
        """Name -> values (a list, the default first), default, defaults per platform, and why."""
        return {
            f.name: {
                "values": list(f.metadata["values"] or (f.default, "a number")),
                "default": f.default,
                "per_provider": f.metadata["per_provider"],
                "why": f.metadata["why"],
            }
            for f in fields(cls)
        }
