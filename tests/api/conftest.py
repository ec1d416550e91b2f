"""The service on a real socket, over a real database, with organisations and keys."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from app.api.app import create_app
from app.db import cipher, tenants
from app.runtime import Runtime, running
from app.settings import Settings
from tests.api.factories import Played, body, person, put

MAX_ROSTER_BYTES = 1_000_000
NUMBERS = ("2120009812", "2120009820")


@dataclass
class Service:
    """A running service, its parts, and clients for it."""

    runtime: Runtime
    app: FastAPI
    port: int
    organisations: list[UUID]
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    async def key(self, *scopes: str, organisation: int = 0) -> str:
        """Makes a key with these scopes."""
        async with self.runtime.engine.begin() as conn:
            return (await tenants.create_key(conn, NUMBERS[organisation], "a key", scopes)).text

    async def client(self, *scopes: str, organisation: int = 0) -> httpx.AsyncClient:
        """Makes a client with a key of these scopes; without scopes it has no key."""
        headers = {}
        if scopes:
            headers["Authorization"] = f"Bearer {await self.key(*scopes, organisation=organisation)}"
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=30, verify=False)
        self.clients.append(client)
        return client


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        encryption_keys=SecretStr(f"k1:{cipher.new_key()}"),
        search_key=SecretStr(cipher.new_key()),
        max_roster_bytes=MAX_ROSTER_BYTES,
    )


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with running(settings) as runtime:
        async with runtime.engine.begin() as conn:
            organisations = [await tenants.create_organisation(conn, number, "Exempelkommun") for number in NUMBERS]
        app = create_app(runtime)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            made = Service(runtime, app, listening.getsockname()[1], organisations)
            try:
                async with app.state.parts.runs.watching():
                    yield made
            finally:
                for client in made.clients:
                    await client.aclose()
                server.should_exit = True
                await serving


@pytest.fixture
async def ids(service: Service) -> dict[str, str]:
    """One of everything in the first organisation."""
    client = await service.client("provision")
    pupil = person()
    activity_id = await put(client, body([pupil]))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    plan = (await client.post(f"/activities/{activity_id}/plan")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    return {
        "activity_id": str(activity_id),
        "run_id": run["id"],
        "job_id": run["jobs"][0]["id"],
        "record_id": pupil["id"],
        "object_id": pupil["id"],
        "batch_id": str(played.batches[0]),
        "plan_id": plan["id"],
        "code": "schema_required",
    }
