"""What `reading` asks for: each kind of page and each route that reads, with requests for many different things."""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from benchmarks.plans_calls import named
from benchmarks.read_database import Exam, Filled

# So many different things of a kind are asked for, in turn.
_EACH = 40
_FURTHER = 5
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Budget:
    """Of 100 answers `percent` may take `ms` at most."""

    percent: int
    ms: float


PAGE, ROUTE, LARGE_EXAM = Budget(95, 150), Budget(99, 100), Budget(95, 300)


@dataclass(frozen=True)
class Reads:
    """A kind of page, or a route in one of its uses: its requests, and how long they may take."""

    name: str
    budget: Budget
    requests: Sequence[bytes]


class Viewer:
    """Who looks: asks on `client` with `headers`, and writes the requests that would be sent."""

    def __init__(self, client: httpx.Client, headers: Headers) -> None:
        self._client = client
        self._headers = {"Host": str(client.base_url.netloc, "ascii"), "Accept-Encoding": "gzip", **headers}

    def get(self, path: str, headers: Headers | None = None, **query: Any) -> bytes:
        """Writes a GET."""
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        return self._written("GET", target, headers or {}, b"")

    def post(self, path: str, body: Any, headers: Headers | None = None) -> bytes:
        """Writes a POST of JSON, or of a form where `headers` say so."""
        form = headers is not None
        content = urlencode(body).encode() if form else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        return self._written("POST", path, {"Content-Type": kind, **(headers or {})}, content)

    def read(self, path: str, **query: Any) -> httpx.Response:
        """Asks at once."""
        return self._client.get(path, params=query, headers=dict(self._headers)).raise_for_status()

    def further(self, path: str, **query: Any) -> str:
        """Goes some pages on in a list of the API, and gives the cursor of the next one."""
        name, cursor = ("after" if path == "/changes" else "cursor"), ""
        for _ in range(_FURTHER):
            following = self.read(path, **query, **({name: cursor} if cursor else {})).json()["next_cursor"]
            cursor = following or cursor
        return cursor

    def further_page(self, path: str, **query: Any) -> dict[str, Any]:
        """Goes some pages on in a list of the pages, and gives what the address of the next one has."""
        cursor = dict[str, Any]()
        for _ in range(_FURTHER):
            found = re.search(r'cursor=([^"&]+)', self.read(path, **query, **cursor).text)
            cursor = {"cursor": found[1]} if found else cursor
        return cursor

    def _written(self, verb: str, target: str, headers: Headers, body: bytes) -> bytes:
        lengths = {"Content-Length": str(len(body))} if body else {}
        lines = [f"{name}: {value}" for name, value in {**self._headers, **headers, **lengths}.items()]
        return "\r\n".join([f"{verb} {target} HTTP/1.1", *lines, "", ""]).encode("ascii") + body


