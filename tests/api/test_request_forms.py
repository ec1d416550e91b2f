"""What a request may look like on the wire: one spelling of ids, no compressed bodies."""

import gzip
import json
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import body, person, put
from tests.tried_with import tried_with


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


@tried_with("form", ["{{{}}}", "urn:uuid:{}", "%7B{}%7D", "{} ", "hex"])
async def test_an_id_in_an_address_has_36_characters(client: httpx.AsyncClient, form: str) -> None:
    """Any other spelling is 404, for reading and for writing, whether there is such an activity or not."""
    activity_id = await put(client, body())
    spelt = activity_id.hex if form == "hex" else form.format(activity_id)
    for method, path in (("GET", ""), ("PUT", ""), ("GET", "/findings"), ("POST", "/provision")):
        answer = await client.request(method, f"/activities/{spelt}{path}", json=body() if method == "PUT" else None)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    read = await client.get(f"/activities/{str(activity_id).upper()}")
    assert (read.status_code, read.json()["id"]) == (200, str(activity_id))


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "hex"])
async def test_an_id_in_a_roster_is_spelt_the_same_way(client: httpx.AsyncClient, form: str) -> None:
    object_id = uuid4()
    spelt = object_id.hex if form == "hex" else form.format(object_id)
    answer = await client.put(f"/activities/{uuid4()}", json=body([{"id": spelt}]))
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (422, "/roster/persons/0/id", "not_a_uuid")


@tried_with("coding", ["gzip", "br", "identity, gzip"])
@tried_with(("method", "path"), [("PUT", ""), ("POST", "/provision")])
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


@tried_with(
    ("content", "pointer"),
    [
        ('{"allow": [], "allow": []}', ""),
        ('{"q": "a", "q": "b", "status": null}', ""),
        ('{"on_record_error": "halt", "on_record_\\u0065rror": "continue"}', ""),
        ('{"Anna": 1, "Anna": 1}', ""),
        ('{"allow": {"a": 1, "\\u0061": 1}}', "/allow"),
        ('{"allow": [{}, {"anna": {"x": 1, "x": 2}}]}', "/allow/1/*"),
    ],
)
async def test_a_key_that_stands_twice_is_refused_in_every_small_body(
    client: httpx.AsyncClient, content: str, pointer: str
) -> None:
    """The pointer is to the object: the key is not shown, and neither value counts."""
    activity = f"/activities/{await put(client, body())}"
    run = (await client.post(f"{activity}/provision")).json()
    routes = [
        *[("PATCH", activity), ("POST", f"{activity}/plan"), ("POST", f"{activity}/provision")],
        *[("POST", f"/runs/{run['id']}/retry"), ("POST", "/objects/search")],
        *[("POST", f"/jobs/{job['id']}/records/search") for job in run["jobs"][:1]],
    ]
    for method, path in routes:
        headers = {"Content-Type": "application/json"}
        answer = await client.request(method, path, content=content, headers=headers)
        assert answer.status_code == 422, path
        takes_allow = path.endswith(("/plan", "/provision", "/retry"))
        expected = pointer if takes_allow else pointer.replace("/allow", "/*")
        assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(expected, "duplicate_field")]
        assert "anna" not in answer.text.lower()
    assert len(routes) == 6


async def test_a_field_that_is_not_taken_is_not_named(client: httpx.AsyncClient) -> None:
    """Its name may be a person's; those that are taken are named where one of them is wrong."""
    activity = f"/activities/{await put(client, body())}"
    for path, pointer, content in (
        (f"{activity}/provision", "", {"anna": 1}),
        (f"{activity}/provision", "/stop_at_errors", {"stop_at_errors": {"anna": 1}}),
        (f"{activity}/provision", "/stop_at_errors/persons", {"stop_at_errors": {"persons": 0}}),
        ("/objects/search", "", {"anna": 1}),
    ):
        answer = await client.post(path, json=content)
        assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [pointer])
        assert "anna" not in answer.text


@tried_with("content", ["{", '{"a": 1, "a": 1', '{"q": ' + "[" * 20_000, '{"q": ' + "1" * 5_000 + "}", "", "1"])
async def test_what_is_no_json_or_no_object_is_told_as_before(client: httpx.AsyncClient, content: str) -> None:
    """Reading for doubled keys first changes nothing for other bodies."""
    answer = await client.post("/objects/search", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] in {"not_json", "too_deep", "bad_number", "not_an_object", "not_a_string"}
