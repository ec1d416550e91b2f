"""Units and manifests under docs/operate fit what the processes take: settings, verbs, ports, paths, users."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from app.jobs.meters import PORT as WORKER_PORT
from app.server.figures import PORT as SERVE_PORT
from app.settings import Internal, Settings
from tests.conftest import ROOT
from tests.unit.test_command_line_page import parsed

UNITS = sorted((ROOT / "docs/operate/systemd").iterdir())
DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted((ROOT / "docs/operate/kubernetes").iterdir())
    for document in import_module("yaml").safe_load_all(path.read_text("utf-8"))
]
WITH_PODS = {each["metadata"]["name"]: each for each in DOCUMENTS if each["kind"] in {"Deployment", "Job"}}
SETTINGS = {
    name.upper()
    for name, field in Settings.model_fields.items()
    if not any(isinstance(mark, Internal) for mark in field.metadata)
}
# What a process can't do its work without, of what is a secret.
SECRETS = {"DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEYS", "TOKEN_KEYS"}


def kinds(kind: str) -> list[dict[str, Any]]:
    return [each for each in DOCUMENTS if each["kind"] == kind]


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = WITH_PODS[name]["spec"]["template"]["spec"]
    return found


def container(name: str) -> dict[str, Any]:
    [found] = pod(name)["containers"]
    return dict(found)


def unit(path: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(path.read_text("utf-8"))
    return read


def commands() -> Iterator[tuple[str, list[str]]]:
    """Gives every command that a unit or a manifest has started, with what starts it."""
    for path in UNITS:
        yield path.name, shlex.split(unit(path)["Service"]["ExecStart"])
    for name in WITH_PODS:
        yield name, container(name)["command"]
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            if "exec" in (asked := container(name).get(probe, {})):
                yield f"{name} {probe}", asked["exec"]["command"]


@pytest.mark.parametrize(("place", "command"), [*commands()])
def test_each_command_is_a_verb_with_its_options(place: str, command: list[str]) -> None:
    assert re.search(r"(^|/)python$", command[0])
    assert command[1:3] == ["-m", "app"]
    verb = parsed(command[3:])
    assert verb[0] == "health" or verb[0] in place


def environment(name: str) -> dict[str, str]:
    """Gives what a container is given, of the ConfigMap and by itself."""
    [shared] = kinds("ConfigMap")
    given = container(name).get("env", [])
    of_all = shared["data"] if "envFrom" in container(name) else {}
    return {**of_all, **{each["name"]: each["value"] for each in given}}


@pytest.mark.parametrize("name", WITH_PODS)
def test_what_is_set_are_settings_and_secrets_are_files_of_mounted_secrets(name: str) -> None:
    """Each is of a secret by its own name, readable for the pod's group and nobody else; none is in the environment."""
    given = environment(name)
    assert given.keys() <= SETTINGS - SECRETS
    mounts = {each["mountPath"]: each["name"] for each in container(name)["volumeMounts"]}
    volumes = {each["name"]: each for each in pod(name)["volumes"]}
    assert pod(name)["securityContext"]["fsGroup"] == pod(name)["securityContext"]["runAsGroup"]
    files = {setting: Path(value) for setting, value in given.items() if setting.removesuffix("_FILE") in SECRETS}
    for setting, path in files.items():
        assert path.name == setting.removesuffix("_FILE")
        assert volumes[mounts[str(path.parent)]]["secret"]["defaultMode"] == 0o440
    expected = {
        "provkedja-migrate": {"DATABASE_URL_FILE"},
        "provkedja-serve": {"DATABASE_URL_FILE", "REDIS_URL_FILE", "ENCRYPTION_KEYS_FILE"},
        "provkedja-worker": {f"{secret}_FILE" for secret in SECRETS},
    }
    assert files.keys() == expected[name]


def test_workers_alone_have_token_keys_and_certificates() -> None:
    """A secret of their own: another one could be read out of the API's pod."""
    mounted = {
        name: {each["secret"]["secretName"] for each in pod(name)["volumes"] if "secret" in each} for name in WITH_PODS
    }
    assert mounted["provkedja-worker"] - mounted["provkedja-serve"] == {"provkedja-worker", "provkedja-certificates"}
    assert mounted["provkedja-serve"] == {"provkedja", "provkedja-api"}


def test_each_process_has_the_address_of_its_own_role() -> None:
    """Of a secret of its own: with another's it could do more than it has to."""
    roles = {"provkedja-migrate": "owner", "provkedja-serve": "api", "provkedja-worker": "worker"}
    for name, role in roles.items():
        assert environment(name)["DATABASE_URL_FILE"] == f"/run/secrets/provkedja-{role}/DATABASE_URL"


def test_the_api_is_shown_no_certificate() -> None:
    assert "CERTIFICATE_FOLDER" not in environment("provkedja-serve")


def test_what_is_set_for_all_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    [shared] = kinds("ConfigMap")
    assert shared["data"].keys() <= SETTINGS - SECRETS
    for name, value in shared["data"].items():
        monkeypatch.setenv(name, value)
    assert Settings().metrics_host == shared["data"]["METRICS_HOST"]


