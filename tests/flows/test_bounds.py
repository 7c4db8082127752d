"""No template can hold a worker longer than its deadline, or fill its memory; the next call is not touched."""

from __future__ import annotations

import multiprocessing
import resource
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from callflows.errors import DocumentRefused
from callflows.flows import FlowSource, load_flow, render
from callflows.flows.compiling import Cost, too_slow
from callflows.flows.sandbox import FlowEnvironment
from callflows.models import Problem

DEADLINE = 0.1
LOOPS, END = "{% for i in range(10000) %}{% for j in range(10000) %}", "{% endfor %}{% endfor %}"
PAIRS = "{% set n = namespace(x=('a',), y=('a',)) %}{% for i in range(60) %}{% set n.x = (n.x, n.x) %}"
PAIRS += "{% set n.y = (n.y, n.y) %}{% endfor %}"
SPACES = "{% set n = namespace(x=0) %}{% for i in range(60) %}{% set n.x = namespace(x=[n.x, n.x]) %}{% endfor %}"
LISTS = "{% set l = range(9900) | list %}{% set m = range(9900) | list %}{% set t = 'a' * 90000 %}"
OTHER = {"menu/_b.xml": LOOPS + "{{ 'a' * 90000 }}" + END, "menu/_c.xml": "static " * 10000, "menu/_empty.xml": ""}
for word, statement in (
    ("include", "{% include 'NEXT' %}"),
    ("import", "{% import 'NEXT' as a with context %}"),
    ("from", "{% from 'NEXT' import a with context %}"),
    ("extends", "{% extends 'NEXT' %}{% block a %}{{ super() }}{{ super() }}{% endblock %}"),
):
    twice = statement if word == "extends" else statement * 2
    OTHER |= {f"menu/_{word}{n}.xml": twice.replace("NEXT", f"menu/_{word}{n + 1}.xml") for n in range(30)}
    OTHER[f"menu/_{word}30.xml"] = "{% block a %}{% endblock %}"

