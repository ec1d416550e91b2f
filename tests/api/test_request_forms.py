"""What a request may look like on the wire: one spelling of ids, no compressed bodies."""

import gzip
import json
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import body, person, put


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "%7B{}%7D", "{} ", "hex"])
async def test_an_id_in_an_address_has_36_characters(client: httpx.AsyncClient, form: str) -> None:
    """Any other spelling is 404, for reading and for writing, whether there is such an activity or not."""
    activity_id = await put(client, body())
    spelt = activity_id.hex if form == "hex" else form.format(activity_id)
    for method, path in (("GET", ""), ("PUT", ""), ("GET", "/findings"), ("POST", "/provision")):
        answer = await client.request(method, f"/activities/{spelt}{path}", json=body() if method == "PUT" else None)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (await client.get(f"/activities/{str(activity_id).upper()}")).status_code == 200


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "hex"])
async def test_an_id_in_a_roster_is_spelt_the_same_way(client: httpx.AsyncClient, form: str) -> None:
    object_id = uuid4()
    spelt = object_id.hex if form == "hex" else form.format(object_id)
    answer = await client.put(f"/activities/{uuid4()}", json=body([{"id": spelt}]))
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (422, "/roster/persons/0/id", "not_a_uuid")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("POST", "/provision")])
async def test_a_compressed_body_is_415(client: httpx.AsyncClient, coding: str, method: str, path: str) -> None:
    """The answer says what is taken."""
    activity_id = await put(client, body())
    content = gzip.compress(json.dumps(body()).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = await client.request(method, f"/activities/{activity_id}{path}", content=content, headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    headers["Content-Encoding"] = "identity"
    answer = await client.request(method, f"/activities/{activity_id}{path}", content=b"null", headers=headers)
    assert answer.status_code in (202, 422)


async def test_long_texts_pass_the_reading(client: httpx.AsyncClient) -> None:
    """A name of a hundred thousand letters is a matter for findings, and comes back as it was sent."""
    group = {"id": str(UUID(int=1)), "displayName": "Å" * 120_000}
    activity_id = await put(client, body([person(given="a" * 100_000)], groups=[group]))
    roster = (await client.get(f"/activities/{activity_id}/roster")).json()["roster"]
    assert roster["groups"] == [group]


async def test_if_none_match_asks_for_a_new_activity(client: httpx.AsyncClient) -> None:
    """A star is 412 once there is one; a tag is 412 while it is that of the version that is there."""
    activity_id = uuid4()
    statuses: list[int] = []
    for tag in ("*", "*", '"1"', 'W/"1"', '"2", "1"', '"2"'):
        content = body([person(serial=980 + len(statuses))])
        answer = await client.put(f"/activities/{activity_id}", json=content, headers={"If-None-Match": tag})
        statuses.append(answer.status_code)
    assert statuses == [201, 412, 412, 412, 412, 200]
