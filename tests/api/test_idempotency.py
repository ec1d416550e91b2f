"""Repeats of a request with the same Idempotency-Key: one change, and the first answer again."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from app.db import idempotency, tenants
from tests.api.conftest import Service
from tests.api.factories import body, duty, person, put, staff
from tests.tried_with import tried_with


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision")


@pytest.fixture
async def activity_id(client: httpx.AsyncClient) -> UUID:
    teacher = staff()
    return await put(client, body([person(), teacher], [duty(teacher)]))


async def runs(service: Service) -> int:
    async with service.runtime.engine.connect() as conn:
        return int(await conn.scalar(sa.text("SELECT count(*) FROM run")) or 0)


async def sent(client: httpx.AsyncClient, path: str, key: str = "once", **asked: Any) -> httpx.Response:
    return await client.post(path, headers={"Idempotency-Key": key}, **asked)


async def test_a_repeat_gets_the_same_answer_and_says_that_it_is_one(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """Byte for byte, while the run goes on and when it has ended: then without a word of looking again."""
    path = f"/activities/{activity_id}/provision"
    first = await sent(client, path)
    assert "idempotent-replayed" not in first.headers
    again = await sent(client, path)
    assert (again.headers["idempotent-replayed"], again.headers["retry-after"]) == ("true", "1")
    await client.post(f"/runs/{first.json()['id']}/cancel")
    late = await sent(client, path, json={"on_record_error": "halt"})
    for answer in (again, late):
        assert (answer.status_code, answer.content) == (202, first.content)
        assert answer.headers["location"] == first.headers["location"]
    assert late.headers["idempotent-replayed"] == "true"
    assert "retry-after" not in late.headers
    assert await runs(service) == 1


async def test_two_keys_in_one_request_are_refused(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """Nobody knows which one counts."""
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "other")]
    answer = await client.post(f"/activities/{activity_id}/provision", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-header")
    assert await runs(service) == 0


async def test_a_repeated_cancel_or_retry_gets_the_first_answer_and_no_conflict(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """Also when the run has moved on; without the key the second is a conflict. One key is for one of them."""
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    for verb in ("cancel", "retry"):
        first = await sent(client, f"/runs/{run_id}/{verb}", verb)
        again = await sent(client, f"/runs/{run_id}/{verb}", verb)
        assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert (await client.post(f"/runs/{run_id}/{verb}")).status_code == 409
    assert (await sent(client, f"/runs/{run_id}/cancel", "cancel")).json()["status"] == "cancelled"
    assert (await client.get(f"/runs/{run_id}")).json()["status"] == "running"
    assert (await sent(client, f"/runs/{run_id}/retry", "cancel")).status_code == 422
    assert (await sent(client, f"/runs/{run_id}/retry", "retry", json={"allow": ["shrinks"]})).status_code == 422
    assert await runs(service) == 1


async def test_a_cancel_that_is_final_at_once_says_nothing_of_looking_again(
    client: httpx.AsyncClient, activity_id: UUID
) -> None:
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    answer = await client.post(f"/runs/{run['id']}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert answer.json()["finished_at"] is not None
    assert "retry-after" not in answer.headers
    assert (await client.post(f"/runs/{run['id']}/retry")).headers["retry-after"] == "1"


async def test_a_repeat_names_the_activity_as_a_read_does(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """A name that was taken back since is shown to nobody, and none once the activity has been deleted."""
    path = f"/activities/{activity_id}/provision"
    first = (await sent(client, path)).json()
    await client.post(f"/runs/{first['id']}/cancel")
    await client.patch(f"/activities/{activity_id}", json={"display_name": "Annat"})
    names = [(await sent(client, path)).json()["activity"]["display_name"]]
    await client.delete(f"/activities/{activity_id}")
    late = await sent(client, path)
    names.append(late.json()["activity"]["display_name"])
    assert names == ["Annat", None]
    assert late.json() == {**first, "activity": {"id": str(activity_id), "display_name": None}}


async def test_a_key_is_for_one_request(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """The same key with another body, or for another activity, gives 422."""
    path, other = f"/activities/{activity_id}/provision", await put(client, body())
    await sent(client, path)
    other_body = await sent(client, path, json={"on_record_error": "continue"})
    assert (other_body.status_code, other_body.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (await sent(client, path, json={"allow": ["shrinks"]})).status_code == 422
    assert (await sent(client, f"/activities/{other}/provision")).status_code == 422


async def test_a_key_belongs_to_the_api_key_that_used_it(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """Another key of the organisation, which may not see the run, has one of its own; another organisation too."""
    path = f"/activities/{activity_id}/provision"
    first = await sent(client, path)
    other = await service.client("provision")
    theirs = await sent(other, path)
    assert theirs.status_code == 202
    assert "idempotent-replayed" not in theirs.headers
    assert theirs.json()["id"] != first.json()["id"]
    assert theirs.json()["requested_by"] != first.json()["requested_by"]
    foreign = await service.client("provision", organisation=1)
    theirs_too = await put(foreign, body(), activity_id)
    assert (await sent(foreign, f"/activities/{theirs_too}/provision")).json()["sequence"] == 1
    assert await runs(service) == 3


async def test_a_repeat_shows_nothing_that_the_key_may_not_read_any_more(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """A key that has lost the scope history gets no answer about another key's run, whatever it was answered before."""
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    reader = await service.client("provision", "history")
    assert (await sent(reader, f"/runs/{run_id}/cancel")).status_code == 202
    handle = reader.headers["authorization"].removeprefix("Bearer pk_")[:12]
    async with service.runtime.engine.begin() as conn:
        await conn.execute(
            sa.text("UPDATE api_key SET scopes = ARRAY['provision'] WHERE handle = :handle"), {"handle": handle}
        )
        assert (await tenants.find_key(conn, handle)) is not None
    deadline = time.monotonic() + 5
    while (answer := await sent(reader, f"/runs/{run_id}/cancel")).status_code == 202:
        assert time.monotonic() < deadline, "what has become of a key is seen within a second"
    assert answer.status_code == 403


