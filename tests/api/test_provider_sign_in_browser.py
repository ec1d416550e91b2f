"""Signing in at a provider in a browser: cookies, policies and redirects as Chromium sees them, and how it looks."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Service
from tests.api.provider_signing import WHOLE, Signing, signing_of
from tests.web.browser import check_page, launched, needs_chromium, opened

# Where pictures go for whoever wants to look at them.
_PICTURES: Final = os.environ.get("SIGN_IN_PICTURES")


@pytest.fixture
async def signing(service: Service) -> AsyncIterator[Signing]:
    async with signing_of(service) as made:
        await made.map("leaders", *WHOLE)
        yield made


async def looked_at(signing: Signing, look: Callable[[Page], None], *, phone: bool = False) -> None:
    """Looks at the pages in a browser of their own, which waits for them in another thread."""
    address = f"http://127.0.0.1:{signing.service.port}"

    def in_browser() -> None:
        with launched() as browser, opened(browser, address, phone=phone) as page:
            look(page)

    await asyncio.to_thread(in_browser)


def seen(page: Page, name: str) -> None:
    """Checks a page, and takes its picture for whoever wants it."""
    check_page(page)
    if _PICTURES:
        page.screenshot(path=Path(_PICTURES) / f"{name}.png")


@needs_chromium
async def test_a_browser_signs_in_steps_up_and_signs_out(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a policy, a cookie or a redirect keeps from working shows in a browser alone."""
    signing.set(oidc_step_up_acr="high")
    # The provider says how strong a sign-in was that it has been asked for, and no other.
    answers = iter([{"acr": "low"}, {"acr": "high"}])
    made = signing.provider.id_token

    def answered(nonce: str, /, **_: Any) -> str:
        return made(nonce, key="r1", header=None, **next(answers))

    monkeypatch.setattr(signing.provider, "id_token", answered)

    def look(page: Page) -> None:
        page.goto("/historik/prov")
        seen(page, "logga-in")
        page.get_by_role("link", name="Logga in med Skolkontot").click()
        page.wait_for_url("**/historik/prov")
        seen(page, "inloggad")
        page.get_by_role("link", name="Visa skyddade uppgifter").click()
        page.wait_for_url("**/historik/prov")
        expect(page.locator(".who")).to_contain_text("Skyddade uppgifter visas till")
        seen(page, "skyddade")
        page.get_by_role("button", name="Logga ut").click()
        page.wait_for_url(f"{signing.provider.issuer}/logout?**")
        page.goto("/historik?lang=en")
        seen(page, "sign-in-en")
        assert "Sign in with Skolkontot" in page.content()

    await looked_at(signing, look)
    assert signing.provider.asked["/authorise"] == 2


@needs_chromium
async def test_how_refusals_and_the_provider_alone_look(signing: Signing) -> None:
    signing.set(sign_in_with_keys=False)

    def look(page: Page) -> None:
        for refused in ("none", "denied", "not_stepped_up"):
            page.goto(f"/historik/logga-in?refused={refused}")
            seen(page, f"nekad-{refused}-mobil")
        page.goto("/historik/logga-in?refused=several_organisations&lang=en")
        seen(page, "refused-en-phone")
        page.get_by_text("For operators").click()
        expect(page.locator("#key")).to_be_visible()
        seen(page, "operators-en-phone")

    await looked_at(signing, look, phone=True)
