"""The environment of processes of ours on one machine: settings that lead from one to another, and fresh keys."""

import os

from app.db.cipher import new_key
from app.settings import Settings


def outer_environment() -> dict[str, str]:
    """Gives this process's environment without our settings and libpq's: those that are meant are set anew."""
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("PG")}


def new_keys() -> dict[str, str]:
    """Makes the keys of a database that is new."""
    return {name: f"local:{new_key()}" for name in ("ENCRYPTION_KEYS", "TOKEN_KEYS")}


def towards_simulator(address: str) -> dict[str, str]:
    """Gives the settings by which a process calls the simulator at `address` in Skolverket's place."""
    return {
        "SKOLVERKET_PROVISIONING_URL": f"{address}/provisioning/v1",
        "SKOLVERKET_OPEN_DATA_URL": f"{address}/open-data/v1",
        "SKOLVERKET_AUTHORISATION_URL": f"{address}/transaction",
    }
