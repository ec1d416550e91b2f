"""What became of records, as a sentence in both languages."""

import pytest

from app.domain.kinds import Kind
from app.domain.lifecycle import FINISHED_JOB
from app.domain.outcome import Counts
from app.views.summary import plan_summary, summary

PERSONS, DUTIES, GROUPS, ACTIVITIES = Kind


@pytest.mark.parametrize(
    ("kind", "counts", "status", "sv", "en"),
    [
        (
            *(PERSONS, Counts(total=45, succeeded=41, errors=4), "failed"),
            *("45 användare: 41 klara, 4 fel", "45 users: 41 done, 4 failed"),
        ),
        (PERSONS, Counts(total=1, succeeded=1), "succeeded", "1 användare: 1 klar", "1 user: 1 done"),
        (DUTIES, Counts(total=1, errors=1), "failed", "1 tjänstgöring: 1 fel", "1 duty: 1 failed"),
        (DUTIES, Counts(total=2, succeeded=2), "succeeded", "2 tjänstgöringar: 2 klara", "2 duties: 2 done"),
        (GROUPS, Counts(total=1, warnings=1), "succeeded", "1 grupp: 1 med varning", "1 group: 1 with a warning"),
        (GROUPS, Counts(), "succeeded", "inga grupper", "no groups"),
        (ACTIVITIES, Counts(), "succeeded", "inga aktiviteter", "no activities"),
        (
            *(ACTIVITIES, Counts(total=11, succeeded=2, unchanged=1, warnings=2, errors=3, skipped=3), "succeeded"),
            "11 aktiviteter: 2 klara, 1 oförändrad, 2 med varning, 3 fel, 3 överhoppade",
            "11 activities: 2 done, 1 unchanged, 2 with warnings, 3 failed, 3 skipped",
        ),
        (
            *(PERSONS, Counts(total=9, unchanged=8, skipped=1), "succeeded"),
            *("9 användare: 8 oförändrade, 1 överhoppad", "9 users: 8 unchanged, 1 skipped"),
        ),
        (
            *(GROUPS, Counts(total=4, pending=4), "blocked"),
            "4 grupper: 4 inte skickade (ett tidigare steg gick inte igenom)",
            "4 groups: 4 not sent (a stage before it did not get through)",
        ),
        (
            *(PERSONS, Counts(total=4, succeeded=3, pending=1), "cancelled"),
            *("4 användare: 3 klara, 1 inte skickad (avbruten)", "4 users: 3 done, 1 not sent (cancelled)"),
        ),
        (GROUPS, Counts(), "cancelled", "inga grupper (avbruten)", "no groups (cancelled)"),
        (
            *(PERSONS, Counts(total=9, succeeded=2, sent=3, pending=4), "running"),
            "9 användare: 2 klara, 3 väntar på svar, 4 kvar",
            "9 users: 2 done, 3 waiting for an answer, 4 left",
        ),
        (PERSONS, Counts(total=9, pending=9), "waiting", "9 användare: 9 kvar", "9 users: 9 left"),
        (
            *(PERSONS, Counts(total=9, pending=9), "failed"),
            *("9 användare: 9 inte skickade", "9 users: 9 not sent"),
        ),
    ],
)
def test_a_job_is_summed_up_by_its_counts(kind: Kind, counts: Counts, status: str, sv: str, en: str) -> None:
    assert summary([(kind, counts)], status, finished=status in FINISHED_JOB) == {"sv": sv, "en": en}


@pytest.mark.parametrize(
    ("stages", "status", "sv", "en"),
    [
        (
            [Counts(total=45, succeeded=41, errors=4), Counts(), Counts(), Counts()],
            *("failed", "45 användare: 41 klara, 4 fel", "45 users: 41 done, 4 failed"),
        ),
        (
            [Counts(total=2, succeeded=2), Counts(total=1, skipped=1), Counts(), Counts(total=1, warnings=1)],
            "succeeded",
            "2 användare: 2 klara; 1 tjänstgöring: 1 överhoppad; 1 aktivitet: 1 med varning",
            "2 users: 2 done; 1 duty: 1 skipped; 1 activity: 1 with a warning",
        ),
        ([Counts()] * 4, "succeeded", "inga poster", "no records"),
        ([Counts()] * 4, "cancelled", "inga poster (avbruten)", "no records (cancelled)"),
        (
            [Counts(total=2, sent=2), Counts(total=3, pending=3), Counts(), Counts()],
            "running",
            "2 användare: 2 väntar på svar; 3 tjänstgöringar: 3 kvar",
            "2 users: 2 waiting for an answer; 3 duties: 3 left",
        ),
    ],
)
def test_a_run_is_summed_up_stage_by_stage_without_the_empty_ones(
    stages: list[Counts], status: str, sv: str, en: str
) -> None:
    summed = summary(list(zip(Kind, stages, strict=True)), status, finished=status != "running")
    assert summed == {"sv": sv, "en": en}


def planned(kind: Kind, *, stops_here: bool = False, **counts: int) -> dict[str, object]:
    """Makes the counts of a plan's stage."""
    none = dict.fromkeys(("send", "unchanged", "kept_here", "blocked", "skipped", "not_reached"), 0)
    return {"stage": kind.value, "total": sum(counts.values()), **none, **counts, "stops_here": stops_here}


@pytest.mark.parametrize(
    ("stages", "sv", "en"),
    [
        (
            [planned(PERSONS, send=41, kept_here=4), planned(DUTIES, blocked=1), planned(GROUPS)],
            "45 användare: 41 skickas, 4 stannar här med fel; 1 tjänstgöring: 1 hindras av en annan post",
            "45 users: 41 to be sent, 4 stay here with an error; 1 duty: 1 blocked by another record",
        ),
        (
            [planned(PERSONS, send=1, kept_here=1, stops_here=True), planned(DUTIES, not_reached=2)],
            "2 användare: 1 skickas, 1 stannar här med fel; 2 tjänstgöringar: 2 nås inte"
            " (körningen stannar där något inte kan skickas)",
            "2 users: 1 to be sent, 1 stays here with an error; 2 duties: 2 not reached"
            " (the run stops where something cannot be sent)",
        ),
        (
            [planned(GROUPS, unchanged=1, skipped=2)],
            "3 grupper: 1 finns redan i senare version, 2 hoppas över",
            "3 groups: 1 there already in a later version, 2 skipped",
        ),
        ([planned(GROUPS)], "inga grupper", "no groups"),
        ([planned(kind) for kind in Kind], "inga poster", "no records"),
    ],
)
def test_a_plan_is_summed_up(stages: list[dict[str, object]], sv: str, en: str) -> None:
    assert plan_summary(stages) == {"sv": sv, "en": en}
