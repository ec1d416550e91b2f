"""Which call at the simulator belongs to which batch of ours, and what of that is a repetition."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.torture.witnesses import STAGES, Batch, Call, Seen

_TOKEN_REFUSED = (401, 403)


@dataclass(slots=True)
class Pairs:
    """Calls with their batch, those of repairs, which have none, and those without."""

    of_batch: dict[UUID, list[Call]] = field(default_factory=lambda: defaultdict(list))
    repairs: list[Call] = field(default_factory=list)
    orphans: list[Call] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[Batch, Call]]:
        return iter(self._all)

    _all: list[tuple[Batch, Call]] = field(default_factory=list)

    def add(self, batch: Batch, call: Call) -> None:
        """Notes that a call carried a batch."""
        self.of_batch[batch.id].append(call)
        self._all.append((batch, call))


def pair(seen: Seen) -> Pairs:
    """Finds each sending call's batch: by the remote job where both know it, else by bytes and time.

    A batch leaves once; twice only when the first call was refused for its token. Half a call, whose body never came
    whole, has no bytes to go by and is left out. What is sent again after a call without an answer, when its job has
    ended, may have the bytes of a batch and is none.
    """
    pairs = Pairs()
    by_hash: Mapping[str | None, list[Batch]] = defaultdict(list)
    by_remote = {batch.remote_job: batch for batch in seen.batches.values() if batch.remote_job is not None}
    for batch in sorted(seen.batches.values(), key=lambda batch: batch.called or 0):
        if batch.called is not None:
            by_hash[batch.sha256].append(batch)
    rest: list[Call] = []
    for call in sorted((call for call in seen.calls if call.sends and call.sha256), key=lambda call: call.at):
        known = by_remote.get(call.job) if call.job is not None else None
        if known is not None and known.is_that(call.sha256 or "", call.objects, call.bytes):
            pairs.add(known, call)
        else:
            rest.append(call)
    for call in rest:
        assert call.sha256 is not None
        erased = [
            each
            for each in by_hash.get(None, ())
            if STAGES[seen.jobs[each.job].position - 1] == call.kind
            and each.is_that(call.sha256, call.objects, call.bytes)
        ]
        found = _latest([*by_hash.get(call.sha256, ()), *erased], call, pairs)
        lost = [batch for batch in seen.batches.values() if _may_repair(seen, batch, call)]
        ended = (seen.jobs[batch.job].finished for batch in lost)
        if any(at is not None and at <= call.at for at in ended) or (lost and found is None):
            pairs.repairs.append(call)
        elif found is None:
            pairs.orphans.append(call)
        else:
            pairs.add(found, call)
    return pairs


def _may_repair(seen: Seen, batch: Batch, call: Call) -> bool:
    """Tells whether a call may send again what a batch had, of which nobody knows what became of it."""
    if batch.status != "lost" or batch.finished is None or batch.finished > call.at:
        return False
    of_kind = STAGES[seen.jobs[batch.job].position - 1] == call.kind
    return of_kind and set(call.objects) <= set(map(str, batch.records))


def _latest(batches: Sequence[Batch], call: Call, pairs: Pairs) -> Batch | None:
    """Gives the batch that left last before the call came, of those that may still have one."""
    for batch in reversed(batches):
        assert batch.called is not None
        if batch.called > call.at:
            continue
        if batch.finished is not None and _is_first_of(batch, call, pairs):
            return batch
        if batch.finished is None and not pairs.of_batch.get(batch.id):
            return batch
    return None


def _is_first_of(batch: Batch, call: Call, pairs: Pairs) -> bool:
    before = pairs.of_batch.get(batch.id, [])
    if not before:
        return True
    if len(before) > 1:
        return False
    # One of both was refused for its token, and the other came after it.
    first, second = sorted((*before, call), key=lambda one: one.at)
    return first.status in _TOKEN_REFUSED and first is not second
