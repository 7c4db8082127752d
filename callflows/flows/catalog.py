"""A flow that was loaded: its steps, each with the template for each provider, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2 import TemplateSyntaxError, nodes

from ..models import Problem
from ..scrub import scrub
from ..suggest import did_you_mean
from .manifest import Manifest, line_of, read_manifest
from .rendering import explain
from .sandbox import FlowEnvironment
from .sources import SHARED, FlowSource, is_name

ENTRY_STEPS = ("aleg", "bleg", "answer")
MAX_TEMPLATE_BYTES = 200_000  # compiles in a second


@dataclass(frozen=True, slots=True)
class Step:
    """One URL of a flow. `templates` maps a provider, or "" for all others, to a template's name."""

    name: str
    kind: str
    templates: Mapping[str, str]

    def template(self, provider: str) -> tuple[str, bool]:
        """The template for a provider, and whether it is written in that provider's own vocabulary.

        The name is empty when there is none.
        """
        if provider in self.templates:
            return self.templates[provider], True
        return self.templates.get("", ""), False


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Flow:
    """A version of a flow. `written` is the text its author wrote, comparisons left out, for the dial policy."""

    name: str
    version: str
    manifest: Manifest
    steps: Mapping[str, Step]
    environment: FlowEnvironment
    audio: Mapping[str, bytes] = field(repr=False)
    written: tuple[str, ...] = field(repr=False)
    problems: tuple[Problem, ...] = ()

    def closest_step(self, name: str) -> str:
        """What may have been meant, or what there is: an error's hint."""
        return did_you_mean(name, self.steps, f"it has {', '.join(sorted(self.steps)) or 'no steps'}")

    def required_params(self) -> list[str]:
        return [name for name, spec in self.manifest.params.items() if spec.required]


def load_flow(source: FlowSource) -> Flow:
    """Compile every template. What is wrong stands in `problems`; a flow with problems must not go live."""
    problems = list(source.problems)
    toml = f"{source.name}/flow.toml"
    manifest, found = read_manifest(source.files.get(toml, b""), toml)
    problems += found
    texts, found = _texts(source)
    problems += found
    environment = FlowEnvironment(texts)
    for name in texts:
        try:
            environment.get_template(name)
        except Exception as error:
            problems.append(explain(error, name))
    steps, found = _steps(source.name, texts, manifest)
    problems += found + _manifest_problems(source, manifest, steps)
    return Flow(
        name=source.name,
        version=source.version,
        manifest=manifest,
        steps=steps,
        environment=environment,
        audio={
            path.rpartition("/")[2]: data
            for path, data in source.files.items()
            if path.rpartition("/")[0] == f"{source.name}/audio" and path.endswith((".wav", ".mp3"))
        },
        written=_written(source, environment, texts, toml),
        problems=tuple(problems),
    )


def _texts(source: FlowSource) -> tuple[dict[str, str], list[Problem]]:
    texts: dict[str, str] = {}
    problems = []
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
            problems.append(Problem.error("template.encoding", "not UTF-8", name, line, "save the file as UTF-8"))
            continue
        if scrub(text) != text.replace("\r\n", "\n").replace("\r", "\n"):
            line = next(n for n, row in enumerate(text.splitlines(), 1) if scrub(row) != row)
            problems.append(Problem.error("template.characters", "a character XML cannot hold", name, line))
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
            problems.append(Problem.error("flow.step-name", f"{file!r} cannot be a step's name", path, None, hint))
            continue
        templates.setdefault(name, {})[provider] = path
    steps = {
        name: Step(name, manifest.steps[name].kind if name in manifest.steps else "call", found)
        for name, found in sorted(templates.items())
    }
    return steps, problems


def _manifest_problems(source: FlowSource, manifest: Manifest, steps: Mapping[str, Step]) -> list[Problem]:
    toml = f"{source.name}/flow.toml"
    text = source.files.get(toml, b"").decode("utf-8-sig", "replace")
    problems = []
    if not steps:
        problems.append(Problem.error("flow.no-steps", "the flow has no steps", source.name, None, "add aleg.xml"))
    named: list[tuple[tuple[str, ...], str]] = [(("steps", name), name) for name in manifest.steps]
    named += [(("fallback",), manifest.fallback)] if manifest.fallback else []
    for where, name in named:
        if name not in steps:
            hint = did_you_mean(name, steps, f"add {source.name}/{name}.xml")
            problems.append(
                Problem.error("flow.no-such-step", f"there is no step {name}", toml, line_of(where, text), hint)
            )
    return problems


def _written(source: FlowSource, environment: FlowEnvironment, texts: Mapping[str, str], toml: str) -> tuple[str, ...]:
    """Text and constants of the templates, except those that are only compared with, and all of the tables.

    A number in a comparison is one the author asks about (`call.from_number == "+1..."`), not one to dial.
    """
    found = []
    for text in texts.values():
        try:
            tree = environment.parse(text)
            compared = {
                id(constant)
                for comparison in tree.find_all((nodes.Compare, nodes.Test))
                for constant in comparison.find_all(nodes.Const)
            }
            found += [data.data for data in tree.find_all(nodes.TemplateData)]
            found += [
                constant.value
                for constant in tree.find_all(nodes.Const)
                if isinstance(constant.value, str) and id(constant) not in compared
            ]
        except (TemplateSyntaxError, RecursionError):  # reported where the template was compiled
            continue
    tables = [
        data.decode("utf-8", "replace")
        for path, data in source.files.items()
        if path == toml or (path.endswith((".csv", ".toml", ".txt")) and not path.startswith(SHARED))
    ]
    return (*found, *tables)
