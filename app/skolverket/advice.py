"""What keeps an organisation from its token and what to do about it: a sentence or two for each code, for operators."""

from collections.abc import Mapping
from typing import Final

ENCRYPTED_KEY: Final = (
    "The key is encrypted, and nobody is there to type its password: store it decrypted, readable for this user alone."
)


def advice(code: str) -> str:
    """Gives the sentence about a fault's code; faults that pass by themselves share one."""
    return ADVICE.get(code, "The authorisation server cannot answer just now, which may pass: try again.")


ADVICE: Final[Mapping[str, str]] = {
    "no_certificate": "It has no certificate. Name its files: `organisations set --certificate … --key …`.",
    "certificate_missing": "The certificate file is not there: see its name and CERTIFICATE_FOLDER.",
    "certificate_unreadable": "The certificate file cannot be read, or holds no certificate as PEM that can be used.",
    "key_missing": "The key file is not there: see its name and CERTIFICATE_FOLDER.",
    "key_unreadable": "The key file cannot be read, or holds no private key as PEM.",
    "key_mismatch": "The key is not the certificate's: they were made apart, or only one of them was renewed.",
    "certificate_expired": "The certificate is not valid now: have it renewed.",
    "certificate_refused": "The server does not take the certificate: is its issuer approved, or is it registered in "
    "the federation?",
    "ca_file_unreadable": "SKOLVERKET_CA_FILE cannot be read, or holds no certificate as PEM.",
    "server_untrusted": "No authority that is trusted here vouches for the server, or its certificate has expired: see "
    "the address and SKOLVERKET_CA_FILE.",
    "server_wrong_host": "The server's certificate is for another host: see the address.",
    "server_pin": "The server's public key is none of SKOLVERKET_AUTHORISATION_PINS, so nothing was sent: ask whether "
    "the key was changed.",
    "tls_failed": "TLS failed: is there an https server at the address?",
    "authorisation_refused": "The server refuses the organisation: is the certificate registered or its issuer "
    "approved, is the entityId the registered one?",
    "token_unreadable": "The answer has no token that can be read: is the address the authorisation server's?",
    "answer_unreadable": "The answer is no JSON: is the address the authorisation server's?",
    "address_unusable": "SKOLVERKET_AUTHORISATION_URL is no address that can be called.",
    "no_connection": "No connection: see the address, and whether a firewall is in between.",
    "timeout": "No answer in time: see the address, and whether a firewall is in between.",
    "connection_lost": "The connection broke: that may pass, or the server does not take the certificate.",
}
