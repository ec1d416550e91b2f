"""Batches: what leaves is written down first, byte for byte, and what was answered decides about each record."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from app.db import answers, batches, next_batch
from app.db.claims import Claim
from app.db.content import open_contents
from app.domain.batching import encode
from app.domain.envelope import unfold
from app.domain.verdicts import RecordChange
from app.skolverket.published import BODY_FORM, PUBLISHED
from tests.database.factories import MINUTE, Object, Run, Tenant, duty, exam, group, is_open, pupil

NOTHING = timedelta()


async def _record(tenant: Tenant, object_id: object) -> dict[str, Any]:
    [row] = await tenant.rows(
        "SELECT *, due_at - clock_timestamp() AS due_in FROM record WHERE object_id = :id", id=UUID(str(object_id))
    )
    return row


async def _records(tenant: Tenant, held: Claim) -> list[dict[str, Any]]:
    return await tenant.rows("SELECT * FROM record WHERE job_id = :job ORDER BY ordinal", job=held.job_id)


async def _batch(tenant: Tenant, batch_id: UUID) -> dict[str, Any]:
    [row] = await tenant.rows("SELECT * FROM batch WHERE id = :batch", batch=batch_id)
    return row


def _codes(row: dict[str, Any]) -> list[str]:
    return [issue["code"] for issue in row["issues"] or []]


async def _claimed(tenant: Tenant, persons: Sequence[Object]) -> tuple[Run, Claim]:
    run = await tenant.new_run({"persons": persons})
    return run, await tenant.claim(run.jobs[0])


async def _after_failures(
    tenant: Tenant, roster: Mapping[str, Sequence[Object]], failed: Sequence[Object], position: int
) -> Claim:
    """Gives the claim of a later job after some objects of the stages before it ended in error."""
    run = await tenant.new_run(roster, "continue")
    for job_id in run.jobs[: position - 1]:
        await tenant.play(job_id, {item["id"]: "error" for item in failed})
    return await tenant.claim(run.jobs[position - 1])


# Writing


async def _content(tenant: Tenant, digest: bytes) -> bytes:
    """Reads one content, opened."""
    async with tenant.engine.connect() as conn:
        [plain] = (await open_contents(conn, tenant.cipher, [bytes(digest)])).values()
    return plain


async def test_a_batch_is_what_its_records_were_sent_as(tenant: Tenant) -> None:
    """The bytes, their hash and size, the items and each record's `sent` are one and the same."""
    persons = [pupil(givenName="Zoë"), pupil(securityMarking="Ingen", middleName="Å"), pupil()]
    _, held = await _claimed(tenant, persons)
    out = await tenant.written(held)
    row = await _batch(tenant, out.id)
    assert out.body == b'{"data":[' + b",".join(encode(person) for person in persons) + b"]}"
    assert b'{"data":[' + b",".join([await _content(tenant, each) for each in row["items"]]) + b"]}" == out.body
    assert (row["request_bytes"], row["request_digest"]) == (
        len(out.body),
        tenant.cipher.digest("batch", out.id, out.body),
    )
    assert tenant.cipher.open(row["request_sha256"], out.id.bytes) == hashlib.sha256(out.body).digest()
    assert (row["status"], row["number"], row["called_at"]) == ("written", 1, None)
    assert row["record_ids"] == [UUID(person["id"]) for person in persons]
    sent = [await _content(tenant, record["sent"]) for record in await _records(tenant, held)]
    assert sent == [encode(person) for person in persons]
    assert {(record["status"], record["attempts"]) for record in await _records(tenant, held)} == {("sent", 1)}


async def test_read_only_fields_stay_here_and_the_keys_keep_their_order(tenant: Tenant) -> None:
    person = {"meta": {"created": "x"}, **dict(reversed(pupil().items())), "provisioningStatus": True}
    _, held = await _claimed(tenant, [person])
    [item] = json.loads((await tenant.written(held)).body)["data"]
    assert list(item) == [key for key in person if key not in {"meta", "provisioningStatus"}]


