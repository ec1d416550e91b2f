"""The four stages of a run, in the order in which Skolverket needs them."""

from enum import StrEnum


class Kind(StrEnum):
    """A kind of SS 12000 object, and the job that sends all objects of that kind."""

    PERSONS = "persons"
    DUTIES = "duties"
    GROUPS = "groups"
    ACTIVITIES = "activities"

    @property
    def position(self) -> int:
        """Gives the place in the chain, 1 to 4."""
        return list(Kind).index(self) + 1

    @property
    def before(self) -> tuple["Kind", ...]:
        """Gives the stages whose objects this one's may refer to."""
        return _REFERS_TO[self]


_REFERS_TO = {
    Kind.PERSONS: (),
    Kind.DUTIES: (Kind.PERSONS,),
    Kind.GROUPS: (Kind.PERSONS,),
    Kind.ACTIVITIES: (Kind.DUTIES, Kind.GROUPS),
}


def tells_school(kind: str) -> bool:
    """Tells whether objects of a `kind` are of a school, so that who is in one goes there; others are of persons."""
    return kind in {Kind.GROUPS, Kind.ACTIVITIES}
