"""What Skolverket says of single objects: read as far as it makes sense, and once each."""

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from app.domain.outcome import Verdict
from app.domain.verdicts import ItemResult
from app.skolverket.results import SPECIMENS, STATUSES, blamed, item_results, judge
from app.target import TryAgain

ID, OTHER = "a0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-000000000002"


def answer(*items: Any) -> bytes:
    return json.dumps({"jobId": ID, "responses": items}).encode()


def item(status: object, object_id: str = ID, **more: Any) -> dict[str, Any]:
    return {"id": object_id, "response": {"status": status, **more}}


# Statuses


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("Success", Verdict.SUCCEEDED),
        ("Warning", Verdict.WARNING),
        ("Error", Verdict.ERROR),
        ("TemporaryError", Verdict.AGAIN),
        ("Pending", Verdict.OPEN),
        (None, Verdict.OPEN),
        ("", Verdict.OPEN),
        ("  ", Verdict.OPEN),
        ("Deferred", None),
        ("Suc cess", None),
        ("Successful", None),
    ],
)
def test_a_status_has_one_meaning_and_an_unlisted_one_none(status: str | None, verdict: Verdict | None) -> None:
    assert judge(status) is verdict


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_read_in_any_case_and_with_blanks_around_it(status: str) -> None:
    for written in (status.lower(), status.upper(), f" {status}", f"{status} \n", f"\t{status.swapcase()} "):
        assert judge(written) is STATUSES[status]


# Specimens


def test_a_specimen_that_has_been_used_stays_as_it_is() -> None:
    """What was compressed against one is lost with it: a new one comes after these."""
    assert [sha256(each).hexdigest()[:16] for each in SPECIMENS] == ["6fadfbdc1afd3069"]


# Items


def test_an_item_is_its_id_its_verdict_and_all_that_came() -> None:
    came = item("Success", statusCode=201, new={"x": 1}) | {"meta": None}
    assert item_results(answer(came)) == [
        ItemResult(UUID(ID), Verdict.SUCCEEDED, json.dumps(came, separators=(",", ":")).encode())
    ]


@pytest.mark.parametrize(
    ("response", "codes"),
    [
        ({"errors": [{"id": "2010"}, {"id": 3047}], "warnings": [{"id": "2010"}]}, ("2010", "3047")),
        # Whatever is no short word may be anybody's number.
        ({"errors": [{"id": "20120229-9809"}, {}, "x", None]}, ("unknown",)),
        ({"errors": {"id": "2010"}, "warnings": None}, ()),
        ({"errors": [{"id": str(number)} for number in range(50)]}, tuple(map(str, range(20)))),
    ],
)
def test_an_item_has_the_codes_of_its_messages_once_each(response: dict[str, Any], codes: tuple[str, ...]) -> None:
    assert [each.codes for each in item_results(answer(item("Error", **response)))] == [codes]


@pytest.mark.parametrize(
    "response", [None, "Success", [], 7, {}, {"status": None}, {"status": 7}, {"status": ["Success"]}]
)
def test_an_item_without_a_status_is_open(response: Any) -> None:
    assert [each.verdict for each in item_results(answer({"id": ID, "response": response}))] == [Verdict.OPEN]


def test_an_item_without_a_response_is_open() -> None:
    assert [each.verdict for each in item_results(answer({"id": ID}))] == [Verdict.OPEN]


@pytest.mark.parametrize("other", [None, 7, "x", [], {}, {"id": None}, {"id": 7}, {"id": "x"}, {"id": {}}])
def test_an_item_without_an_id_is_passed_over(other: Any) -> None:
    assert [each.object_id for each in item_results(answer(other, {"id": ID}))] == [UUID(ID)]


def test_an_id_is_the_same_in_any_case() -> None:
    assert [each.object_id for each in item_results(answer({"id": ID.upper()}))] == [UUID(ID)]


def test_no_items_are_no_fault() -> None:
    assert item_results(answer()) == []


@pytest.mark.parametrize("came", [b"", b"null", b"[]", b"{}", b'{"responses":null}', b'{"responses":{}}', b'{"resp'])
def test_an_answer_without_a_list_of_items_is_tried_again(came: bytes) -> None:
    with pytest.raises(TryAgain) as fault:
        item_results(came)
    assert (fault.value.code, fault.value.answer) == ("answer_unreadable", came)


# The same object twice


@pytest.mark.parametrize(
    "statuses", [("Success", "Success"), ("Error", "error "), (None, "Pending"), ("Deferred", "Postponed")]
)
def test_an_object_that_is_said_twice_to_be_the_same_counts_once(statuses: tuple[str | None, str]) -> None:
    """The first is kept, whatever else the second says; in any spelling of the id."""
    first, second = item(statuses[0]), item(statuses[1], ID.upper(), errors=[{"id": "9999"}])
    results = item_results(answer(first, item("Warning", OTHER), second))
    assert [(each.object_id, json.loads(each.raw)) for each in results] == [
        (UUID(ID), first),
        (UUID(OTHER), item("Warning", OTHER)),
    ]


@pytest.mark.parametrize(
    "statuses", [("Success", "Error"), ("Success", "Warning"), ("Pending", "Success"), ("Success", "Deferred")]
)
def test_an_object_with_two_verdicts_makes_the_whole_answer_one_to_ask_for_again(statuses: tuple[str, str]) -> None:
    """Nobody knows which of them holds."""
    came = answer(item("Success", OTHER), *(item(status) for status in statuses))
    with pytest.raises(TryAgain) as fault:
        item_results(came)
    assert (fault.value.code, fault.value.answer) == ("answer_contradicts", came)


# Refusals


def test_a_refusal_blames_the_objects_that_it_names_each_with_what_it_says_of_it() -> None:
    entries: list[Any] = [{"id": "2010", "resourceId": ID}, {"id": "2011", "resourceId": OTHER}, {"resourceId": ID}]
    assert {named: json.loads(said) for named, said in blamed(json.dumps(entries).encode()).items()} == {
        UUID(ID): [entries[0], entries[2]],
        UUID(OTHER): [entries[1]],
    }


@pytest.mark.parametrize("came", [b"", b"<html>", b"[]", b"7", b'[{"resourceId":"x"},null,{"resourceId":7}]'])
def test_a_refusal_that_names_nobody_blames_nobody(came: bytes) -> None:
    assert blamed(came) == {}
