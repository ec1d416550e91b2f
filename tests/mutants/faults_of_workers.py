"""Faults of the decisions, of the steps and of the calls: what the workers are to do with what Postgres keeps."""

from typing import Final

from tests.mutants.fault import Fault

DECISIONS: Final = (
    Fault(
        "a job ends before its records are final",
        "elif not job.batches and job.counts.pending == 0 and not job.unasked:",
        "elif not job.batches and not job.unasked:",
        ("decisions",),
    ),
    Fault(
        "after a fault a step goes on",
        "return not (self.faults or self.out_of_time or self.broken)",
        "return not (self.out_of_time or self.broken)",
        ("decisions",),
    ),
    Fault(
        "an older picture of what is open replaces a newer one",
        "known is None or outcome.work.changes >= known.changes",
        "True",
        ("decisions",),
    ),
    Fault(
        "a refused batch is never halved",
        "together := (cardinality(sent) + 1) / 2;",
        "together := cardinality(sent);",
        ("batches",),
    ),
    Fault(
        "waiting for a circuit is a failed try",
        "any(fault.tried for fault in faults) and not job.sends_no_more",
        "bool(faults) and not job.sends_no_more",
        ("decisions",),
    ),
    Fault(
        "a paused job does not come to rest",
        "elif job.paused and all(",
        "elif job.kills and all(",
        ("decisions",),
    ),
    Fault(
        "a cancelled run ends without looking up what it has called",
        "if job.look_up_at is not None and not looked_up:",
        "if False:",
        ("decisions",),
    ),
    Fault(
        "a cancelled run does not end while Skolverket is away",
        "                yield from _met(state, fault, http_status)\n                break\n",
        "                yield from _met(state, fault, http_status)\n                return\n",
        ("decisions",),
    ),
    Fault(
        "what differs at Skolverket counts as arrived",
        "return seen is not None and _plain(json.loads(sent)) == _plain(seen)",
        "return seen is not None",
        ("decisions",),
    ),
    Fault(
        "faults are met with another try for ever",
        "return tried_for >= horizon",
        "return tried_for >= 1000 * horizon",
        ("decisions",),
    ),
)

WORKERS: Final = (
    Fault(
        "the batch's row comes after the call",
        'async with statement(self.engine, "mark_called", of=self.claim.organisation_id) as conn:',
        # what is noted is never committed
        'async with statement(self.engine, "mark_called"), self.engine.connect() as conn:\n'
        '                __import__("app.db.acting").db.acting.on_behalf_of(conn, self.claim.organisation_id)',
        ("crash points",),
    ),
    Fault(
        "what a dead worker left is not looked at",
        "WHERE job_id = of_job AND status = 'called' RETURNING id, record_ids",
        "WHERE job_id = of_job AND status = 'called' AND false RETURNING id, record_ids",
        ("crash points",),
    ),
    Fault(
        "a worker that is told to end begins further calls",
        "            for pacer in pacers.values():\n                pacer.close()\n",
        "",
        ("journeys",),
    ),
    Fault(
        "a worker that is told to end abandons its step",
        "            await working\n",
        "            working.cancel()\n",
        ("journeys",),
    ),
    Fault(
        "`updateIfExists` is missing",
        'UPSERT = {"updateIfExists": "true"}',
        "UPSERT: dict[str, str] = {}",
        ("torture",),
    ),
    Fault(
        "an answer that contradicts itself is believed",
        "if known is not None and known.verdict is not verdict:",
        "if False:",
        ("client",),
    ),
    Fault(
        "an answer is read to its end however large it is",
        "if length > LARGEST_ANSWER:",
        "if False:",
        ("client",),
    ),
    Fault(
        "an answer is taken in any encoding",
        'not in {"identity", ""}:',
        'not in {"identity", "", "gzip"}:',
        ("client",),
    ),
    Fault(
        "each worker has a limit of its own",
        "return self.settings.egress",
        "return self.worker.hex",
        ("egress",),
    ),
    Fault(
        "a holder goes on calling although its beat has not been confirmed",
        "return self.confirmed_at + CALLS_FOR - now",
        "return CALLS_FOR",
        ("decisions",),
    ),
    Fault(
        "a permit that was given is used however late",
        "if (left := self.may_call_for()) <= 0:",
        "if (left := self.may_call_for()) < -60:",
        ("pacer",),
    ),
    Fault(
        "what a call has written is sent again after its right to call",
        "unacknowledged_for.set(await hooks.leave())",
        "await hooks.leave()",
        ("client",),
    ),
    Fault(
        "a kept connection keeps the time of the call that opened it",
        "    async def write(self, buffer: bytes, timeout: float | None = None) -> None:\n        self._allow()\n",
        "    async def write(self, buffer: bytes, timeout: float | None = None) -> None:\n",
        ("client",),
    ),
    Fault(
        "a standby takes over from a beat that moves",
        "if seen is None or seen != self.seen:",
        "if seen is None or self.seen is None:",
        ("decisions",),
    ),
    Fault(
        "one organisation's calls come before all others'",
        "min(self._next, key=self._next.__getitem__)",
        "next(iter(self._next))",
        ("decisions",),
    ),
    Fault(
        "who waits for each answer has its turn only when all others have had two",
        "self._next[organisation] = (self._round + (organisation in self._had), waited, self._number)",
        "self._next[organisation] = (self._round + 1, True, self._number)",
        ("decisions",),
    ),
    Fault("twice as many calls as allowed", "_SLACK = 1.05", "_SLACK = 0.525", ("pacer",)),
    Fault(
        "a 429 holds nobody back",
        "self._next_at = max(self._next_at, time.monotonic() + wait.total_seconds())",
        "pass",
        ("pacer",),
    ),
    Fault("everybody probes", "if self.probe_at > now:", "if False:", ("decisions",)),
)
