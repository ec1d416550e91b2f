"""The pages of exams over HTTP: what they show and to whom, and that a form sends an exam once."""

import html
import re
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from tests.api.conftest import FROM_HERE, Service, SignIn, token_of, unbroken
from tests.api.factories import Object, Played, body, person, put
from tests.api.test_readiness import REFUSED, activity, group, run

PAGES = ("", "/elever", "/skicka")


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


@pytest.fixture
def pupils() -> list[Object]:
    """The first gets through, the second is refused."""
    return [person("Alma", "Klarsson", 981), person("Bo", "Felsson", 982)]


@pytest.fixture
async def exam(service: Service, client: httpx.AsyncClient, pupils: list[Object]) -> str:
    """The path of an exam that has been sent: of its two groups the second misses somebody."""
    groups = [group("NO 6A", pupils[0]), group("SV 6A", pupils[1])]
    activity_id = await put(client, body(pupils, groups=groups, activities=[activity(*groups)]))
    played = await run(service, client, activity_id, on_record_error="continue")
    await _play(played, {pupils[1]["id"]: REFUSED})
    return f"/historik/prov/{activity_id}"


async def _play(played: Played, refused: Object) -> None:
    await played.stage(1, refused)
    for position in range(2, 5):
        await played.stage(position)


def once_of(page: str) -> str:
    """Reads what makes a form be done once."""
    found = re.search(r'name="once" value="([^"]+)"', page)
    assert found
    return found[1]


async def test_an_exam_says_who_is_missing_and_which_groups_miss_somebody_first(sign_in: SignIn, exam: str) -> None:
    """Groups in which all is well are there, but folded in."""
    browser = await sign_in("history", "pii", "protected")
    page = (await browser.get(exam)).text
    assert "1 av 2 elever klara, 1 hindrad" in page
    assert "Bo Felsson" in page
    above, folded = page.split("<details", 1)
    assert ("SV 6A</a>" in above, "NO 6A</a>" in above) == (True, False)
    assert "NO 6A</a>" in folded
    missing = (await browser.get(f"{exam}/elever?lang=en")).text
    assert "Hindered" in missing
    assert ("Bo Felsson" in missing, "Alma Klarsson" in missing) == (True, False)
    assert "Nobody is missing with these choices." in (await browser.get(f"{exam}/elever?lang=en&state=not_sent")).text


async def test_a_list_of_one_group_or_cause_says_that_it_is(sign_in: SignIn, exam: str) -> None:
    """The links of the exam's page lead to these; the whole list says nothing of the kind.

    Who sees nobody's name is not led to a group's.
    """
    assert "/elever?group=" not in (await (await sign_in("history")).get(exam)).text
    browser = await sign_in("history", "pii")
    page = (await browser.get(exam)).text
    for name, said in (("group", "bara eleverna i en av grupperna"), ("cause", "bara eleverna med en av orsakerna")):
        link = re.search(rf'href="({exam}/elever\?{name}=[^"]+)"', page)
        assert link
        assert said in (await browser.get(html.unescape(link[1]))).text
        assert said not in (await browser.get(f"{exam}/elever")).text


async def test_the_list_of_exams_says_where_each_stands(
    service: Service, client: httpx.AsyncClient, sign_in: SignIn, exam: str
) -> None:
    """By what came of its latest run; by the run that goes on, though a later one has been cancelled."""
    activity_id = await put(client, body([person(serial=984)]))
    going, played = f"/historik/prov/{activity_id}", await run(service, client, activity_id)
    await played.stage(1, end=None)
    cancelled = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    assert (await client.post(f"/runs/{cancelled}/cancel")).json()["status"] == "cancelled"
    page = (await (await sign_in("history")).get("/historik/prov")).text
    parts = {path: part for part in page.split("<li")[1:] for path in (going, exam) if f'<h2><a href="{path}">' in part}
    assert ("Pågår" in parts[going], "Avbruten" in parts[going], "Klar med fel" in parts[exam]) == (True, False, True)


async def test_a_stage_at_which_the_run_stopped_leads_to_its_records(
    service: Service, client: httpx.AsyncClient, sign_in: SignIn, pupils: list[Object]
) -> None:
    """Of a pupil who waits behind several errors the cause is the stage: what is wrong stands on that job's page."""
    pupils.append(person("Cilla", "Felsson", 983))
    several = group("NO 6A", *pupils)
    activity_id = await put(client, body(pupils, groups=[several], activities=[activity(several)]))
    played = await run(service, client, activity_id)
    await played.stage(1, {pupils[1]["id"]: REFUSED, pupils[2]["id"]: REFUSED}, end="failed")
    (made,) = (await client.get(f"/activities/{activity_id}/runs")).json()["data"]
    browser = await sign_in("history")
    for path in ("", "/elever"):
        page = (await browser.get(f"/historik/prov/{activity_id}{path}")).text
        assert f'<a href="/historik/jobb/{made["jobs"][0]["id"]}">Steget Användare</a>' in page, path


