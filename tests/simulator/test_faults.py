"""Faults on demand on the way to and from the web application, and people who act at any instant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from plivo.utils import validate_v3_signature

from callflows.simulator.fetching.faults import KINDS

from .conftest import AGENT, CALLER, Phone, Web
from .test_web import AUTO_INPUT, document_after

HOME = "https://app.test"
READ = {"plivo": 40.0, "vobiz": 10.0}  # the platforms' read timeouts, in seconds


@pytest.fixture(params=["sockets", "in-process"])
def site(request: pytest.FixtureRequest, web: Web) -> Web:
    """The same web application, over sockets and without."""
    return web if request.param == "sockets" else Web(url=HOME)


@pytest.fixture(params=["plivo", "vobiz"])
def phone(request: pytest.FixtureRequest, start: Callable[..., Phone], site: Web) -> Phone:
    return start(request.param, apps={HOME: site})


def fault(phone: Phone, kind: str, **more: Any) -> None:
    phone.control("POST", "faults", {"web": kind, **more})


def fetches(phone: Phone, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(entry.get(name) for name in names) for entry in phone.entries("fetch")]


@pytest.mark.parametrize("kind", ["timeout", "unreachable", "reset", "http-500", "http-404"])
def test_a_document_that_does_not_arrive(phone: Phone, site: Web, kind: str) -> None:
    fault(phone, kind, purpose="redirect", count=9)
    uuid = document_after(phone, site, "redirect", site.xml("/step", "<Speak>Never</Speak>"))
    phone.run()
    assert phone.ended(uuid)[0] == 7014
    provider = phone.simulator.provider
    retried = provider == "plivo" and kind in ("timeout", "unreachable", "reset")
    attempts = 2 if retried else 1
    entries = phone.entries("fetch")[1 : 1 + attempts]
    assert [entry["fault"] for entry in entries] == [kind] * attempts
    asked = 0 if kind == "unreachable" else attempts
    assert len(site.at("/step")) == asked
    if kind == "timeout":  # 1 second of Speak; what is left of Plivo's 55 s in all
        assert [entry["at"] for entry in entries] == ([41.0, 56.0] if provider == "plivo" else [11.0])
    else:
        assert {entry["at"] for entry in entries} == {1.0}
    assert "Never" not in str(phone.texts("hear"))


def test_the_web_server_times_out_once(phone: Phone, site: Web) -> None:
    fault(phone, "timeout", purpose="answer")
    phone.call(site.xml("/answer", "<Speak>At last.</Speak>"))
    phone.run()
    assert len(site.at("/answer")) >= 2
    assert phone.entries("hear")[0]["at"] == (40.0 if phone.simulator.provider == "plivo" else 10.0)
    (_first, second, *_) = fetches(phone, "fault", "attempt", "status")
    assert second == (None, 2, 200)


def test_a_slow_body_arrives_or_is_cut_off_and_not_retried(phone: Phone, site: Web) -> None:
    fault(phone, "slow-body", seconds=4)
    fault(phone, "slow-body", seconds=70)
    url = site.xml("/answer", "<Speak>Slowly.</Speak>") + "#rc=5&rp=all"
    phone.call(url, hangup_url=site.xml("/bye", ""))
    phone.advance(4)
    assert phone.entries("hear")[0]["at"] == 4.0
    site.received.clear()
    uuid = phone.call(url, hangup_url=site.url + "/bye")
    phone.run()
    assert phone.ended(uuid)[0] == 7011
    assert len(site.at("/answer")) == 1


def test_html_instead_of_xml(phone: Phone, site: Web) -> None:
    fault(phone, "html")
    uuid = phone.call(site.xml("/answer", "<Hangup/>"))
    phone.run()
    assert phone.ended(uuid)[0] == 8011


def test_signatures_that_are_wrong_or_missing(start: Callable[..., Phone], site: Web) -> None:
    plivo = start("plivo", apps={HOME: site})
    for kind in ("wrong-signature", "no-signature"):
        fault(plivo, kind)
    for _ in range(3):
        plivo.call(site.xml("/answer", "<Hangup/>"))

    def valid(received: Any) -> bool:
        sent = (received.headers["X-Plivo-Signature-V3-Nonce"], plivo.simulator.auth_token)
        signature = received.headers["X-Plivo-Signature-V3"]
        return bool(validate_v3_signature("POST", received.url, *sent, signature, received.params))

    wrong, unsigned, right = site.at("/answer")
    assert not valid(wrong)
    assert not [name for name in unsigned.headers if "signature" in name.lower()]
    assert valid(right)


def test_a_late_callback_comes_after_the_hangup(phone: Phone, site: Web) -> None:
    phone.number(AGENT, hangs_up_after=5)
    fault(phone, "late", seconds=20, purpose="callback", path="/dialled")
    events = site.xml("/dialled", "")
    dial = f"<Dial callbackUrl='{events}' callerId='{CALLER}'><Number>{AGENT}</Number></Dial>"
    phone.call(site.xml("/answer", f"<Speak>Hi</Speak>{dial}"), hangup_url=site.xml("/bye", ""))
    phone.run()
    told = [each.params["Event"] for each in site.received if "Event" in each.params]
    assert told[-1] == "DialAnswer"
    assert told.index("Hangup") < told.index("DialAnswer")
    (late,) = [entry for entry in phone.entries("fetch") if entry.get("fault") == "late"]
    assert (late["event"], late["at"]) == ("DialAnswer", 24.0)


def test_a_late_document_is_waited_for(phone: Phone, site: Web) -> None:
    fault(phone, "late", seconds=30)
    phone.call(site.xml("/answer", "<Speak>Hi</Speak>"))
    phone.advance(29)
    assert not site.received
    phone.run()
    assert phone.entries("hear")[0]["at"] == 30.0


def test_a_duplicate_is_the_very_same_request(phone: Phone, site: Web) -> None:
    fault(phone, "duplicate", purpose="callback")
    phone.call(site.xml("/answer", "<Hangup/>"), hangup_url=site.xml("/bye", ""))
    one, two = site.at("/bye")
    assert (one.body, one.headers) == (two.body, two.headers)
    assert len(site.at("/answer")) == 1


def test_callbacks_out_of_order(phone: Phone, site: Web) -> None:
    phone.number(AGENT, hangs_up_after=5)
    fault(phone, "reordered", path="/dialled")
    events = site.xml("/dialled", "")
    dial = f"<Dial callbackUrl='{events}' callerId='{CALLER}'><Number>{AGENT}</Number></Dial>"
    phone.call(site.xml("/answer", f"<Speak>Hi</Speak>{dial}"), hangup_url=site.xml("/bye", ""))
    phone.run()
    told = [each.params["Event"] for each in site.at("/dialled")]
    assert told == ["DialConnected", "DialAnswer", "DialHangup"]
    (held,) = phone.entries("note")
    assert held["fault"] == "reordered"


def test_a_callback_that_no_other_follows_is_delivered_in_the_end(phone: Phone, site: Web) -> None:
    fault(phone, "reordered", seconds=12, purpose="callback")
    phone.call(site.xml("/answer", "<Hangup/>"), hangup_url=site.xml("/bye", ""))
    phone.advance(11)
    assert not site.at("/bye")
    phone.advance(1)
    assert len(site.at("/bye")) == 1
    phone.run()
    assert len(site.at("/bye")) == 1


def test_callbacks_of_another_call_do_not_count(phone: Phone, site: Web) -> None:
    answer, bye = site.xml("/answer", "<Hangup/>"), site.xml("/bye", "")
    fault(phone, "reordered", seconds=12, purpose="callback")
    first = phone.call(answer, hangup_url=bye)
    second = phone.call(answer, hangup_url=bye)
    assert [each.params["CallUUID"] for each in site.at("/bye")] == [second]
    phone.run()
    assert [each.params["CallUUID"] for each in site.at("/bye")] == [second, first]


@pytest.mark.parametrize("purpose", ["answer", "action", "redirect", "transfer"])
def test_the_person_hangs_up_during_a_fetch(phone: Phone, site: Web, purpose: str) -> None:
    fault(phone, "hang-up", purpose=purpose)
    uuid = document_after(phone, site, purpose, site.xml("/step", "<Speak>Never</Speak>"))
    phone.run()
    assert phone.ended(uuid) == ((1000 if purpose == "answer" else 4000), "Caller")
    assert len(site.at("/step")) >= 1
    (entry,) = [entry for entry in phone.entries("fetch") if entry.get("fault")]
    assert entry["error"] == "the leg did not wait for the answer"
    assert 'hears "Never"' not in phone.texts("hear")


def test_hanging_up_during_the_action_of_an_input_or_a_callback(phone: Phone, site: Web) -> None:
    verb = AUTO_INPUT[phone.simulator.provider]
    interim = site.xml("/interim", "")
    inside = f"<{verb} inputType='speech' interimSpeechResultsCallback='{interim}' action='{{web}}/said'/>"
    site.xml("/said", "<Wait length='9'/>")
    fault(phone, "hang-up", purpose="callback", path="/interim")
    uuid = phone.call(site.xml("/answer", f"<Speak>Hi</Speak>{inside}"))
    phone.control("POST", f"calls/{uuid}/say", {"speech": "yes", "after": 2})
    phone.run()
    assert phone.ended(uuid) == (4000, "Caller")
    assert phone.entries("hangup")[0]["at"] == 2.4  # the word has been said


def test_hanging_up_while_the_web_server_thinks(phone: Phone, site: Web) -> None:
    fault(phone, "timeout", purpose="redirect")
    uuid = document_after(phone, site, "redirect", site.xml("/step", "<Hangup/>"))
    phone.control("POST", f"calls/{uuid}/hangup", {"after": 3.25})
    phone.run()
    assert phone.ended(uuid) == (4000, "Caller")
    fetch = next(entry for entry in phone.entries("fetch") if entry["purpose"] == "redirect")
    assert (fetch["at"], fetch["error"]) == (3.25, "the leg did not wait for the answer")


def test_hanging_up_before_a_late_request_is_made(phone: Phone, site: Web) -> None:
    fault(phone, "late", seconds=20)
    uuid = phone.call(site.xml("/answer", "<Hangup/>"))
    phone.control("POST", f"calls/{uuid}/hangup", {"after": 3})
    phone.run()
    fetch = phone.entries("fetch")[0]
    assert (fetch["at"], fetch["error"]) == (3.0, "not requested: nobody waits any more")
    assert not [each for each in site.received if each.params.get("Event") == "StartApp"]


def test_a_hang_up_fault_waits_for_somebody_who_is_there(phone: Phone, site: Web) -> None:
    fault(phone, "hang-up", purpose="callback")
    phone.call(site.xml("/answer", "<Hangup/>"), hangup_url=site.xml("/bye", ""))
    assert [each["kind"] for each in phone.control("GET", "faults")["pending"]["web"]] == ["hang-up"]


def test_faults_are_used_up_in_order_by_what_they_match(phone: Phone, site: Web) -> None:
    fault(phone, "http-404", purpose="answer", path="/other")
    fault(phone, "http-404", purpose="transfer")
    fault(phone, "html", count=2, purpose="answer", path="/ans")
    fault(phone, "no-signature", purpose="answer")
    url, bye = site.xml("/answer", "<Speak>Hi</Speak>"), site.xml("/bye", "")
    codes = []
    for _ in range(3):
        uuid = phone.call(url, hangup_url=bye)
        phone.run()
        codes.append(phone.ended(uuid)[0])
    assert codes == [8011, 8011, 4010]
    assert "signature" not in str(list(site.at("/answer")[2].headers)).lower()
    pending = phone.control("GET", "faults")["pending"]["web"]
    assert [(each["kind"], each["purpose"], each["path"]) for each in pending] == [
        ("http-404", "answer", "/other"),
        ("http-404", "transfer", ""),
    ]


def test_faults_are_listed_explained_and_cleared(phone: Phone, site: Web) -> None:
    fault(phone, "timeout", count=3)
    phone.control("POST", "faults", {"rest": "429"})
    listed = phone.control("GET", "faults")
    assert listed["pending"]["web"][0] == {"kind": "timeout", "count": 3, "seconds": 30.0, "purpose": "any", "path": ""}
    assert [each["kind"] for each in listed["pending"]["rest"]] == ["429"]
    assert listed["kinds"]["web"] == KINDS
    assert all(len(why) > 10 for kinds in listed["kinds"].values() for why in kinds.values())
    phone.control("DELETE", "faults")
    assert phone.control("GET", "faults")["pending"] == {"rest": [], "web": []}
    uuid = phone.call(site.xml("/answer", "<Speak>Hi</Speak>"))
    phone.run()
    assert phone.ended(uuid)[0] == 4010


@pytest.mark.parametrize(
    "body",
    [
        {"web": "flood"},
        {"web": []},
        {"web": "timeout", "rest": "429"},
        {},
        {"web": "timeout", "purpose": "lunch"},
        {"web": "timeout", "purpose": []},
        {"web": "timeout", "path": "no-slash"},
        {"web": "timeout", "path": 7},
        {"web": "timeout", "count": 0},
        {"web": "timeout", "seconds": -1},
        {"rest": "429", "path": "/x"},
    ],
    ids=str,
)
def test_faults_that_make_no_sense(plivo: Phone, body: Any) -> None:
    reply = plivo.http.post("/-/sim/faults", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert plivo.control("GET", "faults")["pending"] == {"rest": [], "web": []}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_transcript_again(start: Callable[..., Phone], site: Web, kind: str) -> None:
    def story() -> str:
        phone = start("vobiz", apps={HOME: site})
        phone.number(AGENT, hangs_up_after=5)
        fault(phone, kind, count=2, purpose="callback")
        fault(phone, kind)
        dial = f"<Dial callbackUrl='{{web}}/events' callerId='{CALLER}'><Number>{AGENT}</Number></Dial>"
        site.xml("/events", "")
        phone.call(site.xml("/answer", f"<Speak>Hi</Speak>{dial}"))
        phone.run()
        return phone.transcript()

    first = story()
    assert first == story()
    assert f"[fault: {kind}]" in first


def test_acting_at_any_instant(phone: Phone, site: Web) -> None:
    verb = AUTO_INPUT[phone.simulator.provider]
    inside = f"<{verb} action='{{web}}/pressed' numDigits='1' executionTimeout='30'/>"
    uuid = phone.call(site.xml("/answer", f"<Speak>Hi</Speak>{inside}"))
    site.xml("/pressed", "<Wait length='60'/>")
    phone.control("POST", f"calls/{uuid}/press", {"digits": "1", "after": 2.125})
    phone.control("POST", f"calls/{uuid}/say", {"speech": "hello", "after": 3})
    phone.control("POST", f"calls/{uuid}/hangup", {"after": 4.5})
    assert not phone.entries("press")
    phone.run()
    assert [(entry["kind"], entry["at"]) for entry in phone.entries("press", "say", "hangup")] == [
        ("press", 2.125),
        ("say", 3.0),
        ("hangup", 4.5),
    ]
    assert phone.control("GET", "clock")["now"] == 4.5


def test_what_a_person_would_do_ends_with_the_call(phone: Phone, site: Web) -> None:
    uuid = phone.call(site.xml("/answer", "<Wait length='5'/><Speak>x</Speak>"))
    phone.control("POST", f"calls/{uuid}/press", {"digits": "1", "after": 100})
    phone.run()
    assert not phone.entries("press")
    assert phone.control("GET", "clock")["now"] == 6.0
