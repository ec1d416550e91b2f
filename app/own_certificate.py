"""TLS at our own ports: the certificate that whoever connects is shown, as its files are by then."""

import ssl
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from app.errors import Stopped
from app.from_files import FromFiles
from app.private_files import open_to_others
from app.settings import Settings

# Of TLS 1.2 those with forward secrecy that nobody can change unseen; 1.3 has no others.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

_log = structlog.stdlib.get_logger(__name__)


class OwnCertificate:
    """The certificate and the key in two PEM files, which may be replaced while they are of use."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Reads them; raises Stopped for what can't be shown."""
        self._files = certificate, key
        self._made: FromFiles[ssl.SSLContext] = FromFiles()
        self._last, self._said = self._read(), ""

    def context(self) -> ssl.SSLContext:
        """Gives what a port listens with: each handshake has the files as they are by then."""
        context = _protected()
        # Called also for those who name no host.
        context.sni_callback = self._show
        return context

    def _show(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._now()

    def _now(self) -> ssl.SSLContext:
        """Gives what the files have; while they can't be used, as between two writes, what they had before."""
        try:
            self._last, self._said = self._read(), ""
        except Stopped as problem:
            if self._said != str(problem):
                self._said = str(problem)
                _log.warning("the certificate cannot be read anew", reason=self._said)
        return self._last

    def _read(self) -> ssl.SSLContext:
        try:
            return self._made.get("", self._files, self._make)
        except (OSError, ValueError):
            raise Stopped(
                "TLS_CERTIFICATE_FILE, TLS_KEY_FILE: {} and {} are not both there and readable, as a certificate and"
                " its key in PEM, without a password".format(*self._files)
            ) from None

    def _make(self) -> ssl.SSLContext:
        certificate, key = self._files
        if open_to_others(key.stat()):
            raise Stopped(f"TLS_KEY_FILE: others can open {key}: take that right away (chmod 0400)")
        shown = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        context = _protected()
        # The password is for a key that is encrypted: OpenSSL would ask for it at the terminal.
        context.load_cert_chain(certificate, key, password="")
        _log.info("certificate read", ends=shown.not_valid_after_utc.isoformat(timespec="seconds"))
        return context


def _protected() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    return context


def own_certificate(settings: Settings) -> OwnCertificate | None:
    """Gives what our own ports show; None where they speak plain HTTP. Raises Stopped for files that can't be used."""
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if bool(certificate) != bool(key):
        raise Stopped("TLS_CERTIFICATE_FILE, TLS_KEY_FILE: one is set without the other")
    return OwnCertificate(Path(certificate), Path(key)) if certificate else None
