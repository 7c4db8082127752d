# ruff: noqa: E501 - a flow is read more easily on one line
"""One broken flow for each way a template can go wrong: the exact `file:line code` list, nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trying import explored, lines

SPEAK = "<Speak>Hello.</Speak>"
END = "<Response><Speak>Bye.</Speak><Hangup/></Response>"


def document(*inside: str) -> str:
    return "\n".join(["<Response>", *inside, "<Hangup/>", "</Response>"])


MACROS = """\
{% macro say(text, voice="WOMAN") %}
<Speak voice="{{ voice }}">
  {{ text }}
</Speak>
{% endmacro %}
{% macro wrong() %}
<Speak loop="often">x</Speak>
{% endmacro %}
"""
WAYS: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    "syntax error": ({"aleg.xml": "<Response>\n{% if %}\n</Response>"}, ["support/aleg.xml:2 template.syntax"]),
    "two templates with syntax errors, and a third that is only wrong": (
        {
            "aleg.xml": "<Response>\n{{ a. }}\n</Response>",
            "bleg.xml": "{% for %}",
            "answer.xml": document(SPEAK, "<Speek/>"),
        },
        [
            "support/aleg.xml:2 template.syntax",
            "support/answer.xml:3 grammar.unknown-element",
            "support/bleg.xml:1 template.syntax",
        ],
    ),
    "unclosed block": ({"aleg.xml": document("{% if leg %}", SPEAK)}, ["support/aleg.xml:2 template.syntax"]),
    "unknown filter": ({"aleg.xml": document(SPEAK, "{{ leg | shout }}")}, ["support/aleg.xml:3 template.syntax"]),
    "undefined in a loop, once": (
        {"aleg.xml": document("{% for n in [1, 2, 3] %}", "<Speak>{{ nmber }}</Speak>", "{% endfor %}")},
        ["support/aleg.xml:3 template.undefined"],
    ),
    "undefined in two places": (
        {"aleg.xml": document("<Speak>{{ nmber }}</Speak>", SPEAK, "<Speak>{{ nmber }}</Speak>")},
        ["support/aleg.xml:2 template.undefined", "support/aleg.xml:4 template.undefined"],
    ),
    "an undefined condition hides nothing else": (
        {"aleg.xml": document("{% if calll.status == 'x' %}<Speak>a</Speak>{% endif %}", '<Speak lop="1">b</Speak>')},
        ["support/aleg.xml:2 template.undefined", "support/aleg.xml:3 grammar.unknown-attribute"],
    ),
    "what is undefined has no follow-ups": (
        {"aleg.xml": document('<Dial callerId="{{ own }}"><Number>{{ nmber }}</Number></Dial>')},
        ["support/aleg.xml:2 template.undefined", "support/aleg.xml:2 template.undefined"],
    ),
    "None written": ({"aleg.xml": document("<Speak>{{ none }}</Speak>")}, ["support/aleg.xml:2 template.error"]),
    "a sum of text and number": (
        {"aleg.xml": document("<Speak>{{ 'a' + 1 }}</Speak>", '<Wait lenght="1"/>')},
        ["support/aleg.xml:2 template.error", "support/aleg.xml:3 grammar.unknown-attribute"],
    ),
    "no such include": (
        {"aleg.xml": document(SPEAK, '{% include "_shared/no.xml" %}', '<Wait lenght="1"/>')},
        ["support/aleg.xml:3 template.not-found", "support/aleg.xml:4 grammar.unknown-attribute"],
    ),
    "an include that does not compile": (
        {"aleg.xml": document(SPEAK, '{% include "_shared/part.xml" %}'), "_shared/part.xml": "\n{{ }}"},
        ["_shared/part.xml:2 template.syntax"],
    ),
    "in an include": (
        {"aleg.xml": document('{% include "_shared/part.xml" %}'), "_shared/part.xml": "\n\n<Speak><b>a</b></Speak>\n"},
        ["_shared/part.xml:3 grammar.unknown-element"],
    ),
    "in an include that is included twice": (
        {"aleg.xml": document('{% include "_shared/p.xml" %}', '{% include "_shared/p.xml" %}'), "_shared/p.xml": "\n<A/>"},
        ["_shared/p.xml:2 grammar.unknown-element"],
    ),
    "in a macro": (
        {"aleg.xml": document('{% from "_shared/m.xml" import wrong %}', "{{ wrong() }}"), "_shared/m.xml": MACROS},
        ["_shared/m.xml:7 grammar.bad-value"],
    ),
    "in what a macro is given": (
        {
            "aleg.xml": document('{% from "_shared/m.xml" import say %}', '{{ say("hello", voice="ROBOT") }}'),
            "_shared/m.xml": MACROS,
        },
        ["_shared/m.xml:2 grammar.bad-value"],
    ),
    "a macro that is not there": (
        {
            "aleg.xml": document('{% from "_shared/m.xml" import shout %}', "{{ shout() }}", "<Wat/>"),
            "_shared/m.xml": MACROS,
        },
        ["support/aleg.xml:3 template.undefined", "support/aleg.xml:4 grammar.unknown-element"],
    ),
    "in a block of a parent": (
        {
            "aleg.xml": '{% extends "_shared/base.xml" %}\n{% block body %}\n<Speak loop="-1">a</Speak>\n{% endblock %}',
            "_shared/base.xml": "<Response>\n{% block body %}{% endblock %}\n<Hangup raison=\"busy\"/>\n</Response>",
        },
        ["_shared/base.xml:3 grammar.unknown-attribute", "support/aleg.xml:3 grammar.bad-value"],
    ),
    "in a second turn of a loop": (
        {"aleg.xml": document("{% for n in ['1', 'two'] %}", '<Wait length="{{ n }}"/>', "{% endfor %}")},
        ["support/aleg.xml:3 grammar.bad-value"],
    ),
    "with white space control": (
        {"aleg.xml": "{%- set a = 1 -%}\n\n<Response>\n{%- if a -%}\n  <Wait/>\n{%- endif %}\n<Wat/></Response>"},
        ["support/aleg.xml:7 grammar.unknown-element"],
    ),
    "in a captured block": (
        {"aleg.xml": document("{% set part %}", "<Wat/>", "{% endset %}", SPEAK, "{{ part }}")},
        ["support/aleg.xml:3 grammar.unknown-element"],
    ),
    "in raw": ({"aleg.xml": document("{% raw %}", "<Wat/>", "{% endraw %}")}, ["support/aleg.xml:3 grammar.unknown-element"]),
    "CRLF": (
        {"aleg.xml": document(SPEAK, "<Wat/>").replace("\n", "\r\n").encode()},
        ["support/aleg.xml:3 grammar.unknown-element"],
    ),
    "BOM": ({"aleg.xml": b"\xef\xbb\xbf" + document("<Wat/>").encode()}, ["support/aleg.xml:2 grammar.unknown-element"]),
    "not closed": (
        {"aleg.xml": document("<Dial>", '{% include "_shared/n.xml" %}'), "_shared/n.xml": "<Number>+14155550123</Number>"},
        ["support/aleg.xml:2 xml.syntax"],
    ),
    "not closed, in an include": (
        {"aleg.xml": document('{% include "_shared/n.xml" %}'), "_shared/n.xml": "\n<Speak>a"},
        ["_shared/n.xml:2 xml.syntax"],
    ),
    "an ampersand": (
        {"aleg.xml": document(SPEAK, "<Play>https://a.example/b?c=1&d=2</Play>")},
        ["support/aleg.xml:3 xml.syntax"],
    ),
    "an attribute on a line of its own": (
        {"aleg.xml": document("<Wait", '   length="1"', '   lenght="2"/>')},
        ["support/aleg.xml:4 grammar.unknown-attribute"],
    ),
    "a number that may not be dialled": (
        {"aleg.xml": document(SPEAK, '<Dial callerId="+14155550123">', "<Number>{{ '+1415' ~ '5550124' }}</Number>", "</Dial>")},
        ["support/aleg.xml:4 policy.number"],
    ),
    "only for one key": (
        {
            "aleg.xml": document(
                '<GetInput action="{{ step_url(\'choice\') }}" inputType="dtmf"><Speak>1 or 7?</Speak></GetInput>'
            ),
            "choice.xml": document("{% if input.digits == '7' %}", "<Wat/>", "{% endif %}", SPEAK),
        },
        ["support/choice.xml:3 grammar.unknown-element"],
    ),
    "only for one choice": (
        {
            "aleg.xml": document("{% if params.kind == 'b' %}", "<Wat/>", "{% endif %}", SPEAK),
            "flow.toml": '[params.kind]\ntype = "choice"\nchoices = ["a", "b"]\ndefault = "a"\n',
        },
        ["support/aleg.xml:3 grammar.unknown-element"],
    ),
    "only at the last try": (
        {
            "aleg.xml": document(
                "{% set round = state.round | default(0) %}",
                "{% if round < 3 %}",
                SPEAK,
                "<Redirect>{{ step_url('aleg', round=round + 1) }}</Redirect>",
                "{% else %}",
                "<Wat/>",
                "{% endif %}",
            )
        },
        ["support/aleg.xml:7 grammar.unknown-element", "support/aleg.xml:9 rule.unreachable"],
    ),
    "only for the author's own sample": (
        {
            "aleg.xml": document("{% if call.caller_name | length == 13 %}", "<Wat/>", "{% endif %}", SPEAK),
            "flow.toml": '[[samples]]\nstep = "aleg"\ncall = { caller_name = "thirteen long" }\n',
        },
        ["support/aleg.xml:3 grammar.unknown-element"],
    ),
    "flow.toml and a template at once": (
        {"aleg.xml": document("<Wat/>"), "flow.toml": 'titel = "x"\n[params.to]\ntype = "fone"\n'},
        ["support/aleg.xml:2 grammar.unknown-element", "support/flow.toml:1 flow.toml", "support/flow.toml:3 flow.toml"],
    ),
    "a step of another flow": (
        {"aleg.xml": document("<Redirect>{{ flow_url('other', 'alge') }}</Redirect>").replace("<Hangup/>", ""),
         "other/aleg.xml": END},
        ["support/aleg.xml:2 template.link"],
    ),
    "a flow that is not there": (
        {"aleg.xml": "<Response><Redirect>\n{{ flow_url('othr', 'aleg') }}</Redirect></Response>", "other/aleg.xml": END},
        ["support/aleg.xml:2 template.link"],
    ),
    "no audio of that name": (
        {"aleg.xml": document("<Play>{{ audio_url('musik.wav') }}</Play>"), "audio/music.wav": b"RIFF"},
        ["support/aleg.xml:2 template.link"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_way(tmp_path: Path, name: str) -> None:
    files, expected = WAYS[name]
    found = explored(tmp_path, files)
    assert lines(found) == expected, "\n".join(map(str, found.problems))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("{% set call = 'x' %}", "call"),
        ("{% macro dial(n) %}{{ n }}{% endmacro %}", "dial"),
        ("{% for t in [1] %}{{ t }}{% endfor %}", "t"),
        ("{% import 'support/_m.xml' as table %}", "table"),
    ],
)
def test_a_name_that_hides_one_of_the_context_is_warned_of(tmp_path: Path, written: str, name: str) -> None:
    template = document(SPEAK).replace("<Response>", f"<Response>\n{{% if true %}}\n{written}\n{{% endif %}}")
    found = explored(tmp_path, {"aleg.xml": template, "_m.xml": ""})
    assert [line for line in lines(found) if "template" in line] == ["support/aleg.xml:3 template.hides"]
    assert found.problems[0].message.startswith(f"{name} is a name of the context")
