"""What holds for every route: keys, tenants, problems, no echo, nothing from outside."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
import structlog

from app.api.http.ids import NAMED
from app.api.routes.docs import STATIC
from app.db.workers import Tally, note_worker
from tests.api.conftest import Service
from tests.api.factories import body, put
from tests.api.guards import ALL_SCOPES, CIVIC_NO, OPEN, assert_problem, fill, request, routes
from tests.database.epochs import begin_epoch
from tests.tried_with import tried_with

# Of an answer's headers, those that do not tell of the moment.
_SAME = ("content-type", "content-length", "etag", "cache-control", "retry-after", "allow", "www-authenticate")


async def assert_refused(
    service: Service, ids: dict[str, str], authorization: str | None, challenge: str = 'Bearer error="invalid_token"'
) -> None:
    client = await service.client()
    if authorization is not None:
        client.headers["Authorization"] = authorization
    for method, path in routes(service):
        answer = await request(client, method, fill(path, ids))
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == challenge


async def test_every_route_needs_a_key(service: Service, ids: dict[str, str]) -> None:
    """Without one it is 401."""
    for authorization in (None, "", "Bearer", "Basic eDp5"):
        await assert_refused(service, ids, authorization, "Bearer")


@tried_with(
    "change",
    [
        "UPDATE api_key SET revoked_at = now() WHERE handle = :handle",
        "DELETE FROM api_key WHERE handle = :handle",
        "UPDATE api_key SET digest = decode(repeat('00', 32), 'hex') WHERE handle = :handle",
    ],
)
async def test_every_route_needs_a_key_that_counts(service: Service, ids: dict[str, str], change: str) -> None:
    key = await service.key(*ALL_SCOPES)
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(change), {"handle": key.split("_")[1]})
    await assert_refused(service, ids, f"Bearer {key}")


async def test_what_is_no_key_of_ours_does_not_count(service: Service, ids: dict[str, str]) -> None:
    await assert_refused(service, ids, "Bearer x")


@pytest.mark.parametrize(
    ("ends", "begins"),
    [
        (
            "UPDATE api_key SET expires_at = clock_timestamp() WHERE handle = :handle",
            "UPDATE api_key SET expires_at = clock_timestamp() + interval '1 hour' WHERE handle = :handle",
        ),
        (
            "UPDATE organisation SET disabled_at = now() WHERE id = (SELECT organisation_id FROM api_key"
            " WHERE handle = :handle)",
            "UPDATE organisation SET disabled_at = NULL WHERE id = (SELECT organisation_id FROM api_key"
            " WHERE handle = :handle)",
        ),
    ],
    ids=["expired", "disabled"],
)
async def test_a_key_that_counts_no_more_is_forgotten(
    service: Service, ids: dict[str, str], ends: str, begins: str
) -> None:
    """Also one that has just been answered from memory; and it opens again what it did when it counts again."""
    key = await service.key(*ALL_SCOPES)
    client = await service.client()
    client.headers["Authorization"] = f"Bearer {key}"
    for change, status in ((begins, 200), (ends, 401), (begins, 200)):
        async with service.runtime.engine.begin() as conn:
            await conn.execute(sa.text(change), {"handle": key.split("_")[1]})
        async with asyncio.timeout(10):
            while (await client.get(f"/runs/{ids['run_id']}")).status_code != status:
                pass  # what is in memory is used for a second at most


@tried_with(
    ("content", "media_type"),
    [(b"{", "application/json"), (b'{"unknown": 1}', "application/json"), (b"{}", "text/plain"), (b"", "text/plain")],
)
async def test_nobodys_body_is_looked_at(
    service: Service, ids: dict[str, str], content: bytes, media_type: str
) -> None:
    """Without a key 401, without the scope 403, whatever the body is like or is said to be."""
    unknown, powerless = await service.client(), await service.operator()
    for method, path in routes(service):
        if method in {"PUT", "POST", "PATCH"}:
            for client, status in ((unknown, 401), (powerless, 403)):
                answer = await client.request(
                    method, fill(path, ids), content=content, headers={"Content-Type": media_type}
                )
                assert_problem(answer, status)


@pytest.mark.parametrize("known", [True, False])
async def test_every_get_answers_head(service: Service, ids: dict[str, str], *, known: bool) -> None:
    """With the same status and headers, and without a body: streams too, at once."""
    client = await service.client(*ALL_SCOPES)
    asked = ids if known else {name: str(uuid4()) for name in ids}
    paths = [path for method, path in routes(service) if method == "GET"] + ["/healthz", "/docs", "/openapi.json"]
    paths.remove("/audit")  # who has asked is in the next answer
    for path in paths:
        async with asyncio.timeout(10), client.stream("GET", fill(path, asked)) as answer:
            expected = (answer.status_code, {name: answer.headers.get(name) for name in _SAME})
        head = await client.head(fill(path, asked))
        assert (head.status_code, {name: head.headers.get(name) for name in _SAME}) == expected, path
        assert head.content == b""


async def test_head_of_what_has_not_changed_is_304(service: Service, ids: dict[str, str]) -> None:
    client = await service.client(*ALL_SCOPES)
    tag = (await client.head(f"/runs/{ids['run_id']}")).headers["etag"]
    assert (await client.head(f"/runs/{ids['run_id']}", headers={"If-None-Match": tag})).status_code == 304


async def test_head_of_what_takes_no_get_is_405(service: Service, ids: dict[str, str]) -> None:
    client = await service.client(*ALL_SCOPES)
    answer = await client.head(f"/activities/{ids['activity_id']}/provision")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_every_route_takes_its_own_parameters_and_no_others(service: Service, ids: dict[str, str]) -> None:
    """Another one is 400, named by its place: its name may be anything."""
    client, bare = await service.client(*ALL_SCOPES), [(method, path) for method, path in routes(service)]
    bare += [("GET", path) for path in sorted(OPEN) if path != "/docs/{name}"]
    for method, path in bare:
        answer = await request(client, method, f"{fill(path, ids)}?{CIVIC_NO}={CIVIC_NO}")
        detail = assert_problem(answer, 400)["detail"]
        assert detail.startswith("query parameter 1: This address takes "), (method, path)
        assert CIVIC_NO not in answer.text


async def test_the_place_of_a_parameter_and_those_that_there_are_are_named(service: Service) -> None:
    client = await service.client(*ALL_SCOPES)
    answer = await client.get("/activities?limit=2&Cursor=x")
    assert assert_problem(answer, 400)["detail"] == (
        "query parameter 2: This address takes cursor, limit and no others."
    )


@pytest.mark.parametrize("query", ["limit=1&limit=2", "limit=1&cursor=a&cursor=a"])
async def test_a_parameter_of_one_value_is_given_once(service: Service, query: str) -> None:
    client = await service.client(*ALL_SCOPES)
    name = query.split("&")[-1].split("=")[0]
    answer = await client.get(f"/activities?{query}")
    assert assert_problem(answer, 400)["detail"] == f"query {name}: It is given more than once."


async def test_another_organisations_things_look_like_no_things(service: Service, ids: dict[str, str]) -> None:
    """Every route answers the same 404 for them as for ids that nobody has."""
    client = await service.client(*ALL_SCOPES, organisation=1)
    invented = {name: str(uuid4()) for name in ids}
    for method, path in routes(service):
        if "{" not in path or method == "PUT":
            continue
        foreign, absent = [
            assert_problem(await request(client, method, fill(path, which)), 404) for which in (ids, invented)
        ]
        assert {**foreign, "instance": ""} == {**absent, "instance": ""}, path
    for path in ("/jobs", "/activities", f"/jobs?run_id={ids['run_id']}", f"/jobs?activity_id={ids['activity_id']}"):
        assert (await client.get(path)).json()["data"] == []


async def test_one_id_in_two_organisations_is_two_activities(service: Service, ids: dict[str, str]) -> None:
    mine, theirs = await service.client(*ALL_SCOPES), await service.client(*ALL_SCOPES, organisation=1)
    answer = await theirs.put(f"/activities/{ids['activity_id']}", json=body())
    assert answer.status_code == 201
    assert (await mine.get(f"/activities/{ids['activity_id']}")).json()["roster"]["counts"]["persons"] == 1
    assert (await theirs.get(f"/activities/{ids['activity_id']}")).json()["roster"]["counts"]["persons"] == 0


async def test_a_path_id_that_is_no_uuid_is_404_and_not_repeated(service: Service, ids: dict[str, str]) -> None:
    """It says what there is none of, as for an id that nobody has."""
    client = await service.client(*ALL_SCOPES)
    for method, path in routes(service):
        for name in re.findall(r"\{(\w+)\}", path):
            answer = await request(client, method, fill(path, {**ids, name: CIVIC_NO}))
            assert assert_problem(answer, 404)["detail"] == f"There is no such {NAMED[name]}.", path
            assert CIVIC_NO not in answer.text


WRONG_ADDRESSES = [
    ("GET", f"/{CIVIC_NO}", 404),
    ("GET", "/jobs/", 404),
    ("DELETE", "/jobs", 405),
    ("PATCH", "/activities", 405),
    ("GET", f"/jobs?limit={CIVIC_NO}x", 400),
    ("GET", "/jobs?limit=0", 400),
    ("GET", "/jobs?limit=2.0", 400),
    ("GET", "/jobs?limit=1_0", 400),
    ("GET", "/jobs?limit=-1", 400),
    ("GET", f"/jobs?status={CIVIC_NO}", 400),
    ("GET", f"/jobs?activity_id={CIVIC_NO}", 400),
    ("GET", f"/jobs?cursor={CIVIC_NO}", 400),
    ("GET", "/jobs?cursor=%00%C3%A5", 400),
    ("GET", "/jobs?created_after=2026-01-01T00:00:00", 400),
    ("GET", f"/jobs?created_after={CIVIC_NO}x", 400),
    ("GET", f"/jobs?created_after={CIVIC_NO}", 400),
    ("GET", "/jobs?created_after=1", 400),
    ("GET", "/jobs?created_after=1767225600.5", 400),
    ("GET", "/jobs?created_after=2026-01-01", 400),
    ("GET", "/jobs?created_after=2026-01-01T00:00Z", 400),
    ("GET", "/jobs?created_after=2026-01-01T00:00:00%2B0100", 400),
    ("GET", "/jobs?created_after=2026-13-01T00:00:00Z", 400),
    ("GET", "/jobs?created_after=", 400),
]


async def test_a_wrong_address_is_a_problem(service: Service) -> None:
    client = await service.client(*ALL_SCOPES)
    for method, path, status in WRONG_ADDRESSES:
        answer = await client.request(method, path)
        assert answer.status_code == status, path
        assert_problem(answer, status)
        assert CIVIC_NO not in answer.text


async def test_a_time_may_be_any_of_rfc_3339(service: Service) -> None:
    client = await service.client("history")
    for time in (
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00.123456789z",
        "2026-01-01T01:00:00+01:00",
        "2026-01-01T01:00:00-00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ):
        assert (await client.get("/jobs", params={"created_after": time})).status_code == 200, time


async def test_405_says_what_is_allowed(service: Service) -> None:
    client = await service.client(*ALL_SCOPES)
    assert (await client.post(f"/activities/{uuid4()}")).headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"
    assert (await client.put("/historik")).headers["allow"] == "GET, HEAD"
    for path in ("/jobs", "/historik", "/healthz"):
        assert (await client.request("TRACE", path)).status_code == 405, "it would give back what a browser sent"


@tried_with(
    ("content", "media_type", "status"),
    [
        (b'{"q": ["%s"]}' % CIVIC_NO.encode(), "application/json", 422),
        (b'{"%s": 1}' % CIVIC_NO.encode(), "application/json", 422),
        (b'{"status": "%s"}' % CIVIC_NO.encode(), "application/json", 422),
        (b'{"limit": "%s"}' % CIVIC_NO.encode(), "application/json", 422),
        (b'{"q": "\\ud800%s"}' % CIVIC_NO.encode(), "application/json", 422),
        (b"null", "application/json", 422),
        (b'"%s"' % CIVIC_NO.encode(), "application/json", 422),
        (CIVIC_NO.encode() + b"{", "application/json", 422),
        (b'{"q": "\xff%s"}' % CIVIC_NO.encode(), "application/json", 422),
        (b"[" * 60_000, "application/json", 422),
        (b"", "application/json", 422),
        (b"q=" + CIVIC_NO.encode(), "application/x-www-form-urlencoded", 415),
        (b'{"q": "%s"}' % CIVIC_NO.encode(), "text/plain", 415),
        (b" " * 65_537, "application/json", 413),
        (b'{"cursor": "%s"}' % CIVIC_NO.encode(), "application/json", 422),
    ],
)
async def test_a_wrong_body_is_a_problem_without_an_echo(
    service: Service, ids: dict[str, str], content: bytes, media_type: str, status: int
) -> None:
    client = await service.client(*ALL_SCOPES)
    answer = await client.post(
        f"/jobs/{ids['job_id']}/records/search", content=content, headers={"Content-Type": media_type}
    )
    shown = assert_problem(answer, status)
    assert CIVIC_NO not in answer.text
    if status == 422:
        assert shown["errors"]
        assert all({"pointer", "code", "detail"} == set(error) for error in shown["errors"])


async def test_a_body_without_a_length_is_counted_too(service: Service, ids: dict[str, str]) -> None:
    """413 comes also when the size shows only on the way; and a roster's larger limit is not for other routes."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 10_000

    client = await service.client(*ALL_SCOPES)
    answer = await client.post(
        f"/jobs/{ids['job_id']}/records/search", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 413)


