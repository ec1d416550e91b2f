"""The audit in Postgres: rows that stay, are chained once whenever they were committed, and cut up to a checkpoint."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import audit, audit_chain, tasks
from app.db.acting import EVERYBODY, acting_connection
from app.db.audit_chain import ChainKeyLost, chain_some
from app.db.audit_cuts import cut_before
from app.db.audit_verify import Verified, verify
from app.db.cipher import Cipher, cipher_of, new_key
from app.db.engine import close, connect, statement, transaction
from app.db.tasks import Task
from app.domain.audit import Actor, Entry, Place
from app.domain.retention import Retention
from app.jobs.tasks.chain_audit import ChainAudit
from app.jobs.tasks.loop import TaskLoop
from app.jobs.tasks.retain import Retain
from app.jobs.tasks.seal_anew import SEAL_ANEW, SealAnew
from app.local.postgres import as_role
from app.roles import API, WORKER
from app.settings import LEAST_KEPT
from tests.database.factories import Tenant, the_cipher

SOMEBODY = Actor("key", UUID(int=7), "3f9a1c0d5e7b", "api")
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
async def worker(database_url: str) -> Any:
    """Connections as the workers have them."""
    made = connect(as_role(database_url, WORKER), pool=4, name="tests", acting=EVERYBODY)
    yield made
    await close(made)


@pytest.fixture
async def api(database_url: str) -> Any:
    """Connections as the API has them."""
    made = connect(as_role(database_url, API), pool=4, name="tests")
    yield made
    await close(made)


async def write(
    engine: AsyncEngine, of: UUID | None, *objects: UUID, action: str = "read_records", **more: Any
) -> None:
    """Writes a row as a request does."""
    async with transaction(engine, "tests", of=of or EVERYBODY) as conn:
        await audit.write(conn, entry(of, *objects, action=action, **more))


def entry(of: UUID | None, *objects: UUID, action: str = "read_records", **more: Any) -> Entry:
    return Entry(of, SOMEBODY, action, objects=[each.bytes for each in objects], **more)


async def chain(worker: AsyncEngine, cipher: Cipher | None = None, most: int = 500) -> int:
    """Chains what there is; gives how many rows that were."""
    rows = 0
    while True:
        async with transaction(worker, "tests") as conn:
            chained = await chain_some(conn, cipher or the_cipher(), most)
        rows += chained.rows
        if not chained.rows:
            return rows


async def verified(worker: AsyncEngine, anchor: Place | None = None, cipher: Cipher | None = None) -> Verified:
    async with worker.connect() as conn:
        return await verify(conn, cipher or the_cipher(), anchor)


async def past_guards(engine: AsyncEngine, statement: str, **given: Any) -> None:
    """Changes what is there as somebody does who has the database: with its triggers off."""
    async with engine.begin() as conn:
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await conn.execute(sa.text(statement), given)


async def scalar(engine: AsyncEngine, query: str) -> Any:
    async with engine.connect() as conn:
        return await conn.scalar(sa.text(query))


async def test_rows_are_chained_and_hold(worker: AsyncEngine, api: AsyncEngine) -> None:
    """Those of several organisations and of none, in the order in which they came."""
    one, other = uuid4(), uuid4()
    for of in (one, other, None, one):
        await write(api, of, uuid4(), uuid4(), details={"after": [3], "searched": True})
    assert (await verified(worker)).waiting == 4
    assert await chain(worker) == 4
    found = await verified(worker)
    assert (found.wrong, found.end.seq, found.begin, found.waiting) == ([], 4, 0, 0)
    in_order = await scalar(worker, "SELECT array_agg(at ORDER BY seq) FROM audit_link JOIN audit ON id = audit_id")
    assert in_order == sorted(in_order)


async def test_a_row_that_is_committed_late_is_chained_once(worker: AsyncEngine, api: AsyncEngine) -> None:
    """Its transaction had begun before others that are chained already."""
    async with transaction(api, "tests", of=UUID(int=1)) as late:
        await audit.write(late, entry(UUID(int=1), action="late"))
        await write(api, UUID(int=1), action="early")
        assert await chain(worker) == 1
    assert await chain(worker) == 1
    assert await chain(worker) == 0
    actions = await scalar(worker, "SELECT array_agg(action ORDER BY seq) FROM audit_link JOIN audit ON id = audit_id")
    assert actions == ["early", "late"]
    assert (await verified(worker)).wrong == []


async def test_a_row_whose_transaction_is_undone_is_not_there(worker: AsyncEngine, api: AsyncEngine) -> None:
    async with api.connect() as conn:
        await conn.execute(sa.text("SELECT act_for(:of)"), {"of": UUID(int=1)})
        await audit.write(conn, entry(UUID(int=1)))
        await conn.rollback()
    assert await chain(worker) == 0
    assert await scalar(worker, "SELECT count(*) FROM audit") == 0


async def test_slices_make_one_chain(worker: AsyncEngine, api: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rows, and by how many objects are in them."""
    monkeypatch.setattr(audit_chain, "_MOST_OBJECTS", 5)
    of = uuid4()
    for _ in range(7):
        await write(api, of, uuid4(), uuid4())
    await write(api, of, *(uuid4() for _ in range(9)))
    assert await chain(worker, most=3) == 8
    assert (await verified(worker)).end.seq == 8
    assert await scalar(worker, "SELECT count(*) FROM audit_object") == 23


