"""Faults of batches: how they are put together and written down, what leaves, what is dropped and what is given up."""

from typing import Final

from tests.mutants.fault import Fault

BATCHES: Final = (
    Fault(
        "a batch is full after one reading",
        "full = full or len(rows) < _SLICE",
        "full = True",
        ("batches",),
    ),
    Fault(
        "a reading begins with the last record of the one before",
        "AND sendable AND ordinal > :after",
        "AND sendable AND ordinal >= :after",
        ("batches",),
    ),
    Fault(
        "what waits for another run's answer is written all the same",
        "under_way=row.wait is not None",
        "under_way=False",
        ("uploads",),
    ),
    Fault(
        "a cancelled run writes another batch",
        "    IF FOUND THEN\n        RETURN jsonb_build_array(false",
        "    IF false THEN\n        RETURN jsonb_build_array(false",
        ("batches",),
    ),
    Fault(
        "a batch is noted as called before its bytes are checked",
        "    body = kept.body if kept else await _body(conn, cipher, published, batch_id)\n",
        "    try:\n        body = await _body(conn, cipher, published, batch_id)\n    except Unusable:\n"
        '        values = {**keys(claim), "batch": batch_id}\n'
        '        await call_verb(conn, "mark_called(:organisation, :job, :claim, :batch)", values)\n'
        "        raise\n",
        ("faults",),
    ),
    Fault(
        "the bytes of a batch are not checked",
        'if cipher.digest("batch", batch_id, body) != bytes(items[0].request_digest):',
        "if False:",
        ("faults",),
    ),
    Fault(
        "what has been given up leaves all the same",
        "    PERFORM discard_unsent(of_organisation, of_job, of_claim, NULL);\n    -- A range",
        "    -- A range",
        ("batches",),
    ),
    Fault(
        "what has been given up is asked about for ever",
        "object_id, false FROM record\n    WHERE",
        "object_id, false FROM record\n    WHERE false AND",
        ("batches",),
    ),
    Fault(
        "what is dropped keeps its attempt",
        "attempts = attempts - 1, fence",
        "fence",
        ("batches",),
    ),
    Fault(
        "what is dropped forgets an earlier sending",
        "sent = CASE WHEN attempts > 1 THEN sent END",
        "sent = NULL",
        ("batches",),
    ),
    Fault(
        "what stayed here counts as having left",
        "    UPDATE batch SET status = 'written', called_at = NULL, fence = of_claim WHERE",
        "    UPDATE batch SET status = 'called', fence = of_claim WHERE",
        ("batches",),
    ),
    Fault(
        "a record is left sent",
        "    RETURN left_sent;",
        "    RETURN left_sent[2:];",
        ("batches",),
    ),
    Fault(
        "an answer counts for another batch's records",
        "WHERE one.status = 'sent' AND one.batch_id = batch.id\n                    ) AS waiting",
        "WHERE one.status = 'sent'\n                    ) AS waiting",
        ("batches",),
    ),
)
