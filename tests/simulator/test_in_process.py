"""Web applications in the simulator's own process: called, not connected to."""

from __future__ import annotations

import gzip
import sys
import time
from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

import pytest
from plivo.utils import validate_v3_signature
from werkzeug.wrappers import Request, Response

from callflows.simulator import Simulator

from .conftest import Phone, Web

HOME = "https://app.test"
Start = Callable[..., Phone]


@pytest.fixture
def site() -> Web:
    return Web(url=HOME)


def answering(start: Start, app: Any, provider: str = "plivo", **settings: Any) -> Phone:
    return start(provider, apps={HOME: app}, **settings)


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_a_conversation_without_a_socket(start: Start, site: Web, provider: str) -> None:
    phone = answering(start, site, provider)
    uuid = phone.call(site.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/next</Redirect>"))
    site.xml("/next", "<Speak>Bye</Speak>")
    phone.run()
    assert phone.texts("hear") == ['hears "Hi"', 'hears "Bye"']
    assert phone.ended(uuid)[0] == 4010
    assert site.one("/next").params["CallUUID"] == uuid


def test_the_application_sees_the_url_as_it_was_signed(start: Start, site: Web) -> None:
    phone, seen = answering(start, site), []

    def page(request: Request) -> str:
        seen.append(request.environ)
        return "<Response><Hangup/></Response>"

    site.pages["/a b/ü"] = page
    phone.call(f"{HOME}/a%20b/%C3%BC?x=%2B1&y=a+b#ct=500")
    (environ,) = seen
    target = "/a%20b/%C3%BC?x=%2B1&y=a+b"
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == target
    assert environ["PATH_INFO"] == "/a b/ü".encode().decode("latin-1")
    assert environ["QUERY_STRING"] == "x=%2B1&y=a+b"
    assert (environ["wsgi.url_scheme"], environ["HTTP_HOST"]) == ("https", "app.test")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("app.test", "443")
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["CONTENT_TYPE"] == "application/x-www-form-urlencoded"
    received = site.received[0]
    nonce, signature = received.headers["X-Plivo-Signature-V3-Nonce"], received.headers["X-Plivo-Signature-V3"]
    form = {name: value for name, value in received.params.items() if name not in ("x", "y")}
    token = phone.simulator.auth_token
    assert validate_v3_signature("POST", HOME + target, nonce, token, signature, form)
    assert not validate_v3_signature("POST", HOME + target + "z", nonce, token, signature, form)


def test_origins_are_told_apart_by_scheme_host_and_port(start: Start, site: Web, web: Web) -> None:
    other = Web(url="http://app.test:8080")
    phone = start("plivo", apps={HOME: site, other.url: other})
    web.xml("/outside", "<Hangup/>")
    there = other.xml("/there", f"<Redirect>{web.url}/outside</Redirect>")
    site.xml("/again", f"<Redirect>{there}</Redirect>")
    phone.call(site.xml("/here", "<Redirect>https://APP.test:443/again</Redirect>"))
    phone.run()
    assert [each.path for each in (*site.received, *other.received, *web.received)] == [
        "/here",
        "/again",
        "/there",
        "/outside",
    ]


@pytest.mark.parametrize(
    "prefix", ["app.test", "ftp://app.test", "https://app.test/path", "https://app.test:x", "https://", ""]
)
def test_what_is_no_origin(site: Web, prefix: str) -> None:
    with pytest.raises(ValueError, match="scheme://host"):
        Simulator("plivo", apps={prefix: site})


def raising(error: BaseException) -> Callable[..., Any]:
    def app(environ: Any, start_response: Any) -> Any:
        raise error

    return app


def broken_later(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "application/xml")])
    yield b"<Response>"
    raise KeyError("half way")


def begun_too_late(environ: Any, start_response: Any) -> Any:
    yield b"<Response/>"
    start_response("200 OK", [("Content-Type", "application/xml")])


def sorry_too_late(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "application/xml")])
    yield b"<Response>"
    try:
        raise KeyError("half way")
    except KeyError:
        start_response("500 Sorry", [], sys.exc_info())
        yield b"sorry"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (raising(ZeroDivisionError("a\nb")), "ZeroDivisionError: a\nb"),
        (raising(SystemExit(3)), "SystemExit: 3"),
        (raising(Unprintable()), "Unprintable: unprintable"),
        (broken_later, "KeyError: 'half way'"),
        (lambda environ, start_response: [b"no status"], "AssertionError: start_response was not called before"),
        (lambda environ, start_response: [], "AssertionError: start_response was not called"),
        (
            lambda environ, start_response: [start_response("200 OK", []) and start_response("200 OK", []) and b""],
            "AssertionError: start_response was called twice",
        ),
        (begun_too_late, "AssertionError: start_response was not called before"),
        (sorry_too_late, "KeyError: 'half way'"),
        (raising(CancelledError()), "CancelledError: "),
        (raising(pytest.fail.Exception("in the test")), "Failed: in the test"),
        (lambda environ, start_response: start_response("fine", []) and None, "TypeError"),
        (lambda environ, start_response: [start_response("fine", []) and b""], "ValueError: invalid literal"),
        (42, "TypeError: 'int' object is not callable"),
    ],
    ids=[
        "raises",
        "exits",
        "unprintable",
        "half way",
        "no status",
        "no answer",
        "twice",
        "too late",
        "sorry too late",
        "cancelled",
        "a test fails",
        "nothing",
        "no number",
        "no app",
    ],
)
def test_an_application_that_raises_is_an_http_500(start: Start, app: Any, said: str) -> None:
    phone = answering(start, app)
    uuid = phone.call(f"{HOME}/answer")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
    (entry,) = phone.entries("fetch")
    assert entry["status"] == 500
    assert entry["exception"].startswith(said)
    assert f"[raised {said[:20]}" in entry["text"]
    assert len(phone.transcript().splitlines()) == len(phone.entries())