async def test_who_may_not_see_persons_sees_none(sign_in: SignIn, exam: str, pupils: list[Object]) -> None:
    """Neither a name nor a number nor an EPPN; who may sees them."""
    masked, whole = await sign_in("history"), await sign_in("history", "pii", "protected")
    seen = "".join([unbroken((await whole.get(exam + page)).text) for page in PAGES])
    for page in PAGES:
        shown = unbroken((await masked.get(exam + page)).text)
        for pupil in pupils:
            number, eppn = pupil["civicNo"]["value"], pupil["eduPersonPrincipalNames"][0]
            for personal in (pupil["familyName"], number, number[:8] + "-" + number[8:], eppn):
                assert personal not in shown, page
    assert pupils[1]["eduPersonPrincipalNames"][0] in seen


async def test_an_exam_is_shown_to_its_organisation_alone(sign_in: SignIn, exam: str) -> None:
    """To another one there is no such exam, on each page and for each form."""
    theirs = await sign_in("history", "provision", organisation=1)
    form = {"form_token": await token_of(theirs), "once": str(uuid4()), "on_record_error": "halt"}
    for page in PAGES:
        assert (await theirs.get(exam + page)).status_code == 404
    for path in (f"{exam}/skicka", f"{exam}/plan"):
        assert (await theirs.post(path, data=form, headers=FROM_HERE)).status_code == 404
    assert exam not in (await theirs.get("/historik/prov")).text


async def test_a_form_sends_an_exam_once(sign_in: SignIn, client: httpx.AsyncClient) -> None:
    """Sent twice it leads to the same run; a page that is opened anew makes another one."""
    activity_id = await put(client, body([person()]))
    path, browser = f"/historik/prov/{activity_id}/skicka", await sign_in("history", "provision")
    page = (await browser.get(path)).text
    form = {"form_token": await token_of(browser), "once": once_of(page), "on_record_error": "continue"}
    sent = [await browser.post(path, data=form, headers=FROM_HERE) for _ in range(2)]
    assert [each.status_code for each in sent] == [303, 303]
    (made,) = (await client.get(f"/activities/{activity_id}/runs")).json()["data"]
    assert {each.headers["location"] for each in sent} == {f"/historik/korningar/{made['id']}"}
    assert made["on_record_error"] == "continue"
    again = (await browser.get(path)).text
    assert "En körning av provet pågår." in again
    await browser.post(path, data={**form, "once": once_of(again)}, headers=FROM_HERE)
    assert len((await client.get(f"/activities/{activity_id}/runs")).json()["data"]) == 2
    refused = await browser.post(path, data={**form, "once": str(uuid4()), "on_record_error": "x"}, headers=FROM_HERE)
    assert refused.status_code == 400


async def test_who_may_not_send_has_no_button(sign_in: SignIn, client: httpx.AsyncClient) -> None:
    """And what is sent all the same is refused; a form without the session's token too."""
    activity_id = await put(client, body([person()]))
    path, reader, sender = (
        f"/historik/prov/{activity_id}/skicka",
        await sign_in("history"),
        await sign_in("history", "provision"),
    )
    page = (await reader.get(path)).text
    assert ('name="once"' in page, "Den här nyckeln får inte skicka." in page) == (False, True)
    form = {"form_token": await token_of(reader), "once": str(uuid4()), "on_record_error": "halt"}
    assert (await reader.post(path, data=form, headers=FROM_HERE)).status_code == 403
    assert (await sender.post(path, data=form, headers=FROM_HERE)).status_code == 403
    assert (await client.get(f"/activities/{activity_id}/runs")).json()["data"] == []


async def test_a_plan_is_made_and_shown(sign_in: SignIn, client: httpx.AsyncClient) -> None:
    """One of an older roster is none: it says nothing of what would be sent now."""
    activity_id = await put(client, body([person()]))
    path, browser = f"/historik/prov/{activity_id}", await sign_in("history")
    assert "Ingen plan är gjord" in (await browser.get(f"{path}/skicka")).text
    form = {"form_token": await token_of(browser)}
    made = await browser.post(f"{path}/plan?lang=en", data=form, headers=FROM_HERE)
    assert (made.status_code, made.headers["location"]) == (303, f"{path}/skicka?lang=en")
    assert "1 användare: 1 skickas" in (await browser.get(f"{path}/skicka")).text
    await put(client, body([person(), person("Bo", serial=983)]), UUID(str(activity_id)))
    assert "Ingen plan är gjord" in (await browser.get(f"{path}/skicka")).text


