"""Calls to the open-data API. Public: no token. Limits and caching are the caller's."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from app.skolverket import wire
from app.skolverket.client import read, taken
from app.skolverket.exchange import Received, exchanged
from app.target import CallHooks, OpenItem, OpenOrganisation, TryAgain

_ORGANISATION_CODE, _SCHOOL_UNIT_CODE, _PROGRAMME_CODE = "organisationNumber", "schoolUnitCode", "educationCode"
# Of exams the name is what their id is made of, as the codes are of the others.
_EXAM_CODE = "displayName"


class OpenDataApi:
    """Skolverket's open data: the port's `OpenData`. Raises Refusal for what the API calls malformed (400)."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, within: float) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._within = within

    async def organisation(self, number: str, hooks: CallHooks | None = None) -> OpenOrganisation | None:
        """Reads an organisation by its number, with its school units; None when there is none."""
        path = wire.ORGANISATION_BY_CODE.format(code=quote(number, safe=""))
        try:
            answer = await self._call(path, hooks, wire.WITH_SCHOOL_UNITS)
        except TryAgain as fault:
            # A wrong base address is a 404 too, and must not look as if everything had been closed down.
            if fault.http_status == 404 and says_not_found(fault.answer):
                return None
            raise
        return read(answer, organisation_of)

    async def programmes(self, hooks: CallHooks | None = None) -> list[OpenItem]:
        """Lists all programmes of upper secondary school."""
        return read(await self._call(wire.PROGRAMMES, hooks), programmes_of)

    async def exams(self, hooks: CallHooks | None = None) -> list[OpenItem]:
        """Lists all exam activities."""
        return read(await self._call(wire.EXAMS, hooks), exams_of)

    async def _call(self, path: str, hooks: CallHooks | None, params: Mapping[str, str] | None = None) -> Received:
        answer = await exchanged(
            self._http,
            "GET",
            self._base_url + path,
            self._within,
            params=params,
            headers={"Accept": "application/json"},
            hooks=hooks,
        )
        return taken(answer, {400})


def organisation_of(answer: bytes) -> OpenOrganisation:
    """Reads an organisation and the school units that came with it; raises TryAgain when it has no id."""
    for item in _items([wire.parsed(answer)], _ORGANISATION_CODE):
        units = item.raw.get("schoolUnits")
        return OpenOrganisation(item, _items(units if isinstance(units, list) else [], _SCHOOL_UNIT_CODE))
    raise wire.unreadable(answer)


def programmes_of(answer: bytes) -> list[OpenItem]:
    """Reads a list of programmes; those without an id are passed over."""
    return _listed(answer, _PROGRAMME_CODE)


def exams_of(answer: bytes) -> list[OpenItem]:
    """Reads a list of exams; those without an id are passed over."""
    return _listed(answer, _EXAM_CODE)


def says_not_found(answer: bytes) -> bool:
    """Tells whether a 404 is the API's own word (its Error object), and not that of something in front of it."""
    return any(entry.get("code") == 404 for entry in wire.entries(answer))


def _listed(answer: bytes, code: str) -> list[OpenItem]:
    match wire.parsed(answer):
        case list(items):
            return _items(items, code)
    raise wire.unreadable(answer)


def _items(items: list[Any], code: str) -> list[OpenItem]:
    read = ((wire.id_of(item.get("id")), item) for item in wire.objects(items))
    return [
        OpenItem(item_id, named if isinstance(named := item.get(code), str) else "", item)
        for item_id, item in read
        if item_id is not None
    ]
