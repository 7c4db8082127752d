"""What is known of calls: live and queued ones, and, where the platform keeps them here, the records of ended ones."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response

from ..callbacks.standard import billed, talked
from ..calls import Leg, plain, pretty
from .asked import MAX_PAGE, Asked, Refused, Routes

_BOUNDS = {"": operator.eq, "__gt": operator.gt, "__gte": operator.ge, "__lt": operator.lt, "__lte": operator.le}
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")


def list_calls(asked: Asked) -> Response:
    status = _status(asked)
    if not status:
        return _list_records(asked)
    legs = [leg for leg in asked.platform.legs.values() if _is(leg, status)]
    found = _filtered(asked, legs, exact=True)
    limit, offset = asked.page(asked.platform.dialect.live_page or len(found))
    return asked.json(200, {"calls": [leg.call_uuid for leg in found[offset : offset + limit]]})


def one_call(asked: Asked) -> Response:
    status, leg = _status(asked), asked.platform.legs.get(asked.ids[0])
    if leg is None or not (_is(leg, status) if status else leg.ended_at is not None):
        raise Refused(404, "call not found")
    if not status:
        return asked.json(200, {"api_id": asked.api_id, **_record(asked, leg)})
    return asked.json(200, _live_call(asked, leg))


def _status(asked: Asked) -> str:
    status = asked.args.get("status", "")
    if status not in ("live", "queued") and (status or not asked.platform.dialect.keeps_records):
        raise Refused(400, "status parameter is missing or invalid: one of live, queued")
    return status


def _is(leg: Leg, status: str) -> bool:
    return not leg.ending and (leg.status == "queued" if status == "queued" else leg.live)


def _live_call(asked: Asked, leg: Leg) -> dict[str, Any]:
    started = asked.platform.clock.as_datetime(leg.started_at)
    content = {
        "api_id": asked.api_id,
        "call_status": leg.status,
        "call_uuid": leg.call_uuid,
        "caller_name": leg.call.caller_name or pretty(leg.from_number),
        "direction": leg.direction,
        "from": pretty(leg.from_number),
        "request_uuid": leg.call_uuid if leg.direction == "outbound" and leg.parent is None else "",
        "session_start": started.strftime("%Y-%m-%d %H:%M:%S.%f"),
        **asked.platform.dialect.live_extra,
        "to": plain(leg.to_number),
    }
    if leg.status == "queued":  # a session has not begun
        del content["session_start"]
    return content


# -- records of ended calls (Plivo docs, retrieve call details)


def _list_records(asked: Asked) -> Response:
    ended = [leg for leg in reversed(asked.platform.legs.values()) if leg.ended_at is not None]
    found = _filtered(asked, ended, exact=False)
    limit, offset = asked.page(MAX_PAGE)
    total = len(found)
    after, before = offset + limit, max(0, offset - limit)
    meta = {
        "limit": limit,
        "next": _link(asked, limit, after) if after < total else None,
        "offset": offset,
        "previous": _link(asked, limit, before) if offset else None,
        "total_count": total,
    }
    return asked.json(200, {"meta": meta, "objects": [_record(asked, leg) for leg in found[offset:after]]})


def _link(asked: Asked, limit: int, offset: int) -> str:
    return f"{_path(asked)}?{urlencode({**asked.args, 'limit': limit, 'offset': offset})}"


def _path(asked: Asked) -> str:
    return f"{asked.platform.dialect.rest_prefix}/Account/{asked.platform.auth_id}/Call/"


def _record(asked: Asked, leg: Leg) -> dict[str, Any]:
    duration = talked(leg)
    pulses = billed(duration)
    rate = asked.platform.dialect.bill_rate

    def moment(instant: float | None) -> str | None:
        return asked.platform.callbacks.local(instant) + "+00:00" if instant is not None else None

    return {
        "answer_time": moment(leg.answered_at),
        "bill_duration": duration,
        "billed_duration": pulses,
        "call_direction": leg.direction,
        "call_duration": duration,
        "call_uuid": leg.call_uuid,
        "end_time": moment(leg.ended_at),
        "from_number": pretty(leg.from_number),
        "hangup_cause_code": leg.hangup.code if leg.hangup else None,
        "hangup_cause_name": leg.hangup.name if leg.hangup else None,
        "hangup_source": leg.hangup_source,
        "initiation_time": moment(leg.started_at),
        "parent_call_uuid": _parent(leg),
        "resource_uri": f"{_path(asked)}{leg.call_uuid}/",
        "to_number": plain(leg.to_number),
        "total_amount": f"{float(rate) * pulses / 60:.5f}",
        "total_rate": rate,
    }


def _parent(leg: Leg) -> str | None:
    return leg.parent.call_uuid if leg.parent else leg.call.parent_call_uuid or None


# -- filters


def _filtered(asked: Asked, legs: Iterable[Leg], *, exact: bool) -> list[Leg]:
    """An empty filter is none. Of records a number may be given by its beginning; of live calls several, with < ."""
    tests = [test for name, make in _FILTERS.items() for test in _tests(asked, name, make, exact=exact)]
    return [leg for leg in legs if all(test(leg) for test in tests)]


Test = Callable[[Leg], bool]


def _tests(asked: Asked, name: str, make: Callable[..., Test], *, exact: bool) -> Iterable[Test]:
    if name in _BOUNDED:
        if not exact:
            for bound, holds in _BOUNDS.items():
                if asked.args.get(name + bound):
                    yield make(asked, name + bound, holds)
    elif asked.args.get(name):
        yield make(asked, name, exact)


def _direction(asked: Asked, name: str, _: bool) -> Test:
    wanted = asked.args[name]
    if wanted not in ("inbound", "outbound"):
        raise Refused(400, f"{name} parameter is invalid: one of inbound, outbound")
    return lambda leg: leg.direction == wanted


def _number(asked: Asked, name: str, exact: bool) -> Test:
    wanted = tuple(plain(number) for number in asked.args[name].split("<"))

    def matches(leg: Leg) -> bool:
        number = plain(leg.from_number if name == "from_number" else leg.to_number)
        return number in wanted if exact else number.startswith(wanted)

    return matches


def _parent_is(asked: Asked, name: str, _: bool) -> Test:
    return lambda leg: _parent(leg) == asked.args[name]


def _cause(asked: Asked, name: str, _: bool) -> Test:
    wanted = asked.whole(name, 0, 10_000, 0)
    return lambda leg: leg.hangup is not None and leg.hangup.code == wanted


def _source(asked: Asked, name: str, _: bool) -> Test:
    return lambda leg: leg.hangup_source == asked.args[name]


def _subaccount(asked: Asked, name: str, _: bool) -> Test:
    return lambda leg: False  # there are none


def _bill_duration(asked: Asked, name: str, holds: Callable[[Any, Any], bool]) -> Test:
    wanted = asked.whole(name, 0, 10**9, 0)
    return lambda leg: holds(talked(leg), wanted)


def _end_time(asked: Asked, name: str, holds: Callable[[Any, Any], bool]) -> Test:
    wanted = asked.args[name]
    if not _is_moment(wanted):
        raise Refused(400, f"{name} parameter is invalid: YYYY-MM-DD HH:MM[:ss[.uuuuuu]]")
    return lambda leg: holds(asked.platform.callbacks.local(leg.ended_at)[: len(wanted)], wanted[:19])


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text.partition(".")[0])
    except ValueError:
        return False
    return _MOMENT.fullmatch(text) is not None


_FILTERS: dict[str, Callable[..., Test]] = {
    "call_direction": _direction,
    "from_number": _number,
    "to_number": _number,
    "parent_call_uuid": _parent_is,
    "hangup_cause_code": _cause,
    "hangup_source": _source,
    "subaccount": _subaccount,
    "bill_duration": _bill_duration,
    "end_time": _end_time,
}
_BOUNDED = ("bill_duration", "end_time")


ROUTES: Routes = {("GET", "Call"): list_calls, ("GET", "Call/*"): one_call}
