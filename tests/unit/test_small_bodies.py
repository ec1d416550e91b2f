"""Small bodies as they come in: refused by the codes by which a roster is, and nothing of them is repeated."""

from collections.abc import Mapping
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from fastapi import Request
from pydantic import BaseModel
from starlette.types import Message

from app.api.dependencies import Parts
from app.api.http import cursors
from app.api.http.bodies import cursor_in_body, read_body, read_no_body
from app.api.http.problems import CursorMismatch, Encoded, WrongMediaType
from app.api.schemas.requests import ProvisionRequest, SearchRequest
from app.errors import Refused
from app.sources.json_upload import RosterReader

CIVIC_NO = b"201201019807"


def request_with(content: bytes, headers: Mapping[str, str] | None = None) -> Request:
    """Makes a request with this body, which is JSON where no headers are given; NUMBER there is somebody's."""
    content = content.replace(b"NUMBER", CIVIC_NO)

    async def receive() -> Message:
        return {"type": "http.request", "body": content}

    given = {"content-length": str(len(content)), "content-type": "application/json", **(headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    state = SimpleNamespace(parts=Parts(Mock(), Mock(), Mock(), Mock(), Mock(), Mock(), Mock()))
    return Request({"type": "http", "headers": raw, "app": SimpleNamespace(state=state)}, receive)


async def refused(content: bytes, model: type[BaseModel] = SearchRequest) -> list[tuple[str, str]]:
    """Gives the pointers and codes by which a body is refused."""
    with pytest.raises(Refused) as raised:
        await read_body(request_with(content), model)
    assert CIVIC_NO.decode() not in str(raised.value.errors)
    return [(each.pointer, each.code) for each in raised.value.errors]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_json"),
        (b"NUMBER{", "trailing_content"),
        (b'{"q": NUMBERx}', "not_json"),
        (b"{'q': 1}", "not_json"),
        (b'{"q": "\xffNUMBER"}', "not_utf8"),
        (b"\xef\xbb\xbf{}", "byte_order_mark"),
        (b"{} x", "trailing_content"),
        (b'{"q": "\\ud800"}', "bad_character"),
        (b"[" * 500 + b"]" * 500, "too_deep"),
        (b"[" * 60_000 + b"]" * 60_000, "too_deep"),
    ],
)
async def test_what_is_no_json_has_the_code_that_it_has_in_a_roster(content: bytes, code: str) -> None:
    assert await refused(content) == [("", code)]


async def test_the_place_is_that_of_the_roster_s_reader() -> None:
    """The same slip, a comma that lacks, is said in the same words."""
    content = '{"display_name": "å" x}'.encode()
    with pytest.raises(Refused) as small:
        await read_body(request_with(content), SearchRequest)
    with pytest.raises(Refused) as roster:
        list(RosterReader().feed(content))
    [error], [expected] = small.value.errors, roster.value.errors
    assert error.detail == expected.detail == "This is not JSON, at character 21 of the body."


@pytest.mark.parametrize(
    ("content", "pointer", "known"),
    [
        (b'{"NUMBER": 1, "anna": 2}', "", "on_record_error, allow, stop_at_errors"),
        (b'{"stop_at_errors": {"anna": 1}}', "/stop_at_errors", "persons, duties, groups, activities"),
    ],
)
async def test_a_field_that_is_not_taken_is_refused_as_in_a_roster(content: bytes, pointer: str, known: str) -> None:
    """Once, with a pointer to the object that has it, and with the names of those that are taken."""
    with pytest.raises(Refused) as raised:
        await read_body(request_with(content), ProvisionRequest)
    [error] = raised.value.errors
    assert (error.pointer, error.code) == (pointer, "unknown_field")
    assert error.detail == f"There is a field here that is not taken; those that are: {known}."


async def test_at_most_a_hundred_places_are_told() -> None:
    assert len(await refused(b'{"status": [%s]}' % b",".join([b"1"] * 1000))) == 100


@pytest.mark.parametrize("content", [b"", b" null ", b"{}", b"{ }\n"])
async def test_where_no_body_is_taken_one_without_a_word_is_none(content: bytes) -> None:
    await read_no_body(request_with(content))


@pytest.mark.parametrize(
    ("content", "code"),
    [(b'{"reason": "NUMBER"}', "unknown_field"), (b"[]", "not_an_object"), (b"{", "not_json")],
)
async def test_where_no_body_is_taken_any_other_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Refused) as raised:
        await read_no_body(request_with(content))
    assert [(each.pointer, each.code) for each in raised.value.errors] == [("", code)]
    assert CIVIC_NO.decode() not in str(raised.value.errors)


async def test_where_no_body_is_taken_it_still_has_to_be_json() -> None:
    with pytest.raises(WrongMediaType):
        await read_no_body(request_with(b"{}", {"content-type": "text/plain"}))
    with pytest.raises(Encoded):
        await read_no_body(request_with(b"{}", {"content-encoding": "gzip"}))
    await read_no_body(request_with(b"", {"content-type": "text/plain"}))


@pytest.mark.parametrize("headers", [{"content-length": "0"}, {"transfer-encoding": "chunked"}])
async def test_a_body_without_a_byte_needs_no_media_type(headers: Mapping[str, str]) -> None:
    """Whichever way a program has of saying that there is none."""
    await read_no_body(request_with(b"", {"content-type": "", **headers}))


def test_what_is_no_cursor_is_refused_as_a_part_of_its_body() -> None:
    with pytest.raises(Refused) as raised, cursor_in_body():
        cursors.read(CIVIC_NO.decode(), (cursors.number,), "records")
    assert [(each.pointer, each.code) for each in raised.value.errors] == [("/cursor", "not_a_cursor")]


def test_a_cursor_of_another_list_is_the_same_problem_wherever_it_comes_from() -> None:
    """But for the place that its detail names."""
    with pytest.raises(CursorMismatch, match=r"^body cursor: "), cursor_in_body():
        cursors.read(cursors.write((1,), "jobs"), (cursors.number,), "records")
