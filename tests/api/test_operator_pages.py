"""Drift over HTTP: for operators alone, who see organisations and runs, and no person and no name of an exam."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import FROM_HERE, NUMBERS, Service, SignIn, token_of
from tests.api.factories import body, person, put

DRIFT = "/historik/drift"
ACTIONS = ("pausa", "fortsatt")
RUN_ACTIONS = ("avbryt", "forsok-igen")


@pytest.fixture
async def operator(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("operator")


@pytest.fixture
async def run(service: Service) -> dict[str, Any]:
    """A run under way of the first organisation."""
    client = await service.client("provision", "history")
    activity_id = await put(client, body([person("Alma", "Klarsson")]))
    return dict((await client.post(f"/activities/{activity_id}/provision")).json())


async def sent(client: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    return await client.post(
        path, data={"form_token": await token_of(client, DRIFT), **form}, headers=FROM_HERE, follow_redirects=False
    )


async def until(client: httpx.AsyncClient, run: dict[str, Any], status: str) -> dict[str, Any]:
    """Gives the run as soon as it is so: what is remembered of an organisation's runs is right for a second at most."""
    for _ in range(100):
        shown: dict[str, Any] = (await client.get(f"/runs/{run['id']}")).json()
        if shown["status"] == status:
            break
        await asyncio.sleep(0.05)
    assert shown["status"] == status
    return shown


async def test_an_operator_is_led_to_drift_and_sees_nothing_else(
    service: Service, operator: httpx.AsyncClient, ids: dict[str, str]
) -> None:
    """Whatever page of an organisation is asked for; what a form of theirs asks for is refused."""
    async with httpx.AsyncClient(base_url=operator.base_url, timeout=30) as browser:
        form = {"key": await service.operators_key(), "next": "/historik/prov?lang=en"}
        answer = await browser.post("/historik/logga-in?lang=en", data=form, headers=FROM_HERE)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{DRIFT}?lang=en")
    run, exam = f"/historik/korningar/{ids['run_id']}", f"/historik/prov/{ids['activity_id']}"
    for path in ("/historik", "/historik/prov", run, f"{run}/avbryt", exam, f"{exam}/elever", f"{exam}/skicka"):
        answer = await operator.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, DRIFT), path
    for path in (f"{run}/avbryt", f"{exam}/skicka", f"{exam}/plan"):
        assert (await sent(operator, path, once=str(uuid4()), on_record_error="halt")).status_code == 403
    page = (await operator.get(DRIFT)).text
    assert 'href="/historik"' not in page
    signed_out = await sent(operator, "/historik/logga-ut")
    assert signed_out.headers["location"] == "/historik/logga-in"
    assert (await operator.get(DRIFT)).headers["location"] == f"/historik/logga-in?next={DRIFT.replace('/', '%2F')}"


async def test_a_key_of_an_organisation_does_not_see_drift(sign_in: SignIn, run: dict[str, Any]) -> None:
    """Neither a link to it nor any of its pages, and nothing is done for its forms."""
    theirs = await sign_in("provision", "history", "pii", "protected", "admin")
    assert DRIFT not in (await theirs.get("/historik")).text
    form = {"form_token": await token_of(theirs), "reason": "Underhåll"}
    changing = [
        *(f"{DRIFT}/{NUMBERS[0]}/{action}" for action in ACTIONS),
        *(f"{DRIFT}/korningar/{run['id']}/{action}" for action in RUN_ACTIONS),
    ]
    for path in (DRIFT, f"{DRIFT}/{NUMBERS[0]}", *changing):
        assert (await theirs.get(path)).status_code == 403, path
    for path in changing:
        assert (await theirs.post(path, data=form, headers=FROM_HERE)).status_code == 403, path


async def test_drift_shows_runs_and_organisations_and_no_person(
    operator: httpx.AsyncClient, run: dict[str, Any]
) -> None:
    """No name of an exam, a person or a key is there, in either language."""
    for language, said in (("sv", "arbetare"), ("en", "worker")):
        pages = [(await operator.get(f"{path}?lang={language}")).text for path in (DRIFT, f"{DRIFT}/{NUMBERS[0]}")]
        for page in pages:
            assert run["id"] in page
            assert NUMBERS[0] in page
            assert run["activity_id"] in page
            for hidden in ("Klarsson", "Alma", ">Prov<", "a key"):
                assert hidden not in page
        assert said.casefold() in pages[0].casefold()


