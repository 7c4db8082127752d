"""Tokens: what our own URLs carry in `?t=`, so that a step knows its call and nobody else can make one.

A token is `<version><payload>.<mac>`, URL-safe, at most `MAX_TOKEN` characters. The MAC covers the path it is used
on as well as the payload, so that a token for one step opens no other. Keys are a list, oldest to newest: the
newest signs, all verify; a rotated key is removed once the in-call tokens it signed have run out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode

from .errors import TokenExpired, TokenInvalid, TokenTooLong

MAX_TOKEN = 1800
IN_CALL_SECONDS = 25 * 3600  # a call lasts at most 24 h on both platforms
_VERSION = "1"

Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. Empty means unknown or not applicable; `expires` None means never.

    `call_uuid` is the call the token was made for: the A leg's in a transfer. A B leg's token has none until the
    first fetch tells its UUID. `hops` counts the steps since the call entered, `tries` the retries of the safe
    document.
    """

    call_uuid: str = ""
    transfer_id: str = ""
    leg: str = ""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    state: Mapping[str, Scalar] = field(default_factory=dict)
    version: str = ""
    hops: int = 0
    tries: int = 0
    expires: int | None = None


# Short names on the wire; order is the order in the payload.
_WIRE = {
    "c": "call_uuid",
    "x": "transfer_id",
    "l": "leg",
    "p": "params",
    "s": "state",
    "v": "version",
    "h": "hops",
    "r": "tries",
    "e": "expires",
}


class TokenSigner:
    """Makes and reads tokens. One per process; safe to share between threads."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or not all(key.strip() for key in keys):
            raise ValueError("at least one key, and none of them empty")
        self._signer = Signer(
            list(keys), salt="callflows.token.v1", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def sign(self, path: str, token: Token) -> str:
        """Raise TokenTooLong when params and state do not fit in MAX_TOKEN characters."""
        values: dict[str, Any] = {}
        for wire, name in _WIRE.items():
            value = getattr(token, name)
            if value or (name == "expires" and value is not None):
                values[wire] = dict(value) if isinstance(value, Mapping) else value
        payload = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
        body = _VERSION + base64.urlsafe_b64encode(payload.encode("utf-8", "replace")).decode().rstrip("=")
        text = f"{body}.{self._signer.get_signature(_message(path, body)).decode()}"
        if len(text) > MAX_TOKEN:
            raise TokenTooLong(
                f"the link to {path} would carry a token of {len(text)} characters; the limit is {MAX_TOKEN}",
                hint="pass fewer or shorter params and state values, or a reference instead of the text",
            )
        return text

    def read(self, path: str, text: str, *, now: float | None = None) -> Token:
        """The token's content if one of the keys signed it for this path; else TokenInvalid or TokenExpired."""
        if len(text) > MAX_TOKEN:
            raise TokenInvalid("the token is longer than any we make")
        body, _, mac = text.rpartition(".")
        if not body.startswith(_VERSION) or not text.isascii():
            raise TokenInvalid("the token is not one of ours")
        known = self._signer.verify_signature(_message(path, body), mac.encode())
        if not known or base64_encode(base64_decode(mac)).decode() != mac:  # one spelling each
            raise TokenInvalid("the token was not signed by a key in SECRET_KEYS for this URL")
        token = _decode(body[1:])
        if token.expires is not None and (time.time() if now is None else now) >= token.expires:
            raise TokenExpired("the token has expired")
        return token


def _message(path: str, body: str) -> bytes:
    return f"{path}\n{body}".encode("utf-8", "surrogatepass")


def _decode(body: str) -> Token:
    try:
        values = json.loads(base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True))
        token = Token(**{_WIRE[wire]: value for wire, value in values.items() if wire in _WIRE})
    except (binascii.Error, ValueError, AttributeError, RecursionError) as error:
        raise TokenInvalid("the token's payload cannot be read") from error
    if not _well_typed(token):
        raise TokenInvalid("the token was made by another version of callflows")
    return token


def _well_typed(token: Any) -> bool:
    """Signed by our key is not made by this code: another version's fields must not reach anybody ill-typed."""
    return (
        all(isinstance(text, str) for text in (token.call_uuid, token.transfer_id, token.leg, token.version))
        and all(isinstance(number, int) for number in (token.hops, token.tries))
        and isinstance(token.expires, int | None)
        and all(
            isinstance(table, dict) and all(isinstance(value, str | int) for value in table.values())
            for table in (token.params, token.state)
        )
    )
