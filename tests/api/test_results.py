"""Records and batches: what was sent and answered, and who may see it."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import Played, body, duty, person, put, staff
from tests.tried_with import tried_with

PROTECTED = "Skyddad folkbokföring"
SKOLVERKETS_WORDS = "Felaktigt värde 201201019807 för Åsa"


@dataclass
class Scene:
    """A run whose first two stages have been carried out."""

    run: dict[str, Any]
    persons: list[dict[str, Any]]
    duties: list[dict[str, Any]]
    played: Played

    def job(self, position: int) -> str:
        return str(self.run["jobs"][position - 1]["id"])

    @property
    def personal(self) -> set[str]:
        """Every string that only some may see, by whom it is about."""
        return {"Åsa", "Öppensson", "Skyddsson", "Lärarsson", "example.se", "1019807", "1019815", "1019906", "1019914"}


@pytest.fixture
async def scene(service: Service) -> Scene:
    client = await service.client("provision")
    pupil, hidden = person(family="Öppensson"), person("Eva", "Skyddsson", 981, securityMarking=PROTECTED)
    teacher, guarded = staff(), staff("Ingrid", "Skyddslärare", 991, securityMarking=PROTECTED)
    persons, duties = [pupil, hidden, teacher, guarded], [duty(teacher), duty(guarded)]
    activity_id = await put(client, body(persons, duties))
    run = (await client.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    refused = {
        "status": "Error",
        "statusCode": 400,
        "errors": [
            {
                "id": "2010",
                "statusCode": 400,
                "message": SKOLVERKETS_WORDS,
                "attributeName": "civicNo.value",
                "attributeValue": "201201019807",
                "severityLevel": "Error",
            },
            "nonsense",
        ],
    }
    warned = {"status": "Warning", "warnings": [{"id": "3047", "message": "Svag EPPN", "severityLevel": "Warning"}]}
    about_hidden = json.loads(json.dumps(refused).replace("9807", "9815").replace("\\u00c5sa", "Eva Skyddsson"))
    await played.stage(1, {hidden["id"]: ("error", about_hidden), pupil["id"]: ("error", refused)})
    await played.stage(2, {duties[0]["id"]: ("warning", warned)})
    return Scene(run, persons, duties, played)


async def test_a_record_shows_who_it_is_and_what_was_said(service: Service, scene: Scene) -> None:
    client = await service.client("history", "pii", "protected")
    listed = (await client.get(f"/jobs/{scene.job(1)}/records")).json()["data"]
    assert [item["id"] for item in listed] == [item["id"] for item in scene.persons]
    pupil, teacher = listed[0], listed[2]
    assert pupil["kind"] == "persons"
    assert pupil["status"] == "error"
    assert pupil["name"] == "Åsa Öppensson"
    assert pupil["role"] == "Elev"
    assert pupil["civic_no"] == "201201019807"
    assert pupil["eppn"].endswith("@edu.example.se")
    assert (pupil["school_year"], pupil["school_type"]) == (6, "GR")
    assert pupil["messages"][0]["code"] == "2010"
    assert pupil["messages"][0]["severity"] == "error"
    assert pupil["messages"][0]["text"] == SKOLVERKETS_WORDS
    assert pupil["messages"][0]["attribute"] == "/civicNo/value"
    assert pupil["messages"][0]["explanation"]["sv"] != pupil["messages"][0]["explanation"]["en"]
    assert len(pupil["messages"]) == 2, "an entry of no known shape is a message too"
    assert (teacher["role"], teacher["messages"], teacher["status"]) == ("Personal", [], "succeeded")


async def test_a_duty_is_named_after_its_person(service: Service, scene: Scene) -> None:
    client = await service.client("history", "pii", "protected")
    listed = (await client.get(f"/jobs/{scene.job(2)}/records")).json()["data"]
    assert [item["name"] for item in listed] == ["Östen Lärarsson", "Ingrid Skyddslärare"]
    assert {item["role"] for item in listed} == {"Personal"}
    assert listed[0]["civic_no"] == "201201019906"
    assert listed[0]["messages"][0]["severity"] == "warning"


async def test_a_record_says_what_it_blocks_and_what_blocks_it(service: Service) -> None:
    """While what refers to it waits, and after it was not sent; with names, states, and the calls that were made."""
    client = await service.client("provision", "history", "pii")
    guarded = staff("Ingrid", "Skyddslärare", 991, securityMarking=PROTECTED)
    teacher, other = staff(), staff("Ylva", "Annansson", 992)
    duties = [duty(teacher), duty(other), duty(guarded)]
    activity_id = await put(client, body([teacher, other, guarded], duties))
    run = (await client.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    failed = ("error", {"status": "Error", "errors": [{"id": "2010"}]})
    await played.stage(1, {teacher["id"]: failed, guarded["id"]: failed})
    jobs = [each["id"] for each in run["jobs"]]
    addresses = [f"/jobs/{jobs[0]}/records/{teacher['id']}", f"/jobs/{jobs[1]}/records/{duties[0]['id']}"]
    for status in ("pending", "skipped"):
        person, held = [(await client.get(address)).json() for address in addresses]
        name = "Östen Lärarsson"
        assert person["blocks"] == [
            {"kind": "duties", "id": duties[0]["id"], "name": name, "status": status, "job_id": jobs[1]}
        ]
        assert held["blocked_by"] == [
            {"kind": "persons", "id": teacher["id"], "name": name, "status": "error", "job_id": jobs[0]}
        ]
        assert (person["blocked_by"], held["blocks"], held["calls"]) == ([], [], [])
        if status == "pending":
            await played.stage(2)
    [call] = person["calls"]
    assert (call["id"], call["number"], call["status"], call["http_status"]) == (
        str(played.batches[0]),
        1,
        "answered",
        202,
    )
    assert call["called_at"] < call["answered_at"]
    hidden = (await client.get(f"/jobs/{jobs[0]}/records/{guarded['id']}")).json()
    assert [each["name"] for each in hidden["blocks"]] == ["***"]
    unharmed = (await client.get(f"/jobs/{jobs[0]}/records/{other['id']}")).json()
    assert (unharmed["blocks"], unharmed["blocked_by"]) == ([], [])


async def test_sent_and_received_are_what_went_over_the_wire(service: Service, scene: Scene) -> None:
    """The same values in the same key order."""
    client = await service.client("history", "pii", "protected")
    record = json.loads((await client.get(f"/jobs/{scene.job(1)}/records/{scene.persons[0]['id']}")).content)
    assert json.dumps(record["sent"]) == json.dumps(scene.persons[0])
    assert record["received"]["response"]["errors"][0]["message"] == SKOLVERKETS_WORDS
    assert record["attempts"] == 1


async def answers(client: httpx.AsyncClient, scene: Scene) -> list[str]:
    """Everything that a key can read of the run's results, decoded."""
    texts = []
    for position in (1, 2):
        base = f"/jobs/{scene.job(position)}"
        for item in scene.persons if position == 1 else scene.duties:
            texts.append((await client.get(f"{base}/records/{item['id']}")).text)
        texts.append((await client.get(f"{base}/records")).text)
        batches = (await client.get(f"{base}/batches")).json()["data"]
        texts += [(await client.get(f"{base}/batches/{batch['id']}")).text for batch in batches]
    return [json.dumps(json.loads(text), ensure_ascii=False) for text in texts]


