"""Access tokens of the provider's that callers bring in place of a key. One that is good is verified once in a while.

Known are tokens by their digests, at most so many; whose they are is asked as of a key, so that what ends one ends the
other within a second.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from app.api.admissions import Admissions
from app.api.http.problems import Busy
from app.api.polling.run_reader import RunReader
from app.oidc.calls import ProviderUnavailable
from app.oidc.tokens import LEEWAY, Claims, NotBelieved, shows_protected_until
from app.security.keys import Caller, Operator
from app.security.rights import NoRights, Rights, narrowed

MOST: Final = 4096
# In seconds: what an operator adds to the table counts by then.
_VERIFIED_FOR: Final = 300.0
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Verified:
    handle: str
    rights: Rights
    with_protected: bool
    until: float

    @property
    def scopes(self) -> frozenset[str]:
        """Gives what the token opens."""
        return self.rights.scopes - (frozenset() if self.with_protected else {"protected"})


class BearerTokens:
    """The tokens that have been verified, by their SHA-256."""

    def __init__(
        self, admissions: Admissions, runs: RunReader, clock: Callable[[], float] = time.time, most: int = MOST
    ) -> None:
        self._admissions, self._runs, self._clock, self._most = admissions, runs, clock, most
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def remembered(self, token: str) -> Caller | None:
        """Gives who comes with a token that has been verified; None for one that has not been, or not lately."""
        digest = _digest(token)
        if (known := self._verified.get(digest)) is None:
            return None
        row = await self._runs.caller_known_as(known.handle) if self._clock() < known.until else None
        if (caller := _as_verified(row, known)) is None:
            self._verified.pop(digest, None)
            return None
        if digest in self._verified:
            self._verified.move_to_end(digest)
        return caller

    def remembered_at_once(self, token: str) -> Caller | None:
        """Gives the same, if it is known without asking anybody."""
        known = self._verified.get(_digest(token))
        if known is None or self._clock() >= known.until:
            return None
        return _as_verified(self._runs.remembered_caller_known_as(known.handle), known)

    async def verify(self, token: str) -> Claims | None:
        """Gives the claims of a token that has not been verified lately; None for one that is not good.

        That asks nothing of Postgres. Raises Busy.
        """
        try:
            return await self._admissions.provider.claims_of(token)
        except ProviderUnavailable:
            raise Busy("The provider's keys, by which this token is verified, can't be read at the moment.") from None
        except NotBelieved as refused:
            _log.info("token refused", reason=refused.reason)
            return None

    async def admit(self, token: str, claims: Claims) -> Caller | None:
        """Gives who comes with a token that has these `claims`; None where they have no rights, or not any more."""
        try:
            ends = float(claims["exp"]) + LEEWAY
            caller, rights = await self._admissions.admit(claims, datetime.fromtimestamp(ends, UTC))
        except NoRights as none:
            _log.info("token refused", reason=f"rights_{none.reason}")
            return None
        except (OverflowError, ValueError, OSError):  # a time that no calendar has
            return None
        if caller is None:
            return None
        now, provider = self._clock(), self._admissions.provider
        shown_until = shows_protected_until(claims, provider.acr_values, provider.step_up_seconds, now)
        with_protected = now < shown_until
        until = min(ends, now + _VERIFIED_FOR, shown_until if with_protected else ends)
        self._verified[_digest(token)] = _Verified(caller.handle, rights, with_protected, until)
        if len(self._verified) > self._most:
            self._verified.popitem(last=False)
        return narrowed(caller, rights, with_protected=with_protected)


def _as_verified(row: Caller | Operator | None, known: _Verified) -> Caller | None:
    caller = narrowed(row, known.rights, with_protected=known.with_protected) if isinstance(row, Caller) else None
    # Another token of the same account may have left its row with less: this one says again what it gives.
    if caller is None or (caller.scopes, caller.school_units) != (known.scopes, known.rights.school_units):
        return None
    return caller


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8")).digest()
