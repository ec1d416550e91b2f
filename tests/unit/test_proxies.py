"""Who asks where proxies stand in between: what the trusted ones say, and nothing that anybody else does."""

from collections.abc import Sequence

import pytest
from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from app.api.http.proxies import BehindProxies, address_of, networks_of
from app.settings import Settings

TRUSTED = "10.0.0.5, 10.1.0.0/16, fd00::/8"


async def seen(peer: str, *headers: tuple[str, str], trusted: str = TRUSTED) -> tuple[str, str]:
    """Gives the client and the scheme that an app sees of a request that comes from a `peer` over plain http."""
    asked: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)

    async def nothing() -> Message:
        raise AssertionError

    async def nowhere(message: Message) -> None:
        raise AssertionError

    scope: Scope = {"type": "http", "scheme": "http", "client": (peer, 4711)}
    scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in headers]
    await BehindProxies(app, networks_of(trusted))(scope, nothing, nowhere)
    return asked[0]["client"][0], asked[0]["scheme"]


FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["192.0.2.1"], "192.0.2.1"),
        ("10.0.0.5", ["192.0.2.1:4711"], "192.0.2.1"),
        ("10.0.0.5", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("::ffff:10.0.0.5", ["192.0.2.1"], "192.0.2.1"),
        ("fd00::7", ["2001:db8::1"], "2001:db8::1"),
        # What a client says before the proxy's own word.
        ("10.0.0.5", ["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
        ("10.0.0.5", ["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        ("10.0.0.5", ["192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        ("10.0.0.5", ["10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        ("10.0.0.5", ["192.0.2.1, nobody, 10.1.2.3"], "10.1.2.3"),
        ("10.0.0.5", ["nobody"], "10.0.0.5"),
        ("10.0.0.5", [" , "], "10.0.0.5"),
        ("10.0.0.6", ["192.0.2.1"], "10.0.0.6"),
        ("192.0.2.9", ["192.0.2.1"], "192.0.2.9"),
    ],
)
async def test_only_trusted_proxies_say_who_asks(peer: str, said: Sequence[str], client: str) -> None:
    """The last one that none of them is; nothing counts that stands before it, or before what is no address."""
    assert await seen(peer, *((FOR, each) for each in said)) == (client, "http")


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.5", ["https"], "https"),
        ("10.0.0.5", ["http"], "http"),
        ("10.0.0.5", ["https, http"], "http"),
        ("10.0.0.5", ["https", "http"], "http"),
        ("10.0.0.5", ["gopher"], "http"),
        ("192.0.2.9", ["https"], "http"),
    ],
)
async def test_only_trusted_proxies_say_over_what(peer: str, said: Sequence[str], scheme: str) -> None:
    assert await seen(peer, *((PROTO, each) for each in said)) == (peer, scheme)


async def test_nobody_is_trusted_without_the_setting() -> None:
    assert await seen("127.0.0.1", (FOR, "192.0.2.1"), (PROTO, "https"), trusted="") == ("127.0.0.1", "http")


@pytest.mark.parametrize("given", ["proxy.example", "10.0.0.0/8, x", "10.0.0.1/8", "*"])
def test_a_proxy_is_named_by_its_address(given: str) -> None:
    with pytest.raises(ValidationError, match="give addresses or networks") as refused:
        Settings(trusted_proxies=given)
    assert given not in str(refused.value)


def test_an_address_is_read_in_every_form() -> None:
    assert [str(address_of(each)) for each in ("192.0.2.1", "::1", "[::1]", "x", "")] == [
        *("192.0.2.1", "::1", "::1", "None", "None")
    ]
