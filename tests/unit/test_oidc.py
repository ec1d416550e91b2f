"""What is read of a provider's documents and tokens without asking anybody, and what it is asked."""

import asyncio
import time
from dataclasses import replace
from functools import partial
from math import inf
from operator import eq
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.errors import Stopped
from app.oidc.calls import ProviderUnavailable
from app.oidc.flow import GOOD_FOR, Transaction, authorisation_address
from app.oidc.kept import AGAIN_AFTER, FIRST_AGAIN_AFTER, NO_LONGER_THAN, Kept
from app.oidc.kept import GOOD_FOR as DOCUMENT_GOOD_FOR
from app.oidc.key_set import find_key, read_key_set
from app.oidc.provider import provider_of, read_metadata
from app.oidc.tokens import (
    Expected,
    NotBelieved,
    looks_like_token,
    read_access_token,
    shows_presence,
    shows_protected_until,
)
from app.plain_addresses import is_protected_http
from app.runtime import problems
from app.settings import Settings
from tests.small_provider import public_jwk, signed

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("claims", "acr_values", "since", "shows"),
    [
        ({"auth_time": NOW - 299}, "", None, True),
        ({"auth_time": NOW - 301}, "", None, False),
        ({"auth_time": NOW + 31}, "", None, False),
        ({"auth_time": True}, "", None, False),
        ({"auth_time": str(NOW)}, "", None, False),
        ({}, "", None, False),
        ({"acr": "high"}, "", None, False),
        ({"acr": "high"}, "high higher", None, False),
        ({"acr": "higher", "auth_time": 1}, "high higher", None, False),
        ({"acr": "higher", "auth_time": NOW - 299}, "high higher", None, True),
        ({"acr": "higher", "auth_time": NOW - 301}, "high higher", None, False),
        ({"acr": "high higher", "auth_time": NOW}, "high higher", None, False),
        ({"acr": ["high"], "auth_time": NOW}, "high", None, False),
        ({"auth_time": NOW}, "high", None, False),
        # Who was sent to sign in once more, and was not asked to.
        ({"acr": "high", "auth_time": NOW - 40}, "high", NOW, False),
        ({"acr": "high", "auth_time": NOW - 20}, "high", NOW, True),
        ({"acr": "high"}, "high", NOW, False),
        ({"auth_time": NOW - 40}, "", NOW, False),
        ({"auth_time": NOW}, "", NOW, True),
        ({}, "", NOW, False),
    ],
)
def test_who_has_shown_who_they_are(claims: dict[str, Any], acr_values: str, since: float | None, shows: bool) -> None:
    assert shows_presence(claims, frozenset(acr_values.split()), NOW, since=since) is shows


@pytest.mark.parametrize(
    ("claims", "acr_values", "until"),
    [
        ({}, "", 0),
        ({"acr": "high"}, "", 0),
        ({"acr": "low", "auth_time": NOW}, "high", 0),
        # A system's, and persons'.
        ({"acr": "high"}, "high", inf),
        ({"acr": "high", "auth_time": NOW - 1000}, "high", NOW - 100),
        ({"acr": "high", "auth_time": NOW + 30}, "high", NOW + 930),
        ({"acr": "high", "auth_time": NOW + 31}, "high", 0),
        ({"acr": "high", "auth_time": True}, "high", 0),
        ({"acr": "high", "auth_time": str(NOW)}, "high", 0),
        ({"acr": "high", "auth_time": None}, "high", 0),
    ],
)
def test_until_when_an_access_token_shows_protected_persons(
    claims: dict[str, Any], acr_values: str, until: float
) -> None:
    assert shows_protected_until(claims, frozenset(acr_values.split()), 900, NOW) == until


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("eyJ.e30.x", True),
        ("eyJ.e30", False),
        ("eyJ.e30.x.x", False),
        ("pk_0123.4.5", False),
        ("ey" + "x" * 12_000 + "..", False),
        ("", False),
    ],
)
def test_what_looks_like_a_token(text: str, looks: bool) -> None:
    assert looks_like_token(text) is looks


@pytest.mark.parametrize(
    ("address", "protected"),
    [
        ("https://login.example.se/authorise?tenant=1", True),
        ("https://login.example.se:8443/keys", True),
        ("http://127.0.0.1:8080/keys", True),
        ("http://localhost/keys", True),
        ("http://[::1]:80/keys", True),
        ("http://login.example.se/keys", False),
        ("http://127.0.0.1.example.se/keys", False),
        ("https:///keys", False),
        ("https://user@login.example.se/keys", False),
        ("https://user:word@login.example.se/keys", False),
        ("https://login.example.se/keys#part", False),
        ("https://login.example.se:port/keys", False),
        ("https://[login/keys", False),
        ("ftp://login.example.se/keys", False),
        ("javascript:alert(1)", False),
        ("/keys", False),
        ("", False),
    ],
)
def test_over_which_addresses_who_somebody_is_may_go(address: str, protected: bool) -> None:
    assert is_protected_http(address) is protected


