"""Statements that nobody should send: any state, any claim, any time, on rows of every kind, right and wrong mixed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import psycopg
from psycopg import errors

from app.domain import lifecycle

_NOW: Final = "clock_timestamp()"
_TIMES: Final = (f"{_NOW} - interval '1 minute'", _NOW, f"{_NOW} + interval '1 minute'", "NULL")
_FENCES: Final = ("claim", "claim", "claim", "claim", "claim - 1", "claim + 1", "0", "NULL")

# What the guards are asked to hold: written by triggers of the test's own, in the statement's own transaction.
AUDIT: Final = """
    CREATE TABLE told (id bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL, row_id text NOT NULL);
    CREATE FUNCTION audit_fence() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM set_config('audit.fence', coalesce(NEW.fence, -1)::text, true);
        RETURN NEW;
    END $$;
    CREATE FUNCTION audit_job() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.claim < OLD.claim THEN
            INSERT INTO told (what, row_id) VALUES ('a claim went down', NEW.id);
        ELSIF NEW.claim <> OLD.claim AND OLD.holder IS NOT NULL THEN
            INSERT INTO told (what, row_id) VALUES ('a job was claimed that somebody holds', NEW.id);
        END IF;
        IF OLD.status = 'running' AND current_setting('audit.fence') <> OLD.claim::text THEN
            INSERT INTO told (what, row_id) VALUES ('a running job was written under another claim', NEW.id);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER audit_fence BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION audit_fence();
    CREATE TRIGGER audit_job AFTER UPDATE ON job FOR EACH ROW EXECUTE FUNCTION audit_job();
    CREATE FUNCTION audit_claim() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- A retry opens final records without a claim.
        IF TG_TABLE_NAME = 'record' AND to_jsonb(OLD) ->> 'status' IN ('error', 'skipped') THEN
            RETURN NULL;
        END IF;
        IF NOT EXISTS (
            SELECT FROM job WHERE job.id = NEW.job_id AND status = 'running'
                AND claim = current_setting('audit.fence')::bigint
        ) THEN
            INSERT INTO told (what, row_id) VALUES ('a ' || TG_TABLE_NAME || ' was written under no claim', NEW.job_id);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER audit_fence BEFORE UPDATE ON record FOR EACH ROW EXECUTE FUNCTION audit_fence();
    CREATE TRIGGER audit_claim AFTER UPDATE ON record FOR EACH ROW EXECUTE FUNCTION audit_claim();
    CREATE TRIGGER audit_fence BEFORE INSERT OR UPDATE ON batch FOR EACH ROW EXECUTE FUNCTION audit_fence();
    CREATE TRIGGER audit_claim AFTER INSERT OR UPDATE ON batch FOR EACH ROW EXECUTE FUNCTION audit_claim();