async def test_batches_go_in_the_rosters_order_and_none_is_over_200_000_bytes(tenant: Tenant) -> None:
    """Each is as full as its records allow: the next one would not have fitted."""
    persons = [pupil(middleName="å" * 400 * (1 + number % 7)) for number in range(250)]
    run, held = await _claimed(tenant, persons)
    bodies = []
    while (out := await tenant.write(held)) is not None:
        bodies.append(out.body)
    assert len(bodies) > 2
    assert [item for body in bodies for item in json.loads(body)["data"]] == persons
    for body, following in pairwise(bodies):
        assert len(body) <= BODY_FORM.max_bytes < len(body) + 1 + len(encode(json.loads(following)["data"][0]))
    rows = await tenant.rows("SELECT number FROM batch ORDER BY number")
    assert [row["number"] for row in rows] == list(range(1, len(bodies) + 1))
    assert len(await run.objects(1)) == 250


async def test_a_batch_takes_more_records_than_are_read_at_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them once: every reading begins behind the one before."""
    monkeypatch.setattr(next_batch, "_SLICE", 2)
    persons = [pupil() for _ in range(5)]
    _, held = await _claimed(tenant, persons)
    assert json.loads((await tenant.written(held)).body)["data"] == persons
    assert await tenant.write(held) is None


async def test_a_record_of_exactly_200_000_bytes_goes_and_one_of_a_byte_more_does_not(tenant: Tenant) -> None:
    def sized(size: int) -> Object:
        person = pupil(middleName="")
        return person | {"middleName": "x" * (size - len(encode(person)) - len(b'{"data":[]}'))}

    largest, too_large, other = sized(BODY_FORM.max_bytes), sized(BODY_FORM.max_bytes + 1), pupil()
    _, held = await _claimed(tenant, [too_large, largest, other])
    assert len((await tenant.written(held)).body) == BODY_FORM.max_bytes
    refused = await _record(tenant, too_large["id"])
    assert (refused["status"], _codes(refused), refused["sent"], refused["received"]) == (
        *("error", ["too_large"], None, None),
    )
    assert json.loads((await tenant.written(held)).body)["data"] == [other]


async def test_a_record_that_breaks_the_schema_never_leaves(tenant: Tenant) -> None:
    broken, fine = pupil(civicNo=None), pupil()
    _, held = await _claimed(tenant, [broken, fine])
    async with tenant.engine.begin() as conn:
        await batches.open_job(conn, held)
    assert json.loads((await tenant.written(held)).body)["data"] == [fine]
    row = await _record(tenant, broken["id"])
    assert (row["status"], row["sent"], row["received"], _codes(row)) == ("error", None, None, ["schema_null"])


async def test_a_duty_without_its_person_is_skipped(tenant: Tenant) -> None:
    failed, fine = pupil(), pupil()
    lost, kept, foreign = duty(failed), duty(fine), duty(pupil())
    roster = {"persons": [failed, fine], "duties": [lost, kept, foreign]}
    held = await _after_failures(tenant, roster, [failed], 2)
    assert json.loads((await tenant.written(held)).body)["data"] == [kept, foreign]
    row = await _record(tenant, lost["id"])
    assert (row["status"], row["sent"], row["received"]) == ("skipped", None, None)
    assert row["issues"] == [{"code": "blocked_by", "severity": "error", "ids": [failed["id"]]}]


async def test_a_group_goes_as_it_is(tenant: Tenant) -> None:
    failed = pupil()
    its_class = group(failed, pupil())
    held = await _after_failures(tenant, {"persons": [failed], "groups": [its_class]}, [failed], 3)
    assert json.loads((await tenant.written(held)).body)["data"] == [its_class]


async def test_an_activity_goes_without_what_failed_and_ends_in_warning(tenant: Tenant) -> None:
    """Its `sent` is what went out, not what the roster has; Skolverket's plain success becomes a warning of ours."""
    one, teacher = pupil(), pupil()
    lost, kept, teaching = group(one), group(one), duty(teacher)
    activity = exam([lost, kept], [teaching])
    roster = {"persons": [one, teacher], "duties": [teaching], "groups": [lost, kept], "activities": [activity]}
    held = await _after_failures(tenant, roster, [lost, teaching], 4)
    batch_id = await tenant.accepted(held)
    row = await _record(tenant, activity["id"])
    sent = json.loads(await _content(tenant, row["sent"]))
    assert sent == activity | {"groups": [{"id": kept["id"]}], "teachers": []}
    assert list(sent) == list(activity)
    assert row["issues"] == [{"code": "sent_without", "severity": "warning", "ids": [lost["id"], teaching["id"]]}]
    await tenant.answer(held, batch_id)
    assert (await _record(tenant, activity["id"]))["status"] == "warning"


