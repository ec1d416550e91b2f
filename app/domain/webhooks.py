"""Webhooks: what is sent and how it is signed (Standard Webhooks 1.0), when it is tried again, and where it never goes.

A secret is text: `whsec_` and the base64 of the bytes that sign.
"""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, Literal
from urllib.parse import urlsplit

# What happens that an endpoint may want to know; the trigger of the database writes them.
EVENTS: Final = ("run.succeeded", "run.failed", "run.cancelled", "job.failed")
# What is sent to an endpoint that somebody tries.
TEST: Final = "webhook.test"
SECRET_BYTES: Final = 32
# How long the secret before signs as well.
BOTH_SIGN: Final = timedelta(hours=24)
_PREFIX: Final = "whsec_"
_LONGEST_URL: Final = 2000

# How long after each failed try comes the next one; after the last of them a delivery has failed.
WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)

# Of a try: it was taken, it was refused for good by an endpoint that has gone, or it failed and may be tried again.
Verdict = Literal["delivered", "gone", "failed"]

# Addresses that are no machine's of the internet (the registers of RFC 6890), and the one at which a cloud tells its
# own machines about themselves although it looks like any other. Python's lists differ from version to version.
_INSIDE_4: Final = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32"),
        ),
    )
)
# Public addresses of IPv6 are all of one network, but for these parts of it.
_GLOBAL: Final = IPv6Network("2000::/3")
_INSIDE_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
# In these an address of IPv4 is what is reached.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def verdict_of(http_status: int | None) -> Verdict:
    """Decides what an answer means; None is no answer. A redirect is a failure: nobody follows it."""
    if http_status is None:
        return "failed"
    if http_status == 410:
        return "gone"
    return "delivered" if 200 <= http_status < 300 else "failed"


def next_try(tries: int, luck: float) -> timedelta | None:
    """Decides how long after the last of `tries` failures the next one comes; None when there is none.

    `luck`, from 0 to 1, makes it up to a tenth longer, so that what failed together does not come back together.
    """
    return WAITS[tries - 1] * (1 + luck / 10) if tries <= len(WAITS) else None


def secret_text(secret: bytes) -> str:
    """Writes a secret as it is shown."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def body_of(type_: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """Writes what is sent: the same bytes at each try."""
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    content = {"type": type_, "timestamp": timestamp, "data": dict(sorted(data.items()))}
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def headers_of(delivery_id: str, now: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Makes the headers of a try at `now`, in seconds since 1970; each of the secrets signs."""
    signed = b".".join((delivery_id.encode("ascii"), str(now).encode("ascii"), body))
    signatures = (base64.b64encode(hmac.digest(secret, signed, "sha256")).decode("ascii") for secret in secrets)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def url_fault(url: str, *, to_loopback: bool) -> str | None:
    """Tells in a code what keeps an address from being an endpoint's; None for nothing. Names are not looked up."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "webhook_url"
    strange = any(ord(letter) <= 32 or ord(letter) > 126 for letter in url)
    if strange or len(url) > _LONGEST_URL or not host or parts.fragment or parts.username is not None:
        return "webhook_url"
    if parts.scheme != "https" and not (parts.scheme == "http" and to_loopback and host in _LOOPBACK_NAMES):
        return "webhook_url_not_https"
    try:
        address = ip_address(host)
    except ValueError:
        local = host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")
        return "webhook_url_inside" if local and not to_loopback else None
    return "webhook_url_inside" if is_inside(str(address), to_loopback=to_loopback) else None


def is_inside(address: str, *, to_loopback: bool) -> bool:
    """Tells whether a numeric address is one that nothing is sent to, since it may be inside of somebody's network.

    Only what is public is outside; `to_loopback` lets this machine itself be reached as well.
    """
    try:
        at = _reached_by(ip_address(address))
    except ValueError:
        return True
    if to_loopback and at.is_loopback:
        return False
    if isinstance(at, IPv4Address):
        return any(at in network for network in _INSIDE_4)
    return at.scope_id is not None or at not in _GLOBAL or any(at in network for network in _INSIDE_6)


def _reached_by(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Gives the address that is reached in the end: some of IPv6 have one of IPv4 in them."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
