"""Where places cannot be told, that is said; and a live call's blocked document is told with its template's line."""

from __future__ import annotations

from pathlib import Path

from callflows.models import CallEvent, EventKind
from callflows.signing import Token

from .trying import explored, lines

DEEP = """<Response>
{% macro down(n) %}{% if n > 0 %}{{ down(n - 1) }}{% else %}<Wat/>{% endif %}{% endmacro %}
{{ down(DEPTH) }}
<Hangup/>
</Response>
"""


def test_what_cannot_be_told_says_so(tmp_path: Path) -> None:
    """The twin has less room for calls in calls than a rendering has. Somewhere between the two, it gives up."""
    for depth in range(100, 300, 10):
        found = explored(tmp_path / str(depth), {"aleg.xml": DEEP.replace("DEPTH", str(depth))})
        (problem, *more) = found.problems
        assert more == []
        if problem.code == "template.recursion":
            break
        assert problem.code == "grammar.unknown-element"
        if problem.line is None:
            assert "of the rendered document; where it comes from cannot be told" in problem.message
            return
        assert (problem.file, problem.line) == ("support/aleg.xml", 2)
    raise AssertionError("there is no such depth: the twin is as deep as a rendering, and this test has no case")


def test_a_live_call_has_the_line_too(tmp_path: Path) -> None:
    found = explored(
        tmp_path,
        {
            "aleg.xml": "<Response>\n{% include '_shared/dial.xml' %}\n</Response>",
            "_shared/dial.xml": "\n<Speak>One moment.</Speak>\n<Dial callerId='+14155550123'>"
            "<Number>{{ state.to | default('+14155550123') }}</Number></Dial>",
        },
    )
    assert lines(found) == []
    composed = found.composer.compose(
        found.flow,
        found.flow.steps["aleg"],
        "plivo",
        event=CallEvent(EventKind.DOCUMENT),
        token=Token(state={"to": "+14155550124"}),
    )
    (problem,) = composed.problems
    assert composed.blocked
    assert (problem.code, problem.file, problem.line, problem.column) == ("policy.number", "_shared/dial.xml", 3, 39)
