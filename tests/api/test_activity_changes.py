"""Activities are renamed and deleted: what was sent stays in the history, and what was stored goes."""

from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from tests.api.conftest import Service
from tests.api.factories import body, person, put
from tests.tried_with import tried_with


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


@pytest.fixture
async def activity_id(client: httpx.AsyncClient) -> UUID:
    return await put(client, body([person(), person()]))


async def count(service: Service, table: str) -> int:
    async with service.runtime.engine.connect() as conn:
        return int(await conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


async def test_a_new_name_is_a_new_version_and_the_roster_stays(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """Who wants to replace what was read before it is told that something has changed."""
    url = f"/activities/{activity_id}"
    before = await client.get(url)
    renamed = await client.patch(url, json={"display_name": " Prov 2 "}, headers={"If-Match": before.headers["etag"]})
    assert (renamed.status_code, renamed.json()["display_name"]) == (200, " Prov 2 ")
    assert renamed.json()["roster"]["counts"] == before.json()["roster"]["counts"]
    after = await client.get(url)
    assert (after.json(), after.headers["etag"]) == (renamed.json(), renamed.headers["etag"])
    assert after.headers["etag"] != before.headers["etag"]
    stale = await client.put(url, json=body(), headers={"If-Match": before.headers["etag"]})
    assert stale.status_code == 412
    again = await client.patch(url, json={"display_name": " Prov 2 "})
    assert again.headers["etag"] == after.headers["etag"]
    assert (await client.put(url, json=body(), headers={"If-Match": after.headers["etag"]})).status_code == 200


@tried_with(
    "content",
    [{}, {"display_name": ""}, {"display_name": " \n"}, {"display_name": "a\0"}, {"display_name": "a" * 256}, {"x": 1}],
)
async def test_a_name_that_is_none_is_422(client: httpx.AsyncClient, activity_id: UUID, content: object) -> None:
    answer = await client.patch(f"/activities/{activity_id}", json=content)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert (await client.get(f"/activities/{activity_id}")).json()["display_name"] == "Prov"


async def test_another_version_is_neither_renamed_nor_deleted(client: httpx.AsyncClient, activity_id: UUID) -> None:
    url, headers = f"/activities/{activity_id}", {"If-Match": '"99"'}
    assert (await client.patch(url, json={"display_name": "Annat"}, headers=headers)).status_code == 412
    assert (await client.delete(url, headers=headers)).status_code == 412
    assert (await client.get(url)).json()["display_name"] == "Prov"


async def test_what_is_deleted_is_gone(service: Service, client: httpx.AsyncClient, activity_id: UUID) -> None:
    """Nothing of its roster is kept that no other has; a second time there is nothing to delete."""
    shared = person()
    await put(client, body([person(), shared]), activity_id)
    other = await put(client, body([shared]))
    deleted = await client.delete(f"/activities/{activity_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [each["id"] for each in (await client.get("/activities")).json()["data"]] == [str(other)]
    assert (await count(service, "roster_item"), await count(service, "content")) == (1, 1)
    for address in ("", "/roster", "/findings", "/runs"):
        assert (await client.get(f"/activities/{activity_id}{address}")).status_code == 404
    for answer in (
        await client.delete(f"/activities/{activity_id}"),
        await client.patch(f"/activities/{activity_id}", json={"display_name": "Prov"}),
        await client.post(f"/activities/{activity_id}/provision"),
    ):
        assert answer.status_code == 404


async def test_its_runs_stay(service: Service, client: httpx.AsyncClient, activity_id: UUID) -> None:
    """With what they were to send; one that failed or was cancelled goes on no more."""
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    assert (await client.delete(f"/activities/{activity_id}")).status_code == 409
    await client.post(f"/runs/{run['id']}/cancel")
    assert (await client.delete(f"/activities/{activity_id}")).status_code == 204
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "cancelled"
    records = (await client.get(f"/jobs/{run['jobs'][0]['id']}/records")).json()["data"]
    assert [each["name"] for each in records] == ["Åsa Exempelsson"] * 2
    refused = await client.post(f"/runs/{run['id']}/retry")
    assert (refused.status_code, "deleted" in refused.json()["detail"]) == (409, True)


async def test_the_same_id_can_be_used_again(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """As a new activity: 201, and its runs go on counting."""
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    await client.post(f"/runs/{run['id']}/cancel")
    before = (await client.get(f"/activities/{activity_id}")).headers["etag"]
    await client.delete(f"/activities/{activity_id}")
    stale = await client.put(f"/activities/{activity_id}", json=body(), headers={"If-Match": before})
    assert stale.status_code == 412
    again = await client.put(f"/activities/{activity_id}", json=body([person()]))
    assert (again.status_code, again.json()["roster"]["counts"]["persons"]) == (201, 1)
    assert again.headers["etag"] != before
    assert (await client.post(f"/activities/{activity_id}/provision")).json()["sequence"] == 2


async def test_the_very_roster_that_was_deleted_can_come_again(client: httpx.AsyncClient) -> None:
    """It is no repeat of one that is there."""
    roster = body([person()])
    activity_id = await put(client, roster)
    await client.delete(f"/activities/{activity_id}")
    again = await client.put(f"/activities/{activity_id}", json=roster)
    assert (again.status_code, again.json()["roster"]["counts"]["persons"]) == (201, 1)
    assert (await client.put(f"/activities/{activity_id}", json=roster)).status_code == 200


async def test_what_nobody_has_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.delete(f"/activities/{uuid4()}")).status_code == 404


async def test_what_differs_names_the_exam_of_the_other_roster(client: httpx.AsyncClient) -> None:
    """On both, and the group's finding names the pupil; with another name of the exam it is that."""
    pupil, member = person(), person()
    its_class = {"id": str(uuid4()), "displayName": "6A", "groupMemberships": [{"person": {"id": member["id"]}}]}
    first = await put(client, body([pupil, member], groups=[its_class]))
    changed = [{**pupil, "givenName": "Örjan"}]
    second = await put(client, body(changed, groups=[{**its_class, "groupMemberships": []}]))
    await client.patch(f"/activities/{second}", json={"display_name": "Svenska"})
    for activity_id, other, name in ((first, second, "Svenska"), (second, first, "Prov")):
        wanted = {"code": ["roster_differs_name", "roster_differs_members"]}
        found = (await client.get(f"/activities/{activity_id}/findings", params=wanted)).json()["data"]
        assert [(each["code"], each["id"], each["severity"], each["about"]) for each in found] == [
            ("roster_differs_name", pupil["id"], "warning", [{"kind": "activities", "id": str(other), "name": name}]),
            (
                "roster_differs_members",
                its_class["id"],
                "warning",
                [{"kind": "persons", "id": member["id"], "name": "Åsa Exempelsson"}],
            ),
        ]
