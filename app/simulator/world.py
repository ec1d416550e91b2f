"""The whole state of one simulator; everything in it ends with the process."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from app.simulator.config import SimulatorConfig
from app.simulator.faults import Faults
from app.simulator.jobs import Jobs
from app.simulator.ledger import Ledger
from app.simulator.limiter import SlidingWindow
from app.simulator.members import Members
from app.simulator.objects import Objects
from app.simulator.reference import Reference
from app.simulator.tokens import Issuer


class Clock(Protocol):
    """Where times come from: seconds since the epoch, and seconds that never go back."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(slots=True)
class World:
    """What the imitated services know, and what tests may ask and order."""

    config: SimulatorConfig
    clock: Clock = field(default_factory=SystemClock)
    members: Members | None = None  # None where there are no certificates
    issuer: Issuer = field(init=False)
    reference: Reference = field(init=False)
    objects: Objects = field(init=False)
    jobs: Jobs = field(init=False)
    ledger: Ledger = field(init=False)
    faults: Faults = field(init=False)
    calls: SlidingWindow = field(init=False)
    reads: SlidingWindow = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.config.issuer, self.config.token_lifetime, self.clock.time)
        self.calls = SlidingWindow(self.config.calls_per_second)
        self.reads = SlidingWindow(self.config.reads_per_second)
        self.reset(reference=True)

    def reset(self, *, reference: bool) -> None:
        """Forgets objects, jobs, ledger and faults, and the reference if asked; tokens and limits stay as they are."""
        if reference:
            self.reference = Reference()
        self.objects = Objects()
        self.jobs = Jobs(self.config, self.reference, self.objects)
        self.ledger = Ledger()
        self.faults = Faults()

    def settle(self) -> None:
        """Lets go of the persons whose time is over, and carries out the bulk jobs that are due by now."""
        if self.config.invented_after is not None:
            self.objects.drop_invented(self.clock.time() - self.config.invented_after)
        self.jobs.settle(self.clock.monotonic(), self.clock.time())
