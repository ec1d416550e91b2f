"""Reading a roster's body as it arrives gives what reading it whole gives; what is no roster is refused."""

import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.roster import RosterObject
from app.errors import Refused
from app.sources.json_upload import MOST_OBJECTS, MOST_PROBLEMS, STAGES, JsonUpload, RosterReader
from app.sources.json_values import MOST_BYTES

A = "aaaaaaaa-1111-4111-8111-111111111111"
B = "bbbbbbbb-1111-4111-8111-111111111111"


def chunks(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def read(body: bytes, size: int = 1 << 16) -> tuple[RosterReader, list[RosterObject]]:
    reader = RosterReader()
    items = [item for chunk in chunks(body, size) for item in reader.feed(chunk)]
    items.extend(reader.close())
    return reader, items


def problems(body: bytes | str, size: int = 1 << 16) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refusal:
        read(body.encode() if isinstance(body, str) else body, size)
    return [(problem.pointer, problem.code) for problem in refusal.value.errors]


def roster(lists: str) -> str:
    return f'{{"display_name": "Prov", "roster": {{{lists}}}}}'


def persons(items: str) -> str:
    return roster(f'"persons": [{items}]')


def test_objects_come_with_stage_place_and_id_in_the_order_of_the_body() -> None:
    body = roster(f'"groups": [{{"id": "{A}"}}], "persons": [{{"id": "{A.upper()}", "x": 1}}, {{"id": "{B}"}}]')
    reader, items = read(body.encode())
    assert items == [
        ("groups", 0, UUID(A), {"id": A}),
        ("persons", 0, UUID(A), {"id": A.upper(), "x": 1}),
        ("persons", 1, UUID(B), {"id": B}),
    ]
    assert reader.display_name == "Prov"
    assert reader.counts == {"persons": 2, "duties": 0, "groups": 1, "activities": 0}


def test_the_envelope_may_have_any_order_and_empty_lists() -> None:
    body = '\n { "roster" :\t{ "duties" : [ ] , "persons":[]} ,\r\n"display_name":"\\u00c5k 9" } \n'
    reader, items = read(body.encode(), 1)
    assert (reader.display_name, items) == ("Åk 9", [])


def test_an_object_is_given_before_the_body_has_ended() -> None:
    reader = RosterReader()
    body = persons(f'{{"id": "{A}"}}, {{"id": "{B}"}}').encode()
    assert [item.id for item in reader.feed(body[:-6])] == [UUID(A)]


def test_a_lone_surrogate_is_kept_for_the_findings() -> None:
    _, items = read(persons(f'{{"id": "{A}", "givenName": "\\ud800abc"}}').encode())
    assert items[0].object["givenName"] == "\ud800abc"


def test_numbers_keep_their_type() -> None:
    _, items = read(persons(f'{{"id": "{A}", "n": [8, 8.0, -0.5, 1e3, 12345678901234567890]}}').encode())
    assert [repr(n) for n in items[0].object["n"]] == ["8", "8.0", "-0.5", "1000.0", "12345678901234567890"]


DEEP = "[" * 99 + "]" * 99  # with the object and the list around it 101 levels


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ("", "", "not_json"),
        (" ", "", "not_json"),
        ("[]", "", "not_an_object"),
        ("null", "", "not_an_object"),
        ("x", "", "not_json"),
        ("{", "", "not_json"),
        ("{]", "", "not_json"),
        ('{"display_name" "x"}', "", "not_json"),
        ('{"display_name": "x",}', "", "not_json"),
        ("{'display_name': 1}", "", "not_json"),
        ('{"display_name": "x" "roster": {}}', "", "not_json"),
        (persons(f'{{"id": "{A}"}},'), "/roster/persons", "not_json"),
        (persons(f'{{"id": "{A}"}} {{}}'), "/roster/persons", "not_json"),
        (persons(f'{{"id": "{A}", "n": tru}}'), "/roster/persons/0", "not_json"),
        (persons(f'{{"id": "{A}", "n": 01}}'), "/roster/persons/0", "not_json"),
        (persons(f'{{"id": "{A}", "n": "a\nb"}}'), "/roster/persons/0", "not_json"),
        (persons(f'{{"id": "{A}", "n": "\\x"}}'), "/roster/persons/0", "not_json"),
        (persons(f'{{"id": "{A}"')[:-3], "/roster/persons/0", "not_json"),
        ("\ufeff" + roster(""), "", "byte_order_mark"),
        (roster("") + "x", "", "trailing_content"),
        (roster("") + "{}", "", "trailing_content"),
        (roster('"persons": {}'), "/roster/persons", "not_a_list"),
        (roster('"groups": null'), "/roster/groups", "not_a_list"),
        (roster('"persons": [], "persons": []'), "/roster/persons", "duplicate_field"),
        (roster('"19991231-9819": []'), "/roster", "unknown_field"),
        ('{"display_name": "x", "roster": null}', "/roster", "not_an_object"),
        ('{"display_name": "x", "roster": []}', "/roster", "not_an_object"),
        ('{"display_name": "x", "roster": {}, "roster": {}}', "/roster", "duplicate_field"),
        ('{"display_name": "x", "roster": {}, "persons": []}', "", "unknown_field"),
        ('{"display_name": "x"}', "/roster", "missing_field"),
        ('{"roster": {"duties": []}}', "/display_name", "missing_field"),
        ('{"display_name": "x", "roster": {}}', "/roster", "no_lists"),
        ('{"display_name": 7, "roster": {}}', "/display_name", "not_a_string"),
        ('{"display_name": null, "roster": {}}', "/display_name", "not_a_string"),
        ('{"display_name": "", "roster": {}}', "/display_name", "empty"),
        ('{"display_name": " ", "roster": {}}', "/display_name", "empty"),
        (f'{{"display_name": "{"x" * 256}", "roster": {{}}}}', "/display_name", "too_long"),
        ('{"display_name": "a\\u0000", "roster": {}}', "/display_name", "bad_character"),
        ('{"display_name": "\\udc00", "roster": {}}', "/display_name", "bad_character"),
        (persons(f'{{"id": "{A}", "n": NaN}}'), "/roster/persons/0", "bad_number"),
        (persons(f'{{"id": "{A}", "n": -Infinity}}'), "/roster/persons/0", "bad_number"),
        (persons(f'{{"id": "{A}", "n": [-1e400, 1.5]}}'), "/roster/persons/0", "bad_number"),
        (persons(f'{{"id": "{A}", "n": {"9" * 4301}}}'), "/roster/persons/0", "bad_number"),
        (persons("9" * 4301), "/roster/persons/0", "bad_number"),
        (persons(f'{{"id": "{A}", "n": [{DEEP}]}}'), "/roster/persons/0", "too_deep"),
        (persons("[" * 100_000), "/roster/persons/0", "too_deep"),
        (persons(f'{{"id": "{A}", "n": [{DEEP[:99]}"]"{DEEP[99:]}]}}'), "/roster/persons/0", "too_deep"),
        (persons(f'{{"id": "{A}", "n": 1, "n": 2}}'), "/roster/persons/0", "duplicate_field"),
        (persons(f'{{"id": "{A}", "i\\u0064": "{B}"}}'), "/roster/persons/0", "duplicate_field"),
        (
            persons(f'{{"id": "{A}", "n": [1, {{"m": {{"\\u006e": 1, "n": 1}}}}]}}'),
            "/roster/persons/0",
            "duplicate_field",
        ),
        (
            roster(f'"groups": [{{"id": "{A}"}}, {{"id": "{B}", "": {{"": 1, "": 1}}}}]'),
            "/roster/groups/1",
            "duplicate_field",
        ),
        ('{"display_name": "x", "display\\u005fname": "y", "roster": {}}', "/display_name", "duplicate_field"),
        (persons(f'{{"id": "{A}", "givenName": "***"}}'), "/roster/persons/0/givenName", "masked_value"),
        (
            persons(f'{{"id": "{A}", "eduPersonPrincipalNames": ["a@b.se", "***"]}}'),
            "/roster/persons/0/eduPersonPrincipalNames/1",
            "masked_value",
        ),
        (
            persons(f'{{"id": "{A}", "civicNo": {{"value": "\\u002a**"}}}}'),
            "/roster/persons/0/civicNo/value",
            "masked_value",
        ),
        (roster(f'"groups": [{{"id": "{A}", "displayName": "***"}}]'), "/roster/groups/0/displayName", "masked_value"),
    ],
    ids=lambda value: value if len(value) < 60 else "long",
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_body_that_is_no_roster_is_refused_at_its_place(body: str, pointer: str, code: str, size: int) -> None:
    assert problems(body, size if len(body) < 50_000 else 1 << 10) == [(pointer, code)]


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xe5"])
def test_bytes_that_are_no_utf8_are_refused(bad: bytes) -> None:
    assert problems(roster("").encode() + bad) == [("", "not_utf8")]


