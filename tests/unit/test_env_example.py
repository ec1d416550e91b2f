"""`.env.example` and `compose.yaml` have every setting that operators are told of, with its default."""

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from app.settings import Internal, Settings, effective
from tests.conftest import ROOT
from tests.unit.test_compose import SERVICES

EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
FIELDS = {
    name.upper(): field
    for name, field in Settings.model_fields.items()
    if not any(isinstance(mark, Internal) for mark in field.metadata)
}
# What compose.yaml makes itself, of its own parts; in a container figures are at the port that each process has anyway,
# and the commit is the image's.
_MADE = {
    *("DATABASE_URL", "REDIS_URL", "REDIS_CA_FILE", "ENCRYPTION_KEYS_FILE", "TOKEN_KEYS_FILE"),
    *("CERTIFICATE_FOLDER", "METRICS_HOST", "ERASURES_FILE", "OIDC_CLIENT_SECRET_FILE"),
}
_LEFT_OUT = {"METRICS_PORT", "BUILD_COMMIT", "DATABASE_URL_FILE", "REDIS_URL_FILE", "ENCRYPTION_KEYS", "TOKEN_KEYS"}
_LEFT_OUT |= {"OIDC_CLIENT_SECRET"}
# What only the API has: it alone asks the provider at which people sign in.
_OF_THE_API = {"OIDC_CLIENT_SECRET_FILE"}
# What only a worker has: the API calls nobody, and can't open what a call shows itself with.
_OF_WORKERS = {
    *("TOKEN_KEYS_FILE", "CERTIFICATE_FOLDER", "SKOLVERKET_CA_FILE", "SKOLVERKET_AUTHORISATION_PINS"),
    "ERASURES_FILE",
}


def written(default: Any) -> str:
    """Writes a default as it would be set, without a space that a shell would take for an end."""
    match default:
        case None:
            return ""
        case SecretStr():
            return default.get_secret_value()
        case bool():
            return "on" if default else "off"
        case timedelta():
            return f"{default.total_seconds() / 3600:g}h"
    return str(default)


def test_the_example_has_every_setting_with_its_meaning_and_default() -> None:
    """In their order, each with a line that says what it means; what stands after them is compose.yaml's own."""
    found = re.findall(r"^# (.*)\n([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)
    settings = [(field.description, name, written(field.default)) for name, field in FIELDS.items()]
    assert found[: len(settings)] == settings
    own = {name for _, name, _ in found[len(settings) :]}
    assert own == set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)) - FIELDS.keys()


def test_the_example_as_it_stands_is_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    before = effective(Settings())
    for name, value in re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE):
        monkeypatch.setenv(name, value)
    assert effective(Settings()) == before


@pytest.mark.parametrize("name", ["migrate", "api", "worker"])
def test_compose_passes_every_setting_on(name: str) -> None:
    """By its own name, with the same default or with none where it has to be set."""
    passed, wanted = (
        SERVICES[name]["environment"],
        FIELDS.keys()
        - _LEFT_OUT
        - (set() if name == "worker" else _OF_WORKERS)
        - (set() if name == "api" else _OF_THE_API),
    )
    assert passed.keys() | {"METRICS_HOST"} == wanted
    for setting in wanted - _MADE:
        assert passed[setting].startswith((f"${{{setting}:-{written(FIELDS[setting].default)}}}", f"${{{setting}:?"))
