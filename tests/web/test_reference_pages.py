"""Pages that need no key: the description of the interface, and what codes and errors mean, under their policies."""

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import PATIENCE, needs_chromium, opened
from tests.web.conftest import Shown

pytestmark = needs_chromium


def test_the_description_can_be_read_and_tried_under_its_policy(scenery: Shown, browser: Browser) -> None:
    """No style or script stands in the page; whatever the policy keeps out is said on the console, which fails it."""
    with opened(browser, scenery.address) as page:
        answer = page.goto("/docs")
        assert answer is not None
        assert "unsafe" not in answer.headers["content-security-policy"]
        version = page.locator("#operations-Health-get_version, [id$='-get_version']").first
        expect(version).to_be_visible(timeout=PATIENCE)
        version.click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table")).to_contain_text("200", timeout=PATIENCE)
        page.locator("button.authorize").first.click()
        expect(page.locator(".modal-ux")).to_be_visible()


@pytest.mark.parametrize("path", ["/problems", "/explanations"])
def test_what_things_mean_has_its_style_under_its_policy(scenery: Shown, browser: Browser, path: str) -> None:
    with opened(browser, scenery.address) as page:
        answer = page.goto(path)
        assert answer is not None
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert page.locator("section").first.evaluate("each => getComputedStyle(each).display") == "grid"
