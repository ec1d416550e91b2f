"""What every answer has, whoever gives it: an id, a line in the log, headers that keep it safe."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import structlog

from app import __version__
from app.server.app import create_app
from tests.api.conftest import Service
from tests.api.factories import body, put
from tests.api.guards import ALL_SCOPES, CIVIC_NO, assert_problem, fill
from tests.api.observing import until

# What tells of the moment, or of the connection.
_OF_THE_MOMENT = {"date", "x-request-id", "connection", "transfer-encoding"}


def lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in _OF_THE_MOMENT}


async def test_every_read_answers_head_with_the_same_headers(service: Service, ids: dict[str, str]) -> None:
    """And without a body. Of streams the head alone is asked for: they end when somebody has gone."""
    client = await service.client(*ALL_SCOPES)
    reads = 0
    for path, operations in service.app.openapi()["paths"].items():
        if "get" not in operations or path == "/audit":  # who has asked is in the next answer
            continue
        head = await client.head(fill(path, ids))
        if head.headers["content-type"].startswith("text/event-stream"):
            assert head.status_code == 200, path
            continue
        got = await client.get(fill(path, ids))
        assert (head.status_code, head.content, lasting(head)) == (got.status_code, b"", lasting(got)), path
        reads += 1
    assert reads >= 20


async def line_of(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> Mapping[str, Any]:
    """Sends a request, and gives the one line about it; what belongs to every answer is there."""
    with structlog.testing.capture_logs() as lines:
        answer = await client.request(method, path, **more)
        # It is written when the answer has left.
        await until(lambda: any(each["event"] == "request" for each in lines))
    [line] = [each for each in lines if each["event"] == "request"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (line["status"], line["method"]) == (answer.status_code, method)
    assert line["milliseconds"] >= 0
    if answer.status_code >= 400:
        assert answer.headers["cache-control"] == "no-store"
        if method != "HEAD":
            assert_problem(answer, answer.status_code)
    return line


async def test_every_request_leaves_one_line(service: Service, ids: dict[str, str]) -> None:
    """By template, with the handle of the key that was accepted, whichever layer has answered."""
    client, stranger = await service.client(*ALL_SCOPES), await service.client()
    handle = client.headers["authorization"].split("_")[1]
    job = f"/jobs/{ids['job_id']}"
    template = "/jobs/{job_id}"
    etag = (await client.get(job)).headers["etag"]
    for method, path, headers, status, route in (
        ("GET", job, {}, 200, template),
        ("GET", job, {"If-None-Match": etag}, 304, template),
        ("HEAD", job, {}, 200, template),
        ("GET", f"/jobs/{uuid4()}", {}, 404, template),
        ("PATCH", job, {}, 405, template),
        ("GET", f"/jobs?status={CIVIC_NO}", {}, 400, "/jobs"),
    ):
        line = await line_of(client, method, path, headers=headers)
        assert (line["status"], line["route"]) == (status, route), path
        # Nobody looks for the key of what no route takes; one that is known is named all the same.
        assert line["key"] in ({None, handle} if status == 405 else {handle}), path
        assert CIVIC_NO not in str(line)
    big = await line_of(client, "POST", "/objects/search", content=b" " * 70_000)
    assert (big["status"], big["route"]) == (413, "/objects/search")
    for asked_by in (client, stranger):
        line = await line_of(asked_by, "GET", f"/{CIVIC_NO}")
        assert (line["status"], line["route"]) == (404, "unmatched")
        assert line["key"] in ({None, handle} if asked_by is client else {None})
    line = await line_of(stranger, "GET", job, headers={"Authorization": f"Bearer pk_{CIVIC_NO}"})
    assert (line["status"], line["route"], line["key"]) == (401, template, None)
    assert CIVIC_NO not in str(line)


async def test_a_callers_own_id_is_not_taken(service: Service) -> None:
    client = await service.client()
    answers = [await client.get("/healthz", headers={"X-Request-ID": CIVIC_NO}) for _ in range(2)]
    given = [UUID(answer.headers["x-request-id"]) for answer in answers]
    assert given[0] != given[1]


async def test_what_is_running_says_its_version_and_the_figures_are_elsewhere(service: Service) -> None:
    client = await service.client()
    assert (await client.get("/version")).json() == {"version": __version__, "commit": None}
    assert_problem(await client.get("/metrics"), 404)
    text = await service.figures()
    assert re.search(r"^provkedja_build_info{.*} 1.0$", text, re.MULTILINE)
    assert "process_resident_memory_bytes" in text


async def test_a_large_answer_is_compressed_and_asked_for_again_by_its_own_etag(service: Service) -> None:
    client = await service.client()
    plain = await client.get("/explanations", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/explanations", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.json()) == ("gzip", plain.json())
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in plain.headers.get_list("vary", split_commas=True)
    for tag in (packed.headers["etag"], plain.headers["etag"]):
        again = await client.get("/explanations", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
        assert (again.status_code, again.headers["etag"]) == (304, tag)


async def test_an_activitys_etag_changes_with_what_is_shown_and_names_its_version(service: Service) -> None:
    """So a 304 is never for an older last run, and a roster is replaced with the ETag that was read before it."""
    client = await service.client(*ALL_SCOPES)
    address = f"/activities/{await put(client, body())}"
    before = (await client.get(address)).headers["etag"]
    assert (await client.get(address, headers={"If-None-Match": before})).status_code == 304
    await client.post(f"{address}/provision")
    after = await client.get(address, headers={"If-None-Match": before})
    assert (after.status_code, after.json()["last_run"] is None) == (200, False)
    assert after.headers["etag"] != before
    roster = (await client.get(f"{address}/roster")).headers["etag"]
    assert (await client.get(f"{address}/roster", headers={"If-None-Match": roster})).status_code == 304
    for tag, status in ((before, 200), (roster, 412), (before, 412)):
        content = {**body(), "display_name": f"Prov {status} {tag}"}
        assert (await client.put(address, json=content, headers={"If-Match": tag})).status_code == status


async def test_nobody_keeps_what_may_be_personal(service: Service, ids: dict[str, str]) -> None:
    """Runs and jobs, in which nobody is, may be kept by who has asked, and are asked for anew each time."""
    client = await service.client(*ALL_SCOPES)
    asked_anew: set[str] = set()
    for path, operations in service.app.openapi()["paths"].items():
        if "get" not in operations or not operations["get"]["security"]:
            continue
        kept = (await client.head(fill(path, ids))).headers["cache-control"]
        if kept != "no-store":
            assert kept == "private, no-cache", path
            asked_anew.add(path)
    assert asked_anew == {"/runs/{run_id}", "/jobs/{job_id}", "/activities/{activity_id}"}


async def test_what_came_over_tls_is_asked_for_in_no_other_way(service: Service) -> None:
    """What a trusted proxy says of it counts; what anybody else says does not."""
    for trusted, expected in (("127.0.0.0/8", "max-age=31536000; includeSubDomains"), ("192.0.2.1", None), ("", None)):
        settings = service.runtime.settings.model_copy(update={"trusted_proxies": trusted})
        app = create_app(replace(service.runtime, settings=settings))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            for path in ("/version", "/jobs", "/nowhere"):
                answer = await client.get(path, headers={"X-Forwarded-Proto": "https"})
                assert answer.headers.get("strict-transport-security") == expected
                assert "strict-transport-security" not in (await client.get(path)).headers


async def test_every_answer_is_under_a_policy(service: Service) -> None:
    """JSON, errors, files and pages: what a browser opens lets in nothing from elsewhere, and stands in no frame."""
    client = await service.client(*ALL_SCOPES)
    for path in ("/jobs", "/nowhere", "/healthz", "/openapi.json", "/docs", "/docs/start.js", "/problems", "/historik"):
        for accept in ("application/json", "text/html"):
            headers = (await client.get(path, headers={"Accept": accept})).headers
            [policy] = headers.get_list("content-security-policy")
            said = set(policy.split("; "))
            assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= said, path
            [referrer] = headers.get_list("referrer-policy")
            assert referrer in {"no-referrer", "same-origin"}, path
            assert headers["x-content-type-options"] == "nosniff", path


async def test_a_page_of_an_origin_that_is_named_may_call(service: Service) -> None:
    """It may ask beforehand without a key, and read errors as well."""
    page = "https://skola.example"
    settings = service.runtime.settings.model_copy(update={"cors_origins": page})
    app = create_app(replace(service.runtime, settings=settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        asks = {"Origin": page, "Access-Control-Request-Method": "GET"}
        before = await client.options("/jobs", headers=asks)
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, page)
        refused = await client.get("/jobs", headers={"Origin": page})
        assert_problem(refused, 401)
        assert refused.headers["access-control-allow-origin"] == page
    other = await (await service.client()).options("/jobs", headers=asks)
    assert_problem(other, 405)
    assert "access-control-allow-origin" not in other.headers
