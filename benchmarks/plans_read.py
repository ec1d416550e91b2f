"""Hears from Postgres how each statement was carried out, and judges it. What is carried out stands in `plans_calls`.

The extension auto_explain tells it to the session itself: the very statement with its values, those inside functions,
triggers and foreign keys too.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

# Longer than this no statement is waited for. One that changes 50,000 records tells of twice as many beside itself,
# which takes far longer than what it does.
_SECONDS = 180
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
# A statement may visit so many rows, and so many more for each that it gives or changes: those it passes over, and what
# hangs on each (its person, whether that is protected, what was asked about it).
_ROWS, _TIMES = 300, 12
# Pages for each row that may be visited: the way to it through an index, its large values. And for any statement: what
# has just changed, or was rolled back, leaves old versions in its way.
_PAGES, _PAGES_A_ROW = 5000, 8
# A table of so few pages is best read whole.
_SMALL = 100
_HEARD = re.compile(r"duration: ([0-9.]+) ms +plan:\n(.*)", re.DOTALL)


@dataclass(frozen=True)
class Scan:
    """How rows were come by: from a table, through which index, or from what an earlier part of the plan has kept.

    `visited` are the rows passed on and those passed over.
    """

    table: str | None
    index: str | None
    visited: float

    def __str__(self) -> str:
        return f"{self.visited:,.0f} {self.table or 'kept'} ({self.index or 'whole'})"


@dataclass(frozen=True)
class Statement:
    """What one statement took; `gives` are the rows that it returned or wrote."""

    text: str
    ms: float
    gives: float
    pages: int
    scans: tuple[Scan, ...]
    ended: bool = True

    @property
    def visited(self) -> float:
        return sum(scan.visited for scan in self.scans)


@dataclass
class Watched:
    """The statements of one call of ours, which may visit `reads` rows beside those that belong to what it gives."""

    name: str
    reads: int = 0
    statements: list[Statement] = field(default_factory=list)

    @property
    def indexes(self) -> list[str]:
        return sorted(
            {scan.index or f"({scan.table})" for each in self.statements for scan in each.scans if scan.table}
        )

    @property
    def visited(self) -> float:
        return sum(each.visited for each in self.statements)

    @property
    def pages(self) -> int:
        return sum(each.pages for each in self.statements)

    @property
    def ms(self) -> float:
        # What triggers do is in the time of their statement.
        return max((each.ms for each in self.statements), default=0.0)

    @property
    def faults(self) -> dict[str, str]:
        """Gives what breaks the rule, each with its statement; one that was made many times is judged as one."""
        by_text: dict[str, list[Statement]] = {}
        for each in self.statements:
            by_text.setdefault(each.text, []).append(each)
        return {fault: text for text, same in by_text.items() for fault in _faults(same, self.reads)}


def _faults(same: Sequence[Statement], reads: int) -> Iterator[str]:
    scans = [scan for each in same for scan in each.scans]
    if not all(each.ended for each in same):
        yield f"did not end within {_SECONDS} s, by {', '.join(map(str, scans))}"
    gives, visited = sum(each.gives for each in same), sum(each.visited for each in same)
    pages, bound = sum(each.pages for each in same), _ROWS + _TIMES * gives + reads
    may_touch = _PAGES + _PAGES_A_ROW * bound
    most = ", ".join(map(str, sorted(scans, key=lambda scan: -scan.visited)[:3]))
    if visited > bound:
        yield f"visits {visited:,.0f} rows, of {bound:,.0f} that it may, to give {gives:,.0f}: {most}"
    if pages > may_touch:
        yield f"touches {pages:,} pages, of {may_touch:,.0f} that it may, to give {gives:,.0f}: {most}"


@dataclass
class Watch:
    """Listens to a session, and keeps what is said while a call of ours goes on."""

    watched: list[Watched] = field(default_factory=list)
    # The statement that was sent last, with its values.
    last: tuple[str, Any] = ("", None)
    _now: Watched | None = None

    @contextmanager
    def __call__(self, name: str, reads: int = 0) -> Iterator[None]:
        """Keeps what is heard from now on under this name."""
        self._now = Watched(name, reads)
        self.watched.append(self._now)
        try:
            yield
        finally:
            self._now = None

    def hear(self, said: psycopg.errors.Diagnostic) -> None:
        """Takes a notice of the session's."""
        woken = _HEARD.match(said.message_primary or "")
        if woken is None or self._now is None:
            return
        told = json.loads(woken[2])
        plan = told["Plan"]
        made = next((node for node in _nodes(plan) if node["Node Type"] == "ModifyTable"), None)
        written = max((_rows(child) for child in made.get("Plans", ())), default=0.0) if made else 0.0
        text = " ".join(told["Query Text"].split())
        gives = max(_rows(plan), written)
        self._now.statements.append(Statement(text, float(woken[1]), gives, _pages(plan), tuple(_scans(plan))))

    def expire(self, statement: str, plan: Mapping[str, Any]) -> None:
        """Takes the plan of a statement that did not come to its end."""
        assert self._now is not None  # noqa: S101 - it was sent while somebody watched
        text = " ".join(statement.split())
        self._now.statements.append(Statement(text, _SECONDS * 1000.0, 0, 0, tuple(_scans(plan)), ended=False))


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _scans(plan: Mapping[str, Any]) -> Iterator[Scan]:
    for node in _nodes(plan):
        kind, loops = node["Node Type"], float(node.get("Actual Loops", 0))
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck")) * loops
        visited = _rows(node) + removed
        if kind == "Seq Scan" and _pages(node) <= _SMALL:
            visited = 0.0
        if "Relation Name" in node and kind.endswith("Scan"):
            # What hangs below a scan to find the rows of a bitmap is its own.
            below = (
                part for child in node.get("Plans", ()) if "Bitmap" in child["Node Type"] for part in _nodes(child)
            )
            indexes = {part["Index Name"] for part in (node, *below) if "Index Name" in part}
            index = " + ".join(sorted(indexes)) or ("its position" if kind.startswith("Tid") else None)
            yield Scan(node["Relation Name"], index, visited)
        elif kind == "Materialize" or (kind.endswith("Scan") and kind not in ("Subquery Scan", "Bitmap Index Scan")):
            yield Scan(None, kind, visited)
        elif kind in {"Hash Join", "Merge Join"} and (compared := node.get("Rows Removed by Join Filter", 0)):
            yield Scan(None, kind, compared * loops)


def _pages(node: Mapping[str, Any]) -> int:
    return int(node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0))


def _rows(node: Mapping[str, Any]) -> float:
    return float(node.get("Actual Rows", 0)) * float(node.get("Actual Loops", 0))
