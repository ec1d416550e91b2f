"""Whether an organisation's certificate, key, chain, validity, number and addresses fit together, in words.

Pure: files are read and tokens tried by others. No sentence has anything of a key or of a token in it.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.catalogue import catalogue, issue
from app.skolverket.auth import Authorisation
from app.skolverket.credentials import CredentialFiles, certificates, fits, private_key
from app.target import CredentialFinding as Finding
from app.target import Credentials, TargetError, Token, TryAgain

_SOON = timedelta(days=30)
_ENCRYPTED_KEY = (
    "The key is encrypted, and nobody is there to type its password: store it decrypted, readable for this user alone."
)
# An organisation number in a subject: as it is, with the 16 that makes it as long as a personal number, with its
# country, or as ETSI EN 319 412-1 writes a legal person of the national trade register.
_NUMBER = re.compile(r"(?:16|SE|NTRSE-)?([0-9]{6})-?([0-9]{4})")


def check_files(credentials: Credentials, files: CredentialFiles, where: Authorisation, now: datetime) -> list[Finding]:
    """Says what is in order and what isn't, in the order in which one would mend it."""
    return [
        *_files(credentials, files, where, now),
        *_entity_id(credentials),
        *_addresses(where),
        *_pins(where),
    ]


def numbers_in(subject: x509.Name) -> set[str]:
    """Reads the ten-digit organisation numbers of a subject: its serialNumber and organizationIdentifier (2.5.4.97)."""
    attributes = [
        *subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER),
        *subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER),
    ]
    return {
        found[1] + found[2] for attribute in attributes if (found := _NUMBER.fullmatch(str(attribute.value).strip()))
    }


def token_fetched(token: Token, now: datetime) -> Finding:
    """Says that the authorisation server gave a token, and until when it holds."""
    until = f"{token.expires_at:%Y-%m-%d %H:%M} UTC"
    if token.expires_at <= now:
        return Finding("error", "token", f"The token that was given ended at {until}: is this machine's clock right?")
    return Finding("ok", "token", f"The authorisation server gave a token, valid until {until}.")


def token_fault(fault: TargetError, findings: Sequence[Finding]) -> Finding:
    """Says why there was no token, and what to do; in short when the findings say it already."""
    if any(finding.code == fault.code and finding.level == "error" for finding in findings):
        return Finding("error", "token", "No token could be asked for: see above.")
    status = f" (HTTP {fault.http_status})" if fault.http_status else ""
    return Finding("error", fault.code, f"No token{status}. {_advice(fault.code)}")


def _files(credentials: Credentials, files: CredentialFiles, where: Authorisation, now: datetime) -> Iterator[Finding]:
    if "no_certificate" in files.faults:
        if where.in_the_clear:
            yield Finding("warning", "no_certificate", "No certificate: only a simulator takes the number alone.")
        else:
            yield _error("no_certificate")
        return
    yield from (_error(fault) for fault in files.faults)
    chain, key = [], None
    if files.certificate:
        try:
            chain = certificates(files.certificate)
            yield Finding("ok", "certificate", "The certificate can be read.")
        except TryAgain as fault:
            yield _error(fault.code)
    elif not any(fault.startswith("certificate_") for fault in files.faults):
        yield _error("certificate_unreadable")
    if files.key:
        try:
            key = private_key(files.key)
        except TryAgain as fault:
            encrypted = b"ENCRYPTED" in files.key
            yield Finding("error", fault.code, _ENCRYPTED_KEY) if encrypted else _error(fault.code)
    elif not any(fault.startswith("key_") for fault in files.faults):
        yield _error("key_unreadable")
    if chain and key is not None:
        matched = fits(chain[0], key)
        yield Finding("ok", "key", "The key is the certificate's.") if matched else _error("key_mismatch")
    if chain:
        yield _chain(chain, credentials, now)
        yield _validity(chain[0], now)
        yield _number(chain[0], credentials)
        yield from _use(chain[0])