async def test_an_activity_without_any_of_its_groups_is_skipped(tenant: Tenant) -> None:
    one = pupil()
    lost = group(one)
    activity = exam([lost])
    roster = {"persons": [one], "groups": [lost], "activities": [activity]}
    held = await _after_failures(tenant, roster, [lost], 4)
    assert await tenant.write(held) is None
    row = await _record(tenant, activity["id"])
    assert (row["status"], _codes(row)) == ("skipped", ["blocked_by"])


async def test_what_a_skipped_record_blocks_is_blocked_too(tenant: Tenant) -> None:
    """A teacher's person failed, so the duty was skipped, so the activity goes without the teacher."""
    one, teacher = pupil(), pupil()
    its_class, teaching = group(one), duty(teacher)
    activity = exam([its_class], [teaching])
    roster = {"persons": [one, teacher], "duties": [teaching], "groups": [its_class], "activities": [activity]}
    held = await _after_failures(tenant, roster, [teacher], 4)
    assert json.loads((await tenant.written(held)).body)["data"] == [activity | {"teachers": []}]


async def test_another_runs_failures_block_nobody(tenant: Tenant) -> None:
    failed = pupil()
    teaching = duty(failed)
    roster = {"persons": [failed], "duties": [teaching]}
    await _after_failures(tenant, roster, [failed], 2)
    held = await _after_failures(tenant, roster, [], 2)
    assert json.loads((await tenant.written(held)).body)["data"] == [teaching]


async def test_a_cancelled_run_writes_and_sends_nothing(tenant: Tenant) -> None:
    run, held = await _claimed(tenant, [pupil(middleName="x" * 150_000), pupil(middleName="x" * 150_000)])
    out = await tenant.written(held)
    await run.cancel()
    before = await tenant.dump()
    assert await tenant.write(held) is None
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id) is None
    assert await tenant.dump() == before


async def test_records_that_are_not_due_stay(tenant: Tenant) -> None:
    later, now = pupil(), pupil()
    _, held = await _claimed(tenant, [later, now])
    batch_id = await tenant.accepted(held)
    changes = [
        RecordChange(UUID(later["id"]), "pending", again_in=MINUTE, faulty=True),
        RecordChange(UUID(now["id"]), "pending", again_in=NOTHING, faulty=True),
    ]
    async with tenant.engine.begin() as conn:
        await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", changes, NOTHING)
    out = await tenant.written(held)
    assert json.loads(out.body)["data"] == [now]
    assert await tenant.write(held) is None


# Leaving


async def test_a_batch_leaves_with_the_bytes_that_were_written(tenant: Tenant) -> None:
    _, held = await _claimed(tenant, [pupil()])
    out = await tenant.written(held)
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id) == out
    row = await _batch(tenant, out.id)
    assert row["status"] == "called"
    assert row["called_at"] is not None


async def test_what_took_a_batch_is_noted_at_once(tenant: Tenant) -> None:
    _, held = await _claimed(tenant, [pupil()])
    batch_id, remote = await tenant.called(held), str(uuid4())
    async with tenant.engine.begin() as conn:
        await answers.accept_batch(conn, held, batch_id, 202, remote, MINUTE)
    row = await _batch(tenant, batch_id)
    assert (row["status"], row["http_status"], row["remote_job_id"]) == ("accepted", 202, remote)
    assert timedelta(seconds=59) < row["next_poll_at"] - row["answered_at"] <= timedelta(seconds=61)


async def test_a_question_can_be_put_off(tenant: Tenant) -> None:
    _, held = await _claimed(tenant, [pupil()])
    batch_id = await tenant.accepted(held)
    before = (await _batch(tenant, batch_id))["next_poll_at"]
    async with tenant.engine.begin() as conn:
        await answers.postpone_poll(conn, held, batch_id, MINUTE)
    assert (await _batch(tenant, batch_id))["next_poll_at"] - before >= timedelta(seconds=59)


# Answers


