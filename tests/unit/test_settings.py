"""Settings come from the environment alone, and an error about one never shows what it was."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.settings import Settings

SECRETS = ("DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEYS", "SEARCH_KEY")
PIN = f"sha256//{'A' * 43}="


def test_without_an_environment_the_defaults_hold() -> None:
    settings = Settings()
    assert [getattr(settings, name.lower()).get_secret_value() for name in SECRETS] == [""] * 4
    assert (settings.skolverket_calls_per_second, settings.skolverket_reads_per_second) == (5, 10)
    assert settings.fault_horizon == timedelta(hours=6)
    assert settings.max_roster_bytes == 64 * 1024 * 1024


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_every_setting_is_an_environment_variable_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "LOG_LEVEL": "DEBUG",
        "DATABASE_PREPARE": "on",
        "FAULT_HORIZON": "11",
        "OPEN_DATA_REFRESH": "11",
        "SKOLVERKET_AUTHORISATION_PINS": PIN,
        "KILL_AT": "after_commit:claim",
    }
    value = values.get(name, "7" if type(getattr(Settings(), name.lower())) in {int, float} else "text")
    monkeypatch.setenv(name, value)
    before, after = Settings.model_construct(), Settings()
    changed = {field for field in Settings.model_fields if getattr(after, field) != getattr(before, field)}
    assert changed == {name.lower()}


def test_what_is_not_ours_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    assert Settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_PREPARE", "perhaps-7319"),
        ("SKOLVERKET_AUTHORISATION_PINS", "sha256//7319"),
        ("SKOLVERKET_AUTHORISATION_PINS", f"{PIN};7319"),
        ("CERTIFICATE_FOLDER", ""),
        ("SKOLVERKET_CALLS_PER_SECOND", "0"),
        ("SKOLVERKET_CALLS_PER_SECOND", "many-as-7319"),
        ("SKOLVERKET_READS_PER_SECOND", "-7319"),
        ("SKOLVERKET_TIMEOUT", "7319"),
        ("FAULT_HORIZON", "a long 7319"),
        ("MAX_ROSTER_BYTES", "-7319"),
        ("MAX_ORGANISATION_BYTES", "-7319"),
        ("MAX_ORGANISATION_WAITING_RUNS", "-7319"),
        ("WORKER_JOBS", "7319"),
        ("WORKER_METRICS_PORT", "-7319"),
        ("WORKER_METRICS_HOST", ""),
        ("EGRESS", "Two Words 7319"),
        ("SWEEP_SECONDS", "0"),
        ("LOG_LEVEL", "LOUD-7319"),
    ],
)
def test_a_bad_value_is_named_and_not_shown(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert name.lower() in str(refused.value)
    assert "7319" not in str(refused.value)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "postgresql://user:hidden@127.0.0.1/x")
    shown = f"{Settings()} {Settings()!r} {Settings().model_dump()} {Settings().model_dump_json()}"
    assert "hidden" not in shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("90 s", 90),
        ("30 m", 1800),
        ("6h", 21600),
        ("0.5 h", 1800),
        ("2d", 172_800),
        ("PT6H", 21600),
    ],
)
def test_a_horizon_is_written_as_people_write_it(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT_HORIZON", text)
    assert Settings().fault_horizon == timedelta(seconds=seconds)


def test_settings_do_not_change_while_the_process_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().worker_jobs = 3  # type: ignore[misc]
