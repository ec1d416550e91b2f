"""Puts the imitated services together as one ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from app.simulator.authorisation import answer_key_set, answer_transaction
from app.simulator.config import SimulatorConfig
from app.simulator.control import control_routes
from app.simulator.exchange import Exchange, Service
from app.simulator.members import Members
from app.simulator.open_data import OPEN_DATA, answer_open_data
from app.simulator.provisioning import admit, answer_provisioning
from app.simulator.recording import Recorder
from app.simulator.refusals import refuse_open_data, refuse_provisioning, refuse_transaction
from app.simulator.routes import PREFIX
from app.simulator.world import Clock, SystemClock, World


def create_app(
    config: SimulatorConfig | None = None,
    clock: Clock | None = None,
    members: Members | None = None,
    record: Path | None = None,
) -> ASGIApp:
    """Makes a simulator with a state of its own; two of them in one process know nothing of each other.

    With members, tokens are for their certificates; with record, exchanges are appended to that file.
    """
    world = World(config or SimulatorConfig(), clock or SystemClock(), members)
    application = Starlette(
        routes=[
            Route("/transaction", Exchange(world, Service(answer_transaction, refuse_transaction))),
            Route("/.well-known/jwks.json", Exchange(world, Service(answer_key_set, refuse_transaction))),
            Mount(PREFIX, Exchange(world, Service(answer_provisioning, refuse_provisioning, admit))),
            Mount(OPEN_DATA, Exchange(world, Service(answer_open_data, refuse_open_data))),
            *control_routes(world),
        ]
    )
    return application if record is None else Recorder(application, record)
