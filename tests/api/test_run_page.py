"""The pages of a run over HTTP: whose they are, who may do something, and that a form is sent once and from here."""

import re
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import FROM_HERE, NUMBERS, Service, SignIn, token_of
from tests.api.factories import Played, body, person, put
from tests.api.test_readiness import REFUSED
from tests.api.test_school_units import OTHER, OWN, pupil_at

ACTIONS = ("avbryt", "forsok-igen", "skicka-igen")


async def test_a_run_is_shown_to_its_organisation_alone(sign_in: SignIn, ids: dict[str, str]) -> None:
    """Another one's key is told that there is none, on the page and on each that does something."""
    mine, theirs = await sign_in("history", "provision"), await sign_in("history", "provision", organisation=1)
    path, token = f"/historik/korningar/{ids['run_id']}", await token_of(theirs)
    assert (await mine.get(path)).status_code == 200
    assert (await theirs.get(path)).status_code == 404
    for action in ACTIONS:
        assert (await mine.get(f"{path}/{action}")).status_code == 200
        assert (await theirs.get(f"{path}/{action}")).status_code == 404
        form = {"form_token": token, "on_record_error": "halt"}
        assert (await theirs.post(f"{path}/{action}", data=form, headers=FROM_HERE)).status_code == 404


async def test_who_only_reads_is_offered_nothing(sign_in: SignIn, ids: dict[str, str]) -> None:
    client = await sign_in("history", "pii")
    path, form = f"/historik/korningar/{ids['run_id']}", {"form_token": await token_of(client)}
    page = (await client.get(path)).text
    for action in ACTIONS:
        assert action not in page
        assert (await client.get(f"{path}/{action}")).status_code == 403
        assert (await client.post(f"{path}/{action}", data=form, headers=FROM_HERE)).status_code == 403


