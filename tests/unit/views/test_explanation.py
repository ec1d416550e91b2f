"""What is shown of the catalogue: each code with what it means and what to do, as JSON and as a page."""

import pytest

from app.catalogue import catalogue
from app.views.explanation import explanation_page, show_explanation, show_explanations


def test_every_code_is_listed_as_often_as_it_stands_for_something() -> None:
    known = catalogue()
    listed = [(each["of"], each["code"]) for each in show_explanations()]
    assert listed[: len(known.issues)] == [("records", code) for code in known.issues]
    every = (known.issues, known.refusals, known.troubles, known.checks)
    assert len(set(listed)) == len(listed) == sum(map(len, every))


def test_what_varies_is_left_open() -> None:
    shown = show_explanation("too_long")
    assert shown is not None
    assert shown["means"]["sv"] == "Det här får ha högst … tecken."
    texts = [text for each in show_explanations() for text in (*each["means"].values(), *each["to_do"].values())]
    assert [text for text in texts if set("{}") & set(text)] == []


def test_one_is_shown_as_it_is_listed() -> None:
    shown = show_explanation("schema_required")
    [listed] = [each for each in show_explanations() if each["code"] == "schema_required"]
    assert shown == {**listed, "also": []}
    assert shown["explanation"] == catalogue().issues["schema_required"].explanation._asdict()


def test_a_code_of_several_things_has_the_others_behind_it() -> None:
    shown = show_explanation("not_utf8")
    assert shown is not None
    assert (shown["of"], [each["of"] for each in shown["also"]]) == ("records", ["bodies"])


@pytest.mark.parametrize(("code", "kind"), [("http_502", "http_500"), ("http_302", "http_other")])
def test_a_status_is_explained_as_those_of_its_kind(code: str, kind: str) -> None:
    shown, of_kind = show_explanation(code), show_explanation(kind)
    assert shown is not None
    assert of_kind is not None
    assert shown == {**of_kind, "code": code, "url": f"/explanations/{code}"}


@pytest.mark.parametrize("code", ["", "9999", "201201019807", "http_x", "<b>"])
def test_what_is_no_code_has_no_explanation(code: str) -> None:
    assert show_explanation(code) is None


def test_a_page_has_both_languages_and_what_is_in_it_is_text() -> None:
    shown = show_explanation("schema_required")
    assert shown is not None
    page = explanation_page([{**shown, "means": {"sv": "<b>&", "en": "x"}}])
    assert "<title>schema_required</title>" in page
    assert ("<b>" in page, "&lt;b&gt;&amp;" in page) == (False, True)
    assert (page.count('<div lang="sv">'), page.count('<div lang="en">')) == (1, 1)
    assert "Vem som rättar det" in page


def test_what_the_doctor_says_in_a_table_is_a_sentence_here() -> None:
    shown = show_explanation("holder_silent")
    assert shown is not None
    assert shown["explanation"]["en"].startswith("Worker … has it in hand and says nothing…. Another worker:")
