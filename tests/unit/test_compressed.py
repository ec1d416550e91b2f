"""Which answers are compressed, and that whoever has one is told so by either ETag."""

import gzip

import pytest
from starlette.types import Scope

from app.api.http.compressed import LEAST_BYTES, Compressed, accepts_gzip
from app.api.http.exports import MEDIA_TYPES, Form
from tests.unit.asgi import exchange

BODY = b'{"data":[' + b"1," * LEAST_BYTES + b"1]}"
JSON = {"Content-Type": "application/json", "ETag": '"abc"', "Content-Length": str(len(BODY))}
GZIP = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0.5, identity;q=0.8", False),
        ("gzip;q=0.8, identity;q=0.5", True),
        ("gzip;q=x", False),
    ],
)
def test_who_accepts_it(accept: str, accepted: bool) -> None:
    assert accepts_gzip(accept) is accepted


@pytest.mark.parametrize("pieces", [[BODY], [BODY[:10], BODY[10:], b""], [BODY * 20], [BODY * 20, b"", BODY]])
async def test_a_large_answer_is_compressed_whole_or_in_pieces(pieces: list[bytes]) -> None:
    got = await exchange(Compressed, pieces, given=GZIP, headers=JSON)
    assert gzip.decompress(got.body) == b"".join(pieces)
    assert (got.headers["content-encoding"], got.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert got.headers.get("content-length") == (str(len(got.body)) if len(pieces) == 1 else None)
    assert got.headers["etag"] == '"abc-gzip"'


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_exports_are_compressed(form: Form) -> None:
    got = await exchange(Compressed, [BODY], given=GZIP, headers={"Content-Type": MEDIA_TYPES[form]})
    assert got.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "given", "headers", "status"),
    [
        (BODY, {}, JSON, 200),
        (BODY, {"Accept-Encoding": "gzip;q=0"}, JSON, 200),
        (b"{}", GZIP, {**JSON, "Content-Length": "2"}, 200),
        (BODY, GZIP, {**JSON, "Content-Type": "text/event-stream; charset=utf-8"}, 200),
        (BODY, GZIP, {**JSON, "Content-Encoding": "br"}, 200),
        (BODY, GZIP, {**JSON, "Content-Type": "application/problem+json"}, 404),
        (BODY, GZIP, JSON, 202),
        (BODY, {**GZIP, "Cookie": "session=1"}, JSON, 200),
    ],
    ids=["not asked for", "refused", "tiny", "events", "encoded", "error", "not a read", "with a cookie"],
)
async def test_all_else_leaves_as_it_is(
    body: bytes, given: dict[str, str], headers: dict[str, str], status: int
) -> None:
    got = await exchange(Compressed, [body], given=given, headers=headers, status=status)
    assert got.body == body
    assert got.headers["etag"] == '"abc"'
    assert got.headers.get("content-encoding") == headers.get("Content-Encoding")
    assert got.headers["content-length"] == headers["Content-Length"]


@pytest.mark.parametrize(("form", "coding"), [("csv", "gzip"), ("jsonl", "gzip"), ("xlsx", None)])
async def test_exports_of_text_are_compressed(form: Form, coding: str | None) -> None:
    """A workbook is compressed by itself."""
    headers = {"Content-Type": MEDIA_TYPES[form]}
    assert (await exchange(Compressed, [BODY], given=GZIP, headers=headers)).headers.get("content-encoding") == coding


async def test_what_could_have_been_compressed_says_that_it_varies() -> None:
    assert (await exchange(Compressed, [BODY], headers=JSON)).headers["vary"] == "Accept-Encoding"
    assert "vary" not in (await exchange(Compressed, [BODY], headers={"Content-Type": "image/png"})).headers


@pytest.mark.parametrize("name", ["If-None-Match", "If-Match"])
async def test_either_etag_is_sent_back_as_the_same_version(name: str) -> None:
    asked: list[Scope] = []
    given = {**GZIP, name: '"abc-gzip", W/"def-gzip", "ghi"'}
    await exchange(Compressed, [BODY], given=given, headers=JSON, asked=asked)
    assert dict(asked[0]["headers"])[name.lower().encode()] == b'"abc", W/"def", "ghi"'


@pytest.mark.parametrize(("tag", "told"), [('"abc-gzip"', '"abc-gzip"'), ('"abc"', '"abc"')])
async def test_a_304_has_the_etag_of_what_the_caller_has(tag: str, told: str) -> None:
    got = await exchange(Compressed, [b""], given={**GZIP, "If-None-Match": tag}, headers={"ETag": '"abc"'}, status=304)
    assert (got.headers["etag"], got.headers["vary"], got.body) == (told, "Accept-Encoding", b"")