@pytest.mark.parametrize("action", ACTIONS)
async def test_nothing_is_done_for_a_form_that_is_not_ours(
    service: Service, sign_in: SignIn, ids: dict[str, str], action: str
) -> None:
    """Without the token, with another's, or from another site it is 403, and the run is as it was."""
    client, reader = await sign_in("history", "provision"), await service.client("history")
    path, token = f"/historik/korningar/{ids['run_id']}", await token_of(client)
    another = await token_of(await sign_in("history", "provision"))
    before = (await reader.get("/runs")).json()
    for form, headers in (
        ({}, FROM_HERE),
        ({"form_token": another}, FROM_HERE),
        ({"form_token": token}, {}),
        ({"form_token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        data = {"on_record_error": "halt", **form}
        assert (await client.post(f"{path}/{action}", data=data, headers=headers)).status_code == 403
    assert (await reader.get("/runs")).json() == before


async def test_what_is_asked_for_is_done(service: Service, sign_in: SignIn, ids: dict[str, str]) -> None:
    """A cancel ends on the run's page; what can't be done is said in its cause's words, with 409."""
    client, reader = await sign_in("history", "provision"), await service.client("history", "provision")
    activity_id = await put(reader, body([person(serial=981)]))
    run_id = (await reader.post(f"/activities/{activity_id}/provision")).json()["id"]
    path, form = f"/historik/korningar/{run_id}", {"form_token": await token_of(client)}

    async def post(action: str, **more: str) -> httpx.Response:
        data = {**form, "once": str(uuid4()), **more}
        return await client.post(f"{path}/{action}?lang=en", data=data, headers=FROM_HERE)

    refused = await post("forsok-igen")
    assert refused.status_code == 409
    assert "<h1>" in refused.text
    done = await post("avbryt")
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?lang=en")
    assert (await reader.get(f"/runs/{run_id}")).json()["status"] == "cancelled"
    assert (await post("avbryt")).status_code == 409
    assert (await post("skicka-igen", on_record_error="never")).status_code == 400
    once = str(uuid4())
    again, twice = [await post("skicka-igen", once=once, on_record_error="continue") for _ in range(2)]
    assert again.status_code == 303
    # However often somebody clicks, one run comes of it.
    assert twice.headers["location"] == again.headers["location"]
    new = (await reader.get("/runs")).json()["data"][0]
    assert again.headers["location"] == f"/historik/korningar/{new['id']}?lang=en"
    assert (new["sequence"], new["on_record_error"]) == (2, "continue")


async def test_before_the_same_roster_is_sent_again_it_is_said_that_its_errors_stay(
    service: Service, sign_in: SignIn
) -> None:
    """Both of a retry, which sends what was frozen, and of a new run, as long as the roster is the same."""
    client, browser = await service.client("provision", "history"), await sign_in("history", "provision")
    pupils = [person(serial=985), person(serial=986)]
    activity_id = await put(client, body(pupils))
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    played = await Played.of(service.runtime, service.organisations[0], UUID(run_id))
    await played.stage(1, {pupils[0]["id"]: REFUSED}, end="failed")

    async def said() -> list[bool]:
        pages = [await browser.get(f"/historik/korningar/{run_id}/{each}") for each in ("forsok-igen", "skicka-igen")]
        return ["Det är samma underlag: det som hade fel" in page.text for page in pages]

    assert await said() == [True, True]
    await put(client, body([pupils[1]]), activity_id)
    assert await said() == [True, False]


async def test_a_pause_is_shown_with_since_when_and_why(service: Service, sign_in: SignIn) -> None:
    """On each page of the run and of its exam, and on the list of exams; no more once it has ended."""
    client = await service.client("provision", "history")
    activity_id = await put(client, body([person(serial=987)]))
    paused = await client.post(f"/activities/{activity_id}/pause", json={"reason": "Proven flyttas."})
    assert paused.status_code < 300, paused.text
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    browser = await sign_in("history", "provision")
    exam = f"/historik/prov/{activity_id}"
    paths = (f"/historik/korningar/{run_id}", f"{exam}/skicka", exam, "/historik/prov")
    for path in paths:
        page = (await browser.get(path)).text
        assert "Av organisationen, sedan" in page, path
        assert "Skäl: Proven flyttas." in page, path
    await client.post(f"/activities/{activity_id}/resume")
    for path in paths:
        assert "Proven flyttas." not in (await browser.get(path)).text, path


async def test_a_run_whose_call_is_out_says_that_its_exam_is_paused(service: Service, sign_in: SignIn) -> None:
    """It is not held as long as an answer is awaited, yet nothing more of it is sent. A pause of all counts too."""
    client, browser = await service.client("provision", "history"), await sign_in("history")
    activity_id, other_id = [await put(client, body([person(serial=serial)])) for serial in (989, 990)]
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    played = await Played.of(service.runtime, service.organisations[0], UUID(run_id))
    await played.stage(1, end=None)
    await client.post(f"/activities/{activity_id}/pause", json={"reason": "Proven flyttas."})
    path = f"/historik/korningar/{run_id}?lang=en"
    assert (await client.get(f"/runs/{run_id}")).json()["status"] == "running"
    page = (await browser.get(path)).text
    assert "The exam is paused: nothing new is sent." in page
    assert "Reason: Proven flyttas." in page
    # Of the two exams of the list one is paused.
    assert (await browser.get("/historik/prov")).text.count("Proven flyttas.") == 1
    assert "Proven flyttas." not in (await browser.get(f"/historik/prov/{other_id}")).text
    operator = await service.operator()
    paused = await operator.post(f"/operations/organisations/{NUMBERS[0]}/pause", json={"reason": "Underhåll."})
    assert paused.status_code < 300, paused.text
    for each in (path, "/historik/prov?lang=en", f"/historik/prov/{other_id}?lang=en"):
        shown = (await browser.get(each)).text
        assert shown.count("All exams are paused: nothing new is sent.") == 1, each
        assert shown.count("Underhåll.") == 1, each


async def test_a_run_that_waits_leads_to_the_run_ahead(service: Service, sign_in: SignIn) -> None:
    """In the reader's language; the run ahead waits for none, and has no such link."""
    client, browser = await service.client("provision", "history"), await sign_in("history")
    activity_id = await put(client, body([person(serial=988)]))
    first, second = [(await client.post(f"/activities/{activity_id}/provision")).json()["id"] for _ in range(2)]
    page = (await browser.get(f"/historik/korningar/{second}?lang=en")).text
    assert f'<a href="/historik/korningar/{first}?lang=en">To run 1</a>' in page
    assert "To run" not in (await browser.get(f"/historik/korningar/{first}?lang=en")).text


async def test_a_part_is_given_only_when_it_is_new(sign_in: SignIn, ids: dict[str, str]) -> None:
    """Whoever has it gets 204; the page itself is always whole."""
    client = await sign_in("history")
    path = f"/historik/korningar/{ids['run_id']}"
    page = (await client.get(path)).text
    again = re.search(r'hx-get="([^"]+)" hx-trigger="every 2s"', page)
    assert again
    same = await client.get(again[1], headers={"HX-Request": "true"})
    assert (same.status_code, same.text) == (204, "")
    other = await client.get(f"{path}?seen=0", headers={"HX-Request": "true"})
    assert other.status_code == 200
    assert other.text.startswith('<div class="part" id="live"')
    assert "<html" in (await client.get(again[1])).text


async def test_a_newer_roster_of_other_schools_is_not_told(service: Service, sign_in: SignIn) -> None:
    """Whoever may see single school units, and act there, is not told how often others have put an exam."""
    writer = await service.client("provision")
    mine, theirs = pupil_at(OWN), pupil_at(OTHER, serial=982)
    activity_id = await put(writer, body([mine, theirs]))
    run = (await writer.post(f"/activities/{activity_id}/provision")).json()
    assert (await writer.post(f"/runs/{run['id']}/cancel")).is_success
    path = f"/historik/korningar/{run['id']}"
    narrowed = await sign_in("history", "pii", "protected", school_units=[OWN])
    everybody = await sign_in("history", "provision")

    async def shown(browser: httpx.AsyncClient) -> str:
        return re.sub(r"[0-9a-f]{16,}|[0-9]{1,2} [a-z]+ [0-9]{4}|[0-9:]{5,8}", "", (await browser.get(path)).text)

    before, of_all = await shown(narrowed), await shown(everybody)
    for name in ("Ny", "Nyare"):
        await put(writer, body([mine, {**theirs, "givenName": name}]), activity_id)
    assert await shown(narrowed) == before
    assert await shown(everybody) != of_all
