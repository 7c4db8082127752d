# ruff: noqa: E501 - a flow is read more easily on one line
"""Names that an application gives: tried without one, with the default, the example, and what templates ask of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trying import explored, lines

SAYS = "<Response><Speak>Hello {{ customer_name }}.</Speak><Hangup/></Response>"
NAME = '[context.customer_name]\ndefault = ""\n'


def tried(tmp_path: Path, condition: str, toml: str) -> list[str]:
    found = explored(
        tmp_path, {"aleg.xml": f"<Response><Speak>Hi.{condition}</Speak><Hangup/></Response>", "flow.toml": toml}
    )
    assert lines(found) == []
    return [seen.sample.label for seen in found.seen if seen.provider == "plivo" and seen.sample.label]


@pytest.mark.parametrize(
    ("condition", "toml", "labels"),
    [
        ("{{ a }}", "default = ''", ["a is example"]),
        ("{{ a }}", "default = ''\nexample = 'Ann'", ["a is Ann"]),
        ("{{ a }}", "default = '+14155550123'", ["a is +14155550199"]),
        ("{{ a }}", "default = '42'", ["a is 123"]),
        ("{{ a == 'Bob' }}", "default = ''\nexample = 'Ann'", ["a is Ann", "a is Bob"]),
        ("{{ a }}", "default = false", ["a is true"]),
        ("{{ a }}", "default = true", ["a is false"]),
        ("{{ a > 5 }}", "default = 0", ["a is 1", "a is 4", "a is 5", "a is 6"]),
        ("{{ a | length }}", "default = []", []),
        ("{{ a | length }}", "default = []\nexample = ['x']", ["a is as in its example"]),
        ("{{ a.tier }}", "default = { tier = 'basic' }", []),
        ("{{ a.tier == 'gold' }}", "default = { tier = 'basic' }", ["a.tier is gold"]),
        ("{{ a.tier }}", "default = { tier = 'basic' }\nexample = { tier = 'gold' }", ["a is as in its example"]),
        ("{{ a.vip }}", "default = { vip = false }", ["a.vip is true"]),
        ("{% set n = a %}{{ n == 'Bob' }}", "default = 'Ann'", ["a is example", "a is Bob"]),
    ],
)  # fmt: skip
def test_what_is_tried(tmp_path: Path, condition: str, toml: str, labels: list[str]) -> None:
    assert tried(tmp_path, condition, f"[context.a]\n{toml}") == labels


@pytest.mark.parametrize(
    ("aleg", "toml", "found"),
    [
        (SAYS, NAME, []),
        (SAYS, "", ["support/aleg.xml:1 template.undefined"]),
        (SAYS, NAME.replace("customer_name", "custmer_name"), ["support/aleg.xml:1 template.undefined", "support/flow.toml:1 flow.unused-context"]),
        (SAYS, NAME.replace('""', "1.5"), ["support/flow.toml:2 flow.toml"]),
        (SAYS.replace("{{ customer_name }}", "you"), NAME, ["support/flow.toml:1 flow.unused-context"]),
        (SAYS.replace("Hello {{ customer_name }}", "{% if customer_name == 'Ann' %}<Spaek/>{% endif %}"), NAME, ["support/aleg.xml:1 grammar.unknown-element"]),
        ("<Response>{% for each in customer_name %}<Speak>{{ each.text }}</Speak>{% endfor %}<Hangup/></Response>", "[context.customer_name]\ndefault = []\nexample = [{ txt = '1' }]\n", ["support/aleg.xml:1 template.undefined"]),
        ("<Response><Speak>Hi.</Speak><Dial callerId='+14155550100'><Number>{{ customer_name }}</Number></Dial></Response>", NAME.replace('""', '"+19005551234"'), ["support/aleg.xml:1 policy.premium"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_line(tmp_path: Path, aleg: str, toml: str, found: list[str]) -> None:
    assert lines(explored(tmp_path, {"aleg.xml": aleg, "flow.toml": toml})) == found


def test_a_branch_that_needs_two_things_is_reached_by_a_sample(tmp_path: Path) -> None:
    aleg = "<Response>\n{% for each in offers %}{% if each.price == 7 %}<Speak>Seven.</Speak>{% endif %}{% endfor %}\n<Speak>Bye.</Speak><Hangup/></Response>"
    toml = "[context.offers]\ndefault = []\n"
    found = explored(tmp_path, {"aleg.xml": aleg, "flow.toml": toml})
    assert set(lines(found)) == {"support/aleg.xml:2 template.unreached"}
    found = explored(tmp_path, {"flow.toml": toml + "[[samples]]\ncontext.offers = [{ price = 7 }]\n"})
    assert lines(found) == []


def test_an_undefined_name_hints_at_where_it_would_be_declared(tmp_path: Path) -> None:
    (problem,) = explored(tmp_path, {"aleg.xml": SAYS}).problems
    assert "[context.NAME]" in problem.hint
