"""The interface's own description: whole, in itself and against what is served."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import jsonschema_rs
import pytest

from app.db import erasures
from app.domain.erasing import PERSONS
from tests.api.conftest import NUMBERS, Service
from tests.api.guards import ALL_SCOPES, OPEN, fill, routes

IDS = (
    *("activity_id", "run_id", "job_id", "record_id", "batch_id", "object_id", "plan_id"),
    *("code", "number", "slug", "webhook_id", "delivery_id"),
)
Json = dict[str, Any]


@pytest.fixture
async def document(service: Service) -> Json:
    answer = await (await service.client()).get("/openapi.json")
    shown: Json = answer.json()
    return shown


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from refs(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from refs(inner)


async def test_the_description_lists_every_route(service: Service) -> None:
    """What is not described would escape the other guards."""
    client, served = await service.client(), set()
    for template in service.app.openapi()["paths"]:
        answer = await client.request("TRACE", fill(template, dict.fromkeys(IDS, str(uuid4()))))
        served.add(answer.status_code)
    assert served == {405}
    assert len(routes(service)) >= 16


async def test_the_description_is_whole_in_itself(document: Json) -> None:
    """Every reference leads somewhere, every schema is one and is used, no two operations have one name."""
    assert document["openapi"] == "3.1.0"
    for ref in refs(document):
        found: Any = document
        for step in ref.removeprefix("#/").split("/"):
            found = found[step]
    schemas = document["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in refs(document)} == schemas.keys()
    for name, schema in schemas.items():
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}), name
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


async def test_every_operation_says_what_it_takes_and_gives(document: Json) -> None:
    """A summary, a name, the path's parameters, the key that it needs, an answer, and the problems it may have."""
    schemes = document["components"]["securitySchemes"]
    types = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    for name, operation in operations(document):
        path = name.partition(" ")[2]
        assert operation["summary"], name
        assert operation["operationId"].isidentifier(), name
        parameters = operation.get("parameters", [])
        assert {each["name"] for each in parameters if each["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path))
        expected = {"500"}
        if path not in OPEN:
            assert operation["security"], name
            assert all(scheme in schemes for each in operation["security"] for scheme in each), name
            expected |= {"401", "403", "503"}
        else:
            assert operation["security"] == [], name
        if "{" in path:
            expected.add("404")
        if "requestBody" in operation:
            expected |= {"408", "413", "415", "422"}
            assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"], name
        responses = operation["responses"]
        assert expected <= responses.keys(), name
        assert any(status < "300" for status in responses), name
        assert all(response["description"] for response in responses.values()), name
        for status, response in responses.items():
            if status >= "400":
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", name
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                examples = [each["value"] for each in content["examples"].values()]
                assert {each["status"] for each in examples} == {int(status)}, name
                assert all(each["type"] in types for each in examples), name
                assert all(f"`{slug}`" in response["description"] for slug in content["examples"]), name


async def test_what_takes_a_body_says_so(document: Json) -> None:
    """The bodies are read by hand, so nothing but this would miss their description."""
    bodies = {
        name: (body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2], body["required"])
        for name, operation in operations(document)
        if (body := operation.get("requestBody"))
    }
    assert bodies == {
        "PUT /activities/{activity_id}": ("ActivityRequest", True),
        "POST /activities/{activity_id}/plan": ("PlanRequest", False),
        "PATCH /activities/{activity_id}": ("RenameRequest", True),
        "POST /activities/{activity_id}/provision": ("ProvisionRequest", False),
        "POST /runs/{run_id}/retry": ("RetryRequest", False),
        "POST /activities/{activity_id}/pause": ("PauseRequest", True),
        "POST /operations/activities/{number}/{activity_id}/pause": ("PauseRequest", True),
        "POST /operations/organisations/{number}/pause": ("PauseRequest", True),
        "POST /operations/runs/{run_id}/retry": ("RetryRequest", False),
        "POST /jobs/{job_id}/records/search": ("SearchRequest", True),
        "POST /objects/search": ("ObjectSearchRequest", True),
        "POST /webhooks": ("WebhookRequest", True),
        "PATCH /webhooks/{webhook_id}": ("WebhookChange", True),
    }


async def test_answers_fit_their_description(service: Service, ids: dict[str, str], document: Json) -> None:
    """Every GET of one of everything gives what /openapi.json says, and so do problems."""
    client, operator = await service.client(*ALL_SCOPES), await service.operator()
    await operator.post(f"/operations/organisations/{NUMBERS[0]}/pause", json={"reason": "Prov"})
    async with service.runtime.engine.begin() as conn:
        await erasures.ask(conn, service.organisations[0], PERSONS, UUID(ids["object_id"]), "a key")
    checked = 0
    for name, operation in operations(document):
        method, path = name.split(" ")
        if method != "GET" or path.endswith("/events"):
            continue
        answer = await (operator if path.startswith("/operations/") else client).get(fill(path, ids))
        content = operation["responses"]["200"]["content"]
        assert answer.headers["content-type"].partition(";")[0] in content, name
        if "application/json" not in content:
            continue
        schema = content["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema_rs.validator_for(whole).validate(answer.json())
        checked += 1
    assert checked >= 12
    problem = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    jsonschema_rs.validator_for(problem).validate((await client.get("/nothing")).json())
