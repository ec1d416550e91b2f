"""What /openapi.json says of each part of the interface; it is made without a server."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from app.api.description.examples import example_of
from app.server.app import described_app
from app.views.explanation import show_explanation

Json = dict[str, Any]
# What is about nobody and asked for without a key; and the log of changes, whose cursor is `after`.
ON_ONE_PAGE = {"GET /explanations", "GET /problems", "GET /changes"}
# A workbook is no text.
WITHOUT_EXAMPLE = {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@cache
def document() -> Json:
    return described_app().openapi()


def operations() -> Iterator[tuple[str, Json]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def says_what_it_is(schema: Json) -> bool:
    """Tells whether a schema is described, or the one that it refers to."""
    choices = [each for each in (schema, *schema.get("anyOf", ())) if "$ref" in each]
    named = (document()["components"]["schemas"][each["$ref"].rpartition("/")[2]] for each in choices)
    return bool(schema.get("description") or any(each.get("description") for each in named))


def contents() -> Iterator[tuple[str, str, Json]]:
    """Gives each body of a request or an answer: where, its media type, what is said of it."""
    for name, operation in operations():
        bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
        for place, body in (bodies | operation["responses"]).items():
            for media_type, content in body.get("content", {}).items():
                yield f"{name} {place}", media_type, content


def examples(content: Json) -> list[Any]:
    return [content["example"]] if "example" in content else [each["value"] for each in content["examples"].values()]


def test_every_property_and_parameter_is_described() -> None:
    """Nobody has to guess what a field means; a field that is another shape may leave it to that."""
    schemas = document()["components"]["schemas"]
    undescribed = [name for name, schema in schemas.items() if not schema.get("description")]
    undescribed += [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, said in schema.get("properties", {}).items()
        if not says_what_it_is(said)
    ]
    undescribed += [
        f"{name} {parameter['name']}"
        for name, operation in operations()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert undescribed == []


def test_every_body_has_an_example_that_fits_it() -> None:
    """What is shown in the description could really be sent or answered, problems too."""
    checked = 0
    # Read once for all bodies: that takes far longer than to hold an example against it.
    registry = jsonschema_rs.Registry([("urn:description", document())])
    for place, media_type, content in contents():
        if media_type in WITHOUT_EXAMPLE:
            continue
        assert {"example", "examples"} & content.keys(), f"{place} {media_type}"
        if "json" in media_type.partition("/")[2].split("+") and "schema" in content:
            elsewhere = json.loads(json.dumps(content["schema"]).replace('"#/', '"urn:description#/'))
            validator = jsonschema_rs.validator_for(elsewhere, registry=registry)
            for example in examples(content):
                validator.validate(example)
                checked += 1
    assert checked > 200


def test_no_example_leaves_a_text_open() -> None:
    """Where the shape alone would give a dot dot dot, the property says what it looks like."""
    unsaid = [
        place
        for place, media_type, content in contents()
        if media_type == "application/json" and "…" in texts_of(examples(content))
    ]
    assert unsaid == []


def texts_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for each in value.values() for text in texts_of(each)}
    if isinstance(value, list):
        return {text for each in value for text in texts_of(each)}
    return {value} if isinstance(value, str) else set()


def test_operations_have_names_for_programs_and_a_tag_that_is_described() -> None:
    """Clients are made of operation ids: snake_case, and no two alike."""
    names = [operation["operationId"] for _, operation in operations()]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert len(set(names)) == len(names)
    used = {tag for _, operation in operations() for tag in operation["tags"]}
    calls = {tag for call in document()["webhooks"].values() for tag in call["post"]["tags"]}
    # One file of a generated client has the operations of a tag: what is called there is no operation of the service.
    assert used.isdisjoint(calls)
    used |= calls
    said = [tag["name"] for tag in document()["tags"] if tag["description"]]
    assert sorted(used) == sorted(said)


def test_links_fill_a_parameter_of_an_operation_that_is_there() -> None:
    """A link that leads nowhere would be worse than none; from the answer to a provision it goes to the run."""
    parameters = {
        operation["operationId"]: {each["name"] for each in operation.get("parameters", ())}
        for _, operation in operations()
    }
    links = {
        (operation["operationId"], status, name): link
        for _, operation in operations()
        for status, response in operation["responses"].items()
        for name, link in response.get("links", {}).items()
    }
    assert links["provision", "202", "run"]["operationId"] == "get_run"
    assert len(links) > 20
    for place, link in links.items():
        assert link["parameters"].keys() <= parameters[link["operationId"]], place


def test_the_whole_is_introduced() -> None:
    """Where it is served, who answers for it, and what happens to clients when it changes."""
    assert document()["openapi"] == "3.1.0"
    assert document()["servers"][0]["url"] == "/"
    info = document()["info"]
    assert info["contact"]["name"]
    assert "Sunset" in info["description"]
    assert "CHANGELOG" in info["description"]


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "examples": ["a", "b"]}, "a"),
        ({"type": "string", "enum": ["halt", "continue"]}, "halt"),
        ({"type": "string", "const": "run"}, "run"),
        ({"type": "integer", "default": 50}, 50),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Named"}}, [{"name": "6A"}]),
        ({"type": "array", "items": {"type": "string"}, "default": []}, []),
        ({"type": "string", "format": "date-time"}, "2026-11-23T08:00:00Z"),
        ({"type": "boolean"}, True),
        ({}, None),
    ],
)
def test_an_example_is_made_of_what_a_schema_says(schema: Json, example: Any) -> None:
    """Its own example first, then what it is or may be, then something of its type."""
    named = {"type": "object", "properties": {"name": {"type": "string", "examples": ["6A"]}}}
    assert example_of(schema, {"Named": named}) == example


def test_the_codes_of_a_refused_body_are_listed() -> None:
    """Each that there is, and each has its explanation."""
    codes = document()["components"]["schemas"]["ProblemError"]["properties"]["code"]["enum"]
    assert {"not_json", "unknown_field", "empty", "not_a_cursor"} <= set(codes)
    assert all(show_explanation(code) is not None for code in codes)


def test_every_problem_that_a_route_names_is_described() -> None:
    """An operator's cancel and retry can be refused for what a caller's can."""
    described = {operation["operationId"]: operation["responses"] for _, operation in operations()}
    for name, of_caller in (("cancel_operated_run", "cancel_run"), ("retry_operated_run", "retry_run")):
        of_repeats = {"made-by-another-key", "idempotency-key-in-use"}
        expected = described[of_caller]["409"]["content"]["application/problem+json"]["examples"].keys() - of_repeats
        assert described[name]["409"]["content"]["application/problem+json"]["examples"].keys() == expected


def test_a_problem_that_passes_by_itself_is_described_with_its_retry_after() -> None:
    described = {operation["operationId"]: operation["responses"] for _, operation in operations()}
    assert described["retry_run"]["409"]["headers"].keys() == {"Retry-After"}
    assert described["get_job"]["503"]["headers"].keys() == {"Retry-After"}
    assert "headers" not in described["get_job"]["404"]


def test_every_list_is_paged_in_the_same_way() -> None:
    """What has a next cursor takes one and a limit; but for what is on one page by its nature."""
    lists = {
        name: {each["name"] for each in operation.get("parameters", ())}
        for name, operation in operations()
        if name.startswith("GET ") and "next_cursor" in properties_of(operation)
    }
    whole = {name for name, parameters in lists.items() if not {"limit", "cursor"} <= parameters}
    assert whole == ON_ONE_PAGE
    assert len(lists) > 10


def properties_of(operation: Json) -> set[str]:
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return set(document()["components"]["schemas"].get(name, {}).get("properties", {}))
