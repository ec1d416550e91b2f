"""What a benchmark found: a figure of ours beside an opponent's from the same run, and the table that shows them.

The machine is noisy and others use it: only the ratio says anything, and no ratio makes a benchmark fail.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

_HEADER = ("figure", "ours", "opponent", "ratio", "budget", "")


@dataclass(frozen=True, slots=True)
class Budget:
    """The bound of a ratio."""

    kind: Literal["at most", "at least"]
    bound: float

    def holds(self, ratio: float) -> bool:
        """Tells whether a ratio is within the bound."""
        return ratio <= self.bound if self.kind == "at most" else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'at most' else '≥'} {self.bound:.2f}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison: `ours` and `theirs` in `unit`, `opponent` says whose the second one is."""

    name: str
    unit: str
    ours: float
    theirs: float
    opponent: str
    budget: Budget | None = None

    @property
    def ratio(self) -> float:
        """Gives ours divided by theirs."""
        return self.ours / self.theirs


def table(figures: Iterable[Figure]) -> str:
    """Sets figures in columns, a line each, below a header."""
    return columns([_HEADER, *(_row(figure) for figure in figures)])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Sets rows of as many cells each in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(figure: Figure) -> tuple[str, ...]:
    budget, verdict = "", ""
    if figure.budget is not None:
        budget, verdict = str(figure.budget), "kept" if figure.budget.holds(figure.ratio) else "missed"
    return (
        figure.name,
        f"{figure.ours:,.2f} {figure.unit}",
        f"{figure.theirs:,.2f} {figure.unit} ({figure.opponent})",
        f"{figure.ratio:.3f}",
        budget,
        verdict,
    )
