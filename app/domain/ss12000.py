"""Names of SS 12000's properties, whatever object they belong to: these may be named, others may be anything."""

from typing import Any, Final

PROPERTIES: Final = frozenset(
    [
        *("id", "meta", "displayName", "startDate", "endDate", "value", "type", "person", "organisation"),
        # Persons
        *("givenName", "middleName", "familyName", "eduPersonPrincipalNames", "externalIdentifiers", "civicNo"),
        *("birthDate", "sex", "securityMarking", "personStatus", "emails", "phoneNumbers", "addresses", "photo"),
        *("enrolments", "responsibles", "relationType", "nationality", "context", "globallyUnique", "mobile"),
        *(
            "streetAddress",
            "postalCode",
            "locality",
            "country",
            "countyCode",
            "municipalityCode",
            "realEstateDesignation",
        ),
        # Enrolments
        *("enroledAt", "schoolYear", "schoolType", "cancelled", "educationCode", "programme", "specification"),
        # Duties
        *("dutyAt", "dutyRole", "description", "signature", "dutyPercent", "hoursPerYear", "assignmentRoles"),
        # Groups
        *("groupType", "groupMemberships"),
        # Activities
        *("activityType", "calendarEventsRequired", "comment", "minutesPlanned", "groups", "teachers", "duty"),
        *("allocationPercent", "syllabus", "parentActivity"),
        *("created", "modified", "_embedded"),
    ]
)

# What a source says here is of others than the object's own, and theirs to keep.
_OF_OTHERS: Final = frozenset({"_embedded", "responsibles"})
_REFERENCES: Final = frozenset({"person", "duty"})


def without_others(value: Any) -> Any:
    """Gives what is kept of an object as it came: without what it says of others.

    Expansions (`_embedded`) and guardians (`responsibles`) go wherever they stand; of a reference to a person or duty,
    or of each in a list of them, the id stays. In whatever case that is named. The given object is never changed.
    """
    if isinstance(value, list):
        return [without_others(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _referring(part) if key.casefold() in _REFERENCES else without_others(part)
        for key, part in value.items()
        if key.casefold() not in _OF_OTHERS
    }


def _referring(part: Any) -> Any:
    if isinstance(part, list):
        return [_referring(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: inner for name, inner in part.items() if name == "id" and not isinstance(inner, dict | list)}
