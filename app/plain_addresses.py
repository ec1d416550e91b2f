"""Addresses over which what is kept, or who somebody is, would go unprotected to another machine."""

from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

_OF_SQLALCHEMY, _SCHEME = "postgresql+psycopg://", "postgresql://"
# With one of these in the address the client may believe any server.
_WEAKENING = {"ssl_cert_reqs", "ssl_check_hostname"}


def plain_to_postgres(address: str) -> bool:
    """Tells whether `address`, in any form of libpq's, leads to another machine without `sslmode=verify-full`.

    What it leaves out comes from libpq's own environment. One that is none leads nowhere.
    """
    try:
        given = conninfo_to_dict(address.replace(_OF_SQLALCHEMY, _SCHEME, 1))
    except ProgrammingError:
        return False
    found = {
        option.keyword.decode(): option.val.decode() for option in Conninfo.get_defaults() if option.val is not None
    } | {name: str(value) for name, value in given.items()}
    if not address.strip() or found.get("sslmode") == "verify-full":
        return False
    # Where a service is named, its file says where to.
    if "service" in given and not {"host", "hostaddr"} & given.keys():
        return True
    hosts = found.get("hostaddr") or found.get("host", "")
    return not all(_is_here(host) for host in hosts.split(","))


def plain_to_redis(address: str) -> bool:
    """Tells whether `address` leads to another machine without TLS, or without looking at who answers there."""
    try:
        parts = urlsplit(address)
        if not address or parts.scheme == "unix" or _is_here(parts.hostname or "localhost"):
            return False
    except ValueError:
        return False
    return parts.scheme != "rediss" or not _WEAKENING.isdisjoint(name for name, _ in parse_qsl(parts.query))


def is_protected_http(address: str) -> bool:
    """Tells whether `address` is one of https, or of http on this machine, that names no user and no fragment."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or port == 0 or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))


def _is_here(host: str) -> bool:
    """Says of a host whether it is this machine; one that is empty or a path is a socket of this machine's."""
    if host in {"", "localhost"} or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