BOMBS = [
    "{{ 'a' * 10**8 }}",
    "{{ 10**8 * 'a' }}",
    "{{ [1] * 10**8 }}",
    "{{ (['a' * 100000] * 100000)|sort }}",
    LOOPS + END,
    LOOPS + "x" + END,
    "{% for i in range(10**9) %}{% endfor %}",
    "{% for i in range(9999) if i in range(9999)|list %}{% endfor %}" * 50,
    "{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "{% for i in range(9999) recursive %}{% if loop.depth < 3 %}{{ loop(range(9999)) }}{% endif %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}{% call m() %}" + LOOPS + "a" + END + "{% endcall %}",
    "{% macro m() %}" + LOOPS + "{{ 'a' * 90000 }}" + END + "{% endmacro %}{{ m() }}",
    "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "{% include 'menu/aleg.xml' %}{% include 'menu/aleg.xml' %}",
    "{% extends 'menu/aleg.xml' %}",
    "{% import 'menu/aleg.xml' as x %}",
    "{% import 'menu/_b.xml' as b %}",
    "{% set x %}{% include 'menu/_b.xml' %}{% endset %}",
    "{% set x %}" + LOOPS + "{% include 'menu/_c.xml' %}" + END + "{% endset %}",
    LOOPS + "{% import 'menu/_c.xml' as c %}" + END,
    *(f"{{% include 'menu/_{word}0.xml' %}}" for word in ("include", "import", "from", "extends")),
    "{% set x %}{% for i in range(9000) %}{% include 'menu/_c.xml' without context %}{% endfor %}{% endset %}",
    "".join(f"{{% set a{n} = 1 %}}" for n in range(300))
    + "{% set n = namespace(l=0) %}"
    + LOOPS
    + "{% import 'menu/_empty.xml' as e with context %}{% set n.l = [n.l, e] %}"
    + END,
    "{% include 'menu/aleg.xml' ignore missing %}",
    "{% for i in [1, 2] %}{% include ['menu/nothing.xml', 'menu/aleg.xml'] %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = dict(a=n.x, b=n.x) %}{% endfor %}",
    *(
        PAIRS + f"{{{{ {use} }}}}"
        for use in (
            "n.x == n.y",
            "{n.x: 1}[n.y]",
            "{}[n.y]",
            "[n.x, n.y]|sort",
            "[n.x, n.y]|unique|list|length",
            "n.x|join",
            "n.x|string",
            "n.x|upper",
            "n.x|replace('a', 'b')",
            "n.x.index(n.y)",
        )
    ),
    PAIRS + "{% include n.x %}",
    SPACES + "{{ {}[n.x] }}",
    SPACES + "{% include [n.x] %}",
    "{% set n = namespace(x=2) %}{% for i in range(9999) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "{% set n = namespace(x=2) %}{% for i in range(9999) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{{ 9**9**9 }}",
    "{{ 2.0 ** 99999 }}",
    "{{ 10 ** (10 ** 60) }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '%0999999999d'|format(1) }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.center(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ ('\t' * 9999).expandtabs(99999) }}",
    "{{ 'ab'.replace('a', 'b' * 99999) }}",
    "{{ ('a' * 99999)|replace('a', 'b' * 99999) }}",
    "{{ ('a' * 99999)|replace('', 'b' * 99999) }}",
    "{{ (['a'] * 9999)|join('b' * 9999) }}",
    "{{ range(10)|batch(10**9, 'x') }}",
    "{{ range(10)|slice(10**9) }}",
    "{{ range(100000)|list }}",
    "{{ range(100000)|sort }}",
    "{{ range(100000)|groupby('real') }}",
    "{{ ('a' * 100000)|groupby('nothing') }}",
    "{{ range(100000)|map('string')|list }}",
    "{{ ([range(9000)|list] * 9000)|map('list')|list }}",
    "{{ ([[1]] * 9000)|sum(start=[]) }}",
    "{{ 1|round(10**9, 'ceil') }}",
    "{{ 1|round(-10**9) }}",
    "{{ ('f' * 99999)|int(0, 16) }}",
    "{{ ('é' * 99999)|urlencode }}",
    "{{ ('&' * 99999)|e }}",
    "{{ ('a' * 99999).rfind('b' ~ 'a' * 50000) }}",
    "{{ ('Ā' * 99999).strip('ā' * 50000) }}",
    "{{ ('Ā' * 99999)|trim('ā' * 50000) }}",
    "{{ dict.fromkeys(range(100000)) }}",
    LISTS + "{% for i in [1] recursive %}{% if loop.depth == 1 %}{{ loop(l) }}{% else %}{{ 1 if l == m and l == m }}"
    "{% endif %}{% endfor %}",
    *(
        LISTS + f"{{% set k = (['b'] * 9000) | {use} %}}"
        for use in ("select('in', l)", "reject('in', l) | map('upper') | select('in', m)")
    ),
    *(f"{{{{ ('a' * 99999) | {use} }}}}" for use in ("sort", "unique", "groupby(0)", "join(',')", "batch(2)", "min")),
    "{% set s = dict(range(8000) | batch(2) | list) %}{% set n = namespace(l=0) %}"
    + LOOPS
    + "{% set n.l = cycler(n.l, s.keys() - []) %}"
    + END,
    LOOPS + "{{ loop.cycle('', '') }}" + END,
    "{% set c = cycler('', '') %}" + LOOPS + "{{ c.next() }}" + END,
    "{% set j = joiner('x' * 9999) %}" + LOOPS + "{{ j() }}" + END,
    "{% filter upper %}" + LOOPS + "{{ 'a' * 90000 }}" + END + "{% endfilter %}",
    "{% set x %}" + LOOPS + "text of the template's own" + END + "{% endset %}",
    "{% set n = namespace(l=0) %}" + LOOPS + "{% set n.l = namespace(a=n.l, s='x' * 90000 ~ j) %}" + END,
    "{% set n = namespace(l=0) %}{% set t = 'x' * 90000 %}" + LOOPS + "{% set n.l = namespace(a=n.l, s=t[1:]) %}" + END,
    "{% set n = namespace(l=0) %}" + LOOPS + "{% set n.l = namespace(a=n.l) %}" + END,
    "{% set n = namespace(l=0) %}" + LOOPS + "{% set n.l = [n.l] %}" + END,
    "{% set n = namespace(l=0) %}" + LOOPS + "{% set n.l = cycler(n.l) %}" + END,
    "{% set n = namespace(l=['a']) %}" + LOOPS + "{% set n.l = n.l|map('upper') %}" + END,
    "{% macro m() %}{% set n.l = namespace(a=varargs, b=n.l) %}{% endmacro %}{% set n = namespace(l=0) %}"
    + LOOPS
    + "{{ m(*range(9000)) }}"
    + END,
]


def _attempt(template: str) -> tuple[float, Problem | None, str]:
    environment = FlowEnvironment({"menu/aleg.xml": template, **OTHER, "menu/ok.xml": "<Hangup/>"})
    started = time.process_time()  # what another process takes from the core is not the template's
    try:
        render(environment, "menu/aleg.xml", {}, seconds=DEADLINE)
    except DocumentRefused as error:
        return (
            time.process_time() - started,
            error.problems[0],
            render(environment, "menu/ok.xml", {}, seconds=DEADLINE),
        )
    return time.process_time() - started, None, ""


def _attempt_all(answers: Any) -> None:
    """In a process of its own: memory is measured as the process's peak, and a crash is seen as one."""
    for template in BOMBS:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        took, problem, after = _attempt(template)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        answers.send((template, took, problem, after, grown))
    answers.close()


@pytest.fixture(scope="module")
def attempts() -> Mapping[str, tuple[float, Problem | None, str, int]]:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_attempt_all, args=(sender,))
    process.start()
    sender.close()
    found = {}
    while receiver.poll(30):
        try:
            template, *rest = receiver.recv()
        except EOFError:
            break
        found[template] = tuple(rest)
    process.kill()
    process.join()
    return found


