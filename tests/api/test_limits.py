"""Who asks too often is told so, and nobody else notices; what is told of it, and what it costs."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, text

from app.api.limits.buckets import Buckets, Rate
from app.api.limits.limits import ALL_FAILURES, FAILURES, Limits
from app.security.keys import new_key
from tests.api.conftest import FROM_HERE, Service, SignIn
from tests.api.factories import body, put
from tests.api.guards import assert_problem
from tests.api.observing import until

# At once, and next to nothing afterwards.
FEW = Rate(0.02, 5)


@pytest.fixture
def limits(service: Service) -> Limits:
    """The limits of the app, at which a key has five requests and an organisation eight."""
    made: Limits = service.app.state.parts.limits
    made.keys, made.organisations, made.most_streams = Buckets(FEW), Buckets(Rate(0.02, 8)), 2
    return made


async def run_of(service: Service, client: httpx.AsyncClient) -> str:
    """Makes a run, and gives its address."""
    run = (await client.post(f"/activities/{await put(client, body())}/provision")).json()
    return f"/runs/{run['id']}"


async def test_a_key_that_asks_too_often_is_told_to_wait(service: Service, limits: Limits) -> None:
    """On routes and pages alike, and before anything is read or done; other keys go on."""
    client, other = await service.client("history"), await service.client("history", organisation=1)
    for left in (4, 3, 2, 1, 0):
        answer = await client.get("/runs")
        assert (answer.status_code, answer.headers["ratelimit"].split(";")[:2]) == (200, ['"key"', f"r={left}"])
        assert answer.headers["ratelimit-policy"].startswith('"key";q=')
    for method, path in (("GET", "/runs"), ("GET", f"/jobs/{uuid4()}"), ("PUT", f"/activities/{uuid4()}")):
        refused = await client.request(method, path)
        assert_problem(refused, 429)
        assert refused.json()["type"] == "/problems/too-many-requests"
        assert 40 <= int(refused.headers["retry-after"]) <= 50
        assert refused.headers["cache-control"] == "no-store"
    assert (await other.get("/runs")).status_code == 200


async def test_an_organisations_keys_have_a_bound_together(service: Service, limits: Limits) -> None:
    one, two = await service.client("history"), await service.client("history")
    statuses = [(await client.get("/runs")).status_code for client in (one, two) for _ in range(5)]
    assert statuses == [*[200] * 5, *[200] * 3, 429, 429]


async def test_polls_that_are_answered_from_memory_count_a_tenth(service: Service, limits: Limits) -> None:
    """And are refused as well, when there are too many."""
    limits.keys = Buckets(Rate(1e6, 1e6))
    client = await service.client("history", "provision")
    path = await run_of(service, client)
    known = {"If-None-Match": (await client.get(path)).headers["etag"]}
    limits.keys = Buckets(FEW)
    limits.organisations = Buckets(Rate(1e6, 1e6))
    statuses = [(await client.get(path, headers=known)).status_code for _ in range(52)]
    assert statuses.count(304) >= 45
    assert statuses[-1] == 429
    assert_problem(await client.get(path, headers=known), 429)


async def test_who_looks_at_pages_is_counted_too(service: Service, limits: Limits) -> None:
    client = await service.client()
    form = {"key": await service.key("history")}
    await client.post("/historik/logga-in", data=form, headers=FROM_HERE)
    statuses = [(await client.get("/historik")).status_code for _ in range(6)]
    assert statuses == [*[200] * 5, 429]
    refused = await client.get("/historik")
    assert refused.headers["content-type"].startswith("text/html")
    assert "För många anrop" in refused.text


@asynccontextmanager
async def streams(client: httpx.AsyncClient, number: int) -> AsyncIterator[list[int]]:
    """Opens so many streams, and gives the statuses."""
    answers = [await client.send(client.build_request("GET", "/events"), stream=True) for _ in range(number)]
    try:
        yield [each.status_code for each in answers]
    finally:
        for each in answers:
            await each.aclose()


async def test_a_key_has_so_many_streams_at_once(service: Service, limits: Limits) -> None:
    """One that ends makes room; other keys have theirs, and the head of a stream takes no place."""
    limits.keys = limits.organisations = Buckets(Rate(1e6, 1e6))
    client, other = await service.client("history"), await service.client("history")
    for _ in range(3):
        assert (await client.head("/events")).status_code == 200
    async with streams(client, 3) as statuses, streams(other, 2) as others:
        assert (statuses, others) == ([200, 200, 429], [200, 200])

    await until(lambda: not limits.streams)
    async with streams(client, 2) as statuses:
        assert statuses == [200, 200]


@asynccontextmanager
async def counted(service: Service) -> AsyncIterator[list[str]]:
    """Counts the statements that look for keys meanwhile."""
    seen: list[str] = []
    engine = service.served.engine.sync_engine

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "api_key" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_keys_that_do_not_count_cost_no_statement_after_a_while(service: Service) -> None:
    """From the same address keys that do are taken as ever, known or not, and in the form of the sign-in too."""
    parts = service.app.state.parts
    parts.limits.failures, parts.limits.all_failures = Buckets(FAILURES), Buckets(ALL_FAILURES)
    stranger, known = await service.client(), await service.client("history")
    unknown = [await service.client("history") for _ in range(3)]
    in_form = {"key": await service.key("history")}
    await known.get("/runs")

    async def tried(text: str) -> int:
        return (await stranger.get("/runs", headers={"Authorization": f"Bearer {text}"})).status_code

    statuses = [await tried(new_key().text) for _ in range(20)]
    assert statuses == [401] * 20
    async with counted(service) as statements:
        refused = await stranger.get("/runs", headers={"Authorization": f"Bearer {new_key().text}"})
        assert_problem(refused, 429)
        assert refused.json()["type"] == "/problems/too-many-failed-keys"
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        handle = known.headers["authorization"].split("_")[1]
        guesses = [new_key().text for _ in range(20)] + ["x", f"pk_{handle}_{'a' * 43}_000000"]
        assert {await tried(each) for each in guesses} == {429}
        answer = await stranger.post("/historik/logga-in", data={"key": new_key().text}, headers=FROM_HERE)
        assert answer.status_code == 429
        # Once which keys there are.
        assert len(statements) == 1
    for client in (known, *unknown):
        assert (await client.get("/runs")).status_code == 200
    answer = await stranger.post("/historik/logga-in", data=in_form, headers=FROM_HERE)
    assert answer.status_code == 303


async def test_a_wrong_secret_of_a_key_that_is_known_costs_no_statement(service: Service) -> None:
    client = await service.client("history")
    await client.get("/runs")
    given = client.headers["authorization"].removeprefix("Bearer ")
    other = new_key().text.split("_", 2)[2]
    handle = given.split("_")[1]
    text = f"pk_{handle}_{other[:43]}"
    wrong = f"{text}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    async with counted(service) as statements:
        assert (await client.get("/runs", headers={"Authorization": f"Bearer {wrong}"})).status_code == 401
    assert statements == []


async def test_one_key_never_has_all_connections(service: Service) -> None:
    """Whatever it reads at once, another's statement has its place."""
    parts = service.app.state.parts
    asking, holding = asyncio.Event(), list[asyncio.Task[None]]()
    mine, entered = uuid4(), 0

    async def hold(of: UUID) -> None:
        nonlocal entered
        async with parts.statement(of):
            entered += 1
            await asking.wait()

    holding = [asyncio.create_task(hold(mine)) for _ in range(40)]
    await until(lambda: entered == 8)
    client = await service.client("history")
    assert (await client.get("/runs")).status_code == 200
    assert entered == 8
    asking.set()
    await asyncio.gather(*holding)
    assert entered == 40


