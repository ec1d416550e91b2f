"""Puts the imitated services together as one ASGI application."""

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from app.simulator.authorisation import answer_key_set, answer_transaction
from app.simulator.config import SimulatorConfig
from app.simulator.control import control_routes
from app.simulator.exchange import Exchange
from app.simulator.provisioning import admit, answer_provisioning
from app.simulator.routes import PREFIX
from app.simulator.world import Clock, SystemClock, World


def create_app(config: SimulatorConfig | None = None, clock: Clock | None = None) -> Starlette:
    """Makes a simulator with a state of its own; two of them in one process know nothing of each other.

    The open-data API is to be mounted at `/open-data/v1` beside the Provisioning API, over the same `Reference`.
    """
    world = World(config or SimulatorConfig(), clock or SystemClock())
    return Starlette(
        routes=[
            Route("/transaction", Exchange(world, answer_transaction)),
            Route("/.well-known/jwks.json", Exchange(world, answer_key_set)),
            Mount(PREFIX, Exchange(world, answer_provisioning, admit)),
            *control_routes(world),
        ]
    )
