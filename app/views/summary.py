"""What became of the records of a job or a run, in a sentence of each language: `32 användare: 29 klara, 3 fel`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app.catalogue import LANGUAGES, Language, counted, phrase
from app.domain.kinds import Kind
from app.domain.outcome import Counts

# The counts in the order in which they are said, with their nouns: of what is finished, and of what goes on.
_SAID: Final = ("succeeded", "unchanged", "warnings", "errors", "skipped", "sent", "pending")
_LEFT: Final = {True: {"pending": "never_sent"}, False: {"pending": "left"}}
# What a status adds to the figures.
_REMARKS: Final = {"blocked": "stage_before_failed", "cancelled": "was_cancelled"}


def summary(stages: Sequence[tuple[Kind, Counts]], status: str, *, finished: bool) -> Mapping[str, str]:
    """Sums up the records of these stages, those without any left out; `finished` is whether nothing more happens.

    What goes on is summed up as it stands. `status` is that of the job or run.
    """
    return {language: _summary(stages, status, finished, language) for language in LANGUAGES}


def _summary(stages: Sequence[tuple[Kind, Counts]], status: str, finished: bool, language: Language) -> str:
    said = [
        f"{counted(kind, counts.total, language)}: {', '.join(_parts(counts, finished, language))}"
        for kind, counts in stages
        if counts.total
    ]
    if not said:
        said = [phrase(f"no_{stages[0][0]}" if len(stages) == 1 else "no_records", language)]
    remark = _REMARKS.get(status)
    return "; ".join(said) + (f" ({phrase(remark, language)})" if remark else "")


def _parts(counts: Counts, finished: bool, language: Language) -> Iterator[str]:
    for name in _SAID:
        if number := getattr(counts, name):
            yield counted(_LEFT[finished].get(name, name), number, language)
