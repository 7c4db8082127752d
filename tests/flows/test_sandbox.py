"""A template reaches plain data and a few functions, and nothing behind them; what it writes is escaped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callflows.models import CallValues

from .rooms import context, flow, refused, rendered

CONTEXT = {
    "x": "<a b=\"1\" c='2'>&",
    "call": CallValues(uuid="abc"),
    "state": {"a": "b"},
    "now": datetime(2026, 11, 23, tzinfo=UTC),
    "step_url": lambda name, **state: "https://flows.example.com/",
}

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''['__cla' ~ 'ss__'] }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ cycler('a').__init__ }}",
    "{{ joiner.__init__ }}",
    "{{ namespace.__init__ }}",
    "{{ namespace().__init__.__globals__ }}",
    "{{ namespace(__class__=1).__class__ }}",
    "{{ dict.mro() }}",
    "{{ dict.__subclasses__() }}",
    "{{ dict.update(state, b=1) }}",
    "{{ dict.clear(state) }}",
    "{{ (state.keys() - []).union([1]) }}",
    "{{ now.strptime('1', '%d') }}",
    "{{ now.now() }}",
    "{{ now.tzinfo.utcoffset }}",
    "{{ step_url.__globals__ }}",
    "{{ step_url['__globals__'] }}",
    "{{ step_url.__code__ }}",
    "{{ step_url.__closure__ }}",
    "{{ step_url.__defaults__ }}",
    "{{ range.__self__ }}",
    "{{ x|attr('__class__') }}",
    "{{ [x]|map('attr', '__class__')|list|length }}",
    "{{ [x]|map(attribute='__class__.__mro__')|first }}",
    "{{ [step_url]|map(attribute='__globals__')|first }}",
    "{{ [x]|selectattr('__class__')|list|length }}",
    "{{ [x]|sum(attribute='__class__') }}",
    "{{ [x]|join(attribute='__class__') }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '{a.__class__}'.format_map({'a': x}) }}",
    "{{ ''['format'] }}",
    "{{ ('{0.__class__}'|e).format(x) }}",
    "{{ '%s' % x }}",
    "{{ '%s'|format(x) }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{% block a %}{{ self._TemplateReference__context }}{% endblock %}",
    "{% for i in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for i in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% macro m() %}{% endmacro %}{{ m._environment }}",
    "{{ ([x]|map('upper')).gi_frame }}",
    "{{ ([x]|select).gi_code }}",
    "{{ call.__dataclass_fields__ }}",
    "{{ call.__reduce__() }}",
    "{{ now.__reduce__() }}",
    "{{ state.pop('a') }}",
    "{{ state.update({'a': 1}) }}",
    "{{ state.__setitem__('a', 1) }}",
    "{{ [1].append(2) }}",
    "{{ x.encode() }}",
    "{{ x.translate({60: 62}) }}",
    "{{ (1).to_bytes(10) }}",
    "{{ (1).__class__ }}",
    "{{ x|safe }}",
    "{% filter safe %}{{ x }}{% endfilter %}",
    "{{ x|forceescape }}",
    "{{ Markup(x) }}",
    "{{ x.__html__() }}",
    "{{ (x|e).unescape() }}",
    "{{ (x|e).striptags() }}",
    "{{ x|striptags }}",
    "{{ x|xmlattr }}",
    "{{ x|tojson }}",
    "{{ x|pprint }}",
    "{% autoescape false %}{{ x }}{% endautoescape %}",
    "{% do x %}",
    "{% debug %}",
    *(
        f"{{{{ {name} }}}}"
        for name in "config request session g url_for current_app env environment settings context resolve os "
        "__builtins__ open eval print lipsum get_flashed_messages caller varargs missing _ticking".split()
    ),
]


@pytest.mark.parametrize("template", ESCAPES)
def test_no_way_out_of_the_sandbox(template: str) -> None:
    problem = refused(template, **CONTEXT)
    assert problem.code in ("template.forbidden", "template.syntax", "template.undefined", "template.error")
    assert "callflows.flows" not in problem.message


def test_functions_of_the_real_context_keep_what_they_know_to_themselves() -> None:
    of = flow(aleg="<Response/>")
    for name in ("step_url", "flow_url", "events_url", "audio_url"):
        for attribute in ("__globals__", "__closure__", "__code__", "__kwdefaults__", "__wrapped__"):
            refused(f"{{{{ {name}.{attribute} }}}}", **context(of))


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{{ x }}", "&lt;a b=&#34;1&#34; c=&#39;2&#39;&gt;&amp;"),
        ("<S v='{{ x }}'/>", "<S v='&lt;a b=&#34;1&#34; c=&#39;2&#39;&gt;&amp;'/>"),
        ("{{ '<b>' }}", "&lt;b&gt;"),
        ("{{ '<' ~ x[0] }}", "&lt;&lt;"),
        ("{% set y %}<b>{{ x[0] }}</b>{% endset %}{{ y }}", "<b>&lt;</b>"),
        ("{% macro m(v) %}<b>{{ v }}</b>{% endmacro %}{{ m(x[0]) }}", "<b>&lt;</b>"),
        ("{{ (x|e)|replace('&lt;', '<') }}", "&lt;a b=&#34;1&#34; c=&#39;2&#39;&gt;&amp;"),
        ("{{ ['a', 'b']|join('<br/>') }}", "a&lt;br/&gt;b"),
        ("{{ x|e|e }}", "&lt;a b=&#34;1&#34; c=&#39;2&#39;&gt;&amp;"),
        ("{{ x|e|string|upper|reverse|first }}", ";"),
        ("{{ (x|e).split(';')|join(x[0]) }}", "&lt&lt;a b=&#34&lt;1&#34&lt; c=&#39&lt;2&#39&lt;&gt&lt;&amp&lt;"),
        ("{{ ['<b>'|e, '<i>']|map('string')|join }}", "&lt;b&gt;&lt;i&gt;"),
    ],
)
def test_text_is_escaped_once_whatever_way_it_goes(template: str, written: str) -> None:
    assert rendered(template, **CONTEXT) == written


def test_templates_in_data_are_data() -> None:
    assert rendered("{{ v }}", v="{{ 7 * 7 }}{% set a = 1 %}") == "{{ 7 * 7 }}{% set a = 1 %}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ none }}",
        "{{ [] }}",
        "{{ [1, 2] }}",
        "{{ {} }}",
        "{{ (1, 2) }}",
        "{{ step_url }}",
        "{{ range }}",
        "{{ dict }}",
        "{{ call }}",
        "{{ state }}",
        "{{ state.items() }}",
        "{{ self }}",
        "{{ namespace() }}",
        "{{ [1]|string }}",
        "{{ [1]|upper }}",
        "{{ none|e }}",
        "{{ none|title }}",
        "{{ 'a' ~ none }}",
        "{{ 'a' ~ [1] }}",
        "{{ [[1]]|join }}",
        "{{ [none]|join('-') }}",
        "{{ 'a'|replace('a', none) }}",
        "{% for i in [1] %}{{ loop }}{% endfor %}",
    ],
)
def test_what_nobody_wants_to_hear_is_refused(template: str) -> None:
    assert "cannot be written into a document" in refused(template, **CONTEXT).message


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{{ true }} {{ false }} {{ 1 == 1 }} {{ 'a' is number }}", "true false true false"),
        ("{{ flag }} {{ not flag }} {{ 'is ' ~ flag }}", "true false is true"),
        ("{{ 3 }} {{ 2.5 }} {{ 7 // 2 }} {{ 2 ** 10 }}", "3 2.5 3 1024"),
        ("{{ now }}", "2026-11-23 00:00:00+00:00"),
        ("{{ now.strftime('%H:%M') }}", "00:00"),
    ],
)
def test_plain_values_are_written_as_xml_wants_them(template: str, written: str) -> None:
    assert rendered(template, flag=True, **CONTEXT) == written


def test_a_name_in_a_table_wins_over_the_methods_of_dictionaries() -> None:
    assert rendered("{{ t.copy }} {{ t.pop }} {{ t['update'] }}", t={"copy": 1, "pop": 2, "update": 3}) == "1 2 3"
    assert rendered("{% for k, v in t.items() %}{{ k }}{{ v }}{% endfor %}", t={"items": 1}) == "items1"


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{% for i in x %}{{ loop.index }}/{{ loop.length }}{% if not loop.last %},{% endif %}{% endfor %}", "1/2,2/2"),
        ("{% for i in x %}{{ loop.first }}{{ loop.revindex }}{{ loop.revindex0 }}{% endfor %}", "true21false10"),
        ("{% for i in x %}[{{ loop.previtem|d('-') }}{{ loop.nextitem|d('-') }}]{% endfor %}", "[-b][a-]"),
        ("{% for i in x if i != 'a' %}{{ i }}{{ loop.length }}{% endfor %}", "b1"),
        ("{% for i in x if i == 'z' %}{{ i }}{% else %}none{% endfor %}", "none"),
        ("{% for i in [] %}{{ i }}{% else %}empty{% endfor %}", "empty"),
        ("{% for i in tree recursive %}{{ i.n }}{{ loop.depth }}{{ loop(i.kids) }}{% endfor %}", "112232"),
        ("{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}", "1234"),
        ("{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"),
        ("{% for k, v in table.items() %}{{ k }}{{ v }}{{ loop.length }}{% endfor %}", "k12l22"),
        ("{% for k, v in table|dictsort(reverse=true) %}{{ k }}{{ loop.last }}{% endfor %}", "lfalsektrue"),
        ("{% for k in table %}{{ k }}{% endfor %}", "kl"),
        ("{% for k, v in table|items %}{{ k }}{{ v }}{% endfor %}", "k1l2"),
        ("{% for c in 'abc' %}{{ c }}{{ loop.cycle('-', '+') }}{% endfor %}", "a-b+c-"),
        ("{% for i in range(3) %}{{ i }}{{ loop.last }}{% endfor %}", "0false1false2true"),
        ("{% for i in x|map('upper') %}{{ i }}{{ loop.length }}{% endfor %}", "A2B2"),
        ("{% for i in [1, 1, 2] %}{% if loop.changed(i) %}{{ i }}{% endif %}{% endfor %}", "12"),
        ("{% for g in rows|groupby('city') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "Rome2Ulm1"),
        ("{% for row in range(5)|batch(2, '-') %}{{ row|join }};{% endfor %}", "01;23;4-;"),
        ("{{ rows|selectattr('city', 'eq', 'Ulm')|map(attribute='n')|join }}", "3"),
        ("{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"),
        ("{% set n = namespace(s=0) %}{% for i in range(4) %}{% set n.s = n.s + i %}{% endfor %}{{ n.s }}", "6"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "aba"),
        ("{% set j = joiner('; ') %}{% for i in x %}{{ j() }}{{ i }}{% endfor %}", "a; b"),
        ("{{ 'abcdef'[1:3] }}{{ [1, 2, 3][-1] }}{{ {'k': 'v'}.k }}", "bc3v"),
        ("{% call(n) twice() %}<{{ n }}>{% endcall %}{% macro twice() %}{% endmacro %}", None),
        ("{% macro t() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}{% call(n) t() %}{{ n }};{% endcall %}", "1;2;"),
        ("{% macro m(a, b='d') %}{{ a }}{{ b }}{{ kwargs.c }}{% endmacro %}{{ m(1, c=3) }}", "1d3"),
        ("{% filter upper %}abc{% endfilter %}{% set y | upper %}abc{% endset %}{{ y }}", "ABCABC"),
        ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}", "3"),
        ("{{ 1.5|round }} {{ 1.25|round(1, 'floor') }} {{ [1, 2]|sum }} {{ '  a '|trim }}", "2.0 1.2 3 a"),
        ("{{ 'sip:a b'|urlencode }} {{ 'ab'|replace('a', 'c') }} {{ '5'|int + 1 }}", "sip%3Aa%20b cb 6"),
    ],
)
def test_what_authors_write_works_as_jinja_documents_it(template: str, written: str | None) -> None:
    values = {
        "x": ["a", "b"],
        "pairs": [(1, 2), (3, 4)],
        "table": {"k": 1, "l": 2},
        "tree": [{"n": 1, "kids": [{"n": 2, "kids": []}, {"n": 3, "kids": []}]}],
        "rows": [{"city": "Rome", "n": 1}, {"city": "Rome", "n": 2}, {"city": "Ulm", "n": 3}],
    }
    if written is None:
        assert refused(template, **values).code == "template.undefined"
    else:
        assert rendered(template, **values) == written