@pytest.mark.parametrize(("name", "port"), [("provkedja-serve", SERVE_PORT), ("provkedja-worker", WORKER_PORT)])
def test_figures_are_at_the_port_that_each_process_has_by_itself(name: str, port: int) -> None:
    ports = {each["name"]: each["containerPort"] for each in container(name)["ports"]}
    assert ports["metrics"] == port
    command = container(name)["command"]
    assert ports.get("http") == (int(command[command.index("--port") + 1]) if "--port" in command else None)


def test_probes_ask_what_there_is() -> None:
    """Life is that the process answers; readiness is asked where 503 tells it."""
    serve = container("provkedja-serve")
    asked = {probe: serve[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert {probe: get["path"] for probe, get in asked.items()} == {
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
        "startupProbe": "/healthz",
    }
    assert {get["port"] for get in asked.values()} == {"http"}
    worker = container("provkedja-worker")
    assert worker["readinessProbe"]["exec"]["command"][-2:] == worker["command"][-2:]


@pytest.mark.parametrize("name", WITH_PODS)
def test_a_pod_runs_as_the_user_of_the_image_and_writes_where_it_may(name: str) -> None:
    [user] = re.findall(r"--uid (\d+)", (ROOT / "Dockerfile").read_text("utf-8"))
    assert pod(name)["securityContext"]["runAsUser"] == int(user)
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {each["name"] for each in container(name)["volumeMounts"]} == {each["name"] for each in pod(name)["volumes"]}


@pytest.mark.parametrize("name", WITH_PODS)
def test_every_pod_has_the_authority_of_postgres_and_redis(name: str) -> None:
    [shared] = kinds("ConfigMap")
    assert shared["data"]["REDIS_CA_FILE"] == "/authority/ca.pem"
    assert {"name": "authority", "mountPath": "/authority", "readOnly": True} in container(name)["volumeMounts"]
    assert {"name": "authority", "configMap": {"name": "provkedja-authority"}} in pod(name)["volumes"]


def test_what_selects_pods_finds_them() -> None:
    """Deployments, the Service, both budgets and the network policy."""
    labels = {name: each["spec"]["template"]["metadata"]["labels"] for name, each in WITH_PODS.items()}
    for name, each in WITH_PODS.items():
        if each["kind"] == "Deployment":
            assert each["spec"]["selector"]["matchLabels"] == labels[name]
            [spread] = pod(name)["topologySpreadConstraints"]
            assert spread["labelSelector"]["matchLabels"] == labels[name]
    for budget in kinds("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] == labels[budget["metadata"]["name"]]
    [service], [policy] = kinds("Service"), kinds("NetworkPolicy")
    assert service["spec"]["selector"] == labels["provkedja-serve"]
    assert all(policy["spec"]["podSelector"]["matchLabels"].items() <= each.items() for each in labels.values())


def test_each_has_the_time_to_end_that_it_takes() -> None:
    assert pod("provkedja-worker")["terminationGracePeriodSeconds"] == 30
    # With the pause until nobody sends to it any more.
    assert pod("provkedja-serve")["terminationGracePeriodSeconds"] == 30 + 5
    for path in UNITS:
        if "migrate" not in path.name:
            assert unit(path)["Service"]["TimeoutStopSec"] == "30"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_has_its_settings_from_one_file_and_rights_to_nothing(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["EnvironmentFile"] == "/etc/provkedja/env"
    credentials = [
        line for line in path.read_text("utf-8").splitlines() if re.match("LoadCredential|Environment=", line)
    ]
    role, keys = {
        "provkedja-serve": ("api", ["encryption_keys"]),
        "provkedja-worker": ("worker", ["encryption_keys", "token_keys"]),
        "provkedja-migrate": ("owner", []),
    }[path.stem]
    files = {"database_url": f"database_url.{role}", **dict(zip(keys, keys, strict=True))}
    assert credentials == [
        line
        for name, file in files.items()
        for line in (f"LoadCredential={name}:/etc/provkedja/{file}", f"Environment={name.upper()}_FILE=%d/{name}")
    ] + ["Environment=ERASURES_FILE=/var/lib/provkedja/erasures.jsonl"] * (role == "worker")
    assert (service["User"], service["NoNewPrivileges"], service["ProtectSystem"]) == ("provkedja", "yes", "strict")
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_finds_little_that_a_unit_may_do(path: Path) -> None:
    """On its scale from 0 to 10, of exposure; a unit that says nothing has 9.6."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text("utf-8").replace("/opt/provkedja/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_workers_alone_have_the_file_of_erasures_and_can_write_it() -> None:
    """One for all of them: in a volume that pods on several nodes share, or a folder that the unit has made."""
    assert "ERASURES_FILE" not in environment("provkedja-serve")
    folder = str(Path(environment("provkedja-worker")["ERASURES_FILE"]).parent)
    [mount] = [each for each in container("provkedja-worker")["volumeMounts"] if each["mountPath"] == folder]
    assert not mount.get("readOnly", False)
    [volume] = [each for each in pod("provkedja-worker")["volumes"] if each["name"] == mount["name"]]
    [claim] = kinds("PersistentVolumeClaim")
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    has = {path.name: unit(path)["Service"] for path in UNITS}
    worker = (ROOT / "docs/operate/systemd/provkedja-worker.service").read_text("utf-8")
    [file] = re.findall(r"^Environment=ERASURES_FILE=(.+)$", worker, re.MULTILINE)
    assert Path(file).parent == Path("/var/lib") / has["provkedja-worker.service"]["StateDirectory"]
    assert "StateDirectory" not in has["provkedja-serve.service"]
