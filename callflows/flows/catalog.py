"""A flow that was loaded: its steps, each with the template for each provider, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..models import Problem, Severity, errors_in
from ..scrub import scrub
from ..suggest import did_you_mean
from .compiling import too_slow
from .hours import FILE as HOURS
from .hours import Hours, read_hours
from .manifest import MAX_BYTES, NO_STEP, Manifest, StepDefault, StepSpec, read_manifest
from .rendering import explain
from .sandbox import FlowEnvironment
from .sources import SHARED, FlowSource, is_name
from .tables import LookupTable, read_tables, table_files
from .texts import Catalogues, read_texts
from .toml_places import Places, decoded, placed
from .trying.table_facts import TABLES, facts_of_tables

ENTRY_STEPS = ("aleg", "bleg", "answer")
MAX_TEMPLATE_BYTES = 200_000
MAX_TEXT_BYTES = 2_000_000  # of all templates and tables: numbers are looked for in them


@dataclass(frozen=True, slots=True)
class Step:
    """One URL of a flow. `templates` maps a provider, or "" for all others, to a template's name. `needs`: what is read
    for it beside its request, with a `default` for when that cannot be. `queue`: as flow.toml has it, see `queues`.
    """

    name: str
    kind: str
    templates: Mapping[str, str]
    needs: tuple[str, ...] = ()
    default: StepDefault = StepDefault()  # noqa: RUF009 - frozen
    queue: str = ""

    def template(self, provider: str) -> tuple[str, bool]:
        """The template for a provider, and whether it is written in that provider's own vocabulary.

        The name is empty when there is none.
        """
        if provider in self.templates:
            return self.templates[provider], True
        return self.templates.get("", ""), False


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Flow:
    """A version of a flow. `written` is the text its author wrote, comparisons left out, for the dial policy.

    `prompts`, `tables` and `hours` are what `t()`, `table()` and `open()` look into.
    """

    name: str
    version: str
    manifest: Manifest
    steps: Mapping[str, Step]
    environment: FlowEnvironment
    audio: Mapping[str, bytes] = field(repr=False)
    written: tuple[str, ...] = field(repr=False)
    problems: tuple[Problem, ...] = ()
    prompts: Catalogues = field(default_factory=lambda: Catalogues({}, "en-US"), repr=False)
    tables: Mapping[str, LookupTable] = field(default_factory=dict, repr=False)
    hours: Mapping[str, Hours] = field(default_factory=dict, repr=False)
    manifest_complete: bool = True  # False: what was wrong in flow.toml was left out of `manifest`
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    places: Places = field(default_factory=lambda: Places(""), repr=False)  # of flow.toml's keys and values

    def closest_step(self, name: str) -> str:
        """What may have been meant, or what there is: an error's hint."""
        return did_you_mean(name, self.steps, f"it has {', '.join(sorted(self.steps)) or 'no steps'}")

    def required_params(self) -> list[str]:
        return [name for name, spec in self.manifest.params.items() if spec.required]


def load_flow(source: FlowSource) -> Flow:
    """Compile every template. What is wrong stands in `problems`; a flow with errors must not go live."""
    problems = list(source.problems)
    toml = f"{source.name}/flow.toml"
    manifest, found = read_manifest(source.files.get(toml, b""), toml)
    problems += found
    complete = not errors_in(found)
    texts, found = _texts(source)
    problems += found
    environment = FlowEnvironment(texts)
    for name, text in texts.items():
        try:
            environment.get_template(name)
        except Exception as error:
            problem = explain(error, name)
            problems.append(placed(problem, rows_of(text), problem.line, problem.column) if problem.line else problem)
    problems += too_slow({name: facts.cost for name, facts in environment.facts.items()})
    steps, found = _steps(source.name, texts, manifest)
    problems += found
    data = source.files.get(toml, b"")
    places = Places(decoded(data) if len(data) <= MAX_BYTES else "")
    problems += _manifest_problems(source.name, manifest, steps, places)
    prompts, tables, hours, found = _data(source, manifest, environment)
    problems += found
    if not steps and not errors_in(problems):  # else it was said why there are none
        problems.append(Problem.error("flow.no-steps", "the flow has no steps", source.name, None, "add aleg.xml"))
    return Flow(
        name=source.name,
        version=source.version,
        manifest=manifest,
        steps=steps,
        environment=environment,
        audio={
            path.rpartition("/")[2]: data
            for folder in (SHARED, source.name)  # a flow's own file comes instead of a shared one
            for path, data in source.files.items()
            if path.rpartition("/")[0] == f"{folder}/audio" and path.endswith((".wav", ".mp3"))
        },
        written=_written(source, environment, toml),
        problems=tuple(problems),
        prompts=prompts,
        tables=tables,
        hours=hours,
        manifest_complete=complete,
        texts=texts,
        places=places,
    )


def _data(
    source: FlowSource, manifest: Manifest, environment: FlowEnvironment
) -> tuple[Catalogues, dict[str, LookupTable], dict[str, Hours], list[Problem]]:
    """What stands beside the templates. Tables are read where a template uses them: other files may lie there too."""
    language = manifest.params.get("language")
    others = (*manifest.languages.values(), *(language.choices if language else ()))
    prompts, problems = read_texts(source.name, source.files, manifest.language, others)
    tables: dict[str, LookupTable] = {}
    if any(facts.uses_tables for facts in environment.facts.values()):
        tables, found = read_tables(source.name, source.files)
        problems += found
        environment.facts[TABLES] = facts_of_tables(tables)
    hours: dict[str, Hours] = {}
    for path in (f"{SHARED}/{HOURS}", f"{source.name}/{HOURS}"):
        if path in source.files:
            its, found = read_hours(source.files[path], path)
            hours |= its
            problems += found
    return prompts, tables, hours, problems