async def test_two_chainers_make_one_chain(worker: AsyncEngine, api: AsyncEngine) -> None:
    """The second waits for the first, and goes on behind it."""
    for _ in range(4):
        await write(api, uuid4())
    async with worker.connect() as first:
        assert (await chain_some(first, the_cipher(), 2)).rows == 2
        async with worker.connect() as second:
            await second.execute(sa.text("SET lock_timeout = '200ms'"))
            with pytest.raises(sa.exc.DBAPIError) as waited:
                await chain_some(second, the_cipher(), 2)
            assert isinstance(waited.value.orig, errors.LockNotAvailable)
            await second.rollback()
        await first.commit()
    assert await chain(worker) == 2
    assert (await verified(worker)).wrong == []


async def test_objects_are_found_by_their_digests(worker: AsyncEngine, api: AsyncEngine) -> None:
    of, somebody = uuid4(), uuid4()
    await write(api, of, somebody, uuid4())
    await write(api, of, uuid4())
    await write(api, of, somebody, somebody)
    await chain(worker)
    async with worker.connect() as conn:
        rows = await conn.execute(
            sa.text("SELECT audit_id FROM audit_object WHERE organisation_id = :of AND digest = :digest"),
            {"of": of, "digest": somebody.bytes},
        )
        assert len(rows.all()) == 2


async def test_what_keys_read_is_counted_by_the_day(worker: AsyncEngine, api: AsyncEngine) -> None:
    of = uuid4()
    await write(api, of, uuid4(), uuid4(), protected=1)
    await write(api, of, uuid4())
    await write(api, of, uuid4(), action="erase_person")
    await chain(worker)
    await write(api, of, uuid4())
    await chain(worker)
    async with worker.connect() as conn:
        found = (await conn.execute(sa.text("SELECT * FROM audit_reading"))).mappings().all()
    assert [(each["key_id"], each["answers"], each["objects"], each["protected"]) for each in found] == [
        (SOMEBODY.id, 3, 4, 1)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_link SET digest = digest",
        "DELETE FROM audit_link",
        "TRUNCATE audit_link",
        "UPDATE audit_checkpoint SET cut_at = now()",
        "DELETE FROM audit_checkpoint",
        "TRUNCATE audit_checkpoint",
    ],
)
async def test_not_even_the_owner_changes_a_row(worker: AsyncEngine, database_url: str, statement: str) -> None:
    async with transaction(worker, "tests") as conn:
        await audit.write(conn, entry(None))
    await chain(worker)
    with psycopg.connect(database_url) as conn, pytest.raises(errors.CheckViolation):
        conn.execute(statement)


