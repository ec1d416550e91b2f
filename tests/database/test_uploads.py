"""Uploads: a row each, numbered in the organisation as they are committed, and which of them an object is of."""

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from tests.database.factories import Object, Tenant, pupil

UPLOADS = "SELECT object_id, upload FROM roster_item WHERE organisation_id = :organisation AND roster_id = :roster"


async def _uploads(tenant: Tenant, activity_id: object) -> dict[str, int]:
    roster = await tenant.value("SELECT roster_id FROM activity WHERE id = :id", id=activity_id)
    rows = await tenant.rows(UPLOADS, organisation=tenant.organisation_id, roster=roster)
    return {str(row["object_id"]): row["upload"] for row in rows}


async def test_every_upload_has_a_row_that_stays(tenant: Tenant) -> None:
    """The activity points at the last one, whose version is its own."""
    activity_id = await tenant.store()
    other_id = await tenant.store()
    await tenant.store(None, activity_id)
    rows = await tenant.rows("SELECT activity_id, version, upload, id FROM roster ORDER BY upload")
    assert [(row["activity_id"], row["version"], row["upload"]) for row in rows] == [
        (activity_id, 1, 1),
        (other_id, 1, 2),
        (activity_id, 2, 3),
    ]
    current = await tenant.rows("SELECT roster_id, version FROM activity WHERE id = :id", id=activity_id)
    assert current == [{"roster_id": rows[2]["id"], "version": 2}]
    for statement in ("UPDATE roster SET upload = 9", "DELETE FROM roster WHERE version = 1"):
        with pytest.raises(IntegrityError, match="history"):
            await tenant.do(statement)


async def test_uploads_are_numbered_in_each_organisation_as_they_are_committed(tenant: Tenant) -> None:
    """Side by side, none takes the number of another."""
    other = await Tenant.make(tenant.engine)
    await asyncio.gather(*(each.store() for each in [tenant] * 5 + [other] * 3))
    for each, count in ((tenant, 5), (other, 3)):
        rows = await each.rows(
            "SELECT upload FROM roster WHERE organisation_id = :id ORDER BY created_at", id=each.organisation_id
        )
        assert [row["upload"] for row in rows] == list(range(1, count + 1))


async def test_an_object_is_of_the_upload_that_changed_what_would_be_sent_of_it(tenant: Tenant) -> None:
    """What is never sent makes nothing newer, and what came back is new."""

    def three(**more: object) -> dict[str, list[Object]]:
        return {"persons": [stays, {**changes, **more}, gone]}

    stays, changes, gone = pupil(), pupil(), pupil()
    activity_id = await tenant.store(three())
    await tenant.store(three(givenName="Örjan"), activity_id)
    await tenant.store(
        {"persons": [stays, {**changes, "givenName": "Örjan", "meta": {"created": "2026-01-01T00:00:00Z"}}]},
        activity_id,
    )
    assert await _uploads(tenant, activity_id) == {stays["id"]: 1, changes["id"]: 2}
    await tenant.store(three(givenName="Örjan"), activity_id)
    assert await _uploads(tenant, activity_id) == {stays["id"]: 1, changes["id"]: 2, gone["id"]: 4}


async def test_the_same_object_of_another_activity_is_of_that_ones_upload(tenant: Tenant) -> None:
    """Each activity's roster is compared with its own before."""
    roster = {"persons": [pupil()]}
    first = await tenant.store(roster)
    second = await tenant.store(roster)
    assert list((await _uploads(tenant, first)).values()) == [1]
    assert list((await _uploads(tenant, second)).values()) == [2]


async def test_what_is_not_kept_of_others_makes_a_version_and_nothing_newer(tenant: Tenant) -> None:
    """A finding speaks of it: that goes when the source has mended it. The same again changes nothing."""
    plain = pupil(birthDate="2012-03-04")
    told = {**plain, "responsibles": [{"person": {"displayName": "Mo Ek"}}]}
    activity_id = await tenant.store({"persons": [told]})
    found = []
    for person in (told, plain, plain):
        await tenant.store({"persons": [person]}, activity_id)
        [now] = await tenant.rows("SELECT version, roster_id FROM activity WHERE id = :id", id=activity_id)
        said = await tenant.rows("SELECT pointer FROM finding WHERE roster_id = :id", id=now["roster_id"])
        found.append((now["version"], "/responsibles" in [each["pointer"] for each in said]))
    assert found == [(1, True), (2, False), (2, False)]
    assert await _uploads(tenant, activity_id) == {plain["id"]: 1}