@pytest.mark.parametrize(
    "allowed",
    [f"[{'[' * 98}{']' * 98}]", "9" * 4300, "-" + "9" * 4300, "1e308"],
    ids=["depth", "digits", "negative", "float"],
)
def test_the_limits_themselves_are_allowed(allowed: str) -> None:
    _, items = read(persons(f'{{"id": "{A}", "n": {allowed}}}').encode(), 50)
    assert len(items) == 1


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
def test_problems_of_single_objects_are_collected_over_the_whole_body(size: int) -> None:
    items = f'{{"id": "{A}"}}, 12, "x", {{}}, {{"id": 7}}, {{"id": "{{{A}}}"}}, {{"id": "{A.upper()}"}}, null, 1.5e3'
    body = persons(items).replace("]", f'], "groups": [{{"id": "{A}"}}, []]')
    assert problems(body, size) == [
        ("/roster/persons/1", "not_an_object"),
        ("/roster/persons/2", "not_an_object"),
        ("/roster/persons/3/id", "not_a_uuid"),
        ("/roster/persons/4/id", "not_a_uuid"),
        ("/roster/persons/5/id", "not_a_uuid"),
        ("/roster/persons/6/id", "duplicate_id"),
        ("/roster/persons/7", "not_an_object"),
        ("/roster/persons/8", "not_an_object"),
        ("/roster/groups/1", "not_an_object"),
    ]


