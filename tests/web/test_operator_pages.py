"""Drift as an operator meets it: in both languages, on a desk and on a phone; a pause and its end."""

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import check_page, needs_chromium, opened, sign_in
from tests.web.conftest import Shown

pytestmark = needs_chromium


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_each_page_of_drift(scenery: Shown, browser: Browser, phone: bool) -> None:
    """What axe-core finds fails it."""
    of_run = f"/historik/drift/korningar/{scenery.runs['running']}/avbryt"
    organisation = f"/historik/drift/{scenery.number}"
    with opened(browser, scenery.address, phone=phone) as page:
        page.goto("/historik")
        sign_in(page, scenery.operators_key)
        for path, words in (
            ("/historik/drift", ("Pågår nu", "Under way")),
            (organisation, ("Senaste körningarna", "Latest runs")),
            (f"{organisation}/pausa", ("Pausa organisationen?", "Pause the organisation?")),
            (of_run, ("Avbryta körningen?", "Cancel the run?")),
        ):
            for language, said in zip(("sv", "en"), words, strict=True):
                page.goto(f"{path}?lang={language}")
                expect(page.locator("main")).to_contain_text(said)
                check_page(page)


def test_an_operator_pauses_an_organisation_and_lets_it_go_on(scenery: Shown, browser: Browser) -> None:
    """Without JavaScript: the reason is shown, and the pause can be lifted from there."""
    with opened(browser, scenery.address, java_script_enabled=False) as page:
        page.goto("/historik")
        sign_in(page, scenery.operators_key)
        page.get_by_role("table").get_by_role("link").first.click()
        page.get_by_role("link", name="Pausa organisationen").click()
        page.get_by_label("Varför").fill("Underhåll hos Skolverket")
        page.get_by_role("button", name="Ja, pausa").click()
        expect(page.locator(".notice")).to_contain_text("Underhåll hos Skolverket")
        page.get_by_role("link", name="Häv pausen").click()
        page.get_by_role("button", name="Ja, häv pausen").click()
        expect(page.get_by_role("link", name="Pausa organisationen")).to_be_visible()
        expect(page.locator(".notice")).to_have_count(0)
