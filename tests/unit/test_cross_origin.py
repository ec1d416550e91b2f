"""Which web pages may call: those of the origins that are named, and they send a key themselves."""

from functools import partial

import pytest

from app.api.http.cross_origin import CrossOrigin, origins_of
from tests.unit.asgi import exchange

PAGE = "https://skola.example"
NAMED = partial(CrossOrigin, origins=[PAGE, "http://127.0.0.1:5173"])
ASKS = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


@pytest.mark.parametrize(
    ("setting", "origins"), [("", []), (f"{PAGE},http://a:1, http://b", [PAGE, "http://a:1", "http://b"])]
)
def test_the_setting_names_origins(setting: str, origins: list[str]) -> None:
    assert origins_of(setting) == origins


async def test_a_browser_may_ask_beforehand_without_a_key() -> None:
    got = await exchange(NAMED, [b"not reached"], method="OPTIONS", given={"Origin": PAGE, **ASKS}, status=405)
    assert (got.status, got.body) == (204, b"")
    assert got.headers["access-control-allow-origin"] == PAGE
    assert "PUT" in got.headers["access-control-allow-methods"]
    assert "Authorization" in got.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in got.headers


@pytest.mark.parametrize("status", [200, 304, 401, 500])
async def test_a_page_may_read_every_answer(status: int) -> None:
    got = await exchange(NAMED, [b""], given={"Origin": PAGE}, status=status, headers={"Vary": "Accept"})
    assert (got.status, got.headers["access-control-allow-origin"]) == (status, PAGE)
    exposed = got.headers["access-control-expose-headers"]
    for name in ("ETag", "Location", "Retry-After", "X-Request-ID", "Idempotent-Replayed", "RateLimit"):
        assert name in exposed
    assert got.headers["vary"] == "Accept, Origin"
    assert "access-control-allow-credentials" not in got.headers


@pytest.mark.parametrize(
    "origin", ["https://other.example", "http://skola.example", f"{PAGE}:8443", f"{PAGE}.other.example", "null", ""]
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_another_page_may_not(origin: str, method: str) -> None:
    got = await exchange(NAMED, [b"x"], method=method, given={"Origin": origin, **ASKS}, status=405)
    assert [name for name in got.headers if name.startswith("access-control")] == []
    assert (got.status, got.headers["vary"]) == (405, "Origin")


async def test_who_is_no_page_is_answered_as_ever() -> None:
    got = await exchange(NAMED, [b"x"])
    assert (got.status, got.body, dict(got.headers)) == (200, b"x", {"vary": "Origin"})
