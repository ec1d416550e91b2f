"""The open-data API (open-data-api 1.0.0): organisations, school units, programmes, exams; no token, no limit."""

from app.simulator.answers import Answer
from app.simulator.messages import Json
from app.simulator.provisioning import Incoming
from app.simulator.reference import SECTIONS, Reference
from app.simulator.refusals import open_data_error
from app.simulator.schema import is_uuid
from app.simulator.world import World

OPEN_DATA = "/open-data/v1"
_SECTIONS = {
    "organisations": ("huvudman", "Organisation not found"),
    "schoolUnits": ("schoolUnits", "School unit not found"),
    "programmes": ("programmes", "Programme not found"),
    "activities": ("nationalActivities", "Activity not found"),
}
_CODES = {"huvudman": "organisationNumber", "schoolUnits": "schoolUnitCode", "programmes": "educationCode"}
_LISTED = ("programmes", "nationalActivities")
_BOOLEANS = {"true": True, "false": False}


def answer_open_data(world: World, incoming: Incoming) -> Answer:
    """Answers a call of the open-data API; all its errors are one object of code, message and timeStamp."""
    call = incoming.call
    kind, *rest = call.path.removeprefix(f"{OPEN_DATA}/").split("/")
    if kind == "alive" and not rest:
        return _only_get(world, incoming) or Answer(200, None)
    section, absent = _SECTIONS.get(kind, ("", ""))
    code = _CODES.get(section)
    match rest:
        case [] if section in _LISTED:
            return _only_get(world, incoming) or Answer(200, world.reference.published(section))
        case ["code", value] if code is not None:
            refused = _only_get(world, incoming)
            found = next((one for one in world.reference.published(section) if one[code] == value), None)
        case [value] if section and value:
            refused = _only_get(world, incoming)
            if refused is None and not is_uuid(value):
                return open_data_error(world, 400, "Invalid parameter: id")
            found = world.reference.published_by_id(section, value)
        case _:
            return open_data_error(world, 404, "Not found")
    if refused is not None:
        return refused
    if section != "huvudman":
        return open_data_error(world, 404, absent) if found is None else Answer(200, found)
    expand = _BOOLEANS.get(incoming.query.get("expandSchoolUnits", "false"))
    if expand is None:
        return open_data_error(world, 400, "Invalid parameter: expandSchoolUnits")
    if found is None:
        return open_data_error(world, 404, absent)
    return Answer(200, {**found, "schoolUnits": _units_of(world.reference, found)} if expand else found)


def _units_of(reference: Reference, organisation: Json) -> list[Json]:
    number = organisation[SECTIONS["huvudman"]]
    return [
        unit
        for unit in reference.published("schoolUnits")
        if unit.get("parentOrganisation", {}).get("organisationNumber") == number
    ]


def _only_get(world: World, incoming: Incoming) -> Answer | None:
    if incoming.call.method in ("GET", "HEAD"):
        return None
    answer = open_data_error(world, 405, "Method not allowed")
    answer.headers["Allow"] = "GET, HEAD"
    return answer
