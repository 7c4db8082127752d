"""What the grammar says of a mistake: one sentence for each, the names it knows, and what was probably meant."""

from __future__ import annotations

import pytest

from callflows.documents import DIALECTS, judge
from callflows.documents.schema import SimpleType, model
from callflows.models import Problem, Severity

SOCKET = "wss://a.example"


def grammar(inside: str, provider: str = "plivo", *allow: str) -> list[Problem]:
    found = judge(f"<Response>{inside}</Response>", provider, native=True, xml_allow=allow).problems
    return [problem for problem in found if problem.code.startswith("grammar.")]


@pytest.mark.parametrize(
    ("inside", "message", "hint"),
    [
        ("<Recrd/>", "unknown element Recrd in Response: Plivo has none", "did you mean Record?"),
        ("<conference>a</conference>", "unknown element conference in Response", "did you mean Conference?"),
        ("<MultipartyCall>a</MultipartyCall>", "unknown element MultipartyCall", "did you mean MultiPartyCall?"),
        ("<Streem>a</Streem>", "unknown element Streem in Response", "did you mean Stream?"),
        ("<mesage>a</mesage>", "unknown element mesage in Response", "did you mean Message?"),
        ("<Dial><number>+14155550123</number></Dial>", "unknown element number in Dial", "did you mean Number?"),
        ("<Record><Wait/></Record>", "Wait may not stand in Record", "Record contains nothing"),
        ("<DTMF><Wait/></DTMF>", "Wait may not stand in DTMF", "DTMF contains text only"),
        ("<PreAnswer><Record/></PreAnswer>", "Record may not stand in PreAnswer",
         "PreAnswer may contain Speak, Play, Wait"),
        ('<Dial callerid="1"><Number>+14155550123</Number></Dial>', "unknown attribute callerid on Dial",
         "did you mean callerId?"),
        ('<GetInput Action="https://a.example"/>', "unknown attribute Action on GetInput", "did you mean action?"),
        ('<MultiPartyCall rol="agent">a</MultiPartyCall>', "unknown attribute rol on MultiPartyCall",
         "did you mean role?"),
        ('<MultiPartyCall role="agent" relayDtmfInputs="true">a</MultiPartyCall>', "unknown attribute relayDtmfInputs",
         "did you mean relayDTMFInputs?"),
        ("<MultiPartyCall>a</MultiPartyCall>", "MultiPartyCall needs the attribute role", "Agent, Supervisor"),
        ('<Speak><lang lang="fr-FR">a</lang></Speak>', "unknown attribute lang on lang", "did you mean xml:lang?"),
        ('<Stream noise="true">wss://a.example</Stream>', "unknown attribute noise on Stream", "Stream takes "),
        ('<PreAnswer a="1"/>', "unknown attribute a on PreAnswer", "PreAnswer takes no attributes"),
        ('<Record fileFormat="MP3"/>', 'Record fileFormat is "MP3", and must be mp3 or wav', "did you mean mp3?"),
        ('<Record fileFormat="ogg"/>', "must be mp3 or wav", "allowed: mp3, wav"),
        ('<Record playBeep="True"/>', "must be true or false", "did you mean true?"),
        ('<Record finishOnKey="None"/>', "one or more keys", "did you mean none?"),
        ('<MultiPartyCall role="agnt">a</MultiPartyCall>', "Agent, Supervisor, Customer or ai-agent",
         "did you mean Agent?"),
        ('<MultiPartyCall role="agent" statusCallbackEvents="mpc-state-changes,participant-state-change">a'
         "</MultiPartyCall>", "a list of events", "did you mean participant-state-changes?"),
        ('<Conference enterSound="beep1">a</Conference>', "beep:1, beep:2", "did you mean beep:1?"),
        ('<Conference maxMembers="100">a</Conference>', "a whole number from 1 to 20",
         "leave it out for the default, 20, or write "),
        ("<Conference> </Conference>", "the text of Conference is empty, and must be a name", "write a name"),
        ("<DTMF>12a</DTMF>", 'the text of DTMF is "12a", and must be keys', "write keys"),
        ("<Stream>https://a.example</Stream>", "must be an absolute ws:// or wss:// URL", "write it as wss://host/path"),
        ('<Stream contentType="audio/mulaw">wss://a.example</Stream>', "must be an audio format",
         "allowed: audio/x-l16;rate=8000"),
        ('<Speak voice="woman">a</Speak>', "WOMAN, MAN or Polly.NAME", "did you mean WOMAN?"),
        ('<GetInput action="https://a.example" inputType="dtmf,speech"/>', "dtmf, speech or",
         "did you mean dtmf speech?"),
        ("<Dial>+14155550123</Dial>", "Dial contains the text", "Dial may contain Number, User"),
        ('<Foo a="1"><Bar/><Speak loop="x">a</Speak></Foo>', "unknown element Foo", "Response may contain Speak, Play"),
    ],
)  # fmt: skip
def test_one_sentence(inside: str, message: str, hint: str) -> None:
    problem, *more = grammar(inside)
    assert not more
    assert message.removesuffix(": Plivo has none") in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("inside", "hint"),
    [
        # What people bring along from elsewhere.
        ("<Play url='https://a.example/a.mp3'/>", "it is the text of the element: <Play>...</Play>"),
        ("<Redirect url='https://a.example'/>", "it is the text of the element"),
        ("<DTMF digits='1'/>", "it is the text of the element"),
        ("<Stream url='wss://a.example'/>", "it is the text of the element"),
        ("<GetInput action='https://a.example' timeout='5'/>", "did you mean executionTimeout?"),
        ("<GetDigits executionTimeout='5'/>", "did you mean timeout?"),
        ("<Conference maxParticipants='5'>a</Conference>", "did you mean maxMembers?"),
        # Values that only need what stands around them mended.
        ("<GetInput action='https://a.example' inputType='speech dtmf'/>", "did you mean dtmf speech?"),
        ("<Speak voice='Joanna'>a</Speak>", "did you mean Polly.Joanna?"),
        ("<Speak voice='Woman'>a</Speak>", "did you mean WOMAN?"),
        ("<Wait length='2s'/>", "did you mean 2?"),
        ("<Dial><Number>+1 415-555-0123</Number></Dial>", "did you mean +14155550123?"),
        ("<Dial><Number>415-555-0123</Number></Dial>", "write a phone number"),
        ("<Dial><User>a@a.example</User></Dial>", "did you mean sip:a@a.example?"),
        ("<Dial>+14155550123</Dial>", "put each number into a Number"),
        ("<Play>/a.mp3</Play>", "write the whole address, https://host/path"),
        ("<Play>https://a.example/a b.mp3</Play>", "write %20 for a space"),
    ],
)
def test_one_problem_that_says_what_to_write(inside: str, hint: str) -> None:
    (problem,) = grammar(inside)
    assert hint in problem.hint


