"""Whether the target's services are there: the holder of an egress decides in memory, and writes it for operators."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.circuits import note_circuit
from app.db.engine import transaction
from app.domain.circuit import Circuit
from app.target import TryAgain

log = structlog.get_logger(__name__)

Service = Literal["provisioning", "authorisation"]


class NotTried(TryAgain):
    """Nothing has been called: something else stands in the way, which passes."""


@dataclass(slots=True)
class Services:
    """The circuits of one epoch."""

    engine: AsyncEngine
    egress: str
    random: Random
    _circuits: dict[Service, Circuit] = field(
        default_factory=lambda: {"provisioning": Circuit(), "authorisation": Circuit()}
    )
    # Set when a circuit has closed: jobs that wait for it may go on.
    closed_lately: bool = False

    def is_open(self, service: Service) -> bool:
        """Tells whether a service is left alone, but for probes."""
        return self._circuits[service].is_open

    def until_probe(self, service: Service, timeout: float) -> timedelta | None:
        """Gives how long a service is left alone; None when it may be called, by everybody or by this caller alone."""
        wait = self._circuits[service].until_probe(time.monotonic(), timeout, self.random)
        return None if wait is None else timedelta(seconds=wait)

    def return_probe(self, service: Service) -> None:
        """Gives a probe back that came to nothing for reasons of the caller's own."""
        self._circuits[service].return_probe(time.monotonic())

    async def nobody_there(self, service: Service, code: str) -> None:
        """Counts a call that found nobody there."""
        if self._circuits[service].nobody_there(code, time.monotonic(), self.random):
            log.error("circuit opens: nobody is there", service=service, code=code)
        await self._write_down(service)

    async def answered(self, service: Service) -> None:
        """Notes that a service is there."""
        circuit = self._circuits[service]
        if not circuit.failures:
            return
        if circuit.answered():
            self.closed_lately = True
            log.info("circuit closes", service=service)
        await self._write_down(service)

    async def write_down(self) -> None:
        """Writes down how all services stand, for a reader who would take those of the holder before for ours."""
        for service in self._circuits:
            await self._write_down(service)

    async def _write_down(self, service: Service) -> None:
        with suppress(SQLAlchemyError):
            async with transaction(self.engine, "note_circuit") as conn:
                await note_circuit(conn, self.egress, service, self._circuits[service], time.monotonic())
