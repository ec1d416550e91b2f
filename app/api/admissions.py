"""Who comes with claims of the provider's: what these are worth here, and the row that they are known by."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.api.polling.run_reader import RunReader
from app.db import reads, subjects
from app.db.acting import EVERYBODY, on_behalf_of
from app.db.engine import transaction
from app.oidc.provider import Provider
from app.oidc.tokens import Claims
from app.runtime import Runtime
from app.security.keys import Caller
from app.security.rights import NoRights, Rights, rights_of


class Admissions:
    """Admits people and systems that the provider knows, by the table of what claims are worth."""

    def __init__(self, provider: Provider, runtime: Runtime, runs: RunReader) -> None:
        self.provider, self._runtime, self._runs = provider, runtime, runs

    async def admit(self, claims: Claims, until: datetime) -> tuple[Caller | None, Rights]:
        """Writes down whoever has these `claims`, with their rights `until` then, and gives who that is by the row.

        None for one who has been revoked. Raises NoRights, also where an operator takes these away meanwhile.
        """
        issuer, engine = self.provider.issuer, self._runtime.engine
        async with reads.single_statements(engine).connect() as conn:
            on_behalf_of(conn, EVERYBODY)
            table = await subjects.read_table(conn, issuer)
        rights = rights_of(claims, table.rows)
        of = rights.organisation_id
        cipher = self._runtime.cipher.of(of, table.own_keys[of])
        try:
            async with transaction(engine, "admit subject", of=of) as conn:
                handle = await subjects.admit(conn, cipher, issuer, str(claims["sub"]), rights, until)
        except IntegrityError:
            raise NoRights("none") from None
        caller = None if handle is None else await self._runs.caller_anew(handle)
        return caller if isinstance(caller, Caller) else None, rights
