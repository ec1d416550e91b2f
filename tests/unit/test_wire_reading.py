"""What is read back, from the Provisioning API and from the open data, and what asks for it."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.skolverket.faults import TryAgain
from app.skolverket.wire import (
    EXAM_CODE,
    OpenItem,
    Page,
    completed,
    delete_body,
    found,
    held,
    lookup_body,
    open_item,
    open_items,
    page,
    school_units,
)

ID = "a0000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(("answer", "is_completed"), [(b"true", True), (b"false", False), (b" true\n", True)])
def test_a_job_is_over_or_not(answer: bytes, is_completed: bool) -> None:
    assert completed(answer) is is_completed


@pytest.mark.parametrize("answer", [b"", b"null", b"1", b'"true"', b"{}", b"[true]", b'{"isCompleted":true}', b"tru"])
def test_what_is_no_bare_boolean_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain) as fault:
        completed(answer)
    assert (fault.value.code, fault.value.answer) == ("answer_unreadable", answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"data":[]}', Page([], None)),
        (b'{"data":[{"id":"x","new":{"y":1}}],"pageToken":"abc"}', Page([{"id": "x", "new": {"y": 1}}], "abc")),
        (b'{"data":[{}],"pageToken":null,"more":1}', Page([{}], None)),
        (b'{"data":[{}],"pageToken":""}', Page([{}], None)),
        (b'{"data":[{}],"pageToken":7}', Page([{}], None)),
        (b'{"data":[null,7,{"id":"x"}]}', Page([{"id": "x"}], None)),
    ],
)
def test_a_page_is_its_objects_as_they_came_and_what_asks_for_the_next(answer: bytes, expected: Page) -> None:
    assert page(answer) == expected


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"data":null}', b'{"data":{}}', b'{"data":[]'])
def test_what_is_no_page_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain):
        page(answer)


def test_a_lookup_gives_the_objects_as_they_came() -> None:
    assert found(b'[{"id":"x","securityMarking":"Ingen","new":[1]},null]') == [
        {"id": "x", "securityMarking": "Ingen", "new": [1]}
    ]


@pytest.mark.parametrize(("reader", "answer"), [(found, b'{"data":[]}'), (found, b"null"), (held, b"[]"), (held, b"7")])
def test_another_shape_than_the_documented_one_is_tried_again(reader: Any, answer: bytes) -> None:
    with pytest.raises(TryAgain):
        reader(answer)


@pytest.mark.parametrize(
    "answer", [b'{"data":[{"x":NaN}]}', b'{"data":[{"x":Infinity}]}', b'{"data":[{"x":-Infinity}]}']
)
def test_a_constant_that_json_does_not_have_is_no_json(answer: bytes) -> None:
    """Postgres would refuse it where it is stored."""
    with pytest.raises(TryAgain):
        page(answer)


# What is sent


def test_a_lookup_asks_compactly_and_for_what_there_is_alone() -> None:
    assert lookup_body([UUID(ID)], [], []) == b'{"ids":["%s"]}' % ID.encode()
    assert json.loads(lookup_body([], ["201203049810"], ["å@example.se"])) == {
        "ids": [],
        "civicNos": ["201203049810"],
        "eduPersonPrincipalNames": ["å@example.se"],
    }


def test_a_text_without_a_utf8_form_is_no_crash() -> None:
    assert json.loads(lookup_body([], [], ["\ud800@example.se"]))["eduPersonPrincipalNames"] == ["\ud800@example.se"]


def test_a_delete_names_ids_alone() -> None:
    assert delete_body([UUID(ID)]) == b'{"data":["%s"]}' % ID.encode()


# Open data


def test_an_item_is_its_id_its_code_and_all_that_came() -> None:
    raw = {"id": ID, "displayName": "MATMAT01", "schoolYear": 6, "new": None}
    assert open_items(json.dumps([raw]).encode(), EXAM_CODE) == [OpenItem(UUID(ID), "MATMAT01", raw)]


def test_an_item_without_a_code_has_an_empty_one_and_one_without_an_id_is_passed_over() -> None:
    assert [item.code for item in open_items(b'[{"id":"%s","displayName":7},{},null]' % ID.encode(), EXAM_CODE)] == [""]


@pytest.mark.parametrize("answer", [b"[]", b"null", b"{}", b'{"id":"x"}', b"7"])
def test_one_item_without_an_id_is_tried_again(answer: bytes) -> None:
    with pytest.raises(TryAgain):
        open_item(answer, EXAM_CODE)


@pytest.mark.parametrize("units", [None, "x", 7, {}])
def test_an_organisation_without_a_list_of_units_has_none(units: Any) -> None:
    assert school_units(OpenItem(UUID(ID), "2120000001", {"schoolUnits": units})) == []