def _jwk(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key, as_dict=True), "kid": "other"}


SMALL = _jwk(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - which is what is tried
WIDE = _jwk(ec.generate_private_key(ec.SECP384R1()).public_key())
R1, E1, D1 = (public_jwk(each) for each in ("r1", "e1", "d1"))


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (R1, {"RS256"}),
        ({**R1, "alg": "PS512"}, {"PS512"}),
        ({name: value for name, value in R1.items() if name not in ("alg", "use")}, {"RS256", "PS256", "RS512"}),
        (E1, {"ES256"}),
        (WIDE, {"ES384"}),
        (D1, {"EdDSA"}),
        ({**D1, "alg": "Ed25519"}, {"EdDSA"}),
        ({**R1, "use": "enc"}, None),
        ({**R1, "alg": "RSA-OAEP"}, None),
        ({**R1, "alg": "HS256"}, None),
        ({**R1, "alg": ["RS256"]}, None),
        ({**R1, "d": "AQAB"}, None),
        ({**R1, "kid": None}, None),
        ({**R1, "kid": 7}, None),
        ({**R1, "n": "!"}, None),
        ({**E1, "crv": "secp256k1"}, None),
        ({**E1, "crv": ["P-256"]}, None),
        ({**E1, "x": E1["y"]}, None),
        ({"kty": "oct", "k": "AAAA", "kid": "o", "alg": "HS256"}, None),
        (SMALL, None),
        ("no key", None),
    ],
)
def test_what_is_a_key_and_signs_how(key: Any, algorithms: set[str] | None) -> None:
    other = R1 if isinstance(key, dict) and key["kid"] == "e1" else E1
    found = read_key_set({"keys": [key, other]})
    mine = [each for each in found if isinstance(key, dict) and each.key_id == key["kid"]]
    assert len(found) == 1 + (algorithms is not None)
    assert not mine if algorithms is None else algorithms <= mine[0].algorithms
    assert not any(each.startswith("HS") for one in found for each in one.algorithms)


def test_two_keys_of_one_id_are_told_apart_by_how_they_sign() -> None:
    keys = read_key_set({"keys": [R1, {**E1, "kid": "r1"}]})
    assert [find_key(keys, "r1", each) for each in ("RS256", "ES256")] == list(keys)
    assert find_key(keys, "r1", "PS256") is None
    assert find_key(keys, "e1", "ES256") is None


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": None}])
def test_what_is_no_key_set(document: object) -> None:
    with pytest.raises(ValueError, match="no key set"):
        read_key_set(document)


def test_no_more_keys_are_read_than_a_provider_has() -> None:
    assert len(read_key_set({"keys": [{**E1, "kid": str(each)} for each in range(200)]})) == 50


def test_a_discovery_document_names_its_own_issuer() -> None:
    document = {
        "issuer": "https://login.example.se",
        "authorization_endpoint": "https://login.example.se/authorise",
        "token_endpoint": "https://login.example.se/token",
        "jwks_uri": "https://login.example.se/keys",
    }
    found = read_metadata(document, "https://login.example.se")
    assert (found.end_session, found.names_itself, found.in_header) == (None, False, True)
    in_form = read_metadata(
        {**document, "token_endpoint_auth_methods_supported": ["client_secret_post"]}, "https://login.example.se"
    )
    assert in_form.in_header is False
    for wrong in ({**document, "issuer": "https://login.example.se/"}, {**document, "token_endpoint": None}, {}):
        with pytest.raises(ProviderUnavailable):
            read_metadata(wrong, "https://login.example.se")


def test_what_a_provider_is_asked() -> None:
    """Its own parameters stay; a second sign-in is asked for as such."""
    one = Transaction.begun(NOW, "/historik", "en")
    address = authorisation_address(
        "https://x.example.se/a?tenant=1", "client", "https://y.se/svar", "openid", one, "high"
    )
    asked = parse_qs(urlsplit(address).query)
    assert asked["tenant"] == ["1"]
    assert asked["ui_locales"] == ["en"]
    assert one.verifier not in address
    assert {"acr_values", "prompt", "max_age"}.isdisjoint(asked)
    two = Transaction.begun(NOW, "/historik", "sv", "oi_1")
    asked = parse_qs(
        urlsplit(authorisation_address("https://x.example.se/a", "c", "https://y.se", "openid", two)).query
    )
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    assert "acr_values" not in asked
    assert len({one.state, one.nonce, one.verifier, two.state, two.nonce, two.verifier}) == 6
    assert "acr_values" in authorisation_address("https://x.example.se/a", "c", "https://y.se", "openid", two, "high")


