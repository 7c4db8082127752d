"""Whatever comes in, a verdict comes out; and the two readings of the XSD say the same."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from callflows.documents import DIALECTS, DialPolicy, Verdict, judge, judge_bytes
from callflows.documents.grammar import _Walk
from callflows.documents.schema import compiled, model

from . import trees

providers = st.sampled_from(sorted(DIALECTS))
kinds = st.sampled_from(["call", "sound"])
relaxed = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
any_text = st.text(st.characters(), max_size=200)  # lone surrogates and control characters included


def sound(verdict: Verdict) -> None:
    assert isinstance(verdict.text, str)
    for problem in verdict.problems:
        assert problem.code.partition(".")[0] in ("xml", "grammar", "rule", "policy")
        assert problem.line is None or problem.line >= 1
    lines = [problem.line or 0 for problem in verdict.problems]
    assert lines == sorted(lines)
    assert len(set(verdict.problems)) == len(verdict.problems)


@given(any_text, providers, kinds, st.booleans())
@relaxed
def test_any_text(text: str, provider: str, kind: str, native: bool) -> None:
    sound(judge(text, provider, kind=kind, native=native))


@given(any_text, providers)
@relaxed
def test_any_text_in_a_document(text: str, provider: str) -> None:
    sound(judge(f"<Response><Speak>{text}</Speak><Dial><Number>{text}</Number></Dial></Response>", provider))
    sound(judge(f'<Response><Speak voice="{text}">a</Speak></Response>', provider))


@given(st.binary(max_size=200), providers, st.sampled_from([b"", b"<Response>", b"\xef\xbb\xbf<?xml version='1.0'?>"]))
@relaxed
def test_any_bytes(data: bytes, provider: str, before: bytes) -> None:
    sound(judge_bytes(before + data, provider))


@given(trees.roots, providers, kinds, st.booleans(), st.sampled_from(["", "https://ours.example"]))
@relaxed
def test_any_tree(root: etree._Element, provider: str, kind: str, native: bool, public_url: str) -> None:
    allow = ("Speak.foo", "Dial.callerid")
    policy = DialPolicy(["US", "sip:sip.example"])
    text = trees.text(root)
    sound(judge(text, provider, kind=kind, native=native, public_url=public_url, policy=policy, xml_allow=allow))


@given(trees.roots | trees.likely("plivo") | trees.likely("vobiz"), providers)
@relaxed
def test_sentences_and_libxml2_agree(root: etree._Element, provider: str) -> None:
    """Our walk over the XSD finds a mistake exactly where libxml2 refuses the document."""
    root = etree.fromstring(trees.text(root))
    found = list(_Walk(model(provider), provider, (), {}).element(root, ""))
    assert compiled(provider).validate(root) == (not found)


@given(trees.roots | trees.likely("plivo"), st.booleans())
@relaxed
def test_what_is_not_blocked_is_valid(root: etree._Element, sound_kind: bool) -> None:
    """For each platform: a document that is not blocked fits that platform's XSD as served."""
    for provider in DIALECTS:
        kind = "sound" if sound_kind else "call"
        verdict = judge(trees.text(root), provider, kind=kind, policy=DialPolicy(["*"]))
        if not verdict.blocked:
            served = etree.fromstring(verdict.text)
            assert compiled(provider).validate(served), compiled(provider).error_log
            if sound_kind:
                assert {child.tag for child in served} <= {"Play", "Wait", "Speak"}


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("depth", [50, 255, 256, 5000])
def test_depth(provider: str, depth: int) -> None:
    inside = "<p>" * depth + "</p>" * depth
    verdict = judge(f'<Response>\n<Speak voice="Polly.Amy">{inside}</Speak></Response>', provider)
    codes = {problem.code for problem in verdict.problems}
    assert verdict.blocked
    assert codes == ({"xml.depth"} if depth > 253 else {"grammar.misplaced-element"})
