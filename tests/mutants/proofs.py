"""The proofs that a fault has to get past, from cheap to dear. What they prove stands in the tests themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Proof:
    """Arguments of `python -m`, and the seconds after which a run that is still going counts as stuck."""

    arguments: tuple[str, ...]
    within: float

    @property
    def by_pytest(self) -> bool:
        """Tells whether its output is that of pytest."""
        return self.arguments[0] == "pytest"


def _tests(*chosen: str, within: float = 120) -> Proof:
    options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist")
    return Proof(("pytest", *options, *chosen), within)


def _database(*names: str, within: float = 120) -> Proof:
    return _tests(*(f"tests/database/test_{each}.py" for each in names), within=within)


def _named(file: str, *names: str, within: float = 120) -> Proof:
    """Gives those tests of a file that are named."""
    return _tests(*(f"{file}::test_{each}" for each in names), within=within)


def _crashes(*points: str) -> Proof:
    """Gives the deaths of a worker at those points: with each, one of another kind."""
    test = "tests/journeys/test_crash_points.py::test_another_worker_goes_on_where_one_has_died"
    return _tests(*(f"{test}[{point}]" for point in points), within=240)


_DECISIONS = ("step", "job_decisions", "lifecycle", "retry", "batching", "limits", "circuit", "line", "tenure")
_JOURNEYS = (
    "test_a_worker_that_is_told_to_end_finishes_its_step",
    "test_a_worker_that_is_told_to_end_begins_no_further_call",
    "test_under_continue_only_the_spoilt_and_what_hangs_on_them_fail",
    "test_runs_of_one_activity_go_one_after_the_other",
    "test_nothing_is_lost_when_the_notifier_is_emptied",
)
_WEBHOOK_CALLS = (
    "a_run_that_ends_is_told_until_it_is_taken",
    "both_secrets_sign_after_a_rotation",
    "nothing_is_sent_inside",
    "a_name_that_leads_inside_as_well_is_not_called",
    "a_name_is_looked_up_once",
    "a_certificate_is_of_the_name_that_was_given",
)
_SESSIONS = (
    "a_key_with_history_signs_in",
    "a_form_from_elsewhere_signs_nobody_in",
    "a_session_ends_by_itself",
    "a_page_does_not_outlast_its_session",
    "what_a_page_asks_for_by_itself_keeps_no_session_going",
    "signing_out_needs_the_token_of_the_very_session",
    "the_page_after_the_sign_in_is_one_of_ours",
    "a_cookie_that_was_never_ours_asks_nothing_of_postgres",
    "no_statement_makes_a_session_another_keys",
    "no_statement_has_a_session_last_for_longer",
    "a_key_that_is_revoked_during_a_sign_in_begins_no_session",
)
_PROVIDERS_ANSWERS = (
    "the_way_there_and_back",
    "what_does_not_fit_signs_nobody_in",
    "a_state_that_stands_there_twice_is_none",
    "another_browser_can_not_bring_the_answer",
    "an_answer_counts_once",
    "a_way_that_takes_too_long_ends",
    "the_page_after_it_is_one_of_ours",
)
_PROVIDERS_SESSIONS = (
    "what_is_kept_of_somebody",
    "what_ends_a_session",
    "what_was_unmapped_comes_back_to_nobody_who_was_signed_in",
    "whoever_is_unmapped_during_a_sign_in_has_no_session",
    "a_session_is_of_the_provider_that_there_is",
    "protected_persons_take_a_new_sign_in",
    "the_page_offers_both_ways_or_the_providers_alone",
    "whoever_fails_often_waits",
)
_PROVIDERS_STRANGERS = (
    "strangers_keep_nobody_from_signing_in",
    "codes_of_one_address_go_to_the_provider_a_few_at_a_time",
)
_EXPORTS = (
    "records_leave_as_csv_json_lines_and_workbook",
    "an_export_shows_no_more_than_the_key_may_see",
)
_CONDITIONS = (
    "tests/api/test_request_forms.py::test_if_none_match_asks_for_a_new_activity",
    "tests/api/test_manners.py::test_an_activitys_etag_changes_with_what_is_shown_and_names_its_version",
    "tests/api/test_runs.py::test_polling_is_cheap",
)
_REPEATS = (
    "a_repeat_gets_the_same_answer_and_says_that_it_is_one",
    "a_key_is_for_one_request",
    "what_a_caller_chose_for_a_key_is_not_kept",
    "while_the_first_request_goes_on_a_repeat_is_409",
)
_STREAMS = (
    "a_stream_goes_on_behind_the_last_id_and_tells_when_there_is_no_more",
    "whose_place_is_gone_begins_anew",
    "a_stream_ends_when_its_key_may_not_see_it_any_more",
    "a_ticket_opens_streams_for_a_minute_and_what_it_has_opened_goes_on",
    "a_ticket_is_for_event_streams_alone",
)
_CHANGES = (
    "what_began_earlier_and_is_committed_later_is_not_missed",
    "a_key_is_shown_the_changes_that_it_may_see",
    "a_cursor_of_another_log_is_gone",
    "a_cursor_of_a_time_that_was_undone_is_gone",
)

PROOFS: Final[Mapping[str, Proof]] = {
    "decisions": _tests(*(f"tests/unit/test_{each}.py" for each in _DECISIONS)),
    "settings": _tests(
        *(f"tests/unit/test_{each}.py" for each in ("private_files", "plain_addresses", "secret_files", "settings"))
    ),
    "refusals": _database("refusals", "refusals_of_rows", "transitions"),
    "claims": _database("claims", "clock"),
    "queues": _database("activity_queue", "queue_order", "regressions"),
    "pauses": _database("pauses"),
    "batches": _database("batches", "unmark_called", "at_target"),
    "contents": _database("content", "erasure"),
    "audit": _database("audit"),
    "audited changes": _tests("tests/api/test_audited_changes.py"),
    "chain of the audit": _tests("tests/unit/test_audit.py"),
    "disclosures": _tests("tests/api/test_disclosures.py"),
    "erasure": _tests(
        "tests/unit/test_erasing.py", "tests/unit/test_without_others.py", "tests/database/test_erasing.py"
    ),
    "retention": _tests("tests/unit/test_retention.py", "tests/database/test_retention.py"),
    "privacy report": _database("privacy_report"),
    "egress": _database("egress", "circuits"),
    "suspects": _database("suspects"),
    "faults": _database("faults"),
    "pacer": _tests("tests/unit/test_pacer.py"),
    "uploads": _database("uploads", "latest_upload", "unanswered"),
    "exceptions": _database("kept_here", "eppn_order", "shrinking", "comparisons"),
    "tasks": _database("tasks", "repairs"),
    "keys": _tests("tests/unit/test_cipher.py", "tests/unit/test_diagnosis.py", "tests/database/test_sealing_anew.py"),
    "free text": _tests("tests/api/test_free_text.py"),
    "the API's keys": _named(
        "tests/journeys/test_key_rotation.py", "an_api_without_the_workers_keys_does_its_work_and_opens_no_token"
    ),
    "organisations": _database("organisation_first"),
    "API": _tests("tests/api/test_runs.py", "tests/api/test_idempotency.py"),
    "access": _tests(
        "tests/unit/test_advisory_locks.py", "tests/api/test_access_table.py", "tests/api/test_own_runs.py"
    ),
    "proxies": _tests("tests/unit/test_proxies.py"),
    "limits": _tests("tests/unit/test_buckets.py", "tests/api/test_limits.py"),
    "departures": _tests("tests/api/test_departures.py"),
    "connections": _tests("tests/api/test_connections.py"),
    "headers": _tests("tests/api/test_manners.py::test_every_answer_is_under_a_policy"),
    "nothing repeated": _tests("tests/api/test_nothing_repeated.py"),
    "policies": _tests("tests/database/test_access.py", "tests/api/test_second_line.py"),
    "plans": _tests("tests/api/test_plans.py"),
    "plans as rows": _database("plans"),
    "units": _tests("tests/api/test_school_units.py", within=240),
    "search": _tests(
        *("tests/unit/test_search.py", "tests/unit/test_cursors.py", "tests/api/test_objects.py"), within=240
    ),
    "reads": _tests(
        "tests/unit/test_changes.py",
        "tests/unit/test_memory.py",
        "tests/api/test_remembered.py",
        "tests/api/test_streams.py",
    ),
    "client": _tests(
        *(
            f"tests/contract/test_{each}.py"
            for each in ("client_answers", "client_against_simulator", "unacknowledged", "calls")
        )
    ),
    "readiness": _tests("tests/unit/test_readiness.py"),
    "webhook rules": _tests("tests/unit/test_webhooks.py"),
    "beside": _tests("tests/unit/test_only_published.py", "tests/api/test_beside.py", within=240),
    "masking": _tests("tests/unit/test_masking.py", "tests/unit/views/test_export.py"),
    "marked once": _tests("tests/api/test_marked_once.py", within=300),
    "own uploads": _tests("tests/api/test_said_of_own_uploads.py", within=300),
    "run page": _named("tests/api/test_run_page.py", "a_newer_roster_of_other_schools_is_not_told"),
    "exam pages": _named("tests/api/test_exam_pages.py", "what_keeps_persons_back_is_offered_to_who_may_see_them"),
    "protected and erased": _named(
        "tests/api/test_erasures.py", "a_duty_that_was_theirs_tells_nothing_of_who_is_protected"
    ),
    "markings": _tests("tests/api/test_hidden_schools.py", "tests/api/test_readiness.py"),
    "codes": _tests("tests/unit/views/test_codes.py"),
    "deliveries": _database("webhooks"),
    "webhook calls": _named("tests/api/test_webhooks.py", *_WEBHOOK_CALLS),
    "sessions": _named("tests/api/test_sign_in.py", *_SESSIONS),
    "session tokens": _tests("tests/unit/test_session_tokens.py"),
    "provider's documents": _tests("tests/unit/test_oidc.py", "tests/unit/test_rights.py"),
    "forged tokens": _tests("tests/api/test_forged_tokens.py", within=300),
    "provider's answers": _named("tests/api/test_provider_sign_in.py", *_PROVIDERS_ANSWERS, within=240),
    "provider's sessions": _named("tests/api/test_provider_sign_in.py", *_PROVIDERS_SESSIONS, within=240),
    "provider's strangers": _named("tests/api/test_provider_sign_in.py", *_PROVIDERS_STRANGERS, within=240),
    "bearer tokens": _tests("tests/api/test_bearer_tokens.py", within=300),
    "subjects": _database("subjects"),
    "exports": _named("tests/api/test_exports.py", *_EXPORTS),
    "conditions": _tests("tests/unit/test_answers.py", *_CONDITIONS),
    "repeats": _named("tests/api/test_idempotency.py", *_REPEATS),
    # Each waits a minute for a stream that ought to end.
    "streams": _named("tests/api/test_events.py", *_STREAMS, within=240),
    "changes": _named("tests/api/test_changes.py", *_CHANGES),
    "model": _database("model", within=300),
    "hostile SQL": _database("hostile_sql", within=240),
    "crash points": _crashes(
        "during_call:send",
        "after_commit:mark_called",
        "after_commit:accept_batch",
        "before_commit:apply_answer",
        "before_commit:claim",
    ),
    "image": _tests("tests/operate/test_image.py", within=240),
    "Postgres's log": _tests("tests/operate/test_postgres_log.py"),
    "TLS to servers": _tests("tests/operate/test_server_tls.py"),
    "roles": _tests("tests/operate/test_roles.py"),
    "meters": _tests("tests/unit/test_meters.py"),
    "own TLS": _tests("tests/operate/test_own_tls.py"),
    "journeys": _tests(*(f"tests/journeys/test_journeys.py::{each}" for each in _JOURNEYS), within=300),
    "torture": Proof(
        (
            *("tests.torture", "--seed", "1", "--minutes", "0.3", "--organisations", "3"),
            *("--largest", "300", "--settle", "60", "--quiet-pace", "0"),
        ),
        300,
    ),
}
