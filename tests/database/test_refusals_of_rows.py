"""What must never be is refused by the database itself: batches, records, identities, times that a state must have."""

import psycopg
import pytest

from tests.database.seed_states import Names
from tests.database.statements import A_HOLDER, CLAIM, NOW, change, end_rest, new_batch, new_record, refused, run

_UNIT = "gen_random_uuid()"
_ORGANISATION = "(SELECT id FROM organisation LIMIT 1)"


def _new_key(of: str, scopes: str, units: str = "NULL") -> str:
    values = f"gen_random_uuid(), {of}, 'drift', 'h', 'd', '{scopes}', {units}"
    return f"INSERT INTO api_key (id, organisation_id, name, handle, digest, scopes, school_units) VALUES ({values})"


# name of the case: (scene, guard or constraint, statements of which the last one is refused)
_REFUSALS: dict[str, tuple[str, str, list[str]]] = {
    # keys
    **{
        name: ("job.queued", "ck_api_key_scopes", [_new_key(of, scopes)])
        for name, of, scopes in (
            ("an operator's key has another scope", "NULL", "{operator,history}"),
            ("a key of no organisation is no operator's", "NULL", "{history}"),
            ("a key of no organisation has no scope", "NULL", "{}"),
            ("an operator's key is of an organisation", _ORGANISATION, "{history,operator}"),
            ("a key has no scope", _ORGANISATION, "{}"),
            ("a key has a scope that means nothing", _ORGANISATION, "{history,everything}"),
            ("a key has half a scope", _ORGANISATION, "{history,NULL}"),
            ("a key sees names and no history", _ORGANISATION, "{provision,pii}"),
            ("a key sees protected persons and no names", _ORGANISATION, "{history,protected}"),
        )
    },
    **{
        name: ("job.queued", "ck_api_key_narrowed", [_new_key(of, scopes, units)])
        for name, of, scopes, units in (
            ("a key is for no school unit", _ORGANISATION, "{history,pii}", "'{}'"),
            ("a key is for a school unit that nobody knows", _ORGANISATION, "{history,pii}", "'{NULL}'"),
            ("a key of a school unit writes", _ORGANISATION, "{provision,history,pii}", f"ARRAY[{_UNIT}]"),
            ("a key of a school unit administrates", _ORGANISATION, "{history,pii,admin}", f"ARRAY[{_UNIT}]"),
            ("a key of a school unit sees no name", _ORGANISATION, "{history}", f"ARRAY[{_UNIT}]"),
            ("an operator's key is of a school unit", "NULL", "{operator}", f"ARRAY[{_UNIT}]"),
        )
    },
    # batches
    "a batch is written for a job that is queued": ("job.queued", "claim_fence", [new_batch("id")]),
    "a batch is written for a job that waits": ("job.waiting", "claim_fence", [new_batch("id")]),
    "a batch is written for a job that succeeded": ("job.succeeded", "claim_fence", [new_batch("id")]),
    "a batch is written without a claim": ("job.running", "claim_fence", [new_batch("id", fence="NULL")]),
    "a batch is written under an older claim": ("job.running", "claim_fence", [new_batch("id", fence="0")]),
    "a batch is born called": (
        "job.running",
        "batch_starts_written",
        [new_batch("id", status="'called'", called_at=NOW)],
    ),
    "a batch is larger than 200,000 bytes": (
        "job.running",
        "ck_batch_size",
        [new_batch("id", request_bytes="200001")],
    ),
    "a batch has no bytes": ("job.running", "ck_batch_size", [new_batch("id", request_bytes="0")]),
    "a batch has half a hash": ("job.running", "ck_batch_digest", [new_batch("id", request_digest="'x'")]),
    "two batches of a job have one number": (
        "batch.written",
        "uq_batch_organisation_id_job_id_number",
        [new_batch("job", number="1")],
    ),
    **{
        f"a batch changes its {column}": (
            f"batch.{state}",
            "batch_identity",
            [change("batch", f"{column} = {value}")],
        )
        for state, column, value in (
            ("written", "items", "'{y}'"),
            ("called", "request_digest", "sha256('y')"),
            ("accepted", "request_sha256", "'y'"),
            ("accepted", "record_ids", "'{}'"),
            ("accepted", "number", "99"),
        )
    },
    **{
        f"a batch that is {state} is deleted": (
            f"batch.{state}",
            "batch_history",
            ["DELETE FROM batch WHERE id = %(id)s"],
        )
        for state in ("called", "accepted", "answered", "refused", "lost")
    },
    "a batch is called at no time": (
        "batch.written",
        "ck_batch_called_has_its_time",
        [change("batch", "status = 'called'")],
    ),
    "a batch is accepted without its remote job": (
        "batch.called",
        "ck_batch_accepted",
        [change("batch", f"status = 'accepted', next_poll_at = {NOW}")],
    ),
    "a batch is accepted and never asked for": (
        "batch.called",
        "ck_batch_accepted_is_polled",
        [change("batch", "status = 'accepted', remote_job_id = 'x'")],
    ),
    "a batch is lost at no time": (
        "batch.called",
        "ck_batch_finished_has_its_time",
        [change("batch", "status = 'lost'")],
    ),
    # records
    **{
        f"a record that is {state} is deleted": (
            f"record.{state}",
            "record_history",
            ["DELETE FROM record WHERE job_id = %(job)s"],
        )
        for state in ("pending", "sent", "succeeded", "error")
    },
    "a record arrives in a job that has started": ("job.running", "record_arrival", [new_record("id")]),
    "a record arrives in a job that is queued": ("job.queued", "record_arrival", [new_record("id")]),
    "a record arrives in a job that has succeeded": ("job.succeeded", "record_arrival", [new_record("id")]),
    "a record arrives as sent": ("job.waiting", "record_arrival", [new_record("id", status="'sent'", sent="'x'")]),
    "a record arrives in another organisation's job": (
        "hollow",
        "record_arrival",
        [new_record("j2", organisation_id="%(foreign)s")],
    ),
    "a record arrives in another run's job": ("hollow", "record_arrival", [new_record("j2", run_id="%(other)s")]),
    "a record arrives in another kind's job": ("hollow", "record_arrival", [new_record("j2", kind="'groups'")]),
    "a record that breaks the schema leaves": (
        "broken",
        "ck_record_broken_never_leaves",
        [CLAIM.format("job"), "UPDATE record SET status = 'sent', sent = 'x', fence = 1 WHERE job_id = %(job)s"],
    ),
    "a record is sent without its bytes": (
        "record.pending",
        "ck_record_sent_is_kept",
        [change("record", "status = 'sent'")],
    ),
    "a record loses the bytes that were sent": (
        "record.sent",
        "ck_record_sent_is_kept",
        [change("record", "sent = NULL")],
    ),
    "a record ends at no time": ("record.sent", "ck_record_final_has_its_time", [change("record", "status = 'error'")]),
    # identities
    **{
        f"a run changes its {column}": (
            "hollow",
            "run_identity",
            [f"UPDATE run SET {column} = {value} WHERE id = %(id)s"],
        )
        for column, value in {
            "id": "gen_random_uuid()",
            "organisation_id": "%(foreign)s",
            "activity_id": "%(other_activity)s",
            "sequence": "99",
        }.items()
    },
    **{
        f"a job changes its {column}": (
            "hollow",
            "job_identity",
            [f"UPDATE job SET {column} = {value} WHERE id = %(j2)s"],
        )
        for column, value in {
            "id": "gen_random_uuid()",
            "organisation_id": "%(foreign)s",
            "activity_id": "%(other_activity)s",
            "run_id": "%(other)s",
            "position": "3",
            "kind": "'groups'",
        }.items()
    },
    **{
        f"a record changes its {column}": (
            "record.pending",
            "record_identity",
            [change("record", f"{column} = {value}")],
        )
        for column, value in {
            "organisation_id": "gen_random_uuid()",
            "job_id": "gen_random_uuid()",
            "object_id": "gen_random_uuid()",
            "run_id": "gen_random_uuid()",
            "kind": "'groups'",
            "ordinal": "99",
        }.items()
    },
    # times that a state must or must not have
    "a job ends at no time": (
        "hollow",
        "ck_job_finished_has_its_time",
        ["UPDATE job SET status = 'blocked' WHERE id = %(j2)s"],
    ),
    "a job is queued and never due": (
        "job.queued",
        "ck_job_live_is_due",
        ["UPDATE job SET due_at = NULL WHERE id = %(id)s"],
    ),
    "a job that waits is held": (
        "job.waiting",
        "ck_job_held_only_while_running",
        [f"UPDATE job SET holder = {A_HOLDER} WHERE id = %(id)s"],
    ),
    "a run ends at no time": (
        "hollow",
        "ck_run_finished_has_its_time",
        [end_rest("cancelled"), "UPDATE run SET status = 'cancelled' WHERE id = %(id)s"],
    ),
    "a run starts at no time": (
        "hollow",
        "ck_run_started",
        ["UPDATE run SET started_at = NULL WHERE id = %(id)s"],
    ),
}


@pytest.mark.parametrize("case", _REFUSALS)
def test_the_database_refuses(cursor: psycopg.Cursor, scenes: dict[str, Names], case: str) -> None:
    scene, guard, statements = _REFUSALS[case]
    for statement in statements[:-1]:
        run(cursor, statement, scenes[scene])
    assert refused(cursor, statements[-1], scenes[scene]) == guard


def test_a_batch_that_has_not_left_can_be_taken_back(cursor: psycopg.Cursor, scenes: dict[str, Names]) -> None:
    run(cursor, "DELETE FROM batch WHERE id = %(id)s", scenes["batch.written"])