async def test_a_cursor_belongs_to_its_list_and_filters(service: Service) -> None:
    client = await service.client(*ALL_SCOPES)
    activity_id = await put(client, body())
    await client.post(f"/activities/{activity_id}/provision")
    cursor = (await client.get("/jobs", params={"limit": 1})).json()["next_cursor"]
    assert (await client.get("/jobs", params={"limit": 3, "cursor": cursor})).status_code == 200
    assert_problem(await client.get("/jobs", params={"stage": "groups", "cursor": cursor}), 400)
    assert_problem(await client.get("/activities", params={"cursor": cursor}), 400)


async def test_an_unforeseen_fault_is_a_problem_without_its_text(
    service: Service, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the answer nor the log has what the exception says; the answer's request id is in the log."""

    async def break_down(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot handle {CIVIC_NO}")

    monkeypatch.setattr("app.db.reads.find_run_of_job", break_down)
    client = await service.client(*ALL_SCOPES)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = await client.get(f"/jobs/{ids['job_id']}")
    shown = assert_problem(answer, 500)
    [line] = [each for each in lines if each["event"] == "unhandled"]
    assert (f"urn:uuid:{line['request_id']}", line["fault"]["type"]) == (shown["instance"], "RuntimeError")
    assert CIVIC_NO not in answer.text + str(lines)


async def test_the_docs_load_nothing_from_elsewhere(service: Service) -> None:
    """The page names only files of ours, its policy allows no others, and all of them are there."""
    client = await service.client()
    page = await client.get("/docs")
    assert "//" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert len(files) == 3
    for file in files:
        assert (await client.get(f"/{file}")).status_code == 200
    assert_problem(await client.get("/docs/LICENSE"), 404)


def test_vendored_files_are_what_was_published() -> None:
    """Each has the digest that stands beside it."""
    lines = (line.split() for line in (STATIC / "SHA256SUMS").read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    assert listed.keys() == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for name, digest in listed.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest


async def test_health_tells_what_is_wrong(service: Service) -> None:
    """All parts up: ok. Without the migrations: 503 that names them. The process itself is up all the same."""
    client = await service.client()
    async with service.runtime.engine.begin() as conn:
        await note_worker(conn, uuid4(), "test", Tally())
    assert (await client.get("/readyz")).json() == {
        "status": "ok",
        "checks": {
            "postgres": "ok",
            "migrations": "ok",
            "redis": "ok",
            "worker": "ok",
            "skolverket_authorisation": "ok",
            "skolverket_provisioning": "ok",
        },
    }
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE provkedja_version SET version_num = '0000'"))
    shown = assert_problem(await client.get("/readyz"), 503)
    assert shown["checks"]["migrations"].startswith("missing")
    assert (await client.get("/healthz")).status_code == 200


async def test_a_service_of_skolverkets_that_is_away_is_told_to_operators(service: Service) -> None:
    """The service itself stays ready: rosters and runs are taken, and their jobs wait."""
    client = await service.client()
    async with service.runtime.engine.begin() as conn:
        await begin_epoch(conn, egress="here")
        await conn.execute(
            sa.text(
                "INSERT INTO circuit (egress, service, failures, failing_since, opened_at, probe_at, code) VALUES"
                " ('here', 'provisioning', 7, '2026-11-23 08:15:00+01', now(), now(), 'http_503')"
            )
        )
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["skolverket_provisioning"] == (
        "away since 2026-11-23T07:15:00Z (http_503): jobs wait for a probe"
    )
    assert ready.json()["checks"]["skolverket_authorisation"] == "ok"
    text = await service.figures()
    assert 'provkedja_circuit_open{service="provisioning"} 1.0' in text
    assert 'provkedja_circuit_open{service="authorisation"} 0.0' in text
    assert 'provkedja_service_failures{service="provisioning"} 7.0' in text


async def test_metrics_count_by_template(service: Service, ids: dict[str, str]) -> None:
    """Requests, rosters and jobs are counted; no id, number or name of anybody stands in a label."""
    client = await service.client("history")
    await client.get(f"/jobs/{ids['job_id']}")
    await client.get(f"/{CIVIC_NO}")
    text = await service.figures()
    assert 'provkedja_http_requests_total{method="GET",route="/jobs/{job_id}",status="200"} 1.0' in text
    assert 'provkedja_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'provkedja_intake_objects_total{stage="persons"} 1.0' in text
    assert 'provkedja_jobs{stage="duties",status="queued"} 1.0' in text
    assert "provkedja_jobs_due 1.0" in text
    assert "provkedja_database_up 1.0" in text
    assert CIVIC_NO not in text
    assert not [value for value in ids.values() if value in text]
    assert json.dumps(service.organisations[0], default=str).strip('"') not in text
