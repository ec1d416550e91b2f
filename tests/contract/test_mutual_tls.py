"""Tokens over mutual TLS: who we say we are, whom we believe, and what each failure is called; over real sockets."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import jwt
import pytest

from app.skolverket.auth import Authorisation, fetch_token
from app.skolverket.client import ProvisioningApi, opened
from app.skolverket.trust import pin_of
from app.target import Credentials, TryAgain
from tests.conftest import spawning
from tests.contract.simulator_at_work import Skolverket
from tests.tls import CLIENT, SERVER, Client, Form, Issued, Tls, issue, make_tls, write_key

NUMBER, OTHER = "2120000001", "2120000002"
TIMEOUT = 5.0


@dataclass(frozen=True)
class SecureSkolverket(Skolverket):
    """A simulator that serves https and knows its clients by their certificates."""

    tls: Tls

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def authorisation(self) -> Authorisation:
        return Authorisation(self.transaction, self.provisioning, str(self.tls.ca_file))

    def _ask(self, method: str, path: str, content: object) -> Any:
        body = None if content is None else json.dumps(content).encode()
        trusted = ssl.create_default_context(cafile=str(self.tls.ca_file))
        request = Request(self.base + path, data=body, method=method)  # noqa: S310
        with urlopen(request, timeout=10, context=trusted) as answer:  # noqa: S310
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureSkolverket]:
    folder: Path = tmp_path_factory.mktemp("tls")
    tls = make_tls(folder / "tls", NUMBER, OTHER)
    with spawning(folder) as spawn:
        started = spawn("simulator", "--port", "0", "--calls-per-second", "1000", "--tls", str(tls.folder))
        yield SecureSkolverket(started.port, tls)


@pytest.fixture
def skolverket(process: SecureSkolverket) -> SecureSkolverket:
    process.forget()
    return process


def credentials_of(client: Client, number: str = NUMBER) -> Credentials:
    return Credentials(number, client.certificate_file, client.key_file, client.entity_id)


async def whose(authorisation: Authorisation, credentials: Credentials) -> str:
    """Fetches a token and tells which organisation it is for."""
    fetched = await fetch_token(authorisation, credentials, TIMEOUT)
    claims = jwt.decode(fetched.value, options={"verify_signature": False})
    assert fetched.expires_at == datetime.fromtimestamp(claims["exp"], UTC)
    return str(claims["sub"])


async def fault_of(authorisation: Authorisation, credentials: Credentials) -> TryAgain:
    with pytest.raises(TryAgain) as fault:
        await fetch_token(authorisation, credentials, TIMEOUT)
    assert str(fault.value) == fault.value.code
    return fault.value


# Who we say we are


@pytest.mark.parametrize("form", ["certificate", "entity"])
async def test_each_form_of_client_key_gets_the_organisations_token(skolverket: SecureSkolverket, form: Form) -> None:
    client = skolverket.tls.client(NUMBER, form)
    assert await whose(skolverket.authorisation, credentials_of(client)) == NUMBER
    assert [(call["path"], call["organisation"]) for call in skolverket.ledger()] == [("/transaction", NUMBER)]


async def test_the_provisioning_api_takes_the_token_without_a_certificate(skolverket: SecureSkolverket) -> None:
    fetched = await fetch_token(
        skolverket.authorisation, credentials_of(skolverket.tls.client(NUMBER, "certificate")), TIMEOUT
    )
    async with opened(TIMEOUT, str(skolverket.tls.ca_file)) as http:
        await ProvisioningApi(http, skolverket.provisioning, TIMEOUT).alive(fetched.value)


async def test_names_of_files_may_be_relative_to_the_folder(skolverket: SecureSkolverket) -> None:
    client = skolverket.tls.client(NUMBER, "certificate")
    named = Credentials(NUMBER, Path(client.certificate_file).name, Path(client.key_file).name)
    here = replace(skolverket.authorisation, certificate_folder=str(skolverket.tls.folder))
    assert await whose(here, named) == NUMBER


@pytest.mark.parametrize(
    ("form", "entity_id"),
    [
        ("entity", f"https://federation.example.se/{OTHER}"),
        ("entity", "https://federation.example.se/unknown"),
        ("certificate", f"https://federation.example.se/{NUMBER}"),
        ("entity", None),
    ],
)
async def test_a_certificate_that_does_not_prove_the_client_key_is_refused(
    skolverket: SecureSkolverket, form: Form, entity_id: str | None
) -> None:
    credentials = replace(credentials_of(skolverket.tls.client(NUMBER, form)), entity_id=entity_id)
    fault = await fault_of(skolverket.authorisation, credentials)
    assert fault.code == "authorisation_refused"
    assert fault.http_status in {400, 403}


async def test_a_certificate_replaced_on_disk_is_shown_with_the_next_fetch(
    skolverket: SecureSkolverket, tmp_path: Path
) -> None:
    """Told apart by whose it is: the second one names another organisation."""
    credentials = Credentials(NUMBER, str(tmp_path / "kommun.pem"), str(tmp_path / "kommun.key"))
    seen = []
    for number in (NUMBER, OTHER):
        issued = issue("Kommun", skolverket.tls.approved, number=number, uses=[CLIENT])
        for name, content in (("kommun.pem", issued.chain_pem), ("kommun.key", issued.key_pem)):
            (tmp_path / "new").touch(0o600)
            (tmp_path / "new").write_bytes(content)
            (tmp_path / "new").replace(tmp_path / name)
        seen.append(await whose(skolverket.authorisation, credentials))
    assert seen == [NUMBER, OTHER]


async def test_https_without_a_certificate_sends_nothing(skolverket: SecureSkolverket) -> None:
    assert (await fault_of(skolverket.authorisation, Credentials(NUMBER))).code == "no_certificate"
    assert skolverket.ledger() == []


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (lambda good, _: (None, good.key_pem), "certificate_missing"),
        (lambda good, _: (b"no PEM", good.key_pem), "certificate_unreadable"),
        (lambda good, _: (good.chain_pem, None), "key_missing"),
        (lambda good, _: (good.chain_pem, b"no PEM"), "key_unreadable"),
        (lambda good, _: (good.chain_pem, good.encrypted_key_pem(b"secret")), "key_unreadable"),
        (lambda good, other: (good.chain_pem, other.key_pem), "key_mismatch"),
    ],
    ids=["no certificate", "bad certificate", "no key", "bad key", "encrypted key", "another key"],
)
async def test_a_fault_of_our_files_keeps_everything_at_home(
    skolverket: SecureSkolverket,
    tmp_path: Path,
    write: Callable[[Issued, Issued], tuple[bytes | None, bytes | None]],
    code: str,
) -> None:
    good, other = (skolverket.tls.client(number, "certificate").issued for number in (NUMBER, OTHER))
    for name, content in zip(("kommun.pem", "kommun.key"), write(good, other), strict=True):
        if content is not None:
            (tmp_path / name).touch(0o600)
            (tmp_path / name).write_bytes(content)
    credentials = Credentials(NUMBER, str(tmp_path / "kommun.pem"), str(tmp_path / "kommun.key"))
    assert (await fault_of(skolverket.authorisation, credentials)).code == code
    assert skolverket.ledger() == []


# Whom we believe


async def test_a_pinned_server_is_believed(skolverket: SecureSkolverket) -> None:
    pinned = replace(skolverket.authorisation, pins=frozenset({"sha256//" + "A" * 43 + "=", skolverket.tls.pin}))
    assert await whose(pinned, credentials_of(skolverket.tls.client(NUMBER, "certificate"))) == NUMBER


async def test_a_server_with_another_key_than_the_pinned_receives_no_request(skolverket: SecureSkolverket) -> None:
    pinned = replace(skolverket.authorisation, pins=frozenset({"sha256//" + "A" * 43 + "="}))
    fault = await fault_of(pinned, credentials_of(skolverket.tls.client(NUMBER, "certificate")))
    assert (fault.code, fault.http_status) == ("server_pin", None)
    assert skolverket.ledger() == []


async def test_a_server_of_an_unknown_authority_receives_no_request(
    skolverket: SecureSkolverket, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(issue("Another root", authority=True).pem)
    elsewhere = replace(skolverket.authorisation, ca_file=str(tmp_path / "other.pem"))
    assert (
        await fault_of(elsewhere, credentials_of(skolverket.tls.client(NUMBER, "entity")))
    ).code == "server_untrusted"
    assert skolverket.ledger() == []


async def test_the_well_known_authorities_do_not_know_the_simulators(skolverket: SecureSkolverket) -> None:
    known = replace(skolverket.authorisation, ca_file="")
    assert (await fault_of(known, credentials_of(skolverket.tls.client(NUMBER, "entity")))).code == "server_untrusted"


async def test_a_server_with_a_certificate_for_another_host_receives_no_request(skolverket: SecureSkolverket) -> None:
    named = replace(skolverket.authorisation, url=f"https://localhost:{skolverket.port}/transaction")
    assert (await fault_of(named, credentials_of(skolverket.tls.client(NUMBER, "entity")))).code == "server_wrong_host"
    assert skolverket.ledger() == []


async def test_authorities_that_cannot_be_read_are_named(skolverket: SecureSkolverket, tmp_path: Path) -> None:
    nowhere = replace(skolverket.authorisation, ca_file=str(tmp_path / "none.pem"))
    assert (
        await fault_of(nowhere, credentials_of(skolverket.tls.client(NUMBER, "entity")))
    ).code == "ca_file_unreadable"


# Servers that a simulator never is


@dataclass
class Stranger:
    """A server with a context of our choice, for one connection after another; it keeps what it is told."""

    listener: socket.socket
    context: ssl.SSLContext | None
    bodies: list[bytes] = field(default_factory=list)
    certificates: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        """Answers whatever comes with an HTTP error, until the listener is shut down."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            # A client that goes in between is what these tests want.
            with connection, suppress(OSError):
                if self.context is None:
                    self._answer(connection)
                    continue
                with self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as encrypted:
                    try:
                        encrypted.do_handshake()
                    except ssl.SSLError:
                        _linger(encrypted)
                        continue
                    if shown := encrypted.getpeercert(binary_form=True):
                        self.certificates.append(shown)
                    self._answer(encrypted)

    def _answer(self, connection: socket.socket) -> None:
        if received := connection.recv(65536):
            self.bodies.append(received)
            connection.sendall(b"HTTP/1.1 418 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            _linger(connection)


def _linger(connection: socket.socket) -> None:
    """Waits for the client to go, as real servers do: closing with something unread takes back what was said last."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


@contextmanager
def stranger(context: ssl.SSLContext | None) -> Iterator[Stranger]:
    """Lends a server on a port of its own; after the block it has seen all that was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = Stranger(listener, context)
        thread = threading.Thread(target=kept.serve)
        thread.start()
        try:
            yield kept
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


ROOT = issue("Root", authority=True)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def serving(
    folder: Path, version: ssl.TLSVersion, certificate: Issued, clients: Issued, need: ssl.VerifyMode
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    (folder / "server.pem").write_bytes(certificate.chain_pem + certificate.key_pem)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(cadata=clients.pem.decode())
    context.verify_mode = need
    return context


def calling(folder: Path, port: int, client: Issued) -> tuple[Authorisation, Credentials]:
    (folder / "ca.pem").write_bytes(ROOT.pem)
    (folder / "kommun.pem").write_bytes(client.chain_pem)
    write_key(folder / "kommun.key", client)
    where = Authorisation(f"https://127.0.0.1:{port}/transaction", "https://127.0.0.1")
    where = replace(where, ca_file=str(folder / "ca.pem"), certificate_folder=str(folder))
    return where, Credentials(NUMBER, "kommun.pem", "kommun.key")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_pin_ends_the_connection_before_a_byte_of_the_request(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """And with TLS 1.3 before our certificate, too; the same server with its own pin gets both."""
    server, client = issue("Server", ROOT, uses=[SERVER], hosts=["127.0.0.1"]), issue("Kommun", ROOT, uses=[CLIENT])
    context = serving(tmp_path, version, server, ROOT, ssl.CERT_OPTIONAL)
    with stranger(context) as wrong:
        where, credentials = calling(tmp_path, wrong.port, client)
        pinned = replace(where, pins=frozenset({"sha256//" + "A" * 43 + "="}))
        assert (await fault_of(pinned, credentials)).code == "server_pin"
    assert wrong.bodies == []
    if version is ssl.TLSVersion.TLSv1_3:
        assert wrong.certificates == []
    with stranger(context) as right:
        where, credentials = calling(tmp_path, right.port, client)
        pinned = replace(where, pins=frozenset({pin_of(server.der)}))
        assert (await fault_of(pinned, credentials)).code == "authorisation_refused"
    assert [body.split(b"\r\n")[0] for body in right.bodies] == [b"POST /transaction HTTP/1.1"]
    assert right.certificates == [client.der]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("need", [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
async def test_a_server_that_does_not_take_our_certificate_is_told_from_one_that_is_away(
    tmp_path: Path, version: ssl.TLSVersion, need: ssl.VerifyMode
) -> None:
    server, client = issue("Server", ROOT, uses=[SERVER], hosts=["127.0.0.1"]), issue("Kommun", uses=[CLIENT])
    with stranger(serving(tmp_path, version, server, ROOT, need)) as kept:
        where, credentials = calling(tmp_path, kept.port, client)
        assert (await fault_of(where, credentials)).code == "certificate_refused"
    assert kept.bodies == []


async def test_a_server_whose_certificate_has_expired_is_not_trusted(tmp_path: Path) -> None:
    ended = datetime.now(UTC) - timedelta(hours=1)
    server = issue("Server", ROOT, uses=[SERVER], hosts=["127.0.0.1"], ends=ended)
    context = serving(tmp_path, ssl.TLSVersion.TLSv1_3, server, ROOT, ssl.CERT_OPTIONAL)
    with stranger(context) as kept:
        where, credentials = calling(tmp_path, kept.port, issue("Kommun", ROOT, uses=[CLIENT]))
        assert (await fault_of(where, credentials)).code == "server_untrusted"
    assert kept.bodies == []


async def test_a_server_without_tls_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    with stranger(None) as kept:
        where, credentials = calling(tmp_path, kept.port, issue("Kommun", ROOT, uses=[CLIENT]))
        assert (await fault_of(where, credentials)).code == "tls_failed"
    assert (await fault_of(where, credentials)).code == "no_connection"
