"""What it looks like when the database is away, only reads or is not migrated: 503 and a log line, for any route."""

import psycopg
import structlog
from fastapi import FastAPI, Request
from psycopg import errors as postgres
from sqlalchemy import exc as db
from starlette.responses import Response

from app.api.http.problems import DatabaseUnavailable, problem
from app.logs import describe_exception

_log = structlog.stdlib.get_logger(__name__)

# A roster is copied in by the driver itself, and nobody wraps its errors.
OUTAGES: tuple[type[Exception], ...] = (
    db.OperationalError,
    db.InterfaceError,
    db.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
# A server that only reads or recovers refuses by errors of many kinds, and so does a database without our tables.
_UNUSABLE: tuple[type[Exception], ...] = (
    postgres.ReadOnlySqlTransaction,
    postgres.FeatureNotSupported,
    postgres.ObjectNotInPrerequisiteState,
    postgres.UndefinedTable,
    postgres.UndefinedColumn,
    postgres.UndefinedFunction,
)


def log_outage(exc: BaseException) -> None:
    """Notes that the database could not be used."""
    _log.error("database unavailable", fault=describe_exception(exc))


def install(app: FastAPI) -> None:
    """Makes every outage that the app's routes meet a problem."""
    for outage in (*OUTAGES, *_UNUSABLE):
        app.add_exception_handler(outage, _unavailable)
    app.add_exception_handler(db.DBAPIError, _perhaps_unusable)


def is_outage(exc: BaseException) -> bool:
    """Tells whether an error means that the database can't be used at the moment."""
    return isinstance(exc, (*OUTAGES, *_UNUSABLE)) or isinstance(getattr(exc, "orig", None), _UNUSABLE)


async def _unavailable(_request: Request, exc: Exception) -> Response:
    log_outage(exc)
    return problem(DatabaseUnavailable)


async def _perhaps_unusable(request: Request, exc: Exception) -> Response:
    if not isinstance(getattr(exc, "orig", None), _UNUSABLE):
        raise exc
    return await _unavailable(request, exc)
