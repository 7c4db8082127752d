"""What a caller hears and for how long; how documents start, lead on and end."""

from __future__ import annotations

import pytest

from .conftest import CALLER, LINE, Phone, Web


def heard(phone: Phone, web: Web, inside: str) -> list[tuple[float, str]]:
    phone.call(web.xml("/answer", inside))
    phone.run()
    return [(entry["at"], entry["text"]) for entry in phone.entries("hear", "wait", "pass")]


def test_speaking_takes_its_time(phone: Phone, web: Web) -> None:
    lines = heard(
        phone,
        web,
        "<Speak>One two three four five.</Speak><Speak loop='3'>Short.</Speak><Play>https://e.com/a.mp3</Play>"
        "<Wait length='4'/><Speak>End</Speak>",
    )
    assert lines == [
        (0.0, 'hears "One two three four five."'),
        (2.0, 'hears "Short." 3 times'),
        (5.0, "hears audio https://e.com/a.mp3"),
        (15.0, "hears nothing for 4 s"),
        (19.0, 'hears "End"'),
    ]


def test_ssml_is_read_as_it_sounds(phone: Phone, web: Web) -> None:
    ssml = (
        "<Speak voice='Polly.Joanna'>Call <sub alias='World Wide Web'>WWW</sub> <emphasis>now</emphasis>"
        "<break time='3s'/><prosody rate='slow'> please</prosody></Speak><Speak>End</Speak>"
    )
    assert heard(phone, web, ssml) == [(0.0, 'hears "Call World Wide Web now please"'), (5.4, 'hears "End"')]


