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
        "faults are met with another try for ever",
        "return tried_for >= horizon",
        "return tried_for >= 1000 * horizon",
        ("decisions",),
    ),
)

WORKERS: Final = (
    Fault(
        "the batch's row comes after the call",
        """        slot = await self._begun(name, bucket, note, granted)
        try:
            return await self._made(slot, call, token.value)
""",
        # what is noted is committed when the answer is there
        """        try:
            async with self.engine.begin() as late:
                noted = note and (lambda _, *, again: note(late, again=again))
                slot = await self._begun(name, bucket, noted, granted)
                return await self._made(slot, call, token.value)
""",
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
        "Deadline.after(lease * _STEP_SHARE, self.stopping)",
        "Deadline.after(lease * _STEP_SHARE)",
        ("journeys",),
    ),
    Fault(
        "a worker that is told to end abandons its step",
        "worker.handle_sig_wait_for_completion(signal.SIGTERM)",
        "worker.handle_sig(signal.SIGTERM)",
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
        "None if away else await take_slot(conn, bucket, per_second, self.bearer.organisation_id)",
        "None if away else Granted(0.0, 0)",
        ("client",),
    ),
)
