"""What routes depend on is computed where they run: a thread for each would make every answer wait for its turn."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.api import routes
from app.server.app import described_app
from app.web.routers import ROUTERS


def routers() -> Iterator[APIRouter]:
    yield from ROUTERS
    for module in pkgutil.iter_modules(routes.__path__):
        yield import_module(f"{routes.__name__}.{module.name}").router


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        assert each.call is not None
        yield each.call
        yield from calls(each)


def takes_a_thread(call: Callable[..., Any]) -> bool:
    return not any(
        is_one(each)
        for is_one in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        for each in (call, type(call).__call__)
    )


ROUTES = [route for router in routers() for route in router.routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_no_route_depends_on_what_takes_a_thread(route: APIRoute) -> None:
    called = [route.endpoint, *calls(route.dependant)]
    assert [each.__qualname__ for each in called if takes_a_thread(each)] == []


def test_nothing_that_all_routes_depend_on_takes_a_thread() -> None:
    everywhere = [each.dependency for each in described_app().router.dependencies]
    assert everywhere
    assert [str(each) for each in everywhere if each is None or takes_a_thread(each)] == []
