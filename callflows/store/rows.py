"""Models as rows, and rows as models; and the conditions by which exchanges are found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, literal_column

from ..errors import RequestInvalid
from ..models import Exchange, Transfer, TransferStatus
from .codec import decode_transfer, encode, encode_transfer, key, plain
from .schema import exchanges

EMPTY_TEXT: ColumnElement[str] = literal_column("''")


def exchange_row(exchange: Exchange) -> dict[str, Any]:
    event = exchange.event
    return {
        "id": key(exchange.id),
        "at": exchange.at,
        "provider": key(exchange.provider),
        "kind": event.kind.value,
        "outcome": exchange.outcome.value,
        "call_uuid": key(event.call.uuid),
        "a_leg_uuid": key(event.call.a_leg_uuid or event.dial.a_leg_uuid),
        "b_leg_uuid": key(event.dial.b_leg_uuid),
        "transfer_id": key(exchange.transfer_id),
        "flow": key(exchange.flow),
        "step": key(exchange.step),
        "body": encode(exchange),
    }


def transfer_row(transfer: Transfer) -> dict[str, Any]:
    return {
        "id": key(transfer.id),
        "idempotency_key": None if transfer.idempotency_key is None else key(transfer.idempotency_key),
        "provider": key(transfer.provider),
        "call_uuid": key(transfer.call_uuid),
        "status": transfer.status.value,
        "requested_at": transfer.requested_at,
        "settled_at": transfer.settled_at,
        "http_status": transfer.http_status,
        "api_id": plain(transfer.api_id),
        "reason": plain(transfer.reason),
        "message": plain(transfer.message),
        "body": encode_transfer(transfer),
        "asked_by": key(transfer.asked_by),
    }


def transfer_from(row: Row[Any]) -> Transfer:
    return Transfer(
        **decode_transfer(row.body),
        provider=row.provider,
        status=TransferStatus(row.status),
        requested_at=row.requested_at,
        settled_at=row.settled_at,
        http_status=row.http_status,
        api_id=row.api_id,
        reason=row.reason,
        message=row.message,
        asked_by=row.asked_by,
    )


def cursor(at: float, id: str) -> str:
    """Where a page ends, for whoever asks for the next. `at` survives the text exactly."""
    return f"{at!r}:{id}"


def read_cursor(text: str) -> tuple[float, str]:
    at, colon, id = text.partition(":")
    try:
        found = float(at)
    except ValueError:
        found = math.nan
    if not (colon and math.isfinite(found)):
        raise RequestInvalid("the cursor is not one that we gave", hint="ask without one for the first page")
    return found, key(id)


def of_calls(call_uuids: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions, any of which says that an exchange concerns one of the calls."""
    wanted = [key(uuid) for uuid in call_uuids if uuid]
    return naming(wanted) if wanted else []


def naming(uuids: Any) -> list[ColumnElement[bool]]:
    """The same for what is in the columns, or a parameter in its place."""
    columns = (exchanges.c.call_uuid, exchanges.c.a_leg_uuid, exchanges.c.b_leg_uuid)
    return [and_(column != EMPTY_TEXT, column.in_(uuids)) for column in columns]


def of_transfer(transfer_id: str) -> list[ColumnElement[bool]]:
    column = exchanges.c.transfer_id
    return [and_(column != EMPTY_TEXT, column == key(transfer_id))] if transfer_id else []
