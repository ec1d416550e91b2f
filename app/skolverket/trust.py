"""TLS towards Skolverket: whom we believe, by authorities and by pinned keys, and which failure a broken handshake is.

What identifies an organisation is `credentials`'s.
"""

import base64
import hashlib
import ssl
from pathlib import Path
from typing import Any

import httpcore
import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.from_files import FromFiles
from app.target import TryAgain

# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL's x509_vfy.h.
_OTHER_NAME = frozenset({62, 64})
# What a server's alert about our certificate is called by OpenSSL, in whichever version of TLS.
_ABOUT_OUR_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


class OtherKey(ssl.SSLError):
    """The server's public key is none of those that are pinned."""


_TRUSTED: FromFiles[ssl.SSLContext] = FromFiles()


def trusting(ca_file: str = "") -> ssl.SSLContext:
    """Gives this process's context that believes the authorities of a PEM file, or the well-known ones for "".

    It is shared: nobody changes it. Host names are always checked. Raises TryAgain when the file can't be used.
    """
    paths = [Path(ca_file)] if ca_file else []
    try:
        return _TRUSTED.get(ca_file, paths, lambda: new_context(ca_file))
    except OSError:
        raise TryAgain("ca_file_unreadable") from None


def new_context(ca_file: str = "", pins: frozenset[str] = frozenset()) -> ssl.SSLContext:
    """Makes a context that believes the authorities of a PEM file, or the well-known ones, and no key but the pinned.

    The pins hold for asyncio's way of TLS (`wrap_bio`), which is the only one here. Raises TryAgain.
    """
    try:
        # ssl.SSLError is an OSError too.
        context = ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()
    except OSError:
        raise TryAgain("ca_file_unreadable") from None
    if pins:
        context.sslobject_class = _pinned_to(pins)
    return context


def pin_of(certificate_der: bytes) -> str:
    """Gives the pin of a certificate's public key, `sha256//` and base64, as curl's `--pinnedpubkey` takes it."""
    key = x509.load_der_x509_certificate(certificate_der).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return "sha256//" + base64.b64encode(digest).decode("ascii")


def tls_fault(error: BaseException) -> str | None:
    """Names the failure of TLS that made a call fail, from the chain of its causes; None when it was something else."""
    seen: BaseException | None = error
    while seen is not None:
        match seen:
            case OtherKey():
                return "server_pin"
            case ssl.SSLCertVerificationError():
                return "server_wrong_host" if seen.verify_code in _OTHER_NAME else "server_untrusted"
            case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
                return None
            case ssl.SSLError():
                reason = getattr(seen, "reason", None) or ""
                ours = "ALERT" in reason and any(word in reason for word in _ABOUT_OUR_CERTIFICATE)
                return "certificate_refused" if ours else "tls_failed"
        # httpcore's pool raises faults once more, `from None`: that leaves the cause in the context.
        seen = seen.__context__ if isinstance(seen, httpcore.NetworkError) else seen.__cause__
    return None


class TlsTransport(httpx.AsyncHTTPTransport):
    """Connections whose failures of TLS have codes of their own (TryAgain); all others are httpx's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Makes a call. With TLS 1.3 a server refuses our certificate after the handshake, which httpx lets through."""
        try:
            return await super().handle_async_request(request)
        except (httpx.TransportError, ssl.SSLError) as fault:
            if (code := tls_fault(fault)) is None:
                raise
            raise TryAgain(code) from None


def _pinned_to(pins: frozenset[str]) -> type[ssl.SSLObject]:
    class Pinned(ssl.SSLObject):
        # Nothing of the last flight (with TLS 1.3: our certificate) has left before this returns.
        def do_handshake(self, *args: Any, **options: Any) -> None:
            super().do_handshake(*args, **options)
            certificate = self.getpeercert(binary_form=True)
            if certificate is None or pin_of(certificate) not in pins:
                raise OtherKey

    return Pinned
