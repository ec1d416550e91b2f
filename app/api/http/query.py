"""Which parameters a query may have: those that its route declares, and each that takes one value once."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args, get_origin
from weakref import WeakKeyDictionary, WeakSet

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from app.api.http.problems import BadRequest

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
# Found out at the first request with a query: that takes as long as all else that is done about one.
_OF_OTHERS: Final[WeakSet[Callable[..., Any]]] = WeakSet()
_DECLARED: Final[WeakKeyDictionary[Callable[..., Any], dict[str, bool]]] = WeakKeyDictionary()


def addressed_by_others(endpoint: _Endpoint) -> _Endpoint:
    """Marks what others send browsers to, with parameters of their own besides ours: it looks at them itself."""
    _OF_OTHERS.add(endpoint)
    return endpoint


async def declared_parameters_only(request: Request) -> None:
    """Raises BadRequest for a parameter of `request` that its route does not declare, or takes once and has twice.

    One that is not declared is named by its place in the query: its name may be anything, a personnummer too.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    route: APIRoute = request.scope["route"]
    if route.endpoint in _OF_OTHERS:
        return
    if (lists := _DECLARED.get(route.endpoint)) is None:
        lists = _DECLARED[route.endpoint] = _declared(route)
    for place, name in enumerate(given, 1):
        if name not in lists:
            taken = f"takes {', '.join(sorted(lists))} and no others" if lists else "takes no parameters"
            raise BadRequest(f"query parameter {place}: This address {taken}.")
        if not lists[name] and given.count(name) > 1:
            raise BadRequest(f"query {name}: It is given more than once.")


def _declared(route: APIRoute) -> dict[str, bool]:
    """Gives the names of a route's parameters, and of each whether it takes several values."""
    declared = {}
    for each in get_flat_params(route.dependant):
        if isinstance(each.field_info, Query):
            form = each.field_info.annotation
            declared[each.alias] = any(get_origin(part) is list for part in (form, *get_args(form)))
    return declared
