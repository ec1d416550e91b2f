"""Skolverket as a target: puts its services, addresses and files together behind the port."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from app.skolverket import auth
from app.skolverket.auth import Authorisation
from app.skolverket.client import ProvisioningApi, opened
from app.skolverket.credential_check import check_files, token_fault, token_fetched
from app.skolverket.credentials import read_files
from app.skolverket.exchange import user_agent
from app.skolverket.open_data import OpenDataApi
from app.skolverket.published import PUBLISHED
from app.target import CredentialFinding, Credentials, Limits, Published, Token, TryAgain


@dataclass(frozen=True, slots=True)
class Skolverket:
    """Skolverket's services, or a simulator's; `authorisation` says whom to believe besides where tokens are had."""

    provisioning_url: str
    open_data_url: str
    authorisation: Authorisation
    limits: Limits

    @property
    def environment(self) -> str:
        """Gives the address that tokens are for."""
        return self.provisioning_url

    @property
    def user_agent(self) -> str:
        """Gives how we call ourselves."""
        return user_agent()

    @property
    def published(self) -> Published:
        """Gives what Skolverket has published."""
        return PUBLISHED

    @asynccontextmanager
    async def connected(self, within: float) -> AsyncIterator[ProvisioningApi]:
        """Opens the connections of one step to the Provisioning API; raises TryAgain."""
        async with opened(within, self.authorisation.ca_file) as http:
            yield ProvisioningApi(http, self.provisioning_url, within)

    @asynccontextmanager
    async def open_data(self, within: float) -> AsyncIterator[OpenDataApi]:
        """Opens a connection to the open-data API; raises TryAgain."""
        async with opened(within, self.authorisation.ca_file) as http:
            yield OpenDataApi(http, self.open_data_url, within)

    async def fetch_token(self, credentials: Credentials, within: float) -> Token:
        """Asks the authorisation server for an organisation's token; raises TryAgain alone."""
        return await auth.fetch_token(self.authorisation, credentials, within)

    async def check_credentials(self, credentials: Credentials, within: float) -> Sequence[CredentialFinding]:
        """Says what of an organisation's files, number and addresses does not fit together, and tries a token."""
        where, now = self.authorisation, datetime.now(UTC)
        files = await asyncio.to_thread(read_files, credentials, where.certificate_folder)
        findings = check_files(credentials, files, where, now)
        try:
            token = await self.fetch_token(credentials, within)
        except TryAgain as fault:
            return [*findings, token_fault(fault, findings)]
        return [*findings, token_fetched(token, now)]
