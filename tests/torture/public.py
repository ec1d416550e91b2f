"""The public API's testimony: every run with its jobs and batches, and of a sample every record."""

import asyncio
import hashlib
import json
from random import Random
from typing import Any
from uuid import UUID

from tests.torture.callers import Callers, Organisation
from tests.torture.stack import read_json
from tests.torture.witnesses import Looked, Seen, Shown

_AT_ONCE = 8
_BATCHES_EACH, _RECORDS_EACH = 3, 2


class Public:
    """Reads what callers may read; `sample` runs are read in full."""

    def __init__(self, callers: Callers, random: Random, sample: int) -> None:
        self._callers, self._random, self._sample = callers, random, sample
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def testify(self, organisations: list[Organisation], seen: Seen) -> None:
        """Reads all, and notes it."""
        listed = await asyncio.gather(
            *(self._runs(who, activity) for who in organisations for activity in who.activities)
        )
        runs = [(who, run) for found in listed for who, run in found]
        shown = await asyncio.gather(*(self._shown(who, run) for who, run in runs))
        seen.shown = {UUID(one.run["id"]): one for one in shown}
        sample = self._random.sample(runs, min(self._sample, len(runs)))
        looked: list[Looked] = []
        lists = await asyncio.gather(
            *(self._look(who, job, seen, looked) for who, run in sample for job in run["jobs"])
        )
        seen.listed, seen.looked = dict(lists), looked

    async def get(self, who: Organisation, path: str) -> dict[str, Any]:
        """Reads one thing; raises RuntimeError when the API does not give it."""
        async with self._places:
            for _ in range(10):
                answer = await self._callers.ask(who, "GET", path)
                if answer is not None and answer.status_code == 200:
                    return await asyncio.to_thread(read_json, answer)
                await asyncio.sleep(0.5)
        raise RuntimeError(f"the API does not give {path}: {answer.status_code if answer else 'no answer'}")

    async def _pages(self, who: Organisation, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.get(who, f"{path}?limit=200{cursor and f'&cursor={cursor}'}")
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = page["next_cursor"]

    async def _runs(self, who: Organisation, activity: UUID) -> list[tuple[Organisation, dict[str, Any]]]:
        return [(who, run) for run in await self._pages(who, f"/activities/{activity}/runs")]

    async def _shown(self, who: Organisation, run: dict[str, Any]) -> Shown:
        begun = [job for job in run["jobs"] if job["started_at"] is not None]
        batches = {UUID(job["id"]): await self._pages(who, f"/jobs/{job['id']}/batches") for job in begun}
        return Shown(run, batches)

    async def _look(
        self, who: Organisation, job: dict[str, Any], seen: Seen, looked: list[Looked]
    ) -> tuple[UUID, dict[UUID, str]]:
        """Reads a job's records, and some of its batches and their records in full."""
        job_id = UUID(job["id"])
        listed = await self._pages(who, f"/jobs/{job_id}/records")
        sendings = seen.sendings(job_id)
        batches = await self._pages(who, f"/jobs/{job_id}/batches")
        for batch in self._random.sample(batches, min(_BATCHES_EACH, len(batches))):
            full = await self.get(who, f"/jobs/{job_id}/batches/{batch['id']}")
            if full["sha256"] is None:
                # What it carried of somebody has been erased.
                continue
            text = json.dumps(full["request"], ensure_ascii=False, separators=(",", ":"))
            full["request_sha256"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            # Of each record the last batch counts: that is the way in which it is shown.
            mine = [each for each in full["record_ids"] if str(sendings[UUID(each)][-1].id) == batch["id"]]
            for each in self._random.sample(mine, min(_RECORDS_EACH, len(mine))):
                record = await self.get(who, f"/jobs/{job_id}/records/{each}")
                looked.append(Looked(job_id, record, full))
        return job_id, {UUID(record["id"]): record["status"] for record in listed}
