"""What a transfer does to a live call, at every value of the switches that touch it."""

from __future__ import annotations

import threading

import pytest
from werkzeug.wrappers import Request

from .conftest import AGENT, CALLER, LINE, Phone, Web


def bridge(phone: Phone, web: Web, *, more: str = "", after: str = "<Speak>After the dial.</Speak>") -> str:
    dial = f"<Dial callerId='{LINE}' action='{{web}}/dialled' {more}><Number>{AGENT}</Number></Dial>"
    web.xml("/dialled", "<Speak>Dial over.</Speak>")
    uuid = phone.call(web.xml("/answer", f"<Speak>Welcome.</Speak>{dial}{after}"))
    phone.run()
    assert phone.leg(uuid)["connected_to"]
    return uuid


def legs_of(web: Web) -> dict[str, str]:
    return {
        "legs": "both",
        "aleg_url": web.xml("/aleg", "<Speak>You are A.</Speak>"),
        "bleg_url": web.xml("/bleg", "<Speak>You are B.</Speak>"),
    }


def test_both_legs_fetch_their_own_url_with_their_own_uuid(phone: Phone, web: Web) -> None:
    uuid = bridge(phone, web)
    b_leg = phone.b_leg()
    assert phone.transfer(uuid, **legs_of(web)).status_code == 202
    phone.advance(0)
    first, second = web.received[-2:]
    assert (first.path, first.params["CallUUID"]) == ("/aleg", uuid)
    assert (second.path, second.params["CallUUID"]) == ("/bleg", b_leg)
    assert second.params["ALegUUID"] == uuid
    assert {first.params["CallStatus"], second.params["CallStatus"]} == {"in-progress"}
    assert second.params["To"] == AGENT.lstrip("+")
    phone.run()
    assert phone.ended(uuid) == phone.ended(b_leg) == (4010, phone.simulator.dialect.title)
    assert not web.at("/dialled")  # the pending Dial action is suppressed
    assert not any("After the dial" in text for text in phone.texts())


def test_bleg_first_and_no_aleg_uuid(phone: Phone, web: Web) -> None:
    phone.switch(both_order="bleg-first", bleg_aleg_uuid="not-sent")
    phone.transfer(bridge(phone, web), **legs_of(web))
    phone.advance(0)
    assert [each.path for each in web.received[-2:]] == ["/bleg", "/aleg"]
    assert "ALegUUID" not in web.received[-2].params


@pytest.mark.parametrize(("switch", "event"), [("Redirect", "Redirect"), ("Transfer", "Transfer"), ("none", None)])
def test_the_event_of_a_transfer_fetch(phone: Phone, web: Web, switch: str, event: str | None) -> None:
    default = {"plivo": "Redirect", "vobiz": "Transfer"}[phone.simulator.provider]
    assert phone.control("GET", "switches")["transfer_event"] == default
    phone.switch(transfer_event=switch)
    phone.transfer(bridge(phone, web), **legs_of(web))
    phone.advance(0)
    assert web.one("/aleg").params.get("Event") == event


def test_the_other_leg_hangs_up_by_default_on_plivo(plivo: Phone, web: Web) -> None:
    uuid = bridge(plivo, web)
    b_leg = plivo.b_leg()
    plivo.transfer(uuid, aleg_url=web.xml("/aleg", "<Speak>Alone.</Speak>"))
    plivo.run()
    assert plivo.ended(b_leg) == (4000, "Plivo")
    assert plivo.ended(uuid) == (4010, "Plivo")


def test_the_caller_is_the_one_dropped_when_only_the_agent_moves(plivo: Phone, web: Web) -> None:
    uuid = bridge(plivo, web)
    plivo.transfer(uuid, legs="bleg", bleg_url=web.xml("/bleg", "<Wait length='60'/>"))
    plivo.advance(1)
    assert plivo.ended(uuid) == (4000, "Plivo")
    assert plivo.b_leg()


def test_the_other_leg_keeps_its_flow_by_default_on_vobiz(vobiz: Phone, web: Web) -> None:
    uuid = bridge(vobiz, web)
    b_leg = vobiz.b_leg()
    vobiz.transfer(uuid, aleg_url=web.xml("/aleg", "<Speak>Alone.</Speak>"))
    vobiz.run()
    assert vobiz.leg(b_leg)["state"] == "in-progress"  # alone, in silence
    assert any("left alone" in text for text in vobiz.texts("note"))


def test_a_caller_who_keeps_the_flow_reaches_the_dial_action(vobiz: Phone, web: Web) -> None:
    uuid = bridge(vobiz, web)
    vobiz.transfer(uuid, legs="bleg", bleg_url=web.xml("/bleg", "<Wait length='60'/>"))
    vobiz.run(20)
    assert web.one("/dialled").params["DialStatus"] == "completed"
    assert 'hears "Dial over."' in vobiz.texts("hear")


