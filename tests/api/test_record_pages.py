"""The pages of a job, a record and an object over HTTP: whose they are, what is hidden, what is in no address."""

import html
import re
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Service, SignIn, unbroken
from tests.api.factories import Object, Played, body, duty, person, put, staff

_FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
_FAULT: Object = {
    "status": "Error",
    "statusCode": 400,
    "errors": [
        {
            "id": "8140",
            "message": "Fel om Åsa Exempelsson",
            "messageType": "Ogiltigt värde",
            "attributeName": "civicNo.value",
            "severityLevel": "Error",
        }
    ],
}


@dataclass
class Shown:
    """Two pupils, the first of whom was refused, and a teacher who is protected with a duty."""

    pupils: list[Object]
    teacher: Object
    job: str
    run: str

    @property
    def path(self) -> str:
        return f"/historik/jobb/{self.job}"

    @property
    def record(self) -> str:
        return f"{self.path}/poster/{self.pupils[0]['id']}"

    @property
    def object(self) -> str:
        return f"/historik/objekt/persons/{self.pupils[1]['id']}"


@pytest.fixture
async def shown(service: Service) -> Shown:
    client = await service.client("provision", "history")
    pupils = [person("Åsa", serial=980), person("Bosse", "Andersson", 981)]
    teacher = staff(securityMarking="Sekretessmarkering")
    activity_id = await put(client, body([*pupils, teacher], [duty(teacher)]))
    asked = {"on_record_error": "continue"}
    run = (await client.post(f"/activities/{activity_id}/provision", json=asked)).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1, {pupils[0]["id"]: ("error", _FAULT)})
    renamed = {**pupils[1], "familyName": "Nygift"}
    await put(client, body([pupils[0], renamed, teacher], [duty(teacher)]), activity_id)
    return Shown(pupils, teacher, run["jobs"][0]["id"], run["id"])


