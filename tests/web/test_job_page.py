"""The pages of a job, a record and an object as people meet them: through all three, by links and by the search."""

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import check_page, needs_chromium, opened, sign_in
from tests.web.conftest import Shown

pytestmark = needs_chromium


@pytest.mark.parametrize(("phone", "language"), [(False, "sv"), (True, "en")], ids=["desk", "phone"])
def test_from_a_job_to_what_is_wrong_and_all_its_history(
    scenery: Shown, browser: Browser, phone: bool, language: str
) -> None:
    """Each page holds what axe-core asks for, and leads on; without JavaScript too, which they do not need."""
    job = scenery.run("with_errors")["jobs"][0]["id"]
    with opened(browser, scenery.address, phone=phone) as page:
        page.goto(f"/historik/jobb/{job}?lang={language}")
        sign_in(page, scenery.key)
        check_page(page)
        first = page.locator(".records tbody tr").first
        expect(first.locator(".badge")).to_contain_text("Fel" if language == "sv" else "Error")
        name = first.locator("th").inner_text()
        first.locator("a").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.locator("tr.faulty").first).to_be_visible()
        check_page(page)
        page.locator("a[href*='/historik/objekt/']").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        check_page(page)


def test_somebody_is_searched_for_without_javascript(scenery: Shown, browser: Browser) -> None:
    """What is typed is in no address, and the way back leads to the whole list."""
    job = scenery.run("with_errors")["jobs"][0]["id"]
    with opened(browser, scenery.address, java_script_enabled=False) as page:
        page.goto(f"/historik/jobb/{job}?sort=order")
        sign_in(page, scenery.key)
        number = page.locator(".records tbody tr").nth(3).locator("td").nth(2).inner_text()
        page.locator("#q").fill(number)
        page.get_by_role("button", name="Sök").click()
        expect(page.locator(".records tbody tr")).to_have_count(1)
        assert number not in page.url
        page.get_by_role("link", name="Tillbaka till hela listan").click()
        expect(page.locator(".records tbody tr")).to_have_count(50)


def test_a_printed_list_says_that_it_goes_on(scenery: Shown, browser: Browser) -> None:
    """A job of 120 prints its first fifty; a list that is whole says nothing of the kind, nor does the screen."""
    job = scenery.run("with_errors")["jobs"][0]["id"]
    said = "Det här är bara en del av listan"
    with opened(browser, scenery.address) as page:
        page.goto(f"/historik/jobb/{job}")
        sign_in(page, scenery.key)
        expect(page.get_by_text(said)).to_be_hidden()
        page.emulate_media(media="print")
        expect(page.get_by_text(said)).to_be_visible()
        page.goto(f"/historik/jobb/{job}?status=error")
        expect(page.get_by_text(said)).to_have_count(0)
