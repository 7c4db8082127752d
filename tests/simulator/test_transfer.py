"""What a transfer does to a live call, at every value of the switches that touch it."""

from __future__ import annotations

import threading
from typing import Any

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


# -- what is interrupted


def instead(phone: Phone, web: Web, uuid: str, path: str = "/aleg", inside: str = "<Speak>Instead.</Speak>") -> None:
    assert phone.transfer(uuid, aleg_url=web.xml(path, inside)).status_code == 202
    phone.advance(0)


NEVER = "<Speak>Never heard.</Speak>"
KEYED = "action='{web}/action' numDigits='4'"


@pytest.mark.parametrize(
    ("provider", "inside"),
    [
        ("plivo", f"<GetInput {KEYED}><Speak>Press something now.</Speak></GetInput>"),
        ("plivo", f"<GetDigits {KEYED}/>"),
        ("vobiz", f"<Gather {KEYED}/>"),
        ("plivo", "<Record action='{web}/action'/>"),
        ("vobiz", "<Record action='{web}/action' redirect='true'/>"),
        ("plivo", "<Conference action='{web}/action'>room</Conference>"),
        ("vobiz", "<Conference action='{web}/action' stayAlone='true'>room</Conference>"),
        ("plivo", "<Play loop='0'>https://example.com/hold.mp3</Play>"),
        ("vobiz", "<Wait length='600'/>"),
        ("plivo", f"<Dial action='{{web}}/action'><Number>{AGENT}</Number></Dial>"),
        ("vobiz", f"<Dial callerId='{LINE}' action='{{web}}/action'><Number>{AGENT}</Number></Dial>"),
    ],
)
def test_whatever_is_running_is_interrupted(start: Any, web: Web, provider: str, inside: str) -> None:
    phone = start(provider)
    phone.number(AGENT, after=30)
    uuid = phone.call(web.xml("/answer", f"<Speak>Hi</Speak>{inside}{NEVER}"))
    phone.advance(3)
    if "numDigits" in inside:
        phone.control("POST", f"calls/{uuid}/press", {"digits": "12"})
    fetched_early = len(web.at("/action"))  # Vobiz reports a recording when it begins
    instead(phone, web, uuid)
    assert phone.entries("hear")[-1]["at"] == 3.0
    phone.run()
    assert phone.texts("hear")[-1] == 'hears "Instead."'
    assert len(web.at("/action")) == fetched_early
    assert not any("Never heard" in text for text in phone.texts())
    assert phone.ended(uuid)[0] == 4010


