"""The Provisioning API, from a call whose body has been read to its answer: token, size, shape, jobs.

Sockets, faults and the ledger are the business of `exchange`; reading back is in `reading`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.simulator import messages
from app.simulator.answers import Answer, complaint, findings_answer, read_json
from app.simulator.jobs import UNTOUCHED, Action, Job, Ordered
from app.simulator.ledger import Call
from app.simulator.limiter import Allowance
from app.simulator.messages import Finding, Json
from app.simulator.reading import answer_reading
from app.simulator.refusals import is_unlimited, told_of_limit
from app.simulator.routes import ALIVE, PREFIX, Route, methods_of, read_route
from app.simulator.schema import is_uuid, kept_part, uuid
from app.simulator.shapes import RESOURCE_TYPES, SHAPES
from app.simulator.world import World

_POSITION = re.compile(r"\[[0-9]+\]")
_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call as it came; body is None when it was larger than is allowed, certificate (DER) when there is none."""

    call: Call
    query: Mapping[str, str]
    authorization: str | None
    body: bytes | None
    base_url: str
    allowance: Allowance | None
    ordered: Ordered = UNTOUCHED
    certificate: bytes | None = None


def admit(world: World, method: str, path: str, now: float) -> Allowance | None:
    """Counts a call against its limit when it arrives; None for what has no limit."""
    route = read_route(method, path)
    if route is None:
        return None
    return (world.reads if route.is_read else world.calls).admit(now)


def answer_provisioning(world: World, incoming: Incoming) -> Answer:
    """Answers a call, and notes on its ledger entry what it was about."""
    answer = _answer(world, incoming)
    if not is_unlimited(incoming.call.path):
        answer.headers.update((incoming.allowance or told_of_limit(world, incoming.call)).headers())
    return answer


def _answer(world: World, incoming: Incoming) -> Answer:
    call, epoch = incoming.call, world.clock.time()
    call.organisation = world.issuer.organisation_of(incoming.authorization)
    # alive needs no token: 403 is not among its documented answers, though the document's `security` is for all paths.
    if call.path == ALIVE and call.method in ("GET", "HEAD"):
        return Answer(200, None)
    route = read_route(call.method, call.path)
    if route is None:
        return _no_route(call, epoch)
    call.resource = route.kind
    if incoming.allowance is not None and not incoming.allowance.allowed:
        return complaint(messages.TOO_MANY_CALLS, epoch)
    if call.organisation is None:
        return complaint(messages.BAD_TOKEN, epoch)
    if incoming.body is None:
        return complaint(messages.TOO_LARGE, epoch)
    world.settle()
    if route.is_bulk:
        return _take_bulk(world, incoming, route, call.organisation, incoming.body)
    if route.is_read:
        return answer_reading(world, call, route, call.organisation, incoming.query, incoming.body)
    return _tell_status(world, incoming, route, call.organisation)


def _no_route(call: Call, epoch: float) -> Answer:
    methods = methods_of(call.path)
    if not methods:
        return complaint(messages.NO_SUCH_PATH, epoch)
    answer = complaint(messages.NO_SUCH_METHOD, epoch)
    answer.headers["Allow"] = ", ".join(methods)
    return answer


def _take_bulk(world: World, incoming: Incoming, route: Route, organisation: str, body: bytes) -> Answer:
    call, epoch = incoming.call, world.clock.time()
    action: Action = "update" if route.verb == "update" else "delete"
    if route.verb == "send":
        upsert = _BOOLEANS.get(incoming.query.get("updateIfExists", "false"))
        if upsert is None:
            return _bad_boolean(incoming, "updateIfExists", epoch)
        action = "upsert" if upsert else "create"
    document = read_json(body)
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list):
        return complaint(messages.NOT_JSON, epoch)
    found: list[tuple[object, Finding]] = []
    items: list[Json] = []
    for index, item in enumerate(data):
        breaches, not_kept = _breaches(route, action, item, index)
        found.extend((_id_of(item), finding) for finding in breaches)
        if not_kept:
            call.not_kept = sorted({*call.not_kept, *not_kept})
        items.append(kept_part(SHAPES[route.kind], item) if not_kept and not breaches else item)
    call.object_ids = [object_id for object_id in map(_id_of, data) if isinstance(object_id, str)]
    if found:
        return findings_answer(found, RESOURCE_TYPES[route.kind], epoch)
    location = f"{world.config.location_base or incoming.base_url}{PREFIX}/{route.kind}"
    job = world.jobs.submit(
        organisation,
        route.kind,
        action,
        [] if action == "delete" else items,
        call.object_ids,
        location=location,
        epoch=epoch,
        now=world.clock.monotonic(),
        ordered=incoming.ordered,
    )
    call.job_id = job.id
    accepted = {"jobId": job.id, "message": "Anropet är mottaget. Adressen i Location visar hur det går."}
    return Answer(202, accepted, {"Location": f"{location}/bulk/jobs/{job.id}"})


def _tell_status(world: World, incoming: Incoming, route: Route, organisation: str) -> Answer:
    epoch, resource_type = world.clock.time(), RESOURCE_TYPES[route.kind]
    named = {"parameterName": "id", "parameterValue": route.id, "resourceType": resource_type}
    if not is_uuid(route.id):
        return complaint(messages.BAD_PATH_UUID, epoch, **named)
    incoming.call.job_id = route.id
    job = world.jobs.find(organisation, route.kind, route.id)
    if job is None:
        return complaint(messages.NOT_FOUND, epoch, **named)
    if job.has_mark:
        incoming.call.planted = incoming.call.planted or "mark"
    if route.verb == "completed":
        return Answer(200, job.results is not None)
    only_errors = _BOOLEANS.get(incoming.query.get("showOnlyError", "false"))
    if only_errors is None:
        return _bad_boolean(incoming, "showOnlyError", epoch)
    return Answer(200, {"jobId": job.id, "responses": _responses(world, job, only_errors=only_errors)})


def _responses(world: World, job: Job, *, only_errors: bool) -> list[Json]:
    entries = world.jobs.status(job)
    return [entry for entry in entries if entry["response"]["status"] == "Error"] if only_errors else entries


def _breaches(route: Route, action: Action, item: Any, index: int) -> tuple[list[Finding], set[str]]:
    """Finds what sinks the call, and the places of what is sent for nothing."""
    found: list[Finding] = []
    if action == "delete":
        uuid(item, f"data[{index}]", found)
    else:
        SHAPES[route.kind](item, "", found)
    if not found:
        return found, set()
    not_kept = {_POSITION.sub("[]", finding.attribute) for finding in found if finding.message is messages.NOT_KEPT}
    return [finding for finding in found if finding.message is not messages.NOT_KEPT], not_kept


def _id_of(item: Any) -> object:
    return item.get("id") if isinstance(item, dict) else item


def _bad_boolean(incoming: Incoming, name: str, epoch: float) -> Answer:
    return complaint(messages.BAD_BOOLEAN, epoch, parameterName=name, parameterValue=incoming.query[name])
