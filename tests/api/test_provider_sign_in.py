"""Signing in at an OpenID provider: what has to fit on the way back, whose session it is, and what ends it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.limits.buckets import Buckets, Rate
from app.api.limits.limits import ALL_FAILURES, FAILURES
from app.db import keys, subjects
from app.security.keys import new_key
from app.settings import Settings
from app.web import visitors
from tests.api.conftest import FROM_HERE, Service, token_of, unbroken
from tests.api.factories import body, person, put
from tests.api.provider_signing import WHOLE, Signing, signing_of
from tests.conftest import Spawn
from tests.small_provider import CLIENT, SECRET
from tests.tried_with import tried_with


@pytest.fixture
async def signing(service: Service) -> AsyncIterator[Signing]:
    async with signing_of(service) as made:
        await made.map("leaders", *WHOLE)
        yield made


@pytest.fixture
def browser(signing: Signing) -> httpx.AsyncClient:
    return signing.browser()


def refused(answer: httpx.Response, reason: str) -> None:
    """Fails unless an answer leads back to the sign-in, without a session and without a word of anybody else's."""
    assert (answer.status_code, answer.headers["location"]) == (303, f"/historik/logga-in?refused={reason}")
    assert "provkedja=" not in answer.headers["set-cookie"]
    assert re.match(r'provkedja-signing-in=""; ', answer.headers["set-cookie"])


async def rows(signing: Signing, statement: str) -> list[Any]:
    async with signing.service.runtime.engine.connect() as conn:
        return list((await conn.execute(sa.text(statement))).all())