async def test_the_api_reads_no_row_of_another_organisation(api: AsyncEngine) -> None:
    """For all it writes, and reads nothing."""
    one, other = uuid4(), uuid4()
    await write(api, one)
    await write(api, None)
    for of, seen in ((one, 1), (other, 0), (EVERYBODY, 0)):
        async with transaction(api, "tests", of=of) as conn:
            assert await conn.scalar(sa.text("SELECT count(*) FROM audit")) == seen
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        async with transaction(api, "tests", of=other) as conn:
            await audit.write(conn, entry(one))


async def test_the_row_of_an_answer_is_on_behalf_of_its_organisation_alone(api: AsyncEngine) -> None:
    """The connection acts for nobody, before and after it."""
    one = uuid4()
    async with statement(api, "tests") as conn:
        await audit.write_disclosure(conn, entry(one, UUID(int=5), job_id=UUID(int=6), details={"searched": True}))
        assert await conn.scalar(sa.text("SELECT count(*) FROM audit")) == 0
    async with transaction(api, "tests", of=one) as conn:
        row = (await conn.execute(sa.text("SELECT * FROM audit"))).mappings().one()
    assert (row["organisation_id"], row["actor_id"], row["job_id"]) == (one, SOMEBODY.id, UUID(int=6))
    assert (row["objects"], row["details"]) == (UUID(int=5).bytes, {"searched": True})


async def test_a_session_in_which_no_row_of_an_answer_can_be_written_is_left(api: AsyncEngine) -> None:
    """That of a server that only reads, and one that has ended: the next answer has another one."""
    one, pid = uuid4(), sa.text("SELECT pg_backend_pid()")
    for ends, problem in (
        ("SET default_transaction_read_only = on", errors.ReadOnlySqlTransaction),
        ("SELECT pg_terminate_backend(pg_backend_pid())", psycopg.OperationalError),
    ):
        async with statement(api, "tests") as conn:
            before = await conn.scalar(pid)
            with suppress(psycopg.OperationalError):
                await acting_connection(conn).execute(ends)
            with pytest.raises(problem):
                await audit.write_disclosure(conn, entry(one))
        async with statement(api, "tests") as conn:
            assert await conn.scalar(pid) != before
            await audit.write_disclosure(conn, entry(one))


async def test_who_writes_a_row_says_neither_when_nor_which(api: AsyncEngine, worker: AsyncEngine) -> None:
    """Both are the database's: nobody who serves puts a row among older ones."""
    for engine in (api, worker):
        for column, value in (("at", "now()"), ("id", "gen_random_uuid()")):
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                async with transaction(engine, "tests", of=EVERYBODY) as conn:
                    await conn.execute(
                        sa.text(
                            f"INSERT INTO audit ({column}, actor_kind, actor, action, via)"
                            f" VALUES ({value}, 'key', 'x', 'x', 'api')"
                        )
                    )


async def three(worker: AsyncEngine, api: AsyncEngine, old: AsyncEngine | None = None) -> None:
    """Writes three rows and chains them; `old` is for rows of a month ago."""
    for action in ("first", "second", "third"):
        await write(api, UUID(int=1), uuid4(), action=action)
    await (chain(worker) if old is None else chain_old(old, worker))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET actor = 'x' WHERE action = 'second'", "2: changed"),
        ("UPDATE audit SET objects = '' WHERE action = 'second'", "2: changed"),
        ("UPDATE audit SET at = at + interval '1 s' WHERE action = 'third'", "3: changed"),
        ("UPDATE audit_link SET digest = decode(repeat('00', 32), 'hex') WHERE seq = 1", "1: changed"),
        ("DELETE FROM audit WHERE action = 'second'", "2: missing"),
        ("DELETE FROM audit_link WHERE seq = 2", "2: missing"),
        ("INSERT INTO audit (actor_kind, actor, action, via) VALUES ('key', 'x', 'x', 'api')", "1 rows stand in no"),
        (
            "INSERT INTO audit_unchained (audit_id, at) VALUES (gen_random_uuid(), now() - interval '61 s')",
            "1 rows have waited",
        ),
        ("UPDATE audit_checkpoint SET digest = decode(repeat('00', 32), 'hex')", "3: the checkpoint"),
        (
            "WITH gone AS (DELETE FROM audit_link), cut AS (UPDATE audit_checkpoint SET cut_at = now())"
            " DELETE FROM audit",
            "the rows up to 3 are missing, and no row says",
        ),
    ],
)
async def test_what_is_changed_past_the_service_is_found(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine, statement: str, said: str
) -> None:
    await three(worker, api)
    assert (await verified(worker)).wrong == []
    await past_guards(engine, statement)
    found = (await verified(worker)).wrong
    assert any(each.startswith(said) for each in found), found


