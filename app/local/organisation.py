"""An organisation and a key to the API for it, made straight in the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import engine, tenants
from app.db.acting import EVERYBODY
from app.db.cipher import cipher_of
from app.errors import Stopped
from app.security.keys import matches, parse


async def create_organisation(
    database_url: str,
    keys: str,
    number: str,
    name: str,
    scopes: tuple[str, ...],
    *,
    certificate: tenants.CertificateFiles | None = None,
    entity_id: str | None = None,
) -> str:
    """Makes an organisation, which identifies itself to Skolverket as told, and gives its key with these scopes.

    What it has of keys of its own is sealed with the first of `keys`, which are those of ENCRYPTION_KEYS.
    """
    async with _transaction(database_url) as conn:
        await tenants.create_organisation(conn, cipher_of(keys), number, name, certificate, entity_id)
        return (await tenants.create_key(conn, number, "local", scopes)).text


async def first_organisation(
    database_url: str, keys: str, number: str, name: str, scopes: tuple[str, ...], key: str | None
) -> str:
    """Makes the organisation that a database begins with, as above, once; gives `key` if it opens the API, or else one.

    Raises Stopped when the database was begun with another one: whoever works there must not meet a simulator.
    """
    async with _transaction(database_url) as conn:
        there = {row["number"] for row in await tenants.organisations(conn)}
        if there and number not in there:
            raise Stopped(
                "DATABASE_URL has organisations of somebody else's: give the demonstration a database of its own"
            )
        if not there:
            await tenants.create_organisation(conn, cipher_of(keys), number, name)
        elif key and (read := parse(key)):
            found = await tenants.find_key(conn, read[0])
            if found and matches(read[1], found["digest"]) and set(scopes) <= set(found["scopes"]):
                return key
        return (await tenants.create_key(conn, number, "demonstration", scopes)).text


@asynccontextmanager
async def _transaction(database_url: str) -> AsyncIterator[AsyncConnection]:
    database = engine.connect(database_url, pool=1, acting=EVERYBODY)
    try:
        async with database.begin() as conn:
            yield conn
    finally:
        await engine.close(database)
