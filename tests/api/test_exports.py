"""Exports: all that a list has, as files, masked as the key demands."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from app.api.intakes import Timeouts
from app.api.reading.records import RecordPage, read_records
from app.db import tenants
from app.db.keys import revoke_key
from app.db.places import Places
from app.security import keys
from tests.api.conftest import NUMBERS, Service, SignIn
from tests.api.factories import Played, body, person, put
from tests.api.guards import assert_problem
from tests.api.observing import until


async def _job(service: Service, persons: int = 3) -> tuple[str, str]:
    """Makes a job of which the first stage has ended, its second person protected; gives its run's id too."""
    client = await service.client("provision")
    pupils = [person("Åsa", f"Pupil{number}", 980 + number % 20) for number in range(persons)]
    pupils[1] |= {"securityMarking": "Sekretessmarkering", "familyName": "Hemlig"}
    activity_id = await put(client, body(pupils))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1, {pupils[0]["id"]: ("error", {"status": "Error", "errors": [{"id": "2010"}]})})
    return run["jobs"][0]["id"], run["id"]


async def test_records_leave_as_csv_json_lines_and_workbook(service: Service) -> None:
    """More than a slice of them, in the list's order, narrowed as the list is."""
    job, _ = await _job(service, 450)
    client = await service.client("history", "pii")
    csv = await client.get(f"/jobs/{job}/records.csv")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.headers["content-disposition"] == f'attachment; filename="records-{job}.csv"'
    assert csv.headers["cache-control"] == "no-store"
    lines = csv.content.decode("utf-8-sig").split("\r\n")
    assert lines[0].startswith("Status;Namn;Roll;Personnummer;EPPN;Årskurs;Skolform;Skolenhet")
    assert lines[1].startswith("Fel;Åsa Pupil0;Elev;20120101-9807;")
    assert lines[2].startswith("Klar;***;Elev;***;***;;;;")
    assert len(lines) == 452
    english = await client.get(f"/jobs/{job}/records.csv?lang=en&status=error")
    assert english.content.decode("utf-8-sig").split("\r\n")[1].startswith("Error;Åsa Pupil0;")
    assert len(english.content.splitlines()) == 2
    rows = (await client.get(f"/jobs/{job}/records.jsonl?sort=-order")).text.splitlines()
    listed = (await client.get(f"/jobs/{job}/records?sort=-order&limit=200")).json()["data"]
    assert [json.loads(each) for each in rows[:200]] == listed
    assert len(rows) == 450
    book = zipfile.ZipFile(BytesIO((await client.get(f"/jobs/{job}/records.xlsx")).content))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 451
    assert "20120101-9807" in sheet
    assert "Pupil449" in sheet
    assert "Hemlig" not in sheet


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
async def test_an_export_shows_no_more_than_the_key_may_see(service: Service, form: str) -> None:
    job, run = await _job(service)
    blind = await service.client("history")
    content = (await blind.get(f"/jobs/{job}/records.{form}")).content
    if form == "xlsx":
        content = b"".join(
            zipfile.ZipFile(BytesIO(content)).read(name) for name in zipfile.ZipFile(BytesIO(content)).namelist()
        )
    assert b"Pupil" not in content
    assert b"0101" not in content
    assert b"edu.example.se" not in content
    runs = await blind.get(f"/runs.{form}")
    assert runs.status_code == 200
    if form != "xlsx":
        assert run in runs.text
    stranger = await service.client("history", "pii", organisation=1)
    assert (await stranger.get(f"/jobs/{job}/records.{form}")).status_code == 404
    assert run.encode() not in (await stranger.get(f"/runs.{form}")).content
    assert (await (await service.client("provision")).get(f"/jobs/{job}/records.{form}")).status_code == 403


async def test_runs_leave_as_the_history_shows_them(service: Service) -> None:
    _, run = await _job(service)
    client = await service.client("history")
    lines = (await client.get("/runs.csv")).content.decode("utf-8-sig").split("\r\n")
    row = dict(zip(lines[0].split(";"), lines[1].split(";"), strict=True))
    assert (row["Status"], row["Utfall"], row["Körningens id"], row["Fel"]) == ("Pågår", "", run, "1")
    assert [json.loads(each)["id"] for each in (await client.get("/runs.jsonl")).text.splitlines()] == [run]
    assert (await client.get("/runs.jsonl?status=queued")).text == ""


async def test_an_export_beyond_those_that_are_made_at_once_says_so(service: Service, sign_in: SignIn) -> None:
    """In a problem and on a page: it is not the database that is away."""
    job, _ = await _job(service)
    client, browser = await service.client("history"), await sign_in("history")
    parts = service.app.state.parts
    service.app.state.parts = replace(parts, timeout=Timeouts(place=0), export_places=Places(0, 0))
    for address in (f"/jobs/{job}/records.csv", "/runs.jsonl"):
        shown = assert_problem(await client.get(address), 503)
        assert shown["type"] == "/problems/too-many-exports"
    page = await browser.get(f"/historik/jobb/{job}/export/csv")
    assert page.status_code == 503
    assert "För många exporter just nu" in page.text
    assert "Databasen" not in page.text
    service.app.state.parts = parts


async def test_an_export_that_cannot_be_made_is_a_problem(service: Service) -> None:
    """Said before anything of it has left."""
    job, _ = await _job(service)
    client = await service.client("history")
    for address in (f"/jobs/{job}/records.csv?status=done", f"/jobs/{job}/records.csv?lang=no", "/runs.csv?limit=3"):
        assert (await client.get(address)).status_code == 400
    assert (await client.get(f"/jobs/{job}/records.pdf")).status_code == 404
    head = await client.head(f"/jobs/{job}/records.xlsx")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("end", ["the key is revoked", "the organisation is disabled", "the session ends"])
async def test_an_export_breaks_off_when_its_key_or_session_ends(
    service: Service, sign_in: SignIn, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is read for it, and what has left has no end: nobody takes it for whole."""
    job, _ = await _job(service)
    client, address = await service.client("history", "pii"), f"/jobs/{job}/records.csv"
    parsed = keys.parse(client.headers["Authorization"].removeprefix("Bearer "))
    assert parsed
    handle, digest = parsed
    if end == "the session ends":
        client, address = await sign_in("history", "pii"), f"/historik/jobb/{job}/export/csv"
    slices = list[RecordPage]()

    async def then_end(*args: Any, **kwargs: Any) -> RecordPage:
        slices.append(await read_records(*args, **kwargs))
        async with service.runtime.engine.begin() as conn:
            match end:
                case "the key is revoked":
                    await revoke_key(conn, handle)
                case "the organisation is disabled":
                    await tenants.set_disabled(conn, NUMBERS[0], disabled=True)
                case _:
                    await conn.execute(sa.text("DELETE FROM session"))
        await until(lambda: service.app.state.parts.runs.remembered_caller(handle, digest) is None)
        return slices[-1]

    monkeypatch.setattr("app.api.reading.exports._SLICE", 1)
    monkeypatch.setattr("app.api.reading.exports.read_records", then_end)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(address)
    assert len(slices) == 1
