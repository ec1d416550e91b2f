"""What Skolverket's answer about a batch means for its records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

from app.db.answers import Awaited
from app.db.cipher import Cipher
from app.db.claims import Claim
from app.db.records import Change
from app.domain.outcome import Verdict, judge
from app.domain.remarks import remark
from app.domain.retry import wait_after_fault
from app.skolverket.wire import ItemAnswer, item_answers


@dataclass(frozen=True, slots=True)
class Read:
    """Changes of records, whether the answer is unfinished, and how many objects in it are none of the batch's."""

    changes: Sequence[Change]
    unfinished: bool
    foreign: int


def read_answer(answer: bytes, batch: Awaited, claim: Claim, cipher: Cipher, random: Random) -> Read:
    """Reads what an answer says of records that still wait for it; raises TryAgain when it can't be read."""
    changes: dict[UUID, Change] = {}
    foreign, unfinished = 0, False
    for item in item_answers(answer):
        foreign += item.object_id not in batch.record_ids
        if item.object_id not in batch.waiting:
            continue
        change = _change(item, wait_after_fault(batch.waiting[item.object_id], None, random), claim, cipher)
        if change is None:
            unfinished = True
        else:
            changes[item.object_id] = change
    return Read(list(changes.values()), unfinished, foreign)


def _change(item: ItemAnswer, wait: timedelta, claim: Claim, cipher: Cipher) -> Change | None:
    raw = json.dumps(item.raw, separators=(",", ":")).encode("ascii")
    received = cipher.seal(raw, claim.organisation_id, claim.stage, item.object_id, "received")
    match judge(item.status):
        case Verdict.OPEN:
            return None
        case Verdict.AGAIN:
            return Change(item.object_id, "pending", received=received, again_in=wait, faulty=True)
        case None:
            return Change(item.object_id, "error", received=received, remarks=[remark("unknown_status")])
        case verdict:
            return Change(item.object_id, verdict.value, received=received)
