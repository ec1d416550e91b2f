"""Whether it is wise to send an exam now, at one glance. Decides only."""

from collections.abc import Sequence

from app.views import Shown
from app.web.standings import Standing


def verdict_of(findings: Shown, plans: Sequence[Shown], *, under_way: bool) -> Standing:
    """Gives what stands over the page: the gravest of what the findings and the plans of this roster say.

    `under_way` is whether a run of the exam is, behind which a new one waits.
    """
    if findings["errors"]:
        return Standing("verdict_errors", "✕", "bad")
    if stops_at(plans) is not None:
        return Standing("verdict_stops", "!", "warn")
    if likely_refused(plans):
        return Standing("verdict_refused", "!", "warn")
    if findings["warnings"]:
        return Standing("verdict_warnings", "!", "warn")
    if under_way:
        return Standing("verdict_under_way", "…", "warn")
    return Standing("verdict_ready", "✓", "good")


def likely_refused(plans: Sequence[Shown]) -> int:
    """Counts what would go and is likely to be refused, in the plan that reaches furthest."""
    return max((each["totals"]["likely_refused"] for each in plans), default=0)


def stops_at(plans: Sequence[Shown]) -> str | None:
    """Gives the stage in which a chain with one of these plans would stop, or may."""
    stages = (stage for plan in plans for stage in plan["stages"])
    return next((each["stage"] for each in stages if each["stops_here"] or each["may_stop_here"]), None)
