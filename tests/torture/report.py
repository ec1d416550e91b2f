"""The table at the end: what was done, what came of it, and whether the promises were kept."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.torture.pairs import Pairs
from tests.torture.repeats import late, repetitions
from tests.torture.witnesses import Seen, Violation

_SHOWN = 20


def struck(done: Sequence[tuple[str, float]], seen: Seen) -> Counter[str]:
    """Counts the faults that were carried out; those of the simulator only when a call met one of their kind."""
    counted: Counter[str] = Counter()
    met = [(call.planted, call.at) for call in seen.calls if call.planted]
    for kind, at in done:
        whose, _, what = kind.partition(" ")
        action = what.partition(" ")[0]
        if whose != "simulator" or any(planted == action and at - 0.1 <= time <= at + 9 for planted, time in met):
            counted[kind] += 1
    return counted


def show(
    say: Console,
    seen: Seen,
    pairs: Pairs,
    faults: Counter[str],
    broken: Mapping[str, Sequence[Violation]],
    figures: Mapping[str, object],
) -> None:
    """Prints everything that there is to know of a run."""
    for line, kinds in _by_first_word(faults).items():
        say.print(f"faults    {line:<10}", ", ".join(f"{what} {count}" for what, count in sorted(kinds.items())))
    say.print(f"faults    {sum(faults.values())} of {len(faults)} kinds")
    planted = Counter(call.planted for call in seen.calls if call.planted)
    say.print("struck    ", ", ".join(f"{what} {count}" for what, count in sorted(planted.items())))
    sends = [call for call in seen.calls if call.sends]
    doubled = [explained for _, _, explained in repetitions(seen, pairs)]
    excused = [stood for _, _, stood in late(seen, pairs)]
    records = Counter(record.status for listed in seen.records.values() for record in listed)
    table = Table("what", "how many", box=None, pad_edge=False)
    rows = {
        "runs": f"{len(seen.runs)}: {_listed(Counter(run.status for run in seen.runs.values()))}",
        "jobs": f"{len(seen.jobs)}: {_listed(Counter(job.status for job in seen.jobs.values()))}",
        "jobs failed with": _listed(Counter(job.error for job in seen.jobs.values() if job.error)),
        "records": f"{records.total()}: {_listed(records)}",
        "batches": f"{len(seen.batches)}: {_listed(Counter(batch.status for batch in seen.batches.values()))}",
        "ended in vain": _listed(Counter(batch.error for batch in seen.batches.values() if batch.error)),
        "calls": f"{len(seen.calls)}, of which sent a batch {len(sends)}",
        "doubled batches": f"{len(doubled)}: explained {sum(doubled)}, unexplained {len(doubled) - sum(doubled)}",
        "late calls": f"{len(excused)}: of stopped processes {sum(excused)}, of others {len(excused) - sum(excused)}",
        "requests for runs": f"{len(seen.posts)}: {_listed(Counter(post.outcome for post in seen.posts))}",
        "looks at others'": len(seen.foreign),
        "read through the API": f"runs {len(seen.shown)}, lists of records {len(seen.listed)}, "
        f"records in full {len(seen.looked)}",
        **figures,
    }
    for what, count in rows.items():
        table.add_row(what, str(count))
    say.print(table)
    for promise, violations in broken.items():
        say.print(f"{'broken' if violations else 'kept  '}  {promise}: {len(violations)} violations")
        for violation in violations[:_SHOWN]:
            say.print(f"          {violation.what} ({violation.where})")


def keep(file: Path, seen: Seen) -> None:
    """Writes what the witnesses said as lines of JSON, for whoever looks for the cause: ids, states and times alone."""
    with file.open("w", encoding="utf-8") as lines:
        said: list[Any] = [
            *seen.runs.values(),
            *seen.jobs.values(),
            *seen.batches.values(),
            *seen.events,
            *seen.calls,
            *seen.posts,
        ]
        for one in said:
            lines.write(json.dumps({"is": type(one).__name__, **asdict(one)}, default=str) + "\n")


def _by_first_word(faults: Counter[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for kind, count in sorted(faults.items()):
        whose, _, what = kind.partition(" ")
        found.setdefault(whose, {})[what] = count
    return found


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
