"""Settings: one table, every fault at once, and no secret in any text."""

from __future__ import annotations

import multiprocessing
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from callflows.config import PREFIX, Settings
from callflows.errors import ConfigError
from callflows.models import SignatureMode

SECRET = "s3cret-of-tests"


def fault(values: dict[str, Any] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        Settings.load(values)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_without_any_setting_there_are_defaults() -> None:
    settings = Settings.load()
    assert settings.public_url == ""
    assert settings.plivo_signatures is SignatureMode.REQUIRED
    assert settings.vobiz_signatures is SignatureMode.IF_PRESENT
    assert settings.deadline == 1.5


def test_a_mapping_beats_the_environment_which_beats_a_file_which_beats_dotenv(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path(".env").write_text("CALLFLOWS_TEMPLATES=1\nCALLFLOWS_BIND=dotenv:1\n")
    assert Settings.load().templates == Path("1")
    (tmp_path / "number").write_text("2\n")
    monkeypatch.setenv("CALLFLOWS_TEMPLATES_FILE", str(tmp_path / "number"))
    assert Settings.load().templates == Path("2")
    monkeypatch.setenv("CALLFLOWS_TEMPLATES", "3")
    assert Settings.load().templates == Path("3")
    assert Settings.load({"templates": "4"}).templates == Path("4")
    assert Settings.load({"TEMPLATES": "4"}).templates == Path("4")
    assert Settings.load({"CALLFLOWS_TEMPLATES": "4"}).templates == Path("4")
    assert Settings.load().bind == "dotenv:1"


def test_names_may_be_written_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("callflows_bind", "lower:1")
    assert Settings.load().bind == "lower:1"


def test_a_blank_value_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUBLIC_URL", "SECRET_KEYS", "DEADLINE", "PLIVO_SIGNATURES", "SAFE_NUMBER_FILE", "KEEPER"):
        monkeypatch.setenv(PREFIX + name, "")
    monkeypatch.setenv("CALLFLOWS_DIAL_ALLOW", " , \n ,")
    settings = Settings.load()
    assert (settings.deadline, settings.secret_keys, settings.dial_allow) == (1.5, (), ())


def test_lists_are_written_with_commas_or_lines() -> None:
    found = Settings.load({"dial_allow": " +1415, US\n sip:example.com ,"})
    assert found.dial_allow == ("+1415", "US", "sip:example.com")
    assert Settings.load({"dial_allow": ["+1", "GB"]}).dial_allow == ("+1", "GB")
    keys = Settings.load({"secret_keys": "old,new"}).signing_keys()
    assert keys == ("old", "new")


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_secret_may_stand_in_a_file(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"\ufeff{SECRET},other\n")
    if where == ".env":
        Path(".env").write_text(f"CALLFLOWS_SECRET_KEYS_FILE={tmp_path / 'keys'}\n")
    else:
        monkeypatch.setenv("CALLFLOWS_SECRET_KEYS_FILE", str(tmp_path / "keys"))
    assert Settings.load().signing_keys() == (SECRET, "other")


def test_every_file_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "empty").write_text(" \n")
    for name, file in (("SECRET_KEYS", "missing"), ("PLIVO_AUTH_TOKENS", "latin"), ("VOBIZ_AUTH_TOKENS", "empty")):
        monkeypatch.setenv(f"CALLFLOWS_{name}_FILE", str(tmp_path / file))
    monkeypatch.setenv("CALLFLOWS_DATABASE_URL_FILE", str(tmp_path))
    text = fault()
    assert f"CALLFLOWS_SECRET_KEYS_FILE: cannot read {tmp_path}/missing: No such file" in text
    assert f"CALLFLOWS_PLIVO_AUTH_TOKENS_FILE: cannot read {tmp_path}/latin: not UTF-8 text" in text
    assert f"CALLFLOWS_VOBIZ_AUTH_TOKENS_FILE: cannot read {tmp_path}/empty: it is empty" in text
    assert "CALLFLOWS_DATABASE_URL_FILE" in text
    assert "Is a directory" in text


def test_unknown_names_are_errors_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CALLFLOWS_SECRET_KEY=x\nOTHER_SETTING=y\nCALLFLOWS_TEMPLATE=\n")
    monkeypatch.setenv("CALLFLOWS_PUBLC_URL", "x")
    monkeypatch.setenv("callflows_dedline", "x")
    text = fault({"plivo_auth_token": "x", "nonsense_zzz": "y", "public_url_file": "z"})
    for wrong, right in [
        ("SECRET_KEY", "SECRET_KEYS"),
        ("PUBLC_URL", "PUBLIC_URL"),
        ("DEDLINE", "DEADLINE"),
        ("TEMPLATE", "TEMPLATES"),
        ("PLIVO_AUTH_TOKEN", "PLIVO_AUTH_TOKENS"),
        ("PUBLIC_URL_FILE", "PUBLIC_URL"),
    ]:
        assert f"unknown setting CALLFLOWS_{wrong}; did you mean CALLFLOWS_{right}?" in text
    assert re.search(r"unknown setting CALLFLOWS_NONSENSE_ZZZ(;|$)", text)
    assert "OTHER_SETTING" not in text


def test_all_faults_are_said_at_once_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLFLOWS_WORKRS", SECRET)
    monkeypatch.setenv("CALLFLOWS_SECRET_KEYS_FILE", "/nonexistent/file")
    text = fault(
        {
            "public_url": f"https://user:{SECRET}@flows.example.com",
            "deadline": SECRET,
            "plivo_signatures": SECRET,
            "log_level": SECRET,
            "workers": 0,
            "keeper": SECRET,
            "secret_keys": 5,
        }
    )
    names = "WORKRS SECRET_KEYS_FILE PUBLIC_URL DEADLINE PLIVO_SIGNATURES LOG_LEVEL WORKERS KEEPER SECRET_KEYS".split()
    assert [name for name in names if f"CALLFLOWS_{name}" not in text] == []
    assert SECRET not in text


def test_dotenv_that_is_not_text_is_one_clear_error() -> None:
    Path(".env").write_bytes(b"CALLFLOWS_BIND=\xff\xfe\n")
    assert ".env cannot be read: not UTF-8 text" in fault()


def test_secrets_are_in_no_text_of_the_settings() -> None:
    names = ("secret_keys", "plivo_auth_tokens", "vobiz_auth_tokens")
    settings = Settings.load(dict.fromkeys(names, SECRET))
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.secret_values() == (SECRET,) * 3


def test_what_is_dumped_is_loaded_again() -> None:
    values = {
        "public_url": "https://flows.example.com/",
        "secret_keys": f"{SECRET},other",
        "plivo_auth_tokens": "one,two",
        "dial_allow": "+1415,US",
        "templates": "elsewhere",
        "deadline": "0.5",
        "keeper": "no",
        "vobiz_signatures": "off",
    }
    settings = Settings.load(values)
    again = Settings.load(settings.dump())
    assert again == settings
    assert again.signing_keys() == (SECRET, "other")
    assert Settings.load(Settings.load().dump()) == Settings.load()


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings.load({"state_dir": str(tmp_path / "deep" / "state")})
    (key,) = settings.signing_keys()
    file = tmp_path / "deep" / "state" / "secret.key"
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings.signing_keys() == (key,)
    assert os.listdir(file.parent) == ["secret.key"]


def _make_key(folder: Path, start: Any, keys: multiprocessing.Queue[tuple[str, ...]]) -> None:
    settings = Settings.load({"state_dir": str(folder)})
    start.wait()
    keys.put(settings.signing_keys())


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    for round_ in range(5):
        start, keys = fork.Barrier(8), fork.Queue()
        processes = [fork.Process(target=_make_key, args=(tmp_path / str(round_), start, keys)) for _ in range(8)]
        for process in processes:
            process.start()
        found = {keys.get(timeout=20) for _ in processes}
        for process in processes:
            process.join()
        assert len(found) == 1
        assert os.listdir(tmp_path / str(round_)) == ["secret.key"]


def test_a_state_folder_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings.load({"state_dir": str(tmp_path / "file")})
    with pytest.raises(ConfigError, match="make CALLFLOWS_STATE_DIR writable"):
        settings.signing_keys()


def test_an_empty_key_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("\n")
    with pytest.raises(ConfigError, match=r"secret\.key is empty"):
        Settings.load({"state_dir": str(tmp_path)}).signing_keys()


def test_the_public_url_is_asked_for_where_it_is_needed() -> None:
    with pytest.raises(ConfigError, match="CALLFLOWS_PUBLIC_URL is not set"):
        Settings.load().require_public_url()
    settings = Settings.load({"public_url": "https://flows.example.com//"})
    assert settings.require_public_url() == "https://flows.example.com"


def test_a_providers_own_settings_are_found_by_name() -> None:
    settings = Settings.load({"plivo_auth_id": "MA1"})
    assert settings.for_provider("plivo", "auth_id") == "MA1"
    assert settings.for_provider("vobiz", "http") == ""


def test_every_setting_has_help() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
