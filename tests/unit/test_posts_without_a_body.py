"""Every POST that takes no body looks at what is sent all the same, once it knows who sends it."""

from collections.abc import AsyncIterator
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.api.dependencies import Parts
from app.api.http import handlers
from app.api.limits.limits import Limits
from app.security.keys import Caller, Operator, new_key
from app.server.app import described_app
from app.settings import Settings
from tests.api.guards import fill

SCOPES = frozenset({"provision", "history", "pii", "protected", "admin"})
CALLERS = {
    False: Caller(uuid4(), "a key", uuid4(), SCOPES),
    True: Operator(uuid4(), "drift", "handle", b"", "1"),
}


CALLED_BY = AsyncMock()


@pytest.fixture
def app() -> FastAPI:
    """The routes alone: whatever they want of the database fails."""
    app = described_app()
    handlers.install(app)
    app.state.parts = Parts(
        *(Mock(), Mock(), Mock(), Mock(caller=CALLED_BY, remembered_caller=Mock(return_value=None))),
        *(Limits.of(Settings()), Mock(), Mock(unknown_key=AsyncMock(), refused=AsyncMock())),
    )
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {new_key().text}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client:
        yield client


async def test_what_is_sent_to_who_takes_nothing_is_refused(app: FastAPI, client: httpx.AsyncClient) -> None:
    """A field is 422, another media type 415, and a parameter 400; the description says so."""
    described = [(path, each["post"]) for path, each in app.openapi()["paths"].items() if "post" in each]
    without = [(path, operation) for path, operation in described if "requestBody" not in operation]
    for path, operation in without:
        CALLED_BY.return_value = CALLERS[path.startswith("/operations/")]
        names = ("activity_id", "run_id", "webhook_id", "delivery_id")
        address = fill(path, {"number": "2120009812", **{name: str(uuid4()) for name in names}})
        surplus = await client.post(address, json={"reason": 1})
        assert (surplus.status_code, surplus.json()["errors"][0]["code"]) == (422, "unknown_field"), path
        form = await client.post(address, data={"reason": "1"})
        assert (form.status_code, form.json()["type"]) == (415, "/problems/unsupported-media-type"), path
        asked = await client.post(address, params={"reason": "1"})
        assert (asked.status_code, asked.json()["type"]) == (400, "/problems/invalid-parameter"), path
        assert {"400", "408", "413", "415", "422"} <= operation["responses"].keys(), path
    assert len(without) == 9
