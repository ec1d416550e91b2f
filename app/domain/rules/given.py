"""What rules look at beside an object."""

from dataclasses import dataclass
from datetime import date

from app.domain.reference import NOTHING_KNOWN, Reference


@dataclass(frozen=True, slots=True)
class Given:
    """What rules look at beside an object, the same for a whole roster.

    `today` decides what has passed, `domains` are those that the organisation has declared for its logins (none: it has
    said nothing), `reference` is what the target has published.
    """

    today: date
    domains: frozenset[str] = frozenset()
    reference: Reference = NOTHING_KNOWN
