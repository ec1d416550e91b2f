"""Under which buckets an object can be found, computed once for each name that many have."""

from typing import Any, Final

from app.db.cipher import OrganisationCipher
from app.domain.search import keys_of_name, names, own_keys

_MOST_REMEMBERED: Final = 50_000


class SearchIndex:
    """Computes buckets with the keys of `cipher`'s organisation; remembers names, so it lasts as long as an intake."""

    def __init__(self, cipher: OrganisationCipher) -> None:
        self._cipher = cipher
        self._of_names: dict[str, frozenset[int]] = {}

    def buckets(self, kind: str, item: Any) -> list[int]:
        """Gives the buckets of an object of a kind, ascending."""
        found = set(map(self._cipher.bucket, own_keys(kind, item)))
        for name in names(kind, item):
            found |= self._of_name(name)
        return sorted(found)

    def _of_name(self, name: str) -> frozenset[int]:
        known = self._of_names.get(name)
        if known is None:
            if len(self._of_names) >= _MOST_REMEMBERED:
                self._of_names.clear()
            known = self._of_names[name] = frozenset(map(self._cipher.bucket, keys_of_name(name)))
        return known
