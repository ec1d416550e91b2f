"""Whether the process is up, whether it can do its work, and how much of it there is."""

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from app.api.answers import answer
from app.api.dependencies import Parts, PartsDep
from app.api.metrics import Shared, Together
from app.api.problems import problem
from app.api.readiness import NEEDED
from app.api.schemas import Health
from app.db import reads
from app.db.circuits import service_states
from app.db.workers import all_workers

router = APIRouter(tags=["Health"])

_TIMEOUT_SECONDS = 3.0


@router.get("/healthz", summary="Is the process up?", response_model=Health)
async def healthz() -> Response:
    """Answers as long as the process does."""
    return answer({"status": "ok", "checks": {}})


@router.get(
    "/readyz",
    summary="Can the service do its work?",
    response_model=Health,
    responses={503: {"description": "Postgres cannot be used, or only read, or its migrations are missing."}},
)
async def readyz(parts: PartsDep) -> Response:
    """Names what is wrong. Without a worker, Redis or Skolverket all goes on, slower or later: that is `degraded`."""
    checks = await parts.readiness.checks()
    wrong = [name for name in NEEDED if checks[name] != "ok"]
    if wrong:
        return problem(503, f"Not ready: {', '.join(f'{name} {checks[name]}' for name in wrong)}.", checks=checks)
    return answer({"status": "ok" if set(checks.values()) == {"ok"} else "degraded", "checks": checks})


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"description": "Prometheus's text format.", "content": {"text/plain": {}}}},
)
async def metrics(parts: PartsDep) -> Response:
    """Gives figures of this process, and of all jobs and workers as Postgres has them now."""
    shared = CollectorRegistry(auto_describe=False)
    shared.register(Shared(await _together(parts)))
    text = generate_latest(parts.metrics.registry) + generate_latest(shared)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _together(parts: Parts) -> Together | None:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), parts.reading.connect() as conn:
            return Together(await reads.backlog(conn), await service_states(conn), await all_workers(conn))
    except (SQLAlchemyError, TimeoutError, OSError):
        return None