async def test_without_pii_nothing_personal_is_shown(service: Service, scene: Scene) -> None:
    """In no list, record or batch; and the structure stays."""
    for text in await answers(await service.client("history"), scene):
        assert not [word for word in scene.personal if word in text]
        assert SKOLVERKETS_WORDS not in text
    client = await service.client("history")
    record = (await client.get(f"/jobs/{scene.job(1)}/records/{scene.persons[0]['id']}")).json()
    assert (record["name"], record["civic_no"], record["eppn"]) == ("***", "***", "***")
    assert record["sent"].keys() == scene.persons[0].keys()
    assert record["sent"]["id"] == scene.persons[0]["id"]
    message = record["messages"][0]
    assert message["text"] == message["explanation"]["sv"]
    assert message["attribute"] == "/civicNo/value"


async def test_a_protected_person_takes_the_scope_protected(service: Service, scene: Scene) -> None:
    """With `pii` alone the others are seen; protected ones, and their duties, look as if the key had no `pii`."""
    client, blind = await service.client("history", "pii"), await service.client("history")
    shown = " ".join(await answers(client, scene))
    assert "Öppensson" in shown
    assert "Lärarsson" in shown
    assert "Skydds" not in shown
    assert "201201019815" not in shown
    for position, item in ((1, scene.persons[1]), (2, scene.duties[1])):
        address = f"/jobs/{scene.job(position)}/records/{item['id']}"
        assert (await client.get(address)).json() == (await blind.get(address)).json()
    batch = (await client.get(f"/jobs/{scene.job(1)}/batches/{scene.played.batches[0]}")).json()
    assert batch["request"]["data"][0] == scene.persons[0]
    assert batch["request"]["data"][1]["givenName"] == "***"


