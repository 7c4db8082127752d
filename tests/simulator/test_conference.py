"""Conference: entering, waiting, talking, and every way of leaving, on both platforms and at every switch."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.wrappers import Response

from .conftest import AGENT, CALLER, LINE, Phone, Web

ANN, BOB, CAT = "+14155550131", "+14155550132", "+14155550133"
STAY = "stayAlone='true'"


def enters(
    phone: Phone, web: Web, number: str, attributes: str = STAY, *, name: str = "support-1", after: str = ""
) -> str:
    """Somebody calls in, and is led into the room. Its events go to /events, its action is /left."""
    web.xml("/left", "<Speak>You have left.</Speak>")
    web.xml("/events", "")
    where = "callbackUrl='{web}/events' action='{web}/left'"
    document = f"<Conference {where} {attributes}>{name}</Conference><Speak>Next.</Speak>{after}"
    return phone.call(web.xml(f"/in/{number}", document), **{"from": number})


def events(web: Web) -> list[tuple[str, str]]:
    return [(each.params["ConferenceAction"], each.params["CallUUID"]) for each in web.at("/events")]


def of(phone: Phone, uuid: str, *kinds: str) -> list[str]:
    return [entry["text"] for entry in phone.entries(*kinds) if entry["call_uuid"] == uuid]


def inside(phone: Phone) -> set[str]:
    legs = [leg for call in phone.control("GET", "calls") for leg in call["legs"]]
    return {leg["call_uuid"] for leg in legs if leg["conference"]}


def rooms(phone: Phone) -> list[str]:
    return list(phone.simulator.platform.rooms._rooms)


def on_vobiz(phone: Phone) -> bool:
    return phone.simulator.provider == "vobiz"


# -- entering and talking


def test_two_people_meet(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN)
    assert of(phone, ann, "conference") == [
        "enters the conference support-1, first member", "is alone in the conference support-1",
    ]  # fmt: skip
    bob = enters(phone, web, BOB, name="\n   support-1  ")
    assert of(phone, bob, "conference") == ["enters the conference support-1"]
    assert of(phone, ann, "connect") == [f"is in conference support-1 with {BOB}"]
    assert of(phone, bob, "connect") == [f"is in conference support-1 with {ANN}"]
    assert phone.leg(ann)["conference"] == phone.leg(bob)["conference"] == "support-1"


def test_names_are_case_sensitive(phone: Phone, web: Web) -> None:
    first, second = enters(phone, web, ANN), enters(phone, web, BOB, name="Support-1")
    assert not phone.texts("connect")
    assert (phone.leg(first)["conference"], phone.leg(second)["conference"]) == ("support-1", "Support-1")


def test_a_third_meets_both(phone: Phone, web: Web) -> None:
    ann, _, cat = [enters(phone, web, number) for number in (ANN, BOB, CAT)]
    assert of(phone, cat, "connect") == [f"is in conference support-1 with {ANN}, {BOB}"]
    assert of(phone, ann, "connect")[-1] == f"is in conference support-1 with {BOB}, {CAT}"


def test_the_events_of_a_stay(phone: Phone, web: Web) -> None:
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB)
    phone.control("POST", f"calls/{ann}/hangup")
    phone.control("POST", f"calls/{bob}/hangup")
    assert events(web) == [("enter", ann), ("enter", bob), ("exit", ann), ("exit", bob)]
    first, second, left, last = [each.params for each in web.at("/events")]
    assert {each["Event"] for each in (first, second)} == {"ConferenceEnter"}
    assert {each["Event"] for each in (left, last)} == {"ConferenceExit"}
    assert (first["ConferenceFirstMember"], second["ConferenceFirstMember"]) == ("true", "false")
    assert (left["ConferenceLastMember"], last["ConferenceLastMember"]) == ("false", "true")
    assert len({each["ConferenceUUID"] for each in (first, second, left, last)}) == 1
    assert first["ConferenceMemberID"] == left["ConferenceMemberID"] != second["ConferenceMemberID"]
    assert (first["From"], first["To"]) == (ANN.lstrip("+"), LINE.lstrip("+"))
    assert (first["Direction"], first["CallStatus"]) == ("inbound", "in-progress")
    call = {"From", "To", "Direction", "CallStatus"}
    assert call & set(left) == (set() if on_vobiz(phone) else call)
    if on_vobiz(phone):
        assert set(left) == {
            "Event", "ConferenceAction", "ConferenceUUID", "ConferenceName", "ConferenceMemberID",
            "ConferenceLastMember", "CallUUID",
        }  # fmt: skip
    assert not web.at("/left")


def test_a_room_that_was_empty_is_another_conference(phone: Phone, web: Web) -> None:
    phone.control("POST", f"calls/{enters(phone, web, ANN)}/hangup")
    enters(phone, web, BOB)
    first, _, second = [each.params for each in web.at("/events")]
    assert first["ConferenceUUID"] != second["ConferenceUUID"]
    assert second["ConferenceFirstMember"] == "true"


def test_what_is_said_is_heard_by_the_others(phone: Phone, web: Web) -> None:
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB)
    muted = enters(phone, web, CAT, f"{STAY} muted='true'")
    assert of(phone, muted, "conference") == ["enters the conference support-1, muted"]
    phone.control("POST", f"calls/{ann}/say", {"speech": "hello"})
    phone.control("POST", f"calls/{muted}/say", {"speech": "unheard"})
    assert of(phone, bob, "hear") == of(phone, muted, "hear") == [f'hears "hello" said by {ANN}']
    assert not of(phone, ann, "hear")
    assert of(phone, muted, "note") == ["is muted: nobody hears it"]


@pytest.mark.parametrize("relay", ["true", "false", None])
def test_keys_are_relayed_or_not(phone: Phone, web: Web, relay: str | None) -> None:
    ann = enters(phone, web, ANN, STAY + (f" relayDTMF='{relay}'" if relay else ""))
    bob = enters(phone, web, BOB)
    phone.control("POST", f"calls/{ann}/press", {"digits": "5"})
    relayed = not on_vobiz(phone) if relay is None else relay == "true"
    assert of(phone, bob, "hear") == ([f"hears the tone 5 of {ANN}"] if relayed else [])


def test_a_pattern_of_keys_is_reported(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN, f"{STAY} digitsMatch='12, 99'")
    phone.control("POST", f"calls/{ann}/press", {"digits": "31999"})
    assert [action for action, _ in events(web)] == ["enter", "digits"]
    params = web.at("/events")[-1].params
    assert (params["Event"], params["ConferenceDigitsMatch"]) == ("ConferenceDigitsMatch", "99")
    assert params["ConferenceName"] == "support-1"


def test_who_speaks_has_the_floor(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN, f"{STAY} floorEvent='true'")
    phone.control("POST", f"calls/{ann}/say", {"speech": "to nobody"})
    bob = enters(phone, web, BOB)
    for _ in range(2):
        phone.control("POST", f"calls/{ann}/say", {"speech": "hello"})
    phone.control("POST", f"calls/{bob}/say", {"speech": "hello"})
    assert phone.texts("conference").count("has the floor in the conference support-1") == 1
    assert [uuid for action, uuid in events(web) if action == "floor"] == ([] if on_vobiz(phone) else [ann])


def test_beeps_and_sounds_for_all(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN, f"{STAY} enterSound='beep:1'")
    sound = web.xml("/gone", "<Speak>Bye</Speak><Dial callerId='1'><Number>1</Number></Dial>")
    bob = enters(phone, web, BOB, f"{STAY} enterSound='beep:2' exitSound='{sound}'")
    assert of(phone, ann, "hear") == ["hears one beep", "hears two beeps"]
    assert of(phone, bob, "hear") == ["hears two beeps"]
    phone.control("POST", f"calls/{bob}/hangup")
    assert of(phone, ann, "hear")[2:] == ['hears "Bye"']
    assert web.one("/gone").params["ConferenceAction"] == "exitSound"
    assert any("Dial is passed over" in text for text in phone.texts("pass"))


def test_a_recording(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN, f"{STAY} record='true' recordFileFormat='wav' hangupOnStar='true'")
    phone.advance(30)
    phone.control("POST", f"calls/{ann}/press", {"digits": "*"})
    if on_vobiz(phone):
        assert "record writes no file of a conference" in of(phone, ann, "note")
        assert [action for action, _ in events(web)] == ["enter", "exit"]
        assert not any("RecordUrl" in each.params for each in web.at("/events"))
        return
    assert [action for action, _ in events(web)] == ["record", "enter", "record", "exit"]
    begun, _, done, left = [each.params for each in web.at("/events")]
    assert (begun["RecordingDuration"], done["RecordingDuration"]) == ("-1", "30")
    assert int(done["RecordingEndMs"]) - int(done["RecordingStartMs"]) == int(done["RecordingDurationMs"]) == 30000
    assert begun["RecordUrl"] == left["RecordUrl"] == web.one("/left").params["RecordUrl"]
    assert begun["RecordUrl"].endswith(f"/{begun['RecordingID']}.wav")


# -- waiting


def test_waiting_for_a_moderator(phone: Phone, web: Web) -> None:
    music = web.xml("/music", "<Speak>Please wait</Speak><Play>https://e.com/a.mp3</Play><Wait length='5'/><Hangup/>")
    wait = f"{STAY} startConferenceOnEnter='false' waitSound='{music}'"
    ann = enters(phone, web, ANN, wait)
    phone.run()
    assert of(phone, ann, "conference")[-1] == "waits for somebody to start the conference support-1"
    played = [] if on_vobiz(phone) else ["hears audio https://e.com/a.mp3"]
    heard = ['hears "Please wait"', *played, "hears nothing for 5 s", "hears the waitSound again, over and over"]
    assert of(phone, ann, "hear", "wait") == heard
    assert len(phone.texts("pass")) == (2 if on_vobiz(phone) else 1)
    asked = web.one("/music")
    assert asked.method == "POST"
    params = asked.params
    assert (params["ConferenceAction"], params["Event"]) == ("waitSound", "ConferenceRemoteSounds")
    assert (params["ConferenceUUID"], params["ConferenceMemberID"]) == ("", "")
    assert (params["ConferenceName"], params["CallUUID"], params["CallStatus"]) == ("support-1", ann, "in-progress")
    assert {"From", "To", "Direction"} <= set(params)

    bob = enters(phone, web, BOB, wait)
    phone.control("POST", f"calls/{bob}/say", {"speech": "anybody?"})
    assert not phone.texts("connect")
    assert of(phone, ann, "hear", "wait") == heard  # nobody hears anybody before it starts
    enters(phone, web, CAT)
    assert of(phone, ann, "connect") == [f"is in conference support-1 with {BOB}, {CAT}"]
    assert of(phone, bob, "connect") == [f"is in conference support-1 with {ANN}, {CAT}"]
    phone.advance(100)
    assert not of(phone, bob, "hear")[1:]  # the music has stopped in the middle
    assert 'stops hearing "Please wait" after 0.0 s' in of(phone, bob, "cut")


def test_a_lone_member_hears_the_wait_sound_until_somebody_comes_and_when_all_have_gone(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN, f"{STAY} waitSound='{web.xml('/music', '<Speak>Alone</Speak>')}'")
    phone.run()
    bob = enters(phone, web, BOB)
    phone.advance(60)
    phone.control("POST", f"calls/{bob}/hangup")
    phone.run()
    heard = ['hears "Alone"', "hears the waitSound again, over and over"]
    assert of(phone, ann, "hear") == heard * 2
    assert of(phone, ann, "conference").count("is alone in the conference support-1") == 2
    web.one("/music")


def test_who_joins_a_conversation_needs_no_wait_sound(phone: Phone, web: Web) -> None:
    enters(phone, web, ANN)
    bob = enters(phone, web, BOB, f"{STAY} waitSound='{web.xml('/music', '<Speak>Alone</Speak>')}'")
    phone.run()
    assert len(web.at("/music")) == (1 if on_vobiz(phone) else 0)  # Vobiz fetches it even so
    assert not of(phone, bob, "hear")


@pytest.mark.parametrize(
    "page",
    [Response("broken", 500), "<Response><Speak>", "<Response/>", "<Response><Redirect>https://e.com</Redirect></Response>"],
    ids=["500", "not well-formed", "empty", "no sound"],
)  # fmt: skip
def test_a_wait_sound_that_fails_is_silence(phone: Phone, web: Web, page: Any) -> None:
    web.pages["/music"] = page
    ann = enters(phone, web, ANN, f"{STAY} startConferenceOnEnter='false' waitSound='{web.url}/music' waitMethod='GET'")
    phone.run()
    phone.advance(600)
    assert {each.method for each in web.at("/music")} == {"POST"}
    assert of(phone, ann, "wait") == ["hears nothing: the waitSound is silent"]
    assert inside(phone) == {ann}


def test_a_wait_sound_that_is_no_url(phone: Phone, web: Web) -> None:
    ann = enters(phone, web, ANN, f"{STAY} waitSound='music.mp3'")
    phone.run()
    assert of(phone, ann, "wait") == ["hears nothing: the waitSound is silent"]
    assert inside(phone) == {ann}


def test_a_wait_sound_fetched_slowly_loses_no_key(phone: Phone, web: Web) -> None:
    """The platform waits in vain for a web application while the member goes on with the call."""
    wait = "startConferenceOnEnter='false' waitSound='http://127.0.0.1:9/music' hangupOnStar='true'"
    ann = enters(phone, web, ANN, f"{STAY} {wait}")
    phone.control("POST", f"calls/{ann}/press", {"digits": "*"})
    assert of(phone, ann, "conference")[-1] == "leaves the conference support-1: pressed *"
    phone.run()
    assert phone.ended(ann)[0] == 4010


# -- full


@pytest.mark.parametrize("value", ["next-element", "hung-up"])
def test_one_too_many(phone: Phone, web: Web, value: str) -> None:
    phone.switch(conference_full=value)
    people = {enters(phone, web, f"+141555501{number:02}") for number in range(20)}
    late = enters(phone, web, AGENT, f"{STAY} maxMembers='200'")
    assert inside(phone) == people
    assert of(phone, late, "conference") == ["cannot enter the conference support-1: it is full"]
    phone.run()
    assert of(phone, late, "hear") == (['hears "Next."'] if value == "next-element" else [])
    assert phone.ended(late)[0] == (4010 if value == "next-element" else 4000)
    assert late not in [uuid for _, uuid in events(web)]


def test_max_members(phone: Phone, web: Web) -> None:
    """Vobiz knows no maxMembers, and its maxParticipants has no effect."""
    ann, bob = enters(phone, web, ANN), enters(phone, web, BOB, f"{STAY} maxMembers='1' maxParticipants='1'")
    assert inside(phone) == ({ann, bob} if on_vobiz(phone) else {ann})


# -- from a Dial


def test_both_legs_of_a_dial_meet_in_a_room(phone: Phone, web: Web) -> None:
    dial = f"<Speak>Hi</Speak><Dial callerId='{LINE}' action='{{web}}/dialled'><Number>{AGENT}</Number></Dial>"
    a_leg = phone.call(web.xml("/answer", dial))
    phone.run()
    b_leg = phone.b_leg()
    room = web.xml("/room", f"<Conference {STAY} callbackUrl='{{web}}/events'>warm</Conference>")
    web.xml("/events", "")
    assert phone.transfer(a_leg, legs="both", aleg_url=room, bleg_url=room).status_code == 202
    phone.advance(0)
    assert of(phone, a_leg, "connect")[-1] == f"is in conference warm with {AGENT}"
    assert of(phone, b_leg, "connect")[-1] == f"is in conference warm with {CALLER}"
    assert events(web) == [("enter", a_leg), ("enter", b_leg)]
    phone.control("POST", f"calls/{a_leg}/hangup")
    assert inside(phone) == {b_leg}
    assert not web.at("/dialled")


def test_the_same_seed_tells_the_same_story(start: Any, web: Web) -> None:
    def story(seed: int) -> str:
        phone = start("plivo", seed=seed)
        web.received.clear()
        ann = enters(phone, web, ANN, f"{STAY} record='true'")
        enters(phone, web, BOB)
        phone.control("POST", f"calls/{ann}/hangup")
        return f"{phone.transcript()}{[each.params for each in web.at('/events')]}"

    assert story(1) == story(1) != story(2)


@pytest.mark.parametrize("attribute", ["muted", "stayAlone", "endConferenceOnExit", "maxMembers", "timeLimit"])
def test_a_value_of_the_wrong_kind_is_refused_or_ignored(phone: Phone, web: Web, attribute: str) -> None:
    refused = enters(phone, web, ANN, f"{attribute}='perhaps'")
    phone.run()
    assert phone.ended(refused)[0] == 8011
    phone.switch(bad_value="default", lone_member="after-others")
    ignored = enters(phone, web, BOB, f"{attribute}='perhaps'")
    assert inside(phone) == {ignored}