def signed_in(client: httpx.Client, key: str) -> Viewer:
    """Signs in to the pages with a key."""
    answer = client.post("/historik/logga-in", data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"})
    cookie = answer.headers["Set-Cookie"].split(";", 1)[0]
    client.cookies.clear()
    return Viewer(client, {"Cookie": cookie})


@dataclass(frozen=True)
class Places:
    """What is asked for: ids of what the database has, and words that people would type."""

    filled: Filled
    runs: Sequence[str]
    jobs: Sequence[str]
    persons: Sequence[str]
    words: Sequence[str]
    school: str

    @classmethod
    def of(cls, filled: Filled) -> "Places":
        """Chooses them: the same of the same database."""
        chance, size, large = random.Random(1), filled.size, filled.exams[0]
        # Runs whose activity is in the organisation that is looked at.
        numbers = [
            1 + chance.randrange(size.runs // size.queues) * size.queues + chance.randrange(size.queues * 4 // 5)
            for _ in range(_EACH)
        ]
        people = chance.sample(large.roster["persons"], min(_EACH, len(large.roster["persons"])))
        school = next(each["enrolments"][0]["enroledAt"]["id"] for each in people if each.get("enrolments"))
        return cls(
            filled,
            runs=[*(str(named(f"run {each}")) for each in (size.busy, *numbers)), *(e.run["id"] for e in filled.exams)],
            jobs=[str(named(f"job {each}.{1 + each % 4}")) for each in numbers],
            persons=[each["id"] for each in people],
            words=[
                word for each in people for word in (each["familyName"], each["givenName"], each["civicNo"]["value"])
            ],
            school=school,
        )

    @property
    def large(self) -> Exam:
        """Gives the exam with the largest job."""
        return self.filled.exams[0]

    @property
    def usual(self) -> Exam:
        """Gives the exam of a usual size."""
        return self.filled.exams[2]

    @property
    def activities(self) -> list[str]:
        """Gives activities of the organisation."""
        return [str(named(f"activity {number}")) for number in range(1, _EACH)]


def pages(at: Viewer, of: Places) -> Iterator[Reads]:
    """Gives every kind of page of an organisation."""

    def page(name: str, *requests: bytes) -> Reads:
        return Reads(name, PAGE, requests)

    asks = {"HX-Request": "true"}
    job = f"/historik/jobb/{of.large.job('persons')}"
    exam = f"/historik/prov/{of.usual.id}"
    narrowed: list[dict[str, Any]] = [
        *({"status": each} for each in ("failed", "succeeded", "running", "cancelled")),
        *({"outcome": each} for each in ("clean", "with_errors", "nothing_accepted")),
        *({"exam": each} for each in of.activities[:8]),
        {"stage": "groups"},
        {"stage": "persons", "status": "failed"},
        {"from": "2025-01-01", "to": "2026-01-31"},
    ]
    yield page("Historik", at.get("/historik"))
    yield page("Historik, narrowed", *(at.get("/historik", **each) for each in narrowed))
    yield page("Historik, further on", at.get("/historik", **at.further_page("/historik")))
    yield page("Historik, its live part", at.get("/historik", asks))
    yield page("run", *(at.get(f"/historik/korningar/{each}") for each in of.runs))
    yield page("run, its live part", *(at.get(f"/historik/korningar/{each}", asks) for each in of.runs))
    yield page("job", at.get(job))
    yield page("job, any", *(at.get(f"/historik/jobb/{each}") for each in of.jobs))
    yield page(
        "job, narrowed",
        *(at.get(job, status=each) for each in ("error", "warning", "succeeded")),
        *(at.get(job, school_unit=of.school), at.get(job, school_year=6), at.get(job, sort="order")),
        at.get(job, school_unit=of.school, status="succeeded"),
    )
    yield page("job, further on", at.get(job, **at.further_page(job)))
    token = re.search(r'name="form_token" value="([^"]+)"', at.read(job).text)
    assert token is not None  # noqa: S101 - the page has a search form
    searched = ({"form_token": token[1], "q": word} for word in of.words)
    yield page("job, searched", *(at.post(f"{job}/sok", each, {"Sec-Fetch-Site": "same-origin"}) for each in searched))
    yield page("record", *(at.get(f"{job}/poster/{each}") for each in of.persons))
    yield page("object", *(at.get(f"/historik/objekt/persons/{each}") for each in of.persons))
    yield page("exams", at.get("/historik/prov"))
    yield page("who is missing", at.get(exam))
    yield page("who is missing, pupils", at.get(f"{exam}/elever"))
    yield page("before sending", *(at.get(f"/historik/prov/{each.id}/skicka") for each in of.filled.exams))


def operators_pages(at: Viewer) -> Iterator[Reads]:
    """Gives the pages Drift."""
    yield Reads("Drift", PAGE, [at.get("/historik/drift")])
    yield Reads("Drift, an organisation", PAGE, [at.get("/historik/drift/3000000001")])


def routes(at: Viewer, of: Places) -> Iterator[Reads]:
    """Gives the routes of the API that read."""

    def route(name: str, *requests: bytes) -> Reads:
        return Reads(name, ROUTE, requests)

    job = f"/jobs/{of.large.job('persons')}"
    usual = f"/activities/{of.usual.id}"
    runs: list[dict[str, Any]] = [
        *({"status": each} for each in ("failed", "running", "queued", "succeeded")),
        *({"outcome": each} for each in ("clean", "with_warnings", "nothing_accepted")),
        {"activity_id": of.activities[:10]},
        {"created_after": "2025-01-01T00:00:00Z", "created_before": "2025-01-08T00:00:00Z"},
    ]
    jobs = [*runs, {"stage": "groups"}, {"stage": "groups", "status": "waiting"}, {"run_id": of.runs[:10]}]
    yield route("GET /runs", at.get("/runs"), at.get("/runs", cursor=at.further("/runs")))
    yield route("GET /runs, narrowed", *(at.get("/runs", **each) for each in runs))
    yield route("GET /runs/{id}", *(at.get(f"/runs/{each}") for each in of.runs))
    yield route("GET /jobs", at.get("/jobs"), at.get("/jobs", cursor=at.further("/jobs")))
    yield route("GET /jobs, narrowed", *(at.get("/jobs", **each) for each in jobs))
    yield route("GET /jobs/{id}", *(at.get(f"/jobs/{each}") for each in of.jobs))
    changes = "/changes"
    yield route(
        "GET /changes", at.get(changes), at.get(changes, after="now"), at.get(changes, after=at.further(changes))
    )
    yield route("GET /activities", at.get("/activities"), at.get("/activities", cursor=at.further("/activities")))
    yield route("GET /activities/{id}", *(at.get(f"/activities/{each.id}") for each in of.filled.exams))
    yield route("GET …/runs", *(at.get(f"/activities/{each}/runs") for each in of.activities))
    yield route("GET …/findings", *(at.get(f"/activities/{each.id}/findings") for each in of.filled.exams))
    yield route("GET …/readiness", at.get(f"{usual}/readiness"))
    yield route("GET …/readiness/pupils", at.get(f"{usual}/readiness/pupils"))
    yield route("GET …/plans", at.get(f"{usual}/plans"))
    plan = at.read(f"/activities/{of.large.id}/plans").json()["data"][0]["id"]
    yield route("GET /plans/{id}", at.get(f"/plans/{plan}"))
    yield route("GET …/items", at.get(f"/plans/{plan}/items"), at.get(f"/plans/{plan}/items", decision="skipped"))
    yield route("GET …/records", at.get(f"{job}/records"), at.get(f"{job}/records", limit=200))
    yield route("GET …/records, further on", at.get(f"{job}/records", cursor=at.further(f"{job}/records")))
    yield route(
        "GET …/records, narrowed",
        *(at.get(f"{job}/records", status=each) for each in ("error", "warning", "succeeded", ["error", "skipped"])),
        *(at.get(f"{job}/records", sort=each) for each in ("status", "-order", "completed_at")),
        *(
            at.get(f"{job}/records", school_unit=of.school, **each)
            for each in ({}, {"role": "Elev"}, {"school_year": 6})
        ),
    )
    yield route("POST …/records/search", *(at.post(f"{job}/records/search", {"q": word}) for word in of.words))
    yield route("GET …/records/{id}", *(at.get(f"{job}/records/{each}") for each in of.persons))
    yield route("GET …/batches", at.get(f"{job}/batches"))
    batches = at.read(f"{job}/batches").json()["data"][:_EACH]
    yield route("GET …/batches/{id}", *(at.get(f"{job}/batches/{each['id']}") for each in batches))
    yield route("POST /objects/search", *(at.post("/objects/search", {"q": word}) for word in of.words))
    yield route("GET /objects/{kind}/{id}", *(at.get(f"/objects/persons/{each}") for each in of.persons))


def operators_routes(at: Viewer) -> Iterator[Reads]:
    """Gives the operators' routes that read."""
    for path in ("/operations/runs", "/operations/organisations", "/operations/doctor"):
        yield Reads(f"GET {path}", ROUTE, [at.get(path)])


def large_exam(page: Viewer, api: Viewer, of: Places) -> Iterator[Reads]:
    """Gives who is missing in the exam of 20,000 pupils."""
    exam = of.filled.exams[1].id
    yield Reads("20,000 pupils: the page", LARGE_EXAM, [page.get(f"/historik/prov/{exam}")])
    yield Reads("20,000 pupils: GET …/readiness", LARGE_EXAM, [api.get(f"/activities/{exam}/readiness")])
    yield Reads("20,000 pupils: …/readiness/pupils", LARGE_EXAM, [api.get(f"/activities/{exam}/readiness/pupils")])
