"""Access tokens of the provider's in front of the API: whose they are, what they open, how long, and what they cost."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from starlette.responses import RedirectResponse, Response

from app.api import bearer_tokens
from app.api.limits.buckets import Buckets, Rate
from app.db import keys, subjects
from app.security.keys import new_key
from tests.api.conftest import UNIT, Service, one_of_everything
from tests.api.guards import assert_problem
from tests.api.observing import counted
from tests.api.provider_signing import WHOLE, Signing, signing_of
from tests.small_provider import public_jwk, signed


@pytest.fixture
async def signing(service: Service) -> AsyncIterator[Signing]:
    async with signing_of(service) as made:
        made.set(oidc_step_up_acr="high")
        yield made


async def client_of(signing: Signing, token: str) -> httpx.AsyncClient:
    client = await signing.service.client()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


async def status_of(client: httpx.AsyncClient, path: str = "/jobs") -> int:
    return (await client.get(path)).status_code


async def ends(client: httpx.AsyncClient) -> bool:
    """Tells whether a token opens nothing any more: what is known of a row is right for a second at most."""
    for _ in range(100):
        if await status_of(client) == 401:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_token_opens_what_the_table_says(signing: Signing) -> None:
    """As a key with these scopes: runs are asked for by whom it is of, who sees no other's with provision alone."""
    await signing.map("senders", "provision")
    await signing.map("readers", "history")
    sender = await client_of(signing, signing.provider.access_token(groups=["senders"]))
    other = await client_of(signing, signing.provider.access_token(groups=["senders"], sub="subject-2"))
    reader = await client_of(signing, signing.provider.access_token(groups=["readers"], sub="subject-3"))
    made = await one_of_everything(signing.service, sender)
    run = f"/runs/{made['run_id']}"
    assert [await status_of(each, run) for each in (sender, other, reader)] == [200, 403, 200]
    again = await client_of(signing, signing.provider.access_token("e1", groups=["senders"], jti="2"))
    assert await status_of(again, run) == 200
    assert (await sender.get("/jobs")).headers["ratelimit"].startswith('"key";')
    async with signing.service.runtime.engine.connect() as conn:
        asked = sa.text("SELECT handle, name FROM run JOIN api_key ON api_key.id = requested_by_id WHERE run.id = :run")
        handle, name = (await conn.execute(asked, {"run": made["run_id"]})).one()
    assert handle == name
    assert handle.startswith("oi_")


async def test_a_handle_is_no_key(signing: Signing) -> None:
    """Whoever knows it, or the empty secret, opens nothing by it."""
    await signing.map("leaders", "history")
    client = await client_of(signing, signing.provider.access_token())
    assert await status_of(client) == 200
    async with signing.service.runtime.engine.connect() as conn:
        handle = await conn.scalar(sa.text("SELECT handle FROM api_key WHERE subject IS NOT NULL"))
    for text in (handle, f"pk_{handle}", f"pk_{handle[3:]}_{'A' * 43}_000000"):
        assert await status_of(await client_of(signing, text)) == 401
    reader = signing.service.app.state.parts.runs
    assert await reader.caller(handle, b"\0" * 32) is None


async def test_what_a_token_gives_is_not_another_ones(signing: Signing) -> None:
    """Two tokens of one subject: each opens what it says, whichever came last."""
    await signing.map("leaders", *WHOLE)
    await signing.map("readers", "history")
    await signing.map("north", "history", "pii", units=[UNIT])
    more = await client_of(signing, signing.provider.access_token())
    less = await client_of(signing, signing.provider.access_token(groups=["readers"]))
    narrow = await client_of(signing, signing.provider.access_token(groups=["north"]))
    await one_of_everything(signing.service, await signing.service.client("provision"))
    search = {"q": "exempelsson"}
    for _ in range(2):
        assert await status_of(less) == 200
        assert (await less.post("/objects/search", json=search)).status_code == 403
        assert (await more.post("/objects/search", json=search)).status_code == 200
        assert await status_of(narrow, "/changes") == 403
        assert await status_of(more, "/changes") == 200