def test_no_more_objects_come_after_a_first_problem() -> None:
    reader = RosterReader()
    body = persons(f'{{"id": "{A}"}}, {{}}, {{"id": "{B}"}}').encode()
    assert [item.ordinal for item in reader.feed(body)] == [0]
    assert reader.counts["persons"] == 3


def test_a_number_that_looks_infinite_until_its_exponent_arrives_is_taken() -> None:
    body = persons(f'{{"id": "{A}", "n": 1{"0" * 400}.0e-400}}').encode()
    reader = RosterReader()
    cut = body.index(b"e-400")
    assert list(reader.feed(body[:cut])) == []
    assert [item.object["n"] for item in [*reader.feed(body[cut:]), *reader.close()]] == [1.0]


def test_one_id_may_stand_in_two_lists() -> None:
    _, items = read(roster(f'"persons": [{{"id": "{A}"}}], "groups": [{{"id": "{A}"}}]').encode())
    assert len(items) == 2


def test_the_mask_elsewhere_is_a_text_like_others() -> None:
    """In a field that nobody knows, in the name of an exam, as a part of a name; a key twice in two objects is fine."""
    items = f'{{"id": "{A}", "note": "***", "givenName": "***a", "n": {{"id": 1}}}}, {{"id": "{B}", "civicNo": {{}}}}'
    assert len(read(persons(items).replace("Prov", "***").encode())[1]) == 2


