"""What a key, an organisation and an address may ask of this process: requests a second, streams, keys that fail."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from typing import Final
from uuid import UUID

from app.api.http.problems import TooManyFailures, TooManyRequests, TooManyStreams
from app.api.http.proxies import address_of
from app.api.limits.buckets import Buckets, Rate
from app.settings import Settings

# An answer from memory costs so much of one that asks Postgres.
FROM_MEMORY: Final = 0.1
# So many seconds' worth may come at once.
_BURST_SECONDS: Final = 5
# Of keys that don't count: from one address, and from all together.
FAILURES: Final = Rate(1 / 6, 20)
ALL_FAILURES: Final = Rate(10, 200)
# Of codes of the provider's that sign nobody in, from one address: a whole school may be behind it, and nobody guesses
# a code. It is for the provider's sake, which is called with each.
FAILED_CODES: Final = Rate(1, 60)


@dataclass(slots=True)
class Limits:
    """The buckets and counts of one process."""

    keys: Buckets[UUID]
    organisations: Buckets[UUID]
    most_streams: int
    clock: Callable[[], float] = time.monotonic
    failures: Buckets[str] = field(default_factory=lambda: Buckets(FAILURES))
    all_failures: Buckets[None] = field(default_factory=lambda: Buckets(ALL_FAILURES))
    failed_codes: Buckets[str] = field(default_factory=lambda: Buckets(FAILED_CODES))
    # By the subject of a token that is good and opens nothing here.
    subjects: Buckets[str] = field(default_factory=lambda: Buckets(FAILURES))
    streams: Counter[UUID] = field(default_factory=Counter)

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Makes them as the settings say."""
        each, together = (
            Rate(rate, rate * _BURST_SECONDS)
            for rate in (settings.requests_per_second_per_key, settings.requests_per_second_per_organisation)
        )
        return cls(Buckets(each), Buckets(together), settings.max_streams_per_key)

    @property
    def policy(self) -> str:
        """Gives the limits as the header RateLimit-Policy has them."""
        named = (("key", self.keys.rate), ("organisation", self.organisations.rate))
        return ", ".join(f'"{name}";q={rate.burst:.0f};w={math.ceil(rate.window)}' for name, rate in named)

    def count(self, key_id: UUID, organisation_id: UUID | None, cost: float = 1.0) -> str:
        """Counts a request of a key, an operator's without an organisation.

        Gives what is left, as the header RateLimit has it; raises TooManyRequests.
        """
        now = self.clock()
        name, rate, least = "key", self.keys.rate, self.keys.standing(key_id, now, cost)
        if organisation_id is not None:
            together = self.organisations.standing(organisation_id, now, cost)
            if (-together.wait, together.left) < (-least.wait, least.left):
                name, rate, least = "organisation", self.organisations.rate, together
        if least.wait:
            raise TooManyRequests(f"This {name} asks for more than it may at once.", math.ceil(least.wait))
        self.keys.take(key_id, now, cost)
        if organisation_id is not None:
            self.organisations.take(organisation_id, now, cost)
        left, full = least.left - cost, least.full + cost / rate.per_second
        # Rounding has lost less than a millionth.
        return f'"{name}";r={int(left + 1e-6)};t={math.ceil(full - 1e-6)}'

    def open_stream(self, key_id: UUID) -> Callable[[], None]:
        """Counts an event stream of a key, and gives what ends it; raises TooManyStreams."""
        if self.streams[key_id] >= self.most_streams:
            raise TooManyStreams(f"This key may have {self.most_streams} event streams open at once.")
        self.streams[key_id] += 1

        def close() -> None:
            self.streams[key_id] -= 1
            if not self.streams[key_id]:
                del self.streams[key_id]

        return close

    def wait_after_failures(self, client: str) -> float:
        """Gives for how many seconds no unknown key of an address is looked up: 0 while few of them have failed."""
        now = self.clock()
        return max(self.failures.standing(network_of(client), now).wait, self.all_failures.standing(None, now).wait)

    def note_failure(self, client: str) -> None:
        """Notes that a key from an address does not count."""
        now = self.clock()
        self.failures.take(network_of(client), now)
        self.all_failures.take(None, now)

    def wait_after_failed_codes(self, client: str) -> float:
        """Gives for how many seconds no code from an address is taken to the provider, whatever keys have failed."""
        return self.failed_codes.standing(network_of(client), self.clock()).wait

    def note_failed_code(self, client: str) -> None:
        """Notes that a code from an address, with which the provider was called, has signed nobody in."""
        self.failed_codes.take(network_of(client), self.clock())

    def wait_after_refused_tokens(self, subject: str) -> float:
        """Gives for how many seconds Postgres is not asked what good tokens of a subject are worth."""
        return self.subjects.standing(subject, self.clock()).wait

    def note_refused_token(self, subject: str) -> None:
        """Notes that a good token of a subject opens nothing here."""
        self.subjects.take(subject, self.clock())


def too_many_failures(wait: float, what: str = "keys that do not count") -> TooManyFailures:
    """Makes what is raised for an unknown key, or `what` else, from where too many have failed."""
    return TooManyFailures(f"Too many {what} have come from here.", math.ceil(wait))


def network_of(client: str) -> str:
    """Gives what counts as one address: of IPv6 the network of 64 bits, which whoever has one has whole."""
    address = address_of(client)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False).network_address)
    return str(address)