async def test_who_is_protected_now_is_protected_in_old_results(service: Service, scene: Scene) -> None:
    """A marking that comes with a later roster, even of another activity, hides what was stored before it."""
    client = await service.client("history", "pii")
    address = f"/jobs/{scene.job(1)}/records/{scene.persons[0]['id']}"
    assert (await client.get(address)).json()["name"] == "Åsa Öppensson"
    await put(await service.client("provision"), body([{**scene.persons[0], "securityMarking": PROTECTED}]))
    assert (await client.get(address)).json()["name"] == "***"


async def test_a_roster_is_read_whole_or_not_at_all(service: Service) -> None:
    """It can be sent back as it is, and so is never masked: who may not see protected persons gets 403."""
    writer = await service.client("provision")
    activity_id = await put(writer, body([person(), person("Eva", "Skyddsson", securityMarking=PROTECTED)]))
    for scopes in (("history",), ("history", "pii"), ("provision", "history", "pii")):
        client = await service.client(*scopes)
        assert (await client.get(f"/activities/{activity_id}/roster")).status_code == 403
    client = await service.client("history", "pii", "protected")
    roster = (await client.get(f"/activities/{activity_id}/roster")).json()["roster"]
    assert [item["familyName"] for item in roster["persons"]] == ["Exempelsson", "Skyddsson"]


@tried_with(
    ("q", "position", "found"),
    [
        ("öppensson", 1, [0]),
        ("ÅSA", 1, [0]),
        ("9807", 1, [0]),
        ("Åsa Öppensson", 1, [0]),
        ("åsa lärarsson", 1, []),
        ("oppensson", 1, [0]),
        ("öpp", 1, [0]),
        ("penss", 1, []),
        ("öppet", 1, []),
        ("20120101-9807", 1, [0]),
        ("ao980", 1, [0]),
        ("larare990@example.se", 1, [2]),
        ("lär öst", 2, [0]),
        ("", 1, [0, 1, 2, 3]),
        ("...", 1, []),
        ("lärarsson", 2, [0]),
    ],
)
async def test_search_goes_by_words_and_addresses(
    service: Service, scene: Scene, q: str, position: int, found: list[int]
) -> None:
    client = await service.client("history", "pii")
    answer = await client.post(f"/jobs/{scene.job(position)}/records/search", json={"q": q})
    items = scene.persons if position == 1 else scene.duties
    assert [item["id"] for item in answer.json()["data"]] == [items[n]["id"] for n in found]


@pytest.mark.parametrize(("q", "position"), [("skyddsson", 1), ("skyddslärare", 2)])
async def test_search_finds_protected_persons_for_some(service: Service, scene: Scene, q: str, position: int) -> None:
    """A hit would tell the name that is masked in it."""
    for scopes, hits in ((("history", "pii"), 0), (("history", "pii", "protected"), 1)):
        client = await service.client(*scopes)
        answer = await client.post(f"/jobs/{scene.job(position)}/records/search", json={"q": q})
        assert len(answer.json()["data"]) == hits


async def test_records_are_paged_and_filtered(service: Service, scene: Scene) -> None:
    client = await service.client("history", "pii", "protected")
    address = f"/jobs/{scene.job(1)}/records"
    first = (await client.get(address, params={"status": "error", "limit": 1})).json()
    second = (await client.get(address, params={"status": "error", "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["data"] + second["data"]] == [scene.persons[0]["id"], scene.persons[1]["id"]]
    assert second["next_cursor"] is None
    search = {"status": "error", "limit": 1}
    first = (await client.post(f"{address}/search", json=search)).json()
    second = (await client.post(f"{address}/search", json={**search, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["data"] + second["data"]] == [scene.persons[0]["id"], scene.persons[1]["id"]]


async def test_a_batch_shows_the_call(service: Service, scene: Scene) -> None:
    client = await service.client("history", "pii", "protected")
    listed = (await client.get(f"/jobs/{scene.job(1)}/batches")).json()["data"]
    assert [(item["number"], item["status"], item["records"], item["http_status"]) for item in listed] == [
        (1, "answered", 4, 202)
    ]
    batch = json.loads((await client.get(f"/jobs/{scene.job(1)}/batches/{listed[0]['id']}")).content)
    assert json.dumps(batch["request"]) == json.dumps({"data": scene.persons})
    assert [item["id"] for item in batch["answer"]["responses"]] == [item["id"] for item in scene.persons]
    assert batch["record_ids"] == [item["id"] for item in scene.persons]
