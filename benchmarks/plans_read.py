"""Hears from Postgres how each statement was carried out, and judges it. What is carried out stands in `plans_calls`.

The extension auto_explain tells it to the session itself: the very statement with its values, those inside functions,
triggers and foreign keys too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from benchmarks.many_rows import FILLED, LARGE

# Longer than this no statement is waited for.
_SECONDS = 5
LISTEN = (
    f"SET statement_timeout = '{_SECONDS}s'",
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_timing = off",
    "SET auto_explain.log_buffers = on",
    "SET auto_explain.log_nested_statements = on",
    "SET auto_explain.log_format = json",
    "SET auto_explain.log_level = notice",
    "SET auto_explain.log_parameter_max_length = 0",
)
# A list may read so many rows for each that it gives; a statement about a job what belongs to that, and some more.
_ROWS, _TIMES = 500, 10
_OF_A_JOB = LARGE * 6 // 5
# Pages: the way to a row through an index, and old versions of it; many, where all records of a job have just changed.
_PAGES, _PAGES_A_ROW = 3000, 20
_HEARD = re.compile(r"duration: ([0-9.]+) ms +plan:\n(.*)", re.DOTALL)


@dataclass(frozen=True)
class Scan:
    """How one of the large tables was read: rows found and passed on, pages touched, how many times."""

    table: str
    index: str | None
    read: float
    pages: int
    times: int


@dataclass(frozen=True)
class Statement:
    """What one statement took; `gives` are the rows that it returned or wrote."""

    text: str
    ms: float
    gives: float
    scans: tuple[Scan, ...]
    ended: bool = True

    def faults(self, jobs: int) -> list[str]:
        """Says what breaks the rule, for a statement that may read the records of so many jobs."""
        found = [f"reads the whole of {scan.table}" for scan in self.scans if scan.index is None]
        if not self.ended:
            found.append(f"did not end within {_SECONDS} s, by {', '.join(str(scan.index) for scan in self.scans)}")
        for scan in self.scans:
            may_read = max(_ROWS, _OF_A_JOB * jobs, _TIMES * self.gives)
            if scan.read > may_read:
                found.append(f"reads {scan.read:,.0f} rows of {scan.table} ({scan.index}) to give {self.gives:,.0f}")
            elif scan.pages > _PAGES + _PAGES_A_ROW * max(scan.read, self.gives, scan.times, _OF_A_JOB * jobs):
                found.append(f"touches {scan.pages:,} pages of {scan.table} ({scan.index}) for {scan.read:,.0f} rows")
        return found


@dataclass
class Watched:
    """The statements of one call of ours."""

    name: str
    jobs: int = 0
    statements: list[Statement] = field(default_factory=list)

    @property
    def indexes(self) -> list[str]:
        return sorted({scan.index or f"({scan.table})" for each in self.statements for scan in each.scans})

    @property
    def rows(self) -> float:
        return sum(scan.read for each in self.statements for scan in each.scans)

    @property
    def pages(self) -> int:
        return sum(scan.pages for each in self.statements for scan in each.scans)

    @property
    def ms(self) -> float:
        return sum(each.ms for each in self.statements)

    @property
    def faults(self) -> dict[str, str]:
        """Gives what breaks the rule, each with its statement."""
        return {fault: each.text for each in self.statements for fault in each.faults(self.jobs)}


@dataclass
class Watch:
    """Listens to a session, and keeps what is said while a call of ours goes on."""

    watched: list[Watched] = field(default_factory=list)
    # The statement that was sent last, with its values.
    last: tuple[str, Any] = ("", None)
    _now: Watched | None = None

    @contextmanager
    def __call__(self, name: str, jobs: int = 0) -> Iterator[None]:
        """Keeps what is heard from now on under this name."""
        self._now = Watched(name, jobs)
        self.watched.append(self._now)
        try:
            yield
        finally:
            self._now = None

    def hear(self, said: psycopg.errors.Diagnostic) -> None:
        """Takes a notice of the session's."""
        heard = _HEARD.match(said.message_primary or "")
        if heard is None or self._now is None:
            return
        told = json.loads(heard[2])
        plan = told["Plan"]
        made = next((node for node in _nodes(plan) if node["Node Type"] == "ModifyTable"), None)
        written = max((_rows(child) for child in made.get("Plans", ())), default=0.0) if made else 0.0
        text = " ".join(told["Query Text"].split())
        scans = tuple(_scans(plan))
        self._now.statements.append(Statement(text, float(heard[1]), max(_rows(plan), written), scans))

    def give_up(self, statement: str, plan: Mapping[str, Any]) -> None:
        """Takes the plan of a statement that did not come to its end."""
        assert self._now is not None  # noqa: S101 - it was sent while somebody watched
        text = " ".join(statement.split())
        self._now.statements.append(Statement(text, _SECONDS * 1000.0, 0, tuple(_scans(plan)), ended=False))


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _scans(plan: Mapping[str, Any]) -> Iterator[Scan]:
    for node in _nodes(plan):
        if node.get("Relation Name") not in FILLED or not node["Node Type"].endswith("Scan"):
            continue
        # What hangs below a scan to find the rows of a bitmap is its own; subqueries stand for themselves.
        own, others = [node], list[Mapping[str, Any]]()
        for child in node.get("Plans", ()):
            (own if child["Node Type"].startswith("Bitmap") else others).append(child)
        below = (each for part in own[1:] for each in _nodes(part))
        indexes = {each["Index Name"] for each in (node, *below) if "Index Name" in each}
        by_position = node["Node Type"].startswith("Tid")
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        yield Scan(
            node["Relation Name"],
            " + ".join(sorted(indexes)) or ("(its position)" if by_position else None),
            _rows(node) + removed * node.get("Actual Loops", 0),
            _pages(node) - sum(_pages(other) for other in others),
            int(node.get("Actual Loops", 0)),
        )


def _pages(node: Mapping[str, Any]) -> int:
    return int(node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0))


def _rows(node: Mapping[str, Any]) -> float:
    return float(node.get("Actual Rows", 0)) * float(node.get("Actual Loops", 0))
