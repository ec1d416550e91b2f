"""The system's Chromium, and what holds for every page in it: no violation that axe-core finds, nothing on the console.

Where there is no Chromium, what needs it is skipped, and the summary of the run says so.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

VENDOR: Final = Path(__file__).parent / "vendor"
AXE: Final = VENDOR / "axe.min.js"
DESKTOP: Final = ViewportSize(width=1280, height=900)
PHONE: Final = ViewportSize(width=390, height=844)
# In milliseconds: a machine that is busy with other things makes no test fail.
PATIENCE: Final = 60_000
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# It does not work out where each element is that passes, which takes as long as all rules do.
_VIOLATIONS: Final = """async rules =>
    (await axe.run(document, {runOnly: rules, resultTypes: ["violations"]})).violations
"""

chromium = next((path for name in _NAMES if (path := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(chromium is None, reason="there is no Chromium: the pages were not looked at")


@contextmanager
def launched() -> Iterator[Browser]:
    """Lends a browser of its own."""
    with sync_playwright() as playwright:
        # As root, as in most containers, it has no sandbox to offer.
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--lang=sv"], env={**os.environ, "LANGUAGE": "sv"}
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, address: str, *, phone: bool = False, fails: bool = False, **given: Any) -> Iterator[Page]:
    """Lends a page without a past; what it says on the console, or fails to load, fails the test unless that is meant.

    What was left on the way to another page is not counted.
    """
    size = PHONE if phone else DESKTOP
    context = browser.new_context(base_url=address, viewport=size, has_touch=phone, locale="sv-SE", **given)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            said.append(f"{message.type}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url} {request.failure}"))
    try:
        yield page
    finally:
        context.close()
    complaints = [line for line in said if "net::ERR_ABORTED" not in line]
    assert fails or not complaints, complaints


def sign_in(page: Page, key: str) -> None:
    """Signs in where the page leads to: what was asked for comes after that."""
    page.locator("#key").fill(key)
    page.locator("main button").click()
    expect(page.locator("#key")).to_have_count(0)
    page.wait_for_load_state()


def check_page(page: Page) -> None:
    """Fails for what axe-core objects to, for a page that is wider than its window, and for headings out of order."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate(_VIOLATIONS, list(_RULES))
    objections = [
        f"{each['id']}: {node['target']} {node['failureSummary']}" for each in violations for node in each["nodes"]
    ]
    assert not objections, objections
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the window"
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(each => Number(each.tagName[1]))")
    assert levels[:1] == [1]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def axe_is_as_published() -> bool:
    """Tells whether axe-core is what its SHA-256 says."""
    digest, name = (VENDOR / "SHA256SUMS").read_text().split()
    return hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
