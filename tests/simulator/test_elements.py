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


def test_other_elements_are_noted_and_passed_over(phone: Phone, web: Web) -> None:
    lines = heard(
        phone,
        web,
        "<Record recordSession='true'/><Conference>room</Conference><DTMF>12w</DTMF>"
        "<Stream>wss://e.com/ws</Stream><PreAnswer><Speak>early</Speak></PreAnswer><Speak>End</Speak>",
    )
    passed = [text for _, text in lines[:-1]]
    assert passed == [
        f"{name} is passed over: not simulated" for name in ("Record", "Conference", "DTMF", "Stream", "PreAnswer")
    ]


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


def test_the_executed_elements_are_words_of_the_platform(phone: Phone) -> None:
    """Both ways: no executor without an element, and everything else is noted as passed over."""
    from callflows.simulator.dialects import DIALECTS
    from callflows.simulator.execution.flow import VERBS

    words = {name for dialect in DIALECTS.values() for name in dialect.vocabulary["Response"]}
    assert set(VERBS) <= words
    assert words - set(VERBS) == {
        "Record", "Conference", "Stream", "PreAnswer", "DTMF", "Message", "MultiPartyCall",
    }  # fmt: skip
