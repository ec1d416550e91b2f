"""What the doctor found, in the words that operators read: no organisation's or person's name is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from app.catalogue import Clock, Language, trouble_texts
from app.domain.diagnosis import Finding
from app.domain.situation import ActivityQueue, Seen
from app.views import Shown


class Worded(NamedTuple):
    """A finding in words: what is so, why, and what would free it."""

    what: str
    why: str
    frees: str


@dataclass(frozen=True)
class Diagnosed:
    """What the doctor has `seen` and found, and all of that as it is shown: worded once for all who ask."""

    seen: Seen
    findings: Sequence[Finding]

    @cached_property
    def shown(self) -> Shown:
        """Shows everything that the doctor has found."""
        return show_diagnosis(self.seen, self.findings)


def worded(found: Finding, now: datetime, language: Language = "en", clock: Clock | None = None) -> Worded:
    """Words a finding; `now` is when the doctor looked, `clock` writes the moments that it speaks of."""
    texts = trouble_texts(found.code, found.values, now, language, clock)
    return Worded(texts.means, texts.why, texts.to_do)


def headline(seen: Seen, findings: Sequence[Finding]) -> str:
    """Says in one line whether all is well."""
    if not seen.migrated:
        return "Stuck: the database is not migrated."
    stuck, doubtful = ([found for found in findings if found.level == level] for level in ("error", "warning"))
    behind, alive = sum(queue.waiting for queue in seen.queues), len(seen.alive)
    queues_in_all = _count(seen.queues_in_all, "activity queue")
    size = f"{queues_in_all}, {_count(behind, 'waiting run')}, {_count(alive, 'worker')} alive."
    if stuck:
        queues = sum(found.queue is not None for found in stuck)
        shared = f"; {_count(len(stuck) - queues, 'trouble')} that activity queues share" if len(stuck) > queues else ""
        return f"Stuck: {_count(queues, 'activity queue')}{shared}. {size}"
    if doubtful:
        return f"Nothing is stuck, but there is something to look at: {len(doubtful)}. {size}"
    return f"All is well: nothing is stuck. {size}"


def show_diagnosis(seen: Seen, findings: Sequence[Finding]) -> Shown:
    """Shows everything that the doctor has found."""
    return {
        "well": not any(found.level == "error" for found in findings),
        "headline": headline(seen, findings),
        "at": seen.now.astimezone(UTC),
        "queues": seen.queues_in_all,
        "keys": [{"id": key, "values": values} for key, values in sorted(seen.sealed.items())],
        "findings": [show_found(found, seen.now) for found in findings],
    }


def show_found(found: Finding, now: datetime, language: Language = "en", clock: Clock | None = None) -> Shown:
    """Shows one finding of a moment `now`; `clock` writes the moments that it speaks of."""
    return {
        "level": found.level,
        "code": found.code,
        **worded(found, now, language, clock)._asdict(),
        "since": found.since and found.since.astimezone(UTC),
        "queue": found.queue and _show_queue(found.queue),
    }


def _show_queue(queue: ActivityQueue) -> Shown:
    return {
        "organisation": queue.organisation,
        "activity_id": str(queue.activity_id),
        "run_id": queue.run_id and str(queue.run_id),
        "run": queue.sequence,
        "job_id": queue.job and str(queue.job.id),
        "stage": queue.job and queue.job.kind,
        "runs_waiting": queue.waiting,
    }


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
