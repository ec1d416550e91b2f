"""Signing in to the pages: what a session is, what ends it, and what a form must have."""

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
import sqlalchemy as sa

from app.db import sessions
from app.server.app import create_app
from app.web import visitors
from app.web.files import file
from app.web.paths import is_ours
from tests.api.conftest import Service
from tests.api.observing import counted
from tests.tried_with import tried_with

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_FROM_HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies, as a browser does."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=30, verify=False) as client:
        yield client


async def sign_in(
    browser: httpx.AsyncClient, key: str, headers: dict[str, str] = _FROM_HERE, **more: str
) -> httpx.Response:
    return await browser.post("/historik/logga-in", data={"key": key, **more}, headers=headers)


def token_in(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


async def execute(service: Service, statement: str, **values: object) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(statement), values)


async def assert_signed_out(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/historik")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/historik/logga-in?next=%2Fhistorik"


async def test_a_key_with_history_signs_in(service: Service, browser: httpx.AsyncClient) -> None:
    """The cookie is for this host alone, is not for scripts, and the table knows only its digest."""
    await assert_signed_out(browser)
    key = await service.key("history")
    answer = await sign_in(browser, f" {key}\n")
    assert (answer.status_code, answer.headers["location"]) == (303, "/historik")
    assert re.fullmatch(
        r"provkedja=[A-Za-z0-9_-]{60,}; HttpOnly; Path=/; SameSite=lax", answer.headers["set-cookie"]
    ), answer.headers["set-cookie"]
    page = await browser.get("/historik")
    assert page.status_code == 200
    assert "Historik" in page.text
    async with service.runtime.engine.connect() as conn:
        stored = await conn.scalar(sa.text("SELECT digest FROM session"))
    assert stored == hashlib.sha256(browser.cookies["provkedja"].encode()).digest()


async def test_the_cookie_is_secure_but_on_this_machine(service: Service, browser: httpx.AsyncClient) -> None:
    """Wherever else the browser is, it takes the cookie over https alone."""
    answer = await sign_in(browser, await service.key("history"), {**_FROM_HERE, "Host": "prov.example.se"})
    assert re.fullmatch(
        r"__Host-provkedja=[A-Za-z0-9_-]{60,}; HttpOnly; Path=/; SameSite=lax; Secure", answer.headers["set-cookie"]
    )


async def test_without_the_setting_no_host_makes_the_cookie_go_over_http(service: Service) -> None:
    """A proxy in front may ask for `127.0.0.1`, wherever the browser is."""
    given = service.runtime.settings.model_copy(update={"sign_in_over_http": False})
    app = create_app(replace(service.runtime, settings=given))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as browser:
        answer = await sign_in(browser, await service.key("history"))
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-provkedja=")
    assert answer.headers["set-cookie"].endswith("; Secure")


async def test_who_may_not_sign_in(service: Service, browser: httpx.AsyncClient) -> None:
    """An unknown key, a mistyped one, a revoked one and one without history begin no session, and are not repeated."""
    revoked = await service.key("history")
    await execute(service, "UPDATE api_key SET revoked_at = now() WHERE handle = :handle", handle=revoked.split("_")[1])
    mistyped = (await service.key("history"))[:-1]
    for key in ("", "pk_", mistyped, revoked, await service.key("provision", "admin"), "åäö"):
        answer = await sign_in(browser, key)
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
        assert "set-cookie" not in answer.headers
        assert key == "" or f'"{key}"' not in answer.text
    await assert_signed_out(browser)


async def test_a_key_that_is_revoked_during_a_sign_in_begins_no_session(
    service: Service, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that the browser had before goes on."""
    await sign_in(browser, await service.key("history"))
    before, begin = browser.cookies["provkedja"], visitors.sign_in
    key = await service.key("history")

    async def revoked(*given: Any, **more: Any) -> None:
        await execute(service, "UPDATE api_key SET revoked_at = now() WHERE handle = :handle", handle=key.split("_")[1])
        await begin(*given, **more)

    monkeypatch.setattr(visitors, "sign_in", revoked)
    answer = await sign_in(browser, key)
    assert answer.status_code == 403
    assert "Nyckeln gäller inte." in answer.text
    assert "set-cookie" not in answer.headers
    assert browser.cookies["provkedja"] == before
    assert (await browser.get("/historik")).status_code == 200


@tried_with(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://other.example.se"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
async def test_a_form_from_elsewhere_signs_nobody_in(
    service: Service, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await sign_in(browser, await service.key("history"), headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_an_old_browser_names_its_origin(service: Service, browser: httpx.AsyncClient) -> None:
    answer = await sign_in(browser, await service.key("history"), {"Origin": f"http://127.0.0.1:{service.port}"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ("UPDATE session SET seen_at = clock_timestamp() - interval '29 min 50 s'", False),
        ("UPDATE session SET seen_at = clock_timestamp() - interval '30 min 1 s'", True),
        ("UPDATE session SET created_at = clock_timestamp() - interval '7 h 59 min 50 s'", False),
        ("UPDATE session SET created_at = clock_timestamp() - interval '8 h 1 s'", True),
        ("UPDATE api_key SET revoked_at = clock_timestamp()", True),
        ("UPDATE api_key SET scopes = '{provision}'", True),
        ("DELETE FROM session", True),
    ],
)
async def test_a_session_ends_by_itself(service: Service, browser: httpx.AsyncClient, change: str, ends: bool) -> None:
    """Half an hour after it was used last, eight hours after it began, with its key, and with the scope of that."""
    await sign_in(browser, await service.key("history"))
    await execute(service, change)
    if ends:
        # What is known of a key is right for a second at most.
        for _ in range(100):
            if (await browser.get("/historik")).status_code == 303:
                break
            await asyncio.sleep(0.05)
        await assert_signed_out(browser)
    else:
        assert (await browser.get("/historik")).status_code == 200


@pytest.mark.parametrize(
    ("ago", "status"),
    [(timedelta(hours=7, minutes=59, seconds=30), 200), (timedelta(hours=8, seconds=1), 303)],
)
async def test_no_statement_has_a_session_last_for_longer(
    service: Service, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, ago: timedelta, status: int
) -> None:
    """Its row is of this very moment, as one that whoever writes as the API has put in anew."""
    began = time.time() - ago.total_seconds()
    monkeypatch.setattr(visitors, "time", lambda: began)
    await sign_in(browser, await service.key("history"))
    monkeypatch.setattr(visitors, "time", time.time)
    assert (await browser.get("/historik")).status_code == status


async def test_what_a_page_asks_for_by_itself_keeps_no_session_going(
    service: Service, browser: httpx.AsyncClient
) -> None:
    """A page that is left open is signed out too; somebody who asks begins the half hour anew."""
    await sign_in(browser, await service.key("history"))
    await execute(service, "UPDATE session SET seen_at = clock_timestamp() - interval '20 min'")
    longer = sa.text("SELECT clock_timestamp() - seen_at FROM session")
    assert (await browser.get("/historik", headers={"HX-Request": "true"})).status_code == 200
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(longer) > timedelta(minutes=19)
    assert (await browser.get("/historik")).status_code == 200
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(longer) < timedelta(minutes=1)


async def test_a_cookie_that_was_never_ours_asks_nothing_of_postgres(
    service: Service, browser: httpx.AsyncClient
) -> None:
    """Who makes them up keeps nobody who is signed in from a place among the statements."""
    await sign_in(browser, await service.key("history"))
    session = browser.cookies["provkedja"]
    ours = base64.urlsafe_b64decode(session + "=" * (-len(session) % 4))
    ended = base64.urlsafe_b64encode(ours[:-1] + bytes([ours[-1] ^ 1])).rstrip(b"=").decode()
    with counted(service) as statements:
        for made_up in ("x", "å", "A" * 43, secrets.token_urlsafe(90), ended, session + "A"):
            headers = [(b"Cookie", f"provkedja={made_up}".encode())]
            async with httpx.AsyncClient(base_url=browser.base_url, headers=headers) as stranger:
                assert (await stranger.get("/historik")).status_code == 303
        assert [each for each in statements if "session" in each] == []
    assert (await browser.get("/historik")).status_code == 200


async def test_no_statement_makes_a_session_another_keys(service: Service, browser: httpx.AsyncClient) -> None:
    """Whoever writes as the API, with a cookie of their own and without the keys that seal cookies, is signed out."""
    victim = await service.key("history", "pii", "protected", organisation=1)
    await sign_in(browser, await service.key("history"))
    assert (await browser.get("/historik")).status_code == 200
    mine = hashlib.sha256(browser.cookies["provkedja"].encode()).digest()
    with psycopg.connect(service.served.settings.database_url.get_secret_value()) as conn:
        conn.execute("SELECT set_config('provkedja.organisation', 'everybody', false)")
        of = "SELECT id, organisation_id FROM api_key WHERE handle = %s"
        theirs = conn.execute(of, [victim.split("_")[1]]).fetchone()
        assert theirs is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("UPDATE session SET api_key_id = %s, organisation_id = %s", theirs)
        conn.execute("DELETE FROM session")
        made = "INSERT INTO session (digest, api_key_id, organisation_id) VALUES (%s, %s, %s)"
        conn.execute(made, [mine, *theirs])
    await assert_signed_out(browser)


async def test_htmx_is_led_to_the_sign_in(service: Service, browser: httpx.AsyncClient) -> None:
    """A part of a page is no place for the page of the sign-in."""
    answer = await browser.get("/historik?lang=en", headers={"HX-Request": "true"})
    assert answer.headers["hx-redirect"] == "/historik/logga-in?lang=en"
    assert answer.text == ""


async def test_a_page_does_not_outlast_its_session(service: Service, browser: httpx.AsyncClient) -> None:
    """Whatever stands on a page, it asks each minute whether its session counts, and is led away when that is over."""
    asks = {"HX-Request": "true"}
    await sign_in(browser, await service.key("history"))
    for path in ("/historik", "/historik/prov"):
        page = (await browser.get(path)).text
        [asked] = re.findall(r'hx-get="(/historik/session[^"]*)" hx-trigger="every 60s"', page)
        assert (await browser.get(asked, headers=asks)).status_code == 204
    await execute(service, "UPDATE session SET seen_at = clock_timestamp() - interval '20 min'")
    await browser.get("/historik/session?lang=en", headers=asks)
    await execute(service, "UPDATE session SET seen_at = seen_at - interval '11 min'")
    ended = await browser.get("/historik/session?lang=en", headers=asks)
    assert (ended.headers["hx-redirect"], ended.text) == ("/historik/logga-in?lang=en", "")


async def test_signing_out_needs_the_token_of_the_very_session(service: Service, browser: httpx.AsyncClient) -> None:
    """Without it, with another session's, or from elsewhere it is 403; with it, the session is no more."""
    await sign_in(browser, await service.key("history"))
    another = token_in(await browser.get("/historik"))
    first = browser.cookies["provkedja"]
    await sign_in(browser, await service.key("history"))
    assert browser.cookies["provkedja"] != first
    mine = token_in(await browser.get("/historik"))
    for data, headers in (({}, _FROM_HERE), ({"form_token": another}, _FROM_HERE), ({"form_token": mine}, {})):
        assert (await browser.post("/historik/logga-ut", data=data, headers=headers)).status_code == 403
    assert (await browser.get("/historik")).status_code == 200
    answer = await browser.post("/historik/logga-ut", data={"form_token": mine}, headers=_FROM_HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/historik/logga-in")
    assert 'provkedja="";' in answer.headers["set-cookie"]
    assert answer.headers["clear-site-data"] == '"cache", "storage"', "the way back leads to no page that was seen"
    async with service.runtime.engine.connect() as conn:
        # The session before it ended when the same browser signed in again.
        assert await conn.scalar(sa.text("SELECT count(*) FROM session")) == 0


@tried_with(
    ("following", "location"),
    [
        ("/historik?status=failed&lang=en", "/historik?status=failed&lang=en"),
        ("/historik/korningar/5f0c", "/historik/korningar/5f0c"),
        ("//evil.example.se", "/historik"),
        ("https://evil.example.se/historik", "/historik"),
        ("/historik/\\evil.example.se", "/historik"),
        ("/historik//evil.example.se", "/historik"),
        ("/historik.evil.example.se", "/historik"),
        ("/historik@evil.example.se", "/historik"),
        ("/historik\r\nX-More: 1", "/historik"),
        ("/docs", "/historik"),
        # Here only forms go, or one signs in once more.
        ("/historik/logga-ut", "/historik"),
        ("/historik/logga-ut?lang=en", "/historik"),
        ("/historik/prov/5f0c/plan", "/historik"),
        ("/historik/logga-in", "/historik"),
    ],
)
async def test_the_page_after_the_sign_in_is_one_of_ours(
    service: Service, browser: httpx.AsyncClient, following: str, location: str
) -> None:
    answer = await sign_in(browser, await service.key("history"), next=following)
    assert answer.headers["location"] == location
    assert "x-more" not in answer.headers
    assert is_ours(following) == (following == location)


async def test_every_page_leaves_under_the_policy(service: Service, browser: httpx.AsyncClient) -> None:
    """Pages, refusals and errors: nothing comes in from elsewhere, nobody keeps a copy, no script stands within."""
    await sign_in(browser, await service.key("history"))
    for path, status in (
        ("/historik", 200),
        ("/historik/logga-in", 200),
        ("/historik/finns-inte", 404),
        ("/historik?lang=fi", 400),
        ("/historik?okand=1", 400),
    ):
        page = await browser.get(path)
        assert page.status_code == status, path
        assert page.headers["content-security-policy"] == _POLICY
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["cross-origin-resource-policy"] == "same-origin"
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert not re.search(r"<style|style=|<script>|\son[a-z]+=|javascript:", page.text), path


async def test_the_language_is_in_the_address(service: Service, browser: httpx.AsyncClient) -> None:
    """Every link on an English page leads to an English one, but the one that changes it."""
    await sign_in(browser, await service.key("history"))
    page = (await browser.get("/historik?lang=en")).text
    assert '<html lang="en">' in page
    links = [link for link in re.findall(r'(?:href|action)="(/historik[^"]*)"', page) if "/filer/" not in link]
    assert links.count("/historik") == 1  # the other language
    assert all("lang=en" in link for link in links if link != "/historik")


async def test_files_are_kept_for_good_under_their_digest(service: Service, browser: httpx.AsyncClient) -> None:
    digest = file("pages.css").digest
    answer = await browser.get(f"/historik/filer/{digest}/pages.css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    for wrong in (f"{digest[::-1]}/pages.css", f"{digest}/pages.js", f"{digest}/..%2Fpages.css", f"{digest}/LICENSE"):
        assert (await browser.get(f"/historik/filer/{wrong}")).status_code == 404, wrong


async def test_sessions_that_are_over_are_forgotten(service: Service, browser: httpx.AsyncClient) -> None:
    """And the others stay."""
    for _ in range(2):
        await sign_in(browser, await service.key("history"))
        browser.cookies.clear()
    await execute(
        service,
        "UPDATE session SET seen_at = clock_timestamp() - interval '31 min'"
        " WHERE digest = (SELECT digest FROM session LIMIT 1)",
    )
    async with service.runtime.engine.begin() as conn:
        await sessions.forget_ended_sessions(conn)
        assert await conn.scalar(sa.text("SELECT count(*) FROM session")) == 1


async def test_a_session_is_of_its_organisation(service: Service, browser: httpx.AsyncClient) -> None:
    """Another organisation's run is not there, whatever the key may."""
    await sign_in(browser, await service.key("history", organisation=1))
    assert (await browser.get("/historik/korningar/00000000-0000-4000-8000-000000000000")).status_code == 404
