"""Whom groups, activities and other persons do not name.

The first two are of a school, and so would tell where somebody goes; another person with the same number or login would
tell whose it is.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from app.api.dependencies import Parts
from app.db.protection import protected_among
from app.domain.kinds import Kind, tells_school
from app.domain.roster import Reference, referred, refs
from app.views import Row
from app.views.issue import spoken_of
from app.views.viewer import Viewer


async def unnamed_in(
    parts: Parts, viewer: Viewer, rows: Sequence[Row], *contents: str, said: Iterable[Reference] = ()
) -> frozenset[UUID]:
    """Gives whom of the persons and duties that opened groups, activities and persons speak of they do not name.

    They speak of those in their `contents`, by name, in what is `said` of them, and in their messages where they have
    some. Nor is anybody named by a person whom the viewer may not see, who is given as well. That is a statement more,
    for a viewer who may see others but not protected persons, where somebody is spoken of.
    """
    of_schools = [row for row in rows if tells_school(row["kind"])]
    persons = [row for row in rows if row["kind"] == Kind.PERSONS and "hidden" in row]
    if viewer.may_see_protected or not (of_schools or persons):
        return frozenset()
    found = {*said, *spoken_of([row for row in (*of_schools, *persons) if "sent" in row], viewer.published)}
    for row in of_schools:
        for item in (row[name] for name in contents):
            found.update(referred(row["kind"], item, each) for each in refs(row["kind"], item))
    hidden = frozenset(row["object_id"] for row in persons if viewer.hides_school(protected=bool(row["hidden"])))
    return hidden | await unnamed_among(parts, viewer, (id_ for kind, id_ in found if not tells_school(kind)))


async def unnamed_among(parts: Parts, viewer: Viewer, ids: Iterable[UUID]) -> frozenset[UUID]:
    """Gives those of these `ids` that are of persons, or of their duties, whom no group names to the viewer.

    Who sees nobody's name is told of nobody by a group: these are all.
    """
    wanted = frozenset(ids)
    if viewer.may_see_protected or not wanted:
        return frozenset()
    if not viewer.may_see_names:
        return wanted
    async with parts.statement(viewer.organisation_id) as conn:
        return await protected_among(conn, viewer.organisation_id, wanted)
