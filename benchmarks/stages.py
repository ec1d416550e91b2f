"""How much of Skolverket's limit is used, as the simulator's ledger shows it: time of the largest stage, calls a batch.

    python -m benchmarks.stages [--batches 40] [--organisations 1] [--workers 2] [--answer-delay 0] [--job-delay 1]

What the limits allow is one send and one status call a batch at five calls a second; the largest stage is measured from
the start of its first to the start of its last call. Beside it stands what our own pace, five per 1.05 s, allows.
"""

import argparse
import time
from collections import Counter
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx

from app.demo.roster import RosterPlan, generate, json_chunks, reference_only, roster_only
from app.local.environment import towards_simulator
from benchmarks.processes import workshop

LIMIT = 5
PACE = 5 / 1.05
# A batch of 200 KB holds about so many of the generated persons.
PERSONS_A_BATCH = 465
Call = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--batches", type=int, default=40, help="of the persons stage, about, for each organisation")
    parser.add_argument("--organisations", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--answer-delay", type=float, default=0.0, help="seconds that each call takes")
    parser.add_argument("--job-delay", type=float, default=1.0, help="seconds until a batch's answer is there")
    given = parser.parse_args()
    with ExitStack() as stack:
        shop = stack.enter_context(workshop())
        delays = ("--answer-delay", str(given.answer_delay), "--job-delay", str(given.job_delay))
        _, simulator_port = stack.enter_context(shop.started("simulator", "--port", "0", *delays))
        simulator = f"http://127.0.0.1:{simulator_port}"
        leads = towards_simulator(simulator)
        _, port = stack.enter_context(shop.started("serve", "--port", "0", **leads))
        api = f"http://127.0.0.1:{port}"
        runs = []
        for number in range(given.organisations):
            plan = RosterPlan(
                persons=given.batches * PERSONS_A_BATCH,
                schools=max(1, given.batches),
                seed=number,
                organisation_number=f"21200098{12 + number}",
            )
            runs.append(_prepared(api, simulator, shop.key(plan.organisation_number), plan))
        for _ in range(given.workers):
            stack.enter_context(shop.started("worker", **leads))
        for key, location in runs:
            _finished(api, key, location)
        _report(httpx.get(f"{simulator}/_simulator/ledger", timeout=60).json()["calls"])


def _prepared(api: str, simulator: str, key: str, plan: RosterPlan) -> tuple[str, str]:
    generated = generate(plan)
    httpx.put(f"{simulator}/_simulator/reference", json=reference_only(generated), timeout=60).raise_for_status()
    activity = f"{api}/activities/{uuid4()}"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = {"display_name": "Benchmark", "roster": roster_only(generated)}
    content = "".join(json_chunks(body)).encode()
    httpx.put(activity, content=content, headers=headers, timeout=120).raise_for_status()
    answer = httpx.post(f"{activity}/provision", headers=headers, json={"on_record_error": "continue"}, timeout=60)
    return key, answer.raise_for_status().headers["Location"]


def _finished(api: str, key: str, location: str) -> None:
    while True:
        run = (
            httpx.get(api + location, headers={"Authorization": f"Bearer {key}"}, timeout=30).raise_for_status().json()
        )
        if run["status"] not in {"queued", "running"}:
            succeeded = ", ".join(f"{job['stage']} {job['progress']['succeeded']}" for job in run["jobs"])
            print(f"run {run['status']}: {succeeded}")
            return
        time.sleep(0.5)


def _report(calls: list[Call]) -> None:
    counted = [call for call in calls if "/bulk" in call["path"]]
    sends = [call for call in counted if call["method"] == "POST"]
    print(f"answers             {dict(Counter(call['status'] for call in calls))}")
    print(f"calls a batch       {len(counted) / len(sends):8.2f}  ({len(counted)} calls, {len(sends)} batches)")
    print(f"most in one second  {_densest(counted):8d}  of {LIMIT} sending and status calls")
    print(f"                    {_densest([call for call in calls if _is_read(call)]):8d}  of 10 reads")
    persons = [call for call in counted if call["resource"] == "persons"]
    batches = sum(call["method"] == "POST" for call in persons)
    starts = sorted(call["monotonic"] for call in persons)
    took, least = starts[-1] - starts[0], (2 * batches - 1) / LIMIT
    print(f"largest stage       {took:8.2f} s for {batches} batches, {len(persons)} calls")
    print(f"the limits allow    {least:8.2f} s, so {took / least:.3f} times that")
    print(f"our pace allows     {(2 * batches - 1) / PACE:8.2f} s, so {took * PACE / (2 * batches - 1):.3f} times that")


def _is_read(call: Call) -> bool:
    return "/provisioning/" in call["path"] and "/bulk" not in call["path"]


def _densest(calls: list[Call]) -> int:
    """Counts the most calls within any second, by the server's clock."""
    times = sorted(call["monotonic"] for call in calls)
    return max((sum(first <= each < first + 1 for each in times) for first in times), default=0)


if __name__ == "__main__":
    main()
