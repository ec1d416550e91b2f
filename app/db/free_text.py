"""What an organisation writes in its own words, sealed: what it calls activities and webhooks, why it has paused one.

Who writes freely may name a person. Each text is bound to its place.
"""

from uuid import UUID

from app.db.cipher import OrganisationCipher


def name_place(activity_id: UUID) -> bytes:
    """Gives the place of what an activity is called."""
    return b"activity name" + activity_id.bytes


def reason_place(pause_id: UUID) -> bytes:
    """Gives the place of an organisation's reason for a pause."""
    return b"pause reason" + pause_id.bytes


def description_place(webhook_id: UUID) -> bytes:
    """Gives the place of what a webhook is said to be for."""
    return b"webhook description" + webhook_id.bytes


def seal_text(cipher: OrganisationCipher, text: str, place: bytes) -> bytes:
    """Seals a `text` for its `place`."""
    return cipher.seal(text.encode(), place)


def open_text(cipher: OrganisationCipher, sealed: bytes | None, place: bytes) -> str | None:
    """Opens a text that was `sealed` for its `place`; None is none. Raises as `OrganisationCipher.open` does."""
    return None if sealed is None else cipher.open(bytes(sealed), place).decode()
