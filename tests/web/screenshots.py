"""Takes the pictures of the pages for docs/screenshots/: `python -m tests.web.screenshots`, with Chromium there.

It starts the service with servers of its own in a folder that goes afterwards, and makes a run of every kind.
"""

import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, FloatRect, Page, ViewportSize

from app.demo.show import invent
from app.local.local_stack import local_stack
from tests.conftest import ROOT
from tests.web.browser import chromium, launched, opened, sign_in
from tests.web.pictures import PICTURES
from tests.web.scenery import Scenery, make_keys

FOLDER: Final = ROOT / "docs" / "screenshots"
# A4 without its margins, as browsers print it.
_PAPER: Final = ViewportSize(width=718, height=1015)
# Of longer pages the rest is more of the same.
_TALLEST: Final = 2400
_LONG: Final = (
    "Nationellt prov i svenska som andraspråk, delprov B och C, årskurs 9, läsåret 2026/2027, "
    "för Exempelköpings kommunala grundskolor och Östra Åsens resursskola"
)


@dataclass(frozen=True)
class Stage:
    """A service with runs of every kind: its address, a key for each kind of reader, what stands in addresses."""

    address: str
    keys: Mapping[str, str]
    places: Mapping[str, str]


def main() -> None:
    """Takes all, or those whose names are given as arguments."""
    if chromium is None:
        sys.exit("There is no Chromium here: apt-get install chromium.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage, launched() as browser:
        take(browser, stage, FOLDER, sys.argv[1:])


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Lends a service whose state is in `folder`."""
    reference = _reference()
    number = reference["huvudman"]["organisationNumber"]
    with local_stack(folder, reference, join=False) as up:
        keys = make_keys(_setting(folder / "env", "DATABASE_URL"), _setting(folder / "env", "ENCRYPTION_KEYS"), number)
        headers = {"Authorization": f"Bearer {up.key}", "Content-Type": "application/json"}
        with httpx.Client(base_url=up.api, headers=headers, timeout=60, trust_env=False) as api:
            scenery = Scenery(api, up.simulator)
            scenery.end("many_causes", _LONG, people="e", persons=600, defects=40, on_record_error="continue")
            scenery.build()
            places = {**scenery.places, **_records(scenery), "number": number}
            # A plan of what is there, for the pages before sending: of one exam for either choice.
            for exam, policy in (("with_errors", "halt"), ("with_errors", "continue"), ("clean", "halt")):
                asked = {"on_record_error": policy}
                api.post(f"/activities/{places[f'exam_of_{exam}']}/plan", json=asked).raise_for_status()
            yield Stage(up.api, {"school": up.key, **keys}, places)


def take(browser: Browser, stage: Stage, folder: Path, wanted: Sequence[str]) -> None:
    """Takes the pictures whose names are `wanted`, or all."""
    states: dict[str, Any] = {}
    for name, reader, address, way in PICTURES:
        if wanted and name not in wanted:
            continue
        if reader != "nobody" and reader not in states:
            with opened(browser, stage.address) as page:
                page.goto("/historik")
                sign_in(page, stage.keys[reader])
                states[reader] = page.context.storage_state()
        more = {"storage_state": states.get(reader), "device_scale_factor": 1}
        with opened(browser, stage.address, phone=way == "phone", fails=name.startswith("fel-"), **more) as page:
            if way == "narrow":
                page.set_viewport_size(ViewportSize(width=320, height=640))
            if way == "paper":
                page.set_viewport_size(_PAPER)
                page.emulate_media(media="print")
            page.goto(address.format_map(stage.places))
            if way == "open":
                page.locator("details.choice > summary").click()
            _take(page, folder / f"{name}.png")


def _setting(file: Path, name: str) -> str:
    lines = (shlex.split(line) for line in file.read_text().splitlines())
    return next(word.partition("=")[2] for words in lines for word in words if word.startswith(f"{name}="))


def _reference() -> dict[str, Any]:
    from app.demo.roster import reference_only

    return reference_only(invent(2000))


def _records(scenery: Scenery) -> dict[str, str]:
    """Gives a job with errors, somebody of it who was refused, and somebody who was accepted; a job with many rows."""
    job: str = scenery.run("with_errors")["jobs"][0]["id"]
    found = {}
    for name, status in (("refused", "error"), ("accepted", "succeeded")):
        listed = scenery.api.get(f"/jobs/{job}/records", params={"status": status, "limit": 1}).raise_for_status()
        found[name] = listed.json()["data"][0]["id"]
    return {"job": job, "large_job": scenery.run("many_causes")["jobs"][0]["id"], **found}


def _take(page: Page, file: Path) -> None:
    page.wait_for_load_state()
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    clip = FloatRect(x=0, y=0, width=width, height=min(height, _TALLEST))
    page.screenshot(path=file, full_page=True, clip=clip)
    print(file)  # noqa: T201 - that is what the command is for


if __name__ == "__main__":
    main()
