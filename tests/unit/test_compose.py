"""What `compose.yaml` says of our processes fits them."""

import re
from importlib import import_module
from typing import Any

import pytest

from app.roles import API, OWNER, WORKER
from app.settings import Settings
from tests.conftest import ROOT

# A dependency of the checker of OpenAPI documents, without types.
SERVICES: dict[str, Any] = import_module("yaml").safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]


@pytest.mark.parametrize("name", ["migrate", "api", "worker"])
def test_what_is_set_for_our_processes_are_settings(name: str) -> None:
    assert {each.lower() for each in SERVICES[name]["environment"]} <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_can_write_and_do_no_more_than_it_needs(name: str) -> None:
    """One alone is root, without a network: it hands each server its key."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "server-certificates":
        assert (service["user"], service["network_mode"]) == ("root", "none")
        assert service["cap_add"] == ["CHOWN", "FOWNER"]
    else:
        # Ours have theirs in the image.
        assert service.get("user") == {"postgres": "postgres", "redis": "redis"}.get(name)
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_images_of_others_are_pinned_by_digest(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == "provkedja" or re.fullmatch(r"[a-z]+:[0-9.]+@sha256:[0-9a-f]{64}", image)


def test_the_servers_are_reached_over_tls_alone() -> None:
    """Each with a certificate that the one service makes for its name before it starts."""
    made = SERVICES["server-certificates"]["entrypoint"][3:]
    assert [each.partition(":")[0] for each in made] == ["postgres", "redis"]
    for name in ("postgres", "redis"):
        assert f"{name}-tls:/tls:ro" in SERVICES[name]["volumes"]
        assert f"{name}-tls:/tls/{name}" in SERVICES["server-certificates"]["volumes"]
        assert SERVICES[name]["depends_on"]["server-certificates"] == {"condition": "service_completed_successfully"}
    for name, role in (("migrate", OWNER), ("api", API), ("worker", WORKER)):
        environment = SERVICES[name]["environment"]
        assert environment["DATABASE_URL"].startswith(f"postgresql://{role}:${{")
        assert environment["DATABASE_URL"].endswith("?sslmode=verify-full&sslrootcert=/authority/ca.pem")
        assert environment["REDIS_URL"].startswith("rediss://")
        assert environment["REDIS_CA_FILE"] == "/authority/ca.pem"
        assert "authority:/authority:ro" in SERVICES[name]["volumes"]


def test_the_figures_of_each_process_are_reached_from_the_machine_alone() -> None:
    worker = SERVICES["worker"]
    environment = worker["environment"]
    assert environment["METRICS_HOST"] == SERVICES["api"]["environment"]["METRICS_HOST"] == "0.0.0.0"  # noqa: S104
    assert SERVICES["api"]["ports"][1] == "127.0.0.1:${METRICS_PORT:-9100}:9100"
    [published] = worker["ports"]
    found = re.fullmatch(r"127\.0\.0\.1:\$\{WORKER_METRICS_PORTS:-(\d+)-(\d+)\}:(\d+)", published)
    assert found is not None
    first, last, inside = map(int, found.groups())
    assert last - first + 1 == worker["deploy"]["replicas"]
    assert (inside, first) == (9101, 9101)


def test_workers_alone_have_certificates_and_token_keys() -> None:
    """The API has neither folder nor file nor setting of them, nor do migrations."""
    assert {"encryption_keys", "token_keys"} == set(SERVICES["worker"]["secrets"])
    assert any("certificates" in volume for volume in SERVICES["worker"]["volumes"])
    for name in ("api", "migrate"):
        assert {"encryption_keys", "oidc_client_secret"} >= set(SERVICES[name]["secrets"])
        # Its own, of the port at which it listens, is no organisation's.
        has = str(SERVICES[name]).replace("TLS_CERTIFICATE_FILE", "")
        assert not re.search("certificate|token", has, re.IGNORECASE)


def test_a_worker_is_healthy_by_the_file_that_it_writes() -> None:
    worker = SERVICES["worker"]
    assert worker["command"][-2:] == worker["healthcheck"]["test"][-2:]
    assert worker["command"][-2] == "--ready-file"
