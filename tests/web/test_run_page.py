"""The page of a run as people meet it: where it stands, what keeps it, and what can be done about it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser import PATIENCE, check_page, needs_chromium, opened, sign_in
from tests.web.conftest import Shown
from tests.web.scenery import MATHS, PHYSICS

pytestmark = needs_chromium

PAGES = {
    "clean": ("Klar utan fel", "Done without errors"),
    "with_errors": ("Klar med fel", "Done with errors"),
    "failed": ("Misslyckades", "Failed"),
    "running": ("Allt i steget är skickat. Nu inväntas Skolverkets svar.", "All of the stage has been sent."),
    "queued": ("Väntar på körning 1 av samma prov", "Waits for run 1 of the same exam"),
}


@pytest.fixture
def page(scenery: Shown, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has signed in."""
    with opened(browser, scenery.address) as made:
        made.goto("/historik")
        sign_in(made, scenery.key)
        yield made


def test_each_run_says_where_it_stands_and_what_keeps_it(scenery: Shown, page: Page) -> None:
    """In both languages; what axe-core finds fails it."""
    for name, words in PAGES.items():
        for language, said in zip(("sv", "en"), words, strict=True):
            page.goto(f"/historik/korningar/{scenery.runs[name]}?lang={language}")
            expect(page.locator("#live")).to_contain_text(said)
            check_page(page)


def test_it_fits_a_phone(scenery: Shown, browser: Browser) -> None:
    with opened(browser, scenery.address, phone=True) as page:
        page.goto(f"/historik/korningar/{scenery.runs['failed']}")
        sign_in(page, scenery.key)
        expect(page.locator("h1")).to_contain_text("Körning 1")
        check_page(page)
        page.goto(f"/historik/korningar/{scenery.runs['failed']}/skicka-igen")
        check_page(page)


def test_a_run_is_cancelled_and_goes_on_without_javascript(scenery: Shown, browser: Browser) -> None:
    """Each says first what will happen; going back changes nothing; what is done shows on the run's page."""
    scenery.start("to_cancel", PHYSICS)
    address = f"/historik/korningar/{scenery.runs['to_cancel']}"
    with opened(browser, scenery.address, java_script_enabled=False, fails=True) as page:
        page.goto(address)
        sign_in(page, scenery.key)
        page.get_by_role("link", name="Avbryt körningen").click()
        expect(page.get_by_role("heading", name="Avbryta körningen?")).to_be_visible()
        page.get_by_role("link", name="Nej, gå tillbaka").click()
        expect(page).to_have_url(re.compile(f"{address}$"))
        assert scenery.run("to_cancel")["status"] == "queued"
        page.get_by_role("link", name="Avbryt körningen").click()
        page.get_by_role("button", name="Ja, avbryt körningen").click()
        expect(page).to_have_url(re.compile(f"{address}$"))
        expect(page.locator("#live .badge").first).to_contain_text("Avbruten")
        page.get_by_role("link", name="Försök igen").click()
        expect(page.locator("main")).to_contain_text("Den skickar samma underlag som förut, version 1")
        page.get_by_role("button", name="Ja, försök igen").click()
        # The run ahead is still under way: that is said in its own words, with a status that the console repeats.
        expect(page.get_by_role("heading", level=1)).to_have_text("En tidigare körning pågår")


def test_a_newer_roster_is_offered_and_sent_by_keyboard(scenery: Shown, page: Page) -> None:
    """A retry says that something newer is there; what is sent instead is followed to its end without reloading."""
    scenery.faults([])
    failed = scenery.run("failed")
    roster = scenery.api.get(f"/activities/{failed['activity_id']}/roster").raise_for_status().json()
    roster["roster"]["persons"] = roster["roster"]["persons"][:-1]
    scenery.api.put(f"/activities/{failed['activity_id']}", json=roster).raise_for_status()
    page.goto(f"/historik/korningar/{scenery.runs['failed']}/forsok-igen")
    expect(page.locator(".notice")).to_contain_text("Det finns ett nyare underlag: version 2.")
    check_page(page)
    page.get_by_role("link", name="Skicka det nya underlaget i stället").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Skicka provet på nytt?")
    check_page(page)
    page.get_by_label("Fortsätt med de andra").press("Space")
    page.get_by_role("button", name="Ja, skicka till Skolverket").press("Enter")
    expect(page.locator("h1")).to_contain_text("Körning 2")
    expect(page.locator("#live .badge").first).to_contain_text("Klar med fel", timeout=PATIENCE)
    # What has ended asks for nothing more.
    assert page.locator("#live").get_attribute("hx-get") is None
    expect(page.locator("#spoken")).to_have_text("Klar med fel")


def test_it_prints(scenery: Shown, page: Page) -> None:
    page.goto(f"/historik/korningar/{scenery.runs['clean']}")
    page.emulate_media(media="print")
    expect(page.locator("h1")).to_contain_text(MATHS)
    expect(page.locator(".actions")).to_be_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