async def test_what_a_caller_chose_for_a_key_is_not_kept(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """It may be made of somebody's number: a keyed digest is kept, another for each API key. The answer is sealed."""
    key = "201201019807"
    for each in (client, await service.client("provision")):
        await sent(each, f"/activities/{activity_id}/provision", key)
    async with service.runtime.engine.connect() as conn:
        rows = (await conn.execute(sa.text("SELECT idempotency_key.*::text, digest FROM idempotency_key"))).all()
    assert len({bytes(row.digest) for row in rows}) == 2
    for text in (key, "display_name"):
        assert not any(text in row[0] or text.encode().hex() in row[0] for row in rows)


async def test_a_refused_request_keeps_no_answer(client: httpx.AsyncClient) -> None:
    """404 is not remembered: once the activity exists the same request is carried out."""
    activity_id = uuid4()
    assert (await sent(client, f"/activities/{activity_id}/provision")).status_code == 404
    await put(client, body(), activity_id)
    assert (await sent(client, f"/activities/{activity_id}/provision")).status_code == 202


async def test_while_the_first_request_goes_on_a_repeat_is_409(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """Of that API key alone."""
    path, handle = f"/activities/{activity_id}/provision", client.headers["authorization"][10:22]
    async with service.runtime.engine.begin() as conn:
        found = await tenants.find_key(conn, handle)
        assert found is not None
        cipher = service.runtime.cipher.of(found["organisation_id"], found["own_keys"])
        used = idempotency.Used.of(cipher, found["id"], "slow", "a request")
        await idempotency.find(conn, cipher, used)
        refused = await sent(client, path, "slow")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/idempotency-key-in-use")
        assert refused.headers["retry-after"] == "1"
        assert (await sent(await service.client("provision"), path, "slow")).status_code == 202


async def test_many_repeats_at_once_make_one_run(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    answers = await asyncio.gather(*(sent(client, f"/activities/{activity_id}/provision") for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert await runs(service) == 1


async def test_after_a_day_a_key_is_new(service: Service, client: httpx.AsyncClient, activity_id: UUID) -> None:
    """An old answer is neither given nor in the way."""
    path = f"/activities/{activity_id}/provision"
    first = await sent(client, path)
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE idempotency_key SET created_at = created_at - interval '25 hours'"))
    again = await sent(client, path)
    assert again.status_code == 202
    assert again.json()["id"] != first.json()["id"]
    assert (await sent(client, path)).content == again.content


@tried_with("key", ["", "x" * 256])
@tried_with("path", ["/activities/{}/provision", "/runs/{}/cancel", "/runs/{}/retry"])
async def test_a_key_of_no_use_is_400(client: httpx.AsyncClient, path: str, key: str) -> None:
    assert (await sent(client, path.format(uuid4()), key)).status_code == 400