async def test_drift_is_narrowed_by_what_stands_in_its_address(
    operator: httpx.AsyncClient, run: dict[str, Any]
) -> None:
    """To an organisation, by its number with or without a hyphen or by its name, and to runs that stand so."""
    hyphened = f"{NUMBERS[0][:6]}-{NUMBERS[0][6:]}"

    async def shows(query: str) -> tuple[bool, bool]:
        page = (await operator.get(f"{DRIFT}?{query}")).text
        return run["id"] in page, f'href="{DRIFT}/{NUMBERS[0]}"' in page

    for number in (NUMBERS[0], hyphened, NUMBERS[0][:6], ""):
        assert await shows(f"organisation={number}&level=") == (True, True), number
    assert await shows("organisation=Ingen%20kommun") == (False, False)
    assert [(await shows(f"level={level}"))[0] for level in ("ok", "warning", "error")].count(True) == 1
    assert (await operator.get(f"{DRIFT}?level=never")).status_code == 400


async def test_drift_is_not_built_anew_while_nothing_but_time_passes(
    operator: httpx.AsyncClient, run: dict[str, Any]
) -> None:
    """What the page asks for by itself is then answered with nothing."""
    for path in (DRIFT, f"{DRIFT}/{NUMBERS[0]}"):
        found = re.search(r'hx-get="([^"]+)"', (await operator.get(path)).text)
        assert found
        again = [await operator.get(found[1], headers={"HX-Request": "true"}) for _ in range(2)]
        assert [each.status_code for each in again] == [204, 204]


async def test_an_organisation_is_paused_and_goes_on(
    service: Service, operator: httpx.AsyncClient, run: dict[str, Any]
) -> None:
    """Each says first what will happen; a reason is needed, and the organisation is shown it."""
    client, path = await service.client("history"), f"{DRIFT}/{NUMBERS[0]}"
    confirm = (await operator.get(f"{path}/pausa")).text
    assert "Inget nytt skickas till Skolverket" in confirm
    assert (await sent(operator, f"{path}/pausa", reason=" ")).status_code == 400
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "running"
    done = await sent(operator, f"{path}/pausa?lang=en", reason="Underhåll hos Skolverket")
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?lang=en")
    held = await until(client, run, "held")
    assert held["held"]["reason"] == "Underhåll hos Skolverket"
    assert "Underhåll hos Skolverket" in (await operator.get(path)).text
    await sent(operator, f"{path}/fortsatt")
    await until(client, run, "running")


async def test_an_exam_is_paused_by_itself(service: Service, operator: httpx.AsyncClient, run: dict[str, Any]) -> None:
    client, path = await service.client("history"), f"{DRIFT}/{NUMBERS[0]}"
    of_exam = f"activity={run['activity_id']}"
    assert "Pausa provet?" in (await operator.get(f"{path}/pausa?{of_exam}")).text
    await sent(operator, f"{path}/pausa?{of_exam}", reason="Fel i underlaget")
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "held"
    page = (await operator.get(path)).text
    assert ("Pausat prov:" in page, "Hela organisationen är pausad." in page) == (True, False)
    await sent(operator, f"{path}/fortsatt?{of_exam}")
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "running"


async def test_a_run_is_cancelled_and_goes_on(
    service: Service, operator: httpx.AsyncClient, run: dict[str, Any]
) -> None:
    """What can't be done is said, before and after it is asked for."""
    client, path = await service.client("history"), f"{DRIFT}/korningar/{run['id']}"
    assert "Bara den senaste körningen" in (await operator.get(f"{path}/forsok-igen")).text
    assert (await sent(operator, f"{path}/forsok-igen")).status_code == 409
    done = await sent(operator, f"{path}/avbryt")
    assert (done.status_code, done.headers["location"]) == (303, f"{DRIFT}/{NUMBERS[0]}")
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "cancelled"
    page = (await operator.get(f"{DRIFT}/{NUMBERS[0]}")).text
    assert (f"{path}/forsok-igen" in page, f"{path}/avbryt" in page) == (True, False)
    await sent(operator, f"{path}/forsok-igen")
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "running"


async def test_what_is_not_there_is_404(operator: httpx.AsyncClient) -> None:
    """And a form that has not this session's token is refused."""
    for path in (f"{DRIFT}/2120009999", f"{DRIFT}/2120009999/pausa", f"{DRIFT}/korningar/{uuid4()}/avbryt"):
        assert (await operator.get(path)).status_code == 404, path
    assert (await sent(operator, f"{DRIFT}/2120009999/pausa", reason="x")).status_code == 404
    path = f"{DRIFT}/{NUMBERS[0]}/pausa"
    assert (await operator.post(path, data={"reason": "x"}, headers=FROM_HERE)).status_code == 403
