"""How an organisation identifies itself: what is found wrong with it, faults of its files, forms of `client.key`."""

import base64
import hashlib
import json
import os
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography.x509.oid import ObjectIdentifier

from app.skolverket.auth import Authorisation
from app.skolverket.credential_check import check_files, token_fault, token_fetched
from app.skolverket.credentials import CredentialFiles, client_key, client_tls, read_files
from app.skolverket.trust import OtherKey, new_context, pin_of, tls_fault, trusting
from app.target import CredentialFinding, Credentials, Token, TryAgain
from tests.tls import CLIENT, ORGANIZATION_IDENTIFIER, SERIAL_NUMBER, SERVER, Issued, issue, write_key

NUMBER = "2120000001"
ENTITY_ID = "https://federation.example.se/2120000001"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NO_PINS: frozenset[str] = frozenset()
WHERE = Authorisation(
    "https://authorisation.example.se/transaction", "https://api.example.se/v1", pins=frozenset({"sha256//x"})
)

ROOT = issue("Root", authority=True)
ISSUER = issue("Issuer", ROOT, authority=True)
GOOD = issue("Kommun", ISSUER, number=NUMBER, uses=[CLIENT])


def files(issued: Issued) -> CredentialFiles:
    return CredentialFiles(issued.chain_pem, issued.key_pem)


def credentials(entity_id: str | None = None) -> Credentials:
    return Credentials(NUMBER, "kommun.pem", "kommun.key", entity_id)


def found(
    files: CredentialFiles, entity_id: str | None = None, where: Authorisation = WHERE, now: datetime = NOW
) -> list[CredentialFinding]:
    return check_files(credentials(entity_id), files, where, now)


def codes(findings: list[CredentialFinding], level: str) -> list[str]:
    return [finding.code for finding in findings if finding.level == level]


# What is found


def test_of_a_good_identity_everything_is_said_to_be_in_order() -> None:
    findings = found(files(GOOD), ENTITY_ID)
    assert {finding.level for finding in findings} == {"ok"}
    assert [finding.code for finding in findings] == [
        *("certificate", "key", "chain_open", "validity", "number"),
        *("entity_id", "address", "address", "pins"),
    ]


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        (CredentialFiles(faults=("no_certificate",)), ["no_certificate"]),
        (CredentialFiles(faults=("certificate_missing", "key_missing")), ["certificate_missing", "key_missing"]),
        (CredentialFiles(key=GOOD.key_pem, faults=("certificate_missing",)), ["certificate_missing"]),
        (CredentialFiles(b"", GOOD.key_pem), ["certificate_unreadable"]),
        (CredentialFiles(b"no PEM at all", GOOD.key_pem), ["certificate_unreadable"]),
        (CredentialFiles(GOOD.der, GOOD.key_pem), ["certificate_unreadable"]),
        (CredentialFiles(GOOD.chain_pem.replace(b"MII", b"MIX", 1), GOOD.key_pem), ["certificate_unreadable"]),
        (CredentialFiles(GOOD.chain_pem, b""), ["key_unreadable"]),
        (CredentialFiles(GOOD.chain_pem, GOOD.pem), ["key_unreadable"]),
        (CredentialFiles(GOOD.chain_pem, GOOD.encrypted_key_pem(b"secret")), ["key_encrypted"]),
        (CredentialFiles(GOOD.chain_pem, ISSUER.key_pem), ["key_mismatch"]),
    ],
)
def test_files_that_are_missing_unreadable_or_of_two_kinds_are_errors(
    given: CredentialFiles, errors: list[str]
) -> None:
    assert codes(found(given), "error") == errors


def test_an_encrypted_key_is_said_to_be_encrypted() -> None:
    findings = found(CredentialFiles(GOOD.chain_pem, GOOD.encrypted_key_pem(b"secret")))
    assert codes(findings, "error") == ["key_encrypted"]