def test_a_scheduled_hang_up_survives_a_transfer(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Hangup schedule='30'/><Wait length='100'/>"))
    phone.advance(10)
    instead(phone, web, uuid, inside="<Wait length='600'/>")
    phone.run()
    assert phone.ended(uuid)[0] == 6000
    assert phone.entries("hangup")[-1]["at"] == 31.0


def test_what_the_person_would_do_survives_a_transfer(phone: Phone, web: Web) -> None:
    phone.number(CALLER, hangs_up_after=40, keys=[[20, "1"]])
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Wait length='600'/>"))
    phone.advance(10)
    instead(phone, web, uuid, inside="<Wait length='600'/>")
    phone.run()
    assert phone.texts("press") == ["presses 1"]
    assert phone.ended(uuid) == (4000, "Caller")


def test_a_leg_that_hears_a_confirm_sound_may_be_moved(phone: Phone, web: Web) -> None:
    """Its Dial goes on without it."""
    web.xml("/sound", "<Speak>Press one to accept this call, please, whenever you are ready to.</Speak>")
    web.xml("/dialled", "<Speak>Dial over.</Speak>")
    more = "confirmSound='{web}/sound' confirmKey='1'"
    dial = f"<Dial callerId='{LINE}' action='{{web}}/dialled' {more}><Number>{AGENT}</Number></Dial>"
    uuid = phone.call(web.xml("/answer", f"<Speak>Hi</Speak>{dial}"))
    phone.advance(6)
    b_leg = phone.b_leg()
    assert not phone.leg(uuid)["connected_to"]
    assert phone.transfer(uuid, legs="bleg", bleg_url=web.url).status_code == 400  # not connected yet
    instead(phone, web, b_leg, "/mine")
    assert web.one("/mine").params["CallUUID"] == b_leg
    assert web.one("/dialled").params["CallUUID"] == uuid
    phone.run()
    assert phone.ended(b_leg)[0] == phone.ended(uuid)[0] == 4010


def test_legs_bleg_from_the_b_legs_own_uuid_moves_the_caller(phone: Phone, web: Web) -> None:
    uuid = bridge(phone, web)
    reply = phone.transfer(phone.b_leg(), legs="bleg", bleg_url=web.xml("/other", "<Speak>Caller.</Speak>"))
    assert reply.status_code == 202
    phone.advance(0)
    assert web.one("/other").params["CallUUID"] == uuid


@pytest.mark.parametrize("from_b_leg", [False, True])
def test_legs_both_from_either_uuid(phone: Phone, web: Web, from_b_leg: bool) -> None:
    uuid = bridge(phone, web)
    b_leg = phone.b_leg()
    named, other = (b_leg, uuid) if from_b_leg else (uuid, b_leg)
    phone.transfer(named, **legs_of(web))
    phone.run()
    assert (web.one("/aleg").params["CallUUID"], web.one("/bleg").params["CallUUID"]) == (named, other)
    assert phone.ended(named)[0] == phone.ended(other)[0] == 4010


# -- which calls


def test_a_ringing_call_is_not_found(phone: Phone, web: Web) -> None:
    placed = phone.place(web.xml("/answer", "<Speak>Hi</Speak>"))
    inbound = phone.call(web.xml("/early", "<PreAnswer><Wait length='20'/></PreAnswer><Wait length='5'/>"))
    phone.advance(1)
    for uuid in (placed, inbound):
        assert phone.leg(uuid)["state"] == "ringing"
        assert phone.transfer(uuid, aleg_url=web.url).status_code == 404


def test_a_ringing_call_may_be_moved(phone: Phone, web: Web) -> None:
    """An inbound one at once; one that was placed, as soon as somebody answers, in place of its answer URL."""
    phone.switch(ringing_transfer="202")
    placed = phone.place(web.xml("/answer", "<Speak>Hi</Speak>"))
    inbound = phone.call(web.xml("/early", "<PreAnswer><Wait length='20'/></PreAnswer><Wait length='5'/>"))
    phone.advance(1)
    instead(phone, web, placed, "/placed")
    instead(phone, web, inbound, "/inbound")
    assert web.one("/inbound")
    assert not web.at("/placed")
    phone.run()
    assert web.one("/placed").params["CallStatus"] == "in-progress"
    assert "StartApp" not in [each.params["Event"] for each in web.at("/answer")]
    assert [entry["at"] for entry in phone.entries("transfer")] == [1.0, 3.0]
    assert phone.ended(placed)[0] == phone.ended(inbound)[0] == 4010


def test_a_transfer_of_a_call_that_is_never_answered_is_never_fetched(phone: Phone, web: Web) -> None:
    phone.switch(ringing_transfer="202")
    phone.number(CALLER, behaviour="busy")
    placed = phone.place(web.xml("/answer", "<Speak>Hi</Speak>"))
    phone.advance(1)
    instead(phone, web, placed, "/placed")
    phone.run()
    assert phone.ended(placed)[0] == 3010
    assert not web.at("/placed")
    assert phone.texts("note")[-1] == f"the transfer to {web.url}/placed is never fetched: the call has ended"


def test_a_leg_that_still_rings_in_a_dial_is_not_found(phone: Phone, web: Web) -> None:
    phone.switch(ringing_transfer="202")
    phone.number(AGENT, after=30)
    phone.call(web.xml("/answer", f"<Speak>Hi</Speak><Dial callerId='{LINE}'><Number>{AGENT}</Number></Dial>"))
    phone.advance(5)
    assert phone.transfer(phone.b_leg("ringing"), aleg_url=web.url).status_code == 404
