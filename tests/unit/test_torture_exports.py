"""What the torture finds in exports, in webhooks and in addresses, and when it says that a search has found nothing."""

import io
import zipfile

import httpx
import pytest

from tests.torture.agreement import searched_in_vain
from tests.torture.exports import FORMS, Exported, leaks_of_the_protected, leaks_to_the_blind, not_found, text_of
from tests.torture.leaks import addresses, leaks
from tests.torture.receiver import Receiver
from tests.torture.rosters import DOMAIN, Maker, Marked
from tests.torture.witnesses import Call, Seen

NAME, NUMBER, SCHOOL = "Örtyrmarkqzvmvgya", "201012129816", "Åsnässkolan"
HIDDEN = Marked("p1", "1", True, frozenset({NAME, NUMBER}), frozenset({"Bea", NAME, NUMBER}))
OPEN = Marked("p2", "1", False, frozenset({"Őrtyrmarkidfvvfmn"}), frozenset({"Bea", "Őrtyrmarkidfvvfmn"}))
MASKED = "Klar;***;***;p1;\nKlar;Bea Őrtyrmarkidfvvfmn;20101212-9800;p2;Åsnässkolan\n"


def of_the_protected(text: str) -> list[tuple[str, int]]:
    export = Exported("csv", text_of("csv", text.encode()), of_persons=True)
    return list(leaks_of_the_protected([export], [HIDDEN, OPEN], set(), [SCHOOL]))


@pytest.mark.parametrize(
    "leaked",
    [
        MASKED + f"somewhere else;{NAME}\n",
        MASKED.replace("***;***;p1", "***;20101212-9816;p1"),
        MASKED.replace("***;***;p1", "Bea ***;***;p1"),
        MASKED.replace("p1;", f"p1;{SCHOOL}"),
    ],
)
def test_what_tells_a_protected_person_or_their_school_is_found(leaked: str) -> None:
    assert of_the_protected(MASKED) == []
    assert of_the_protected(leaked) != []


@pytest.mark.parametrize(
    ("leaked", "found"),
    [
        ("Klar;***;p1", 0),
        ("Klar;Bea;p1", 1),
        ("Klar;20101212-9816", 1),
        (SCHOOL, 1),
        (f'"login":"x@edu.a1.{DOMAIN}"', 1),
        ('{"name":"\\u00d6rtyrmarkqzvmvgya"}', 1),
    ],
)
def test_who_may_see_no_names_finds_nobodys_and_no_school(leaked: str, found: int) -> None:
    export = Exported("csv", leaked, of_persons=True)
    assert len(list(leaks_to_the_blind([export], {"Bea", NAME, NUMBER}, [SCHOOL]))) == found


def test_a_workbook_is_read_in_all_of_its_parts() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("xl/sharedStrings.xml", "<si>&#214;rtyrmarkqzvmvgya</si>")
        book.writestr("xl/worksheets/sheet1.xml", "<row >1</row><row >20101212-9816</row>")
    text = text_of("xlsx", file.getvalue())
    assert NAME in text
    assert NUMBER in text
    assert len(Exported("xlsx", text, of_persons=True).rows) == 3


def test_exports_in_which_nobody_is_found_are_said_to_show_none() -> None:
    """Of those who are protected only the whole key's can have one."""
    every = [Exported(form, f"{NAME} Őrtyrmarkidfvvfmn", of_persons=True) for form in FORMS]
    assert list(not_found(every, every, [HIDDEN, OPEN])) == []
    said = list(not_found([*every[:2], Exported("xlsx", "***", of_persons=True)], [], [HIDDEN, OPEN]))
    assert len(said) == 1 + len(FORMS)
    assert [each.what for each in searched_in_vain(Seen(blind=said))] == said


async def test_what_webhooks_are_sent_is_kept_and_searched_whole() -> None:
    receiver = Receiver()
    await receiver.open()
    signed = {"webhook-signature": "v1,ab/Bea/cd="}
    async with httpx.AsyncClient(trust_env=False) as sender:
        for body, headers in (({}, {}), ({"name": NAME}, {}), ({}, {"x-who": "Bea"})):
            answer = await sender.post(receiver.url, json=body, headers={**signed, **headers})
            assert answer.status_code == 204
        await sender.post(f"{receiver.url}?who=Bea", headers=signed)
    await receiver.close()
    assert [len(list(leaks([each], {"Bea", NAME}))) for each in receiver.texts()] == [0, 1, 1, 1]


def test_an_address_with_a_name_is_found() -> None:
    called = [Call(1, 0.0, 0.0, "GET", "/provisioning/v1/persons/bulk/7")]
    assert list(leaks([addresses(called)], {"Åsa", "Bea"})) == []
    called.append(Call(2, 0.0, 0.0, "GET", "/provisioning/v1/persons", "name=%C3%85sa"))
    assert [count for _, count in leaks([addresses(called)], {"Åsa", "Bea"})] == [1]


def test_of_each_roster_some_persons_are_told_from_all_others_and_one_is_protected() -> None:
    maker = Maker("2120000001", 1)
    for persons in (5, 200):
        first, second = (maker.make(persons, seed, defects=3).marked for seed in (1, 2))
        assert any(each.protected for each in first)
        assert len({name for each in (*first, *second) for name in each.values if "rtyrmark" in name}) > 4
        assert not {value for each in first for value in each.values} & {name for each in second for name in each.told}