def rows(page: httpx.Response) -> list[list[str]]:
    """Gives the texts of the cells of the records' table."""
    table = re.search(r'<table class="stacked records">.*?</table>', page.text, re.DOTALL)
    assert table, page.text
    return [
        [text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", table[0], re.DOTALL)[1:]
    ]


def text(part: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", unbroken(part))).split())


async def token_of(client: httpx.AsyncClient, path: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', (await client.get(path)).text)
    assert found
    return found[1]


async def test_they_are_their_organisations_alone(sign_in: SignIn, shown: Shown) -> None:
    mine, theirs = await sign_in("history"), await sign_in("history", organisation=1)
    for path in (shown.path, shown.record, shown.object, f"{shown.path}/export/csv", f"{shown.path}/export/xlsx"):
        assert (await mine.get(path)).status_code == 200
        assert (await theirs.get(path)).status_code == 404


async def test_a_job_sums_up_and_lists_errors_first(sign_in: SignIn, shown: Shown) -> None:
    """As the log has it: the sentence, the number, and a line each with the link to more."""
    client = await sign_in("history", "pii")
    page = await client.get(shown.path)
    assert "Ett eller flera fel inträffade." in text(page.text)
    assert "Användare (3)" in text(page.text)
    first, second, third = rows(page)
    assert first[:7] == [
        "✕ Fel",
        "Åsa Exempelsson",
        "Elev",
        "20120101-9807",
        "åe980@edu.example.se".replace("å", "a"),
        "6",
        "GR",
    ]
    assert second[0] == "✓ Klar"
    # Somebody protected is hidden from a key that may not see those.
    assert third[:5] == ["✓ Klar", "Dolt", "Personal", "Dolt", "Dolt"]
    assert f'href="{shown.record}"' in page.text


async def test_filters_stand_in_the_address(sign_in: SignIn, shown: Shown) -> None:
    """A status, a cause and a year narrow the list; what nobody has filled in counts as nothing."""
    client = await sign_in("history", "pii")
    for query, names in (
        ("status=error", ["Åsa Exempelsson"]),
        ("code=8140", ["Åsa Exempelsson"]),
        ("school_year=6&status=&code=&school_unit=&sort=order", ["Åsa Exempelsson", "Bosse Andersson"]),
        ("status=succeeded&school_year=6", ["Bosse Andersson"]),
    ):
        page = await client.get(f"{shown.path}?{query}")
        assert [row[1] for row in rows(page)] == names, query
    assert "Användare (1 av 3)" in text((await client.get(f"{shown.path}?status=error")).text)
    assert "code=8140" in (await client.get(shown.path)).text
    assert "Ingenting passar urvalet." in (await client.get(f"{shown.path}?school_year=3")).text
    for query in ("status=never", "school_year=x", "sort=name", "cursor=x"):
        assert (await client.get(f"{shown.path}?{query}")).status_code == 400, query


async def test_a_cause_is_explained_where_no_record_on_the_page_has_it(service: Service, sign_in: SignIn) -> None:
    """The target's code is of the last record, and a page has the first fifty."""
    client = await service.client("provision", "history")
    pupils = [person(serial=600 + place) for place in range(51)]
    activity_id = await put(client, body(pupils))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1, {pupils[-1]["id"]: ("error", _FAULT)})
    page = await (await sign_in("history")).get(f"/historik/jobb/{run['jobs'][0]['id']}?sort=order")
    assert len(rows(page)) == 50
    causes = text(page.text.partition('id="causes"')[2].partition("</table>")[0])
    assert "8140" in causes
    assert "rätta det i källsystemet" in causes
    assert "som inte är beskriven" not in causes


async def test_a_code_that_is_said_of_two_properties_has_both_explanations(service: Service, sign_in: SignIn) -> None:
    """In a list, with words that say that it is one; the code is not said to be described nowhere."""
    client = await service.client("provision", "history")
    pupils = [person(serial=660 + place) for place in range(2)]
    activity_id = await put(client, body(pupils))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    other = {**_FAULT, "errors": [{**_FAULT["errors"][0], "attributeName": "familyName"}]}
    await played.stage(1, {pupils[0]["id"]: ("error", _FAULT), pupils[1]["id"]: ("error", other)})
    page = (await (await sign_in("history")).get(f"/historik/jobb/{run['jobs'][0]['id']}")).text
    causes = page.partition('id="causes"')[2].partition("</table>")[0]
    assert "Felkoden sägs om olika saker, bland annat:" in causes
    assert causes.count("<li>") == 2
    assert "som inte är beskriven" not in causes


async def test_who_may_see_nobody_is_shown_that_it_is_hidden(sign_in: SignIn, shown: Shown) -> None:
    """On each page and in each file; there is no search, and asking for one all the same is refused."""
    client = await sign_in("history")
    for path in (shown.path, shown.record, shown.object, f"{shown.path}/export/csv"):
        page = (await client.get(path)).text
        # Any four digits may be in an id.
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", html.unescape(unbroken(page)))
        for word in ("Åsa", "Exempelsson", "Bosse", "Nygift", "9807", "edu.example.se"):
            assert word not in text.replace("Exempelskommun", ""), (path, word)
        assert "***" in page if path.endswith("csv") else "Dolt" in page
    assert "/sok" not in (await client.get(shown.path)).text
    form = {"form_token": await token_of(client, shown.path), "q": "Bosse"}
    assert (await client.post(f"{shown.path}/sok", data=form, headers=_FROM_HERE)).status_code == 403


async def test_somebody_is_found_without_a_name_in_an_address(sign_in: SignIn, shown: Shown) -> None:
    """By name and by number, with a form of this session alone; its address by itself leads to the job."""
    client = await sign_in("history", "pii")
    form = {"form_token": await token_of(client, shown.path)}
    for phrase, names in (("bosse", ["Bosse Andersson"]), ("20120101-9807", ["Åsa Exempelsson"])):
        page = await client.post(f"{shown.path}/sok", data={**form, "q": phrase}, headers=_FROM_HERE)
        assert [row[1] for row in rows(page)] == names
        assert phrase not in str(page.url)
        assert all(phrase not in link for link in re.findall(r'(?:href|action)="([^"]*)"', page.text))
    nobody = await client.post(f"{shown.path}/sok", data={**form, "q": "ingen"}, headers=_FROM_HERE)
    assert "Ingen träff." in nobody.text
    assert (await client.post(f"{shown.path}/sok", data={"q": "bosse"}, headers=_FROM_HERE)).status_code == 403
    alone = await client.get(f"{shown.path}/sok?lang=en")
    assert (alone.status_code, alone.headers["location"]) == (303, f"{shown.path}?lang=en")


async def test_a_record_marks_what_is_wrong(sign_in: SignIn, shown: Shown) -> None:
    """What was sent in words with the fault where it is, what was answered, and each call with its time."""
    page = (await (await sign_in("history", "pii")).get(shown.record)).text
    faulty = re.findall(r'<tr class="faulty error">(.*?)</tr>', page, re.DOTALL)
    assert [text(each) for each in faulty] == ["Personnummer 20120101-9807 ✕ Fel"]
    assert "Skolverkets ord: Fel om Åsa Exempelsson" in text(page)
    assert "&#34;attributeName&#34;: &#34;civicNo.value&#34;" in page
    assert re.search(r"Anrop till Skolverket.* 1 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d .*Besvarat \(202\)", text(page))


async def test_an_object_shows_what_differs_and_its_history(sign_in: SignIn, shown: Shown) -> None:
    """What Skolverket has beside what the roster says now, and each run that it was in."""
    page = (await (await sign_in("history", "pii")).get(shown.object)).text
    differing = re.findall(r'<tr class="faulty warning">(.*?)</tr>', page, re.DOTALL)
    assert [text(each) for each in differing] == ["Efternamn ! Skiljer sig Andersson Nygift"]
    assert f'href="{shown.path}/poster/{shown.pupils[1]["id"]}"' in page
    assert f'href="/historik/korningar/{shown.run}"' in page
    refused = await (await sign_in("history", "pii")).get(f"/historik/objekt/persons/{shown.pupils[0]['id']}")
    assert "Skolverket har inte tagit emot det här från oss." in refused.text


async def test_a_job_under_way_asks_for_what_is_new(service: Service, sign_in: SignIn, ids: dict[str, str]) -> None:
    """Its list comes alone then, and not at all while it is the same; one that has ended asks for nothing."""
    client = await sign_in("history")
    run = (await (await service.client("history")).get(f"/runs/{ids['run_id']}")).json()
    page = (await client.get(f"/historik/jobb/{run['jobs'][1]['id']}")).text
    again = re.search(r'hx-get="([^"]+)" hx-trigger="every 3s"', page)
    assert again
    same = await client.get(again[1], headers={"HX-Request": "true"})
    assert (same.status_code, same.text) == (204, "")
    ended = (await client.get(f"/historik/jobb/{ids['job_id']}")).text
    assert re.findall(r'hx-get="([^"]+)"', ended) == ["/historik/session"], "but for whether the session counts"
