"""Prompts in several languages: `t("menu.welcome")` is `welcome` below `[menu]` in texts/<language>.toml, of the flow
or of _shared/. `{name}` in a text is replaced by what the template passes: `t("hello", name=call.caller_name)`.

A text that a language lacks is said in the flow's own language, and in that language's voice: a text knows its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import DataNotFound
from ..models import Problem, Severity
from ..suggest import did_you_mean
from .bounds import refuse_over
from .filters import scalar
from .sources import SHARED
from .toml_places import Path, Places, read_file

FOLDER = "texts"
MAX_BYTES = 200_000
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_DEPTH = 4
_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class Text(str):
    """What is said, and the language it is written in (`text.language`)."""

    language: str

    __slots__ = ("language",)

    def __new__(cls, text: str, language: str) -> Text:
        made = super().__new__(cls, text)
        made.language = language
        return made


class Catalogues:
    """The texts of one flow, by language. `default` is the flow's own language, `languages` are all that its calls may
    be in: shared texts in other languages are there only for who asks for them.
    """

    def __init__(self, texts: Mapping[str, Mapping[str, str]], default: str, others: Iterable[str] = ()) -> None:
        self.texts = texts
        self.default = default
        self.languages = list(dict.fromkeys((default, *others)))

    def language(self, *wanted: object) -> str:
        """The first of the wanted that calls may be in, `de` and `de-AT` for `de-DE` too; else the default."""
        for each in wanted:
            if isinstance(each, str) and each:
                for known in self.languages:
                    if known.lower() == each.lower():
                        return known
                for known in self.languages:
                    if _base(known) == _base(each):
                        return known
        return self.default

    def keys(self) -> list[str]:
        return list(dict.fromkeys(key for texts in self.texts.values() for key in texts))

    def text(self, key: str, language: str, values: Mapping[str, Any]) -> Text:
        """Raise DataNotFound for a text that no language has, or a value that it needs and is not given."""
        for known in self._near(language):
            found = self.texts.get(known, {}).get(key)
            if found is not None:
                return Text(_filled(key, found, values), known)
        where = "add texts/" + (language or "en-US") + ".toml" if not self.texts else "add it to texts/*.toml"
        raise DataNotFound(f"there is no text {key!r}", hint=did_you_mean(str(key), self.keys(), where))

    def _near(self, language: str) -> Iterator[str]:
        """Where a text is looked for, in turn; most are in the first."""
        yield language
        yield from _kin(language, self.texts)
        yield self.default
        yield from _kin(self.default, self.texts)
        yield from self.texts


def read_texts(
    flow: str, files: Mapping[str, bytes], default: str, others: Iterable[str]
) -> tuple[Catalogues, list[Problem]]:
    """A flow's own texts go over those that all flows share. `others`: languages that flow.toml names."""
    found: dict[str, dict[str, str]] = {}
    places: dict[str, tuple[str, Places]] = {}
    problems: list[Problem] = []
    own: list[str] = []
    for folder in (SHARED, flow):
        for path in sorted(files):
            where, _, file = path.rpartition("/")
            if where != f"{folder}/{FOLDER}" or not file.endswith(".toml"):
                continue
            language = file.removesuffix(".toml")
            if not LANGUAGE.fullmatch(language):
                message = f"{language!r} is no language"
                problems.append(Problem.error("flow.texts", message, path, None, "call it en-US.toml, de-DE.toml, ..."))
                continue
            values, its_places, wrong = read_file(files[path], path, MAX_BYTES)
            problems += wrong
            texts, wrong = _flat(values, its_places, path)
            problems += wrong
            found[language] = {**found.get(language, {}), **texts}
            places[language] = (path, its_places)
            own += [language] if folder == flow else []
    catalogues = Catalogues(found, default, (*own, *others))
    return catalogues, [*problems, *_unequal(catalogues, places, flow)]


def _flat(values: Mapping[str, Any], places: Places, file: str) -> tuple[dict[str, str], list[Problem]]:
    texts: dict[str, str] = {}
    problems: list[Problem] = []

    def add(table: Mapping[str, Any], path: Path) -> None:
        for key, value in table.items():
            here = (*path, key)
            if isinstance(value, str):
                texts[".".join(map(str, here))] = value
            elif isinstance(value, dict) and len(here) < _DEPTH:
                add(value, here)
            else:
                message = f"{'.'.join(map(str, here))} must be text"
                problem = Problem.error("flow.texts", message, file, None, 'write key = "..."')
                problems.append(places.problem(problem, here, value=True))

    add(values, ())
    return texts, problems


def _unequal(catalogues: Catalogues, places: Mapping[str, tuple[str, Places]], flow: str) -> Iterator[Problem]:
    """What one of the flow's languages has and another lacks, and slots that one has alone."""
    texts = {language: catalogues.texts.get(language, {}) for language in catalogues.languages}
    every = dict.fromkeys(key for each in texts.values() for key in each)
    for language, its in texts.items():
        file, where = places.get(language, (f"{flow}/{FOLDER}/{language}.toml", Places("")))
        lacking = [
            key for key in every if key not in its and not any(key in texts[kin] for kin in _kin(language, texts))
        ]
        if lacking:
            others = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
            message = f"{language} lacks {others}: callers hear it in another language"
            yield Problem(Severity.WARNING, "flow.translation", message, file, hint=f'add {lacking[0]} = "..."')
        for key, text in its.items():
            for other, theirs in texts.items():
                alone = set(_SLOT.findall(text)) - set(_SLOT.findall(theirs.get(key, text)))
                if alone:
                    message = f"{key} has a slot {{{min(alone)}}} that it does not have in {other}"
                    hint = "use the same slots in each language"
                    problem = Problem(Severity.WARNING, "flow.translation", message, file, hint=hint)
                    yield where.problem(problem, tuple(key.split(".")), value=True)
                    break


def _filled(key: str, text: str, values: Mapping[str, Any]) -> str:
    size = len(text)

    def value(match: re.Match[str]) -> str:
        nonlocal size
        if match[1] not in values:
            hint = f"write t({key!r}, {match[1]}=...)"
            raise DataNotFound(f"the text {key!r} needs a value for {{{match[1]}}}", hint=hint)
        given = str(scalar(values[match[1]]))
        size += len(given)
        refuse_over(size)  # before it is made: a text may have thousands of slots
        return given

    return _SLOT.sub(value, text)


def _kin(language: str, among: Iterable[str]) -> list[str]:
    """The same language as spoken elsewhere: de-DE for de-AT."""
    return [known for known in among if _base(known) == _base(language) and known != language]


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
