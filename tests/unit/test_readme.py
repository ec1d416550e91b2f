"""The README and the pages under docs say what the code does."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from app.domain.lifecycle import GRAPHS
from app.settings import Internal, Settings
from app.simulator.reference import Reference
from tests.conftest import ROOT


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shown(default: Any) -> str:
    if isinstance(default, SecretStr) or default in {"", None}:
        return ""
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    if isinstance(default, timedelta):
        return f"`{default.total_seconds() / 3600:g} h`"
    return f"`{default}`"


def test_every_setting_for_operators_stands_in_the_table_with_its_default_and_meaning() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", page("docs/operate/settings.md"), re.MULTILINE)
    assert table == [
        (name.upper(), shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
        if not any(isinstance(mark, Internal) for mark in field.metadata)
    ]


@pytest.mark.parametrize("kind", GRAPHS)
def test_the_diagram_has_the_edges_of_the_lifecycle(kind: str) -> None:
    drawn = set(re.findall(rf"{kind}_(\w+) --> {kind}_(\w+)", page("docs/architecture.md")))
    assert drawn == {(state, following) for state, edges in GRAPHS[kind].items() for following in edges}


def test_the_simulator_takes_the_reference_that_is_shown() -> None:
    (shown_body,) = re.findall(r"_simulator/reference [^']*-d '(\{.*?\})'", page("docs/simulator.md"), re.DOTALL)
    assert Reference().put(json.loads(shown_body)) == {
        "huvudman": 0,
        "schoolUnits": 1,
        "programmes": 1,
        "nationalActivities": 1,
    }


def test_the_readme_stays_at_two_screens() -> None:
    """Whoever meets the project reads it whole; what is longer stands under docs."""
    assert len(page("README.md").splitlines()) <= 110
