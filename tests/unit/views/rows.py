"""Viewers, and rows as the views take them: read, and opened."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.security import masking
from app.skolverket.published import PUBLISHED
from app.views.viewer import Viewer

ORGANISATION, KEY = UUID(int=1), UUID(int=2)
NORTH, SOUTH = UUID(int=10), UUID(int=11)
PUPIL, TEACHER, DUTY, OTHER = (UUID(int=number) for number in (20, 21, 22, 23))
AT = datetime(2026, 11, 23, 8, tzinfo=UTC)

Object = dict[str, Any]


def viewer(*scopes: str, units: set[UUID] | None = None) -> Viewer:
    """Makes a viewer with these scopes, of these school units."""
    return Viewer(ORGANISATION, KEY, frozenset(scopes), None if units is None else frozenset(units), PUBLISHED)


def mask(value: Any, kind: str = "persons", *, hidden: bool = False) -> Any:
    """Masks an object of a kind by what Skolverket has published."""
    return masking.mask(value, PUBLISHED.harmless.objects[kind], hidden=hidden)


def mask_result(value: Any, *, hidden: bool = False) -> Any:
    """Masks what is said of an object."""
    return masking.mask(value, PUBLISHED.harmless.result, hidden=hidden)


def pupil(id_: UUID = PUPIL, *units: UUID) -> Object:
    """Invents a pupil of these school units, or of NORTH."""
    return {
        "id": str(id_),
        "givenName": "Åsa",
        "familyName": "Exempelsson",
        "eduPersonPrincipalNames": ["q7x1@edu.example.se"],
        "civicNo": {"value": "201201019807", "nationality": "SE"},
        "enrolments": [
            {"enroledAt": {"id": str(unit)}, "schoolYear": 6, "schoolType": "GR"} for unit in units or (NORTH,)
        ],
    }


def record(**changes: Any) -> Object:
    """Makes an opened record: a pupil's who was refused, unless it is said otherwise."""
    return {
        "object_id": PUPIL,
        "kind": "persons",
        "status": "error",
        "payload": pupil(),
        "sent": pupil(),
        "received": {
            "id": str(PUPIL),
            "response": {
                "status": "Error",
                "errors": [
                    {
                        "id": "2010",
                        "message": "Fel värde för Åsa",
                        "attributeName": "civicNo.value",
                        "attributeValue": "201201019807",
                        "severityLevel": "Error",
                    }
                ],
            },
        },
        "issues": None,
        "findings": None,
        "held": False,
        "hidden": False,
        "attempts": 1,
        "completed_at": AT,
        "person_id": None,
        "person_payload": None,
        **changes,
    }


def job(**changes: Any) -> Object:
    """Makes a job's row: the first of a run, under way."""
    counts = {
        "total": 4,
        "pending": 1,
        "sent": 3,
        "unchanged": 0,
        "succeeded": 0,
        "warnings": 0,
        "errors": 0,
        "skipped": 0,
    }
    return {
        "id": UUID(int=31),
        "organisation_id": ORGANISATION,
        "run_id": UUID(int=30),
        "activity_id": UUID(int=3),
        "kind": "persons",
        "position": 1,
        "action": "send",
        "status": "running",
        "outcome": None,
        "version": 3,
        "attempt": 0,
        "created_at": AT,
        "started_at": AT,
        "finished_at": None,
        "error": None,
        "stop_at_errors": None,
        "lease_until": AT,
        **counts,
        **changes,
    }


def run(**changes: Any) -> Object:
    """Makes a run's row, under way."""
    return {
        "id": UUID(int=30),
        "organisation_id": ORGANISATION,
        "activity_id": UUID(int=3),
        "sequence": 1,
        "status": "running",
        "version": 2,
        "on_record_error": "halt",
        "allow": [],
        "roster_id": UUID(int=4),
        "roster_version": 2,
        "requested_by_id": KEY,
        "requested_by_name": "a key",
        "created_at": AT,
        "started_at": AT,
        "finished_at": None,
        "cancel_requested_at": None,
        "content_expired_at": None,
        "pause_since": None,
        "pause_reason": None,
        "pause_by": None,
        "outcome": None,
        "activity_display_name": "Prov i matematik",
        "activity_version": 7,
        **changes,
    }


def batch(**changes: Any) -> Object:
    """Makes an opened batch: two pupils, the first of NORTH and the second of SOUTH, and Skolverket's answer."""
    return {
        "id": UUID(int=40),
        "organisation_id": ORGANISATION,
        "job_id": UUID(int=31),
        "number": 1,
        "status": "answered",
        "records": 2,
        "record_ids": [PUPIL, OTHER],
        "request_bytes": 700,
        "request_sha256": b"\xab" * 32,
        "request": {"data": [pupil(), pupil(OTHER, SOUTH)]},
        "answer": {
            "jobId": str(UUID(int=41)),
            "note": "Åsa",
            "responses": [
                {"id": str(PUPIL), "response": {"status": "Success", "location": "Åsa"}},
                {"id": str(OTHER), "response": {"status": "Success", "location": "Åsa"}},
                {"id": str(UUID(int=99)), "response": {"status": "Success", "location": "Åsa"}},
                "Åsa",
            ],
        },
        "http_status": 202,
        "remote_job_id": str(UUID(int=41)),
        "polls": 1,
        "error": None,
        "created_at": AT,
        "called_at": AT,
        "answered_at": AT,
        "finished_at": AT,
        "fence": 7,
        **changes,
    }
