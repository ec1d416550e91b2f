"""The catalogue as everybody may read it: JSON for programs, pages for people, no key, and cheap to ask again."""

import pytest

from tests.api.conftest import Service
from tests.api.guards import CIVIC_NO, assert_problem

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def test_all_codes_are_listed_and_each_leads_to_its_own(service: Service) -> None:
    client = await service.client()
    answer = await client.get("/explanations")
    listed = answer.json()
    assert (answer.status_code, listed["next_cursor"]) == (200, None)
    assert {"2010", "schema_required", "blocked_by", "not_json", "no_worker"} <= {
        each["code"] for each in listed["data"]
    }
    for each in [each for each in listed["data"] if each["of"] == "records"][:5]:
        shown = (await client.get(each["url"])).json()
        assert {name: shown[name] for name in each} == each


async def test_browsers_get_a_page_and_programs_json(service: Service) -> None:
    client = await service.client()
    for path in ("/explanations", "/explanations/schema_required"):
        page = await client.get(path, headers={"Accept": BROWSER})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "Ett obligatoriskt fält saknas." in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for accept in ("*/*", "application/json", "application/json, text/html;q=0.5", ""):
            answer = await client.get(path, headers={"Accept": accept})
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["vary"] == "Accept, Accept-Encoding"
            assert answer.headers["etag"] != page.headers["etag"]


async def test_who_has_it_gets_304(service: Service) -> None:
    client = await service.client()
    before = await client.get("/explanations/2010")
    assert before.headers["cache-control"] == "public, max-age=3600"
    after = await client.get("/explanations/2010", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.content) == (304, b"")


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
async def test_an_unknown_code_is_a_problem_and_not_repeated(service: Service, accept: str) -> None:
    answer = await (await service.client()).get(f"/explanations/{CIVIC_NO}", headers={"Accept": accept})
    assert_problem(answer, 404)
    assert CIVIC_NO not in answer.text


async def test_the_type_of_a_problem_leads_to_its_page(service: Service) -> None:
    client = await service.client()
    shown = assert_problem(await client.get("/jobs"), 401)
    assert shown["type"] == "/problems/not-authenticated"
    entry = (await client.get(shown["type"])).json()
    assert (entry["status"], entry["title"]["en"]) == (401, shown["title"])
    page = await client.get(shown["type"], headers={"Accept": BROWSER})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Anropet har ingen API-nyckel." in page.text
    listed = (await client.get("/problems")).json()["data"]
    assert entry in listed
    answer = await client.get(f"/problems/{CIVIC_NO}")
    assert_problem(answer, 404)
    assert CIVIC_NO not in answer.text
