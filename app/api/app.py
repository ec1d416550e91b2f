"""Puts the interface together: routes, middleware, and the parts that they work with."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from app.api import (
    activities,
    activity_changes,
    docs,
    explanations,
    health,
    jobs,
    objects,
    openapi,
    outages,
    plans,
    problems,
    provisioning,
    records,
)
from app.api.body_limit import BodyLimit
from app.api.dependencies import Parts
from app.api.from_memory import FromMemory
from app.api.head import HeadAsGet
from app.api.metrics import Measured
from app.api.path_ids import canonical_ids
from app.api.query import declared_parameters_only
from app.api.readiness import Readiness
from app.api.run_reader import RunReader
from app.db.reads import snapshots
from app.runtime import Runtime

_DESCRIPTION = """\
Carries the rosters of digital national exams to Skolverket in four ordered stages: Användare, Tjänstgöringar, Grupper,
Aktiviteter. Store an activity with its roster, provision it, follow the run.

Errors are problem+json and never repeat what was sent. Without the scope `pii` everything personal is `***`. Clients
must accept new fields and new values of enumerations in answers.
"""


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return openapi.describe(self)


def create_app(runtime: Runtime) -> FastAPI:
    """Makes the app over the running parts; it closes none of them."""
    app = _App(
        title="Provkedja",
        version=_version(),
        summary="Provisions rosters of Sweden's digital national exams to Skolverket.",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(canonical_ids), Depends(declared_parameters_only)],
        generate_unique_id_function=_operation_id,
    )
    address = runtime.settings.database_url.get_secret_value()
    parts = Parts(runtime, snapshots(runtime.engine), Readiness(runtime), RunReader(runtime.engine, address))
    parts.metrics.from_memory.set_function(lambda: float(parts.runs.watcher.fresh))
    app.state.parts = parts
    problems.install(app)
    outages.install(app)
    for router in (
        *(activities, activity_changes, plans, provisioning, jobs, records, objects),
        *(explanations, health, docs),
    ):
        app.include_router(router.router)
    # The last one added is the outermost.
    app.add_middleware(problems.Unhandled)
    app.add_middleware(BodyLimit, max_roster_bytes=runtime.settings.max_roster_bytes)
    app.add_middleware(FromMemory)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Measured, metrics=parts.metrics)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _version() -> str:
    try:
        return version("provkedja")
    except PackageNotFoundError:
        return "0"