@pytest.mark.parametrize("verdict", ["succeeded", "warning", "error"])
async def test_a_verdict_is_the_records_end(tenant: Tenant, verdict: str) -> None:
    person = pupil()
    _, held = await _claimed(tenant, [person])
    batch_id = await tenant.accepted(held)
    received, answer = b'{"x":1}', b'{"responses":[{"x":1}]}'
    async with tenant.engine.begin() as conn:
        seen = await answers.apply_answer(
            conn,
            tenant.cipher,
            held,
            batch_id,
            answer,
            [RecordChange(UUID(person["id"]), verdict, received=received)],
            MINUTE,
        )
    assert not is_open(seen, batch_id)
    row, batch = await _record(tenant, person["id"]), await _batch(tenant, batch_id)
    assert (row["status"], await _content(tenant, row["received"])) == (verdict, received)
    assert row["completed_at"] is not None
    assert (batch["status"], batch["polls"], batch["next_poll_at"]) == ("answered", 1, None)
    envelope = await _content(tenant, batch["answer"])
    assert received not in envelope, "an item's answer is stored once"
    assert unfold(envelope, {bytes(row["received"]): received}) == answer


async def test_an_answer_to_some_of_a_batch_keeps_it_open(tenant: Tenant) -> None:
    """What is known is stored at once; the rest is asked for again, and the last answer closes the batch."""
    first, second = pupil(), pupil()
    _, held = await _claimed(tenant, [first, second])
    batch_id = await tenant.accepted(held)
    for person, waiting, status in ((first, True, "accepted"), (second, False, "answered")):
        async with tenant.engine.begin() as conn:
            change = RecordChange(UUID(person["id"]), "succeeded")
            seen = await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", [change], MINUTE)
        assert is_open(seen, batch_id) is waiting
        assert (await _record(tenant, person["id"]))["status"] == "succeeded"
        assert (await _batch(tenant, batch_id))["status"] == status
    assert (await _batch(tenant, batch_id))["polls"] == 2


async def test_a_passing_fault_at_skolverket_sends_the_record_again(tenant: Tenant) -> None:
    person = pupil()
    _, held = await _claimed(tenant, [person])
    batch_id = await tenant.accepted(held)
    change = RecordChange(UUID(person["id"]), "pending", again_in=MINUTE, faulty=True)
    async with tenant.engine.begin() as conn:
        seen = await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", [change], MINUTE)
    assert not is_open(seen, batch_id)
    row = await _record(tenant, person["id"])
    assert (row["status"], row["completed_at"], row["attempts"]) == ("pending", None, 1)
    assert timedelta(seconds=50) < row["due_in"] <= MINUTE
    assert row["failed_at"] is not None
    assert (await _batch(tenant, batch_id))["status"] == "answered"


async def test_issues_of_an_earlier_sending_go_with_the_next_one(tenant: Tenant) -> None:
    one, teacher = pupil(), pupil()
    lost, kept = group(one), group(one)
    activity = exam([lost, kept])
    roster = {"persons": [one, teacher], "groups": [lost, kept], "activities": [activity]}
    held = await _after_failures(tenant, roster, [lost], 4)
    for _ in range(2):
        batch_id = await tenant.called(held)
        async with tenant.engine.begin() as conn:
            await answers.mark_lost(conn, held, batch_id, "timeout", NOTHING)
    assert _codes(await _record(tenant, activity["id"])) == ["sent_without"]


async def test_only_the_batch_in_which_a_record_left_last_answers_for_it(tenant: Tenant) -> None:
    """The first one is still open for the other record; its loss does not touch the one that went again."""
    again, slow = pupil(), pupil()
    _, held = await _claimed(tenant, [again, slow])
    first = await tenant.accepted(held)
    change = RecordChange(UUID(again["id"]), "pending", again_in=NOTHING, faulty=True)
    async with tenant.engine.begin() as conn:
        seen = await answers.apply_answer(conn, tenant.cipher, held, first, b"{}", [change], NOTHING)
    assert is_open(seen, first)
    second = await tenant.accepted(held)
    async with tenant.engine.connect() as conn:
        found = [await answers.accepted_batch(conn, held, each) for each in (first, second)]
    awaited = [each for each in found if each is not None]
    assert [set(each.waiting) for each in awaited] == [{UUID(slow["id"])}, {UUID(again["id"])}]
    assert awaited[0].record_ids == {UUID(again["id"]), UUID(slow["id"])}
    assert [each.polls for each in awaited] == [1, 0]
    assert awaited[0].waiting[UUID(slow["id"])] <= NOTHING < awaited[1].waiting[UUID(again["id"])]
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, first, "no_answer", None)
        assert await answers.accepted_batch(conn, held, first) is None, "it is no longer waited for"
    assert (await _record(tenant, slow["id"]))["status"] == "error"
    assert (await _record(tenant, again["id"]))["status"] == "sent"
    assert await tenant.answer(held, second) is False


