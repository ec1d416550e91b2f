"""Whoever is shown unmasked, on whichever route or page, is in a row of the audit first; without the row nobody is."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from app.api.reading import exports
from app.db.audit import digest_of
from app.db.tenants import own_keys
from app.domain.audit import digests_in
from app.roles import API
from tests.api.access_table import PAGES
from tests.api.conftest import FROM_HERE, Service, SignIn, token_of, unbroken
from tests.api.factories import Played, body, duty, person, put, staff
from tests.api.guards import fill, routes
from tests.database.factories import exam, group

ALL = ("history", "pii", "protected")
STREAMS = {"/events", "/runs/{run_id}/events", "/jobs/{job_id}/events"}
# Nobody else has such a name.
NAME = re.compile(r"Unikström[a-z]")
# What shows nobody, and is not of these keys.
OTHERS = ("/webhooks", "/audit", "/objects/persons/{object_id}/erasure")


@dataclass
class Exam:
    """A run whose answers speak of persons: ids for routes, and each person by a name that nobody else has."""

    ids: dict[str, str]
    things: list[dict[str, str]]
    named: dict[str, UUID]

    def addresses(self, paths: Sequence[str]) -> Iterator[str]:
        """Gives each of the paths with every set of ids that it takes."""
        asked: dict[str, None] = {}
        for path in paths:
            for thing in self.things if re.search(r"\{(job_id|kind|record_id|object_id)\}", path) else [{}]:
                given = {**self.ids, **thing}
                if all(name in given for name in re.findall(r"\{(\w+)\}", path)):
                    asked[fill(path, given)] = None
        yield from asked


async def play(service: Service) -> Exam:
    """Has a roster sent whose persons have one name each, one of them protected, two with a finding about the other."""
    boss = await service.client("provision", "history")
    pupils = [person("Åsa", f"Unikström{letter}", 980 + at) for at, letter in enumerate("abcd")]
    pupils[1]["eduPersonPrincipalNames"] = pupils[0]["eduPersonPrincipalNames"]
    pupils[2]["securityMarking"] = "Sekretessmarkering"
    teacher = staff("Östen", "Unikströmt")
    classes = [group(*pupils)]
    roster = {
        "persons": [*pupils, teacher],
        "duties": [duty(teacher)],
        "groups": classes,
        "activities": [exam(classes)],
    }
    content = body(roster["persons"], roster["duties"], groups=classes, activities=roster["activities"])
    activity_id = await put(boss, content)
    plan = (await boss.post(f"/activities/{activity_id}/plan")).raise_for_status().json()
    run = (await boss.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    wrong = {"status": "Error", "statusCode": 400, "errors": [{"id": "9999", "message": "fel", "attributeName": "id"}]}
    things = list[dict[str, str]]()
    for position, (kind, items) in enumerate(roster.items(), start=1):
        before = len(played.batches)
        await played.stage(position, {pupils[3]["id"]: ("error", wrong)})
        job = {"job_id": str(played.jobs[position - 1]), "kind": kind}
        things += [{**job, "record_id": each["id"], "object_id": each["id"]} for each in items]
        things += [{**job, "batch_id": str(each)} for each in played.batches[before:]]
    named = {str(each["familyName"]): UUID(each["id"]) for each in roster["persons"]}
    return Exam(
        {"activity_id": str(activity_id), "run_id": run["id"], "plan_id": plan["id"], "code": "2010"}, things, named
    )


class Audited:
    """What the audit has of the first organisation, row by row."""

    def __init__(self, service: Service, played: Exam, cipher: Any) -> None:
        self._service, self._read = service, set[UUID]()
        self.digests = {name: digest_of(cipher, each) for name, each in played.named.items()}

    @classmethod
    async def of(cls, service: Service, played: Exam) -> "Audited":
        of = service.organisations[0]
        async with service.runtime.engine.connect() as conn:
            cipher = service.runtime.cipher.of(of, await own_keys(conn, of))
        made = cls(service, played, cipher)
        await made.new()
        return made

    async def new(self) -> list[Any]:
        """Reads the rows that were not there before."""
        async with self._service.runtime.engine.connect() as conn:
            rows = (await conn.execute(sa.text("SELECT * FROM audit ORDER BY at"))).mappings().all()
        found = [row for row in rows if row["id"] not in self._read]
        self._read |= {row["id"] for row in rows}
        return found

    def named(self, rows: Sequence[Any]) -> set[str]:
        """Gives whom the rows have, by name."""
        seen = {each for row in rows for each in digests_in(bytes(row["objects"]))}
        return {name for name, digest in self.digests.items() if digest in seen}


def names_in(answer: httpx.Response) -> set[str]:
    """Gives whom an answer shows: a workbook has its texts as they are, within its parts."""
    if "spreadsheet" in answer.headers.get("content-type", ""):
        parts = zipfile.ZipFile(io.BytesIO(answer.content))
        return set(NAME.findall("".join(parts.read(each).decode() for each in parts.namelist())))
    return set(NAME.findall(unbroken(answer.text).replace("\\u00f6", "ö")))


def get_paths(service: Service) -> list[str]:
    return [path for method, path in routes(service) if method == "GET" and path not in STREAMS and path not in OTHERS]


PAGE_PATHS = [row.path for row in PAGES if row.method == "GET" and "/drift" not in row.path]


async def test_whom_an_answer_shows_is_in_the_audit_first(
    service: Service, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On every route and page; and without the right to write that, the answer is a 503 that shows nobody."""
    monkeypatch.setattr(exports, "_SLICE", 2)  # several pieces of each export
    played = await play(service)
    whole, visitor, masked = await service.client(*ALL), await sign_in(*ALL), await service.client("history")
    audited = await Audited.of(service, played)
    showing, seen = list[tuple[httpx.AsyncClient, str]](), set[str]()
    for client, addresses in (
        (whole, played.addresses(get_paths(service))),
        (visitor, played.addresses(PAGE_PATHS)),
    ):
        for address in addresses:
            answer = await client.get(address)
            rows = await audited.new()
            if not (shown := names_in(answer)):
                continue
            assert audited.named(rows) >= shown, address
            assert all(row["actor_id"] is not None and row["actor"] and row["action"] for row in rows), address
            assert {row["via"] for row in rows} <= {"page" if client is visitor else "api", "export"}, address
            showing.append((client, address))
            seen |= shown
    assert seen == set(played.named)
    usual = [(address, await masked.get(address)) for client, address in showing if client is whole]
    await _execute(service, f"REVOKE INSERT ON audit FROM {API}")
    for client, address in showing:
        answer = await client.get(address)
        assert answer.status_code == 503, address
        assert not names_in(answer), address
        if client is whole:
            assert answer.json()["type"] == "/problems/not-audited"
    for address, before in usual:
        now = await masked.get(address)
        assert now.status_code == before.status_code, address
        # A refusal has the id of its request, a workbook its time.
        if now.status_code == 200 and not address.endswith(".xlsx"):
            assert _without_times(now.content) == _without_times(before.content), address


