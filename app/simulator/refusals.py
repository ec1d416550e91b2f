"""How each imitated service words a refusal that stands for no rule of its own: one on demand, or our own failure."""

from app.simulator import messages
from app.simulator.answers import Answer, complaint
from app.simulator.ledger import Call
from app.simulator.limiter import Allowance
from app.simulator.messages import Json, Message, stamp
from app.simulator.routes import ALIVE, read_route
from app.simulator.world import World

_KNOWN = (messages.TOO_MANY_CALLS, messages.UNAVAILABLE, messages.TOO_LARGE, messages.BAD_TOKEN, messages.UNKNOWN_FAULT)
_BY_STATUS = {message.status: message for message in _KNOWN}
_BY_ID = {message.id: message for message in (*_KNOWN, messages.OVERLOAD, messages.NOT_FOUND)}
_PHRASES = {400: "Bad request", 404: "Not found", 429: "Too many requests", 503: "Service unavailable"}


def refuse_provisioning(world: World, call: Call, status: int, entry: str | None = None) -> Answer:
    """Refuses with an array of one LogEntry, entry being its id if that is not to follow from the status."""
    message = _BY_STATUS.get(status, messages.UNKNOWN_FAULT)
    if entry is not None:
        message = _BY_ID.get(entry) or Message(entry, status, messages.NEVER_SEEN.type, messages.NEVER_SEEN.text)
    answer = complaint(message, world.clock.time())
    answer.status = answer.payload[0]["statusCode"] = status
    # Of what is refused with 503, only Overload (6001) has the headers.
    if status != 503 or entry == messages.OVERLOAD.id:
        answer.headers.update(told_of_limit(world, call).headers())
    return answer


def told_of_limit(world: World, call: Call) -> Allowance:
    """Tells what the limit of a call is like, for an answer to one that took no place."""
    route = read_route(call.method, call.path)
    window = world.reads if route is not None and route.is_read else world.calls
    return window.look(world.clock.monotonic())


def refuse_open_data(world: World, call: Call, status: int, entry: str | None = None) -> Answer:
    """Refuses with the one object that the open-data API's errors are; it has no ids."""
    return open_data_error(world, status, _PHRASES.get(status, "Unknown error"))


def open_data_error(world: World, status: int, message: str) -> Answer:
    """Makes an error of the open-data API."""
    body: Json = {"code": status, "message": message, "timeStamp": stamp(world.clock.time())}
    return Answer(status, body)


def refuse_transaction(world: World, call: Call, status: int, entry: str | None = None) -> Answer:
    """Refuses with an error object of GNAP's kind (RFC 9635, 3.6)."""
    return gnap_error(status, entry or "request_denied", _PHRASES.get(status, "Unknown error"))


def gnap_error(status: int, code: str, description: str) -> Answer:
    """Makes an error of the authorisation server."""
    return Answer(status, {"error": {"code": code, "description": description}})


def is_unlimited(path: str) -> bool:
    """Tells of a path that it has no limit: alive, whose documented answers know neither 429 nor the headers."""
    return path == ALIVE
