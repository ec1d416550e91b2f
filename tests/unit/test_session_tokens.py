"""What a session's cookie says: whose it is, since when, and until when protected persons are shown in it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.security.session_tokens import SessionToken

KEY = UUID("0b7a6d5e-7f37-4f0a-9a53-1f3b1d6a5c10")


@pytest.mark.parametrize("protected_for", [None, timedelta(minutes=15)])
def test_a_token_says_whose_it_is(protected_for: timedelta | None) -> None:
    token = SessionToken.begun(KEY, 1000.9, protected_for)
    assert SessionToken.of_bytes(token.to_bytes()) == token
    assert (token.key_id, token.began_at, len(token.secret)) == (KEY, 1000, 32)
    assert token.secret != SessionToken.begun(KEY, 1000.9, protected_for).secret
    assert "secret" not in repr(token)


@pytest.mark.parametrize(
    ("protected_for", "now", "until"),
    [(None, 1000, None), (60, 1000, 1060), (60, 1059.9, 1060), (60, 1060, None), (60, 5000, None)],
)
def test_protected_persons_are_shown_until_then(protected_for: int | None, now: float, until: int | None) -> None:
    token = SessionToken.begun(KEY, 1000.9, None if protected_for is None else timedelta(seconds=protected_for))
    shown = token.shows_protected_until(now)
    assert shown == (None if until is None else datetime.fromtimestamp(until, UTC))


@pytest.mark.parametrize(("now", "over"), [(1000, False), (1059.9, False), (1060, True), (5000, True)])
def test_a_session_is_over_so_long_after_it_began(now: float, over: bool) -> None:
    token = SessionToken.begun(KEY, 1000.9, timedelta(hours=1))
    assert SessionToken.of_bytes(token.to_bytes()).is_over(now, timedelta(seconds=60)) == over


@pytest.mark.parametrize("plain", [b"", b"x" * 32, b"x" * 56, b"x" * 63, b"x" * 65])
def test_what_was_sealed_by_another_version_is_none(plain: bytes) -> None:
    with pytest.raises(ValueError, match="no token"):
        SessionToken.of_bytes(plain)