async def ends(browser: httpx.AsyncClient) -> bool:
    """Tells whether a session ends: what is known of a key is right for a second at most."""
    for _ in range(100):
        if (await browser.get("/historik")).status_code == 303:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_the_way_there_and_back(signing: Signing, browser: httpx.AsyncClient) -> None:
    """With PKCE, state and nonce; the session is under a new token, and the page is the one that was asked for."""
    browser.cookies.set("provkedja", "a token that somebody else has set")
    address = await signing.leave(browser, next="/historik/prov?status=failed&lang=en")
    asked = parse_qs(urlsplit(address).query)
    assert asked["redirect_uri"] == [f"http://127.0.0.1:{signing.service.port}/historik/logga-in/svar"]
    assert all(len(asked[name][0]) == 43 for name in ("state", "nonce", "code_challenge"))
    assert {"prompt", "max_age"}.isdisjoint(asked)
    answer = await signing.come_back(browser, signing.provider.agree(address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/historik/prov?status=failed&lang=en")
    session, under_way = answer.headers.get_list("set-cookie")
    assert re.fullmatch(r"provkedja=[A-Za-z0-9_-]{60,}; HttpOnly; Path=/; SameSite=lax", session)
    assert under_way.startswith('provkedja-signing-in=""; ')
    assert "Inloggad med Skolkontot" in (await browser.get("/historik")).text


async def test_what_is_kept_of_somebody(signing: Signing, browser: httpx.AsyncClient) -> None:
    """A keyed digest of the subject, and nothing that the token says of them; the same row at each sign-in."""
    for _ in range(2):
        personal = {"name": "Påhittad Person", "email": "p@example.se", "sub": "199001011234"}
        await signing.sign_in(browser, **personal)
    [row] = await rows(signing, "SELECT api_key::text FROM api_key WHERE subject IS NOT NULL")
    [(name, digest, scopes, until)] = await rows(
        signing,
        "SELECT name, digest, scopes, expires_at - clock_timestamp() FROM api_key WHERE subject IS NOT NULL",
    )
    assert re.fullmatch(r"oi_[0-9a-f]{12}", name)
    assert (digest, scopes) == (None, list(WHOLE))
    assert 7.9 < until.total_seconds() / 3600 <= 8
    assert not re.search("Påhittad|example.se.*@|p@|199001011234", row[0])
    [(subject,)] = await rows(signing, "SELECT subject FROM api_key WHERE subject IS NOT NULL")
    assert len(subject) == 16
    assert b"1990" not in bytes(subject)


async def test_the_cookie_of_the_way_is_for_this_host_and_short(signing: Signing, browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/historik/logga-in/start", headers={"Host": "prov.example.se"})
    assert re.fullmatch(
        r"__Host-provkedja-signing-in=[A-Za-z0-9_-]+; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure",
        answer.headers["set-cookie"],
    )


@tried_with(
    "change",
    [
        {"state": "another"},
        {"state": ""},
        {"code": "a code of nobody's"},
        {"code": ""},
        {"iss": "https://another.example.se"},
    ],
)
async def test_what_does_not_fit_signs_nobody_in(
    signing: Signing, browser: httpx.AsyncClient, change: dict[str, str]
) -> None:
    given = signing.provider.agree(await signing.leave(browser)) | change
    answer = await signing.come_back(browser, {name: value for name, value in given.items() if value})
    reason = (
        "stale" if "state" in change else "not_believed" if change.get("code") == "" or "iss" in change else "provider"
    )
    refused(answer, reason)


async def test_a_state_that_stands_there_twice_is_none(signing: Signing, browser: httpx.AsyncClient) -> None:
    given = signing.provider.agree(await signing.leave(browser))
    answer = await browser.get("/historik/logga-in/svar", params=[*given.items(), ("state", given["state"])])
    refused(answer, "stale")


async def test_another_browser_can_not_bring_the_answer(signing: Signing, browser: httpx.AsyncClient) -> None:
    """So nobody is signed in with somebody else's account unawares, nor with an answer that was seen on its way."""
    given = signing.provider.agree(await signing.leave(browser))
    refused(await signing.come_back(signing.browser(), given), "stale")
    elsewhere = signing.browser()
    await signing.leave(elsewhere)
    refused(await signing.come_back(elsewhere, given), "stale")
    assert signing.provider.asked["/token"] == 0
    assert (await signing.come_back(browser, given)).headers["location"] == "/historik"


async def test_an_answer_counts_once(signing: Signing, browser: httpx.AsyncClient) -> None:
    """Its cookie is gone; who had a copy of that has a code that the provider takes no more."""
    given = signing.provider.agree(await signing.leave(browser))
    kept = browser.cookies["provkedja-signing-in"]
    assert (await signing.come_back(browser, given)).headers["location"] == "/historik"
    refused(await signing.come_back(browser, given), "stale")
    again = signing.browser()
    again.cookies.set("provkedja-signing-in", kept)
    refused(await signing.come_back(again, given), "provider")


async def test_a_way_that_takes_too_long_ends(
    signing: Signing, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = signing.provider.agree(await signing.leave(browser))
    monkeypatch.setattr("app.oidc.flow.GOOD_FOR", 0)
    refused(await signing.come_back(browser, given), "stale")


async def test_a_refusal_of_the_provider_is_told_in_our_words(signing: Signing, browser: httpx.AsyncClient) -> None:
    for error, reason in (("access_denied", "denied"), ("server_error", "provider"), ("<script>", "provider")):
        address = await signing.leave(browser, lang="en")
        state = parse_qs(urlsplit(address).query)["state"][0]
        said = {"error": error, "error_description": "<script>alert(1)</script>", "state": state}
        with structlog.testing.capture_logs() as lines:
            answer = await signing.come_back(browser, said)
        assert answer.headers["location"] == f"/historik/logga-in?refused={reason}&lang=en"
        page = await browser.get(answer.headers["location"])
        assert 'role="alert"' in page.text
        assert "script>alert" not in page.text + str(lines)
    swedish = await browser.get("/historik/logga-in?refused=denied")
    assert "Inloggningen avbröts" in swedish.text
    assert 'role="alert"' not in (await browser.get("/historik/logga-in?refused=<b>")).text


@tried_with(
    "following", ["https://evil.example.se/", "//evil.example.se", "/docs", "/historik/drift", "/historik/logga-ut"]
)
async def test_the_page_after_it_is_one_of_ours(signing: Signing, browser: httpx.AsyncClient, following: str) -> None:
    assert (await signing.sign_in(browser, following=following)).headers["location"] == "/historik"


async def test_whoever_is_worth_nothing_here_is_not_signed_in(signing: Signing, browser: httpx.AsyncClient) -> None:
    await signing.map("others", "history", organisation=1)
    await signing.map("senders", "provision")
    for groups, reason in (
        ([], "none"),
        ("LEADERS", "none"),
        ({"leaders": 1}, "none"),
        (["leaders", "others"], "several_organisations"),
        (["senders"], "no_history"),
    ):
        answer = await signing.sign_in(browser, groups=groups)
        refused(answer, reason)


async def test_what_ends_a_session(signing: Signing) -> None:
    """Its mapping or its row is taken away, its half hour is over, or the provider is another one."""
    mapping = (await rows(signing, "SELECT id FROM sign_in_mapping"))[0][0]
    idle, revoked, unmapped = signing.browser(), signing.browser(), signing.browser()
    await signing.sign_in(idle)
    async with signing.service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE session SET seen_at = clock_timestamp() - interval '31 min'"))
    assert (await idle.get("/historik")).status_code == 303
    await signing.sign_in(unmapped)
    assert (await unmapped.get("/historik")).status_code == 200
    async with signing.service.runtime.engine.begin() as conn:
        await subjects.unmap(conn, mapping)
    assert await ends(unmapped)
    refused(await signing.sign_in(unmapped), "none")
    await signing.map("leaders", *WHOLE)
    await signing.sign_in(revoked)
    assert (await revoked.get("/historik")).status_code == 200
    [(handle,)] = await rows(signing, "SELECT handle FROM api_key WHERE subject IS NOT NULL")
    async with signing.service.runtime.engine.begin() as conn:
        await keys.revoke_key(conn, handle)
    assert await ends(revoked)
    refused(await signing.sign_in(revoked), "revoked")


async def test_what_was_unmapped_comes_back_to_nobody_who_was_signed_in(signing: Signing) -> None:
    """Neither when the account signs in elsewhere, by the row that there is again, nor when it brings a token."""
    [(mapping,)] = await rows(signing, "SELECT id FROM sign_in_mapping")
    before, other, token = signing.browser(), signing.browser(), await signing.service.client()
    await signing.sign_in(before)
    await signing.map("teachers", "history")
    await signing.sign_in(other, sub="subject-2", groups=["teachers"])
    async with signing.service.runtime.engine.begin() as conn:
        await subjects.unmap(conn, mapping)
    assert await ends(before)
    await signing.map("leaders", *WHOLE)
    token.headers["Authorization"] = f"Bearer {signing.provider.access_token()}"
    assert (await token.get("/jobs")).status_code == 200
    assert (await before.get("/historik")).status_code == 303
    elsewhere = signing.browser()
    await signing.sign_in(elsewhere)
    assert [(await each.get("/historik")).status_code for each in (before, elsewhere, other)] == [303, 200, 200]


async def test_whoever_is_unmapped_during_a_sign_in_has_no_session(
    signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether that is over when the session would begin, or under way: none comes back when there is a row again."""
    begin = visitors.sign_in
    early, waiting = signing.browser(), signing.browser()

    async def unmap(conn: AsyncConnection) -> None:
        await subjects.unmap(conn, (await conn.execute(sa.text("SELECT id FROM sign_in_mapping"))).scalar_one())

    async def unmapped(*given: Any, **more: Any) -> None:
        async with signing.service.runtime.engine.begin() as conn:
            await unmap(conn)
        await begin(*given, **more)

    async def meanwhile(*given: Any, **more: Any) -> None:
        waits = sa.text("SELECT count(*) FROM pg_locks WHERE relation = 'session'::regclass AND NOT granted")
        async with signing.service.runtime.engine.begin() as conn:
            await unmap(conn)
            beginning = asyncio.create_task(begin(*given, **more))
            while not (beginning.done() or await conn.scalar(waits)):  # noqa: ASYNC110 - Postgres says it to nobody
                await asyncio.sleep(0.01)
        await beginning

    for browser, late in ((early, unmapped), (waiting, meanwhile)):
        monkeypatch.setattr(visitors, "sign_in", late)
        refused(await signing.sign_in(browser), "none")
        await signing.map("leaders", *WHOLE)
    assert await rows(signing, "SELECT FROM session") == []
    assert len(await rows(signing, "SELECT FROM audit WHERE action = 'sign_in'")) == 0


async def test_a_session_is_of_the_provider_that_there_is(signing: Signing, browser: httpx.AsyncClient) -> None:
    await signing.sign_in(browser)
    assert (await browser.get("/historik")).status_code == 200
    signing.set(oidc_issuer="https://another.example.se")
    assert (await browser.get("/historik")).status_code == 303


async def test_protected_persons_take_a_new_sign_in(
    signing: Signing, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One from before that, one of somebody else, or one without the acr does not do; what it gives ends by itself."""
    provider = signing.provider
    signing.set(oidc_step_up_acr="high higher")
    hidden, sender = person("Skyddad", securityMarking="Sekretessmarkering"), await signing.service.client("provision")
    await put(sender, body([hidden, person("Synlig", serial=981)]))

    async def shows_name() -> bool:
        return "Skyddad" in unbroken((await browser.get(f"/historik/objekt/persons/{hidden['id']}")).text)

    await signing.sign_in(browser, acr="low")
    assert not await shows_name()
    page = await browser.get("/historik/prov?lang=en")
    assert "Show protected persons" in page.text
    link = re.search(r'href="(/historik/logga-in/skyddade\?[^"]+)"', page.text)
    assert link is not None
    path = "skyddade"
    for reason, claims in (
        ("not_stepped_up", {"acr": "low"}),
        ("not_stepped_up", {"acr": ["high"]}),
        ("not_stepped_up", {"acr": "high", "auth_time": 1}),
        ("not_stepped_up", {"acr": "high", "auth_time": ...}),
        ("other_person", {"acr": "high", "sub": "subject-2"}),
    ):
        answer = await signing.sign_in(browser, path, **claims)
        refused(answer, reason)
        assert "Visa skyddade uppgifter" in (await browser.get("/historik")).text
        assert not await shows_name()
    address = await signing.leave(browser, path, next="/historik/prov")
    asked = parse_qs(urlsplit(address).query)
    assert (asked["prompt"], asked["max_age"], asked["acr_values"]) == (["login"], ["0"], ["high higher"])
    given = provider.agree(address, signing.answer(acr="high"))
    before = browser.cookies["provkedja"]
    assert (await signing.come_back(browser, given)).headers["location"] == "/historik/prov"
    assert browser.cookies["provkedja"] != before
    page = await browser.get("/historik")
    assert "Skyddade uppgifter visas till" in page.text
    assert await shows_name()
    for minutes, shows in ((14, True), (16, False)):
        monkeypatch.setattr("app.web.visitors.time", lambda ahead=60 * minutes: time.time() + ahead)
        assert await shows_name() is shows
    assert "Visa skyddade uppgifter" in (await browser.get("/historik")).text


async def test_what_the_provider_remembers_shows_no_protected_person(
    signing: Signing, browser: httpx.AsyncClient
) -> None:
    """Whoever is let in again unasked, hours after they have shown who they are, has to show it anew."""
    signing.set(oidc_step_up_acr="high")
    for auth_time, shows in ((int(time.time()) - 7 * 3600, False), (..., False), (int(time.time()), True)):
        await signing.sign_in(browser, acr="high", auth_time=auth_time)
        assert ("visas till" in (await browser.get("/historik")).text) is shows


async def test_without_a_list_of_acr_a_sign_in_of_the_last_minutes_does(
    signing: Signing, browser: httpx.AsyncClient
) -> None:
    for auth_time, shows in ((..., False), (True, False), ("now", False), (1, False)):
        await signing.sign_in(browser, auth_time=auth_time)
        assert ("visas till" in (await browser.get("/historik")).text) is shows
    await signing.sign_in(browser)
    assert "visas till" in (await browser.get("/historik")).text


async def test_who_may_not_see_protected_persons_is_offered_no_way_to_them(signing: Signing) -> None:
    browser = signing.browser()
    await signing.map("teachers", "history", "pii")
    await signing.sign_in(browser, groups="teachers")
    page = (await browser.get("/historik")).text
    assert "skyddade uppgifter" not in page.lower()


async def test_signing_out_goes_on_to_the_provider(signing: Signing, browser: httpx.AsyncClient) -> None:
    """Where it has an address for that; here the session is over in any case."""
    for there in (True, False):
        if not there:
            del signing.provider.document["end_session_endpoint"]
            signing.set()
        await signing.sign_in(browser)
        form = {"form_token": await token_of(browser)}
        answer = await browser.post("/historik/logga-ut", data=form, headers=FROM_HERE)
        assert answer.status_code == (200 if there else 303)
        assert (f"{signing.provider.issuer}/logout?client_id=" in answer.text) is there
        assert (await browser.get("/historik")).status_code == 303


async def test_the_page_offers_both_ways_or_the_providers_alone(signing: Signing, browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/historik/logga-in?lang=en&next=%2Fhistorik%2Fprov")).text
    assert "Sign in with Skolkontot" in page
    assert 'href="/historik/logga-in/start?next=%2Fhistorik%2Fprov&amp;lang=en"' in page
    assert "Or with a key" in page
    key = await signing.service.key("history")
    assert (await browser.post("/historik/logga-in", data={"key": key}, headers=FROM_HERE)).status_code == 303
    assert (await browser.get("/historik")).status_code == 200
    signing.set(sign_in_with_keys=False)
    assert (await browser.get("/historik")).status_code == 303
    page = (await browser.get("/historik/logga-in?lang=en")).text
    assert "Or with a key" not in page
    assert (await browser.post("/historik/logga-in", data={"key": key}, headers=FROM_HERE)).status_code == 403
    operator = {"key": await signing.service.operators_key()}
    answer = await browser.post("/historik/logga-in", data=operator, headers=FROM_HERE)
    assert answer.headers["location"] == "/historik/drift"


async def test_a_process_goes_by_its_settings(
    signing: Signing, spawn: Spawn, settings: Settings, tmp_path: Path
) -> None:
    """`serve` has the provider, with its secret from a file."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(f"{SECRET}\n")
    child = spawn(
        *("serve", "--port", "0"),
        env={
            **{
                name.upper(): getattr(settings, name).get_secret_value()
                for name in ("database_url", "redis_url", "encryption_keys")
            },
            "METRICS_PORT": "0",
            "SIGN_IN_OVER_HTTP": "on",
            "OIDC_ISSUER": signing.provider.issuer,
            "OIDC_PROVIDER_NAME": "Skolkontot",
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET_FILE": str(secret),
            "OIDC_PAGES_URL": "https://prov.example.se",
        },
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{child.port}", timeout=30) as browser:
        assert "Logga in med Skolkontot" in (await browser.get("/historik/logga-in")).text
        address = await signing.leave(browser)
        assert "redirect_uri=https%3A%2F%2Fprov.example.se%2Fhistorik%2Flogga-in%2Fsvar&" in address
        answer = await signing.come_back(browser, signing.provider.agree(address))
        assert answer.headers["location"] == "/historik"


async def test_without_a_provider_there_is_no_such_page(service: Service) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}") as browser:
        assert "Logga in med" not in (await browser.get("/historik/logga-in")).text
        for path in ("start", "svar"):
            assert (await browser.get(f"/historik/logga-in/{path}")).status_code == 404


async def test_whoever_fails_often_waits(signing: Signing, browser: httpx.AsyncClient) -> None:
    """Each answer with a code is a call to the provider."""
    limits = signing.service.app.state.parts.limits
    limits.failed_codes = Buckets(Rate(1 / 6, 2))
    for _ in range(2):
        given = signing.provider.agree(await signing.leave(browser))
        refused(await signing.come_back(browser, given | {"code": "wrong"}), "provider")
    given = signing.provider.agree(await signing.leave(browser))
    assert (await signing.come_back(browser, given)).status_code == 429
    assert signing.provider.asked["/token"] == 2


async def test_strangers_keep_nobody_from_signing_in(signing: Signing, browser: httpx.AsyncClient) -> None:
    """From the same address too: neither by answers that nobody has asked for, nor by keys and tokens that fail."""
    limits = signing.service.app.state.parts.limits
    limits.failures, limits.all_failures = Buckets(FAILURES), Buckets(ALL_FAILURES)
    stranger, api = signing.browser(), await signing.service.client()
    await signing.leave(stranger)
    way = stranger.cookies["provkedja-signing-in"]
    for number in range(70):
        if number % 2:
            stranger.cookies.set("provkedja-signing-in", way)
        refused(await signing.come_back(stranger, {"state": "x", "code": "y"}), "stale")
    assert signing.provider.asked["/token"] == 0
    forged = signing.provider.access_token(iss="https://another.example.se")
    for text in [new_key().text] * 11 + [forged] * 10:
        answer = await api.get("/jobs", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 429
    for number in range(260):
        limits.note_failure(f"2001:db8:0:{number:x}::1")
    assert (await signing.sign_in(browser)).headers["location"] == "/historik"
    assert (await browser.get("/historik")).status_code == 200
    token = {"Authorization": f"Bearer {signing.provider.access_token()}"}
    assert (await api.get("/jobs", headers=token)).status_code == 200


async def test_codes_of_one_address_go_to_the_provider_a_few_at_a_time(
    signing: Signing, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose turn does not come is told to try again, and counts as no failure."""
    places = signing.service.app.state.parts.redemptions
    taken = [await places.enter("127.0.0.1") for _ in range(4)]
    given = signing.provider.agree(await signing.leave(browser))
    with monkeypatch.context() as soon:
        soon.setattr("app.web.provider_sign_in._PLACE_WITHIN", 0.05)
        assert (await signing.come_back(browser, given)).status_code == 503
    assert signing.provider.asked["/token"] == 0
    coming = asyncio.create_task(signing.come_back(browser, given))
    taken[0]()
    assert (await coming).headers["location"] == "/historik"
    assert len(signing.service.app.state.parts.limits.failed_codes) == 0
    # It has left its place to the next one.
    (await places.enter("127.0.0.1", 1))()
