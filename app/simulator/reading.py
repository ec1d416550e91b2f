"""Reading back what is stored: lists by page, lookups, one object by id."""

import base64
import binascii
from collections.abc import Mapping
from itertools import islice

from app.simulator import messages
from app.simulator.answers import Answer, complaint, read_json
from app.simulator.ledger import Call
from app.simulator.messages import Json, stamp
from app.simulator.objects import Stored
from app.simulator.routes import Route
from app.simulator.schema import is_uuid
from app.simulator.shapes import RESOURCE_TYPES, Kind
from app.simulator.world import World

_DEFAULT_PAGE, _LARGEST_PAGE = 50, 100
# The list of persons shows these only; lookup and reading by id show everything.
_LISTED_OF_PERSONS = ("id", "givenName", "middleName", "familyName", "eduPersonPrincipalNames", "civicNo")


def answer_reading(
    world: World, call: Call, route: Route, organisation: str, query: Mapping[str, str], body: bytes
) -> Answer:
    """Answers a call that reads; the caller has settled the jobs that are due."""
    if route.verb == "list":
        return _list(world, route.kind, organisation, query)
    if route.verb == "lookup":
        return _lookup(world, call, route.kind, organisation, body)
    epoch = world.clock.time()
    named = {"parameterName": "id", "parameterValue": route.id, "resourceType": RESOURCE_TYPES[route.kind]}
    if not is_uuid(route.id):
        return complaint(messages.BAD_PATH_UUID, epoch, **named)
    call.object_ids = [route.id]
    stored = world.objects.get(organisation, route.kind, route.id)
    return complaint(messages.NOT_FOUND, epoch, **named) if stored is None else Answer(200, shown(world, stored))


def shown(world: World, stored: Stored) -> Json:
    """Gives an object as Skolverket shows it; provisioningStatus turns true when the hand-over delay has passed.

    The delay is all that decides here: that a person without enrolment or duty never gets an account is not imitated.
    """
    is_handed_over = world.clock.time() - stored.created >= world.config.handover_delay
    meta = {"created": stamp(stored.created), "modified": stamp(stored.modified)}
    return {**stored.body, "meta": meta, "provisioningStatus": is_handed_over}


def _list(world: World, kind: Kind, organisation: str, query: Mapping[str, str]) -> Answer:
    epoch = world.clock.time()
    limit = _read_limit(query.get("limit"))
    if limit is None:
        return complaint(messages.BAD_LIMIT, epoch, parameterName="limit")
    after = _read_page_token(query.get("pageToken"))
    if after is None:
        return complaint(messages.BAD_PAGE_TOKEN, epoch, parameterName="pageToken")
    later = (stored for stored in world.objects.all(organisation, kind) if stored.sequence > after)
    page = list(islice(later, limit + 1))
    token = _page_token(page[limit - 1].sequence) if len(page) > limit else None
    return Answer(200, {"data": [_listed(kind, shown(world, stored)) for stored in page[:limit]], "pageToken": token})


def _listed(kind: Kind, document: Json) -> Json:
    if kind != "persons":
        return document
    names = (*_LISTED_OF_PERSONS, "provisioningStatus", "meta")
    return {name: document[name] for name in names if name in document}


def _lookup(world: World, call: Call, kind: Kind, organisation: str, body: bytes) -> Answer:
    epoch, document = world.clock.time(), read_json(body)
    if not isinstance(document, dict):
        return complaint(messages.NOT_JSON, epoch)
    wanted: dict[str, set[str]] = {}
    for name in ("ids", "civicNos", "eduPersonPrincipalNames") if kind == "persons" else ("ids",):
        values = document.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            return complaint(messages.WRONG_TYPE, epoch, parameterName=name)
        wanted[name] = {value.casefold() for value in values}
    wrong = next((value for value in document.get("ids", []) if not is_uuid(value)), None)
    if wrong is not None:
        return complaint(messages.BAD_UUID, epoch, parameterName="ids", parameterValue=wrong)
    call.object_ids = list(document.get("ids", []))
    if kind == "persons" and (wanted["civicNos"] or wanted["eduPersonPrincipalNames"]):
        found = [stored for stored in world.objects.all(organisation, kind) if _is_wanted(stored.body, wanted)]
    else:
        ids = dict.fromkeys(object_id.lower() for object_id in call.object_ids)
        looked_up = (world.objects.get(organisation, kind, object_id) for object_id in ids)
        found = [stored for stored in looked_up if stored is not None]
    return Answer(200, [shown(world, stored) for stored in found])


def _is_wanted(person: Json, wanted: Mapping[str, set[str]]) -> bool:
    return (
        person["id"].lower() in wanted["ids"]
        or person["civicNo"]["value"].casefold() in wanted["civicNos"]
        or any(eppn.casefold() in wanted["eduPersonPrincipalNames"] for eppn in person["eduPersonPrincipalNames"])
    )


def _read_limit(value: str | None) -> int | None:
    if value is None:
        return _DEFAULT_PAGE
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(_LARGEST_PAGE)):
        return None
    return int(value) if 1 <= int(value) <= _LARGEST_PAGE else None


def _page_token(sequence: int) -> str:
    return base64.urlsafe_b64encode(b"after:%d" % sequence).decode()


def _read_page_token(token: str | None) -> int | None:
    if token is None:
        return 0
    try:
        name, _, sequence = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return int(sequence) if name == "after" and sequence.isascii() and sequence.isdigit() else None
