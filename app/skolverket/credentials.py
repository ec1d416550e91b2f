"""How an organisation identifies itself to the authorisation server: certificate, key, its name in a federation.

It reads files and never keeps, shows or quotes what is in them. Faults carry codes alone.
"""

import base64
import hashlib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from app.from_files import FromFiles
from app.private_files import open_to_others
from app.skolverket.trust import new_context
from app.target import Credentials, TryAgain


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """What an organisation's files hold, as PEM: the certificate with its chain, and the key; or why that is not known.

    The faults are codes: no_certificate, certificate_missing, certificate_unreadable, key_missing, key_unreadable,
    key_readable_by_others.
    """

    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientTls:
    """A TLS context that shows an organisation's certificate, and that certificate itself."""

    context: ssl.SSLContext
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """Gives the certificate's bytes, of which the authorisation server is told the digest."""
        return self.certificate.public_bytes(Encoding.DER)


def client_key(credentials: Credentials, certificate_der: bytes | None) -> str | dict[str, str]:
    """Gives `client.key` of a transaction: a federation's entityId, or the digest of an approved issuer's certificate.

    Without a certificate it is the organisation's number, which only a simulator without TLS takes.
    """
    if certificate_der is None:
        return credentials.number
    if credentials.entity_id is not None:
        return credentials.entity_id
    digest = base64.b64encode(hashlib.sha256(certificate_der).digest()).decode("ascii")
    return {"proof": "mtls", "cert#S256": digest}


_CLIENT_TLS: FromFiles[ClientTls] = FromFiles()


def client_tls(credentials: Credentials, folder: str, ca_file: str, pins: frozenset[str], now: datetime) -> ClientTls:
    """Gives the context with which an organisation shows its certificate; files are read again once they change.

    Raises TryAgain, since an operator may mend it while a job waits: no_certificate, certificate_missing,
    certificate_unreadable, key_missing, key_unreadable, key_readable_by_others, key_mismatch, certificate_expired,
    ca_file_unreadable.
    """
    if credentials.certificate_file is None or credentials.key_file is None:
        raise TryAgain("no_certificate")
    certificate_file, key_file = Path(folder, credentials.certificate_file), Path(folder, credentials.key_file)
    paths = [certificate_file, key_file, *([Path(ca_file)] if ca_file else [])]

    def read() -> ClientTls:
        files = read_files(credentials, folder)
        if files.faults:
            raise TryAgain(files.faults[0])
        leaf, key = certificates(files.certificate)[0], private_key(files.key)
        if not fits(leaf, key):
            raise TryAgain("key_mismatch")
        context = new_context(ca_file, pins)
        try:
            # The password is for a key that was encrypted since: OpenSSL would ask for it at the terminal.
            context.load_cert_chain(certificate_file, key_file, password="")
        except OSError:
            raise TryAgain("certificate_unreadable") from None
        return ClientTls(context, leaf)

    try:
        shown = _CLIENT_TLS.get((*paths, pins), paths, read)
    except OSError:
        # One of them isn't there, or its folder may not be entered.
        raise TryAgain(*read_files(credentials, folder).faults[:1] or ("ca_file_unreadable",)) from None
    if not shown.certificate.not_valid_before_utc <= now <= shown.certificate.not_valid_after_utc:
        raise TryAgain("certificate_expired")
    return shown


def read_files(credentials: Credentials, folder: str) -> CredentialFiles:
    """Reads an organisation's files, as far as they can be read; relative names are the folder's."""
    if credentials.certificate_file is None or credentials.key_file is None:
        return CredentialFiles(faults=("no_certificate",))
    certificate, key = (
        _read(folder, credentials.certificate_file, "certificate"),
        _read(folder, credentials.key_file, "key"),
    )
    opened = isinstance(key, bytes) and open_to_others(Path(folder, credentials.key_file).stat())
    faults = ("key_readable_by_others",) if opened else ()
    return CredentialFiles(
        certificate if isinstance(certificate, bytes) else b"",
        key if isinstance(key, bytes) else b"",
        (*(fault for fault in (certificate, key) if isinstance(fault, str)), *faults),
    )


def _read(folder: str, name: str, what: str) -> bytes | str:
    try:
        return Path(folder, name).read_bytes()
    except FileNotFoundError:
        return f"{what}_missing"
    except OSError:
        return f"{what}_unreadable"


def certificates(content: bytes) -> list[x509.Certificate]:
    """Reads the certificates of a PEM file, at least one; raises TryAgain."""
    try:
        found = x509.load_pem_x509_certificates(content)
        for certificate in found:
            certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise TryAgain("certificate_unreadable") from None
    return found


def private_key(content: bytes) -> PrivateKeyTypes:
    """Reads the private key of a PEM file, which may not be encrypted: nobody is there to type a password."""
    try:
        return load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TryAgain("key_unreadable") from None


def fits(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    """Says whether a key is the one that a certificate is about."""
    encoded = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*encoded) == certificate.public_key().public_bytes(*encoded)
