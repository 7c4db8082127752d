"""What no answer, or half of one, becomes: nothing was sent, or nobody knows."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from platform_server import (
    ACTIONS,
    READS,
    TOKEN,
    UUID,
    Ask,
    Platform,
    make,
    refused_port,
    transfer,
)

from callflows.errors import (
    ConfigError,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnreachable,
)
from callflows.providers import NAMES, Provider, rest


@pytest.mark.parametrize("body", [b"<html>hello", b"", b"null", {"other": 1}, b"{", [UUID]])
@pytest.mark.parametrize("ask", READS)
def test_a_read_needs_its_answer(provider: Provider, platform: Platform, ask: Ask, body: object) -> None:
    platform.answers(200, body)
    with pytest.raises(ProviderUnreachable, match="answered 200 without"):
        ask(provider)


@pytest.mark.parametrize("ask", READS)
def test_a_failure_sent_with_200(provider: Provider, platform: Platform, ask: Ask) -> None:
    platform.answers(200, {"error": "failed"})
    with pytest.raises(ProviderRejected, match="failed"):
        ask(provider)


def test_a_huge_body_is_not_read(provider: Provider, platform: Platform) -> None:
    sent = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(202)
        handler.send_header("Content-Length", str(10 * 1024 * 1024))
        handler.end_headers()
        for _ in range(160):
            sent.append(handler.wfile.write(b"x" * 65536))

    platform.script.append(flood)
    assert transfer(provider).http_status == 202
    assert sum(sent) < 10 * 1024 * 1024


def test_a_body_that_breaks_off_does_not_take_the_status_back(provider: Provider, platform: Platform) -> None:
    def stub(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(202)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"api_id"')
        handler.close_connection = True

    platform.script.append(stub)
    assert transfer(provider).http_status == 202
    platform.script.append(stub)
    with pytest.raises(ProviderUnreachable):
        provider.live_calls()


@pytest.mark.parametrize("ask", [*ACTIONS, *READS])
@pytest.mark.parametrize("name", NAMES)
def test_refused(name: str, ask: Ask, platform: Platform, no_pause: list[float]) -> None:
    with pytest.raises(ProviderUnreachable, match="nothing was sent") as caught:
        ask(make(name, f"http://127.0.0.1:{refused_port()}"))
    assert caught.value.http_status is None
    assert no_pause == [rest.PAUSE]  # two attempts, no more


def test_what_was_not_sent_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port = refused_port()
    listening = threading.Event()
    seen: list[bytes] = []

    def serve_once() -> None:
        with socket.create_server(("127.0.0.1", port)) as server:
            listening.set()
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=serve_once)

    def the_network_comes_back(_: float) -> None:
        thread.start()
        assert listening.wait(5)

    monkeypatch.setattr(rest, "time", SimpleNamespace(sleep=the_network_comes_back, monotonic=time.monotonic))
    assert transfer(make("plivo", f"http://127.0.0.1:{port}")).http_status == 202
    thread.join(5)
    assert len(seen) == 1


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "NO_PROXY", "no_proxy")


def test_a_proxy_is_not_asked_for_this_machine(
    platform: Platform, no_pause: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, "" if name.upper() == "NO_PROXY" else f"http://127.0.0.1:{refused_port()}")
    for name in NAMES:
        for host in ("127.0.0.1", "localhost"):
            platform.answers(202, {})
            assert transfer(make(name, platform.url.replace("127.0.0.1", host))).http_status == 202
        with pytest.raises(ProviderUnreachable, match=r"Connection refused.*nothing was sent"):
            transfer(make(name, "https://nothing.invalid"))  # elsewhere it is: this is the proxy's refusal


def test_dns_failure(no_pause: list[float]) -> None:
    with pytest.raises(ProviderUnreachable, match=r"nothing\.invalid.*nothing was sent"):
        transfer(make("plivo", "https://nothing.invalid"))


def test_tls_failure(platform: Platform, no_pause: list[float]) -> None:
    with pytest.raises(ProviderUnreachable, match="nothing was sent"):
        transfer(make("vobiz", platform.url.replace("http://", "https://")))
    assert platform.asked == []


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)
    handler.close_connection = True


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def close(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("failure", [hang, reset, close, nonsense])
def test_silence_after_sending(
    provider: Provider, platform: Platform, failure: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "READ", 0.2)
    provider = make(provider.name, platform.url)  # a client keeps the timeouts it was made with
    for number, ask in enumerate(ACTIONS, 1):
        platform.script.append(failure)
        with pytest.raises(OutcomeUnknown, match="may have been carried out") as caught:
            ask(provider)
        assert caught.value.http_status is None
        assert len(platform.asked) == number  # asked once
    for ask in READS:
        platform.script.append(failure)
        with pytest.raises(ProviderUnreachable):
            ask(provider)
    assert len(platform.asked) == len(ACTIONS) + len(READS)


def test_a_body_that_drips_is_left(provider: Provider, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BODY_SECONDS", 0.2)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(202)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    platform.script.append(drip)
    started = time.monotonic()
    assert transfer(provider).http_status == 202
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("raised", "expected", "requests"),
    [
        (httpx2.ConnectError, ProviderUnreachable, 2),
        (httpx2.ConnectTimeout, ProviderUnreachable, 2),
        (httpx2.PoolTimeout, ProviderUnreachable, 1),
        (httpx2.ProxyError, ProviderUnreachable, 1),
        (httpx2.LocalProtocolError, ProviderUnreachable, 1),
        (httpx2.UnsupportedProtocol, ConfigError, 1),
        (httpx2.WriteTimeout, OutcomeUnknown, 1),
        (httpx2.WriteError, OutcomeUnknown, 1),
        (httpx2.ReadTimeout, OutcomeUnknown, 1),
        (httpx2.ReadError, OutcomeUnknown, 1),
        (httpx2.RemoteProtocolError, OutcomeUnknown, 1),
    ],
)
def test_every_failure_of_the_transport(
    raised: type[httpx2.RequestError], expected: type[Exception], requests: int, no_pause: list[float]
) -> None:
    asked = []

    class Broken(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            asked.append(request)
            raise raised(f"broken, {TOKEN}")

    for name in NAMES:
        asked.clear()
        with pytest.raises(expected) as caught:
            transfer(make(name, "http://simulator", transport=Broken()))
        assert TOKEN not in f"{caught.value}"
        assert len(asked) == requests


def test_an_injected_transport_is_used() -> None:
    def simulator(environ: Any, start_response: Any) -> list[bytes]:
        start_response("202 Accepted", [("Content-Type", "application/json")])
        return [b'{"message": "call transferred"}']

    provider = make("vobiz", "http://simulator", transport=httpx2.WSGITransport(app=simulator))
    assert transfer(provider).message == "call transferred"
    provider.close()
    provider.close()


def test_a_forked_child_makes_its_own_client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make("plivo", platform.url)
    first = provider._rest._client()
    assert provider._rest._client() is first
    monkeypatch.setattr(rest, "os", SimpleNamespace(getpid=lambda: -1))
    second = provider._rest._client()
    assert second is not first
    provider.close()
    monkeypatch.undo()
    provider.close()


def test_many_threads_share_one_provider(provider: Provider, platform: Platform) -> None:
    for _ in range(16):
        platform.answers(202, {"message": "call transferred"})
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(transfer(provider).http_status)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [202] * 16
