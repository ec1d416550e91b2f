"""The pages of exams as people meet them: in both languages, on a desk and on a phone."""

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import check_page, needs_chromium, opened, sign_in
from tests.web.conftest import Shown
from tests.web.scenery import SWEDISH

pytestmark = needs_chromium

PAGES = {
    "": ("Grupper där någon saknas", "Groups that miss somebody"),
    "/elever": ("Hindrad", "Hindered"),
    "/skicka": ("Rätta först: 5 fel i underlaget.", "Put right first: 5 errors in the roster."),
}


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_each_page_says_what_is_missing(scenery: Shown, browser: Browser, phone: bool) -> None:
    """In both languages; what axe-core finds fails it, also in what is folded in. A phone shows no empty cell."""
    exam = f"/historik/prov/{scenery.run('with_errors')['activity_id']}"
    with opened(browser, scenery.address, phone=phone) as page:
        page.goto("/historik/prov")
        sign_in(page, scenery.key)
        check_page(page)
        for path, words in PAGES.items():
            for language, said in zip(("sv", "en"), words, strict=True):
                page.goto(f"{exam}{path}?lang={language}")
                expect(page.locator("main")).to_contain_text(said)
                expect(page.locator("h1")).to_have_text(SWEDISH)
                check_page(page)
            for folded in page.locator("summary").all():
                folded.click()
            check_page(page)
            if phone:
                shown = page.locator("td[data-head]:visible").all_inner_texts()
                assert all(text.strip() for text in shown)


def test_an_exam_is_sent_without_javascript(scenery: Shown, browser: Browser) -> None:
    """From the list of exams to the run that is made."""
    with opened(browser, scenery.address, java_script_enabled=False) as page:
        page.goto("/historik/prov")
        sign_in(page, scenery.key)
        page.get_by_role("listitem").filter(has_text=SWEDISH).get_by_role("link", name="Innan du skickar").click()
        page.get_by_role("link", name="Gå till Skicka").click()
        page.get_by_role("button", name="Gör en plan för ”Stanna efter steget”").click()
        expect(page.locator("main")).to_contain_text("Planen gjord")
        page.get_by_label("Fortsätt med de andra").check()
        page.get_by_role("button", name="Skicka till Skolverket").click()
        expect(page.locator("h1")).to_contain_text(f"{SWEDISH}, Körning 2")
