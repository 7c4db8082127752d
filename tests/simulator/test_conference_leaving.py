"""Conference: every way of leaving one, on both platforms and at every switch, and that nothing stays behind."""

from __future__ import annotations

import pytest

from .conftest import Phone, Web
from .test_conference import ANN, BOB, CAT, STAY, enters, events, inside, of, on_vobiz, rooms

# -- leaving


def goes_on(phone: Phone, web: Web, uuid: str, *, action: bool | None = None) -> None:
    """The member went on to the action, or where that is not sent to the next element."""
    phone.run()
    sent = not on_vobiz(phone) if action is None else action
    assert of(phone, uuid, "hear")[-1] == ('hears "You have left."' if sent else 'hears "Next."')
    assert [each.params["CallUUID"] for each in web.at("/left")].count(uuid) == int(sent)
    assert phone.ended(uuid) == (4010, phone.simulator.dialect.title)
    assert uuid not in inside(phone)


@pytest.mark.parametrize("action", ["sent", "not-sent"])
def test_star_leaves(phone: Phone, web: Web, action: str) -> None:
    default = {"plivo": "sent", "vobiz": "not-sent"}[phone.simulator.provider]
    assert phone.control("GET", "switches")["conference_action"] == default
    phone.switch(conference_action=action)
    ann, bob = enters(phone, web, ANN, f"{STAY} hangupOnStar='true'"), enters(phone, web, BOB)
    phone.control("POST", f"calls/{bob}/press", {"digits": "*"})
    assert inside(phone) == {ann, bob}  # bob's Conference does not say so
    phone.control("POST", f"calls/{ann}/press", {"digits": "*"})
    goes_on(phone, web, ann, action=action == "sent")
    assert inside(phone) == {bob}
    assert events(web)[-1] == ("exit", ann)
    if action == "sent":
        params = web.one("/left").params
        assert params["ConferenceName"] == "support-1"
        assert params["ConferenceMemberID"] == web.at("/events")[0].params["ConferenceMemberID"]
        assert params["ConferenceUUID"] == web.at("/events")[0].params["ConferenceUUID"]


def test_an_action_without_redirect_is_a_report(plivo: Phone, web: Web) -> None:
    ann = enters(plivo, web, ANN, f"{STAY} hangupOnStar='true' redirect='false' method='GET'")
    plivo.control("POST", f"calls/{ann}/press", {"digits": "*"})
    plivo.run()
    assert web.one("/left").method == "GET"
    assert of(plivo, ann, "hear") == ['hears "Next."']


@pytest.mark.parametrize("how", ["person", "REST"])
def test_hanging_up(phone: Phone, web: Web, how: str) -> None:
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB)
    if how == "REST":
        assert phone.rest("DELETE", f"Call/{ann}/").status_code == 204
        phone.advance(0)
    else:
        phone.control("POST", f"calls/{ann}/hangup")
    assert phone.ended(ann) == (4000, "Caller" if how == "person" else "API Request")
    assert inside(phone) == {bob}
    assert events(web)[-1] == ("exit", ann)
    assert of(phone, ann, "conference", "hangup")[-2] == "leaves the conference support-1"
    assert not web.at("/left")


def test_transferred_away(phone: Phone, web: Web) -> None:
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB)
    phone.transfer(ann, aleg_url=web.xml("/away", "<Speak>Away</Speak>"))
    phone.run()
    assert of(phone, ann, "hear") == ['hears "Away"']
    assert not web.at("/left")  # the pending action is suppressed
    assert events(web)[-1] == ("exit", ann)
    assert inside(phone) == {bob}


def test_transferred_into_another_room_and_back(phone: Phone, web: Web) -> None:
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB)
    there, back = (web.xml(f"/{name}", f"<Conference {STAY}>{name}</Conference>") for name in ("other", "support-1"))
    phone.transfer(ann, aleg_url=there)
    phone.advance(0)
    assert phone.leg(ann)["conference"] == "other"
    phone.transfer(ann, aleg_url=back)
    phone.advance(0)
    assert of(phone, bob, "connect") == [f"is in conference support-1 with {ANN}"] * 2


@pytest.mark.parametrize(("value", "provider"), [("continues", "plivo"), ("hung-up", "vobiz")])
def test_the_end_of_the_room(phone: Phone, web: Web, value: str, provider: str) -> None:
    default = phone.simulator.provider == provider
    assert (phone.control("GET", "switches")["conference_end"] == value) is default
    phone.switch(conference_end=value, conference_exit_order="in-order")
    ann = enters(phone, web, ANN, f"{STAY} endConferenceOnExit='true'")
    others = [enters(phone, web, BOB), enters(phone, web, CAT)]
    phone.control("POST", f"calls/{ann}/hangup")
    phone.run()
    for uuid in others:
        assert "leaves the conference support-1: the conference is over" in of(phone, uuid, "conference")
        if value == "hung-up":
            assert phone.ended(uuid) == (4000, "Callee")
            assert phone.leg(uuid)["hangup"]["cause"] == "NORMAL_CLEARING"
            assert not of(phone, uuid, "hear")
        else:
            goes_on(phone, web, uuid)
    assert phone.ended(ann) == (4000, "Caller")
    assert [uuid for action, uuid in events(web) if action == "exit"] == [ann, *others]
    assert not rooms(phone)


