"""Takes a large roster in and freezes it, with the API as a process of its own.

Prints how long that took, how large the process became, and what others noticed of it meanwhile; then, in turn with a
loop that parses the same body with json.loads and copies its objects into a plain table, how long each of them takes.

    python -m benchmarks.intake [persons]

Uses DATABASE_URL (an empty database) when it is set, an embedded Postgres otherwise.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from statistics import median
from uuid import uuid4

import httpx
import psycopg

from app.demo.roster import RosterPlan, generate, json_chunks, roster_only
from benchmarks.figures import Figure, table
from benchmarks.processes import workshop

ORGANISATION = "2120009812"
_TIMES = 3
_NAME = b"Benchmark"


def main() -> None:
    print(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)))


def measure(persons: int, idle_seconds: float = 5) -> list[Figure]:
    """Takes a roster of so many persons in, after having looked at an idle API for `idle_seconds`."""
    with workshop() as shop:
        roster = _write_roster(persons, shop.folder / "roster.json")
        key = shop.key(ORGANISATION)
        with shop.started("serve", "--port", "0") as (process, port):
            asyncio.run(_measure(process.pid, port, key, roster, roster.stat().st_size, idle_seconds))
            ours, bare = list[float](), list[float]()
            for _ in range(_TIMES):
                ours.append(_put_takes(port, key, roster))
                bare.append(_bare_loop_takes(shop.env["DATABASE_URL"], roster))
    return [Figure(f"intake of {persons:,d} persons", "s", median(ours), median(bare), "bare loop")]


def _put_takes(port: int, key: str, roster: Path) -> float:
    """Has the API take a roster in as a new activity."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body, address = roster.read_bytes(), f"http://127.0.0.1:{port}/activities/{uuid4()}"
    with httpx.Client(headers=headers, timeout=300, trust_env=False) as client:
        began = time.perf_counter()
        client.put(address, content=body).raise_for_status()
        return time.perf_counter() - began


def _bare_loop_takes(url: str, roster: Path) -> float:
    """Parses a roster, and copies its objects into a table without an index."""
    body = roster.read_bytes()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE TABLE bare_object (kind text, id uuid, object text)")
        began = time.perf_counter()
        with conn.cursor().copy("COPY bare_object (kind, id, object) FROM STDIN") as copy:
            for kind, objects in json.loads(body)["roster"].items():
                for each in objects:
                    copy.write_row((kind, each["id"], json.dumps(each)))
        took = time.perf_counter() - began
        conn.execute("DROP TABLE bare_object")
    return took


def _write_roster(persons: int, path: Path) -> Path:
    """Writes the body of a PUT; the generator's memory goes with this function."""
    plan = RosterPlan(persons=persons, schools=max(1, persons // 500), defects=min(40, persons // 50))
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json_chunks({"display_name": _NAME.decode(), "roster": roster_only(generate(plan))}))
    return path


async def _measure(pid: int, port: int, key: str, roster: Path, size: int, idle_seconds: float) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=300) as client:
        small = {"display_name": "Small", "roster": {"persons": []}}
        for _ in range(20):
            activity_id = uuid4()
            (await client.put(f"/activities/{activity_id}", json=small)).raise_for_status()
            (await client.post(f"/activities/{activity_id}/provision")).raise_for_status()
        print(f"roster              {size / 1e6:8.1f} MB")
        print(f"API process, idle   {_peak_mb(pid):8.0f} MB")
        _print_latency("idle", (await _while(client, asyncio.sleep(idle_seconds)))[1])
        activity_id = uuid4()
        taken, latencies = await _while(client, _put(client, activity_id, roster, size))
        print(f"intake              {taken:8.2f} s")
        _print_latency("during intake", latencies)
        replaced, latencies = await _while(client, _put(client, activity_id, roster, size, b"Replacing"))
        print(f"replacing it        {replaced:8.2f} s")
        _print_latency("during that", latencies)
        again, latencies = await _while(client, _put(client, activity_id, roster, size, b"Replacing"))
        print(f"the same again      {again:8.2f} s")
        _print_latency("during that", latencies)
        frozen, latencies = await _while(client, _provision(client, activity_id))
        print(f"freezing (the 202)  {frozen:8.2f} s")
        _print_latency("during freezing", latencies)
        print(f"API process, peak   {_peak_mb(pid):8.0f} MB")
        await _read_back(client, activity_id, roster)
        print(f"peak after roster   {_peak_mb(pid):8.0f} MB")


