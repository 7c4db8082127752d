"""A Dial or Conference that asks for no news of it is given our address, and nothing else in a document changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from callflows.documents import DialPolicy, judge, may_report
from callflows.marks import LINK_CLOSE, LINK_OPEN

BASE = "https://flows.example.com"
PROVIDERS = ("plivo", "vobiz")
DIAL = '<Dial callerId="+14155550100"{}><Number>+14155550123</Number></Dial>'
ROOM = '<Conference stayAlone="true"{}>sales</Conference>'


def events(provider: str) -> str:
    return f"{BASE}/events/{provider}?t={LINK_OPEN}0{LINK_CLOSE}#ct=2000&rt=4000"


def judged(inside: str, provider: str, callback: str | None = None, **more: object) -> tuple[etree._Element, list[str]]:
    """The document as it is served, and the problems' codes."""
    verdict = judge(
        f"<Response><Speak>a</Speak>{inside}</Response>",
        provider,
        policy=DialPolicy(["*"]),
        public_url=BASE,
        links={"0": f"/events/{provider}"},
        callback=events(provider) if callback is None else callback,
        **more,  # type: ignore[arg-type]
    )
    return etree.fromstring(verdict.text), [problem.code for problem in verdict.problems]


def told(root: etree._Element, tag: str) -> list[tuple[str | None, str | None]]:
    return [(verb.get("callbackUrl"), verb.get("callbackMethod")) for verb in root.iter(tag)]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("tag", "verb"), [("Dial", DIAL), ("Conference", ROOM)])
def test_it_is_given_ours(tag: str, verb: str, provider: str, native: bool) -> None:
    root, codes = judged(verb.format("") * 2, provider, native=native)
    assert told(root, tag) == [(events(provider), "POST")] * 2
    assert codes == []
    assert [verb.get("action") for verb in root.iter(tag)] == [None, None]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("tag", "verb"), [("Dial", DIAL), ("Conference", ROOM)])
def test_what_the_author_wrote_stays(tag: str, verb: str, provider: str) -> None:
    own = f"{BASE}/crm"
    root, codes = judged(verb.format(f' callbackUrl="{own}" callbackMethod="GET"'), provider)
    assert (told(root, tag), codes) == ([(own, "GET")], [])
    root, codes = judged(verb.format(' callbackMethod="GET"'), provider)
    assert (told(root, tag), codes) == ([(events(provider), "GET")], [])
    root, codes = judged(verb.format(' callbackUrl=""'), provider)
    assert (told(root, tag), codes) == ([("", None)], ["grammar.bad-value"])
    _, codes = judged(verb.format(' callbackMethod="post"'), provider)
    assert codes == ["grammar.bad-value"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "inside",
    [
        f"<PreAnswer>{DIAL.format('')}</PreAnswer>",
        f"<Speak>{ROOM.format('')}</Speak>",
        "<dial><Number>+14155550123</Number></dial>",
        "<Dialer/>",
    ],
)
def test_nested_and_unknown_elements_are_left_alone(inside: str, provider: str) -> None:
    with_ours = judged(inside, provider)
    without = judged(inside, provider, "")
    assert etree.tostring(with_ours[0]) == etree.tostring(without[0])
    assert with_ours[1] == without[1] != []


def test_another_root_is_left_alone() -> None:
    text = f"<Reply>{DIAL.format('')}</Reply>"
    assert "callbackUrl" not in judge(text, "plivo", callback=events("plivo")).text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_is_judged_like_any_other(provider: str) -> None:
    """Also by the policy and the rule about our own links: what is no link of ours is not served."""
    _, codes = judged(DIAL.format(""), provider, f"{BASE}/events/{provider}?t={LINK_OPEN}7{LINK_CLOSE}")
    assert codes == ["rule.link-altered"]
    verdict = judge(f"<Response><Speak>a</Speak>{DIAL.format('')}</Response>", provider, policy=DialPolicy(["+1"]),
                    public_url=BASE, callback="https://elsewhere.example.org/")  # fmt: skip
    assert verdict.blocked
    _, codes = judged(DIAL.format(""), provider, "/events")
    assert codes == ["grammar.bad-value"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("verb", [DIAL.format(' digitsMatch="9"'), ROOM.format(' digitsMatch="9"')])
def test_digits_have_somebody_to_report_to(verb: str, provider: str) -> None:
    assert judged(verb, provider, "")[1] == ["rule.no-effect"]
    assert judged(verb, provider)[1] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_problems_stay_where_the_author_wrote_them(provider: str) -> None:
    text = (
        "<!-- <Dial> -->\n<Response>\n"
        '  <Dial callerId="+14155550100"\n        timeout="soon">\n    <Number>x</Number></Dial>\n'
        '  <Conference\n    muted="maybe">sales</Conference>\n  <Speek/>\n</Response>'
    )
    places = [
        [(p.code, p.line, p.column) for p in judge(text, provider, file="a.xml", callback=callback).problems]
        for callback in ("", events(provider))
    ]
    assert places[0] == places[1]
    assert {line for _, line, _ in places[0]} >= {4, 5, 7, 8}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_document_is_refused_for_what_was_added(provider: str) -> None:
    """A link counts as 1,800 bytes: forty Dials fit with theirs, sixty without; what is too large is so without."""
    for dials, told in ((40, 40), (60, 0)):
        root, codes = judged(DIAL.format("") * dials, provider)
        assert codes == []
        assert sum("callbackUrl" in verb.attrib for verb in root.iter("Dial")) == told
    verdict = judge(f"<Response>{DIAL.format('') * 2000}</Response>", provider, callback=events(provider))
    assert [problem.code for problem in verdict.problems if problem.blocks][:1] == ["xml.too-large"]


VERBS = st.sampled_from(
    [DIAL.format(""), DIAL.format(' timeout="20"'), ROOM.format(""), "<Speak>a &amp; b</Speak>", "<Wait/>\n",
     "<!-- c -->", '<Record callbackUrl="https://flows.example.com/r"/>', DIAL.format(' callbackUrl="https://flows.example.com/crm"')]
)  # fmt: skip


@given(st.lists(VERBS, max_size=8), st.sampled_from(PROVIDERS))
def test_nothing_else_changes(verbs: list[str], provider: str) -> None:
    """Without what was added it is the document as it was; and what was added is what an author would write."""
    text = f"<Response>{''.join(verbs)}</Response>"
    more = {"policy": DialPolicy(["*"]), "public_url": BASE}
    with_ours, without = (judge(text, provider, callback=url, **more) for url in (events(provider), ""))  # type: ignore[arg-type]
    assert with_ours.problems == without.problems
    if not may_report(text):
        assert with_ours == without
    root = etree.fromstring(with_ours.text)
    for verb in root.iter("Dial", "Conference"):
        if verb.get("callbackUrl") == events(provider):
            assert verb.attrib.pop("callbackMethod") == "POST"
            del verb.attrib["callbackUrl"]
    assert etree.tostring(root, method="c14n") == etree.tostring(etree.fromstring(without.text), method="c14n")
    assert judge(with_ours.text, provider, native=True, callback=events(provider), **more).text == with_ours.text  # type: ignore[arg-type]
