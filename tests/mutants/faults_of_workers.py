"""Faults of the decisions, of the steps and of the calls: what the workers are to do with what Postgres keeps."""

from typing import Final

from tests.mutants.fault import Fault

DECISIONS: Final = (
    Fault(
        "a job ends before its records are final",
        "app/domain/steps.py",
        "elif not view.batches and view.counts.pending == 0 and not view.unasked:",
        "elif not view.batches and not view.unasked:",
        ("decisions",),
    ),
    Fault(
        "a refused batch is never halved",
        "app/domain/batching.py",
        "return (together + 1) // 2 if together > 1 else None",
        "return together if together > 1 else None",
        ("decisions",),
    ),
    Fault(
        "faults are met with another try for ever",
        "app/domain/retry.py",
        "return fault_since is not None and now - fault_since >= horizon",
        "return fault_since is not None and now - fault_since >= 1000 * horizon",
        ("decisions",),
    ),
)

WORKERS: Final = (
    Fault(
        "the batch's row comes after the call",
        "app/jobs/calls.py",
        """        slot = await self._begun(name, bucket, note, granted)
        try:
            return await self._made(slot, call(token.value))
""",
        # what is noted is committed when the answer is there
        """        try:
            async with self.engine.begin() as late:
                noted = note and (lambda _, *, again: note(late, again=again))
                slot = await self._begun(name, bucket, noted, granted)
                return await self._made(slot, call(token.value))
""",
        ("crash points",),
    ),
    Fault(
        "what a dead worker left is not looked at",
        "app/jobs/advance.py",
        "            await answers.lose_called(conn, cipher, held)\n",
        "",
        ("crash points",),
    ),
    Fault(
        "a worker that is told to end begins further calls",
        "app/jobs/advance.py",
        "Deadline.after(lease * _STEP_SHARE, self.stopping)",
        "Deadline.after(lease * _STEP_SHARE)",
        ("journeys",),
    ),
    Fault(
        "a worker that is told to end abandons its step",
        "app/jobs/worker.py",
        "worker.handle_sig_wait_for_completion(signal.SIGTERM)",
        "worker.handle_sig(signal.SIGTERM)",
        ("journeys",),
    ),
    Fault(
        "`updateIfExists` is missing",
        "app/skolverket/wire.py",
        'UPSERT = {"updateIfExists": "true"}',
        "UPSERT: dict[str, str] = {}",
        ("torture",),
    ),
    Fault(
        "each worker has a limit of its own",
        "app/jobs/calls.py",
        "None if away else await take_slot(conn, bucket, per_second, self.bearer.organisation_id)",
        "None if away else Granted(0.0, 0)",
        ("client",),
    ),
)
