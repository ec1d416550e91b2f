"""Sealing anew: an older key may go when it seals nothing any more, whatever is written or dies meanwhile."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy.exc import IntegrityError

from app.db import idempotency, tasks, webhooks
from app.db.audit_chain import chain_key
from app.db.cipher import Cipher, KeyUnknown, cipher_of, new_key
from app.db.claims import database_time
from app.db.free_text import name_place, open_text, reason_place, seal_text
from app.db.schema import metadata
from app.db.sealed import PASSING, SEALED, sealed_with
from app.db.tasks import Task
from app.db.tokens import keep_token, kept_token
from app.jobs.tasks import inside
from app.jobs.tasks.kind import Later
from app.jobs.tasks.loop import TaskLoop
from app.jobs.tasks.seal_anew import SEAL_ANEW, SealAnew
from app.skolverket.published import PUBLISHED
from tests.database.factories import KEPT, Tenant, small_roster, the_cipher

OLD = next(iter(the_cipher().masters))
NEW_KEY = new_key()
HERE = "https://provisioning.example.se/v1"
# Keyed or plain digests of 16 or 32 bytes, and an organisation's salt.
DIGESTS = {
    ("last_listed", "digest"),
    *(("content", name) for name in ("digest", "eppn", "civic_no", "name")),
    *(("roster_staging", name) for name in ("source", "outgoing", "eppn", "civic_no", "name")),
    *(("roster_item", name) for name in ("source", "outgoing")),
    *(("record", name) for name in ("source", "outgoing", "sent", "received")),
    *(("plan_item", name) for name in ("source", "outgoing", "accepted")),
    *(("object", name) for name in ("accepted", "eppn", "civic_no", "name")),
    *(("batch", name) for name in ("items", "request_digest", "answer")),
    *(("idempotency_key", name) for name in ("digest", "request_digest")),
    *(("audit", "objects"), ("audit_object", "digest"), ("audit_link", "digest"), ("audit_checkpoint", "digest")),
    *(("activity", "digest"), ("eppn", "eppn"), ("api_key", "digest"), ("api_key", "subject"), ("session", "digest")),
}
OTHERS = {("organisation", "salt"), ("audit_key", "salt")}


def both() -> Cipher:
    """The keys after the second round: the new one seals, the old one opens."""
    old = the_cipher()
    new = cipher_of(f"k2:{NEW_KEY}").masters["k2"]
    return Cipher("k2", {"k2": new, **old.masters}, old.specimens)


def new_alone() -> Cipher:
    return cipher_of(f"k2:{NEW_KEY}")


async def started(tenant: Tenant, key: str = "k2") -> None:
    async with tenant.engine.begin() as conn:
        await tasks.add(conn, SEAL_ANEW, key)


async def worked(tenant: Tenant, cipher: Cipher | None = None) -> None:
    """Does what is due in a worker with these keys."""
    kinds = inside(tenant.engine, cipher or both(), PUBLISHED, KEPT, cipher or both())
    await TaskLoop(tenant.engine, {SEAL_ANEW: kinds[SEAL_ANEW]}).run_once()


async def counts(tenant: Tenant) -> Mapping[tuple[str, str], int]:
    async with tenant.engine.begin() as conn:
        return {(each.keys, each.key): each.values for each in await sealed_with(conn)}


async def everything(tenant: Tenant, cipher: Cipher) -> list[bytes]:
    """Opens all that is sealed, each in its place."""
    found = list[bytes]()
    for column in SEALED:
        wanted = ", ".join([column.of, column.column, *column.names])
        for row in await tenant.rows(f"SELECT {wanted} FROM {column.table} WHERE {column.column} IS NOT NULL"):
            owners = (
                "SELECT id, salt || digest_key AS own FROM organisation UNION ALL SELECT owner, salt FROM audit_key"
            )
            own = await tenant.value(f"SELECT own FROM ({owners}) one WHERE id = :id", id=row[column.of])
            keys = cipher.of(row[column.of], row[column.of].bytes if column.keys == "token" else bytes(own))
            found.append(keys.open(bytes(row[column.column]), column.place(row)))
    return sorted(found)


@pytest.fixture
async def filled(tenant: Tenant) -> Tenant:
    """An organisation of which every sealed column has something."""
    run = await tenant.new_run(small_roster())
    for job in run.jobs:
        await tenant.play(job)
    await tenant.pause(by="organisation")
    async with tenant.engine.begin() as conn:
        made = await webhooks.create_webhook(
            conn,
            tenant.cipher,
            url="https://hook.example.se",
            types=["run.failed"],
            description="Our log",
            enabled=True,
            secret=b"first",
        )
        await webhooks.rotate_secret(conn, tenant.cipher, made["id"], b"second")
        used = idempotency.Used(tenant.key_id, bytes(32), bytes(32))
        await idempotency.keep(conn, tenant.cipher, used, idempotency.Stored(run.id, "{}"))
        ends = await database_time(conn) + timedelta(hours=1)
        await chain_key(conn, the_cipher())
        await keep_token(conn, the_cipher(), tenant.organisation_id, HERE, "a.b.c", ends)
    for column in SEALED:
        there = f"SELECT count(*) FROM {column.table} WHERE {column.column} IS NOT NULL"
        assert await tenant.value(there), f"{column.table}.{column.column} is empty"
    return tenant


def test_every_column_of_bytes_is_known_as_sealed_or_as_something_else() -> None:
    """A new one is listed here, or in app/db/sealed.py, before anything is stored in it."""
    known = {(each.table, each.column) for each in SEALED} | set(PASSING) | DIGESTS | OTHERS
    there = set()
    for table in metadata.sorted_tables:
        for column in table.columns:
            kind = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
            if isinstance(kind, sa.LargeBinary):
                there.add((table.name, column.name))
    assert there == known


async def test_afterwards_the_old_key_may_go_and_everything_is_as_it_was(filled: Tenant) -> None:
    """Every column, with the search, the contents' identity and what is compressed; no time or version moves."""
    before = await everything(filled, the_cipher())
    history = await filled.rows("SELECT to_jsonb(batch) - 'request_sha256' AS row FROM batch ORDER BY id")
    with pytest.raises(KeyUnknown):
        await everything(filled, new_alone())
    await started(filled)
    await worked(filled)
    assert await everything(filled, new_alone()) == before
    assert {key for _, key in await counts(filled)} == {"k2"}
    assert await filled.value("SELECT count(*) FROM task WHERE kind = :kind", kind=SEAL_ANEW) == 0
    assert await filled.rows("SELECT to_jsonb(batch) - 'request_sha256' AS row FROM batch ORDER BY id") == history
    own = await filled.value("SELECT salt || digest_key FROM organisation WHERE id = :id", id=filled.organisation_id)
    anew = new_alone().of(filled.organisation_id, bytes(own))
    assert anew.buckets(["asa"]) == filled.cipher.buckets(["asa"])
    assert anew.digest("persons", filled.key_id, b"x") == filled.cipher.digest("persons", filled.key_id, b"x")
    async with filled.engine.begin() as conn:
        kept = await kept_token(conn, new_alone(), filled.organisation_id, HERE)
    assert kept is not None
    assert kept[0] == "a.b.c"


