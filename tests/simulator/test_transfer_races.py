"""Transfers that meet: at one instant, during the fetch of another, at any instant of a rich document."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from .conftest import AGENT, LINE, Phone, Web
from .test_transfer import bridge, instead, legs_of


@pytest.mark.parametrize("first", ["<Hangup/>", "", "<Speak>Not begun.</Speak>"])
def test_a_transfer_during_the_fetch_of_another(phone: Phone, web: Web, first: str) -> None:
    """Both are fetched, in order. What the first document says is not begun: the second was accepted before."""
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
    second = web.xml("/second", "<Speak>Second.</Speak>")
    replies = []

    def page(request: Request) -> str:
        replies.append(phone.transfer(uuid, aleg_url=second).status_code)
        return f"<Response>{first}</Response>"

    web.pages["/first"] = page
    phone.advance(5)
    phone.transfer(uuid, aleg_url=web.url + "/first")
    phone.run()
    assert replies == [202]
    assert [each.path for each in web.received[1:3]] == ["/first", "/second"]
    assert phone.texts("hear") == ['hears "Hi"', 'hears "Second."']
    assert phone.ended(uuid)[0] == 4010


def test_a_transfer_during_the_fetch_of_one_that_fails_is_lost(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
    second = web.xml("/second", "<Speak>Second.</Speak>")

    def page(request: Request) -> Response:
        if not web.at("/second") and len(web.at("/first")) == 1:
            phone.transfer(uuid, aleg_url=second)
        return Response("gone", 410)

    web.pages["/first"] = page
    phone.advance(5)
    phone.transfer(uuid, aleg_url=web.url + "/first")
    phone.run()
    assert phone.ended(uuid) == (7013, "Error")
    assert not web.at("/second")
    assert phone.texts("note")[-1] == f"the transfer to {second} is never fetched: the call has ended"


def at_one_instant(phone: Phone, web: Web, *requests: tuple[str, dict[str, str]]) -> None:
    """Nothing happens between these transfers: they are asked for while the platform fetches for another call."""
    replies = []

    def page(request: Request) -> str:
        replies.extend(phone.transfer(uuid, **body).status_code for uuid, body in requests)
        return "<Response><Speak>Done.</Speak></Response>"

    web.pages["/instant"] = page
    phone.call(web.url + "/instant")
    phone.advance(0)
    assert replies == [202] * len(requests)


def test_two_transfers_at_the_same_instant(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
    phone.advance(5)
    first, second = web.xml("/first", "<Hangup/>"), web.xml("/second", "<Speak>Second.</Speak>")
    at_one_instant(phone, web, (uuid, {"aleg_url": first}), (uuid, {"aleg_url": second}))
    assert [each.path for each in web.received[-2:]] == ["/first", "/second"]
    phone.run()
    assert 'hears "Second."' in phone.texts("hear")
    assert phone.ended(uuid)[0] == 4010


def test_a_leg_that_is_gone_before_its_transfer_takes_effect(plivo: Phone, web: Web) -> None:
    """Each leg of a bridge is moved on its own: the first transfer makes the platform hang up the other."""
    uuid = bridge(plivo, web)
    b_leg = plivo.b_leg()
    urls = legs_of(web)
    at_one_instant(plivo, web, (uuid, {"aleg_url": urls["aleg_url"]}), (b_leg, {"aleg_url": urls["bleg_url"]}))
    assert web.one("/aleg")
    assert not web.at("/bleg")
    assert plivo.ended(b_leg) == (4000, "Plivo")
    assert f"the transfer to {urls['bleg_url']} is never fetched: the call has ended" in plivo.texts("note")


def test_each_leg_of_a_bridge_moved_on_its_own(vobiz: Phone, web: Web) -> None:
    uuid = bridge(vobiz, web)
    b_leg = vobiz.b_leg()
    urls = legs_of(web)
    at_one_instant(vobiz, web, (uuid, {"aleg_url": urls["aleg_url"]}), (b_leg, {"aleg_url": urls["bleg_url"]}))
    assert (web.one("/aleg").params["CallUUID"], web.one("/bleg").params["CallUUID"]) == (uuid, b_leg)


def test_the_limit_counts_the_transfers_of_both_legs(phone: Phone, web: Web) -> None:
    phone.switch(transfer_limit=3)
    uuid = bridge(phone, web)
    b_leg = phone.b_leg()
    stay = web.xml("/stay", "<Wait length='600'/>")
    both = {"legs": "both", "aleg_url": stay, "bleg_url": stay}
    assert phone.transfer(uuid, **both).status_code == 202  # one, though it moves two
    for leg in (uuid, b_leg):
        assert phone.transfer(leg, aleg_url=stay).status_code == 202
    phone.advance(0)
    assert len(web.at("/stay")) == 4
    instead(phone, web, b_leg, "/more")
    assert phone.ended(b_leg) == (2060, "Error")
    assert not web.at("/more")
    assert phone.leg(uuid)["state"] == "in-progress"


# -- at any instant


def rich(provider: str) -> str:
    ask = "GetInput" if provider == "plivo" else "Gather"
    return (
        "<PreAnswer><Speak>Early words for you.</Speak></PreAnswer><Stream>wss://sockets.example.com/beside</Stream>"
        f"<Record recordSession='true'/><{ask} executionTimeout='4' action='{{web}}/go'><Speak>Press.</Speak></{ask}>"
        "<Record maxLength='3' action='{web}/recorded' redirect='false' callbackUrl='{web}/go'/>"
        f"<Dial callerId='{LINE}' action='{{web}}/go' redirect='false' confirmSound='{{web}}/sound' confirmKey='1'>"
        f"<Number>{AGENT}</Number></Dial><Play>https://example.com/a.mp3</Play>"
        "<Stream bidirectional='true' keepCallAlive='true' streamTimeout='6'>wss://sockets.example.com/in</Stream>"
        "<DTMF>1w2</DTMF><Wait length='3'/><Conference stayAlone='true' timeLimit='5'>room</Conference>"
    )


NEXT = (
    "<Speak>Moved.</Speak>",
    "",
    "<Hangup/>",
    "<Stream bidirectional='true' keepCallAlive='true' streamTimeout='9'>wss://sockets.example.com/on</Stream>",
    f"<Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>",
    "<Conference stayAlone='true'>room</Conference>",
    "<Redirect>{web}/answer</Redirect>",
)
CHANGES: tuple[dict[str, str], ...] = (
    {},
    {"other_leg": "keeps-flow", "stream_transfer": "waits"},
    {"other_leg": "hangs-up", "stream_transfer": "interrupts", "ringing_transfer": "202"},
    {"bleg_without_bridge": "202", "dial_action_on_transfer": "sent"},
)


def live_legs(phone: Phone) -> list[dict[str, Any]]:
    return [leg for call in phone.control("GET", "calls") for leg in call["legs"] if not leg["hangup"]]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_transfers_at_any_instant_leave_no_leg_stuck(
    phone: Phone, web: Web, changes: dict[str, str], seed: int
) -> None:
    random = Random(f"{phone.simulator.provider}/{seed}/{changes}")
    for path, inside in [("/go", ""), ("/recorded", ""), ("/sound", "<Speak>Accept?</Speak>")]:
        web.xml(path, inside)
    total = 0
    for _ in range(8):
        phone.switch(after_bridged_dial="continues", **changes)
        phone.number(AGENT, after=1.5, hangs_up_after=9, keys=[[2.5, "1"]])
        phone.call(web.xml("/answer", rich(phone.simulator.provider)))
        phone.advance(round(random.uniform(2, 42), 1))
        accepted = []
        for _ in range(random.randint(1, 4)):
            legs = live_legs(phone)
            if not legs:
                break
            urls = [web.xml(f"/t/{random.random()}", random.choice(NEXT)) for _ in "ab"]
            which = random.choice(["aleg", "aleg", "aleg", "aleg", "bleg", "both"])
            body = {"legs": which, "aleg_url": urls[0], "bleg_url": urls[1]}
            if phone.transfer(random.choice(legs)["call_uuid"], **body).status_code == 202:
                accepted += {"aleg": urls[:1], "bleg": urls[1:], "both": urls}[which]
            phone.advance(random.choice([0.0, 0.0, 0.4, 1.1, 3.7, 7.3]))
        total += len(accepted)
        phone.run()
        notes = phone.texts("note")
        no_other = notes.count("transfer of the other leg: there is none")
        lost = 0
        for url in accepted:
            fetched = len(web.at(url.removeprefix(web.url)))
            never = sum(f"{url} is never fetched" in text for text in notes)
            assert fetched + never <= 1, phone.transcript()
            lost += fetched + never == 0
        assert lost == no_other, phone.transcript()
        left = live_legs(phone)
        assert {leg["state"] for leg in left} <= {"in-progress"}, phone.transcript()
        for leg in left:  # talking, waiting for company, or alone: it listens, and it can still be moved
            if not phone.leg(leg["call_uuid"])["hangup"]:
                assert phone.transfer(leg["call_uuid"], aleg_url=web.xml("/bye", "")).status_code == 202
                phone.run()
                assert phone.ended(leg["call_uuid"])[0] == 4010, phone.transcript()
        phone.control("POST", "reset")
        web.received.clear()
    assert total >= 3
