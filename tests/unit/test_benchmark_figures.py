"""The table of the benchmarks: ratios, budgets, columns."""

import pytest

from benchmarks.figures import Budget, Figure, table


def test_a_figure_stands_beside_its_opponent_with_ratio_and_budget() -> None:
    figures = [
        Figure("largest stage", "s", 2.5, 2.0, "limits", Budget("at most", 1.1)),
        Figure("chains", "stages/s", 1500, 1000, "procrastinate", Budget("at least", 1.5)),
        Figure("intake", "s", 3, 1, "bare loop"),
    ]
    assert table(figures).splitlines() == [
        "figure         ours               opponent                           ratio  budget",
        "largest stage  2.50 s             2.00 s (limits)                    1.250  ≤ 1.10  missed",
        "chains         1,500.00 stages/s  1,000.00 stages/s (procrastinate)  1.500  ≥ 1.50  kept",
        "intake         3.00 s             1.00 s (bare loop)                 3.000",
    ]


@pytest.mark.parametrize(
    ("kind", "ratio", "kept"),
    [
        ("at most", 1.1, True),
        ("at most", 1.11, False),
        ("at least", 1.1, True),
        ("at least", 1.09, False),
    ],
)
def test_the_bound_itself_is_within_the_budget(kind: str, ratio: float, kept: bool) -> None:
    budget = Budget("at most" if kind == "at most" else "at least", 1.1)
    assert budget.holds(ratio) is kept
