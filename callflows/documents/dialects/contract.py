"""The contract of a dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..findings import Finding, Node
from ..rules import RULES, Rule, by_tag

AUTHORED = "plivo"  # the vocabulary templates are written in: the name of its XSD

Convert = Callable[[Node], list[Finding]]


@dataclass(frozen=True)
class Dialect:
    """`convert` changes the tree in place, from the authored vocabulary to the platform's, and tells what was lost;
    None where they are the same. It must take any tree, also one the grammar refuses. `instead` says what to write
    for elements the platform does not have. `attributes`: those with another name
    here, by the author's element and attribute."""

    name: str
    convert: Convert | None = None
    rules: tuple[Rule, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    table: Mapping[str, tuple[Rule, ...]] = field(init=False, repr=False)
    names: Mapping[tuple[str, str], str] = field(init=False, repr=False)  # the way back

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", by_tag((*RULES, *self.rules)))
        object.__setattr__(self, "names", {(tag, new): name for (tag, name), new in self.attributes.items()})
