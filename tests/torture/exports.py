"""The exports of finished runs under three keys: who may not see names has none in any form, who may see them has."""

import asyncio
import html
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.torture.callers import Callers, Organisation
from tests.torture.leaks import leaks, plain
from tests.torture.rosters import Marked
from tests.torture.stack import TortureStack
from tests.torture.witnesses import FINISHED_RUN, Seen

FORMS = ("csv", "jsonl", "xlsx")
_BLIND, _SEEING = ("history",), ("history", "pii")
# Exports are asked for of a run of each of so many organisations.
_ORGANISATIONS = 2
_TRIES = 10


@dataclass(frozen=True)
class Exported:
    """An export as text, with birth numbers without a hyphen; and whether its rows are persons."""

    form: str
    text: str
    of_persons: bool

    @property
    def rows(self) -> list[str]:
        """Gives its rows, with whatever stands before the first one."""
        return self.text.split("<row " if self.form == "xlsx" else "\n")


async def testify(stack: TortureStack, callers: Callers, organisations: Sequence[Organisation], seen: Seen) -> int:
    """Asks for exports; notes what leaks in them and what is not found where it must be. Gives how many there were."""
    chosen = _chosen(seen, callers.marked)
    owners = {who.number: who for who in organisations}
    read = await asyncio.gather(*(_all_keys(stack, callers, owners[number], seen, chosen[number]) for number in chosen))
    leaking, seeing, whole = list[tuple[str, int]](), list[Exported](), list[Exported]()
    for number, (blind, masked, shown) in zip(chosen, read, strict=True):
        units = [each[name] for each in owners[number].maker.reference["schoolUnits"] for name in ("id", "displayName")]
        marked = [each for each in callers.marked.values() if each.organisation == number]
        leaking += await asyncio.to_thread(list, leaks_to_the_blind(blind, callers.secrets, units))
        leaking += await asyncio.to_thread(list, leaks_of_the_protected(masked, marked, callers.repeated, units))
        seeing, whole = [*seeing, *masked], [*whole, *shown]
    seen.leaks = [*seen.leaks, *leaking]
    seen.blind = [*seen.blind, *not_found(seeing, whole, list(callers.marked.values()))]
    return 3 * len(whole)


def leaks_to_the_blind(
    exports: Sequence[Exported], secrets: set[str], units: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Finds what a key without `pii` is not to be shown: anybody's values, and the school of any person."""
    yield from leaks(((f"{each.form} for a key without pii", each.text) for each in exports), secrets)
    for each in exports:
        if each.of_persons and (found := sum(unit in each.text for unit in units)):
            yield f"schools in {each.form} for a key without pii", found


def leaks_of_the_protected(
    exports: Sequence[Exported], marked: Sequence[Marked], repeated: set[str], units: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Finds what a key with `pii` and without `protected` is not to be shown of those who are.

    Those are values that nobody else has, anywhere; in the row with their id also names that others have, and schools.
    """
    protected = [each for each in marked if each.protected]
    values = {value for each in protected for value in each.values} - repeated
    for each in exports:
        place = f"{each.form} for a key without protected"
        if found := sum(value in each.text for value in values):
            yield place, found
        if each.of_persons:
            rows = ((row, person) for row in each.rows for person in protected if person.id in row)
            if found := sum(told in row for row, person in rows for told in (*person.told, *units)):
                yield f"rows of the protected in {place}", found


def not_found(seeing: Sequence[Exported], whole: Sequence[Exported], marked: Sequence[Marked]) -> Iterator[str]:
    """Tells in which form a search that must find names finds none: of others with `pii`, of all with the whole key."""
    for form in FORMS:
        for key, exports, protected in (("pii", seeing, False), ("protected", whole, True)):
            texts = [each.text for each in exports if each.form == form]
            values = [value for who in marked if who.protected == protected for value in who.values]
            if not any(value in text for text in texts for value in values):
                yield f"no name is found in {form} for a key with {key}"


def text_of(form: str, content: bytes) -> str:
    """Reads an export as text, of a workbook all of its parts; birth numbers and letters as they were sent."""
    if form == "xlsx":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            text = "\n".join(html.unescape(book.read(name).decode()) for name in book.namelist())
    else:
        text = content.decode("utf-8-sig")
    return plain(text)


def _chosen(seen: Seen, marked: dict[str, Marked]) -> dict[str, UUID]:
    """Chooses of some organisations the run that has ended with the most persons who are protected, the latest of them.

    Contents of the latest are there, of whichever organisation.
    """
    protected = {UUID(each.id) for each in marked.values() if each.protected}
    found = dict[str, tuple[int, float, UUID]]()
    for run, jobs in seen.jobs_of.items():
        if seen.runs[run].status in FINISHED_RUN:
            count = sum(record.object in protected for record in seen.records.get(jobs[0].id, ()))
            owner = seen.runs[run].organisation
            found[owner] = max(found.get(owner, (0, 0.0, run)), (count, seen.runs[run].finished or 0.0, run))
    return {owner: found[owner][2] for owner in sorted(found, key=lambda owner: found[owner])[-_ORGANISATIONS:]}


async def _all_keys(
    stack: TortureStack, callers: Callers, who: Organisation, seen: Seen, run: UUID
) -> list[list[Exported]]:
    """Reads the exports of a run, and of all runs, by a key without `pii`, one without `protected` and one with all."""
    keys = [Organisation(who.number, await stack.key(who.number, scopes), who.maker) for scopes in (_BLIND, _SEEING)]
    paths = [("/runs", False)]
    paths += [(f"/jobs/{job.id}/records", job.position == 1) for job in seen.jobs_of[run]]
    return [
        [await _export(callers, by, path, form, persons) for path, persons in paths for form in FORMS]
        for by in (*keys, who)
    ]


async def _export(callers: Callers, who: Organisation, path: str, form: str, persons: bool) -> Exported:
    for _ in range(_TRIES):
        answer = await callers.ask(who, "GET", f"{path}.{form}")
        if answer is not None and answer.status_code == 200:
            return Exported(form, text_of(form, answer.content), persons)
        await asyncio.sleep(0.3)
    raise RuntimeError(f"the API does not give {path}.{form}: {answer.status_code if answer else 'no answer'}")
