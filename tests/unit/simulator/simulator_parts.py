"""Invented objects that Skolverket would accept, and two ways to a simulator: without a socket and over one."""

import copy
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from app.simulator.answers import Answer
from app.simulator.config import SimulatorConfig
from app.simulator.messages import Finding
from app.simulator.objects import Objects
from app.simulator.persons import Scene
from app.simulator.provisioning import Incoming, admit, answer_provisioning
from app.simulator.reference import Reference
from app.simulator.serving import make_server
from app.simulator.world import World
from tests.exchanges import new_record

ORGANISATION, OTHER_ORGANISATION = "2120000001", "2120000002"
TODAY = date(2026, 11, 23)

UNIT, OTHER_UNIT, EXPIRED_UNIT, FOREIGN_UNIT = (f"0000000{n}-0000-5000-8000-000000000000" for n in range(1, 5))
EXAM, GY_EXAM = "00000011-0000-5000-8000-000000000000", "00000012-0000-5000-8000-000000000000"
UNKNOWN = "ffffffff-0000-4000-8000-000000000000"


def numbered(number: int) -> str:
    """Makes an id."""
    return f"a0000000-0000-4000-8000-{number:012d}"


def reference_document() -> dict[str, Any]:
    """Gives reference data as `PUT /_simulator/reference` takes it."""

    def unit(unit_id: str, organisation: str, status: str) -> dict[str, Any]:
        return {"id": unit_id, "status": status, "parentOrganisation": {"organisationNumber": organisation}}

    return {
        "huvudman": {"organisationNumber": ORGANISATION},
        "schoolUnits": [
            unit(UNIT, ORGANISATION, "Active"),
            unit(OTHER_UNIT, ORGANISATION, "New"),
            unit(EXPIRED_UNIT, ORGANISATION, "Expired"),
            unit(FOREIGN_UNIT, OTHER_ORGANISATION, "Active"),
        ],
        "programmes": [
            {"educationCode": "EK1", "schoolType": "GY", "status": "Active", "validFrom": "2021-07-01T00:00:00+02:00"},
            {"educationCode": "EK0", "schoolType": "GY", "status": "Expired"},
            {"educationCode": "EK2", "schoolType": "GY", "status": "Active", "validFrom": "2027-07-01T00:00:00+02:00"},
        ],
        "nationalActivities": [{"id": EXAM, "schoolType": "GR"}, {"id": GY_EXAM, "schoolType": "GY"}],
        "persons": [],
    }


