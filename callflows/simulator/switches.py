"""What the platforms' documents leave open, contradict each other on, or let you choose: one table of named switches.

Each has its values, its default (per platform where they differ) and the source of that default. Where nobody knows,
the default is the reading that hurts a careless application, so that what passes here is not passing by luck.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar


def _switch(default: str, *others: str, why: str, known: tuple[str, ...] = (), **per_provider: str) -> Any:
    """`known`: the platforms whose documents settle it; whoever tries every value leaves them alone."""
    values = (default, *others)
    return field(default=default, metadata={"values": values, "why": why, "known": known, "per_provider": per_provider})


def _number(default: float, *, why: str, **per_provider: float) -> Any:
    return field(default=default, metadata={"values": None, "why": why, "known": (), "per_provider": per_provider})


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
    stream_transfer: str = _switch(
        "waits",
        "interrupts",
        vobiz="interrupts",
        why="a transfer while a Stream with keepCallAlive holds the document. Plivo's own audio streaming skill: runs "
        "only once the stream has ended. Vobiz: tears the Stream down at once",
    )
    stop_stream_on_transfer: str = _switch(
        "not-sent", "sent", why="StopStream of a Stream that a transfer tears down. Vobiz warm transfer: not sent"
    )
    ringing_transfer: str = _switch(
        "404", "202", why="transfer of a call that still rings. Plivo: live calls only. Vobiz: not documented"
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
    sip_header_names: str = _switch(
        "plain",
        "marked",
        vobiz="marked",
        why="names in sipHeaders: as they are, or each has to end in X-VH, or all are dropped. Vobiz SIP header page",
    )
    media_timeout: float = _number(60, why="a leg without audio is hung up after so long, 0 for never. Hang-up 6020")
    bleg_aleg_uuid: str = _switch("sent", "not-sent", why="ALegUUID in what a B leg's own document fetches carry")
    # -- Conference
    conference_end: str = _switch(
        "continues",
        "hung-up",
        vobiz="hung-up",
        known=("vobiz",),
        why="members whom a conference's end, its time limit or stayAlone=false sends away. Vobiz: hung up, 4000 "
        "Callee. Plivo's open-source engine: go on to action or the next element",
    )
    lone_member: str = _switch(
        "at-once",
        "unless-waiting",
        "after-others",
        why="when stayAlone=false sends a lone member away. Vobiz: at once; on entering an empty room, and while "
        "waiting for somebody to start it, too? Not documented",
    )
    conference_action: str = _switch(
        "sent", "not-sent", vobiz="not-sent", why="the action of a Conference. Vobiz: unreliable, seen not to come"
    )
    conference_exit_order: str = _switch(
        "in-order",
        "reversed",
        vobiz="reversed",
        why="ConferenceExit of members who leave at one instant. Vobiz: either",
    )
    conference_time_limit: str = _switch(
        "ends-room", "member-leaves", why="whom timeLimit sends away. Plivo: the maximum length of the conference"
    )
    conference_full: str = _switch(
        "next-element", "hung-up", why="one member too many: not documented. Plivo's open-source engine goes on"
    )
    # -- input
    no_input: str = _switch(
        "next-element",
        "empty-action-then-continue",
        "empty-action",
        vobiz="empty-action-then-continue",
        why="GetInput or Gather when nobody says or presses anything. Vobiz Gather page says both",
    )
    stream_track: str = _switch(
        "rejected",
        "accepted",
        why="audioTrack other than inbound on a bidirectional Stream. Vobiz: seen to be rejected. Plivo: should not be",
    )
    # -- Record
    record_action: str = _switch(
        "end",
        "start",
        vobiz="start",
        why="when the action of a Record that does not lead on is fetched. Vobiz: seen at the start, durations -1",
    )
    record_action_after_hangup: str = _switch(
        "not-sent", "sent", why="the action of a Record whose caller hangs up: Plivo's open-source engine sends none"
    )
    record_action_answer: str = _switch(
        "ignored",
        "followed",
        vobiz="followed",
        why='elements in the answer to a Record action with redirect="false". Vobiz Record page: they interrupt',
    )
    session_max_length: str = _switch(
        "applies",
        "only-if-asked",
        vobiz="only-if-asked",
        why="maxLength's default of 60 s where Record runs in the background. Plivo: not among what is ignored there",
    )
    # -- HTTP
    signatures: str = _switch(
        "all", "none", why="signature headers on what the platform fetches; Vobiz: when configured", known=("plivo",)
    )
    missing_slash: str = _switch(
        "404", "401", "accepted", vobiz="401", why="REST POST without the trailing slash. Vobiz gotchas page: 401"
    )
    missing_slash_get_delete: str = _switch(
        "accepted", "404", "401", why="the same for GET and DELETE. SDKs of both platforms omit it"
    )
    redirects: str = _switch(
        "not-followed", "followed", why="a 3xx answer to a fetch: not documented, but every non-2xx is called a failure"
    )
    max_document: float = _number(
        100_000, why="bytes of a document: 100 KB in both platforms' documents, and none says whether that is 102400"
    )
    rate_limit: float = _number(300, vobiz=0, why="REST requests per 5 s, then 429; 0 for no limit. Plivo API overview")
    calls_per_second: float = _number(
        0, why="calls placed per second, then 429; 0 for no limit. Vobiz errors page; Plivo queues them instead"
    )
    # -- nominal figures of the simulation
    play_seconds: float = _number(10, why="how long one Play of a file takes")
    words_per_second: float = _number(2.5, why="how fast Speak speaks")

    def __post_init__(self) -> None:
        object.__setattr__(self, "consulted", set())  # names of the switches that made, or could make, a difference

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            value = object.__getattribute__(self, name)
            if name in Switches.__dataclass_fields__:
                object.__getattribute__(self, "consulted").add(name)
            return value

    else:
        consulted: ClassVar[set[str]]

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

    def others(self, provider: str) -> list[tuple[str, str]]:
        """Each switch with each value it does not have now; those that are numbers, or known, are left out."""
        return [
            (f.name, value)
            for f in fields(self)
            for value in f.metadata["values"] or ()
            if value != getattr(self, f.name) and provider not in f.metadata["known"]
        ]

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
