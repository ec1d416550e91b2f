"""Reads method and path of a call to the Provisioning API; knows nothing of what is answered."""

from dataclasses import dataclass
from typing import Literal

from app.simulator.shapes import KINDS, Kind

PREFIX = "/provisioning/v1"
ALIVE = f"{PREFIX}/alive"
Verb = Literal["send", "update", "delete", "status", "completed", "list", "lookup", "read"]


@dataclass(frozen=True, slots=True)
class Route:
    """What a call wants of which kind of object; id is that of a job or an object, as it stood in the path."""

    kind: Kind
    verb: Verb
    id: str = ""

    @property
    def is_bulk(self) -> bool:
        """Tells whether the call makes a bulk job."""
        return self.verb in ("send", "update", "delete")

    @property
    def is_read(self) -> bool:
        """Tells whether the call counts as reading back, which has a limit of its own."""
        return self.verb in ("list", "lookup", "read")


def read_route(method: str, path: str) -> Route | None:
    """Reads a call; None when there is no such endpoint. HEAD is read as the GET that it stands for."""
    if not path.startswith(f"{PREFIX}/"):
        return None
    first, *rest = path.removeprefix(f"{PREFIX}/").split("/")
    kind = next((kind for kind in KINDS if kind == first), None)
    if kind is None:
        return None
    match ("GET" if method == "HEAD" else method, rest):
        case ("POST", ["bulk"]):
            return Route(kind, "send")
        case ("PUT", ["bulk"]):
            return Route(kind, "update")
        case ("POST", ["bulk", "delete"]):
            return Route(kind, "delete")
        case ("GET", ["bulk", "jobs", job_id]):
            return Route(kind, "status", job_id)
        case ("GET", ["bulk", "jobs", job_id, "isCompleted"]):
            return Route(kind, "completed", job_id)
        case ("GET", []):
            return Route(kind, "list")
        case ("POST", ["lookup"]):
            return Route(kind, "lookup")
        case ("GET", [object_id]) if object_id != "bulk":
            return Route(kind, "read", object_id)
        case _:
            return None


def methods_of(path: str) -> list[str]:
    """Lists the methods that a path has; none when there is no such path."""
    if path == ALIVE:
        return ["GET", "HEAD"]
    return [method for method in ("GET", "HEAD", "POST", "PUT") if read_route(method, path) is not None]