def test_a_loop_of_zero_goes_on_until_the_call_ends(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Play loop='0'>https://e.com/hold.mp3</Play><Speak>Never</Speak>"))
    phone.run()
    phone.advance(1000)
    assert phone.texts("hear") == ["hears audio https://e.com/hold.mp3 over and over"]
    phone.control("POST", f"calls/{uuid}/hangup")
    assert phone.ended(uuid) == (4000, "Caller")


def test_elements_that_are_not_simulated_are_noted_and_passed(plivo: Phone, web: Web) -> None:
    lines = heard(
        plivo, web, "<Message src='1' dst='2'>Hi</Message><MultiPartyCall>a</MultiPartyCall><Speak>End</Speak>"
    )
    assert [(at, text.partition(":")[0]) for at, text in lines] == [
        (0.0, "Message is passed over"),
        (0.0, "MultiPartyCall is passed over"),
        (0.0, 'hears "End"'),
    ]


def test_a_misspelt_attribute_is_told_of(phone: Phone, web: Web) -> None:
    heard(phone, web, "<Play lop='3'>https://e.com/a.mp3</Play>")
    assert phone.texts("note") == ["Play has no attribute lop: it is ignored"]
    assert phone.texts("hear") == ["hears audio https://e.com/a.mp3"]


def test_what_is_cut_short_is_told_with_its_time(phone: Phone, web: Web) -> None:
    """By a transfer, by a hang-up, and what ends by itself is not."""
    uuid = phone.call(web.xml("/answer", "<Speak>Hi</Speak><Play loop='0'>https://e.com/hold.mp3</Play>"))
    phone.advance(3.5)
    phone.transfer(uuid, aleg_url=web.xml("/away", "<Wait length='60'/>"))
    phone.advance(20)
    phone.control("POST", f"calls/{uuid}/hangup")
    assert [(entry["at"], entry["text"]) for entry in phone.entries("hear", "wait", "cut", "hangup")] == [
        (0.0, 'hears "Hi"'),
        (1.0, "hears audio https://e.com/hold.mp3 over and over"),
        (3.5, "stops hearing audio https://e.com/hold.mp3 after 2.5 s"),
        (3.5, "hears nothing for 60 s"),
        (23.5, "stops waiting after 20.0 s"),
        (23.5, "hung up: Normal Hangup (4000, Caller)"),
    ]


@pytest.mark.parametrize(
    ("attributes", "said", "until"),
    [
        ("length='10' silence='true' minSilence='3000'", [], 4.0),
        ("length='10' silence='true'", [], 3.0),
        # ten words take four seconds: silent from 6.0 on
        ("length='10' silence='true' minSilence='3000'", [[2, "a b c d e f g h i j"]], 9.0),
        ("length='6' silence='true' minSilence='3000'", [[2, "a b c d e f g h i j"]], 7.0),  # length is the longest
        ("length='4' silence='true' minSilence='9000'", [], 5.0),
        ("length='4' silence='false' minSilence='1000'", [], 5.0),
        ("length='4'", [[2, "hello"]], 5.0),
        ("length='4' beep='true'", [], 5.0),
    ],
)
def test_waiting(phone: Phone, web: Web, attributes: str, said: list[list[object]], until: float) -> None:
    phone.number(CALLER, says=said)
    lines = heard(phone, web, f"<Speak>Hi</Speak><Wait {attributes}/><Speak>End</Speak>")
    assert lines[-1] == (until, 'hears "End"')
    assert ("waits for a beep that never comes: no answering machine is simulated" in phone.texts("note")) is (
        "beep" in attributes
    )


def test_tones_are_heard(phone: Phone, web: Web) -> None:
    lines = heard(phone, web, "<DTMF async='false'>1w2W</DTMF><DTMF>99</DTMF><Speak>End</Speak>")
    assert lines == [(0.0, "hears the tones 1w2W for 2 s"), (2.0, "hears the tones 99 for 0.5 s"), (2.0, 'hears "End"')]


def test_tones_that_are_none_are_not_sent(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<DTMF async='false'>12x</DTMF><Speak>End</Speak>"))
    phone.run()
    assert phone.texts("hear") == ['hears "End"']
    assert phone.ended(uuid)[0] == 4010


def test_what_is_heard_before_the_answer(phone: Phone, web: Web) -> None:
    early = "<Speak>One moment.</Speak><Wait length='2'/><Play>https://e.com/a.mp3</Play>"
    uuid = phone.call(web.xml("/answer", f"<PreAnswer>{early}</PreAnswer><Speak>Hello</Speak>"))
    phone.advance(12)
    assert phone.leg(uuid)["state"] == "ringing"
    phone.run()
    assert [(entry["at"], entry["text"]) for entry in phone.entries("hear", "wait", "answer")] == [
        (0.0, 'hears "One moment."'),
        (1.0, "hears nothing for 2 s"),
        (3.0, "hears audio https://e.com/a.mp3"),
        (13.0, "is answered"),
        (13.0, 'hears "Hello"'),
    ]


def test_a_call_may_be_refused_after_early_media(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<PreAnswer><Speak>Closed.</Speak></PreAnswer><Hangup reason='busy'/>"))
    phone.run()
    assert phone.ended(uuid) == (3010, "Answer XML")


def test_early_media_ends_after_half_a_minute(phone: Phone, web: Web) -> None:
    lines = heard(phone, web, "<PreAnswer><Play loop='9'>https://e.com/a</Play></PreAnswer><Speak>Hello</Speak>")
    assert lines[-1] == (30.0, 'hears "Hello"')
    assert phone.texts("cut") == ["stops hearing audio https://e.com/a after 30.0 s"]


def test_early_media_of_an_answered_call_is_just_played(phone: Phone, web: Web) -> None:
    document = "<Speak>Hi</Speak><PreAnswer><Play loop='4'>https://e.com/a</Play></PreAnswer><Speak>End</Speak>"
    assert heard(phone, web, document)[-1] == (41.0, 'hears "End"')


def test_what_plivos_sdks_allow_before_the_answer(plivo: Phone, web: Web) -> None:
    web.xml("/given", "<Speak>Welcome</Speak>")
    digits = "<GetDigits action='{web}/given' numDigits='2'><Speak>Your code?</Speak></GetDigits>"
    early = f"<Message src='1' dst='2'>Hi</Message><DTMF>1</DTMF>{digits}<Redirect>{{web}}/given</Redirect>"
    uuid = plivo.call(web.xml("/answer", f"<PreAnswer>{early}</PreAnswer><Speak>No</Speak>"))
    plivo.advance(2)
    plivo.control("POST", f"calls/{uuid}/press", {"digits": "42"})
    assert (web.one("/given").params["Digits"], web.one("/given").params["CallStatus"]) == ("42", "ringing")
    plivo.run()
    silent = plivo.call(f"{web.url}/answer")
    plivo.run()
    assert web.at("/given")[-1].params["CallUUID"] == silent
    assert "Digits" not in web.at("/given")[-1].params  # nothing was pressed: the Redirect leads on


def test_redirect_leads_on_and_the_rest_is_dropped(phone: Phone, web: Web) -> None:
    web.xml("/next", "<Speak>Next</Speak>")
    lines = heard(phone, web, "<Speak>First</Speak><Redirect method='GET'> {web}/next?a=1 </Redirect><Speak>No</Speak>")
    assert [text for _, text in lines] == ['hears "First"', 'hears "Next"']
    received = web.one("/next")
    assert (received.method, received.params["Event"], received.params["a"]) == ("GET", "Redirect", "1")


def test_the_call_ends_when_the_document_does(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Speak>Hello</Speak>"))
    phone.run()
    assert phone.ended(uuid) == (4010, phone.simulator.dialect.title)
    empty = phone.call(web.xml("/empty", ""))
    assert phone.ended(empty)[0] == 4010


@pytest.mark.parametrize(
    ("inside", "code", "source"),
    [
        ("<Speak>Hi</Speak><Hangup/><Speak>No</Speak>", 4000, "Answer XML"),
        ("<Hangup/>", 3020, "Answer XML"),
        ("<Hangup reason='rejected'/>", 3020, "Answer XML"),
        ("<Hangup reason='busy'/>", 3010, "Answer XML"),
        ("<Wait length='3'/><Hangup reason='busy'/>", 3010, "Answer XML"),
    ],
)
def test_hanging_up(phone: Phone, web: Web, inside: str, code: int, source: str) -> None:
    uuid = phone.call(web.xml("/answer", inside))
    phone.run()
    assert phone.ended(uuid) == (code, source)


def test_a_scheduled_hangup(phone: Phone, web: Web) -> None:
    uuid = phone.call(
        web.xml("/answer", "<Hangup schedule='25'/><Speak>Hi</Speak><Play loop='9'>https://e.com/a</Play>")
    )
    phone.run()
    assert phone.ended(uuid)[0] == 6000
    assert phone.control("GET", "clock")["now"] == 25.0
    nothing_after = phone.call(web.xml("/other", "<Speak>Hi</Speak><Hangup schedule='25'/>"))
    phone.run()
    assert phone.ended(nothing_after) == (4000, "Answer XML")


def test_a_document_that_redirects_to_itself_is_cut(phone: Phone, web: Web) -> None:
    uuid = phone.call(web.xml("/answer", "<Redirect>{web}/answer</Redirect>"))
    assert phone.ended(uuid) == (2060, "Error")
    assert "Loop Detected" in phone.transcript()
    assert len(web.at("/answer")) <= 201  # and, on Vobiz, the hang-up
    waiting = phone.call(web.xml("/hold", "<Wait length='1'/><Redirect>{web}/hold</Redirect>"))
    phone.run(400)
    assert phone.leg(waiting)["hangup"] is None  # time passes: no loop


def test_a_call_is_limited(phone: Phone, web: Web) -> None:
    uuid = phone.place(web.xml("/answer", "<Play loop='0'>https://e.com/a</Play>"), time_limit=60)
    phone.advance(62)
    assert phone.leg(uuid)["hangup"] is None
    phone.advance(2)
    assert phone.ended(uuid)[0] == 6000


@pytest.mark.parametrize(
    ("behaviour", "code", "status"),
    [
        ({"behaviour": "busy"}, 3010, "busy"),
        ({"behaviour": "reject"}, 3020, "failed"),
        ({"behaviour": "no-answer"}, 6010, "no-answer"),
        ({"behaviour": "no-answer", "gives_up_after": 20}, 3000, "no-answer"),
        ({"behaviour": "unreachable"}, 2000, "failed"),
        ({"behaviour": "answers", "after": 500}, 6010, "no-answer"),
    ],
)
def test_a_placed_call_nobody_answers(
    phone: Phone, web: Web, behaviour: dict[str, object], code: int, status: str
) -> None:
    phone.number(CALLER, **behaviour)
    uuid = phone.place(web.xml("/answer", "<Speak>Hi</Speak>"), hangup_url=web.xml("/hangup", ""))
    phone.run()
    assert phone.ended(uuid)[0] == code
    assert not web.at("/answer")
    params = web.one("/hangup").params
    assert (params["CallStatus"], params["HangupCauseCode"], params["Duration"]) == (status, str(code), "0")
    assert params["AnswerTime"] == ""


def test_who_hung_up(phone: Phone, web: Web) -> None:
    url = web.xml("/answer", "<Wait length='1'/><Play loop='0'>https://e.com/a</Play>")
    phone.number(CALLER, hangs_up_after=7)
    inbound = phone.call(url)
    outbound = phone.place(url)
    phone.run()
    assert phone.ended(inbound) == (4000, "Caller")
    assert phone.ended(outbound) == (4000, "Callee")
    gave_up = phone.call(web.xml("/ringing", "<Wait length='60'/><Speak>Hi</Speak>"), **{"from": LINE})
    phone.control("POST", f"calls/{gave_up}/hangup")
    assert phone.ended(gave_up) == (1000, "Caller")


def test_caller_name_forwarding_and_sip_headers(phone: Phone, web: Web) -> None:
    web.xml("/next", "")
    phone.call(
        web.xml("/answer", "<Speak>Hi</Speak><Redirect>{web}/next</Redirect>"),
        caller_name='Ann "<x>" & Co',
        forwarded_from="+14155550199",
        sip_headers={"Account": "42"},
    )
    phone.run()
    params = web.at("/answer")[0].params
    prefix = {"plivo": "X-PH-", "vobiz": "X-VH-"}[phone.simulator.provider]
    assert (params["CallerName"], params["ForwardedFrom"]) == ('Ann "<x>" & Co', "14155550199")
    assert params[f"{prefix}Account"] == "42"
    assert ("ForwardedFrom" in web.one("/next").params) is (phone.simulator.provider == "plivo")


def test_each_platform_has_its_own_words(phone: Phone, web: Web) -> None:
    own, foreign = {"plivo": ("GetDigits", "Gather"), "vobiz": ("Gather", "GetDigits")}[phone.simulator.provider]
    for name, code in [(own, 4010), (foreign, 8011)]:
        uuid = phone.call(web.xml("/answer", f"<{name}><Speak>Hi</Speak></{name}>"))
        phone.run()
        assert phone.ended(uuid)[0] == code