def refused_after(start: bytes, unit: bytes) -> tuple[int, list[tuple[str, str]]]:
    """Sends `unit` after `start` without an end; gives how many bytes were taken, and what was wrong."""
    reader, taken = RosterReader(), len(start)
    assert list(reader.feed(start)) == []
    piece = unit * (4096 // len(unit))
    try:
        while taken < 4 * MOST_BYTES:
            taken += len(piece)
            assert not any(reader.feed(piece))
    except Refused as refusal:
        return taken, [(problem.pointer, problem.code) for problem in refusal.errors]
    return taken, []


@pytest.mark.parametrize(
    ("start", "unit", "pointer"),
    [
        (persons("")[:-3], "9", "/roster/persons/0"),
        (persons("")[:-3] + '"', "x", "/roster/persons/0"),
        (persons("")[:-3] + '"', "ö", "/roster/persons/0"),
        (persons("")[:-3] + "{", " ", "/roster/persons/0"),
        (persons("")[:-3] + "{", '"n":1,', "/roster/persons/0"),
        (persons("")[:-3] + "[", "{},", "/roster/persons/0"),
        ('{"display_name": "', "x", "/display_name"),
        ('{"', "x", ""),
        ('{"roster": {"', "\\u00e5", "/roster"),
    ],
)
def test_a_value_that_has_not_ended_after_a_mebibyte_is_not_waited_for(start: str, unit: str, pointer: str) -> None:
    taken, wrong = refused_after(start.encode(), unit.encode())
    assert wrong == [(pointer, "value_too_large")]
    assert MOST_BYTES < taken < MOST_BYTES + 10_000


@pytest.mark.parametrize("letter", ["x", "å", "€", "😀"])
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("size", [1 << 14, 1 << 22])
def test_an_object_may_have_a_mebibyte_as_it_came(letter: str, more: int, size: int) -> None:
    """In bytes, whatever the letters and the chunks; white space in it counts, white space around it does not."""
    frame = f'{{"id": "{A}", "n": ""}}'
    text = letter * ((MOST_BYTES - len(frame)) // len(letter.encode()))
    space = " " * (MOST_BYTES - len(frame) - len(text.encode()) + more)
    body = persons(f'  {{{space}"id": "{A}", "n": "{text}"}}  ').encode()
    if more:
        assert problems(body, size) == [("/roster/persons/0", "value_too_large")]
    else:
        assert len(read(body, size)[1]) == 1


def test_white_space_between_values_has_no_bound() -> None:
    reader = RosterReader()
    assert not any(any(reader.feed(b" " * (1 << 16))) for _ in range(40))
    items = [*reader.feed(persons(f'{{"id": "{A}"}}').encode()), *reader.close()]
    assert len(items) == 1


def test_the_object_after_the_most_that_may_be_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all lists together, before it is read; the refusal names the bound."""
    assert MOST_OBJECTS == 500_000
    monkeypatch.setattr("app.sources.json_upload.MOST_OBJECTS", 3)
    three = f'"persons": [{{"id": "{A}"}}, {{"id": "{B}"}}], "groups": [{{"id": "{A}"}}'
    assert len(read(roster(three + "]").encode())[1]) == 3
    reader = RosterReader()
    with pytest.raises(Refused) as refusal:
        list(reader.feed(roster(three).encode()[:-2] + b", x"))
    [error] = refusal.value.errors
    assert (error.pointer, error.code) == ("/roster/groups", "too_many_objects")
    assert "3" in error.detail


def test_no_more_than_a_hundred_problems_are_looked_for() -> None:
    """While the body still arrives; it is the last one that is told, and says so."""
    reader = RosterReader()
    opening = persons(", ".join(["{}"] * (MOST_PROBLEMS - 1))).encode()[:-3]
    assert list(reader.feed(opening)) == []
    with pytest.raises(Refused) as refusal:
        list(reader.feed(b", {}"))
    *listed, last = refusal.value.errors
    assert [error.code for error in listed] == ["not_a_uuid"] * (MOST_PROBLEMS - 1)
    assert (last.pointer, last.code) == ("", "too_many_problems")


def test_every_problem_of_an_object_is_told() -> None:
    items = '{"givenName": "***", "familyName": "***", "n": {"m": 1, "m": 1}}'
    assert problems(persons(items)) == [
        ("/roster/persons/0", "duplicate_field"),
        ("/roster/persons/0/id", "not_a_uuid"),
        ("/roster/persons/0/givenName", "masked_value"),
        ("/roster/persons/0/familyName", "masked_value"),
    ]


async def test_what_arrives_in_one_piece_is_read_in_slices() -> None:
    """Whoever reads can rest between two of them, also when no object comes of it."""

    async def chunks() -> AsyncIterator[bytes]:
        yield persons("").encode()[:-3] + b" " * (1 << 18) + b"]}}"

    assert sum([1 async for part in JsonUpload(chunks()).parts() if list(part) == []]) > 10


def test_a_refused_body_stays_refused() -> None:
    reader = RosterReader()
    with pytest.raises(Refused):
        list(reader.feed(b"x"))
    with pytest.raises(Refused):
        list(reader.close())


def test_a_refusal_carries_nothing_of_the_body() -> None:
    secret = "19991231-9819"
    bodies = [
        persons(f'{{"id": "{secret}"}}, "{secret}"'),
        persons(f'{{"id": "{secret}", {secret}'),
        f'{{"{secret}": 1}}',
        f'{{"display_name": {{"{secret}": 1}}}}',
        persons(f'{{"id": "{A}", "{secret}": 1, "{secret}": 2}}'),
    ]
    for body in [*(text.encode() for text in bodies), bodies[0].encode() + b"\xff"]:
        with pytest.raises(Refused) as refusal:
            read(body)
        assert secret not in repr(refusal.value.errors) + str(refusal.value)
        assert refusal.value.__context__ is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """Draws a roster of any order, spacing and escaping, together with its value."""
    ids = st.lists(st.uuids(), unique=True, max_size=4)
    lists = {
        kind: [{**draw(OBJECTS), "id": str(item_id)} for item_id in draw(ids)]
        for kind in draw(st.permutations(STAGES))[: draw(st.integers(1, 4))]
    }
    fields: list[tuple[str, Any]] = [("display_name", "Prov å 😀"), ("roster", lists)]
    value = dict(draw(st.permutations(fields)))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 3])))
    return value, text.encode(errors="replace")


@settings(max_examples=150)
@given(bodies(), st.data())
def test_any_chunking_reads_what_json_loads_reads(drawn: tuple[dict[str, Any], bytes], data: st.DataObject) -> None:
    _, body = drawn
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    reader = RosterReader()
    items = [
        item for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True) for item in reader.feed(body[start:end])
    ]
    items.extend(reader.close())
    whole = json.loads(body)
    expected = [
        (kind, ordinal, UUID(item["id"]), item)
        for kind, listed in whole["roster"].items()
        for ordinal, item in enumerate(listed)
    ]
    assert repr(items) == repr([RosterObject(*parts) for parts in expected])
    assert reader.display_name == whole["display_name"]
    assert reader.counts == {kind: len(whole["roster"].get(kind, [])) for kind in STAGES}


@settings(max_examples=300)
@given(bodies(), st.data())
def test_a_damaged_body_gets_one_answer_whatever_the_chunks(
    drawn: tuple[dict[str, Any], bytes], data: st.DataObject
) -> None:
    _, body = drawn
    at = data.draw(st.integers(0, len(body)))
    damaged = (
        body[:at] + data.draw(st.sampled_from([b"", b'"', b"1", b"[", b"}", b",", b"\\", b"NaN"])) + body[at + 1 :]
    )

    def answer(size: int) -> Any:
        try:
            return repr(read(damaged, size)[1])
        except Refused as refusal:
            # Bytes that are no UTF-8 are noticed when they arrive, before or after what else is wrong.
            return refusal.errors if damaged.isascii() else "refused"

    assert answer(data.draw(st.integers(1, 40))) == answer(len(damaged) + 1)


def test_memory_is_that_of_the_largest_object_and_not_of_the_body() -> None:
    def body() -> Iterator[bytes]:
        yield b'{"display_name": "Prov", "roster": {"persons": ['
        for number in range(8_000):
            yield json.dumps({"id": str(UUID(int=number)), "givenName": "x" * 1_000}).encode() + b","
        yield json.dumps({"id": A}).encode() + b"]}}"

    reader = RosterReader()
    tracemalloc.start()
    read_items = sum(1 for chunk in body() for _ in reader.feed(chunk)) + sum(1 for _ in reader.close())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read_items == 8_001
    assert peak < 3_000_000  # of 8.4 MB; the ids that find doubles take the most


def test_one_huge_object_in_small_chunks_is_tried_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    body = persons(f'{{"id": "{A}", "list": [{", ".join(["7"] * 50_000)}]}}').encode()
    reader = RosterReader()
    tried: list[int] = []
    decode = reader._decode

    def counting(text: str, at: int) -> Any:
        tried.append(len(text) - at)
        return decode(text, at)

    monkeypatch.setattr(reader, "_decode", counting)
    for chunk in chunks(body, 64):
        assert list(reader.feed(chunk)) == []
    assert len(list(reader.close())) == 1
    assert sum(tried) < 5 * len(body)
