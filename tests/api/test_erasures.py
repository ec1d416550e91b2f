"""An administrator of an organisation has a person erased, and looks how it stands."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.db import tasks
from app.db.acting import EVERYBODY
from app.db.engine import transaction
from app.jobs.tasks.erase import Erase
from tests.api.conftest import Service
from tests.api.factories import Object, body, person, put
from tests.api.guards import assert_problem
from tests.api.test_marked_once import ALL, PROTECTED, Scene, sent


@pytest.fixture
def pupils() -> list[Object]:
    return [person(givenName="Qvintessa"), person()]


async def erase_all(service: Service, file: Path) -> None:
    """Does what is asked for, as a worker does."""
    runtime = service.runtime
    kind = Erase(runtime.engine, runtime.cipher, runtime.target.published, str(file)).kind()
    async with transaction(runtime.engine, "claim", of=EVERYBODY) as conn:
        [task] = await tasks.claim_for_a_time(conn, {kind.name: kind.longest}, 10)
    await kind.do(task)
    async with transaction(runtime.engine, "done", of=EVERYBODY) as conn:
        assert await tasks.done(conn, task, None)


async def delete(client: httpx.AsyncClient, pupil: dict[str, Any]) -> httpx.Response:
    return await client.delete(f"/objects/persons/{pupil['id']}/content")


async def test_a_person_is_erased_by_a_worker_and_it_is_told_when(
    service: Service, pupils: list[Object], tmp_path: Path
) -> None:
    provisioner, admin = await service.client("provision"), await service.client("admin")
    reader = await service.client("history", "pii", "protected")
    activity_id = await put(provisioner, body(pupils))
    asked = await delete(admin, pupils[0])
    assert asked.status_code == 202
    assert (asked.json()["id"], asked.json()["erased_at"]) == (pupils[0]["id"], None)
    where = asked.headers["location"]
    assert where == f"/objects/persons/{pupils[0]['id']}/erasure"
    assert (await delete(admin, pupils[0])).json() == asked.json(), "asked for once"
    await erase_all(service, tmp_path / "erasures.jsonl")
    done = (await admin.get(where)).json()
    assert done["erased_at"] is not None
    assert (await delete(admin, pupils[0])).json() == done
    roster = (await reader.get(f"/activities/{activity_id}/roster")).json()["roster"]
    assert [each["id"] for each in roster["persons"]] == [pupils[1]["id"]]
    found = await reader.post("/objects/search", json={"q": "Qvintessa"})
    assert found.json()["data"] == []


async def test_a_run_that_has_the_person_is_a_409(service: Service, pupils: list[Object], tmp_path: Path) -> None:
    provisioner, admin = await service.client("provision"), await service.client("admin")
    activity_id = await put(provisioner, body(pupils))
    run = (await provisioner.post(f"/activities/{activity_id}/provision")).json()
    problem = assert_problem(await delete(admin, pupils[0]), 409)
    assert problem["type"] == "/problems/run-has-it"
    await provisioner.post(f"/runs/{run['id']}/cancel")
    assert (await delete(admin, pupils[0])).status_code == 202


async def test_what_is_not_there_or_anothers_is_a_404(service: Service, pupils: list[Object]) -> None:
    """And nothing is asked for."""
    await put(await service.client("provision"), body(pupils))
    admin, foreign = await service.client("admin"), await service.client("admin", organisation=1)
    assert_problem(await delete(admin, {"id": str(uuid4())}), 404)
    assert_problem(await delete(foreign, pupils[0]), 404)
    for client in (admin, foreign):
        assert_problem(await client.get(f"/objects/persons/{UUID(pupils[0]['id'])}/erasure"), 404)


async def test_who_was_protected_is_named_by_no_group_once_they_are_erased(service: Service, tmp_path: Path) -> None:
    """Not even by what was sent before a roster alone had marked them: their ids stay there."""
    boss, eye = await service.client(*ALL, "admin"), await service.client("history", "pii")
    scene = await Scene.make(service, boss)
    await put(boss, scene.school.roster(**PROTECTED), scene.activity_id)
    for each in (scene.school.pupil, scene.school.teacher):
        assert (await delete(boss, each)).status_code == 202
        await erase_all(service, tmp_path / "erasures.jsonl")
    assert await scene.told(eye) == []
    assert {secret for _, secret in await scene.told(boss)} >= set(scene.hidden_ids)


@pytest.mark.parametrize("erased", [False, True])
async def test_a_duty_that_was_theirs_tells_nothing_of_who_is_protected(
    service: Service, tmp_path: Path, *, erased: bool
) -> None:
    """Neither where it was nor, in an exam, which it is; it is somebody else's, and shown once it is accepted so."""
    boss, eye = await service.client(*ALL, "admin"), await service.client("history", "pii")
    scene = await Scene.make(service, boss)
    school = scene.school
    await put(boss, school.roster(**PROTECTED), scene.activity_id)
    await sent(service, boss, scene.activity_id)
    roster = school.roster(**PROTECTED)
    now = {**school.duty, "person": {"id": school.others[1]["id"]}, "dutyAt": {"id": str(uuid4())}}
    await put(boss, roster | {"roster": roster["roster"] | {"duties": [now]}}, scene.activity_id)
    plan = (await boss.post(f"/activities/{scene.activity_id}/plan")).json()["id"]
    scene.addresses.append(f"/plans/{plan}/items?stage=duties")
    if erased:
        assert (await delete(boss, school.teacher)).status_code == 202
        await erase_all(service, tmp_path / "erasures.jsonl")
    assert await scene.told(eye) == []
    await sent(service, boss, scene.activity_id)
    shown = (await eye.get(f"/objects/duties/{school.duty['id']}")).json()
    assert shown["school_unit"]["id"] == now["dutyAt"]["id"]
