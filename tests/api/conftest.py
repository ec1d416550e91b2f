"""The service on a real socket, over a real database, with organisations and keys."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from app.api.admissions import Admissions
from app.api.bearer_tokens import BearerTokens
from app.api.limits.buckets import Buckets, Rate
from app.db import cipher, tenants
from app.local.postgres import as_role
from app.oidc.provider import provider_of
from app.roles import API
from app.runtime import Runtime, running
from app.server.connections import configured
from app.server.figures import figures_app
from app.settings import Settings
from tests.api.factories import Played, body, person, put
from tests.conftest import NOWHERE
from tests.one_app import app_over

MAX_ROSTER_BYTES = 1_000_000
# Of which one of everything is.
UNIT = UUID("0b7a6d5e-7f37-4f0a-9a53-1f3b1d6a5c10")
NUMBERS = ("2120009812", "2120009820")
# What a browser says of a form that comes from one of our own pages.
FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
# Less than the service keeps an idle connection, or a test that pauses asks over one that is just being closed.
KEPT = httpx.Limits(keepalive_expiry=1)


@dataclass
class Service:
    """A running service, its parts, and clients for it; `runtime` is that of a superuser, whom no policy hinders."""

    runtime: Runtime
    app: FastAPI
    port: int
    organisations: list[UUID]
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def served(self) -> Runtime:
        """Gives what the app itself works with: the API's role, as in production."""
        runtime: Runtime = self.app.state.parts.runtime
        return runtime

    async def key(self, *scopes: str, organisation: int = 0, school_units: Sequence[UUID] | None = None) -> str:
        """Makes a key with these scopes, for all or for these `school_units`."""
        async with self.runtime.engine.begin() as conn:
            made = await tenants.create_key(conn, NUMBERS[organisation], "a key", scopes, school_units=school_units)
            return made.text

    async def operators_key(self) -> str:
        """Makes an operator's key."""
        async with self.runtime.engine.begin() as conn:
            return (await tenants.create_operator_key(conn, "drift")).text

    async def operator(self) -> httpx.AsyncClient:
        """Makes a client with an operator's key."""
        client = await self.client()
        client.headers["Authorization"] = f"Bearer {await self.operators_key()}"
        return client

    async def figures(self) -> str:
        """Reads what is served at the port of the figures."""
        transport = httpx.ASGITransport(figures_app(self.app.state.parts))
        async with httpx.AsyncClient(transport=transport, base_url="http://figures") as client:
            return (await client.get("/metrics")).raise_for_status().text

    async def client(
        self, *scopes: str, organisation: int = 0, school_units: Sequence[UUID] | None = None
    ) -> httpx.AsyncClient:
        """Makes a client with a key of these scopes; without scopes it has no key."""
        headers = {}
        if scopes:
            headers["Authorization"] = (
                f"Bearer {await self.key(*scopes, organisation=organisation, school_units=school_units)}"
            )
        client = _client_at(self.port, headers)
        self.clients.append(client)
        return client


def _client_at(port: int, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30, verify=False, limits=KEPT
    )


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        encryption_keys=SecretStr(f"k1:{cipher.new_key()}"),
        max_roster_bytes=MAX_ROSTER_BYTES,
        sign_in_over_http=True,
        # Nobody else waits for what a test asks.
        requests_per_second_per_key=1_000_000,
        requests_per_second_per_organisation=1_000_000,
        **{name.lower(): address for name, address in NOWHERE.items()},  # type: ignore[arg-type]
    )


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    address = SecretStr(as_role(settings.database_url.get_secret_value(), API))
    async with running(settings) as runtime, running(settings.model_copy(update={"database_url": address})) as served:
        async with runtime.engine.begin() as conn:
            organisations = [
                await tenants.create_organisation(conn, runtime.cipher, number, "Exempelkommun") for number in NUMBERS
            ]
        app = app_over(served)
        app.state.parts.limits.failures = Buckets(Rate(1e6, 1e6))
        app.state.parts.limits.all_failures = Buckets(Rate(1e6, 1e6))
        # With the protocol named, or asyncio leaves Nagle's algorithm on: 40 ms for each answer.
        with socket.socket(proto=socket.IPPROTO_TCP) as listening:
            listening.bind(("127.0.0.1", 0))
            server = uvicorn.Server(configured(app))
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
async def sign_in(service: Service) -> AsyncIterator[SignIn]:
    """Signs somebody in to the pages, with a key of these scopes: gives a client that keeps cookies."""
    made: list[httpx.AsyncClient] = []

    async def one(*scopes: str, organisation: int = 0, school_units: Sequence[UUID] | None = None) -> httpx.AsyncClient:
        client = _client_at(service.port)
        made.append(client)
        if scopes == ("operator",):
            key = await service.operators_key()
        else:
            key = await service.key(*scopes, organisation=organisation, school_units=school_units)
        assert (await client.post("/historik/logga-in", data={"key": key}, headers=FROM_HERE)).status_code == 303
        return client

    yield one
    for client in made:
        await client.aclose()


def signing_in_at(service: Service, settings: Settings) -> None:
    """Has a service that runs go by these settings of an OpenID provider."""
    parts = service.app.state.parts
    provider = provider_of(settings)
    assert provider is not None
    runtime = replace(parts.runtime, settings=settings, provider=provider)
    admissions = Admissions(provider, runtime, parts.runs)
    tokens = BearerTokens(admissions, parts.runs) if provider.takes_bearer_tokens else None
    service.app.state.parts = replace(parts, runtime=runtime, admissions=admissions, tokens=tokens)


def unbroken(page: str) -> str:
    """Gives a page without the places where a line may be broken, so that what stands around them is one word."""
    return page.replace("<wbr>", "")


async def token_of(client: httpx.AsyncClient, path: str = "/historik") -> str:
    """Reads the token that this session's forms carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', (await client.get(path)).text)
    assert found
    return found[1]


@pytest.fixture
async def ids(service: Service) -> dict[str, str]:
    """One of everything in the first organisation."""
    return await one_of_everything(service, await service.client("provision"))


async def one_of_everything(service: Service, client: httpx.AsyncClient) -> dict[str, str]:
    """Makes one of everything in the first organisation with a `client` that provisions; webhooks with another key."""
    pupil = person(enrolments=[{"enroledAt": {"id": str(UNIT)}, "schoolType": "GR", "schoolYear": 6}])
    activity_id = await put(client, body([pupil]))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    plan = (await client.post(f"/activities/{activity_id}/plan")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    admin = await service.client("admin")
    endpoint = {"url": "https://host.example.se/hook", "types": ["run.failed"]}
    webhook_id = (await admin.post("/webhooks", json=endpoint)).json()["id"]
    return {
        "webhook_id": webhook_id,
        "delivery_id": (await admin.post(f"/webhooks/{webhook_id}/test")).json()["id"],
        "activity_id": str(activity_id),
        "run_id": run["id"],
        "job_id": run["jobs"][0]["id"],
        "record_id": pupil["id"],
        "object_id": pupil["id"],
        "batch_id": str(played.batches[0]),
        "plan_id": plan["id"],
        "code": "schema_required",
        "slug": "not-found",
    }
