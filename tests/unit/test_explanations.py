"""Every code has an explanation in two languages, for somebody who has never seen the code."""

import pytest

from app.domain.explanations import EXPLANATIONS, UNKNOWN, explain
from app.domain.fault_explanations import FAULTS
from app.jobs import problems
from app.skolverket.advice import ADVICE

OURS = {
    *("schema_type", "schema_required", "schema_enum", "schema_format", "schema_range", "schema_items", "schema_null"),
    *("schema_other", "not_utf8", "blocked_by", "sent_without", "too_large", "no_contact", "gave_up", "no_answer"),
    *("unknown_status", "cancelled", "worker_lost", "refused_batch", "records_failed", "held_before"),
}
SKOLVERKETS = {"2010", "2011", "2025", "3047", "3085", "4001", "5002", "5004", "5020", "5021", "5022", "6001"}


def test_the_table_has_our_codes_and_skolverkets_published_ids_and_no_others() -> None:
    assert set(EXPLANATIONS) == {*OURS, *SKOLVERKETS, *FAULTS}
    assert len(EXPLANATIONS) == len(OURS) + len(SKOLVERKETS) + len(FAULTS)


@pytest.mark.parametrize("code", sorted({*problems._SENTENCES, *ADVICE}))
def test_every_code_that_a_job_can_have_is_explained(code: str) -> None:
    assert code in EXPLANATIONS


@pytest.mark.parametrize(
    ("code", "kind"),
    [("http_500", "http_500"), ("http_502", "http_500"), ("http_503", "http_503"), ("http_302", "http_other")],
)
def test_a_status_that_is_not_named_has_the_text_of_its_kind(code: str, kind: str) -> None:
    assert explain(code) == EXPLANATIONS[kind]


@pytest.mark.parametrize("code", ["9999", "", "GIVEN NAME"])
def test_an_unknown_code_has_the_general_explanation(code: str) -> None:
    assert explain(code) == UNKNOWN


def test_no_two_codes_share_a_text_but_faults_of_one_kind() -> None:
    """And those share it in both languages."""
    every = [*(text for code, text in EXPLANATIONS.items() if code not in FAULTS), *set(FAULTS.values()), UNKNOWN]
    assert len({sv for sv, _ in every}) == len({en for _, en in every}) == len(every)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_an_explanation_is_whole_sentences_in_both_languages(code: str) -> None:
    for text in explain(code):
        assert text == text.strip()
        assert text.endswith(".")
        assert "  " not in text
        assert text.count(". ") >= 1


def test_a_fault_of_the_authorisation_server_is_explained_as_that_of_the_others() -> None:
    assert explain("authorisation_timeout") == explain("timeout") != UNKNOWN
    assert explain("authorisation_http_503") == explain("http_503") != UNKNOWN
