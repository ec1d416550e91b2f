"""Who has seen what is asked with a key that may, which need not see anybody itself, and which is in the answer too."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from app.db.audit_chain import chain_some
from app.roles import API
from tests.api.conftest import Service, SignIn
from tests.api.factories import body, person, put
from tests.api.guards import assert_problem


@pytest.fixture
async def auditor(service: Service) -> httpx.AsyncClient:
    return await service.client("audit")


async def chain(service: Service) -> None:
    async with service.runtime.engine.begin() as conn:
        await chain_some(conn, service.runtime.cipher)


async def asked(client: httpx.AsyncClient, **given: Any) -> list[dict[str, Any]]:
    answer = await client.get("/audit", params=given)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def test_who_has_seen_somebody_is_found_by_the_id(service: Service, auditor: httpx.AsyncClient) -> None:
    """Chained or not yet; and nobody whom the row is about besides."""
    boss, reader = await service.client("provision"), await service.client("history", "pii")
    pupils = [person(serial=980), person(serial=981)]
    activity_id = await put(boss, body(pupils))
    await reader.get(f"/objects/persons/{pupils[0]['id']}")
    await chain(service)
    await reader.get(f"/objects/persons/{pupils[0]['id']}")
    await reader.get(f"/objects/persons/{pupils[1]['id']}")
    found = await asked(auditor, object_id=pupils[0]["id"])
    assert [each["action"] for each in found] == ["read_object", "read_object"]
    assert {each["actor"]["name"] for each in found} == {"a key"}
    assert found[0]["at"] > found[1]["at"]
    assert (found[0]["via"], found[0]["objects"], found[0]["protected"]) == ("api", 1, None)
    # Who has asked is in the next answer.
    again = await asked(auditor, object_id=pupils[0]["id"])
    assert [each["action"] for each in again] == ["read_audit", "read_object", "read_object"]
    everything = await asked(auditor)
    assert [each["action"] for each in everything] == [
        *("read_audit", "read_audit", "read_object", "read_object", "read_object", "store_roster"),
    ]
    assert everything[-1]["activity_id"] == str(activity_id)
    assert pupils[0]["id"] not in str(everything)


async def test_pages_follow_one_another(service: Service, auditor: httpx.AsyncClient) -> None:
    """Over what is chained and what is not; a cursor is of its list alone."""
    boss, reader, pupil = await service.client("provision"), await service.client("history", "pii"), person()
    await put(boss, body([pupil]))
    for number in range(7):
        await reader.get(f"/objects/persons/{pupil['id']}")
        if number == 3:
            await chain(service)
    times, cursor = list[str](), None
    while True:
        given = {"object_id": pupil["id"], "limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = (await auditor.get("/audit", params=given)).json()
        times += [each["at"] for each in answer["data"] if each["action"] == "read_object"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        first = cursor
    assert (len(times), times) == (7, sorted(times, reverse=True))
    assert_problem(await auditor.get("/audit", params={"cursor": first}), 400)


async def test_another_organisation_is_told_nothing(service: Service, auditor: httpx.AsyncClient) -> None:
    boss, reader, pupil = await service.client("provision"), await service.client("history", "pii"), person()
    await put(boss, body([pupil]))
    await reader.get(f"/objects/persons/{pupil['id']}")
    await chain(service)
    other = await service.client("audit", organisation=1)
    assert await asked(other, object_id=pupil["id"]) == []
    assert [each["action"] for each in await asked(other)] == ["read_audit"]
    assert await asked(auditor, object_id=str(uuid4())) == []


@pytest.mark.parametrize("scopes", [("history", "pii", "protected"), ("admin",), ("provision",)])
async def test_it_takes_its_scope(service: Service, scopes: tuple[str, ...]) -> None:
    client = await service.client(*scopes)
    assert assert_problem(await client.get("/audit"), 403)["type"] == "/problems/missing-scope"


async def test_a_key_with_the_scope_alone_reads_nothing_else(service: Service, ids: dict[str, str]) -> None:
    client = await service.client("audit")
    for path in ("/runs", f"/jobs/{ids['job_id']}/records", f"/objects/persons/{ids['object_id']}", "/webhooks"):
        assert (await client.get(path)).status_code == 403, path


async def test_a_key_of_single_units_has_no_such_scope(service: Service) -> None:
    """It is shown what is of its units, and rows are of all."""
    with pytest.raises(sa.exc.IntegrityError):
        await service.client("history", "pii", "audit", school_units=[UUID(int=1)])


async def test_nobody_asks_unseen(service: Service, auditor: httpx.AsyncClient) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(f"REVOKE INSERT ON audit FROM {API}"))
    assert assert_problem(await auditor.get("/audit"), 503)["type"] == "/problems/not-audited"


async def test_what_operators_do_is_seen_by_the_organisation(service: Service, ids: dict[str, str]) -> None:
    """By whom it was, without a name: that is not the organisation's to give."""
    await (await service.operator()).post(f"/operations/runs/{ids['run_id']}/cancel")
    auditor = await service.client("audit")
    found = (await asked(auditor))[0]
    assert (found["action"], found["run_id"]) == ("operator_cancel", ids["run_id"])
    assert (found["actor"]["kind"], found["actor"]["name"]) == ("operator", None)


async def test_how_many_are_protected_is_told_to_who_may_see_them(service: Service) -> None:
    boss, reader = await service.client("provision"), await service.client("history", "pii", "protected", "audit")
    pupil = person(securityMarking="Sekretessmarkering")
    await put(boss, body([pupil]))
    await reader.get(f"/objects/persons/{pupil['id']}")
    assert (await asked(reader, object_id=pupil["id"]))[0]["protected"] == 1
    auditor = await service.client("audit")
    assert {each["protected"] for each in await asked(auditor)} == {None}


async def test_the_page_says_who_has_seen_somebody(service: Service, sign_in: SignIn) -> None:
    """It is led to from the object's page, for who may ask; others are shown no link, and refused."""
    boss, visitor, other = (
        await service.client("provision"),
        await sign_in("history", "pii", "audit"),
        await sign_in("history", "pii"),
    )
    pupil = person()
    await put(boss, body([pupil]))
    path = f"/historik/objekt/persons/{pupil['id']}"
    assert f"{path}/insyn" in (await visitor.get(path)).text
    assert f"{path}/insyn" not in (await other.get(path)).text
    assert (await other.get(f"{path}/insyn")).status_code == 403
    page = (await visitor.get(f"{path}/insyn")).text
    assert page.count("Objektets sida") == 2
    assert "a key" in page
    assert pupil["familyName"] not in page
    assert "Who has seen this" in (await visitor.get(f"{path}/insyn?lang=en")).text
    nobody = await visitor.get(f"/historik/objekt/persons/{uuid4()}/insyn")
    assert "Ingen har sett" in nobody.text
