"""Settings come from the environment alone, and an error about one never shows what it was."""

import re
from datetime import timedelta

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import cli
from app.cli.processes import _BOTH, _OF_SERVE, _OF_WORKER
from app.logs import mask_personal
from app.runtime import problems
from app.settings import Internal, Settings, effective, sentences
from tests.conftest import ROOT

ADDRESSES = ("PROVISIONING", "OPEN_DATA", "AUTHORISATION")
SECRETS = ("DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEYS", "TOKEN_KEYS", "OIDC_CLIENT_SECRET")
PIN = f"sha256//{'A' * 43}="


def test_without_an_environment_the_defaults_hold() -> None:
    settings = Settings()
    assert [getattr(settings, name.lower()).get_secret_value() for name in SECRETS] == [""] * 5
    assert (settings.skolverket_calls_per_second, settings.skolverket_reads_per_second) == (5, 10)
    assert settings.fault_horizon == timedelta(hours=6)
    assert settings.max_roster_bytes == 64 * 1024 * 1024


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_every_setting_is_an_environment_variable_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "LOG_LEVEL": "DEBUG",
        "DATABASE_PREPARE": "on",
        "PLAIN_TO_SERVERS": "on",
        "WEBHOOKS_TO_LOOPBACK": "on",
        "SIGN_IN_OVER_HTTP": "on",
        "FAULT_HORIZON": "11 s",
        "OPEN_DATA_REFRESH": "11 s",
        "RETENTION_CONTENT": "31 d",
        "RETENTION_HISTORY": "P1200D",
        **{f"SKOLVERKET_{what}_URL": "https://host.example.se/v1" for what in ADDRESSES},
        "SKOLVERKET_AUTHORISATION_PINS": PIN,
        "CORS_ORIGINS": "https://skola.example, http://127.0.0.1:5173",
        "TRUSTED_PROXIES": "10.0.0.5, 10.1.0.0/16",
        "METRICS_PORT": "9200",
        "BUILD_COMMIT": "0123abc",
        "SIGN_IN_WITH_KEYS": "off",
        "OIDC_ISSUER": "https://login.example.se/tenant/v2.0",
        "OIDC_PAGES_URL": "https://prov.example.se",
        "OIDC_SCOPE": "openid roles",
        "OIDC_ALGORITHMS": "ES256, EdDSA",
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
        ("FAULT_HORIZON", "7319"),
        ("FAULT_HORIZON", "7319 weeks"),
        ("OPEN_DATA_REFRESH", "7319"),
        ("RETENTION_CONTENT", "7319 s"),
        ("SKOLVERKET_PROVISIONING_URL", "http://7319.example.se/v1"),
        ("SKOLVERKET_OPEN_DATA_URL", "7319.example.se/v1"),
        ("SKOLVERKET_AUTHORISATION_URL", "https://[7319"),
        ("SKOLVERKET_AUTHORISATION_URL", "https://somebody:7319@host.example.se/transaction"),
        ("SKOLVERKET_AUTHORISATION_URL", "https://host.example.se/transaction?number=7319"),
        ("MAX_ROSTER_BYTES", "-7319"),
        ("MAX_ORGANISATION_BYTES", "-7319"),
        ("MAX_ORGANISATION_WAITING_RUNS", "-7319"),
        ("WORKER_JOBS", "7319"),
        ("METRICS_PORT", "-7319"),
        ("METRICS_HOST", ""),
        ("TRUSTED_PROXIES", "10.0.0.1/8, 7319"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://skola.example/7319"),
        ("CORS_ORIGINS", "skola.example"),
        ("BUILD_COMMIT", "HEAD 7319"),
        ("OIDC_ISSUER", "http://7319.example.se"),
        ("OIDC_PAGES_URL", "7319"),
        ("OIDC_SCOPE", "roles 7319"),
        ("OIDC_ALGORITHMS", "HS256,7319"),
        ("OIDC_ALGORITHMS", "RS256,HS256"),
        ("OIDC_ALGORITHMS", "none"),
        ("OIDC_STEP_UP_ACR", "two  spaces 7319"),
        ("OIDC_STEP_UP_MINUTES", "7319"),
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://user:7319@db.example.se/x?sslmode=verify-ca"),
        ("REDIS_URL", "redis://:7319@redis.example.se:6379/0"),
    ],
)
def test_servers_of_other_machines_are_reached_over_tls_unless_it_is_said(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    [sentence] = sentences(refused.value)
    assert sentence.startswith(f"{name}: it leads to another machine without ")
    assert "7319" not in f"{sentence} {refused.value}"
    assert sentence in CliRunner().invoke(cli, ["config", "check"]).output.replace("\n", " ")
    monkeypatch.setenv("PLAIN_TO_SERVERS", "on")
    assert getattr(Settings(), name.lower()).get_secret_value() == value


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "postgresql://user:hidden@127.0.0.1/x")
    shown = f"{Settings()} {Settings()!r} {Settings().model_dump()} {Settings().model_dump_json()}"
    assert "hidden" not in shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
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


