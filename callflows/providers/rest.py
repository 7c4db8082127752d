"""One HTTP request to a platform: asked once. Only what was surely not sent is sent again, and only once more.

The HTTP library is imported, and the client made, by the first request of a process: never before a fork.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ..errors import ConfigError, OutcomeUnknown, ProviderError, ProviderUnreachable
from ..urls import is_loopback, public_url_fault
from .replies import Platform, Reply

if TYPE_CHECKING:
    import httpx2

CONNECT, READ, WRITE, POOL = 2.0, 8.0, 2.0, 1.0  # seconds
BODY_SECONDS = 10.0  # for a body that keeps coming, slowly
MAX_BODY = 64 * 1024
ATTEMPTS = 2
PAUSE = 0.2  # before the second attempt to connect


class RestClient:
    def __init__(
        self,
        *,
        name: str,
        label: str,
        usual_url: str,
        api_url: str,
        headers: Callable[[], Mapping[str, str]],
        secrets: Iterable[str],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._api_url, self._usual_url = api_url.rstrip("/"), usual_url
        self._headers = headers
        self._secrets = tuple(secrets)
        self._platform = Platform(name, label, self._hide)
        self._transport = transport
        self._clients: dict[int, httpx2.Client] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._platform.name}>"

    def send(
        self,
        method: str,
        path: str,
        *,
        acts: bool,
        one_call: bool,
        query: Mapping[str, str] | None = None,
        json: Mapping[str, str] | None = None,
    ) -> Reply:
        """The reply, if it is 2xx; otherwise the ProviderError it means. To be asked only where `fault` says nothing.

        `acts`: whether the request may change something, so that silence after sending is OutcomeUnknown.
        """
        client = self._client()
        options: dict[str, Any] = {"headers": dict(self._headers())}
        if query:
            options["params"] = dict(query)
        if json is not None:
            options["json"] = dict(json)
        reply = self._exchange(client, method, self._api_url + path, acts, options)
        reply.raise_for_status(acts=acts, one_call=one_call)
        return reply

    def fault(self) -> str:
        """Why nothing can be asked at this address, as one sentence; empty when it can. Touches no network.

        Credentials go out in a header: https, or this machine. An injected transport reaches no network.
        """
        found = "" if self._transport else _address_fault(self._api_url, self._usual_url)
        return found and f"{self._platform.setting('API_URL')} {found}"

    def close(self) -> None:
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _exchange(self, client: httpx2.Client, method: str, url: str, acts: bool, options: dict[str, Any]) -> Reply:
        import httpx2

        for attempt in range(1, ATTEMPTS + 1):
            try:
                with client.stream(method, url, **options) as response:
                    body = _read(response)
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    return Reply.read(self._platform, response.status_code, headers, body)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                if attempt == ATTEMPTS:
                    raise self._not_sent(error) from error
                time.sleep(PAUSE)
            except (httpx2.PoolTimeout, httpx2.ProxyError) as error:
                raise self._not_sent(error) from error
            except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
                raise ConfigError(
                    f"{self._platform.setting('API_URL')} is not a usable address: {self._hide(str(error))}"
                ) from error
            except httpx2.LocalProtocolError:
                # Its text may quote a header, so it is not shown. What h11 refuses, it refuses before writing.
                raise self._not_sent("the request cannot be written as HTTP") from None
            except httpx2.RequestError as error:
                raise self._no_reply(error, acts) from error
        raise AssertionError("unreachable")

    def _client(self) -> httpx2.Client:
        """This process's client. A forked child makes its own: TLS sessions and sockets cannot be shared."""
        client = self._clients.get(os.getpid())
        if client is not None:
            return client
        import httpx2

        try:
            client = httpx2.Client(
                transport=self._transport,
                # a proxy of the environment would look for a simulator on its own loopback
                trust_env=self._transport is None and not is_loopback(urlsplit(self._api_url).hostname or ""),
                timeout=httpx2.Timeout(connect=CONNECT, read=READ, write=WRITE, pool=POOL),
                follow_redirects=False,
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    # One that was kept, and that the platform closes while we write, looks like a request that was
                    # sent and not answered; that doubt costs more than a handshake.
                    "Connection": "close",
                    "User-Agent": "callflows",
                },
            )
        except (
            OSError,
            ValueError,
            ImportError,
            httpx2.InvalidURL,
        ) as error:  # CA files and proxies of the environment
            raise self._not_sent(error) from error
        kept = self._clients.setdefault(os.getpid(), client)  # another thread may have been faster
        if kept is not client and self._transport is None:
            client.close()
        return kept

    def _not_sent(self, reason: object) -> ProviderError:
        return ProviderUnreachable(
            f"{self._platform.label} could not be reached at {self._host()}: {self._hide(str(reason))[:200]}; "
            "nothing was sent",
            hint=f"check the network and {self._platform.setting('API_URL')}; asking again is safe",
        )

    def _no_reply(self, error: Exception, acts: bool) -> ProviderError:
        what = f"{self._platform.label} gave no answer ({type(error).__name__}: {self._hide(str(error))[:200]})"
        if acts:
            return OutcomeUnknown(
                f"{what}; the request was sent and may have been carried out",
                hint="look at the call before asking again",
            )
        return ProviderUnreachable(what, hint="asking again is safe")

    def _host(self) -> str:
        return urlsplit(self._api_url).netloc.rpartition("@")[2]

    def _hide(self, text: str) -> str:
        """No reply's words may carry our credentials further, however a gateway echoes them."""
        known = {form for secret in self._secrets for form in (secret, quote(secret, safe=""))}
        if known - {""}:
            known |= {value.rpartition(" ")[2] for value in self._headers().values()}
        for secret in sorted((one for one in known if len(one) >= 4), key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        return text


def _address_fault(url: str, usual: str) -> str:
    """The end of a sentence; empty for an address that credentials may be sent to."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"is not a URL; {usual} is one"
    if parts.scheme not in ("http", "https") or not host:
        return f"must be an absolute URL such as {usual}"
    if parts.scheme == "http" and not is_loopback(host):
        return f"must be https: {host} is not this machine, and the credentials would travel in clear"
    return public_url_fault(url)


def _read(response: httpx2.Response) -> bytes:
    """The first MAX_BODY bytes. The status is the statement: a body that breaks off takes nothing away from it."""
    import httpx2

    body = bytearray()
    until = time.monotonic() + BODY_SECONDS
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= MAX_BODY or time.monotonic() > until:
                break
    except httpx2.TransportError:
        pass
    return bytes(body[:MAX_BODY])
