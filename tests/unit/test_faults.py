"""What a job rests for has a name, and what is the database's or a key's is no record's fault."""

from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import exc

from app.db.cipher import KeyUnknown
from app.db.faults import OurFault, Unusable, fault_of

BATCH, RECORD = UUID(int=1), UUID(int=2)
LOST = psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly")


def wrapped(inner: Exception) -> exc.DBAPIError:
    return exc.DBAPIError("SELECT 1", {}, inner)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (wrapped(errors.DiskFull()), "database_full"),
        (errors.DiskFull(), "database_full"),
        (wrapped(errors.OutOfMemory()), "database_error"),
        (wrapped(errors.TooManyConnections()), "database_connections"),
        (wrapped(errors.ReadOnlySqlTransaction()), "database_read_only"),
        (wrapped(errors.AdminShutdown()), "database_starting"),
        (wrapped(errors.DatabaseDropped()), "database_starting"),
        (wrapped(errors.QueryCanceled()), "database_slow"),
        (wrapped(errors.IdleInTransactionSessionTimeout()), "database_slow"),
        (wrapped(errors.ConnectionFailure()), "database_away"),
        (wrapped(errors.IoError()), "database_error"),
        (wrapped(errors.UndefinedTable()), "not_migrated"),
        (wrapped(LOST), "database_starting"),
        (wrapped(psycopg.InterfaceError("the connection is closed")), "database_away"),
        (exc.TimeoutError("QueuePool limit"), "database_timeout"),
        (KeyUnknown("no encryption key has the id 'k1'"), "key_unknown"),
    ],
)
def test_what_all_meet_concerns_no_record(problem: Exception, code: str) -> None:
    assert fault_of(problem, BATCH) == OurFault(code)


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(wrapped(errors.RaiseException("password authentication failed")), id="a guard, whatever it says"),
        pytest.param(wrapped(errors.DivisionByZero()), id="a value"),
        pytest.param(exc.InvalidRequestError(), id="a mistake with a connection"),
        pytest.param(ValueError("x"), id="a mistake of ours"),
        pytest.param(TimeoutError(), id="a time of ours that has run out"),
    ],
)
def test_whatever_else_is_of_the_batch_that_it_was_about(problem: Exception) -> None:
    assert fault_of(problem, BATCH) == OurFault("internal", batch=BATCH)
    assert fault_of(problem) == OurFault("internal")


def test_what_names_its_records_or_its_batch_is_about_these() -> None:
    assert fault_of(Unusable("", records=[RECORD])) == OurFault("internal", (RECORD,))
    assert fault_of(Unusable("", records=[RECORD]), BATCH) == OurFault("internal", (RECORD,), BATCH)
    assert fault_of(Unusable("", batch=BATCH)) == OurFault("internal", batch=BATCH)