async def test_searches_are_in_the_audit_without_their_words(service: Service, sign_in: SignIn) -> None:
    played = await play(service)
    whole, visitor = await service.client(*ALL), await sign_in(*ALL)
    job = played.things[0]["job_id"]
    token = await token_of(visitor)
    audited = await Audited.of(service, played)

    async def searches() -> list[httpx.Response]:
        return [
            await whole.post("/objects/search", json={"q": "unikströma"}),
            await whole.post(f"/jobs/{job}/records/search", json={"q": "unikströma"}),
            await visitor.post(
                f"/historik/jobb/{job}/sok", data={"q": "unikströma", "form_token": token}, headers=FROM_HERE
            ),
        ]

    for answer in await searches():
        assert names_in(answer) == {"Unikströma"}
    rows = await audited.new()
    assert [row["action"] for row in rows] == ["read_objects", "read_records", "read_records"]
    assert audited.named(rows) == {"Unikströma"}
    assert "unikström" not in str(rows).lower()
    await _execute(service, f"REVOKE INSERT ON audit FROM {API}")
    for answer in await searches():
        assert answer.status_code == 503
        # The page has what was typed, and nobody's record.
        assert "Unikströma" not in answer.text


async def test_who_is_masked_is_in_no_row(service: Service) -> None:
    """A key without `protected` is shown who is protected by an id alone, and one without `pii` nobody."""
    played = await play(service)
    audited = await Audited.of(service, played)
    plain, named = await service.client("history"), await service.client("history", "pii")
    for address in played.addresses(get_paths(service)):
        await plain.get(address)
    assert {row["action"] for row in await audited.new()} <= {"refused"}
    for address in played.addresses(get_paths(service)):
        await named.get(address)
    rows = [row for row in await audited.new() if row["action"] != "refused"]
    assert audited.named(rows) == set(played.named) - {"Unikströmc"}
    assert {row["protected"] for row in rows} == {0}


async def test_protected_persons_are_counted(service: Service) -> None:
    played = await play(service)
    audited = await Audited.of(service, played)
    whole = await service.client(*ALL)
    await whole.get(f"/objects/persons/{played.named['Unikströmc']}")
    await whole.get(f"/objects/persons/{played.named['Unikströma']}")
    assert [row["protected"] for row in await audited.new()] == [1, 0]


async def test_an_id_is_known_by_a_digest_of_its_organisation_alone(service: Service) -> None:
    """Whoever tries ids without that organisation's key finds none, nor with another one's."""
    played = await play(service)
    audited = await Audited.of(service, played)
    somebody = played.named["Unikströma"]
    await (await service.client(*ALL)).get(f"/objects/persons/{somebody}")
    [row] = await audited.new()
    digests = digests_in(bytes(row["objects"]))
    assert audited.digests["Unikströma"] in digests
    other = service.organisations[1]
    async with service.runtime.engine.connect() as conn:
        elsewhere = digest_of(service.runtime.cipher.of(other, await own_keys(conn, other)), somebody)
    assert {somebody.bytes, elsewhere}.isdisjoint(digests)


def _without_times(content: bytes) -> bytes:
    return re.sub(rb'"as_of":"[^"]*"', b"", content)


async def _execute(service: Service, statement: str) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(statement))