def test_the_b_legs_own_uuid_in_the_path(phone: Phone, web: Web) -> None:
    bridge(phone, web)
    b_leg = phone.b_leg()
    phone.switch(bleg_uuid="404")
    assert phone.transfer(b_leg, aleg_url=web.url).status_code == 404
    phone.switch(bleg_uuid="accepted")
    assert phone.transfer(b_leg, aleg_url=web.xml("/mine", "<Speak>Me.</Speak>")).status_code == 202
    phone.advance(0)
    assert web.one("/mine").params["CallUUID"] == b_leg


def test_a_dial_action_can_be_sent_on_transfer(phone: Phone, web: Web) -> None:
    phone.switch(dial_action_on_transfer="sent")
    phone.transfer(bridge(phone, web), **legs_of(web))
    phone.run()
    assert web.one("/dialled").params["DialStatus"] == "completed"
    assert not any("Dial over" in text for text in phone.texts())


def test_a_transfer_interrupts_at_once_and_discards_the_rest(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Play>https://example.com/long.mp3</Play><Speak>Never heard.</Speak>"))
    phone.advance(3)
    phone.transfer(uuid, aleg_url=web.xml("/aleg", "<Speak>Instead.</Speak>"))
    phone.run()
    heard = [(entry["at"], entry["text"]) for entry in phone.entries("hear")]
    assert heard == [(0.0, "hears audio https://example.com/long.mp3"), (3.0, 'hears "Instead."')]


def test_a_transfer_while_ringing_the_agent_stops_the_ringing(phone: Phone, web: Web) -> None:
    phone.number(AGENT, after=30)
    dial = f"<Speak>Hi</Speak><Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>"
    uuid = phone.call(web.xml("/answer", dial))
    phone.advance(5)
    phone.transfer(uuid, aleg_url=web.xml("/aleg", "<Wait length='60'/>"))
    phone.advance(1)
    assert phone.ended(phone.b_leg("cancel"))[0] == 1000
    assert phone.leg(uuid)["state"] == "in-progress"


def test_the_202_comes_before_the_fetch(phone: Phone, web: Web) -> None:
    """A web application that is only ready once it has the 202 is not kept waiting."""
    uuid = bridge(phone, web)
    accepted = threading.Event()
    seen = []

    def page(request: Request) -> str:
        seen.append(accepted.wait(5))
        return "<Response/>"

    web.pages["/aleg"] = page
    assert phone.transfer(uuid, aleg_url=web.url + "/aleg").status_code == 202
    accepted.set()
    phone.advance(0)
    assert seen == [True]


def test_a_web_application_may_ask_for_a_transfer_from_inside_a_fetch(phone: Phone, web: Web) -> None:
    replies = []

    def page(request: Request) -> str:
        replies.append(phone.transfer(request.form["CallUUID"], aleg_url=web.xml("/aleg", "<Speak>Moved.</Speak>")))
        return "<Response><Speak>Never finished.</Speak></Response>"

    web.pages["/step"] = page
    phone.call(web.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/step</Redirect>"))
    phone.run()
    assert [reply.status_code for reply in replies] == [202]
    assert phone.texts("hear")[-1] == 'hears "Moved."'


def test_seventy_transfers_and_no_more_on_plivo(plivo: Phone, web: Web) -> None:
    uuid = plivo.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
    url = web.xml("/aleg", "<Wait length='600'/>")
    for _ in range(70):
        assert plivo.transfer(uuid, aleg_url=url).status_code == 202
    plivo.advance(1)
    assert plivo.leg(uuid)["state"] == "in-progress"
    plivo.transfer(uuid, aleg_url=url)
    plivo.advance(1)
    assert plivo.ended(uuid) == (2060, "Error")


def test_checks_at_fetch_give_hangup_codes(phone: Phone, web: Web) -> None:
    phone.switch(transfer_checks="at-fetch")
    for url, method, code in [("ftp://x", "POST", 7023), (web.url, "PUT", 7033)]:
        uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
        assert phone.transfer(uuid, aleg_url=url, aleg_method=method).status_code == 202
        phone.advance(1)
        assert phone.ended(uuid) == (code, "Error")


def test_a_transfer_of_a_placed_call_and_by_get(phone: Phone, web: Web) -> None:
    uuid = phone.place(web.xml("/answer", "<Wait length='600'/>"), to=CALLER)
    phone.advance(5)
    url = web.xml("/aleg", "<Speak>Moved.</Speak>") + "?t=abc&b=1"
    phone.transfer(uuid, aleg_url=url, aleg_method="GET")
    phone.advance(0)
    received = web.one("/aleg")
    assert received.method == "GET"
    assert (received.params["t"], received.params["CallUUID"]) == ("abc", uuid)
    keys = [pair.split("=")[0] for pair in received.url.partition("?")[2].split("&")]
    assert keys == sorted(keys)
    assert "?t=…&b=1" in phone.transcript()