def test_a_certificate_without_its_key_is_still_examined() -> None:
    findings = found(CredentialFiles(GOOD.chain_pem, faults=("key_missing",)))
    assert codes(findings, "error") == ["key_missing"]
    assert {"chain_open", "validity", "number"} <= set(codes(findings, "ok"))


SELF_ISSUED = issue("Kommun", number=NUMBER)
# Of the same name as the issuer, and with another key.
NAMESAKE = issue("Issuer", ROOT, authority=True)
OLD_ISSUER = issue("Old issuer", ROOT, authority=True, begins=NOW - 9 * DAY, ends=NOW - DAY)
OF_OLD_ISSUER = issue("Kommun", OLD_ISSUER, number=NUMBER)


@pytest.mark.parametrize(
    ("given", "entity_id", "level", "code"),
    [
        (files(GOOD), None, "ok", "chain_open"),
        (CredentialFiles(GOOD.chain_pem + ROOT.pem, GOOD.key_pem), None, "ok", "chain"),
        (CredentialFiles(GOOD.pem, GOOD.key_pem), None, "warning", "chain_short"),
        (files(SELF_ISSUED), ENTITY_ID, "ok", "chain"),
        (files(SELF_ISSUED), None, "warning", "chain_self_signed"),
        (CredentialFiles(ISSUER.pem + GOOD.pem, ISSUER.key_pem), None, "error", "chain_broken"),
        (CredentialFiles(GOOD.pem + ROOT.pem, GOOD.key_pem), None, "error", "chain_broken"),
        (CredentialFiles(GOOD.pem + NAMESAKE.pem, GOOD.key_pem), None, "error", "chain_broken"),
        (files(OF_OLD_ISSUER), None, "error", "chain_expired"),
    ],
)
def test_the_chain_is_followed_as_far_as_the_file_goes(
    given: CredentialFiles, entity_id: str | None, level: str, code: str
) -> None:
    assert [finding.level for finding in found(given, entity_id) if finding.code == code] == [level]


@pytest.mark.parametrize(
    ("begins", "ends", "level", "code", "said"),
    [
        (-10 * DAY, 31 * DAY, "ok", "validity", "31 days"),
        (-10 * DAY, 30 * DAY, "ok", "validity", "30 days"),
        (-10 * DAY, 30 * DAY - timedelta(seconds=1), "warning", "certificate_expires", "29 days"),
        (-10 * DAY, DAY, "warning", "certificate_expires", "1 day,"),
        (-10 * DAY, timedelta(seconds=1), "warning", "certificate_expires", "0 days"),
        (-10 * DAY, timedelta(seconds=-1), "error", "certificate_ended", "expired"),
        (timedelta(seconds=1), 10 * DAY, "error", "certificate_too_early", "not valid before"),
    ],
)
def test_validity_warns_in_its_last_thirty_days(
    begins: timedelta, ends: timedelta, level: str, code: str, said: str
) -> None:
    now = NOW.replace(microsecond=0)  # certificates have whole seconds
    issued = issue("Kommun", ISSUER, number=NUMBER, begins=now + begins, ends=now + ends)
    (finding,) = [finding for finding in found(files(issued), now=now) if finding.code == code]
    assert finding.level == level
    assert said in finding.text


@pytest.mark.parametrize("number_as", [SERIAL_NUMBER, ORGANIZATION_IDENTIFIER])
@pytest.mark.parametrize(
    ("text", "level", "code"),
    [
        (NUMBER, "ok", "number"),
        (f"16{NUMBER}", "ok", "number"),
        (f"SE{NUMBER}", "ok", "number"),
        (f"NTRSE-{NUMBER}", "ok", "number"),
        ("212000-0001", "ok", "number"),
        ("2120000002", "error", "number_differs"),
        ("162120000002", "error", "number_differs"),
        ("NTRSE-2120000002", "error", "number_differs"),
        ("kommun 7", "warning", "number_missing"),
        (f"17{NUMBER}", "warning", "number_missing"),
        (f"NTRDE-{NUMBER}", "warning", "number_missing"),
        (None, "warning", "number_missing"),
    ],
)
def test_the_organisation_number_is_looked_for_in_the_subject(
    number_as: ObjectIdentifier, text: str | None, level: str, code: str
) -> None:
    issued = issue("Kommun", ISSUER, number=text, number_as=number_as)
    findings = found(files(issued))
    assert [finding.level for finding in findings if finding.code == code] == [level]


