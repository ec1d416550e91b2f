"""TLS at our own ports: whoever is in front of `serve`, and fetches figures, is shown our certificate."""

import json
import os
import select
import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final
from wsgiref.simple_server import WSGIServer

import httpx
import pytest

from app.jobs import meters
from app.jobs.meters import Meters, served
from app.local.environment import new_keys
from app.own_certificate import OwnCertificate
from tests.conftest import Spawn
from tests.tls import SERVER, Issued, issue

HERE: Final = "127.0.0.1"


@pytest.fixture
def authority() -> Issued:
    return issue("authority", authority=True)


@pytest.fixture
def files(tmp_path: Path, authority: Issued) -> tuple[Path, Path]:
    """A certificate of this machine, and its key."""
    return written(tmp_path, issue("one", authority, uses=[SERVER], hosts=[HERE]))


@pytest.fixture
def env(database_url: str, redis_url: str, files: tuple[Path, Path]) -> dict[str, str]:
    servers = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "METRICS_PORT": "0"}
    return {**new_keys(), **servers, "TLS_CERTIFICATE_FILE": str(files[0]), "TLS_KEY_FILE": str(files[1])}


def written(folder: Path, one: Issued) -> tuple[Path, Path]:
    certificate, key = folder / "own.pem", folder / "own.key"
    certificate.write_bytes(one.chain_pem)
    key.unlink(missing_ok=True)
    key.write_bytes(one.key_pem)
    key.chmod(0o400)
    return certificate, key


def believing(authority: Issued) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem.decode())


def fetched(port: int, path: str, context: ssl.SSLContext) -> httpx.Response:
    with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
        return client.get(f"https://{HERE}:{port}{path}")


def test_api_and_figures_speak_tls_alone(env: dict[str, str], authority: Issued, spawn: Spawn) -> None:
    """To those who believe the certificate; an answer says that it came that way, and what is plain gets none."""
    serve, worker = spawn("serve", "--port", "0", env=env), spawn("worker", env=env)
    answer = fetched(serve.port, "/healthz", believing(authority))
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    asked = ((serve.port, "/healthz"), (serve.metrics_port, "/metrics"), (worker.metrics_port, "/metrics"))
    for port, path in asked:
        assert fetched(port, path, believing(authority)).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{HERE}:{port}{path}", trust_env=False)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            fetched(port, path, believing(issue("other", authority=True)))
    for child in (serve, worker):
        # What went wrong with a handshake is a line like all others.
        assert all(line.startswith("{") for line in child.log.read_text().splitlines())


def test_a_worker_has_served_nobody_without_tls(
    files: tuple[Path, Path], authority: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor whoever asks in the moment before its port has the certificate."""
    ports, activate, asking = list[int](), WSGIServer.server_activate, list[socket.socket]()

    def noting(server: WSGIServer) -> None:
        activate(server)
        ports.append(server.server_port)

    class Late(OwnCertificate):
        def context(self) -> ssl.SSLContext:
            asking.append(socket.create_connection((HERE, ports[0]), timeout=10))
            asking[0].sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            # As long as an answer would take, if there were one.
            select.select(asking, [], [], 0.5)
            return super().context()

    monkeypatch.setattr(WSGIServer, "server_activate", noting)
    with served(Meters(), HERE, 0, Late(*files)) as port:
        assert ports == [port]
        with asking[0], suppress(ConnectionError):
            assert not asking[0].recv(100).startswith(b"HTTP")
        assert fetched(port, "/metrics", believing(authority)).status_code == 200


def test_who_begins_no_handshake_is_let_go(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "_WITHIN", 0.2)
    with served(Meters(), HERE, 0, OwnCertificate(*files)) as port, socket.create_connection((HERE, port)) as idle:
        idle.settimeout(20)
        with suppress(ConnectionError):
            assert idle.recv(1) == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_nothing_older_than_tls_1_2_is_spoken(env: dict[str, str], authority: Issued, spawn: Spawn) -> None:
    port = spawn("serve", "--port", "0", env=env).port
    old, least = believing(authority), believing(authority)
    least.maximum_version = ssl.TLSVersion.TLSv1_2
    assert fetched(port, "/healthz", least).status_code == 200
    # What a client of today does not offer by itself.
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError, match=r"PROTOCOL_VERSION|UNEXPECTED_EOF"):
        fetched(port, "/healthz", old)


def test_a_certificate_that_is_replaced_is_shown_from_then_on(
    env: dict[str, str], authority: Issued, files: tuple[Path, Path], spawn: Spawn, tmp_path: Path
) -> None:
    """Between its two files, which do not fit each other, the one before is; a key that others can open is none."""
    child = spawn("serve", "--port", "0", env=env)
    later = issue("later", authority=True)
    following = issue("two", later, uses=[SERVER], hosts=[HERE])
    files[0].write_bytes(following.chain_pem)
    assert fetched(child.port, "/healthz", believing(authority)).status_code == 200
    written(tmp_path, following)
    assert fetched(child.port, "/healthz", believing(later)).status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        fetched(child.port, "/healthz", believing(authority))
    files[1].chmod(0o644)
    assert fetched(child.port, "/healthz", believing(later)).status_code == 200
    said = [json.loads(line) for line in child.log.read_text().splitlines()]
    warned = [each["reason"] for each in said if each["event"] == "the certificate cannot be read anew"]
    assert [reason.partition(":")[0] for reason in warned] == ["TLS_CERTIFICATE_FILE, TLS_KEY_FILE", "TLS_KEY_FILE"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("missing", "are not both there and readable"),
        ("of another", "are not both there and readable"),
        ("no certificate", "are not both there and readable"),
        ("with a password", "are not both there and readable"),
        ("open to others", "TLS_KEY_FILE: others can open"),
        ("alone", "TLS_CERTIFICATE_FILE, TLS_KEY_FILE: one is set without the other"),
    ],
)
def test_what_cannot_be_shown_stops_the_process_with_a_sentence(
    env: dict[str, str], files: tuple[Path, Path], spawn: Spawn, wrong: str, sentence: str
) -> None:
    certificate, key = files
    key.chmod(0o600)
    match wrong:
        case "missing":
            key.unlink()
        case "of another":
            key.write_bytes(issue("other").key_pem)
        case "no certificate":
            certificate.write_text("nothing")
        case "with a password":
            key.write_bytes(issue("other").encrypted_key_pem(b"word"))
        case "open to others":
            key.chmod(0o644)
        case "alone":
            env = {**env, "TLS_KEY_FILE": ""}
    for arguments in (("serve", "--port", "0"), ("worker",)):
        child = spawn(*arguments, env=env, ready=False)
        assert child.process.wait(30) == 1
        assert sentence in child.log.read_text()


def test_who_keeps_a_handshake_waiting_holds_up_no_worker(env: dict[str, str], authority: Issued, spawn: Spawn) -> None:
    """Neither its figures nor its end."""
    worker = spawn("worker", env=env)
    with socket.create_connection((HERE, worker.metrics_port)):
        assert fetched(worker.metrics_port, "/metrics", believing(authority)).status_code == 200
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.process.wait(30) == 0
