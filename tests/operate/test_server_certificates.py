"""The script that makes certificates for Postgres and Redis: whose they are, who reads what, when it makes new ones."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.operate.compose_servers import certify
from tests.tls import issue

SERVERS = ("postgres", "10.0.0.7")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with certificates for a name and for an address."""
    folder = tmp_path / "tls"
    assert certify(folder, *SERVERS).returncode == 0
    return folder


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_each_server_has_a_certificate_for_its_own_name_from_one_authority(made: Path) -> None:
    authority = certificate(made / "authority/ca.pem")
    for server in SERVERS:
        leaf = certificate(made / server / "server.pem")
        leaf.verify_directly_issued_by(authority)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(name.value) for name in names] == [server]
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_keys_are_their_servers_alone_and_nobody_has_the_authoritys(made: Path) -> None:
    for server in SERVERS:
        assert (made / server / "server.key").stat().st_mode & 0o777 == 0o400
    theirs = {f"{server}/server.{end}" for server in SERVERS for end in ("key", "pem")}
    assert {*contents(made)} == {"authority/ca.pem", *theirs}


def test_what_is_there_stays(made: Path) -> None:
    before = contents(made)
    assert certify(made, *SERVERS).returncode == 0
    assert contents(made) == before


def test_all_are_made_anew_when_one_ends_soon_or_is_missing(made: Path) -> None:
    """By one authority again: clients trust one."""
    seen = [contents(made)]
    soon = issue("Ends soon", ends=datetime.now(UTC) + timedelta(days=59))
    (made / "postgres/server.pem").chmod(0o600)
    (made / "postgres/server.pem").write_bytes(soon.pem)
    for servers in (SERVERS, (*SERVERS, "redis")):
        assert certify(made, *servers).returncode == 0
        after = contents(made)
        assert not {*after.values()} & {*seen[-1].values()}
        seen.append(after)


def test_without_servers_it_says_how_it_is_called(tmp_path: Path) -> None:
    asked = certify(tmp_path)
    assert asked.returncode == 2
    assert asked.stderr.startswith("server-certificates.sh: name a folder and the servers")