def test_an_entity_id_stands_for_a_number_that_is_not_in_the_certificate() -> None:
    findings = found(files(issue("Kommun", ISSUER)), ENTITY_ID)
    assert "number_by_entity_id" in codes(findings, "ok")
    assert codes(findings, "warning") == []


def test_another_organisations_number_is_an_error_with_an_entity_id_too() -> None:
    assert codes(found(files(issue("Kommun", ISSUER, number="2120000002")), ENTITY_ID), "error") == ["number_differs"]


@pytest.mark.parametrize(
    ("uses", "errors"),
    [
        (None, []),
        ([CLIENT], []),
        ([SERVER, CLIENT], []),
        ([ObjectIdentifier("2.5.29.37.0")], []),  # any
        ([SERVER], ["not_for_clients"]),
    ],
)
def test_a_certificate_that_says_what_it_is_for_must_be_for_clients(
    uses: list[ObjectIdentifier] | None, errors: list[str]
) -> None:
    assert codes(found(files(issue("Kommun", ISSUER, number=NUMBER, uses=uses))), "error") == errors


@pytest.mark.parametrize(
    ("entity_id", "errors"),
    [
        (ENTITY_ID, []),
        ("urn:example:kommun", []),
        ("kommun.example.se", ["entity_id_no_uri"]),
        ("https://", ["entity_id_no_uri"]),
        ("https://kommun.example.se/a b", ["entity_id_no_uri"]),
        ("https://[kommun", ["entity_id_no_uri"]),
    ],
)
def test_an_entity_id_is_a_uri(entity_id: str, errors: list[str]) -> None:
    assert codes(found(files(GOOD), entity_id), "error") == errors


@pytest.mark.parametrize(
    ("url", "level", "code"),
    [
        ("https://authorisation.example.se/transaction", "ok", "address"),
        ("http://127.0.0.1:8100/transaction", "warning", "address_plain"),
        ("http://authorisation.example.se/transaction", "error", "address_not_https"),
        ("authorisation.example.se/transaction", "error", "address_not_https"),
        ("https:///transaction", "error", "address_not_https"),
        ("https://[authorisation", "error", "address_not_https"),
    ],
)
@pytest.mark.parametrize("which", ["url", "provisioning_url"])
def test_addresses_are_https_but_a_simulators_on_this_machine(which: str, url: str, level: str, code: str) -> None:
    changed: dict[str, Any] = {which: url}
    findings = found(files(GOOD), where=replace(WHERE, **changed))
    setting = "SKOLVERKET_AUTHORISATION_URL" if which == "url" else "SKOLVERKET_PROVISIONING_URL"
    (finding,) = [finding for finding in findings if finding.text.startswith(setting)]
    assert (finding.level, finding.code) == (level, code)


def test_without_tls_a_certificate_may_be_missing() -> None:
    where = replace(WHERE, url="http://127.0.0.1:8100/transaction")
    findings = check_files(Credentials(NUMBER), CredentialFiles(faults=("no_certificate",)), where, NOW)
    assert codes(findings, "error") == []
    assert codes(findings, "warning") == ["simulator_alone", "address_plain"]


def test_nothing_of_the_key_is_shown() -> None:
    secret = GOOD.key_pem.split(b"\n")[1].decode()
    assert secret not in repr(files(GOOD))
    assert secret not in json.dumps([finding.text for finding in found(files(GOOD))])


