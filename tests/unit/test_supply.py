"""What the service is made of is written down by the lock, and audited by it."""

import json
import re
import shutil
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))


def test_the_bill_of_materials_has_every_package_of_the_lock_with_its_hashes(tmp_path: Path) -> None:
    """It is valid by CycloneDX's schema, and the same each time."""
    # A venv from before has it not; CI's phase `sbom` fails without.
    validation, schema = (pytest.importorskip(f"cyclonedx.{name}") for name in ("validation.json", "schema"))
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    made = [
        subprocess.run([ROOT / ".ci/sbom", path], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        for path in (first, second)
    ]
    assert [(each.returncode, each.stderr) for each in made] == [(0, "")] * 2
    assert first.read_bytes() == second.read_bytes()
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(first.read_text("utf-8")) is None
    bill = json.loads(first.read_bytes())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "provkedja"
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(
        re.findall(r"(?m)^([a-z0-9._-]+)==(\S+)", lock)
    )
    hashes = [
        each["content"] for one in bill["components"] for to in one["externalReferences"] for each in to["hashes"]
    ]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))


def test_the_audit_looks_at_every_lock_and_fails_where_something_is_found(tmp_path: Path) -> None:
    """With a stand-in for pip-audit, which asks the package index."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/audit", tmp_path / ".ci/audit")
    for name in LOCKS:
        shutil.copy(ROOT / name, tmp_path / name)
    venv = tmp_path / ".venv-audit"
    (venv / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "requirements-audit.lock", venv / "installed.lock")
    (venv / "bin/pip-audit").write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    (venv / "bin/pip-audit").chmod(0o755)
    asked = subprocess.run([tmp_path / ".ci/audit"], capture_output=True, text=True, timeout=60)
    assert asked.returncode == 1
    assert re.findall(r"--requirement (\S+)", asked.stdout) == LOCKS
    assert {"--strict", "--require-hashes", "--disable-pip"} <= set(asked.stdout.split())
    assert "requirements-audit.lock" in LOCKS
    assert "requirements.lock" in LOCKS


def test_redis_is_held_back_by_arq_alone() -> None:
    """When arq takes a newer one, so do we: then this fails, and pyproject.toml and supply.md are to be changed."""
    assert any(re.match(r"redis\b.*<6", each) for each in requires("arq") or ())
