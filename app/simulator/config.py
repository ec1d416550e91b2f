"""What can be tuned about a simulator when it starts; faults on demand are in `faults`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """The simulator's pace and limits in seconds; every default is Skolverket's figure where one is known."""

    calls_per_second: int = 5  # sending and job status, changelog of v1.3.1 (2026-01-19)
    reads_per_second: int = 10  # reading back, same source
    max_body_bytes: int = 200_000  # "200 KB" in their changelog, read as the smaller of the two kilobytes
    job_delay: float = 1.0  # until a bulk job's results are there
    job_jitter: float = 0.1  # at most so much is added to job_delay
    seed: int = 0  # of the jitter
    handover_delay: float = 2.0  # until provisioningStatus turns true; half an hour at Skolverket
    token_lifetime: float = 36_000
    answer_delay: float = 0.0  # added to every answer
    # Until a person with an invented number is gone without a word; ten days at Skolverket. None means never.
    invented_after: float | None = None
    # Another address than ours in Location and location, as the published examples have: None means our own.
    location_base: str | None = None
    issuer: str = "https://authorisation.simulator.invalid"
