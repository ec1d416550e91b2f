"""What is handed out sealed and comes back with a request: whatever was never ours is known without asking Postgres."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag

from app.api.dependencies import Parts
from app.db.cipher import KeyUnknown, OrganisationCipher

# No organisation has it, and no organisation's salt is so short.
_OF_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class HandedOut:
    """Texts of one `purpose`, shorter than 32 bytes: none is taken for one of another."""

    purpose: bytes

    def seal(self, parts: Parts, plain: bytes) -> str:
        """Makes a text of `plain` that nobody else can read or make."""
        return base64.urlsafe_b64encode(self._cipher(parts).seal(plain, self.purpose)).rstrip(b"=").decode("ascii")

    def open(self, parts: Parts, text: str) -> bytes | None:
        """Reads a text as `seal` makes it; None for any other, also one that was sealed with a key that has gone."""
        try:
            encoded = text.encode("ascii")
            sealed = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            return self._cipher(parts).open(sealed, self.purpose)
        except (ValueError, IndexError, KeyUnknown, InvalidTag, binascii.Error):
            return None

    def _cipher(self, parts: Parts) -> OrganisationCipher:
        return parts.runtime.cipher.of(_OF_NOBODY, self.purpose)
