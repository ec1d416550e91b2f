"""What a key that provisions alone may do: with the runs that it has made everything, with another key's nothing."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import Played, body, person, put
from tests.api.guards import assert_problem
from tests.tried_with import tried_with


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


@tried_with(
    ("method", "path", "own", "other"),
    [
        ("GET", "/runs/{run}", 200, 403),
        ("GET", "/runs/{run}/events", 200, 403),
        ("GET", "/jobs/{job}", 200, 403),
        ("GET", "/jobs/{job}/records", 200, 403),
        ("GET", "/jobs/{job}/records/{record}", 200, 403),
        ("GET", "/jobs/{job}/batches", 200, 403),
        ("GET", "/jobs/{job}/batches/{batch}", 200, 403),
        ("GET", "/plans/{plan}", 200, 403),
        ("GET", "/plans/{plan}/items", 200, 403),
        # It has ended: what follows from that is said to its own key alone.
        ("POST", "/runs/{run}/cancel", 409, 403),
        ("POST", "/runs/{run}/retry", 202, 403),
        ("POST", "/activities/{activity}/provision", 202, 202),
    ],
)
async def test_each_route_opens_what_the_key_has_made_and_that_alone(
    scene: Scene, method: str, path: str, own: int, other: int
) -> None:
    address = path.format(**scene.names)
    assert (await scene.own.request(method, address)).status_code == own
    answer = await scene.other.request(method, address)
    if other == 403:
        assert_problem(answer, 403)
    assert answer.status_code == other


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