async def test_short_requests_of_a_key_are_worked_on_one_by_one_and_nobody_else_waits(service: Service) -> None:
    """Who sends many at once has one share of the process, as another key has, and as another browser has."""
    client, other = await service.client("history"), await service.client("history")
    for each in (client, other):
        # From now on whose key it is is known.
        await each.get("/runs")
    places = service.app.state.parts.beginning
    begun = places.enter
    mine, waits = UUID(int=0), asyncio.Event()

    async def noting(whose: UUID, timeout: float | None = None) -> Callable[[], None]:
        nonlocal mine
        mine = whose
        waits.set()
        leave: Callable[[], None] = await begun(whose, timeout)
        return leave

    places.enter = noting
    await client.get("/runs")
    leave = await begun(mine)
    waits.clear()
    waiting = asyncio.create_task(client.get("/runs"))
    await waits.wait()
    assert (await other.get("/runs")).status_code == 200
    assert (await other.get("/historik/logga-in", headers={"Cookie": "provkedja=x"})).status_code == 200
    assert not waiting.done()
    leave()
    assert (await waiting).status_code == 200


@contextmanager
def beginning(service: Service) -> Iterator[list[UUID]]:
    """Notes by what each request waits meanwhile."""
    places, waited = service.app.state.parts.beginning, list[UUID]()
    begun = places.enter

    async def noting(whose: UUID, timeout: float | None = None) -> Callable[[], None]:
        waited.append(whose)
        leave: Callable[[], None] = await begun(whose, timeout)
        return leave

    places.enter = noting
    try:
        yield waited
    finally:
        places.enter = begun