@pytest.mark.parametrize("template", BOMBS, ids=lambda template: template[:60])
def test_a_bomb_ends_in_time_as_one_problem(
    template: str, attempts: Mapping[str, tuple[float, Problem | None, str, int]]
) -> None:
    assert template in attempts, "it hung or crashed the process"
    took, problem, after, grown = attempts[template]
    assert problem is not None, "it was rendered"
    assert problem.code.startswith("template.")
    assert problem.file.startswith("menu/")
    assert len(str(problem)) < 1000
    assert took < DEADLINE + 0.3
    assert grown < 200
    assert after == "<Hangup/>"


@pytest.mark.parametrize(
    "template",
    [
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "[" * 3000 + "]" * 3000 + " }}",
        "{{ " + "+".join(["1"] * 20000) + " }}",
        "{{ a" + ".b" * 20000 + " }}",
        "{{ a" + "|e" * 20000 + " }}",
        "{{ " + "not " * 5000 + "1 }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500,
        "{% for i in [1] %}" * 30 + "{% endfor %}" * 30,
        "{% macro a() %}" * 200 + "{% endmacro %}" * 200,
        "{{ 'a" + "a" * 250_000 + "' }}",
    ],
    ids=lambda template: template[:30],
)
def test_what_cannot_be_compiled_is_a_problem_at_load(template: str) -> None:
    flow = load_flow(FlowSource("menu", {"menu/aleg.xml": template.encode()}))
    assert [problem.code.partition(".")[0] for problem in flow.problems if problem.file == "menu/aleg.xml"]


SPLIT = "{% set x = 1 %}" * 600
LONG = {
    "words": (SPLIT + "\n" + SPLIT, "template.size", 2),
    "code": ("".join(f"{{% set a{n} = 1 %}}" for n in range(200)) + "{% include 'x' %}" * 300, "template.size", 1),
    "brackets": ("\n{{ " + "(" * 40 + "1" + ")" * 40 + " }}", "template.size", 2),
    "depth": ("\n{{ 1" + " + 1" * 150 + " }}", "template.size", 2),
}


@pytest.mark.parametrize("name", LONG)
def test_what_would_take_long_to_compile_is_a_problem_with_its_line(name: str) -> None:
    template, code, line = LONG[name]
    flow = load_flow(FlowSource("menu", {"menu/aleg.xml": template.encode()}))
    assert [(problem.code, problem.file, problem.line) for problem in flow.problems] == [(code, "menu/aleg.xml", line)]


def test_many_templates_that_would_take_long_together() -> None:
    flow = load_flow(FlowSource("menu", {"menu/aleg.xml": SPLIT.encode()}))
    cost = flow.environment.facts["menu/aleg.xml"].cost
    assert cost.words == 6 * 600
    assert too_slow({f"menu/s{n}.xml": cost for n in range(5)}) == []
    many = {f"menu/s{n}.xml": cost for n in range(11)}
    (problem,) = too_slow({**many, "menu/big.xml": Cost(5000, 400_000)})
    assert (problem.code, problem.file) == ("flow.size", "menu/big.xml")


