"""Plans over the interface: made, read again, narrowed, masked, and nobody else's."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from app.db import planning
from app.domain.differences import MARKS, plain_marks
from tests.api.conftest import Service
from tests.api.factories import Played, body, duty, person, put, staff
from tests.api.guards import assert_problem
from tests.tried_with import tried_with

Json = dict[str, Any]
PROTECTED = "Skyddad folkbokföring"


@dataclass
class Scene:
    """An activity whose roster was sent, and has been changed since."""

    activity_id: UUID
    renamed: Json
    hidden: Json
    same: Json
    broken: Json
    teaching: Json
    gone: Json


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


@pytest.fixture
async def scene(service: Service, client: httpx.AsyncClient) -> Scene:
    renamed, same, gone = person(family="Provlund"), person("Eva", serial=981), person("Ivar", serial=982)
    hidden = person("Ulla", "Skyddsson", 983, securityMarking=PROTECTED)
    activity_id = await put(client, body([renamed, hidden, same, gone]))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    broken = staff(civicNo="none")
    teaching = duty(broken)
    changed = [{**renamed, "familyName": "Exempelsson"}, {**hidden, "familyName": "Skyddslund"}, same, broken]
    await put(client, body(changed, [teaching]), activity_id)
    return Scene(activity_id, renamed, hidden, same, broken, teaching, gone)


async def made(client: httpx.AsyncClient, activity_id: UUID, policy: str = "continue") -> Json:
    answer = await client.post(f"/activities/{activity_id}/plan", json={"on_record_error": policy})
    assert answer.status_code == 201, answer.text
    shown: Json = answer.json()
    assert answer.headers["location"] == f"/plans/{shown['id']}"
    return shown


async def items(client: httpx.AsyncClient, plan_id: str, **params: Any) -> list[Json]:
    """Reads all items, two a page."""
    listed: list[Json] = []
    more: Json = {}
    while True:
        answer = await client.get(f"/plans/{plan_id}/items", params={**params, "limit": 2, **more})
        assert answer.status_code == 200, answer.text
        listed += answer.json()["data"]
        if answer.json()["next_cursor"] is None:
            return listed
        more = {"cursor": answer.json()["next_cursor"]}


async def test_a_plan_tells_what_a_run_would_do_and_is_read_again(client: httpx.AsyncClient, scene: Scene) -> None:
    plan = await made(client, scene.activity_id)
    assert (plan["activity_id"], plan["roster_version"], plan["on_record_error"]) == (
        str(scene.activity_id),
        2,
        "continue",
    )
    assert plan["marks"] == {"left": 1, "new": 1, "renamed": 2, "unchanged": 1}
    persons, duties, groups, activities = plan["stages"]
    assert [persons[name] for name in ("total", "send", "kept_here", "left", "calls")] == [4, 3, 1, 1, 1]
    assert [duties[name] for name in ("total", "blocked", "calls")] == [1, 1, 0]
    assert (groups["total"], activities["total"]) == (0, 0)
    assert [each["title"] for each in plan["stages"]] == ["Användare", "Tjänstgöringar", "Grupper", "Aktiviteter"]
    assert plan["totals"]["total"] == 5
    assert persons["summary"]["sv"] == "4 användare: 3 skickas, 1 stannar här med fel"
    assert plan["summary"]["en"].endswith("; 1 duty: 1 blocked by another record")
    assert (await client.get(f"/plans/{plan['id']}")).json() == plan
    assert (await client.get(f"/activities/{scene.activity_id}/plans")).json()["data"] == [plan]


async def test_the_plans_of_an_activity_are_paged_the_newest_first(client: httpx.AsyncClient, scene: Scene) -> None:
    address = f"/activities/{scene.activity_id}/plans"
    ids = [(await made(client, scene.activity_id))["id"] for _ in range(3)]
    first = (await client.get(f"{address}?limit=2")).json()
    rest = (await client.get(f"{address}?limit=2&cursor={first['next_cursor']}")).json()
    assert [each["id"] for each in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert_problem(await client.get(f"/activities/{uuid4()}/plans?cursor={first['next_cursor']}"), 400)


async def test_the_items_say_why_and_what_differs(client: httpx.AsyncClient, scene: Scene) -> None:
    listed = await items(client, (await made(client, scene.activity_id))["id"])
    assert [each["id"] for each in listed] == [
        each["id"] for each in (scene.renamed, scene.hidden, scene.same, scene.broken, scene.gone, scene.teaching)
    ]
    renamed, hidden, same, broken, gone, teaching = listed
    assert renamed["changes"] == [{"pointer": "/familyName", "old": "Provlund", "new": "Exempelsson"}]
    assert hidden["changes"][0]["old"] == "Skyddsson"
    assert (same["decision"], same["marks"], same["changes"]) == ("send", ["unchanged"], [])
    assert (broken["decision"], [each["code"] for each in broken["messages"]]) == ("kept_here", ["schema_type"])
    assert (gone["decision"], gone["name"]) == ("left", "Ivar Exempelsson")
    assert (teaching["decision"], teaching["blocked_by"]) == ("blocked", [scene.broken["id"]])
    assert teaching["name"] == "Östen Lärarsson"
    about = {"kind": "persons", "id": scene.broken["id"], "name": "Östen Lärarsson"}
    assert teaching["messages"][0]["about"] == [about]


@tried_with(
    ("params", "names"),
    [
        ({"stage": "duties"}, ["teaching"]),
        ({"mark": ["renamed", "left"]}, ["renamed", "hidden", "gone"]),
        ({"code": "schema_type"}, ["broken"]),
        ({"decision": ["kept_here", "blocked"]}, ["broken", "teaching"]),
        ({"stage": "persons", "decision": "send", "mark": "unchanged"}, ["same"]),
        ({"mark": "eppn_changed"}, []),
    ],
)
async def test_items_are_narrowed(client: httpx.AsyncClient, scene: Scene, params: Json, names: list[str]) -> None:
    listed = await items(client, (await made(client, scene.activity_id))["id"], **params)
    assert [each["id"] for each in listed] == [getattr(scene, name)["id"] for name in names]


async def test_with_halt_the_chain_stops_where_something_stays_here(client: httpx.AsyncClient, scene: Scene) -> None:
    """The body may be left out: halt is what a run does by itself."""
    plan = (await client.post(f"/activities/{scene.activity_id}/plan")).json()
    assert plan["on_record_error"] == "halt"
    assert [(each["stops_here"], each["not_reached"]) for each in plan["stages"]] == [
        (True, 0),
        (False, 1),
        (False, 0),
        (False, 0),
    ]


async def test_nothing_is_sent(service: Service, client: httpx.AsyncClient, scene: Scene) -> None:
    """No run, job, record, call or task comes of a plan."""

    async def rows() -> list[int]:
        async with service.runtime.engine.connect() as conn:
            return [
                int(await conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)
                for table in ("run", "job", "record", "batch", "task", "event", "content")
            ]

    before = await rows()
    await made(client, scene.activity_id)
    assert await rows() == before


async def test_values_are_masked_for_who_may_not_see_them(
    service: Service, client: httpx.AsyncClient, scene: Scene
) -> None:
    """Without `pii` those of all persons, with the places; without `protected` those of protected ones."""
    plan_id = (await made(client, scene.activity_id))["id"]
    everyone = await items(client, plan_id)
    blind = await items(await service.client("history"), plan_id)
    some = await items(await service.client("history", "pii"), plan_id)
    for word in ("Provlund", "Exempelsson", "Skydds", "Lärarsson", "Ivar", "edu.example.se", "20120101"):
        assert word not in json.dumps([{**each, "id": None, "blocked_by": None} for each in blind], ensure_ascii=False)
    assert "Skydds" not in json.dumps(some)
    for seen, masked, in_part in zip(everyone, blind, some, strict=True):
        is_hidden = seen["id"] == scene.hidden["id"]
        assert masked["changes"] == []
        assert masked["marks"] == plain_marks(seen["marks"])
        assert in_part["changes"] == (masked if is_hidden else seen)["changes"]
        assert in_part["name"] == (masked if is_hidden else seen)["name"]
    assert (everyone[1]["marks"], some[1]["marks"], some[1]["changes"]) == (["renamed"], ["changed"], [])


async def test_who_is_protected_now_is_so_in_old_plans(
    service: Service, client: httpx.AsyncClient, scene: Scene
) -> None:
    plan_id = (await made(client, scene.activity_id))["id"]
    await put(client, body([{**scene.renamed, "securityMarking": PROTECTED}]))
    reader = await service.client("history", "pii")
    assert await items(reader, plan_id, mark="renamed") == []
    for shown, whose in zip(await items(reader, plan_id, mark="changed"), (scene.renamed, scene.hidden), strict=True):
        assert (shown["id"], shown["name"], shown["marks"], shown["changes"]) == (whose["id"], "***", ["changed"], [])


async def test_the_counts_of_a_plan_from_before_a_marking_tell_nothing_of_it(
    service: Service, client: httpx.AsyncClient, scene: Scene
) -> None:
    """Else what the items say no more would be what is left of the counts."""
    plan_id = (await made(client, scene.activity_id))["id"]
    reader = await service.client("history", "pii")

    async def counted(who: httpx.AsyncClient) -> list[dict[str, int]]:
        [listed] = (await who.get(f"/activities/{scene.activity_id}/plans")).json()["data"]
        shown = (await who.get(f"/plans/{plan_id}")).json()
        assert shown["marks"] == listed["marks"]
        return [shown["marks"], shown["stages"][0]["marks"]]

    before, whole = await counted(reader), await counted(client)
    assert [each[0]["renamed"] for each in (before, whole)] == [1, 2]
    elsewhere = await put(client, body([person("Olle", serial=989)]))
    assert await counted(reader) == before, "nobody is marked in it"
    await put(client, body([{**scene.renamed, "securityMarking": PROTECTED}]), elsewhere)
    for was, marks in zip(before, await counted(reader), strict=True):
        assert not {"renamed", "unchanged"} & marks.keys()
        assert marks["changed"] == was["changed"] + was["renamed"] + was["unchanged"]
    assert await counted(client) == whole


async def test_by_no_mark_is_found_what_of_a_protected_person_has_changed(
    service: Service, client: httpx.AsyncClient, scene: Scene
) -> None:
    """An id and a guess tell nothing more: neither the item, nor which filter has it, nor the plan's counts."""
    low = await service.client("provision", "history", "pii")
    seen = []
    for civic_no in (scene.hidden["civicNo"], person(serial=987)["civicNo"]):
        guess = {**scene.hidden, "familyName": "Gissning", "civicNo": civic_no}
        activity_id = await put(low, body([guess]))
        plan = await made(low, activity_id)
        by_mark = {mark: len(await items(low, plan["id"], mark=mark)) for mark in MARKS}
        [shown] = await items(low, plan["id"])
        seen.append((plan["marks"], by_mark, shown["marks"], shown["changes"]))
        assert (await items(client, plan["id"]))[0]["marks"][0] == "renamed"
        assert (await low.delete(f"/activities/{activity_id}")).status_code in {200, 204}
    assert seen[0] == seen[1] == ({"changed": 1}, {mark: int(mark == "changed") for mark in MARKS}, ["changed"], [])