async def test_no_spelling_passes_those_by_who_wait(service: Service, sign_in: SignIn) -> None:
    """Neither another one of the scheme, as RFC 9110 lets it be written, nor what stands beside a session's cookie."""
    client, browser = await service.client("history"), await sign_in("history")
    text, session = client.headers["authorization"].split()[1], browser.cookies["provkedja"]
    await client.get("/runs")
    with beginning(service) as waited:
        for given in (f"Bearer {text}", f"bearer {text}", f"BEARER {text}", f"Bearer  {text}"):
            assert (await client.get("/runs", headers={"Authorization": given})).status_code == 200
    assert (len(waited), len(set(waited))) == (4, 1)
    stranger = await service.client()
    with beginning(service) as waited:
        for cookies in (f"provkedja={session}", f"provkedja={session}; x=1", f"a=2;b=3 ; provkedja={session}"):
            assert (await stranger.get("/historik", headers={"Cookie": cookies})).status_code == 200
    assert (len(waited), len(set(waited))) == (3, 1)
    with beginning(service) as waited:
        for given in ("Bearer x", "Basic eDp4", "Bearer a.b.c", ""):
            headers = {"Cookie": f"provkedja={session}", "Authorization": given}
            assert (await stranger.get("/historik", headers=headers)).status_code == 200
    assert (len(waited), len(set(waited))) == (4, 1)
    with beginning(service) as waited:
        assert (await stranger.get("/historik", headers={"Cookie": "x=1"})).status_code == 303
    assert waited == []


async def test_what_waits_for_postgres_keeps_no_other_request_of_its_key(service: Service) -> None:
    client = await service.client("history")
    await client.get("/runs")
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'roster_item'::regclass AND NOT granted"
    async with service.runtime.engine.begin() as conn:
        await conn.exec_driver_sql("LOCK TABLE roster_item IN ACCESS EXCLUSIVE MODE")
        stuck = asyncio.create_task(client.get(f"/objects/persons/{uuid4()}"))
        async with asyncio.timeout(10):
            while not await conn.scalar(text(waits)):  # noqa: ASYNC110 - Postgres says it to nobody
                await asyncio.sleep(0.01)
            assert (await client.get("/runs")).status_code == 200
        assert not stuck.done()
    assert (await stuck).status_code == 404


async def test_a_roster_that_arrives_and_an_answer_that_has_begun_keep_no_other_request_of_their_key(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long either takes."""
    monkeypatch.setattr("app.api.limits.one_by_one._SHORT", 60)
    client, more = await service.client("history", "provision"), asyncio.Event()
    await client.get("/runs")

    async def slowly() -> AsyncIterator[bytes]:
        yield b" "
        await more.wait()
        yield json.dumps(body()).encode()

    headers = {"Content-Type": "application/json"}
    sending = asyncio.create_task(client.put(f"/activities/{uuid4()}", content=slowly(), headers=headers))
    async with asyncio.timeout(10), streams(client, 1) as statuses:
        assert statuses == [200]
        for _ in range(3):
            assert (await client.get("/runs")).status_code == 200
    assert not sending.done()
    more.set()
    assert (await sending).status_code == 201