def test_a_token_is_told_by_its_end_alone() -> None:
    finding = token_fetched(Token("a.b.c", datetime(2026, 5, 4, 3, 2, tzinfo=UTC)), datetime(2026, 5, 4, tzinfo=UTC))
    assert (finding.level, finding.code) == ("ok", "token")
    assert "2026-05-04 03:02 UTC" in finding.text
    assert "a.b.c" not in finding.text


def test_a_token_that_has_ended_is_an_error() -> None:
    assert token_fetched(Token("a.b.c", NOW), NOW).level == "error"


@pytest.mark.parametrize("code", ["server_pin", "authorisation_refused", "http_503", "a_code_of_tomorrow"])
def test_every_fault_has_a_sentence(code: str) -> None:
    finding = token_fault(TryAgain(code, http_status=403, answer=b"secret"), [])
    assert (finding.level, finding.code) == ("error", code)
    assert finding.text.startswith("No token (HTTP 403). ")
    assert "secret" not in finding.text


def test_a_fault_that_was_found_already_is_not_told_twice() -> None:
    finding = token_fault(TryAgain("key_mismatch"), found(CredentialFiles(GOOD.chain_pem, ISSUER.key_pem)))
    assert finding == CredentialFinding(
        "error", "token_not_asked_for", "No token could be asked for. Put right what is said above."
    )


# Both forms of client.key


def test_an_approved_issuers_certificate_is_told_by_its_digest() -> None:
    digest = base64.b64encode(hashlib.sha256(GOOD.der).digest()).decode()
    assert client_key(credentials(), GOOD.der) == {"proof": "mtls", "cert#S256": digest}


def test_a_federations_member_is_told_by_its_entity_id() -> None:
    assert client_key(credentials(ENTITY_ID), GOOD.der) == ENTITY_ID


def test_without_a_certificate_the_number_is_told() -> None:
    assert client_key(credentials(ENTITY_ID), None) == NUMBER


# Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kommun.pem").write_bytes(GOOD.chain_pem)
    write_key(tmp_path / "kommun.key", GOOD)
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    return tmp_path


def test_relative_names_are_the_folders_and_absolute_ones_their_own(folder: Path) -> None:
    expected = CredentialFiles(GOOD.chain_pem, GOOD.key_pem)
    assert read_files(credentials(), str(folder)) == expected
    absolute = Credentials(NUMBER, str(folder / "kommun.pem"), str(folder / "kommun.key"))
    assert read_files(absolute, "elsewhere") == expected


def test_a_key_that_others_can_read_is_an_error(folder: Path) -> None:
    (folder / "kommun.key").chmod(0o400)
    assert read_files(credentials(), str(folder)).faults == ()
    (folder / "kommun.key").chmod(0o604)
    files = read_files(credentials(), str(folder))
    assert codes(check_files(credentials(), files, WHERE, NOW), "error") == ["key_readable_by_others"]


def test_each_file_that_cannot_be_read_has_its_fault(folder: Path) -> None:
    (folder / "kommun.key").unlink()
    (folder / "kommun.key").mkdir()
    (folder / "kommun.pem").unlink()
    assert read_files(credentials(), str(folder)).faults == ("certificate_missing", "key_unreadable")


def _spoil(name: str, content: bytes | None) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)

    return spoil


