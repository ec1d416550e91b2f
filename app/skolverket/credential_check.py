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

from app.catalogue import catalogue, check_text, issue, phrase
from app.skolverket.auth import Authorisation
from app.skolverket.credentials import CredentialFiles, certificates, fits, private_key
from app.target import CredentialFinding as Finding
from app.target import Credentials, TargetError, Token, TryAgain

_SOON = timedelta(days=30)
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
    return _found("token_ended" if token.expires_at <= now else "token", until=_minute(token.expires_at))


def token_fault(fault: TargetError, findings: Sequence[Finding]) -> Finding:
    """Says why there was no token, and what to do; in short when the findings say it already."""
    if any(finding.code == fault.code and finding.level == "error" for finding in findings):
        return _found("token_not_asked_for")
    status = f" (HTTP {fault.http_status})" if fault.http_status else ""
    return Finding("error", fault.code, f"{phrase('no_token', 'en')}{status}. {_advice(fault.code)}")


def _files(credentials: Credentials, files: CredentialFiles, where: Authorisation, now: datetime) -> Iterator[Finding]:
    if "no_certificate" in files.faults:
        if where.in_the_clear:
            yield _found("simulator_alone")
        else:
            yield _error("no_certificate")
        return
    yield from (_error(fault) for fault in files.faults)
    chain, key = [], None
    if files.certificate:
        try:
            chain = certificates(files.certificate)
            yield _found("certificate")
        except TryAgain as fault:
            yield _error(fault.code)
    elif not any(fault.startswith("certificate_") for fault in files.faults):
        yield _error("certificate_unreadable")
    if files.key:
        try:
            key = private_key(files.key)
        except TryAgain as fault:
            yield _found("key_encrypted") if b"ENCRYPTED" in files.key else _error(fault.code)
    elif not any(fault.startswith("key_") for fault in files.faults):
        yield _error("key_unreadable")
    if chain and key is not None:
        matched = fits(chain[0], key)
        yield _found("key") if matched else _error("key_mismatch")
    if chain:
        yield _chain(chain, credentials, now)
        yield _validity(chain[0], now)
        yield _number(chain[0], credentials)
        yield from _use(chain[0])


def _chain(chain: list[x509.Certificate], credentials: Credentials, now: datetime) -> Finding:
    for place, (issued, issuer) in enumerate(pairwise(chain), start=2):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return _found("chain_broken", place=place)
        if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
            return _found("chain_expired", place=place)
    last = chain[-1]
    if last.subject == last.issuer:
        complete = len(chain) > 1 or credentials.entity_id is not None
        return _found("chain", certificates=len(chain)) if complete else _found("chain_self_signed")
    return _found("chain_open", certificates=len(chain)) if len(chain) > 1 else _found("chain_short")


def _validity(leaf: x509.Certificate, now: datetime) -> Finding:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < begins:
        return _found("certificate_too_early", begins=_minute(begins))
    if now > ends:
        return _found("certificate_ended", ends=_minute(ends))
    soon = ends - now < _SOON
    return _found("certificate_expires" if soon else "validity", days=(ends - now).days, ends=f"{ends:%Y-%m-%d}")


def _number(leaf: x509.Certificate, credentials: Credentials) -> Finding:
    found = numbers_in(leaf.subject)
    if credentials.number in found:
        return _found("number")
    if found:
        return _found("number_differs", numbers=sorted(found))
    return _found("number_missing" if credentials.entity_id is None else "number_by_entity_id")


def _use(leaf: x509.Certificate) -> Iterator[Finding]:
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return
    if ExtendedKeyUsageOID.CLIENT_AUTH not in uses and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses:
        yield _found("not_for_clients")


def _entity_id(credentials: Credentials) -> Iterator[Finding]:
    if credentials.entity_id is None:
        return
    parts = _parts(credentials.entity_id)
    names_something = parts.netloc or (parts.scheme == "urn" and parts.path)
    if parts.scheme and names_something and not re.search(r"\s", credentials.entity_id):
        yield _found("entity_id", entity_id=credentials.entity_id)
    else:
        yield _found("entity_id_no_uri")


def _addresses(where: Authorisation) -> Iterator[Finding]:
    for what, url in (("authorisation", where.url), ("provisioning", where.provisioning_url)):
        setting = f"SKOLVERKET_{what.upper()}_URL"
        match _parts(url):
            case parts if parts.scheme == "https" and parts.hostname:
                yield _found("address", setting=setting, address=url)
            case parts if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}:
                yield _found("address_plain", setting=setting, address=url)
            case _:
                yield _found("address_not_https", setting=setting)


def _pins(where: Authorisation) -> Iterator[Finding]:
    if not where.in_the_clear:
        yield _found("pins", keys=len(where.pins)) if where.pins else _found("pins_none")


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _found(code: str, **values: object) -> Finding:
    severity, text = check_text(code, values)
    return Finding(severity, code, text)


def _error(code: str) -> Finding:
    return Finding("error", code, _advice(code))


def _advice(code: str) -> str:
    """Says what to do about a fault; those that pass by themselves share a sentence."""
    entry = issue(code)
    return (entry.advice if entry else "") or catalogue().issues["http_503"].advice
