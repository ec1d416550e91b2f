"""Puts the interface together: routes, middleware, and the parts that they work with."""

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from app import __version__
from app.api import outages
from app.api.admissions import Admissions
from app.api.auditing import Refusals
from app.api.bearer_tokens import BearerTokens
from app.api.dependencies import Parts
from app.api.description import about, openapi
from app.api.http import handlers
from app.api.http.body_limit import BodyLimit
from app.api.http.compressed import Compressed
from app.api.http.cross_origin import CrossOrigin, origins_of
from app.api.http.departures import Departures
from app.api.http.head import HeadAsGet
from app.api.http.ids import canonical_ids
from app.api.http.observed import Observed
from app.api.http.proxies import BehindProxies, networks_of
from app.api.http.query import declared_parameters_only
from app.api.http.request_forms import RequestForms
from app.api.limits.key_handles import KeyHandles
from app.api.limits.limits import Limits
from app.api.limits.one_by_one import OneByOne
from app.api.polling.from_memory import FromMemory
from app.api.polling.run_reader import RunReader
from app.api.readiness import Readiness
from app.api.routes import (
    activities,
    activity_changes,
    audit,
    changes,
    docs,
    erasures,
    events,
    explanations,
    exports,
    health,
    jobs,
    objects,
    operations,
    pauses,
    plans,
    problem_types,
    provisioning,
    readiness,
    records,
    webhooks,
)
from app.build import register_process
from app.db.reads import snapshots
from app.runtime import Runtime
from app.web.routers import ROUTERS


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return openapi.describe(self)


def create_app(runtime: Runtime) -> FastAPI:
    """Makes the app over the running parts; it closes none of them."""
    app = described_app()
    address = runtime.settings.database_url.get_secret_value()
    runs = RunReader(runtime.engine, address)
    limits, handles = Limits.of(runtime.settings), KeyHandles(runs.handles)
    admissions = None if (provider := runtime.provider) is None else Admissions(provider, runtime, runs)
    tokens = BearerTokens(admissions, runs) if admissions and admissions.provider.takes_bearer_tokens else None
    reading, ready = snapshots(runtime.engine), Readiness(runtime)
    parts = Parts(runtime, reading, ready, runs, limits, handles, Refusals(runtime), admissions, tokens)
    register_process(parts.metrics.registry, runtime.settings.build_commit)
    parts.metrics.from_memory.set_function(lambda: float(parts.runs.watcher.fresh))
    app.state.parts = parts
    handlers.install(app)
    outages.install(app)
    for pages in ROUTERS:
        app.include_router(pages)
    # The last one added is the outermost.
    app.add_middleware(Departures)
    app.add_middleware(handlers.Unhandled)
    app.add_middleware(BodyLimit, max_roster_bytes=runtime.settings.max_roster_bytes)
    app.add_middleware(OneByOne)
    app.add_middleware(FromMemory)
    app.add_middleware(Compressed)
    app.add_middleware(HeadAsGet)
    if origins := origins_of(runtime.settings.cors_origins):
        app.add_middleware(CrossOrigin, origins=origins)
    app.add_middleware(RequestForms)
    app.add_middleware(handlers.Unhandled)
    app.add_middleware(Observed, metrics=parts.metrics, policy=parts.limits.policy)
    if trusted := networks_of(runtime.settings.trusted_proxies):
        app.add_middleware(BehindProxies, trusted=trusted)
    return app


def described_app() -> FastAPI:
    """Makes the app with its routes alone, without the parts that they work with: it can say what it is."""
    app = _App(
        title="Provkedja",
        version=__version__,
        summary="Provisions rosters of Sweden's digital national exams to Skolverket.",
        description=about.DESCRIPTION,
        contact=about.CONTACT,
        servers=about.SERVERS,
        openapi_tags=about.TAGS,
        # Served by a route of ours, which refuses parameters as all do.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(canonical_ids), Depends(declared_parameters_only)],
        generate_unique_id_function=_operation_id,
    )
    for router in (
        *(activities, activity_changes, pauses, readiness, plans, provisioning, jobs, records, exports, objects),
        *(erasures, audit, changes, events, webhooks, operations),
        *(explanations, problem_types, health, docs),
    ):
        app.include_router(router.router)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
