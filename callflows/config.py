"""Settings: one typed table, read once. Docs, `callflows settings` and the checks derive from it.

Order, last wins: default, `.env` in the working folder, a file that `CALLFLOWS_NAME_FILE` names (secrets mounted by
an orchestrator), `CALLFLOWS_*` in the environment, an explicit mapping.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from . import environment
from .bearer import Tokens
from .durations import seconds_of
from .environment import PREFIX, field_name
from .errors import ConfigError
from .models import SignatureMode
from .people import People
from .suggest import did_you_mean
from .urls import public_url_fault


def _split(value: object) -> object:
    """Lists are written `a,b` or one per line."""
    if isinstance(value, str):
        return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]
    return value


def _entries(value: object) -> object:
    """Entries with commas in them stand on a line each, or between spaces."""
    return value.split() if isinstance(value, str) else value


Entries = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_entries)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """All settings. `Settings.load()` reads them; the instance is frozen and its repr shows no secret."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",  # unknown names are refused by load(), with a suggestion
        frozen=True,
        hide_input_in_errors=True,
    )

    public_url: str = Field(
        "",
        description="The address the platform reaches us at: https, or http on loopback. Every link we emit and "
        "every signature we check starts with it; the request's Host is never used.",
    )
    secret_keys: Secrets = Field(
        (),
        description="Keys that sign our URLs, oldest to newest: the last signs, all verify. Empty: one is made "
        "and kept in STATE_DIR/secret.key, which only serves a single machine.",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL of the store. Default: SQLite in STATE_DIR. For several machines: "
        "postgresql://user:password@host/name.",
    )
    store_keep: str = Field(
        "400d",
        description="How long the store keeps what it knows of calls and transfers: 90d, 12h, or forever. The keeper "
        "removes what is older, once an hour.",
    )
    templates: Path = Field(Path("templates"), description="Folder of the flows.")
    state_dir: Path = Field(
        Path("state"), description="Folder for journals, published flow versions and the SQLite store."
    )
    plivo_auth_id: str = Field("", description="Plivo auth ID, for the REST API.")
    plivo_auth_tokens: Secrets = Field(
        (),
        description="Plivo auth tokens, newest first: the first is used for REST, all verify signatures. A "
        "sub-account may add its main account's token at the end.",
    )
    plivo_api_url: str = Field("https://api.plivo.com/v1", description="Base of Plivo's REST API.")
    plivo_signatures: SignatureMode = Field(
        SignatureMode.REQUIRED,
        description="required: unsigned requests are refused. if-present: a signature is checked where there "
        "is one, and a token is needed where there is none. off: signatures are not needed; a token is.",
    )
    plivo_http: str = Field(
        "ct=2000&rt=4000&rc=2&rp=all",
        description="How Plivo fetches our URLs (its callback settings, sent as URL fragment): connect and "
        "read timeout in ms, retries, what is retried. Plivo's own default waits 40 s in silence.",
    )
    vobiz_auth_id: str = Field("", description="Vobiz auth ID, for the REST API.")
    vobiz_auth_tokens: Secrets = Field((), description="Vobiz auth tokens, as for Plivo.")
    vobiz_api_url: str = Field("https://api.vobiz.ai/api/v1", description="Base of Vobiz's REST API.")
    vobiz_signatures: SignatureMode = Field(
        SignatureMode.IF_PRESENT,
        description="As for Plivo. Vobiz signs only where it was set up to, so the default is if-present.",
    )
    dial_allow: Words = Field(
        (),
        description="What may be dialled or fetched besides what stands in the flow's own files: numbers and "
        "prefixes (+14155550123, +1415), regions (US), SIP targets (sip:agent@example.com, sip:example.com), "
        "hosts (https://flows.example.org). Premium-rate and satellite numbers need their exact entry.",
    )
    safe_number: str = Field(
        "", description="Number the safe document dials, after two retries, before it says goodbye."
    )
    dial_events: bool = Field(
        True,
        description="Whether a Dial or Conference that names no callbackUrl is given ours, so that it is known who was "
        "dialled and what came of it. dial_events = false in flow.toml turns it off for one flow.",
    )
    deadline: float = Field(
        1.5, gt=0, le=10, description="Seconds a request may take us; the step itself may use half."
    )
    xml_allow: Words = Field(
        (),
        description="Attributes a platform has added since our schemas were written (Dial.newThing): their "
        "problem becomes a warning.",
    )
    transfers_per_call: int = Field(
        60,
        ge=0,
        description="Most transfers of one call within an hour, over all machines; 0: no limit. Plivo hangs up a "
        "call after 70.",
    )
    transfers_per_destination: int = Field(
        100,
        ge=0,
        description="Most transfers within an hour to one number that came from outside: numbers in a flow's own "
        "files, and those that DIAL_ALLOW has one by one, do not count. 0: no limit.",
    )
    transfers_per_token: int = Field(
        900,
        ge=0,
        description="Most transfers one API token may ask for within an hour, over all machines; 0: no limit.",
    )
    api_tokens: Words = Field(
        (),
        description="Who may use the HTTP API: id:scope:sha256 of a token, for each; `callflows tokens new` makes one. "
        "Scopes: read, transfer, admin. Two entries with one id: while a token is rotated.",
    )
    console: bool = Field(
        True,
        description="Whether this server has the console under /console/. Off where `callflows console` runs it.",
    )
    console_users: Entries = Field(
        (),
        description="Who may use the console: name:role:hash for each, separated by spaces or lines; "
        "`callflows console user` makes one. Roles: viewer, operator.",
    )
    console_proxy_header: str = Field(
        "",
        description="Instead of passwords: the header in which a proxy that signs people in says who it is "
        "(X-Forwarded-User). The proxy must remove it from what comes in.",
    )
    console_operators: Words = Field(
        (), description="With CONSOLE_PROXY_HEADER: who may transfer, hang up and publish; the others may look."
    )
    console_bind: str = Field("127.0.0.1:8010", description="Address of `callflows console`: HOST:PORT or unix:PATH.")
    max_body: int = Field(65536, ge=1024, description="Largest request body in bytes; larger ones get 413.")
    max_hops: int = Field(
        500,
        ge=1,
        description="Steps one call may take in a row through our URLs before it gets the fallback.",
    )
    keeper: bool = Field(
        True,
        description="Whether serving processes start the keeper (journals to the store, publishing of edits). Off: "
        "journals and edits wait until a process that has it on serves from the same STATE_DIR.",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_numbers: bool = Field(True, description="Whether logs show phone numbers; off leaves their last 2 digits.")
    bind: str = Field(
        "127.0.0.1:8000", description="Address of `callflows serve` and gunicorn: HOST:PORT or unix:PATH."
    )
    workers: int = Field(2, ge=1, description="Worker processes.")
    threads: int = Field(8, ge=1, description="Threads of each worker.")

    @classmethod
    def load(cls, values: Mapping[str, Any] | None = None) -> Self:
        """Read the environment, then `values` over it (`PUBLIC_URL`, `public_url` and `CALLFLOWS_PUBLIC_URL` are
        the same name). Raise one ConfigError that names every setting at fault and shows no value.
        """
        given = {field_name(name): value for name, value in (values or {}).items()}
        dotenv = environment.dotenv()
        unknown = [name for name in environment.prefixed_names(dotenv) if field_name(name) not in _known_names()]
        unknown += [name for name in given if name not in cls.model_fields]
        files, faults = environment.from_files(dotenv, cls.model_fields)
        faults = [_unknown(name) for name in unknown] + faults
        settings = None
        try:
            settings = cls(**{name: value for name, value in (files | given).items() if name in cls.model_fields})
        except ValidationError as error:
            faults += [
                f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
        if faults or settings is None:
            raise ConfigError("; ".join(faults))
        return settings

    @field_validator("store_keep")
    @classmethod
    def _store_keep(cls, value: str) -> str:
        if value != "forever":
            try:
                seconds_of(value, shortest="1h", longest="36500d", examples="90d or 12h")
            except ValueError as error:
                raise ValueError(f"{error}; to keep everything write forever") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        fault = public_url_fault(value) if value else ""
        if fault:
            raise ValueError(fault)
        parts = urlsplit(value)
        return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl().rstrip("/")

    @field_validator("plivo_api_url", "vobiz_api_url")
    @classmethod
    def _api_url(cls, value: str) -> str:
        fault = public_url_fault(value).replace("https://flows.example.com", "https://api.example.com/v1")
        if fault:
            raise ValueError(fault)
        return value.rstrip("/")

    @field_validator("plivo_http")
    @classmethod
    def _http(cls, value: str) -> str:
        if not re.fullmatch(r"([a-z]{2}=[a-z0-9_,]+(&[a-z]{2}=[a-z0-9_,]+)*)?", value):
            raise ValueError("must look like ct=2000&rt=4000&rc=2&rp=all")
        return value

    @field_validator("plivo_auth_id", "vobiz_auth_id")
    @classmethod
    def _auth_id(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_.-]*", value):
            raise ValueError("holds a character no auth ID has")
        return value

    @field_validator("safe_number")
    @classmethod
    def _safe_number(cls, value: str) -> str:
        if value and not re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
            raise ValueError("must be a phone number in international form, such as +14155550123")
        return value

    @field_validator("xml_allow")
    @classmethod
    def _xml_allow(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        bad = [entry for entry in value if not re.fullmatch(r"[A-Za-z][\w-]*\.[A-Za-z][\w:-]*", entry)]
        if bad:
            raise ValueError(f"{', '.join(bad)}: write Element.attribute")
        return value

    @field_validator("api_tokens")
    @classmethod
    def _api_tokens(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        Tokens(value)
        return value

    @field_validator("console_users")
    @classmethod
    def _console_users(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        People(value)
        return value

    @field_validator("console_proxy_header")
    @classmethod
    def _console_proxy_header(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
            raise ValueError("must be a header's name, such as X-Forwarded-User")
        return value

    @field_validator("bind", "console_bind")
    @classmethod
    def _bind(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not value.startswith("unix:") and not (host and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("must be HOST:PORT or unix:PATH")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    def require_public_url(self) -> str:
        if not self.public_url:
            raise ConfigError(
                "CALLFLOWS_PUBLIC_URL is not set",
                hint="set it to the https address the platform reaches this server at",
            )
        return self.public_url

    def store_url(self) -> str:
        return self.database_url.get_secret_value() or f"sqlite:///{self.state_dir.absolute() / 'callflows.db'}"

    def keep_seconds(self) -> int | None:
        """STORE_KEEP in seconds; None: for ever."""
        if self.store_keep == "forever":
            return None
        return seconds_of(self.store_keep, shortest="1h", longest="36500d", examples="90d or 12h")

    def make_state_dir(self) -> Path:
        """For its owner alone: it holds keys, callers' numbers, and documents."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.state_dir

    @property
    def key_file(self) -> Path:
        """The key that stands in for SECRET_KEYS on a single machine."""
        return self.state_dir / "secret.key"

    def signing_keys(self) -> tuple[str, ...]:
        """SECRET_KEYS, or the key kept in STATE_DIR (made on first use, readable by its owner alone)."""
        if self.secret_keys:
            return tuple(key.get_secret_value() for key in self.secret_keys)
        path = self.key_file
        try:
            self.make_state_dir()
            draft = path.with_name(f".secret.{secrets.token_hex(4)}")
            if not path.exists():
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(secrets.token_hex(32))
                try:
                    os.link(draft, path)  # whoever links first wins; the others read the winner's key
                except FileExistsError:
                    pass
                finally:
                    draft.unlink()
            key = path.read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise ConfigError(
                f"no CALLFLOWS_SECRET_KEYS, and {path} cannot be used: {error.strerror}",
                hint="set CALLFLOWS_SECRET_KEYS, or make CALLFLOWS_STATE_DIR writable",
            ) from error
        if not key:
            raise ConfigError(f"{path} is empty", hint="remove it; a new key is made, and links made before end")
        return (key,)

    def secret_values(self) -> tuple[str, ...]:
        """Every configured secret, for redaction."""
        fields = (self.secret_keys, self.plivo_auth_tokens, self.vobiz_auth_tokens)
        found = [secret.get_secret_value() for group in fields for secret in group]
        found.append(urlsplit(self.database_url.get_secret_value()).password or "")
        return tuple(value for value in found if value)

    def dump(self) -> dict[str, Any]:
        """Plain values, secrets included: what load() of another process of ours needs to get the same settings."""
        values = self.model_dump(mode="json")
        for name in values:
            found = getattr(self, name)
            if isinstance(found, SecretStr):
                values[name] = found.get_secret_value()
            elif isinstance(found, tuple) and found and isinstance(found[0], SecretStr):
                values[name] = [secret.get_secret_value() for secret in found]
        return values

    def for_provider(self, provider: str, name: str) -> Any:
        """The provider's own setting: `for_provider("plivo", "auth_id")` is `plivo_auth_id`."""
        return getattr(self, f"{provider}_{name}", "")


def _known_names() -> set[str]:
    return {suffix for name in Settings.model_fields for suffix in (name, f"{name}_file")}


def _unknown(name: str) -> str:
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    full = PREFIX + field_name(name).upper()
    meant = did_you_mean(full, known)
    return f"unknown setting {full}" + (f"; {meant}" if meant else "")