def test_an_application_that_answers_says_nothing_of_exceptions(start: Start, site: Web) -> None:
    phone = answering(start, site)
    phone.call(site.xml("/answer", "<Hangup/>"))
    assert "exception" not in phone.entries("fetch")[0]


def test_an_application_that_takes_too_long_has_timed_out(start: Start, site: Web) -> None:
    def page(request: Request) -> str:
        time.sleep(0.15)
        return "<Response/>"

    site.pages["/slow"] = page
    phone = answering(start, site)
    uuid = phone.call(f"{HOME}/slow#rt=100&rc=0")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
    (entry,) = phone.entries("fetch")
    assert (entry["error"], entry["at"]) == ("read timeout", 0.1)


def test_an_answer_that_never_gets_anywhere_has_timed_out(start: Start) -> None:
    closed: list[bool] = []

    def dawdling(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/xml")])
        try:
            while True:
                time.sleep(0.01)
                yield b""
        finally:
            closed.append(True)

    phone = answering(start, dawdling)
    uuid = phone.call(f"{HOME}/answer#rt=100&rc=0")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
    assert phone.entries("fetch")[0]["error"] == "read timeout"
    assert closed


def test_an_answer_may_come_in_many_small_pieces_and_its_status_change_before_the_first(start: Start) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            raise KeyError
        except KeyError:
            start_response("200 OK", [("Content-Type", "application/xml"), ("X-Who", "\xe9")], sys.exc_info())
        yield b""
        yield from (b"%c" % each for each in b"<Response><Speak>Crumbs</Speak>" + b" " * 90_000 + b"</Response>")

    phone = answering(start, app)
    began = time.monotonic()
    phone.call(f"{HOME}/answer")
    assert phone.texts("hear") == ['hears "Crumbs"']
    assert time.monotonic() - began < 5  # seconds; it takes 0.05


def test_an_answer_without_end_is_cut_off(start: Start) -> None:
    def endless(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/xml")])
        while True:
            yield b"<Response>" * 1000

    phone = answering(start, endless)
    uuid = phone.call(f"{HOME}/answer")
    phone.run()
    assert phone.ended(uuid)[0] == 8011


def test_compressed_and_written_answers(start: Start) -> None:
    document = b"<Response><Speak>Packed</Speak></Response>"
    closed: list[bool] = []

    class Chunks(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        headers = [("Content-Type", "application/xml"), ("Content-Encoding", "gzip")]
        assert environ["HTTP_ACCEPT_ENCODING"] == "gzip"
        packed = gzip.compress(document)
        start_response("200 OK", headers)(packed[:10])
        return Chunks([packed[10:]])

    phone = answering(start, app)
    phone.call(f"{HOME}/answer")
    phone.run()
    assert phone.texts("hear") == ['hears "Packed"']
    assert closed


def test_the_application_may_call_the_platform_meanwhile(start: Start, site: Web) -> None:
    phone = answering(start, site)
    site.xml("/moved", "<Speak>Moved</Speak>")

    def page(request: Request) -> str:
        uuid = request.form["CallUUID"]
        assert phone.rest("GET", f"Call/{uuid}/?status=live").status_code == 200
        assert phone.transfer(uuid, aleg_url=f"{HOME}/moved").status_code == 202
        return "<Response><Speak>Never heard to its end</Speak></Response>"

    site.pages["/next"] = page
    phone.call(site.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/next</Redirect>"))
    phone.run()
    assert phone.texts("hear")[-1] == 'hears "Moved"'


def test_the_application_may_look_at_the_simulator_meanwhile(start: Start, site: Web) -> None:
    """On the simulator's own thread, which nothing else happens on until the answer is there: it does not wait."""
    phone = answering(start, site)

    def page(request: Request) -> str:
        client = phone.simulator.app().test_client()  # whose answers nobody closes
        assert "/answer" in client.get("/-/sim/transcript?format=text").text or request.path == "/answer"
        client.post("/-/sim/clock", json={"advance": 1})
        sim = phone.simulator
        known = sim.dialect.credentials(sim.auth_id, sim.auth_token)
        path = f"{sim.dialect.rest_prefix}/Account/{sim.auth_id}/Call/{request.form['CallUUID']}/"
        client.get(path, query_string={"status": "live"}, headers=known)
        return "<Response><Speak>Looked</Speak></Response>"

    site.pages["/answer"] = page
    began = time.monotonic()
    phone.call(f"{HOME}/answer")
    phone.advance(1)
    assert phone.texts("hear") == ['hears "Looked"']
    assert time.monotonic() - began < 0.9  # seconds


def test_many_calls_take_milliseconds(start: Start, site: Web) -> None:
    phone = answering(start, site)
    site.xml("/answer", "<Speak>Hi</Speak><Wait length='60'/>")
    began = time.monotonic()
    for _ in range(20):
        phone.call(f"{HOME}/answer")
        phone.run()
    assert time.monotonic() - began < 5
    assert len(site.received) == 20


def test_a_response_with_a_reason_and_no_body(start: Start, site: Web) -> None:
    phone = answering(start, site)
    site.pages["/answer"] = Response("", 204)
    uuid = phone.call(f"{HOME}/answer")
    assert phone.ended(uuid)[0] == 8011


def test_a_location_that_is_no_url(start: Start) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("302 Found", [("Location", "http://[")])
        return [b""]

    phone = answering(start, app, switches={"redirects": "followed"})
    uuid = phone.call(f"{HOME}/answer")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
