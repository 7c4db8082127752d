"""Safe reading: every kind of odd input is a problem with its line, and nothing is fetched or expanded."""

from __future__ import annotations

import re

import pytest

from callflows.documents import DECLARATION, MAX_BYTES, judge, judge_bytes
from callflows.marks import LINK_CLOSE, LINK_OPEN

OK = "<Response>\n  <Speak>Hi</Speak>\n</Response>"
LINK = f"https://flows.example.com/flows/plivo/f/s?t={LINK_OPEN}0{LINK_CLOSE}#ct=2000&amp;rt=4000"


def codes(text: str | bytes, provider: str = "plivo") -> list[str]:
    found = judge(text, provider) if isinstance(text, str) else judge_bytes(text, provider)
    return [f"{problem.code}@{problem.line}" for problem in found.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "xml.empty@1"),
        (" \n\t", "xml.empty@1"),
        ("\ufeff", "xml.empty@1"),
        ('<?xml version="1.0"?>', "xml.empty@1"),
        ("hello", "xml.syntax@1"),
        ("<Response>\n<Speak>\x07</Speak></Response>", "xml.character@2"),
        ("<Response>\n<Speak>a\x00b</Speak></Response>", "xml.character@2"),
        ("<Response>\n\n<Speak>\ud800</Speak></Response>", "xml.character@3"),
        ("<Response>\n<Speak>\ufffe</Speak></Response>", "xml.character@2"),
        ("<Response>\n<Speak>&#7;</Speak></Response>", "xml.character@2"),
        ("\n\n<Response>\n<Speak>a & b</Speak></Response>", "xml.syntax@4"),
        ('\n<?xml version="1.0"?>\n\n<Response>\n<Speek/></Response>', "grammar.unknown-element@5"),
        ("<Response>\r\n<Speek/>\r\n</Response>", "grammar.unknown-element@2"),
        ("<Response><Speak>]]></Speak></Response>", "xml.syntax@1"),
        ("<Response/><!-- -- -->", "xml.syntax@1"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert codes(text) == [expected]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OK.encode("utf-16"), "xml.encoding@1"),
        (OK.encode("utf-16-le"), "xml.encoding@1"),
        (OK.encode("utf-32"), "xml.encoding@1"),
        (OK.replace("Hi", "Grüße").encode("latin-1"), "xml.encoding@2"),
        (('<?xml version="1.0" encoding="ISO-8859-1"?>' + OK).encode(), "xml.encoding@1"),
        (('\n<?xml version="1.0"?>' + OK).encode(), "xml.declaration@1"),
        (b"", "xml.empty@1"),
        (b"\xff\xff\xff", "xml.encoding@1"),
    ],
)
def test_bytes(data: bytes, expected: str) -> None:
    assert codes(data) == [expected]


@pytest.mark.parametrize(
    "declared", ["", DECLARATION, '<?xml version="1.0" encoding="utf-8"?>', "<?xml version='1.0'?>\r\n"]
)
def test_accepted_beginnings(declared: str) -> None:
    for bom in ("", "\ufeff"):
        assert judge(bom + declared + OK, "plivo").text == OK
        assert codes((bom + declared + OK).encode()) == []


def test_plivo_text_comes_back_as_it_was_given() -> None:
    odd = "<Response  >\n <!-- é -->\t<Speak  language='en-US' >A &#38; B<![CDATA[ & ]]></Speak ></Response>\n\n"
    verdict = judge(f"\n  {odd}", "plivo")
    assert (verdict.text, verdict.problems) == (odd, ())


def test_doctype_spoken_of_is_no_doctype() -> None:
    for text in ("<!-- no <!DOCTYPE here -->", "<Speak><![CDATA[<!DOCTYPE]]></Speak>"):
        assert codes(f"<Response>{text}</Response>") == []


def test_external_entity_is_not_read() -> None:
    text = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<Response><Speak>&x;</Speak></Response>'
    verdict = judge(text, "plivo")
    assert [problem.code for problem in verdict.problems] == ["xml.doctype"]
    assert "root:" not in verdict.text + str(verdict.problems)


