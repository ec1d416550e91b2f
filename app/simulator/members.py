"""Which organisation a client certificate belongs to, by both forms of `client.key`; the handshake checks the rest.

A folder for `--tls` has server.pem (chain), server.key, clients.pem (approved issuers, and the self-signed certificates
of federation members) and members.json: {"<entityId>": {"organisation": "<number>", "certificates": ["<SHA-256 of the
DER, hex>"]}}.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from app.simulator.tokens import BadTransaction, WrongClient

_FILES = ("server.pem", "server.key", "clients.pem", "members.json")
_NUMBER_PLACES = (NameOID.SERIAL_NUMBER, NameOID.ORGANIZATION_IDENTIFIER)
# 16 is the century that Skatteverket puts in front of organisation numbers; letters are SE or NTRSE-.
_NUMBER = re.compile(r"(?:NTRSE-|SE|16)?([0-9]{6}-?[0-9]{4})")


class UnusableFolder(ValueError):
    """A folder for TLS lacks something or has something malformed."""


@dataclass(frozen=True, slots=True)
class Members:
    """The members of the TLS federation: for each entityId its organisation number and its certificates' prints."""

    entities: Mapping[str, tuple[str, frozenset[str]]]

    def organisation_of(self, certificate: bytes, key: Any) -> str:
        """Tells whose certificate (DER) a connection has, if client.key fits it; raises BadTransaction otherwise."""
        if isinstance(key, str):
            return self._member(certificate, key)
        if not isinstance(key, dict) or key.get("proof") != "mtls" or not isinstance(key.get("cert#S256"), str):
            raise BadTransaction('client.key is neither an entityId nor {"proof": "mtls", "cert#S256": ...}')
        if key["cert#S256"] != b64encode(sha256(certificate).digest()).decode():
            raise WrongClient("cert#S256 is not the print of the connection's certificate")
        return _organisation_in(certificate)

    def _member(self, certificate: bytes, entity_id: str) -> str:
        organisation, prints = self.entities.get(entity_id, ("", frozenset()))
        if sha256(certificate).hexdigest() not in prints:
            raise WrongClient("the connection's certificate is not registered for that entityId")
        return organisation


def read_members(folder: Path) -> Members:
    """Reads the members of a folder for TLS; raises UnusableFolder when a file is missing or malformed."""
    for name in _FILES:
        if not (folder / name).is_file():
            raise UnusableFolder(f"the folder for TLS has no {name}")
    try:
        document = json.loads((folder / "members.json").read_text(encoding="utf-8"))
        return Members(
            {
                entity_id: (str(member["organisation"]), frozenset(one.lower() for one in member["certificates"]))
                for entity_id, member in document.items()
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableFolder("members.json in the folder for TLS is malformed") from error


def _organisation_in(certificate: bytes) -> str:
    read = x509.load_der_x509_certificate(certificate)
    if read.subject == read.issuer:
        raise WrongClient("the connection's certificate is from no approved issuer")
    for place in _NUMBER_PLACES:
        for attribute in read.subject.get_attributes_for_oid(place):
            if match := _NUMBER.fullmatch(str(attribute.value)):
                return match[1].replace("-", "")
    raise WrongClient("the subject of the connection's certificate has no organisation number")
