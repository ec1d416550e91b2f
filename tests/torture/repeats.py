"""What went to Skolverket more than once, or after its time, and whether there was a reason for it."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from uuid import UUID

from tests.torture.pairs import Pairs
from tests.torture.witnesses import Batch, Call, Seen


def repetitions(seen: Seen, pairs: Pairs) -> Iterator[tuple[Batch, Batch, bool]]:
    """Yields each batch that carries what an earlier one of its job did, with that one, and whether it had to.

    It had to when the earlier one had ended before: refused or lost, or answered with TemporaryError, or when somebody
    asked for a retry meanwhile.
    """
    retries: dict[UUID, list[float]] = defaultdict(list)
    for event in seen.events:
        if event.job is None and event.after == "running" and event.before in ("failed", "cancelled"):
            retries[event.run].append(event.at)
    for job_id in {batch.job for batch in seen.batches.values() if batch.number > 1}:
        found: dict[tuple[UUID, UUID], tuple[Batch, Batch]] = {}
        for batches in seen.sendings(job_id).values():
            for earlier, later in pairwise(batches):
                found[earlier.id, later.id] = earlier, later
        run = seen.jobs[job_id].run
        for earlier, later in found.values():
            yield earlier, later, _explained(earlier, later, retries[run], pairs.of_batch.get(earlier.id, ()))


def _explained(earlier: Batch, later: Batch, retries: Sequence[float], calls: Sequence[Call]) -> bool:
    if earlier.finished is None or earlier.finished > later.created:
        return False
    if earlier.status in ("lost", "refused"):
        return True
    again = any(call.planted in ("temporary_error", "mark") for call in calls)
    return again or any(earlier.finished <= at <= later.created for at in retries)


def late(seen: Seen, pairs: Pairs) -> Iterator[tuple[Batch, Call, bool]]:
    """Yields calls that arrived when a newer claim of their job had begun, and whether some worker stood still then."""
    claims: dict[UUID, list[float]] = defaultdict(list)
    for event in seen.events:
        if event.job is not None and event.after == "running":
            claims[event.job].append(event.at)
    for batch, call in pairs:
        assert batch.called is not None
        began = claims[batch.job]
        following = bisect_right(began, batch.called)
        if following < len(began) and call.at > began[following]:
            stood = any(begin < call.at and end > batch.called for begin, end in seen.stops)
            yield batch, call, stood