@pytest.mark.parametrize("name", ["127.0.0.1", "[::1]", "localhost"])
def test_plain_http_goes_to_this_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKOLVERKET_PROVISIONING_URL", f"http://{name}:8100/provisioning/v1")
    assert Settings().skolverket_provisioning_url == f"http://{name}:8100/provisioning/v1"


@pytest.mark.parametrize("what", ADDRESSES)
@pytest.mark.parametrize("host", ["api.example.se", "127.0.0.1.example.se", "192.168.1.2", "[fd00::2]"])
def test_plain_http_goes_nowhere_else(what: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SKOLVERKET_{what}_URL", f"http://{host}/v1")
    with pytest.raises(ValidationError, match="plain http goes to this machine alone"):
        Settings()


def test_nobody_is_called_by_default() -> None:
    """Neither in the code nor where settings are written down for operators does an address of Skolverket's stand."""
    assert {getattr(Settings(), f"skolverket_{what.lower()}_url") for what in ADDRESSES} == {""}
    names = ", ".join(f"SKOLVERKET_{what}_URL" for what in ADDRESSES)
    assert any(sentence.startswith(f"{names}: not set") for sentence in problems(Settings()))
    written = [ROOT / ".env.example", ROOT / "compose.yaml", *(ROOT / "docs/operate/kubernetes").iterdir()]
    assert not any(re.search(r"(skolverket|sunet)\.se", each.read_text("utf-8")) for each in written)


def test_each_thing_that_is_wrong_is_a_sentence_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT_HORIZON", "6")
    monkeypatch.setenv("SKOLVERKET_OPEN_DATA_URL", "http://example.se")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert sentences(refused.value) == [
        "SKOLVERKET_OPEN_DATA_URL: plain http goes to this machine alone: give an https address",
        "FAULT_HORIZON: give a number with its unit (s, m, h or d), such as `90 s`, `30 m`, `6 h`",
    ]


def test_settings_do_not_change_while_the_process_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().worker_jobs = 3  # type: ignore[misc]


def test_what_is_in_force_is_said_as_it_can_be_set_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings for tests are left out, unless they are set."""
    for name in SECRETS[:3]:
        monkeypatch.setenv(name, "postgresql://user:hidden@127.0.0.1/x")
    monkeypatch.setenv("FAULT_HORIZON", "90 s")
    shown = effective(Settings())
    assert {*SECRETS, "FAULT_HORIZON", "EGRESS", "LOG_LEVEL"} <= shown.keys()
    assert [shown[name] for name in SECRETS] == ["(set)"] * 3 + ["(not set)"] * 2
    assert "hidden" not in str(shown)
    assert (shown["FAULT_HORIZON"], shown["OPEN_DATA_REFRESH"]) == ("90 s", "12 h")
    assert (shown["DATABASE_PREPARE"], shown["METRICS_PORT"]) == ("off", "")
    assert "SWEEP_SECONDS" not in shown
    monkeypatch.setenv("SWEEP_SECONDS", "0.5")
    assert effective(Settings())["SWEEP_SECONDS"] == "0.5"


def test_what_is_in_force_can_be_set_again_and_is_kept_by_the_last_net_of_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large number would look like a civic number there."""
    monkeypatch.setenv("MAX_ROSTER_BYTES", "4294967296")
    before = Settings()
    for name, text in effective(before).items():
        if text and not text.startswith("("):
            monkeypatch.setenv(name, text)
    assert Settings() == before
    assert mask_personal(None, "info", {"settings": effective(before)}) == {"settings": effective(before)}


def test_serve_and_worker_say_what_they_go_by() -> None:
    """Every setting for operators stands in the help of one of them, and no other does."""
    said = {name for names in (_BOTH, _OF_SERVE, _OF_WORKER) for name in names}
    for_operators = {
        name
        for name, field in Settings.model_fields.items()
        if not any(isinstance(each, Internal) for each in field.metadata)
    }
    assert said == for_operators - {"build_commit"}
    for verb, own in (("serve", "CORS_ORIGINS"), ("worker", "EGRESS")):
        shown = CliRunner().invoke(cli, [verb, "--help"], env={"COLUMNS": "200"}).output
        assert own in shown
        assert "METRICS_PORT" in shown


@pytest.mark.parametrize(("content", "history"), [("400 d", "399 d"), ("365 d", "31 d")])
def test_history_is_kept_for_no_shorter_than_what_is_in_it(
    content: str, history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_CONTENT", content)
    monkeypatch.setenv("RETENTION_HISTORY", content)
    assert Settings().retention_history == Settings().retention_content
    monkeypatch.setenv("RETENTION_HISTORY", history)
    with pytest.raises(ValidationError) as refused:
        Settings()
    [sentence] = sentences(refused.value)
    assert sentence.startswith("RETENTION_HISTORY: it is shorter than RETENTION_CONTENT")