"""


@dataclass
class Enemy:
    """Makes statements about rows that it knows; the same seed makes the same ones."""

    random: Random
    runs: Sequence[str]
    jobs: Sequence[str]
    records: Sequence[tuple[str, str]]
    batches: Sequence[str]

    def statement(self) -> str:
        """Gives the next statement."""
        kinds: Mapping[Callable[[], str], int] = {
            self.claim: 4,
            self.end_job: 4,
            self.any_job: 6,
            self.walk_run: 3,
            self.any_run: 3,
            self.any_record: 6,
            self.any_batch: 5,
            self.new_batch: 3,
            self.new_row: 2,
            self.delete: 2,
        }
        [kind] = self.random.choices(list(kinds), list(kinds.values()))
        return kind()

    def claim(self) -> str:
        """Takes a job, mostly with a higher number."""
        step, fence = self.random.choice(("+ 1", "+ 1", "+ 1", "+ 2", "- 1", "")), self._fence("job")
        return (
            f"UPDATE job SET status = 'running', claim = claim {step}, fence = {fence}, started_at = {_NOW},"
            f" due_at = {_NOW}, finished_at = NULL, holder = {self._holder()} WHERE {self._job()}"
        )

    def end_job(self) -> str:
        """Ends what runs, with or without its records and batches."""
        status = self.random.choice(("succeeded", "succeeded", "succeeded", "failed", "cancelled"))
        return self._set_job(status, f"{self._job()} AND status = 'running'")

    def any_job(self) -> str:
        """Puts a job into any state."""
        return self._set_job(self.random.choice(list(lifecycle.JOB)), self._job())

    def queue_next(self) -> str:
        """Queues any job but a first one: rightly only after the one ahead of it has succeeded."""
        return self._set_job("queued", f"{self._job()} AND position > 1")

    def any_run(self) -> str:
        """Puts a run into any state."""
        return self._set_run(self.random.choice(list(lifecycle.RUN)))

    def walk_run(self) -> str:
        """Starts a run, or ends one."""
        return self._set_run(self.random.choice(("running", "running", "failed", "cancelled")))

    def any_record(self) -> str:
        """Puts a record into any state, mostly under the claim of its job."""
        job_id, object_id = self.random.choice(self.records)
        status = self.random.choice(list(lifecycle.RECORD))
        final = _NOW if status in lifecycle.FINAL_RECORD else "NULL"
        return (
            f"UPDATE record SET status = '{status}', completed_at = {final}, sent = 'x', received = 'y',"
            f" fence = {self._fence('record')} WHERE job_id = '{job_id}' AND object_id = '{object_id}'"
        )

    def any_batch(self) -> str:
        """Puts a batch into any state."""
        status = self.random.choice(list(lifecycle.BATCH))
        done = _NOW if status in {"answered", "refused", "lost"} else "NULL"
        return (
            f"UPDATE batch SET status = '{status}', called_at = {'NULL' if status == 'written' else _NOW},"
            f" remote_job_id = 'x', next_poll_at = {_NOW if status == 'accepted' else 'NULL'}, finished_at = {done},"
            f" fence = {self._fence('batch')} WHERE id = '{self.random.choice(self.batches)}'"
        )

    def new_batch(self) -> str:
        """Writes a batch down for any job, mostly under its claim."""
        status = self.random.choice(("written", "written", "written", "called", "accepted"))
        number = self.random.randrange(5, 90)
        return (
            "INSERT INTO batch (id, organisation_id, job_id, number, status, fence, record_ids, items, request_digest,"
            f" request_bytes, request_sha256) SELECT gen_random_uuid(), organisation_id, id, {number}, '{status}',"
            f" {self._fence('job')}, '{{}}', '{{}}', sha256('x'), 1, 'x' FROM job WHERE {self._job()}"
        )

    def new_row(self) -> str:
        """Adds a run, a job or a record in any state to what is there."""
        match self.random.randrange(3):
            case 0:
                return (
                    "INSERT INTO run (id, organisation_id, activity_id, sequence, status, on_record_error,"
                    " requested_by_id, requested_by_name, roster_version) SELECT gen_random_uuid(), organisation_id,"
                    f" activity_id, sequence + {self.random.choice((0, 1, 7))},"
                    f" '{self.random.choice(list(lifecycle.RUN))}', 'halt', requested_by_id, 'x', 1"
                    f" FROM run WHERE {self._run()}"
                )
            case 1:
                position = self.random.randrange(1, 5)
                return (
                    "INSERT INTO job (id, organisation_id, activity_id, run_id, position, kind, status)"
                    f" SELECT gen_random_uuid(), organisation_id, activity_id, id, {position},"
                    f" (ARRAY['persons', 'duties', 'groups', 'activities'])[{position}],"
                    f" '{self.random.choice(list(lifecycle.JOB))}' FROM run WHERE {self._run()}"
                )
            case _:
                status = self.random.choice(("pending", "pending", "sent", "succeeded"))
                return (
                    "INSERT INTO record (organisation_id, job_id, object_id, run_id, kind, ordinal, source,"
                    " outgoing, upload, refs, protected, sendable, status)"
                    " SELECT organisation_id, id, gen_random_uuid(), run_id, kind, 99, 'x', 'x', 1,"
                    f" '{{}}', false, true, '{status}' FROM job WHERE {self._job()}"
                )

    def delete(self) -> str:
        """Takes a row away."""
        job_id, _ = self.random.choice(self.records)
        return self.random.choice(
            (
                f"DELETE FROM record WHERE job_id = '{job_id}'",
                f"DELETE FROM batch WHERE id = '{self.random.choice(self.batches)}'",
                f"DELETE FROM job WHERE {self._job()} AND status = 'succeeded' AND position < 4",
            )
        )

    def _set_job(self, status: str, where: str) -> str:
        live, done = status in {"queued", "running"}, status in lifecycle.FINISHED_JOB
        holder = self._holder() if status == "running" else "NULL"
        return (
            f"UPDATE job SET status = '{status}', due_at = {_NOW if live else 'NULL'},"
            f" finished_at = {_NOW if done else 'NULL'}, holder = {holder},"
            f" fence = {self._fence('job')} WHERE {where}"
        )

    def _set_run(self, status: str) -> str:
        done = _NOW if status in lifecycle.FINISHED_RUN else "NULL"
        return f"UPDATE run SET status = '{status}', started_at = {_NOW}, finished_at = {done} WHERE {self._run()}"

    def _run(self) -> str:
        return f"id = '{self.random.choice(self.runs)}'"

    def _job(self) -> str:
        return f"id = '{self.random.choice(self.jobs)}'"

    def _holder(self) -> str:
        state = self.random.choice(("holds", "holds", "holds", "leaves", "ended"))
        return self.random.choice((f"(SELECT id FROM epoch WHERE state = '{state}' LIMIT 1)", "holder", "NULL"))

    def _fence(self, kind: str) -> str:
        fence = self.random.choice(_FENCES)
        if kind != "job" and "claim" in fence:
            return f"(SELECT {fence} FROM job WHERE job.id = {kind}.job_id)"
        return fence


def attack(
    url: str, enemy: Enemy, statements: int, statement: Callable[[Enemy], str] = Enemy.statement
) -> Counter[str]:
    """Sends statements on a connection of its own, some alone and some together; counts what became of them."""
    met: Counter[str] = Counter()
    with psycopg.connect(url) as connection:
        connection.execute("SET lock_timeout = '200ms'")
        connection.commit()
        while statements > 0:
            together = enemy.random.choice((1, 1, 1, 2, 3))
            statements -= together
            try:
                rows = [connection.execute(statement(enemy).encode()).rowcount for _ in range(together)]
            except (psycopg.IntegrityError, errors.LockNotAvailable, errors.DeadlockDetected) as refusal:
                connection.rollback()
                name = _name(refusal)
            else:
                name = "taken" if any(rows) else "nothing met"
                if enemy.random.randrange(10):
                    connection.commit()
                else:
                    connection.rollback()
            met[name] += 1
    return met


def _name(refusal: psycopg.Error) -> str:
    name: Any = refusal.diag.constraint_name
    return str(name or type(refusal).__name__)
