"""Promise 9 in a quiet phase: one organisation's chain alone, and the same again beside others that have many runs.

Under faults nobody can say how long a chain would have taken alone; so the faults have ended before, and the pace is
one at which calls, and not this machine, are what everybody waits for.
"""

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

from tests.torture.callers import Callers, Organisation
from tests.torture.pairs import Pairs
from tests.torture.stack import read_json
from tests.torture.witnesses import FINISHED_RUN, Quiet, Seen, Violation

# Who has many runs: so many organisations, each with so many activities.
_OTHERS, _ACTIVITIES = 3, 3
_PERSONS = 20
_LONGEST = 120.0
# Who is marked keeps its place: so many may leave before each call of a newcomer, where there are fewer others.
_MARKED = 3
# Of the limit, so much is used while calls wait; the pacer leaves a twentieth.
_USED = 0.8


async def be_quiet(callers: Callers, organisations: list[Organisation], calls_per_second: float) -> Quiet | None:
    """Has the last organisation's chain carried out twice; None when one did not end."""
    one, others = organisations[-1], organisations[:-1][:_OTHERS]
    activity = uuid4()
    await callers.put(one, activity, _PERSONS, 0)
    one.activities.append(activity)
    crowd = [(who, uuid4()) for who in others for _ in range(_ACTIVITIES)]
    for who, theirs in crowd:
        await callers.put(who, theirs, _PERSONS, 0)
        who.activities.append(theirs)
    alone = await _carried_out(callers, one, activity)
    for who, theirs in crowd:
        await callers.post_until_answered(who, theirs, "halt", str(uuid4()))
    beside = await _carried_out(callers, one, activity)
    if alone and not beside:
        callers.odd.append(f"a chain that ended alone did not end beside others within {_LONGEST:.0f} s")
    return Quiet(alone, beside, calls_per_second) if alone and beside else None


async def _carried_out(callers: Callers, who: Organisation, activity: UUID) -> UUID | None:
    run = await callers.post_until_answered(who, activity, "halt", str(uuid4()))
    try:
        async with asyncio.timeout(_LONGEST):
            while run is not None:
                answer = await callers.ask(who, "GET", f"/runs/{run}")
                if answer is not None and answer.status_code == 200 and read_json(answer)["status"] in FINISHED_RUN:
                    break
                await asyncio.sleep(0.3)
    except TimeoutError:
        return None
    return run


def fair(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """A chain beside others ended within twice its time alone, and its calls' share of the turns of the others.

    Where fewer calls left than may, somebody waited for this machine and not for a turn: nothing is said of that.
    """
    del pairs
    if seen.quiet is not None:
        took, bound, used = measured(seen, seen.quiet)
        if took > bound and used >= _USED:
            what = f"a chain took {took:.1f} s where {bound:.1f} s are allowed"
            yield Violation("fair", what, f"run {seen.quiet.beside}")


def measured(seen: Seen, quiet: Quiet) -> tuple[float, float, float]:
    """Gives how long the chain took beside the others, how long it may have, and how much of the limit was used."""
    alone, beside = _span(seen, quiet.alone), _span(seen, quiet.beside)
    called = [call.organisation for call in seen.calls if call.bucket == "calls" and beside[0] <= call.at <= beside[1]]
    own = called.count(seen.runs[quiet.beside].organisation)
    organisations = len(set(called))
    share = own * max(organisations - 1, _MARKED) / quiet.calls_per_second if organisations > 1 else 0.0
    took = beside[1] - beside[0]
    # Of the limit, while others called too: with nobody else a chain waits for its answers and not for its turn.
    others = [
        call.at
        for call in seen.calls
        if call.bucket == "calls"
        and beside[0] <= call.at <= beside[1]
        and call.organisation != seen.runs[quiet.beside].organisation
    ]
    while_others = max(others, default=beside[1]) - beside[0]
    busy = sum(1 for call in seen.calls if call.bucket == "calls" and beside[0] <= call.at <= beside[0] + while_others)
    return took, 2 * (alone[1] - alone[0]) + share, busy / max(while_others * quiet.calls_per_second, 1.0)


def _span(seen: Seen, run: UUID) -> tuple[float, float]:
    accepted = min(event.at for event in seen.events if event.run == run and event.job is None)
    finished = seen.runs[run].finished
    assert finished is not None
    return accepted, finished
