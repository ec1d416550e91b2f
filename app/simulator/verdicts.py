"""Decides about one object of a bulk job when its turn comes, and stores it or not."""

from collections.abc import Callable, Iterator, Mapping

from app.simulator import messages
from app.simulator.messages import Finding, Json, finding_entry, stamp
from app.simulator.persons import Scene, person_findings
from app.simulator.relations import activity_findings, duty_findings, group_findings, without_unknown_members
from app.simulator.shapes import RESOURCE_TYPES, Kind

_RULES: Mapping[Kind, Callable[[Json, Scene], Iterator[Finding]]] = {
    "persons": person_findings,
    "duties": duty_findings,
    "groups": group_findings,
    "activities": activity_findings,
}


def decide(kind: Kind, item: Json, scene: Scene, *, may_create: bool, may_replace: bool) -> list[Finding]:
    """Lists what is said about an object that is to be stored: any Error in it means that it will not be."""
    exists = scene.objects.get(scene.organisation, kind, item["id"]) is not None
    if exists and not may_replace:
        return [Finding(messages.ALREADY_EXISTS, "id", item["id"])]
    if not exists and not may_create:
        return [Finding(messages.NOT_FOUND, "id", item["id"])]
    return list(_RULES[kind](item, scene))


def store(
    kind: Kind, item: Json, scene: Scene, epoch: float, location: str, *, may_create: bool, may_replace: bool
) -> Json:
    """Decides about an object, stores it when nothing forbids it, and gives its entry in the job's answer."""
    findings = decide(kind, item, scene, may_create=may_create, may_replace=may_replace)
    if any(finding.message.severity == "Error" for finding in findings):
        return refused(kind, item["id"], findings, epoch)
    created = scene.objects.get(scene.organisation, kind, item["id"]) is None
    body = without_unknown_members(item, scene) if kind == "groups" else item
    kept = scene.objects.put(scene.organisation, kind, body, epoch)
    response: Json = {"status": "Warning" if findings else "Success", "statusCode": 201 if created else 200}
    if created:
        response["location"] = f"{location}/{item['id']}"
    response |= {"errors": [], "warnings": _entries(kind, item["id"], findings, epoch)}
    return _entry(item["id"], response, kept.created, kept.modified)


def remove(kind: Kind, object_id: str, scene: Scene, epoch: float) -> Json:
    """Removes an object, and gives its entry in the job's answer."""
    if scene.objects.get(scene.organisation, kind, object_id) is None:
        return refused(kind, object_id, [Finding(messages.NOT_FOUND, "id", object_id)], epoch)
    scene.objects.remove(scene.organisation, kind, object_id)
    return _entry(object_id, {"status": "Success", "statusCode": 200, "errors": [], "warnings": []}, epoch, epoch)


def refused(kind: Kind, object_id: str, findings: list[Finding], epoch: float) -> Json:
    """Gives the entry of an object that was not accepted; a warning beside an error is not told."""
    errors = [finding for finding in findings if finding.message.severity == "Error"]
    response = {
        "status": "Error",
        "statusCode": errors[0].message.status,
        "errors": _entries(kind, object_id, errors, epoch),
        "warnings": [],
    }
    return _entry(object_id, response, epoch, epoch)


def unfinished(kind: Kind, object_id: str, status: str, epoch: float) -> Json:
    """Gives the entry of an object that is not decided: Pending, TemporaryError or an unlisted status."""
    response: Json = {"status": status}
    if status == "TemporaryError":
        fault = [Finding(messages.TEMPORARY, "id")]
        response |= {"statusCode": 503, "errors": _entries(kind, object_id, fault, epoch), "warnings": []}
    return _entry(object_id, response, epoch, epoch)


def _entries(kind: Kind, object_id: str, findings: list[Finding], epoch: float) -> list[Json]:
    return [finding_entry(finding, epoch, RESOURCE_TYPES[kind], object_id) for finding in findings]


def _entry(object_id: str, response: Json, created: float, modified: float) -> Json:
    return {"id": object_id, "response": response, "meta": {"created": stamp(created), "modified": stamp(modified)}}