async def test_it_goes_on_where_a_worker_has_died(filled: Tenant) -> None:
    """Slice by slice, each by a process of its own that does no more: nothing is lost, and it comes to its end."""
    before, task, slices = await everything(filled, the_cipher()), Task(uuid4(), SEAL_ANEW, "k2", None, 1), 0
    while any(key == OLD for _, key in await counts(filled)):
        with pytest.raises(Later):
            await SealAnew(filled.engine, both(), both(), at_a_time=0, together=2).do(task)
        slices += 1
        assert slices < 100
        assert await everything(filled, both()) == before
    assert slices > 5


async def test_what_somebody_has_in_hand_is_waited_for(filled: Tenant) -> None:
    """Nobody waits for the task and it waits for nobody: it comes again."""
    do = SealAnew(filled.engine, both(), both()).do
    async with filled.engine.begin() as conn:
        await conn.execute(sa.text("SELECT FROM webhook FOR UPDATE"))
        with pytest.raises(Later):
            await asyncio.wait_for(do(Task(uuid4(), SEAL_ANEW, "k2", None, 1)), 20)
        assert (await counts(filled))["encryption", OLD] == 3  # its two secrets and what it is for
    await do(Task(uuid4(), SEAL_ANEW, "k2", None, 1))
    assert ("encryption", OLD) not in await counts(filled)


async def test_what_a_process_with_the_old_keys_writes_meanwhile_is_found(filled: Tenant) -> None:
    """Not yet restarted, it stores a roster after the task has been there: the count says so, and it is asked again."""
    await started(filled)
    await worked(filled)
    await filled.store(small_roster())
    assert (await counts(filled))["encryption", OLD] > 0
    await started(filled)
    await worked(filled)
    assert ("encryption", OLD) not in await counts(filled)


