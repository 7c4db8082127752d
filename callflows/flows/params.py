"""A flow's parameters: what callers of a transfer may pass, made to fit their declared type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationInfo, field_validator, model_validator

from ..errors import ParamInvalid
from ..scrub import scrub
from ..signing import Scalar
from ..suggest import did_you_mean

PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PHONE = re.compile(r"\+?[1-9][0-9]{6,14}")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Table(BaseModel):
    """A table of flow.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ParamSpec(Table):
    """`[params.NAME]`. `default` None means: none given, so the value is the empty string in templates."""

    type: Literal["phone", "text", "digits", "integer", "boolean", "choice", "url", "sip"] = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    default: Any = None
    example: Any = None
    description: str = ""
    agent: StrictBool = True  # False: models that choose this flow as a tool do not see the param

    @field_validator("default", "example")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Scalar | None:
        if value is None or "type" not in info.data:  # the type's own fault is reported
            return None
        spec = cls.model_construct(type=info.data["type"], choices=info.data.get("choices", ()))
        return typed(spec, value)

    @model_validator(mode="after")
    def _consistent(self) -> ParamSpec:
        if self.type == "choice" and not self.choices:
            raise ValueError('a param of type "choice" needs choices = ["...", "..."]')
        if self.type != "choice" and self.choices:
            raise ValueError('choices go with type = "choice"')
        if self.required and self.default is not None:
            raise ValueError("a required param has no default: remove one of the two")
        if self.required and self.example is None:
            raise ValueError("a required param needs an example, so that the flow can be checked")
        return self


def resolve_params(specs: Mapping[str, ParamSpec], given: Mapping[str, object], flow: str) -> dict[str, Scalar]:
    """The given values, typed; defaults are added when rendering, so that an edited default is heard at once.

    Raise one ParamInvalid that names every missing, unknown and ill-typed param.
    """
    faults: list[str] = []
    values: dict[str, Scalar] = {}
    for name, value in given.items():
        if name not in specs:
            known = f"it takes {', '.join(specs)}" if specs else "it takes none"
            faults.append(f"{flow} has no param {name!r}: {did_you_mean(name, specs, known)}")
            continue
        try:
            values[name] = typed(specs[name], value)
            if specs[name].required and values[name] == "":
                raise ValueError("must not be empty")
        except ValueError as error:
            faults.append(f"param {name} of {flow} {error}")
    for name, spec in specs.items():
        if spec.required and name not in given:
            example = f", for example --set {shlex.quote(f'{name}={spec.example}')}" if spec.example is not None else ""
            faults.append(f"{flow} needs the param {name} ({spec.type}){example}")
    if faults:
        raise ParamInvalid("; ".join(faults))
    return values


def with_defaults(specs: Mapping[str, ParamSpec], values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What templates see as `params`: every declared name, absent ones as the empty string."""
    result: dict[str, Scalar] = {}
    for name, spec in specs.items():
        result[name] = values.get(name, "" if spec.default is None else spec.default)
    return result


def examples(specs: Mapping[str, ParamSpec]) -> dict[str, Scalar]:
    """The values a flow is checked with: those of required params."""
    return {name: spec.example for name, spec in specs.items() if spec.required}


def typed(spec: ParamSpec, value: object) -> Scalar:
    """`value` as the spec's type, or ValueError with the end of a sentence."""
    return _TYPES[spec.type](spec, value)


def _text(_: ParamSpec, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be text")
    text = scrub(str(value)).strip()
    if len(text) > 1000:
        raise ValueError(f"is {len(text)} characters long; at most 1000 fit")
    return text


def _phone(spec: ParamSpec, value: object) -> str:
    text = re.sub(r"[ ().-]", "", _text(spec, value))
    if not _PHONE.fullmatch(text):
        raise ValueError("must be a phone number in international form, such as +14155550123")
    return "+" + text.removeprefix("+")


def _digits(spec: ParamSpec, value: object) -> str:
    text = _text(spec, value)
    if not re.fullmatch(r"[0-9*#wW]{1,64}", text):
        raise ValueError("must be digits (0-9 * #, w for a pause)")
    return text


def _integer(_: ParamSpec, value: object) -> int:
    text = str(value).strip() if isinstance(value, str | int) else ""
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,12}", text):
        raise ValueError("must be a whole number")
    return int(text)


def _boolean(_: ParamSpec, value: object) -> bool:
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text not in _TRUE + _FALSE:
        raise ValueError("must be true or false")
    return text in _TRUE


def _choice(spec: ParamSpec, value: object) -> str:
    text = _text(spec, value)
    if text not in spec.choices:
        meant = did_you_mean(text, spec.choices)
        raise ValueError(f"must be one of {', '.join(spec.choices)}" + (f"; {meant}" if meant else ""))
    return text


def _url(spec: ParamSpec, value: object) -> str:
    text = _text(spec, value)
    try:
        parts = urlsplit(text)
        fault = parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.port == 0
    except ValueError:
        fault = True
    if fault or not text.isascii() or re.search(r"[\s\"<>\\]", text):
        raise ValueError("must be an absolute http or https URL, without user name, in ASCII")
    return text


def _sip(spec: ParamSpec, value: object) -> str:
    text = _text(spec, value)
    if not re.fullmatch(r"sips?:[A-Za-z0-9._+%~-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?(;[A-Za-z0-9=.;-]*)?", text):
        raise ValueError("must be a SIP URI such as sip:agent@example.com")
    return text


_TYPES: dict[str, Callable[[ParamSpec, object], Scalar]] = {
    "phone": _phone,
    "text": _text,
    "digits": _digits,
    "integer": _integer,
    "boolean": _boolean,
    "choice": _choice,
    "url": _url,
    "sip": _sip,
}
