"""Who is protected is not forgotten: what the target has accepted hides as what current rosters say does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.tried_with import tried_with

PROTECTED = "Skyddad folkbokföring"
ALL = ("provision", "history", "pii", "protected")
# Of the pupil and of the teacher: names, and the part of each civic number that tells one from another.
SECRETS = ("Skydds", "Ulla", "Ingrid", "20120101983", "20120101993", "us983", "is993")


@dataclass(frozen=True, slots=True)
class Scene:
    """A pupil and a teacher, accepted without a marking, then as protected; the roster says now that they are not.

    `early` are the jobs of the first run; `plan` was made before it; findings of the activity `probe` speak of both.
    """

    pupil: Object
    duty: Object
    early: list[UUID]
    plan: str
    probe: UUID


@pytest.fixture
async def scene(service: Service) -> Scene:
    boss = await service.client(*ALL)
    pupil, teacher, other = person("Ulla", "Skyddsson", 983), staff("Ingrid", "Skyddslärare", 993), person("Eva")
    teaches = duty(teacher)
    activity_id: UUID | None = None
    early: list[UUID] = []
    plan = ""
    for marking in ("Ingen", PROTECTED):
        marked = [{**each, "securityMarking": marking} for each in (pupil, teacher)]
        activity_id = await put(boss, body([*marked, other], [teaches]), activity_id)
        if not early:
            plan = (await boss.post(f"/activities/{activity_id}/plan")).json()["id"]
        run = (await boss.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
        played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
        for position in range(1, 5):
            await played.stage(position)
        early = early or played.jobs
    unmarked = [{**each, "securityMarking": "Ingen"} for each in (pupil, teacher)]
    await put(boss, body([*unmarked, other], [teaches]), activity_id)
    # Each has the address of one of them: a finding that speaks of them.
    twins = [
        person("Tora", "Tvilling", serial, eduPersonPrincipalNames=each["eduPersonPrincipalNames"])
        for serial, each in ((984, pupil), (985, teacher))
    ]
    probe = await put(boss, body(twins))
    return Scene(pupil, teaches, early, plan, probe)


Ask = Callable[[httpx.AsyncClient, Scene], Awaitable[httpx.Response]]


async def batch(client: httpx.AsyncClient, scene: Scene) -> httpx.Response:
    [call] = (await client.get(f"/jobs/{scene.early[0]}/batches")).json()["data"]
    return await client.get(f"/jobs/{scene.early[0]}/batches/{call['id']}")


READS: dict[str, Ask] = {
    "records of persons": lambda client, scene: client.get(f"/jobs/{scene.early[0]}/records"),
    "records of duties": lambda client, scene: client.get(f"/jobs/{scene.early[1]}/records"),
    "a person's record": lambda client, scene: client.get(f"/jobs/{scene.early[0]}/records/{scene.pupil['id']}"),
    "a duty's record": lambda client, scene: client.get(f"/jobs/{scene.early[1]}/records/{scene.duty['id']}"),
    "records by a word": lambda client, scene: client.post(
        f"/jobs/{scene.early[0]}/records/search", json={"q": "Skyddsson"}
    ),
    "duties by a word": lambda client, scene: client.post(
        f"/jobs/{scene.early[1]}/records/search", json={"q": "Skyddslärare"}
    ),
    "a batch": batch,
    "a plan's items": lambda client, scene: client.get(f"/plans/{scene.plan}/items"),
    "whom findings speak of": lambda client, scene: client.get(f"/activities/{scene.probe}/findings"),
    "an object": lambda client, scene: client.get(f"/objects/persons/{scene.pupil['id']}"),
    "objects by a word": lambda client, scene: client.post("/objects/search", json={"q": "Skyddsson"}),
}


@tried_with("read", READS)
async def test_who_was_accepted_as_protected_stays_hidden(service: Service, scene: Scene, read: str) -> None:
    """In what was sent before that too, whatever an older roster says now; who may see protected persons sees them."""
    shown = await READS[read](await service.client(*ALL), scene)
    assert any(secret in shown.text for secret in SECRETS), shown.text
    masked = await READS[read](await service.client("history", "pii"), scene)
    assert masked.status_code == 200
    assert [secret for secret in SECRETS if secret in masked.text] == []
