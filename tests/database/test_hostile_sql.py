"""Several connections send what nobody should, all at once: the schema alone keeps its promises.

`HOSTILE_SEEDS=100` does it so many times over, each with a fresh seed.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import psycopg
import pytest

from app.local.embedded import Servers
from tests.conftest import _database, _name
from tests.database.hostile import AUDIT, Enemy, attack
from tests.database.invariants import FINAL, SCHEMA_BROKEN, changed
from tests.database.seed_states import Names

_CONNECTIONS = 4
_ROUNDS, _STATEMENTS = 3, 200
_MANY = os.environ.get("HOSTILE_SEEDS")
_SEEDS = [Random().randrange(2**32) for _ in range(int(_MANY))] if _MANY else [7]


@pytest.fixture
def battlefield(servers: Servers, seed_states: tuple[str, dict[str, Names]]) -> Iterator[str]:
    """A clone of the seeded states, in which every write tells under which claim it was made."""
    with _database(servers, template=_name(seed_states[0])) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(AUDIT)
        yield url


def _enemy(url: str, seed: int) -> Enemy:
    with psycopg.connect(url) as connection:
        run, job, record, batch = (
            connection.execute(query.encode()).fetchall()
            for query in (
                "SELECT CAST(id AS text) FROM run ORDER BY created_at",
                "SELECT CAST(id AS text) FROM job ORDER BY created_at, position",
                "SELECT CAST(job_id AS text), CAST(object_id AS text) FROM record JOIN job ON job.id = job_id"
                " WHERE job.status = 'running' OR record.status <> 'pending' ORDER BY job.created_at, ordinal",
                "SELECT CAST(id AS text) FROM batch ORDER BY created_at",
            )
        )
    return Enemy(Random(seed), [row[0] for row in run], [row[0] for row in job], record, [row[0] for row in batch])


def _broken(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(SCHEMA_BROKEN.encode()).fetchall()
        told = connection.execute("SELECT what FROM told").fetchall()
    return {row[0] for row in found} | {row[0] for row in told}


def _final(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute(FINAL.encode()).fetchall()


@pytest.mark.parametrize("seed", _SEEDS)
def test_no_statement_breaks_what_the_schema_promises(battlefield: str, seed: int) -> None:
    """Looked at after every round, with what was final before it."""
    met: Counter[str] = Counter()
    enemies = [_enemy(battlefield, seed + number) for number in range(_CONNECTIONS)]
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        for _ in range(_ROUNDS):
            final = _final(battlefield)
            for counted in threads.map(lambda enemy: attack(battlefield, enemy, _STATEMENTS), enemies):
                met.update(counted)
            assert _broken(battlefield) == set()
            assert changed(final, _final(battlefield)) == set()
    # Else it would say nothing: a fair part passes, and the guards have had something to refuse.
    assert met["taken"] > met.total() / 20
    assert {"job_fence", "job_lifecycle", "claim_fence", "record_final", "fk_job_after_succeeded"} <= met.keys()


# (what is taken away, the statements that are aimed at it, the promise that then is broken)
_GUARDS = {
    "order of jobs": (
        "ALTER TABLE job DROP CONSTRAINT fk_job_after_succeeded",
        Enemy.queue_next,
        "never early: a job is past its gate only after the one ahead",
    ),
    "guard of records": (
        "ALTER TABLE record DISABLE TRIGGER record_guard",
        Enemy.any_record,
        "a record was written under no claim",
    ),
    "guard of batches": (
        "ALTER TABLE batch DISABLE TRIGGER batch_guard",
        Enemy.any_batch,
        "a batch was written under no claim",
    ),
    "guard of jobs": ("ALTER TABLE job DISABLE TRIGGER job_guard", Enemy.claim, "a claim went down"),
    "one run in an activity queue": (
        "DROP INDEX uq_run_one_under_way; ALTER TABLE run DISABLE TRIGGER run_guard",
        Enemy.any_run,
        "one run of an activity at a time",
    ),
    "history": (
        "ALTER TABLE job DISABLE TRIGGER job_event",
        Enemy.any_job,
        "the history of a job or run has every change of its state",
    ),
}


@pytest.mark.parametrize("guard", _GUARDS)
def test_with_a_guard_gone_the_same_statements_break_its_promise(battlefield: str, guard: str) -> None:
    """So they do reach what it stands before."""
    fault, statement, promise = _GUARDS[guard]
    enemy = _enemy(battlefield, 7)
    with psycopg.connect(battlefield, autocommit=True) as connection:
        connection.execute(fault.encode())
    attack(battlefield, enemy, 400, statement=statement)
    assert promise in _broken(battlefield)