def test_a_transaction_travels_as_it_is_and_ends() -> None:
    """RFC 7636 has the challenge of a verifier in its appendix B."""
    made = Transaction.begun(NOW, "/historik?status=failed", "sv", "oi_1")
    assert Transaction.of_bytes(made.to_bytes()) == made
    assert made.state not in repr(made)
    assert [made.is_good(NOW + each) for each in (-GOOD_FOR - 1, 0, GOOD_FOR - 1, GOOD_FOR)] == [
        False,
        True,
        True,
        False,
    ]
    known = Transaction("s", "n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 0, "", "sv")
    assert known.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_how_rarely_a_document_is_read() -> None:
    now, reads, away = [0.0], [], [True]

    async def read() -> int:
        reads.append(now[0])
        if away[0]:
            raise ProviderUnavailable("timeout")
        return len(reads)

    kept: Kept[int] = Kept("document", read, lambda: now[0])

    async def gets(at: float) -> int | None:
        now[0] = at
        try:
            return await kept.get()
        except ProviderUnavailable:
            return None

    assert [await gets(each) for each in (0, 1, FIRST_AGAIN_AFTER - 0.1)] == [None] * 3
    assert reads == [0]
    away[0] = False
    assert await gets(FIRST_AGAIN_AFTER) == 2
    assert await gets(FIRST_AGAIN_AFTER + DOCUMENT_GOOD_FOR) == 2
    away[0] = True
    # It is old, and can't be read: what is there does, and it is asked for rarely.
    later = FIRST_AGAIN_AFTER + DOCUMENT_GOOD_FOR + 1
    assert [await gets(later + each) for each in (0, 1, AGAIN_AFTER - 0.1, AGAIN_AFTER)] == [2] * 4
    assert len(reads) == 4
    assert await gets(FIRST_AGAIN_AFTER + NO_LONGER_THAN) == 2
    assert await gets(FIRST_AGAIN_AFTER + NO_LONGER_THAN + 1) is None


async def test_one_reads_and_the_others_wait_for_it() -> None:
    """Whoever comes while it is read the first time, or for something new, is given what is read."""
    reads, ready = 0, asyncio.Event()

    async def read() -> int:
        nonlocal reads
        reads += 1
        await ready.wait()
        return reads

    now = [0.0]
    kept: Kept[int] = Kept("document", read, lambda: now[0])
    for expected in (1, 2):
        now[0] += AGAIN_AFTER
        ready.clear()
        wants = [asyncio.create_task(kept.get(partial(eq, expected))) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ready.set()
        assert await asyncio.gather(*wants) == [expected] * 5
        assert reads == expected


def test_a_token_is_held_against_the_key_that_it_is_given() -> None:
    """Whoever chooses the key has chosen by its id and algorithm: another one is none for this token."""
    now = int(time.time())
    expected = Expected("https://login.example.se", "api", frozenset({"RS256", "PS256"}))
    claims = {"iss": expected.issuer, "aud": "api", "sub": "1", "iat": now, "exp": now + 60}
    token = signed({"alg": "RS256", "kid": "r1", "typ": "at+jwt"}, claims, "r1")
    [key] = read_key_set({"keys": [R1]})
    assert read_access_token(token, key, expected)["sub"] == "1"
    for other in (replace(key, algorithms=frozenset({"PS256"})), replace(key, key_id="r2")):
        with pytest.raises(NotBelieved, match="key"):
            read_access_token(token, other, expected)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"oidc_issuer": "https://login.example.se"}, "OIDC_CLIENT_ID and OIDC_PAGES_URL"),
        ({"oidc_issuer": "https://login.example.se", "oidc_client_id": "a"}, "OIDC_PAGES_URL"),
        ({"sign_in_with_keys": False}, "SIGN_IN_WITH_KEYS"),
        (
            {
                "oidc_issuer": "https://login.example.se",
                "oidc_client_id": "a",
                "oidc_pages_url": "https://prov.example.se",
                "oidc_api_audience": "a",
            },
            "OIDC_API_AUDIENCE",
        ),
        (
            {
                "oidc_issuer": "https://login.example.se",
                "oidc_client_id": "a",
                "oidc_pages_url": "https://prov.example.se",
                "oidc_ca_file": "/nowhere/ca.pem",
            },
            "OIDC_CA_FILE",
        ),
    ],
)
def test_settings_that_do_not_fit_are_said(given: dict[str, Any], named: str) -> None:
    settings = Settings(**given)
    with pytest.raises(Stopped, match=named):
        provider_of(settings)
    assert any(named in each for each in problems(settings))


def test_without_an_issuer_there_is_no_provider() -> None:
    assert provider_of(Settings()) is None
    whole = {"oidc_issuer": "https://login.example.se/x", "oidc_client_id": "a", "oidc_pages_url": "https://y.se"}
    made = provider_of(Settings(**whole))  # type: ignore[arg-type]
    assert made is not None
    assert (made.name, made.takes_bearer_tokens) == ("login.example.se", False)
