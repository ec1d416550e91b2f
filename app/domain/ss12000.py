"""Names of SS 12000's properties, whatever object they belong to: these may be named, others may be anything."""

from typing import Final

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
