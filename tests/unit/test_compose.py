"""What `compose.yaml` says of our processes fits them."""

import re
from importlib import import_module
from typing import Any

import pytest

from app.settings import Settings
from tests.conftest import ROOT

# A dependency of the checker of OpenAPI documents, without types.
SERVICES: dict[str, Any] = import_module("yaml").safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]


@pytest.mark.parametrize("name", ["migrate", "api", "worker"])
def test_what_is_set_for_our_processes_are_settings(name: str) -> None:
    assert {each.lower() for each in SERVICES[name]["environment"]} <= Settings.model_fields.keys()


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


def test_a_worker_is_healthy_by_the_file_that_it_writes() -> None:
    worker = SERVICES["worker"]
    assert worker["command"][-2:] == worker["healthcheck"]["test"][-2:]
    assert worker["command"][-2] == "--ready-file"
