"""Signing in at a real OpenID provider, by its own forms and over real HTTP, as a browser does."""

import html
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from pydantic import SecretStr

from app.db import subjects
from tests.api.conftest import FROM_HERE, NUMBERS, Service, signing_in_at, token_of
from tests.api.real_provider import AUDIENCE, CLIENT, SECRET, installed, real_provider

GROUPS = {"anna": ["leaders"], "bo": ["teachers"], "cia": []}


@dataclass(frozen=True)
class Signing:
    """The service, and the provider that it sends people to."""

    service: Service
    issuer: str

    @property
    def pages(self) -> str:
        return f"http://127.0.0.1:{self.service.port}"


@pytest.fixture(scope="module")
def provider_is_there() -> None:
    if reason := installed():
        pytest.skip(reason)


@pytest.fixture
async def signing(provider_is_there: None, service: Service, tmp_path: Path) -> AsyncIterator[Signing]:
    pages = f"http://127.0.0.1:{service.port}"
    with real_provider(tmp_path, pages, GROUPS) as provider:
        settings = service.runtime.settings.model_copy(
            update={
                "oidc_issuer": provider.issuer,
                "oidc_provider_name": "Skolkontot",
                "oidc_client_id": CLIENT,
                "oidc_client_secret": SecretStr(SECRET),
                "oidc_pages_url": pages,
                "oidc_api_audience": AUDIENCE,
                "oidc_step_up_acr": "",
            }
        )
        signing_in_at(service, settings)
        for group, scopes in (("leaders", ["history", "pii", "protected"]), ("teachers", ["provision"])):
            async with service.runtime.engine.begin() as conn:
                await subjects.map_claim(conn, NUMBERS[0], provider.issuer, "groups", group, scopes, None)
        yield Signing(service, provider.issuer)


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def followed(browser: httpx.AsyncClient, answer: httpx.Response, until: str = "") -> httpx.Response:
    """Goes where redirects lead, as long as they do not lead to what begins with `until`."""
    for _ in range(20):
        if not answer.has_redirect_location:
            return answer
        there = urljoin(str(answer.url), answer.headers["location"])
        if until and there.startswith(until):
            return answer
        answer = await browser.get(there)
    raise AssertionError("it leads round and round")


async def fill_in(browser: httpx.AsyncClient, page: httpx.Response, **given: str) -> httpx.Response:
    """Sends the form of a page with what stands in it and what is given."""
    form = re.search(r"<form[^>]*action=\"([^\"]+)\"", page.text)
    assert form, page.text
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text)) | given
    there = urljoin(str(page.url), html.unescape(form[1]))
    return await browser.post(there, data=fields, headers={"Origin": str(page.url.copy_with(raw_path=b""))})


async def sign_in(browser: httpx.AsyncClient, signing: Signing, login: str, path: str = "start") -> httpx.Response:
    """Goes to the provider, fills in its two forms, and comes back; gives the page that this ends with."""
    page = await followed(browser, await browser.get(f"{signing.pages}/historik/logga-in/{path}"))
    assert str(page.url).startswith(signing.issuer), page.text
    page = await followed(browser, await fill_in(browser, page, login=login, password="x"))
    while str(page.url).startswith(signing.issuer):
        page = await followed(browser, await fill_in(browser, page))
    return page


async def test_somebody_signs_in_at_a_real_provider_and_out_again(signing: Signing, browser: httpx.AsyncClient) -> None:
    """By the authorisation code flow with PKCE; the provider's own session ends with ours."""
    page = await sign_in(browser, signing, "anna")
    assert (page.status_code, page.url.path) == (200, "/historik"), page.text
    assert "Inloggad med Skolkontot" in page.text
    assert "Påhittad" not in page.text
    token = await token_of(browser, f"{signing.pages}/historik")
    out = await browser.post(f"{signing.pages}/historik/logga-ut", data={"form_token": token}, headers=FROM_HERE)
    there = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', out.text)
    assert there is not None, out.text
    confirm = await browser.get(html.unescape(there[1]))
    assert confirm.status_code == 200
    page = await followed(browser, await fill_in(browser, confirm, logout="yes"))
    assert str(page.url) == f"{signing.pages}/historik/logga-in"
    assert (await browser.get(f"{signing.pages}/historik")).status_code == 303


async def test_who_cancels_at_a_real_provider_is_told_so(signing: Signing, browser: httpx.AsyncClient) -> None:
    page = await followed(browser, await browser.get(f"{signing.pages}/historik/logga-in/start"))
    cancel = re.search(r'href="([^"]*/abort)"', page.text)
    assert cancel is not None, page.text
    page = await followed(browser, await browser.get(urljoin(str(page.url), html.unescape(cancel[1]))))
    assert "Inloggningen avbröts" in page.text


async def test_an_account_without_groups_is_told_so(signing: Signing, browser: httpx.AsyncClient) -> None:
    page = await sign_in(browser, signing, "cia")
    assert "Ditt konto har ingen behörighet i Provkedja" in page.text


async def test_a_real_provider_asks_once_more_for_protected_persons(
    signing: Signing, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is signed in there has to fill in its form again, and is told of a new time."""
    await sign_in(browser, signing, "anna")
    with monkeypatch.context() as later:
        later.setattr("app.web.visitors.time", lambda: time.time() + 3600)
        assert "Visa skyddade uppgifter" in (await browser.get(f"{signing.pages}/historik")).text
    page = await sign_in(browser, signing, "anna", "skyddade?next=%2Fhistorik%2Fprov")
    assert page.url.path == "/historik/prov"
    assert "Skyddade uppgifter visas till" in page.text


async def test_an_access_token_of_a_real_provider_opens_the_api(signing: Signing, browser: httpx.AsyncClient) -> None:
    """As RFC 9068 has it, of a system that has signed in by its own secret; its ID tokens and codes open nothing."""
    async with signing.service.runtime.engine.begin() as conn:
        await subjects.map_claim(conn, NUMBERS[0], signing.issuer, "groups", "systems", ["history"], None)
    form = {"grant_type": "client_credentials", "resource": AUDIENCE, "scope": "provkedja"}
    answer = await browser.post(f"{signing.issuer}/token", data=form, auth=("timetable", "another"))
    token = answer.json()["access_token"]
    for path, status in (("/jobs", 200), ("/webhooks", 403)):
        answer = await browser.get(signing.pages + path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text