async def test_an_anchor_finds_a_chain_that_was_made_anew(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine
) -> None:
    """By somebody who has the database and has the workers chain what is left of it."""
    await three(worker, api)
    anchor = (await verified(worker)).end
    assert (await verified(worker, anchor)).wrong == []
    await write(api, UUID(int=1))
    await chain(worker)
    assert (await verified(worker, anchor)).wrong == []
    for table in ("audit", "audit_link", "audit_checkpoint", "audit_object", "audit_key"):
        await past_guards(engine, f"DELETE FROM {table}")
    await write(api, UUID(int=1))
    await chain(worker)
    assert (await verified(worker)).wrong == []
    assert "the chain ends with 1" in (await verified(worker, anchor)).wrong[0]
    await write(api, UUID(int=1))
    await write(api, UUID(int=1))
    await chain(worker)
    assert "made anew" in (await verified(worker, anchor)).wrong[0]


async def test_without_its_key_a_chain_goes_no_further(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine
) -> None:
    """A new one would hold nothing of what is there."""
    await three(worker, api)
    await past_guards(engine, "DELETE FROM audit_key")
    await write(api, UUID(int=1))
    with pytest.raises(ChainKeyLost):
        await chain(worker)
    with pytest.raises(ChainKeyLost):
        await verified(worker)


async def test_the_chain_outlives_its_encryption_key(worker: AsyncEngine, api: AsyncEngine, tenant: Tenant) -> None:
    """Its key is sealed anew like all that is sealed, and is the same."""
    older, newer = new_key(), new_key()
    first, both, last = (cipher_of(each) for each in (f"a:{older}", f"b:{newer},a:{older}", f"b:{newer}"))
    await write(api, UUID(int=1))
    await chain(worker, first)
    async with transaction(worker, "tests") as conn:
        await tasks.add(conn, SEAL_ANEW, "b")
    await TaskLoop(worker, {SEAL_ANEW: SealAnew(worker, both, None).kind()}).run_once()
    await write(api, UUID(int=1))
    await chain(worker, last)
    found = await verified(worker, cipher=last)
    assert (found.wrong, found.end.seq) == ([], 2)


