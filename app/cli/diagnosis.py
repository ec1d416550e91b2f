"""What the doctor found, in the words that operators read."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.catalogue import trouble_texts
from app.domain.diagnosis import Finding
from app.domain.situation import Seen


class Worded(NamedTuple):
    """A finding in words: what is so, why, and what would free it."""

    what: str
    why: str
    frees: str


def worded(found: Finding, now: datetime) -> Worded:
    """Words a finding; `now` is when the doctor looked."""
    texts = trouble_texts(found.code, found.values, now)
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


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