async def _put(client: httpx.AsyncClient, activity_id: object, roster: Path, size: int, name: bytes = _NAME) -> None:
    """Sends the roster under a `name` that is as long as the one in the file."""

    async def chunks() -> AsyncIterator[bytes]:
        with roster.open("rb") as file:
            yield file.read(100).replace(_NAME, name, 1)
            while chunk := file.read(65_536):
                yield chunk

    answer = await client.put(
        f"/activities/{activity_id}",
        content=chunks(),
        headers={"Content-Type": "application/json", "Content-Length": str(size)},
    )
    answer.raise_for_status()
    print(f"stored              {json.dumps(answer.json()['roster']['counts'])} {answer.json()['findings']}")


async def _provision(client: httpx.AsyncClient, activity_id: object) -> None:
    (await client.post(f"/activities/{activity_id}/provision")).raise_for_status()


async def _read_back(client: httpx.AsyncClient, activity_id: object, roster: Path) -> None:
    """Reads the roster and a page of records, and searches among them and among all objects."""
    began = time.perf_counter()
    got = (await client.get(f"/activities/{activity_id}/roster")).raise_for_status().json()
    print(f"roster read back    {time.perf_counter() - began:8.2f} s")
    with roster.open(encoding="utf-8") as file:
        assert got["roster"]["persons"][-1]["id"] == json.load(file)["roster"]["persons"][-1]["id"]  # noqa: S101
    jobs = (await client.get("/jobs", params={"activity_id": str(activity_id), "stage": "persons"})).json()["data"]
    somebody = got["roster"]["persons"][-1]
    searches = {
        "a page of records": {"limit": 200},
        "by a family name": {"q": somebody["familyName"]},
        "by a beginning": {"q": somebody["familyName"][:3]},
        "by both names": {"q": f"{somebody['familyName']} {somebody['givenName']}"},
        "by the last four": {"q": somebody["civicNo"]["value"][-4:]},
        "in vain": {"q": "nobody"},
    }
    for address in (f"/jobs/{jobs[0]['id']}/records/search", "/objects/search"):
        for what, body in searches.items():
            if "limit" in body and address == "/objects/search":
                continue
            took = []
            for _ in range(_TIMES):
                began = time.perf_counter()
                found = (await client.post(address, json=body)).raise_for_status().json()
                took.append(time.perf_counter() - began)
            where = "objects" if address == "/objects/search" else "records"
            print(f"{what:<19} {median(took):8.3f} s, {len(found['data'])} {where}")


async def _while(client: httpx.AsyncClient, work: Awaitable[None]) -> tuple[float, list[float]]:
    """Asks for jobs again and again while something else is done; gives its time and theirs, in seconds."""
    began, latencies = time.perf_counter(), []
    doing = asyncio.ensure_future(work)
    while not doing.done():
        asked = time.perf_counter()
        (await client.get("/jobs")).raise_for_status()
        latencies.append(time.perf_counter() - asked)
        await asyncio.wait([doing], timeout=0.02)
    await doing
    return time.perf_counter() - began, latencies


def _print_latency(when: str, latencies: list[float]) -> None:
    ordered = sorted(latencies)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(
        f"GET /jobs {when:<17} p50 {p50 * 1000:6.1f} ms  p99 {p99 * 1000:6.1f} ms"
        f"  max {ordered[-1] * 1000:6.1f} ms  n={len(ordered)}"
    )


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None  # noqa: S101 - every process has it
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