def pupil(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Makes a pupil whom Skolverket accepts; a change of ... leaves the attribute out."""
    person = {
        "id": numbered(number),
        "givenName": "Vira",
        "familyName": "Lundqvist",
        "eduPersonPrincipalNames": [f"x{number:05d}@edu.example.se"],
        "civicNo": {"value": "201203049810", "nationality": "SE"},
        "enrolments": [{"enroledAt": {"id": UNIT}, "schoolType": "GR", "schoolYear": 6}],
    }
    return changed(person, changes)


def staff(number: int = 2, **changes: Any) -> dict[str, Any]:
    """Makes a teacher whom Skolverket accepts."""
    person = {
        "id": numbered(number),
        "givenName": "Otto",
        "familyName": "Sandberg",
        "eduPersonPrincipalNames": [f"y{number:05d}@edu.example.se"],
        "civicNo": {"value": "197501319813", "nationality": "SE"},
        "emails": [{"value": f"y{number}@example.se", "type": "Skola personal"}],
    }
    return changed(person, changes)


def duty(**changes: Any) -> dict[str, Any]:
    """Makes a duty of the teacher."""
    return changed(
        {"id": numbered(30), "person": {"id": numbered(2)}, "dutyAt": {"id": UNIT}, "dutyRole": "Lärare"}, changes
    )


def group(**changes: Any) -> dict[str, Any]:
    """Makes a class with the pupil in it."""
    made = {
        "id": numbered(40),
        "displayName": "6A",
        "groupType": "Klass",
        "schoolType": "GR",
        "organisation": {"id": UNIT},
        "groupMemberships": [{"person": {"id": numbered(1)}}],
    }
    return changed(made, changes)


def activity(**changes: Any) -> dict[str, Any]:
    """Makes an activity of the class and the duty."""
    made = {
        "id": numbered(50),
        "displayName": "Ma 6A",
        "activityType": "Undervisning",
        "groups": [{"id": numbered(40)}],
        "teachers": [{"duty": {"id": numbered(30)}}],
        "organisation": {"id": UNIT},
        "parentActivity": {"id": EXAM},
    }
    return changed(made, changes)


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Copies an object with other values; ... leaves an attribute out."""
    merged = copy.deepcopy(document) | changes
    return {name: value for name, value in merged.items() if value is not ...}


def scene(*, with_objects: bool = False) -> Scene:
    """Makes the scene of a decision; with_objects puts pupil, teacher, duty and class into it."""
    reference, objects = Reference(), Objects()
    reference.put(reference_document())
    if with_objects:
        for person in (pupil(), staff()):
            objects.put(ORGANISATION, "persons", person, 0)
        objects.put(ORGANISATION, "duties", duty(), 0)
        objects.put(ORGANISATION, "groups", group(), 0)
    return Scene(ORGANISATION, reference, objects, TODAY)


def texts(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    """Shortens findings to (LogEntry id, attribute)."""
    return [(finding.message.id, finding.attribute) for finding in findings]


@dataclass
class MovableClock:
    """A clock that stands still until it is moved."""

    now: float = 1_795_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@dataclass
class Desk:
    """A simulator without a socket, on a clock that the test moves."""

    config: SimulatorConfig = field(default_factory=lambda: SimulatorConfig(job_jitter=0, calls_per_second=10_000))
    clock: MovableClock = field(default_factory=MovableClock)

    def __post_init__(self) -> None:
        self.world = World(self.config, self.clock)
        self.world.reference.put(reference_document())

    def call(
        self, method: str, path: str, document: Any = None, *, organisation: str = ORGANISATION, **query: str
    ) -> Answer:
        """Makes a call with a valid token; bytes go as they are."""
        path = f"/provisioning/v1{path}"
        call = self.world.ledger.open(self.clock.time(), self.clock.monotonic(), method, path, urlencode(query))
        token = self.world.issuer.grant(organisation, [])["access_token"]["value"]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        allowance = admit(self.world, method, path, self.clock.monotonic())
        incoming = Incoming(call, query, f"Bearer {token}", body, "http://simulator", allowance)
        return answer_provisioning(self.world, incoming)

    def send(self, kind: str, *items: Any, organisation: str = ORGANISATION, upsert: bool = True) -> str:
        """Sends objects and gives the job's id."""
        flag = "true" if upsert else "false"
        answer = self.call(
            "POST", f"/{kind}/bulk", {"data": list(items)}, organisation=organisation, updateIfExists=flag
        )
        assert answer.status == 202, answer.payload
        return str(answer.payload["jobId"])

    def responses(self, kind: str, job_id: str, *, organisation: str = ORGANISATION) -> list[dict[str, Any]]:
        """Reads a job's responses as they are now."""
        answer = self.call("GET", f"/{kind}/bulk/jobs/{job_id}", organisation=organisation)
        assert answer.status == 200, answer.payload
        return [entry["response"] for entry in answer.payload["responses"]]

    def carry_out(self, kind: str, *items: Any, organisation: str = ORGANISATION, upsert: bool = True) -> list[str]:
        """Sends objects, moves the clock past the job's delay and gives the statuses."""
        job_id = self.send(kind, *items, organisation=organisation, upsert=upsert)
        self.clock.now += 60
        return [response["status"] for response in self.responses(kind, job_id, organisation=organisation)]


@dataclass
class Line:
    """A running simulator behind a real socket."""

    port: int
    token: str = ""

    def ask(
        self, method: str, path: str, document: Any = None, *, token: str | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Makes one call on a connection of its own: (status, headers with lower-case names, parsed JSON or None)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            body = document if isinstance(document, bytes) or document is None else json.dumps(document).encode()
            headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
            received = {name.lower(): value for name, value in response.getheaders()}
            return response.status, received, json.loads(content) if content else None
        finally:
            connection.close()

    def log_in(self, organisation: str = ORGANISATION) -> None:
        """Gets a token at the authorisation server and keeps it for later calls."""
        status, _, answer = self.ask("POST", "/transaction", transaction(organisation))
        assert status == 200, answer
        self.token = answer["access_token"]["value"]

    def order(self, *faults: dict[str, Any]) -> None:
        """Puts faults in force."""
        status, _, answer = self.ask("PUT", "/_simulator/faults", list(faults))
        assert status == 200, answer

    def ledger(self) -> list[dict[str, Any]]:
        """Reads every call so far."""
        calls: list[dict[str, Any]] = self.ask("GET", "/_simulator/ledger")[2]["calls"]
        return calls


def transaction(organisation: str = ORGANISATION) -> dict[str, Any]:
    """Makes the body of a transaction."""
    access = [{"type": "provisioning-api", "locations": ["http://127.0.0.1/provisioning/v1"]}]
    return {"access_token": [{"access": access, "flags": ["bearer"]}], "client": {"key": organisation}}


@contextmanager
def running(config: SimulatorConfig) -> Iterator[Line]:
    """Runs a simulator in a thread on a free port, with the reference known and a token at hand."""
    server = make_server("127.0.0.1", 0, config, record=new_record())
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(10)
        line = Line(server.port)
        assert line.ask("PUT", "/_simulator/reference", reference_document())[0] == 200
        line.log_in()
        yield line
    finally:
        server.should_exit = True
        thread.join(10)
