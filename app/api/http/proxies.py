"""Who asks, and over what, where a proxy asks for others: what those proxies say whom the settings trust.

Anybody may send X-Forwarded-For: from everybody else, and of what stands before the last proxy's word, it says nothing.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class BehindProxies:
    """Sets a request's client and scheme to what trusted proxies say of them."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self.app, self._trusted = app, trusted
        self._trusts = lru_cache(1024)(self._is_trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] == "http" and client and self._trusts(client[0]):
            address = self._client_of(_values(scope, b"x-forwarded-for"))
            if address is not None:
                scope["client"] = (str(address), 0)
            if (scheme := next(_values(scope, b"x-forwarded-proto"), "")) in {"http", "https"}:
                scope["scheme"] = scheme
        await self.app(scope, receive, send)

    def _client_of(self, said: Iterator[str]) -> Address | None:
        """Gives the last address that is no trusted proxy's; before what is no address nothing counts."""
        found = None
        for each in said:
            if (address := address_of(each)) is None:
                break
            found = address
            if not self._trusts(each):
                break
        return found

    def _is_trusted(self, text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in self._trusted)


def address_of(text: str) -> Address | None:
    """Reads an address, with a port or without; None for what is none. What stands for IPv4 within IPv6 is IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def networks_of(setting: str) -> list[Network]:
    """Splits the setting into networks; raises ValueError for what is neither an address nor a network."""
    return [ip_network(each.strip()) for each in setting.split(",") if each.strip()]


def _values(scope: Scope, wanted: bytes) -> Iterator[str]:
    """Gives what stands in a header's lines, the last first."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
    return (each.strip() for each in reversed(",".join(lines).split(",")) if each.strip())