async def test_a_plan_says_for_which_choice_it_is(sign_in: SignIn, client: httpx.AsyncClient) -> None:
    """That of each choice is shown, and what stops one is said of that alone."""
    wrong = person("Bo", "Felsson", 991)
    wrong["civicNo"]["value"] = "201213011234"
    activity_id = await put(client, body([person(serial=992), wrong]))
    path, browser = f"/historik/prov/{activity_id}", await sign_in("history")
    form = {"form_token": await token_of(browser)}
    shown = {}
    for policy, choice in (("halt", "Stop after the stage"), ("continue", "Go on with the others")):
        made = await browser.post(f"{path}/plan", data={**form, "on_record_error": policy}, headers=FROM_HERE)
        assert made.status_code == 303
        page = (await browser.get(f"{path}/skicka?lang=en")).text
        shown[policy] = page.partition(f"<h3>With the choice “{choice}”</h3>")[2].partition("<h3>")[0]
    assert {policy: "The run may stop after the stage" in part for policy, part in shown.items()} == {
        "halt": True,
        "continue": False,
    }
    assert page.count("<h3>With the choice") == 2


async def test_what_keeps_persons_back_is_offered_to_who_may_see_them(
    service: Service, sign_in: SignIn, client: httpx.AsyncClient
) -> None:
    """By the plan; who ticks it has them sent."""
    marked, other = person(serial=994), person("Bo", serial=995)
    activity_id = await put(client, body([{**marked, "securityMarking": "Sekretessmarkering"}, other]))
    await (await run(service, client, activity_id)).stage(1)
    await put(client, body([{**marked, "securityMarking": "Ingen"}, other]), UUID(str(activity_id)))
    path = f"/historik/prov/{activity_id}"
    sees, does_not = (
        await sign_in("provision", "history", "pii", "protected"),
        await sign_in("provision", "history", "pii"),
    )

    async def offered(browser: httpx.AsyncClient) -> list[str]:
        return re.findall(r'name="allow_(\w+)"', (await browser.get(f"{path}/skicka")).text)

    assert await offered(sees) == []
    await does_not.post(f"{path}/plan", data={"form_token": await token_of(does_not)}, headers=FROM_HERE)
    await sees.post(f"{path}/plan", data={"form_token": await token_of(sees)}, headers=FROM_HERE)
    assert (await offered(sees), await offered(does_not)) == (["weaker_marking"], [])
    form = {"form_token": await token_of(sees), "once": str(uuid4()), "allow_weaker_marking": "yes"}
    sent = await sees.post(f"{path}/skicka", data=form, headers=FROM_HERE)
    async with service.runtime.engine.connect() as conn:
        run_id = sent.headers["location"].rpartition("/")[2]
        allowed = await conn.scalar(sa.text("SELECT allow FROM run WHERE id = :run"), {"run": run_id})
    assert allowed == ["weaker_marking"]


async def test_that_a_run_is_under_way_is_said_though_a_later_one_was_cancelled(
    sign_in: SignIn, client: httpx.AsyncClient
) -> None:
    """Nothing is green before the form, and the form says that the new run waits; once it has ended neither is so."""
    activity_id = await put(client, body([person(serial=993)]))
    path, browser = f"/historik/prov/{activity_id}/skicka", await sign_in("history", "provision")
    going, later = [(await client.post(f"/activities/{activity_id}/provision")).json()["id"] for _ in range(2)]
    assert (await client.post(f"/runs/{later}/cancel")).json()["status"] == "cancelled"

    async def said() -> tuple[bool, bool]:
        page = (await browser.get(path)).text
        return "Klart att skicka" in page, "En körning av provet pågår. Den nya väntar" in page

    assert await said() == (False, True)
    await client.post(f"/runs/{going}/cancel")
    assert await said() == (True, False)


async def test_errors_are_said_before_anything_is_sent(sign_in: SignIn, client: httpx.AsyncClient) -> None:
    """At one glance, and first among what is found; where all is well that is said."""
    wrong = person("Bo", "Felsson", 982)
    wrong["civicNo"]["value"] = "201213011234"
    first, second = await put(client, body([person(), wrong])), await put(client, body([person(serial=984)]))
    browser = await sign_in("history", "provision")
    bad = (await browser.get(f"/historik/prov/{first}/skicka?lang=en")).text
    assert 'class="notice bad"' in bad
    assert "Put right first: 1 error in the roster." in bad
    well = (await browser.get(f"/historik/prov/{second}/skicka")).text
    assert 'class="notice bad"' not in well
    listed = (await browser.get("/historik/prov")).text
    assert listed.count('class="card run"') == 2
