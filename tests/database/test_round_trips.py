"""What is noted of a batch takes one round trip to Postgres, and one function that does all of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import statement
from app.domain.conclusion import Expire, Fault, Finish, Hold, Snooze
from app.domain.intents import (
    AbandonOutstanding,
    AcceptBatch,
    ApplyAnswer,
    LoadBatch,
    LoadUnanswered,
    LoadUnasked,
    MarkLost,
    NoteArrived,
    NoteAtTarget,
    NoteFault,
    PostponePoll,
    RefreshWork,
    RefuseBatch,
    RequeueBatch,
    Transaction,
    UnmarkCalled,
    WriteBatch,
)
from app.domain.open_work import JobSnapshot
from app.domain.verdicts import RecordChange
from app.jobs.transactions import carry_out, settle
from app.skolverket.published import PUBLISHED
from tests.database.drain import RULES
from tests.database.factories import MINUTE, Tenant, pupil

# For each kind of intent, in which state its batch is, and how it is made of the batch and one of its records.
_INTENTS: dict[type[Transaction], tuple[str, Callable[[UUID, UUID], Transaction]]] = {
    RefreshWork: ("called", lambda batch, record: RefreshWork()),
    AcceptBatch: ("called", lambda batch, record: AcceptBatch(batch, 202, "7", MINUTE)),
    RefuseBatch: ("called", lambda batch, record: RefuseBatch(batch, 400, b"[1]", {record: b"1", uuid4(): b"2"})),
    RequeueBatch: ("called", lambda batch, record: RequeueBatch(batch, 503, b"[]", MINUTE)),
    MarkLost: ("called", lambda batch, record: MarkLost(batch, "timeout", MINUTE)),
    UnmarkCalled: ("called", lambda batch, record: UnmarkCalled(batch)),
    Expire: ("accepted", lambda batch, record: Expire("timeout")),
    AbandonOutstanding: ("accepted", lambda batch, record: AbandonOutstanding("no_contact")),
    LoadBatch: ("accepted", lambda batch, record: LoadBatch(batch)),
    PostponePoll: ("accepted", lambda batch, record: PostponePoll(batch, MINUTE)),
    ApplyAnswer: (
        "accepted",
        lambda batch, record: ApplyAnswer(
            batch,
            b"{}",
            [RecordChange(record, "succeeded", received=b"1")],
            MINUTE,
            MarkLost(batch, "answer_incomplete", MINUTE),
            MINUTE,
        ),
    ),
    LoadUnasked: ("accepted", lambda batch, record: LoadUnasked()),
    NoteAtTarget: ("accepted", lambda batch, record: NoteAtTarget([record], {record})),
    LoadUnanswered: ("accepted", lambda batch, record: LoadUnanswered(-1)),
    NoteArrived: ("accepted", lambda batch, record: NoteArrived([record])),
    NoteFault: ("accepted", lambda batch, record: NoteFault(Fault("timeout"))),
    Snooze: ("accepted", lambda batch, record: Snooze(MINUTE)),
    Hold: ("none", lambda batch, record: Hold()),
    Finish: ("none", lambda batch, record: Finish("failed", "no_contact")),
}


@contextmanager
def _counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Gives the list that grows by each statement which the engine sends."""
    sent: list[str] = []

    def note(conn: Any, cursor: Any, said: str, *rest: Any) -> None:
        sent.append(said)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)


def test_each_is_held_to_one_statement_but_for_the_writing_of_a_batch() -> None:
    assert set(_INTENTS) == {*get_args(Transaction)} - {WriteBatch}


async def test_a_batch_is_read_by_one_statement_and_written_by_another(tenant: Tenant) -> None:
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    with _counted(tenant.engine) as sent:
        async with statement(tenant.engine, "test") as conn:
            stored = await carry_out(conn, tenant.cipher, PUBLISHED, held, WriteBatch(), RULES)
    assert stored.result is True
    assert stored.work is not None
    assert [each.status for each in stored.work.batches] == ["written"]
    assert ["write_batch(" in said for said in sent] == [False, True]


@pytest.mark.parametrize("kind", _INTENTS)
async def test_one_statement_does_it_and_gives_what_is_open(tenant: Tenant, kind: type[Transaction]) -> None:
    run = await tenant.new_run(policy="continue")
    held = await tenant.claim(run.jobs[0])
    state, make = _INTENTS[kind]
    batch_id = uuid4()
    if state != "none":
        batch_id = await (tenant.called(held) if state == "called" else tenant.accepted(held))
    intent = make(batch_id, UUID((await run.objects(1))[0]))
    with _counted(tenant.engine) as sent:
        async with statement(tenant.engine, "test") as conn:
            if isinstance(intent, Snooze | Hold | Finish):
                await settle(conn, held, intent)
                work = None
            else:
                work = (await carry_out(conn, tenant.cipher, PUBLISHED, held, intent, RULES)).work
    assert len(sent) == 1
    if isinstance(intent, ApplyAnswer):
        assert work is not None
        assert work.usual_answer == MINUTE
    assert isinstance(work, JobSnapshot) == (kind not in {LoadBatch, LoadUnanswered, LoadUnasked, Snooze, Hold, Finish})


async def test_of_a_refusal_only_what_is_said_of_records_of_the_batch_is_kept(tenant: Tenant) -> None:
    """A record that stood alone is known by the first of two statements, and what was answered is said of it."""
    run = await tenant.new_run({"persons": [pupil()]})
    held = await tenant.claim(run.jobs[0])
    intent = RefuseBatch(await tenant.called(held), 400, b"[1]", {uuid4(): b"2"})
    before = await tenant.value("SELECT count(*) FROM content")
    with _counted(tenant.engine) as sent:
        async with statement(tenant.engine, "test") as conn:
            await carry_out(conn, tenant.cipher, PUBLISHED, held, intent, RULES)
    assert len(sent) == 2
    assert await tenant.value("SELECT count(*) FROM content") == before + 2
    assert await tenant.value("SELECT status FROM record") == "error"
