"""The part of a test run that has its exchanges recorded, judges them when all tests are over, and reports."""

import time
from pathlib import Path

import pytest

from tests.exchanges import PUBLISHED, make_folder, read_exchanges, record_into

_FOLDER = "exchanges_folder"


class OfficialContract:
    """Pytest's hooks for one run; in a worker of xdist it records only, its controller judges."""

    def __init__(self, config: pytest.Config) -> None:
        given = getattr(config, "workerinput", None)
        self._is_controller = given is None
        self._owned = make_folder() if given is None and PUBLISHED.is_dir() else None
        place = given.get(_FOLDER) if given is not None else self._owned and self._owned.name
        self._folder = Path(place) if place else None
        self._lines: list[str] = []
        record_into(self._folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        """Tells a worker of xdist where the exchanges go."""
        if self._folder is not None:
            node.workerinput[_FOLDER] = str(self._folder)  # type: ignore[attr-defined]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judges what was recorded; a violation makes the run fail."""
        if not self._is_controller:
            return
        if self._folder is None:
            self._lines = [f"skipped: no published documents in {PUBLISHED.parent.name}/{PUBLISHED.name}"]
            return
        if not any(self._folder.iterdir()):
            return
        # Reading openapi-core takes a second, which runs without a simulator are spared.
        from tests.contract.official import Official
        from tests.contract.official_report import report_of

        began = time.monotonic()
        report = report_of(Official(PUBLISHED), read_exchanges(self._folder))
        self._lines = [f"{report.exchanges} exchanges, {time.monotonic() - began:.1f} s to judge them", *report.lines()]
        if report.violations and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was found."""
        if self._lines:
            terminalreporter.section("exchanges held against Skolverket's published documents")
            for line in self._lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Deletes the recorded exchanges."""
        record_into(None)
        if self._owned is not None:
            self._owned.cleanup()
