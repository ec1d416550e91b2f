"""One row of each kind in each of its states, side by side in one database, for tests that never commit."""

import asyncio
from collections.abc import Mapping

from app.domain import lifecycle
from tests.database.factories import Tenant, engine_of, make_batch, make_job, make_record, make_run, pupil

Names = Mapping[str, object]


def seed(url: str) -> dict[str, Names]:
    """Fills a database; gives the ids by scene: `run.queued`, `job.failed` and so on, and some of their own.

    A scene has `id` (the row's), and where there is one `run`, `job`; a scene `hollow` is a running run whose roster is
    empty, so that raw SQL may walk its jobs `j1` to `j4`.
    """
    return asyncio.run(_seed(url))


async def _seed(url: str) -> dict[str, Names]:
    engine = engine_of(url)
    tenant, other = await Tenant.make(engine), await Tenant.make(engine)
    scenes: dict[str, Names] = {}
    for state in lifecycle.RUN:
        scenes[f"run.{state}"] = {"id": (await make_run(tenant, state)).id}
    for state in lifecycle.JOB:
        scenes[f"job.{state}"] = {"id": await make_job(tenant, state)}
    for state in lifecycle.RECORD:
        held, object_id = await make_record(tenant, state)
        scenes[f"record.{state}"] = {"id": object_id, "job": held.job_id, "run": held.run_id}
    for state in lifecycle.BATCH:
        held, batch_id = await make_batch(tenant, state)
        scenes[f"batch.{state}"] = {"id": batch_id, "job": held.job_id, "run": held.run_id}

    hollow = await tenant.new_run({})
    foreign = await other.new_run()
    scenes["hollow"] = {
        "id": hollow.id,
        "run": hollow.id,
        **{f"j{position}": job_id for position, job_id in enumerate(hollow.jobs, 1)},
        "other": (await tenant.new_run({})).id,
        "other_activity": await tenant.store(),
        "foreign": other.organisation_id,
        "foreign_job": foreign.jobs[0],
    }
    running = await tenant.new_run({})
    second, third = await tenant.accept(running.activity_id), await tenant.accept(running.activity_id)
    await third.cancel()
    scenes["queue"] = {"first": running.id, "second": second.id, "second_job": second.jobs[0], "cancelled": third.id}
    early = await tenant.new_run({})
    await early.cancel()
    await tenant.accept(early.activity_id)
    scenes["overtaken"] = {"id": early.id}
    broken = await tenant.new_run({"persons": [pupil(civicNo=None)]})
    scenes["broken"] = {"job": broken.jobs[0]}
    await engine.dispose()
    return scenes
