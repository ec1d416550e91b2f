"""Why records of a run did not simply succeed, grouped by cause: what it means, what to do, who mends it, how many."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from app.api.dependencies import Parts
from app.api.reading.records import RecordQuery, read_records
from app.catalogue import Language, issue
from app.db.cipher import OrganisationCipher
from app.db.record_lists import RecordFilter
from app.views import Row
from app.views.viewer import Viewer
from app.web.record_fields import mended_by

# Of so many the rest are on the pages of the stages.
MOST: Final = 12


@dataclass(frozen=True, slots=True)
class Cause:
    """One code in one stage; `means` is empty as long as nobody has explained it, `mended_by` None if nobody knows."""

    code: str
    stage: str
    count: int
    tone: str = "bad"
    means: str = ""
    to_do: str = ""
    mended_by: str | None = None


def causes_of(stage: str, by_code: Mapping[str, int], language: Language) -> list[Cause]:
    """Groups what was said of a stage's records, which are counted by code."""
    return [_cause(code, stage, count, language) for code, count in by_code.items()]


def explained_by(cause: Cause, records: Iterable[Row], language: Language) -> Cause:
    """Explains a cause whose code is in no catalogue by what is said of a record that has it, if one of these does."""
    for record in records:
        for message in record["messages"]:
            if message["code"] == cause.code:
                said = message["explanation"]
                means = said[language] if said else ""
                return replace(cause, tone=tone_of(message["severity"]), means=means, mended_by=mended_by(message))
    return cause


async def read_examples(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, codes: Sequence[str]
) -> list[Row]:
    """Reads a record of a job for each of `codes`, of the first few: what the target says in words of its own."""
    queries = (RecordQuery(wanted=RecordFilter(codes=(code,)), limit=1) for code in codes[:MOST])
    pages = await asyncio.gather(*(read_records(parts, cipher, viewer, job_id, one, counted=False) for one in queries))
    return [record for page in pages for record in page.records]


def ranked(causes: Iterable[Cause]) -> list[Cause]:
    """Sorts causes: errors first, the most frequent of them first."""
    return sorted(causes, key=lambda each: (each.tone != "bad", -each.count, each.code))


def _cause(code: str, stage: str, count: int, language: Language) -> Cause:
    entry = issue(code)
    if entry is None:
        return Cause(code, stage, count)
    texts: Any = getattr(entry, language)
    return Cause(code, stage, count, tone_of(entry.severity), texts.means, texts.to_do, entry.mended_by)


def tone_of(severity: str) -> str:
    """Gives the tone in which what has a severity is shown: `warn`, or `bad` for all that is worse."""
    return "warn" if severity == "warning" else "bad"