def rows_of(text: str) -> list[str]:
    """Lines as Jinja counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _texts(source: FlowSource) -> tuple[dict[str, str], list[Problem]]:
    texts: dict[str, str] = {}
    problems = []
    total = sum(len(data) for name, data in source.files.items() if name.endswith((".xml", ".csv", ".toml", ".txt")))
    if total > MAX_TEXT_BYTES:
        message = f"its templates and tables have {total} bytes; at most {MAX_TEXT_BYTES}"
        hint = "keep what no caller's step needs somewhere else"
        problems.append(Problem.error("flow.size", message, source.name, hint=hint))
    for name, data in source.files.items():
        if not name.endswith(".xml"):
            continue
        if len(data) > MAX_TEMPLATE_BYTES:
            problems.append(Problem.error("template.size", f"{len(data)} bytes; at most {MAX_TEMPLATE_BYTES}", name))
            continue
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            problem = Problem.error("template.encoding", "not UTF-8", name, None, "save the file as UTF-8")
            problems.append(placed(problem, rows_of(data.decode("utf-8", "replace")), line))
            continue
        if scrub(text) != text.replace("\r\n", "\n").replace("\r", "\n"):
            rows = rows_of(text)
            line = next(n for n, row in enumerate(rows, 1) if scrub(row) != row)
            row = rows[line - 1]
            column = next((n for n, character in enumerate(row, 1) if scrub(character) != character), None)
            problem = Problem.error("template.characters", "a character XML cannot hold", name)
            problems.append(placed(problem, rows, line, column))
            continue
        texts[name] = text
    return texts, problems


def _steps(flow: str, texts: Mapping[str, str], manifest: Manifest) -> tuple[dict[str, Step], list[Problem]]:
    templates: dict[str, dict[str, str]] = {}
    problems = []
    for path in texts:
        folder, _, file = path.rpartition("/")
        if folder != flow or file.startswith("_"):
            continue
        name, dot, provider = file.removesuffix(".xml").partition(".")
        if not is_name(name) or (dot and not is_name(provider)):
            hint = "use lower-case letters, digits, - and _; start a file that is no step with _"
            if is_name(file.removesuffix(".xml").lower()):
                hint = f"call it {file.lower()}: names are in small letters"
            problems.append(Problem.error("flow.step-name", f"{file!r} cannot be a step's name", path, None, hint))
            continue
        templates.setdefault(name, {})[provider] = path
    steps = {}
    for name, found in sorted(templates.items()):
        spec = manifest.steps.get(name, StepSpec())
        steps[name] = Step(name, spec.kind, found, spec.needs, spec.default, spec.queue)
    return steps, problems


def _manifest_problems(flow: str, manifest: Manifest, steps: Mapping[str, Step], places: Places) -> list[Problem]:
    toml = f"{flow}/flow.toml"
    problems = []
    named: list[tuple[tuple[str | int, ...], str]] = [(("steps", name), name) for name in manifest.steps]
    named += [(("fallback",), manifest.fallback)] if manifest.fallback else []
    named += [
        (("samples", number, "step"), sample.step)
        for number, sample in enumerate(manifest.samples)
        if sample.step and sample.step != NO_STEP
    ]
    for where, name in named:
        if name not in steps:
            hint = did_you_mean(name, steps, f"add {flow}/{name}.xml")
            problem = Problem.error("flow.no-such-step", f"there is no step {name}", toml, None, hint)
            problems.append(places.problem(problem, where, value=where[0] != "steps"))
    for name, step in steps.items():
        if step.kind != "sound" or name not in manifest.steps:
            continue
        if name == manifest.fallback:
            message = f"the fallback {name} is a sound step: a caller who needs it would hear that and nothing else"
            problem = Problem.error("flow.fallback-sound", message, toml, None, "name a step of kind call")
            problems.append(places.problem(problem, ("fallback",), value=True))
        if name in ENTRY_STEPS:
            message = f"{name} is where calls come in, and is called a sound step: Play, Wait and Speak only"
            hint = f"remove [steps.{name}], or give the sound a step of its own"
            problem = Problem(Severity.WARNING, "flow.entry-sound", message, toml, hint=hint)
            problems.append(places.problem(problem, ("steps", name)))
    return problems


def _written(source: FlowSource, environment: FlowEnvironment, toml: str) -> tuple[str, ...]:
    """Text and constants of the templates, except those that are only compared with, and all of the flow's tables;
    of the shared ones those that it uses.
    """
    used = {path for paths in table_files(source.name, source.files).values() for path in paths}
    if TABLES not in environment.facts:
        used = set()
    tables = [
        data.decode("utf-8", "replace")
        for path, data in source.files.items()
        if path == toml or path in used or (path.endswith((".csv", ".toml", ".txt")) and not path.startswith(SHARED))
    ]
    return (*(text for facts in environment.facts.values() for text in facts.written), *tables)
