"""What Skolverket refuses or warns about in duties, groups and activities that have the right shape."""

from collections.abc import Iterator

from app.simulator import messages
from app.simulator.messages import Finding, Json
from app.simulator.persons import Scene, unit_findings
from app.simulator.shapes import Kind


def duty_findings(duty: Json, scene: Scene) -> Iterator[Finding]:
    """Yields what is wrong with a duty: its person is not stored or is a pupil, its school unit."""
    person_id = duty["person"]["id"]
    person = scene.objects.get(scene.organisation, "persons", person_id)
    if person is None:
        yield Finding(messages.PERSON_UNKNOWN, "person.id", person_id)
    elif person.body.get("enrolments"):
        yield Finding(messages.PUPIL_AND_STAFF, "person.id", person_id)
    yield from unit_findings(duty["dutyAt"]["id"], "dutyAt.id", scene)


def group_findings(group: Json, scene: Scene) -> Iterator[Finding]:
    """Yields what is wrong with a group; members that are not stored are worth a warning each."""
    if group["groupType"] not in ("Klass", "Undervisning"):
        yield Finding(messages.GROUP_TYPE, "groupType", group["groupType"])
    yield from unit_findings(group["organisation"]["id"], "organisation.id", scene)
    for index, person_id in enumerate(_member_ids(group)):
        if not _is_stored(scene, "persons", person_id):
            yield Finding(messages.MEMBER_UNKNOWN, f"groupMemberships[{index}].person.id", person_id)


def without_unknown_members(group: Json, scene: Scene) -> Json:
    """Gives a group as it is kept: the members that are stored, until the group is sent again."""
    if "groupMemberships" not in group:
        return group
    known = [
        membership
        for membership in group["groupMemberships"]
        if "person" in membership and _is_stored(scene, "persons", membership["person"]["id"])
    ]
    return {**group, "groupMemberships": known}


def activity_findings(activity: Json, scene: Scene) -> Iterator[Finding]:
    """Yields what is wrong with an activity: its type, groups, teachers' duties, exam and school unit."""
    if activity["activityType"] != "Undervisning":
        yield Finding(messages.ACTIVITY_TYPE, "activityType", activity["activityType"])
    exam_id = activity["parentActivity"]["id"]
    exam = scene.reference.exam(exam_id)
    if exam is None:
        yield Finding(messages.EXAM_UNKNOWN, "parentActivity.id", exam_id)
    school_types = set()
    for index, reference in enumerate(activity["groups"]):
        group = scene.objects.get(scene.organisation, "groups", reference["id"])
        if group is None:
            yield Finding(messages.GROUP_UNKNOWN, f"groups[{index}].id", reference["id"])
        else:
            school_types.add(group.body["schoolType"])
    if exam is not None and school_types - {exam.get("schoolType", "GR")}:
        yield Finding(messages.EXAM_SCHOOL_TYPE, "parentActivity.id", exam_id)
    for index, teacher in enumerate(activity.get("teachers", [])):
        if "duty" in teacher and not _is_stored(scene, "duties", teacher["duty"]["id"]):
            yield Finding(messages.DUTY_UNKNOWN, f"teachers[{index}].duty.id", teacher["duty"]["id"])
    yield from unit_findings(activity["organisation"]["id"], "organisation.id", scene)


def _member_ids(group: Json) -> Iterator[str]:
    return (membership["person"]["id"] for membership in group.get("groupMemberships", []) if "person" in membership)


def _is_stored(scene: Scene, kind: Kind, object_id: str) -> bool:
    return scene.objects.get(scene.organisation, kind, object_id) is not None
