"""How each platform signs the requests it makes. Written from the platforms' documents, on purpose not shared with
anybody who checks signatures.

Plivo V3 (Plivo docs, signature validation): HMAC-SHA256 over URL, sorted query, sorted POST fields and nonce.
Plivo V2 and all Vobiz schemes: only scheme, host and path, and the nonce.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit


def _mac(token: str, text: str, digest: Callable[..., hashlib._Hash] = hashlib.sha256) -> str:
    return base64.b64encode(hmac.new(token.encode(), text.encode(), digest).digest()).decode()


def bare_url(url: str) -> str:
    """Scheme, host (with its port, if written) and path: no query, no fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def plivo_v3_base(method: str, url: str, params: Mapping[str, str]) -> str:
    """What V3 signs, up to the dot before the nonce.

    A POST with fields and no query gives `url?name1value1...`: a question mark and no dot. The documents' prose does
    not say so; every official SDK does it.
    """
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    fields = dict(params) if method == "POST" else {}
    if method == "GET":
        query += [(name, value) for name, value in params.items() if name not in dict(query)]
    base = bare_url(url)
    if query or fields:
        base += "?" + "&".join(f"{name}={value}" for name, value in sorted(query))
    if query and fields:
        base += "."
    return base + "".join(f"{name}{fields[name]}" for name in sorted(fields))


def plivo_v3(token: str, method: str, url: str, params: Mapping[str, str], nonce: str) -> str:
    return _mac(token, f"{plivo_v3_base(method, url, params)}.{nonce}")


def plivo_v2(token: str, url: str, nonce: str) -> str:
    return _mac(token, bare_url(url) + nonce)


def vobiz_v1(token: str, url: str, params: Mapping[str, str]) -> str:
    """The base string is undocumented; this is the one in the vendor's Go helper. Do not rely on it."""
    return _mac(token, url + "".join(f"{name}{params[name]}" for name in sorted(params)), hashlib.sha1)


def vobiz_v2(token: str, url: str, nonce: str) -> str:
    return _mac(token, bare_url(url) + nonce)


def vobiz_v3(token: str, url: str, nonce: str) -> str:
    return _mac(token, f"{bare_url(url)}.{nonce}")
