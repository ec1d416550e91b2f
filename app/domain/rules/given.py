"""What rules look at beside an object."""

from dataclasses import dataclass
from datetime import date

from app.domain.schools import NOTHING_KNOWN, Schools


@dataclass(frozen=True, slots=True)
class Given:
    """What rules look at beside an object, the same for a whole roster.

    `today` decides what has passed, `domains` are those that the organisation has declared for its logins (none: it has
    said nothing), `schools` is what the target has published.
    """

    today: date
    domains: frozenset[str] = frozenset()
    schools: Schools = NOTHING_KNOWN
