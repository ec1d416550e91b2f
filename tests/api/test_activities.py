"""Activities: stored whole or not at all, read back as they were."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from app.db.staging import forget_staged
from tests.api.conftest import MAX_ROSTER_BYTES, Service
from tests.api.factories import body, duty, person, put, staff
from tests.database.factories import group
from tests.tried_with import tried_with


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


async def items(service: Service) -> int:
    async with service.runtime.engine.connect() as conn:
        return int(await conn.scalar(sa.text("SELECT count(*) FROM roster_item")) or 0)


def version(answer: httpx.Response) -> int:
    """Reads the version of the roster in an ETag, before what is shown beside it."""
    return int(answer.headers["etag"].strip('"').partition("-")[0])


async def test_what_is_said_of_others_is_kept_in_no_form(client: httpx.AsyncClient) -> None:
    """Of a reference the id stays, in a list and in another case as well."""
    one = person()
    other = {"id": one["id"], "givenName": "ANNAN"}
    its_class = group(one)
    its_class["groupMemberships"] = [{"person": [other, [other]]}, {"Person": other}, {"PERSON": [other]}]
    activity_id = await put(client, body([one | {"Responsibles": [other]}], groups=[its_class]))
    answer = await client.get(f"/activities/{activity_id}/roster")
    assert "ANNAN" not in answer.text
    only = {"id": one["id"]}
    [shown] = answer.json()["roster"]["groups"]
    assert shown["groupMemberships"] == [{"person": [only, [only]]}, {"Person": only}, {"PERSON": [only]}]


async def test_a_new_activity_is_created_and_shown(client: httpx.AsyncClient) -> None:
    """A PUT of a new id gives 201, the version as ETag, and what GET gives."""
    activity_id = uuid4()
    teacher = staff()
    answer = await client.put(f"/activities/{activity_id}", json=body([person(), teacher], [duty(teacher)]))
    assert (answer.status_code, version(answer)) == (201, 1)
    shown = answer.json()
    assert shown["id"] == str(activity_id)
    assert shown["roster"]["counts"] == {"persons": 2, "duties": 1, "groups": 0, "activities": 0}
    assert shown["findings"] == {"errors": 0, "warnings": 0, "by_code": {}}
    assert shown["last_run"] is None
    assert (await client.get(f"/activities/{activity_id}")).json() == shown


async def test_a_second_put_replaces_the_roster(service: Service, client: httpx.AsyncClient) -> None:
    """The version rises, the answer is 200, and nothing is left of the old roster."""
    activity_id = await put(client, body([person(serial=980), person(serial=981)]))
    answer = await client.put(f"/activities/{activity_id}", json=body([person(serial=982)]))
    assert (answer.status_code, version(answer)) == (200, 2)
    assert answer.json()["roster"]["counts"]["persons"] == 1
    assert await items(service) == 1


async def test_a_roster_comes_back_as_it_went_in(client: httpx.AsyncClient) -> None:
    """Values and key order of every object are kept, also of what is no UTF-8 and of fields that nobody knows."""
    teacher = staff()
    persons = [person(zzz=1.5, aaa=[None, True]), teacher, person(given="\ud800", serial=983)]
    sent = body(persons, [duty(teacher)])
    activity_id = uuid4()
    raw = json.dumps(sent).encode()
    answer = await client.put(f"/activities/{activity_id}", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    got = json.loads((await client.get(f"/activities/{activity_id}/roster")).content)
    assert json.dumps(got) == json.dumps({**sent, "roster": {**sent["roster"], "groups": [], "activities": []}})


async def test_what_is_read_back_can_be_sent_as_it_is(service: Service, client: httpx.AsyncClient) -> None:
    """Under the ETag that came with it; the same name and objects are no new version, and change nothing."""
    teacher = staff(given="Åke")
    sent = body([person(zzz=1.5), teacher, person(given="\ud800", serial=983)], [duty(teacher)])
    activity_id, json_alone = uuid4(), {"Content-Type": "application/json"}
    first = await client.put(f"/activities/{activity_id}", content=json.dumps(sent), headers=json_alone)
    before = first.json()
    read = await client.get(f"/activities/{activity_id}/roster")
    headers = {**json_alone, "If-Match": read.headers["etag"]}
    again = await client.put(f"/activities/{activity_id}", content=read.content, headers=headers)
    assert (again.status_code, version(again), again.json()) == (200, 1, before)
    assert (await client.get(f"/activities/{activity_id}/roster")).content == read.content
    async with service.runtime.engine.connect() as conn:
        rows = "SELECT (SELECT count(*) FROM roster), (SELECT count(*) FROM roster_staging), max(last_upload)"
        assert (await conn.execute(sa.text(f"{rows} FROM organisation"))).one() == (1, 0, 1)


@pytest.mark.parametrize("change", ["name", "order", "value", "less"])
async def test_whatever_is_changed_makes_a_new_version(client: httpx.AsyncClient, change: str) -> None:
    persons = [person(serial=980), person(serial=981)]
    activity_id = await put(client, body(persons))
    other = {
        "name": {**body(persons), "display_name": "Ett annat"},
        "order": body(persons[::-1]),
        "value": body([persons[0], {**persons[1], "givenName": "Eva"}]),
        "less": body(persons[:1]),
    }[change]
    answer = await client.put(f"/activities/{activity_id}", json=other)
    assert (answer.status_code, version(answer)) == (200, 2)


@pytest.mark.parametrize(
    "conditions",
    [
        [("If-Match", '"2"')],
        [("If-None-Match", "*")],
        [("If-None-Match", 'W/"1"')],
        [("If-None-Match", '"7"'), ("If-None-Match", "*")],
    ],
)
async def test_the_same_content_again_is_412_where_the_condition_fails(
    client: httpx.AsyncClient, conditions: list[tuple[str, str]]
) -> None:
    """In whichever line of a header it stands."""
    activity_id = await put(client, body())
    assert (await client.put(f"/activities/{activity_id}", json=body(), headers=conditions)).status_code == 412


async def test_the_same_large_roster_again_leaves_nothing_staged(service: Service, client: httpx.AsyncClient) -> None:
    """Nor does one that is refused when some of it has been stored already."""
    persons = [{"id": str(uuid4())} for _ in range(2100)]
    activity_id = await put(client, body(persons))
    assert version(await client.put(f"/activities/{activity_id}", json=body(persons))) == 1
    assert (await client.put(f"/activities/{activity_id}", json=body([*persons, persons[0]]))).status_code == 422
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM roster_staging")) == 0
    assert await items(service) == 2100


async def test_what_a_process_that_died_has_staged_is_forgotten(service: Service) -> None:
    """After an hour; what is younger may be of an upload that is under way."""
    old, young = uuid4(), uuid4()
    async with service.runtime.engine.begin() as conn:
        for roster_id, age in ((old, "61 minutes"), (young, "59 minutes")):
            await conn.execute(
                sa.text(
                    "INSERT INTO roster_staging (organisation_id, roster_id, staged_at, kind, object_id, ordinal,"
                    " source, source_sealed, words, refs, protected, sendable) VALUES (:id, :id,"
                    " now() - CAST(:age AS interval), 'persons', :id, 0, '', '', '{}', '{}', false, true)"
                ),
                {"id": roster_id, "age": age},
            )
        await forget_staged(conn)
        left = await conn.scalars(sa.text("SELECT roster_id FROM roster_staging"))
        assert list(left) == [young]


async def test_the_stored_form_is_no_clear_text(service: Service, client: httpx.AsyncClient) -> None:
    """Nothing in the row gives a name away."""
    await put(client, body([person(family="Hemligsson")]))
    async with service.runtime.engine.connect() as conn:
        row = await conn.scalar(
            sa.text(
                "SELECT roster_item::text || encode(sealed, 'escape') FROM roster_item JOIN content ON digest = source"
            )
        )
    assert "Hemlig" not in str(row)


async def test_findings_name_what_is_wrong_and_keep_nobody_out(client: httpx.AsyncClient) -> None:
    """One broken record among others is stored and listed, page by page, with an explanation."""
    broken = [person(serial=980 + n, civicNo="none") for n in range(3)]
    activity_id = await put(client, body([person(serial=990), *broken], [{"id": str(uuid4())}]))
    shown = (await client.get(f"/activities/{activity_id}")).json()
    assert shown["roster"]["counts"]["persons"] == 4
    listed, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"/activities/{activity_id}/findings", params=params)).json()
        assert 1 <= len(page["data"]) <= 2
        listed += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(listed) == shown["findings"]["errors"]
    assert {item["id"] for item in listed if item["kind"] == "persons"} == {item["id"] for item in broken}
    assert len({(item["id"], item["pointer"], item["code"]) for item in listed}) == len(listed)
    assert all(item["explanation"]["sv"] and item["explanation"]["en"] for item in listed)


async def _findings(client: httpx.AsyncClient, activity_id: object, **params: Any) -> list[dict[str, Any]]:
    """Reads all findings, two a page."""
    listed: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = await client.get(f"/activities/{activity_id}/findings", params={**params, "limit": 2, **more})
        assert answer.status_code == 200, answer.text
        listed += answer.json()["data"]
        if answer.json()["next_cursor"] is None:
            return listed
        more = {"cursor": answer.json()["next_cursor"]}


async def test_what_does_not_leave_is_counted_once_for_each_property(client: httpx.AsyncClient) -> None:
    """Nothing of it is a finding of each object, and no unknown name is repeated."""
    surplus = {"birthDate": "2012-01-01", "middleName": None, "9001019802": 1}
    persons = [person(serial=980 + n) | surplus for n in range(3)]
    group = {"id": str(uuid4()), "startDate": "2026-01-01", "groupMemberships": [{"person": {"id": persons[0]["id"]}}]}
    activity_id = await put(client, body(persons, groups=[group]))
    counted = [each for each in await _findings(client, activity_id) if each["id"] is None]
    assert [(each["kind"], each["code"], each["pointer"], each["count"]) for each in counted] == [
        ("persons", "null_left_out", "/middleName", 3),
        ("persons", "property_left_out", "/birthDate", 3),
        ("persons", "unknown_left_out", "", 3),
        ("groups", "property_left_out", "/startDate", 1),
    ]
    shown = (await client.get(f"/activities/{activity_id}")).json()
    assert shown["findings"]["by_code"]["property_left_out"] == 2
    assert shown["findings"]["warnings"] == 4


async def test_findings_are_narrowed_by_kind_code_and_severity(client: httpx.AsyncClient) -> None:
    """Each may be given several times, and a cursor is of one choice alone."""
    emails = [{"value": "fel", "type": "Skola elev"}]
    persons = [person(serial=980, emails=emails), person(serial=981, civicNo="none", emails=emails), person(serial=982)]
    activity_id = await put(client, body(persons, [{"id": str(uuid4())}]))
    every = await _findings(client, activity_id)
    for params in (
        {"kind": ["duties"]},
        {"severity": ["warning"]},
        {"code": ["value_left_out", "schema_type"], "kind": ["persons", "groups"]},
    ):
        names = list(params)
        assert await _findings(client, activity_id, **params) == [
            each for each in every if all(each[name] in params[name] for name in names)
        ]
    first = (await client.get(f"/activities/{activity_id}/findings?limit=1&kind=persons")).json()["next_cursor"]
    other = await client.get(f"/activities/{activity_id}/findings", params={"kind": "duties", "cursor": first})
    assert other.status_code == 400
    for query in ("kind=teachers", "severity=bad", "code=19900101-9802"):
        assert (await client.get(f"/activities/{activity_id}/findings?{query}")).status_code == 400


async def test_findings_go_with_their_roster(service: Service, client: httpx.AsyncClient) -> None:
    """A new roster has its own alone."""
    activity_id = await put(client, body([person(civicNo="none", birthDate="x")]))
    again = await client.put(f"/activities/{activity_id}", json=body([person()]))
    assert again.json()["findings"] == {"errors": 0, "warnings": 0, "by_code": {}}
    assert await _findings(client, activity_id) == []
    async with service.runtime.engine.connect() as conn:
        assert await conn.scalar(sa.text("SELECT count(*) FROM finding")) == 0


@tried_with(
    ("content", "pointer"),
    [
        (b"{", ""),
        (b'{"display_name": "x", "roster": {"persons": {}}}', "/roster/persons"),
        (b'{"display_name": "x", "roster": {"persons": [{"id": "199001019802"}]}}', "/roster/persons/0/id"),
        (b'{"display_name": "x", "roster": {}, "199001019802": 1}', ""),
        (b'{"roster": {}}', "/display_name"),
        (b'{"display_name": "\\u0000", "roster": {}}', "/display_name"),
        (b'{"display_name": "x", "roster": {}}', "/roster"),
        (
            b'{"display_name": "x", "roster": {"persons": [{"199001019802": 1, "199001019802": 2}]}}',
            "/roster/persons/0",
        ),
        (b'{"display_name": "x", "roster": {"persons": [{"id": 1, "civicNo": "***"}]}}', "/roster/persons/0/id"),
        (b"\xff", ""),
        (b"", ""),
    ],
)
async def test_a_malformed_body_is_refused_whole(
    service: Service, client: httpx.AsyncClient, content: bytes, pointer: str
) -> None:
    """It gives 422 with a pointer, repeats nothing of the body, and leaves nothing behind."""
    answer = await client.put(f"/activities/{uuid4()}", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 if content else answer.status_code in {415, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert "199001019802" not in answer.text
    assert await items(service) == 0
    assert (await client.get("/activities")).json()["data"] == []


async def test_a_body_that_turns_bad_late_leaves_nothing(service: Service, client: httpx.AsyncClient) -> None:
    """Rows that were copied already go with the transaction, and the old roster stays."""
    activity_id = await put(client, body([person()]))
    twice = person(serial=985)
    persons = [person(serial=986) for _ in range(500)]
    answer = await client.put(f"/activities/{activity_id}", json=body([twice, *persons, twice]))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/roster/persons/501/id", "code": "duplicate_id", "detail": answer.json()["errors"][0]["detail"]}
    ]
    assert await items(service) == 1
    assert (await client.get(f"/activities/{activity_id}")).json()["roster"]["version"] == 1


@pytest.mark.parametrize(
    ("if_match", "exists", "status"),
    [
        ('"1"', True, 200),
        ('"7", "1"', True, 200),
        ("*", True, 200),
        ('"2"', True, 412),
        ('W/"1"', True, 412),
        ("1", True, 412),
        ("*", False, 412),
        ('"1"', False, 412),
    ],
)
async def test_if_match_guards_a_roster(client: httpx.AsyncClient, if_match: str, exists: bool, status: int) -> None:
    activity_id = await put(client, body()) if exists else uuid4()
    answer = await client.put(f"/activities/{activity_id}", json=body(), headers={"If-Match": if_match})
    assert answer.status_code == status


async def test_of_two_that_replace_one_version_one_wins(client: httpx.AsyncClient) -> None:
    """The version is checked again under the activity's lock, when both bodies have come in."""
    activity_id = await put(client, body())
    persons = [person(serial=980 + n % 20) for n in range(200)]
    answers = await asyncio.gather(
        *(client.put(f"/activities/{activity_id}", json=body(persons), headers={"If-Match": '"1"'}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_two_that_create_one_activity_both_count(service: Service, client: httpx.AsyncClient) -> None:
    activity_id = uuid4()
    answers = await asyncio.gather(*(client.put(f"/activities/{activity_id}", json=body([person()])) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert sorted(answer.json()["roster"]["version"] for answer in answers) == [1, 2, 3, 4]
    assert await items(service) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_roster_over_the_limit_is_413(service: Service, client: httpx.AsyncClient, chunked: bool) -> None:
    """With a Content-Length and without; and the answer arrives although the body was not read."""

    async def long() -> object:
        yield (opening := b'{"display_name": "x", "roster": {"persons": [')
        # No further than past the limit: what a client is still sending when it is answered may cost it the answer.
        size, n = len(opening), 0
        while size <= MAX_ROSTER_BYTES:
            yield (item := (b"," if n else b"") + json.dumps(person(serial=980 + n % 20)).encode())
            size, n = size + len(item), n + 1

    content = long() if chunked else b" " * (MAX_ROSTER_BYTES + 1)
    answer = await client.put(
        f"/activities/{uuid4()}",
        content=content,  # type: ignore[arg-type]
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert await items(service) == 0


async def test_activities_are_listed_newest_first_and_paged(client: httpx.AsyncClient) -> None:
    """A page ends where the next one begins, also when a new activity comes in between."""
    made = [str(await put(client, body())) for _ in range(5)]
    first = (await client.get("/activities", params={"limit": 2})).json()
    await put(client, body())
    second = (await client.get("/activities", params={"limit": 200, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None


async def test_a_body_that_is_not_said_to_be_json_is_415(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"/activities/{uuid4()}", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_a_roster_that_goes_while_it_is_read_does_not_look_whole(
    service: Service, client: httpx.AsyncClient
) -> None:
    """The answer breaks off, so that nobody takes a part for all of it."""
    activity_id = await put(client, body([person(serial=980), person(serial=981)]))
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("DELETE FROM roster_item WHERE ordinal = 1"))
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(f"/activities/{activity_id}/roster")
