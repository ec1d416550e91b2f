"""What it looks like when the database is away or not migrated, whichever route meets it: a 503 and one log line."""

import psycopg
import structlog
from fastapi import FastAPI, Request
from psycopg import errors as postgres
from sqlalchemy import exc as db
from starlette.responses import Response

from app.api.problems import problem
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
_NOT_MIGRATED = (postgres.UndefinedTable, postgres.UndefinedColumn)


def log_outage(exc: BaseException) -> None:
    """Notes that the database could not be used."""
    _log.error("database unavailable", fault=describe_exception(exc))


def install(app: FastAPI) -> None:
    """Makes every outage that the app's routes meet a problem."""
    for outage in OUTAGES:
        app.add_exception_handler(outage, _unavailable)
    app.add_exception_handler(db.ProgrammingError, _perhaps_not_migrated)


async def _unavailable(_request: Request, exc: Exception) -> Response:
    log_outage(exc)
    return problem(503)


async def _perhaps_not_migrated(request: Request, exc: Exception) -> Response:
    if not isinstance(getattr(exc, "orig", None), _NOT_MIGRATED):
        raise exc
    return await _unavailable(request, exc)