async def test_protected_takes_an_acr_that_is_set(signing: Signing) -> None:
    await signing.map("leaders", *WHOLE)
    made = await one_of_everything(signing.service, await signing.service.client("provision"))
    roster = f"/activities/{made['activity_id']}/roster"
    for acr, status in ((..., 403), ("low", 403), (["high"], 403), ("high", 200)):
        client = await client_of(signing, signing.provider.access_token(acr=acr))
        assert await status_of(client, roster) == status, acr
    signing.set(oidc_step_up_acr="")
    assert await status_of(await client_of(signing, signing.provider.access_token(acr="high")), roster) == 403


async def test_a_persons_token_shows_protected_persons_for_a_while(
    signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From when they have signed in, also where it is known: one that is renewed hours later shows none."""
    await signing.map("leaders", *WHOLE)
    made = await one_of_everything(signing.service, await signing.service.client("provision"))
    roster, now = f"/activities/{made['activity_id']}/roster", int(time.time())
    for auth_time, status in ((now - 7 * 3600, 403), (now - 16 * 60, 403), ("now", 403), (now, 200)):
        token = signing.provider.access_token(acr="high", auth_time=auth_time)
        client = await client_of(signing, token)
        assert await status_of(client, roster) == status, auth_time
    tokens = signing.service.app.state.parts.tokens
    monkeypatch.setattr(tokens, "_clock", lambda: time.time() + 4 * 60)
    assert await status_of(client, roster) == 200
    almost = await client_of(signing, signing.provider.access_token(acr="high", auth_time=now - 14 * 60))
    monkeypatch.setattr(tokens, "_clock", time.time)
    assert await status_of(almost, roster) == 200
    monkeypatch.setattr(tokens, "_clock", lambda: time.time() + 61)
    assert await status_of(almost, roster) == 403


async def test_what_ends_a_token(signing: Signing) -> None:
    """Its row is revoked, its mapping goes, its organisation is disabled: within a second, though it is remembered."""
    mapping = await signing.map("leaders", "history")
    client = await client_of(signing, signing.provider.access_token())
    assert await status_of(client) == 200
    async with signing.service.runtime.engine.begin() as conn:
        await subjects.unmap(conn, mapping)
    assert await ends(client)
    await signing.map("leaders", "history")
    assert await status_of(client) == 200
    async with signing.service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE organisation SET disabled_at = clock_timestamp()"))
    assert await ends(client)
    async with signing.service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE organisation SET disabled_at = NULL"))
        handle = await conn.scalar(sa.text("SELECT handle FROM api_key WHERE subject IS NOT NULL"))
    assert await status_of(client) == 200
    async with signing.service.runtime.engine.begin() as conn:
        await keys.revoke_key(conn, str(handle))
    assert await ends(client)
    assert await status_of(await client_of(signing, signing.provider.access_token(jti="2"))) == 401


async def test_a_token_ends_by_itself(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it has been verified before; so does its row, and with it a stream that it has opened."""
    await signing.map("leaders", "history")
    token = signing.provider.access_token(exp=int(time.time()) + 60)
    client = await client_of(signing, token)
    assert await status_of(client) == 200
    async with signing.service.runtime.engine.connect() as conn:
        left = sa.text("SELECT expires_at - clock_timestamp() FROM api_key WHERE subject IS NOT NULL")
        assert 80 < (await conn.scalar(left)).total_seconds() < 91
    tokens = signing.service.app.state.parts.tokens
    monkeypatch.setattr(tokens, "_clock", lambda: time.time() + 91)
    assert await tokens.remembered(token) is None


async def test_a_token_is_verified_once_in_a_while(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile it costs a digest and what a key costs; of many the least recently used one goes."""
    await signing.map("leaders", "history")
    provider = signing.service.app.state.parts.provider
    verified: list[str] = []
    claims_of = provider.claims_of

    async def counted(token: str) -> object:
        verified.append(token)
        return await claims_of(token)

    monkeypatch.setattr(provider, "claims_of", counted)
    tokens = signing.service.app.state.parts.tokens
    monkeypatch.setattr(tokens, "_most", 2)
    one, two, three = (signing.provider.access_token(jti=str(each)) for each in range(3))
    clients = {token: await client_of(signing, token) for token in (one, two, three)}
    for token in (one, one, two, one, three, one, two):
        assert await status_of(clients[token]) == 200
    assert verified == [one, two, three, two]
    monkeypatch.setattr(tokens, "_clock", lambda: time.time() + 301)
    assert await status_of(clients[two]) == 200
    assert verified == [one, two, three, two, two]


async def test_requests_with_a_token_are_worked_on_one_by_one(signing: Signing) -> None:
    """As those of a key, once it is known: by its row, whichever token of it is shown, until it is known no more."""
    await signing.map("leaders", "history")
    tokens = [signing.provider.access_token(jti=str(each)) for each in range(2)]
    for token in tokens:
        assert await status_of(await client_of(signing, token)) == 200
    parts, waited = signing.service.app.state.parts, list[UUID]()
    begun = parts.beginning.enter

    async def noting(whose: UUID, timeout: float | None = None) -> Callable[[], None]:
        waited.append(whose)
        leave: Callable[[], None] = await begun(whose, timeout)
        return leave

    parts.beginning.enter = noting
    for token in tokens:
        assert await status_of(await client_of(signing, token)) == 200
    async with signing.service.runtime.engine.connect() as conn:
        [row] = (await conn.execute(sa.text("SELECT id FROM api_key WHERE subject IS NOT NULL"))).scalars().all()
    assert waited == [row, row]
    assert parts.tokens.remembered_at_once(tokens[0]).key_id == row
    parts.tokens._clock = lambda: time.time() + 301
    assert parts.tokens.remembered_at_once(tokens[0]) is None


async def test_strangers_keys_make_no_calls(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key set is read once, and for an unknown key once more a minute later at the soonest, whoever asks."""
    await signing.map("leaders", "history")
    client = await signing.service.client()
    good = signing.provider.access_token()
    assert await status_of(await client_of(signing, good)) == 200
    kept = signing.service.app.state.parts.provider._keys
    began, ahead = kept._asked_at, [0.0]
    monkeypatch.setattr(kept, "_clock", lambda: began + ahead[0])

    async def flood() -> None:
        async def one(number: int) -> None:
            head = {"alg": "RS256", "kid": f"key-{number}", "typ": "at+jwt"}
            token = signed(head, signing.provider.claims(aud="https://api.example.se"), "stranger")
            assert_problem(await client.get("/jobs", headers={"Authorization": f"Bearer {token}"}), 401)

        await asyncio.gather(*(one(number) for number in range(30)))

    for seconds, calls in ((0.0, 1), (59.9, 1), (60.0, 2), (119.9, 2), (120.0, 3)):
        ahead[0] = seconds
        await flood()
        assert signing.provider.asked["/keys"] == calls, seconds
    assert signing.provider.asked["/.well-known/openid-configuration"] == 1
    # A key that is new at the provider is taken then.
    signing.provider.keys.append(public_jwk("stranger"))
    new = await client_of(signing, signing.provider.access_token("stranger"))
    assert await status_of(new) == 401
    ahead[0] = 180.0
    assert await status_of(new) == 200


async def test_a_key_that_is_gone_at_the_provider_is_gone_here(
    signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the hour; a provider that is away keeps nobody from coming in by the keys that are known, for a day."""
    await signing.map("leaders", "history")
    assert await status_of(await client_of(signing, signing.provider.access_token())) == 200
    kept = signing.service.app.state.parts.provider._keys
    ahead = [3700.0]
    monkeypatch.setattr(kept, "_clock", lambda: time.monotonic() + ahead[0])
    signing.provider.instead["/keys"] = lambda: Response(status_code=500)
    assert await status_of(await client_of(signing, signing.provider.access_token(jti="2"))) == 200
    ahead[0] = 86_500.0
    assert await status_of(await client_of(signing, signing.provider.access_token(jti="3"))) == 503
    del signing.provider.instead["/keys"]
    signing.provider.keys[:] = [public_jwk("e1")]
    ahead[0] = 86_600.0
    assert await status_of(await client_of(signing, signing.provider.access_token(jti="4"))) == 401
    assert await status_of(await client_of(signing, signing.provider.access_token("e1"))) == 200


async def test_a_provider_that_answers_wrongly_is_not_believed(signing: Signing) -> None:
    """Another issuer's document, an address in clear, a redirect, what has no end: 503, and nobody is signed in."""
    await signing.map("leaders", "history")
    document = dict(signing.provider.document)
    there = f"{signing.provider.issuer}/elsewhere"
    for change in (
        {"issuer": "https://another.example.se"},
        {"jwks_uri": "http://keys.example.se/keys"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "http://user:word@127.0.0.1/"},
        {"jwks_uri": 7},
    ):
        signing.set()
        signing.provider.document = {**document, **change}
        assert await status_of(await client_of(signing, signing.provider.access_token())) == 503, change
        answer = await signing.browser().get("/historik/logga-in/start")
        assert answer.headers["location"] == "/historik/logga-in?refused=unavailable"
    signing.provider.document = document
    for given in (
        RedirectResponse(there),
        Response(b"[]"),
        Response(b"{"),
        Response(b" " * 600_000 + json.dumps({"keys": signing.provider.keys}).encode()),
        Response(b"[" * 100_000),
    ):
        signing.set()
        signing.provider.instead["/keys"] = partial(_said, given)
        assert await status_of(await client_of(signing, signing.provider.access_token())) == 503
    assert signing.provider.asked["/elsewhere"] == 0


def _said(answer: Response) -> Response:
    return answer


async def test_tokens_that_fail_count_with_keys_that_do(signing: Signing) -> None:
    """Those that are good, and keys, go on, known or not: to verify one asks nothing of Postgres."""
    await signing.map("leaders", "history")
    limits = signing.service.app.state.parts.limits
    limits.failures = Buckets(Rate(1 / 6, 3))
    good = await client_of(signing, signing.provider.access_token())
    assert await status_of(good) == 200
    bad = await client_of(signing, signing.provider.access_token(iss="https://another.example.se"))
    with counted(signing.service) as statements:
        assert [await status_of(bad) for _ in range(4)] == [401, 401, 401, 429]
        assert [each for each in statements if "audit" not in each] == []
    assert await status_of(await client_of(signing, signing.provider.access_token(jti="2"))) == 200
    assert await status_of(good) == 200
    assert await status_of(await signing.service.client("history")) == 200
    assert await status_of(await client_of(signing, new_key().text)) == 429


async def test_whoever_has_no_rights_here_costs_no_statement_after_a_while(signing: Signing) -> None:
    """However many good tokens they have; others from the same address go on."""
    await signing.map("leaders", "history")
    limits = signing.service.app.state.parts.limits
    limits.subjects = Buckets(Rate(1 / 6, 3))

    async def asked_by(subject: str, group: str, number: int) -> int:
        token = signing.provider.access_token(sub=subject, groups=[group], jti=str(number))
        return await status_of(await client_of(signing, token))

    assert [await asked_by("pupil", "pupils", each) for each in range(3)] == [401, 401, 401]
    with counted(signing.service) as statements:
        assert await asked_by("pupil", "pupils", 4) == 429
        assert statements == []
    assert await asked_by("other", "pupils", 5) == 401
    assert await asked_by("leader", "leaders", 6) == 200


async def test_without_an_audience_the_api_takes_no_tokens(signing: Signing) -> None:
    await signing.map("leaders", "history")
    signing.set(oidc_api_audience="")
    assert await status_of(await client_of(signing, signing.provider.access_token())) == 401
    assert await status_of(await client_of(signing, signing.provider.access_token(aud=""))) == 401
    assert bearer_tokens.MOST == 4096


async def test_a_token_in_the_form_signs_nobody_in(signing: Signing) -> None:
    """The pages take a key there, and people by the provider's own way."""
    await signing.map("leaders", "history")
    form = {"key": signing.provider.access_token()}
    answer = await signing.browser().post("/historik/logga-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 403
