"""The page Historik as people meet it: in both languages, on a desk and on a phone, by keyboard, without JavaScript."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.browser import axe_is_as_published, check_page, needs_chromium, opened, sign_in
from tests.web.conftest import Shown
from tests.web.scenery import ENGLISH, MATHS, PHYSICS, SWEDISH

pytestmark = needs_chromium


def test_axe_is_as_it_was_published() -> None:
    assert axe_is_as_published()


def cards(page: Page) -> list[tuple[str, str]]:
    """Gives the exam and the state of each card, in their order, once the page is there as a whole."""
    page.wait_for_load_state()
    found = page.locator(".run-head").all()
    return [(_text(each.locator("h3")), _text(each.locator(".badge"))) for each in found]


def _text(shown: Locator) -> str:
    return " ".join(shown.inner_text().split())


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["sv", "en"])
def test_what_is_under_way_comes_first(scenery: Shown, browser: Browser, language: str, phone: bool) -> None:
    """Each run with its exam and its state in words, whoever looks at it and wherever."""
    words = {
        "sv": ["I kö", "Pågår", "Avbruten", "Misslyckades", "Klar med fel", "Klar utan fel"],
        "en": ["Queued", "Under way", "Cancelled", "Failed", "Done with errors", "Done without errors"],
    }
    with opened(browser, scenery.address, phone=phone) as page:
        page.goto("/historik" if language == "sv" else "/historik?lang=en")
        check_page(page)
        sign_in(page, scenery.key)
        assert page.url.endswith("/historik" if language == "sv" else "/historik?lang=en")
        check_page(page)
        assert page.locator("html").get_attribute("lang") == language
        exams = [PHYSICS, PHYSICS, PHYSICS, ENGLISH, SWEDISH, MATHS]
        assert [re.sub(r" ?, (Körning|Run) \d+$", "", exam) for exam, _ in cards(page)] == exams
        assert [re.sub(r"^\W+", "", state) for _, state in cards(page)] == words[language]


def test_filters_are_in_the_address_and_need_no_javascript(scenery: Shown, browser: Browser) -> None:
    """A form, links and nothing else; what is chosen stays chosen."""
    with opened(browser, scenery.address, java_script_enabled=False) as page:
        page.goto("/historik")
        sign_in(page, scenery.key)
        page.locator("summary").click()
        page.get_by_label("Prov", exact=True).select_option(label=ENGLISH)
        page.get_by_label("Läge").select_option(label="Misslyckades")
        page.get_by_role("button", name="Visa").click()
        expect(page).to_have_url(re.compile(f"exam={scenery.exams[ENGLISH]}&(.*&)?status=failed"))
        assert [state for _, state in cards(page)] == ["✕ Misslyckades"]
        expect(page.get_by_label("Läge")).to_have_value("failed")
        page.get_by_role("link", name="Visa alla körningar").click()
        expect(page.locator(".run-head")).to_have_count(6)
        page.goto("/historik?stage=persons&outcome=with_errors")
        assert [exam.split(":")[0] for exam, _ in cards(page)] == [ENGLISH, SWEDISH]
        page.goto("/historik?to=2020-01-01")
        expect(page.get_by_role("heading", name="Ingen körning passar urvalet")).to_be_visible()


def test_a_state_changes_without_reloading(scenery: Shown, browser: Browser) -> None:
    """What is new is on the page within seconds, and is said to a screen reader; the page was loaded once."""
    with opened(browser, scenery.address) as page:
        page.goto("/historik")
        sign_in(page, scenery.key)
        loads: list[str] = []
        page.on("framenavigated", lambda frame: loads.append(frame.url))
        before = len(cards(page))
        scenery.start("one_more", PHYSICS)
        expect(page.locator(".run")).to_have_count(before + 1)
        expect(page.locator("#spoken")).to_have_text("Antal körningar som pågår: 3")
        scenery.post(f"/runs/{scenery.runs['one_more']}/cancel")
        expect(page.locator("#spoken")).to_have_text("Antal körningar som pågår: 2")
        assert loads == []


def test_all_of_it_by_keyboard(scenery: Shown, browser: Browser) -> None:
    """From the sign-in to a run's link with the keys alone, and what has the focus shows it."""
    with opened(browser, scenery.address) as page:
        page.goto("/historik")
        page.keyboard.type(scenery.key)
        page.keyboard.press("Enter")
        page.wait_for_url("**/historik")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Hoppa till innehållet")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Urval")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_id("exam")
        for _ in range(25):
            page.keyboard.press("Tab")
            if page.locator("h3 a:focus").count():
                break
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", page.evaluate("document.activeElement.outerHTML")
        expect(page.locator(":focus")).to_contain_text("Nationellt prov")


def test_it_prints(scenery: Shown, browser: Browser) -> None:
    """On paper the runs are there, and what is only for clicking is not."""
    with opened(browser, scenery.address) as page:
        page.goto("/historik")
        sign_in(page, scenery.key)
        page.emulate_media(media="print")
        expect(page.locator(".choice")).to_be_hidden()
        expect(page.locator(".run").first).to_be_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")
