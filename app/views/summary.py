"""What became of the records of a job or a run, in a sentence of each language: `45 användare: 41 klara, 4 fel`.

And what would become of the objects of a plan.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from app.catalogue import LANGUAGES, Language, counted, phrase
from app.domain.kinds import Kind
from app.domain.outcome import Counts
from app.views import Row

# The counts in the order in which they are said, with their nouns: of what is finished, and of what goes on.
_SAID: Final = ("succeeded", "unchanged", "warnings", "errors", "skipped", "sent", "pending")
_LEFT: Final = {True: {"pending": "never_sent"}, False: {"pending": "left"}}
_PLANNED: Final = ("send", "unchanged", "kept_here", "blocked", "skipped", "not_reached")
# What a status adds to the figures.
_REMARKS: Final = {"blocked": "stage_before_failed", "cancelled": "was_cancelled"}


def summary(stages: Sequence[tuple[Kind, Counts]], status: str, *, finished: bool) -> Mapping[str, str]:
    """Sums up the records of these stages, those without any left out; `finished` is whether nothing more happens.

    What goes on is summed up as it stands. `status` is that of the job or run.
    """
    return {language: _summary(stages, status, finished, language) for language in LANGUAGES}


def _summary(stages: Sequence[tuple[Kind, Counts]], status: str, finished: bool, language: Language) -> str:
    said = [_stage(kind, counts, finished, language) for kind, counts in stages if counts.total]
    if not said:
        said = [phrase(f"no_{stages[0][0]}" if len(stages) == 1 else "no_records", language)]
    remark = _REMARKS.get(status)
    return "; ".join(said) + (f" ({phrase(remark, language)})" if remark else "")


# A run says it of its jobs, and each of these once more; a page has many that have long ended.
@lru_cache(maxsize=8192)
def _stage(kind: Kind, counts: Counts, finished: bool, language: Language) -> str:
    return f"{counted(kind, counts.total, language)}: {', '.join(_parts(counts, finished, language))}"


def plan_summary(stages: Sequence[Row]) -> Mapping[str, str]:
    """Sums up the counts of a plan's stages, those without any object left out."""
    return {language: _plan_summary(stages, language) for language in LANGUAGES}


def _plan_summary(stages: Sequence[Row], language: Language) -> str:
    said = [
        f"{counted(stage['stage'], stage['total'], language)}: {', '.join(_planned(stage, language))}"
        for stage in stages
        if stage["total"]
    ]
    if not said:
        said = [phrase(f"no_{stages[0]['stage']}" if len(stages) == 1 else "no_records", language)]
    remark = f" ({phrase('chain_stops', language)})" if any(stage["stops_here"] for stage in stages) else ""
    return "; ".join(said) + remark


def _planned(stage: Row, language: Language) -> Iterator[str]:
    for name in _PLANNED:
        if number := stage[name]:
            yield counted(f"planned_{name}", number, language)


def _parts(counts: Counts, finished: bool, language: Language) -> Iterator[str]:
    for name in _SAID:
        if number := getattr(counts, name):
            yield counted(_LEFT[finished].get(name, name), number, language)
