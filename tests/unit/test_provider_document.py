"""What an OpenID provider says of itself is believed where it is the one that was configured, over TLS."""

from typing import Any

import pytest

from app.oidc.calls import ProviderUnavailable
from app.oidc.provider import read_metadata
from app.oidc.tokens import has_acr

ISSUER = "https://login.example.se/realms/skola"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


def test_a_document_of_the_issuer_is_read() -> None:
    found = read_metadata(DOCUMENT, ISSUER)
    assert (found.token, found.keys) == (f"{ISSUER}/token", f"{ISSUER}/keys")


@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}/", ISSUER.upper(), "https://login.example.se", "https://evil.example.se/realms/skola", None, [ISSUER]],
)
def test_a_document_of_another_issuer_is_refused(issuer: object) -> None:
    """To the letter: nothing of it is used, whatever else it says."""
    with pytest.raises(ProviderUnavailable) as refused:
        read_metadata({**DOCUMENT, "issuer": issuer}, ISSUER)
    assert refused.value.reason == "other_issuer"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"])
@pytest.mark.parametrize(
    "address", ["http://login.example.se/x", "javascript:alert(1)", "", 1, ["https://x.example.se"]]
)
def test_an_address_in_clear_is_refused(name: str, address: Any) -> None:
    with pytest.raises(ProviderUnavailable) as refused:
        read_metadata({**DOCUMENT, name: address}, ISSUER)
    assert refused.value.reason == "endpoints"


@pytest.mark.parametrize(
    ("claims", "has"),
    [({"acr": "high"}, True), ({"acr": "low"}, False), ({"acr": ["high"]}, False), ({}, False), ({"acr": None}, False)],
)
def test_an_acr_is_one_of_those_that_are_set(claims: dict[str, Any], has: bool) -> None:
    assert has_acr(claims, frozenset({"high"})) is has
    assert not has_acr(claims, frozenset()), "where none is set, none will do"
