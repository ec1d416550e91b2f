"""Forged tokens, on the way to the pages and in front of the API: each is refused, for the reason that is meant.

Nothing of one gets into a log, an answer or a call.
"""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
import structlog

from tests.api import forgeries
from tests.api.conftest import Service
from tests.api.forgeries import Forgery
from tests.api.guards import assert_problem
from tests.api.provider_signing import Signing, signing_of
from tests.small_provider import SmallProvider
from tests.tried_with import tried_with


@pytest.fixture
async def signing(service: Service) -> AsyncIterator[Signing]:
    async with signing_of(service) as made:
        await made.map("leaders", "history", "pii")
        yield made


def assert_nothing_of(token: str, said: str) -> None:
    """Fails where a part of a token stands in a text; what all tokens begin with may."""
    for part in filter(None, token.split(".")):
        assert part[20:60] not in said or not part[20:60]
    assert "subject-1" not in said
    assert "leaders" not in said


async def called(signing: Signing) -> None:
    """Fails where a token has made us call anything but the provider's own documents."""
    assert signing.provider.asked.keys() <= {"/.well-known/openid-configuration", "/keys", "/token"}


@tried_with("forgery", [*forgeries.OF_BOTH, *forgeries.OF_ID_TOKENS])
async def test_a_forged_id_token_signs_nobody_in(signing: Signing, forgery: Forgery) -> None:
    browser, tokens = signing.browser(), list[str]()

    def forged(nonce: str) -> str:
        tokens.append(forgery.make(signing.provider, lambda **claims: signing.provider.id_token(nonce, **claims)))
        return tokens[0]

    given = signing.provider.agree(await signing.leave(browser), forged)
    with structlog.testing.capture_logs() as lines:
        answer = await signing.come_back(browser, given)
    assert answer.headers["location"] == "/historik/logga-in?refused=not_believed"
    assert "provkedja=" not in answer.headers["set-cookie"]
    assert [line["reason"] for line in lines if line["event"] == "sign-in refused"] == [f"token_{forgery.reason}"]
    page = await browser.get(answer.headers["location"])
    assert_nothing_of(tokens[0], str(lines) + answer.text + str(answer.headers) + page.text)
    await called(signing)


async def asked(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/jobs", headers={"Authorization": f"Bearer {token}"})


@tried_with("forgery", [*forgeries.OF_BOTH, *forgeries.OF_ACCESS_TOKENS])
async def test_a_forged_access_token_opens_nothing(signing: Signing, forgery: Forgery) -> None:
    client = await signing.service.client()
    token = forgery.make(signing.provider, signing.provider.access_token)
    with structlog.testing.capture_logs() as lines:
        answer = await asked(client, token)
    shown = assert_problem(answer, 401)
    assert shown["type"] == "/problems/invalid-key"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    # What has not even the form of a token is looked for as a key, and is none.
    reasons = [line["reason"] for line in lines if line["event"] == "token refused"]
    assert reasons == [forgery.reason] or (reasons == [] and forgery.reason == "form")
    assert_nothing_of(token, str(lines) + answer.text + str(answer.headers))
    await called(signing)


async def test_no_forgery_has_left_a_row(signing: Signing) -> None:
    """And what they are made of is good: unchanged, it opens."""
    client = await signing.service.client()
    for forgery in forgeries.OF_BOTH:
        await asked(client, forgery.make(signing.provider, signing.provider.access_token))
    async with signing.service.runtime.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM api_key WHERE subject IS NOT NULL")) == 0
    for key in ("r1", "p1", "e1", "d1"):
        assert (await asked(client, signing.provider.access_token(key))).status_code == 200
        assert (await signing.sign_in(signing.browser(), key=key)).headers["location"] == "/historik"


def test_the_cases_are_told_apart() -> None:
    for table in (forgeries.OF_ID_TOKENS, forgeries.OF_ACCESS_TOKENS):
        names = [each.name for each in (*forgeries.OF_BOTH, *table)]
        assert len(set(names)) == len(names)
    assert json.dumps(SmallProvider("https://x.example.se").claims(sub=...))
