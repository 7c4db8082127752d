"""What a person sees: our own Jinja environment (never the flows', never Flask's), times in their zone, colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import DiffLexer, HtmlDjangoLexer, TOMLLexer, XmlLexer

from ..simulator.transcript import shorten

_TOKEN = re.compile(r"\?t=[\w.~-]+", re.ASCII)
_LEXERS = {"xml": XmlLexer, "diff": DiffLexer, "template": HtmlDjangoLexer, "toml": TOMLLexer}


def render(template: str, context: Mapping[str, Any], part: str = "") -> str:
    """The page; or, of it, the block of that name, where it has one."""
    found = _environment().get_template(template)
    block = part.removeprefix("part-").replace("-", "_")
    if part and block in found.blocks:
        return "".join(found.blocks[block](found.new_context(dict(context))))
    return found.render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("callflows.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"time": _time, "since": _since, "span": span, "code": code}
    environment.filters |= {"without_tokens": without_tokens, "shorten": shorten, "inline_code": inline_code}
    return environment


@pass_context
def _time(context: Context, at: float | None) -> Markup:
    """The time of day in the reader's zone, the date before it when it is another day; exact when pointed at."""
    if not at:
        return Markup("")
    local, exact = _local(context, at)
    today = datetime.fromtimestamp(context["now"], local.tzinfo)
    text = local.strftime(
        "%H:%M:%S" if local.date() == today.date() else "%d %b %H:%M" if local.year == today.year else "%d %b %Y"
    )
    iso = datetime.fromtimestamp(at, UTC).isoformat()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, exact, text)


@pass_context
def _since(context: Context, at: float | None) -> Markup:
    """How long it has been so: the moment, which console.js makes a duration that counts up. A page that says the
    duration itself would be another one every second.
    """
    if not at:
        return Markup("")
    local, exact = _local(context, at)
    text = local.strftime("since %H:%M:%S")
    iso = datetime.fromtimestamp(at, UTC).isoformat()
    return Markup('<time datetime="{}" title="since {}" data-since="{}">{}</time>').format(iso, exact, int(at), text)


def _local(context: Context, at: float) -> tuple[datetime, str]:
    local = datetime.fromtimestamp(at, zone_named(str(context.get("zone") or "")))
    return local, f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03} {local.tzname()}"


def span(seconds: float) -> str:
    """A duration in two units at the most."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02} s" if whole % 60 else "")
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


@cache
def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except Exception:  # a cookie may say anything
        return ZoneInfo("UTC")


def without_tokens(document: str) -> str:
    """Whoever holds a token may speak for the call: it is not shown."""
    return _TOKEN.sub("?t=…", document)


def code(text: str, language: str = "xml", lines: bool = False) -> Markup:
    """Coloured, by classes alone: the page's policy allows no inline styles. Of another language: as it is."""
    lexer = _LEXERS.get(language)
    if lexer is None:
        return Markup("<pre>{}</pre>").format(text)
    formatter = HtmlFormatter(
        linenos="inline" if lines else False, lineanchors="line" if lines else "", anchorlinenos=False
    )
    return Markup(highlight(text, lexer(stripnl=False), formatter))  # noqa: S704  (Pygments escapes it)


def inline_code(line: str, language: str) -> Markup:
    """One line, coloured, without a block around it."""
    formatter = HtmlFormatter(nowrap=True)
    return Markup(highlight(line, _LEXERS[language](stripnl=False), formatter).rstrip("\n"))  # noqa: S704  (as above)