def test_entity_bomb() -> None:
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE a [<!ENTITY a0 "x">{bomb}]>\n<Response><Speak>&a11;</Speak></Response>'
    assert codes(text) == ["xml.doctype@1"]


@pytest.mark.parametrize("provider", ["plivo", "vobiz"])
def test_size(provider: str) -> None:
    """100,000 bytes as served, declaration included: one more is too many."""
    frame = "<Response><Wait/><!--{}--></Response>"
    room = MAX_BYTES - len(DECLARATION) - len(frame.format(""))
    assert len(DECLARATION) == 39
    assert codes(frame.format("x" * room), provider) == []
    assert codes(frame.format("x" * (room + 1)), provider) == ["xml.too-large@1"]
    assert codes(frame.format("é" * (room // 2 + 1)), provider) == ["xml.too-large@1"]
    assert codes("<Response>" + "x" * 5_000_000, provider) == ["xml.too-large@1"]


def test_a_link_counts_as_its_token() -> None:
    redirect = f"<Redirect>{LINK}</Redirect>"
    frame = f"<Response><!--{{}}-->{redirect}</Response>"
    unsealed = len(frame.format("").encode())
    room = MAX_BYTES - len(DECLARATION) - unsealed - 1800 + len(f"{LINK_OPEN}0{LINK_CLOSE}".encode())
    assert judge(frame.format("x" * room), "plivo", public_url="https://flows.example.com").ok
    assert not judge(frame.format("x" * (room + 1)), "plivo", public_url="https://flows.example.com").ok


@pytest.mark.parametrize(
    "altered",
    [
        f"https://flows.example.com/f?t={LINK_OPEN}0",
        f"https://flows.example.com/f?t=0{LINK_CLOSE}",
        f"https://flows.example.com/f?t={LINK_OPEN}{LINK_CLOSE}",
        f"https://flows.example.com/f?t={LINK_OPEN}0x{LINK_CLOSE}",
        "https://flows.example.com/f?t=%EE%80%820%EE%80%83",
        "https://flows.example.com/f?t=%ee%80%820",
    ],
)
def test_an_altered_link_is_fatal(altered: str) -> None:
    verdict = judge(
        f"<Response>\n<Redirect>{altered}</Redirect></Response>", "plivo", public_url="https://flows.example.com"
    )
    assert [(problem.code, problem.line) for problem in verdict.problems] == [("rule.link-altered", 2)]
    assert verdict.blocked


def test_links_are_urls() -> None:
    for provider in ("plivo", "vobiz"):
        dial = f'<Dial action="{LINK}" callerId="+14155550123"><Number>+14155550123</Number></Dial>'
        text = f"<Response><Wait/>{dial}</Response>"
        verdict = judge_bytes(text.encode(), provider, public_url="https://flows.example.com")
        assert verdict.problems == ()
        assert LINK in verdict.text


def test_all_namespaces_at_once_and_the_rest_is_still_judged() -> None:
    text = '<a:Response xmlns:a="urn:a">\n<a:Speak xmlns="urn:b"\n xmlns:c="urn:c" voise="x">a</a:Speak></a:Response>'
    assert codes(text) == ["xml.namespace@1", "xml.namespace@2", "xml.namespace@3", "grammar.unknown-attribute@3"]


def test_line_after_many_lines() -> None:
    verdict = judge("<Response>" + "\n" * 70_000 + "<Speek/></Response>", "plivo")
    assert verdict.problems[0].line == 70_001


def test_messages_speak_plainly() -> None:
    problem = judge('<Response><Dial callerid="1"/></Response>', "plivo").problems[1]
    assert problem.message == "unknown attribute callerid on Dial"
    assert problem.hint == "did you mean callerId?"
    problem = judge('<Response><Redirect method="get">https://a.example/</Redirect></Response>', "plivo").problems[0]
    assert problem.message == 'Redirect method is "get", and must be GET or POST'
    assert problem.hint == "did you mean GET?; allowed: GET, POST"
    assert re.fullmatch(r"f\.xml:1: error xml\.empty: .*", str(judge("", "plivo", file="f.xml").problems[0]))
