"""The dial policy: what may be named, what may not, and that nothing gets around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from callflows.documents import DIALECTS, DialPolicy, Written, collect_written, judge, judge_bytes, number_fault
from callflows.documents.policy import CHECKED, origin
from callflows.documents.schema import model
from callflows.errors import ConfigError

from . import trees

OURS = "https://flows.example.com"
NONE = Written()
WRITTEN = Written(frozenset({"+14155550123"}))


def codes(
    inside: str, *allow: str, written: Written = NONE, provider: str = "plivo", public_url: str = OURS
) -> list[str]:
    verdict = judge(
        f"<Response>{inside}</Response>",
        provider,
        native=True,
        policy=DialPolicy(allow),
        written=written,
        public_url=public_url,
    )
    return [problem.code for problem in verdict.problems if problem.code.startswith(("policy.", "grammar."))]


def dial(number: str, *allow: str, written: Written = NONE) -> str:
    found = number_fault(number, DialPolicy(allow), written)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("number", "allow", "expected"),
    [
        ("+14155550123", [], "policy.number"),
        ("+14155550123", ["+14155550123"], ""),
        ("14155550123", ["+14155550123"], ""),
        ("\n +14155550123 \t", ["+14155550123"], ""),
        ("+14155550123", ["+1415"], ""),
        ("+14155550123", ["+1415*"], ""),
        ("+14155550123", ["+1416"], "policy.number"),
        ("+14155550123", ["US"], ""),
        ("+14155550123", ["us"], ""),
        ("+14155550123", ["CA", "GB"], "policy.number"),
        ("+18095550123", ["US"], "policy.number"),  # +1, and the Dominican Republic
        ("+18095550123", ["DO"], ""),
        ("+14155550123", ["*"], ""),
        ("+14155550123", ["sip:14155550123@x.example", "https://x.example", "x.example"], "policy.number"),
        ("+19005550123", ["*", "US", "+1", "+1900", "+1900*"], "policy.premium"),
        ("+19005550123", ["+19005550123"], ""),
        ("+19005550123", ["+19005550123*"], "policy.premium"),
        ("+1900555012", ["*"], "policy.premium"),  # too short to be valid, and still +1900
        ("+449098790123", ["GB"], "policy.premium"),
        ("+4409098790123", ["GB"], "policy.premium"),  # with the trunk zero a carrier may drop
        ("+447012345678", ["GB"], "policy.premium"),  # 070: personal numbers
        ("+8701234567890", ["*"], "policy.premium"),
        ("+8816123456789", ["*"], "policy.premium"),
        ("+88216123456", ["*"], "policy.premium"),
        ("+8835100012345", ["*"], "policy.premium"),
        ("+8835100012345", ["+8835100012345"], ""),
        ("+979123456789", ["*"], "policy.premium"),
        ("+80012345678", ["*"], ""),
        ("", ["*"], "policy.number"),
        ("+1415５５50123", ["*"], "policy.number"),
        ("１４１５５５５０１２３", ["*"], "policy.number"),
        ("+14155550123,1", ["*"], "policy.number"),
        ("+14155550123;ext=5", ["*"], "policy.number"),
        ("tel:+14155550123", ["*"], "policy.number"),
        ("+14155550123\x0b", ["*"], "policy.number"),
        ("+14155550123\u00a0", ["*"], "policy.number"),
        ("+14155550123<+14155550124", ["*"], "policy.number"),
        ("++14155550123", ["*"], "policy.number"),
        ("+04155550123", ["*"], "policy.number"),
        ("+1415555012345678", ["*"], "policy.number"),
    ],
)
def test_number(number: str, allow: list[str], expected: str) -> None:
    assert dial(number, *allow) == expected


def test_written_numbers() -> None:
    assert dial("14155550123", written=WRITTEN) == ""
    assert dial("+14155550124", written=WRITTEN) == "policy.number"
    premium = Written(frozenset({"+19005550123"}))
    assert dial("+19005550123", written=premium) == "policy.premium"


@pytest.mark.parametrize(
    "entry",
    [
        *("", "14155550123", "+1 415", "+0", "+", "+1-415", "+14155550123456789", "+1415**", "*1", "tel:+1415"),
        *("USA", "XX", "U", "00", "**", "１４１５", "+１４１５", "a_b", "localhost", "exa mple.org", "javascript:x.y"),
        *("sip:", "sip:a b@c.example", "sip:a@", "sip:@", "sip:a@b@c.example", "*.example.org", "a..example", ".b.c"),
        *("https://", "https://a.example/path", "https://u@a.example", "https://a.example?x", "ftp://a.example"),
        *("https://a.example:99999", "https://a.example:0"),
    ],
)
def test_bad_entries_are_named(entry: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DialPolicy(["US", entry, "+1415", "no good"])
    assert "CALLFLOWS_DIAL_ALLOW" in str(caught.value)
    assert repr(entry) in str(caught.value)
    assert repr("no good") in str(caught.value)
    assert "'US'" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "allow", "passes"),
    [
        ("sip:agent@a.example", [], False),
        ("sip:agent@a.example", ["sip:agent@a.example"], True),
        ("sip:agent@A.Example", ["sip:agent@a.example"], True),
        ("sips:agent@a.example:5061", ["sip:agent@a.example"], True),
        ("sip:agent@a.example;transport=tls", ["sip:agent@a.example"], True),
        ("sip:agent@a.example;transport=tls", ["sip:a.example"], True),
        ("sip:other@a.example", ["sip:agent@a.example"], False),
        ("sip:Agent@a.example", ["sip:agent@a.example"], False),
        ("sip:other@a.example", ["sip:a.example"], True),
        ("sip:a.example@evil.example", ["sip:a.example"], False),
        ("sip:x@a.example.evil.example", ["sip:a.example"], False),
        ("sip:x@evil.example;maddr=a.example", ["sip:a.example"], False),
        ("sip:x@a.example;maddr=evil.example", ["sip:a.example"], False),
        ("sip:x@a.example;transport=udp;maddr=evil.example", ["*"], False),
        ("sip:x@a.example?Route=%3Csip:evil.example%3E", ["*"], False),
        ("sip:x@a.example:5060", ["sip:a.example:5060"], True),
        ("sip:x@a.example:5061", ["sip:a.example:5060"], False),
        ("sip:x@a.example", ["+1", "US", "a.example", "https://a.example"], False),
        ("sip:x@a.example", ["*"], True),
    ],
)
def test_sip(address: str, allow: list[str], passes: bool) -> None:
    escaped = address.replace("&", "&amp;")
    found = codes(f"<Dial><User>{escaped}</User></Dial>", *allow)
    assert (found == []) == passes
    written = collect_written([address])
    assert (codes(f"<Dial><User>\n {escaped} </User></Dial>", *allow, written=written) == []) == passes


def test_caller_id() -> None:
    def shown(number: str, *allow: str) -> list[str]:
        return codes(f'<Dial callerId="{number}"><Number>+14155550123</Number></Dial>', *allow, written=WRITTEN)

    assert shown("") == []
    assert shown("+14155550123") == shown("14155550123") == []
    assert shown("+442079460018") == ["policy.caller-id"]
    assert shown("+442079460018", "GB") == shown("+442079460018", "+44") == []
    assert codes("<Dial><Number>+14155550123</Number></Dial>", written=WRITTEN) == []


FOREIGN = [
    "https://evil.example/x",
    "http://flows.example.com/x",
    "https://flows.example.com:8443/x",
    "https://flows.example.com.evil.example/x",
    "https://evil.example/flows.example.com",
    "https://evil.example#flows.example.com",
    "https://evil.example?https://flows.example.com",
    "https://flows.example.com_/",
    "https://[::1]/x",
    "https://2130706433/",
    "https://flows-example.com/",
]
MALFORMED = [
    "https://flows.example.com@evil.example/",
    "https://flows.example.com:443@evil.example/",
    "https://evil.example\\@flows.example.com/",
    "https://flows.example.com\\.evil.example/",
    "https://flows%2Eexample.com/",
    "https://flows.example.com%2eevil.example/",
    "https://flows.example.com:99999/",
    "https:flows.example.com",
    "https:///flows.example.com",
    "httpS://flows.example.com/",
    "//flows.example.com/",
    "javascript:alert(1)",
    "https://ｆlows.example.com/",
    "https://flows.example.com /",
    "https://flows.example.com:/x",
    "",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_foreign_url(url: str) -> None:
    assert codes(f"<Redirect>{url}</Redirect>") == ["policy.foreign-url"]
    assert codes(f'<Dial action="{url}"><Number>+14155550123</Number></Dial>', written=WRITTEN) == [
        "policy.foreign-url"
    ]
    assert codes(f"<Redirect>{url}</Redirect>", "*") == []
    scheme, host, port = origin(url) or ("", "", 0)
    assert codes(f"<Redirect>{url}</Redirect>", f"{scheme}://{host}:{port}") == []
    assert codes(f"<Play>{url}</Play>") == []


@pytest.mark.parametrize("url", MALFORMED)
def test_malformed_url_never_passes(url: str) -> None:
    for allow in ((), ("*",)):
        found = codes(f"<Redirect>{url}</Redirect>", *allow)
        assert found in (["grammar.bad-value"], ["policy.foreign-url"])


@pytest.mark.parametrize(
    "url",
    ["https://flows.example.com", "https://flows.example.com/x", "https://flows.example.com:443/", "https://flows.example.com?x",
     "https://FLOWS.Example.COM/x", "https://flows.example.com./x", "https://flows.example.com/x?u=https://evil.example"],
)  # fmt: skip
def test_our_own_url(url: str) -> None:
    assert codes(f"<Redirect>{url}</Redirect>") == []
    assert codes(f"<Redirect>{url}</Redirect>", public_url="https://flows.example.com:443/base/") == []


def test_url_entries() -> None:
    url = "<Redirect>https://other.example.org:8443/x</Redirect>"
    assert codes(url, "https://other.example.org:8443") == codes(url, "https://other.example.org:8443/") == []
    assert codes(url, "other.example.org") == codes(url, "OTHER.example.org") == []
    assert codes(url, "https://other.example.org") == ["policy.foreign-url"]
    assert codes(url, "example.org") == ["policy.foreign-url"]
    assert codes(url, "sip:other.example.org", "US", "+1") == ["policy.foreign-url"]


def test_without_public_url_only_our_links_pass() -> None:
    link = "https://anywhere.example/f?t=\ue0020\ue003"
    assert codes(f"<Redirect>{link}</Redirect>", public_url="") == []
    assert codes(f"<Redirect>{link}</Redirect>") == ["policy.foreign-url"]
    assert codes("<Redirect>https://anywhere.example/f</Redirect>", public_url="") == ["policy.foreign-url"]


def test_dial_music() -> None:
    def music(value: str) -> list[str]:
        return codes(f'<Dial dialMusic="{value}"><Number>+14155550123</Number></Dial>', written=WRITTEN)

    assert music("real") == music(f"{OURS}/x") == []
    assert music("https://evil.example/") == ["policy.foreign-url"]
    assert music("REAL") == ["grammar.bad-value"]


def test_bare_number_of_vobiz() -> None:
    assert codes("<Dial>+14155550123</Dial>", provider="vobiz") == ["policy.number"]
    assert codes("<Dial>\n14155550123\n</Dial>", provider="vobiz", written=WRITTEN) == []
    found = codes("<Dial>+1900<!-- -->5550123</Dial>", "*", provider="vobiz")
    assert found == ["grammar.comment-in-text", "policy.premium"]


def test_a_split_number_is_read_whole() -> None:
    found = codes("<Dial><Number>+1415<!-- x -->5550123</Number></Dial>", "+14155550123")
    assert found == ["grammar.comment-in-text"]


def test_refusals_name_the_setting_and_the_entry() -> None:
    text = (
        '<Response><Dial callerId="+442079460018" action="https://evil.example:444/x"><Number>+14155550123</Number>'
        "<Number>+19005550123</Number><User>sip:a@evil.example</User></Dial></Response>"
    )
    problems = judge(text, "plivo", public_url=OURS).problems
    entries = [re.search(r"add (\S+?),? to CALLFLOWS_DIAL_ALLOW", problem.hint) for problem in problems]
    assert len(problems) == 5
    allow = [entry[1] for entry in entries if entry]
    assert len(allow) == 5
    assert judge(text, "plivo", public_url=OURS, policy=DialPolicy(allow)).problems == ()


def test_a_file_on_its_own_is_held_against_no_policy_unless_one_is_given() -> None:
    text = b"<Response><Dial><Number>+14155550123</Number></Dial><Redirect>https://a.example/</Redirect></Response>"
    assert judge_bytes(text, "plivo").problems == ()
    found = judge_bytes(text, "plivo", policy=DialPolicy([]), public_url=OURS)
    assert [problem.code for problem in found.problems] == ["policy.foreign-url"]
    assert [problem.code for problem in judge(text.decode(), "plivo").problems] == [
        "policy.number",
        "policy.foreign-url",
    ]


HARMLESS = {("Play", "#text"), ("GetDigits", "invalidDigitsSound")}  # audio is fetched, and steers nothing


def test_every_url_and_number_of_the_grammar_is_checked_or_known_to_be_harmless() -> None:
    for name in DIALECTS:
        for tag, element in model(name).elements.items():
            for key, attribute in element.attributes.items():
                if re.search("URL|phone number|SIP", attribute.type.what):
                    assert (key in CHECKED.get(tag, {})) != ((tag, key) in HARMLESS), f"{tag}.{key}"
            if element.text and re.search("URL|phone number|SIP", element.text.what):
                assert ("#text" in CHECKED.get(tag, {})) != ((tag, "#text") in HARMLESS), tag


def test_nothing_is_checked_that_no_grammar_has() -> None:
    everything = [model(name).elements for name in DIALECTS]
    for tag, kinds in CHECKED.items():
        for key in kinds:
            assert key == "#text" or any(key in elements[tag].attributes for elements in everything if tag in elements)


def served_places(served: etree._Element, provider: str) -> Iterator[tuple[str, str]]:
    """What the grammar calls each value that names somebody, and the value."""
    for node in served.iter("*"):
        shape = model(provider).elements[str(node.tag)]
        for key, attribute in shape.attributes.items():
            if (str(node.tag), key) not in HARMLESS and trees.names_somebody(attribute.type) and key in node.attrib:
                yield attribute.type.what, str(node.get(key))
        text = "".join(node.itertext()).strip()
        if node.tag != "Play" and trees.names_somebody(shape.text):
            yield shape.text.what if shape.text else "", text
        elif node.tag == "Dial" and len(node) == 0:
            yield "a phone number", text


@given(
    st.sampled_from([("plivo", False, "plivo"), ("vobiz", False, "plivo"), ("vobiz", True, "vobiz")]).flatmap(
        lambda way: st.tuples(
            st.just(way), trees.naming(way[2]) | trees.naming(way[2]) | trees.likely(way[2]) | trees.roots
        )
    )
)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_but_what_is_allowed_is_ever_served(case: tuple[tuple[str, bool, str], etree._Element]) -> None:
    (provider, native, _), root = case
    policy = DialPolicy(["+14155550123", "sip:sip.example", "socket.example"])
    verdict = judge(trees.text(root), provider, native=native, policy=policy, public_url="https://ours.example")
    if verdict.blocked:
        return
    for what, value in served_places(etree.fromstring(verdict.text), provider):
        if "SIP" in what:
            assert value.partition(";")[0].lower() == "sip:a@sip.example"
            assert "maddr" not in value
        elif "phone number" in what:
            assert set(value.split("<")) <= {"", "+14155550123", "14155550123"}
        elif value not in ("", "real", "none", "beep:1", "beep:2") and not re.fullmatch(
            "[A-Za-z0-9_-]+(:[0-9])?", value
        ):
            parts = urlsplit(value)
            assert parts.username is None
            assert parts.hostname in (
                ("socket.example",) if parts.scheme in ("ws", "wss") else ("ours.example", "socket.example")
            )
            assert parts.scheme in ("ws", "wss") or parts.port in (None, 443)


HOSTILE = st.text(st.sampled_from("https:/@.\\%2eflowsexample.comevil#?[]: \t１+"), max_size=40)


@given(HOSTILE.map(lambda tail: f"https://flows.example.com{tail}") | HOSTILE.map(lambda tail: f"https://{tail}"))
@example("https://flows.example.com:443")
@settings(max_examples=1000, deadline=None)
def test_what_passes_as_ours_is_ours_to_others_too(url: str) -> None:
    """Anything we take for our own origin is that to Python's own parser, which reads hosts differently."""
    if origin(url) == ("https", "flows.example.com", 443):
        parts = urlsplit(url)
        assert (parts.hostname or "").removesuffix(".") == "flows.example.com"
        assert parts.port in (None, 443)
        assert parts.username is None


@given(st.text(st.characters(), max_size=25))
@settings(max_examples=1000, deadline=None)
def test_only_plain_numbers_pass(text: str) -> None:
    if number_fault(text, DialPolicy(["*"])) is None:
        assert re.fullmatch(r"[ \t\r\n]*\+?[1-9][0-9]{6,14}[ \t\r\n]*", text)


@given(st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True))
@settings(max_examples=1000, deadline=None)
def test_no_number_passes_an_empty_policy(text: str) -> None:
    assert number_fault(text, DialPolicy([])) is not None
    assert number_fault(text, DialPolicy(["+" + text.removeprefix("+")])) is None
