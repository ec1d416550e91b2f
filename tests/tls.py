"""Certificates made for a test: a server's, and those of organisations, in the folder that `simulator --tls` takes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from app.skolverket.trust import pin_of

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
SERIAL_NUMBER, ORGANIZATION_IDENTIFIER = NameOID.SERIAL_NUMBER, NameOID.ORGANIZATION_IDENTIFIER


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the certificates of those who issued it, nearest first, without the root."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def chain_pem(self) -> bytes:
        """The certificate and those above it."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def encrypted_key_pem(self, password: bytes) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    number: str | None = None,
    number_as: ObjectIdentifier = SERIAL_NUMBER,
    begins: datetime | None = None,
    ends: datetime | None = None,
    uses: Sequence[ObjectIdentifier] | None = None,
    hosts: Sequence[str] = (),
    authority: bool = False,
    key: EllipticCurvePrivateKey | None = None,
) -> Issued:
    """Makes a certificate, by default from a day ago for a year; without an issuer it issues itself."""
    now = datetime.now(UTC)
    key = key or generate_private_key(SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if number is not None:
        attributes.append(x509.NameAttribute(number_as, number))
    subject = x509.Name(attributes)
    above_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - timedelta(days=1))
        .not_valid_after(ends or now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above_key.public_key()), critical=False)
        .add_extension(_key_usage(authority), critical=True)
    )
    if uses is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    is_root = issuer is None or issuer.certificate.subject == issuer.certificate.issuer
    above = () if issuer is None else issuer.above if is_root else (issuer.certificate, *issuer.above)
    return Issued(builder.sign(above_key, SHA256()), key, above)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


Form = Literal["certificate", "entity"]


@dataclass(frozen=True)
class Client:
    """What an organisation shows: the names of its files, and its entityId in the federation, if it is in it."""

    certificate_file: str
    key_file: str
    entity_id: str | None
    issued: Issued


@dataclass(frozen=True)
class Tls:
    """A folder for `simulator --tls`, what its callers have to trust, and the organisations that it knows.

    The server is 127.0.0.1, and nothing else: `localhost` is a wrong host.
    """

    folder: Path
    ca_file: Path
    pin: str
    approved: Issued
    _clients: dict[tuple[str, Form], Client] = field(default_factory=dict)

    def client(self, number: str, form: Form) -> Client:
        """Gives an organisation's certificate from an approved issuer, or its self-issued one of the federation."""
        return self._clients[number, form]


def make_tls(folder: Path, *organisations: str) -> Tls:
    """Writes server.pem, server.key, clients.pem, members.json, the authority to trust, and files of organisations."""
    folder.mkdir(parents=True, exist_ok=True)
    root = issue("Root of servers", authority=True)
    server = issue(
        "Skolverket's look-alike",
        issue("Issuer of servers", root, authority=True),
        uses=[SERVER],
        hosts=["127.0.0.1"],
    )
    clients_root = issue("Root of organisations", authority=True)
    approved = issue("Approved issuer", clients_root, authority=True)
    (folder / "server.pem").write_bytes(server.chain_pem)
    write_key(folder / "server.key", server)
    (folder / "ca.pem").write_bytes(root.pem)
    tls = Tls(folder, folder / "ca.pem", pin_of(server.der), approved)
    believed, members = [clients_root.pem], {}
    for number in organisations:
        by_issuer = issue(f"Organisation {number}", approved, number=f"16{number}", uses=[CLIENT])
        by_itself = issue(f"Member {number}", uses=[CLIENT, SERVER])
        entity_id = f"https://federation.example.se/{number}"
        tls._clients[number, "certificate"] = _written(folder, f"{number}-issued", by_issuer, None)
        tls._clients[number, "entity"] = _written(folder, f"{number}-member", by_itself, entity_id)
        believed.append(by_itself.pem)
        digest = by_itself.certificate.fingerprint(SHA256()).hex()
        members[entity_id] = {"organisation": number, "certificates": [digest]}
    (folder / "clients.pem").write_bytes(b"".join(believed))
    (folder / "members.json").write_text(json.dumps(members))
    return tls


def write_key(file: Path, issued: Issued) -> None:
    """Writes a private key, which its owner alone can read."""
    file.touch(0o600)
    file.write_bytes(issued.key_pem)


def _written(folder: Path, stem: str, issued: Issued, entity_id: str | None) -> Client:
    certificate, key = folder / f"{stem}.pem", folder / f"{stem}.key"
    certificate.write_bytes(issued.chain_pem)
    write_key(key, issued)
    return Client(str(certificate), str(key), entity_id, issued)
