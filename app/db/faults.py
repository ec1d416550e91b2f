"""What a job rests for: faults of ours and of Postgres's, by name, and the records that one concerns, if known."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg
from sqlalchemy import exc

from app.db.cipher import KeyUnknown
from app.db.outages import outage_code, outage_of_state
from app.domain.issues import Issue

# What is said of a record that ends for a fault of ours.
OURS: Final = Issue("internal")
_NO_STATEMENT: Final = (psycopg.OperationalError, psycopg.InterfaceError, exc.TimeoutError, exc.DisconnectionError)


class Unusable(Exception):
    """What is stored of some `records`, or of a `batch` that has not left, can't be sent as it is."""

    def __init__(self, why: str, *, records: Iterable[UUID] = (), batch: UUID | None = None) -> None:
        super().__init__(why)
        self.records, self.batch = tuple(records), batch


@dataclass(frozen=True, slots=True)
class OurFault:
    """A fault by its `code`, with the `records` or the `batch` that it concerns; without either it is the job's."""

    code: str = "internal"
    records: tuple[UUID, ...] = ()
    batch: UUID | None = None


def fault_of(problem: BaseException, batch: UUID | None = None) -> OurFault:
    """Names the fault behind what a step raised; `batch` is the one that it was about, if it was about one.

    Whatever is the database's or a key's concerns nobody's records.
    """
    if isinstance(problem, Unusable):
        return OurFault(records=problem.records, batch=problem.batch or batch)
    if isinstance(problem, KeyUnknown):
        return OurFault("key_unknown")
    inner = getattr(problem, "orig", None) or problem
    state = getattr(inner, "sqlstate", None)
    if state is not None and (code := outage_of_state(state)):
        return OurFault(code)
    if state is None and isinstance(inner, _NO_STATEMENT):
        return OurFault(outage_code(None, type(inner).__name__, str(inner)))
    return OurFault(batch=batch)
