"""The service with a small OpenID provider beside it, and a browser that goes from one to the other and back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from app.db import subjects
from tests.api.conftest import NUMBERS, Service, signing_in_at
from tests.small_provider import AUDIENCE, CLIENT, SECRET, Answer, SmallProvider, small_provider

WHOLE = ("history", "pii", "protected")


@dataclass
class Signing:
    """The service, its provider, and clients that keep cookies as browsers do."""

    service: Service
    provider: SmallProvider
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def set(self, **more: Any) -> None:
        """Has the service go by other settings of the provider, with nothing known of it yet."""
        settings = self.service.served.settings.model_copy(
            update={
                "oidc_issuer": self.provider.issuer,
                "oidc_provider_name": "Skolkontot",
                "oidc_client_id": CLIENT,
                "oidc_client_secret": SecretStr(SECRET),
                "oidc_pages_url": f"http://127.0.0.1:{self.service.port}",
                "oidc_api_audience": AUDIENCE,
                **more,
            }
        )
        signing_in_at(self.service, settings)

    async def map(
        self,
        value: str,
        *scopes: str,
        organisation: int = 0,
        claim: str = "groups",
        units: list[UUID] | None = None,
    ) -> UUID:
        """Says what a value of a claim is worth; gives the row's id."""
        async with self.service.runtime.engine.begin() as conn:
            issuer, number = self.provider.issuer, NUMBERS[organisation]
            row = await subjects.map_claim(conn, number, issuer, claim, value, scopes, units)
            made: UUID = row["id"]
            return made

    def browser(self) -> httpx.AsyncClient:
        """Makes a client without a past."""
        made = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.service.port}", timeout=30)
        self.clients.append(made)
        return made

    async def leave(self, browser: httpx.AsyncClient, path: str = "start", **asked: str) -> str:
        """Sets out for the provider; gives where the browser is sent."""
        answer = await browser.get(f"/historik/logga-in/{path}", params=asked)
        assert answer.status_code == 303, answer.text
        location: str = answer.headers["location"]
        assert location.startswith(f"{self.provider.issuer}/authorise?tenant=1&"), location
        return location

    async def come_back(self, browser: httpx.AsyncClient, given: dict[str, str]) -> httpx.Response:
        """Comes back with what the provider has given."""
        return await browser.get("/historik/logga-in/svar", params=given)

    async def sign_in(
        self, browser: httpx.AsyncClient, path: str = "start", following: str = "", **claims: Any
    ) -> httpx.Response:
        """Goes all the way, and is given an ID token with these claims."""
        address = await self.leave(browser, path, next=following)
        return await self.come_back(browser, self.provider.agree(address, self.answer(**claims)))

    def answer(self, **claims: Any) -> Answer:
        """Makes what the provider gives for a code: an ID token with these claims."""

        def made(nonce: str) -> str:
            return self.provider.id_token(nonce, **claims)

        return made


@asynccontextmanager
async def signing_of(service: Service) -> AsyncIterator[Signing]:
    """Lends the service with a provider."""
    async with small_provider() as provider:
        made = Signing(service, provider)
        made.set()
        try:
            yield made
        finally:
            for client in made.clients:
                await client.aclose()
