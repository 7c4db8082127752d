"""The platforms as HTTP clients: what each retry setting repeats, partial answers, redirects, sizes, encodings."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from callflows.simulator.fetching import from_fragment
from callflows.simulator.fetching.client import HttpSettings

from .conftest import Phone, Web
from .test_web import document_after

DEFAULT = HttpSettings(connect=2.0, read=40.0, total=55.0, retries=1, retry_on=frozenset(("ct", "rt")))


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("ct=100&rt=100&tt=100&rc=0&rp=4xx", (0.1, 0.1, 0.1, 0, "4xx")),
        ("ct=10000&rt=40000&tt=55000&rc=5&rp=all", (10.0, 40.0, 55.0, 5, "4xx 5xx ct rt")),
        ("ct=99&rt=99&tt=99&rc=6&rp=never", (2.0, 40.0, 55.0, 1, "ct rt")),
        ("ct=10001&rt=40001&tt=55001&rc=-1&rp=", (2.0, 40.0, 55.0, 1, "ct rt")),
        ("ct=1e3&rt=0x10&tt=١٠٠٠&rc=two", (2.0, 40.0, 55.0, 1, "ct rt")),
        ("rp=5xx,ct,never", (2.0, 40.0, 55.0, 1, "5xx ct")),
        ("er=frankfurt&ct=500", (0.5, 40.0, 55.0, 1, "ct rt")),
        ("er=the-moon&&=&ct", (2.0, 40.0, 55.0, 1, "ct rt")),
        ("", (2.0, 40.0, 55.0, 1, "ct rt")),
    ],
)
def test_what_a_fragment_sets(fragment: str, expected: tuple[Any, ...]) -> None:
    read = from_fragment(f"https://e.com/a#{fragment}", DEFAULT)
    found = (read.connect, read.read, read.total, read.retries, " ".join(sorted(read.retry_on)))
    assert found == expected


FAULTS = {"4xx": "http-404", "5xx": "http-500", "ct": "unreachable", "rt": "timeout", "reset": "reset"}
# what a fragment's rp repeats, of the failures above; a reset connection counts as a read failure
PLIVO = {
    "": {"ct", "rt", "reset"},
    "rp=ct": {"ct"},
    "rp=rt": {"rt", "reset"},
    "rp=4xx": {"4xx"},
    "rp=5xx": {"5xx"},
    "rp=4xx,5xx": {"4xx", "5xx"},
    "rp=all": set(FAULTS),
}


@pytest.mark.parametrize("fragment", PLIVO)
@pytest.mark.parametrize("failure", FAULTS)
def test_each_retry_policy_of_plivo(start: Callable[..., Phone], fragment: str, failure: str) -> None:
    site = Web(url="https://app.test")
    plivo = start("plivo", apps={site.url: site})
    attempts = 2 if failure in PLIVO[fragment] else 1
    for purpose, code in (("answer", 7011), ("action", 7012), ("transfer", 7013), ("redirect", 7014)):
        plivo.control("POST", "reset")
        site.received.clear()
        plivo.control("POST", "faults", {"web": FAULTS[failure], "count": 9, "path": "/step"})
        url = f"{site.xml('/step', '<Speak>Never</Speak>')}#rt=1000&{fragment}"
        uuid = document_after(plivo, site, purpose, url)
        plivo.run()
        assert plivo.ended(uuid)[0] == code
        assert len([entry for entry in plivo.entries("fetch") if "/step" in entry["url"]]) == attempts, purpose
        assert len(site.at("/step")) == (0 if failure == "ct" else attempts)


@pytest.mark.parametrize("retries", range(6))
def test_how_often_plivo_repeats(start: Callable[..., Phone], retries: int) -> None:
    site = Web(url="https://app.test", pages={"/step": Response("no", 503)})
    plivo = start("plivo", apps={site.url: site})
    plivo.call(f"{site.url}/step#rc={retries}&rp=5xx")
    plivo.run()
    assert len(site.at("/step")) == retries + 1


@pytest.mark.parametrize("failure", FAULTS)
@pytest.mark.parametrize(
    ("purpose", "attempts"), [("answer", 4), ("redirect", 1), ("action", 1), ("transfer", 1), ("callback", 4)]
)
def test_what_vobiz_repeats(start: Callable[..., Phone], failure: str, purpose: str, attempts: int) -> None:
    """The answer URL and callbacks up to three times; nothing is said of other documents. A fragment says nothing."""
    site = Web(url="https://app.test")
    vobiz = start("vobiz", apps={site.url: site})
    vobiz.control("POST", "faults", {"web": FAULTS[failure], "count": 9, "path": "/step"})
    url = site.xml("/step", "<Speak>Never</Speak>") + "#rc=0&rp=4xx"
    if purpose == "callback":
        vobiz.call(site.xml("/start", "<Speak>Hi</Speak>"), hangup_url=url)
    else:
        document_after(vobiz, site, purpose, url)
    vobiz.run()
    tried = [entry for entry in vobiz.entries("fetch") if "/step" in entry["url"] and entry["purpose"] == purpose]
    assert [entry["attempt"] for entry in tried] == list(range(1, attempts + 1))


@pytest.fixture
def torn() -> Iterator[str]:
    """A web server that breaks off in the middle of every answer; returns its URL. Serves until the test ends."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 500\r\n\r\n"
                connection.sendall(head + b"<Response>")

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_a_partial_answer_is_not_retried(phone: Phone, torn: str) -> None:
    uuid = phone.call(f"{torn}/answer#rc=5&rp=all", hangup_url="")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
    tried = [entry for entry in phone.entries("fetch") if entry["event"] == "StartApp"]
    assert [entry["error"] for entry in tried] == ["connection broke"]