async def test_a_roster_that_is_arriving_keeps_its_key(filled: Tenant) -> None:
    """What is staged is content a moment later: until then the key counts, and the task is not done."""
    row = "SELECT organisation_id, digest, sealed FROM content WHERE kind = 'persons' LIMIT 1"
    [content] = await filled.rows(row)
    staged = {"of": content["organisation_id"], "id": uuid4(), "digest": content["digest"], "sealed": content["sealed"]}
    await started(filled)
    await filled.do(
        "INSERT INTO roster_staging (organisation_id, roster_id, kind, object_id, ordinal, source, source_sealed,"
        " words, refs, protected, sendable)"
        " VALUES (:of, :id, 'persons', :id, 0, :digest, :sealed, '{}', '{}', false, false)",
        **staged,
    )
    await worked(filled)
    assert (await counts(filled))["encryption", OLD] == 1
    assert await filled.value("SELECT count(*) FROM task WHERE kind = :kind", kind=SEAL_ANEW) == 1
    await filled.do("DELETE FROM roster_staging")
    await filled.do("UPDATE task SET due_at = clock_timestamp()")
    await worked(filled)
    assert await filled.value("SELECT count(*) FROM task WHERE kind = :kind", kind=SEAL_ANEW) == 0


async def test_a_worker_with_another_first_key_leaves_it(filled: Tenant) -> None:
    """In the middle of a restart of all: none seals back what another has sealed anew."""
    await started(filled)
    await worked(filled, the_cipher())
    assert {key for _, key in await counts(filled)} == {OLD}
    assert await filled.value("SELECT count(*) FROM task WHERE kind = :kind", kind=SEAL_ANEW) == 1


async def test_what_does_not_open_stays_as_it_is_and_keeps_nothing_else(filled: Tenant) -> None:
    """It still counts for its key, which therefore does not go."""
    damaged = "UPDATE content SET sealed = overlay(sealed PLACING '\\x00000000' FROM 20) WHERE digest = :digest"
    [content] = await filled.rows("SELECT digest FROM content WHERE kind = 'persons' ORDER BY digest LIMIT 1")
    await filled.do(damaged, digest=content["digest"])
    await started(filled)
    await worked(filled)
    assert (await counts(filled))["encryption", OLD] == 1
    assert await filled.value("SELECT count(*) FROM task WHERE kind = :kind", kind=SEAL_ANEW) == 0
    with pytest.raises((InvalidTag, KeyUnknown)):
        await everything(filled, both())


@pytest.mark.parametrize("change", ["request_bytes = 1", "request_sha256 = NULL", "http_status = 500, polls = 7"])
async def test_sealing_anew_rewrites_no_history(filled: Tenant, change: str) -> None:
    """The guard lets another seal pass, and nothing else with it."""
    anew = "" if "sha256" in change else ", request_sha256 = request_sha256 || '\\x00'"
    async with filled.engine.connect() as conn:
        await conn.execute(sa.text("SELECT set_config('provkedja.sealing_anew', 'on', true)"))
        with pytest.raises(IntegrityError, match="sealed anew and changed in nothing else"):
            await conn.execute(sa.text(f"UPDATE batch SET {change}{anew}"))


async def test_the_api_cannot_open_a_token(filled: Tenant) -> None:
    """Not with all of its keys: tokens are sealed with keys that workers alone have."""
    async with filled.engine.begin() as conn:
        ends = await database_time(conn) + timedelta(hours=1)
        await keep_token(conn, cipher_of(f"t1:{new_key()}"), filled.organisation_id, HERE, "a.b.c", ends)
        assert await kept_token(conn, the_cipher(), filled.organisation_id, HERE) is None
        sealed = await conn.scalar(sa.text("SELECT token FROM access_token"))
    with pytest.raises(KeyUnknown):
        filled.cipher.open(bytes(sealed), b"token")


async def test_counting_reads_no_more_than_it_is_asked_for(filled: Tenant) -> None:
    async with filled.engine.begin() as conn:
        [encryption, token] = await sealed_with(conn, 2)
    assert (encryption.values, token.values) == (2, 1)


async def test_what_is_sealed_anew_is_no_new_name_and_no_new_pause(filled: Tenant) -> None:
    """Runs show the same, and who polls them is told of no change; of a pause nothing else changes with it."""
    shown = "SELECT version, shown_version FROM activity"
    before = await filled.rows(shown)
    await started(filled)
    await worked(filled)
    assert await filled.rows(shown) == before
    async with filled.engine.connect() as conn:
        await conn.execute(sa.text("SELECT set_config('provkedja.sealing_anew', 'on', true)"))
        with pytest.raises(IntegrityError, match="sealed anew and changed in nothing else"):
            await conn.execute(sa.text("UPDATE pause SET reason_sealed = reason_sealed || '\\x00', made_by = 'x'"))


async def test_a_name_opens_for_its_own_activity_alone(tenant: Tenant) -> None:
    """Who can write in the database moves no name to another activity, and no reason to another pause."""
    one, other = uuid4(), uuid4()
    sealed = seal_text(tenant.cipher, "Prov", name_place(one))
    assert open_text(tenant.cipher, sealed, name_place(one)) == "Prov"
    for place in (name_place(other), reason_place(one)):
        with pytest.raises(InvalidTag):
            open_text(tenant.cipher, sealed, place)