async def test_the_worker_chains_and_tells_its_checkpoints(
    worker: AsyncEngine, api: AsyncEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    await write(api, UUID(int=1))
    await TaskLoop(worker, {"chain_audit": ChainAudit(worker, the_cipher()).kind()}).run_once()
    end = (await verified(worker)).end
    assert f"{end.seq}:{end.digest.hex()}" in capsys.readouterr().out
    assert await scalar(worker, "SELECT seq FROM audit_checkpoint") == 1


async def chain_old(engine: AsyncEngine, worker: AsyncEngine, days: int = 31) -> None:
    """Has what waits for its link be as old as that, and chained."""
    for table, key in (("audit", "id"), ("audit_unchained", "audit_id")):
        await past_guards(
            engine,
            f"UPDATE {table} SET at = at - CAST(:age AS interval) WHERE {key} NOT IN (SELECT audit_id FROM audit_link)",
            age=timedelta(days=days),
        )
    await chain(worker)


async def aged(engine: AsyncEngine) -> None:
    """Has the last checkpoint be from more than an hour ago."""
    await past_guards(engine, "UPDATE audit_checkpoint SET made_at = made_at - interval '61 min'")


async def checkpoints(engine: AsyncEngine) -> Sequence[int]:
    found: Sequence[int] = await scalar(engine, "SELECT array_agg(seq ORDER BY seq) FROM audit_checkpoint")
    return found


async def test_a_checkpoint_is_made_every_so_many_rows_and_every_hour(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three(worker, api)
    assert await checkpoints(worker) == [3]
    await write(api, UUID(int=1))
    await chain(worker)
    assert await checkpoints(worker) == [3]
    await aged(engine)
    await chain(worker)
    assert await checkpoints(worker) == [3, 4]
    monkeypatch.setattr(audit_chain, "CHECKPOINT_ROWS", 2)
    await write(api, UUID(int=1))
    await chain(worker)
    assert await checkpoints(worker) == [3, 4]
    await write(api, UUID(int=1))
    await chain(worker)
    assert await checkpoints(worker) == [3, 4, 6]


async def cut(worker: AsyncEngine, moment: datetime, most: int = 1000) -> int:
    async with transaction(worker, "tests") as conn:
        return await cut_before(conn, moment, most)


async def test_a_cut_goes_up_to_a_checkpoint_and_the_rest_holds(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine
) -> None:
    """In slices, between which it holds as well; with what finds the rows."""
    await three(worker, api, old=engine)  # a checkpoint at 3
    await write(api, UUID(int=1), uuid4(), action="fourth")
    await chain_old(engine, worker)
    moment: datetime = await scalar(worker, "SELECT at FROM audit WHERE action = 'fourth'")
    assert await cut(worker, await scalar(worker, "SELECT at FROM audit WHERE action = 'third'")) == 0
    assert await cut(worker, moment, most=2) == 2
    await chain_old(engine, worker)
    assert (await verified(worker)).wrong == []
    assert await cut(worker, moment, most=2) == 1
    assert await cut(worker, moment, most=2) == 0
    found = await verified(worker)
    assert (found.wrong, found.begin, found.end.seq) == ([], 3, 5)
    left = await scalar(worker, "SELECT array_agg(action ORDER BY at) FROM audit")
    assert left == ["fourth", "cut_audit"]
    assert await scalar(worker, "SELECT count(*) FROM audit_object") == 1
    await aged(engine)
    await chain(worker)
    # All of it, of which the row about this cut is left.
    assert await cut(worker, FUTURE) == 2
    await chain(worker)
    found = await verified(worker)
    assert (found.wrong, found.begin, found.end.seq) == ([], 5, 6)


async def test_nothing_of_the_last_month_is_cut_whoever_asks(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine
) -> None:
    """Not with a checkpoint and a row of one's own making either: of an old row and a new one neither goes."""
    await write(api, UUID(int=1), action="old")
    await chain_old(engine, worker)
    await write(api, UUID(int=1), action="new")
    await chain_old(engine, worker, days=29)
    async with transaction(worker, "tests") as conn:
        await conn.execute(
            sa.text(
                "INSERT INTO audit_checkpoint (seq, digest, at)"
                " SELECT seq, digest, '2001-01-01' FROM audit_link ORDER BY seq DESC LIMIT 1"
            )
        )
    with pytest.raises(sa.exc.IntegrityError, match="the last 30 days"):
        await cut(worker, FUTURE)
    assert await scalar(worker, "SELECT count(*) FROM audit") == 2
    assert (await verified(worker)).wrong == []


@pytest.mark.parametrize(
    ("ages", "most", "beyond", "said"),
    [
        ((31, 29), 0, 0, "a row at least"),
        ((31, 29), -1, 0, "a row at least"),
        ((31, 29), None, 0, "a row at least"),
        ((31, 29), 1, 0, "the last 30 days"),
        ((31, 29), 1, 1000, "the last 30 days"),
        # One that was committed late stands behind a newer one.
        ((29, 31), 1, 0, "the last 30 days"),
    ],
)
async def test_no_slice_is_so_short_that_what_is_new_is_not_verified(
    worker: AsyncEngine,
    api: AsyncEngine,
    engine: AsyncEngine,
    ages: tuple[int, int],
    most: int | None,
    beyond: int,
    said: str,
) -> None:
    """Neither with no row in it nor with an old one, nor with a checkpoint of one's own `beyond` the last link."""
    for days in ages:
        await write(api, UUID(int=1), action="read_records")
        await chain_old(engine, worker, days)
    await aged(engine)
    async with transaction(worker, "tests") as conn:
        await conn.execute(
            sa.text(
                "INSERT INTO audit_checkpoint (seq, digest, at)"
                " SELECT seq + :beyond, digest, '2001-01-01' FROM audit_link ORDER BY seq DESC LIMIT 1"
            ),
            {"beyond": beyond},
        )
    with pytest.raises(sa.exc.IntegrityError, match=said):
        async with transaction(worker, "tests") as conn:
            await conn.execute(sa.text("SELECT cut_audit(:seq, :most)"), {"seq": 2 + beyond, "most": most})
    assert await checkpoints(worker) == [1, 2 + beyond]
    await past_guards(engine, "UPDATE audit SET actor = 'x'")
    found = await verified(worker)
    assert (found.begin, found.wrong[0][:10]) == (0, "1: changed")


async def test_nothing_is_cut_without_a_checkpoint(worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine) -> None:
    await write(api, UUID(int=1))
    assert await cut(worker, FUTURE) == 0
    await chain_old(engine, worker)
    with pytest.raises(sa.exc.IntegrityError, match="there is no checkpoint 7"):
        async with transaction(worker, "tests") as conn:
            await conn.execute(sa.text("SELECT cut_audit(7, 10)"))
    assert await scalar(worker, "SELECT count(*) FROM audit") == 1


async def test_an_anchor_of_what_was_cut_is_told_apart(
    worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine
) -> None:
    await three(worker, api, old=engine)
    old = Place(1, bytes(await scalar(worker, "SELECT digest FROM audit_link WHERE seq = 1")))
    at_cut = Place(3, bytes(await scalar(worker, "SELECT digest FROM audit_link WHERE seq = 3")))
    await cut(worker, FUTURE)
    await chain(worker)
    assert "have been cut" in (await verified(worker, old)).wrong[0]
    assert (await verified(worker, at_cut)).wrong == []


async def test_a_row_has_what_its_entry_says(worker: AsyncEngine) -> None:
    wanted = Entry(
        None,
        Actor("command", None, "drift", "command"),
        "read_keys",
        UUID(int=1),
        UUID(int=2),
        UUID(int=3),
        {"a": [1, "b"]},
        [b"d" * 16],
        1,
    )
    async with transaction(worker, "tests") as conn:
        await audit.write(conn, wanted)
        row = (await conn.execute(sa.text("SELECT * FROM audit"))).mappings().one()
    assert json.dumps(row["details"]) == '{"a": [1, "b"]}'
    assert (row["run_id"], row["job_id"], row["activity_id"]) == (UUID(int=1), UUID(int=2), UUID(int=3))
    assert (row["actor_kind"], row["actor"], row["via"]) == ("command", "drift", "command")
    assert (bytes(row["objects"]), row["protected"]) == (b"d" * 16, 1)
    assert datetime.now(UTC) - row["at"] < timedelta(minutes=1)


async def test_rows_go_with_history(worker: AsyncEngine, api: AsyncEngine, engine: AsyncEngine) -> None:
    """By the task that has old history go, as long after as the setting says."""
    await three(worker, api, old=engine)
    long, short = Retention(timedelta(days=365), timedelta(days=1095)), Retention(LEAST_KEPT, LEAST_KEPT)
    for kept, left in ((long, 3), (short, 1)):
        await Retain(worker, kept).forget_history(Task(uuid4(), "forget_history", "", None, 1))
        assert await scalar(worker, "SELECT count(*) FROM audit") == left
    await chain(worker)
    assert (await verified(worker)).wrong == []
