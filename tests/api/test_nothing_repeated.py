"""What a caller has sent is in no answer that refuses it: a name, a value or a place of theirs may be somebody's."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.api.conftest import Service
from tests.api.guards import ALL_SCOPES, fill, routes

MARKER = "981228-9874"
_PERSON = {"id": "4f1c2d4e-5f0b-4d9e-9a53-2a4c0e1b7c11", MARKER: {MARKER: [MARKER]}}


def bodies() -> Iterator[str]:
    """Writes bodies with the marker as a name or a value at every depth, once and twice, of a wrong form or none."""
    forms: list[Any] = [
        {MARKER: 1},
        {"display_name": {MARKER: 1}},
        {"display_name": "x", MARKER: 1},
        {"display_name": "x", "roster": {MARKER: []}},
        {"display_name": "x", "roster": {"persons": {MARKER: []}}},
        {"display_name": "x", "roster": {"persons": [MARKER]}},
        {"display_name": "x", "roster": {"persons": [{"id": MARKER}]}},
        {"display_name": "x", "roster": {"persons": [{**_PERSON, "givenName": "***"}]}},
        {"on_record_error": MARKER, "allow": [MARKER], "stop_at_errors": {MARKER: 1, "persons": MARKER}},
        {"url": MARKER, "types": [MARKER], "description": {MARKER: 1}, "enabled": MARKER},
        {"reason": {MARKER: MARKER}},
        {"changes": [{MARKER: MARKER}], "persons": [MARKER], "text": [MARKER], "cursor": MARKER, "q": {MARKER: 1}},
        [MARKER],
        MARKER,
    ]
    yield from map(json.dumps, forms)
    yield f'{{"{MARKER}": 1, "{MARKER}": 2}}'
    yield f'{{"{MARKER}": {{"a": 1, "a": 2}}}}'
    yield f'{{"display_name": {{"{MARKER}": 1, "{MARKER}": 2}}}}'
    yield f'{{"display_name": "x", "roster": {{"persons": [{{"{MARKER}": 1, "{MARKER}": 2}}]}}}}'
    yield f'{{"roster": {{"{MARKER}": 1, "{MARKER}'
    yield f"{{{MARKER}"


def assert_not_repeated(answer: httpx.Response, what: object) -> None:
    """Fails when anything of an answer that refuses has the marker."""
    if answer.status_code >= 400:
        assert MARKER not in answer.text + str(answer.headers), what
        assert answer.status_code < 500, what


async def test_no_refusal_repeats_a_name_or_a_value_of_a_body(service: Service, ids: dict[str, str]) -> None:
    client = await service.client(*ALL_SCOPES)
    headers, refused = {"content-type": "application/json"}, 0
    for method, path in routes(service):
        if method in {"GET", "HEAD", "DELETE"}:
            continue
        for body in bodies():
            answer = await client.request(method, fill(path, ids), content=body, headers=headers)
            assert_not_repeated(answer, (method, path, body))
            refused += answer.status_code == 422
    assert refused > 100


async def test_no_refusal_repeats_a_query_a_place_or_a_header(service: Service, ids: dict[str, str]) -> None:
    client = await service.client(*ALL_SCOPES)
    description = service.app.openapi()
    for method, path in routes(service):
        known = {**description["paths"].get(path, {})}.get(method.lower(), {}).get("parameters", [])
        names = [each["name"] for each in known if each["in"] == "query"]
        queries = [{MARKER: "1"}, *({name: MARKER} for name in names)]
        for query in queries:
            if not path.endswith("/events"):
                assert_not_repeated(await client.request(method, fill(path, ids), params=query), (method, path, query))
        for name in (name for name in ids if f"{{{name}}}" in path):
            place = fill(path, {**ids, name: MARKER})
            assert_not_repeated(await client.request(method, place), (method, place))
        assert_not_repeated(await client.request(method, f"{fill(path, ids)}/{MARKER}"), (method, path))
        for header in ("Idempotency-Key", "If-Match", "If-None-Match", "Content-Type", "Last-Event-ID", "Accept"):
            if not path.endswith("/events"):
                answer = await client.request(method, fill(path, ids), headers={header: MARKER}, content=b"{}")
                assert_not_repeated(answer, (method, path, header))
