"""Lists of records: narrowed, sorted and counted, and never so that it tells who is protected."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from tests.api.conftest import Service
from tests.api.factories import Played, body, duty, person, put, staff
from tests.tried_with import tried_with

NORTH, SOUTH = "a0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-000000000002"
PROTECTED = "Sekretessmarkering"


def pupil(serial: int, unit: str, year: int, **more: Any) -> dict[str, Any]:
    enrolment = {"enroledAt": {"id": unit}, "schoolType": "GR", "schoolYear": year}
    return person("Åsa", f"Pupilsson{serial}", serial, enrolments=[enrolment], **more)


def said(status: str, *codes: str) -> tuple[str, dict[str, Any]]:
    """Makes an answer with messages of these codes."""
    listed = [{"id": code, "message": "Fel", "severityLevel": status} for code in codes]
    return status.lower(), {"status": status, "errors" if status == "Error" else "warnings": listed}


@dataclass
class Listed:
    """A job of six persons that has ended: two in error, one in warning; and the duty of the last one."""

    job: str
    duties: str
    persons: list[dict[str, Any]]

    def places(self, answer: httpx.Response) -> list[int]:
        """Tells which persons an answer has, by their places in the roster."""
        assert answer.status_code == 200, answer.text
        ids = [each["id"] for each in self.persons]
        return [ids.index(each["id"]) for each in answer.json()["data"]]


@pytest.fixture
async def listed(service: Service) -> Listed:
    client = await service.client("provision")
    persons = [
        pupil(980, NORTH, 6),
        pupil(981, NORTH, 9),
        pupil(982, SOUTH, 6),
        pupil(983, NORTH, 6, securityMarking=PROTECTED),
        person(
            "Bo",
            "Slutat",
            984,
            enrolments=[{"enroledAt": {"id": NORTH}, "schoolType": "GR", "schoolYear": 6, "cancelled": True}],
        ),
        staff(),
    ]
    activity_id = await put(client, body(persons, [{**duty(persons[5]), "dutyAt": {"id": SOUTH}}]))
    run = (await client.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(
        1,
        {
            persons[1]["id"]: said("Error", "2010", "2010", "3047"),
            persons[2]["id"]: said("Warning", "3047"),
            persons[3]["id"]: said("Error", "2010"),
        },
    )
    async with service.runtime.engine.begin() as conn:
        await conn.execute(
            sa.text(
                "INSERT INTO reference_item (kind, id, code, payload)"
                " VALUES ('school_unit', :id, 'N', jsonb_build_object('displayName', 'Norra skolan'))"
                " ON CONFLICT DO NOTHING"
            ),
            {"id": NORTH},
        )
    return Listed(run["jobs"][0]["id"], run["jobs"][1]["id"], persons)


async def test_a_record_shows_its_school(service: Service, listed: Listed) -> None:
    """A pupil's that of the enrolment that holds, a duty's where it is held with the post; of staff there is none."""
    client = await service.client("history", "pii", "protected")
    records = (await client.get(f"/jobs/{listed.job}/records")).json()["data"]
    assert records[0]["school_unit"] == {"id": NORTH, "name": "Norra skolan"}
    assert records[2]["school_unit"] == {"id": SOUTH, "name": None}
    assert [each["school_unit"] for each in records[4:]] == [None, None]
    [held] = (await client.get(f"/jobs/{listed.duties}/records")).json()["data"]
    assert (held["name"], held["role"], held["duty_role"]) == ("Östen Lärarsson", "Personal", "Lärare")
    assert held["school_unit"] == {"id": SOUTH, "name": None}


@tried_with(
    ("narrowed", "found"),
    [
        ("status=error", [1, 3]),
        ("status=error&status=warning", [1, 2, 3]),
        ("code=3047", [1, 2]),
        ("code=3047&code=2010", [1, 2, 3]),
        ("code=nowhere", []),
        ("role=Personal", [5]),
        (f"school_unit={NORTH}", [0, 1, 3]),
        (f"school_unit={NORTH}&school_unit={SOUTH}&school_year=6", [0, 2, 3]),
        ("school_year=6&school_year=9&status=error&code=2010&role=Elev", [1, 3]),
        ("sort=-order", [5, 4, 3, 2, 1, 0]),
        ("sort=status", [1, 3, 2, 0, 4, 5]),
        ("sort=-status", [5, 4, 0, 2, 3, 1]),
        ("sort=completed_at&status=succeeded", [0, 4, 5]),
        ("sort=-completed_at&school_year=6&status=succeeded", [0]),
    ],
)
async def test_a_list_is_narrowed_and_sorted(service: Service, listed: Listed, narrowed: str, found: list[int]) -> None:
    """The same on pages of one, one after the other, and in the search."""
    client = await service.client("history", "pii", "protected")
    address = f"/jobs/{listed.job}/records?{narrowed}"
    assert listed.places(await client.get(address)) == found
    paged, cursor = [], ""
    while cursor is not None:
        answer = await client.get(f"{address}&limit=1{cursor and '&cursor='}{cursor}")
        paged += listed.places(answer)
        cursor = answer.json()["next_cursor"]
    assert paged == found
    values = httpx.QueryParams(narrowed)
    given: dict[str, Any] = {name: values.get_list(name) for name in values}
    given |= {"sort": values.get("sort", "order"), "school_year": [int(each) for each in given.get("school_year", ())]}
    search = f"/jobs/{listed.job}/records/search"
    assert listed.places(await client.post(search, json=given)) == found
    assert listed.places(await client.post(search, json={**given, "q": "åsa"})) == [each for each in found if each < 4]


async def test_records_are_counted_by_status_and_by_code(service: Service, listed: Listed) -> None:
    """Each over what fits but for its own filter, once on the first page."""
    client = await service.client("history", "pii", "protected")
    address = f"/jobs/{listed.job}/records"
    none = dict.fromkeys(("pending", "sent", "unchanged", "succeeded", "warning", "error", "skipped"), 0)
    first = (await client.get(address, params={"limit": 1})).json()
    assert first["counts"] == {
        "status": {**none, "succeeded": 3, "warning": 1, "error": 2},
        "code": {"2010": 2, "3047": 2},
    }
    further = await client.get(address, params={"limit": 1, "cursor": first["next_cursor"]})
    assert further.json()["counts"] is None
    narrowed = (await client.get(f"{address}?status=error&code=3047&school_year=9&school_year=6")).json()["counts"]
    assert narrowed == {"status": {**none, "warning": 1, "error": 1}, "code": {"2010": 2, "3047": 1}}
    in_vain = (await client.get(f"{address}?role=Personal&status=error")).json()
    assert (in_vain["data"], in_vain["counts"]) == ([], {"status": {**none, "succeeded": 1}, "code": {}})


async def test_a_protected_person_is_not_found_by_their_school(service: Service, listed: Listed) -> None:
    """Their school is null as that of somebody whose enrolments have ended; they are in no list and no count by it.

    Without pii everybody's is, and nobody is found so.
    """
    address = f"/jobs/{listed.job}/records"
    for scopes in (("history",), ("history", "pii")):
        client = await service.client(*scopes)
        records = (await client.get(address)).json()["data"]
        school = ("role", "school_year", "school_type", "school_unit", "duty_role")
        assert {name: records[3][name] for name in school} == {name: records[4][name] for name in school}
        for narrowed in (f"school_unit={NORTH}", f"school_unit={NORTH}&sort=completed_at"):
            answer = await client.get(f"{address}?{narrowed}")
            if "pii" not in scopes:
                assert (answer.status_code, "scope pii" in answer.json()["detail"]) == (403, True)
                assert {record["school_year"] for record in records} == {None}
                continue
            assert sorted(listed.places(answer)) == [0, 1]
            assert answer.json()["counts"]["status"]["error"] == 1
            assert answer.json()["counts"]["code"] == {"2010": 1, "3047": 1}
        assert listed.places(await client.get(f"{address}?role=Elev&status=error")) == [1, 3]


@tried_with(
    "narrowed",
    [
        "status=done",
        "code=åäö",
        "code=a-b",
        "role=Lärare",
        "school_unit=x",
        "school_year=6.0",
        "school_year=100",
        "sort=name",
    ],
)
async def test_an_unknown_value_is_refused_by_its_parameter(service: Service, listed: Listed, narrowed: str) -> None:
    client = await service.client("history")
    answer = await client.get(f"/jobs/{listed.job}/records?{narrowed}")
    assert answer.status_code == 400
    assert narrowed.split("=")[0] in answer.json()["detail"]


async def test_a_cursor_is_of_one_list(service: Service, listed: Listed) -> None:
    client = await service.client("history", "pii")
    address = f"/jobs/{listed.job}/records"
    cursor = (await client.get(address, params={"limit": 1, "school_year": 6})).json()["next_cursor"]
    assert (await client.get(address, params={"school_year": 6, "cursor": cursor})).status_code == 200
    for other in ("", "school_year=9", "school_year=6&sort=-order", "school_year=6&status=error"):
        assert (await client.get(f"{address}?{other}&cursor={cursor}")).status_code == 400
