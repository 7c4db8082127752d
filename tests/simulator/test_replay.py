"""Captured requests, sent again: order, distances, signatures, what is judged, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from plivo.utils import validate_v3_signature
from werkzeug.wrappers import Request, Response

from callflows.simulator import Simulator
from callflows.simulator.replay import replay

from .conftest import AGENT, CALLER, LINE, Phone, Received, Web
from .test_web import AUTO_INPUT

HOME = "https://app.test"


@pytest.fixture
def site() -> Web:
    return Web(url=HOME)


@pytest.fixture(params=["plivo", "vobiz"])
def phone(request: pytest.FixtureRequest, start: Callable[..., Phone], site: Web) -> Phone:
    return start(request.param, apps={HOME: site})


def capture(phone: Phone, received: Received, at: str = "2026-11-23T07:43:17.000000Z") -> dict[str, Any]:
    """As `callflows capture` writes one."""
    query = parse_qsl(urlsplit(received.url).query, keep_blank_values=True)
    return {
        "capture": 1,
        "provider": phone.simulator.provider,
        "at": at,
        "method": received.method,
        "url": received.url.replace(HOME, "https://example.com"),
        "headers": [[name, "[redacted]"] for name in received.headers],
        "query": [list(pair) for pair in query],
        "form": [list(pair) for pair in parse_qsl(received.body.decode(), keep_blank_values=True)],
    }


def sent_again(phone: Phone, captures: list[Any], url: str = HOME, **more: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = phone.control("POST", "replay", {"url": url, "captures": captures, **more})
    return results


def story(phone: Phone, site: Web) -> list[Received]:
    """A conversation with many kinds of request."""
    verb = AUTO_INPUT[phone.simulator.provider]
    phone.number(CALLER, keys=[[1.5, "1"]], says=[[12, "yes"]])
    phone.number(AGENT, hangs_up_after=5)
    dial = (
        f"<Dial action='{HOME}/dialled' callbackUrl='{HOME}/events' callerId='{LINE}'><Number>{AGENT}</Number></Dial>"
    )
    site.xml("/pressed", dial)
    speech = f"<{verb} inputType='speech' action='{HOME}/said' interimSpeechResultsCallback='{HOME}/interim'/>"
    site.xml("/dialled", f"<Speak>So</Speak>{speech}")
    site.xml("/said", f"<Record action='{HOME}/recorded' maxLength='3'/>")
    site.xml("/recorded", f"<Redirect method='GET'>{HOME}/last?own=1</Redirect>")
    site.xml("/last", "<Wait length='60'/>")
    for path in ("/ring", "/bye", "/events", "/interim"):
        site.xml(path, "")
    urls = {"hangup_url": f"{HOME}/bye", "ring_url": f"{HOME}/ring"}
    answer = site.xml("/answer", f"<Speak>Hi</Speak><{verb} inputType='dtmf' action='{HOME}/pressed' numDigits='1'/>")
    uuid = phone.place(answer, **urls)
    phone.run(40)
    phone.transfer(uuid, aleg_url=site.xml("/moved?t=token", "<Hangup/>"))
    phone.run()
    phone.call(answer, caller_name="Ann", forwarded_from=AGENT, **urls)
    phone.run()
    return list(site.received)


def test_the_simulators_own_requests_have_no_differences(phone: Phone, site: Web) -> None:
    received = story(phone, site)
    kinds = sent_again(phone, [capture(phone, each) for each in received])
    differing = [
        (each["url"], each["missing"], each["unexpected"]) for each in kinds if each["missing"] or each["unexpected"]
    ]
    assert differing == []
    compared = {each["compared_with"] for each in kinds}
    wanted = {"document", "ring", "hangup", "dial event", "dial action", "input", "interim speech", "record action"}
    assert compared >= wanted


def test_conferences_streams_and_digits_are_known_too(phone: Phone, site: Web) -> None:
    for path in ("/room", "/stream", "/bye"):
        site.xml(path, "")
    site.xml("/wait", "<Wait length='100'/>")
    attributes = "digitsMatch='7' record='true' stayAlone='true'"
    urls = f"callbackUrl='{HOME}/room' action='{HOME}/left' waitSound='{HOME}/wait'"
    room = f"<Conference {urls} {attributes}>hall</Conference>"
    site.xml("/left", "<Hangup/>")
    uuid = phone.call(site.xml("/answer", f"<Speak>Hi</Speak>{room}"), hangup_url=f"{HOME}/bye")
    stream = f"<Stream bidirectional='false' statusCallbackUrl='{HOME}/stream'>wss://media.example.com/s</Stream>"
    phone.call(site.xml("/streamed", f"<Speak>Hi</Speak>{stream}<Wait length='5'/>"), hangup_url=f"{HOME}/bye")
    phone.advance(5)
    other = phone.call(f"{HOME}/answer", hangup_url=f"{HOME}/bye")
    phone.advance(5)
    phone.control("POST", f"calls/{uuid}/press", {"digits": "7"})
    phone.control("POST", f"calls/{other}/kick")
    phone.advance(5)
    phone.control("POST", f"calls/{uuid}/hangup")
    phone.advance(60)
    results = sent_again(phone, [capture(phone, each) for each in site.received])
    found = [(each["event"], each["missing"], each["unexpected"]) for each in results]
    assert [each for each in found if each[1] or each[2]] == []
    told = {each.params.get("ConferenceAction") for each in site.received}
    assert told >= {"enter", "exit", "digits", "waitSound"}
    compared = {each["compared_with"] for each in results}
    assert compared >= {"document", "conference", "stream event", "hangup"}


def test_the_digits_of_getdigits(start: Callable[..., Phone], site: Web) -> None:
    plivo = start("plivo", apps={HOME: site})
    plivo.number(CALLER, keys=[[1.5, "1"]])
    site.xml("/pressed", "<Hangup/>")
    plivo.call(site.xml("/answer", f"<Speak>Hi</Speak><GetDigits action='{HOME}/pressed' numDigits='1'/>"))
    plivo.run()
    (result,) = sent_again(plivo, [capture(plivo, site.one("/pressed"))])
    assert (result["compared_with"], result["missing"], result["unexpected"]) == ("digits", [], [])


def test_differences_are_named(phone: Phone, site: Web) -> None:
    site.xml("/answer", "<Wait length='1'/>")
    phone.call(f"{HOME}/answer")
    one = capture(phone, site.received[0])
    one["form"] = [pair for pair in one["form"] if pair[0] not in ("From", "Direction")] + [["Mood", "good"]]
    (result,) = sent_again(phone, [one])
    assert (result["missing"], result["unexpected"]) == (["Direction", "From"], ["Mood"])
    assert (result["event"], result["compared_with"]) == ("StartApp", "document")


def test_a_get_is_compared_without_the_urls_own_query(phone: Phone, site: Web) -> None:
    site.xml("/answer", "<Wait length='1'/>")
    phone.call(f"{HOME}/answer?own=1&t=secret", answer_method="GET")
    one = capture(phone, site.received[0])
    one["query"] = [[name, "[redacted]" if name == "t" else value] for name, value in one["query"]]
    (result,) = sent_again(phone, [one])
    assert (result["missing"], result["unexpected"]) == ([], [])
    assert site.received[-1].method == "GET"
    assert site.received[-1].params == {key: value for key, value in site.received[0].params.items() if key != "t"}


def test_they_come_in_their_order_at_their_distances(phone: Phone, site: Web) -> None:
    at = ["2026-11-23T07:43:17.250000Z", "2026-11-23T07:43:20.000000Z", "2026-11-23T07:43:19.000000Z",
          "2026-11-23T09:43:20.000000+01:00"]  # fmt: skip
    phone.call(site.xml("/answer", "<Wait length='1'/>"))
    phone.advance(5)
    captures = [capture(phone, site.received[0], when) for when in at]
    results = sent_again(phone, captures)
    assert [each["at"] for each in results] == [5.0, 7.75, 7.75, 3608.75]
    assert [each["capture"] for each in results] == [0, 1, 2, 3]
    assert [entry["at"] for entry in phone.entries("replay")] == [5.0, 7.75, 7.75, 3608.75]


@pytest.mark.parametrize("mode", ["auto", "real", "manual"])
def test_hours_between_them_take_no_time(start: Callable[..., Phone], site: Web, mode: str) -> None:
    phone = start("plivo", clock=mode, apps={HOME: site})
    phone.call(site.xml("/answer", "<Wait length='1'/>"))
    captures = [capture(phone, site.received[0], f"2026-11-{day}T07:43:17Z") for day in (21, 22, 23)]
    results = sent_again(phone, captures)
    assert results[2]["at"] - results[0]["at"] == pytest.approx(2 * 86400)


def test_each_is_signed_anew_or_not_at_all(start: Callable[..., Phone], site: Web) -> None:
    plivo = start("plivo", apps={HOME: site})
    plivo.call(site.xml("/answer", "<Wait length='1'/>") + "?a=b%20c")
    one = capture(plivo, site.received[0])
    site.received.clear()
    sent_again(plivo, [one, one])
    sent_again(plivo, [one], sign=False)
    first, second, unsigned = site.received
    for each in (first, second):
        sent = (each.headers["X-Plivo-Signature-V3-Nonce"], plivo.simulator.auth_token)
        form = dict(parse_qsl(each.body.decode(), keep_blank_values=True))
        assert validate_v3_signature("POST", each.url, *sent, each.headers["X-Plivo-Signature-V3"], form)
    assert first.headers["X-Plivo-Signature-V3-Nonce"] != second.headers["X-Plivo-Signature-V3-Nonce"]
    assert not [name for name in unsigned.headers if "signature" in name.lower()]


def test_answers_are_judged(phone: Phone, site: Web) -> None:
    def raises(request: Request) -> str:
        raise KeyError("x")

    site.xml("/fine", "<Speak>Hi</Speak><Hangup/>")
    site.pages |= {
        "/html": Response("<p>", mimetype="text/html"),
        "/raises": raises,
        "/xml": "<Response><Say/></Response>",
    }
    phone.call(site.url + "/fine")
    one = capture(phone, site.received[0])
    captures = [{**one, "url": f"https://example.com/{path}"} for path in ("fine", "html", "raises", "xml", "gone")]
    fine, html, raised, invalid, gone = sent_again(phone, captures)
    assert (fine["status"], fine["valid"], fine["elements"], fine["problems"]) == (200, True, ["Speak", "Hangup"], [])
    assert (fine["content_type"], fine["bytes"]) == ("application/xml; charset=utf-8", len(site.pages["/fine"]))  # type: ignore[arg-type]
    assert html["problems"] == ["the content type is text/html"]
    assert raised["problems"] == ["HTTP 500", "the application raised KeyError: 'x'"]
    assert "Say" in invalid["problems"][0]
    assert (gone["status"], gone["valid"]) == (404, False)
    (nobody,) = sent_again(phone, [one], "http://127.0.0.1:1")
    assert (nobody["status"], nobody["error"], nobody["valid"]) == (0, "cannot connect", False)


def test_where_they_are_sent(phone: Phone, site: Web) -> None:
    site.xml("/a b", "")
    phone.call(f"{HOME}/a%20b?x=1&t=y")
    one = capture(phone, site.received[0])
    one["query"] = [["x", "1"], ["t", "[redacted]"]]
    one["url"] = "https://example.com/a%20b?x=1&t=[redacted]"
    urls = [HOME, f"{HOME}/", f"{HOME}/other", f"{HOME}/other?y=2"]
    site.received.clear()
    for url in urls:
        sent_again(phone, [one], url)
    paths = [each.url.removeprefix(HOME) for each in site.received]
    assert paths == ["/a%20b?x=1", "/a%20b?x=1", "/other?x=1", "/other?y=2&x=1"]


GOOD: dict[str, Any] = {
    "capture": 1,
    "provider": "plivo",
    "at": "2026-11-23T07:43:17.123456Z",
    "method": "POST",
    "url": "https://example.com/a",
    "headers": [],
    "form": [["CallUUID", "x"]],
    "query": [],
}
BROKEN: list[tuple[str, Any]] = [
    ("capture", 2),
    ("capture", True),
    ("capture", None),
    ("provider", "vobiz"),
    ("provider", None),
    ("at", "yesterday"),
    ("at", "2026-11-23T07:43:17"),
    ("at", 17),
    ("at", None),
    ("method", "PUT"),
    ("method", ["POST"]),
    ("method", None),
    ("url", "/a"),
    ("url", None),
    ("headers", {}),
    ("headers", [["a"]]),
    ("form", [["a", 1]]),
    ("form", "a=b"),
    ("query", [{"a": "b"}]),
]


@pytest.mark.parametrize(("key", "value"), BROKEN, ids=str)
def test_a_broken_capture_is_refused_by_index_and_key(plivo: Phone, key: str, value: Any) -> None:
    broken = {name: content for name, content in {**GOOD, key: value}.items() if content is not None}
    body = {"url": "http://127.0.0.1:1", "captures": [GOOD, broken]}
    reply = plivo.http.post("/-/sim/replay", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"].startswith(f"captures[1].{key} is ")
    assert not plivo.entries()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": HOME},
        {"url": HOME, "captures": []},
        {"url": HOME, "captures": {}},
        {"url": "x", "captures": [GOOD]},
        {"captures": [GOOD]},
        {"url": HOME, "captures": [7]},
        {"url": HOME, "captures": [GOOD], "sign": 1},
        {"url": HOME, "captures": [GOOD], "speed": 2},
    ],
    ids=str,
)
def test_a_replay_that_makes_no_sense(plivo: Phone, body: Any) -> None:
    reply = plivo.http.post("/-/sim/replay", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]


def test_from_python() -> None:
    site = Web(url=HOME)
    site.xml("/a", "<Hangup/>")
    simulator = Simulator("plivo", apps={HOME: site})
    try:
        (result,) = replay(simulator, [GOOD], HOME)
        assert result["valid"]
        assert "From" in result["missing"]
        with pytest.raises(ValueError, match=r"captures\[0\].method"):
            replay(simulator, [{**GOOD, "method": "HEAD"}], HOME)
    finally:
        simulator.close()