@pytest.mark.parametrize("order", ["in-order", "reversed"])
def test_exits_of_one_instant(phone: Phone, web: Web, order: str) -> None:
    default = {"plivo": "in-order", "vobiz": "reversed"}[phone.simulator.provider]
    assert phone.control("GET", "switches")["conference_exit_order"] == default
    phone.switch(conference_exit_order=order)
    ann = enters(phone, web, ANN, f"{STAY} endConferenceOnExit='true'")
    bob = enters(phone, web, BOB)
    phone.control("POST", f"calls/{ann}/hangup")
    exits = [each.params for each in web.at("/events") if each.params["ConferenceAction"] == "exit"]
    seen = [(each["CallUUID"], each["ConferenceLastMember"]) for each in exits]
    assert seen == [(ann, "false"), (bob, "true")][:: 1 if order == "in-order" else -1]


def test_kicked(phone: Phone, web: Web) -> None:
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB)
    phone.control("POST", f"calls/{ann}/kick")
    assert "leaves the conference support-1: kicked" in of(phone, ann, "conference")
    goes_on(phone, web, ann)
    assert inside(phone) == {bob}
    idle = phone.call(web.xml("/wait", "<Wait length='100'/>"))
    reply = phone.http.post(f"/-/sim/calls/{idle}/kick")
    assert (reply.status_code, reply.json()) == (400, {"error": f"call {idle} is in no conference"})


def test_the_wait_sound_ends_with_the_stay(phone: Phone, web: Web) -> None:
    music = web.xml("/music", "<Speak>Please hold</Speak><Speak>the line</Speak>")
    ann = enters(phone, web, ANN, f"{STAY} startConferenceOnEnter='false' waitSound='{music}'")
    phone.control("POST", f"calls/{ann}/hangup")
    phone.run()
    assert of(phone, ann, "hear", "cut") == ['hears "Please hold"', 'stops hearing "Please hold" after 0.0 s']


def test_the_time_limit_ends_with_the_stay(phone: Phone, web: Web) -> None:
    """Time hurries to a limit that was asked for, and no longer once the member has left."""
    ann = enters(phone, web, ANN, f"{STAY} timeLimit='5000'")
    phone.control("POST", f"calls/{ann}/hangup")
    assert phone.run(limit=100)["now"] < 1
    bob = enters(phone, web, BOB, f"{STAY} timeLimit='60'")
    phone.run()
    assert "leaves the conference support-1: time limit" in of(phone, bob, "conference")


@pytest.mark.parametrize("value", ["ends-room", "member-leaves"])
def test_the_time_limit(phone: Phone, web: Web, value: str) -> None:
    phone.switch(conference_time_limit=value)
    ann, bob = enters(phone, web, ANN, f"{STAY} timeLimit='60'"), enters(phone, web, BOB)
    phone.advance(59)
    assert inside(phone) == {ann, bob}
    phone.advance(1)
    assert "leaves the conference support-1: time limit" in of(phone, ann, "conference")
    assert inside(phone) == (set() if value == "ends-room" else {bob})
    if value == "member-leaves" or not on_vobiz(phone):
        goes_on(phone, web, ann)
    else:
        assert phone.ended(ann) == phone.ended(bob) == (4000, "Callee")


def test_a_limit_nobody_asked_for_is_not_hurried_to(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN)
    assert phone.run(limit=1e6)["idle"]
    assert inside(phone) == {ann}
    phone.switch(conference_end="continues")
    phone.advance(14400)  # on both platforms a call ends by then; on Vobiz the conference too
    phone.run()
    assert not inside(phone)
    assert phone.ended(ann)[0] in (6000, 4010)


def test_the_time_limit_of_the_call(phone: Phone, web: Web) -> None:
    web.xml("/events", "")
    url = web.xml("/in", f"<Conference {STAY} callbackUrl='{{web}}/events'>support-1</Conference>")
    uuid = phone.place(url, time_limit=30)
    bob = enters(phone, web, BOB)
    phone.run()
    phone.advance(60)
    assert phone.ended(uuid)[0] == 6000
    assert events(web)[-1] == ("exit", uuid)
    assert inside(phone) == {bob}


# -- alone


def lone(phone: Phone, web: Web, attributes: str) -> str:
    uuid = enters(phone, web, ANN, attributes)
    phone.advance(0)
    return uuid


