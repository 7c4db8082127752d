"""A flow's params as JSON Schema (draft 2020-12), for whoever fills them in by program: APIs, and models that call
tools.

The schema describes the spelling resolve_params() gives back: whatever that returns satisfies the schema, and what
satisfies the schema is taken. On the way in resolve_params() is kinder ("1 415 555 0123", "yes", "5"). JSON Schema
cannot say, so resolve_params() alone does: which ports and bracketed addresses a URL may have, and that 5.0 is no
whole number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .params import ParamSpec, typed

# Patterns keep to what every dialect of regular expressions has; no `format`, which APIs refuse or read differently.
_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://[!$-.0-9;=A-\[\]-~][!$-.0-;=A-\[\]-~]*([/?#][!#-;=?-\[\]-~]*)?$"
_SIP = r"^sips?:[A-Za-z0-9._+%~-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?(;[A-Za-z0-9=.;-]*)?$"
_NOT_BLANK = (  # at least one character that is neither white space nor taken out on the way in (see scrub)
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ue000-\ue0ff\ufffe\uffff]"
)
_FORMS: Mapping[str, Mapping[str, Any]] = {
    "phone": {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"},
    "text": {"type": "string", "maxLength": 1000},
    "digits": {"type": "string", "pattern": r"^[0-9*#wW]{1,64}$"},
    "integer": {"type": "integer", "minimum": -(10**12 - 1), "maximum": 10**12 - 1},
    "boolean": {"type": "boolean"},
    "choice": {"type": "string"},
    "url": {"type": "string", "maxLength": 1000, "pattern": _URL},
    "sip": {"type": "string", "maxLength": 1000, "pattern": _SIP},
}
# What a pattern says to a program, for a reader of the description.
_WORDS: Mapping[str, str] = {
    "phone": "A phone number in international form, such as +14155550123.",
    "digits": "Keys of a telephone: 0-9 * #, and w for a pause.",
    "url": "An absolute http or https URL.",
    "sip": "A SIP URI, such as sip:agent@example.com.",
}


def params_schema(specs: Mapping[str, ParamSpec]) -> dict[str, Any]:
    """Of an object with the params, by their names."""
    return {
        "type": "object",
        "properties": {name: _param(spec) for name, spec in specs.items()},
        "required": [name for name, spec in specs.items() if spec.required],
        "additionalProperties": False,
    }


def sentences(*parts: str) -> str:
    """The parts that say something, each ended by a full stop where it has no end of its own."""
    said = [part.strip() for part in parts if part.strip()]
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in said)


def _param(spec: ParamSpec) -> dict[str, Any]:
    schema = dict(_FORMS[spec.type])
    if description := sentences(spec.description, _WORDS.get(spec.type, "")):
        schema["description"] = description
    if spec.type == "choice":
        schema["enum"] = [choice for choice in dict.fromkeys(spec.choices) if _can_be_chosen(spec, choice)]
    if spec.type == "text" and spec.required:
        schema["pattern"] = _NOT_BLANK
    if spec.default is not None:
        schema["default"] = spec.default
    if spec.example is not None:
        schema["examples"] = [spec.example]
    return schema


def _can_be_chosen(spec: ParamSpec, choice: str) -> bool:
    """Not if it is written with spaces around it, say: those are taken off whatever comes in."""
    try:
        return typed(spec, choice) == choice and not (spec.required and not choice)
    except ValueError:
        return False
