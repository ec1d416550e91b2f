"""Causes are grouped by code and stage: errors first, the most frequent of them first, each with what to do."""

from app.catalogue import LANGUAGES, issue
from app.web.causes import Cause, causes_of, explained_by, ranked
from app.web.job_page import causes_of as causes_of_job

UNKNOWN = Cause("9999", "persons", 3)


def test_errors_come_first_and_the_most_frequent_of_them() -> None:
    given = [
        Cause("a", "groups", 9, "warn"),
        Cause("b", "persons", 1),
        Cause("c", "persons", 5),
        Cause("d", "groups", 5),
    ]
    assert [each.code for each in ranked(given)] == ["c", "d", "b", "a"]


def test_a_cause_is_said_in_the_readers_language() -> None:
    entry = issue("schema_required")
    assert entry is not None
    for language in LANGUAGES:
        (cause,) = causes_of("persons", {"schema_required": 2}, language)
        texts = getattr(entry, language)
        assert (cause.stage, cause.count, cause.tone) == ("persons", 2, "bad")
        # As on the pages of jobs and records: `cause` is a part of another sentence.
        assert (cause.means, cause.to_do, cause.mended_by) == (texts.means, texts.to_do, entry.mended_by)


def test_a_code_that_nobody_knows_is_explained_by_an_example() -> None:
    """With the severity, and whoever mends it, that it has there; without an example it is there all the same."""
    assert causes_of("persons", {"9999": 3}, "en") == [UNKNOWN]
    said = {
        "code": "9999",
        "severity": "warning",
        "explanation": {"sv": "Svenska.", "en": "English."},
        "explanation_url": "/explanations/eppn_missing",
    }
    other = {**said, "code": "8888"}
    for language in LANGUAGES:
        found = explained_by(UNKNOWN, [{"messages": [other]}, {"messages": [other, said]}], language)
        assert (found.tone, found.count, found.mended_by) == ("warn", 3, "identity_provider")
        assert found.means == {"sv": "Svenska.", "en": "English."}[language]
    assert explained_by(UNKNOWN, [{"messages": [other]}], "sv") == UNKNOWN
    bare = {**said, "severity": "error", "explanation": None, "explanation_url": None}
    assert explained_by(UNKNOWN, [{"messages": [bare]}], "sv") == UNKNOWN


def test_one_code_with_several_explanations_has_them_all() -> None:
    """Each once; whoever mends it is named where it is the same of all. No single one stands for the code in a line."""
    said = [
        {"code": "9999", "severity": "error", "explanation": {"sv": sv, "en": en}, "explanation_url": url}
        for sv, en, url in (
            ("Namnet saknas.", "The name is missing.", "/explanations/schema_required"),
            ("Adressen är för lång.", "The address is too long.", "/explanations/eppn_missing"),
            ("Namnet saknas.", "The name is missing.", "/explanations/schema_required"),
        )
    ]
    (both,) = causes_of_job({"code": {"9999": 3}}, [{"messages": said}])
    assert [each.en for each in both.meanings] == ["The name is missing.", "The address is too long."]
    assert (both.short.sv, both.mended_by) == ("9999", None)
    (one,) = causes_of_job({"code": {"9999": 2}}, [{"messages": said[::2]}])
    assert ([each.sv for each in one.meanings], one.short.sv) == (["Namnet saknas."], "Namnet saknas")
    assert one.mended_by is not None
    bare = {**said[0], "explanation": None, "explanation_url": None}
    assert causes_of_job({"code": {"9999": 3}}, [{"messages": [bare]}])[0].meanings == []
    # What one of them means is not what the code means.
    (mixed,) = causes_of_job({"code": {"9999": 3}}, [{"messages": [said[0], bare]}])
    assert ([each.sv for each in mixed.meanings], mixed.several, mixed.short.sv) == (["Namnet saknas."], True, "9999")


def test_the_page_of_a_job_has_errors_before_warnings_however_many_there_are() -> None:
    """Both of ours and of the target's, whose severity is that of a record that has it."""
    said = {"code": "9999", "severity": "warning", "explanation": None, "explanation_url": None}
    by_code = {"value_left_out": 50, "9999": 20, "schema_enum": 2, "8888": 1}
    found = causes_of_job({"code": by_code}, [{"messages": [said]}])
    assert [(each.code, each.tone) for each in found] == [
        ("schema_enum", "bad"),
        ("8888", "bad"),
        ("value_left_out", "warn"),
        ("9999", "warn"),
    ]