def _chain(chain: list[x509.Certificate], credentials: Credentials, now: datetime) -> Finding:
    for number, (issued, issuer) in enumerate(pairwise(chain), start=2):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return Finding(
                "error",
                "chain_broken",
                f"Certificate {number} of the file did not issue the one before it: put the organisation's own first, "
                "then the one that issued it, and so on.",
            )
        if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
            return Finding(
                "error",
                "chain_expired",
                f"Certificate {number} of the file is not valid now: ask the issuer for a new one.",
            )
    last = chain[-1]
    if last.subject == last.issuer:
        if len(chain) > 1 or credentials.entity_id is not None:
            return Finding("ok", "chain", f"The chain is complete: {_counted(len(chain))} in the file.")
        return Finding(
            "warning",
            "chain_self_signed",
            "The certificate is issued by itself: that is taken from members of a federation, who have an entityId.",
        )
    if len(chain) > 1:
        return Finding("ok", "chain", f"The chain leads to an issuer outside the file: {_counted(len(chain))} in it.")
    return Finding(
        "warning",
        "chain_short",
        "The file has the organisation's certificate alone: if its issuer is not a root, add the issuer's certificate.",
    )


def _counted(certificates_: int) -> str:
    return f"{certificates_} certificate{'s' if certificates_ > 1 else ''}"


def _validity(leaf: x509.Certificate, now: datetime) -> Finding:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < begins:
        return Finding(
            "error", "certificate_expired", f"The certificate is not valid before {begins:%Y-%m-%d %H:%M} UTC."
        )
    if now > ends:
        return Finding(
            "error", "certificate_expired", f"The certificate expired {ends:%Y-%m-%d %H:%M} UTC: have it renewed."
        )
    days = (ends - now).days
    if ends - now < _SOON:
        counted = "1 day" if days == 1 else f"{days} days"
        return Finding("warning", "certificate_expires", f"The certificate expires in {counted}, on {ends:%Y-%m-%d}.")
    return Finding("ok", "validity", f"The certificate is valid until {ends:%Y-%m-%d} ({days} days).")


def _number(leaf: x509.Certificate, credentials: Credentials) -> Finding:
    found = numbers_in(leaf.subject)
    if credentials.number in found:
        return Finding("ok", "number", "The certificate is this organisation's, by its number.")
    if found:
        return Finding(
            "error",
            "number_differs",
            f"The certificate is another organisation's, {', '.join(sorted(found))}: name this organisation's own.",
        )
    if credentials.entity_id is not None:
        return Finding("ok", "number", "The certificate names no organisation number; the entityId stands for it.")
    return Finding(
        "warning",
        "number_missing",
        "The certificate names no organisation number (serialNumber or organizationIdentifier of its subject): "
        "without an entityId the authorisation server may not know whose it is.",
    )


def _use(leaf: x509.Certificate) -> Iterator[Finding]:
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return
    if ExtendedKeyUsageOID.CLIENT_AUTH not in uses and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses:
        yield Finding(
            "error",
            "not_for_clients",
            "The certificate may not be used by a client (extendedKeyUsage): have one issued that may.",
        )


def _entity_id(credentials: Credentials) -> Iterator[Finding]:
    if credentials.entity_id is None:
        return
    parts = _parts(credentials.entity_id)
    names_something = parts.netloc or (parts.scheme == "urn" and parts.path)
    if parts.scheme and names_something and not re.search(r"\s", credentials.entity_id):
        yield Finding("ok", "entity_id", f"It says that it is {credentials.entity_id} in the federation.")
    else:
        yield Finding("error", "entity_id", "The entityId is no URI, as https://… or urn:…: give it as registered.")


def _addresses(where: Authorisation) -> Iterator[Finding]:
    for what, url in (("authorisation", where.url), ("provisioning", where.provisioning_url)):
        setting = f"SKOLVERKET_{what.upper()}_URL"
        match _parts(url):
            case parts if parts.scheme == "https" and parts.hostname:
                yield Finding("ok", "address", f"{setting} is {url}")
            case parts if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}:
                yield Finding("warning", "address_plain", f"{setting} is {url}: not https, for a simulator only.")
            case _:
                yield Finding("error", "address", f"{setting} is not https: give the address as Skolverket has it.")


def _pins(where: Authorisation) -> Iterator[Finding]:
    if not where.in_the_clear:
        count = len(where.pins)
        held = (
            f"{count} pinned key{'s' if count > 1 else ''}" if count else "well-known or configured authorities alone"
        )
        yield Finding("ok", "pins", f"The authorisation server is held against {held}.")


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _error(code: str) -> Finding:
    return Finding("error", code, _advice(code))


def _advice(code: str) -> str:
    """Says what to do about a fault; those that pass by themselves share a sentence."""
    entry = issue(code)
    return (entry.advice if entry else "") or catalogue().issues["http_503"].advice