def test_tables_and_templates_have_a_size() -> None:
    files = {"menu/aleg.xml": b"<Response/>", "menu/people.csv": b"sales,+14155550123\n" * 110_000}
    (problem,) = load_flow(FlowSource("menu", files)).problems
    assert (problem.code, problem.file) == ("flow.size", "menu")


STRAIGHT = (
    "{% if l == m %}{% endif %}",
    "{% if 'q' in l %}{% endif %}",
    "{% if 'q' is in l %}{% endif %}",
    "{% if t is lower %}{% endif %}",
    "{% set k = l == m == l == m %}",
    "{% set k = 1 if l < m else 2 %}",
    "{% set k = [] if l in [m] else 2 %}",
    "{% macro m(a=l != m) %}{{ a }}{% endmacro %}{% set k = m() %}",
    "{% include 'menu/_empty.xml' %}{% if l == m %}{% endif %}",
)


@pytest.mark.parametrize("statement", STRAIGHT)
def test_without_a_loop_time_is_looked_at_too(statement: str) -> None:
    environment = FlowEnvironment({"menu/aleg.xml": LISTS + statement * 150, **OTHER})
    environment.get_template("menu/aleg.xml")
    with pytest.raises(DocumentRefused) as caught:
        render(environment, "menu/aleg.xml", {"m": 1}, seconds=0.003)
    assert [problem.code for problem in caught.value.problems] == ["template.deadline"]


def test_what_a_caller_says_may_be_looked_up_however_long_it_is() -> None:
    template = "{{ {'a': 'b'}.get(x, 'none') }}{{ 'yes no'.find(x) }}{{ x.find(x) }}{{ x.rpartition(x) | length }}"
    environment = FlowEnvironment({"menu/aleg.xml": template})
    assert render(environment, "menu/aleg.xml", {"x": "word " * 400}, seconds=5) == "none-103"


def test_nothing_is_calculated_when_a_template_is_compiled() -> None:
    """Constant folding would run before there is a deadline."""
    template = "{% if false %}{{ ('a' * 99999)|replace('a', 'b' * 99999) ~ 9**9**9 }}{% endif %}"
    assert load_flow(FlowSource("menu", {"menu/aleg.xml": template.encode()})).problems == ()


def test_a_large_honest_document_is_rendered() -> None:
    template = (
        "<Response>{% for n in range(1000) %}<Speak>{{ 'Hello ' ~ n }}, {{ words|join(' ') }}</Speak>{% endfor %}"
    )
    environment = FlowEnvironment({"menu/aleg.xml": template + "</Response>"})
    text = render(environment, "menu/aleg.xml", {"words": ["press"] * 10}, seconds=5)
    assert text.count("<Speak>") == 1000
    assert len(text) > 80_000


def test_threads_have_budgets_of_their_own() -> None:
    environment = FlowEnvironment(
        {"menu/slow.xml": LOOPS + END, "menu/ok.xml": "{% for i in range(99) %}x{% endfor %}"}
    )
    faults: list[str] = []

    def work(number: int) -> None:
        for _ in range(3):
            try:
                if number % 2:
                    render(environment, "menu/slow.xml", {}, seconds=0.05)
                    faults.append("the slow one was rendered")
                elif render(environment, "menu/ok.xml", {}, seconds=10) != "x" * 99:
                    faults.append("wrong text")
            except DocumentRefused as error:
                if not number % 2 or error.problems[0].code != "template.deadline":
                    faults.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_where_nobody_waits_a_busy_machine_is_not_held_against_a_template() -> None:
    """As it looks from within: time passes, and this thread does nothing."""
    environment = FlowEnvironment({"menu/aleg.xml": "{{ pause() }}<Response/>"})
    context = {"pause": lambda: time.sleep(0.05) or ""}
    assert render(environment, "menu/aleg.xml", context, seconds=0.03, clock=time.thread_time) == "<Response/>"
    with pytest.raises(DocumentRefused, match=r"template\.deadline"):
        render(environment, "menu/aleg.xml", context, seconds=0.03)
