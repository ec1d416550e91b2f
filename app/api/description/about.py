"""What the description of the interface says of the whole: what it is for, who answers for it, its parts by name."""

from typing import Any, Final

DESCRIPTION: Final = """\
Carries the rosters of digital national exams to Skolverket in four ordered stages: Användare, Tjänstgöringar, Grupper,
Aktiviteter. Store an activity with its roster, provision it, follow the run.

Errors are problem+json and never repeat what was sent. Without the scope `pii` everything personal is `***`. Clients
must accept new fields and new values of enumerations in answers.

A key of single school units is shown what is of those units, with counts of that alone; what is not narrowed in this
way is a 403 `key-of-single-units`. To such a key the `version` of a run and of a job is 0.

Paths carry no version. New operations, new optional parameters, new fields and new values in answers may come at any
time and break nobody. What is to go is marked `deprecated` here first, and its answers have the headers `Deprecation`
(RFC 9745) and `Sunset` (RFC 8594) for at least twelve months before it goes. `docs/CHANGELOG.md`, beside the source,
lists every change of the interface.
"""

# No address: who runs the service is whom a caller asks, and gave the caller its key.
CONTACT: Final = {"name": "The operator of this service, who gave you your key"}

# Relative: the description is read from the service that it describes.
SERVERS: Final[list[dict[str, Any]]] = [{"url": "/", "description": "The service that gives this description."}]

TAGS: Final[list[dict[str, Any]]] = [
    {"name": "Activities", "description": "Exams, each with its roster, and what is wrong in it before it is sent."},
    {"name": "Readiness", "description": "Which pupils of an exam are through, and what keeps the others."},
    {"name": "Plans", "description": "What a run would do, told without sending anything."},
    {"name": "Runs", "description": "Rosters on their way to Skolverket: asked for, followed, cancelled, tried again."},
    {"name": "Jobs", "description": "The four stages of each run: the history across the organisation."},
    {"name": "Results", "description": "What became of each object of a job, and every call that was made for it."},
    {"name": "Exports", "description": "Records and the history of runs as files."},
    {"name": "Objects", "description": "Persons, duties, groups and activities beyond single rosters and runs."},
    {"name": "Audit", "description": "Who has seen somebody unmasked, or changed something; for the scope audit."},
    {"name": "Changes", "description": "Everything that has changed, in one order, for those who ask."},
    {"name": "Events", "description": "The same as it happens, for those who listen, browsers among them."},
    {"name": "Webhooks", "description": "Who is told when a run or a job ends; for a key with the scope admin."},
    {
        "name": "Webhook calls",
        "description": "What a receiver is sent: operations of its own, none of the service.",
    },
    {"name": "Operations", "description": "All organisations' runs and pauses, for operators; no person is shown."},
    {"name": "Explanations", "description": "What every code and every error means and what to do. Needs no key."},
    {"name": "Health", "description": "Whether the service is up and can work, and which version it is."},
]
