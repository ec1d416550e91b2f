"""What a command begins with: the settings, and a database or a transaction for those that need no more than that."""

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import audit, engine
from app.db.acting import EVERYBODY
from app.domain.audit import Actor, Entry
from app.errors import Stopped
from app.logs import configure
from app.secret_files import with_secrets
from app.settings import Settings, sentences


@asynccontextmanager
async def database() -> AsyncIterator[AsyncEngine]:
    address = read_settings().database_url.get_secret_value()
    await engine.check(address)
    connected = engine.connect(address, pool=1, name="provkedja command", acting=EVERYBODY)
    try:
        yield connected
    finally:
        await engine.close(connected)


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncConnection]:
    async with database() as connected, connected.begin() as conn:
        yield conn


async def note(conn: AsyncConnection, action: str, organisation_id: UUID | None = None, **more: Any) -> None:
    """Writes the row of the audit of what a command does, in its transaction: by whom the system says that types it.

    `more` is as an `Entry` has it.
    """
    await audit.write(conn, Entry(organisation_id, Actor("command", None, _user(), "command"), action, **more))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # In a container there may be nobody of that number.
        return str(os.getuid())


def read_settings() -> Settings:
    try:
        settings = Settings()
    except ValidationError as wrong:
        raise Stopped(f"settings: {'; '.join(sentences(wrong))}") from None
    configure(settings.log_level)
    return with_secrets(settings)
