"""Whatever a value from outside holds, the document has the elements its author wrote and no links but ours."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from callflows.flows import render
from callflows.flows.sandbox import FlowEnvironment
from callflows.marks import LINK_CLOSE, LINK_OPEN
from callflows.scrub import scrub
from callflows.signing import Token

from .rooms import links

TEMPLATES = {
    "plain": """<Response><Speak voice="{{ x }}" language='{{ x }}'>{{ x }}</Speak></Response>""",
    "ways": """<Response><Play>{{ url }}?{{ x }}</Play>{{ x|upper }}{{ x ~ x }}{{ [x, x]|join(x[:9]) }}
{{ x|replace('a', x[:9]) }}{% set y %}{{ x }}{% endset %}{{ y }}
{% macro m(v) %}{{ v }}{% endmacro %}{{ m(x) }}</Response>""",
}
ENVIRONMENT = FlowEnvironment(TEMPLATES)
NASTY = [
    '"',
    "'",
    "<",
    ">",
    "&",
    "]]>",
    "<!--",
    "-->",
    "<?x ",
    "?>",
    "&#0;",
    "&lt;",
    "{{",
    "%}",
    "\x00",
    "\x0b",
    "\x1b",
]
NASTY += ["\r", "\n", "\t", "\x7f", "\x85", "\u2028", "\ufffe", "\uffff", "\ud800", "\udfff", "\ue000", "\ue0ff"]
NASTY += [LINK_OPEN, LINK_CLOSE, f"{LINK_OPEN}0{LINK_CLOSE}", "\u202e", "\U0001f600", "</Speak>", "/><Dial/>", "\0<a>"]
texts = st.lists(st.sampled_from(NASTY) | st.text(st.characters(), max_size=8), max_size=40).map("".join)


@given(texts)
@example('"/><Dial><Number>+19005550100</Number></Dial><x a="')
@example("<" * 10_000)
@example("&" * 10_000)
@example("\ud83d\ude00" * 100)
def test_any_value_is_text(value: str) -> None:
    clean = scrub(value)
    tree = etree.fromstring(render(ENVIRONMENT, "plain", {"x": clean}, seconds=5).encode())
    assert [element.tag for element in tree.iter()] == ["Response", "Speak"]
    assert (tree[0].text or "") == clean
    assert tree[0].get("voice") == tree[0].get("language") == clean.replace("\n", " ").replace("\t", " ")


@given(texts)
def test_any_value_is_text_whatever_way_it_goes_and_no_link_can_be_forged(value: str) -> None:
    made = links()
    url = made.add("/flows/plivo/menu/done", Token())
    text = render(ENVIRONMENT, "ways", {"x": scrub(value), "url": url}, seconds=5)
    document = made.seal(text, lambda path, token: "made-by-us", now=0)
    tree = etree.fromstring(document.encode())
    assert [element.tag for element in tree.iter()] == ["Response", "Play"]
    assert document.count("made-by-us") == 1
    assert tree[0].text.startswith("https://flows.example.com/flows/plivo/menu/done?t=made-by-us?")


@given(st.text(st.characters()))
def test_what_is_scrubbed_stays_as_it_is(value: str) -> None:
    clean = scrub(value)
    assert scrub(clean) == clean
    clean.encode()
    assert LINK_OPEN not in clean
    assert LINK_CLOSE not in clean


def test_honest_text_is_not_touched() -> None:
    text = "Ünïcode, \U0001f600 «quotes» \u202b rtl\tTab\nline — 中文 e\u0301"
    assert scrub(text) == text
    assert scrub("a\r\nb\rc") == "a\nb\nc"
