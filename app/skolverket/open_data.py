"""Calls to the open-data API, one typed method an endpoint. Public: no token. Limits and caching are elsewhere."""

from collections.abc import Mapping
from urllib.parse import quote
from uuid import UUID

import httpx

from app.skolverket import wire
from app.skolverket.client import Heed, Leave, exchanged, read, taken
from app.skolverket.faults import TryAgain
from app.skolverket.wire import OpenItem


class OpenDataApi:
    """Skolverket's open data: who may take part in digital national exams, where, in what.

    Every method raises TryAgain or SlowDown, and Refusal for an id or code that the API calls malformed (400). `heed`
    and `leave` are as the Provisioning API's.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        patience: float,
        heed: Heed | None = None,
        leave: Leave | None = None,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._patience = patience
        self._heed = heed
        self._leave = leave

    async def alive(self) -> None:
        """Returns when the API is there."""
        await self._call(wire.ALIVE)

    async def organisation(self, organisation_id: UUID, *, school_units: bool = False) -> OpenItem | None:
        """Reads an organisation by its id, with its school units on demand; None when there is none."""
        return await self._one(
            wire.ORGANISATION.format(id=organisation_id), wire.ORGANISATION_CODE, _expanded(school_units)
        )

    async def organisation_by_number(self, number: str, *, school_units: bool = False) -> OpenItem | None:
        """Reads an organisation by its number, with its school units on demand; None when there is none."""
        return await self._one(
            wire.ORGANISATION_BY_CODE.format(code=_quoted(number)), wire.ORGANISATION_CODE, _expanded(school_units)
        )

    async def school_unit(self, unit_id: UUID) -> OpenItem | None:
        """Reads a school unit by its id; None when there is none."""
        return await self._one(wire.SCHOOL_UNIT.format(id=unit_id), wire.SCHOOL_UNIT_CODE)

    async def school_unit_by_code(self, code: str) -> OpenItem | None:
        """Reads a school unit by its code; None when there is none."""
        return await self._one(wire.SCHOOL_UNIT_BY_CODE.format(code=_quoted(code)), wire.SCHOOL_UNIT_CODE)

    async def programmes(self) -> list[OpenItem]:
        """Lists all programmes of upper secondary school."""
        return await self._all(wire.PROGRAMMES, wire.PROGRAMME_CODE)

    async def programme(self, programme_id: UUID) -> OpenItem | None:
        """Reads a programme by its id; None when there is none."""
        return await self._one(wire.PROGRAMME.format(id=programme_id), wire.PROGRAMME_CODE)

    async def programme_by_code(self, code: str) -> OpenItem | None:
        """Reads a programme by its education code; None when there is none."""
        return await self._one(wire.PROGRAMME_BY_CODE.format(code=_quoted(code)), wire.PROGRAMME_CODE)

    async def exams(self) -> list[OpenItem]:
        """Lists all exam activities, to which an organisation's own activities refer as their parent."""
        return await self._all(wire.EXAMS, wire.EXAM_CODE)

    async def exam(self, exam_id: UUID) -> OpenItem | None:
        """Reads an exam activity by its id; None when there is none."""
        return await self._one(wire.EXAM.format(id=exam_id), wire.EXAM_CODE)

    async def _all(self, path: str, code: str) -> list[OpenItem]:
        return read(await self._call(path), lambda answer: wire.open_items(answer, code))

    async def _one(self, path: str, code: str, params: Mapping[str, str] | None = None) -> OpenItem | None:
        try:
            answer = await self._call(path, params)
        except TryAgain as fault:
            # A wrong base address is a 404 too, and must not look as if everything had been closed down.
            if fault.http_status == 404 and wire.says_not_found(fault.answer):
                return None
            raise
        return read(answer, lambda content: wire.open_item(content, code))

    async def _call(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        answer = await exchanged(
            self._http,
            "GET",
            self._base_url + path,
            self._patience,
            params=params,
            headers={"Accept": "application/json"},
            heed=self._heed,
            leave=self._leave,
        )
        return taken(answer, {400})


def _expanded(school_units: bool) -> Mapping[str, str] | None:
    return wire.WITH_SCHOOL_UNITS if school_units else None


def _quoted(code: str) -> str:
    return quote(code, safe="")