async def test_a_duty_of_a_protected_person_is_told_of_as_its_person(service: Service) -> None:
    boss = await service.client("provision", "history", "pii", "protected")
    teacher = staff(securityMarking=PROTECTED)
    teaches = duty(teacher)
    activity_id = await put(boss, body([teacher], [teaches]))
    run = (await boss.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    await played.stage(2)
    await put(boss, body([teacher], [{**teaches, "dutyAt": {"id": str(uuid4())}}]), activity_id)
    plan = await made(boss, activity_id)
    for scopes, marks in ((("history", "pii", "protected"), ["unit_changed"]), (("history", "pii"), ["changed"])):
        reader = await service.client(*scopes)
        counted = (await reader.get(f"/plans/{plan['id']}")).json()["marks"]
        assert counted == ({"changed": 2} if marks == ["changed"] else {"unchanged": 1, "unit_changed": 1})
        [shown] = await items(reader, plan["id"], stage="duties")
        assert shown["marks"] == marks
        assert len(await items(reader, plan["id"], mark="unit_changed")) == int(marks == ["unit_changed"])


async def test_without_history_a_plan_shows_nothing_of_what_others_have_sent(service: Service, scene: Scene) -> None:
    """Neither old values nor who has left."""
    sends = await service.client("provision")
    listed = {each["id"]: each for each in await items(sends, (await made(sends, scene.activity_id))["id"])}
    renamed, gone = listed[scene.renamed["id"]], listed[scene.gone["id"]]
    assert (renamed["marks"], renamed["changes"]) == (["changed"], [])
    assert (gone["decision"], gone["name"], gone["civic_no"], gone["eppn"]) == ("left", "***", "***", "***")


async def test_when_the_roster_has_gone_marks_stay_and_values_go(client: httpx.AsyncClient, scene: Scene) -> None:
    plan = await made(client, scene.activity_id)
    await put(client, body(), scene.activity_id)
    assert (await client.get(f"/plans/{plan['id']}")).json() == plan
    renamed, *_ = await items(client, plan["id"])
    assert (renamed["marks"], renamed["changes"], renamed["name"]) == (["renamed"], None, None)


async def test_a_key_that_provisions_alone_sees_its_own_plans(
    service: Service, client: httpx.AsyncClient, scene: Scene
) -> None:
    provisions = await service.client("provision")
    others, own = await made(client, scene.activity_id), await made(provisions, scene.activity_id)
    for address in (f"/plans/{others['id']}", f"/plans/{others['id']}/items"):
        assert_problem(await provisions.get(address), 403)
    assert (await provisions.get(f"/plans/{own['id']}/items")).status_code == 200
    assert (await provisions.get(f"/activities/{scene.activity_id}/plans")).json()["data"] == [own]
    reads = await service.client("history")
    assert (await reads.get(f"/plans/{own['id']}")).json() == own
    seen = (await made(reads, scene.activity_id))["stages"]
    assert [{**each, "marks": None} for each in seen] == [{**each, "marks": None} for each in others["stages"]]
    assert [each["marks"] for each in seen] == [each["marks"] for each in own["stages"]]


async def test_another_organisations_plan_and_activity_are_not_there(
    service: Service, client: httpx.AsyncClient, scene: Scene
) -> None:
    plan = await made(client, scene.activity_id)
    stranger = await service.client("provision", "history", "pii", "protected", organisation=1)
    for address in (f"/plans/{plan['id']}", f"/plans/{plan['id']}/items", f"/activities/{scene.activity_id}/plans"):
        assert_problem(await stranger.get(address), 404)
    assert_problem(await stranger.post(f"/activities/{scene.activity_id}/plan"), 404)
    assert_problem(await client.post(f"/activities/{uuid4()}/plan"), 404)


@tried_with("query", ["mark=unknown", "code=2010x", "stage=unknown", "decision=unknown", "cursor=x", "limit=0"])
async def test_unknown_values_are_refused(client: httpx.AsyncClient, scene: Scene, query: str) -> None:
    plan = await made(client, scene.activity_id)
    assert_problem(await client.get(f"/plans/{plan['id']}/items?{query}"), 400)
    first = (await client.get(f"/plans/{plan['id']}/items?limit=1")).json()["next_cursor"]
    assert_problem(await client.get(f"/plans/{plan['id']}/items", params={"cursor": first, "mark": "new"}), 400)


async def _erased(service: Service, object_id: str, kind: str = "persons") -> None:
    """Writes down that somebody has been erased."""
    values = {"of": service.organisations[0], "kind": kind, "id": object_id}
    async with service.runtime.engine.begin() as conn:
        await conn.execute(
            sa.text(
                """
                INSERT INTO erasure (organisation_id, kind, object_id, requested_by, logged_at, erased_at)
                VALUES (:of, :kind, :id, 'test', clock_timestamp(), clock_timestamp())
                ON CONFLICT (organisation_id, kind, object_id) DO UPDATE SET erased_at = excluded.erased_at
                """
            ),
            values,
        )


@pytest.mark.parametrize(
    ("who", "times", "makes"),
    [("a stranger", 9, 1), ("a person", 1, 2), ("a person", 2, 3), ("a person", 9, 3), ("whose duty", 1, 2)],
)
async def test_a_plan_is_made_again_for_who_is_in_it_alone_and_a_few_times(
    service: Service, monkeypatch: pytest.MonkeyPatch, who: str, times: int, makes: int
) -> None:
    """Whoever is erased while it is made; then it is a 503. However often it is made, the audit has it once."""
    client = await service.client("provision", "history", "pii", "protected")
    one, elsewhere = person(), staff()
    activity_id = await put(client, body([one], [duty(elsewhere)]))
    ids = {"a stranger": str(uuid4()), "a person": one["id"], "whose duty": elsewhere["id"]}
    make, made = planning._make, 0

    async def counted(*given: Any, **more: Any) -> None:
        nonlocal made
        made += 1
        await make(*given, **more)
        if made <= times:
            await _erased(service, ids[who])

    monkeypatch.setattr(planning, "_make", counted)
    answer = await client.post(f"/activities/{activity_id}/plan")
    is_overtaken = who == "a person" and times == 9
    assert (answer.status_code, made) == (503 if is_overtaken else 201, makes)
    kept = [] if is_overtaken else [answer.json()["id"]]
    listed = (await client.get(f"/activities/{activity_id}/plans")).json()["data"]
    assert [each["id"] for each in listed] == kept
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM audit WHERE action = 'make_plan'")) == 1


async def test_with_its_activity_a_plan_goes(service: Service, client: httpx.AsyncClient) -> None:
    """It is not back with the activity either; what is planned of another one stays."""
    deleted, other = await put(client, body([person()])), await put(client, body([person("Eva", serial=981)]))
    plan, stays = await made(client, deleted), await made(client, other)
    assert (await client.delete(f"/activities/{deleted}")).is_success
    await put(client, body([person()]), deleted)
    for address in (f"/plans/{plan['id']}", f"/plans/{plan['id']}/items"):
        assert_problem(await client.get(address), 404)
    assert (await client.get(f"/activities/{deleted}/plans")).json()["data"] == []
    assert len(await items(client, stays["id"])) == 1
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM plan_item")) == 1