# Refusals


async def test_a_refused_batch_is_halved_until_the_culprit_stands_alone(tenant: Tenant) -> None:
    """Sizes 5, then 3 and 2 and so on; the one that is refused alone ends in error with Skolverket's words."""
    persons = [pupil() for _ in range(5)]
    culprit = persons[3]["id"]
    _, held = await _claimed(tenant, persons)
    sizes = []
    while (out := await tenant.write(held)) is not None:
        items = json.loads(out.body)["data"]
        sizes.append(len(items))
        assert len(sizes) < 10, "halving does not come to its end"
        async with tenant.engine.begin() as conn:
            await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id)
        if culprit in [item["id"] for item in items]:
            async with tenant.engine.begin() as conn:
                await answers.refuse_batch(conn, tenant.cipher, held, out.id, 400, b'[{"id":"9"}]', {}, PUBLISHED.codes)
        else:
            async with tenant.engine.begin() as conn:
                await answers.accept_batch(conn, held, out.id, 202, str(uuid4()), NOTHING)
            await tenant.answer(held, out.id)
    assert sizes == [5, 3, 2, 1, 1]
    rows = await _records(tenant, held)
    assert [row["status"] for row in rows] == ["succeeded"] * 3 + ["error", "succeeded"]
    row = rows[3]
    assert _codes(row) == ["refused_batch"]
    received = await _content(tenant, row["received"])
    assert received == b'[{"id":"9"}]'


async def test_whom_a_refusal_blames_ends_alone_and_the_others_go_again(tenant: Tenant) -> None:
    """The culprit keeps only what was said of it."""
    persons = [pupil() for _ in range(3)]
    culprit = UUID(persons[1]["id"])
    _, held = await _claimed(tenant, persons)
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        blamed = {culprit: b'[{"id":"3047"}]'}
        await answers.refuse_batch(conn, tenant.cipher, held, batch_id, 400, b"[1, 2]", blamed, PUBLISHED.codes)
    rows = await _records(tenant, held)
    assert [(row["status"], row["max_together"]) for row in rows] == [
        ("pending", None),
        ("error", None),
        ("pending", None),
    ]
    received = await _content(tenant, rows[1]["received"])
    assert received == blamed[culprit]
    assert [row["codes"] for row in rows] == [None, ["refused_batch", "3047"], None]


async def test_a_refusal_is_kept_with_its_batch(tenant: Tenant) -> None:
    _, held = await _claimed(tenant, [pupil(), pupil()])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.refuse_batch(conn, tenant.cipher, held, batch_id, 413, b"[5020]", {}, PUBLISHED.codes)
    row = await _batch(tenant, batch_id)
    assert (row["status"], row["http_status"], row["error"]) == ("refused", 413, "http_413")
    assert await _content(tenant, row["answer"]) == b"[5020]"
    assert {(r["status"], r["max_together"], r["failed_at"]) for r in await _records(tenant, held)} == {
        ("pending", 1, None)
    }


async def test_after_a_passing_refusal_the_records_go_again_together(tenant: Tenant) -> None:
    person = pupil()
    _, held = await _claimed(tenant, [person, pupil()])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.requeue_batch(conn, tenant.cipher, held, batch_id, 503, b"[]", MINUTE)
    row = await _record(tenant, person["id"])
    assert (row["status"], row["max_together"]) == ("pending", None)
    assert timedelta(seconds=50) < row["due_in"] <= MINUTE
    assert row["failed_at"] is not None
    assert (await _batch(tenant, batch_id))["status"] == "refused"


async def test_a_lost_batch_sends_its_records_again(tenant: Tenant) -> None:
    person = pupil()
    _, held = await _claimed(tenant, [person])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, batch_id, "timeout", NOTHING)
    row, batch = await _record(tenant, person["id"]), await _batch(tenant, batch_id)
    assert (row["status"], row["issues"]) == ("pending", None)
    assert (batch["status"], batch["error"], batch["answer"]) == ("lost", "timeout", None)
    again = await tenant.written(held)
    assert json.loads(again.body)["data"] == [person]
    assert (await _record(tenant, person["id"]))["attempts"] == 2
    assert (await _batch(tenant, again.id))["number"] == 2


