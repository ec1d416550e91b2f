"""Apps that share their routes: FastAPI works these out at an app's first request, longer than most tests take."""

from fastapi import FastAPI
from starlette.routing import BaseRoute

from app.runtime import Runtime
from app.server.app import create_app

_routes: list[BaseRoute] = []


def app_over(runtime: Runtime) -> FastAPI:
    """Makes the app over the running parts, with the routes of this process's first app: all apps have the same."""
    app = create_app(runtime)
    if not _routes:
        _routes.extend(app.router.routes)
    app.router.routes = _routes
    return app