def test_the_platforms_defaults_of_stay_alone_differ(phone: Phone, web: Web) -> None:
    ann = lone(phone, web, "")
    assert inside(phone) == (set() if on_vobiz(phone) else {ann})
    assert [action for action, _ in events(web)] == ["enter", "exit"][: 2 if on_vobiz(phone) else 1]
    if on_vobiz(phone):
        assert phone.ended(ann) == (4000, "Callee")
        assert "leaves the conference support-1: may not stay alone" in of(phone, ann, "conference")


@pytest.mark.parametrize("end", ["continues", "hung-up"])
@pytest.mark.parametrize(
    ("value", "stays", "waits"),
    [("at-once", False, False), ("unless-waiting", False, True), ("after-others", True, True)],
)
def test_who_may_not_stay_alone(phone: Phone, web: Web, end: str, value: str, stays: bool, waits: bool) -> None:
    assert phone.control("GET", "switches")["lone_member"] == "at-once"
    phone.switch(lone_member=value, conference_end=end)
    ann = lone(phone, web, "stayAlone='false'")
    assert bool(inside(phone)) is stays
    if not stays and end == "continues":
        goes_on(phone, web, ann)
    elif not stays:
        assert phone.ended(ann) == (4000, "Callee")
    if stays:
        phone.control("POST", f"calls/{ann}/hangup")
    waiting = lone(phone, web, "stayAlone='false' startConferenceOnEnter='false'")
    assert inside(phone) == ({waiting} if waits else set())


@pytest.mark.parametrize("value", ["at-once", "unless-waiting", "after-others"])
def test_left_alone(phone: Phone, web: Web, value: str) -> None:
    phone.switch(lone_member=value, conference_end="hung-up")
    ann = enters(phone, web, ANN, STAY)
    bob = enters(phone, web, BOB, "stayAlone='false'")
    assert inside(phone) == {ann, bob}
    phone.control("POST", f"calls/{ann}/hangup")
    assert phone.ended(bob) == (4000, "Callee")
    assert not rooms(phone)


@pytest.mark.parametrize(("value", "waits"), [("at-once", False), ("unless-waiting", True), ("after-others", False)])
def test_left_alone_while_waiting(phone: Phone, web: Web, value: str, waits: bool) -> None:
    phone.switch(lone_member=value)
    ann = enters(phone, web, ANN, f"{STAY} startConferenceOnEnter='false'")
    bob = enters(phone, web, BOB, "stayAlone='false' startConferenceOnEnter='false'")
    phone.control("POST", f"calls/{ann}/hangup")
    assert inside(phone) == ({bob} if waits else set())


# -- cleaning up


@pytest.mark.parametrize("who", [ANN, BOB, CAT])
@pytest.mark.parametrize("instant", [0, 2.5, 10, 12, 15, 25])
@pytest.mark.parametrize("how", ["hang-up", "transfer"])
def test_leaving_at_any_instant_leaves_nothing_behind(
    phone: Phone, web: Web, who: str, instant: float, how: str
) -> None:
    phone.switch(lone_member="unless-waiting")
    music = web.xml("/music", "<Speak>Please hold</Speak><Wait length='3'/>")
    sounds = f"waitSound='{music}' exitSound='{music}' enterSound='{music}' record='true' timeLimit='25'"
    plan = {
        ANN: ("startConferenceOnEnter='false' endConferenceOnExit='true'", 20),
        BOB: ("startConferenceOnEnter='false' stayAlone='true' hangupOnStar='true'", 15),
        CAT: ("hangupOnStar='true'", 10),
    }
    uuids = {}
    for number, (attributes, at) in plan.items():
        phone.number(number, keys=[[at, "*"]])
        uuids[number] = enters(phone, web, number, f"{sounds} {attributes}")
    assert inside(phone) == set(uuids.values())
    phone.advance(instant)
    leg = uuids[who]
    if phone.leg(leg)["state"] == "in-progress":
        if how == "hang-up":
            phone.control("POST", f"calls/{leg}/hangup")
        else:
            phone.transfer(leg, aleg_url=web.xml("/away", "<Wait length='2'/>"))
            phone.advance(0)
    assert leg not in inside(phone)
    if who == ANN:
        assert not inside(phone)
    phone.run()
    phone.advance(3600)
    assert not inside(phone)
    assert not rooms(phone)
    assert {phone.leg(uuid)["state"] for uuid in uuids.values()} == {"completed"}
    for uuid in uuids.values():
        story = [(entry["kind"], entry["text"]) for entry in phone.entries() if entry["call_uuid"] == uuid]
        moves = [text.split()[0] for kind, text in story if kind == "conference"]
        assert moves.count("enters") == moves.count("leaves") == 1
        left = next(index for index, (_, text) in enumerate(story) if text.startswith("leaves"))
        assert ("hear", 'hears "Please hold"') not in story[left:]
        assert events(web).count(("enter", uuid)) == events(web).count(("exit", uuid)) == 1