async def test_a_lost_batch_without_another_try_ends_its_records(tenant: Tenant) -> None:
    """Only those that still wait: what an earlier answer has settled stays."""
    first, second = pupil(), pupil()
    _, held = await _claimed(tenant, [first, second])
    batch_id = await tenant.accepted(held)
    async with tenant.engine.begin() as conn:
        change = RecordChange(UUID(first["id"]), "succeeded")
        await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", [change], NOTHING)
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, batch_id, "no_answer", None)
    assert (await _record(tenant, first["id"]))["status"] == "succeeded"
    row = await _record(tenant, second["id"])
    assert (row["status"], _codes(row)) == ("error", ["no_answer"])


async def test_what_a_dead_worker_left_without_an_answer_goes_again(tenant: Tenant) -> None:
    """Called batches only: a written one has not left, an accepted one can be asked for."""
    persons = [pupil(middleName="x" * 150_000) for _ in range(3)]
    _, held = await _claimed(tenant, persons)
    accepted, called = await tenant.accepted(held), await tenant.called(held)
    written = (await tenant.written(held)).id
    async with tenant.engine.begin() as conn:
        await batches.open_job(conn, held)
    assert [(await _batch(tenant, each))["status"] for each in (accepted, called, written)] == [
        *("accepted", "lost", "written")
    ]
    assert [row["status"] for row in await _records(tenant, held)] == ["sent", "pending", "sent"]
    assert json.loads((await tenant.written(held)).body)["data"] == [persons[1]]


async def test_batches_that_have_not_left_can_be_taken_back(tenant: Tenant) -> None:
    persons = [pupil(middleName="x" * 150_000) for _ in range(2)]
    _, held = await _claimed(tenant, persons)
    called, _ = await tenant.called(held), await tenant.written(held)
    async with tenant.engine.begin() as conn:
        await batches.discard_unsent(conn, held)
    assert [row["id"] for row in await tenant.rows("SELECT id FROM batch")] == [called]
    rows = await _records(tenant, held)
    assert [(row["status"], row["failed_at"]) for row in rows] == [("sent", None), ("pending", None)]


async def test_a_job_that_ends_without_its_answers_closes_what_is_out(tenant: Tenant) -> None:
    """Then the database lets it end: its records are pending again, nothing of it is open."""
    persons = [pupil(middleName="x" * 150_000) for _ in range(3)]
    _, held = await _claimed(tenant, persons)
    accepted, called = await tenant.accepted(held), await tenant.called(held)
    await tenant.written(held)
    async with tenant.engine.begin() as conn:
        await answers.abandon_outstanding(conn, held, "no_contact")
    rows = await tenant.rows("SELECT id, status, error FROM batch ORDER BY number")
    assert [tuple(row.values()) for row in rows] == [
        (accepted, "lost", "no_contact"),
        (called, "lost", "no_contact"),
    ]
    assert {row["status"] for row in await _records(tenant, held)} == {"pending"}
    assert await tenant.finish(held, "failed") == []


async def test_giving_up_ends_what_has_not_left_and_nothing_else(tenant: Tenant) -> None:
    """A batch that is written does not leave any more, and its records end as those do that are in none."""
    persons = [pupil(middleName="x" * 150_000) for _ in range(4)]
    _, held = await _claimed(tenant, persons)
    answered = await tenant.accepted(held)
    await tenant.answer(held, answered)
    called = await tenant.called(held)
    await tenant.written(held)
    async with tenant.engine.begin() as conn:
        await batches.expire(conn, held)
    rows = await _records(tenant, held)
    assert [(row["status"], _codes(row)) for row in rows] == [
        *(("succeeded", []), ("sent", [])),
        *[("error", ["gave_up"])] * 2,
    ]
    assert [row["id"] for row in await tenant.rows("SELECT id FROM batch ORDER BY number")] == [answered, called]


async def test_a_claim_on_another_job_writes_no_batch_of_this_one(tenant: Tenant) -> None:
    """Its number is the same, its own job is held: the database looks at the batch's job."""
    _, held = await _claimed(tenant, [pupil()])
    _, other = await _claimed(tenant, [pupil()])
    batch_id = await tenant.called(held)
    await tenant.die(held)
    await tenant.claim(held.job_id)

    async def accept() -> None:
        async with tenant.engine.begin() as conn:
            await answers.accept_batch(conn, other, batch_id, 202, "x", NOTHING)

    with pytest.raises(IntegrityError, match="claim"):
        await accept()
    assert (await _batch(tenant, batch_id))["status"] == "lost"