def test_a_misspelt_attribute_that_is_let_pass_still_leaves_the_required_one_missing() -> None:
    found = grammar('<MultiPartyCall rol="agent">a</MultiPartyCall>', "plivo", "MultiPartyCall.rol")
    assert {problem.code for problem in found} == {"grammar.unknown-attribute", "grammar.missing-attribute"}


@pytest.mark.parametrize("element", ["maxParticipants", "timeLimit"])
def test_vobiz_conference(element: str) -> None:
    problem = grammar(f'<Conference {element}="0">a</Conference>', "vobiz")[0]
    assert "must be a whole number from 1" in problem.message


def test_vobiz_wait_method() -> None:
    assert "GET or POST" in grammar('<Conference waitMethod="post">a</Conference>', "vobiz")[0].message


OLD = {
    "Conference": "floorEvent redirect sendDigits recordWhenAlone transcriptionType transcriptionUrl "
    "transcriptionMethod maxMembers",
    "Record": "transcriptionReportType recordChannelType",
    "Number": "sendDigitsMode timeout sipHeaders",
}


def test_what_is_doubtful_on_vobiz() -> None:
    found = {name: set(doubts) for name, doubts in model("vobiz").doubtful.items()}
    assert found == {name: set(names.split()) for name, names in OLD.items()}
    assert {name: set(doubts) for name, doubts in model("vobiz").doubtful_children.items()} == {"Dial": {"Record"}}


def test_what_is_no_word_of_the_platforms() -> None:
    plivo, vobiz = model("plivo").elements, model("vobiz").elements
    assert {"MultiPartyCall", "Message", "AudioStream", "GetInput", "GetDigits"}.isdisjoint(vobiz)
    assert set(vobiz["Response"].children) == {
        *("Dial", "Speak", "Play", "Record", "Gather", "Hangup", "Redirect", "Wait", "Conference", "PreAnswer"),
        *("DTMF", "Stream"),
    }
    assert set(plivo["Response"].children) == {
        *("Speak", "Play", "GetDigits", "GetInput", "Record", "Dial", "Message", "Redirect", "Wait", "Hangup"),
        *("PreAnswer", "Conference", "DTMF", "MultiPartyCall", "Stream"),
    }
    left_out = [("Speak", "legs"), ("Dial", "machineDetection"), ("DTMF", "digits"), ("Wait", "min_silence")]
    assert all(attribute not in plivo[element].attributes for element, attribute in left_out)
    assert "Sip" not in plivo["Dial"].children


ELEMENTS = [(provider, name) for provider in DIALECTS for name in model(provider).elements]


def parents(provider: str, name: str) -> str:
    """A document with the element in a place of its own, with what it requires; `%s` is for another attribute."""
    elements = model(provider).elements
    shape = elements[name]

    def fitting(kind: SimpleType) -> str:
        tried = (*kind.words, "1", "a", "https://a.example", SOCKET, "+14155550123", "sip:a@a.example", "a=1", "")
        return next(value for value in tried if kind.accepts(value))

    required = "".join(
        f' {key.replace("{http://www.w3.org/XML/1998/namespace}", "xml:")}="{fitting(attribute.type)}"'
        for key, attribute in shape.attributes.items()
        if attribute.required
    )
    inside = fitting(shape.text) if shape.text else ""
    inside = "<Number>+14155550123</Number>" if name == "Dial" else inside
    document = f"<{name}{required} %s>{inside}</{name}>"
    while name != "Response":
        name = next(other for other in elements if name in elements[other].children)
        document = f"<{name}>{document}</{name}>"
    return document


@pytest.mark.parametrize(("provider", "name"), ELEMENTS)
def test_any_attribute_can_be_let_pass_on_any_element(provider: str, name: str) -> None:
    """CALLFLOWS_XML_ALLOW, the SSML tags included; one element's entry is no other's."""
    text = parents(provider, name) % 'newThing="1"'

    def found(*allow: str) -> list[tuple[str, str]]:
        problems = judge(text, provider, native=True, xml_allow=allow).problems
        return [(one.code, one.severity.value) for one in problems if one.code.startswith("grammar.")]

    if (provider, name) == ("plivo", "Response"):
        assert found("Response.newThing") == [("grammar.unknown-attribute", "warning")]
    assert found() == [("grammar.unknown-attribute", Severity.ERROR.value)]
    assert found(f"{name}.newThing") == [("grammar.unknown-attribute", Severity.WARNING.value)]
    assert found(f"{name}.newthing", "Foo.newThing") == [("grammar.unknown-attribute", Severity.ERROR.value)]
