"""What a key that provisions alone may do: with the runs that it has made everything, with another key's nothing."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import Played, body, person, put


@dataclass(frozen=True)
class Scene:
    """A key that has made a run and a plan, and another one of the same organisation."""

    own: httpx.AsyncClient
    other: httpx.AsyncClient
    names: dict[str, str]


@pytest.fixture
async def scene(service: Service) -> Scene:
    own, other = await service.client("provision"), await service.client("provision")
    pupil = person()
    activity_id = await put(own, body([pupil]))
    run = (await own.post(f"/activities/{activity_id}/provision", headers={"Idempotency-Key": "first"})).json()
    plan = (await own.post(f"/activities/{activity_id}/plan")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    # Not under way any more, so that it is followed to its end at once.
    await own.post(f"/runs/{run['id']}/cancel", headers={"Idempotency-Key": "first cancel"})
    names = {
        "activity": str(activity_id),
        "run": run["id"],
        "job": run["jobs"][0]["id"],
        "record": pupil["id"],
        "batch": str(played.batches[0]),
        "plan": plan["id"],
    }
    return Scene(own, other, names)


@pytest.mark.parametrize(
    ("path", "key", "other"),
    [
        # The other one's first request with such a key: a run of its own.
        ("/activities/{activity}/provision", "first", 202),
        ("/runs/{run}/cancel", "first cancel", 403),
    ],
)
async def test_a_replay_is_for_the_key_that_was_answered(scene: Scene, path: str, key: str, other: int) -> None:
    address, headers = path.format(**scene.names), {"Idempotency-Key": key}
    mine = await scene.own.post(address, headers=headers)
    assert (mine.status_code, mine.json()["id"]) == (202, scene.names["run"])
    assert mine.headers["idempotent-replayed"] == "true"
    theirs = await scene.other.post(address, headers=headers)
    assert theirs.status_code == other
    assert "idempotent-replayed" not in theirs.headers
    assert theirs.json().get("id") != scene.names["run"]


@pytest.mark.parametrize("path", ["/runs", "/jobs", "/activities/{activity}/runs", "/activities/{activity}/plans"])
async def test_lists_have_what_the_key_has_made(scene: Scene, path: str) -> None:
    address = path.format(**scene.names)
    assert (await scene.own.get(address)).json()["data"]
    assert (await scene.other.get(address)).json()["data"] == []


async def test_an_activitys_last_run_is_the_last_that_the_key_has_made(scene: Scene, service: Service) -> None:
    """In every answer that shows an activity: null for a key that has made none, the activity's for who sees all."""
    activity, reader = f"/activities/{scene.names['activity']}", await service.client("history", "provision")
    roster = {"display_name": "Annat", "roster": {"persons": []}}

    async def shown(client: httpx.AsyncClient) -> list[str | None]:
        answers = [
            await client.get(activity),
            await client.put(activity, json=roster),
            await client.put(activity, json=roster),
            await client.patch(activity, json={"display_name": "Annat"}),
        ]
        listed = (await client.get("/activities")).json()["data"]
        return [each["last_run"] and each["last_run"]["id"] for each in (*listed, *(a.json() for a in answers))]

    assert await shown(scene.other) == [None] * 5
    assert await shown(scene.own) == await shown(reader) == [scene.names["run"]] * 5
    await scene.own.patch(activity, json={"display_name": "Prov"})
    newest = (await scene.other.post(f"{activity}/provision", json={"allow": ["shrinks"]})).json()["id"]
    assert await shown(scene.other) == await shown(reader) == [newest] * 5
    assert await shown(scene.own) == [scene.names["run"]] * 5