def test_a_packed_answer_that_cannot_be_unpacked(phone: Phone, web: Web) -> None:
    web.pages["/a"] = Response(b"no gzip", headers={"Content-Encoding": "gzip", "Content-Type": "text/xml"})
    uuid = phone.call(web.url + "/a")
    phone.run()
    assert phone.ended(uuid)[0] == 7011


def test_a_packed_answer(phone: Phone, web: Web) -> None:
    packed = gzip.compress(b"<Response><Speak>Packed</Speak></Response>")
    web.pages["/a"] = Response(packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/xml"})
    phone.call(web.url + "/a")
    assert phone.texts("hear") == ['hears "Packed"']


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_only_where_that_was_asked_for(phone: Phone, web: Web, status: int) -> None:
    def page(request: Request) -> Any:
        return Response("", status, headers={"Location": "/there?x=1"})

    web.pages["/here"] = page
    web.xml("/there", "<Speak>There</Speak>")
    uuid = phone.call(web.url + "/here")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
    assert not web.at("/there")
    phone.switch(redirects="followed")
    uuid = phone.call(web.url + "/here")
    phone.run()
    assert phone.ended(uuid)[0] == 4010
    received = web.at("/there")[0]
    keeps = status in (307, 308)
    assert received.method == ("POST" if keeps else "GET")
    assert ("CallUUID" in received.params) is keeps
    assert any("signature" in name.lower() for name in received.headers)


@pytest.mark.parametrize("location", ["/here", "ftp://example.com/", "http://[", ""])
def test_redirects_that_lead_nowhere(phone: Phone, web: Web, location: str) -> None:
    phone.switch(redirects="followed")
    web.pages["/here"] = lambda request: Response("", 302, headers={"Location": location} if location else {})
    uuid = phone.call(web.url + "/here#rc=0", hangup_url=web.xml("/bye", ""))
    phone.run()
    assert phone.ended(uuid)[0] == 7011


@pytest.mark.parametrize(("limit", "size", "code"), [(100_000, 100_000, 4010), (100_000, 100_001, 8011),
                                                     (102_400, 102_400, 4010), (50, 51, 8011)])  # fmt: skip
def test_how_large_a_document_may_be(phone: Phone, web: Web, limit: int, size: int, code: int) -> None:
    if limit != 100_000:
        phone.switch(max_document=limit)
    document = "<Response><Wait length='1'/>{}</Response>"
    web.pages["/a"] = document.replace("{}", " " * (size - len(document) + 2))
    uuid = phone.call(web.url + "/a")
    phone.run()
    assert phone.ended(uuid)[0] == code


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        ("<?xml version='1.0' encoding='ISO-8859-1'?><Response><Speak>é</Speak></Response>".encode("latin-1"), "é"),
        ("<?xml version='1.0' encoding='UTF-16'?><Response><Speak>é</Speak></Response>".encode("utf-16"), "é"),
        (b"\xef\xbb\xbf<Response><Speak>\xc3\xa9</Speak></Response>", "é"),
        ("<Response><Speak>é</Speak></Response>".encode("latin-1"), ""),
    ],
    ids=["declared", "utf-16", "bom", "not declared"],
)
def test_the_document_itself_says_how_it_is_encoded(phone: Phone, web: Web, body: bytes, heard: str) -> None:
    """Not documented for either platform. The content type's charset counts for nothing, which hurts whoever relies on
    it alone."""
    web.pages["/a"] = Response(body, content_type="application/xml; charset=iso-8859-1")
    uuid = phone.call(web.url + "/a")
    phone.run()
    assert phone.texts("hear") == ([f'hears "{heard}"'] if heard else [])
    assert phone.ended(uuid)[0] == (4010 if heard else 8011)


def test_an_empty_answer_is_fine_for_a_callback_only(phone: Phone, web: Web) -> None:
    web.pages["/bye"] = Response(b"", content_type="text/plain")
    web.pages["/a"] = Response(b"", mimetype="application/xml")
    uuid = phone.call(web.url + "/a", hangup_url=web.url + "/bye")
    phone.run()
    assert phone.ended(uuid)[0] == 8011
    assert len(web.at("/bye")) == 1