EXPIRED = issue("Kommun", ISSUER, key=GOOD.key, begins=NOW - 9 * DAY, ends=NOW - DAY)
NOT_YET = issue("Kommun", ISSUER, key=GOOD.key, begins=NOW + DAY, ends=NOW + 9 * DAY)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_spoil("kommun.pem", None), "certificate_missing"),
        (_spoil("kommun.pem", b"no PEM"), "certificate_unreadable"),
        (_spoil("kommun.key", None), "key_missing"),
        (_spoil("kommun.key", b"no PEM"), "key_unreadable"),
        (_spoil("kommun.key", GOOD.encrypted_key_pem(b"secret")), "key_unreadable"),
        (_spoil("kommun.key", ISSUER.key_pem), "key_mismatch"),
        (lambda folder: (folder / "kommun.key").chmod(0o604), "key_readable_by_others"),
        (_spoil("kommun.pem", EXPIRED.chain_pem), "certificate_expired"),
        (_spoil("kommun.pem", NOT_YET.chain_pem), "certificate_expired"),
        (_spoil("ca.pem", None), "ca_file_unreadable"),
        (_spoil("ca.pem", b"no PEM"), "ca_file_unreadable"),
    ],
)
def test_each_fault_of_a_file_has_its_code_and_says_nothing_else(
    folder: Path, spoil: Callable[[Path], None], code: str
) -> None:
    """Also when the file was good before, and the context is known."""
    arguments = (credentials(), str(folder), str(folder / "ca.pem"), NO_PINS, NOW)
    assert client_tls(*arguments).der == GOOD.der
    spoil(folder)
    with pytest.raises(TryAgain) as fault:
        client_tls(*arguments)
    assert (fault.value.code, str(fault.value)) == (code, code)


def test_without_files_there_is_no_introduction() -> None:
    with pytest.raises(TryAgain, match=r"^no_certificate$"):
        client_tls(Credentials(NUMBER), "", "", NO_PINS, NOW)


def test_a_context_is_made_once_for_the_same_files_and_anew_when_one_changes(folder: Path) -> None:
    arguments = (credentials(), str(folder), str(folder / "ca.pem"), NO_PINS, NOW)
    first = client_tls(*arguments)
    assert client_tls(*arguments) is first
    renewed = issue("Kommun", ISSUER, number=NUMBER, key=GOOD.key)
    (folder / "new.pem").write_bytes(renewed.chain_pem)
    (folder / "new.pem").replace(folder / "kommun.pem")
    second = client_tls(*arguments)
    assert second.der == renewed.der
    state = (folder / "ca.pem").stat()
    os.utime(folder / "ca.pem", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert client_tls(*arguments) is not second


def test_a_context_expires_with_its_certificate(folder: Path) -> None:
    arguments = (credentials(), str(folder), str(folder / "ca.pem"), NO_PINS)
    client_tls(*arguments, NOW)
    with pytest.raises(TryAgain, match=r"^certificate_expired$"):
        client_tls(*arguments, NOW + 400 * DAY)


# Trust


def test_contexts_check_chain_and_host_name(folder: Path) -> None:
    for context in (trusting(str(folder / "ca.pem")), new_context(str(folder / "ca.pem")), trusting()):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_the_authorities_are_read_once_and_anew_when_their_file_changes(folder: Path) -> None:
    first = trusting(str(folder / "ca.pem"))
    assert trusting(str(folder / "ca.pem")) is first
    (folder / "ca.pem").write_bytes(ROOT.pem + ISSUER.pem)
    assert trusting(str(folder / "ca.pem")) is not first


def test_a_pin_is_of_the_key_and_outlives_the_certificate() -> None:
    assert pin_of(issue("Renewed", key=GOOD.key).der) == pin_of(GOOD.der) != pin_of(ISSUER.der)


def _chained(cause: BaseException) -> httpx.ConnectError:
    """As httpx and httpcore leave it."""
    fault = httpx.ConnectError("")
    fault.__cause__ = httpcore.ConnectError()
    fault.__cause__.__context__ = cause
    # What the caller was handling already has nothing to do with it.
    cause.__context__ = OtherKey()
    return fault


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (OtherKey(), "server_pin"),
        (ssl.SSLEOFError(8, "EOF"), None),
        (ssl.SSLError(1, "[SSL] something"), "tls_failed"),
        (ConnectionRefusedError(), None),
    ],
)
def test_a_fault_of_tls_is_told_by_its_cause(cause: BaseException, code: str | None) -> None:
    assert tls_fault(_chained(cause)) == code
